/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include "call.h"
#include "clock.h"
#include "failure.h"
#include "json.h"
#include "key.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_MS 4500

const struct enclave_option remote_options[] = {
    ENCLAVE_OPTION("base_url", ENCLAVE_OPTION_STRING, ADDRESS_DEFAULT,
                   "the server: http://HOST:PORT, https://HOST:PORT or unix:PATH"),
    ENCLAVE_OPTION("api_key_file", ENCLAVE_OPTION_STRING, NULL,
                   "file with the key, readable by its owner only; unset: none is sent"),
    ENCLAVE_OPTION("ca_file", ENCLAVE_OPTION_STRING, NULL,
                   "PEM file of the authorities that may vouch for an https server; unset: the "
                   "system's"),
    ENCLAVE_OPTION("insecure", ENCLAVE_OPTION_BOOLEAN, "false",
                   "true: send the key over plain HTTP to another host too"),
    ENCLAVE_OPTION("remote_type", ENCLAVE_OPTION_STRING, "auto",
                   "type of sandboxes whose creator names none; auto: the server's own choice; "
                   "servers of ms-enclave need docker"),
    ENCLAVE_OPTION("connect_timeout", ENCLAVE_OPTION_SECONDS, "10",
                   "seconds for making a connection, TLS included"),
    ENCLAVE_OPTION("request_timeout", ENCLAVE_OPTION_SECONDS, "30",
                   "seconds for an answer; executions and creates: of silence, after which the "
                   "server is asked whether it lives"),
    ENCLAVE_OPTION("retry_timeout", ENCLAVE_OPTION_SECONDS, "10",
                   "seconds for which what is safe to repeat is repeated; 0: not at all"),
    ENCLAVE_OPTION("end_timeout", ENCLAVE_OPTION_SECONDS, "45",
                   "seconds, once the manager ends, for all that is still asked; a server that is "
                   "silent has 10 of them"),
    ENCLAVE_OPTION("idle_connections", ENCLAVE_OPTION_INTEGER, "64",
                   "connections kept for the next request, at most 256"),
    ENCLAVE_OPTION("max_answer_size", ENCLAVE_OPTION_SIZE, "64m",
                   "bytes of one answer; files and archives aside"),
    ENCLAVE_OPTION_END,
};

/* ------------------------------------------------------------------------------------ opening */

static int64_t milliseconds(json_object *options, const char *key)
{
    double seconds = json_object_get_double(json_member(options, key));

    return seconds > 1000000 ? INT64_C(1000000000) : (int64_t)(seconds * 1000);
}

static char *copy_of(json_object *options, const char *key)
{
    const char *text = json_text(options, key);

    return text && *text ? strdup(text) : NULL;
}

static int32_t check_numbers(json_object *options, struct enclave_error *err)
{
    int64_t idle = json_integer(options, "idle_connections");

    if (milliseconds(options, "connect_timeout") <= 0 ||
        milliseconds(options, "request_timeout") <= 0 ||
        milliseconds(options, "end_timeout") <= 0) {
        return enclave_error_set(
            err, ENCLAVE_EINVALID,
            "connect_timeout, request_timeout, end_timeout: expected more than 0");
    }
    if (idle < 0 || idle > LANES_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "idle_connections: expected 0 to %d",
                                 LANES_MAX);
    }
    if (json_integer(options, "max_answer_size") < 65536 ||
        json_integer(options, "max_answer_size") > (INT64_C(1) << 30)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "max_answer_size: expected 64k to 1g");
    }
    return 0;
}

static int32_t take_key(struct remote *remote, json_object *options, struct enclave_error *err)
{
    const struct address *address = &remote->exchanger.lanes.address;
    const char *path = json_text(options, "api_key_file");

    if (!path || !*path) {
        return 0;
    }
    if (!address->tls && !address->here && !json_true(options, "insecure")) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "base_url '%.160s': the key would cross the network in plain "
                                 "text; use https, or set insecure = true",
                                 address->text);
    }
    return key_read(path, &remote->exchanger.key_header, err);
}

/* `address` becomes the remote's. */
static int32_t take_options(struct remote *remote, json_object *options, struct address *address,
                            struct enclave_error *err)
{
    char *ca_file = copy_of(options, "ca_file");

