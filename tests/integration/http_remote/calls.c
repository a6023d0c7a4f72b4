/*
 * calls.c - a manager on a server beside one on the server's backend: the same results, the same errors. And what only the
 * first one has: other managers' sandboxes, keys, rules for remote callers, TLS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "served.h"

#include "certificates.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKEND "bubblewrap"
#define INI "[enclave]\nbackend = " BACKEND "\n"

/* ------------------------------------------------------------------------------------ sameness */

struct sides {
    struct served *served;
    struct enclave_manager *here, *there;
};

static int set_up(void **state)
{
    struct sides *sides = calloc(1, sizeof *sides);

    sides->served = served_new(INI, 1);
    served_start(sides->served);
    sides->here = served_local(BACKEND);
    sides->there = served_manager(sides->served, NULL);
    *state = sides;
    return 0;
}

static int tear_down(void **state)
{
    struct sides *sides = *state;

    enclave_manager_free(sides->there);
    enclave_manager_free(sides->here);
    served_free(sides->served);
    free(sides);
    return 0;
}

/* The sandbox `same`, on both sides. */
static void make_same(struct sides *sides)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static const char config[] =
        "{\"tools_config\": {\"python_executor\": {}, \"shell_executor\": {\"max_output_size\": "
        "100}}, \"timeout\": 20}";
    char id[ENCLAVE_ID_SIZE];

    options.id = "same";
    assert_int_equal(enclave_manager_create_sandbox(sides->here, NULL, config, &options, id, &err),
                     0);
    if (enclave_manager_create_sandbox(sides->there, NULL, config, &options, id, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(id, "same");
}

static void delete_same(struct sides *sides)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    assert_int_equal(enclave_manager_delete_sandbox(sides->here, "same", &err), 0);
    assert_int_equal(enclave_manager_delete_sandbox(sides->there, "same", &err), 0);
}

/* What a result says, but for times and memory. */
static void describe(const struct enclave_result *result, char *text, size_t size)
{
    const char *base64 = strstr(result->metadata, "\"output_base64\"");

    snprintf(text, size, "%u %u %d %d %u %s [%s] [%s] %llu %llu %llu %.60s", result->status,
             result->cause, (int)result->exit_code, (int)result->signal, result->truncated,
             result->tool_name, result->output, result->error ? result->error : "(none)",
             (unsigned long long)result->output_length, (unsigned long long)result->stdout_bytes,
             (unsigned long long)result->stderr_bytes, base64 ? base64 : "");
}

static int32_t no_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct {
        size_t length;
        char data[65536];
    } *heard = ctx;

    (void)stream;
    if (length < sizeof heard->data - heard->length) {
        memcpy(heard->data + heard->length, data, length);
        heard->length += length;
    }
    return 0;
}

static void execute(struct enclave_manager *manager, const char *tool, const char *params,
                    int streams, char *text, size_t size)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    void *heard = calloc(1, 65536 + 64);

    options.execution_id = "an id";
    options.stdin_data = "in\0\xff";
    options.stdin_length = 4;
    options.output = streams ? no_output : NULL;
    options.output_ctx = heard;
    int32_t r =
        enclave_manager_execute_tool(manager, "same", tool, params, &options, &result, &err);
    if (r == 0) {
        assert_string_equal(result->execution_id, "an id");
        describe(result, text, size);
        if (streams) {
            size_t at = strlen(text);
            snprintf(text + at, size - at, " heard %zu", *(size_t *)heard);
        }
    } else {
        snprintf(text, size, "%d %s", (int)r, err.message);
    }
    enclave_result_free(result);
    free(heard);
}

