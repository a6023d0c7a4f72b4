/*
 * box.h - sandboxes in cases: making them, running things in them, and what is expected to come of it.
 * What a case makes is gone when it has ended. Everything here fails the case when it cannot be done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_BOX_H
#define CONFORMANCE_BOX_H

#include "subject.h"
#include "tap.h"

/* A sandbox of a manager. */
struct box {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
};

/* ------------------------------------------------------------------------------------- making */

struct subject *subject_of(const struct test *t);
/* The sandbox that all cases share, in defaults. Whoever uses it leaves it as it was. */
struct box *box_shared(struct test *t);
/* A configuration in JSON: of an object in which texts may stand in single quotes ("" or NULL: defaults), with
 * all tools unless it names some. */
char *box_config(struct test *t, const char *config);
/* One of the case's own; `config` as above. */
struct box *box_new(struct test *t, const char *config);
struct box *box_new_in(struct test *t, struct enclave_manager *manager, const char *config);
/* A create that must fail, with this text as its configuration, one of two codes and a line that has `part`. */
void expect_no_box(struct test *t, const char *config, int32_t code, int32_t other,
                   const char *part);
/* A manager like the one that all cases share; and its end, when it is to come before that of the case. */
struct enclave_manager *manager_new(struct test *t);
void manager_end(struct test *t, struct enclave_manager *manager);

/* A member of its info, as text (objects as JSON); "" when there is none. */
const char *box_info(struct test *t, const struct box *box, const char *member);
/* 1 when its metadata's list `list` has `name`. */
int box_lists(struct test *t, const struct box *box, const char *list, const char *name);
void box_delete(struct test *t, const struct box *box);

/* ------------------------------------------------------------------------------------- running */

/* {"KEY": "VALUE"} */
char *params_of(struct test *t, const char *key, const char *value);
/* Results live as long as the case. `options` may be NULL. */
struct enclave_result *run_tool(struct test *t, const struct box *box, const char *tool,
                                const char *params, const struct enclave_execute_options *options);
struct enclave_result *run_shell(struct test *t, const struct box *box, const char *command);
struct enclave_result *run_python(struct test *t, const struct box *box, const char *code);
/* With a timeout in milliseconds. */
struct enclave_result *run_shell_for(struct test *t, const struct box *box, const char *command,
                                     int64_t timeout_ms);
struct enclave_result *run_python_for(struct test *t, const struct box *box, const char *code,
                                      int64_t timeout_ms);
/* Have a result freed with the case. Returns it. */
struct enclave_result *keep_result(struct test *t, struct enclave_result *result);

/* Exit code 0 and this output. */
void expect_shell(struct test *t, const struct box *box, const char *command, const char *output);
void expect_python(struct test *t, const struct box *box, const char *code, const char *output);
/* It runs commands. */
void expect_alive(struct test *t, const struct box *box);

/* --------------------------------------------------------------------------------- expectations */

#define expect_ok(t, call, err) expect_ok_(t, __FILE__, __LINE__, #call, call, err)
void expect_ok_(struct test *t, const char *file, int line, const char *what, int32_t got,
                const struct enclave_error *err);
/* A failure with this code, and one line that has `part`. */
#define expect_error(t, got, code, err, part)                                                      \
    expect_error_(t, __FILE__, __LINE__, got, code, code, err, part)
/* Either of two codes. */
#define expect_error_of(t, got, code, other, err, part)                                            \
    expect_error_(t, __FILE__, __LINE__, got, code, other, err, part)
void expect_error_(struct test *t, const char *file, int line, int32_t got, int32_t code,
                   int32_t other, const struct enclave_error *err, const char *part);
#define expect_cause(t, result, wanted) expect_cause_(t, __FILE__, __LINE__, result, wanted)
void expect_cause_(struct test *t, const char *file, int line, const struct enclave_result *result,
                   uint32_t wanted);
/* Exited with this code. */
#define expect_exit(t, result, wanted) expect_exit_(t, __FILE__, __LINE__, result, wanted)
void expect_exit_(struct test *t, const char *file, int line, const struct enclave_result *result,
                  int code);

/* A number, or a text, of the result's metadata; -1, or "". */
int64_t metadata_number(const struct enclave_result *result, const char *key);
const char *metadata_text(struct test *t, const struct enclave_result *result, const char *key);

#endif
