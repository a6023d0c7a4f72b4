/*
 * options.c - fields of a sandbox's configuration, as seen from inside and in the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "engine_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_the_defaults_are_strict(void **state)
{
    struct fixture *f = *state;

    expect_shell(f->manager, f->id, "test $(id -u) -ne 0 && echo other", "other\n");
    expect_shell(
        f->manager, f->id,
        "grep -cE '^Cap(Inh|Prm|Eff|Amb):.0000000000000000$' "
        "/proc/self/status",
        "4\n"); /* the bounding set is the agent's; with no-new-privileges none comes of it */
    expect_shell(f->manager, f->id, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n");
    expect_shell(f->manager, f->id, "grep Seccomp: /proc/self/status", "Seccomp:\t2\n");
    expect_shell(f->manager, f->id, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", "lo\n");
    expect_shell(f->manager, f->id,
                 "touch /x /usr/x /etc/x 2>/dev/null; ls /x /usr/x /etc/x "
                 "2>/dev/null; touch /tmp/x /sandbox/x /dev/shm/x && "
                 "rm /tmp/x /sandbox/x /dev/shm/x && echo wrote",
                 "wrote\n");
    expect_shell(f->manager, f->id, "ulimit -n; ulimit -c", "1024\n0\n");
    enclave_result_free(run_shell(f->manager, f->id, "kill -9 1; kill -STOP 1; kill -9 -1"));
    expect_alive(f->manager, f->id);
}

static void test_a_user_can_be_chosen(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "\"user\": \"1234:4321\"", id);
    expect_shell(f->manager, id, "id -u; id -g; touch x && stat -c '%u %g' x",
                 "1234\n4321\n1234 4321\n");
    delete_sandbox(f->manager, id);
}

/* Two sandboxes do not share a uid, so that limits per uid and signals stay apart. */
static void test_each_sandbox_has_a_uid(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *a, *b;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "", id);
    a = run_shell(f->manager, f->id, "id -u");
    b = run_shell(f->manager, id, "id -u");
    assert_string_not_equal(a->output, b->output);
    enclave_result_free(a);
    enclave_result_free(b);
    delete_sandbox(f->manager, id);
}

static void test_volumes(void **state)
{
    struct fixture *f = *state;
    char ro[] = "/tmp/enclave-test-XXXXXX", rw[] = "/tmp/enclave-test-XXXXXX";
    char config[512], path[64], id[ENCLAVE_ID_SIZE];
    FILE *file;

    assert_true(mkdtemp(ro) && mkdtemp(rw));
    assert_int_equal(chmod(ro, 0755) | chown(rw, 1234, 1234), 0);
    (void)snprintf(path, sizeof path, "%s/given", ro);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("content\n", file);
    (void)fclose(file);
    (void)snprintf(config, sizeof config,
                   "\"user\": \"1234:1234\", \"volumes\": {\"%s\": {\"bind\": \"/ro\", \"mode\": "
                   "\"ro\"}, \"%s\": {\"bind\": \"/rw\", \"mode\": \"rw\"}}",
                   ro, rw);
    make_sandbox(f->manager, config, id);
    expect_shell(
        f->manager, id,
        "cat /ro/given; touch /ro/new 2>/dev/null || echo closed; echo new >/rw/made; ls /rw",
        "content\nclosed\nmade\n");
    delete_sandbox(f->manager, id);
    (void)snprintf(path, sizeof path, "%s/made", rw);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/given", ro);
    assert_int_equal(unlink(path) | rmdir(ro) | rmdir(rw), 0);
}

static void test_a_network_can_be_had(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "\"network_enabled\": true", id);
    expect_shell(f->manager, id,
                 "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | "
                 "grep -xE 'lo|eth0'",
                 "eth0\nlo\n");
    delete_sandbox(f->manager, id);
}

