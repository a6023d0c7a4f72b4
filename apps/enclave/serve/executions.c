/*
 * executions.c - see executions.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "executions.h"

#include "../session.h"
#include "answer.h"
#include "clock.h"
#include "connections.h"
#include "keys.h"
#include "loop.h"
#include "outflow.h"
#include "reactor.h"
#include "strmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PING_MS 10000
/* Of a key, and an execution of its. Neither can have a line end, so that no two share a name. */
#define NAME_FORMAT "%s\n%s"

struct execution {
    struct executions *all;
    struct execution *next, *previous; /* guarded by all->lock */
    atomic_uint holds;                 /* the manager's, the outflow's */
    struct request *request;
    struct reactor *reactor; /* that serves its connection */
    struct outflow *outflow; /* NULL: it does not stream */
    struct events events;
    char *name; /* in all->names; NULL: it has none */
    _Atomic uint64_t ticket;
    atomic_bool cancelled;
    _Atomic int64_t told_ms;
};

struct executions {
    struct server *server;
    struct strmap *names; /* "KEY/ID" to execution; taken before the lock */
    pthread_mutex_t lock; /* guards the list; taken before those of outflows */
    struct execution *first;
    atomic_uint count;
};

struct executions *executions_new(struct server *server)
{
    struct executions *executions = calloc(1, sizeof *executions);

    if (executions && !(executions->names = strmap_new(server->settings.max_executions))) {
        free(executions);
        return NULL;
    }
    if (executions) {
        executions->server = server;
        (void)pthread_mutex_init(&executions->lock, NULL);
    }
    return executions;
}

void executions_free(struct executions *executions)
{
    if (executions) {
        strmap_free(executions->names);
        (void)pthread_mutex_destroy(&executions->lock);
        free(executions);
    }
}

unsigned executions_count(struct executions *executions)
{
    return atomic_load(&executions->count);
}

/* -------------------------------------------------------------------------------- one execution */

static void drop(struct execution *execution)
{
    if (atomic_fetch_sub(&execution->holds, 1) == 1) {
        free(execution->name);
        free(execution);
    }
}

/* Before it has its ticket only the wish is noted, and seen by who stores the ticket. */
static void cancel(struct execution *execution)
{
    uint64_t ticket;

    atomic_store(&execution->cancelled, true);
    ticket = atomic_load(&execution->ticket);
    if (ticket != 0) {
        (void)enclave_manager_cancel_ticket(execution->all->server->manager, ticket, NULL);
    }
}

static void on_gone(struct request *request)
{
    cancel(request->work);
}

static void on_closed(void *ctx)
{
    cancel(ctx);
    drop(ctx);
}

/* Not for a client that has gone: its outflow ends with the connection, whose lock is held then. */
static void cancel_by_wish(struct execution *execution)
{
    cancel(execution);
    if (execution->outflow) {
        outflow_cut(execution->outflow);
    }
}

static void cancel_value(void *value)
{
    cancel_by_wish(value);
}

bool executions_cancel(struct executions *executions, const char *key, const char *execution_id)
{
    char name[KEY_NAME_MAX + EXECUTION_ID_SIZE + 2];

    (void)snprintf(name, sizeof name, NAME_FORMAT, key ? key : "", execution_id);
    return strmap_with(executions->names, name, cancel_value);
}

void executions_cancel_all(struct executions *executions)
{
    pthread_mutex_lock(&executions->lock);
    for (struct execution *execution = executions->first; execution; execution = execution->next) {
        cancel_by_wish(execution);
    }
    pthread_mutex_unlock(&executions->lock);
}

/* ------------------------------------------------------------------------------------ its output */

static bool put_waiting(void *ctx, const char *text, size_t length)
{
    struct execution *execution = ctx;

    atomic_store(&execution->told_ms, clock_ms());
    return outflow_write(execution->outflow, text, length, true);
}

static bool put_now(void *ctx, const char *text, size_t length)
{
    struct execution *execution = ctx;

    atomic_store(&execution->told_ms, clock_ms());
    return outflow_write(execution->outflow, text, length, false);
}

static int32_t on_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct execution *execution = ctx;

    return events_output(&execution->events, stream, data, length, put_waiting, execution) ? 0 : 1;
}

void executions_ping(struct executions *executions)
{
    int64_t before = clock_ms() - PING_MS;

    pthread_mutex_lock(&executions->lock);
    for (struct execution *execution = executions->first; execution; execution = execution->next) {
        if (execution->outflow && atomic_load(&execution->told_ms) <= before) {
            (void)events_ping(&execution->events, put_now, execution);
        }
    }
    pthread_mutex_unlock(&executions->lock);
}

/* -------------------------------------------------------------------------------------- its end */

static void forget(struct execution *execution)
{
    struct executions *all = execution->all;

    if (execution->name) {
        strmap_remove(all->names, execution->name);
    }
    pthread_mutex_lock(&all->lock);
    *(execution->previous ? &execution->previous->next : &all->first) = execution->next;
    if (execution->next) {
        execution->next->previous = execution->previous;
    }
    pthread_mutex_unlock(&all->lock);
    atomic_fetch_sub(&all->count, 1);
}

static void end_stream(struct execution *execution, const char *result,
                       const struct enclave_error *err)
{
    bool told = events_flush(&execution->events, put_now, execution);

    if (told && result) {
        told = events_end(&execution->events, "result", result, put_now, execution);
    } else if (told) {
        AUTO_JSON struct json_object *error = answer_error_object(NULL, err);
        json_object_object_add(error, "status",
                               json_object_new_int(enclave_error_http_status(err->code)));
        told = events_end(&execution->events, "error",
                          json_object_to_json_string_ext(error, JSON_C_TO_STRING_PLAIN), put_now,
                          execution);
    }
    outflow_end(execution->outflow, !told);
}

