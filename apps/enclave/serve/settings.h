/*
 * settings.h - the section [server] of the INI file: its keys, and their values as the server uses them.
 *
 * Owns: the table of keys, and the conversion of their texts. Does not own: reading the file, which the library
 * does, and what the values are for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_SETTINGS_H
#define ENCLAVE_SERVE_SETTINGS_H

#include <enclave/enclave.h>
#include <enclave/plugin.h>

#include <stdbool.h>
#include <stddef.h>

/* What a remote caller may ask for; bits of settings.allowed, in the order of settings_allow_keys. */
enum {
    ALLOW_NETWORK,
    ALLOW_HOST_NETWORK,
    ALLOW_EXTRA_HOSTS,
    ALLOW_PORTS,
    ALLOW_VOLUMES,
    ALLOW_PRIVILEGED,
    ALLOW_USER,
    ALLOW_RUNTIME,
    ALLOW_WRITABLE_ROOT,
    ALLOW_COUNT
};

/* The names of those keys: "allow_network", ... */
extern const char *const settings_allow_keys[ALLOW_COUNT];

enum { SETTINGS_THREADS_MAX = 64 };

struct settings {
    char *listen;       /* ADDRESS:PORT or unix:PATH */
    char *api_key_file; /* NULL: no keys */
    char *tls_cert, *tls_key;
    char **type_alias; /* "docker = bubblewrap", NULL-terminated */
    bool insecure;
    bool log_json;
    uint32_t allowed; /* bits 1 << ALLOW_... */
    unsigned threads, workers, max_jobs, max_pool_executions;
    unsigned max_connections, max_executions, max_sandboxes;
    size_t max_headers, max_body, max_file, max_buffered;
    int64_t header_timeout_ms, body_timeout_ms, write_timeout_ms, idle_timeout_ms, stop_timeout_ms;
    int64_t max_timeout_ms;    /* of an execution */
    bool default_timeout_fits; /* that of [sandbox] is within max_timeout */
};

extern const struct enclave_option settings_table[];

/* The values in force. Errors: CONFIG, naming the key. */
int32_t settings_read(struct enclave_manager *manager, struct settings *ret,
                      struct enclave_error *err);
void settings_free(struct settings *settings);

#endif
