/*
 * restart.c - managers that end, are killed, and come again; two of them side by side; a sandbox that is killed
 * behind its manager's back.
 *
 * Processes in a sandbox are looked for on the host, as far as it can see them: of an engine elsewhere it sees
 * none, and then a case holds what is left of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "hold.h"
#include "host.h"
#include "job.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Have the sandbox run a process with a mark that nobody else has; returns the mark. */
static char *mark(struct test *t, const struct box *box, const char *name)
{
    char *text = test_text(t, "conformance-%s-%d", name, (int)getpid());

    expect_shell(t, box, test_text(t, HOLD_COMMAND, text), "");
    return text;
}

static void manager_ends(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = manager_new(t);
    struct box *box = box_new_in(t, manager, "");
    char *text = mark(t, box, "ends");
    struct job *job = job_start(t, box, "echo begun; exec sleep 1000");

    job_wait_output(t, job, "begun");
    manager_end(t, manager);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_BACKEND_LOST);
    expect(t, host_wait_gone(text, 2000));
}

static void again(struct test *t)
{
    struct enclave_manager *manager = manager_new(t);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new_in(t, manager, "");
    char id[ENCLAVE_ID_SIZE];

    manager_end(t, manager);
    manager = manager_new(t);
    options.id = box->id; /* is free again */
    expect_ok(t,
              enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": " SUBJECT_TOOLS "}",
                                             &options, id, &err),
              &err);
    box->manager = manager;
    expect_alive(t, box);
}

/* What a manager's end and its neighbours mean for sandboxes that it keeps itself. */
static void only_its_own(struct test *t)
{
    if (subject_of(t)->delegates) {
        test_skip(t, "its sandboxes are another manager's");
    }
}

static void side_by_side(struct test *t)
{
    only_its_own(t);
    struct enclave_manager *one = manager_new(t), *two = manager_new(t);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *first = box_new_in(t, one, "");
    struct box second = {.manager = two};
    char *text = NULL;

    options.id = first->id; /* ids are a manager's own */
    expect_ok(t,
              enclave_manager_create_sandbox(two, NULL, "{\"tools_config\": " SUBJECT_TOOLS "}",
                                             &options, second.id, &err),
              &err);
    expect_shell(t, first, "echo first >which", "");
    expect_shell(t, &second, "ls; echo second >which", "");
    expect_ok(t, enclave_manager_cleanup_all_sandboxes(one, &err), &err);
    expect_shell(t, &second, "cat which", "second\n");
    manager_end(t, one);
    expect_shell(t, &second, "cat which", "second\n");
    expect_ok(t, enclave_manager_list_sandboxes(subject_of(t)->manager, 0, &text, &err), &err);
    int seen = strstr(text, second.id) != NULL;
    enclave_free(text);
    expect(t, !seen);
}

static void killed_manager(struct test *t)
{
    only_its_own(t);
    char *text = test_text(t, "conformance-killed-%d", (int)getpid());
    pid_t pid = hold_start(t, text);
    int count;

    (void)host_process(text, &count);
    if (count < 2) { /* the manager's own process has it too */
        test_skip(t, "the sandbox's processes are not to be seen on this host");
    }
    expect_int(t, kill(pid, SIGKILL), 0);
    (void)waitpid(pid, NULL, 0);
    expect(t, host_wait_gone(text, 15000));
}

static void killed_sandbox(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");
    char *text = mark(t, box, "first");
    int count;
    pid_t first = host_first_of_namespace(host_process(text, &count));

    if (first <= 1) {
        test_skip(t, "the sandbox's PID 1 is not to be seen on this host");
    }
    struct job *job = job_start(t, box, "echo begun; exec sleep 1000");
    job_wait_output(t, job, "begun");
    if (kill(first, SIGKILL) < 0) {
        test_skip(t, "the sandbox's PID 1 may not be killed by this user");
    }
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_BACKEND_LOST);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    int32_t r = enclave_manager_execute_tool(box->manager, box->id, "shell_executor",
                                             "{\"command\": \"true\"}", NULL, &result, &err);
    expect_error_of(t, r, ENCLAVE_ESTATE, ENCLAVE_ELOST, &err, box->id);
    expect(t, strcmp(box_info(t, box, "status"), "running") != 0);
    box_delete(t, box);
}

static const struct tap_case cases[] = {
    {"manager_ends", "with its manager a sandbox is gone, executions have cause backend_lost",
     manager_ends},
    {"again", "another manager of the same configuration works, the ids are free", again},
    {"side_by_side", "two managers do not see each other's sandboxes, nor delete them",
     side_by_side},
    {"killed_manager", "of a manager that was killed nothing is left", killed_manager},
    {"killed_sandbox", "a sandbox whose PID 1 was killed: backend_lost, no longer running",
     killed_sandbox},
};
TAP_GROUP(restart, cases);
