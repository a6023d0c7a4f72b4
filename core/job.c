/*
 * job.c - see job.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "job.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

void job_free(struct job *job)
{
    cancel_remove(job->callers, &job->watch);
    enclave_cancel_free(job->options.cancel);
    enclave_result_free(job->result);
    sandbox_unref(job->sandbox);
    free(job->message);
    free(job);
}

static const void *copy_in(char **to, const void *from, uint64_t length)
{
    const void *copy = *to;
    if (!from) {
        return NULL;
    }
    memcpy(*to, from, length);
    *to += length;
    return copy;
}

static uint64_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static void trigger(void *cancel)
{
    enclave_cancel_trigger(cancel);
}

struct job *job_new(struct sandbox *sandbox, const char *tool, const char *params,
                    const struct enclave_execute_options *options, void *user_data)
{
    uint64_t stdin_length = options->stdin_data ? options->stdin_length : 0;
    uint64_t texts = text_size(tool) + text_size(params) + text_size(options->execution_id);
    struct job *job = stdin_length < SIZE_MAX / 2 && texts < SIZE_MAX / 4
                          ? malloc(sizeof *job + texts + stdin_length)
                          : NULL;
    struct enclave_cancel *cancel = NULL;

    if (!job || enclave_cancel_new(&cancel, NULL) < 0) {
        sandbox_unref(sandbox);
        free(job);
        return NULL;
    }
    *job = (struct job){.user_data = user_data,
                        .sandbox = sandbox,
                        .options = *options,
                        .callers = options->cancel,
                        .watch = {trigger, cancel, NULL},
                        .bytes = texts + stdin_length,
                        .submitted_us = clock_monotonic_us()};
    char *to = job->copies;
    job->tool = copy_in(&to, tool, text_size(tool));
    job->params = copy_in(&to, params, text_size(params));
    job->options.execution_id =
        copy_in(&to, options->execution_id, text_size(options->execution_id));
    job->options.stdin_data = copy_in(&to, options->stdin_data, stdin_length);
    job->options.cancel = cancel;
    cancel_add(job->callers, &job->watch);
    return job;
}

struct enclave_completion job_completion(const struct job *job)
{
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;

    completion.code = job->code;
    completion.ticket = job->ticket;
    completion.user_data = job->user_data;
    completion.result = job->result;
    if (job->code < 0) {
        enclave_error_set(&completion.error, job->code, "%s",
                          job->message ? job->message : enclave_error_text(job->code));
    }
    return completion;
}
