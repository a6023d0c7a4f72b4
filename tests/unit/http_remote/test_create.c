/*
 * Creates: what is sent, one sandbox for one request, none for a cancelled one; and what a server of ms-enclave is sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"
#include "sandbox.h"

#include "../engine/cmocka_all.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct script {
    int foreign;
    const char *id;  /* it gives; NULL: garbage */
    int close_first; /* creates after which the connection is closed without an answer */
    int hang_first;  /* creates that hang */
    int delay_ms;
    atomic_int creates;
};

static void answer_as(const struct script *script, int fd, const char *body)
{
    if (script->foreign) {
        fake_answer_foreign(fd, 200, body);
    } else {
        fake_answer(fd, 200, "", body);
    }
}

static int answer(void *ctx, int fd, const char *request)
{
    struct script *script = ctx;
    char body[256];

    if (strncmp(request, "POST /sandbox/create", 20) != 0) {
        answer_as(script, fd, "{\"healthy\":true,\"message\":\"\",\"status\":\"running\"}");
        return 1;
    }
    int count = atomic_fetch_add(&script->creates, 1);
    if (count < script->close_first) {
        return 0;
    }
    if (count < script->hang_first) {
        fake_wait_for_close(fd);
        return 0;
    }
    usleep((useconds_t)script->delay_ms * 1000);
    snprintf(body, sizeof body, "{\"sandbox_id\":\"%s\"}", script->id ? script->id : "../x");
    answer_as(script, fd, body);
    return 1;
}

struct setup {
    struct script script;
    struct fake_server *server;
    struct remote *remote;
    struct enclave_sandbox_facts facts;
    struct enclave_error err;
};

static struct setup *setup_new(struct script script, const char *more)
{
    struct setup *setup = calloc(1, sizeof *setup);

    assert_non_null(setup);
    memcpy(&setup->script, &script, sizeof script);
    setup->server = fake_server_new(NULL, answer, &setup->script);
    setup->remote = fake_server_remote(setup->server, more);
    setup->err.size = sizeof setup->err;
    return setup;
}

static void setup_free(struct setup *setup)
{
    remote_close(setup->remote);
    fake_server_free(setup->server);
    free(setup);
}

static const char config[] =
    "{\"timeout\":30,\"image\":\"python:3.11-slim\",\"network_enabled\":false,\"command\":null,"
    "\"memory_limit\":\"512m\",\"pids_limit\":256,\"read_only_root\":true,"
    "\"tools_config\":{\"shell_executor\":{}}}";

/* Its code; the sandbox, if there is one, is let go. */
static int32_t create(struct setup *setup, struct enclave_sandbox_spec spec, int cancel_fd)
{
    void *sandbox = NULL;

    spec.size = sizeof spec;
    spec.cancel_fd = cancel_fd;
    spec.id = spec.id ? spec.id : "abcdefgh";
    spec.config = config;
    spec.requested = spec.requested ? spec.requested : "{\"memory_limit\":\"64m\"}";
    setup->facts = (struct enclave_sandbox_facts){.size = sizeof setup->facts};
    int32_t r = sandbox_create(setup->remote, &spec, &setup->facts, &sandbox, &setup->err);
    if (r == 0) {
        assert_int_equal(sandbox_status(sandbox), ENCLAVE_STATUS_RUNNING);
        assert_int_equal(sandbox_detach(sandbox, &setup->err), 0);
        assert_int_equal(sandbox_destroy(sandbox, &setup->err), 0);
    }
    return r;
}

static unsigned seen(struct setup *setup, const char *part)
{
    return fake_server_requests(setup->server, part);
}

static void test_create(void **state)
{
    struct setup *setup = setup_new((struct script){.id = "abcdefgh"}, "");

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, -1), 0);
    assert_string_equal(setup->facts.id, "");
    assert_int_equal(seen(setup, "POST /sandbox/create?sandbox_type=auto&sandbox_id=abcdefgh HTTP"),
                     1);
    assert_int_equal(seen(setup, "\r\n\r\n{\"memory_limit\":\"64m\"}"), 1);
    assert_int_equal(seen(setup, "\r\nIdempotency-Key: "), 1);
    assert_int_equal(seen(setup, "DELETE "), 0); /* it was detached */
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){.type = "a&b"}, -1), 0);
    assert_int_equal(seen(setup, "sandbox_type=a%26b&"), 1);
    setup_free(setup);
}