static void test_sizes_are_enforced(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager,
                 "\"workdir_size\": \"8m\", \"tmp_size\": \"4m\", \"shm_size\": \"2m\", "
                 "\"nofile_limit\": 64, \"working_dir\": \"/work/here\", \"cpu_limit\": 0.5",
                 id);
    expect_shell(f->manager, id,
                 "pwd; df -k --output=size /work/here /tmp /dev/shm | tail -n +2 | tr -d ' '; "
                 "ulimit -n",
                 "/work/here\n8192\n4096\n2048\n64\n");
    expect_shell(f->manager, id,
                 "head -c 6m /dev/zero >/tmp/x 2>/dev/null || stat -c %s /tmp/x; rm /tmp/x",
                 "4194304\n");
    delete_sandbox(f->manager, id);
}

static void test_a_startup_command_runs_as_a_payload(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];
    int tries = 0;
    struct enclave_result *result;

    make_sandbox(f->manager,
                 "\"command\": [\"sh\", \"-c\", \"id -u >/tmp/begun; exec sleep 1000\"]", id);
    do { /* it is started, not waited for */
        result = run_shell(f->manager, id, "test \"$(cat /tmp/begun)\" = $(id -u) && echo same");
        if (strcmp(result->output, "same\n") == 0) {
            break;
        }
        enclave_result_free(result);
        result = NULL;
        (void)usleep(50000);
    } while (++tries < 100);
    assert_non_null(result);
    enclave_result_free(result);
    delete_sandbox(f->manager, id);

    make_sandbox(f->manager, "\"command\": \"exit 3\"", id); /* its end is not fatal */
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
}

static void test_a_container_can_be_kept(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager;
    char instance[64], id[ENCLAVE_ID_SIZE];

    (void)state;
    unique_name(instance, sizeof instance, "keep");
    manager = make_manager(instance, NULL);
    make_sandbox(manager, "\"remove_on_exit\": false", id);
    assert_int_equal(engine_containers(instance), 1);
    assert_int_equal(enclave_manager_stop_sandbox(manager, id, &err), 0);
    assert_int_equal(engine_containers(instance), 1); /* stopped, and still there */
    delete_sandbox(manager, id);
    assert_int_equal(engine_containers(instance), 0);

    make_sandbox(manager, "", id);
    assert_int_equal(enclave_manager_stop_sandbox(manager, id, &err), 0);
    assert_true(engine_wait_empty(instance, 5000) >= 0);
    enclave_manager_free(manager);
}

static void test_privileged_is_for_those_who_ask(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(
        f->manager, NULL, "{\"privileged\": true, \"tools_config\": [\"shell_executor\"]}", NULL,
        id, &err);

    if (r == 0) {
        expect_alive(f->manager, id);
        delete_sandbox(f->manager, id);
    } else { /* an engine without all capabilities has none to give */
        expect_error(r, ENCLAVE_EBACKEND, &err, "operation not permitted");
    }
    assert_int_equal(engine_containers(f->instance), 1);
}

/* Where the engine does not see our files, the agent is uploaded into an anonymous volume. */
static void test_the_agent_can_be_uploaded(void **state)
{
    char mount[64];
    const char *upload[] = {mount, NULL};
    int volumes = engine_volumes();
    struct enclave_manager *manager;
    char instance[64], id[ENCLAVE_ID_SIZE];
    struct enclave_result *result;

    (void)state;
    (void)snprintf(mount, sizeof mount, "backend %s.agent_mount=upload", test_backend());
    unique_name(instance, sizeof instance, "upload");
    manager = make_manager(instance, upload);
    make_sandbox(manager, "", id);
    result = run_python(manager, id, "print(42)");
    assert_string_equal(result->output, "42\n");
    enclave_result_free(result);
    expect_shell(manager, id, "touch /.enclave/x 2>/dev/null || echo closed", "closed\n");
    delete_sandbox(manager, id);
    enclave_manager_free(manager);
    assert_int_equal(engine_containers(instance), 0);
    expect_no_more_volumes(volumes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_defaults_are_strict),
        cmocka_unit_test(test_a_user_can_be_chosen),
        cmocka_unit_test(test_each_sandbox_has_a_uid),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_a_network_can_be_had),
        cmocka_unit_test(test_sizes_are_enforced),
        cmocka_unit_test(test_a_startup_command_runs_as_a_payload),
        cmocka_unit_test(test_a_container_can_be_kept),
        cmocka_unit_test(test_privileged_is_for_those_who_ask),
        cmocka_unit_test(test_the_agent_can_be_uploaded),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
