/*
 * execution.c - what a program finds when it is started, and how its end is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"

#include <stdlib.h>
#include <string.h>

static struct enclave_result *run_array(struct test *t, const struct box *box, const char *array)
{
    return run_tool(t, box, "shell_executor", test_text(t, "{\"command\": %s}", array), NULL);
}

static void exit_codes(struct test *t)
{
    static const int codes[] = {0, 1, 2, 42, 124, 126, 127, 128, 130, 137, 143, 255};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct enclave_result *result =
            run_shell(t, box_shared(t), test_text(t, "exit %d", codes[i]));
        expect_exit(t, result, codes[i]);
        expect_int(t, result->signal, 0);
    }
}

static void died_of_signal(struct test *t)
{
    static const int signals[] = {1, 6, 9, 10, 11, 15};

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct enclave_result *result =
            run_shell(t, box_shared(t), test_text(t, "kill -%d $$", signals[i]));
        expect_cause(t, result, ENCLAVE_CAUSE_SIGNALED);
        expect_int(t, result->signal, signals[i]);
        expect_int(t, result->exit_code, -1);
        expect_int(t, result->status, ENCLAVE_RESULT_ERROR);
    }
}

static void array(struct test *t)
{
    struct enclave_result *result =
        run_array(t, box_shared(t),
                  "[\"printf\", \"<%s>\", \"a b\", \"\", \"$HOME\", \"*\","
                  " \"'\\\"\\\\\", \"two\\nlines\", \"\xc3\xa4\"]");

    expect_exit(t, result, 0);
    expect_text(t, result->output, "<a b><><$HOME><*><'\"\\><two\nlines><\xc3\xa4>");
}

static void string(struct test *t)
{
    expect_shell(t, box_shared(t), "a=3; echo \"$((a + 4))\" | tr 7 x; echo \"<$HOME>\"",
                 "x\n</sandbox>\n");
}

static void long_argument(struct test *t)
{
    size_t length = 120 * 1024; /* Linux takes 128 KiB for one */
    char *word = test_alloc(t, length + 1);

    memset(word, 'x', length);
    struct enclave_result *result = run_array(
        t, box_shared(t), test_text(t, "[\"sh\", \"-c\", \"echo ${#1}\", \"sh\", \"%s\"]", word));
    expect_exit(t, result, 0);
    expect_text(t, result->output, "122880\n");
}

static void long_script(struct test *t)
{
    size_t length = 3 << 20;
    char *code = test_alloc(t, length + 64);

    memset(code, '#', length);
    (void)snprintf(code + length, 64, "\necho reached\n");
    expect_shell(t, box_shared(t), code, "reached\n");
}

static void working_dir(struct test *t)
{
    struct box *box = box_new(t, "{'working_dir': '/work/deep/down'}");

    expect_shell(t, box_shared(t), "pwd; pwd -P", "/sandbox\n/sandbox\n");
    expect_shell(t, box, "pwd -P; echo $HOME; echo x >file && cat /work/deep/down/file",
                 "/work/deep/down\n/work/deep/down\nx\n");
    expect_python(t, box, "import os; print(os.getcwd())", "/work/deep/down\n");
}

static void environment(struct test *t)
{
    struct box *box = box_new(t, "{'env_vars': {'GREETING': 'h\xc3\xa4 llo=$HOME <2>', 'EMPTY': '',"
                                 " 'CONFORMANCE_PATH': '/x'}}");

    expect_shell(t, box, "printf '%s|' \"$GREETING\" \"${EMPTY-unset}\" \"$CONFORMANCE_PATH\"",
                 "h\xc3\xa4 llo=$HOME <2>||/x|");
    expect_shell(t, box, "test -n \"$PATH\" && command -v sh >/dev/null && echo found", "found\n");
}

/* The configuration wins over HOME = working_dir, which wins over the image. */
static void environment_order(struct test *t)
{
    struct box *box =
        box_new(t, "{'env_vars': {'HOME': '/tmp', 'PATH': '/usr/local/bin:/usr/bin:/bin:/extra'}}");

    expect_shell(t, box, "echo $HOME; echo $PATH", "/tmp\n/usr/local/bin:/usr/bin:/bin:/extra\n");
    expect_shell(t, box, "env | cut -d= -f1 | sort | uniq -d", ""); /* none twice */
}

static void environment_of_host(struct test *t)
{
    expect_shell(t, box_shared(t), "echo \"${CONFORMANCE_HOST_SECRET-unset}\"", "unset\n");
    expect_shell(
        t, box_shared(t),
        "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c ^CONFORMANCE_HOST;"
        " true",
        "0\n");
}

static void missing_program(struct test *t)
{
    struct enclave_result *result = run_array(t, box_shared(t), "[\"no-such-program\", \"x\"]");

    expect_exit(t, result, 127);
    expect_part(t, result->error, "no-such-program");
    expect_exit(t, run_array(t, box_shared(t), "[\"/no/such/program\"]"), 127);
    expect_exit(t, run_shell(t, box_shared(t), "no-such-program"), 127);
}

