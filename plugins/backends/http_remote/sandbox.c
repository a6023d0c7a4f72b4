/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include "call.h"
#include "clock.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE (ENCLAVE_ID_SIZE + 64)
#define WHAT_SIZE (ENCLAVE_ID_SIZE + 64)

/* Stopping and deleting take the reference's server its engine's grace of 10 seconds. */

int sandbox_id_is_valid(const char *id)
{
    size_t length = strlen(id);

    return length > 0 && length < ENCLAVE_ID_SIZE && id[0] != '_' && id[0] != '-' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

struct sandbox *sandbox_new(struct remote *remote, const char *id)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);

    if (sandbox) {
        sandbox->remote = remote;
        sandbox->status = ENCLAVE_STATUS_RUNNING;
        snprintf(sandbox->id, sizeof sandbox->id, "%s", id);
        cuts_init(&sandbox->executions);
    }
    return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (sandbox) {
        cuts_destroy(&sandbox->executions);
        free(sandbox);
    }
}

uint32_t sandbox_status(void *object)
{
    struct sandbox *sandbox = object;

    return __atomic_load_n(&sandbox->status, __ATOMIC_RELAXED);
}

static void set_status(struct sandbox *sandbox, uint32_t status)
{
    __atomic_store_n(&sandbox->status, status, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------------------- ending */

int32_t sandbox_stop(void *object, struct enclave_error *err)
{
    struct sandbox *sandbox = object;
    char path[PATH_SIZE], what[WHAT_SIZE];
    struct exchange_request request = {.what = what,
                                       .method = "POST",
                                       .path = path,
                                       .repeatable = 1,
                                       .patient = 1,
                                       .cancel_fd = -1};
    struct exchange_answer answer;

    snprintf(path, sizeof path, "/sandbox/%s/stop", sandbox->id);
    snprintf(what, sizeof what, "stop sandbox '%s'", sandbox->id);
    int32_t r = remote_call(sandbox->remote, &request, &answer, err);
    if (r == 0) {
        set_status(sandbox, ENCLAVE_STATUS_STOPPED);
    } else {
        cuts_make(&sandbox->executions, 0); /* else the answer tells each how it ended */
    }
    buffer_free(&answer.body);
    return r;
}

int32_t sandbox_delete(struct remote *remote, const char *id, const char *what, int64_t deadline,
                       struct enclave_error *err)
{
    char path[PATH_SIZE];
    struct exchange_request request = {.what = what,
                                       .method = "DELETE",
                                       .path = path,
                                       .repeatable = 1,
                                       .patient = 1,
                                       .deadline = deadline,
                                       .cancel_fd = -1};
    struct exchange_answer answer;

    snprintf(path, sizeof path, "/sandbox/%s", id);
    int32_t r = remote_call(remote, &request, &answer, err);
    if (r == ENCLAVE_ENOTFOUND && answer.repeated) {
        r = 0; /* the first one did it, whose answer was lost */
    }
    buffer_free(&answer.body);
    return r;
}

int32_t sandbox_destroy(void *object, struct enclave_error *err)
{
    struct sandbox *sandbox = object;
    char what[WHAT_SIZE];
    int32_t r = 0;

    if (!__atomic_load_n(&sandbox->detached, __ATOMIC_ACQUIRE)) {
        snprintf(what, sizeof what, "delete sandbox '%s'", sandbox->id);
        r = sandbox_delete(sandbox->remote, sandbox->id, what, 0, err);
    }
    sandbox_free(sandbox);
    return r;
}

int32_t sandbox_detach(void *object, struct enclave_error *err)
{
    struct sandbox *sandbox = object;

    (void)err;
    __atomic_store_n(&sandbox->detached, 1, __ATOMIC_RELEASE);
    cuts_make(&sandbox->executions, 1);
    return 0;
}

/* --------------------------------------------------------------------------------- describing */

static void learn_status(struct sandbox *sandbox, const char *word)
{
    int ended = word && (strcmp(word, "stopped") == 0 || strcmp(word, "stopping") == 0);
    int failed = word && strcmp(word, "error") == 0;

    set_status(sandbox, failed  ? ENCLAVE_STATUS_ERROR
                        : ended ? ENCLAVE_STATUS_STOPPED
                                : ENCLAVE_STATUS_RUNNING);
}

static int32_t describe(struct sandbox *sandbox, const char *suffix, const char *what,
                        json_object **ret_json, struct enclave_error *err)
{
    char path[PATH_SIZE], whole[WHAT_SIZE];
    struct exchange_request request = {
        .what = whole, .method = "GET", .path = path, .repeatable = 1, .cancel_fd = -1};

    snprintf(path, sizeof path, "/sandbox/%s%s", sandbox->id, suffix);
    snprintf(whole, sizeof whole, "%s '%s'", what, sandbox->id);
    return remote_call_json(sandbox->remote, &request, json_type_object, ret_json, err);
}

static int32_t tell(json_object *json, const struct enclave_sink *to, struct enclave_error *err)
{
    size_t length = 0;
    const char *text = json_object_to_json_string_length(
        json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    int32_t r = text ? to->write(to->ctx, text, length)
                     : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");

    json_object_put(json);
    return r;
}

int32_t sandbox_info(void *object, const struct enclave_sink *to, struct enclave_error *err)
{
    struct sandbox *sandbox = object;
    json_object *info = NULL;
    int32_t r = describe(sandbox, "", "get the info of sandbox", &info, err);

    if (r < 0) {
        return r;
    }
    learn_status(sandbox, json_text(info, "status"));
    return tell(info, to, err);
}

int32_t sandbox_list_tools(void *object, const struct enclave_sink *to, struct enclave_error *err)
{
    json_object *tools = NULL;
    int32_t r = describe(object, "/tools", "list the tools of sandbox", &tools, err);

    return r == 0 ? tell(tools, to, err) : r;
}

int32_t sandbox_lookup(void *backend, const char *id, void **ret_sandbox, struct enclave_error *err)
{
    if (!sandbox_id_is_valid(id)) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "no sandbox '%.80s'", id);
    }
    struct sandbox *sandbox = sandbox_new(backend, id);
    json_object *info = NULL;
    int32_t r = sandbox ? describe(sandbox, "", "look up sandbox", &info, err)
                        : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");

    if (r < 0) {
        sandbox_free(sandbox);
        return r;
    }
    learn_status(sandbox, json_text(info, "status"));
    json_object_put(info);
    *ret_sandbox = sandbox;
    return 0;
}

int32_t sandbox_keep_alive(void *object, int64_t seconds, struct enclave_error *err)
{
    struct sandbox *sandbox = object;
    char path[PATH_SIZE], what[WHAT_SIZE], body[64];
    struct exchange_request request = {.what = what,
                                       .method = "POST",
                                       .path = path,
                                       .content_type = "application/json",
                                       .body = body,
                                       .repeatable = 1,
                                       .cancel_fd = -1};
    struct exchange_answer answer;

    snprintf(path, sizeof path, "/sandbox/%s/keep_alive", sandbox->id);
    snprintf(what, sizeof what, "keep sandbox '%s' alive", sandbox->id);
    request.length = (size_t)snprintf(body, sizeof body, "{\"seconds\":%lld}", (long long)seconds);
    int32_t r = remote_needs_enclave(sandbox->remote, what, err);
    if (r == 0) {
        r = remote_call(sandbox->remote, &request, &answer, err);
        buffer_free(&answer.body);
    }
    return r;
}
