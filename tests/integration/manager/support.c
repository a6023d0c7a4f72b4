/*
 * support.c - see support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "engine_query.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------ the setup */

static int is_required(const char *component)
{
    const char *list = getenv("ENCLAVE_TEST_REQUIRE");
    size_t length = strlen(component);

    for (const char *p = list; p && (p = strstr(p, component)); p += length) {
        if ((p == list || p[-1] == ',' || p[-1] == ' ') &&
            (p[length] == '\0' || p[length] == ',' || p[length] == ' ')) {
            return 1;
        }
    }
    return 0;
}

const char *test_backend(void)
{
    return strncmp(engine_name(), "podman", 6) == 0 ? "podman" : "docker";
}

int test_missing(const char *component, const char *why)
{
    int required = is_required(test_backend());

    printf("%s: '%s': %s\n", required ? "required by ENCLAVE_TEST_REQUIRE" : "skipped", component,
           why);
    return required ? 1 : 77;
}

int test_setup(void)
{
    char address[256], why[128];

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)curl_global_init(CURL_GLOBAL_ALL);
    (void)setenv("ENCLAVE_PLUGIN_PATH", TEST_PLUGIN_DIR, 1);
    (void)unsetenv("ENCLAVE_CONFIG");
    (void)snprintf(address, sizeof address, "unix://%s", engine_socket());
    (void)setenv("CONTAINER_HOST", address, 1); /* Podman's; Docker's engine_socket() has read */
    if (engine_answers(engine_socket())) {
        return 0;
    }
    (void)snprintf(why, sizeof why,
                   "no engine answers there; scripts/engines.sh start %s starts one",
                   engine_name());
    return test_missing(engine_socket(), why);
}

int test_count(int full, int sample)
{
    const char *value = getenv("ENCLAVE_TEST_FULL");

    return value && strcmp(value, "1") == 0 ? full : sample;
}

int test_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 1;
#else
    return 0;
#endif
}

int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void unique_name(char *name, size_t size, const char *what)
{
    static atomic_int counter;

    (void)snprintf(name, size, "test-%s-%d-%d", what, (int)getpid(), atomic_fetch_add(&counter, 1));
}

/* --------------------------------------------------------------------------- managers, sandboxes */

