/*
 * attach.c - the upgraded connections of POST /containers/ID/attach and /exec/ID/start.
 *
 * Owns: asking for it, and the bytes behind the head of the answer. Does not know the framing
 * inside the stream.
 *
 * Source: Engine API, ContainerExec, ExecStart, ContainerAttach ("Hijacking", "Stream format").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "head.h"
#include "state.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* For the connection and the head of the answer. An engine under load takes seconds, not minutes.
 */
#define ATTACH_TIMEOUT_MS 30000

struct engine_stream {
    struct http_lane *lane; /* holds the connection: CURLOPT_CONNECT_ONLY; NULL: `fd` does */
    int fd;
    int tls;
    struct buffer early; /* read behind the head, not yet taken */
    size_t early_taken;
};

/* What engine_attach() works with. */
struct attachment {
    struct engine *engine;
    struct engine_stream *stream;
    int64_t deadline;
    int cancel_fd;
    char what[96]; /* for messages */
    struct enclave_error *err;
};

static ssize_t tls_result(CURLcode result, size_t n, int at_end)
{
    switch ((int)result) {
    case CURLE_OK:
        return (ssize_t)n;
    case CURLE_AGAIN:
        return -EAGAIN;
    case CURLE_GOT_NOTHING:
        return at_end;
    default:
        return -ECONNRESET;
    }
}

