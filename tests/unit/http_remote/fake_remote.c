/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_remote.h"

#include "../engine/cmocka_all.h"

#include <stdio.h>
#include <string.h>

/* ----------------------------------------------------------------------------------- answering */

static void answer_as(int fd, const char *name, int status, const char *headers, const char *body)
{
    char head[1024];

    snprintf(head, sizeof head,
             "HTTP/1.1 %d X\r\nServer: %s\r\nContent-Type: application/json\r\n%s"
             "Content-Length: %zu\r\n\r\n",
             status, name, headers, strlen(body));
    fake_send(fd, head);
    fake_send(fd, body);
}

void fake_answer(int fd, int status, const char *headers, const char *body)
{
    answer_as(fd, "enclave/0.1.0", status, headers, body);
}

void fake_answer_foreign(int fd, int status, const char *body)
{
    answer_as(fd, "uvicorn", status, "", body);
}

void fake_stream(int fd)
{
    fake_send(fd, "HTTP/1.1 200 OK\r\nServer: enclave/0.1.0\r\nConnection: close\r\n"
                  "Content-Type: application/x-ndjson\r\n\r\n");
}

/* ----------------------------------------------------------------------------------- the backend */

static void ignore_log(void *ctx, uint32_t level, const char *message)
{
    (void)ctx, (void)level, (void)message;
}

struct remote *fake_remote(const char *base_url, const char *more)
{
    static const struct enclave_host host = {.size = sizeof host, .log = ignore_log};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *backend = NULL;
    char options[2048];

    snprintf(options, sizeof options,
             "{\"remote_type\":\"auto\",\"insecure\":false,\"connect_timeout\":5,"
             "\"request_timeout\":20,\"retry_timeout\":0,\"end_timeout\":45,\"idle_connections\":8,"
             "\"max_answer_size\":1048576,\"base_url\":\"%s\"%s}",
             base_url, more);
    if (remote_open(&host, options, &backend, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return backend;
}

struct remote *fake_server_remote(const struct fake_server *server, const char *more)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d", fake_server_port(server));
    return fake_remote(url, more);
}

static int32_t write_text(void *ctx, const void *data, uint64_t length)
{
    struct text *text = ctx;

    if (length >= sizeof text->data - text->length) {
        return ENCLAVE_ETOOBIG;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
    return 0;
}

struct enclave_sink text_sink(struct text *text)
{
    text->length = 0;
    text->data[0] = '\0';
    return (struct enclave_sink){sizeof(struct enclave_sink), 0, text, write_text};
}
