/*
 * What a request leaves on the connection and its handle: nothing that the next one shows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"

#include "../engine/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER "{\"ok\":true}"
#define LENGTH(list) (sizeof(list) / sizeof *(list))

struct script {
    pthread_mutex_t lock; /* guards `last` */
    char *last;           /* request, to the byte */
};

static int answer(void *ctx, int fd, const char *request)
{
    struct script *script = ctx;

    pthread_mutex_lock(&script->lock);
    free(script->last);
    script->last = strdup(request);
    pthread_mutex_unlock(&script->lock);
    fake_answer(fd, 200, "", ANSWER);
    return 1;
}

static char *last_request(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    char *last = script->last;
    script->last = NULL;
    pthread_mutex_unlock(&script->lock);
    return last;
}

/* ------------------------------------------------------------------------------------- requests */

struct pieces {
    int left;
    size_t taken;
};

static int64_t read_piece(void *ctx, void *buffer, uint64_t capacity)
{
    struct pieces *pieces = ctx;

    assert_true(capacity >= 5);
    if (pieces->left-- <= 0) {
        return 0;
    }
    memcpy(buffer, "piece", 5);
    return 5;
}

static int32_t take(void *ctx, const char *data, size_t length)
{
    struct pieces *pieces = ctx;

    (void)data;
    pieces->taken += length;
    return 0;
}

static int32_t take_nothing(void *ctx, const char *data, size_t length)
{
    (void)ctx, (void)data, (void)length;
    return ENCLAVE_EIO;
}

static const struct exchange_request kinds[] = {
    {.method = "GET", .path = "/health"},
    {.method = "DELETE", .path = "/sandbox/a"},
    {.method = "POST", .path = "/sandbox/a/stop"},
    {.method = "POST",
     .path = "/sandbox/create?sandbox_type=auto",
     .content_type = "application/json",
     .header = "Idempotency-Key: one",
     .body = "{\"tools_config\":[]}",
     .length = 19},
    {.method = "POST",
     .path = "/sandbox/tool/execute",
     .content_type = "application/json",
     .accept = "application/x-ndjson",
     .body = "{}",
     .length = 2,
     .take = take},
    {.method = "GET", .path = "/sandbox/a/archive", .accept = "application/x-tar", .take = take},
    {.method = "GET", .path = "/sandbox/a/file?path=b", .take = take_nothing},
};
static const struct exchange_request uploads[] = {
    {.method = "PUT", .path = "/sandbox/a/file?path=b", .content_type = "text/plain"},
    {.method = "POST", .path = "/sandbox/a/archive"},
};

enum { KINDS = LENGTH(kinds), ALL = KINDS + LENGTH(uploads) };

/* The request that arrived; free() it. */
static char *send_kind(struct script *script, struct remote *remote, size_t kind)
{
    struct exchange_request request = kind < KINDS ? kinds[kind] : uploads[kind - KINDS];
    struct pieces pieces = {.left = 2};
    struct enclave_source source = {sizeof source, 0, &pieces, read_piece};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct exchange_answer answer;

    request.what = "try";
    request.cancel_fd = -1;
    request.from = kind < KINDS ? NULL : &source;
    request.ctx = &pieces;
    int32_t r = exchange(&remote->exchanger, &request, &answer, &err);
    assert_int_equal(r, request.take == take_nothing ? ENCLAVE_EIO : 0);
    assert_string_equal(answer.body.data ? answer.body.data : "", request.take ? "" : ANSWER);
    assert_int_equal(pieces.taken, request.take == take ? strlen(ANSWER) : 0);
    buffer_free(&answer.body);
    char *last = last_request(script);
    assert_non_null(last);
    return last;
}

/* --------------------------------------------------------------------------------------- tests */

static void test_a_used_lane_sends_what_a_new_one_does(void **state)
{
    struct script script = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct fake_server *server = fake_server_new(NULL, answer, &script);

    (void)state;
    for (size_t second = 0; second < ALL; second++) {
        struct remote *fresh = fake_server_remote(server, "");
        char *expected = send_kind(&script, fresh, second);
        remote_close(fresh);
        for (size_t first = 0; first < ALL; first++) {
            struct remote *remote = fake_server_remote(server, "");
            unsigned connections = fake_server_connections(server);
            free(send_kind(&script, remote, first));
            char *seen = send_kind(&script, remote, second);
            assert_string_equal(seen, expected);
            if (first < KINDS && !(kinds[first].take == take_nothing)) {
                assert_int_equal(fake_server_connections(server), connections + 1);
            }
            free(seen);
            remote_close(remote);
        }
        free(expected);
    }
    fake_server_free(server);
    free(script.last);
}

static void check_line(char *request, const char *line)
{
    request[strcspn(request, "\r")] = '\0';
    assert_string_equal(request, line);
    free(request);
}

static void test_paths_stand_behind_the_prefix(void **state)
{
    struct script script = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct fake_server *server = fake_server_new(NULL, answer, &script);
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/a/../b//", fake_server_port(server));
    struct remote *remote = fake_remote(url, "");
    for (int i = 0; i < 2; i++) {
        check_line(send_kind(&script, remote, 3),
                   "POST /a/../b/sandbox/create?sandbox_type=auto HTTP/1.1");
        check_line(send_kind(&script, remote, 0), "GET /a/../b/health HTTP/1.1");
    }
    remote_close(remote);
    fake_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_used_lane_sends_what_a_new_one_does),
        cmocka_unit_test(test_paths_stand_behind_the_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
