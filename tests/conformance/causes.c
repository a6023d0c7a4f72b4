/*
 * causes.c - the truth about an end, where two ends look alike. The plain ones are in execution.c, timeouts.c
 * and cancel.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "job.h"

static void need_memory(struct test *t)
{
    if (!subject_declares(subject_of(t), "memory_limit")) {
        test_skip(t, "memory_limit is not declared");
    }
}

static void output_limit(struct test *t)
{
    struct box *box = box_new(t, "{'tools_config': {'shell_executor': {'max_output_size': 1000,"
                                 " 'on_output_limit': 'kill'}}}");
    struct enclave_result *result =
        run_shell(t, box, "printf begin; while :; do echo more and more; done");

    expect_cause(t, result, ENCLAVE_CAUSE_OUTPUT_LIMIT);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    expect_int(t, result->output_length, 1000);
    expect_int(t, result->truncated, 1);
    expect_exit(t, run_shell(t, box, "echo little"), 0);
}

static void oom(struct test *t)
{
    need_memory(t);
    struct box *box = box_new(t, "{'memory_limit': '128m'}");
    struct enclave_result *result =
        run_python(t, box, "print('before', flush=True)\nx = b'x' * (2 << 30)");

    expect_cause(t, result, ENCLAVE_CAUSE_OOM);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    expect_text(t, result->output, "before\n");
    expect(t, metadata_number(result, "oom_kills") >= 1);
    expect_alive(t, box);
}

static void oom_of_child(struct test *t)
{
    need_memory(t);
    struct box *box = box_new(t, "{'memory_limit': '128m'}");
    struct enclave_result *result =
        run_python(t, box,
                   "import subprocess, sys\n"
                   "r = subprocess.run([sys.executable, '-c', 'x = b\"x\" * (2 << 30)'])\n"
                   "print(r.returncode)\nsys.exit(137)");

    expect_exit(t, result, 137);
    expect_text(t, result->output, "-9\n");
    expect(t, metadata_number(result, "oom_kills") >= 1);
}

static void own_sigkill(struct test *t)
{
    struct enclave_result *result = run_shell(t, box_shared(t), "kill -9 $$");

    expect_cause(t, result, ENCLAVE_CAUSE_SIGNALED);
    expect_int(t, result->signal, 9);
}

static void lost(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");
    struct job *job = job_start(t, box, "echo begun; exec sleep 1000");

    job_wait_output(t, job, "begun");
    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_BACKEND_LOST);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    expect(t, result->error != NULL);
}

static void as_json(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = run_shell(t, box_shared(t), "echo out; exit 3");
    char *text = NULL;

    expect_ok(t, enclave_result_json(result, &text, &err), &err);
    char *copy = test_text(t, "%s", text);
    enclave_free(text);
    expect_part(t, copy, "\"cause\":\"exited\"");
    expect_part(t, copy, "\"exit_code\":3");
    expect_part(t, copy, "\"signal\":null");
    expect_part(t, copy, "\"output\":\"out\\n\"");
}

static const struct tap_case cases[] = {
    {"output_limit", "with on_output_limit = kill, what writes too much is ended", output_limit},
    {"oom", "what the kernel kills for lack of memory has cause oom", oom},
    {"oom_of_child", "a child's such end is counted, and its parent's is its own", oom_of_child},
    {"own_sigkill", "a SIGKILL of the program's own is no lack of memory", own_sigkill},
    {"lost", "what a stop takes away has cause backend_lost, never success", lost},
    {"as_json", "the result in JSON says the same", as_json},
};
TAP_GROUP(causes, cases);
