/*
 * library.c - loading a library and finding its functions. Never unloads one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "library.h"

#include <dlfcn.h>

static int32_t missing(const struct library *library, struct enclave_error *err)
{
    const char *why = dlerror();

    return enclave_error_set(err, ENCLAVE_ENOTSUP,
                             "the library %s cannot be loaded: apt-get install %s (%s)",
                             library->file, library->package, why ? why : "?");
}

static int32_t load(struct library *library, struct enclave_error *err)
{
    void *object = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);

    if (!object) {
        return missing(library, err);
    }
    for (size_t i = 0; i < library->count; i++) {
        library->functions[i] = dlsym(object, library->names[i]);
        if (!library->functions[i]) {
            return missing(library, err);
        }
    }
    atomic_store_explicit(&library->loaded, 1, memory_order_release);
    return 0;
}

int32_t library_load(struct library *library, struct enclave_error *err)
{
    int32_t r = 0;

    if (!atomic_load_explicit(&library->loaded, memory_order_acquire)) {
        pthread_mutex_lock(&library->lock);
        if (!atomic_load_explicit(&library->loaded, memory_order_relaxed)) {
            r = load(library, err);
        }
        pthread_mutex_unlock(&library->lock);
    }
    return r;
}

void *library_function(struct library *library, size_t index)
{
    return library_load(library, NULL) == 0 ? library->functions[index] : NULL;
}
