/*
 * pools.c - pools of real sandboxes: what a payload leaves behind is gone for the next, and it is the same
 * sandbox; where that cannot be, it is another one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_query.h"
#include "support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char tools[] = "\"tools_config\": [\"python_executor\", \"shell_executor\"]";

static struct fixture *made;

static char *payload(const char *name)
{
    char path[512];
    long length;
    FILE *file;
    char *text;

    (void)snprintf(path, sizeof path, "%s/%s", TEST_PAYLOADS, name);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)length + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)length, file), length);
    (void)fclose(file);
    return text;
}

/* A pool of one, with this in the config besides; its id. */
static void make_pool(const char *name, const char *config, char id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char whole[512], *text = NULL;

    (void)snprintf(whole, sizeof whole, "{%s%s%s}", tools, *config ? ", " : "", config);
    if (enclave_manager_initialize_pool(made->manager, name, 1, NULL, whole, NULL, &text, &err) !=
        0) {
        fail_msg("no pool: %s", err.message);
    }
    assert_int_equal(sscanf(text, "[\"%63[^\"]", id), 1);
    enclave_free(text);
}

static struct enclave_result *run_in(const char *pool, const char *tool, const char *key,
                                     const char *code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char *params = params_for(key, code, -1);

    if (enclave_manager_execute_tool_in_pool(made->manager, pool, tool, params, NULL, 60000,
                                             &result, &err) != 0) {
        fail_msg("pool '%s': %s", pool, err.message);
    }
    free(params);
    return result;
}

static char *output_of(const char *pool, const char *code)
{
    struct enclave_result *result = run_in(pool, "python_executor", "code", code);
    char *output;

    if (result->cause != ENCLAVE_CAUSE_EXITED || result->exit_code != 0) {
        fail_msg("%s: %s", enclave_cause_name(result->cause), result->error);
    }
    output = strdup(result->output);
    assert_non_null(output);
    enclave_result_free(result);
    return output;
}

static int exists(const char *id)
{
    char *text = NULL;
    int32_t r = enclave_manager_get_sandbox_info(made->manager, id, &text, NULL);

    enclave_free(text);
    return r == 0;
}

/* What it left, as far as a test can expect of every machine. */
static void expect_left(const char *left)
{
    static const char *const always[] = {"daemon",
                                         "deaf",
                                         "stopped",
                                         "chain",
                                         "lock",
                                         "files in /sandbox",
                                         "files in /tmp",
                                         "files in /dev/shm",
                                         "shm with another owner",
                                         "msg",
                                         "sem",
                                         "mqueue",
                                         "attributes of /sandbox"};
    static const char *const never[] = {"files in /run", "files in /etc", "keyring",
                                        "mount",         "immutable",     "user namespace",
                                        "host name",     "sysctl",        "PID 1 limits"};

    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        if (!strstr(left, always[i])) {
            fail_msg("'%s' was not left behind: %s", always[i], left);
        }
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        if (strstr(left, never[i])) {
            fail_msg("'%s' was left behind: %s", never[i], left);
        }
    }
}

/* The texts are the same, but for lines that begin so. */
static void expect_same_but(const char *a, const char *b, const char *line)
{
    while (*a || *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

        if ((n != m || strncmp(a, b, n) != 0) && strncmp(a, line, strlen(line)) != 0) {
            fail_msg("'%.*s' became '%.*s'", (int)n, a, (int)m, b);
        }
        a += n + (a[n] == '\n');
        b += m + (b[m] == '\n');
    }
}

static void test_nothing_is_left(void **state)
{
    char id[ENCLAVE_ID_SIZE];
    char *look = payload("look.py"), *leave = payload("leave.py");
    char *new, *before, *left, *after;

    (void)state;
    make_pool("clean", "", id);
    new = output_of("clean", look);
    before =
        output_of("clean", look); /* there is a warm interpreter now, and no other difference */
    expect_same_but(new, before, "processes ");
    free(new);
    for (int i = 0; i < 3; i++) {
        left = output_of("clean", leave);
        expect_left(left);
        after = output_of("clean", look);
        assert_string_equal(after, before);
        free(left);
        free(after);
    }
    assert_true(exists(id));
    free(before);
    free(look);
    free(leave);
}

