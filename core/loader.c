/*
 * loader.c - see loader.h.
 *
 * The file is checked on a descriptor opened without following links, and then loaded by its path. That
 * is safe against a swap in between because nobody but root and the user can write to the folder, which
 * is checked first; loading /proc/self/fd/N instead would break $ORIGIN for plugins that bring libraries.
 *
 * Objects are not unloaded: libraries that a plugin brings in (TLS, for one) register thread and exit
 * handlers that would be left pointing nowhere. Loading one again costs nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "loader.h"

#include "id.h"
#include "options.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static void close_p(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}
#define FD_AUTO __attribute__((cleanup(close_p))) int

const char *loader_kind_word(uint32_t kind)
{
    return kind == ENCLAVE_PLUGIN_BACKEND ? "backend" : "tool";
}

/* ---------------------------------------------------------------------------------- the file */

static int32_t check_trust(const struct stat *st, const char *what, struct enclave_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "%s is owned by uid %u; it must be owned by root or by you", what,
                                 (unsigned)st->st_uid);
    }
    if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        return enclave_error_set(
            err, ENCLAVE_EPLUGIN,
            "%s is writable by group or others (mode %04o); remove that with chmod go-w", what,
            (unsigned)st->st_mode & 07777);
    }
    return 0;
}

static int32_t check_file(const char *folder, const char *file, struct enclave_error *err)
{
    struct stat st;
    FD_AUTO dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &st) < 0) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "folder '%s': %s", folder,
                                 strerror(errno));
    }
    int32_t folder_trust = check_trust(&st, "its folder", err);

    FD_AUTO fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) {
            return enclave_error_set(err, ENCLAVE_ENOTFOUND, "no '%s' in '%s'", file, folder);
        }
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "%s",
                                 errno == ELOOP || errno == ENXIO ? "it is not a regular file"
                                                                  : strerror(errno));
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "it is not a regular file");
    }
    return folder_trust < 0 ? folder_trust : check_trust(&st, "the file", err);
}

/* --------------------------------------------------------------------------------- descriptor */

static int32_t check_version(const struct enclave_plugin *plugin, struct enclave_error *err)
{
    if (plugin->magic != ENCLAVE_PLUGIN_MAGIC) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its enclave_plugin does not begin with the magic number");
    }
    if (plugin->size < offsetof(struct enclave_plugin, ops) + sizeof plugin->ops ||
        plugin->size > 4096) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its enclave_plugin has an impossible size (%u bytes)",
                                 (unsigned)plugin->size);
    }
    if (plugin->abi_major != ENCLAVE_ABI_MAJOR) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "it was built for plugin ABI %u; this host has ABI %d",
                                 (unsigned)plugin->abi_major, ENCLAVE_ABI_MAJOR);
    }
    if (plugin->needs_minor > ENCLAVE_ABI_MINOR) {
        return enclave_error_set(
            err, ENCLAVE_EPLUGIN, "it needs plugin ABI %d.%u; this host has %d.%d: update enclave",
            ENCLAVE_ABI_MAJOR, (unsigned)plugin->needs_minor, ENCLAVE_ABI_MAJOR, ENCLAVE_ABI_MINOR);
    }
    return 0;
}

static int32_t check_identity(const struct enclave_plugin *plugin, uint32_t kind, const char *name,
                              struct enclave_error *err)
{
    if (plugin->kind != kind) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "it says that it is %s; its file is named as a %s",
                                 plugin->kind == ENCLAVE_PLUGIN_BACKEND ? "a backend"
                                 : plugin->kind == ENCLAVE_PLUGIN_TOOL  ? "a tool"
                                                                        : "of an unknown kind",
                                 loader_kind_word(kind));
    }
    if (!plugin->name || !plugin->version || !plugin->summary || !plugin->ops) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its enclave_plugin lacks a name, version, summary or ops");
    }
    if (strcmp(plugin->name, name) != 0) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "it calls itself '%.63s'; its file is named '%s-%s.so'",
                                 plugin->name, loader_kind_word(kind), name);
    }
    return 0;
}

