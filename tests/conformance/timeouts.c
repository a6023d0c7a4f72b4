/*
 * timeouts.c - time that is over, and that nothing is left of what used it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "job.h"
#include "tree.h"

static void told(struct test *t)
{
    struct enclave_result *result =
        run_shell_for(t, box_shared(t), "echo out; echo err >&2; exec sleep 1000", 1500);

    expect_cause(t, result, ENCLAVE_CAUSE_TIMEOUT);
    expect_int(t, result->status, ENCLAVE_RESULT_TIMEOUT);
    expect_int(t, result->exit_code, -1);
    expect_text(t, result->output, "out\n");
    expect_part(t, result->error, "err\n");
    expect(t, result->wall_us >= 1500000);
    expect_alive(t, box_shared(t));
}

static void python(struct test *t)
{
    struct enclave_result *result =
        run_python_for(t, box_shared(t), "print('begun')\nwhile True: pass", 2000);

    expect_cause(t, result, ENCLAVE_CAUSE_TIMEOUT);
    expect_text(t, result->output, "begun\n");
    expect_part(t, result->error, "timed out after 2 seconds"); /* what there is to say */
}

static void tree(struct test *t)
{
    struct box *box = box_shared(t);
    struct enclave_result *result = run_shell_for(t, box, tree_command(t, "timeouts-tree"), 3000);

    expect_cause(t, result, ENCLAVE_CAUSE_TIMEOUT);
    expect_text(t, result->output, "begun\n"); /* they were there */
    expect_int(t, tree_count(t, box, "timeouts-tree"), 0);
    expect_alive(t, box);
}

static void stopped(struct test *t)
{
    struct enclave_result *result =
        run_shell_for(t, box_shared(t), "echo begun; sleep 1000 & kill -STOP $! $$", 1500);

    expect_cause(t, result, ENCLAVE_CAUSE_TIMEOUT);
    expect_text(t, result->output, "begun\n");
    expect_alive(t, box_shared(t));
}

static void others_go_on(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job = job_start(
        t, box, "echo begun; while ! test -e /tmp/timeouts-go; do sleep 0.05; done; echo end");

    job_wait_output(t, job, "begun");
    expect_cause(t, run_shell_for(t, box, "exec sleep 1000", 200), ENCLAVE_CAUSE_TIMEOUT);
    expect_shell(t, box, "touch /tmp/timeouts-go", "");
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_exit(t, result, 0);
    expect_text(t, result->output, "begun\nend\n");
    expect_shell(t, box, "rm /tmp/timeouts-go", "");
}

static void background(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");

    expect_shell(t, box, "sh -c 'while :; do sleep 0.2; done' background-mark >/dev/null 2>&1 &",
                 "");
    expect_cause(t, run_shell_for(t, box, "exec sleep 1000", 200), ENCLAVE_CAUSE_TIMEOUT);
    expect(t, tree_count(t, box, "background-mark") > 0); /* not that execution's */
    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
}

static void zero(struct test *t)
{
    struct box *box = box_new(t, "{'timeout': 0.3}");

    expect_cause(t, run_shell(t, box, "exec sleep 1000"), ENCLAVE_CAUSE_TIMEOUT);
    struct enclave_result *result = run_shell_for(t, box, "sleep 0.6; echo done", 0);
    expect_exit(t, result, 0);
    expect_text(t, result->output, "done\n");
}

static void order(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct box *box =
        box_new(t, "{'timeout': 0.1, 'tools_config': {'shell_executor': {'timeout': 40}}}");

    /* The tool's over the sandbox's, the call's over the tool's, the parameter over the call's. */
    expect_shell(t, box, "sleep 0.3; echo done", "done\n");
    expect_cause(t, run_shell_for(t, box, "exec sleep 1000", 100), ENCLAVE_CAUSE_TIMEOUT);
    options.timeout_ms = 100;
    struct enclave_result *result =
        run_tool(t, box, "shell_executor",
                 "{\"command\": \"sleep 0.3; echo done\", \"timeout\": 40}", &options);
    expect_exit(t, result, 0);
}

static const struct tap_case cases[] = {
    {"told", "a timeout is told as such, and what was written until then is kept", told},
    {"python", "a loop in Python ends at its time", python},
    {"tree", "it ends all that was started: other sessions, daemons, the deaf", tree},
    {"stopped", "it ends processes that are stopped", stopped},
    {"others_go_on", "it ends nothing of other executions", others_go_on},
    {"background", "what an ended execution left in the background goes on until the stop",
     background},
    {"zero", "0 is no limit", zero},
    {"order", "parameter, call, tool, sandbox: the first that is given counts", order},
};
TAP_GROUP(timeouts, cases);