/* `result`: text that enclave_free() frees, NULL: there is none, and `err` says why. Takes both holds that we have. */
static void end(struct execution *execution, char *result, const struct enclave_error *err)
{
    struct request *request = execution->request;
    struct outflow *outflow = execution->outflow;
    bool stream = outflow && (result || outflow_begun(execution->outflow));

    forget(execution);
    if (stream) {
        end_stream(execution, result, err);
        enclave_free(result);
    } else if (result) {
        answer_text(request, MHD_HTTP_OK, result);
        request_resume(request);
    } else {
        answer_error(request, err);
        request_resume(request);
    }
    if (outflow && !stream) {
        drop(execution); /* there is no answer by which the outflow would */
    }
    outflow_drop(outflow);
    drop(execution);
}

static void take(const struct enclave_completion *completion)
{
    struct enclave_error err = completion->error;
    char *text = NULL;

    if (completion->code == 0) {
        (void)enclave_result_json(completion->result, &text, &err);
        enclave_result_free(completion->result);
    }
    end(completion->user_data, text, &err);
}

/* In the thread that ran it, which sends the answer too. Of a stream all has been handed over in this thread already: so is
 * the end. */
static int32_t on_ended(const struct enclave_completion *completion)
{
    const struct execution *execution = completion->user_data;
    struct reactor *reactor = execution->reactor;

    if (!execution->outflow) {
        if (!loop_answer_at_once(execution->all->server->loop)) {
            return 0;
        }
        execution->request->paced = true;
    }
    reactor_defer(reactor);
    take(completion);
    reactor_run(reactor);
    return 1;
}

void executions_take(struct executions *executions)
{
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;

    while (loop_may_answer(executions->server->loop) &&
           enclave_manager_next_completion(executions->server->manager, &completion, NULL) == 0) {
        const struct execution *execution = completion.user_data;
        if (!execution->outflow) {
            loop_answer_made(executions->server->loop);
            execution->request->paced = true;
        }
        take(&completion);
        completion = (struct enclave_completion)ENCLAVE_COMPLETION_INIT;
    }
}

/* ---------------------------------------------------------------------------------- its beginning */

static struct execution *refuse(struct execution *execution, struct request *request, int32_t code,
                                const char *text)
{
    atomic_fetch_sub(&request->server->executions->count, 1);
    answer_fail(request, code, "%s", text);
    if (execution) {
        outflow_drop(execution->outflow);
        free(execution->name);
        free(execution);
    }
    return NULL;
}

static struct execution *new_execution(struct executions *executions, struct request *request,
                                       const struct execution_request *what)
{
    struct execution *execution;

    if (atomic_fetch_add(&executions->count, 1) >= executions->server->settings.max_executions) {
        return refuse(NULL, request, ENCLAVE_EBUSY,
                      "as many executions are under way as [server] max_executions allows; try "
                      "again in a second");
    }
    execution = calloc(1, sizeof *execution);
    if (!execution) {
        return refuse(NULL, request, ENCLAVE_ENOMEM, "out of memory");
    }
    execution->all = executions;
    execution->request = request;
    execution->reactor = request->connection->reactor;
    execution->events.format = what->format;
    atomic_store(&execution->told_ms, clock_ms());
    if (what->format != EVENTS_NONE) {
        execution->outflow =
            outflow_new(request, events_type(what->format), on_gone, on_closed, execution);
    }
    if (what->execution_id && asprintf(&execution->name, NAME_FORMAT,
                                       request->key ? request->key : "", what->execution_id) < 0) {
        execution->name = NULL;
    }
    if ((what->format != EVENTS_NONE && !execution->outflow) ||
        (what->execution_id && !execution->name)) {
        return refuse(execution, request, ENCLAVE_ENOMEM, "out of memory");
    }
    atomic_store(&execution->holds, execution->outflow ? 2 : 1);
    if (execution->name && !strmap_add(executions->names, execution->name, execution)) {
        return refuse(execution, request, ENCLAVE_EEXISTS,
                      "an execution with this execution_id is under way");
    }
    return execution;
}

static void enlist(struct execution *execution)
{
    struct executions *all = execution->all;

    pthread_mutex_lock(&all->lock);
    execution->next = all->first;
    if (all->first) {
        all->first->previous = execution;
    }
    all->first = execution;
    pthread_mutex_unlock(&all->lock);
}

bool executions_begin(struct executions *executions, struct request *request,
                      const struct execution_request *what)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct execution *execution = new_execution(executions, request, what);
    uint64_t ticket = 0;

    if (!execution) {
        return false;
    }
    enlist(execution);
    options.timeout_ms = what->timeout_ms;
    options.execution_id = what->execution_id;
    options.stdin_data = what->stdin_data;
    options.stdin_length = what->stdin_length;
    options.ended = on_ended;
    options.flags = reactor_lend(execution->reactor) ? ENCLAVE_EXECUTE_LEND : 0;
    if (execution->outflow) {
        options.output = on_output;
        options.output_ctx = execution;
    }
    request->work = execution;
    atomic_fetch_add(&execution->holds, 1); /* ours: it may end before submit returns */
    if (request->waiting) {
        request_watch(request, on_gone);
    } else {
        request_wait(request, on_gone);
    }
    if (enclave_manager_submit(executions->server->manager, what->sandbox, what->tool, what->params,
                               &options, execution, &ticket, &err) != 0) {
        end(execution, NULL, &err);
    } else {
        atomic_store(&execution->ticket, ticket);
        if (atomic_load(&execution->cancelled)) {
            (void)enclave_manager_cancel_ticket(executions->server->manager, ticket, NULL);
        }
    }
    drop(execution);
    return true;
}