/* The interpreter is another one, and warm. */
static void test_the_interpreter_is_renewed(void **state)
{
    static const char code[] =
        "import os\nprint(os.getppid())\n"
        "print([p for p in os.listdir('/proc') if p.isdigit() and p != '1' and "
        "p != str(os.getpid())])";
    char id[ENCLAVE_ID_SIZE];
    char *first, *second;

    (void)state;
    make_pool("warm", "", id);
    free(output_of("warm", code));
    first = output_of("warm", code);
    second = output_of("warm", code);
    assert_string_not_equal(first, second);
    assert_non_null(strchr(second, '\''));
    free(first);
    free(second);
}

/* A call that is cut by its timeout, or is cancelled, leaves no more. */
static void test_after_a_timeout(void **state)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];

    (void)state;
    make_pool("late", "", id);
    options.timeout_ms = 300;
    assert_int_equal(enclave_manager_execute_tool_in_pool(
                         made->manager, "late", "shell_executor",
                         "{\"command\": \"echo x >/tmp/x; sleep 1000 & sleep 1000\"}", &options, -1,
                         &result, &err),
                     0);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    result = run_in("late", "shell_executor", "command", "ls -A /tmp /sandbox");
    assert_string_equal(result->output, "/sandbox:\n\n/tmp:\n");
    enclave_result_free(result);
    assert_true(exists(id));
}

static void expect_fresh(const char *pool, const char *config, const char *reason)
{
    char id[ENCLAVE_ID_SIZE];
    struct enclave_result *result;
    char *text = NULL;

    make_pool(pool, config, id);
    result = run_in(pool, "shell_executor", "command", "echo a");
    assert_string_equal(result->output, "a\n");
    enclave_result_free(result);
    assert_false(exists(id));
    assert_int_equal(enclave_manager_get_stats(made->manager, &text, NULL), 0);
    if (!strstr(text, reason)) {
        fail_msg("no '%s' in %s", reason, text);
    }
    enclave_free(text);
}

static void test_what_cannot_be_reset_is_used_once(void **state)
{
    (void)state;
    expect_fresh("root", "\"read_only_root\": false", "its root file system can be written");
    expect_fresh("volume", "\"volumes\": {\"/var/tmp\": {\"bind\": \"/data\"}}",
                 "it has a volume that can be written");
}

static void test_a_killed_member_is_replaced(void **state)
{
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE], path[160];
    char *text;
    json_object *metadata;

    (void)state;
    make_pool("killed", "", id);
    text = info_member(made->manager, id, "metadata");
    metadata = json_tokener_parse(text);
    (void)snprintf(path, sizeof path, "/containers/%s/kill",
                   json_object_get_string(json_object_object_get(metadata, "container_name")));
    json_object_put(metadata);
    free(text);
    assert_int_equal(engine_do(engine_socket(), "POST", path), 204);
    result = run_in("killed", "shell_executor", "command", "echo a");
    assert_string_equal(result->output, "a\n");
    enclave_result_free(result);
    assert_false(exists(id));
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* No bound is asserted: what it costs is printed, beside the same without a pool. */
static void print_cost(const char *id, const char *tool, const char *key, const char *code)
{
    enum { ROUNDS = 30 };
    int64_t us[2][ROUNDS];
    char *params = params_for(key, code, -1);

    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = now_us();

        enclave_result_free(run_tool(made->manager, id, tool, params));
        us[0][i] = now_us() - start;
        start = now_us();
        enclave_result_free(run_in("cost", tool, key, code));
        us[1][i] = now_us() - start;
    }
    for (int i = 0; i < 2; i++) {
        qsort(us[i], ROUNDS, sizeof us[i][0], by_value);
    }
    printf("%s: %lld us; from a pool, and reset: %lld us\n", tool, (long long)us[0][ROUNDS / 2],
           (long long)us[1][ROUNDS / 2]);
    free(params);
}

static void test_what_it_costs(void **state)
{
    char id[ENCLAVE_ID_SIZE];

    (void)state;
    make_pool("cost", "", id);
    print_cost(made->id, "shell_executor", "command", "echo a");
    print_cost(made->id, "python_executor", "code", "print(1)");
}

static int open_manager(void **state)
{
    int r = fixture_open(state);

    made = *state;
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_the_interpreter_is_renewed),
        cmocka_unit_test(test_after_a_timeout),
        cmocka_unit_test(test_what_cannot_be_reset_is_used_once),
        cmocka_unit_test(test_a_killed_member_is_replaced),
        cmocka_unit_test(test_what_it_costs),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, open_manager, fixture_close);
}
