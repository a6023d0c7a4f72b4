/*
 * smoke.c - what differs with Podman, rootful and rootless: ids, filesystems, image names, limits that are told truthfully; and
 * that the main things work: commands, Python, files, an end by timeout.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_query.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_rootless(void)
{
    return strcmp(engine_name(), "podman-rootless") == 0;
}

/* Of the engine's own telling: whether it may use a controller of cgroups. */
static int has_controller(const char *name)
{
    json_object *info = engine_get(engine_socket(), "/v4.0.0/libpod/info");
    json_object *host = NULL, *list = NULL;
    int found = 0;

    assert_true(json_object_object_get_ex(info, "host", &host));
    assert_true(json_object_object_get_ex(host, "cgroupControllers", &list));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        found |= strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0;
    }
    json_object_put(info);
    return found;
}

static void test_commands_and_python(void **state)
{
    struct fixture *f = *state;

    expect_shell(f->manager, f->id, "echo out; cat /no/such 2>/dev/null; id -u | wc -l",
                 "out\n1\n");
    for (int i = 0; i < 3; i++) {
        struct enclave_result *result = run_python(f->manager, f->id, "print(40 + 2)");

        assert_string_equal(result->output, "42\n");
        enclave_result_free(result);
    }
}

/* Podman knows no owner for a tmpfs, so that the agent gives this one away. */
static void test_the_working_directory_is_the_payloads(void **state)
{
    struct fixture *f = *state;

    expect_shell(
        f->manager, f->id,
        "[ $(stat -c %u .) = $(id -u) ] && [ $(stat -c %g .) = $(id -g) ] && touch x && rm x"
        " && echo mine",
        "mine\n");
    expect_shell(f->manager, f->id, "grep CapEff /proc/self/status", "CapEff:\t0000000000000000\n");
    /* The agent has nothing left of what it took for that. */
    expect_shell(f->manager, f->id,
                 "printf '%x\\n' $((0x$(sed -n 's/^CapPrm:\\t//p' /proc/1/status) & 1))", "0\n");
    expect_shell(f->manager, f->id, is_rootless() ? "[ $(id -u) -lt 65536 ]; echo $?" : "echo 0",
                 "0\n");
}

/* Podman would mount writable ones of any size over a read-only root. */
static void test_nothing_else_is_writable(void **state)
{
    struct fixture *f = *state;

    expect_shell(f->manager, f->id,
                 "for d in / /run /var/tmp /etc /.enclave /run/enclave; do"
                 " touch $d/x 2>/dev/null && echo $d; done; true",
                 "");
}

static void test_files(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    assert_int_equal(
        enclave_manager_put_file(f->manager, f->id, "given.txt", "given", 5, 0644, &err), 0);
    expect_shell(f->manager, f->id, "cat given.txt; [ -O given.txt ] && echo ' mine'",
                 "given mine\n");
}

static void test_a_timeout_ends_all(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result = run_python_for(
        f->manager, f->id,
        "import subprocess, time\n"
        "subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM; sleep 987 & wait'])\n"
        "time.sleep(60)",
        500);

    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    expect_shell(f->manager, f->id,
                 "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sle[e]p 987' || true", "0\n");
}

/* What is built or loaded without a registry in its name lies under localhost/. */
static void test_a_local_image_is_found(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    assert_int_equal(engine_do(engine_socket(), "POST",
                               "/v4.0.0/libpod/images/python:3.11-slim/tag"
                               "?repo=localhost/enclave-test-local&tag=1"),
                     201);
    assert_int_equal(enclave_manager_create_sandbox(f->manager, NULL,
                                                    "{\"image\": \"enclave-test-local:1\","
                                                    " \"tools_config\": [\"shell_executor\"]}",
                                                    NULL, id, &err),
                     0);
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
    assert_int_equal(engine_do(engine_socket(), "DELETE",
                               "/v4.0.0/libpod/images/localhost/enclave-test-local:1"),
                     200);
}

/* A rootless Podman on cgroups of version 1 takes limits and forgets them. */
static void test_limits_are_told_truthfully(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    char *metadata = info_member(f->manager, f->id, "metadata");
    const char *unenforced = strstr(metadata, "\"unenforced\""); /* its last member */
    int32_t r;

    assert_non_null(unenforced);
    if (!is_rootless()) {
        assert_true(has_controller("memory")); /* else this would prove nothing */
    }
    if (has_controller("memory")) {
        assert_null(strstr(unenforced, "memory_limit"));
    } else {
        assert_non_null(strstr(unenforced, "memory_limit"));
        r = enclave_manager_create_sandbox(f->manager, NULL, "{\"memory_limit\": \"64m\"}", NULL,
                                           id, &err);
        expect_error(r, ENCLAVE_EUNENFORCED, &err, "memory_limit");
    }
    free(metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_and_python),
        cmocka_unit_test(test_the_working_directory_is_the_payloads),
        cmocka_unit_test(test_nothing_else_is_writable),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_a_timeout_ends_all),
        cmocka_unit_test(test_a_local_image_is_found),
        cmocka_unit_test(test_limits_are_told_truthfully),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
