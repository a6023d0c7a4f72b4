/*
 * engine.c - an engine behind TLS, and one that is killed under our feet.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "certificates.h"
#include "dockerd.h"
#include "engine_query.h"
#include "program.h"
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct dockerd dockerd;

static int open_engine(void **state)
{
    int64_t start = now_ms();

    (void)state;
    if (dockerd_prepare(&dockerd) != 0 || certificates_make(dockerd.dir) != 0 ||
        dockerd_start(&dockerd) != 0) {
        return -1;
    }
    if (engine_copy_image(engine_socket(), dockerd.socket, "python:3.11-slim") != 0) {
        print_error("the image could not be copied\n");
        return -1;
    }
    printf("the engine is ready after %lld ms\n", (long long)(now_ms() - start));
    return 0;
}

static int close_engine(void **state)
{
    (void)state;
    dockerd_remove(&dockerd);
    return 0;
}

/* ------------------------------------------------------------------------------------------ TLS */

/* A manager that reaches the engine through TLS, with the certificates in a folder. */
static struct enclave_manager *make_tls_manager(const char *instance, const char *folder)
{
    char host[128], certificates[128];
    const char *overrides[] = {host, certificates, "backend docker.tls=true", NULL};

    (void)snprintf(host, sizeof host, "backend docker.host=%s", dockerd.address);
    (void)snprintf(certificates, sizeof certificates, "backend docker.cert_path=%s/%s", dockerd.dir,
                   folder);
    return make_manager(instance, overrides);
}

static void test_it_works_through_tls(void **state)
{
    char instance[64], id[ENCLAVE_ID_SIZE];
    struct enclave_manager *manager;
    struct enclave_result *result;
    struct footprint before, after;
    char *params;

    (void)state;
    unique_name(instance, sizeof instance, "tls");
    manager = make_tls_manager(instance, "client");
    make_sandbox(manager, "", id);
    result = run_python(manager, id, "print(6 * 7)");
    assert_string_equal(result->output, "42\n");
    enclave_result_free(result);

    before = footprint_now();
    result = run_python_for(manager, id,
                            "import os\nx = b'x' * (1 << 20)\nfor i in range(50):\n    n = 0\n"
                            "    while n < len(x): n += os.write(1, x[n:])\n",
                            0);
    after = footprint_now();
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->stdout_bytes, 50 << 20);
    printf("50 MB through TLS: %lld ms, resident memory %+ld KiB\n",
           (long long)result->wall_us / 1000, after.rss_kib - before.rss_kib);
    enclave_result_free(result);

    params = params_for("command", "yes", 1);
    result = run_tool(manager, id, "shell_executor", params);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    free(params);
    expect_alive(manager, id);
    delete_sandbox(manager, id);
    assert_int_equal(engine_containers_at(dockerd.socket, instance), 0);
    enclave_manager_free(manager);
}

static void expect_refused(const char *instance, struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, &err);

    printf("refused: %s: %s\n", enclave_error_name(r), err.message);
    assert_true(r == ENCLAVE_EUNREACHABLE || r == ENCLAVE_EUNAUTHORIZED);
    expect_error(r, r, &err, "ertificate");
    assert_int_equal(engine_containers_at(dockerd.socket, instance), 0);
    enclave_manager_free(manager);
}

static void test_a_strange_authority_is_refused(void **state)
{
    char ca[128], ours[128];

    (void)state;
    /* We do not trust the engine. */
    expect_refused("test-tls-strange", make_tls_manager("test-tls-strange", "stranger"));

    /* The engine does not trust us. */
    (void)snprintf(ca, sizeof ca, "%s/stranger/ca.pem", dockerd.dir);
    (void)snprintf(ours, sizeof ours, "%s/client/ca.pem", dockerd.dir);
    assert_int_equal(unlink(ca) | link(ours, ca), 0);
    expect_refused("test-tls-strange", make_tls_manager("test-tls-strange", "stranger"));
}

static void test_plain_text_is_refused(void **state)
{
    char host[128], id[ENCLAVE_ID_SIZE];
    const char *overrides[] = {host, "backend docker.tls=false", NULL};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager;
    int32_t r;

    (void)state;
    (void)snprintf(host, sizeof host, "backend docker.host=%s", dockerd.address);
    manager = make_manager("test-tls-plain", overrides);
    r = enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, &err);
    assert_true(r < 0);
    expect_error(r, r, &err, "HTTP"); /* the engine says what it wants */
    printf("plain text: %s: %s\n", enclave_error_name(r), err.message);
    enclave_manager_free(manager);
}

/* ----------------------------------------------------------------------------------- the kill */

struct execution {
    struct enclave_manager *manager;
    const char *id;
    atomic_int begun;
    struct enclave_result *result;
    struct enclave_error err;
    int64_t ended_ms;
    pthread_t thread;
};

static int32_t notice(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct execution *execution = ctx;

    (void)stream;
    if (memchr(data, '\n', length)) { /* which may come on its own */
        atomic_store(&execution->begun, 1);
    }
    return 0;
}

static void *execute(void *ctx)
{
    struct execution *execution = ctx;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.output = notice;
    options.output_ctx = execution;
    options.timeout_ms = 60000;
    execution->result =
        try_python(execution->manager, execution->id, "import time\nprint('begun')\ntime.sleep(60)",
                   &options, &execution->err);
    execution->ended_ms = now_ms();
    return NULL;
}

static struct enclave_manager *make_local_manager(const char *instance)
{
    char host[128];
    const char *overrides[] = {host, NULL};