static void not_executable(struct test *t)
{
    struct box *box = box_shared(t);

    expect_shell(t, box, "echo 'echo no' >/tmp/not-executable && chmod 644 /tmp/not-executable",
                 "");
    struct enclave_result *result = run_array(t, box, "[\"/tmp/not-executable\"]");
    expect_exit(t, result, 126);
    expect_part(t, result->error, "/tmp/not-executable");
    expect_exit(t, run_array(t, box, "[\"/tmp\"]"), 126);
}

static void no_output(struct test *t)
{
    struct enclave_result *result = run_shell(t, box_shared(t), "true");

    expect_exit(t, result, 0);
    expect_text(t, result->output, "");
    expect_int(t, result->output_length, 0);
    expect(t, result->error == NULL);
    expect_int(t, result->stdout_bytes, 0);
    expect_int(t, result->stderr_bytes, 0);
    expect_int(t, result->truncated, 0);
}

static void not_utf8(struct test *t)
{
    struct enclave_result *result =
        run_shell(t, box_shared(t), "printf 'a\\377b'; printf '\\376' >&2");

    expect_exit(t, result, 0);
    expect_text(t, result->output,
                "a\xef\xbf\xbd"
                "b");
    expect_text(t, metadata_text(t, result, "output_base64"), "Yf9i");
    expect_text(t, metadata_text(t, result, "error_base64"), "/g==");
    result = run_shell(t, box_shared(t), "echo \xc3\xa4");
    expect_text(t, metadata_text(t, result, "output_base64"), "");
}

static void nul_bytes(struct test *t)
{
    struct enclave_result *result = run_shell(t, box_shared(t), "printf 'a\\000b\\000'");

    expect_exit(t, result, 0);
    expect_int(t, result->output_length, 4);
    expect(t, memcmp(result->output, "a\0b\0", 5) == 0);
}

static void fresh_process(struct test *t)
{
    struct box *box = box_shared(t);

    expect_shell(t, box, "export LEFT=1; cd /; umask 0777; ulimit -c", "0\n");
    expect_shell(t, box, "echo ${LEFT-unset}; pwd; umask", "unset\n/sandbox\n0022\n");
    expect_shell(t, box, "ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 "); /* 3: what ls reads */
    expect_shell(t, box, "cat /proc/self/status | grep -E '^Sig(Blk|Ign)' | tr -d ' \\t0'",
                 "SigBlk:\nSigIgn:\n");
}

static void files_stay(struct test *t)
{
    expect_shell(t, box_shared(t), "echo kept >kept-file", "");
    expect_shell(t, box_shared(t), "cat kept-file; rm kept-file", "kept\n");
}

static void execution_id(struct test *t)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.execution_id = "mine-1";
    struct enclave_result *result =
        run_tool(t, box_shared(t), "shell_executor", "{\"command\": \"true\"}", &options);
    expect_text(t, result->execution_id, "mine-1");
    expect_text(t, result->tool_name, "shell_executor");
    result = run_shell(t, box_shared(t), "true");
    expect(t, *result->execution_id && strcmp(result->execution_id, "mine-1") != 0);
}

static void usage(struct test *t)
{
    struct enclave_result *result =
        run_python(t, box_shared(t),
                   "import time\nx = b'x' * (64 << 20)\nend = time.process_time() + 0.2\n"
                   "while time.process_time() < end: pass\n");

    expect_exit(t, result, 0);
    expect(t, result->cpu_us >= 200000 && result->cpu_us < 30000000);
    expect(t, result->wall_us >= 200000);
    expect(t, result->peak_memory > (UINT64_C(64) << 20));
    expect(t, result->peak_memory < (UINT64_C(512) << 20));
}

static const struct tap_case cases[] = {
    {"exit_codes", "each exit code is told as it is, those that look like signals too", exit_codes},
    {"died_of_signal", "a program that a signal ended has cause signaled", died_of_signal},
    {"array", "an array reaches the program as it is, without a shell", array},
    {"string", "a string is the shell's", string},
    {"long_argument", "an argument may be as long as Linux allows", long_argument},
    {"long_script", "a script may be longer than an argument", long_script},
    {"working_dir", "programs start in working_dir, which is made and is HOME", working_dir},
    {"environment", "env_vars arrive as they are, PATH is there", environment},
    {"environment_order", "env_vars win over what the sandbox sets, and no name is there twice",
     environment_order},
    {"environment_of_host", "nothing of the host's environment is to be seen", environment_of_host},
    {"missing_program", "a program that is not there: exit code 127, and its name",
     missing_program},
    {"not_executable", "a program that may not be executed: exit code 126, and its name",
     not_executable},
    {"no_output", "no output: empty text, no error, zero bytes", no_output},
    {"not_utf8", "bytes that are not UTF-8 show as U+FFFD and are kept in base64", not_utf8},
    {"nul_bytes", "NUL bytes are output like others", nul_bytes},
    {"fresh_process",
     "an execution inherits nothing from the one before, nor descriptors or signals",
     fresh_process},
    {"files_stay", "files stay from one execution to the next", files_stay},
    {"execution_id", "an execution has the id that was given, or one of its own", execution_id},
    {"usage", "CPU time, wall time and peak memory are measured", usage},
};
TAP_GROUP(execution, cases);