/* Every table holds pointers, so that a size between two of them is a mistake. */
static int possible_size(uint32_t size)
{
    return size <= 4096 && size % sizeof(void *) == 0;
}

static int32_t check_options(const struct enclave_option *table, struct enclave_error *err)
{
    if (!table) {
        return 0;
    }
    if (table->size < sizeof(struct enclave_option) || !possible_size(table->size)) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "its option table has an impossible size");
    }
    unsigned count = 0;
    for (const struct enclave_option *o = table; o->name; o = option_next(table, o)) {
        if (++count > 256) {
            return enclave_error_set(err, ENCLAVE_EPLUGIN, "its option table has no end");
        }
        if (option_find(table, o->name) != o) {
            return enclave_error_set(err, ENCLAVE_EPLUGIN, "its option '%.63s' is there twice",
                                     o->name);
        }
        if (o->type < ENCLAVE_OPTION_STRING || o->type > ENCLAVE_OPTION_LIST) {
            return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                     "its option '%.63s' has a type that this host does not know",
                                     o->name);
        }
    }
    json_object *defaults = option_defaults(table, err);
    if (!defaults) {
        return err ? err->code = ENCLAVE_EPLUGIN : ENCLAVE_EPLUGIN;
    }
    json_object_put(defaults);
    return 0;
}

/* ---------------------------------------------------------------------------------------- ops */

struct mandatory {
    const char *name;
    size_t offset;
};

#define OP(type, member)                                                                           \
    {                                                                                              \
#member, offsetof(struct type, member)                                                     \
    }
static const struct mandatory backend_mandatory[] = {
    OP(enclave_backend_ops, open),    OP(enclave_backend_ops, close),
    OP(enclave_backend_ops, probe),   OP(enclave_backend_ops, capabilities),
    OP(enclave_backend_ops, create),  OP(enclave_backend_ops, stop),
    OP(enclave_backend_ops, destroy), OP(enclave_backend_ops, status),
};
/* Where another manager runs what is run, the ones; else the others. */
static const struct mandatory delegating_mandatory[] = {
    OP(enclave_backend_ops, execute_tool), OP(enclave_backend_ops, list_tools),
    OP(enclave_backend_ops, info),         OP(enclave_backend_ops, lookup),
    OP(enclave_backend_ops, list),         OP(enclave_backend_ops, detach),
};
static const struct mandatory spawning_mandatory[] = {
    OP(enclave_backend_ops, spawn),
    OP(enclave_backend_ops, process_write),
    OP(enclave_backend_ops, process_close_stdin),
    OP(enclave_backend_ops, process_credit),
    OP(enclave_backend_ops, process_signal),
    OP(enclave_backend_ops, process_kill),
    OP(enclave_backend_ops, process_release),
};
static const struct mandatory tool_mandatory[] = {
    OP(enclave_tool_ops, description), OP(enclave_tool_ops, parameters), OP(enclave_tool_ops, open),
    OP(enclave_tool_ops, close),       OP(enclave_tool_ops, execute),
};

/* Copy a table that begins with its size, zeroing what it does not have. */
static void copy_sized(void *to, size_t size, const void *from)
{
    uint32_t theirs;
    memcpy(&theirs, from, sizeof theirs);
    memset(to, 0, size);
    memcpy(to, from, theirs < size ? theirs : size);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int32_t check_mandatory(const struct loaded *loaded, const struct mandatory *list,
                               size_t count, const char *where, struct enclave_error *err)
{
    for (size_t i = 0; i < count; i++) {
        void *op;
        memcpy(&op, (const char *)&loaded->ops + list[i].offset, sizeof op);
        if (!op) {
            return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                     "its ops table lacks '%s', which is mandatory%s", list[i].name,
                                     where);
        }
    }
    return 0;
}

