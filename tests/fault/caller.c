/*
 * caller.c - callers with peculiarities: no SIGCHLD, waiting for any child, closed standard streams,
 * hardly a descriptor left. And what must stay theirs: signals, working directory, umask, locale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that a caller does, in a manager of its own. Returns NULL, or what went wrong. */
static const char *do_all(const char *instance)
{
    static char problem[700];
    struct enclave_manager *manager = make_manager(instance, NULL);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(manager, "", id);
    options.timeout_ms = 300;
    problem[0] = '\0';
    result = try_python(manager, id, "import os\nos.fork()\nwhile True: pass", &options, &err);
    if (!result || result->cause != ENCLAVE_CAUSE_TIMEOUT) {
        (void)snprintf(problem, sizeof problem, "timeout: %s",
                       result ? enclave_cause_name(result->cause) : err.message);
    }
    enclave_result_free(result);
    result = try_python(manager, id, "import sys; sys.exit(5)", NULL, &err);
    if (!result || result->exit_code != 5) {
        (void)snprintf(problem, sizeof problem, "exit code: %s",
                       result ? enclave_cause_name(result->cause) : err.message);
    }
    enclave_result_free(result);
    if (enclave_manager_delete_sandbox(manager, id, &err) != 0) {
        (void)snprintf(problem, sizeof problem, "%s", err.message);
    }
    enclave_manager_free(manager);
    return problem[0] ? problem : NULL;
}

static void expect_all(const char *what)
{
    char instance[64];
    const char *problem;

    unique_name(instance, sizeof instance, what);
    problem = do_all(instance);
    if (problem) {
        fail_msg("%s: %s", what, problem);
    }
    assert_int_equal(engine_containers(instance), 0);
}

/* -------------------------------------------------------------------------------- children, signals */

static void test_sigchld_ignored(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

    (void)state;
    assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
    expect_all("ignored");
    assert_int_equal(sigaction(SIGCHLD, &before, NULL), 0);
}

static void *wait_for_any(void *ctx)
{
    while (!atomic_load((atomic_int *)ctx)) {
        if (waitpid(-1, NULL, WNOHANG) <= 0) {
            (void)usleep(1000);
        }
    }
    return NULL;
}

static void test_a_thread_that_waits_for_any_child(void **state)
{
    atomic_int stop = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_any, &stop), 0);
    expect_all("waiting");
    atomic_store(&stop, 1);
    (void)pthread_join(thread, NULL);
}

/* A thread of the library must not take the caller's signals: all but the caller's block them. */
static void expect_threads_block_signals(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int threads = 0;

    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], line[256];
        FILE *file;

        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == getpid()) {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file)) {
            if (strncmp(line, "SigBlk:", 7) == 0) {
                unsigned long long blocked = strtoull(line + 7, NULL, 16);
                threads++;
                if (!(blocked >> (SIGUSR1 - 1) & 1) || !(blocked >> (SIGTERM - 1) & 1) ||
                    !(blocked >> (SIGINT - 1) & 1)) {
                    fail_msg("thread %s does not block signals: %s", entry->d_name, line);
                }
            }
        }
        if (file) {
            (void)fclose(file);
        }
    }
    (void)closedir(tasks);
    assert_true(threads > 0);
}

