/*
 * fork_server_test.c - executions that a fork server forks are as those that the agent starts. The
 * servers are fork_server_fixture.c, the agent is the real one. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fork_server_support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ----------------------------------------------------------------------------- when one is started */

static void test_the_second_is_forked(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "echo word", NULL};
    use_server(f, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        struct spawn_args args = command_args(f, argv);
        struct outcome what;
        args.server_flags = 0;
        link_spawn(f->link, ++f->id, &args);
        link_wait(f->link, f->id, &what);
        assert_out(what, "word\n");
        assert_int_equal(is_forked(&what), i > 0);
        outcome_free(&what);
        assert_starts(i > 0);
    }
}

static void test_eager(void **state)
{
    struct fixture *f = *state;
    use_server(f, NULL, NULL);
    for (int i = 0; i < 3; i++)
        expect_word(f, true);
    assert_starts(1);
}

static void test_more_servers_than_places(void **state)
{
    struct fixture *f = *state;
    const char *const names[] = {"1", "2", "3", "4", "5"};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++) {
            use_server(f, names[i], NULL);
            expect_word(f, i < 4);
        }
    assert_starts(4);
}

/* One that differs only in its environment is another one. */
static void test_servers_differ_by_environment(void **state)
{
    struct fixture *f = *state;
    const char *const lists[][2] = {{"ONE=1", NULL}, {"ONE=2", NULL}, {NULL}, {"ONE=1", NULL}};
    const char *const argv[] = {"true", NULL};
    use_server(f, NULL, NULL);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct spawn_args args = command_args(f, argv);
        struct outcome what;
        args.server_env = lists[i];
        link_spawn(f->link, ++f->id, &args);
        link_wait(f->link, f->id, &what);
        assert_true(is_forked(&what));
        outcome_free(&what);
    }
    assert_starts(3);
    assert_int_equal(reported("env ONE=1"), 1);
    assert_int_equal(reported("env ONE=2"), 1);
}

/* Servers know the working directory only. */
static void test_another_folder(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"pwd", NULL};
    struct outcome what;
    use_server(f, NULL, NULL);
    struct spawn_args args = command_args(f, argv);
    args.cwd = "/usr";
    link_spawn(f->link, ++f->id, &args);
    link_wait(f->link, f->id, &what);
    assert_out(what, "/usr\n");
    assert_false(is_forked(&what));
    outcome_free(&what);
}

/* What is longer than a message to a server is started without. */
static void test_large_environment(void **state)
{
    static const struct {
        size_t length;
        bool forked;
    } cases[] = {{60000, true}, {70000, false}, {100, true}};
    struct fixture *f = *state;
    use_server(f, NULL, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = calloc(1, cases[i].length + 3);
        char expected[32];
        const char *const argv[] = {"sh", "-c", "printf %s \"$V\" | wc -c", NULL};
        const char *const env[] = {text, NULL};
        struct spawn_args args = command_args(f, argv);
        struct outcome outcomes[2 * SENT_MAX];
        assert_non_null(text);
        memset(text, 'x', cases[i].length + 2);
        memcpy(text, "V=", 2);
        args.env = env;
        for (int j = 0; j < 2 * SENT_MAX; j++) /* more than the socket holds */
            link_spawn(f->link, ++f->id, &args);
        link_wait_all(f->link, f->id - 2 * SENT_MAX + 1, 2 * SENT_MAX, outcomes);
        snprintf(expected, sizeof(expected), "%zu\n", cases[i].length);
        for (int j = 0; j < 2 * SENT_MAX; j++) {
            assert_out(outcomes[j], expected);
            assert_int_equal(is_forked(&outcomes[j]), cases[i].forked);
            outcome_free(&outcomes[j]);
        }
        free(text);
    }
}

static void test_subreaper_mode(void **state)
{
    struct fixture *f = *state;
    assert_non_null(strstr(f->facts, "kill=subreaper\n"));
    use_server(f, NULL, NULL);
    for (int i = 0; i < 3; i++)
        expect_word(f, false);
    assert_starts(0);
}

/* ------------------------------------------------------------------------- as if it was started */

