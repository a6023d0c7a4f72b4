/*
 * support.h - what the tests against a real engine share.
 *
 * Owns: managers and sandboxes made with one line, running code and keeping the result, counting
 * what is left in the engine and in this process. Does not own: any assertion about behaviour,
 * except that what a test takes for granted really worked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_SUPPORT_H
#define ENCLAVE_TEST_SUPPORT_H

#include "footprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <enclave/enclave.h>

/* ------------------------------------------------------------------------------------ the setup */

/* For main(): 0, or the exit code to end with at once, because there is no engine (77, or 1 when
 * ENCLAVE_TEST_REQUIRE wants its backend). Also makes the plugins of this build the ones that count. */
int test_setup(void);

/* The same for another component that is not there: says why; returns what to end with. Where the
 * backend is required, all that the tests do with it is. */
int test_missing(const char *component, const char *why);

/* The whole count with ENCLAVE_TEST_FULL=1, else the sample. */
int test_count(int full, int sample);

/* The backend that the tests use. */
const char *test_backend(void);

/* Whether a sanitizer slows this program down, so that bounds of time and memory do not hold. */
int test_is_sanitized(void);

int64_t now_ms(void);

/* --------------------------------------------------------------------------- managers, sandboxes */

/* A manager whose sandboxes carry `instance` in their labels; `more`: further overrides, or NULL. */
struct enclave_manager *make_manager(const char *instance, const char *const *more);

/* A sandbox with all three tools and `config`, the inside of a JSON object ("" for nothing more). */
void make_sandbox(struct enclave_manager *manager, const char *config, char id[ENCLAVE_ID_SIZE]);
void delete_sandbox(struct enclave_manager *manager, const char *id);

/* For groups of tests that share a manager and one sandbox with all defaults: *state is one of these.
 * Closing it fails when something of it is left in the engine. */
struct fixture {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    char instance[64];
};
int fixture_open(void **state);
int fixture_close(void **state);

/* A member of the sandbox's info, as text; "" when it has none. Freed with free(). */
char *info_member(struct enclave_manager *manager, const char *id, const char *key);

/* An instance name that no other process and no other test of this one has. */
void unique_name(char *name, size_t size, const char *what);

/* -------------------------------------------------------------------------------------- running */

/* {"KEY": "TEXT"} and, when `timeout_s` is not negative, its timeout. Freed with free(). */
char *params_for(const char *key, const char *text, int timeout_s);

/* Run and return the result; these may be called from any thread and do not assert: NULL and *err
 * when there is none. */
struct enclave_result *try_python(struct enclave_manager *manager, const char *id, const char *code,
                                  const struct enclave_execute_options *options,
                                  struct enclave_error *err);

/* The same, asserting that there is a result. */
struct enclave_result *run_python(struct enclave_manager *manager, const char *id,
                                  const char *code);
struct enclave_result *run_python_for(struct enclave_manager *manager, const char *id,
                                      const char *code, int64_t timeout_ms);
struct enclave_result *run_shell(struct enclave_manager *manager, const char *id,
                                 const char *command);
struct enclave_result *run_tool(struct enclave_manager *manager, const char *id, const char *tool,
                                const char *params);

/* Run a shell command and assert that it wrote exactly `output` and ended with 0. */
void expect_shell(struct enclave_manager *manager, const char *id, const char *command,
                  const char *output);
/* The sandbox answers. */
void expect_alive(struct enclave_manager *manager, const char *id);

/* A number of the result's metadata; -1 when it is not there. */
int64_t metadata_number(const struct enclave_result *result, const char *key);

/* The call failed with `code`, and said so on one line that has `word` in it. */
#define expect_error(result, code, err, word)                                                      \
    expect_error_((result), (code), (err), (word), #result, __FILE__, __LINE__)
void expect_error_(int32_t got, int32_t code, const struct enclave_error *err, const char *word,
                   const char *what, const char *file, int line);

/* ------------------------------------------------------------------------------------- leftovers */

/* What an instance has in the engine, by its label, in any state. */
int engine_containers(const char *instance);
/* The same in the engine behind the socket at `path`. */
int engine_containers_at(const char *path, const char *instance);
/* Volumes of the engine that no container uses and that have no name of their own. */
int engine_volumes(void);
/* There are no more of them than `before`; waited for, since those of others come and go. */
void expect_no_more_volumes(int before);
/* Wait until nothing of the instance is left; the milliseconds it took, or -1 after `limit_ms`. */
/* Those that were made and never started. */
int engine_unstarted(const char *instance);
/* Until all that were started are gone; otherwise as engine_wait_empty(). */
int64_t engine_wait_ended(const char *instance, int64_t limit_ms);
int64_t engine_wait_empty(const char *instance, int64_t limit_ms);

#endif
