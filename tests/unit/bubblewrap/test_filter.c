/*
 * test_filter.c - the table of system calls, and what the filter made of it answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter.h"
#include "filter_table.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int is_in(const char *name, const char *const *list, size_t count)
{
    int found = 0;

    for (size_t i = 0; i < count; i++) {
        found += strcmp(list[i], name) == 0;
    }
    return found;
}

static void test_each_call_is_in_one_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (is_in(allowed[i], allowed, COUNT(allowed)) != 1 ||
            is_in(allowed[i], denied, COUNT(denied)) != 0) {
            fail_msg("%s stands there twice", allowed[i]);
        }
    }
    for (size_t i = 0; i < COUNT(denied); i++) {
        assert_int_equal(is_in(denied[i], denied, COUNT(denied)), 1);
    }
}

static void test_what_needs_a_look_is_in_none(void **state)
{
    static const char *const looked_at[] = {"clone", "clone3", "socket", "personality"};

    (void)state;
    for (size_t i = 0; i < COUNT(looked_at); i++) {
        assert_int_equal(is_in(looked_at[i], allowed, COUNT(allowed)), 0);
        assert_int_equal(is_in(looked_at[i], denied, COUNT(denied)), 0);
    }
}

/* The errno that a call answers under the filter; 0: it was let through, however it ended. */
static int answer(long number, long a, long b)
{
    struct sock_fprog program = {.len = COUNT(bubblewrap_filter),
                                 .filter = (struct sock_filter *)bubblewrap_filter};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        long r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            _exit(255);
        }
        r = syscall(number, a, b, 0, 0, 0);
        if (r == 0 && number == SYS_clone) {
            _exit(0);
        }
        _exit(r < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(answer(SYS_getpid, 0, 0), 0);
    assert_int_equal(answer(SYS_clone, 17 /* SIGCHLD */, 0), 0);
    assert_int_equal(answer(SYS_clone, 17 | CLONE_NEWUSER, 0), EPERM);
    assert_int_equal(answer(SYS_clone, 17 | CLONE_NEWNET | CLONE_NEWNS, 0), EPERM);
    assert_int_equal(answer(435 /* clone3 */, 0, 0), ENOSYS);
    assert_int_equal(answer(SYS_unshare, 0, 0), EPERM);
    assert_int_equal(answer(SYS_mount, 0, 0), EPERM);
    assert_int_equal(answer(SYS_bpf, 0, 0), EPERM);
    assert_int_equal(answer(425 /* io_uring_setup */, 0, 0), EPERM);
    assert_int_equal(answer(9999, 0, 0), ENOSYS);
    assert_int_equal(answer(SYS_socket, AF_UNIX, SOCK_STREAM), 0);
    assert_int_equal(answer(SYS_socket, AF_INET6, SOCK_STREAM), 0);
    assert_int_equal(answer(SYS_socket, AF_PACKET, SOCK_RAW), EPERM);
    assert_int_equal(answer(SYS_socket, 40 /* AF_VSOCK */, SOCK_STREAM), EPERM);
    assert_int_equal(answer(SYS_socket, 1000, SOCK_STREAM), EPERM);
    assert_int_equal(answer(SYS_personality, ADDR_NO_RANDOMIZE, 0), 0);
    assert_int_equal(answer(SYS_personality, READ_IMPLIES_EXEC, 0), ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_is_in_one_list),
        cmocka_unit_test(test_what_needs_a_look_is_in_none),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
