/*
 * library.h - what a library that is loaded late consists of, and the macro that makes one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LATE_LIBRARY_H
#define ENCLAVE_LATE_LIBRARY_H

#include <enclave/error.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct library {
    const char *file;         /* its soname */
    const char *package;      /* Debian's, for the message */
    const char *const *names; /* of the functions that are used */
    void **functions;         /* where they are, in the same order, once `loaded` */
    size_t count;
    atomic_int loaded;
    pthread_mutex_t lock; /* guards the loading */
};

/* 0 when all of the functions are there: none of them is without the others. */
int32_t library_load(struct library *library, struct enclave_error *err);

/* NULL when the library is missing. */
void *library_function(struct library *library, size_t index);

/*
 * LIBRARY(loader, soname, package, LIST): int32_t loader(struct enclave_error *), and a stand-in for
 * each function of LIST(F, V): F(result, name, (parameters), (arguments)), or V(name) for one with
 * variable arguments, whose stand-in is written by hand with LATE(name). When the library is missing a
 * stand-in returns 0: no object was made then, and nothing has been done to one.
 */
#define LIBRARY(loader, soname, package_, LIST)                                                    \
    enum { LIST(LIBRARY_INDEX_, LIBRARY_V_INDEX_) LIBRARY_COUNT };                                 \
    static const char *const names[] = {LIST(LIBRARY_NAME_, LIBRARY_V_NAME_)};                     \
    static void *functions[LIBRARY_COUNT];                                                         \
    static struct library library = {.file = (soname),                                             \
                                     .package = (package_),                                        \
                                     .names = names,                                               \
                                     .functions = functions,                                       \
                                     .count = LIBRARY_COUNT,                                       \
                                     .lock = PTHREAD_MUTEX_INITIALIZER};                           \
    int32_t loader(struct enclave_error *err)                                                      \
    {                                                                                              \
        return library_load(&library, err);                                                        \
    }                                                                                              \
    LIST(LIBRARY_STAND_IN_, LIBRARY_NOTHING_)

/* The library's own `name`; NULL when it is missing. */
#define LATE(name) ((__typeof__(&name))library_function(&library, INDEX_##name))

#define LIBRARY_INDEX_(result, name, parameters, arguments) INDEX_##name,
#define LIBRARY_V_INDEX_(name) INDEX_##name,
#define LIBRARY_NAME_(result, name, parameters, arguments) #name,
#define LIBRARY_V_NAME_(name) #name,
#define LIBRARY_NOTHING_(name)
#define LIBRARY_STAND_IN_(result, name, parameters, arguments)                                     \
    result name parameters                                                                         \
    {                                                                                              \
        __typeof__(&name) function = LATE(name);                                                   \
        return function ? function arguments : (result)0;                                          \
    }

#endif
