/*
 * support.h - what the tests of libenclave share: folders, plugins in them, managers, JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_TEST_SUPPORT_H
#define CORE_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <enclave/enclave.h>

#include <json-c/json.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A folder of mode 0755 for this test, removed by support_remove(). */
void support_folder(char ret_path[64]);
void support_remove(const char *path);
/* Write FOLDER/NAME and put its path there. */
void support_write(const char *folder, const char *name, const void *data, size_t length,
                   char ret_path[256]);
/* Copy the fixture NAME.so to FOLDER/TO. */
void support_install(const char *folder, const char *name, const char *to);

/* A manager with the null backend and the tools `run` and `plain`; `overrides` are more of them or NULL. */
struct enclave_manager *support_manager(const char *const *overrides);
struct enclave_manager *support_manager_with(const struct enclave_manager_options *options);

/* A JSON text parsed, then freed as the library's. */
json_object *support_json(char *text);
/* The text at a path of members: support_text(object, "a", "b", NULL). "" when it is not there. */
const char *support_text(json_object *object, ...);
int64_t support_number(json_object *object, const char *key);

/* The error has this code, and its message contains the text. */
#define assert_error(err, expected, text) support_error(&(err), expected, text, __FILE__, __LINE__)
void support_error(const struct enclave_error *err, int32_t code, const char *text,
                   const char *file, int line);
#define assert_contains(text, part) support_contains(text, part, __FILE__, __LINE__)
void support_contains(const char *text, const char *part, const char *file, int line);

/* Create a sandbox of the null backend with the tools `run` and `plain`. */
void support_sandbox(struct enclave_manager *manager, char ret_id[ENCLAVE_ID_SIZE]);
/* Run a script of the null backend (backend_null.c) by the tool `run`; it must give a result. */
struct enclave_result *support_run(struct enclave_manager *manager, const char *id,
                                   const char *params,
                                   const struct enclave_execute_options *options);

int64_t support_now_ms(void);

#endif
