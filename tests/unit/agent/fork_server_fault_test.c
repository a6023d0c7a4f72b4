/*
 * fork_server_fault_test.c - each execution runs exactly once, whatever a fork server does, and no payload
 * gets at a server. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fork_server_support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"

/* ------------------------------------------------------------------------- servers that misbehave */

/* It is tried four times, and then no more. */
static void test_never_ready(void **state)
{
    struct fixture *f = *state;
    use_server(f, "end", NULL);
    for (int i = 0; i < 5; i++)
        expect_word(f, false);
    begin_counted(f, 0, 20);
    assert_int_equal(wait_counted(f, 0, 20), 0);
    assert_starts(4);
}

/* Those that it had, and those that waited, are started without it, and the next by a new one. */
static void test_dies_with_requests(void **state)
{
    struct fixture *f = *state;
    char option[128];
    snprintf(option, sizeof(option), "gate=3:%s", places.gate);
    use_server(f, "die=3", option);
    for (int round = 1; round <= 3; round++) {
        expect_word(f, true);
        expect_word(f, true);
        begin_counted(f, 0, 2 * SENT_MAX);
        open_gate();
        assert_int_equal(wait_counted(f, 0, 2 * SENT_MAX), 0);
        assert_starts(round);
    }
    expect_word(f, true);
}

static void test_dies_without_an_answer(void **state)
{
    struct fixture *f = *state;
    use_server(f, "die=1", NULL);
    for (unsigned i = 0; i < 8; i++) {
        begin_counted(f, i, 1);
        assert_int_equal(wait_counted(f, i, 1), 0);
    }
    assert_starts(4);
}

/* Killed from without between two executions. */
static void test_killed(void **state)
{
    struct fixture *f = *state;
    char command[200];
    use_server(f, NULL, NULL);
    for (unsigned i = 0; i < 20; i++) {
        begin_counted(f, 0, 10);
        (void)wait_counted(f, 0, 10);
        snprintf(command, sizeof(command), "pkill -KILL -f '^%s'", places.program);
        assert_int_equal(system(command), 0);
        begin_counted(f, 10, 10);
        (void)wait_counted(f, 10, 10);
        expect_word(f, true);
    }
}

/* The deadline; one of them is killed meanwhile. */
static void test_never_answers(void **state)
{
    struct fixture *f = *state;
    use_server(f, "answer=none", NULL);
    begin_counted(f, 0, 1);
    uint32_t killed = begin(f, "echo never");
    begin_counted(f, 1, 1);
    send_kill(f, killed);
    struct outcome outcomes[3];
    link_wait_all(f->link, killed - 1, 3, outcomes);
    for (int i = 0; i < 3; i++) {
        assert_int_equal((outcomes[i].flags & WIRE_EXIT_KILLED) != 0, i == 1);
        outcome_free(&outcomes[i]);
    }
    expect_ran_once(0, 2);
    assert_int_equal(entries(places.scratch), 0);
}

