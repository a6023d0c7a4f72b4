/*
 * measure.c - see measure.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "measure.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void series_add(struct series *series, int64_t us)
{
    if (series->count < SERIES_MAX) {
        series->us[series->count++] = us;
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t series_quantile(struct series *series, double quantile)
{
    if (series->count == 0) {
        return 0;
    }
    qsort(series->us, series->count, sizeof *series->us, by_value);
    return series->us[(size_t)(quantile * (double)(series->count - 1) + 0.5)];
}

/* Reads the output through a pipe, as any caller that wants it would. */
int run_program(const char *const *argv)
{
    int fds[2], status = -1;
    pid_t pid;
    char bytes[4096];
    posix_spawn_file_actions_t actions;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -1;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    int r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[1]);
    while (r == 0 && read(fds[0], bytes, sizeof bytes) > 0) {
    }
    (void)close(fds[0]);
    if (r != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}
