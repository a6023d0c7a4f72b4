/*
 * test_delegate.c - sandboxes of another manager: each call gives what that one gives, errors included.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAY_A "{\"argv\": [\"out\", \"a\"]}"
#define HANG "{\"argv\": [\"out\", \"begun\", \"hang\"]}"

/* --------------------------------------------------------------------------------------- creating */

static void test_what_is_asked_for(void **state)
{
    (void)state;
    static const char *const ini[] = {"sandbox.memory_limit=256m",
                                      "sandbox.env_vars={\"A\": \"1\"}", NULL};
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    delegate_outer(ini);
    options.request_key = "a key";
    assert_int_equal(
        enclave_manager_create_sandbox(
            outer, "other", "{\"timeout\": 7, \"env_vars\": {\"B\": \"2\"}}", &options, id, NULL),
        0);
    assert_string_equal(there.type, "other");
    assert_string_equal(there.request_key, "a key");
    assert_string_equal(there.id, id);
    json_object *asked = json_tokener_parse(there.requested);
    assert_int_equal(json_object_object_length(asked), 3); /* and none of our defaults */
    assert_string_equal(support_text(asked, "memory_limit", NULL), "256m");
    assert_int_equal(support_number(asked, "timeout"), 7);
    assert_string_equal(support_text(asked, "env_vars", "A", NULL), "1");
    assert_string_equal(support_text(asked, "env_vars", "B", NULL), "2");
    json_object_put(asked);

    static const char *const own[] = {NULL, "auto", "elsewhere"};
    for (size_t i = 0; i < COUNT(own); i++) {
        assert_int_equal(enclave_manager_create_sandbox(outer, own[i], NULL, NULL, id, NULL), 0);
        assert_string_equal(there.type, "none");
        assert_string_equal(there.request_key, "none");
    }
    /* A backend of that name is loaded here too: the type is the other manager's all the same. */
    assert_int_equal(enclave_manager_create_sandbox(outer, "null", NULL, NULL, id, NULL), 0);
    assert_string_equal(there.type, "null");
    assert_true(delegate_has_sandbox(inner, id));
}

/* Not the configured one, but named: it may still choose the type. */
static void test_named_backend(void **state)
{
    (void)state;
    static const char *const local[] = {"enclave.backend=null", NULL};
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_outer(local);
    assert_int_equal(enclave_manager_create_sandbox(outer, "elsewhere", NULL, NULL, id, NULL), 0);
    assert_string_equal(there.type, "none");
    assert_true(delegate_has_sandbox(inner, id));
    assert_int_equal(enclave_manager_list_sandboxes(outer, 0, &text, NULL), 0);
    assert_contains(text, id);
    enclave_free(text);
    assert_int_equal(enclave_manager_list_sandboxes(outer, ENCLAVE_STATUS_STOPPED, &text, NULL), 0);
    assert_string_equal(text, "[]");
    enclave_free(text);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    assert_contains(text, "\"manager_type\":\"local\"");
    assert_null(strstr(text, "\"remote\""));
    enclave_free(text);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, NULL), 0);
    assert_false(delegate_has_sandbox(inner, id));
}

static void test_an_id_of_its_own(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], second[ENCLAVE_ID_SIZE];
    atomic_store(&there.names, 1);
    delegate_sandbox(outer, "mine", id);
    assert_string_not_equal(id, "mine");
    assert_int_equal(delegate_entries(), 1);
    assert_int_equal(enclave_manager_execute_tool(outer, "mine", "run", NULL, NULL,
                                                  &(struct enclave_result *){NULL}, &err),
                     ENCLAVE_ENOTFOUND);
    enclave_result_free(support_run(outer, id, SAY_A, NULL));

    /* One that is taken here: nothing is left of it there. */
    (void)snprintf(there.name, sizeof there.name, "%s", id);
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, NULL, second, &err),
                     ENCLAVE_EEXISTS);
    assert_error(err, ENCLAVE_EEXISTS, "create a sandbox: there is a sandbox '");
    assert_int_equal(atomic_load(&there.handles), 1);
    assert_int_equal(atomic_load(&there.deleted), 1);
    /* A key may stand for somebody else's: it is let go of. */
    options.request_key = "k";
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, &options, second, &err),
                     ENCLAVE_EEXISTS);
    assert_int_equal(atomic_load(&there.deleted), 1);
    assert_int_equal(atomic_load(&there.detached), 1);
    (void)snprintf(there.name, sizeof there.name, "Not An Id");
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, NULL, second, &err),
                     ENCLAVE_EPROTOCOL);
    assert_int_equal(delegate_entries(), 1);
}

