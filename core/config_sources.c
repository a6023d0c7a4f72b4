/*
 * config_sources.c - where settings come from: the file, the environment, the caller; what is set later wins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "utf8.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder `enclave` beside the library: right for an installation and for a build tree. */
static int32_t default_plugin_path(struct settings *settings, struct enclave_error *err)
{
    Dl_info info;
    char path[4096] = ENCLAVE_PLUGIN_DIR;

    if (dladdr((const void *)enclave_version, &info) && info.dli_fname &&
        strchr(info.dli_fname, '/')) {
        char *real = realpath(info.dli_fname, NULL);
        char *slash = real ? strrchr(real, '/') : NULL;
        if (slash && (size_t)(slash - real) + sizeof "/enclave" <= sizeof path) {
            (void)snprintf(path, sizeof path, "%.*s/enclave", (int)(slash - real), real);
        }
        free(real);
        if (access(path, X_OK) != 0) {
            (void)snprintf(path, sizeof path, "%s", ENCLAVE_PLUGIN_DIR);
        }
    }
    return settings_add(settings, "plugins", "path", path, "default", 0, err);
}

static int32_t read_if_there(struct settings *settings, const char *folder, const char *below,
                             int *ret_found, struct enclave_error *err)
{
    char path[4096];
    if (*ret_found || !folder || folder[0] != '/' ||
        snprintf(path, sizeof path, "%s%s/enclave.ini", folder, below) >= (int)sizeof path ||
        access(path, F_OK) != 0) {
        return 0;
    }
    *ret_found = 1;
    return settings_read_file(settings, path, err);
}

static int32_t read_files(struct settings *settings, const char *path, struct enclave_error *err)
{
    int found = 0;
    int32_t r = 0;

    if (!path) {
        path = getenv("ENCLAVE_CONFIG");
    }
    if (path) {
        return *path ? settings_read_file(settings, path, err) : 0;
    }
    const char *xdg = getenv("XDG_CONFIG_HOME");
    if (xdg && *xdg) {
        r = read_if_there(settings, xdg, "/enclave", &found, err);
    } else {
        r = read_if_there(settings, getenv("HOME"), "/.config/enclave", &found, err);
    }
    if (r == 0) {
        r = read_if_there(settings, ENCLAVE_SYSCONF_DIR, "", &found, err);
    }
    if (r == 0) {
        r = read_if_there(settings, "/etc/enclave", "", &found, err);
    }
    return r;
}

static int32_t apply_environment(struct settings *settings, struct enclave_error *err)
{
    const char *path = getenv("ENCLAVE_PLUGIN_PATH");
    if (!path || !*path) {
        return 0;
    }
    char *list = strdup(path);
    if (!list) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    for (char *c = list; *c; c++) { /* colons, as in every PATH */
        *c = *c == ':' ? ',' : *c;
    }
    int32_t r = settings_add(settings, "plugins", "path", list, "environment", 1, err);
    free(list);
    return r;
}

/* "SECTION.KEY=VALUE"; the section may hold spaces, the key no dot. */
static int32_t apply_override(struct settings *settings, const char *text,
                              struct enclave_error *err)
{
    if (utf8_valid_prefix(text, strlen(text)) < strlen(text)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "option: not valid UTF-8 at byte %zu",
                                 utf8_valid_prefix(text, strlen(text)));
    }
    const char *equals = strchr(text, '=');
    const char *dot = equals ? memrchr(text, '.', (size_t)(equals - text)) : NULL;
    if (!dot || dot == text || dot + 1 == equals) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "option '%.80s': expected SECTION.KEY=VALUE",
                                 text);
    }
    char *section = strndup(text, (size_t)(dot - text));
    char *key = strndup(dot + 1, (size_t)(equals - dot - 1));
    int32_t r = ENCLAVE_ENOMEM;
    if (section && key) {
        r = settings_add(settings, section, key, equals + 1, "option", 1, err);
    } else {
        enclave_error_set(err, r, "out of memory");
    }
    free(section);
    free(key);
    return r;
}

int32_t config_gather(struct settings *settings, const struct enclave_manager_options *options,
                      struct enclave_error *err)
{
    int32_t r = read_files(settings, options ? options->config_path : NULL, err);
    if (r == 0) {
        r = apply_environment(settings, err);
    }
    for (const char *const *o = options ? options->overrides : NULL; r == 0 && o && *o; o++) {
        r = apply_override(settings, *o, err);
    }
    if (r == 0 && !settings_find(settings, "plugins", "path")) {
        r = default_plugin_path(settings, err);
    }
    return r;
}