struct enclave_manager *make_manager(const char *instance, const char *const *more)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    char own[128], backend[64];
    const char *overrides[16] = {own, backend, NULL};

    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", test_backend());
    (void)snprintf(own, sizeof own, "enclave.instance=%s", instance);
    for (size_t i = 0; more && more[i]; i++) {
        assert_true(i + 3 < sizeof overrides / sizeof *overrides);
        overrides[i + 2] = more[i];
    }
    options.config_path = "";
    options.overrides = overrides;
    if (enclave_manager_new(&options, &manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return manager;
}

void make_sandbox(struct enclave_manager *manager, const char *config, char id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char text[2048];

    (void)snprintf(text, sizeof text,
                   "{\"tools_config\": [\"python_executor\", \"shell_executor\", "
                   "\"file_operation\"]%s%s}",
                   *config ? ", " : "", config);
    if (enclave_manager_create_sandbox(manager, NULL, text, NULL, id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

void delete_sandbox(struct enclave_manager *manager, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_delete_sandbox(manager, id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

int fixture_open(void **state)
{
    static struct fixture fixture; /* a program has one group of tests */

    unique_name(fixture.instance, sizeof fixture.instance, "shared");
    fixture.manager = make_manager(fixture.instance, NULL);
    make_sandbox(fixture.manager, "", fixture.id);
    *state = &fixture;
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *fixture = *state;

    enclave_manager_free(fixture->manager);
    if (engine_containers(fixture->instance) != 0) {
        print_error("%d containers of '%s' are left\n", engine_containers(fixture->instance),
                    fixture->instance);
        return -1;
    }
    return 0;
}

char *info_member(struct enclave_manager *manager, const char *id, const char *key)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL, *copy;
    json_object *info, *value = NULL;

    if (enclave_manager_get_sandbox_info(manager, id, &text, &err) != 0) {
        fail_msg("%s", err.message);
    }
    info = json_tokener_parse(text);
    assert_non_null(info);
    copy =
        strdup(json_object_object_get_ex(info, key, &value) ? json_object_get_string(value) : "");
    json_object_put(info);
    enclave_free(text);
    return copy;
}

/* -------------------------------------------------------------------------------------- running */

char *params_for(const char *key, const char *text, int timeout_s)
{
    json_object *params = json_object_new_object();
    char *copy;

    json_object_object_add(params, key, json_object_new_string(text));
    if (timeout_s >= 0) {
        json_object_object_add(params, "timeout", json_object_new_int(timeout_s));
    }
    copy = strdup(json_object_to_json_string(params));
    json_object_put(params);
    return copy;
}

struct enclave_result *try_python(struct enclave_manager *manager, const char *id, const char *code,
                                  const struct enclave_execute_options *options,
                                  struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    char *params = params_for("code", code, -1);

    (void)enclave_manager_execute_tool(manager, id, "python_executor", params, options, &result,
                                       err);
    free(params);
    return result;
}

struct enclave_result *run_python_for(struct enclave_manager *manager, const char *id,
                                      const char *code, int64_t timeout_ms)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result;

    options.timeout_ms = timeout_ms;
    result = try_python(manager, id, code, &options, &err);
    if (!result) {
        fail_msg("%s", err.message);
    }
    return result;
}

struct enclave_result *run_python(struct enclave_manager *manager, const char *id, const char *code)
{
    return run_python_for(manager, id, code, -1);
}

struct enclave_result *run_tool(struct enclave_manager *manager, const char *id, const char *tool,
                                const char *params)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;

    if (enclave_manager_execute_tool(manager, id, tool, params, NULL, &result, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return result;
}

struct enclave_result *run_shell(struct enclave_manager *manager, const char *id,
                                 const char *command)
{
    char *params = params_for("command", command, -1);
    struct enclave_result *result = run_tool(manager, id, "shell_executor", params);

    free(params);
    return result;
}

void expect_shell(struct enclave_manager *manager, const char *id, const char *command,
                  const char *output)
{
    struct enclave_result *result = run_shell(manager, id, command);

    if (result->exit_code != 0 || strcmp(result->output, output) != 0) {
        fail_msg("'%s': %s, exit code %d, output '%s', error '%s'; expected '%s'", command,
                 enclave_cause_name(result->cause), result->exit_code, result->output,
                 result->error ? result->error : "", output);
    }
    enclave_result_free(result);
}

void expect_alive(struct enclave_manager *manager, const char *id)
{
    expect_shell(manager, id, "echo alive", "alive\n");
}

int64_t metadata_number(const struct enclave_result *result, const char *key)
{
    json_object *metadata = json_tokener_parse(result->metadata), *value = NULL;
    int64_t number = -1;

    if (json_object_object_get_ex(metadata, key, &value)) {
        number = json_object_get_int64(value);
    }
    json_object_put(metadata);
    return number;
}

void expect_error_(int32_t got, int32_t code, const struct enclave_error *err, const char *word,
                   const char *what, const char *file, int line)
{
    if (got != code || err->code != code) {
        print_error("%s: %s, expected %s: %s\n", what, enclave_error_name(got),
                    enclave_error_name(code), err->message);
        _fail(file, line);
    }
    if (!strstr(err->message, word) || strpbrk(err->message, "\r\n")) {
        print_error("%s: '%s' is no single line with '%s'\n", what, err->message, word);
        _fail(file, line);
    }
}

/* ------------------------------------------------------------------------------------- leftovers */

/* The containers of an instance, or those of them in one state of the engine's; NULL for all. */
static int count_containers(const char *path, const char *instance, const char *state)
{
    char query[512];
    json_object *list;
    int count = 0;

    /* {"label":["io.enclave.instance=NAME"]}, as plugins/backends/docker/labels.h has it */
    (void)snprintf(query, sizeof query,
                   "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22io.enclave.instance"
                   "%%3D%s%%22%%5D%%7D",
                   instance);
    list = engine_get(path, query);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *one = json_object_array_get_idx(list, i);
        const char *is = json_object_get_string(json_object_object_get(one, "State"));

        count += !state || (is && strcmp(is, state) == 0);
    }
    count = list ? count : -1;
    json_object_put(list);
    return count;
}

int engine_containers_at(const char *path, const char *instance)
{
    return count_containers(path, instance, NULL);
}

int engine_containers(const char *instance)
{
    return engine_containers_at(engine_socket(), instance);
}

int engine_unstarted(const char *instance)
{
    return count_containers(engine_socket(), instance, "created");
}

static int is_anonymous(json_object *volume)
{
    json_object *name = NULL;

    return json_object_object_get_ex(volume, "Name", &name) &&
           json_object_get_string_len(name) == 64;
}

int engine_volumes(void)
{
    /* {"dangling":["true"]} */
    json_object *answer =
        engine_get(engine_socket(), "/volumes?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D");
    json_object *list = NULL;
    int count = 0;

    if (!answer) {
        return -1;
    }
    if (json_object_object_get_ex(answer, "Volumes", &list) &&
        json_object_is_type(list, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            count += is_anonymous(json_object_array_get_idx(list, i));
        }
    }
    json_object_put(answer);
    return count;
}

void expect_no_more_volumes(int before)
{
    int64_t limit = now_ms() + 20000;
    int now = engine_volumes();

    while (now > before && now_ms() < limit) {
        (void)usleep(50000);
        now = engine_volumes();
    }
    assert_in_range(now, 0, before);
}

static int64_t wait_until(int (*left)(const char *instance), const char *instance, int64_t limit_ms)
{
    int64_t start = now_ms();

    /* The engine has no call that waits for a label, so this one asks again and again. */
    while (left(instance) != 0) {
        if (now_ms() - start > limit_ms) {
            return -1;
        }
        (void)usleep(20000);
    }
    return now_ms() - start;
}

int64_t engine_wait_empty(const char *instance, int64_t limit_ms)
{
    return wait_until(engine_containers, instance, limit_ms);
}

static int started(const char *instance)
{
    int all = engine_containers(instance);

    return all < 0 ? -1 : all - engine_unstarted(instance);
}

int64_t engine_wait_ended(const char *instance, int64_t limit_ms)
{
    return wait_until(started, instance, limit_ms);
}
