/*
 * lifecycle.c - sandboxes come, are told about, and go.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "groups.h"
#include "job.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>

/* 1 when the manager's list for `status` has the sandbox. */
static int listed(struct test *t, const struct box *box, uint32_t status)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL, part[ENCLAVE_ID_SIZE + 2];

    expect_ok(t, enclave_manager_list_sandboxes(box->manager, status, &text, &err), &err);
    json_object *list = json_tokener_parse(text);
    int found = 0;
    (void)snprintf(part, sizeof part, "%s", box->id);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *id = json_object_object_get(json_object_array_get_idx(list, i), "id");
        found |= strcmp(json_object_get_string(id), part) == 0;
    }
    json_object_put(list);
    enclave_free(text);
    return found;
}

static void create(struct test *t)
{
    struct box *box = box_new(t, "");

    expect_text(t, box_info(t, box, "id"), box->id);
    expect_text(t, box_info(t, box, "status"), "running");
    if (!subject_of(t)->delegates) { /* else it is the other manager's type */
        expect_text(t, box_info(t, box, "type"), subject_of(t)->backend);
    }
    expect_alive(t, box);
}

static void id_given(struct test *t)
{
    struct subject *subject = subject_of(t);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, ""); /* whose id is free once it is deleted */
    char id[ENCLAVE_ID_SIZE], other[ENCLAVE_ID_SIZE] = "untouched";

    options.id = box->id;
    int32_t r = enclave_manager_create_sandbox(subject->manager, NULL, NULL, &options, other, &err);
    expect_error(t, r, ENCLAVE_EEXISTS, &err, box->id);
    expect_text(t, other, "untouched");
    box_delete(t, box);
    expect_ok(t, enclave_manager_create_sandbox(subject->manager, NULL, NULL, &options, id, &err),
              &err);
    expect_text(t, id, box->id);
    expect_text(t, box_info(t, box, "status"), "running");
}

static void id_bad(struct test *t)
{
    static const char *const ids[] = {"", "A", "-a", "a/b", "../a", "a b", "\xc3\xa4", "a\nb"};
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char long_id[ENCLAVE_ID_SIZE + 1], id[ENCLAVE_ID_SIZE];

    memset(long_id, 'a', sizeof long_id);
    long_id[ENCLAVE_ID_SIZE] = '\0';
    for (size_t i = 0; i <= sizeof ids / sizeof *ids; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        options.id = i < sizeof ids / sizeof *ids ? ids[i] : long_id;
        int32_t r =
            enclave_manager_create_sandbox(subject_of(t)->manager, NULL, NULL, &options, id, &err);
        expect_error(t, r, ENCLAVE_EINVALID, &err, "id");
    }
}

static void info(struct test *t)
{
    struct box *box = box_new(t, "{'env_vars': {'CONFORMANCE': 'yes'}, 'timeout': 17,"
                                 " 'tools_config': ['shell_executor']}");

    expect_part(t, box_info(t, box, "config"), "\"CONFORMANCE\": \"yes\"");
    expect_part(t, box_info(t, box, "config"), "\"timeout\": 17");
    expect_part(t, box_info(t, box, "config"), "\"working_dir\": \"\\/sandbox\"");
    expect_part(t, box_info(t, box, "available_tools"), "shell_executor");
    expect(t, !strstr(box_info(t, box, "available_tools"), "python_executor"));
    expect(t, strlen(box_info(t, box, "created_at")) == strlen("2025-03-01T12:00:00.000000Z"));
    expect(t, strcmp(box_info(t, box, "created_at"), box_info(t, box, "updated_at")) <= 0);
}

static void capabilities_told(struct test *t)
{
    const char *metadata = box_info(t, box_shared(t), "metadata");

    expect_part(t, metadata, "\"unenforced\"");
    expect_part(t, metadata, "\"enforced\"");
}

static void list(struct test *t)
{
    struct box *box = box_new(t, "");

    expect(t, listed(t, box, 0));
    expect(t, listed(t, box, ENCLAVE_STATUS_RUNNING));
    expect(t, !listed(t, box, ENCLAVE_STATUS_STOPPED));
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    expect(t, listed(t, box, ENCLAVE_STATUS_STOPPED));
    expect(t, !listed(t, box, ENCLAVE_STATUS_RUNNING));
    box_delete(t, box);
    expect(t, !listed(t, box, 0));
}

static void stop(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    struct box *box = box_new(t, "");
    void *data = NULL;
    uint64_t length;

    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    expect_text(t, box_info(t, box, "status"), "stopped");
    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    int32_t r = enclave_manager_execute_tool(box->manager, box->id, "shell_executor",
                                             "{\"command\": \"true\"}", NULL, &result, &err);
    expect_error(t, r, ENCLAVE_ESTATE, &err, box->id);
    r = enclave_manager_get_file(box->manager, box->id, "/etc/hostname", 0, &data, &length, &err);
    expect_error(t, r, ENCLAVE_ESTATE, &err, box->id);
    box_delete(t, box);
}

static void delete (struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    struct box *box = box_new(t, "");
    char *text = NULL;

    box_delete(t, box);
    int32_t r = enclave_manager_delete_sandbox(box->manager, box->id, &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, box->id);
    r = enclave_manager_stop_sandbox(box->manager, box->id, &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, box->id);
    r = enclave_manager_get_sandbox_info(box->manager, box->id, &text, &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, box->id);
    r = enclave_manager_execute_tool(box->manager, box->id, "shell_executor",
                                     "{\"command\": \"true\"}", NULL, &result, &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, box->id);
}

