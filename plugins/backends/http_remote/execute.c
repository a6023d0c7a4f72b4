/*
 * execute.c - running a tool where the sandbox is: one request, whose answer is the result or a stream that ends with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "call.h"
#include "clock.h"
#include "escape.h"
#include "failure.h"
#include "json.h"
#include "result.h"
#include "stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)1 << 30) /* what is too much is the server's to say */
#define CANCEL_MS 5000
#define CANCEL_AGAIN_MS 50

struct execution {
    struct sandbox *sandbox;
    const struct enclave_tool_call *call;
    int server;
    char what[ENCLAVE_ID_SIZE + 64];
    struct buffer body;
    struct stream stream;
    struct cut cut;
    int64_t begun_us; /* since the epoch */
    int64_t begun_ms; /* clock.h */
};

/* ------------------------------------------------------------------------------- the request */

static int32_t append_text(struct buffer *body, const char *key, const char *text)
{
    int32_t r = buffer_append_text(body, key);

    return r == 0 ? escape_json(body, text, strlen(text)) : r;
}

static int is_plain(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] <= 0) {
            return 0;
        }
    }
    return 1;
}

static int32_t append_stdin(struct buffer *body, const struct enclave_tool_call *call)
{
    size_t length = (size_t)call->stdin_length;
    int plain = is_plain(call->stdin_data, length);
    int32_t r = buffer_append_text(body, plain ? ",\"stdin\":" : ",\"stdin_base64\":");

    if (r < 0) {
        return r;
    }
    return plain ? escape_json(body, call->stdin_data, length)
                 : escape_base64(body, call->stdin_data, length);
}

static int32_t make_body(struct execution *execution)
{
    const struct enclave_tool_call *call = execution->call;
    struct buffer *body = &execution->body;
    char timeout[64] = "";
    int32_t r = append_text(body, "{\"sandbox_id\":", execution->sandbox->id);

    if (call->timeout_ms >= 0) {
        snprintf(timeout, sizeof timeout, ",\"timeout\":%" PRId64 ".%03d", call->timeout_ms / 1000,
                 (int)(call->timeout_ms % 1000));
    }
    r = r == 0 ? append_text(body, ",\"tool_name\":", call->tool) : r;
    r = r == 0 ? buffer_append_text(body, ",\"parameters\":") : r;
    r = r == 0 ? buffer_append_text(body, call->params ? call->params : "{}") : r;
    r = r == 0 ? buffer_append_text(body, timeout) : r;
    if (r == 0 && execution->server == SERVER_ENCLAVE) {
        r = append_text(body, ",\"execution_id\":", call->execution_id);
    }
    if (r == 0 && call->stdin_data && call->stdin_length > 0) {
        r = append_stdin(body, call);
    }
    return r == 0 ? buffer_append(body, "}", 1) : r;
}

static int32_t prepare(struct execution *execution, struct enclave_error *err)
{
    const struct enclave_tool_call *call = execution->call;
    struct remote *remote = execution->sandbox->remote;
    int32_t r = remote_server(remote, call->cancel_fd, &execution->server, err);

    if (r < 0) {
        return r;
    }
    if (execution->server != SERVER_ENCLAVE && call->stdin_data && call->stdin_length > 0) {
        return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                 "%s: stdin is not supported by the server at %s, which is not "
                                 "one of Enclave's",
                                 execution->what, remote->exchanger.lanes.address.text);
    }
    r = make_body(execution);
    return r == 0 ? 0
                  : enclave_error_set(err, r, "%s: %s", execution->what,
                                      r == ENCLAVE_ETOOBIG ? "its parameters are too long"
                                                           : "out of memory");
}

/* -------------------------------------------------------------------------------- cancelling */

/*
 * Over another connection. Until it is known there the cancel finds nothing, and is asked for again; so it is when the
 * server could not be asked. The execution's own answer tells how it ended.
 */
static int cancel(void *ctx)
{
    struct execution *execution = ctx;
    struct buffer path = BUFFER_INIT(1024);
    struct exchange_request request = {.what = "cancel an execution",
                                       .method = "POST",
                                       .repeatable = 1,
                                       .deadline = clock_deadline(CANCEL_MS),
                                       .cancel_fd = -1};
    struct exchange_answer answer = {0};
    int again_in = CANCEL_AGAIN_MS;

    if (execution->server != SERVER_ENCLAVE) {
        return -1; /* it knows no way; at least nobody waits */
    }
    if (buffer_append_text(&path, "/execution/") == 0 &&
        escape_url(&path, execution->call->execution_id) == 0 &&
        buffer_append_text(&path, "/cancel") == 0) {
        request.path = path.data;
        int32_t r = exchange(&execution->sandbox->remote->exchanger, &request, &answer, NULL);
        again_in = r == 0 && answer.status == 200 ? 0 : CANCEL_AGAIN_MS;
        buffer_free(&answer.body);
    }
    buffer_free(&path);
    return again_in;
}