static void test_results(void **state)
{
    static const struct {
        const char *tool, *params;
    } calls[] = {
        {"shell_executor", "{\"command\": \"echo out; echo err >&2; exit 3\"}"},
        {"shell_executor", "{\"command\": \"wc -c\"}"},
        {"shell_executor", "{\"command\": \"kill -9 $$\"}"},
        {"shell_executor", "{\"command\": \"printf 'a\\\\377b\\\\000c'\"}"},
        {"shell_executor",
         "{\"command\": \"printf '\\\\360\\\\237\\\\230\\\\200 %.0s' $(seq 50)\"}"},
        {"shell_executor", "{\"command\": \"seq 1 1000\"}"},
        {"shell_executor", "{\"command\": \"echo begun; exec sleep 100\", \"timeout\": 1}"},
        {"shell_executor", "{\"command\": [\"no-such-program\", \"x\"]}"},
        {"shell_executor", "{\"command\": [\"/etc/passwd\"]}"},
        {"python_executor", "{\"code\": \"\"}"},
        {"python_executor", "{\"code\": \"print(1)\\nraise SystemExit(4)\"}"},
        {"python_executor", "{\"code\": \"1/0\"}"},
        /* And calls that give none. */
        {"shell_executor", "{}"},
        {"shell_executor", "{\"command\": 7}"},
        {"shell_executor", "{\"command\": \"x\", \"colour\": \"red\"}"},
        {"shell_executor", "[1"},
        {"file_operation", "{\"operation\": \"list\", \"file_path\": \".\"}"},
        {"no_such_tool", "{}"},
    };
    struct sides *sides = *state;

    make_same(sides);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        for (int streams = 0; streams < 2; streams++) {
            char here[4096], there[4096];
            execute(sides->here, calls[i].tool, calls[i].params, streams, here, sizeof here);
            execute(sides->there, calls[i].tool, calls[i].params, streams, there, sizeof there);
            if (strcmp(here, there) != 0) {
                fail_msg("%s\nhere:  %s\nthere: %s", calls[i].params, here, there);
            }
        }
    }
    delete_same(sides);
}

/* Calls that fail, each with all that is said of it. */
static void call_badly(struct enclave_manager *manager, int which, char *text, size_t size)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *json = NULL;
    uint64_t length;
    void *data = NULL;
    int32_t r = 0;

    options.id = "same";
    switch (which) {
    case 0:
        r = enclave_manager_create_sandbox(manager, NULL, "{\"colour\": 1}", NULL, id, &err);
        break;
    case 1:
        r = enclave_manager_create_sandbox(manager, NULL, "{\"memory_limit\": \"lots\"}", NULL, id,
                                           &err);
        break;
    case 2:
        r = enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": [\"no_such\"]}", NULL,
                                           id, &err);
        break;
    case 3:
        r = enclave_manager_create_sandbox(manager, NULL, "{}", &options, id, &err);
        break;
    case 4:
        r = enclave_manager_create_sandbox(manager, NULL, "{\"image\": \"no-such-image:1\"}", NULL,
                                           id, &err);
        break;
    case 5:
        r = enclave_manager_create_sandbox(manager, NULL, "{\"platform\": \"linux/amd64\"}", NULL,
                                           id, &err);
        break;
    case 6:
        r = enclave_manager_get_sandbox_info(manager, "no-such", &json, &err);
        break;
    case 7:
        r = enclave_manager_stop_sandbox(manager, "no-such", &err);
        break;
    case 8:
        r = enclave_manager_delete_sandbox(manager, "no-such", &err);
        break;
    case 9:
        r = enclave_manager_keep_alive(manager, "same", -1, &err);
        break;
    case 10:
        r = enclave_manager_get_file(manager, "same", "none", 0, &data, &length, &err);
        break;
    case 11:
        r = enclave_manager_get_file(manager, "same", "/etc/passwd", 5, &data, &length, &err);
        break;
    case 12:
        r = enclave_manager_put_file(manager, "same", "/usr/x", "x", 1, 0, &err);
        break;
    case 13:
        r = enclave_manager_get_sandbox_tools(manager, "no-such", &json, &err);
        break;
    case 14:
        r = enclave_manager_put_file(manager, "same", "new\nline \xff", "x", 1, 0, &err);
        break;
    default:
        assert_int_equal(which, -1);
    }
    snprintf(text, size, "%d %s", (int)r, r < 0 ? err.message : "");
    enclave_free(json);
    enclave_free(data);
}

static void test_errors(void **state)
{
    struct sides *sides = *state;

    make_same(sides);
    for (int i = 0; i < 14; i++) {
        char here[700], there[700];
        call_badly(sides->here, i, here, sizeof here);
        call_badly(sides->there, i, there, sizeof there);
        if (strcmp(here, there) != 0) {
            fail_msg("%d\nhere:  %s\nthere: %s", i, here, there);
        }
    }
    delete_same(sides);
}