/* What was looked up while the create was under way makes room. */
static void test_an_id_that_was_looked_up(void **state)
{
    (void)state;
    char first[ENCLAVE_ID_SIZE], second[ENCLAVE_ID_SIZE];
    delegate_sandbox(inner, "known", first);
    enclave_result_free(support_run(outer, "known", SAY_A, NULL));
    assert_int_equal(delegate_entries(), 1);
    (void)snprintf(there.name, sizeof there.name, "known");
    delegate_sandbox(outer, NULL, second);
    assert_string_equal(second, "known");
    assert_int_equal(delegate_entries(), 1);
    there.name[0] = '\0';
}

static void same_refusal(const char *type, const char *config, const char *id, int32_t code)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    char ret_id[ENCLAVE_ID_SIZE];
    options.id = id;
    assert_int_equal(enclave_manager_create_sandbox(inner, type, config, &options, ret_id, &direct),
                     code);
    assert_int_equal(enclave_manager_create_sandbox(outer, type, config, &options, ret_id, &here),
                     code);
    assert_string_equal(here.message, direct.message);
    assert_int_equal(delegate_entries(), 0);
}

static void test_refused_creates(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    same_refusal(NULL, "{\"imge\": \"x\"}", NULL, ENCLAVE_EINVALID);
    same_refusal(NULL, "{", NULL, ENCLAVE_EINVALID);
    same_refusal(NULL, "{\"memory_limit\": \"lots\"}", NULL, ENCLAVE_EINVALID);
    same_refusal(NULL, "{\"image\": \"missing\"}", NULL, ENCLAVE_ENOTFOUND);
    same_refusal(NULL, "{\"tools_config\": [\"none\"]}", NULL, ENCLAVE_ENOTFOUND);
    same_refusal(NULL, "{\"tools_config\": {\"run\": {\"limit\": -1}}}", NULL, ENCLAVE_EINVALID);
    same_refusal(NULL, "{\"read_only_root\": true}", NULL, ENCLAVE_EUNENFORCED);
    same_refusal("docker", "{}", NULL, ENCLAVE_ENOTFOUND);
    same_refusal(NULL, "{}", "No Id", ENCLAVE_EINVALID);
    delegate_sandbox(inner, "taken", id);
    same_refusal(NULL, "{}", "taken", ENCLAVE_EEXISTS);
}

static void test_a_key_for_two(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char first[ENCLAVE_ID_SIZE], second[ENCLAVE_ID_SIZE];
    options.request_key = "once";
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, &options, first, &err), 0);
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, &options, second, &err), 0);
    assert_string_equal(first, second);
    options.request_key = "failed"; /* what failed is said once, and the key is free */
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, "{\"image\": \"missing\"}",
                                                    &options, second, &err),
                     ENCLAVE_ENOTFOUND);
    assert_true(strncmp(err.message, "create a sandbox: image", 23) == 0);
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, &options, second, &err), 0);
}

static void *trigger_soon(void *cancel)
{
    struct timespec pause = {0, 50000000};
    (void)nanosleep(&pause, NULL);
    enclave_cancel_trigger(cancel);
    return NULL;
}

