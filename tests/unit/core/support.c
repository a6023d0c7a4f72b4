/*
 * support.c - see support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void support_folder(char ret_path[64])
{
    (void)snprintf(ret_path, 64, "/tmp/enclave-test-XXXXXX");
    assert_non_null(mkdtemp(ret_path));
    assert_int_equal(chmod(ret_path, 0755), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

void support_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void support_write(const char *folder, const char *name, const void *data, size_t length,
                   char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%s/%s", folder, name);
    FILE *file = fopen(ret_path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(ret_path, 0644), 0);
}

void support_install(const char *folder, const char *name, const char *to)
{
    char from[512], path[256];
    (void)snprintf(from, sizeof from, "%s/%s.so", ENCLAVE_TEST_FIXTURES, name);
    FILE *file = fopen(from, "re");
    assert_non_null(file);
    size_t size = 16u << 20;
    char *data = malloc(size);
    assert_non_null(data);
    size_t length = fread(data, 1, size, file);
    assert_true(length > 0 && length < size);
    (void)snprintf(path, sizeof path, "%s/%s", folder, to);
    (void)unlink(path); /* a plugin that is loaded must not be written over */
    (void)fclose(file);
    support_write(folder, to, data, length, path);
    free(data);
}

/* One folder for all managers of this program: plugins are never unloaded. */
static char plugins[64];

static void remove_plugins(void)
{
    support_remove(plugins);
}

struct enclave_manager *support_manager_with(const struct enclave_manager_options *options)
{
    struct enclave_manager_options all = *options;
    const char *overrides[16] = {"enclave.backend=null"};
    char path[128];
    size_t n = 1;

    if (!plugins[0]) {
        support_folder(plugins);
        support_install(plugins, "backend-null", "backend-null.so");
        support_install(plugins, "backend-other", "backend-other.so");
        support_install(plugins, "tool-run", "tool-run.so");
        support_install(plugins, "tool-plain", "tool-plain.so");
        (void)atexit(remove_plugins);
    }
    (void)snprintf(path, sizeof path, "plugins.path=%s", plugins);
    overrides[n++] = path;
    for (const char *const *o = options->overrides; o && *o && n < 15; o++) {
        overrides[n++] = *o;
    }
    all.config_path = "";
    all.overrides = overrides;
    struct enclave_manager *manager = NULL;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (enclave_manager_new(&all, &manager, &err) != 0) {
        fail_msg("no manager: %s", err.message);
    }
    return manager;
}

struct enclave_manager *support_manager(const char *const *overrides)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    options.overrides = overrides;
    return support_manager_with(&options);
}

json_object *support_json(char *text)
{
    assert_non_null(text);
    json_object *value = json_tokener_parse(text);
    if (!value) {
        fail_msg("not JSON: %s", text);
    }
    enclave_free(text);
    return value;
}

const char *support_text(json_object *object, ...)
{
    va_list keys;
    va_start(keys, object);
    for (const char *key; object && (key = va_arg(keys, const char *));) {
        json_object *member = NULL;
        object = json_object_object_get_ex(object, key, &member) ? member : NULL;
    }
    va_end(keys);
    return object ? json_object_get_string(object) : "";
}

int64_t support_number(json_object *object, const char *key)
{
    json_object *member = NULL;
    return json_object_object_get_ex(object, key, &member) ? json_object_get_int64(member) : -999;
}

void support_error(const struct enclave_error *err, int32_t code, const char *text,
                   const char *file, int line)
{
    if (err->code != code || !strstr(err->message, text)) {
        print_error("%s:%d: expected %s with '%s', got %s with '%s'\n", file, line,
                    enclave_error_name(code), text, enclave_error_name(err->code), err->message);
        _fail(file, line);
    }
}

void support_contains(const char *text, const char *part, const char *file, int line)
{
    if (!text || !strstr(text, part)) {
        print_error("%s:%d: expected '%s' in '%s'\n", file, line, part, text ? text : "(null)");
        _fail(file, line);
    }
}

void support_sandbox(struct enclave_manager *manager, char ret_id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (enclave_manager_create_sandbox(manager, NULL, "{\"tools_config\": [\"run\", \"plain\"]}",
                                       NULL, ret_id, &err) != 0) {
        fail_msg("no sandbox: %s", err.message);
    }
}

struct enclave_result *support_run(struct enclave_manager *manager, const char *id,
                                   const char *params,
                                   const struct enclave_execute_options *options)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    if (enclave_manager_execute_tool(manager, id, "run", params, options, &result, &err) != 0) {
        fail_msg("no result: %s", err.message);
    }
    return result;
}

int64_t support_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
