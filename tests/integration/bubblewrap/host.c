/*
 * host.c - the program around the library: the bubblewrap backend takes nothing from it that is its
 * own (children, signals, threads, descriptors), and leaves nothing of what it ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tagged.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GONE_WITHIN_MS 1000

static void use_a_sandbox(struct enclave_manager *manager)
{
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(manager, "", id);
    expect_shell(manager, id, "echo out; exit 0", "out\n");
    delete_sandbox(manager, id);
}

/* ---------------------------------------------------------------------------------- its children */

static atomic_int child_signals;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&child_signals, 1);
}

static void test_no_signal_of_a_child_comes(void **state)
{
    struct sigaction action = {.sa_handler = count_signal}, before;
    struct enclave_manager *manager;

    (void)state;
    assert_int_equal(sigaction(SIGCHLD, &action, &before), 0);
    manager = tagged_manager(NULL);
    use_a_sandbox(manager);
    enclave_manager_free(manager);
    assert_int_equal(atomic_load(&child_signals), 0);
    (void)sigaction(SIGCHLD, &before, NULL);
}

static void test_sigchld_may_be_ignored(void **state)
{
    struct sigaction action = {.sa_handler = SIG_IGN}, before;
    struct enclave_manager *manager;

    (void)state;
    assert_int_equal(sigaction(SIGCHLD, &action, &before), 0);
    manager = tagged_manager(NULL);
    use_a_sandbox(manager);
    enclave_manager_free(manager);
    (void)sigaction(SIGCHLD, &before, NULL);
    assert_true(tagged_wait_gone(GONE_WITHIN_MS) >= 0);
}

static atomic_int waiting;
static atomic_int found;

/* As a supervisor does: any child that ends is its own. */
static void *wait_for_any(void *ctx)
{
    (void)ctx;
    while (atomic_load(&waiting)) {
        if (waitpid(-1, NULL, WNOHANG) > 0) {
            atomic_fetch_add(&found, 1);
        }
    }
    return NULL;
}

static void test_wait_for_any_child_finds_none(void **state)
{
    struct enclave_manager *manager;
    pthread_t thread;

    (void)state;
    atomic_store(&waiting, 1);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_any, NULL), 0);
    manager = tagged_manager(NULL);
    use_a_sandbox(manager);
    use_a_sandbox(manager);
    enclave_manager_free(manager);
    atomic_store(&waiting, 0);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&found), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---------------------------------------------------------------------------------- its threads */

struct creation {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
};

static void *create_one(void *ctx)
{
    struct creation *creation = ctx;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_create_sandbox(creation->manager, NULL,
                                       "{\"tools_config\": [\"shell_executor\"]}", NULL,
                                       creation->id, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.message);
    }
    return NULL;
}

static void test_the_creating_thread_may_end(void **state)
{
    struct creation creation = {.manager = tagged_manager(NULL)};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, create_one, &creation), 0);
    pthread_join(thread, NULL);
    expect_shell(creation.manager, creation.id, "echo here", "here\n");
    expect_shell(creation.manager, creation.id, "sleep 0.2; echo still", "still\n");
    enclave_manager_free(creation.manager);
    assert_true(tagged_wait_gone(GONE_WITHIN_MS) >= 0);
}

/* A child that another thread makes, and that neither runs a program nor ends, holds copies of all that
 * is open here: sandboxes end without waiting for it. */
static void test_a_child_of_its_own_keeps_nothing_alive(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    char id[ENCLAVE_ID_SIZE];
    pid_t child;

    (void)state;
    make_sandbox(manager, "", id);
    free(tagged_start_payload(manager, id));
    child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    delete_sandbox(manager, id);
    assert_int_equal(tagged_processes("payload"), 0);
    enclave_manager_free(manager);
    assert_true(tagged_wait_gone(GONE_WITHIN_MS) >= 0);
    kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

/* ------------------------------------------------------------------------------- its descriptors */

static void test_nothing_stays_open(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    struct footprint before, after;

    (void)state;
    use_a_sandbox(manager);
    before = footprint_now();
    for (int i = 0; i < 20; i++) {
        use_a_sandbox(manager);
    }
    after = footprint_now();
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.threads, before.threads);
    enclave_manager_free(manager);
}

/* -------------------------------------------------------------------------------------- the end */

static void test_delete_leaves_nothing(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    char id[ENCLAVE_ID_SIZE];
    char *folders;

    (void)state;
    make_sandbox(manager, "", id);
    folders = tagged_start_payload(manager, id);
    if (geteuid() == 0) {
        assert_true(tagged_count_folders(folders) > 0);
    }
    delete_sandbox(manager, id);
    assert_int_equal(tagged_processes("bwrap"), 0);
    assert_int_equal(tagged_processes("payload"), 0);
    assert_int_equal(tagged_count_folders(folders), 0);
    free(folders);
    enclave_manager_free(manager);
    assert_int_equal(tagged_processes(""), 0);
}