static void test_a_cancelled_create(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    pthread_t thread;
    assert_int_equal(enclave_cancel_new(&options.cancel, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, trigger_soon, options.cancel), 0);
    assert_int_equal(
        enclave_manager_create_sandbox(outer, NULL, "{\"image\": \"slow\"}", &options, id, &err),
        ENCLAVE_ECANCELLED);
    assert_string_equal(err.message, "create a sandbox: cancelled");
    (void)pthread_join(thread, NULL);
    enclave_cancel_free(options.cancel);
}

/* -------------------------------------------------------------------------------------- executing */

/* All that does not differ from one run to the next. */
static void same_result(const char *id, const char *params)
{
    static const char *const keys[] = {"status", "cause",     "exit_code",
                                       "signal", "truncated", "execution_id",
                                       "output", "error",     "tool_name"};
    static const char *const told[] = {"stdout_bytes", "stderr_bytes", "output_base64",
                                       "error_base64", "told",         "oom_kills"};
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_manager *both[] = {inner, outer};
    json_object *seen[2];
    options.execution_id = "x-1";
    options.timeout_ms = 300;
    for (size_t i = 0; i < 2; i++) {
        char *text = NULL;
        struct enclave_result *result = support_run(both[i], id, params, &options);
        assert_int_equal(enclave_result_json(result, &text, NULL), 0);
        seen[i] = support_json(text);
        enclave_result_free(result);
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_string_equal(support_text(seen[1], keys[i], NULL),
                            support_text(seen[0], keys[i], NULL));
    }
    for (size_t i = 0; i < COUNT(told); i++) {
        assert_string_equal(support_text(seen[1], "metadata", told[i], NULL),
                            support_text(seen[0], "metadata", told[i], NULL));
    }
    json_object_put(seen[0]);
    json_object_put(seen[1]);
}

static void test_results(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    same_result(id, SAY_A);
    same_result(id, "{\"argv\": [\"out\", \"a\", \"err\", \"b\", \"exit\", \"3\"]}");
    same_result(id, "{\"argv\": [\"signal\", \"11\"]}");
    same_result(id, "{\"argv\": [\"oom\"]}");
    same_result(id, "{\"argv\": [\"lost\"]}");
    same_result(id, "{\"argv\": [\"flood\", \"3000000\"]}");
    same_result(id, "{\"argv\": [\"missing\"]}");
    same_result(id, HANG);
    same_result(id, "{\"output\": \"o\", \"error\": \"e\", \"metadata\": \"7\"}");
    same_result(id, "{}");
}

static void same_failure(const char *id, const char *tool, const char *params, int32_t code)
{
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    assert_int_equal(enclave_manager_execute_tool(inner, id, tool, params, NULL, &result, &direct),
                     code);
    assert_int_equal(enclave_manager_execute_tool(outer, id, tool, params, NULL, &result, &here),
                     code);
    assert_int_equal(here.code, code);
    assert_string_equal(here.message, direct.message);
    assert_null(result);
}

static void test_failures(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    same_failure(id, "run", "{", ENCLAVE_EINVALID);
    same_failure(id, "run", "[]", ENCLAVE_EINVALID);
    same_failure(id, "run", "{\"colour\": \"blue\"}", ENCLAVE_EINVALID);
    same_failure(id, "run", "{\"argv\": [\"refuse\"]}", ENCLAVE_ELOST);
    same_failure(id, "none", "{}", ENCLAVE_ENOTFOUND);
    same_failure("nobody", "run", "{}", ENCLAVE_ENOTFOUND);
    same_failure("No Id", "run", "{}", ENCLAVE_ENOTFOUND);
    assert_int_equal(delegate_entries(),
                     1); /* a tool that is not there is no sandbox that is not */
    assert_int_equal(enclave_manager_stop_sandbox(outer, id, NULL), 0);
    same_failure(id, "run", "{}", ENCLAVE_ESTATE);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, NULL), 0);
    same_failure(id, "run", "{}", ENCLAVE_ENOTFOUND);

    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char long_id[200];
    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    options.execution_id = long_id;
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(
        enclave_manager_execute_tool(inner, id, "run", "{}", &options, &result, &direct),
        ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_execute_tool(outer, id, "run", "{}", &options, &result, &here),
                     ENCLAVE_EINVALID);
    assert_string_equal(here.message, direct.message);
}

