/*
 * http.c - see http.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http.h"

#include "answer.h"
#include "clock.h"
#include "connections.h"
#include "keys.h"
#include "late.h"
#include "log.h"
#include "loop.h"
#include "reactor.h"
#include "routes.h"

#include <enclave/plugin.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections beyond the limit that are there to be told so. */
#define SURPLUS 64
#define BYTES_A_SECOND 65536

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* ------------------------------------------------------------------------------- connections */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = cls;

    reactor_happened();
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context) {
            connections_close(server->connections, *context);
        }
        if (reactor_here()) { /* not at the end; at its limit the library accepts the next in its next pass only */
            reactor_wake(reactor_here());
        }
        return;
    }
    *context = connections_open(server->connections, mhd);
    if (*context) {
        connections_limit(*context, server->settings.header_timeout_ms);
    }
}

/* The request line is there. Kept as it is: what the handler gets from the library is decoded. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct server *server = cls;
    struct connection *connection = connection_of(mhd);
    size_t size = strlen(target) + 1;

    if (!connection) {
        return NULL;
    }
    connection->target_end = (uintptr_t)target + size;
    if (size > connection->target_room) {
        free(connection->target);
        connection->target = malloc(size);
        connection->target_room = connection->target ? size : 0;
    }
    if (connection->target) {
        memcpy(connection->target, target, size);
    }
    connections_limit(connection, server->settings.header_timeout_ms);
    return NULL;
}

/* Decodes nothing: we do that ourselves, where it is known what is decoded. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* ------------------------------------------------------------------------------------ beginning */

/* Without blanks: it stands between others in a line of the log. */
static bool is_word(const char *text, size_t max)
{
    size_t length = strnlen(text, max + 1);

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '!' || text[i] > '~') {
            return false;
        }
    }
    return length > 0 && length <= max;
}

/* Sixteen digits, as "%016llx" makes them; each request without an id of its own needs them. */
static void put_hex(char *to, uint64_t number)
{
    for (int i = 15; i >= 0; i--) {
        to[i] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
    to[16] = '\0';
}

static void take_id(struct request *request)
{
    static atomic_ullong last;
    uint64_t start = (uint64_t)request->server->started_us << 20;
    const char *given = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "X-Request-Id");

    if (given && is_word(given, REQUEST_ID_SIZE - 1)) {
        (void)snprintf(request->id, sizeof request->id, "%s", given);
        return;
    }
    put_hex(request->id, start + atomic_fetch_add(&last, 1));
}

/* False: an answer is set. */
static bool take_key(struct request *request)
{
    const char *key;

    if (request_parameter(request, "api_key")) {
        atomic_fetch_add(&request->server->counters.unauthorized, 1);
        answer_fail(
            request, ENCLAVE_EUNAUTHORIZED,
            "Unauthorized: a key in a URL ends up in logs; send it as the header X-API-Key");
        return false;
    }
    if (!request->server->keys) {
        return true;
    }
    key = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "X-API-Key");
    request->key = key ? keys_find(request->server->keys, key) : NULL;
    if (!request->key) {
        atomic_fetch_add(&request->server->counters.unauthorized, 1);
        answer_fail(request, ENCLAVE_EUNAUTHORIZED, "Unauthorized");
    }
    return request->key != NULL;
}

/* What the headers say about where the body ends. */
struct framing {
    const char *length, *coding;
    unsigned lengths, codings, odd;
};

static enum MHD_Result see_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct framing *framing = cls;

    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        framing->length = value;
        framing->lengths++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->coding = value;
        framing->codings++;
    } else if (strpbrk(name, " \t")) {
        framing->odd++; /* "Transfer-Encoding : chunked", which is another header only to some */
    }
    return MHD_YES;
}

/*
 * Bytes of the body that are announced, SIZE_MAX when it comes in chunks. False: the headers can be read in more than one
 * way, and a proxy before us may have read them in another than the library does.
 */
static bool take_framing(struct request *request, const char *version, size_t *ret_announced)
{
    struct framing framing = {0};

    (void)MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, see_header, &framing);
    *ret_announced = framing.codings  ? SIZE_MAX
                     : framing.length ? (size_t)strtoull(framing.length, NULL, 10)
                                      : 0;
    return framing.lengths + framing.codings <= 1 && framing.odd == 0 &&
           (!framing.codings || (framing.coding && strcasecmp(framing.coding, "chunked") == 0 &&
                                 strcmp(version, MHD_HTTP_VERSION_1_0) != 0));
}

static void prepare_body(struct request *request)
{
    enum route_body body = request->route ? request->route->body : BODY_JSON;

    request->body = (struct body){.memory = request->server->memory,
                                  .caller = request_caller(request),
                                  .limit = body == BODY_BYTES ? request->server->settings.max_file
                                                              : request->server->settings.max_body};
}

