/*
 * detach.c - see detach.h.
 *
 * As vfork(2) does, the children share our memory until they run the program or end, so this costs
 * the same in a large process, and no lock of another thread can be held in a copy. They make bare system
 * calls only: what wraps them (a sanitizer) would note in the shared memory what it is told. The middle process says with exit signal 0 that its parent is not to be told of its
 * end; wait(2) for "any child" then does not find it either.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3
#define AWAY_FD (FIRST_FD + DETACH_FDS_MAX)
#define STACK_SIZE 16384

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#ifdef __SANITIZE_THREAD__
/* The sanitizer takes clone(2) for a fork, and starts anew in a child that shares its memory. */
int __clone(int (*run)(void *ctx), void *stack, int flags, void *ctx, ...);
#define clone __clone
#endif

struct detach {
    const char *program;
    const int *fds;
    size_t count;
    int error; /* written by the children */
    _Alignas(16) char stacks[2][STACK_SIZE];
};

#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

IN_CHILD static int take_fds(const struct detach *detach)
{
    int away[DETACH_FDS_MAX];
    int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);

    if (null < 0) {
        return -1;
    }
    for (size_t i = 0; i < detach->count; i++) {
        away[i] = -1;
        if (detach->fds[i] >= 0) {
            away[i] = (int)syscall(SYS_fcntl, detach->fds[i], F_DUPFD, AWAY_FD);
        }
        if (detach->fds[i] >= 0 && away[i] < 0) {
            return -1;
        }
    }
    for (int i = 0; i < FIRST_FD; i++) {
        if (syscall(SYS_dup3, null, i, 0) < 0 && null != i) {
            return -1;
        }
    }
    for (size_t i = 0; i < detach->count; i++) {
        if (away[i] < 0) {
            (void)syscall(SYS_close, FIRST_FD + (int)i);
        } else if (syscall(SYS_dup3, away[i], FIRST_FD + (int)i, 0) < 0) {
            return -1;
        }
    }
    return (int)syscall(SYS_close_range, FIRST_FD + (unsigned)detach->count, ~0u, 0u);
}

/* Zeros are SIG_DFL in the kernel's struct sigaction, and the empty set; a set has one bit a signal. */
IN_CHILD static void reset_signals(void)
{
    static const char zeros[64];

    for (int i = 1; i < NSIG; i++) {
        (void)syscall(SYS_rt_sigaction, i, zeros, NULL, NSIG / 8);
    }
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, zeros, NULL, NSIG / 8);
}

IN_CHILD static int run_program(void *ctx)
{
    struct detach *detach = ctx;
    char *const argv[] = {(char *)detach->program, NULL};
    char *const env[] = {(char *)"PATH=/usr/bin:/bin:/usr/sbin:/sbin", NULL};

    (void)syscall(SYS_setsid);
    if (take_fds(detach) == 0 && syscall(SYS_chdir, "/") == 0) {
        reset_signals();
        (void)syscall(SYS_execve, detach->program, argv, env);
    }
    detach->error = errno;
    return 1;
}

IN_CHILD static int run_middle(void *ctx)
{
    struct detach *detach = ctx;

    if (clone(run_program, detach->stacks[1] + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD,
              detach) < 0) {
        detach->error = errno;
    }
    return 0;
}

int detach_run(const char *program, const int *fds, size_t count)
{
    struct detach detach = {.program = program, .fds = fds, .count = count};
    sigset_t all;
    sigset_t before;
    int cancel;
    pid_t middle;

    /* No handler of the program's may run in a child that shares its memory. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    middle = clone(run_middle, detach.stacks[0] + STACK_SIZE, CLONE_VM | CLONE_VFORK, &detach);
    if (middle < 0) {
        detach.error = errno;
    }
    while (middle > 0 && waitpid(middle, NULL, __WCLONE) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setcancelstate(cancel, NULL);
    return -detach.error;
}
