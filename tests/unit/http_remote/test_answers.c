/*
 * Answers that no good server gives: each a code, one line that says what and where, in bounded time, and the key goes
 * nowhere else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"

#include "../engine/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is answered to all requests. */
struct script {
    const char *raw; /* sent as it is, then the connection is closed; NULL: an answer */
    int status;
    const char *headers;
    const char *body;
    int foreign;
    int hang;
    size_t flood; /* bytes of a body without an end */
};

static int answer(void *ctx, int fd, const char *request)
{
    const struct script *script = ctx;
    char block[4096];

    (void)request;
    if (script->hang) {
        fake_wait_for_close(fd);
        return 0;
    }
    if (script->raw) {
        fake_send(fd, script->raw);
        memset(block, ' ', sizeof block);
        block[sizeof block - 1] = '\0';
        for (size_t sent = 0; sent < script->flood; sent += sizeof block) {
            fake_send(fd, block);
        }
        return 0;
    }
    if (script->foreign) {
        fake_answer_foreign(fd, script->status, script->body);
    } else {
        fake_answer(fd, script->status, script->headers ? script->headers : "", script->body);
    }
    return 1;
}

/* list() of a server with that script. */
static int32_t list(struct script script, const char *more, struct text *text,
                    struct enclave_error *err)
{
    struct fake_server *server = fake_server_new(NULL, answer, &script);
    struct remote *remote = fake_server_remote(server, more);
    struct enclave_sink sink = text_sink(text);
    int32_t r = remote_list(remote, 0, &sink, err);

    remote_close(remote);
    fake_server_free(server);
    return r;
}

static void check_list(struct script script, const char *more, int32_t code, const char *part)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct text *text = malloc(sizeof *text);
    int32_t r = list(script, more, text, &err);

    if (r != code || (part && !strstr(err.message, part))) {
        fail_msg("%d and '%s', not %d and '%s'", (int)r, err.message, (int)code, part);
    }
    assert_true(code == 0 || text->length == 0);
    free(text);
}

static void test_good(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct text *text = malloc(sizeof *text);

    (void)state;
    assert_int_equal(
        list((struct script){.status = 200, .body = "[{\"id\":\"a\"}]"}, "", text, &err), 0);
    assert_string_equal(text->data, "[{\"id\":\"a\"}]");
    free(text);
}

static void test_garbage(void **state)
{
    (void)state;
    check_list((struct script){.raw = "what do you want?\r\n\r\n"}, "", ENCLAVE_EPROTOCOL,
               "list sandboxes: what answers at http://127.0.0.1:");
    check_list((struct script){.status = 200, .body = "<html>hello</html>"}, "", ENCLAVE_EPROTOCOL,
               "something else");
    check_list((struct script){.status = 200, .body = "{}"}, "", ENCLAVE_EPROTOCOL, "JSON array");
    check_list((struct script){.status = 200, .body = "[] []"}, "", ENCLAVE_EPROTOCOL, NULL);
    check_list((struct script){.status = 200, .body = ""}, "", ENCLAVE_EPROTOCOL, NULL);
    check_list((struct script){.status = 200, .body = "[\"\xff\"]"}, "", ENCLAVE_EPROTOCOL, NULL);
    check_list((struct script){.status = 418, .body = "tea"}, "", ENCLAVE_EPROTOCOL, "418");
}

static void test_deep(void **state)
{
    char *body = malloc(200001);

    (void)state;
    memset(body, '[', 100000);
    memset(body + 100000, ']', 100000);
    body[200000] = '\0';
    check_list((struct script){.status = 200, .body = body}, "", ENCLAVE_EPROTOCOL, NULL);
    free(body);
}

static void test_huge(void **state)
{
    (void)state;
    check_list((struct script){.raw = "HTTP/1.1 200 OK\r\nServer: enclave/1\r\n\r\n",
                               .flood = (size_t)8 << 20},
               "", ENCLAVE_EPROTOCOL, "more than 1 MiB");
    check_list((struct script){.raw = "HTTP/1.1 500 X\r\n\r\n", .flood = (size_t)8 << 20}, "",
               ENCLAVE_EPROTOCOL, "more than 1 MiB");
    check_list((struct script){.raw = "HTTP/1.1 200 OK\r\nX: ", .flood = (size_t)8 << 20}, "",
               ENCLAVE_EPROTOCOL, NULL);
}