static void answer_too_big(struct request *request)
{
    bool file = request->route && request->route->body == BODY_BYTES;

    answer_fail(request, ENCLAVE_ETOOBIG,
                "the body is longer than %zu bytes, which [server] %s allows", request->body.limit,
                file ? "max_file" : "max_body");
}

static bool take_target(struct request *request)
{
    size_t length;

    if (!request->connection->target) {
        answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
        return false;
    }
    length = strcspn(request->connection->target, "?");
    length = length < sizeof request->path ? length : sizeof request->path - 1;
    memcpy(request->path, request->connection->target, length);
    request->path[length] = '\0';
    if (!uri_parse(request->connection->target, &request->uri)) {
        if (request->uri.segments == 0 || request->uri.segments == URI_SEGMENTS_MAX) {
            answer_no_path(request);
        } else {
            answer_fail(
                request, ENCLAVE_EINVALID,
                "query: a control character, a malformed escape, or more than %d parameters",
                URI_PARAMETERS_MAX);
        }
        return false;
    }
    return true;
}

/*
 * Whether a NUL ended the target before its line did. The library tells no lengths, but its texts are pieces of the line:
 * what comes next, after the blank that is a NUL now, is the version. Elsewhere it is not near.
 */
static bool is_cut(const struct request *request, const char *version)
{
    uintptr_t gap = (uintptr_t)version - request->connection->target_end;

    return gap > 0 && gap < request->server->settings.max_headers;
}

static void refuse_early(struct request *request, const char *version)
{
    struct server *server = request->server;

    if (is_cut(request, version)) {
        answer_fail(request, ENCLAVE_EINVALID, "a NUL in the request line");
    } else if (atomic_load(&server->stopping)) {
        answer_overload(request, "the server is being stopped");
    } else if (request->connection->surplus) {
        answer_overload(request, "there are too many connections already");
    } else if (take_target(request) && take_key(request)) {
        (void)routes_match(request);
    }
}

static enum MHD_Result send_answer(struct request *request)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result r;

    request->response = NULL;
    if (!response) {
        return MHD_NO;
    }
    if (atomic_load(&request->server->stopping) || request->connection->surplus ||
        request->misframed) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    connections_limit_answer(request->server, request->connection);
    r = MHD_queue_response(request->mhd, request->status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result begin(struct server *server, struct MHD_Connection *mhd,
                             struct connection *connection, const char *method, const char *version)
{
    struct request *request = &connection->request;
    size_t length;

    *request = (struct request){.server = server,
                                .mhd = mhd,
                                .connection = connection,
                                .method = method,
                                .started_us = clock_us()};
    atomic_store(&connection->busy, true);
    atomic_fetch_add(&server->counters.active, 1);
    take_id(request);
    refuse_early(request, version);
    prepare_body(request);
    request->misframed = !take_framing(request, version, &length);
    if (request->misframed) {
        answer_fail(request, ENCLAVE_EINVALID,
                    "headers: expected one Content-Length, or one Transfer-Encoding, which is "
                    "'chunked', and no blank before a colon");
        return send_answer(request);
    }
    connections_limit(connection, length > 0 ? server->settings.body_timeout_ms : 0);
    if (length != SIZE_MAX && length > request->body.limit) {
        if (!request->response) {
            answer_too_big(request);
        }
        return send_answer(request);
    }
    request->discarding = request->response != NULL;
    return MHD_YES;
}

/* ----------------------------------------------------------------------------- body and answer */

/* Slowly is as good as not at all: time is given for what has come. */
static void take_body(struct request *request, const char *data, size_t length)
{
    struct server *server = request->server;

    if (!request->discarding) {
        body_take(&request->body, data, length);
    } else {
        request->body.received += length;
    }
    if (request->body.received <= request->body.limit) {
        int64_t used = clock_us() / 1000 - request->started_us / 1000;
        int64_t given = server->settings.body_timeout_ms +
                        (int64_t)(request->body.received / (BYTES_A_SECOND / 1000));
        connections_limit(request->connection, given > used ? given - used : 1);
    }
}

static void take_up(struct request *request)
{
    if (request->paced) {
        request->paced = false;
        loop_answer_taken(request->server->loop);
    }
}

static void handle(struct request *request)
{
    if (request->body.over) {
        answer_too_big(request);
    } else if (request->body.starved) {
        answer_overload(request, request->body.starved);
    } else {
        request->route->handle(request);
    }
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **context)
{
    struct connection *connection = connection_of(mhd);
    struct request *request = connection ? &connection->request : NULL;

    (void)url;
    reactor_happened();
    if (!connection) {
        return MHD_NO;
    }
    if (!*context) {
        *context = request;
        return begin(cls, mhd, connection, method, version);
    }
    if (*length > 0) {
        take_body(request, data, *length);
        *length = 0;
        return MHD_YES;
    }
    take_up(request);
    if (!request->waiting && !request->discarding) {
        connections_limit(connection, 0);
        handle(request);
        if (request->waiting) {
            return MHD_YES;
        }
    }
    return send_answer(request);
}

/* ------------------------------------------------------------------------------------------ end */

static void count(struct server *server, const struct request *request, bool delivered)
{
    unsigned class = request->status / 100;

    atomic_fetch_add(&server->counters.requests[class < 6 ? class : 5], 1);
    if (request->status == MHD_HTTP_TOO_MANY_REQUESTS ||
        request->status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        atomic_fetch_add(&server->counters.refused, 1);
    }
    if (!delivered) {
        atomic_fetch_add(&server->counters.gone, 1);
    }
}

static uint32_t level_of(const struct request *request)
{
    if (request->status >= 500) {
        return ENCLAVE_LOG_WARNING;
    }
    /* What looks in every second or so is not worth a line each time. */
    return request->route && request->status < 400 &&
                   (strcmp(request->route->path, "/health") == 0 ||
                    strcmp(request->route->path, "/metrics") == 0)
               ? ENCLAVE_LOG_DEBUG
               : ENCLAVE_LOG_INFO;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct server *server = cls;
    struct request *request = *context;
    bool delivered = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;

    (void)mhd;
    if (!request) {
        return;
    }
    take_up(request);
    if (request->finish) {
        request->finish(request, delivered);
    }
    if (log_wants(level_of(request))) {
        log_answered(level_of(request),
                     &(struct log_request){.id = request->id,
                                           .key = request->key,
                                           .method = request->method,
                                           .path = request->path,
                                           .status = request->status,
                                           .duration_us = clock_us() - request->started_us,
                                           .gone = !delivered});
    }
    count(server, request, delivered);
    body_drop(&request->body);
    enclave_cancel_free(request->cancel);
    if (request->response) {
        MHD_destroy_response(request->response);
    }
    request->cancel = NULL;
    request->response = NULL;
    atomic_store(&request->connection->busy, false);
    connections_limit(request->connection, server->settings.idle_timeout_ms);
    *context = NULL;
    if (atomic_fetch_sub(&server->counters.active, 1) == 1 && atomic_load(&server->stopping)) {
        uint64_t one = 1;
        (void)!write(server->quiet_fd, &one, sizeof one);
    }
}

/* ----------------------------------------------------------------------------------- the daemon */

static void on_message(void *cls, const char *format, va_list args)
{
    char text[512];

    (void)cls;
    (void)vsnprintf(text, sizeof text, format, args);
    log_line(ENCLAVE_LOG_DEBUG, "http: %s", text);
}

static struct MHD_Daemon *start_daemon(struct server *server, int listen_fd, const char *cert,
                                       const char *key)
{
    const struct settings *settings = &server->settings;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (cert ? MHD_USE_TLS : MHD_USE_TURBO);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_message, NULL},
        {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, settings->max_connections + SURPLUS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)settings->max_headers, NULL},
        {cert ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, (void *)(uintptr_t)cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_END);
}

