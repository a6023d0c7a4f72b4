/*
 * settings.c - see settings.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "settings.h"

#include "../session.h"
#include "../text.h"

#include <enclave/plugin.h>

#include <stdlib.h>
#include <string.h>

#define TEXT(key, value, help) ENCLAVE_OPTION(key, ENCLAVE_OPTION_STRING, value, help)
#define SWITCH(key, help) ENCLAVE_OPTION(key, ENCLAVE_OPTION_BOOLEAN, "false", help)
#define NUMBER(key, value, help) ENCLAVE_OPTION(key, ENCLAVE_OPTION_INTEGER, value, help)
#define BYTES(key, value, help) ENCLAVE_OPTION(key, ENCLAVE_OPTION_SIZE, value, help)
#define SECONDS(key, value, help) ENCLAVE_OPTION(key, ENCLAVE_OPTION_SECONDS, value, help)

const char *const settings_allow_keys[ALLOW_COUNT] = {
    [ALLOW_NETWORK] = "allow_network",
    [ALLOW_HOST_NETWORK] = "allow_host_network",
    [ALLOW_EXTRA_HOSTS] = "allow_extra_hosts",
    [ALLOW_PORTS] = "allow_ports",
    [ALLOW_VOLUMES] = "allow_volumes",
    [ALLOW_PRIVILEGED] = "allow_privileged",
    [ALLOW_USER] = "allow_user",
    [ALLOW_RUNTIME] = "allow_runtime",
    [ALLOW_WRITABLE_ROOT] = "allow_writable_root",
};

const struct enclave_option settings_table[] = {
    TEXT("listen", "127.0.0.1:8000", "ADDRESS:PORT or unix:PATH"),
    TEXT("api_key_file", NULL, "file of NAME KEY lines, mode 0600; a caller needs one of the keys"),
    TEXT("tls_cert", NULL, "certificate chain, PEM"),
    TEXT("tls_key", NULL, "its private key, PEM, mode 0600"),
    SWITCH("insecure", "listen on other addresses than loopback without keys or TLS"),
    ENCLAVE_OPTION("type_alias", ENCLAVE_OPTION_LIST, NULL,
                   "backends for names that callers ask for: docker = bubblewrap"),
    TEXT("log_format", "text", "text or json"),
    SWITCH("allow_network", "callers may ask for network_enabled"),
    SWITCH("allow_host_network", "callers may join the host's network, or another container's"),
    SWITCH("allow_extra_hosts", "callers may set extra_hosts"),
    SWITCH("allow_ports", "callers may publish ports"),
    SWITCH("allow_volumes", "callers may show folders of this machine to sandboxes"),
    SWITCH("allow_privileged", "callers may give up the security boundary"),
    SWITCH("allow_user", "callers may choose the uid of payloads, root's included"),
    SWITCH("allow_runtime", "callers may choose the container runtime"),
    SWITCH("allow_writable_root", "callers may have a root file system that can be written"),
    SECONDS("max_timeout", "3600", "longest execution; what a caller's timeout of 0 means"),
    NUMBER("max_sandboxes", "1000", "sandboxes at once, of all callers"),
    NUMBER("max_executions", "4096", "executions under way or queued at once"),
    NUMBER("max_pool_executions", "64",
           "executions in pools at once, each in a thread; as many wait"),
    NUMBER("max_connections", "4096", "connections at once; more are answered 503"),
    NUMBER("threads", "1", "threads that read requests and write answers at one moment"),
    NUMBER("workers", "32",
           "threads for creates, stops and deletes; as many for files; as many for the rest"),
    NUMBER("max_jobs", "512", "how many may wait for each of these; more are answered 503"),
    BYTES("max_headers", "16k", "largest request line with headers"),
    BYTES("max_body", "16m", "largest JSON body"),
    BYTES("max_file", "64m", "largest file or archive that is put"),
    BYTES("max_buffered", "256m", "bodies in memory at once, of all requests"),
    SECONDS("header_timeout", "10", "for a request's headers, and a connection's TLS handshake"),
    SECONDS("body_timeout", "30", "for a request's body, and 1 s more for each 64 KiB of it"),
    SECONDS("write_timeout", "60", "for an answer; anew for each 64 KiB of a stream or an archive"),
    SECONDS("idle_timeout", "75", "that a connection may wait for its next request"),
    SECONDS("stop_timeout", "10", "for what is under way when the server is told to stop"),
    ENCLAVE_OPTION_END,
};

/* A row's text, or the default of the table; NULL: not set. */
static const char *text_of(struct json_object *config, const char *key)
{
    struct json_object *row = session_setting(config, "server", key);

    if (row) {
        return json_text(row, "value", NULL);
    }
    for (const struct enclave_option *option = settings_table; option->name; option++) {
        if (strcmp(option->name, key) == 0) {
            return option->default_value;
        }
    }
    return NULL;
}

