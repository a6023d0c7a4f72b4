/*
 * program.c - see program.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t program_start(char *const argv[], const char *log, int death_signal)
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0) {
        return pid;
    }
    if (death_signal && (prctl(PR_SET_PDEATHSIG, death_signal) != 0 || getppid() != parent)) {
        _exit(126);
    }
    if (log) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
            _exit(126);
        }
    }
    (void)execvp(argv[0], argv);
    _exit(127);
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int program_wait(pid_t pid, int limit_ms)
{
    struct pollfd ended = {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    int status = 0, ready;

    ready = ended.fd >= 0 ? poll(&ended, 1, limit_ms) : 1;
    if (ended.fd >= 0) {
        (void)close(ended.fd);
    }
    return ready > 0 && waitpid(pid, &status, 0) == pid ? exit_code(status) : -1;
}

int program_run(char *const argv[], const char *log)
{
    pid_t pid = program_start(argv, log, SIGKILL);

    return pid > 0 ? program_wait(pid, -1) : -1;
}
