/*
 * call.c - one FILE execution, run from the caller's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"

#include "clock.h"
#include "link.h"
#include "message.h"
#include "process.h"
#include "sized.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUTPUT_WINDOW (256u << 10)
#define NO_WINDOW 4096u
#define GATHER_SIZE WIRE_PAYLOAD_MAX

/* ------------------------------------------------------------------ events, by the loop's thread
 */

/* Lock held, so that the caller cannot close the descriptor before. */
static void wake(struct call *call)
{
    uint64_t one = 1;

    if (call->waiting) {
        call->waiting = 0;
        (void)!write(call->wake_fd, &one, sizeof one);
    }
}

static uint64_t on_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct call *call = ctx;
    size_t end;
    size_t n;

    if (stream != ENCLAVE_STDOUT || !call->ring) {
        return length; /* nothing is expected there */
    }
    pthread_mutex_lock(&call->lock);
    end = (call->start + call->length) % call->size;
    n = call->size - end < length ? call->size - end : (size_t)length;
    memcpy(call->ring + end, data, n);
    memcpy(call->ring, (const uint8_t *)data + n, (size_t)length - n);
    call->length += (size_t)length;
    wake(call);
    pthread_mutex_unlock(&call->lock);
    return 0;
}

static void on_writable(void *ctx)
{
    struct call *call = ctx;

    pthread_mutex_lock(&call->lock);
    call->writable = 1;
    wake(call);
    pthread_mutex_unlock(&call->lock);
}

static void on_end(void *ctx, const struct enclave_exit *end)
{
    struct call *call = ctx;

    pthread_mutex_lock(&call->lock);
    call->ended = 1;
    call->end = *end;
    if (end->reason) {
        agent_text_clean(call->reason, sizeof call->reason, end->reason, strlen(end->reason), 0);
    }
    wake(call);
    pthread_mutex_unlock(&call->lock);
}

/* ---------------------------------------------------------------------------------------- open */

static int32_t build(const struct call_kind *kind, const struct enclave_file_request *request,
                     uint32_t window, struct message *message)
{
    uint32_t flags = (request->flags & ENCLAVE_FILE_FLAG_MKDIRS ? WIRE_FILE_MKDIRS : 0) |
                     (request->flags & ENCLAVE_FILE_FLAG_RECURSIVE ? WIRE_FILE_RECURSIVE : 0);

    message_begin(message, WIRE_FILE, WIRE_MESSAGE_MAX);
    message_u32(message, kind->op);
    message_u32(message, flags);
    message_u32(message, request->mode ? request->mode : 0644);
    message_u32(message, window);
    message_u64(message, request->max_bytes);
    message_str(message, request->path);
    message_list(message, request->allowed);
    message_list(message, request->blocked);
    return message_finish(message);
}

static void destroy(struct call *call)
{
    if (call->wake_fd >= 0) {
        close(call->wake_fd);
    }
    pthread_mutex_destroy(&call->lock);
    free(call->ring);
    free(call->gather);
}

static int32_t prepare(struct call *call, const struct call_kind *kind,
                       const struct enclave_file_request *request, struct message *message,
                       struct enclave_error *err)
{
    int32_t rc;

    if (!request->path || !request->path[0]) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: no path is given", kind->what);
    }
    call->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (call->wake_fd < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "%s '%s': %s", kind->what, call->path,
                                 strerror(errno));
    }
    call->size = kind->has_output ? OUTPUT_WINDOW : NO_WINDOW;
    call->ring = kind->has_output ? malloc(call->size) : NULL;
    call->gather = kind->has_input ? malloc(GATHER_SIZE) : NULL;
    rc = build(kind, request, (uint32_t)call->size, message);
    if (rc == ENCLAVE_ETOOBIG) {
        return enclave_error_set(err, rc, "%s '%s': the path and the lists are too long",
                                 kind->what, call->path);
    }
    if (rc < 0 || (kind->has_output && !call->ring) || (kind->has_input && !call->gather)) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "%s '%s': out of memory", kind->what,
                                 call->path);
    }
    return 0;
}

int32_t call_open(struct call *call, struct agent *agent, const struct call_kind *kind,
                  const struct enclave_file_request *request, int32_t cancel_fd,
                  struct enclave_error *err)
{
    struct enclave_process_events events = {.size = sizeof events,
                                            .ctx = call,
                                            .output = on_output,
                                            .writable = on_writable,
                                            .exit = on_end};
    struct enclave_file_request own = {0};
    struct process_start start = {
        .what = kind->what, .has_stdin = kind->has_input, .events = &events};
    struct message message = {0};
    int32_t rc;