    lanes_init(&remote->exchanger.lanes, address, ca_file,
               (size_t)json_integer(options, "idle_connections"),
               (long)milliseconds(options, "connect_timeout"));
    remote->exchanger.request_timeout_ms = milliseconds(options, "request_timeout");
    remote->exchanger.max_answer = (size_t)json_integer(options, "max_answer_size");
    remote->retry_timeout_ms = milliseconds(options, "retry_timeout");
    remote->type = copy_of(options, "remote_type");
    if (ending_init(&remote->exchanger.ending, milliseconds(options, "end_timeout"),
                    remote->exchanger.request_timeout_ms) < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "no descriptor for the end of the manager");
    }
    if (!remote->type || (!ca_file && json_text(options, "ca_file"))) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return take_key(remote, options, err);
}

static int32_t open_with(struct remote *remote, json_object *options, struct enclave_error *err)
{
    const char *base_url = json_text(options, "base_url");
    struct address address;
    int32_t r = check_numbers(options, err);

    if (r == 0) {
        r = address_parse(base_url ? base_url : "", &address, err);
        if (r < 0) {
            address_free(&address);
        }
    }
    if (r < 0) {
        free(remote);
        return r;
    }
    r = take_options(remote, options, &address, err);
    if (r < 0) {
        remote_close(remote);
    }
    return r;
}

int32_t remote_open(const struct enclave_host *host, const char *text, void **ret_backend,
                    struct enclave_error *err)
{
    struct remote *remote = calloc(1, sizeof *remote);
    json_object *options = NULL;
    int32_t r = json_parse(text, strlen(text), &options);

    if (!remote || r < 0) {
        free(remote);
        json_object_put(options);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    remote->host = host;
    r = open_with(remote, options, err);
    json_object_put(options);
    if (r == 0) {
        *ret_backend = remote;
    }
    return r;
}

void remote_close(void *backend)
{
    struct remote *remote = backend;

    if (remote) {
        lanes_destroy(&remote->exchanger.lanes);
        ending_destroy(&remote->exchanger.ending);
        key_free(remote->exchanger.key_header);
        free(remote->type);
        free(remote);
    }
}

void remote_ending(void *backend)
{
    struct remote *remote = backend;

    ending_begin(&remote->exchanger.ending);
}

/* ------------------------------------------------------------------------------------- asking */

static int32_t report_health(struct remote *remote, const struct exchange_request *request,
                             const struct exchange_answer *answer,
                             const struct enclave_sink *report, struct enclave_error *err)
{
    const char *address = remote->exchanger.lanes.address.text;
    json_object *health = NULL, *told = json_object_new_object();
    int32_t r =
        json_parse(answer->body.data ? answer->body.data : "", answer->body.length, &health);
    const char *version = r == 0 ? json_text(health, "version") : NULL;
    char engine[96];

    snprintf(engine, sizeof engine, "%s %.64s",
             answer->server == SERVER_ENCLAVE ? "enclave" : "ms-enclave", version ? version : "?");
    if (r < 0 || !json_object_is_type(health, json_type_object)) {
        r = failure_of_content(&remote->exchanger, request->what, "its health", err);
    } else if (!json_true(health, "healthy")) {
        r = enclave_error_set(err, ENCLAVE_EUNREACHABLE, "the server at %s says it is not healthy",
                              address);
    } else if (!told ||
               json_object_object_add(told, "engine", json_object_new_string(engine)) < 0 ||
               json_object_object_add(told, "address", json_object_new_string(address)) < 0) {
        r = enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    } else if (report) {
        const char *text = json_object_to_json_string_ext(told, JSON_C_TO_STRING_PLAIN);
        r = report->write(report->ctx, text, strlen(text));
    }
    json_object_put(told);
    json_object_put(health);
    return r;
}

int32_t remote_probe(void *backend, const struct enclave_sink *report, struct enclave_error *err)
{
    struct remote *remote = backend;
    struct exchange_request request = {.what = "ask for the server's health",
                                       .method = "GET",
                                       .path = "/health",
                                       .repeatable = 1,
                                       .deadline = clock_deadline(PROBE_MS),
                                       .cancel_fd = -1};
    struct exchange_answer answer;
    int32_t r = exchange(&remote->exchanger, &request, &answer, err);

    if (r == 0) {
        r = failure_of_answer(&remote->exchanger, &request, &answer, err);
    }
    if (r == 0) {
        r = report_health(remote, &request, &answer, report, err);
    }
    buffer_free(&answer.body);
    return r;
}

int32_t remote_server(struct remote *remote, int cancel_fd, int *ret_server,
                      struct enclave_error *err)
{
    struct exchange_request request = {.what = "ask what the server is",
                                       .method = "GET",
                                       .path = "/health",
                                       .repeatable = 1,
                                       .cancel_fd = cancel_fd};
    struct exchange_answer answer;
    int server = __atomic_load_n(&remote->exchanger.server, __ATOMIC_RELAXED);
    int32_t r = 0;

