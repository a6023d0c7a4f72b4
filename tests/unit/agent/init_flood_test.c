/*
 * init_flood_test.c - programs that write more than is read: every byte comes, in its order, also when the agent passes
 * it on from pipe to stream without reading it. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 3000000, FIRST = 10, FLOODS = 3 };

static char base[] = "/tmp/enclave-flood-test-XXXXXX";
static char work[64];
static char scratch[64];

static int setup(void **state)
{
    char facts[16384];
    *state = link_open(ENCLAVE_AGENT_PATH, work, scratch, false, facts, sizeof(facts));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    link_close(*state);
    return 0;
}

static void start(struct link *link, uint32_t id, const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    link_spawn(link, id, &(struct spawn_args){.argv = argv});
}

/* What `seq 1 LINES` prints. */
static void assert_is_sequence(const struct bytes *got)
{
    const char *at = (const char *)got->data, *end = at + got->length;
    for (int i = 1; i <= LINES; i++) {
        char line[16];
        size_t length = (size_t)snprintf(line, sizeof(line), "%d\n", i);
        if ((size_t)(end - at) < length || memcmp(at, line, length) != 0)
            fail_msg("line %d is '%.*s'", i, (int)strcspn(at, "\n"), at);
        at += length;
    }
    assert_ptr_equal(at, end);
}

/* Alone, where loads of it are passed on, and beside others, which come between. */
static void test_all_of_it(void **state)
{
    struct outcome what, floods[FLOODS];
    char command[64];
    snprintf(command, sizeof(command), "seq 1 %d", LINES);
    start(*state, 1, command);
    link_wait(*state, 1, &what);
    assert_is_sequence(&what.out);
    outcome_free(&what);
    for (uint32_t i = 0; i < FLOODS; i++) {
        snprintf(command, sizeof(command), "seq 1 %d%s", LINES, i == 1 ? " >&2" : "");
        start(*state, FIRST + i, command);
    }
    link_wait_all(*state, FIRST, FLOODS, floods);
    for (uint32_t i = 0; i < FLOODS; i++) {
        assert_is_sequence(i == 1 ? &floods[i].err : &floods[i].out);
        outcome_free(&floods[i]);
    }
}

/* An execution that is ended while what it wrote is on its way. */
static void test_killed(void **state)
{
    struct wire_frame frame;
    struct outcome what;
    for (uint32_t id = 1; id <= 20; id++) {
        size_t came = 0;
        start(*state, id, "yes");
        while (came < 300000 && link_receive(*state, 5000, &frame))
            came += frame.length;
        assert_true(came >= 300000);
        link_send(*state, WIRE_KILL, 0, id, NULL, 0);
        link_wait(*state, id, &what);
        assert_true(what.flags & WIRE_EXIT_KILLED);
        outcome_free(&what);
    }
    start(*state, 100, "echo alive");
    link_wait(*state, 100, &what);
    assert_string_equal((const char *)what.out.data, "alive\n");
    outcome_free(&what);
}

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_all_of_it),
        WITH_AGENT(test_killed),
    };
    if (geteuid() != 0) {
        printf("skipped: needs root\n");
        return 77;
    }
    if (!mkdtemp(base))
        return 1;
    snprintf(work, sizeof(work), "%s/work", base);
    snprintf(scratch, sizeof(scratch), "%s/scratch", base);
    if (chmod(base, 0755) < 0 || mkdir(work, 0777) < 0 || chmod(work, 0777) < 0 ||
        mkdir(scratch, 0711) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(work);
    rmdir(scratch);
    rmdir(base);
    return failed;
}
