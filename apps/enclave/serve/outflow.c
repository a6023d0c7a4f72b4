/*
 * outflow.c - see outflow.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outflow.h"

#include "answer.h"
#include "connections.h"
#include "reactor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FULL = 256 * 1024, BLOCK = 32 * 1024, RENEWAL = 64 * 1024 };

struct outflow {
    pthread_mutex_t lock; /* guards all below; taken before those of connections */
    pthread_cond_t room;
    unsigned holds; /* the writer's, the answer's */
    struct request *request;
    const char *type;
    void (*gone)(struct request *);
    void (*closed)(void *);
    void *ctx;
    char *data;
    size_t begin, length, capacity;
    size_t taken; /* since the deadline began */
    bool begun, idle /* the connection waits */, ended, broken, shut, cut;
};

struct outflow *outflow_new(struct request *request, const char *type,
                            void (*gone)(struct request *request), void (*closed)(void *ctx),
                            void *ctx)
{
    struct outflow *outflow = calloc(1, sizeof *outflow);

    if (outflow) {
        (void)pthread_mutex_init(&outflow->lock, NULL);
        (void)pthread_cond_init(&outflow->room, NULL);
        outflow->holds = 1;
        outflow->idle = true;
        outflow->request = request;
        outflow->type = type;
        outflow->gone = gone;
        outflow->closed = closed;
        outflow->ctx = ctx;
    }
    return outflow;
}

/* With the lock, which is given up. */
static void let_go(struct outflow *outflow)
{
    bool last = --outflow->holds == 0;

    pthread_mutex_unlock(&outflow->lock);
    if (last) {
        (void)pthread_cond_destroy(&outflow->room);
        (void)pthread_mutex_destroy(&outflow->lock);
        free(outflow->data);
        free(outflow);
    }
}

/* A client that has fallen behind gets more time for a piece worth it, and not for each byte. With the lock. */
static void renew(struct outflow *outflow, size_t n)
{
    outflow->taken += n;
    if (outflow->taken >= RENEWAL) {
        outflow->taken = 0;
        connections_limit_answer(outflow->request->server, outflow->request->connection);
    }
}

/* The library asks for bytes; 0 for a connection that waits. */
static ssize_t read_bytes(void *ctx, uint64_t position, char *to, size_t max)
{
    struct outflow *outflow = ctx;
    struct request *request = outflow->request;
    size_t n;
    ssize_t result;

    (void)position;
    reactor_happened();
    pthread_mutex_lock(&outflow->lock);
    n = outflow->length < max ? outflow->length : max;
    result = (ssize_t)n;
    if (n > 0) {
        memcpy(to, outflow->data + outflow->begin, n);
        outflow->begin += n;
        outflow->length -= n;
        renew(outflow, n);
        (void)pthread_cond_broadcast(&outflow->room);
    } else if (outflow->ended) {
        result =
            outflow->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        outflow->idle = true;
        outflow->taken = RENEWAL; /* it took all there was */
        request_wait(request, outflow->gone);
    }
    pthread_mutex_unlock(&outflow->lock);
    return result;
}

/* The answer is out, or its connection closed. */
static void shut(void *ctx)
{
    struct outflow *outflow = ctx;

    pthread_mutex_lock(&outflow->lock);
    outflow->shut = true;
    (void)pthread_cond_broadcast(&outflow->room);
    pthread_mutex_unlock(&outflow->lock);
    outflow->closed(outflow->ctx);
    pthread_mutex_lock(&outflow->lock);
    let_go(outflow);
}

static void begin(struct outflow *outflow)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_bytes, outflow, shut);

    outflow->begun = true;
    if (response) {
        outflow->holds++;
    } else {
        outflow->shut = true;
        outflow->closed(outflow->ctx);
    }
    answer_response(outflow->request, MHD_HTTP_OK, outflow->type, response);
}

static bool make_room(struct outflow *outflow, size_t length)
{
    size_t needed = outflow->length + length,
           capacity = outflow->capacity ? outflow->capacity : 4096;
    char *data;

    if (outflow->begin > 0) {
        memmove(outflow->data, outflow->data + outflow->begin, outflow->length);
        outflow->begin = 0;
    }
    while (capacity < needed) {
        capacity *= 2;
    }
    data = capacity > outflow->capacity ? realloc(outflow->data, capacity) : outflow->data;
    if (!data) {
        return false;
    }
    outflow->data = data;
    outflow->capacity = capacity;
    return true;
}

/* With the lock: whoever was told of bytes may be done with them, and with the request, as soon as it is given up. */
static void wake(struct outflow *outflow)
{
    if (!outflow->begun) {
        begin(outflow);
    }
    if (outflow->idle) {
        outflow->idle = false;
        request_resume(outflow->request);
    }
}

bool outflow_write(struct outflow *outflow, const void *data, size_t length, bool wait)
{
    bool kept;

    pthread_mutex_lock(&outflow->lock);
    while (wait && !outflow->shut && !outflow->cut && outflow->length > 0 &&
           outflow->length + length > FULL) {
        (void)pthread_cond_wait(&outflow->room, &outflow->lock);
    }
    kept =
        !outflow->shut && !outflow->ended && !(wait && outflow->cut) && make_room(outflow, length);
    if (kept) {
        memcpy(outflow->data + outflow->length, data, length);
        outflow->length += length;
        wake(outflow);
    }
    pthread_mutex_unlock(&outflow->lock);
    return kept;
}

void outflow_cut(struct outflow *outflow)
{
    pthread_mutex_lock(&outflow->lock);
    outflow->cut = true;
    (void)pthread_cond_broadcast(&outflow->room);
    pthread_mutex_unlock(&outflow->lock);
}

bool outflow_begun(struct outflow *outflow)
{
    bool begun;

    pthread_mutex_lock(&outflow->lock);
    begun = outflow->begun;
    pthread_mutex_unlock(&outflow->lock);
    return begun;
}

void outflow_end(struct outflow *outflow, bool broken)
{
    pthread_mutex_lock(&outflow->lock);
    outflow->ended = true;
    outflow->broken = broken;
    if (!outflow->shut) {
        wake(outflow);
    }
    pthread_mutex_unlock(&outflow->lock);
}

void outflow_drop(struct outflow *outflow)
{
    if (outflow) {
        pthread_mutex_lock(&outflow->lock);
        let_go(outflow);
    }
}
