/*
 * errors.c - bad input has the right code and one line that names what is wrong, and leaves nothing behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"

#include <string.h>

static void bad_fields(struct test *t)
{
    static const struct {
        const char *config, *part;
    } tries[] = {
        {"{\"imaeg\": \"x\"}", "imaeg"},
        {"{\"memory_limit\": \"lots\"}", "memory_limit"},
        {"{\"memory_limit\": \"0\"}", "memory_limit"},
        {"{\"memory_limit\": \"1k\"}", "memory_limit"},
        {"{\"memory_limit\": true}", "memory_limit"},
        {"{\"cpu_limit\": 0}", "cpu_limit"},
        {"{\"cpu_limit\": \"one\"}", "cpu_limit"},
        {"{\"pids_limit\": 1}", "pids_limit"},
        {"{\"nofile_limit\": -1}", "nofile_limit"},
        {"{\"tmp_size\": \"big\"}", "tmp_size"},
        {"{\"timeout\": \"soon\"}", "timeout"},
        {"{\"timeout\": -1}", "timeout"},
        {"{\"working_dir\": \"relative\"}", "working_dir"},
        {"{\"working_dir\": \"/a/../b\"}", "working_dir"},
        {"{\"user\": \"somebody\"}", "user"},
        {"{\"env_vars\": {\"A=B\": \"c\"}}", "env_vars"},
        {"{\"env_vars\": {\"A\": 1}}", "env_vars"},
        {"{\"env_vars\": {\"A\": \"b\\r\\nC: d\"}}", "env_vars"},
        {"{\"image\": \"a\\r\\nb\"}", "image"},
        {"{\"image\": \"\"}", "image"},
        {"{\"labels\": {\"a\": \"b\\nc\"}}", "labels"},
        {"{\"volumes\": {\"/tmp\": {\"bind\": \"relative\"}}}", "volumes"},
        {"{\"volumes\": {\"/tmp\": {\"bind\": \"/x\", \"mode\": \"w\"}}}", "volumes"},
        {"{\"ports\": {\"99999/tcp\": 1}}", "ports"},
        {"{\"network_enabled\": \"no\"}", "network_enabled"},
        {"{\"tools_config\": {\"shell_executor\": {\"no_such\": 1}}}", "no_such"},
        {"{\"image\": \"\xff\"}", "UTF-8"},
        {"[]", "object"},
        {"{", "JSON"},
    };

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        expect_no_box(t, tries[i].config, ENCLAVE_EINVALID, ENCLAVE_EINVALID, tries[i].part);
    }
    expect_no_box(t, "{\"tools_config\": [\"no_such_tool\"]}", ENCLAVE_ENOTFOUND, ENCLAVE_ENOTFOUND,
                  "no_such_tool");
}

static void bad_type(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(subject_of(t)->manager, "no-such-backend", NULL,
                                               NULL, id, &err);

    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, "no-such-backend");
}

static void bad_parameters(struct test *t)
{
    static const struct {
        const char *tool, *params, *part;
    } tries[] = {
        {"python_executor", "{\"code\": 42}", "code"},
        {"python_executor", "{}", "code"},
        {"python_executor", "{\"code\": \"1\", \"colour\": 1}", "colour"},
        {"python_executor", "{\"code\": \"1\", \"timeout\": -1}", "timeout"},
        {"python_executor", "{\"code\": \"1\", \"timeout\": \"5\"}", "timeout"},
        {"shell_executor", "{\"command\": [1]}", "command"},
        {"shell_executor", "{\"command\": \"\xff\"}", "UTF-8"},
        {"file_operation", "{\"operation\": \"read\"}", "file_path"},
        {"shell_executor", "[]", "object"},
        {"shell_executor", "{\"command\": ", "JSON"},
    };
    struct box *box = box_shared(t);

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_result *result = NULL;
        test_note(t, "%s with %s", tries[i].tool, tries[i].params);
        int32_t r = enclave_manager_execute_tool(box->manager, box->id, tries[i].tool,
                                                 tries[i].params, NULL, &result, &err);
        expect_error(t, r, ENCLAVE_EINVALID, &err, tries[i].part);
        expect(t, result == NULL);
    }
    expect_alive(t, box);
}

static void unknown_ids(struct test *t)
{
    static const char *const ids[] = {"no-such-sandbox", "", "../x", "a/b", "A"};
    struct enclave_manager *manager = subject_of(t)->manager;

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char *text = NULL;
        int32_t r = enclave_manager_get_sandbox_info(manager, ids[i], &text, &err);
        expect_error_of(t, r, ENCLAVE_ENOTFOUND, ENCLAVE_EINVALID, &err, ids[i]);
        r = enclave_manager_put_file(manager, ids[i], "x", "", 0, 0, &err);
        expect_error_of(t, r, ENCLAVE_ENOTFOUND, ENCLAVE_EINVALID, &err, ids[i]);
    }
}

static void nothing_left(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = manager_new(t);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char *text = NULL, id[ENCLAVE_ID_SIZE];

    options.id = "conformance-nothing-left";
    expect(t, enclave_manager_create_sandbox(manager, NULL,
                                             "{\"image\": \"enclave.invalid/no-such-image:1\"}",
                                             &options, id, &err) < 0);
    expect_ok(t, enclave_manager_list_sandboxes(manager, 0, &text, &err), &err);
    char *copy = test_text(t, "%s", text);
    enclave_free(text);
    if (subject_of(t)->delegates) { /* where others have theirs */
        expect(t, !strstr(copy, options.id));
    } else {
        expect_text(t, copy, "[]");
    }
}

static const struct tap_case cases[] = {
    {"bad_fields", "a bad field of the configuration is named", bad_fields},
    {"bad_type", "a backend that is not there is not found", bad_type},
    {"bad_parameters", "a bad parameter of a tool is named, and nothing is run", bad_parameters},
    {"unknown_ids", "an unknown sandbox is not found", unknown_ids},
    {"nothing_left", "a create that fails late leaves no sandbox", nothing_left},
};
TAP_GROUP(errors, cases);