/* A caller's key is to find the same sandbox again, so no id that was made up goes with it. */
static void test_request_key(void **state)
{
    struct setup *setup = setup_new((struct script){.id = "stuvwxyz"}, "");

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){.request_key = "my key"}, -1), 0);
    assert_int_equal(seen(setup, "\r\nIdempotency-Key: my key\r\n"), 1);
    assert_int_equal(seen(setup, "sandbox_id="), 0);
    assert_string_equal(setup->facts.id, "stuvwxyz");
    assert_int_equal(
        create(setup, (struct enclave_sandbox_spec){.request_key = "k", .id = "chosen"}, -1), 0);
    assert_int_equal(seen(setup, "sandbox_id=chosen"), 1);
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){.request_key = "a\r\nX: y"}, -1),
                     ENCLAVE_EINVALID);
    setup_free(setup);
}

static void test_repeated(void **state)
{
    struct setup *setup =
        setup_new((struct script){.id = "abcdefgh", .close_first = 2}, ",\"retry_timeout\":30");
    char key[96];

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){.request_key = "same"}, -1), 0);
    assert_int_equal(seen(setup, "Idempotency-Key: same\r\n"), 3);
    atomic_store(&setup->script.creates, 0);
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){.id = "other"}, -1), 0);
    assert_int_equal(seen(setup, "sandbox_id=other"), 3);
    snprintf(key, sizeof key, "sandbox_id=other HTTP/1.1");
    assert_int_equal(seen(setup, key), 3);
    setup_free(setup);
}

static void test_bad_id(void **state)
{
    struct setup *setup = setup_new((struct script){.id = NULL}, "");

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, -1), ENCLAVE_EPROTOCOL);
    setup_free(setup);
}

/* It is asked for again, which tells whether it was made, and deleted. */
static void test_cancelled(void **state)
{
    struct setup *setup = setup_new((struct script){.id = "abcdefgh", .hang_first = 1}, "");
    int cancel_fd = fake_cancel_after(300);

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, cancel_fd),
                     ENCLAVE_ECANCELLED);
    assert_int_equal(seen(setup, "POST /sandbox/create"), 2);
    assert_int_equal(seen(setup, "DELETE /sandbox/abcdefgh"), 1);
    close(cancel_fd);
    setup_free(setup);
}

/* ----------------------------------------------------------------------------------- ms-enclave */

static void test_foreign(void **state)
{
    struct setup *setup =
        setup_new((struct script){.foreign = 1, .id = "stuvwxyz"}, ",\"remote_type\":\"docker\"");

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, -1), 0);
    assert_string_equal(setup->facts.id, "stuvwxyz");
    assert_true(setup->facts.unenforced & ENCLAVE_CAN_PIDS);
    assert_int_equal(seen(setup, "POST /sandbox/create?sandbox_type=docker HTTP"), 1);
    assert_int_equal(seen(setup, "Idempotency-Key"), 0);
    /* Our defaults, and nothing that it does not know. */
    assert_int_equal(seen(setup, "\"network_enabled\":false"), 1);
    assert_int_equal(seen(setup, "\"memory_limit\":\"512m\""), 1);
    assert_int_equal(seen(setup, "pids_limit"), 0);
    assert_int_equal(seen(setup, "null"), 0);
    setup_free(setup);
}

static void test_foreign_refuses(void **state)
{
    struct setup *setup = setup_new((struct script){.foreign = 1, .id = "stuvwxyz"}, "");

    (void)state;
    assert_int_equal(
        create(setup, (struct enclave_sandbox_spec){.requested = "{\"pids_limit\":5}"}, -1),
        ENCLAVE_EUNENFORCED);
    assert_non_null(strstr(setup->err.message, "pids_limit"));
    assert_int_equal(seen(setup, "POST /sandbox/create"), 0);
    assert_int_equal(
        create(setup, (struct enclave_sandbox_spec){.requested = "{\"read_only_root\":false}"}, -1),
        0);
    setup_free(setup);
}

/* Not repeated: it has no keys. Its answer is waited for when the create is cancelled. */
static void test_foreign_broken(void **state)
{
    struct setup *setup = setup_new(
        (struct script){.foreign = 1, .id = "stuvwxyz", .close_first = 1}, ",\"retry_timeout\":30");

    (void)state;
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, -1), ENCLAVE_ELOST);
    assert_int_equal(seen(setup, "POST /sandbox/create"), 1);
    setup->script.delay_ms = 1000;
    int cancel_fd = fake_cancel_after(300);
    assert_int_equal(create(setup, (struct enclave_sandbox_spec){0}, cancel_fd),
                     ENCLAVE_ECANCELLED);
    assert_int_equal(seen(setup, "DELETE /sandbox/stuvwxyz"), 1);
    close(cancel_fd);
    setup_free(setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),          cmocka_unit_test(test_request_key),
        cmocka_unit_test(test_repeated),        cmocka_unit_test(test_bad_id),
        cmocka_unit_test(test_cancelled),       cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_foreign_refuses), cmocka_unit_test(test_foreign_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