/* ------------------------------------------------------------------------------- other managers */

static void test_lookup(void **state)
{
    struct sides *sides = *state;
    struct enclave_manager *other = served_manager(sides->served, NULL);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], *text = NULL;

    served_sandbox(sides->there, "", id);
    served_shell(other, id, "echo by another >x", "");
    enclave_manager_free(other); /* which lets go of it */
    served_shell(sides->there, id, "cat x", "by another\n");

    other = served_manager(sides->served, NULL);
    assert_int_equal(enclave_manager_list_sandboxes(other, ENCLAVE_STATUS_RUNNING, &text, &err), 0);
    assert_non_null(strstr(text, id));
    enclave_free(text);
    assert_int_equal(enclave_manager_list_sandboxes(other, ENCLAVE_STATUS_ERROR, &text, &err), 0);
    assert_null(strstr(text, id));
    enclave_free(text);
    assert_int_equal(enclave_manager_get_sandbox_info(other, id, &text, &err), 0);
    assert_non_null(strstr(text, "\"type\":\"" BACKEND "\""));
    enclave_free(text);
    assert_int_equal(enclave_manager_delete_sandbox(other, id, &err), 0);
    assert_int_equal(enclave_manager_get_sandbox_info(sides->there, id, &text, &err),
                     ENCLAVE_ENOTFOUND);
    assert_int_equal(enclave_manager_delete_sandbox(sides->there, id, &err), ENCLAVE_ENOTFOUND);
    enclave_manager_free(other);
}

/* A request that is repeated by another process finds the same sandbox. */
static void test_request_key(void **state)
{
    struct sides *sides = *state;
    struct enclave_manager *other = served_manager(sides->served, NULL);
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char first[ENCLAVE_ID_SIZE], again[ENCLAVE_ID_SIZE];

    options.request_key = "order 7";
    assert_int_equal(enclave_manager_create_sandbox(sides->there, NULL, "{\"timeout\": 7}",
                                                    &options, first, &err),
                     0);
    if (enclave_manager_create_sandbox(other, NULL, "{\"timeout\": 7}", &options, again, &err) !=
        0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(first, again);
    assert_int_equal(
        enclave_manager_create_sandbox(other, NULL, "{\"timeout\": 8}", &options, again, &err),
        ENCLAVE_EEXISTS);
    assert_int_equal(enclave_manager_delete_sandbox(sides->there, first, &err), 0);
    enclave_manager_free(other);
}

static void test_housekeeping(void **state)
{
    struct sides *sides = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE], kept[ENCLAVE_ID_SIZE], *text = NULL;

    served_sandbox(sides->there, ", \"ttl\": 1", id);
    served_sandbox(sides->there, ", \"ttl\": 1", kept);
    assert_int_equal(enclave_manager_keep_alive(sides->there, kept, 1000, &err), 0);
    for (int i = 0; i < 600 && !(text && strstr(text, id)); i++) {
        enclave_free(text);
        assert_int_equal(enclave_manager_sweep(sides->there, &text, &err), 0);
        (void)poll(NULL, 0, 50);
    }
    assert_non_null(strstr(text, "\"ttl\""));
    assert_null(strstr(text, kept));
    enclave_free(text);
    assert_int_equal(enclave_manager_delete_sandbox(sides->there, kept, &err), 0);
    assert_int_equal(enclave_manager_get_stats(sides->there, &text, &err), 0);
    assert_non_null(strstr(text, "\"manager_type\":\"http\""));
    enclave_free(text);
}

static void test_pool(void **state)
{
    struct sides *sides = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char *ids = NULL;

    if (enclave_manager_initialize_pool(sides->there, NULL, 2, NULL,
                                        "{\"tools_config\": [\"shell_executor\"]}", NULL, &ids,
                                        &err) != 0) {
        fail_msg("%s", err.message);
    }
    for (int i = 0; i < 5; i++) {
        if (enclave_manager_execute_tool_in_pool(sides->there, NULL, "shell_executor",
                                                 "{\"command\": \"ls; echo hi >x\"}", NULL, -1,
                                                 &result, &err) != 0) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(result->output, "");
        enclave_result_free(result);
    }
    enclave_free(ids);
    assert_int_equal(enclave_manager_cleanup_all_sandboxes(sides->there, &err), 0);
}

