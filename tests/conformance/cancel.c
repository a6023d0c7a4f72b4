/*
 * cancel.c - one thread ends what another waits for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "job.h"
#include "tree.h"

static void tidy(struct test *t, void *what)
{
    (void)t;
    enclave_cancel_free(what);
}

static void before(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    struct box *box = box_shared(t);

    expect_ok(t, enclave_cancel_new(&options.cancel, &err), &err);
    test_defer(t, tidy, options.cancel);
    enclave_cancel_trigger(options.cancel);
    int32_t r = enclave_manager_execute_tool(
        box->manager, box->id, "shell_executor",
        "{\"command\": \"sleep 0.2; touch /tmp/cancelled-before; sleep 1000\"}", &options, &result,
        &err);
    if (r == 0) { /* either answer is right */
        expect_cause(t, keep_result(t, result), ENCLAVE_CAUSE_CANCELLED);
    } else {
        expect_error(t, r, ENCLAVE_ECANCELLED, &err, "");
    }
    expect_shell(t, box, "sleep 0.3; test -e /tmp/cancelled-before || echo nothing", "nothing\n");
}

static void during(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job = job_start(t, box, tree_command(t, "cancel-tree"));

    job_wait_output(t, job, "begun");
    expect(t, tree_count(t, box, "cancel-tree") >= 3);
    job_cancel(job);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_CANCELLED);
    expect_int(t, result->status, ENCLAVE_RESULT_CANCELLED);
    expect_int(t, result->exit_code, -1);
    expect_text(t, result->output, "begun\n");
    expect_int(t, tree_count(t, box, "cancel-tree"), 0);
    expect_alive(t, box);
}

static void again(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job = job_start(t, box, "echo begun; exec sleep 1000");
    struct job *other = job_start(t, box, "echo begun; read line; exit 3");

    job_wait_output(t, job, "begun");
    job_cancel(job);
    job_cancel(job);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_CANCELLED);
    job_cancel(job); /* of what has ended */
    result = job_end(t, other, &err);
    expect(t, result != NULL);
    job_cancel(other);
    expect_exit(t, result, 3); /* told as it was */
    expect_alive(t, box);
}

static void one_of_many(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *jobs[4];

    for (int i = 0; i < 4; i++) {
        jobs[i] = job_start(t, box, "echo begun; exec sleep 1000");
    }
    for (int i = 0; i < 4; i++) {
        job_wait_output(t, jobs[i], "begun");
    }
    for (int i = 0; i < 4; i++) {
        expect(t, !job_over(jobs[i]));
        job_cancel(jobs[i]);
        struct enclave_result *result = job_end(t, jobs[i], &err);
        expect(t, result != NULL);
        expect_cause(t, result, ENCLAVE_CAUSE_CANCELLED);
    }
}

static const struct tap_case cases[] = {
    {"before", "what is cancelled before it begins does not begin", before},
    {"during", "cancelling ends all that was started, and keeps what was written", during},
    {"again", "cancelling twice, or what has ended, changes nothing", again},
    {"one_of_many", "cancelling one execution leaves the others alone", one_of_many},
};
TAP_GROUP(cancel, cases);