/* Stopped by somebody outside, neither bwrap nor the agent can do anything about its end. */
static void test_what_is_stopped_is_deleted(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    char id[ENCLAVE_ID_SIZE];

    (void)state;
    make_sandbox(manager, "", id);
    free(tagged_start_payload(manager, id));
    tagged_signal("bwrap", SIGSTOP);
    delete_sandbox(manager, id);
    assert_int_equal(tagged_processes("bwrap"), 0);
    enclave_manager_free(manager);
}

static void *stop_agent_soon(void *ctx)
{
    const struct timespec while_it_runs = {0, 300000000};

    (void)ctx;
    (void)nanosleep(&while_it_runs, NULL);
    tagged_stop_agent();
    return NULL;
}

/* Who asks it to end an execution waits 10 s for an answer: so this is for long runs. */
static void test_an_agent_that_answers_no_more_is_killed(void **state)
{
    struct enclave_manager *manager;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];
    pthread_t thread;

    (void)state;
    if (!getenv("ENCLAVE_TEST_FULL")) {
        skip();
    }
    manager = tagged_manager(NULL);
    make_sandbox(manager, "", id);
    assert_int_equal(pthread_create(&thread, NULL, stop_agent_soon, NULL), 0);
    result = run_python_for(manager, id, "import time; time.sleep(60)", 1000);
    pthread_join(thread, NULL);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_BACKEND_LOST);
    enclave_result_free(result);
    for (int i = 0; i < 500 && tagged_processes("bwrap") > 0; i++) {
        const struct timespec step = {0, 10000000};

        (void)nanosleep(&step, NULL);
    }
    assert_int_equal(tagged_processes("bwrap"), 0);
    enclave_manager_free(manager);
}

static void *kill_soon(void *ctx)
{
    const struct timespec while_it_runs = {0, 300000000};

    (void)ctx;
    (void)nanosleep(&while_it_runs, NULL);
    tagged_signal("bwrap", SIGKILL);
    return NULL;
}

static void test_a_killed_sandbox_is_told(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];
    pthread_t thread;

    (void)state;
    make_sandbox(manager, "", id);
    assert_int_equal(pthread_create(&thread, NULL, kill_soon, NULL), 0);
    result = run_shell(manager, id, "sleep 20");
    pthread_join(thread, NULL);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_BACKEND_LOST);
    enclave_result_free(result);
    delete_sandbox(manager, id);
    use_a_sandbox(manager); /* the next is not concerned */
    enclave_manager_free(manager);
}

/* What a killed launcher left is removed by later ones, once the kernel is done with the dead. */
static void expect_removed_by_others(const char *folders)
{
    for (int i = 0; i < 100 && tagged_count_folders(folders) > 0; i++) {
        const struct timespec step = {0, 100000000};
        struct enclave_manager *manager = tagged_manager(NULL);

        use_a_sandbox(manager);
        enclave_manager_free(manager);
        (void)nanosleep(&step, NULL);
    }
    assert_int_equal(tagged_count_folders(folders), 0);
}

/* A launcher that was killed is one that is gone: its sandboxes too, and the next has another. */
static void test_a_killed_launcher_is_replaced(void **state)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    char id[ENCLAVE_ID_SIZE];
    char *folders;

    (void)state;
    make_sandbox(manager, "", id);
    folders = tagged_start_payload(manager, id);
    tagged_signal("launcher", SIGKILL);
    assert_true(tagged_wait_gone(GONE_WITHIN_MS) >= 0);
    delete_sandbox(manager, id);
    use_a_sandbox(manager);
    enclave_manager_free(manager);
    expect_removed_by_others(folders);
    free(folders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_signal_of_a_child_comes),
        cmocka_unit_test(test_sigchld_may_be_ignored),
        cmocka_unit_test(test_wait_for_any_child_finds_none),
        cmocka_unit_test(test_the_creating_thread_may_end),
        cmocka_unit_test(test_a_child_of_its_own_keeps_nothing_alive),
        cmocka_unit_test(test_nothing_stays_open),
        cmocka_unit_test(test_delete_leaves_nothing),
        cmocka_unit_test(test_what_is_stopped_is_deleted),
        cmocka_unit_test(test_a_killed_sandbox_is_told),
        cmocka_unit_test(test_an_agent_that_answers_no_more_is_killed),
        cmocka_unit_test(test_a_killed_launcher_is_replaced),
    };
    int skip = tagged_setup();
    int failed = skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);

    if (!skip) {
        tagged_clear();
    }
    return failed;
}
