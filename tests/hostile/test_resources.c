/*
 * test_resources.c - payloads that use up what there is: they are limited, that is told truthfully,
 * and neither the neighbour nor the manager has any of it (see box_teardown()).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define END_MS 300000 /* of what is to end by itself, however busy the machine is */

/* Run it with the neighbour being asked meanwhile, until its end or the timeout. */
static struct enclave_result *besides(struct boxes *boxes, const char *payload,
                                      const char *argument, int64_t timeout_ms)
{
    struct running *run = payload_start(boxes, payload, argument, timeout_ms);

    for (int i = 0; i < 5; i++) {
        assert_neighbour(boxes);
    }
    return payload_end(run);
}

/* Says "WHAT NUMBER ERROR"; the number between the two. */
static void exhausts(struct boxes *boxes, const char *what, const char *error, long least,
                     long most)
{
    struct enclave_result *result = besides(boxes, "exhaust.py", what, END_MS);
    char name[64] = "";
    char found[64] = "";
    long number = -1;

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    if (sscanf(result->output, "%63s %ld %63s", name, &number, found) != 3 ||
        strcmp(found, error) != 0 || number < least || number > most) {
        fail_msg("%s: '%s' instead of %ld to %ld and %s", what, result->output, least, most, error);
    }
    enclave_result_free(result);
    assert_usable(boxes);
    assert_alone(boxes);
}

static void runs_out_of_memory(struct boxes *boxes, const char *what)
{
    struct enclave_result *result = besides(boxes, "exhaust.py", what, END_MS);

    assert_cause(result, ENCLAVE_CAUSE_OOM);
    assert_true(strstr(result->metadata, "\"oom_kills\":0") == NULL);
    enclave_result_free(result);
    assert_usable(boxes);
    assert_alone(boxes);
}

static void memory(void **state)
{
    NEEDS("memory_limit");
    box_renew(*state, "\"memory_limit\": \"256m\"");
    runs_out_of_memory(*state, "memory");
}

static void memory_without_a_process(void **state)
{
    NEEDS("memory_limit");
    runs_out_of_memory(*state, "memfd");
}

static void descriptors(void **state)
{
    exhausts(*state, "descriptors", "EMFILE", 900, 1024);
}

static void pipes(void **state)
{
    exhausts(*state, "pipes", "EMFILE", 400, 512);
}

static void threads(void **state)
{
    exhausts(*state, "threads", "RuntimeError", 100, 240);
}

static void zombies(void **state)
{
    const char *what = full_length() ? "zombies" : "some-zombies";
    long all = full_length() ? 10000 : 2000;

    exhausts(*state, what, "OSError" /* of number 0: none */, all, all);
}

static void sparse_file(void **state)
{
    struct enclave_result *result = besides(*state, "exhaust.py", "sparse", END_MS);

    /* A file may look as long as it likes: only what is written takes space. */
    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    enclave_result_free(result);
    assert_usable(*state);
}

static void fills(struct boxes *boxes, const char *folder, const char *size)
{
    struct enclave_result *result = besides(boxes, "fill.py", folder, END_MS);
    char wanted[64];

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    (void)snprintf(wanted, sizeof wanted, "refused ENOSPC\nMiB %s\n", size);
    assert_string_equal(result->output, wanted);
    enclave_result_free(result);
    assert_usable(boxes);
}

static void filling_folders(void **state)
{
    box_renew(*state, "\"tmp_size\": \"48m\", \"workdir_size\": \"32m\"");
    fills(*state, "/tmp", "48");
    fills(*state, "/sandbox", "32");
    fills(*state, "/dev/shm", "64");
}

/* All folders together hold more than the memory: that ends the execution, and may end the sandbox,
 * where the last process left is the agent. Never more, and never as a success. */
static void filling_memory_with_files(void **state)
{
    static const char *const scores[] = {NULL, "0"};
    struct boxes *boxes = *state;

    NEEDS("memory_limit");
    for (size_t i = 0; i < 2; i++) {
        struct enclave_result *result = besides(boxes, "fill_all", scores[i], END_MS);

        if (result->cause != ENCLAVE_CAUSE_OOM) {
            assert_cause(result, ENCLAVE_CAUSE_BACKEND_LOST);
            assert_non_null(strstr(result->error, "memory"));
        }
        enclave_result_free(result);
        assert_neighbour(boxes);
        box_renew(boxes, "");
    }
}

static void many_small_files(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_result *result;

    NEEDS("memory_limit");
    box_renew(boxes, "\"memory_limit\": \"128m\"");
    result = besides(boxes, "many_files.py", "100000000", END_MS);
    if (result->cause != ENCLAVE_CAUSE_EXITED) {
        assert_cause(result, ENCLAVE_CAUSE_OOM);
    }
    enclave_result_free(result);
}

static void floods(struct boxes *boxes, int stream)
{
    uint64_t mib = full_length() ? 10240 : 512;
    char argument[32];
    struct enclave_result *result;

    (void)snprintf(argument, sizeof argument, "%d %llu", stream, (unsigned long long)mib);
    result = besides(boxes, "flood.py", argument, END_MS);
    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->truncated, 1);
    assert_int_equal(stream == 1 ? result->stdout_bytes : result->stderr_bytes, mib * MIB);
    assert_int_equal(stream == 1 ? result->output_length : result->error_length, MIB);
    enclave_result_free(result);
    assert_usable(boxes);
}

static void flood_of_stdout(void **state)
{
    floods(*state, 1);
}

static void flood_of_stderr(void **state)
{
    floods(*state, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(memory),           HOSTILE_TEST(memory_without_a_process),
        HOSTILE_TEST(descriptors),      HOSTILE_TEST(pipes),
        HOSTILE_TEST(threads),          HOSTILE_TEST(zombies),
        HOSTILE_TEST(sparse_file),      HOSTILE_TEST(filling_folders),
        HOSTILE_TEST(many_small_files), HOSTILE_TEST(filling_memory_with_files),
        HOSTILE_TEST(flood_of_stdout),  HOSTILE_TEST(flood_of_stderr),
    };

    return boxes_main("resources", tests, sizeof tests / sizeof *tests);
}