static int32_t bad(const char *key, const char *text, const char *expected,
                   struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ECONFIG, "[server] %s = %.80s: expected %s", key, text,
                             expected);
}

/* Numbers, seconds and sizes alike: digits, a fraction, and a letter for sizes. */
static int32_t read_number(struct json_object *config, const char *key, double lowest,
                           double highest, double *ret, struct enclave_error *err)
{
    const char *text = text_of(config, key);
    char digits[32];
    size_t length = text ? strlen(text) : 0;
    double unit = 1;

    if (length == 0 || length >= sizeof digits) {
        return bad(key, text ? text : "", "a number", err);
    }
    memcpy(digits, text, length + 1);
    switch (digits[length - 1] | 0x20) {
    case 'k':
        unit = 1024;
        break;
    case 'm':
        unit = 1024 * 1024;
        break;
    case 'g':
        unit = 1024.0 * 1024 * 1024;
        break;
    default:
        break;
    }
    if (unit > 1) {
        digits[length - 1] = '\0';
    }
    if (!text_number(digits, 0, highest, ret) || *ret * unit < lowest || *ret * unit > highest) {
        char range[64];
        (void)snprintf(range, sizeof range, "%.0f to %.0f", lowest, highest);
        return bad(key, text, range, err);
    }
    *ret *= unit;
    return 0;
}

static int32_t read_switch(struct json_object *config, const char *key, bool *ret,
                           struct enclave_error *err)
{
    const char *text = text_of(config, key);

    *ret = text && strcmp(text, "true") == 0;
    return !text || *ret || strcmp(text, "false") == 0 ? 0 : bad(key, text, "true or false", err);
}

static int32_t read_text(struct json_object *config, const char *key, char **ret,
                         struct enclave_error *err)
{
    const char *text = text_of(config, key);

    *ret = text && *text ? strdup(text) : NULL;
    return *ret || !text || !*text ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static int32_t read_list(struct json_object *config, const char *key, char ***ret,
                         struct enclave_error *err)
{
    AUTO_FREE char *copy = strdup(text_of(config, key) ? text_of(config, key) : "");
    size_t count = 0;
    char *rest = copy, *word;

