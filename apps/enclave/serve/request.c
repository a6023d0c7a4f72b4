/*
 * request.c - see request.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "request.h"

#include "answer.h"
#include "connections.h"
#include "keys.h"
#include "reactor.h"

void request_wait(struct request *request, void (*gone)(struct request *request))
{
    request->waiting = true;
    MHD_suspend_connection(request->mhd);
    request_watch(request, gone);
}

void request_watch(struct request *request, void (*gone)(struct request *request))
{
    connections_watch(request->server->connections, request->connection, gone);
}

void request_resume(struct request *request)
{
    struct MHD_Connection *mhd = request->mhd;
    struct reactor *reactor = request->connection->reactor;

    connections_unwatch(request->server->connections, request->connection);
    MHD_resume_connection(mhd);
    reactor_wake(reactor);
}

const char *request_caller(const struct request *request)
{
    const struct keys *keys = request->server->keys;

    return keys && keys_count(keys) > 1 ? request->key : NULL;
}

void request_begin(struct request *request, struct jobs *jobs, void (*run)(void *request),
                   void (*gone)(struct request *request))
{
    request->job = (struct job){.run = run, .ctx = request, .caller = request_caller(request)};
    request_wait(request, gone);
    if (!jobs_add(jobs, &request->job, false)) {
        answer_overload(request, "too many calls wait already");
        request_resume(request);
    }
}

static void cancel_job(struct request *request)
{
    enclave_cancel_trigger(request->cancel);
}

static void run_job(void *ctx)
{
    struct request *request = ctx;
    void (*run)(struct request *) = request->work;

    run(request);
    request_resume(request);
}

void request_run(struct request *request, struct jobs *jobs, void (*run)(struct request *request),
                 bool cancellable)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (cancellable && enclave_cancel_new(&request->cancel, &err) != 0) {
        answer_error(request, &err);
        return;
    }
    request->work = run;
    request_begin(request, jobs, run_job, cancellable ? cancel_job : NULL);
}

const char *request_parameter(const struct request *request, const char *name)
{
    return uri_value(&request->uri, name);
}
