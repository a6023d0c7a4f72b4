/*
 * test_time.c - payloads that want to go on: past a timeout, past a signal, past their main process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <string.h>

#define LIMIT_MS 600
#define LATE_MS 500 /* the requirement's bound */

/* `timeout`, and nothing of it left. Returns by how much it was late, or a negative number when it ended before the payload
 * had begun (its output is not all there), as on a busy machine. */
static int64_t time_out(struct boxes *boxes, const char *payload, const char *argument,
                        const char *output, int64_t limit_ms)
{
    int64_t began = now_ms();
    struct enclave_result *result = payload_run(boxes, payload, argument, limit_ms);
    int64_t late = now_ms() - began - limit_ms;
    int begun = !output || strcmp(result->output, output) == 0;

    assert_cause(result, ENCLAVE_CAUSE_TIMEOUT);
    if (!begun) {
        assert_memory_equal(result->output, output, strlen(result->output));
    }
    assert_true(late >= 0);
    enclave_result_free(result);
    assert_alone(boxes);
    assert_usable(boxes);
    return begun ? late : -1;
}

/* The same, in time. */
static void times_out(struct boxes *boxes, const char *payload, const char *argument,
                      const char *output)
{
    int64_t late, limit_ms = LIMIT_MS;

    for (int tries = 0;
         (late = time_out(boxes, payload, argument, output, limit_ms)) < 0 || late > LATE_MS;) {
        assert_true(++tries < LATE_TRIES);
        limit_ms *= late < 0 ? 2 : 1;
    }
}

#define GETAWAY(name, way)                                                                         \
    static void name(void **state)                                                                 \
    {                                                                                              \
        times_out(*state, "getaway.py", way, "there\n");                                           \
    }

GETAWAY(setsid_holds_stdout, "setsid")
GETAWAY(double_fork_holds_stdout, "double-fork")
GETAWAY(sigterm_ignored, "sigterm")
GETAWAY(stops_itself, "sigstop")
GETAWAY(spins, "spin")
GETAWAY(subreaper_of_its_own, "subreaper")
GETAWAY(blocked_in_a_write, "blocked-write")
GETAWAY(waits_for_vfork, "vfork")
GETAWAY(held_by_a_tracer, "traced")

static void two_hundred_spin(void **state)
{
    times_out(*state, "getaway.py", "spinners", NULL);
}

static void fork_bomb(void **state)
{
    struct boxes *boxes = *state;
    struct running *run = payload_start(boxes, "fork_bomb.py", NULL, 1000);
    struct enclave_result *result;

    assert_neighbour(boxes);
    result = payload_end(run);
    assert_cause(result, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    assert_usable(boxes);
    assert_alone(boxes);
}

/* A link is seldom met by one scan, and with many chains some link is missed by all of them. */
static void chains_of_forks(void **state)
{
    static const char *const counts[] = {"1", "30", "200"};
    int rounds = full_length() ? 100 : 8;

    for (int i = 0; i < rounds; i++) {
        struct enclave_result *result = payload_run(*state, "chain", counts[i % 3], 100);

        assert_cause(result, ENCLAVE_CAUSE_TIMEOUT);
        enclave_result_free(result);
        assert_alone(*state);
    }
}

/* A kill must not wake what another execution has stopped, nor end it. */
static void chain_beside_a_bystander(void **state)
{
    struct boxes *boxes = *state;
    struct running *bystander;
    struct enclave_result *result;

    /* The chains' links that wait to be reaped must not take the bystander's room. */
    box_renew(boxes, "\"pids_limit\": 2048");
    bystander = payload_begin(boxes, "bystander.py", NULL, 120000);
    for (int i = 0; i < 3; i++) {
        result = payload_run(boxes, "chain", "30", 200);
        assert_cause(result, ENCLAVE_CAUSE_TIMEOUT);
        enclave_result_free(result);
    }
    enclave_result_free(shell_run(boxes, boxes->id, "touch wake"));
    result = payload_end(bystander);
    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "stopped\nit is\nwoken\n");
    enclave_result_free(result);
    assert_alone(boxes);
}

