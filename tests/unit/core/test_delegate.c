/*
 * test_delegate.c - sandboxes of another manager: making them, pools of them, their end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "delegate_support.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
    assert_int_equal(delegate_list_length(outer, ENCLAVE_STATUS_IDLE), 2);
    assert_int_equal(delegate_list_length(outer, ENCLAVE_STATUS_RUNNING), 0);
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
    const struct CMUnitTest tests[] = {
        DELEGATE_TEST(test_what_is_asked_for),    DELEGATE_TEST(test_named_backend),
        DELEGATE_TEST(test_an_id_of_its_own),     DELEGATE_TEST(test_an_id_that_was_looked_up),
        DELEGATE_TEST(test_refused_creates),      DELEGATE_TEST(test_a_key_for_two),
        DELEGATE_TEST(test_a_cancelled_create),   DELEGATE_TEST(test_pool),
        DELEGATE_TEST(test_pool_of_gone),         DELEGATE_TEST(test_keep),
        DELEGATE_TEST(test_all_are_let_go_of),    DELEGATE_TEST(test_delete_unused),
        DELEGATE_TEST(test_delete_while_it_runs),
    };
    return cmocka_run_group_tests_name("delegate", tests, NULL, NULL);
}