static void test_wrong_answers(void **state)
{
    static const struct {
        const char *option;
        bool forked;
    } cases[] = {
        {"answer=unknown", true}, {"answer=twice", true},  {"answer=ready-again", true},
        {"answer=zero", false},   {"answer=error", false}, {"answer=short", false},
        {"answer=long", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f;
        assert_int_equal(setup((void **)&f), 0);
        use_server(f, cases[i].option, NULL);
        begin_counted(f, 0, 1);
        if (wait_counted(f, 0, 1) != cases[i].forked)
            fail_msg("%s: forked is not %d", cases[i].option, cases[i].forked);
        if (strcmp(cases[i].option, "answer=short") != 0 &&
            strcmp(cases[i].option, "answer=long") != 0)
            expect_word(f, true);
        assert_int_equal(teardown((void **)&f), 0);
    }
    (void)state;
}

/* The agent sees nothing of what comes after the gate until two of its children have ended. */
static void let_two_end_unseen(struct fixture *f, int gate)
{
    pid_t parent = 0;
    assert_int_equal(kill(f->link->agent, SIGSTOP), 0);
    for (int i = 0; process_state(f->link->agent, &parent) != 'T' && i < 5000; i++)
        usleep(1000);
    close(gate);
    for (int i = 0; zombies_of(f->link->agent) < 2 && i < 5000; i++)
        usleep(1000);
    assert_int_equal(zombies_of(f->link->agent), 2);
    assert_int_equal(kill(f->link->agent, SIGCONT), 0);
}

/* What it answered before counts, also when it left requests unread, which the socket tells first. */
static void test_dies_with_answers_under_way(void **state)
{
    struct fixture *f = *state;
    char option[128];
    snprintf(option, sizeof(option), "gate=1:%s", places.gate);
    use_server(f, "die=2", option);
    begin_counted(f, 0, 4);
    int fd = at_gate();
    round_trip(f);
    let_two_end_unseen(f, fd);
    f->id--; /* the round trip */
    assert_int_equal(wait_counted(f, 0, 4), 1);
}

/* The agent finds the child's end before the answer that says whose child it was: another one has ended
 * first, so that ends are what it looks at first. */
static void test_child_ends_before_the_answer_is_read(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    char option[128];
    snprintf(option, sizeof(option), "gate=1:%s", places.gate);
    const char *const argv[] = {places.program, places.report, option, "first=orphan",
                                "child=exit"};
    memcpy(f->server, argv, sizeof(argv));
    begin(f, "echo the child does not get that far");
    int fd = at_gate();
    let_two_end_unseen(f, fd);
    link_wait(f->link, f->id, &what);
    assert_int_equal(what.how, WIRE_EXITED);
    assert_int_equal(what.code, 7);
    assert_true(is_forked(&what));
    outcome_free(&what);
}

/* ---------------------------------------------------------------------------------- who can get at it */

/* With an agent of its own. */
static void expect_program(const char *path, bool forked)
{
    struct fixture *f;
    assert_int_equal(setup((void **)&f), 0);
    use_server(f, NULL, NULL);
    f->server[0] = path;
    expect_word(f, forked);
    assert_starts(forked);
    assert_int_equal(teardown((void **)&f), 0);
}

static void test_program_that_a_payload_can_change(void **state)
{
    (void)state;
    char paths[6][128];
    snprintf(paths[0], sizeof(paths[0]), "%s/program", places.work);        /* its own folder */
    snprintf(paths[1], sizeof(paths[1]), "%s/open/program", places.base);   /* anybody's folder */
    snprintf(paths[2], sizeof(paths[2]), "%s/shared-program", places.base); /* its group's file */
    snprintf(paths[3], sizeof(paths[3]), "%s/link", places.base); /* to one that is not safe */
    snprintf(paths[4], sizeof(paths[4]), "%s/link", places.work); /* to one that is safe */
    snprintf(paths[5], sizeof(paths[5]), "%s/safe-link", places.base);
    char open_folder[128];
    snprintf(open_folder, sizeof(open_folder), "%s/open", places.base);
    assert_int_equal(mkdir(open_folder, 0755), 0);
    assert_int_equal(chmod(open_folder, 01777), 0);
    write_program(paths[0], 0755);
    write_program(paths[1], 0755);
    write_program(paths[2], 0775);
    assert_int_equal(symlink(paths[1], paths[3]), 0);
    assert_int_equal(symlink(places.program, paths[4]), 0);
    assert_int_equal(symlink(places.program, paths[5]), 0);
    for (int i = 0; i < 6; i++)
        expect_program(paths[i], i == 5);
    for (int i = 0; i < 6; i++)
        unlink(paths[i]);
    rmdir(open_folder);
    expect_program("/no/such/program", false);
    expect_program("relative/program", false);
}

static void test_what_a_server_has(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"true", NULL};
    const char *const server_env[] = {"BASE", "CONFIG*", "PAT", "OW*", "SET=by the server", NULL};
    const char *const env[] = {"OWN=x", "BASE=payload", NULL};
    struct outcome what;
    char lines[4096] = "";
    use_server(f, NULL, NULL);
    struct spawn_args args = command_args(f, argv);
    args.env = env;
    args.server_env = server_env;
    link_spawn(f->link, ++f->id, &args);
    link_wait(f->link, f->id, &what);
    assert_true(is_forked(&what));
    outcome_free(&what);
    FILE *file = fopen(places.starts, "re");
    assert_non_null(file);
    assert_true(fread(lines, 1, sizeof(lines) - 1, file) > 0);
    fclose(file);
    assert_string_equal(lines, "server\n"
                               "env BASE=agent\n"
                               "env CONFIGURED=yes\n"
                               "env SET=by the server\n"
                               "Uid:\t0\t0\t0\t0\n"
                               "CapInh:\t00000000000000c0\n"
                               "CapPrm:\t00000000000000c0\n"
                               "CapEff:\t00000000000000c0\n"
                               "CapBnd:\t0000000000000000\n"
                               "CapAmb:\t0000000000000000\n"
                               "NoNewPrivs:\t1\n"
                               "Seccomp:\t2\n"
                               "descriptor 0\n"
                               "descriptor 1\n"
                               "descriptor 2\n"
                               "descriptor 3\n"
                               "folder /\n"
                               "session\n");
}

