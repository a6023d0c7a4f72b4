/*
 * abuse.c - whatever a script does to the processes around it, its own call ends with the truth, what it
 * started is gone where a limit ended it, and the next call answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void expect_answers(struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        struct enclave_result *result = run_python(f->manager, f->id, "print('answer')");

        if (result->cause != ENCLAVE_CAUSE_EXITED || strcmp(result->output, "answer\n") != 0) {
            fail_msg("%s, exit code %d, signal %d, output '%s', error '%s'",
                     enclave_cause_name(result->cause), result->exit_code, result->signal,
                     result->output, result->error ? result->error : "");
        }
        enclave_result_free(result);
    }
}

/* Processes of payloads that sleep for a time that only these tests use. */
static int count_sleepers(struct fixture *f)
{
    struct enclave_result *result =
        run_shell(f->manager, f->id, "cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^sleeper$'");
    int count = -1;

    (void)sscanf(result->output, "%d", &count);
    enclave_result_free(result);
    return count;
}

/* Names itself `sleeper`, so that what is left can be counted. */
#define SLEEPER                                                                                    \
    "import os, signal, time\n"                                                                    \
    "def sleeper():\n"                                                                             \
    "    open('/proc/self/comm', 'w').write('sleeper')\n"                                          \
    "    for s in 1, 2, 15: signal.signal(s, signal.SIG_IGN)\n"                                    \
    "    os.write(1, b'there\\n')\n"                                                               \
    "    while True: time.sleep(1)\n"

static const char *const getaways[] = {
    SLEEPER "sleeper()",
    SLEEPER "if os.fork() == 0:\n    os.setsid()\n    sleeper()\ntime.sleep(60)",
    SLEEPER
    "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: sleeper()\n    os._exit(0)\n"
    "os.wait()\ntime.sleep(60)",
    SLEEPER "if os.fork() == 0:\n    os.setsid()\n    sleeper()\n", /* holds stdout */
    SLEEPER "for i in range(20):\n    if os.fork() == 0: sleeper()\ntime.sleep(60)",
    SLEEPER
    "import threading\nfor i in range(8): threading.Thread(target=time.sleep, args=(60,)).start()\n"
    "sleeper()",
    SLEEPER "if os.fork() == 0: sleeper()\nos.kill(os.getpid(), signal.SIGSTOP)",
};

/* Ended by its timeout, and not before it was there, for which a busy machine may need longer. */
static void time_out(struct fixture *f, const char *code)
{
    int there = 0;

    for (int64_t limit_ms = 700; !there; limit_ms *= 2) {
        struct enclave_result *result = run_python_for(f->manager, f->id, code, limit_ms);

        assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
        there = strstr(result->output, "there\n") != NULL;
        enclave_result_free(result);
        assert_true(there || limit_ms < 60000);
    }
}

static void test_a_timeout_ends_everything(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof getaways / sizeof *getaways; i++) {
        time_out(f, getaways[i]);
        assert_int_equal(count_sleepers(f), 0);
        expect_answers(f);
    }
}

static int32_t cancel_at_output(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    (void)stream;
    (void)data;
    (void)length;
    enclave_cancel_trigger(ctx);
    return 0;
}

static void test_cancel_ends_everything(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof getaways / sizeof *getaways; i++) {
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_result *result;

        assert_int_equal(enclave_cancel_new(&options.cancel, &err), 0);
        options.output = cancel_at_output;
        options.output_ctx = options.cancel;
        result = try_python(f->manager, f->id, getaways[i], &options, &err);
        if (!result) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(result->cause, ENCLAVE_CAUSE_CANCELLED);
        enclave_result_free(result);
        enclave_cancel_free(options.cancel);
        assert_int_equal(count_sleepers(f), 0);
        expect_answers(f);
    }
}

static void test_a_flood_of_output(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_python(f->manager, f->id,
                   "import os\nfor i in range(300):\n    n = 0\n    while n < 100000:\n"
                   "        n += os.write(1 + i % 2, b'x' * (100000 - n))\nprint('end')");

    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->stdout_bytes, 15000004);
    assert_int_equal(result->stderr_bytes, 15000000);
    enclave_result_free(result);
    result = run_python_for(f->manager, f->id, "while True: print('x' * 1000)", 500);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    expect_answers(f);
}

