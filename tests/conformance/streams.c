/*
 * streams.c - stdout and stderr on their way out: all of it, in order, held back, cut where it is to be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "job.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

enum { TURN = 251, PIECE = 16 * TURN };

/* Counts what comes, and whether it is the bytes 0 to 250 in turn. */
struct counter {
    unsigned char pattern[PIECE + TURN];
    uint64_t bytes[3];
    uint64_t wrong; /* pieces */
    int32_t answer; /* of the callback */
};

static struct counter *counter_new(struct test *t)
{
    struct counter *counter = test_alloc(t, sizeof *counter);

    for (size_t i = 0; i < sizeof counter->pattern; i++) {
        counter->pattern[i] = (unsigned char)(i % TURN);
    }
    return counter;
}

static int32_t count(void *ctx, uint32_t stream, const void *data, uint64_t length)
{
    struct counter *counter = ctx;
    const char *bytes = data;

    while (length > 0) {
        uint64_t n = length < PIECE ? length : PIECE;
        counter->wrong += memcmp(bytes, counter->pattern + counter->bytes[stream] % TURN, n) != 0;
        counter->bytes[stream] += n;
        bytes += n;
        length -= n;
    }
    return counter->answer;
}

static struct enclave_result *run_counted(struct test *t, const struct box *box, const char *code,
                                          struct counter *counter)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;

    options.output = count;
    options.output_ctx = counter;
    return run_tool(t, box, "python_executor", params_of(t, "code", code), &options);
}

static void separated(struct test *t)
{
    struct enclave_result *result =
        run_shell(t, box_shared(t), "echo one; echo bad >&2; echo two; echo worse >&2");

    expect_exit(t, result, 0);
    expect_text(t, result->output, "one\ntwo\n");
    expect_text(t, result->error, "bad\nworse\n");
    expect_int(t, result->stdout_bytes, 8);
    expect_int(t, result->stderr_bytes, 10);
}

static void all_in_order(struct test *t)
{
    struct counter *counter = counter_new(t);
    struct enclave_result *result =
        run_counted(t, box_shared(t),
                    "import os\nx = bytes(range(251)) * 2674\nfor i in range(100):\n    n = 0\n"
                    "    while n < len(x): n += os.write(1, x[n:])\n",
                    counter); /* 64 MiB */

    expect_exit(t, result, 0);
    expect_int(t, counter->wrong, 0);
    expect_int(t, counter->bytes[ENCLAVE_STDOUT], 251 * 2674 * 100);
    expect_int(t, result->stdout_bytes, 251 * 2674 * 100);
    expect_int(t, result->truncated, 1);
    expect_int(t, result->output_length >= MIB - 4, 1); /* the first MiB, as text */
}

static void both_at_once(struct test *t)
{
    struct counter *counter = counter_new(t);
    struct enclave_result *result =
        run_counted(t, box_shared(t),
                    "import os, threading\n"
                    "def write(fd):\n    left = 8 << 20\n" /* a signal makes a write shorter */
                    "    while left: left -= os.write(fd, b'x' * min(left, 65536))\n"
                    "both = [threading.Thread(target=write, args=(fd,)) for fd in (1, 2)]\n"
                    "for one in both: one.start()\n"
                    "for one in both: one.join()\n",
                    counter);

    expect_exit(t, result, 0);
    expect_int(t, counter->bytes[ENCLAVE_STDOUT], 8 * MIB);
    expect_int(t, counter->bytes[ENCLAVE_STDERR], 8 * MIB);
}

static void as_it_is_written(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job =
        job_start(t, box, "echo one; while ! test -e /tmp/go; do sleep 0.02; done; echo two");

    job_wait_output(t, job, "one\n"); /* while the program waits for the file */
    expect_ok(t, enclave_manager_put_file(box->manager, box->id, "/tmp/go", "", 0, 0, &err), &err);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_exit(t, result, 0);
    expect_text(t, result->output, "one\ntwo\n");
    expect_shell(t, box, "rm /tmp/go", "");
}

