/*
 * Files and archives: what is sent, and what becomes of receivers and sources that fail.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"
#include "sandbox.h"

#include "../engine/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct script {
    int foreign;
    int refuse;
    int hang;
};

static int answer(void *ctx, int fd, const char *request)
{
    const struct script *script = ctx;

    if (strncmp(request, "GET /health", 11) == 0 && script->foreign) {
        fake_answer_foreign(fd, 200, "{\"healthy\":true}");
    } else if (strncmp(request, "GET /health", 11) == 0) {
        fake_answer(fd, 200, "", "{\"healthy\":true}");
    } else if (script->hang) {
        fake_wait_for_close(fd);
    } else if (script->refuse) {
        fake_answer(fd, 403, "", "{\"detail\":\"read-only\",\"code\":\"denied\"}");
    } else if (strncmp(request, "GET ", 4) == 0) {
        fake_answer(fd, 200, "", "the content");
    } else {
        fake_answer(fd, 200, "", "{\"ok\":true}");
    }
    return 1;
}

struct setup {
    struct script script;
    struct fake_server *server;
    struct remote *remote;
    struct sandbox *sandbox;
    struct enclave_error err;
    struct text text;
    struct enclave_sink sink;
};

static struct setup *setup_new(struct script script)
{
    struct setup *setup = calloc(1, sizeof *setup);

    assert_non_null(setup);
    setup->script = script;
    setup->server = fake_server_new(NULL, answer, &setup->script);
    setup->remote = fake_server_remote(setup->server, "");
    setup->sandbox = sandbox_new(setup->remote, "abc");
    setup->sink = text_sink(&setup->text);
    setup->err.size = sizeof setup->err;
    return setup;
}

static void setup_free(struct setup *setup)
{
    sandbox_free(setup->sandbox);
    remote_close(setup->remote);
    fake_server_free(setup->server);
    free(setup);
}

static const struct enclave_file_request file = {.size = sizeof file,
                                                 .path = "a b/\xc3\xa4",
                                                 .mode = 0600,
                                                 .max_bytes = 100,
                                                 .timeout_ms = 20000};

/* Three pieces, then the end or a failure. */
struct pieces {
    int left;
    int32_t fails;
};

static int64_t read_piece(void *ctx, void *buffer, uint64_t capacity)
{
    struct pieces *pieces = ctx;

    assert_true(capacity >= 5);
    if (pieces->left-- <= 0) {
        return pieces->fails;
    }
    memcpy(buffer, "piece", 5);
    return 5;
}

static void test_read(void **state)
{
    struct setup *setup = setup_new((struct script){0});

    (void)state;
    assert_int_equal(sandbox_file_read(setup->sandbox, &file, -1, &setup->sink, &setup->err), 0);
    assert_string_equal(setup->text.data, "the content");
    assert_int_equal(
        fake_server_requests(setup->server,
                             "GET /sandbox/abc/file?path=a%20b%2F%C3%A4&max_bytes=100 HTTP"),
        1);
    assert_int_equal(sandbox_get_archive(setup->sandbox, &file, -1, &setup->sink, &setup->err), 0);
    assert_int_equal(
        fake_server_requests(setup->server, "GET /sandbox/abc/archive?path=a%20b%2F%C3%A4 HTTP"),
        1);
    setup_free(setup);
}

static void test_read_too_much(void **state)
{
    struct setup *setup = setup_new((struct script){0});
    struct enclave_file_request small = file;

    (void)state;
    small.max_bytes = 5; /* which the server does not see to */
    assert_int_equal(sandbox_file_read(setup->sandbox, &small, -1, &setup->sink, &setup->err),
                     ENCLAVE_ETOOBIG);
    setup_free(setup);
}