static void test_a_line_that_is_cut(void **state)
{
    (void)state;
    static const int32_t codes[] = {ENCLAVE_ELOST, ENCLAVE_EUNREACHABLE, ENCLAVE_EUNAUTHORIZED};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], other[ENCLAVE_ID_SIZE], *text = NULL;
    struct enclave_result *result = NULL;
    delegate_sandbox(outer, NULL, id);
    for (size_t i = 0; i < COUNT(codes); i++) {
        atomic_store(&there.fails, codes[i]);
#define FAILS(call)                                                                                \
    assert_int_equal(call, codes[i]);                                                              \
    assert_int_equal(err.code, codes[i]);                                                          \
    assert_string_equal(err.message, "ask elsewhere: the line is cut")
        FAILS(enclave_manager_execute_tool(outer, id, "run", SAY_A, NULL, &result, &err));
        FAILS(enclave_manager_execute_tool(outer, "unknown", "run", SAY_A, NULL, &result, &err));
        FAILS(enclave_manager_create_sandbox(outer, NULL, NULL, NULL, other, &err));
        FAILS(enclave_manager_get_sandbox_info(outer, id, &text, &err));
        FAILS(enclave_manager_get_sandbox_tools(outer, id, &text, &err));
        FAILS(enclave_manager_list_sandboxes(outer, 0, &text, &err));
        FAILS(enclave_manager_stop_sandbox(outer, id, &err));
        FAILS(enclave_manager_keep_alive(outer, id, 5, &err));
        FAILS(enclave_manager_sweep(outer, &text, &err));
        FAILS(enclave_manager_put_file(outer, id, "f", "a", 1, 0, &err));
#undef FAILS
        assert_int_equal(delegate_entries(), 1); /* also tells that the stats are to be had */
    }
    atomic_store(&there.fails, 0);
    enclave_result_free(support_run(outer, id, SAY_A, NULL)); /* nothing of it has stayed */
    /* What could not be deleted is found again by its id. */
    atomic_store(&there.fails, ENCLAVE_EUNREACHABLE);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, &err), ENCLAVE_EUNREACHABLE);
    assert_string_equal(err.message, "ask elsewhere: the line is cut");
    atomic_store(&there.fails, 0);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, &err), 0);
    assert_false(delegate_has_sandbox(inner, id));
}

static void test_nonsense(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, NULL, id);
    atomic_store(&there.talks, 1);
    assert_int_equal(enclave_manager_get_sandbox_info(outer, id, &text, &err), ENCLAVE_EPROTOCOL);
    assert_error(err, ENCLAVE_EPROTOCOL, "info: backend 'elsewhere' gave no JSON object");
    assert_int_equal(enclave_manager_get_sandbox_tools(outer, id, &text, &err), ENCLAVE_EPROTOCOL);
    assert_int_equal(enclave_manager_list_sandboxes(outer, 0, &text, &err), ENCLAVE_EPROTOCOL);
    assert_error(err, ENCLAVE_EPROTOCOL, "list: backend 'elsewhere' gave no JSON array");
    assert_int_equal(enclave_manager_sweep(outer, &text, &err), ENCLAVE_EPROTOCOL);
    assert_int_equal(delegate_entries(), 1);
    atomic_store(&there.talks, 0);
}

struct seen {
    char text[64];
    size_t length;
    int calls;
    struct enclave_cancel *cancel;
    int give_up;
};

static int32_t see(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct seen *seen = ctx;
    assert_int_equal(stream, 1);
    if (seen->length + length < sizeof seen->text) {
        memcpy(seen->text + seen->length, data, length);
        seen->length += length;
    }
    seen->calls++;
    if (seen->cancel) {
        enclave_cancel_trigger(seen->cancel);
    }
    return seen->give_up;
}