/* ---------------------------------------------------------------------------------- the answer */

static int32_t take(void *ctx, const char *data, size_t length)
{
    struct execution *execution = ctx;

    return stream_take(&execution->stream, data, length);
}

/* A server that does not stream: all of it at once. Its `error` may be a sentence of its own, which nothing wrote. */
static void hand_over(const struct enclave_tool_call *call, const struct enclave_tool_result *told)
{
    int32_t r = 0;

    if (told->output_length > 0) {
        r = call->output(call->ctx, ENCLAVE_STDOUT, told->output, told->output_length);
    }
    if (r == 0 && told->error_length > 0 && strncmp(told->error, "Command ", 8) != 0) {
        (void)call->output(call->ctx, ENCLAVE_STDERR, told->error, told->error_length);
    }
}

/* `json` becomes ours. */
static int32_t tell(struct execution *execution, json_object *json, struct enclave_error *err)
{
    const struct enclave_tool_call *call = execution->call;
    struct result result;
    int64_t took_us = (clock_now_ms() - execution->begun_ms) * 1000;
    int32_t r = result_read(json, execution->begun_us, took_us, &result);

    if (r < 0) {
        return failure_of_content(&execution->sandbox->remote->exchanger, execution->what,
                                  "a result", err);
    }
    if (call->output && execution->server != SERVER_ENCLAVE) {
        hand_over(call, &result.told);
    }
    r = call->result(call->ctx, &result.told);
    result_free(&result);
    return r;
}

static int32_t tell_last_event(struct execution *execution, struct enclave_error *err)
{
    struct stream *stream = &execution->stream;

    if (stream->result) {
        return tell(execution, json_object_get(stream->result), err);
    }
    if (stream->error) {
        return failure_of_json(execution->what, stream->error,
                               (long)json_integer(stream->error, "status"), err);
    }
    return enclave_error_set(
        err, ENCLAVE_ELOST, "%s: the server at %s ended the answer without a result",
        execution->what, execution->sandbox->remote->exchanger.lanes.address.text);
}

static int32_t execute(struct execution *execution, struct enclave_error *err)
{
    const struct enclave_tool_call *call = execution->call;
    struct remote *remote = execution->sandbox->remote;
    int streams = call->output && execution->server == SERVER_ENCLAVE;
    struct exchange_request request = {
        .what = execution->what,
        .method = "POST",
        .path = "/sandbox/tool/execute",
        .content_type = "application/json",
        .accept = streams ? "application/x-ndjson" : NULL,
        .body = execution->body.data,
        .length = execution->body.length,
        .patient = 1,
        .cancel_fd = call->cancel_fd,
        .gave_up = &execution->stream.gave_up,
        .give_up = cancel,
        .cut = &execution->cut,
        .take = streams ? take : NULL,
        .ctx = execution,
    };
    struct exchange_answer answer;
    json_object *json = NULL;
    int32_t r = remote_call(remote, &request, &answer, err);

    if (r == 0 && streams) {
        r = tell_last_event(execution, err);
    } else if (r == 0) {
        r = remote_call_parse(remote, &request, &answer, json_type_object, &json, err);
        r = r == 0 ? tell(execution, json, err) : r;
    }
    buffer_free(&answer.body);
    return r;
}

int32_t sandbox_execute_tool(void *object, const struct enclave_tool_call *call,
                             struct enclave_error *err)
{
    struct sandbox *sandbox = object;
    struct execution execution = {
        .sandbox = sandbox,
        .call = call,
        .body = BUFFER_INIT(BODY_MAX),
        .stream = STREAM_INIT(call, sandbox->remote->exchanger.max_answer),
        .begun_ms = clock_now_ms(),
    };
    struct timespec now;
    int32_t r;

    clock_gettime(CLOCK_REALTIME, &now);
    execution.begun_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    snprintf(execution.what, sizeof execution.what, "execute a tool in sandbox '%s'", sandbox->id);
    cut_add(&sandbox->executions, &execution.cut);
    r = prepare(&execution, err);
    if (r == 0) {
        r = execute(&execution, err);
    }
    cut_remove(&execution.cut);
    buffer_free(&execution.body);
    stream_free(&execution.stream);
    return r;
}