/* --------------------------------------------------------------------------- keys, rules and TLS */

static void test_rules(void **state)
{
    struct sides *sides = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    assert_int_equal(enclave_manager_create_sandbox(sides->there, NULL,
                                                    "{\"network_enabled\": true}", NULL, id, &err),
                     ENCLAVE_EDENIED);
    assert_non_null(strstr(err.message, "allow_network"));
}

#define KEY_A "0123456789abcdef0123456789abcdef-a"
#define KEY_B "0123456789abcdef0123456789abcdef-b"

static struct enclave_manager *manager_with_key(const struct served *served, const char *key)
{
    char file[192];
    const char *more[] = {file, NULL};

    served_write(served, "key", 0600, key);
    snprintf(file, sizeof file, "backend http-remote.api_key_file=%s/key", served->folder);
    return served_manager(served, more);
}

static void test_keys(void **state)
{
    struct served *served = served_new("", 1);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char ini[256], id[ENCLAVE_ID_SIZE], *text = NULL;

    (void)state;
    snprintf(ini, sizeof ini, INI "[server]\napi_key_file = %s/keys\n", served->folder);
    served_write(served, "server.ini", 0600, ini);
    served_write(served, "keys", 0600, "alice " KEY_A "\nbob " KEY_B "\n");
    served_start(served);

    struct enclave_manager *nobody = served_manager(served, NULL);
    struct enclave_manager *wrong = manager_with_key(served, KEY_A "x\n");
    struct enclave_manager *alice = manager_with_key(served, KEY_A "\n");
    struct enclave_manager *bob = manager_with_key(served, KEY_B "\n");
    assert_int_equal(enclave_manager_create_sandbox(nobody, NULL, NULL, NULL, id, &err),
                     ENCLAVE_EUNAUTHORIZED);
    assert_non_null(strstr(err.message, "set api_key_file"));
    assert_int_equal(enclave_manager_create_sandbox(wrong, NULL, NULL, NULL, id, &err),
                     ENCLAVE_EUNAUTHORIZED);
    assert_null(strstr(err.message, KEY_A));
    served_sandbox(alice, "", id);
    served_shell(alice, id, "echo hi", "hi\n");
    assert_int_equal(enclave_manager_get_sandbox_info(bob, id, &text, &err), ENCLAVE_ENOTFOUND);
    enclave_manager_free(nobody);
    enclave_manager_free(wrong);
    enclave_manager_free(alice);
    enclave_manager_free(bob);
    served_free(served);
}

static void test_tls(void **state)
{
    struct served *served = served_new("", 1);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char ini[512], ca[192], id[ENCLAVE_ID_SIZE], url[128];
    const char *more[] = {ca, "backend http-remote.retry_timeout=60", NULL};

    (void)state;
    assert_int_equal(certificates_make(served->folder), 0);
    snprintf(ini, sizeof ini,
             INI "[server]\ntls_cert = %s/server/cert.pem\ntls_key = %s/server/key.pem\n",
             served->folder, served->folder);
    served_write(served, "server.ini", 0600, ini);
    snprintf(url, sizeof url, "https%s", served->url + 4);
    snprintf(served->url, sizeof served->url, "%s", url);
    served_start(served);

    snprintf(ca, sizeof ca, "backend http-remote.ca_file=%s/server/ca.pem", served->folder);
    struct enclave_manager *manager = served_manager(served, more);
    served_sandbox(manager, "", id);
    served_shell(manager, id, "echo hi", "hi\n");
    enclave_manager_free(manager);
    snprintf(ca, sizeof ca, "backend http-remote.ca_file=%s/stranger/ca.pem", served->folder);
    manager = served_manager(served, more);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, NULL, NULL, id, &err),
                     ENCLAVE_EUNREACHABLE);
    assert_non_null(strstr(err.message, "certificate"));
    enclave_manager_free(manager);
    served_free(served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),      cmocka_unit_test(test_errors),
        cmocka_unit_test(test_lookup),       cmocka_unit_test(test_request_key),
        cmocka_unit_test(test_housekeeping), cmocka_unit_test(test_pool),
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_tls),
    };
    int r = served_setup(BACKEND);

    return r ? r : cmocka_run_group_tests(tests, set_up, tear_down);
}