    SIZED_COPY(own, request);
    *call = (struct call){.what = kind->what,
                          .timeout_ms = own.timeout_ms,
                          .deadline = clock_deadline(own.timeout_ms),
                          .cancel_fd = cancel_fd,
                          .wake_fd = -1};
    pthread_mutex_init(&call->lock, NULL);
    if (own.path) {
        agent_text_clean(call->path, sizeof call->path, own.path, strlen(own.path), 0);
    }
    rc = prepare(call, kind, &own, &message, err);
    if (rc == 0) {
        start.name = call->path;
        start.window = (uint32_t)call->size;
        rc = process_start(agent, &message, &start, &call->process, err);
    }
    message_free(&message);
    if (rc < 0) {
        destroy(call);
    }
    return rc;
}

/* ---------------------------------------------------------------------------------------- wait */

enum want { WANT_OUTPUT = 1, WANT_ROOM = 2 };

/* Lock held. */
static int has(const struct call *call, unsigned want)
{
    return call->ended || ((want & WANT_OUTPUT) && call->length > 0) ||
           ((want & WANT_ROOM) && call->writable);
}

static int32_t wait_poll(struct call *call, int patient, struct enclave_error *err)
{
    struct pollfd fds[2] = {{.fd = call->wake_fd, .events = POLLIN},
                            {.fd = patient ? -1 : call->cancel_fd, .events = POLLIN}};
    int n = poll(fds, 2, patient ? -1 : clock_left(call->deadline));

    if (n < 0 && errno != EINTR) {
        return enclave_error_set(err, ENCLAVE_EIO, "%s '%s': %s", call->what, call->path,
                                 strerror(errno));
    }
    if (n > 0 && fds[1].revents) {
        return enclave_error_set(err, ENCLAVE_ECANCELLED, "%s '%s': cancelled", call->what,
                                 call->path);
    }
    if (n == 0) {
        return enclave_error_set(err, ENCLAVE_ETIMEOUT, "%s '%s': not done after %lld ms",
                                 call->what, call->path, (long long)call->timeout_ms);
    }
    return 0;
}

/* Until the operation has ended or has what is wanted. `patient`: after KILL, when the end is
 * certain to come. */
static int32_t wait_for(struct call *call, unsigned want, int patient, struct enclave_error *err)
{
    int32_t rc = 0;

    pthread_mutex_lock(&call->lock);
    while (rc == 0 && !has(call, want)) {
        uint64_t count;

        call->waiting = 1;
        pthread_mutex_unlock(&call->lock);
        rc = wait_poll(call, patient, err);
        (void)!read(call->wake_fd, &count, sizeof count);
        pthread_mutex_lock(&call->lock);
        call->waiting = 0;
    }
    call->writable = 0;
    pthread_mutex_unlock(&call->lock);
    return rc;
}

static int has_ended(struct call *call)
{
    int ended;

    pthread_mutex_lock(&call->lock);
    ended = call->ended;
    pthread_mutex_unlock(&call->lock);
    return ended;
}

/* ------------------------------------------------------------------------------- bytes in and out
 */

int32_t call_read(struct call *call, const uint8_t **ret_data, size_t *ret_length,
                  struct enclave_error *err)
{
    int32_t rc = wait_for(call, WANT_OUTPUT, 0, err);

    if (rc == 0) {
        size_t whole = call->size - call->start;

        pthread_mutex_lock(&call->lock);
        *ret_data = call->ring + call->start;
        *ret_length = call->length < whole ? call->length : whole;
        pthread_mutex_unlock(&call->lock);
    }
    return rc;
}

void call_done(struct call *call, size_t length)
{
    pthread_mutex_lock(&call->lock);
    call->start = (call->start + length) % call->size;
    call->length -= length;
    pthread_mutex_unlock(&call->lock);
    agent_process_credit(call->process, ENCLAVE_STDOUT, length);
}

/* A process that has ended, or been lost, is no error of the write: call_close() tells. */
static int32_t write_ended(struct call *call, int32_t code, struct enclave_error *err)
{
    if (code == ENCLAVE_ESTATE || code == ENCLAVE_ELOST) {
        call->input_cut = 1;
        return CALL_ENDED;
    }
    return enclave_error_prefix(err, code, "%s '%s': ", call->what, call->path);
}

