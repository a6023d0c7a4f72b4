/*
 * hold.c - see hold.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hold.h"

#include "box.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char ready[] = "ready\n";

static void tidy_process(struct test *t, void *pid)
{
    (void)t;
    (void)kill((pid_t)(intptr_t)pid, SIGKILL);
    (void)waitpid((pid_t)(intptr_t)pid, NULL, 0);
}

/* Its stdout until it says that it is ready, or ends. */
static int wait_ready(int fd)
{
    char text[sizeof ready] = "";
    size_t n = 0;
    ssize_t got;

    while (n < sizeof ready - 1 && (got = read(fd, text + n, sizeof ready - 1 - n)) > 0) {
        n += (size_t)got;
    }
    return strcmp(text, ready) == 0;
}

pid_t hold_start(struct test *t, const char *mark)
{
    struct subject *subject = subject_of(t);
    char *argv[] = {test_text(t, "enclave-conformance"),
                    test_text(t, "--backend=%s", subject->backend), test_text(t, "--hold=%s", mark),
                    subject->config ? test_text(t, "--config=%s", subject->config) : NULL, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int out[2];

    if (pipe2(out, O_CLOEXEC) < 0) {
        fail(t, "pipe: %m");
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    int failed = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(out[1]);
    if (!failed) {
        test_defer(t, tidy_process, (void *)(intptr_t)pid);
    }
    int well = !failed && wait_ready(out[0]);
    (void)close(out[0]);
    if (!well) {
        fail(t, "a second manager has not come to hold a sandbox");
    }
    return pid;
}

int hold_main(struct subject *subject, const char *mark)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char params[512];

    (void)snprintf(params, sizeof params, "{\"command\": \"" HOLD_COMMAND "\"}", mark);
    /* That it works is known, and an engine that is busy with the other cases may be late for a probe. */
    if (subject_manager(subject, &subject->manager, &err) < 0 || subject_share(subject, &err) < 0 ||
        enclave_manager_execute_tool(subject->manager, subject->shared, "shell_executor", params,
                                     NULL, &result, &err) < 0) {
        (void)fprintf(stderr, "enclave-conformance: hold a sandbox: %s\n", err.message);
        return 1;
    }
    enclave_result_free(result);
    (void)!write(STDOUT_FILENO, ready, sizeof ready - 1);
    for (;;) {
        (void)pause();
    }
}
