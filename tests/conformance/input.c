/*
 * input.c - what a program reads from stdin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"

#include <string.h>

enum { LARGE = 8 << 20 };

static struct enclave_result *run_with(struct test *t, const char *command, const void *data,
                                       uint64_t length, struct enclave_execute_options *options)
{
    options->stdin_data = data;
    options->stdin_length = length;
    return run_tool(t, box_shared(t), "shell_executor", params_of(t, "command", command), options);
}

static unsigned char *large(struct test *t)
{
    unsigned char *data = test_alloc(t, LARGE);

    for (size_t i = 0; i < LARGE; i++) {
        data[i] = (unsigned char)(i * 7919 >> 5);
    }
    return data;
}

static void none(struct test *t)
{
    expect_shell(t, box_shared(t), "wc -c", "0\n");
    expect_python(t, box_shared(t), "import sys; print(repr(sys.stdin.read()))", "''\n");
}

static void data(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = run_with(t, "od -An -tx1; echo end", "a\0\xff\n", 4, &options);

    expect_exit(t, result, 0);
    expect_text(t, result->output, " 61 00 ff 0a\nend\n");
    result = run_tool(t, box_shared(t), "python_executor",
                      "{\"code\": \"import sys; print(sys.stdin.buffer.read())\"}", &options);
    expect_exit(t, result, 0);
    expect_text(t, result->output, "b'a\\x00\\xff\\n'\n");
}

struct echo {
    const unsigned char *wanted;
    uint64_t length;
    uint64_t wrong;
};

static int32_t compare(void *ctx, uint32_t stream, const void *bytes, uint64_t length)
{
    struct echo *echo = ctx;

    if (stream != ENCLAVE_STDOUT || length > LARGE - echo->length ||
        memcmp(echo->wanted + echo->length, bytes, length) != 0) {
        echo->wrong++;
        return 1;
    }
    echo->length += length;
    return 0;
}

static void large_and_back(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct echo echo = {.wanted = large(t)};

    options.output = compare;
    options.output_ctx = &echo;
    struct enclave_result *result = run_with(t, "cat", echo.wanted, LARGE, &options);
    expect_exit(t, result, 0);
    expect_int(t, echo.wrong, 0);
    expect_int(t, echo.length, LARGE);
}

static void closed_early(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = run_with(
        t, "head -c 1 >/dev/null; exec <&-; sleep 0.2; echo on", large(t), LARGE, &options);

    expect_exit(t, result, 0);
    expect_text(t, result->output, "on\n");
}

static void not_read(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = run_with(t, "exit 4", large(t), LARGE, &options);

    expect_exit(t, result, 4);
    result = run_with(t, "sleep 0.2; exit 5", large(t), LARGE, &options);
    expect_exit(t, result, 5);
}

static const struct tap_case cases[] = {
    {"none", "without input a program finds the end at once", none},
    {"data", "bytes arrive as they are, then comes the end", data},
    {"large_and_back", "8 MiB go in while they come out", large_and_back},
    {"closed_early", "a program may close its input before the end", closed_early},
    {"not_read", "a program may end without reading its input", not_read},
};
TAP_GROUP(input, cases);