static void test_streams(void **state)
{
    (void)state;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct seen seen = {.length = 0};
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    options.output = see;
    options.output_ctx = &seen;
    options.stdin_data = "from stdin";
    options.stdin_length = 10;
    struct enclave_result *result = support_run(outer, id, "{\"argv\": [\"cat\"]}", &options);
    assert_string_equal(result->output, "from stdin");
    assert_memory_equal(seen.text, "from stdin", 10);
    assert_int_equal(strlen(result->execution_id), 16);
    enclave_result_free(result);

    options.stdin_data = NULL;
    seen = (struct seen){.give_up = 1};
    result = support_run(outer, id, HANG, &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    assert_int_equal(result->status, ENCLAVE_RESULT_CANCELLED);
    enclave_result_free(result);

    seen = (struct seen){.give_up = 0};
    assert_int_equal(enclave_cancel_new(&seen.cancel, NULL), 0);
    options.cancel = seen.cancel;
    result = support_run(outer, id, HANG, &options);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
    enclave_result_free(result);
    enclave_cancel_free(seen.cancel);
}

static void test_submitted(void **state)
{
    (void)state;
    struct enclave_completion done = ENCLAVE_COMPLETION_INIT;
    char id[ENCLAVE_ID_SIZE];
    uint64_t ticket = 0;
    int user = 5;
    delegate_sandbox(inner, NULL, id); /* not made by us */
    assert_int_equal(enclave_manager_submit(outer, id, "run", HANG, NULL, &user, &ticket, NULL), 0);
    assert_int_equal(enclave_manager_cancel_ticket(outer, ticket, NULL), 0);
    while (enclave_manager_next_completion(outer, &done, NULL) != 0) {
        struct timespec pause = {0, 1000000};
        (void)nanosleep(&pause, NULL);
    }
    assert_ptr_equal(done.user_data, &user);
    assert_true(done.code == ENCLAVE_ECANCELLED ||
                (done.result && done.result->cause == ENCLAVE_CAUSE_CANCELLED));
    enclave_result_free(done.result);
    assert_int_equal(enclave_manager_submit(outer, "nobody", "run", NULL, NULL, NULL, NULL, NULL),
                     ENCLAVE_ENOTFOUND);
}

/* ------------------------------------------------------------------------------------------ files */

static int32_t gather(void *ctx, const void *data, uint64_t length)
{
    struct seen *seen = ctx;
    return see(seen, 1, data, length);
}

static void test_files(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct seen seen = {.length = 0};
    struct enclave_sink sink = {sizeof sink, 0, &seen, gather};
    char id[ENCLAVE_ID_SIZE];
    void *data = NULL;
    uint64_t length = 0;
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(enclave_manager_get_file(outer, id, "f", 0, &data, &length, &err),
                     ENCLAVE_ENOTFOUND);
    assert_error(err, ENCLAVE_ENOTFOUND, "nothing was put here");
    assert_int_equal(delegate_entries(), 1);
    assert_int_equal(enclave_manager_put_file(outer, id, "f", "abc", 3, 0, &err), 0);
    assert_int_equal(enclave_manager_get_file(inner, id, "f", 0, &data, &length, &err), 0);
    assert_string_equal(data, "abc");
    enclave_free(data);
    assert_int_equal(enclave_manager_get_file(outer, id, "f", 0, &data, &length, &err), 0);
    assert_string_equal(data, "abc");
    assert_int_equal(length, 3);
    enclave_free(data);
    assert_int_equal(enclave_manager_get_archive(outer, id, "f", &sink, &err), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_put_dir(outer, id, ENCLAVE_TEST_FIXTURES "/..", "/x", &err),
                     0);
    assert_int_equal(enclave_manager_get_archive(outer, id, "f", &sink, &err), 0);
    assert_true(seen.calls > 0);
}

/* ---------------------------------------------------------------------------------- what is told */

static void test_info(void **state)
{
    (void)state;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    static const char *const keys[] = {"id",     "status",     "type",           "created_at",
                                       "config", "updated_at", "available_tools"};
    char id[ENCLAVE_ID_SIZE], *text = NULL, *direct = NULL;
    options.owner = "alice";
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, "{\"tools_config\": [\"plain\"]}",
                                                    &options, id, NULL),
                     0);
    json_object *theirs = delegate_info_of(inner, id), *ours = delegate_info_of(outer, id);
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_string_equal(support_text(ours, keys[i], NULL), support_text(theirs, keys[i], NULL));
    }
    assert_string_equal(support_text(ours, "type", NULL), "null");
    assert_string_equal(support_text(theirs, "metadata", "owner", NULL), "the front");
    assert_string_equal(support_text(ours, "metadata", "owner", NULL), "alice");
    assert_string_equal(support_text(ours, "metadata", "remote_owner", NULL), "the front");
    assert_string_equal(support_text(ours, "metadata", "enforced", NULL),
                        support_text(theirs, "metadata", "enforced", NULL));
    json_object_put(theirs);
    json_object_put(ours);
    assert_int_equal(enclave_manager_get_sandbox_tools(inner, id, &direct, NULL), 0);
    assert_int_equal(enclave_manager_get_sandbox_tools(outer, id, &text, NULL), 0);
    json_object *a = support_json(text), *b = support_json(direct);
    assert_true(json_object_equal(a, b));
    json_object_put(a);
    json_object_put(b);
}