static int32_t send_all(struct call *call, const uint8_t *from, size_t length,
                        struct enclave_error *err)
{
    while (length > 0) {
        uint64_t taken = 0;
        int32_t rc = agent_process_write(call->process, from, length, &taken, err);

        if (rc < 0) {
            return write_ended(call, rc, err);
        }
        from += taken;
        length -= (size_t)taken;
        if (length > 0) {
            rc = wait_for(call, WANT_ROOM, 0, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int32_t send_gathered(struct call *call, struct enclave_error *err)
{
    size_t length = call->gathered;

    call->gathered = 0;
    return send_all(call, call->gather, length, err);
}

int32_t call_write(struct call *call, const void *data, size_t length, struct enclave_error *err)
{
    if (length > GATHER_SIZE - call->gathered) {
        int32_t rc = send_gathered(call, err);

        if (rc != 0) {
            return rc;
        }
    }
    if (length >= GATHER_SIZE) {
        return send_all(call, data, length, err);
    }
    memcpy(call->gather + call->gathered, data, length);
    call->gathered += length;
    return 0;
}

int32_t call_end_input(struct call *call, struct enclave_error *err)
{
    int32_t rc = send_gathered(call, err);

    if (rc < 0) {
        return rc;
    }
    /* A failure means that it has ended. */
    (void)agent_process_close_stdin(call->process, NULL);
    return wait_for(call, 0, 0, err);
}

/* ----------------------------------------------------------------------------------------- end */

static int32_t code_of(int error)
{
    switch (error) {
    case ENOENT:
        return ENCLAVE_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ENCLAVE_EDENIED;
    case EFBIG:
    case ENOSPC:
    case EDQUOT:
        return ENCLAVE_ETOOBIG;
    case ELOOP:
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case EXDEV:
        return ENCLAVE_EINVALID;
    case EEXIST:
        return ENCLAVE_EEXISTS;
    case ETIMEDOUT:
        return ENCLAVE_ETIMEOUT;
    case EBUSY:
    case ETXTBSY:
        return ENCLAVE_EBUSY;
    case ENOTSUP:
    case ENOSYS:
        return ENCLAVE_ENOTSUP;
    default:
        return ENCLAVE_EIO;
    }
}

static int32_t failed(const struct call *call, int error, struct enclave_error *err)
{
    char buffer[128];
    const char *text = call->reason[0] ? call->reason : strerror_r(error, buffer, sizeof buffer);

    return enclave_error_set(err, code_of(error), "%s '%s': %s", call->what, call->path, text);
}

static int32_t result(const struct call *call, struct enclave_error *err)
{
    if (call->end.how == ENCLAVE_EXIT_LOST) {
        return enclave_error_set(err, ENCLAVE_ELOST, "%s '%s': the sandbox is gone: %s", call->what,
                                 call->path, call->reason);
    }
    if (call->end.how != ENCLAVE_EXIT_EXITED) {
        return enclave_error_set(
            err, ENCLAVE_EIO, "%s '%s': ended by signal %d%s", call->what, call->path,
            call->end.signal,
            call->end.flags & ENCLAVE_EXIT_FLAG_OOM ? ": the sandbox is out of memory" : "");
    }
    if (call->end.code != 0) {
        return failed(call, call->end.code, err);
    }
    if (call->input_cut) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "%s '%s': the agent did not take all of its input", call->what,
                                 call->path);
    }
    return 0;
}

/* What still comes is thrown away, so that the agent is not kept from ending it. */
static void end_now(struct call *call)
{
    (void)agent_process_kill(call->process, NULL);
    for (;;) {
        size_t length;

        if (wait_for(call, WANT_OUTPUT, 1, NULL) < 0) {
            continue;
        }
        pthread_mutex_lock(&call->lock);
        length = call->length;
        pthread_mutex_unlock(&call->lock);
        if (length == 0) {
            return; /* that is: it has ended */
        }
        call_done(call, length);
    }
}

int32_t call_close(struct call *call, int32_t code, struct enclave_error *err)
{
    if (code < 0 || !has_ended(call)) {
        end_now(call);
    }
    if (code >= 0) {
        code = result(call, err);
    }
    agent_process_release(call->process);
    destroy(call);
    return code;
}
