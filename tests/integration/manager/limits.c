/*
 * limits.c - time, memory and processes: what ends, how truthfully it is told, and that the sandbox
 * goes on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Processes in the sandbox whose command line holds a word; 0 when none is left. */
static int64_t processes_with(struct enclave_manager *manager, const char *id, const char *word)
{
    char code[512];
    struct enclave_result *result;
    int64_t count;

    /* The word is put together there, so that this script does not find itself. */
    (void)snprintf(code, sizeof code,
                   "import os\n"
                   "n = 0\n"
                   "for p in os.listdir('/proc'):\n"
                   "    try:\n"
                   "        n += p.isdigit() and b'%.2s' + b'%s' in open(f'/proc/{p}/cmdline', "
                   "'rb').read()\n"
                   "    except OSError: pass\n"
                   "print(n)\n",
                   word, word + 2);
    result = run_python(manager, id, code);
    assert_string_equal(result->error ? result->error : "", "");
    count = strtol(result->output, NULL, 10);
    enclave_result_free(result);
    return count;
}

static void test_a_loop_ends_at_its_time(void **state)
{
    struct fixture *f = *state;
    char *params = params_for("code", "print('begun')\nwhile True: pass", 1);
    int64_t start = now_ms(), took;
    struct enclave_result *result = run_tool(f->manager, f->id, "python_executor", params);

    took = now_ms() - start;
    printf("timeout of 1 s: %lld ms\n", (long long)took);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_int_equal(result->status, ENCLAVE_RESULT_TIMEOUT);
    assert_int_equal(result->exit_code, -1);
    assert_string_equal(result->output, "begun\n");
    assert_non_null(strstr(result->error, "timed out after 1 seconds"));
    assert_true(took >= 1000);
    assert_true(took < 3000 || test_is_sanitized());
    enclave_result_free(result);
    free(params);
    expect_alive(f->manager, f->id);
}

static void test_a_timeout_ends_all_that_was_started(void **state)
{
    static const char code[] =
        "import os, signal, subprocess, sys, time\n"
        "loop = 'import signal, time\\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\\n'\\\n"
        "       'while True: time.sleep(1)'\n"
        "subprocess.Popen([sys.executable, '-c', loop, 'xqsetsid'], start_new_session=True)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        null = os.open('/dev/null', os.O_RDWR)\n"
        "        for fd in 0, 1, 2: os.dup2(null, fd)\n"
        "        os.execv(sys.executable, [sys.executable, '-c', loop, 'xqdouble'])\n"
        "    os._exit(0)\n"
        "time.sleep(0.5)\n"
        "n = 0\n"
        "for p in os.listdir('/proc'):\n"
        "    try:\n"
        "        n += p.isdigit() and b'x' + b'q' in open(f'/proc/{p}/cmdline', 'rb').read()\n"
        "    except OSError: pass\n"
        "print(n)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True: time.sleep(1)\n";
    struct fixture *f = *state;
    struct enclave_result *result =
        run_python_for(f->manager, f->id, code, test_is_sanitized() ? 5000 : 2500);

    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_string_equal(result->output, "2\n"); /* they were there */
    enclave_result_free(result);
    assert_int_equal(processes_with(f->manager, f->id, "xqsetsid"), 0);
    assert_int_equal(processes_with(f->manager, f->id, "xqdouble"), 0);
    expect_alive(f->manager, f->id);
}

static void test_a_background_process_outlives_its_execution(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result;

    expect_shell(f->manager, f->id, "sleep 77.25 >/dev/null 2>&1 & echo $! >/tmp/pid", "");
    assert_int_equal(processes_with(f->manager, f->id, "77.25"), 1);
    result = run_python_for(f->manager, f->id, "while True: pass", 300);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    assert_int_equal(processes_with(f->manager, f->id, "77.25"), 1); /* another one's timeout */
    expect_shell(f->manager, f->id, "kill $(cat /tmp/pid) && rm /tmp/pid && echo ok", "ok\n");
}

static void test_timeouts_have_an_order(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];
    int32_t r;

    /* The parameter wins over the request. */
    options.timeout_ms = 1;
    r = enclave_manager_execute_tool(f->manager, f->id, "shell_executor",
                                     "{\"command\": \"sleep 0.3; echo done\", \"timeout\": 20}",
                                     &options, &result, &err);
    assert_int_equal(r, 0);
    assert_string_equal(result->output, "done\n");
    enclave_result_free(result);

    /* The tool's over the sandbox's, which is what counts where the tool has none. */
    r = enclave_manager_create_sandbox(
        f->manager, NULL,
        "{\"timeout\": 1, \"tools_config\": {\"shell_executor\": {\"timeout\": 20}, "
        "\"python_executor\": {}}}",
        NULL, id, &err);
    assert_int_equal(r, 0);
    expect_shell(f->manager, id, "sleep 1.2; echo done", "done\n");
    result = run_python(f->manager, id, "import time; time.sleep(60)");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    assert_true(result->wall_us < 20 * INT64_C(1000000));
    enclave_result_free(result);
    delete_sandbox(f->manager, id);
}