static int64_t list_length(struct enclave_manager *manager, uint32_t status)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_list_sandboxes(manager, status, &text, NULL), 0);
    json_object *list = support_json(text);
    int64_t n = (int64_t)json_object_array_length(list);
    json_object_put(list);
    return n;
}

static void test_list(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, "a", id);
    delegate_sandbox(outer, "b", id);
    delegate_sandbox(inner, "c", id);
    assert_int_equal(enclave_manager_stop_sandbox(outer, "b", NULL), 0);
    assert_int_equal(list_length(outer, 0), 3); /* each once */
    assert_int_equal(list_length(outer, ENCLAVE_STATUS_RUNNING), 2);
    assert_int_equal(list_length(outer, ENCLAVE_STATUS_STOPPED), 1);
    assert_int_equal(list_length(outer, ENCLAVE_STATUS_IDLE), 0);
    assert_int_equal(enclave_manager_list_sandboxes(outer, ENCLAVE_STATUS_STOPPED, &text, NULL), 0);
    assert_contains(text, "\"id\":\"b\"");
    assert_contains(text, "\"remote_owner\":\"the front\"");
    enclave_free(text);
}

static void test_stats(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    delegate_sandbox(outer, NULL, id);
    enclave_result_free(support_run(outer, id, SAY_A, NULL));
    (void)enclave_manager_execute_tool(outer, id, "none", "{}", NULL,
                                       &(struct enclave_result *){NULL}, NULL);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    json_object *stats = support_json(text);
    assert_string_equal(support_text(stats, "manager_type", NULL), "http");
    assert_int_equal(support_number(stats, "executions"), 2);
    assert_int_equal(support_number(stats, "created"), 1);
    assert_string_equal(support_text(stats, "remote", "manager_type", NULL), "local");
    assert_string_equal(support_text(stats, "remote", "created", NULL), "1");
    /* Its tools are not loaded here. */
    assert_string_equal(support_text(stats, "executions_by_tool", "elsewhere", "exited", NULL),
                        "1");
    json_object_put(stats);
    atomic_store(&there.fails, ENCLAVE_EUNREACHABLE);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    assert_null(strstr(text, "\"remote\""));
    enclave_free(text);
    atomic_store(&there.fails, 0);
}

static void test_keep_alive(void **state)
{
    (void)state;
    struct enclave_error here = ENCLAVE_ERROR_INIT, direct = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    assert_int_equal(enclave_manager_keep_alive(outer, id, 100, &here), 0);
    assert_int_equal(enclave_manager_keep_alive(inner, id, -1, &direct), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_keep_alive(outer, id, -1, &here), ENCLAVE_EINVALID);
    assert_string_equal(here.message, direct.message);
    assert_int_equal(enclave_manager_keep_alive(inner, "nobody", 1, &direct), ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_keep_alive(outer, "nobody", 1, &here), ENCLAVE_ENOTFOUND);
    assert_string_equal(here.message, direct.message);
}