static ssize_t raw_read(struct engine_stream *stream, void *buffer, size_t capacity)
{
    ssize_t n;

    if (stream->tls) {
        size_t got = 0;
        CURLcode result = curl_easy_recv(stream->lane->easy, buffer, capacity, &got);
        return tls_result(result, got, 0);
    }
    do {
        n = recv(stream->fd, buffer, capacity, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t engine_stream_read(struct engine_stream *stream, void *buffer, size_t capacity)
{
    size_t left = stream->early.length - stream->early_taken;

    if (left == 0) {
        return raw_read(stream, buffer, capacity);
    }
    if (left > capacity) {
        left = capacity;
    }
    memcpy(buffer, stream->early.data + stream->early_taken, left);
    stream->early_taken += left;
    if (stream->early_taken == stream->early.length) {
        buffer_free(&stream->early);
        stream->early_taken = 0;
    }
    return (ssize_t)left;
}

ssize_t engine_stream_write(struct engine_stream *stream, const void *data, size_t length)
{
    ssize_t n;

    if (length == 0) {
        return 0;
    }
    if (stream->tls) {
        size_t sent = 0;
        CURLcode result = curl_easy_send(stream->lane->easy, data, length, &sent);
        return tls_result(result, sent, -EPIPE);
    }
    do {
        n = send(stream->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int engine_stream_fd(const struct engine_stream *stream)
{
    return stream->fd;
}

int engine_stream_is_plain(const struct engine_stream *stream)
{
    return !stream->tls && stream->early.length == stream->early_taken;
}

void engine_stream_close(struct engine_stream *stream)
{
    if (!stream) {
        return;
    }
    if (!stream->lane && stream->fd >= 0) {
        close(stream->fd);
    }
    http_lane_free(stream->lane);
    buffer_free(&stream->early);
    free(stream);
}

static int32_t stopped(const struct attachment *attachment, int32_t code)
{
    return http_error_stopped(&attachment->engine->client, attachment->what, code, attachment->err);
}

/*
 * Without TLS only the socket is needed from here on; a handle of libcurl's would cost 20 KiB and three
 * descriptors for as long as the stream lives.
 */
static int32_t take_socket(struct attachment *attachment)
{
    struct engine_stream *stream = attachment->stream;
    int own = fcntl(stream->fd, F_DUPFD_CLOEXEC, 3);

    if (own < 0) {
        return enclave_error_set(attachment->err, ENCLAVE_EIO, "%s: %s", attachment->what,
                                 strerror(errno));
    }
    http_lane_free(stream->lane);
    stream->lane = NULL;
    stream->fd = own;
    return 0;
}

static int32_t connect_stream(struct attachment *attachment)
{
    struct http_client *client = &attachment->engine->client;
    struct engine_stream *stream = attachment->stream;
    char detail[CURL_ERROR_SIZE] = "";
    CURLcode result = CURLE_OK;
    curl_socket_t fd = CURL_SOCKET_BAD;
    CURL *easy = stream->lane->easy;
    int32_t code = http_lane_prepare(client, stream->lane);

    if (code || curl_easy_setopt(easy, CURLOPT_URL, client->address.base)) {
        return stopped(attachment, ENCLAVE_ENOMEM);
    }
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    code = http_lane_run(stream->lane, attachment->deadline, attachment->cancel_fd, &result);
    if (code) {
        code = stopped(attachment, code);
    } else if (result != CURLE_OK) {
        code = http_error_result(client, attachment->what, easy, result, detail, attachment->err);
    } else if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) || fd == CURL_SOCKET_BAD) {
        code = http_error_closed(client, attachment->what, attachment->err);
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    stream->fd = fd;
    stream->tls = client->address.ca != NULL;
    return code || stream->tls ? code : take_socket(attachment);
}

/* Wait for the connection. 0, or a code with its message. */
static int32_t wait_for(struct attachment *attachment, short events)
{
    struct pollfd wait[2] = {{.fd = attachment->stream->fd, .events = events},
                             {.fd = attachment->cancel_fd, .events = POLLIN}};

    for (;;) {
        if (clock_is_over(attachment->deadline)) {
            return stopped(attachment, ENCLAVE_ETIMEOUT);
        }
        /* A negative descriptor is ignored by poll(2). */
        if (poll(wait, 2, clock_wait_ms(attachment->deadline)) < 0 && errno != EINTR) {
            return stopped(attachment, ENCLAVE_ENOMEM);
        }
        if (wait[1].revents) {
            return stopped(attachment, ENCLAVE_ECANCELLED);
        }
        if (wait[0].revents) {
            return 0;
        }
    }
}

static int32_t send_request(struct attachment *attachment, const char *text)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t n = engine_stream_write(attachment->stream, text, length);
        int32_t code = 0;

        if (n == -EAGAIN) {
            code = wait_for(attachment, POLLOUT);
        } else if (n < 0) {
            code =
                http_error_closed(&attachment->engine->client, attachment->what, attachment->err);
        } else {
            text += n;
            length -= (size_t)n;
        }
        if (code) {
            return code;
        }
    }
    return 0;
}

/* Append what has come to `buffer`, waiting for it. 1: the end was reached; negative: an error. */
static int32_t receive(struct attachment *attachment, struct buffer *buffer)
{
    char chunk[4096];

    for (;;) {
        ssize_t n = raw_read(attachment->stream, chunk, sizeof chunk);
        int32_t code;

        if (n == 0) {
            return 1;
        }
        if (n > 0) {
            code = buffer_append(buffer, chunk, (size_t)n);
            return code ? stopped(attachment, ENCLAVE_ENOMEM) : 0;
        }
        if (n != -EAGAIN) {
            return http_error_closed(&attachment->engine->client, attachment->what,
                                     attachment->err);
        }
        code = wait_for(attachment, POLLIN);
        if (code) {
            return code;
        }
    }
}

/* Read the head into `buffer`, with what came behind it. */
static int32_t receive_head(struct attachment *attachment, struct buffer *buffer, struct head *head)
{
    const struct http_client *client = &attachment->engine->client;

    for (;;) {
        int32_t code = receive(attachment, buffer);
        int whole;

        if (code) {
            return code < 0 ? code : http_error_closed(client, attachment->what, attachment->err);
        }
        whole = head_parse(buffer->data, buffer->length, head);
        if (whole < 0) {
            return enclave_error_set(attachment->err, ENCLAVE_EPROTOCOL,
                                     "%s: what answers at %s does not speak HTTP as %s does",
                                     attachment->what, client->address.text, client->name);
        }
        if (whole) {
            buffer_consume(buffer, head->length);
            return 0;
        }
    }
}

/* The engine refused: its reason is in the body, of which `body` holds the beginning. */
static int32_t refusal(struct attachment *attachment, const struct head *head, struct buffer *body)
{
    size_t wanted = head->content_length < 0 || (uint64_t)head->content_length > HEAD_MAX
                        ? HEAD_MAX
                        : (size_t)head->content_length;
    char text[TEXT_SIZE];
    int32_t code = 0;

    while (body->length < wanted && code == 0) {
        code = receive(attachment, body);
    }
    if (code < 0 && code != ENCLAVE_EUNREACHABLE) {
        return code;
    }
    if (head->status < 400) {
        return enclave_error_set(attachment->err, ENCLAVE_EPROTOCOL,
                                 "%s: %s answered %d where a stream was expected", attachment->what,
                                 attachment->engine->client.name, head->status);
    }
    text_from_body(text, sizeof text, body->data, body->length < wanted ? body->length : wanted);
    return enclave_error_set(attachment->err, engine_status_code(head->status), "%s: %s (%d to %s)",
                             attachment->engine->client.name, text, head->status, attachment->what);
}

static int32_t upgrade(struct attachment *attachment, const char *request)
{
    struct buffer buffer = BUFFER_INIT(2 * HEAD_MAX + 8192);
    struct head head = {0};
    int32_t code = send_request(attachment, request);

    if (!code) {
        code = receive_head(attachment, &buffer, &head);
    }
    /* Engines that do not upgrade, as the API allows, answer 200 and stream all the same. */
    if (!code && head.status != 101 && head.status != 200) {
        code = refusal(attachment, &head, &buffer);
    }
    if (code || buffer.length == 0) {
        buffer_free(&buffer);
        return code;
    }
    attachment->stream->early = buffer;
    return 0;
}

/* `path` as for engine_request(); `body` is JSON, or "". */
static int32_t make_request(struct attachment *attachment, const char *path, const char *body,
                            char **ret_text)
{
    struct engine *engine = attachment->engine;
    struct api_version version;
    int32_t code = engine_version(engine, attachment->deadline, attachment->cancel_fd, &version,
                                  attachment->err);

    if (code) {
        return code;
    }
    if (asprintf(ret_text,
                 "POST /v%u.%u%s HTTP/1.1\r\n"
                 "Host: %s\r\nUser-Agent: enclave\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                 "%sContent-Length: %zu\r\n\r\n%s",
                 version.major, version.minor, path, engine->client.address.host,
                 *body ? "Content-Type: application/json\r\n" : "", strlen(body), body) < 0) {
        *ret_text = NULL;
        return stopped(attachment, ENCLAVE_ENOMEM);
    }
    return 0;
}

static int32_t open_stream(struct attachment *attachment, const char *path, const char *body,
                           struct engine_stream **ret_stream)
{
    char *request = NULL;
    int32_t code;

    attachment->stream = calloc(1, sizeof *attachment->stream);
    if (!attachment->stream) {
        return stopped(attachment, ENCLAVE_ENOMEM);
    }
    attachment->stream->fd = -1;
    code = http_lane_new(&attachment->engine->client, attachment->what, &attachment->stream->lane,
                         attachment->err);
    if (!code) {
        code = make_request(attachment, path, body, &request);
    }
    if (!code) {
        code = connect_stream(attachment);
    }
    if (!code) {
        code = upgrade(attachment, request);
    }
    free(request);
    if (code) {
        if (code == ENCLAVE_EUNREACHABLE) {
            engine_forget(attachment->engine);
        }
        engine_stream_close(attachment->stream);
        return code;
    }
    *ret_stream = attachment->stream;
    return 0;
}

int32_t engine_attach(struct engine *engine, const char *container, int cancel_fd,
                      struct engine_stream **ret_stream, struct enclave_error *err)
{
    struct attachment attachment = {.engine = engine,
                                    .deadline = clock_deadline(ATTACH_TIMEOUT_MS),
                                    .cancel_fd = cancel_fd,
                                    .err = err};
    char *escaped = engine_escape(container);
    char *path = NULL;
    int32_t code;

    snprintf(attachment.what, sizeof attachment.what, "attach to container '%.64s'", container);
    if (!escaped ||
        asprintf(&path, "/containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1", escaped) < 0) {
        path = NULL;
        code = stopped(&attachment, ENCLAVE_ENOMEM);
    } else {
        code = open_stream(&attachment, path, "", ret_stream);
    }
    free(path);
    free(escaped);
    return code;
}

/* What is to be started; its id, by which it can be. */
static int32_t make_exec(struct attachment *attachment, const char *container, json_object *body,
                         char *ret_path, size_t size)
{
    json_object *answer = NULL;
    char *escaped = engine_escape(container);
    char *path = NULL;
    const char *id;
    int32_t code;

    if (!escaped || asprintf(&path, "/containers/%s/exec", escaped) < 0) {
        free(escaped);
        return stopped(attachment, ENCLAVE_ENOMEM);
    }
    code = engine_request(attachment->engine, "POST", path, body, ATTACH_TIMEOUT_MS,
                          attachment->cancel_fd, NULL, &answer, attachment->err);
    free(path);
    free(escaped);
    id = json_object_get_string(json_object_object_get(answer, "Id"));
    if (!code && (!id || strspn(id, "0123456789abcdef") != strlen(id) ||
                  snprintf(ret_path, size, "/exec/%s/start", id) >= (int)size)) {
        code = enclave_error_set(attachment->err, ENCLAVE_EPROTOCOL, "%s: %s gave it no id",
                                 attachment->what, attachment->engine->client.name);
    }
    json_object_put(answer);
    return code;
}

int32_t engine_exec(struct engine *engine, const char *container, json_object *body, int cancel_fd,
                    struct engine_stream **ret_stream, struct enclave_error *err)
{
    struct attachment attachment = {.engine = engine,
                                    .deadline = clock_deadline(ATTACH_TIMEOUT_MS),
                                    .cancel_fd = cancel_fd,
                                    .err = err};
    char path[160];
    int32_t code;

    snprintf(attachment.what, sizeof attachment.what, "start a program in container '%.40s'",
             container);
    code = make_exec(&attachment, container, body, path, sizeof path);
    return code ? code
                : open_stream(&attachment, path, "{\"Detach\":false,\"Tty\":false}", ret_stream);
}
