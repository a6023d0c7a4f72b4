/*
 * handle_pool.c - pools: making one, and executing in one.
 *
 * An execution in a pool blocks its thread, so these have threads of their own, and a limit.
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

#include <string.h>

#define DEFAULT_POOL "default"

static const char *pool_name(struct request *request)
{
    const char *name = request_parameter(request, "pool_name");

    return name && *name ? name : DEFAULT_POOL;
}

/* -------------------------------------------------------------------------------------- making */

static bool take_reuse(struct request *request, uint32_t *ret)
{
    const char *text = request_parameter(request, "reuse");

    *ret = !text                        ? 0
           : strcmp(text, "reset") == 0 ? ENCLAVE_POOL_RESET
           : strcmp(text, "fresh") == 0 ? ENCLAVE_POOL_FRESH
           : strcmp(text, "dirty") == 0 ? ENCLAVE_POOL_DIRTY
                                        : UINT32_MAX;
    if (*ret == UINT32_MAX) {
        answer_misfit(request, "enum", "query", "reuse",
                      "Input should be 'reset', 'fresh' or 'dirty'", json_object_new_string(text));
        return false;
    }
    return true;
}

static void answer_made(struct request *request, const char *ids_text)
{
    struct json_object *answer = json_object_new_object();
    struct json_object *ids = json_tokener_parse(ids_text);
    size_t count = ids ? json_object_array_length(ids) : 0;

    json_object_object_add(answer, "message", json_object_new_string("Pool initialized"));
    json_object_object_add(answer, "pool_size", json_object_new_int64((int64_t)count));
    json_object_object_add(answer, "sandbox_ids", ids);
    answer_json(request, MHD_HTTP_OK, answer);
}

/* The reference system answers 500 whatever went wrong; what is ours alone to refuse keeps its status. */
static void answer_failure(struct request *request, const struct enclave_error *err)
{
    bool own =
        err->code == ENCLAVE_EDENIED || err->code == ENCLAVE_EBUSY || err->code == ENCLAVE_EEXISTS;

    answer_error_as(request,
                    own ? (unsigned)enclave_error_http_status(err->code)
                        : MHD_HTTP_INTERNAL_SERVER_ERROR,
                    NULL, err);
}

struct plan {
    const char *type;
    uint64_t size;
    uint32_t reuse;
    struct json_object *config; /* NULL: as the configuration says */
};

/* With nothing asked for, a pool that is there answers with its ids. */
static int32_t call(struct request *request, const struct plan *plan, bool *ret_made,
                    struct enclave_error *err)
{
    struct server *server = request->server;
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    AUTO_TEXT char *ids = NULL;
    int32_t r;

    options.reuse = plan->reuse;
    options.cancel = request->cancel;
    r = enclave_manager_initialize_pool(
        server->manager, pool_name(request), (uint32_t)plan->size,
        plan->type ? policy_type(&server->settings, plan->type) : NULL,
        plan->config ? json_object_to_json_string_ext(plan->config, JSON_C_TO_STRING_PLAIN) : NULL,
        &options, &ids, err);
    *ret_made = r == 0 && strcmp(ids, "[]") != 0;
    if (r == 0) {
        answer_made(request, ids);
    }
    return r;
}

static int32_t make(struct request *request, const struct plan *plan, struct enclave_error *err)
{
    struct server *server = request->server;
    const char *name = pool_name(request);
    bool asks = plan->size || plan->type || plan->reuse || plan->config, made = false;
    int32_t r = plan->config ? policy_apply(&server->settings, plan->config, err) : 0;

    if (r != 0) {
        return r;
    }
    if (!asks && owners_is_declared_pool(server->owners, name)) {
        return call(request, plan, &made, err);
    }
    if (!owners_take_pool(server->owners, name, request->key)) {
        return enclave_error_set(err, ENCLAVE_EEXISTS, "pool '%.80s': there is one already", name);
    }
    r = room_reserve(server->room, plan->size, err);
    if (r == 0) {
        r = call(request, plan, &made, err);
        room_release(server->room, plan->size);
    }
    owners_settle_pool(server->owners, name, r == 0 && made);
    return r;
}

static void run_initialize(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_JSON struct json_object *config = NULL;
    struct plan plan = {.type = request_parameter(request, "sandbox_type")};

    if (fields_query_integer(request, "pool_size", UINT32_MAX, &plan.size) &&
        take_reuse(request, &plan.reuse) && fields_body(request, false, &config)) {
        plan.config = config;
        if (make(request, &plan, &err) != 0) {
            answer_failure(request, &err);
        }
    }
}

void handle_pool_initialize(struct request *request)
{
    request_run(request, request->server->jobs, run_initialize, true);
}

/* ----------------------------------------------------------------------------------- executing */

static void execute(struct request *request, const char *tool, struct json_object *params,
                    double wait)
{
    struct server *server = request->server;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char *text = NULL;
    int32_t r;

    options.cancel = request->cancel;
    policy_limit_timeout(&server->settings, params);
    r = owners_may_use_pool(server->owners, pool_name(request), request->key)
            ? enclave_manager_execute_tool_in_pool(
                  server->manager, pool_name(request), tool,
                  json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN), &options,
                  wait < 0 ? -1 : (int64_t)(wait * 1000), &result, &err)
            : enclave_error_set(&err, ENCLAVE_EINVALID, "there is no pool '%.80s'",
                                pool_name(request));
    if (r == 0 && (r = enclave_result_json(result, &text, &err)) == 0) {
        answer_text(request, MHD_HTTP_OK, text);
    }
    enclave_result_free(result);
    if (r != 0) {
        answer_error(request, &err);
    }
}

static void run_execute(struct request *request)
{
    AUTO_JSON struct json_object *params = NULL;
    const char *tool;
    double wait = -1;

    if (fields_query(request, "tool_name", &tool) &&
        fields_query_number(request, "timeout", &wait) && fields_body(request, true, &params)) {
        execute(request, tool, params, wait);
    }
}

void handle_pool_execute(struct request *request)
{
    request_run(request, request->server->pool_jobs, run_execute, true);
}