static void test_cut(void **state)
{
    (void)state;
    check_list((struct script){.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,"}, "",
               ENCLAVE_EUNREACHABLE, "in the middle");
    check_list(
        (struct script){.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,"}, "",
        ENCLAVE_EUNREACHABLE, NULL);
    check_list((struct script){.raw = "HTTP/1.1 200 OK\r\nContent-"}, "", ENCLAVE_EUNREACHABLE,
               "closed");
    check_list((struct script){.raw = ""}, "", ENCLAVE_EUNREACHABLE, "closed");
}

static void test_hang(void **state)
{
    (void)state;
    check_list((struct script){.hang = 1}, ",\"request_timeout\":0.2", ENCLAVE_ETIMEOUT,
               "did not answer in time");
}

/* Codes and sentences of our server are passed on as they are. */
static void test_errors(void **state)
{
    (void)state;
    check_list((struct script){.status = 403,
                               .body = "{\"detail\":\"network: set allow_network\",\"code\":"
                                       "\"denied\",\"cause\":null}"},
               "", ENCLAVE_EDENIED, "network: set allow_network");
    check_list((struct script){.status = 400,
                               .body = "{\"detail\":\"short\",\"code\":\"unenforced\",\"message\":"
                                       "\"the manager's own\"}"},
               "", ENCLAVE_EUNENFORCED, "the manager's own");
    check_list((struct script){.status = 502, .body = "{\"detail\":\"gone\",\"code\":\"lost\"}"},
               "", ENCLAVE_ELOST, "gone");
    check_list((struct script){.status = 400, .body = "{\"detail\":\"x\",\"code\":\"no such\"}"},
               "", ENCLAVE_EINVALID, "list sandboxes: x");
    check_list((struct script){.status = 429, .body = "{\"detail\":\"full\",\"code\":\"busy\"}"},
               "", ENCLAVE_EBUSY, "full");
}

/* Those of others are known by their status. */
static void test_foreign_errors(void **state)
{
    static const struct {
        int status;
        int32_t code;
    } table[] = {{400, ENCLAVE_EINVALID},     {403, ENCLAVE_EDENIED},     {404, ENCLAVE_ENOTFOUND},
                 {408, ENCLAVE_ETIMEOUT},     {409, ENCLAVE_EEXISTS},     {413, ENCLAVE_ETOOBIG},
                 {500, ENCLAVE_EBACKEND},     {501, ENCLAVE_ENOTSUP},     {429, ENCLAVE_EBUSY},
                 {502, ENCLAVE_EUNREACHABLE}, {504, ENCLAVE_EUNREACHABLE}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        check_list((struct script){.status = table[i].status,
                                   .body = "{\"detail\":\"words\"}",
                                   .foreign = 1},
                   "", table[i].code, "list sandboxes: words");
    }
    check_list((struct script){.status = 422,
                               .body = "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\","
                                       "\"sandbox_type\"],\"msg\":\"Field required\"}]}",
                               .foreign = 1},
               "", ENCLAVE_EINVALID, "sandbox_type: Field required");
    check_list((struct script){.status = 500, .body = "Internal Server Error", .foreign = 1}, "",
               ENCLAVE_EBACKEND, "status 500");
}

/* A server that is asked where it has nothing: the address is wrong, and is told. */
static void test_no_route(void **state)
{
    static const char *const bodies[] = {"{\"detail\":\"Not Found\",\"code\":\"notfound\"}",
                                         "{\"detail\":\"Not Found\"}", "<h1>Not Found</h1>"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        check_list((struct script){.status = 404, .body = bodies[i], .foreign = 1}, "",
                   ENCLAVE_ENOTFOUND, "has no '/sandboxes' there");
    }
}

static void test_unauthorized(void **state)
{
    (void)state;
    check_list((struct script){.status = 401,
                               .body = "{\"detail\":\"Unauthorized\",\"code\":\"unauthorized\"}"},
               "", ENCLAVE_EUNAUTHORIZED, "set api_key_file");
}

/* ------------------------------------------------------------------------------------ redirects */

static int refuse_all(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_answer(fd, 200, "", "[]");
    return 1;
}

static void test_redirect(void **state)
{
    struct fake_server *other = fake_server_new(NULL, refuse_all, NULL);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char headers[128], more[128], path[] = "/tmp/enclave-key-XXXXXX";
    struct script script = {.status = 307, .headers = headers, .body = ""};
    struct fake_server *server = fake_server_new(NULL, answer, &script);
    struct text *text = malloc(sizeof *text);
    struct enclave_sink sink = text_sink(text);
    int fd = mkstemp(path); /* 0600 */

    (void)state;
    assert_int_equal(write(fd, "the-secret\n", 11), 11);
    close(fd);
    snprintf(headers, sizeof headers, "Location: http://127.0.0.1:%d/sandboxes\r\n",
             fake_server_port(other));
    snprintf(more, sizeof more, ",\"api_key_file\":\"%s\"", path);
    struct remote *remote = fake_server_remote(server, more);
    static const int codes[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        script.status = codes[i];
        assert_int_equal(remote_list(remote, 0, &sink, &err), ENCLAVE_EPROTOCOL);
        assert_non_null(strstr(err.message, "not followed"));
    }
    assert_int_equal(fake_server_requests(server, "X-API-Key: the-secret\r\n"), 5);
    assert_int_equal(fake_server_connections(other), 0);
    remote_close(remote);
    unlink(path);
    fake_server_free(server);
    fake_server_free(other);
    free(text);
}

static void test_key_not_in_the_open(void **state)
{
    static const struct enclave_host host = {.size = sizeof host};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *backend = NULL;

    (void)state;
    assert_int_equal(
        remote_open(&host,
                    "{\"base_url\":\"http://example.org\",\"remote_type\":\"auto\","
                    "\"connect_timeout\":1,\"request_timeout\":1,\"retry_timeout\":1,"
                    "\"end_timeout\":1,\"idle_connections\":1,\"max_answer_size\":1048576,"
                    "\"insecure\":false,\"api_key_file\":\"/nonexistent\"}",
                    &backend, &err),
        ENCLAVE_EINVALID);
    assert_non_null(strstr(err.message, "plain text"));
}

/* --------------------------------------------------------------------------------------- probe */

static void check_probe(struct script script, int32_t code, const char *part)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct fake_server *server = fake_server_new(NULL, answer, &script);
    struct remote *remote = fake_server_remote(server, ",\"retry_timeout\":20");
    struct text *text = malloc(sizeof *text);
    struct enclave_sink sink = text_sink(text);
    int32_t r = remote_probe(remote, &sink, &err);

    if (r != code || !strstr(r == 0 ? text->data : err.message, part)) {
        fail_msg("%d: %s%s", (int)r, text->data, err.message);
    }
    free(text);
    remote_close(remote);
    fake_server_free(server);
}

static void test_probe(void **state)
{
    (void)state;
    check_probe((struct script){.status = 200, .body = "{\"healthy\":true,\"version\":\"0.1.0\"}"},
                0, "\"engine\":\"enclave 0.1.0\"");
    check_probe((struct script){.status = 200,
                                .body = "{\"healthy\":true,\"version\":\"0.0.7\"}",
                                .foreign = 1},
                0, "ms-enclave 0.0.7");
    check_probe((struct script){.status = 200, .body = "{\"healthy\":false}"}, ENCLAVE_EUNREACHABLE,
                "not healthy");
    check_probe((struct script){.status = 200, .body = "[]"}, ENCLAVE_EPROTOCOL, "health");
    check_probe((struct script){.status = 503, .headers = "Retry-After: 1\r\n", .body = "{}"},
                ENCLAVE_EUNREACHABLE, "503");
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct remote *remote = fake_remote("http://127.0.0.1:1", ",\"retry_timeout\":20");
    assert_int_equal(remote_probe(remote, NULL, &err), ENCLAVE_EUNREACHABLE);
    assert_non_null(strstr(err.message, "cannot reach the server at http://127.0.0.1:1"));
    remote_close(remote);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_deep),     cmocka_unit_test(test_huge),
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_hang),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_foreign_errors),
        cmocka_unit_test(test_no_route), cmocka_unit_test(test_unauthorized),
        cmocka_unit_test(test_redirect), cmocka_unit_test(test_key_not_in_the_open),
        cmocka_unit_test(test_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