static void delete_while_executing(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");
    struct job *job = job_start(t, box, "echo begun; exec sleep 1000");

    job_wait_output(t, job, "begun");
    box_delete(t, box);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_BACKEND_LOST);
    expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    expect_int(t, result->exit_code, -1);
    expect_text(t, result->output, "begun\n");
}

static void stop_ends_all(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");
    struct job *job = job_start(t, box, "echo begun; trap '' TERM; sleep 1000");

    expect_shell(t, box, "sleep 1000 >/dev/null 2>&1 &", "");
    job_wait_output(t, job, "begun");
    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_cause(t, result, ENCLAVE_CAUSE_BACKEND_LOST);
    expect_text(t, box_info(t, box, "status"), "stopped");
}

static void tidy_cancel(struct test *t, void *what)
{
    (void)t;
    enclave_cancel_free(what);
}

static void create_cancelled(struct test *t)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box box = {.manager = subject_of(t)->manager, .id = "cancelled-before"};
    char id[ENCLAVE_ID_SIZE] = "untouched";

    expect_ok(t, enclave_cancel_new(&options.cancel, &err), &err);
    test_defer(t, tidy_cancel, options.cancel);
    options.id = box.id;
    enclave_cancel_trigger(options.cancel);
    int32_t r = enclave_manager_create_sandbox(box.manager, NULL, NULL, &options, id, &err);
    expect_error(t, r, ENCLAVE_ECANCELLED, &err, "");
    expect_text(t, id, "untouched");
    expect(t, !listed(t, &box, 0));
}

static int32_t create_or_cancel(struct member *member)
{
    struct enclave_create_options *options = member->ctx;
    char id[ENCLAVE_ID_SIZE];

    if (member->index > 0) {
        struct timespec meanwhile = {0, 20 * 1000000};
        (void)nanosleep(&meanwhile, NULL);
        enclave_cancel_trigger(options->cancel);
        return 0;
    }
    return enclave_manager_create_sandbox(member->box->manager, NULL, NULL, options, id,
                                          &member->err);
}

/* It may have come too late. */
static void create_cancelled_later(struct test *t)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box box = {.manager = subject_of(t)->manager, .id = "cancelled-later"};
    struct member members[CROWD_MAX];

    expect_ok(t, enclave_cancel_new(&options.cancel, &err), &err);
    test_defer(t, tidy_cancel, options.cancel);
    options.id = box.id;
    crowd(2, &box, &options, create_or_cancel, members);
    if (members[0].answer == 0) {
        box_delete(t, &box);
    } else {
        expect_error(t, members[0].answer, ENCLAVE_ECANCELLED, &members[0].err, "");
    }
    expect(t, !listed(t, &box, 0));
    options.cancel = NULL; /* the id is free, so that nothing of it is left */
    expect_ok(t, create_or_cancel(&(struct member){.box = &box, .ctx = &options, .err = err}),
              &err);
    box_delete(t, &box);
}

static void kept_until_deleted(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "{'remove_on_exit': false}");

    expect_ok(t, enclave_manager_stop_sandbox(box->manager, box->id, &err), &err);
    expect_text(t, box_info(t, box, "status"), "stopped");
    box_delete(t, box);
    expect(t, !listed(t, box, 0));
}

static void startup_command(struct test *t)
{
    struct box *box = box_new(t, "{'command': ['sh', '-c', 'echo here >started']}");

    expect_shell(t, box,
                 "for i in 1 2 3 4 5 6 7 8 9; do test -s started && break; sleep 0.3; done;"
                 " cat started",
                 "here\n");
}

static void stats(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = manager_new(t);
    char *text = NULL;

    (void)box_new_in(t, manager, "");
    expect_ok(t, enclave_manager_get_stats(manager, &text, &err), &err);
    char *copy = test_text(t, "%s", text);
    enclave_free(text);
    json_object *object = json_tokener_parse(copy);
    int total = json_object_get_int(json_object_object_get(object, "total_sandboxes"));
    int running = json_object_get_int(json_object_object_get(object, "running"));
    json_object_put(object);
    expect_int(t, total, 1);
    expect_int(t, running, 1);
    expect_part(t, copy, subject_of(t)->backend);
}

static const struct tap_case cases[] = {
    {"create", "a new sandbox is running, is of this backend and executes", create},
    {"id_given", "an id may be chosen; one that is taken is refused, one that was deleted is free",
     id_given},
    {"id_bad", "an id that is not [a-z0-9][a-z0-9_-]{0,62} is refused", id_bad},
    {"info", "info shows the whole configuration, the enabled tools and the times", info},
    {"capabilities_told", "info tells what is enforced and what is not", capabilities_told},
    {"list", "the list, for each status, has the sandbox when it is in it", list},
    {"stop", "a stopped sandbox stays, does nothing more, and may be stopped again", stop},
    {"stop_ends_all", "a stop ends executions and background processes", stop_ends_all},
    {"delete", "what is deleted is not found", delete},
    {"delete_while_executing", "a delete ends executions with cause backend_lost",
     delete_while_executing},
    {"create_cancelled", "a create that is cancelled before it begins does not begin",
     create_cancelled},
    {"create_cancelled_later", "a create that is cancelled meanwhile leaves nothing",
     create_cancelled_later},
    {"kept_until_deleted", "remove_on_exit = false: stop and delete do the same for the caller",
     kept_until_deleted},
    {"startup_command", "the command of the configuration is started with the sandbox",
     startup_command},
    {"stats", "the statistics count what there is", stats},
};
TAP_GROUP(lifecycle, cases);