static void held_back(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job = job_start(t, box, "echo begun; head -c 67108864 /dev/zero; echo end >&2");

    job_hold(job);
    job_wait_output(t, job, "begun");
    expect_alive(t, box); /* another execution in the same sandbox goes on */
    expect_shell(t, box, "head -c 8388608 /dev/zero | wc -c", "8388608\n");
    expect(t, !job_over(job));
    job_go_on(job);
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_exit(t, result, 0);
    expect_int(t, result->stdout_bytes, 64 * MIB + 6);
    expect_text(t, result->error, "end\n");
}

static void listener_gives_up(struct test *t)
{
    struct counter *counter = counter_new(t);

    counter->answer = 1;
    struct enclave_result *result =
        run_counted(t, box_shared(t), "import time\nprint('x')\ntime.sleep(1000)", counter);

    expect_cause(t, result, ENCLAVE_CAUSE_CANCELLED);
    expect_int(t, result->status, ENCLAVE_RESULT_CANCELLED);
    expect_alive(t, box_shared(t));
}

static void cut(struct test *t)
{
    struct box *box = box_new(t, "{'tools_config': {'shell_executor': {'max_output_size': 1000}}}");
    struct enclave_result *result =
        run_shell(t, box, "head -c 1000 /dev/zero | tr '\\0' x; echo error >&2");

    expect_exit(t, result, 0);
    expect_int(t, result->output_length, 1000);
    expect_int(t, result->truncated, 0);
    result = run_shell(t, box, "printf begin; head -c 4995 /dev/zero | tr '\\0' x; echo error >&2");
    expect_exit(t, result, 0); /* it went on to its end */
    expect_int(t, result->output_length, 1000);
    expect_int(t, result->truncated, 1);
    expect_int(t, result->stdout_bytes, 5000);
    expect(t, strncmp(result->output, "beginxxx", 8) == 0);
    expect_text(t, result->error, "error\n");
    result = run_shell(t, box, "head -c 3000 /dev/zero | tr '\\0' y >&2");
    expect_int(t, result->error_length, 1000);
    expect_int(t, result->stderr_bytes, 3000);
    expect_int(t, result->truncated, 1);
}

static void late_writer(struct test *t)
{
    expect_shell(t, box_shared(t), "(sleep 0.5; echo late) & echo early", "early\nlate\n");
}

static void closed(struct test *t)
{
    struct enclave_result *result = run_shell(t, box_shared(t), "exec >&- 2>&-; sleep 0.2; exit 5");

    expect_exit(t, result, 5);
    expect_text(t, result->output, "");
}

/* What a program could do to a file or a terminal of the host, it cannot to these. */
static void pipes(struct test *t)
{
    expect_python(
        t, box_shared(t),
        "import os, stat\n"
        "for fd in 0, 1, 2:\n    m = os.fstat(fd).st_mode\n"
        "    print(stat.S_ISFIFO(m) or stat.S_ISSOCK(m) or stat.S_ISCHR(m), os.isatty(fd))",
        "True False\nTrue False\nTrue False\n");
}

static const struct tap_case cases[] = {
    {"separated", "stdout and stderr are kept apart and counted", separated},
    {"all_in_order",
     "64 MiB come to the callback, all and in order; the result keeps the first MiB", all_in_order},
    {"both_at_once", "both streams flow at the same time", both_at_once},
    {"as_it_is_written", "output comes while the program runs", as_it_is_written},
    {"held_back", "a slow listener holds back its writer, and nobody else", held_back},
    {"listener_gives_up", "a listener that says so ends the execution", listener_gives_up},
    {"cut", "what is over the limit is counted and not kept, for each stream", cut},
    {"late_writer", "an execution ends when all that holds its streams has let go", late_writer},
    {"closed", "a program that closes its streams goes on", closed},
    {"pipes", "a program has neither files nor a terminal of the host as streams", pipes},
};
TAP_GROUP(streams, cases);
