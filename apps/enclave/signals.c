/*
 * signals.c - see signals.h.
 *
 * A thread with a signalfd, and not a handler: cancelling takes locks, which no handler may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "signals.h"

#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
    struct enclave_cancel *cancel;
    pthread_t thread;
    atomic_int caught;
    unsigned patience;
    int signal_fd;
    int caught_fd; /* eventfd: the first signal came */
    int stop_fd;   /* eventfd: the thread shall end */
};

static void raise_event(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static void *wait_for_signals(void *ctx)
{
    struct signals *signals = ctx;
    struct pollfd fds[] = {{.fd = signals->signal_fd, .events = POLLIN},
                           {.fd = signals->stop_fd, .events = POLLIN}};
    unsigned count = 0;

    for (;;) {
        struct signalfd_siginfo info;
        if (poll(fds, 2, -1) < 0) {
            continue; /* EINTR */
        }
        if (fds[1].revents) {
            return NULL;
        }
        if (read(signals->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
            continue;
        }
        if (++count == 1) {
            atomic_store(&signals->caught, (int)info.ssi_signo);
            enclave_cancel_trigger(signals->cancel);
            raise_event(signals->caught_fd);
        } else if (count == signals->patience) {
            _exit(EXIT_SIGNAL + atomic_load(&signals->caught));
        }
    }
}

/*
 * SIGINT and SIGTERM count even where they were ignored when we were started, as they are in
 * background jobs of scripts: whoever sends us one wants us to end. SIGHUP ignored means nohup.
 */
static int block(sigset_t *set)
{
    struct sigaction hup = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN) {
        sigaddset(set, SIGHUP);
    }
    return sigaction(SIGPIPE, &ignore, NULL) == 0 ? pthread_sigmask(SIG_BLOCK, set, NULL) : errno;
}

static void destroy(struct signals *signals)
{
    int fds[] = {signals->signal_fd, signals->caught_fd, signals->stop_fd};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    enclave_cancel_free(signals->cancel);
    free(signals);
}

struct signals *signals_start(unsigned patience)
{
    struct signals *signals = calloc(1, sizeof *signals);
    sigset_t set;
    int error = ENOMEM;

    if (!signals) {
        goto failed;
    }
    signals->signal_fd = signals->caught_fd = signals->stop_fd = -1;
    signals->patience = patience;
    error = block(&set);
    if (error != 0) {
        goto failed;
    }
    signals->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    signals->caught_fd = eventfd(0, EFD_CLOEXEC);
    signals->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (signals->signal_fd < 0 || signals->caught_fd < 0 || signals->stop_fd < 0) {
        error = errno;
        goto failed;
    }
    error = enclave_cancel_new(&signals->cancel, NULL) == 0
                ? pthread_create(&signals->thread, NULL, wait_for_signals, signals)
                : ENOMEM;
    if (error == 0) {
        return signals;
    }
failed:
    report_error("cannot set up signals: %s", strerror(error));
    if (signals) {
        destroy(signals);
    }
    return NULL;
}

struct enclave_cancel *signals_cancel(struct signals *signals)
{
    return signals->cancel;
}

int signals_fd(struct signals *signals)
{
    return signals->caught_fd;
}

int signals_caught(struct signals *signals)
{
    return atomic_load(&signals->caught);
}

void signals_stop(struct signals *signals)
{
    if (signals) {
        raise_event(signals->stop_fd);
        pthread_join(signals->thread, NULL);
        destroy(signals);
    }
}
