/*
 * launcher_client.c - see launcher_client.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "launcher_client.h"

#include "detach.h"
#include "monotonic.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define HELLO_TIMEOUT_MS 10000
#define SEND_TIMEOUT_S 10
#define END_TIMEOUT_MS 10000

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

struct launcher {
    int socket;
    atomic_uint owners;
    atomic_uint_fast64_t last_token;
    struct launcher_hello hello;
};

/* -------------------------------------------------------------------------------- start and end */

/* Wait until `fd` is readable; 0, or -1 after `timeout_ms`. */
static int wait_readable(int fd, int64_t timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int64_t deadline = monotonic_ms() + timeout_ms;
    int n;

    do {
        int64_t left = deadline - monotonic_ms();

        n = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : -1;
}

static int32_t receive_hello(struct launcher *launcher, const char *program,
                             struct enclave_error *err)
{
    ssize_t n;

    if (wait_readable(launcher->socket, HELLO_TIMEOUT_MS) != 0) {
        return enclave_error_set(err, ENCLAVE_ETIMEOUT, "'%s' did not answer within %d s", program,
                                 HELLO_TIMEOUT_MS / 1000);
    }
    n = recv(launcher->socket, &launcher->hello, sizeof launcher->hello, 0);
    if (n == (ssize_t)sizeof launcher->hello && launcher->hello.magic == LAUNCHER_MAGIC) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "'%s' is not the launcher of this version: install it anew, or set"
                             " launcher_path",
                             program);
}

static int32_t run(struct launcher *launcher, int theirs, const char *program,
                   struct enclave_error *err)
{
    int manager = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int fds[] = {theirs, manager};
    struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
    int r = detach_run(program, fds, 2);

    if (manager >= 0) {
        close(manager);
    }
    if (r < 0) {
        return enclave_error_set(err, r == -ENOENT ? ENCLAVE_ENOTFOUND : ENCLAVE_EIO,
                                 "run the launcher '%s': %s; install it or set launcher_path",
                                 program, strerror(-r));
    }
    (void)setsockopt(launcher->socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return 0;
}

int32_t launcher_new(const char *program, struct launcher **ret_launcher, struct enclave_error *err)
{
    struct launcher *launcher = calloc(1, sizeof *launcher);
    int pair[2];
    int32_t rc;

    if (!launcher) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        free(launcher);
        return enclave_error_set(err, ENCLAVE_EIO, "make a socket for the launcher: %s",
                                 strerror(errno));
    }
    launcher->socket = pair[0];
    atomic_init(&launcher->owners, 1);
    rc = run(launcher, pair[1], program, err);
    close(pair[1]);
    if (!rc) {
        rc = receive_hello(launcher, program, err);
    }
    if (rc) {
        close(launcher->socket);
        free(launcher);
        return rc;
    }
    *ret_launcher = launcher;
    return 0;
}

struct launcher *launcher_ref(struct launcher *launcher)
{
    atomic_fetch_add(&launcher->owners, 1);
    return launcher;
}

void launcher_free(struct launcher *launcher)
{
    if (!launcher || atomic_fetch_sub(&launcher->owners, 1) > 1) {
        return;
    }
    shutdown(launcher->socket, SHUT_WR);
    (void)wait_readable(launcher->socket, END_TIMEOUT_MS); /* the end, for it says nothing more */
    close(launcher->socket);
    free(launcher);
}

/* After its greeting there is nothing to read but its end. */
int launcher_alive(const struct launcher *launcher)
{
    return wait_readable(launcher->socket, 0) != 0;
}

const struct launcher_hello *launcher_facts(const struct launcher *launcher)
{
    return &launcher->hello;
}

/* ------------------------------------------------------------------------------------- requests */

static int32_t cannot_send(int error, struct enclave_error *err)
{
    if (error == ETOOMANYREFS) { /* unix(7); an ordinary user's sandboxes count for him */
        return enclave_error_set(err, ENCLAVE_EBUSY,
                                 "too many open files of this user are under way in sockets: a"
                                 " sandbox of his sends them and takes none, delete it, or raise"
                                 " this program's limit of open files (ulimit -n)");
    }
    return enclave_error_set(err, ENCLAVE_ELOST, "the launcher does not take requests: %s",
                             strerror(error));
}

static int32_t send_request(struct launcher *launcher, const struct launcher_request *request,
                            const struct arguments *arguments, const int *fds, size_t count,
                            struct enclave_error *err)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(LAUNCHER_FDS_MAX * sizeof(int))];
    } control = {0};
    struct iovec parts[2] = {{.iov_base = (void *)request, .iov_len = sizeof *request},
                             {.iov_base = arguments ? arguments->bytes : NULL,
                              .iov_len = arguments ? arguments->length : 0}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    while (sendmsg(launcher->socket, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return cannot_send(errno, err);
        }
    }
    return 0;
}

int32_t launcher_start(struct launcher *launcher, const struct launcher_request *request,
                       const struct arguments *arguments, int stream, int pipe, uint64_t *ret_token,
                       struct enclave_error *err)
{
    struct launcher_request whole = *request;
    int fds[LAUNCHER_FDS_MAX] = {stream, pipe};
    int32_t rc;

    whole.type = LAUNCHER_START;
    whole.argc = arguments->count;
    whole.cgroup_at = arguments->cgroup_at;
    whole.token = atomic_fetch_add(&launcher->last_token, 1) + 1;
    memcpy(fds + 2, arguments->fds, arguments->fd_count * sizeof *fds);
    rc = send_request(launcher, &whole, arguments, fds, arguments->fd_count + 2, err);
    if (!rc) {
        *ret_token = whole.token;
    }
    return rc;
}

void launcher_kill(struct launcher *launcher, uint64_t token)
{
    struct launcher_request request = {.type = LAUNCHER_KILL, .token = token};

    (void)send_request(launcher, &request, NULL, NULL, 0, NULL); /* gone: so are its sandboxes */
}