/* Sends a signal to everything that it can name, its parent first, and goes on. */
static void test_signals_to_everything(void **state)
{
    static const char *const signals[] = {"SIGKILL", "SIGTERM", "SIGSTOP", "SIGINT",  "SIGHUP",
                                          "SIGUSR1", "SIGSEGV", "SIGABRT", "SIGTSTP", "SIGCHLD"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2 * sizeof signals / sizeof *signals; i++) {
        char code[1024];
        struct enclave_result *result;

        (void)snprintf(
            code, sizeof code,
            "import os, signal\nme = os.getpid()\nnumber = signal.%s\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [number])\n"
            "def send(f, n):\n    try: f(n, number)\n    except OSError: pass\n"
            "pids = [os.getppid()] + [int(p) for p in os.listdir('/proc') if p.isdigit()]\n"
            "for pid in pids:\n    if pid != me: send(os.kill, pid)\n"
            "for pid in range(1, 3000):\n    if pid != me: send(os.kill, pid); send(os.killpg, "
            "pid)\n"
            "send(os.kill, -1)\nprint('sent')\n",
            signals[i / 2]);
        result = run_python(f->manager, f->id, code);
        assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
        assert_string_equal(result->output, "sent\n");
        enclave_result_free(result);
        expect_answers(f);
    }
}

static void test_bombs(void **state)
{
    static const struct {
        const char *code;
        uint32_t cause; /* 0: more than one is true */
    } bombs[] = {
        {"import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n",
         ENCLAVE_CAUSE_TIMEOUT},
        {"import threading, time\nwhile True:\n    try:\n"
         "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
         "    except RuntimeError: pass\n",
         ENCLAVE_CAUSE_TIMEOUT},
        {"held = []\nwhile True: held.append(b'x' * (16 << 20))\n", 0},
        {"import os\nheld = [os.open('/', 0) for i in range(100000)]\n", ENCLAVE_CAUSE_EXITED},
        {"import sys\nsys.setrecursionlimit(10**9)\ndef f(): [f() for x in [1]]\n"
         "import threading\nf()\n",
         0},
        {"import ctypes\nctypes.string_at(0)\n", ENCLAVE_CAUSE_SIGNALED},
        {"import os\nos.abort()\n", ENCLAVE_CAUSE_SIGNALED},
        {"import os, sys\nwhile os.fork() == 0: os.setsid()\n", 0},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct enclave_result *result = run_python_for(f->manager, f->id, bombs[i].code, 1500);

        if ((bombs[i].cause != 0 && result->cause != bombs[i].cause) ||
            result->cause == ENCLAVE_CAUSE_BACKEND_LOST) {
            fail_msg("bomb %zu: %s, exit code %d: %s", i, enclave_cause_name(result->cause),
                     result->exit_code, result->error ? result->error : "");
        }
        enclave_result_free(result);
        expect_answers(f);
    }
}

/* What forks the calls is no more open to them than PID 1. */
static void test_the_parent_cannot_be_reached(void **state)
{
    static const char code[] =
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "for pid in (int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) != "
        "os.getpid()):\n"
        "    for name, flags in ('mem', os.O_RDWR), ('environ', 0), ('maps', 0), ('exe', 0), "
        "('cwd', 0):\n"
        "        try: print('BREACH', name, os.open(f'/proc/{pid}/{name}', flags))\n"
        "        except OSError: pass\n"
        "    try: print('BREACH', os.listdir(f'/proc/{pid}/fd'))\n"
        "    except OSError: pass\n"
        "    for request in 16, 0x4206:\n"
        "        if libc.ptrace(request, pid, 0, 0) == 0: print('BREACH: traced', pid)\n"
        "    buf = ctypes.create_string_buffer(8)\n"
        "    iov = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)\n"
        "    if libc.process_vm_readv(pid, iov, 1, iov, 1, 0) > 0: print('BREACH: read', pid)\n"
        "print('done')\n";
    struct fixture *f = *state;
    struct enclave_result *result;

    expect_answers(f); /* whatever is to be there between calls is there now */
    result = run_python(f->manager, f->id, code);
    assert_string_equal(result->output, "done\n");
    enclave_result_free(result);
    expect_answers(f);
}

/* Ended from without, over and over, what serves the calls is there for the next one. */
static void test_killed_between_calls(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < test_count(200, 20); i++) {
        enclave_result_free(run_shell(f->manager, f->id, i % 2 ? "kill -9 -1" : "kill -STOP -1"));
        expect_answers(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timeout_ends_everything),
        cmocka_unit_test(test_cancel_ends_everything),
        cmocka_unit_test(test_a_flood_of_output),
        cmocka_unit_test(test_signals_to_everything),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_the_parent_cannot_be_reached),
        cmocka_unit_test(test_killed_between_calls),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