static void test_what_is_the_callers_stays(void **state)
{
    struct sigaction before[NSIG], after;
    sigset_t mask_before, mask_after;
    char cwd_before[4096], cwd_after[4096], locale_before[256], instance[64], id[ENCLAVE_ID_SIZE];
    mode_t mask = umask(027);
    struct enclave_manager *manager;

    (void)state;
    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, NULL, &before[i]);
    }
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_before), 0);
    assert_non_null(getcwd(cwd_before, sizeof cwd_before));
    (void)snprintf(locale_before, sizeof locale_before, "%s", setlocale(LC_ALL, NULL));
    unique_name(instance, sizeof instance, "polite");
    manager = make_manager(instance, NULL);
    make_sandbox(manager, "", id);
    expect_alive(manager, id);
    if (!test_is_sanitized()) { /* which has threads of its own */
        expect_threads_block_signals();
    }
    enclave_manager_free(manager);
    for (int i = 1; i < NSIG; i++) {
        memset(&after, 0, sizeof after);
        if (sigaction(i, NULL, &after) == 0) {
            assert_ptr_equal(after.sa_handler, before[i].sa_handler);
            assert_int_equal(after.sa_flags, before[i].sa_flags);
        }
    }
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_after), 0);
    for (int i = 1; i < NSIG; i++) {
        assert_int_equal(sigismember(&mask_before, i), sigismember(&mask_after, i));
    }
    assert_non_null(getcwd(cwd_after, sizeof cwd_after));
    assert_string_equal(cwd_after, cwd_before);
    assert_string_equal(setlocale(LC_ALL, NULL), locale_before);
    assert_int_equal(umask(mask), 027);
}

/* ------------------------------------------------------------------------------------ descriptors */

/* The same program again, without descriptors 0 to 2: what it opens must not be taken for them. */
static void test_closed_standard_streams(void **state)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"},
                    (char[]){"exec /proc/$PPID/exe all <&- >&- 2>&-"}, NULL};

    (void)state;
    assert_int_equal(program_run(argv, NULL), 0);
}

static int use_all_but(int spare, struct rlimit *before)
{
    struct rlimit limit;
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)close(highest);
    (void)getrlimit(RLIMIT_NOFILE, before);
    limit = *before;
    limit.rlim_cur = (rlim_t)(highest + spare);
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/* With every number of descriptors that is too small, and with some that are enough. */
static void test_hardly_a_descriptor_left(void **state)
{
    int worked = 0, refused = 0;
    struct footprint start = footprint_now();

    (void)state;
    for (int spare = 0; spare < 24; spare += test_count(1, 2)) {
        struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_manager *manager = NULL;
        struct enclave_result *result = NULL;
        const char *overrides[] = {"enclave.instance=test-descriptors", "enclave.backend=docker",
                                   NULL};
        char id[ENCLAVE_ID_SIZE];
        struct rlimit before;
        int32_t r;

        options.config_path = "";
        options.overrides = overrides;
        assert_int_equal(use_all_but(spare, &before), 0);
        r = enclave_manager_new(&options, &manager, &err);
        if (r == 0) {
            r = enclave_manager_create_sandbox(
                manager, NULL, "{\"tools_config\": [\"shell_executor\"]}", NULL, id, &err);
        }
        if (r == 0) {
            r = enclave_manager_execute_tool(manager, id, "shell_executor",
                                             "{\"command\": \"echo ok\"}", NULL, &result, &err);
        }
        if (r < 0) {
            refused++;
            printf("with %d descriptors: %s: %s\n", spare, enclave_error_name(r), err.message);
            assert_int_equal(err.code, r);
            assert_true(strlen(err.message) > 0);
            assert_null(strchr(err.message, '\n'));
        } else {
            worked++;
            assert_string_equal(result->output, "ok\n");
        }
        enclave_result_free(result);
        enclave_manager_free(manager);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(footprint_now().fds, start.fds);
        assert_true(engine_wait_empty("test-descriptors", 15000) >= 0);
    }
    printf("%d refused, %d worked\n", refused, worked);
    assert_true(refused > 0 && worked > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigchld_ignored),
        cmocka_unit_test(test_a_thread_that_waits_for_any_child),
        cmocka_unit_test(test_what_is_the_callers_stays),
        cmocka_unit_test(test_closed_standard_streams),
        cmocka_unit_test(test_hardly_a_descriptor_left),
    };
    int skip = test_setup();

    if (!skip && argc == 2 && strcmp(argv[1], "all") == 0) {
        char instance[64];

        unique_name(instance, sizeof instance, "closed");
        return do_all(instance) != NULL || engine_containers(instance) != 0;
    }
    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
