/*
 * attacks.c - what a payload may try because of whom bubblewrap runs it as: the agent's own user, where
 * an ordinary user has no other, or root of its namespace, where that was asked for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tagged.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct enclave_manager *shared;
static char box[ENCLAVE_ID_SIZE];

static int open_shared(void **state)
{
    (void)state;
    shared = tagged_manager(NULL);
    make_sandbox(shared, "", box);
    return 0;
}

static int close_shared(void **state)
{
    (void)state;
    enclave_manager_free(shared);
    return tagged_processes("") == 0 ? 0 : -1;
}

static void expect_python(const char *id, const char *code, const char *output)
{
    struct enclave_result *result = run_python(shared, id, code);

    if (strcmp(result->output, output) != 0) {
        fail_msg("'%s' instead of '%s': %s", result->output, output,
                 result->error ? result->error : "");
    }
    enclave_result_free(result);
}

/* -------------------------------------------------------------------------------- its scheduling */

/* Idle, at nice 19, on one processor that others keep busy: so the agent would be late for each end. What
 * processes do with themselves, and with each other, stays theirs. */
static void test_pid_one_is_scheduled_as_it_was(void **state)
{
    (void)state;
    expect_python(box,
                  "import os, signal\n"
                  "idle = os.sched_param(0)\n"
                  "cpu = {min(os.sched_getaffinity(0))}\n"
                  "def look(pid):\n"
                  "    return (os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid),\n"
                  "            os.sched_getaffinity(pid))\n"
                  "def attack(pid, group):\n"
                  "    for call in ((os.sched_setscheduler, pid, os.SCHED_IDLE, idle),\n"
                  "                 (os.sched_setaffinity, pid, cpu),\n"
                  "                 (os.setpriority, os.PRIO_PROCESS, pid, 19),\n"
                  "                 (os.setpriority, os.PRIO_PGRP, group, 19),\n"
                  "                 (os.setpriority, os.PRIO_USER, os.getuid(), 19)):\n"
                  "        try: call[0](*call[1:])\n"
                  "        except OSError: pass\n"
                  "before = look(1)\n"
                  "attack(1, 1)\n"
                  "print(look(1) == before)\n"
                  "child = os.fork()\n"
                  "if child == 0: signal.pause()\n"
                  "attack(child, 0)\n"
                  "print(look(child) == (os.SCHED_IDLE, 19, cpu))\n"
                  "os.kill(child, 9)\n",
                  "True\nTrue\n");
}

/* ------------------------------------------------------------------------------ its subreaper */

/* It has the payload's uid where the agent has. Without it the end is told as it is all the same, and in time. */
static void test_killing_a_parent_changes_no_end(void **state)
{
    struct enclave_result *result =
        run_shell(shared, box, "kill -9 $PPID 2>/dev/null; sleep 0.3; echo on; exit 3");

    (void)state;
    assert_string_equal(result->output, "on\n");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, 3);
    enclave_result_free(result);
    result = run_python_for(shared, box,
                            "import os, subprocess, time\n"
                            "try: os.kill(os.getppid(), 9)\n"
                            "except OSError: pass\n"
                            "print('there', flush=True)\n"
                            "subprocess.run(['sleep', '3333'])\n",
                            1000);
    assert_string_equal(result->output, "there\n");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    expect_shell(shared, box,
                 "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 333[3]'; echo on",
                 "0\non\n");
}

/* ------------------------------------------------------------------------------- root inside */

static void test_root_inside_gets_nothing_by_it(void **state)
{
    char id[ENCLAVE_ID_SIZE];

    (void)state;
    make_sandbox(shared, "\"user\": \"0:0\"", id);
    expect_shell(
        shared, id,
        "id -u; ls -d /run/.enclave 2>/dev/null;"
        " for f in sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger"
        " sys/net/ipv4/ip_forward sys/kernel/hostname 1/oom_score_adj;"
        " do (echo 1 >/proc/$f) 2>/dev/null && echo $f; done;"
        " for d in / /usr /etc /dev /run /sys /proc /var;"
        " do (: >$d/it) 2>/dev/null && echo $d; done;"
        " chown 1 /tmp 2>/dev/null && echo chown; mount -t tmpfs none /mnt 2>/dev/null && echo"
        " mount;"
        " head -c 1 /proc/1/environ 2>/dev/null; kill -9 1; kill -STOP 1;"
        " grep -E '^(CapPrm|CapBnd)' /proc/self/status",
        "0\nCapPrm:\t0000000000000000\nCapBnd:\t0000000000000000\n");
    delete_sandbox(shared, id);
}

/* ------------------------------------------------------------------------- descriptors under way */

/* The kernel counts what a user sends over Unix sockets and nobody has taken, up to the sender's limit of
 * open files. As root payloads are somebody else; an ordinary user's are himself. */
static void test_descriptors_under_way_are_told(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char hoarder[ENCLAVE_ID_SIZE];
    char next[ENCLAVE_ID_SIZE];
    struct rlimit before;
    struct rlimit usual;
    int32_t r;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    usual = before;
    usual.rlim_cur = 1024; /* the payload's, too */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    make_sandbox(shared, "", hoarder);
    expect_python(
        hoarder,
        "import array, os, socket, time\n"
        "fds = array.array('i', [0] * 250).tobytes()\n"
        "held = []\n"
        "try:\n"
        "    for _ in range(100):\n"
        "        held.append(socket.socketpair())\n"
        "        held[-1][0].sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])\n"
        "except OSError as e: print(os.strerror(e.errno))\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "if os.fork() == 0:\n"
        "    for fd in (0, 1, 2): os.dup2(null, fd)\n"
        "    time.sleep(60)\n"
        "os._exit(0)\n",
        "Too many references: cannot splice\n");
    r = enclave_manager_create_sandbox(shared, NULL, "{}", NULL, next, &err);
    if (geteuid() == 0) {
        assert_int_equal(r, 0);
    } else {
        expect_error(r, ENCLAVE_EBUSY, &err, "ulimit -n");
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_shell(shared, box, "echo on", "on\n");
    delete_sandbox(shared, hoarder);
    make_sandbox(shared, "", next);
    delete_sandbox(shared, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pid_one_is_scheduled_as_it_was),
        cmocka_unit_test(test_killing_a_parent_changes_no_end),
        cmocka_unit_test(test_root_inside_gets_nothing_by_it),
        cmocka_unit_test(test_descriptors_under_way_are_told),
    };
    int skip = tagged_setup();
    int failed = skip ? skip : cmocka_run_group_tests(tests, open_shared, close_shared);

    if (!skip) {
        tagged_clear();
    }
    return failed;
}