/* ------------------------------------------------------------------------------------------ pools */

static void test_pool(void **state)
{
    (void)state;
    char *text = NULL, id[ENCLAVE_ID_SIZE];
    struct enclave_result *result = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (enclave_manager_initialize_pool(outer, NULL, 2, NULL, "{\"tools_config\": [\"run\"]}", NULL,
                                        &text, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(sscanf(text, "[\"%63[^\"]", id), 1);
    enclave_free(text);
    json_object *info = delegate_info_of(outer, id);
    assert_string_equal(support_text(info, "status", NULL), "idle");
    assert_string_equal(support_text(info, "metadata", "pool", NULL), "default");
    json_object_put(info);
    assert_int_equal(list_length(outer, ENCLAVE_STATUS_IDLE), 2);
    assert_int_equal(list_length(outer, ENCLAVE_STATUS_RUNNING), 0);
    assert_int_equal(enclave_manager_get_stats(outer, &text, NULL), 0);
    assert_contains(text, "\"reuse\":\"fresh\",\"not_reset\":\"its backend has no reset\"");
    enclave_free(text);
    for (int i = 0; i < 4; i++) { /* the two, and two that take their places */
        if (enclave_manager_execute_tool_in_pool(outer, NULL, "run", SAY_A, NULL, -1, &result,
                                                 &err) != 0) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(result->output, "a");
        enclave_result_free(result);
    }
    assert_false(delegate_has_sandbox(inner, id)); /* it is used once */
}

/* One that somebody deleted there is not lent. */
static void test_pool_of_gone(void **state)
{
    (void)state;
    struct enclave_pool_options options = ENCLAVE_POOL_OPTIONS_INIT;
    char *text = NULL, id[ENCLAVE_ID_SIZE];
    struct enclave_result *result = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    options.reuse = ENCLAVE_POOL_DIRTY;
    assert_int_equal(enclave_manager_initialize_pool(outer, NULL, 1, NULL,
                                                     "{\"tools_config\": [\"run\"]}", &options,
                                                     &text, &err),
                     0);
    assert_int_equal(sscanf(text, "[\"%63[^\"]", id), 1);
    enclave_free(text);
    assert_int_equal(enclave_manager_delete_sandbox(inner, id, NULL), 0);
    for (int i = 0; i < 3; i++) {
        if (enclave_manager_execute_tool_in_pool(outer, NULL, "run", SAY_A, NULL, -1, &result,
                                                 &err) != 0) {
            fail_msg("%s", err.message);
        }
        enclave_result_free(result);
    }
}

/* ------------------------------------------------------------------------------------------ ending */

static void test_keep(void **state)
{
    (void)state;
    static const char *const keep[] = {"enclave.on_free=keep", NULL};
    static const char *const local[] = {"enclave.on_free=keep", "enclave.backend=null", NULL};
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *other = NULL;
    char kept[ENCLAVE_ID_SIZE], passing[ENCLAVE_ID_SIZE];
    delegate_outer(keep);
    delegate_sandbox(outer, NULL, kept);
    options.flags = ENCLAVE_CREATE_TRANSIENT;
    assert_int_equal(enclave_manager_create_sandbox(outer, NULL, NULL, &options, passing, NULL), 0);
    delegate_outer(NULL);
    assert_true(delegate_has_sandbox(inner, kept));
    assert_false(delegate_has_sandbox(inner, passing));
    enclave_result_free(support_run(outer, kept, SAY_A, NULL));
    assert_int_equal(delegate_try_outer(local, &other, &err), ENCLAVE_ECONFIG);
    assert_error(err, ENCLAVE_ECONFIG,
                 "option: [enclave] on_free = keep needs on_restart = adopt, or a backend whose "
                 "sandboxes are another manager's");
}

static int32_t post(void *begun, uint32_t stream, const void *data, uint64_t length)
{
    (void)stream;
    (void)data;
    (void)length;
    return sem_post(begun);
}

/* Where the other manager cannot be reached, what there is is not asked for one by one. */
static void test_all_are_let_go_of(void **state)
{
    (void)state;
    enum { SANDBOXES = 64 };
    char id[ENCLAVE_ID_SIZE];
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    for (int i = 0; i < SANDBOXES; i++) {
        delegate_sandbox(outer, NULL, id);
    }
    atomic_store(&there.fails, ENCLAVE_EUNREACHABLE);
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(outer, &err), ENCLAVE_EUNREACHABLE);
    atomic_store(&there.fails, 0);
    assert_in_range(atomic_load(&there.deleted), 1, 16); /* by several threads at once */
    assert_int_equal(atomic_load(&there.handles), 0);
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, &err), 0); /* it is there still */
}

