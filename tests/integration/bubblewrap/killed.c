/*
 * killed.c - SIGKILL of a program at any moment while it makes sandboxes, executes in them and deletes them: within
 * a second no process, cgroup or mount of it is left, nobody having started anything.
 *
 * The program is this one again, forked before it has any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tagged.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GONE_WITHIN_MS = 1000, HOLDERS = 3, LATEST_KILL_MS = 600 };

/* ------------------------------------------------------------------------------------ the victim */

/* Payloads that leave their session, are nobody's children, ignore signals: none of it may help them. */
#define PAYLOADS                                                                                   \
    "setsid bash -c 'exec -a %1$s-payload sleep 1000' & "                                          \
    "(bash -c 'exec -a %1$s-payload sleep 1000' &); "                                              \
    "bash -c 'trap \"\" TERM HUP; while :; do sleep 0.01; done' %1$s-payload"

static void *hold(void *ctx)
{
    struct enclave_manager *manager = ctx;

    for (;;) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        struct enclave_result *result = NULL;
        char command[512], id[ENCLAVE_ID_SIZE];

        (void)snprintf(command, sizeof command, PAYLOADS, tagged_name());
        char *params = params_for("command", command, -1);
        if (enclave_manager_create_sandbox(
                manager, NULL, "{\"tools_config\": [\"shell_executor\"]}", NULL, id, &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
        options.timeout_ms = 100; /* then the next one: kills meet creates and deletes as well */
        (void)enclave_manager_execute_tool(manager, id, "shell_executor", params, &options, &result,
                                           &err);
        enclave_result_free(result);
        (void)enclave_manager_delete_sandbox(manager, id, &err);
        free(params);
    }
    return NULL;
}

static _Noreturn void be_killed(void)
{
    struct enclave_manager *manager = tagged_manager(NULL);
    pthread_t thread;

    for (int i = 1; i < HOLDERS; i++) {
        if (pthread_create(&thread, NULL, hold, manager) != 0) {
            _exit(1);
        }
    }
    (void)hold(manager);
    _exit(1);
}

/* ------------------------------------------------------------------------------------- the traces */

/* The folders in /sys/fs/cgroup that a launcher holds open, one on a line: all of its sandboxes' lie below them. */
static void launcher_folders(char *folders, size_t size)
{
    int pid = tagged_process("launcher");
    char path[64], target[512];
    DIR *dir;

    *folders = '\0';
    (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
    dir = pid > 0 ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        size_t length = strlen(folders);

        target[n > 0 ? n : 0] = '\0';
        if (strncmp(target, "/sys/fs/cgroup/", 15) == 0) {
            (void)snprintf(folders + length, size - length, "%s\n", target);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

/* Mounts of this namespace that have to do with us. */
static int count_mounts(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int count = 0;

    assert_non_null(file);
    while (getline(&line, &size, file) >= 0) {
        count += strstr(line, tagged_name()) != NULL;
    }
    free(line);
    (void)fclose(file);
    return count;
}

/* -------------------------------------------------------------------------------------- the test */

static void sleep_ms(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0) {
    }
}

/* Returns how long it took until nothing was left. */
static int64_t kill_one(int64_t after_ms, int *ret_processes)
{
    char folders[4096];
    pid_t pid = fork();

    if (pid == 0) {
        be_killed();
    }
    sleep_ms(after_ms);
    launcher_folders(folders, sizeof folders);
    *ret_processes = tagged_processes("");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    int64_t took = tagged_wait_gone(15000);
    assert_true(took >= 0);
    assert_int_equal(tagged_count_folders(folders), 0);
    assert_int_equal(count_mounts(), 0);
    return took;
}

static void test_a_killed_program_leaves_nothing(void **state)
{
    unsigned seed = (unsigned)now_ms();
    int kills = test_count(200, 10), late = 0, most = 0;
    int64_t longest = 0;

    (void)state;
    for (int i = 0; i < kills; i++) {
        int processes = 0;
        int64_t took = kill_one(rand_r(&seed) % LATEST_KILL_MS, &processes);

        late += took > GONE_WITHIN_MS;
        longest = took > longest ? took : longest;
        most = processes > most ? processes : most;
    }
    printf("%d kills, of up to %d processes: gone after %lld ms at the latest\n", kills, most,
           (long long)longest);
    assert_true(most > 3);
    assert_in_range(late, 0, 1 + kills / 50); /* a machine that stalls makes a few late */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_program_leaves_nothing),
    };
    int skip = tagged_setup();
    int failed = skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);

    if (!skip) {
        tagged_clear();
    }
    return failed;
}