/* Run twice, without a server and forked; the outcomes are the same. The latter is kept. */
static void run_both(struct fixture *f, const char *command, struct outcome *what)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct spawn_args args = {.argv = argv};
    struct outcome cold;
    link_spawn(f->link, ++f->id, &args);
    link_wait(f->link, f->id, &cold);
    run(f, command, what);
    assert_false(is_forked(&cold));
    assert_true(is_forked(what));
    assert_string_equal((const char *)what->out.data, (const char *)cold.out.data);
    assert_string_equal((const char *)what->err.data, (const char *)cold.err.data);
    assert_int_equal(what->how, cold.how);
    assert_int_equal(what->code, cold.code);
    assert_int_equal(what->signal, cold.signal);
    outcome_free(&cold);
}

static void test_ends_and_surroundings_are_the_same(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    use_server(f, NULL, NULL);
    run_both(f, "echo hi; echo oops >&2; exit 7", &what);
    assert_out(what, "hi\n");
    assert_string_equal((const char *)what.err.data, "oops\n");
    assert_int_equal(what.code, 7);
    outcome_free(&what);
    run_both(f, "kill -SEGV $$", &what);
    assert_int_equal(what.signal, SIGSEGV);
    outcome_free(&what);
    run_both(
        f,
        "id -u; id -g; id -G | wc -w; pwd; umask; ulimit -a; nice; env | sort; ls /proc/self/fd; "
        "cat /proc/self/oom_score_adj; grep -E '^(Cap|NoNew|Seccomp|Sig)' /proc/self/status; "
        "set -- $(cat /proc/$$/stat); [ $4 = 1 ] && [ $5 = $$ ] && [ $6 = $$ ] && echo session",
        &what);
    assert_non_null(strstr((const char *)what.out.data, "54321\n54322\n2\n"));
    assert_non_null(strstr((const char *)what.out.data, "\nsession\n"));
    outcome_free(&what);
}

static void test_stdin(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"cat", NULL};
    struct outcome what;
    use_server(f, NULL, NULL);
    for (int i = 0; i < 2; i++) { /* with the server still to start, and running */
        struct spawn_args args = command_args(f, argv);
        args.with_stdin = true;
        link_spawn(f->link, ++f->id, &args);
        link_send(f->link, WIRE_STDIN, 0, f->id, "some\n", 5);
        link_send(f->link, WIRE_STDIN, 0, f->id, "more\n", 5);
        link_send(f->link, WIRE_STDIN_EOF, 0, f->id, NULL, 0);
        link_wait(f->link, f->id, &what);
        assert_out(what, "some\nmore\n");
        assert_true(is_forked(&what));
        outcome_free(&what);
    }
    run(f, "cat; echo end", &what); /* none: at its end */
    assert_out(what, "end\n");
    outcome_free(&what);
}

static void test_script(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "PLACE", "arg", NULL};
    struct outcome what;
    use_server(f, NULL, NULL);
    struct spawn_args args = command_args(f, argv);
    args.script_name = "main.sh";
    args.script_index = 1;
    args.script = "echo $1; echo x 2>/dev/null >>$0 || echo read-only";
    link_spawn(f->link, ++f->id, &args);
    link_wait(f->link, f->id, &what);
    assert_out(what, "arg\nread-only\n");
    assert_true(is_forked(&what));
    outcome_free(&what);
    assert_int_equal(entries(places.scratch), 0);
}

/* At least what the shell says that it used itself. */
static void test_processor_time(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    double user = 0;
    double system = 0;
    use_server(f, NULL, NULL);
    run(f, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; times", &what);
    assert_true(is_forked(&what));
    assert_int_equal(sscanf((const char *)what.out.data, "0m%lfs 0m%lfs", &user, &system), 2);
    assert_true(user + system > 0);
    assert_true((double)what.cpu_us >= (user + system) * 1e6);
    outcome_free(&what);
}

static void test_signal(void **state)
{
    struct fixture *f = *state;
    struct wire_frame frame;
    struct outcome what;
    uint8_t number[4];
    use_server(f, NULL, NULL);
    begin(f, "trap 'echo got; exit 5' USR1; echo up; while :; do sleep 0.01; done");
    do
        assert_true(link_receive(f->link, 5000, &frame));
    while (frame.type != WIRE_OUTPUT);
    wire_put_u32(number, SIGUSR1);
    link_send(f->link, WIRE_SIGNAL, 0, f->id, number, sizeof(number));
    link_wait(f->link, f->id, &what);
    assert_out(what, "got\n");
    assert_int_equal(what.code, 5);
    outcome_free(&what);
}

static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    use_server(f, NULL, NULL);
    for (int round = 0; round < 4; round++) {
        begin_counted(f, 0, 64);
        assert_int_equal(wait_counted(f, 0, 64), 64);
    }
    assert_starts(1);
    assert_int_equal(entries(places.scratch), 0);
}

