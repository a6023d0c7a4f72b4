/*
 * fork_server_support.h - what the tests of fork servers share: the agent with a server of
 * fork_server_fixture.c, executions that it is to fork, and what is left afterwards.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FORK_SERVER_SUPPORT_H
#define FORK_SERVER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_wire.h"

/* Requests that a server has at once. */
#define SENT_MAX 8

extern struct places {
    char base[64];
    char work[80];    /* the payload's folder */
    char scratch[80]; /* the agent's */
    char program[80]; /* the fixture */
    char starts[80];  /* what servers report at their start */
    char ran[96];     /* where executions say that they ran */
    char gate[80];    /* a FIFO that servers wait at */
    char start_at_gate[96];
    char report[96];
} places;

struct fixture {
    struct link *link;
    uint32_t id;
    char facts[16384];
    const char *server[8]; /* of the executions; none at first */
};

int make_folders(void **state);
int remove_folders(void **state);
/* The fixture's program once more. */
void write_program(const char *path, mode_t mode);

/* An agent; *state is a struct fixture. */
int setup(void **state);
int setup_subreaper(void **state);
int teardown(void **state);

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* The server of the executions from here on, with up to two options; each reports its start. */
void use_server(struct fixture *f, const char *option, const char *other);
/* An execution that a server is to fork, the first one too. */
struct spawn_args command_args(struct fixture *f, const char *const *argv);
/* Start a shell command; the id. */
uint32_t begin(struct fixture *f, const char *command);
void run(struct fixture *f, const char *command, struct outcome *what);
bool is_forked(const struct outcome *what);
/* All that was sent before has been read when this is back. */
void round_trip(struct fixture *f);

#define assert_out(what, text) assert_string_equal((const char *)(what).out.data, text)

/* A command that says a word does so, and was or was not forked. */
#define expect_word(f, forked) expect_word_(f, forked, __FILE__, __LINE__)
void expect_word_(struct fixture *f, bool forked, const char *file, int line);

/* `count` executions with numbers from `first` on, each of which leaves a line in a file. */
void begin_counted(struct fixture *f, unsigned first, unsigned count);
/* Just these did, once each. */
void expect_ran_once(unsigned first, unsigned count);
/* All of them end well, each with its own number, and ran once; how many were forked. */
unsigned wait_counted(struct fixture *f, unsigned first, unsigned count);

void send_kill(struct fixture *f, uint32_t id);
void expect_killed(struct fixture *f, uint32_t id, bool forked);

/* A server has come to the gate; the descriptor, at whose closing it goes on. */
int at_gate(void);
void open_gate(void);

/* How many lines of the servers' reports are just `text`. */
int reported(const char *text);
#define assert_starts(count) assert_int_equal(reported("server"), count)

/* In a folder. */
int entries(const char *path);
int agent_descriptors(const struct fixture *f);
/* Processes whose command line matches. */
int processes_named(const char *pattern);
/* The state of a process as /proc tells it, and 0 when there is none. */
char process_state(pid_t pid, pid_t *ret_parent);
int zombies_of(pid_t parent);

#endif