    if (server == SERVER_UNKNOWN) {
        r = remote_call(remote, &request, &answer, err);
        server = answer.server;
        buffer_free(&answer.body);
    }
    if (r == 0) {
        *ret_server = server;
    }
    return r;
}

int32_t remote_needs_enclave(struct remote *remote, const char *what, struct enclave_error *err)
{
    int server = SERVER_UNKNOWN;
    int32_t r = remote_server(remote, -1, &server, err);

    if (r == 0 && server != SERVER_ENCLAVE) {
        r = enclave_error_set(err, ENCLAVE_ENOTSUP,
                              "%s: not supported by the server at %s, which is not one of "
                              "Enclave's",
                              what, remote->exchanger.lanes.address.text);
    }
    return r;
}

int32_t remote_capabilities(void *backend, uint64_t *ret_bits, struct enclave_error *err)
{
    (void)backend, (void)err;
    /* All: the server knows what it can enforce, and says so when it is asked for. */
    *ret_bits = (ENCLAVE_CAN_KILL_TREE << 1) - 1;
    return 0;
}

int32_t remote_list(void *backend, uint32_t status, const struct enclave_sink *to,
                    struct enclave_error *err)
{
    static const char *const names[] = {
        [ENCLAVE_STATUS_INITIALIZING] = "?status=initializing",
        [ENCLAVE_STATUS_RUNNING] = "?status=running",
        [ENCLAVE_STATUS_IDLE] = "?status=idle",
        [ENCLAVE_STATUS_BUSY] = "?status=busy",
        [ENCLAVE_STATUS_STOPPING] = "?status=stopping",
        [ENCLAVE_STATUS_STOPPED] = "?status=stopped",
        [ENCLAVE_STATUS_ERROR] = "?status=error",
    };
    struct exchange_request request = {
        .what = "list sandboxes", .method = "GET", .repeatable = 1, .cancel_fd = -1};
    const char *query = status < sizeof names / sizeof *names ? names[status] : NULL;
    char path[64];

    snprintf(path, sizeof path, "/sandboxes%s", query ? query : "");
    request.path = path;
    return remote_call_text(backend, &request, json_type_array, to, err);
}

int32_t remote_stats(void *backend, const struct enclave_sink *to, struct enclave_error *err)
{
    struct exchange_request request = {.what = "get statistics",
                                       .method = "GET",
                                       .path = "/stats",
                                       .repeatable = 1,
                                       .cancel_fd = -1};

    return remote_call_text(backend, &request, json_type_object, to, err);
}

int32_t remote_sweep(void *backend, const struct enclave_sink *to, struct enclave_error *err)
{
    struct remote *remote = backend;
    struct exchange_request request = {
        .what = "sweep", .method = "POST", .path = "/sweep", .repeatable = 1, .cancel_fd = -1};
    json_object *swept = NULL, *reclaimed;
    int32_t r = remote_needs_enclave(remote, request.what, err);

    if (r == 0) {
        r = remote_call_json(remote, &request, json_type_object, &swept, err);
    }
    if (r < 0) {
        return r;
    }
    reclaimed = json_member(swept, "reclaimed");
    if (json_object_is_type(reclaimed, json_type_array)) {
        const char *text = json_object_to_json_string_ext(reclaimed, JSON_C_TO_STRING_PLAIN);
        r = to->write(to->ctx, text, strlen(text));
    } else {
        r = failure_of_content(&remote->exchanger, request.what, "what was reclaimed", err);
    }
    json_object_put(swept);
    return r;
}
