/*
 * handle_server.c - the server itself: health, statistics, metrics, description, sweep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handlers.h"

#include "../session.h"
#include "answer.h"
#include "health.h"
#include "metrics.h"
#include "openapi.h"
#include "owners.h"

#include <stdlib.h>

void handle_health(struct request *request)
{
    health_answer(request->server->health, request);
}

void handle_stats(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    if (enclave_manager_get_stats(request->server->manager, &text, &err) == 0) {
        answer_text(request, MHD_HTTP_OK, text);
    } else {
        answer_error(request, &err);
    }
}

/* Everybody's are swept, and each caller told of its own. */
static void answer_reclaimed(struct request *request, const char *text)
{
    struct owners *owners = request->server->owners;
    AUTO_JSON struct json_object *all = json_tokener_parse(text);
    struct json_object *answer = json_object_new_object(), *own = json_object_new_array();

    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *row = json_object_array_get_idx(all, i);
        const char *id = json_text(row, "id", "");
        bool is_own = false;
        if (owners_recall(owners, id, request->key, &is_own) && is_own) {
            json_object_array_add(own, json_object_get(row));
        }
        owners_forget(owners, id);
    }
    json_object_object_add(answer, "reclaimed", own);
    answer_json(request, MHD_HTTP_OK, answer);
}

static void run_sweep(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;

    if (enclave_manager_sweep(request->server->manager, &text, &err) == 0) {
        answer_reclaimed(request, text);
    } else {
        answer_error(request, &err);
    }
}

void handle_sweep(struct request *request)
{
    request_run(request, request->server->jobs, run_sweep, false);
}

void handle_metrics(struct request *request)
{
    size_t length = 0;
    char *text = metrics_make(request->server, &length);

    if (text) {
        answer_bytes(request, "text/plain; version=0.0.4; charset=utf-8", text, length, free, text);
    } else {
        answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
    }
}

void handle_openapi(struct request *request)
{
    answer_json(request, MHD_HTTP_OK, openapi_make());
}
