/*
 * loader.h - one plugin file: may it be loaded, and what does it say of itself?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include <enclave/backend.h>
#include <enclave/plugin.h>
#include <enclave/tool.h>

/* A loaded plugin: copies of its tables, as far as this version of the host knows them. */
struct loaded {
    void *object; /* from dlopen(); never closed, see loader.c */
    struct enclave_plugin plugin;
    union {
        struct enclave_backend_ops backend;
        struct enclave_tool_ops tool;
    } ops;
};

/* "backend" or "tool". */
const char *loader_kind_word(uint32_t kind);

/* What can be said of FOLDER/KIND-NAME.so without loading it: as below. [any-thread] */
int32_t loader_check(const char *folder, uint32_t kind, const char *name,
                     struct enclave_error *err);

/*
 * Load FOLDER/KIND-NAME.so. PLUGIN, with one line that says which rule of ABI.md or plugin.h it
 * breaks; NOTFOUND when there is no such file. [loader]
 */
int32_t loader_load(const char *folder, uint32_t kind, const char *name, struct loaded *ret,
                    struct enclave_error *err);

#endif