static void test_write(void **state)
{
    struct setup *setup = setup_new((struct script){0});
    struct pieces pieces = {.left = 3};
    struct enclave_source source = {sizeof source, 0, &pieces, read_piece};

    (void)state;
    assert_int_equal(sandbox_file_write(setup->sandbox, &file, -1, &source, &setup->err), 0);
    assert_int_equal(fake_server_requests(
                         setup->server, "PUT /sandbox/abc/file?path=a%20b%2F%C3%A4&mode=0600 HTTP"),
                     1);
    assert_int_equal(fake_server_requests(setup->server, "piece"), 1);
    pieces = (struct pieces){.left = 3};
    assert_int_equal(sandbox_put_archive(setup->sandbox, &file, -1, &source, &setup->err), 0);
    assert_int_equal(fake_server_requests(
                         setup->server, "POST /sandbox/abc/archive?target_dir=a%20b%2F%C3%A4 HTTP"),
                     1);
    setup_free(setup);
}

static void test_source_fails(void **state)
{
    struct setup *setup = setup_new((struct script){0});
    struct pieces pieces = {.left = 2, .fails = ENCLAVE_EIO};
    struct enclave_source source = {sizeof source, 0, &pieces, read_piece};

    (void)state;
    assert_int_equal(sandbox_file_write(setup->sandbox, &file, -1, &source, &setup->err),
                     ENCLAVE_EIO);
    setup_free(setup);
}

static void test_refused(void **state)
{
    struct setup *setup = setup_new((struct script){.refuse = 1});
    struct pieces pieces = {.left = 3};
    struct enclave_source source = {sizeof source, 0, &pieces, read_piece};

    (void)state;
    assert_int_equal(sandbox_file_read(setup->sandbox, &file, -1, &setup->sink, &setup->err),
                     ENCLAVE_EDENIED);
    assert_string_equal(setup->err.message, "read-only");
    assert_int_equal(setup->text.length, 0);
    assert_int_equal(sandbox_file_write(setup->sandbox, &file, -1, &source, &setup->err),
                     ENCLAVE_EDENIED);
    setup_free(setup);
}

static void test_ended(void **state)
{
    struct setup *setup = setup_new((struct script){.hang = 1});
    struct enclave_file_request quick = file;
    int cancel_fd = fake_cancel_after(300);

    (void)state;
    quick.timeout_ms = 300;
    assert_int_equal(sandbox_file_read(setup->sandbox, &quick, -1, &setup->sink, &setup->err),
                     ENCLAVE_ETIMEOUT);
    assert_int_equal(sandbox_file_read(setup->sandbox, &file, cancel_fd, &setup->sink, &setup->err),
                     ENCLAVE_ECANCELLED);
    close(cancel_fd);
    setup_free(setup);
}

static void test_not_supported(void **state)
{
    struct setup *setup = setup_new((struct script){.foreign = 1});
    struct pieces pieces = {.left = 3};
    struct enclave_source source = {sizeof source, 0, &pieces, read_piece};

    (void)state;
    assert_int_equal(sandbox_file_read(setup->sandbox, &file, -1, &setup->sink, &setup->err),
                     ENCLAVE_ENOTSUP);
    assert_int_equal(sandbox_file_write(setup->sandbox, &file, -1, &source, &setup->err),
                     ENCLAVE_ENOTSUP);
    assert_int_equal(sandbox_get_archive(setup->sandbox, &file, -1, &setup->sink, &setup->err),
                     ENCLAVE_ENOTSUP);
    assert_int_equal(sandbox_put_archive(setup->sandbox, &file, -1, &source, &setup->err), 0);
    assert_int_equal(sandbox_file_stat(setup->sandbox, &file, -1, NULL, &setup->err),
                     ENCLAVE_ENOTSUP);
    assert_int_equal(sandbox_file_list(setup->sandbox, &file, -1, NULL, &setup->err),
                     ENCLAVE_ENOTSUP);
    assert_int_equal(sandbox_file_remove(setup->sandbox, &file, -1, &setup->err), ENCLAVE_ENOTSUP);
    setup_free(setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),          cmocka_unit_test(test_read_too_much),
        cmocka_unit_test(test_write),         cmocka_unit_test(test_source_fails),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_ended),
        cmocka_unit_test(test_not_supported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