static void run_submitted(void *manager)
{
    (void)enclave_manager_run_submitted(manager, NULL);
}

/* Takes the socket over. */
static int32_t start_reactor(struct server *server, int listen_fd, const char *cert,
                             const char *key, struct reactor **ret_reactor,
                             struct enclave_error *err)
{
    struct MHD_Daemon *daemon = listen_fd < 0 ? NULL : start_daemon(server, listen_fd, cert, key);

    if (daemon) {
        return reactor_start(daemon, run_submitted, server->manager, ret_reactor, err);
    }
    if (listen_fd >= 0) {
        (void)close(listen_fd);
    }
    return enclave_error_set(err, cert ? ENCLAVE_ECONFIG : ENCLAVE_EIO, "cannot start the server%s",
                             cert ? ": tls_cert and tls_key must be PEM files, and belong together"
                                  : "");
}

/* Each has a descriptor of its own of the socket. */
int32_t http_start(struct server *server, int listen_fd, const char *cert, const char *key,
                   struct enclave_error *err)
{
    int32_t r = late_microhttpd(err);

    for (unsigned i = 1; r == 0 && i < server->settings.threads; i++) {
        r = start_reactor(server, fcntl(listen_fd, F_DUPFD_CLOEXEC, 0), cert, key,
                          &server->reactors[i], err);
    }
    if (r < 0) {
        (void)close(listen_fd);
        return r;
    }
    return start_reactor(server, listen_fd, cert, key, &server->reactors[0], err);
}

void http_quiesce(struct server *server)
{
    atomic_store(&server->stopping, true);
    for (unsigned i = 0; i < SETTINGS_THREADS_MAX && server->reactors[i]; i++) {
        reactor_quiesce(server->reactors[i]);
    }
    connections_shut_idle(server->connections);
}

void http_stop(struct server *server)
{
    for (unsigned i = 0; i < SETTINGS_THREADS_MAX; i++) {
        if (server->reactors[i]) {
            reactor_stop(server->reactors[i]);
        }
    }
}

void http_free(struct server *server)
{
    for (unsigned i = 0; i < SETTINGS_THREADS_MAX; i++) {
        reactor_free(server->reactors[i]);
    }
}