static void test_memory_is_limited(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];

    make_sandbox(f->manager, "\"memory_limit\": \"256m\"", id);
    result = run_python(f->manager, id, "print('before', flush=True)\nx = b'x' * (3 << 30)");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_OOM);
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_string_equal(result->output, "before\n");
    assert_true(metadata_number(result, "oom_kills") >= 1);
    enclave_result_free(result);
    expect_alive(f->manager, id);

    /* A child's death is the parent's to judge; it is told all the same. */
    result = run_python(f->manager, id,
                        "import subprocess, sys\n"
                        "r = subprocess.run([sys.executable, '-c', 'x = b\"x\" * (3 << 30)'])\n"
                        "print(r.returncode)\n"
                        "sys.exit(137)");
    assert_string_equal(result->output, "-9\n");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, 137);
    assert_true(metadata_number(result, "oom_kills") >= 1);
    enclave_result_free(result);
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
}

/* After the bomb's time is over the sandbox has its processes back, and a neighbour never lost any. */
static void test_a_fork_bomb_is_ended(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];
    int64_t ended;

    make_sandbox(f->manager, "", id);
    result = run_python_for(f->manager, id,
                            "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
                            1000);
    if (result->cause != ENCLAVE_CAUSE_TIMEOUT) {
        fail_msg("fork bomb: %s after %lld ms: %s", enclave_cause_name(result->cause),
                 (long long)result->wall_us / 1000, result->error ? result->error : "");
    }
    printf("fork bomb with 1 s: result after %lld ms\n", (long long)result->wall_us / 1000);
    enclave_result_free(result);
    ended = now_ms();
    expect_alive(f->manager, id);
    printf("fork bomb: the next call answered after %lld ms\n", (long long)(now_ms() - ended));
    assert_true(now_ms() - ended < 3000 || test_is_sanitized());
    expect_alive(f->manager, f->id);
    delete_sandbox(f->manager, id);
}

static void test_ends_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result = run_shell(f->manager, f->id, "echo out; echo err >&2; exit 3");

    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->status, ENCLAVE_RESULT_ERROR);
    assert_int_equal(result->exit_code, 3);
    assert_string_equal(result->output, "out\n");
    assert_string_equal(result->error, "err\n");
    enclave_result_free(result);

    result = run_shell(f->manager, f->id, "kill -TERM $$");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_SIGNALED);
    assert_int_equal(result->signal, 15);
    assert_int_equal(result->exit_code, -1);
    enclave_result_free(result);

    result = run_shell(f->manager, f->id, "kill -KILL $$"); /* no memory was short */
    assert_int_equal(result->cause, ENCLAVE_CAUSE_SIGNALED);
    assert_int_equal(result->signal, 9);
    enclave_result_free(result);

    result = run_shell(f->manager, f->id, "exit 124"); /* no timeout */
    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, 124);
    assert_non_null(strstr(result->error, "exit code 124"));
    enclave_result_free(result);
}

static void test_usage_is_measured(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result =
        run_python(f->manager, f->id,
                   "import time\nx = b'x' * (100 << 20)\nend = time.process_time() + 0.3\n"
                   "while time.process_time() < end: pass\n");

    assert_int_equal(result->cause, ENCLAVE_CAUSE_EXITED);
    assert_true(result->cpu_us >= 300000 && result->cpu_us < 30000000);
    assert_true(result->wall_us >= 300000);
    assert_true(result->peak_memory > (UINT64_C(100) << 20));
    assert_true(result->peak_memory < (UINT64_C(400) << 20));
    enclave_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loop_ends_at_its_time),
        cmocka_unit_test(test_a_timeout_ends_all_that_was_started),
        cmocka_unit_test(test_a_background_process_outlives_its_execution),
        cmocka_unit_test(test_timeouts_have_an_order),
        cmocka_unit_test(test_memory_is_limited),
        cmocka_unit_test(test_a_fork_bomb_is_ended),
        cmocka_unit_test(test_ends_are_told_apart),
        cmocka_unit_test(test_usage_is_measured),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
