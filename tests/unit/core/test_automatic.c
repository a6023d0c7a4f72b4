/*
 * test_automatic.c - `backend = auto`: the order, the choice that stays, what is told when nothing works.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

struct log {
    char text[2048];
};

static void note(void *ctx, uint32_t level, const char *message)
{
    struct log *log = ctx;
    size_t used = strlen(log->text);

    (void)snprintf(log->text + used, sizeof log->text - used, "%u %s\n", (unsigned)level, message);
}

/* A manager with those of first, second and third whose letters are in `which`. */
static struct enclave_manager *manager_of(const char *folder, const char *which, struct log *log)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_manager *manager = NULL;
    char path[128];
    const char *overrides[] = {path, NULL};

    (void)snprintf(path, sizeof path, "plugins.path=%s", folder);
    if (strchr(which, '1')) {
        support_install(folder, "backend-first", "backend-first.so");
    }
    if (strchr(which, '2')) {
        support_install(folder, "backend-second", "backend-second.so");
    }
    if (strchr(which, '3')) {
        support_install(folder, "backend-third", "backend-third.so");
    }
    options.config_path = "";
    options.overrides = overrides;
    options.log = note;
    options.log_ctx = log;
    assert_int_equal(enclave_manager_new(&options, &manager, NULL), 0);
    return manager;
}

static void expect_type(struct enclave_manager *manager, const char *type)
{
    char id[ENCLAVE_ID_SIZE], *text = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": []}", NULL, id, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(enclave_manager_get_sandbox_info(manager, id, &text, NULL), 0);
    json_object *info = support_json(text);
    assert_string_equal(support_text(info, "type", NULL), type);
    json_object_put(info);
}

static void test_the_first_that_works_stays(void **state)
{
    char folder[64];
    struct log log = {""};

    (void)state;
    support_folder(folder);
    struct enclave_manager *manager = manager_of(folder, "123", &log);
    expect_type(manager, "second");
    expect_type(manager, "second"); /* asked again it would not work any more */
    assert_contains(log.text, "backend auto: not first: nothing answers; start it\n");
    assert_contains(log.text, "backend auto: second\n");
    assert_null(strstr(log.text, "third"));
    enclave_manager_free(manager);
    support_remove(folder);
}

/* The sandbox that is wanted is the proof. */
static void test_the_last_is_not_asked(void **state)
{
    char folder[64];
    struct log log = {""};

    (void)state;
    support_folder(folder);
    struct enclave_manager *manager = manager_of(folder, "12", &log);
    expect_type(manager, "second");
    expect_type(manager, "second");
    assert_contains(log.text, "backend auto: not first: nothing answers; start it\n");
    assert_contains(log.text, "backend auto: second\n");
    assert_null(strstr(strstr(log.text, "auto: second") + 1, "auto"));
    enclave_manager_free(manager);
    support_remove(folder);
}

static void test_none_works(void **state)
{
    char folder[64], id[ENCLAVE_ID_SIZE];
    struct log log = {""};
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    support_folder(folder);
    struct enclave_manager *manager = manager_of(folder, "13", &log);
    assert_true(enclave_manager_create_sandbox(manager, NULL, "{}", NULL, id, &err) < 0);
    assert_error(err, ENCLAVE_EUNREACHABLE, "third: nothing answers; start it");
    assert_contains(err.message, "enclave doctor");
    enclave_manager_free(manager);
    support_remove(folder);
}

static void test_none_is_loaded(void **state)
{
    char folder[64], id[ENCLAVE_ID_SIZE];
    struct log log = {""};
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    support_folder(folder);
    struct enclave_manager *manager = manager_of(folder, "", &log);
    assert_true(enclave_manager_create_sandbox(manager, NULL, "{}", NULL, id, &err) < 0);
    assert_error(err, ENCLAVE_ENOTFOUND, "no backend is loaded");
    enclave_manager_free(manager);
    support_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_works_stays),
        cmocka_unit_test(test_the_last_is_not_asked),
        cmocka_unit_test(test_none_works),
        cmocka_unit_test(test_none_is_loaded),
    };
    return cmocka_run_group_tests_name("automatic", tests, NULL, NULL);
}