    (void)snprintf(host, sizeof host, "backend docker.host=unix://%s", dockerd.socket);
    return make_manager(instance, overrides);
}

static void expect_not_running(struct enclave_manager *manager, const char *id)
{
    char *status = info_member(manager, id, "status");
    int64_t limit = now_ms() + 10000;

    /* Nobody waits for it, so the manager may notice a moment later. */
    while (strcmp(status, "running") == 0 && now_ms() < limit) {
        free(status);
        (void)usleep(20000);
        status = info_member(manager, id, "status");
    }
    if (strcmp(status, "error") != 0 && strcmp(status, "stopped") != 0) {
        fail_msg("sandbox '%s' is '%s' after its engine was killed", id, status);
    }
    free(status);
}

static void expect_lost(struct execution *execution, int64_t killed_ms)
{
    (void)pthread_join(execution->thread, NULL);
    printf("the execution ended %lld ms after the engine\n",
           (long long)(execution->ended_ms - killed_ms));
    if (!execution->result) {
        fail_msg("%s", execution->err.message);
    }
    assert_int_equal(execution->result->cause, ENCLAVE_CAUSE_BACKEND_LOST);
    assert_int_equal(execution->result->status, ENCLAVE_RESULT_ERROR);
    assert_string_equal(execution->result->output, "begun\n");
    assert_true(strlen(execution->result->error) > 0);
    printf("  %s\n", execution->result->error);
    assert_true(execution->ended_ms - killed_ms < 10000);
    enclave_result_free(execution->result);
}

static void expect_nothing_works(struct enclave_manager *manager, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;
    char other[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(manager, NULL, NULL, NULL, other, &err);

    expect_error(r, ENCLAVE_EUNREACHABLE, &err, dockerd.socket);
    result = try_python(manager, id, "print(1)", NULL, &err);
    assert_null(result);
    assert_true(err.code == ENCLAVE_ESTATE || err.code == ENCLAVE_ELOST);
    expect_error(err.code, err.code, &err, id);
}

/* All that the engine has, whoever it belongs to. */
static void print_containers(void)
{
    json_object *containers = engine_get(dockerd.socket, "/containers/json?all=1");

    printf("%s\n", json_object_to_json_string(containers));
    json_object_put(containers);
}

static void expect_containers(const char *instance, int wanted, int64_t within_ms)
{
    int64_t limit = now_ms() + within_ms;

    while (engine_containers_at(dockerd.socket, instance) != wanted && now_ms() < limit) {
        (void)usleep(50000);
    }
    if (engine_containers_at(dockerd.socket, instance) != wanted) {
        print_containers();
        fail_msg("the engine does not have %d containers of '%s' after %lld ms", wanted, instance,
                 (long long)within_ms);
    }
}

static void test_a_killed_engine(void **state)
{
    struct enclave_manager *manager;
    struct execution execution = {.err = ENCLAVE_ERROR_INIT};
    char instance[64], busy[ENCLAVE_ID_SIZE], quiet[ENCLAVE_ID_SIZE], fresh[ENCLAVE_ID_SIZE];
    int64_t killed;

    (void)state;
    unique_name(instance, sizeof instance, "killed");
    manager = make_local_manager(instance);
    make_sandbox(manager, "", busy);
    make_sandbox(manager, "", quiet);
    execution.manager = manager;
    execution.id = busy;
    assert_int_equal(pthread_create(&execution.thread, NULL, execute, &execution), 0);
    while (!atomic_load(&execution.begun)) {
        (void)usleep(10000);
    }
    dockerd_kill(&dockerd);
    killed = now_ms();
    expect_lost(&execution, killed);
    expect_not_running(manager, busy);
    expect_not_running(manager, quiet);
    expect_nothing_works(manager, busy);

    assert_int_equal(dockerd_start(&dockerd), 0);
    make_sandbox(manager, "", fresh);
    expect_alive(manager, fresh);
    expect_not_running(manager, busy);
    delete_sandbox(manager, busy);
    delete_sandbox(manager, quiet);
    expect_containers(instance, 1, 15000);
    delete_sandbox(manager, fresh);
    expect_containers(instance, 0, 0);
    enclave_manager_free(manager);
}

/* The manager ends while its engine is away: no hang. */
static void test_a_manager_ends_without_its_engine(void **state)
{
    struct enclave_manager *manager;
    char instance[64], id[ENCLAVE_ID_SIZE];
    int64_t start, took;

    (void)state;
    unique_name(instance, sizeof instance, "without");
    manager = make_local_manager(instance);
    make_sandbox(manager, "", id);
    dockerd_kill(&dockerd);
    start = now_ms();
    enclave_manager_free(manager);
    took = now_ms() - start;
    printf("a manager without its engine ended in %lld ms\n", (long long)took);
    assert_true(took < 15000);
    assert_int_equal(dockerd_start(&dockerd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_works_through_tls),
        cmocka_unit_test(test_a_strange_authority_is_refused),
        cmocka_unit_test(test_plain_text_is_refused),
        cmocka_unit_test(test_a_killed_engine),
        cmocka_unit_test(test_a_manager_ends_without_its_engine),
    };
    int skip = test_setup();

    if (skip) {
        return skip;
    }
    if (geteuid() != 0 || dockerd_own_network() != 0) {
        return test_missing("dockerd", "starting one needs root and a network namespace");
    }
    if (program_run((char *[]){(char[]){"dockerd"}, (char[]){"--version"}, NULL}, NULL) != 0) {
        return test_missing("dockerd", "no such program in PATH");
    }
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