/* What is to end is ended, or the sandbox is: never is an end told of what goes on. */
static void chains_with_a_helper(void **state)
{
    struct boxes *boxes = *state;
    struct running *helper = payload_start(boxes, "waker.py", "4", 20000);
    struct enclave_result *result = NULL;
    uint32_t cause = ENCLAVE_CAUSE_TIMEOUT;

    for (int i = 0; i < 4 && cause == ENCLAVE_CAUSE_TIMEOUT; i++) {
        enclave_result_free(result);
        result = payload_run(boxes, "chain", "100", 200);
        cause = result->cause;
    }
    if (cause != ENCLAVE_CAUSE_BACKEND_LOST) {
        assert_cause(result, ENCLAVE_CAUSE_TIMEOUT);
    }
    enclave_result_free(result);
    enclave_result_free(payload_end(helper));
    if (cause == ENCLAVE_CAUSE_BACKEND_LOST) {
        box_renew(boxes, "");
    }
    assert_alone(boxes);
}

static void output_after_the_main_process(void **state)
{
    struct enclave_result *result = payload_run(*state, "late.sh", NULL, 10000);

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "early\nlate\n");
    enclave_result_free(result);
}

static void signals_to_pid_one(void **state)
{
    struct boxes *boxes = *state;
    struct enclave_result *result = payload_run(boxes, "kill_all.sh", NULL, 10000);

    /* kill(2) of -1 spares its caller, which is the shell itself. */
    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_string_equal(result->output, "still\nsurvivor\n");
    enclave_result_free(result);
    assert_usable(boxes);
    assert_alone(boxes);
}

/* A background process of an earlier execution stops or kills all it can: file operations go on,
 * executions end with the truth. */
static void neighbours_in_the_sandbox(void **state)
{
    static const char *const signals[] = {"SIGSTOP", "SIGKILL"};
    struct boxes *boxes = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    for (size_t i = 0; i < 2; i++) {
        struct enclave_result *result = payload_run(boxes, "stop_others.py", signals[i], 10000);
        static char data[8 << 20];
        int64_t began = now_ms();

        assert_cause(result, ENCLAVE_CAUSE_EXITED);
        enclave_result_free(result);
        for (int k = 0; k < 3; k++) {
            if (enclave_manager_put_file(boxes->manager, boxes->id, "file", data, sizeof data, 0,
                                         &err) < 0) {
                fail_msg("%s: %s", signals[i], err.message);
            }
        }
        result = payload_run(boxes, "late.sh", NULL, 500);
        assert_int_not_equal(result->cause, ENCLAVE_CAUSE_BACKEND_LOST);
        enclave_result_free(result);
        assert_in_range(now_ms() - began, 0, 8000); /* that is, while it was at it */
        box_renew(boxes, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(setsid_holds_stdout),
        HOSTILE_TEST(double_fork_holds_stdout),
        HOSTILE_TEST(sigterm_ignored),
        HOSTILE_TEST(stops_itself),
        HOSTILE_TEST(spins),
        HOSTILE_TEST(subreaper_of_its_own),
        HOSTILE_TEST(blocked_in_a_write),
        HOSTILE_TEST(waits_for_vfork),
        HOSTILE_TEST(held_by_a_tracer),
        HOSTILE_TEST(two_hundred_spin),
        HOSTILE_TEST(fork_bomb),
        HOSTILE_TEST(chains_of_forks),
        HOSTILE_TEST(chain_beside_a_bystander),
        HOSTILE_TEST(chains_with_a_helper),
        HOSTILE_TEST(output_after_the_main_process),
        HOSTILE_TEST(signals_to_pid_one),
        HOSTILE_TEST(neighbours_in_the_sandbox),
    };

    return boxes_main("time", tests, sizeof tests / sizeof *tests);
}
