/*
 * box.h - what the hostile tests share: a manager, sandboxes to attack, a neighbour that must go on
 * answering, and the payloads of payloads/. Does not decide what an attack's outcome must be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOSTILE_BOX_H
#define HOSTILE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <enclave/enclave.h>

/* What every test works on; made by boxes_open(). */
struct boxes {
    struct enclave_manager *manager;
    char neighbour[ENCLAVE_ID_SIZE];
    char id[ENCLAVE_ID_SIZE]; /* the one under attack; a new one for each test */
    uint64_t rss;             /* of this process, when the test began */
};

/* Run the tests of one program: with the backend that ENCLAVE_TEST_BACKEND names (docker) where it works; else
 * 77, or a failure when ENCLAVE_TEST_REQUIRE names it. */
int boxes_main(const char *name, const struct CMUnitTest *tests, size_t count);

/* What has to happen within a time is late for good when it is late in each of so many tries: a
 * machine that stalls makes one of them late, a defect all. */
#define LATE_TRIES 4

/* Setup and teardown of a test: a sandbox of its own. At the end it must be gone, the neighbour must
 * answer, and this process must not have grown by more than 16 MiB. */
int box_setup(void **state);
int box_teardown(void **state);
#define HOSTILE_TEST(f)                                                                            \
    {                                                                                              \
#f, f, box_setup, box_teardown, NULL                                                       \
    }

/* Have a sandbox of other limits in place of the one that box_setup() made. */
void box_renew(struct boxes *boxes, const char *config);

/* 1 when sandboxes here have what metadata.unenforced would name: "memory_limit", "own_uid". */
int box_enforces(const char *name);
/* For a test that makes no sense without. */
#define NEEDS(name)                                                                                \
    do {                                                                                           \
        if (!box_enforces(name)) {                                                                 \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* 1 when the long versions are wanted: ENCLAVE_TEST_FULL. */
int full_length(void);

/* ------------------------------------------------------------------------------------- running */

/* A payload of payloads/: *.py with python_executor, *.sh with shell_executor, else a program made
 * of payloads/NAME.c, put into the sandbox. `argument` is its sys.argv[1], $1, argv[1]; NULL: none. */
struct enclave_result *payload_run(struct boxes *boxes, const char *name, const char *argument,
                                   int64_t timeout_ms);
/* The same in a thread of its own; payload_end() waits for it. */
struct running;
struct running *payload_start(struct boxes *boxes, const char *name, const char *argument,
                              int64_t timeout_ms);
/* payload_start(), and wait until it has printed something. */
struct running *payload_begin(struct boxes *boxes, const char *name, const char *argument,
                              int64_t timeout_ms);
struct enclave_result *payload_end(struct running *running);

/* A command line for /bin/sh. */
struct enclave_result *shell_run(struct boxes *boxes, const char *id, const char *command);

/* Put a file of payloads/ that was compiled into the sandbox, as `path`. */
void program_put(struct boxes *boxes, const char *name, const char *path);

/* ------------------------------------------------------------------------------------ outcomes */

#define assert_cause(result, wanted) assert_cause_(result, wanted, __FILE__, __LINE__)
void assert_cause_(const struct enclave_result *result, uint32_t wanted, const char *file,
                   int line);

/* The attacked sandbox runs a program and its answer comes. */
void assert_usable(struct boxes *boxes);
/* The neighbour answers within 1 s. */
void assert_neighbour(struct boxes *boxes);
/* Within 1 s no process is left in the sandbox but PID 1 and the one that looks. */
void assert_alone(struct boxes *boxes);
/* The payload came to its end ("done") and told of no BREACH. */
void assert_no_breach(const struct enclave_result *result);

/* Milliseconds, monotonic. */
int64_t now_ms(void);

#endif