    *ret = copy ? calloc(strlen(copy) / 2 + 2, sizeof **ret) : NULL;
    while (*ret && (word = strsep(&rest, ",")) != NULL) {
        word += strspn(word, " \t");
        for (size_t n = strlen(word); n > 0 && strchr(" \t", word[n - 1]); n--) {
            word[n - 1] = '\0';
        }
        if (*word && !((*ret)[count++] = strdup(word))) {
            break;
        }
    }
    return *ret && !rest ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

struct number {
    const char *key;
    double lowest, highest;
    size_t offset;
};

#define FIELD(key) offsetof(struct settings, key)

static const struct number counts[] = {
    {"threads", 1, SETTINGS_THREADS_MAX, FIELD(threads)},
    {"workers", 1, 1024, FIELD(workers)},
    {"max_jobs", 1, 65536, FIELD(max_jobs)},
    {"max_pool_executions", 1, 4096, FIELD(max_pool_executions)},
    {"max_connections", 1, 60000, FIELD(max_connections)},
    {"max_executions", 1, 65536, FIELD(max_executions)},
    {"max_sandboxes", 1, 1000000, FIELD(max_sandboxes)},
};

static const struct number sizes[] = {
    {"max_headers", 4096, 1 << 20, FIELD(max_headers)},
    {"max_body", 1024, 1 << 30, FIELD(max_body)},
    {"max_file", 1024, 1 << 30, FIELD(max_file)},
    {"max_buffered", 1024, 64.0 * (1 << 30), FIELD(max_buffered)},
};

static const struct number times[] = {
    {"max_timeout", 0.001, 1e9, FIELD(max_timeout_ms)},
    {"header_timeout", 1, 3600, FIELD(header_timeout_ms)},
    {"body_timeout", 1, 3600, FIELD(body_timeout_ms)},
    {"write_timeout", 1, 3600, FIELD(write_timeout_ms)},
    {"idle_timeout", 1, 86400, FIELD(idle_timeout_ms)},
    {"stop_timeout", 0, 3600, FIELD(stop_timeout_ms)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int32_t read_numbers(struct json_object *config, struct settings *ret,
                            struct enclave_error *err)
{
    double value = 0;
    int32_t r = 0;
    char *base = (char *)ret;

    for (size_t i = 0; r == 0 && i < COUNT(counts); i++) {
        r = read_number(config, counts[i].key, counts[i].lowest, counts[i].highest, &value, err);
        *(unsigned *)(void *)(base + counts[i].offset) = (unsigned)value;
    }
    for (size_t i = 0; r == 0 && i < COUNT(sizes); i++) {
        r = read_number(config, sizes[i].key, sizes[i].lowest, sizes[i].highest, &value, err);
        *(size_t *)(void *)(base + sizes[i].offset) = (size_t)value;
    }
    for (size_t i = 0; r == 0 && i < COUNT(times); i++) {
        r = read_number(config, times[i].key, times[i].lowest, times[i].highest, &value, err);
        *(int64_t *)(void *)(base + times[i].offset) = (int64_t)(value * 1000);
    }
    return r;
}

static int32_t read_texts(struct json_object *config, struct settings *ret,
                          struct enclave_error *err)
{
    AUTO_FREE char *format = NULL;
    int32_t r = read_text(config, "listen", &ret->listen, err);

    r = r == 0 ? read_text(config, "api_key_file", &ret->api_key_file, err) : r;
    r = r == 0 ? read_text(config, "tls_cert", &ret->tls_cert, err) : r;
    r = r == 0 ? read_text(config, "tls_key", &ret->tls_key, err) : r;
    r = r == 0 ? read_text(config, "log_format", &format, err) : r;
    if (r != 0) {
        return r;
    }
    ret->log_json = format && strcmp(format, "json") == 0;
    if (!ret->log_json && (!format || strcmp(format, "text") != 0)) {
        return bad("log_format", format ? format : "", "text or json", err);
    }
    if (!ret->tls_cert != !ret->tls_key) {
        return enclave_error_set(
            err, ENCLAVE_ECONFIG, "[server] %s is set and %s is not: TLS needs both",
            ret->tls_cert ? "tls_cert" : "tls_key", ret->tls_cert ? "tls_key" : "tls_cert");
    }
    return read_list(config, "type_alias", &ret->type_alias, err);
}

static int32_t read_allowed(struct json_object *config, struct settings *ret,
                            struct enclave_error *err)
{
    int32_t r = read_switch(config, "insecure", &ret->insecure, err);

    for (unsigned i = 0; r == 0 && i < ALLOW_COUNT; i++) {
        bool on;
        r = read_switch(config, settings_allow_keys[i], &on, err);
        ret->allowed |= on ? 1U << i : 0;
    }
    return r;
}

int32_t settings_read(struct enclave_manager *manager, struct settings *ret,
                      struct enclave_error *err)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *config = NULL;
    struct settings settings = {0};
    double timeout = 0;
    int32_t r = enclave_manager_get_config(manager, &text, err);

    if (r != 0) {
        return r;
    }
    config = json_tokener_parse(text);
    r = read_texts(config, &settings, err);
    r = r == 0 ? read_allowed(config, &settings, err) : r;
    r = r == 0 ? read_numbers(config, &settings, err) : r;
    if (r != 0) {
        settings_free(&settings);
        return r;
    }
    settings.default_timeout_fits =
        text_number(json_text(session_setting(config, "sandbox", "timeout"), "value", "0"),
                    0.0000001, 1e9, &timeout) &&
        timeout * 1000 <= (double)settings.max_timeout_ms;
    *ret = settings;
    return 0;
}

void settings_free(struct settings *settings)
{
    free(settings->listen);
    free(settings->api_key_file);
    free(settings->tls_cert);
    free(settings->tls_key);
    for (char **alias = settings->type_alias; alias && *alias; alias++) {
        free(*alias);
    }
    free(settings->type_alias);
}