static void test_payloads_cannot_get_at_it(void **state)
{
    static const char attack[] =
        "import ctypes, os, signal\n"
        "libc = ctypes.CDLL(None)\n"
        "servers = 0\n"
        "def of(pid):\n" /* state and parent */
        "    try: return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[:2]\n"
        "    except OSError: return 'Z', '0'\n"
        "for pid in (int(p) for p in os.listdir('/proc') if p.isdigit() and p != '1'):\n"
        "    try:\n"
        "        name = open(f'/proc/{pid}/comm').read()\n"
        "    except OSError: continue\n"
        "    if not name.startswith('server'): continue\n"
        "    servers += of(pid)[1] == '1'\n" /* and not what it forks on the way to its children */
        "    for number in 9, 19, 15, 0:\n"
        "        try: os.kill(pid, number); print('BREACH: signal', number)\n"
        "        except PermissionError: pass\n"
        "    for request in 16, 0x4206:\n"
        "        if libc.ptrace(request, pid, 0, 0) == 0: print('BREACH: traced')\n"
        "    for entry in 'mem', 'environ', 'maps', 'exe', 'fd/3', 'cwd':\n"
        "        try: os.open(f'/proc/{pid}/{entry}', 0)\n"
        "        except OSError: continue\n"
        "        if of(pid)[0] != 'Z': print('BREACH:', entry)\n" /* which has nothing left */
        "try: os.kill(-1, 9)\n"
        "except OSError: pass\n"
        "print(servers, 'server')\n";
    const char *const argv[] = {PYTHON, "-c", attack, NULL};
    struct fixture *f = *state;
    use_server(f, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        struct spawn_args args = command_args(f, argv);
        struct outcome what;
        link_spawn(f->link, ++f->id, &args);
        link_wait(f->link, f->id, &what);
        assert_out(what, "1 server\n");
        assert_true(is_forked(&what));
        outcome_free(&what);
    }
    expect_word(f, true);
    assert_starts(1);
}

static void test_end_of_stream(void **state)
{
    struct fixture *f;
    char name[128];
    (void)state;
    assert_int_equal(setup((void **)&f), 0);
    snprintf(name, sizeof(name), "^%s", places.program);
    use_server(f, NULL, NULL);
    expect_word(f, true);
    assert_true(processes_named(name) > 0);
    assert_int_equal(teardown((void **)&f), 0);
    assert_int_equal(processes_named(name), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_never_ready),
        WITH_AGENT(test_dies_with_requests),
        WITH_AGENT(test_dies_without_an_answer),
        WITH_AGENT(test_killed),
        WITH_AGENT(test_never_answers),
        cmocka_unit_test(test_wrong_answers),
        WITH_AGENT(test_dies_with_answers_under_way),
        WITH_AGENT(test_child_ends_before_the_answer_is_read),
        cmocka_unit_test(test_program_that_a_payload_can_change),
        WITH_AGENT(test_what_a_server_has),
        WITH_AGENT(test_payloads_cannot_get_at_it),
        cmocka_unit_test(test_end_of_stream),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
