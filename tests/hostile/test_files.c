/*
 * test_files.c - the manager's file operations on a sandbox whose payload changes the files meanwhile,
 * or has made them what no file should be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <stdlib.h>
#include <string.h>

/* What a file operation on something that is attacked may end with. */
static void assert_typed(int32_t code, const struct enclave_error *err)
{
    switch (code) {
    case ENCLAVE_OK:
    case ENCLAVE_ENOTFOUND:
    case ENCLAVE_EINVALID:
    case ENCLAVE_EDENIED:
    case ENCLAVE_ETOOBIG:
    case ENCLAVE_EEXISTS:
    case ENCLAVE_EIO:
        return;
    default:
        fail_msg("%s: %s", enclave_error_name(code), err->message);
    }
}

struct counted {
    uint64_t bytes;
    uint64_t most; /* then it gives up */
};

static int32_t count(void *ctx, const void *data, uint64_t length)
{
    struct counted *counted = ctx;

    (void)data;
    counted->bytes += length;
    return counted->bytes > counted->most ? ENCLAVE_ETOOBIG : 0;
}

static int32_t get_archive(struct boxes *boxes, const char *path, uint64_t most,
                           struct enclave_error *err)
{
    struct counted counted = {.most = most};
    struct enclave_sink sink = {.size = sizeof sink, .ctx = &counted, .write = count};

    return enclave_manager_get_archive(boxes->manager, boxes->id, path, &sink, err);
}

static struct enclave_result *operate(struct boxes *boxes, const char *params)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;

    if (enclave_manager_execute_tool(boxes->manager, boxes->id, "file_operation", params, NULL,
                                     &result, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return result;
}

/* Nothing of what lies outside is ever read, written or removed. */
static void names_that_change(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_result *result =
        payload_run(boxes, "swap.py", full_length() ? "60" : "5", 10000);
    int64_t end = now_ms() + (full_length() ? 60000 : 5000);

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    enclave_result_free(result);
    for (int i = 0; now_ms() < end; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        void *data = NULL;
        uint64_t length = 0;
        int32_t r =
            enclave_manager_get_file(boxes->manager, boxes->id, "target", 0, &data, &length, &err);

        assert_typed(r, &err);
        enclave_free(data);
        assert_typed(
            enclave_manager_put_file(boxes->manager, boxes->id, "folder/in", "x", 1, 0, &err),
            &err);
        assert_typed(enclave_manager_put_file(boxes->manager, boxes->id, "target", "x", 1, 0, &err),
                     &err);
        if (i % 4 == 0) {
            assert_typed(get_archive(boxes, ".", 64 << 20, &err), &err);
        }
        if (i % 4 == 1) {
            enclave_result_free(
                operate(boxes, "{\"operation\": \"delete\", \"file_path\": \"folder\"}"));
            enclave_result_free(operate(boxes, "{\"operation\": \"list\", \"file_path\": \".\"}"));
        }
    }
    result =
        shell_run(boxes, boxes->id, "test -s /etc/hostname && test ! -e /etc/in && echo whole");
    assert_string_equal(result->output, "whole\n");
    enclave_result_free(result);
}

static void assert_refused(struct boxes *boxes, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL;
    uint64_t length = 0;

    assert_int_equal(
        enclave_manager_get_file(boxes->manager, boxes->id, path, 1 << 20, &data, &length, &err),
        ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_put_file(boxes->manager, boxes->id, path, "x", 1, 0, &err),
                     ENCLAVE_EINVALID);
}

static void what_is_no_file(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = payload_run(boxes, "names.py", NULL, 10000);
    void *data = NULL;
    uint64_t length = 0;

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "made\n");
    enclave_result_free(result);
    assert_refused(boxes, "fifo");
    assert_refused(boxes, "socket");
    assert_refused(boxes, "/dev/zero");
    assert_true(
        enclave_manager_get_file(boxes->manager, boxes->id, "stdout", 0, &data, &length, &err) < 0);
    assert_int_equal(get_archive(boxes, ".", 64 << 20, &err), 0);
}

/* Names are told so that a terminal and a line-wise reader are safe, and never as new lines. */
static void names_in_a_listing(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_result *result = payload_run(boxes, "names.py", NULL, 10000);
    char *json = NULL;

    enclave_result_free(result);
    result = operate(boxes, "{\"operation\": \"list\", \"file_path\": \".\"}");
    assert_int_equal(result->status, ENCLAVE_RESULT_SUCCESS);
    assert_null(strchr(result->output, '\x1b'));
    assert_null(strstr(result->output, "new\nline"));
    assert_non_null(strstr(result->output, "new?line"));
    assert_int_equal(enclave_result_json(result, &json, NULL), 0);
    assert_null(strchr(json, '\n'));
    enclave_free(json);
    enclave_result_free(result);
}

static void hundred_thousand_files(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = payload_run(boxes, "many_files.py", "100000", 60000);

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    enclave_result_free(result);
    result = operate(boxes, "{\"operation\": \"list\", \"file_path\": \"/tmp/many\"}");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_in_range(result->output_length, 1, 1 << 20);
    enclave_result_free(result);
    assert_int_equal(get_archive(boxes, "/tmp/many", UINT64_C(1) << 30, &err), 0);
    result = operate(boxes, "{\"operation\": \"delete\", \"file_path\": \"/tmp/many\"}");
    assert_int_equal(result->status, ENCLAVE_RESULT_SUCCESS);
    enclave_result_free(result);
}

/* Longer than it is: the bound holds while the bytes come. */
static void sparse_file_read(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = shell_run(boxes, boxes->id, "truncate -s 1T sparse");
    void *data = NULL;
    uint64_t length = 0;

    enclave_result_free(result);
    assert_int_equal(
        enclave_manager_get_file(boxes->manager, boxes->id, "sparse", 0, &data, &length, &err),
        ENCLAVE_ETOOBIG);
    assert_int_equal(get_archive(boxes, "sparse", 1 << 20, &err), ENCLAVE_ETOOBIG);
    assert_usable(boxes);
}

/* A lease of the payload's must not make who opens the file wait for it. */
static void leased_file(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = payload_run(boxes, "lease.py", NULL, 10000);
    int64_t began = now_ms();
    void *data = NULL;
    uint64_t length = 0;

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "held\n");
    enclave_result_free(result);
    assert_true(
        enclave_manager_get_file(boxes->manager, boxes->id, "leased", 0, &data, &length, &err) < 0);
    assert_true(enclave_manager_put_file(boxes->manager, boxes->id, "leased", "y", 1, 0, &err) < 0);
    assert_in_range(now_ms() - began, 0, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(names_that_change),  HOSTILE_TEST(what_is_no_file),
        HOSTILE_TEST(names_in_a_listing), HOSTILE_TEST(hundred_thousand_files),
        HOSTILE_TEST(sparse_file_read),   HOSTILE_TEST(leased_file),
    };

    return boxes_main("files", tests, sizeof tests / sizeof *tests);
}
