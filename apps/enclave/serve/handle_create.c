/*
 * handle_create.c - POST /sandbox/create.
 *
 * A client that goes away has its create cancelled. When that comes too late, the sandbox is deleted, since nobody has its
 * id: unless the client named its request by an Idempotency-Key, by which it can still ask for it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handlers.h"

#include "../session.h"
#include "answer.h"
#include "fields.h"
#include "owners.h"
#include "policy.h"
#include "room.h"
#include "strmap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_KEY_MAX = 255 };

struct creation {
    struct job job; /* that deletes what nobody has heard of */
    struct server *server;
    char id[ENCLAVE_ID_SIZE];
    bool repeatable;
};

static void delete_unknown(void *ctx)
{
    struct creation *creation = ctx;

    owners_forget(creation->server->owners, creation->id);
    (void)enclave_manager_delete_sandbox(creation->server->manager, creation->id, NULL);
    free(creation);
}

static void finish(struct request *request, bool delivered)
{
    struct creation *creation = request->work;

    if (!delivered && creation->id[0] && !creation->repeatable) {
        creation->job =
            (struct job){.run = delete_unknown, .ctx = creation, .caller = request->job.caller};
        if (jobs_add(request->server->jobs, &creation->job, true)) {
            return;
        }
    }
    free(creation);
}

/* A key is its caller's: two callers that choose the same one do not meet. (FNV-1a) */
static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037);

    for (; *text; text++) {
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return value;
}

static bool take_key(struct request *request, char ret[REQUEST_KEY_MAX + 1])
{
    const char *given =
        MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Idempotency-Key");
    size_t length = given ? strlen(given) : 1;

    ret[0] = '\0';
    for (const char *c = given; c && *c; c++) {
        length = *c < ' ' || *c > '~' ? 0 : length;
    }
    if (length == 0 || length > REQUEST_KEY_MAX) {
        answer_fail(request, ENCLAVE_EINVALID,
                    "Idempotency-Key: expected 1 to %d printable ASCII characters",
                    REQUEST_KEY_MAX);
        return false;
    }
    if (given && !request->key) {
        (void)snprintf(ret, REQUEST_KEY_MAX + 1, "%s", given);
    } else if (given) {
        (void)snprintf(ret, REQUEST_KEY_MAX + 1, "%016" PRIx64 "%016" PRIx64 " %.200s",
                       hash(request->key), hash(given), given);
    }
    return true;
}

static bool is_backend(struct server *server, const char *type)
{
    void *unused;

    return strcmp(type, "auto") == 0 || strmap_get(server->backends, type, &unused);
}

/* As the reference system has it: whatever is wrong with what was asked for is 400, and a type that there is not 422. */
static void answer_failure(struct request *request, const char *type,
                           const struct enclave_error *err)
{
    unsigned status = (unsigned)enclave_error_http_status(err->code);

    if (err->code == ENCLAVE_ENOTFOUND &&
        !is_backend(request->server, policy_type(&request->server->settings, type))) {
        answer_misfit_as(request, err, "enum", "query", "sandbox_type", err->message,
                         json_object_new_string(type));
        return;
    }
    answer_error_as(request, err->code == ENCLAVE_ENOTFOUND ? MHD_HTTP_BAD_REQUEST : status, NULL,
                    err);
}

static int32_t create(struct request *request, const char *type, struct json_object *config,
                      struct creation *creation, struct enclave_error *err)
{
    struct server *server = request->server;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char key[REQUEST_KEY_MAX + 1];
    int32_t r = policy_apply(&server->settings, config, err);

    if (r != 0) {
        return r;
    }
    if (!take_key(request, key)) {
        return ENCLAVE_EINVALID;
    }
    r = room_reserve(server->room, 1, err);
    if (r != 0) {
        return r;
    }
    creation->repeatable = key[0] != '\0';
    options.id = request_parameter(request, "sandbox_id");
    options.request_key = creation->repeatable ? key : NULL;
    options.cancel = request->cancel;
    options.owner = request->key;
    if (options.id) {
        owners_forget(server->owners, options.id); /* whoever had it before */
    }
    r = enclave_manager_create_sandbox(
        server->manager, policy_type(&server->settings, type),
        json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN), &options, creation->id,
        err);
    room_release(server->room, 1);
    if (r == 0) {
        owners_set(server->owners, creation->id, request->key);
    }
    return r;
}

static void run(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_JSON struct json_object *config = NULL;
    struct creation *creation = calloc(1, sizeof *creation);
    const char *type;

    if (!creation) {
        answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
        return;
    }
    creation->server = request->server;
    request->work = creation;
    request->finish = finish;
    if (!fields_query(request, "sandbox_type", &type) || !fields_body(request, false, &config)) {
        return;
    }
    if (!config) {
        config = json_object_new_object();
    }
    if (create(request, type, config, creation, &err) == 0) {
        struct json_object *answer = json_object_new_object();
        json_object_object_add(answer, "sandbox_id", json_object_new_string(creation->id));
        answer_json(request, MHD_HTTP_OK, answer);
    } else if (err.code != 0) {
        answer_failure(request, type, &err);
    }
}

void handle_create(struct request *request)
{
    request_run(request, request->server->jobs, run, true);
}
