/*
 * session.c - see session.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session.h"

#include "report.h"
#include "serve/settings.h"
#include "text.h"
#include "verbs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void json_put(struct json_object **object)
{
    json_object_put(*object);
}

void session_free_text(char **text)
{
    enclave_free(*text);
}

void session_close(struct enclave_manager **manager)
{
    enclave_manager_free(*manager);
}

struct json_object *json_member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object)) {
        json_object_object_get_ex(object, key, &value);
    }
    return value;
}

const char *json_text(struct json_object *object, const char *key, const char *fallback)
{
    struct json_object *value = json_member(object, key);
    const char *text = value ? json_object_get_string(value) : NULL;

    return text && text[0] != '\0' ? text : fallback;
}

struct json_object *session_setting(struct json_object *config, const char *section,
                                    const char *key)
{
    size_t count =
        json_object_is_type(config, json_type_array) ? json_object_array_length(config) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *setting = json_object_array_get_idx(config, i);
        if (strcmp(json_text(setting, "section", ""), section) == 0 &&
            strcmp(json_text(setting, "key", ""), key) == 0) {
            return setting;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- opening */

/* Settings that win over the file, "SECTION.KEY=VALUE"; the last is NULL. */
struct overrides {
    char *items[8];
    size_t count;
};

static void free_overrides(struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++) {
        free(overrides->items[i]);
    }
}
#define AUTO_OVERRIDES __attribute__((cleanup(free_overrides)))

static int32_t override(struct overrides *overrides, const char *key, const char *value,
                        struct enclave_error *err)
{
    char *item = NULL;

    assert(overrides->count + 1 < sizeof overrides->items / sizeof overrides->items[0]);
    if (asprintf(&item, "%s=%s", key, value) < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    overrides->items[overrides->count++] = item;
    return 0;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : NULL;
}

const char *session_server_of_environment(void)
{
    return environment("ENCLAVE_SERVER");
}

const char *session_server(const struct globals *globals)
{
    return globals->server || globals->backend ? globals->server : session_server_of_environment();
}

/* What is no URL at all is told by the name it was given under; the rest of it is the backend's to judge. */
static int32_t check_url(const struct globals *globals, const char *server,
                         struct enclave_error *err)
{
    if (strncasecmp(server, "http://", 7) == 0 || strncasecmp(server, "https://", 8) == 0 ||
        strncmp(server, "unix:", 5) == 0) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EINVALID,
                             "%s '%.200s': expected http://HOST:PORT, https://HOST:PORT or "
                             "unix:PATH",
                             globals->server ? "--server" : "ENCLAVE_SERVER", server);
}

/* Who gave the name of the file hears of it by the name it was given under; what else may be wrong with it is the
 * backend's to tell. */
static int32_t check_key_file(const struct globals *globals, const char *key_file,
                              struct enclave_error *err)
{
    if (!key_file || access(key_file, R_OK) == 0) {
        return 0;
    }
    return enclave_error_set(
        err, errno == ENOENT ? ENCLAVE_ENOTFOUND : ENCLAVE_EIO, "%s '%.200s': %s",
        globals->key_file ? "--key-file" : "ENCLAVE_KEY_FILE", key_file, strerror(errno));
}

/* The key of the configuration is for the server that it names, and goes to no other. */
static int32_t override_server(const struct globals *globals, const char *server,
                               struct overrides *overrides, struct enclave_error *err)
{
    const char *key_file = globals->key_file ? globals->key_file : environment("ENCLAVE_KEY_FILE");
    int32_t r;

    if (globals->backend && strcmp(globals->backend, SESSION_REMOTE) != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "both --server and --backend %s given; give one of them (what a "
                                 "server's sandbox is made of says create --type)",
                                 globals->backend);
    }
    r = check_url(globals, server, err);
    r = r == 0 ? check_key_file(globals, key_file, err) : r;
    r = r == 0 ? override(overrides, "enclave.backend", SESSION_REMOTE, err) : r;
    r = r == 0 ? override(overrides, "backend " SESSION_REMOTE ".base_url", server, err) : r;
    return r == 0 ? override(overrides, "backend " SESSION_REMOTE ".api_key_file",
                             key_file ? key_file : "", err)
                  : r;
}

static int32_t override_all(const struct globals *globals, bool keep, struct overrides *overrides,
                            struct enclave_error *err)
{
    const char *server = session_server(globals);
    int32_t r = 0;

    if (server) {
        r = override_server(globals, server, overrides, err);
    } else if (globals->backend) {
        r = override(overrides, "enclave.backend", globals->backend, err);
    }
    if (r == 0 && !server && globals->key_file) {
        r = check_key_file(globals, globals->key_file, err);
        r = r == 0 ? override(overrides, "backend " SESSION_REMOTE ".api_key_file",
                              globals->key_file, err)
                   : r;
    }
    if (r == 0 && keep) {
        r = override(overrides, "enclave.on_free", "keep", err);
        r = r == 0 ? override(overrides, "enclave.on_restart", "reap", err) : r;
    }
    return r;
}

static int32_t open_manager(const struct globals *globals, bool keep,
                            struct enclave_manager **ret_manager, struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    AUTO_OVERRIDES struct overrides overrides = {0};
    int32_t r = override_all(globals, keep, &overrides, err);

    if (r < 0) {
        return r;
    }
    options.flags = keep ? 0 : ENCLAVE_MANAGER_TRANSIENT;
    options.config_path = globals->config;
    options.overrides = (const char *const *)overrides.items;
    options.log = report_log;
    options.section = "server"; /* of the same file: shown, and checked */
    options.section_options = settings_table;
    return enclave_manager_new(&options, ret_manager, err);
}

int32_t session_open(const struct globals *globals, struct enclave_manager **ret_manager,
                     struct enclave_error *err)
{
    return open_manager(globals, false, ret_manager, err);
}

int32_t session_open_keeping(const struct globals *globals, struct enclave_manager **ret_manager,
                             struct enclave_error *err)
{
    return open_manager(globals, true, ret_manager, err);
}

int session_fail(const struct globals *globals, const struct enclave_error *err, bool words)
{
    if (globals->json) {
        AUTO_JSON struct json_object *object = json_object_new_object();
        struct json_object *error = json_object_new_object();
        json_object_object_add(error, "code",
                               json_object_new_string(enclave_error_name(err->code)));
        json_object_object_add(error, "message", json_object_new_string(err->message));
        json_object_object_add(object, "error", error);
        text_print_json(stdout, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        (void)fflush(stdout);
    }
    if (words) {
        report_error("%s", err->message);
    }
    return enclave_error_exit_code(err->code);
}

int session_ask(const struct globals *globals, session_question question,
                void (*show)(struct json_object *answer))
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *answer = NULL;

    if (session_open(globals, &manager, &err) != 0 || question(manager, &text, &err) != 0) {
        report_error("%s", err.message);
        return EXIT_ENCLAVE;
    }
    if (globals->json) {
        text_print_json(stdout, text);
        return verb_finish(EXIT_OK);
    }
    answer = json_tokener_parse(text);
    if (!json_object_is_type(answer, json_type_array)) {
        report_error("the library's answer is not the JSON array that was expected");
        return EXIT_ENCLAVE;
    }
    show(answer);
    return verb_finish(EXIT_OK);
}