static int32_t check_backend(const struct loaded *loaded, struct enclave_error *err)
{
    const struct enclave_backend_ops *ops = &loaded->ops.backend;
    int delegates = ops->execute_tool || ops->list_tools || ops->info || ops->lookup || ops->list;
    int32_t r = check_mandatory(loaded, backend_mandatory, COUNT(backend_mandatory), "", err);
    if (r < 0) {
        return r;
    }
    return delegates
               ? check_mandatory(loaded, delegating_mandatory, COUNT(delegating_mandatory),
                                 " for a backend whose tools run elsewhere", err)
               : check_mandatory(loaded, spawning_mandatory, COUNT(spawning_mandatory), "", err);
}

static int32_t check_ops(struct loaded *loaded, struct enclave_error *err)
{
    int backend = loaded->plugin.kind == ENCLAVE_PLUGIN_BACKEND;

    uint32_t theirs;
    memcpy(&theirs, loaded->plugin.ops, sizeof theirs);
    if (!possible_size(theirs)) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its ops table has an impossible size (%u bytes)",
                                 (unsigned)theirs);
    }
    copy_sized(&loaded->ops, backend ? sizeof loaded->ops.backend : sizeof loaded->ops.tool,
               loaded->plugin.ops);
    return backend ? check_backend(loaded, err)
                   : check_mandatory(loaded, tool_mandatory, COUNT(tool_mandatory), "", err);
}

/* A group of optional ops that is there in part would fail one call in five. */
static int32_t check_groups(const struct enclave_backend_ops *ops, struct enclave_error *err)
{
    int files = !!ops->file_read + !!ops->file_write + !!ops->file_stat + !!ops->file_list +
                !!ops->file_remove;
    if (files != 0 && files != 5) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "its ops table has some of the file operations; all five or none");
    }
    if (!ops->put_archive != !ops->get_archive) {
        return enclave_error_set(
            err, ENCLAVE_EPLUGIN,
            "its ops table has one of put_archive and get_archive; both or none");
    }
    return 0;
}

static int32_t read_descriptor(struct loaded *loaded, uint32_t kind, const char *name,
                               struct enclave_error *err)
{
    const struct enclave_plugin *theirs = dlsym(loaded->object, "enclave_plugin");
    if (!theirs) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "it does not export the symbol 'enclave_plugin'");
    }
    int32_t r = check_version(theirs, err);
    if (r < 0) {
        return r;
    }
    memset(&loaded->plugin, 0, sizeof loaded->plugin);
    memcpy(&loaded->plugin, theirs,
           theirs->size < sizeof loaded->plugin ? theirs->size : sizeof loaded->plugin);
    if ((r = check_identity(&loaded->plugin, kind, name, err)) < 0 ||
        (r = check_options(loaded->plugin.options, err)) < 0) {
        return r;
    }
    if ((r = check_ops(loaded, err)) < 0 || kind != ENCLAVE_PLUGIN_BACKEND) {
        return r;
    }
    return check_groups(&loaded->ops.backend, err);
}

int32_t loader_check(const char *folder, uint32_t kind, const char *name, struct enclave_error *err)
{
    char file[128];

    (void)snprintf(file, sizeof file, "%s-%s.so", loader_kind_word(kind), name);
    if (folder[0] != '/') {
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "folder '%s' is not an absolute path",
                                 folder);
    }
    if (strlen(folder) + 1 + strlen(file) >= PATH_SIZE) {
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "folder '%.80s...' is too long", folder);
    }
    return check_file(folder, file, err);
}

int32_t loader_load(const char *folder, uint32_t kind, const char *name, struct loaded *ret,
                    struct enclave_error *err)
{
    char path[PATH_SIZE];
    struct loaded loaded = {0};
    int32_t r = loader_check(folder, kind, name, err);

    if (r < 0) {
        return r;
    }
    (void)snprintf(path, sizeof path, "%s/%s-%s.so", folder, loader_kind_word(kind), name);
    loaded.object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!loaded.object) {
        const char *why = dlerror();
        return enclave_error_set(err, ENCLAVE_EPLUGIN, "it cannot be loaded: %s", why ? why : "?");
    }
    r = read_descriptor(&loaded, kind, name, err);
    if (r < 0) {
        (void)dlclose(loaded.object);
        return r;
    }
    *ret = loaded;
    return 0;
}
