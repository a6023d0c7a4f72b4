/*
 * client.c - see client.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "report.h"
#include "session.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

/* Of ids that begin alike, as many are named. */
#define CANDIDATES_MAX 5

int client_fail(const struct client *client, const struct enclave_error *err)
{
    return session_fail(client->globals, err, true);
}

int client_open(struct client *client)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    return session_open(client->globals, &client->manager, &err) == 0 ? 0
                                                                      : client_fail(client, &err);
}

void client_close(struct client *client)
{
    enclave_manager_free(client->manager);
}

/* ----------------------------------------------------------------------------- without a server */

static int32_t set_refusal(const struct globals *globals, const char *verb,
                           struct enclave_error *err)
{
    if (session_server(globals)) { /* named, and yet it is not reached */
        return enclave_error_set(err, ENCLAVE_EPLUGIN,
                                 "%s: backend '" SESSION_REMOTE "' is not loaded; "
                                 "'enclave plugins' tells why",
                                 verb);
    }
    if (globals->backend && session_server_of_environment()) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "%s needs a server, and --backend %s, which is of this machine, "
                                 "wins over ENCLAVE_SERVER: leave it out (create --type says what "
                                 "a server's sandbox is made of)",
                                 verb, globals->backend);
    }
    return enclave_error_set(
        err, ENCLAVE_ENOTSUP,
        "%s needs a server: sandboxes of a local backend end with the command that made them; "
        "start one with 'enclave serve', then add --server http://127.0.0.1:8000 (or set "
        "backend = " SESSION_REMOTE ")",
        verb);
}

int client_refuse(const struct globals *globals, const char *verb)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)set_refusal(globals, verb, &err);
    return session_fail(globals, &err, true);
}

/* Whether the manager's sandboxes are its own, so that there are none that it did not make. Where they are not this
 * asks the server, so it is for when the server has just answered. */
static bool is_local(const struct client *client)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *stats = NULL;

    if (enclave_manager_get_stats(client->manager, &text, NULL) != 0) {
        return false;
    }
    stats = json_tokener_parse(text);
    return strcmp(json_text(stats, "manager_type", ""), "local") == 0;
}

/* ------------------------------------------------------------------------------------ sandboxes */

static int32_t list(const struct client *client, uint32_t status, struct json_object **ret_list,
                    struct enclave_error *err)
{
    AUTO_TEXT char *text = NULL;
    struct json_object *answer;
    int32_t r = enclave_manager_list_sandboxes(client->manager, status, &text, err);

    if (r != 0) {
        return r;
    }
    answer = json_tokener_parse(text);
    if (!json_object_is_type(answer, json_type_array)) {
        json_object_put(answer);
        return enclave_error_set(err, ENCLAVE_EPROTOCOL, "%s: the list is not a JSON array",
                                 client->verb);
    }
    if (json_object_array_length(answer) == 0 && is_local(client)) {
        json_object_put(answer);
        return set_refusal(client->globals, client->verb, err);
    }
    *ret_list = answer;
    return 0;
}

int client_list(const struct client *client, uint32_t status, struct json_object **ret_list)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    return list(client, status, ret_list, &err) == 0 ? 0 : client_fail(client, &err);
}

/* "a, b, c and 4 more" */
static void name_candidates(struct json_object *all, const char *given, size_t count, char *text,
                            size_t size)
{
    size_t named = 0, used = 0;

    for (size_t i = 0; i < json_object_array_length(all) && named < CANDIDATES_MAX; i++) {
        const char *id = json_text(json_object_array_get_idx(all, i), "id", "");
        if (strncmp(id, given, strlen(given)) == 0 && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", named > 0 ? ", " : "", id);
            named++;
        }
    }
    if (named < count && used < size) {
        (void)snprintf(text + used, size - used, " and %zu more", count - named);
    }
}

/* The only one that begins so; `missing` says that there is none. */
static int32_t find_prefix(const struct client *client, const char *given,
                           const struct enclave_error *missing, struct json_object **ret_info,
                           struct enclave_error *err)
{
    AUTO_JSON struct json_object *all = NULL;
    struct json_object *found = NULL;
    char candidates[ENCLAVE_ERROR_MESSAGE_SIZE];
    size_t count = 0;
    int32_t r = list(client, 0, &all, err);

    if (r != 0) {
        return r;
    }
    for (size_t i = 0; given[0] != '\0' && i < json_object_array_length(all); i++) {
        struct json_object *info = json_object_array_get_idx(all, i);
        if (strncmp(json_text(info, "id", ""), given, strlen(given)) == 0) {
            found = info;
            count++;
        }
    }
    if (count == 0) {
        *err = *missing;
        return missing->code;
    }
    if (count > 1) {
        name_candidates(all, given, count, candidates, sizeof candidates);
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "%s: '%.60s' is the beginning of several ids: %.400s",
                                 client->verb, given, candidates);
    }
    *ret_info = json_object_get(found);
    return 0;
}

int32_t client_find(const struct client *client, const char *given, char ret_id[ENCLAVE_ID_SIZE],
                    struct json_object **ret_info, struct enclave_error *err)
{
    struct enclave_error missing = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    int32_t r = enclave_manager_get_sandbox_info(client->manager, given, &text, &missing);

    if (r == ENCLAVE_ENOTFOUND) {
        (void)enclave_error_set(&missing, r, "%s: no sandbox '%.80s'", client->verb, given);
        r = find_prefix(client, given, &missing, &info, err);
    } else if (r != 0 && err) {
        *err = missing;
    }
    if (r != 0) {
        return r;
    }
    info = info ? info : json_tokener_parse(text);
    (void)snprintf(ret_id, ENCLAVE_ID_SIZE, "%s", json_text(info, "id", given));
    if (ret_info) {
        *ret_info = json_object_get(info);
    }
    return 0;
}

void client_print_id(const struct globals *globals, const char *id)
{
    if (globals->json) {
        AUTO_JSON struct json_object *answer = json_object_new_object();
        json_object_object_add(answer, "sandbox_id", json_object_new_string(id));
        text_print_json(stdout, json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
    } else {
        text_print(stdout, id);
        putchar('\n');
    }
}

int client_each(const struct client *client, const struct values *given, bool missing_ok,
                int32_t (*act)(const struct client *client, const char *id,
                               struct json_object *info, struct enclave_error *err))
{
    int code = EXIT_OK;

    for (size_t i = 0; i < given->count; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        AUTO_JSON struct json_object *info = NULL;
        char id[ENCLAVE_ID_SIZE];
        int32_t r = client_find(client, given->items[i], id, &info, &err);
        r = r == 0 ? act(client, id, info, &err) : r;
        if (r == 0) {
            client_print_id(client->globals, id);
        } else if (r != ENCLAVE_ENOTFOUND || !missing_ok) {
            int failed = client_fail(client, &err);
            code = code != EXIT_OK ? code : failed;
        }
    }
    return verb_finish(code);
}

int client_show(const struct client *client, struct json_object *answer,
                void (*show)(struct json_object *answer))
{
    if (client->globals->json) {
        text_print_json(stdout,
                        json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
    } else {
        show(answer);
    }
    return verb_finish(EXIT_OK);
}