/* ------------------------------------------------------------------------------------------ KILL */

static void test_kill(void **state)
{
    struct fixture *f = *state;
    struct wire_frame frame;
    use_server(f, NULL, NULL);
    begin(f, "setsid sleep 6661 & (setsid sh -c 'setsid sleep 6662 & exit' &); "
             "(trap '' TERM; sleep 6663; :) & sleep 0.1; echo up; kill -STOP $$");
    do
        assert_true(link_receive(f->link, 5000, &frame));
    while (frame.type != WIRE_OUTPUT);
    send_kill(f, f->id);
    expect_killed(f, f->id, true);
    assert_int_equal(processes_named("^sleep 666[123]"), 0);
    expect_word(f, true);
    assert_starts(1);
}

static void test_kill_while_the_server_starts(void **state)
{
    struct fixture *f = *state;
    expect_word(f, false); /* all is set up */
    use_server(f, places.start_at_gate, NULL);
    int descriptors = agent_descriptors(f);
    begin_counted(f, 0, 3);
    int fd = at_gate();
    for (uint32_t id = f->id - 2; id <= f->id; id++) {
        send_kill(f, id);
        expect_killed(f, id, false);
    }
    assert_int_equal(agent_descriptors(f), descriptors + 1); /* the server's */
    assert_int_equal(entries(places.scratch), 0);
    close(fd);
    begin_counted(f, 3, 2);
    assert_int_equal(wait_counted(f, 3, 2), 2);
    assert_starts(1);
}

/* Of those that a server has not answered, some are sent and some wait in the agent. */
static void test_kill_while_queued(void **state)
{
    struct fixture *f = *state;
    char option[128];
    snprintf(option, sizeof(option), "gate=2:%s", places.gate);
    use_server(f, option, NULL);
    expect_word(f, true);
    int descriptors = agent_descriptors(f);
    uint32_t sent = begin(f, "sleep 6664");
    begin(f, "sleep 6664");
    begin_counted(f, 2, SENT_MAX);
    uint32_t queued = f->id;
    int fd = at_gate();
    send_kill(f, queued);
    expect_killed(f, queued, false);
    send_kill(f, sent);
    send_kill(f, sent + 1);
    round_trip(f);
    close(fd);
    struct outcome outcomes[SENT_MAX + 1];
    link_wait_all(f->link, sent, SENT_MAX + 1, outcomes);
    for (unsigned i = 0; i < SENT_MAX + 1; i++) {
        assert_int_equal(outcomes[i].signal, i < 2 ? SIGKILL : 0);
        assert_int_equal((outcomes[i].flags & WIRE_EXIT_KILLED) != 0, i < 2);
        assert_true(is_forked(&outcomes[i]));
        outcome_free(&outcomes[i]);
    }
    expect_ran_once(2, SENT_MAX - 1);
    expect_word(f, true);
    assert_int_equal(processes_named("^sleep 6664"), 0);
    assert_int_equal(agent_descriptors(f), descriptors);
    assert_int_equal(entries(places.scratch), 0);
    assert_starts(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_the_second_is_forked),
        WITH_AGENT(test_eager),
        WITH_AGENT(test_more_servers_than_places),
        WITH_AGENT(test_servers_differ_by_environment),
        WITH_AGENT(test_another_folder),
        WITH_AGENT(test_large_environment),
        cmocka_unit_test_setup_teardown(test_subreaper_mode, setup_subreaper, teardown),
        WITH_AGENT(test_ends_and_surroundings_are_the_same),
        WITH_AGENT(test_stdin),
        WITH_AGENT(test_script),
        WITH_AGENT(test_processor_time),
        WITH_AGENT(test_signal),
        WITH_AGENT(test_many_at_once),
        WITH_AGENT(test_kill),
        WITH_AGENT(test_kill_while_the_server_starts),
        WITH_AGENT(test_kill_while_queued),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
