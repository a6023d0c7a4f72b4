/*
 * handle_sandbox.c - one sandbox, and the list of them: info, tools, stop, delete, keep-alive.
 *
 * All in threads for calls that may block: a backend whose sandboxes are elsewhere asks there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handlers.h"

#include "../session.h"
#include "answer.h"
#include "fields.h"
#include "owners.h"

#include <enclave/types.h>

#include <string.h>

static int32_t check(struct request *request, struct enclave_error *err)
{
    return owners_check(request->server->owners, request->subject, request->key, err);
}

/* What the reference system says about an id that it does not know. */
static void answer_unknown(struct request *request, const struct enclave_error *err)
{
    if (err->code == ENCLAVE_ENOTFOUND) {
        answer_error_as(request, MHD_HTTP_NOT_FOUND, "Sandbox not found", err);
    } else {
        answer_error(request, err);
    }
}

static void run_info(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    if (check(request, &err) == 0 &&
        enclave_manager_get_sandbox_info(request->server->manager, request->subject, &text, &err) ==
            0) {
        answer_text(request, MHD_HTTP_OK, text);
    } else {
        answer_unknown(request, &err);
    }
}

static void run_tools(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    if (check(request, &err) == 0 &&
        enclave_manager_get_sandbox_tools(request->server->manager, request->subject, &text,
                                          &err) == 0) {
        answer_text(request, MHD_HTTP_OK, text);
    } else {
        answer_error(request, &err);
    }
}

static void run_stop(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (check(request, &err) == 0 &&
        enclave_manager_stop_sandbox(request->server->manager, request->subject, &err) == 0) {
        answer_message(request, "Sandbox stopped successfully");
    } else {
        answer_unknown(request, &err);
    }
}

static void run_delete(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (check(request, &err) == 0 &&
        enclave_manager_delete_sandbox(request->server->manager, request->subject, &err) == 0) {
        owners_forget(request->server->owners, request->subject);
        answer_message(request, "Sandbox deleted successfully");
    } else {
        answer_unknown(request, &err);
    }
}

static void run_keep_alive(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_JSON struct json_object *body = NULL;
    struct json_object *unused;
    double seconds = 0;

    if (!fields_body(request, true, &body) || !fields_number(request, body, "seconds", &seconds)) {
        return;
    }
    if (!json_object_object_get_ex(body, "seconds", &unused)) {
        answer_misfit(request, "missing", "body", "seconds", "Field required",
                      json_object_get(body));
    } else if (check(request, &err) == 0 &&
               enclave_manager_keep_alive(request->server->manager, request->subject,
                                          (int64_t)seconds, &err) == 0) {
        answer_message(request, "Sandbox kept alive");
    } else {
        answer_error(request, &err);
    }
}

/* 0 for all; -1: there is no such state. */
static int status_of(const char *text)
{
    for (uint32_t status = ENCLAVE_STATUS_INITIALIZING; text && status <= ENCLAVE_STATUS_ERROR;
         status++) {
        if (strcmp(enclave_status_name(status), text) == 0) {
            return (int)status;
        }
    }
    return text ? -1 : 0;
}

static void answer_own(struct request *request, char *text)
{
    AUTO_JSON struct json_object *list = json_tokener_parse(text);
    struct json_object *own = json_object_new_array();

    enclave_free(text);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *info = json_object_array_get_idx(list, i);
        if (owners_own(request->server->owners, info, request->key)) {
            json_object_array_add(own, json_object_get(info));
        }
    }
    answer_json(request, MHD_HTTP_OK, own);
}

static void run_list(struct request *request)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const char *given = request_parameter(request, "status");
    int status = status_of(given);
    char *text = NULL;

    if (status < 0) {
        answer_misfit(request, "enum", "query", "status",
                      "Input should be 'initializing', 'running', 'idle', 'busy', 'stopping', "
                      "'stopped' or 'error'",
                      json_object_new_string(given));
    } else if (enclave_manager_list_sandboxes(request->server->manager, (uint32_t)status, &text,
                                              &err) != 0) {
        answer_error(request, &err);
    } else if (request->server->keys) {
        answer_own(request, text);
    } else {
        answer_text(request, MHD_HTTP_OK, text);
    }
}

void handle_info(struct request *request)
{
    request_run(request, request->server->quick, run_info, false);
}

void handle_tools(struct request *request)
{
    request_run(request, request->server->quick, run_tools, false);
}

void handle_stop(struct request *request)
{
    request_run(request, request->server->jobs, run_stop, false);
}

void handle_delete(struct request *request)
{
    request_run(request, request->server->jobs, run_delete, false);
}

void handle_keep_alive(struct request *request)
{
    request_run(request, request->server->quick, run_keep_alive, false);
}

void handle_list(struct request *request)
{
    request_run(request, request->server->quick, run_list, false);
}
