/*
 * handle_execute.c - POST /sandbox/tool/execute, and the cancelling of what it began.
 *
 * A request of usual size is understood in the thread that serves connections, for a thread more would cost more; a large
 * one, or one for which the manager must be asked, in one of those for calls that block; and when there is a crowd, all in a
 * thread that does nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "handlers.h"

#include "../session.h"
#include "../text.h"
#include "answer.h"
#include "base64.h"
#include "executions.h"
#include "fields.h"
#include "owners.h"
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#define USUAL_SIZE (64 * 1024)
/* So many under way, and the next are not begun in the thread that serves connections: what has to make a thread for each
 * takes long enough for others to notice. */
#define CROWD 64

/* What a body says. Texts are borrowed from it. */
struct asked {
    struct json_object *body;
    struct execution_request what;
    char *decoded; /* stdin_base64 */
};

static bool take_stdin(struct request *request, struct asked *asked)
{
    struct json_object *text = NULL, *coded = NULL;
    size_t length = 0;

    (void)json_object_object_get_ex(asked->body, "stdin", &text);
    (void)json_object_object_get_ex(asked->body, "stdin_base64", &coded);
    if ((text && !json_object_is_type(text, json_type_string)) ||
        (coded && !json_object_is_type(coded, json_type_string))) {
        answer_misfit(request, "string_type", "body", text ? "stdin" : "stdin_base64",
                      "Input should be a valid string", json_object_get(text ? text : coded));
        return false;
    }
    if (text) {
        asked->what.stdin_data = json_object_get_string(text);
        asked->what.stdin_length = (uint64_t)json_object_get_string_len(text);
    } else if (coded) {
        size_t size = (size_t)json_object_get_string_len(coded);
        asked->decoded = malloc(size + 1);
        if (!asked->decoded ||
            !base64_decode(json_object_get_string(coded), size, asked->decoded, &length)) {
            answer_fail(request, ENCLAVE_EINVALID, "stdin_base64: not base64");
            return false;
        }
        asked->what.stdin_data = asked->decoded;
        asked->what.stdin_length = length;
    }
    return true;
}

static bool take_id(struct request *request, struct asked *asked)
{
    const char *id;
    size_t length;

    if (!fields_text(request, asked->body, "execution_id", false, &id)) {
        return false;
    }
    length = id ? strlen(id) : 1;
    for (const char *c = id; c && *c; c++) {
        length = *c < ' ' || *c > '~' ? 0 : length;
    }
    if (length == 0 || length >= EXECUTION_ID_SIZE) {
        answer_fail(request, ENCLAVE_EINVALID,
                    "execution_id: expected 1 to %d printable ASCII characters",
                    EXECUTION_ID_SIZE - 1);
        return false;
    }
    asked->what.execution_id = id;
    return true;
}

static bool take_timeout(struct request *request, struct asked *asked, struct json_object *params)
{
    const struct settings *settings = &request->server->settings;
    double seconds = -1;

    if (!fields_number(request, asked->body, "timeout", &seconds)) {
        return false;
    }
    asked->what.timeout_ms = -1;
    if (seconds >= 0) {
        double ms = policy_timeout(settings, seconds) * 1000;
        asked->what.timeout_ms = ms >= 1 ? (int64_t)ms : 1;
    }
    policy_limit_timeout(settings, params);
    return true;
}

/* False: an answer is set. `asked` is to be let go in any case. */
static bool understand(struct request *request, struct asked *asked)
{
    struct json_object *params = NULL;

    if (!fields_body(request, true, &asked->body) ||
        !fields_text(request, asked->body, "sandbox_id", true, &asked->what.sandbox) ||
        !fields_text(request, asked->body, "tool_name", true, &asked->what.tool) ||
        !fields_object(request, asked->body, "parameters", &params) ||
        !take_timeout(request, asked, params) || !take_id(request, asked) ||
        !take_stdin(request, asked)) {
        return false;
    }
    asked->what.params = params
                             ? json_object_to_json_string_ext(
                                   params, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                             : "{}";
    asked->what.format = events_accepted(
        MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
    return true;
}

static void let_go(struct asked *asked)
{
    json_object_put(asked->body);
    free(asked->decoded);
}

/* In a thread that may block. */
static void run(void *ctx)
{
    struct request *request = ctx;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct asked asked = {0};
    bool begun = false;

    if (understand(request, &asked)) {
        if (owners_check(request->server->owners, asked.what.sandbox, request->key, &err) != 0) {
            answer_error(request, &err);
        } else {
            begun = executions_begin(request->server->executions, request, &asked.what);
        }
    }
    let_go(&asked);
    if (!begun) {
        request_resume(request);
    }
}

void handle_execute(struct request *request)
{
    struct asked asked = {0};
    bool own = false;

    if (request->body.length > USUAL_SIZE) {
        request_begin(request, request->server->quick, run, NULL);
        return;
    }
    if (executions_count(request->server->executions) >= CROWD) {
        request_begin(request, request->server->submitter, run, NULL);
        return;
    }
    if (understand(request, &asked)) {
        if (owners_recall(request->server->owners, asked.what.sandbox, request->key, &own) && own) {
            (void)executions_begin(request->server->executions, request, &asked.what);
        } else {
            request_begin(request, request->server->quick, run, NULL);
        }
    }
    let_go(&asked);
}

void handle_cancel(struct request *request)
{
    if (executions_cancel(request->server->executions, request->key, request->subject)) {
        answer_message(request, "Execution cancelled");
    } else {
        answer_fail(request, ENCLAVE_ENOTFOUND, "no execution '%.127s' is under way",
                    request->subject);
    }
}