struct hanging {
    char id[ENCLAVE_ID_SIZE];
    sem_t begun;
    uint32_t cause;
    int32_t code;
};

static void *hang(void *arg)
{
    struct hanging *hanging = arg;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    options.output = post;
    options.output_ctx = &hanging->begun;
    hanging->code =
        enclave_manager_execute_tool(outer, hanging->id, "run", HANG, &options, &result, NULL);
    hanging->cause = result ? result->cause : 0;
    enclave_result_free(result);
    return NULL;
}

/* Which stops it too: one call. */
static void test_delete_unused(void **state)
{
    (void)state;
    char id[ENCLAVE_ID_SIZE];
    delegate_sandbox(outer, NULL, id);
    enclave_result_free(support_run(outer, id, SAY_A, NULL));
    assert_int_equal(enclave_manager_delete_sandbox(outer, id, NULL), 0);
    assert_int_equal(atomic_load(&there.stopped), 0);
    assert_int_equal(atomic_load(&there.deleted), 1);
    assert_int_equal(atomic_load(&there.handles), 0);
    assert_false(delegate_has_sandbox(inner, id));
}

/* Executions under way end first. */
static void test_delete_while_it_runs(void **state)
{
    (void)state;
    struct hanging hanging = {.code = 1};
    pthread_t thread;
    assert_int_equal(sem_init(&hanging.begun, 0, 0), 0);
    delegate_sandbox(outer, NULL, hanging.id);
    assert_int_equal(pthread_create(&thread, NULL, hang, &hanging), 0);
    assert_int_equal(sem_wait(&hanging.begun), 0);
    assert_int_equal(enclave_manager_delete_sandbox(outer, hanging.id, NULL), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(hanging.code, 0);
    assert_int_equal(hanging.cause, ENCLAVE_CAUSE_BACKEND_LOST);
    assert_false(delegate_has_sandbox(outer, hanging.id));
    assert_int_equal(atomic_load(&there.stopped), 1);
    (void)sem_destroy(&hanging.begun);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, delegate_set_up, delegate_tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_what_is_asked_for),
        WITH(test_named_backend),
        WITH(test_an_id_of_its_own),
        WITH(test_an_id_that_was_looked_up),
        WITH(test_refused_creates),
        WITH(test_a_key_for_two),
        WITH(test_a_cancelled_create),
        WITH(test_results),
        WITH(test_failures),
        WITH(test_a_line_that_is_cut),
        WITH(test_nonsense),
        WITH(test_streams),
        WITH(test_submitted),
        WITH(test_files),
        WITH(test_info),
        WITH(test_list),
        WITH(test_stats),
        WITH(test_keep_alive),
        WITH(test_pool),
        WITH(test_pool_of_gone),
        WITH(test_keep),
        WITH(test_all_are_let_go_of),
        WITH(test_delete_unused),
        WITH(test_delete_while_it_runs),
    };
    return cmocka_run_group_tests_name("delegate", tests, NULL, NULL);
}
