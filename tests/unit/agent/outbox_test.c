/*
 * outbox_test.c - what the agent passes on from a program's pipe without reading it: it comes whole and in its place,
 * whatever becomes of the pipe meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "frames.h"
#include "util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ID = 7, STREAM = WIRE_STDOUT, PAGE = 4096 };

struct fixture {
    struct outbox out;
    int program[2];
    int engine[2];
    uint8_t got[8 * OUTPUT_PASS];
    size_t length;
};

static struct fixture fixture;

static int setup(void **state)
{
    fixture = (struct fixture){.out = {.last = SIZE_MAX}};
    if (pipe2(fixture.program, O_CLOEXEC | O_NONBLOCK) < 0 ||
        pipe2(fixture.engine, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    fixture.out.fd = fixture.engine[1];
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        close_fd(&f->program[i]);
        close_fd(&f->engine[i]);
    }
    outbox_clear(&f->out);
    free(f->out.bytes);
    return 0;
}

static void program_writes(struct fixture *f, char letter, size_t length)
{
    static char text[OUTPUT_PASS];
    memset(text, letter, length);
    assert_int_equal(write(f->program[1], text, length), length);
}

static void program_takes_back(struct fixture *f)
{
    static char text[OUTPUT_PASS];
    while (read(f->program[0], text, sizeof(text)) > 0) {
    }
}

/* The engine reads all that is there, and lets the agent go on. */
static void engine_reads(struct fixture *f)
{
    for (;;) {
        ssize_t n = read(f->engine[0], f->got + f->length, sizeof(f->got) - f->length);
        if (n > 0)
            f->length += (size_t)n;
        else if (outbox_waiting(&f->out) == 0)
            return;
        assert_int_equal(outbox_flush(&f->out), 0);
    }
}

/* What came at `*at` is a frame of `length` bytes, all of them `letter`. */
static void assert_frame(struct fixture *f, size_t *at, uint8_t type, char letter, size_t length)
{
    const uint8_t *header = f->got + *at;
    assert_true(f->length - *at >= WIRE_HEADER_SIZE + length);
    assert_int_equal(wire_get_u32(header), length);
    assert_int_equal(header[4], type);
    assert_int_equal(wire_get_u32(header + 8), ID);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(header[WIRE_HEADER_SIZE + i], letter);
    *at += WIRE_HEADER_SIZE + length;
}

/* The pipe to the engine has room for one page more. */
static void engine_lags(struct fixture *f)
{
    static char page[PAGE];
    while (write(f->engine[1], page, PAGE) == PAGE) {
    }
    assert_int_equal(read(f->engine[0], page, PAGE), PAGE);
    assert_int_equal(read(f->engine[0], page, PAGE), PAGE);
}

static size_t skip_filling(struct fixture *f)
{
    size_t at = 0;
    while (at < f->length && f->got[at] == 0)
        at++;
    return at;
}

static void test_passed(void **state)
{
    struct fixture *f = *state;
    size_t at = 0;
    program_writes(f, 'a', OUTPUT_PASS);
    outbox_pass_output(&f->out, STREAM, ID, f->program[0]);
    assert_int_equal(outbox_flush(&f->out), 0);
    assert_int_equal(outbox_waiting(&f->out), 0);
    outbox_frame(&f->out, WIRE_EXIT, 0, ID, "zz", 2);
    engine_reads(f);
    assert_frame(f, &at, WIRE_OUTPUT, 'a', OUTPUT_PASS);
    assert_frame(f, &at, WIRE_EXIT, 'z', 2);
    assert_int_equal(at, f->length);
    assert_false(f->out.cannot_pass);
}

/* Another frame comes while the first has gone in part. */
static void test_something_behind(void **state)
{
    struct fixture *f = *state;
    engine_lags(f);
    program_writes(f, 'a', OUTPUT_PASS);
    outbox_pass_output(&f->out, STREAM, ID, f->program[0]);
    assert_int_equal(outbox_flush(&f->out), 0);
    assert_true(outbox_full(&f->out));
    assert_true(outbox_waiting(&f->out) < OUTPUT_PASS);
    outbox_frame(&f->out, WIRE_EXIT, 0, ID, "zz", 2);
    engine_reads(f);
    size_t at = skip_filling(f);
    assert_frame(f, &at, WIRE_OUTPUT, 'a', OUTPUT_PASS);
    assert_frame(f, &at, WIRE_EXIT, 'z', 2);
    assert_int_equal(at, f->length);
}

/* The pipe is closed on the agent's side, as when its execution is ended. */
static void test_closed(void **state)
{
    struct fixture *f = *state;
    engine_lags(f);
    program_writes(f, 'a', OUTPUT_PASS);
    outbox_pass_output(&f->out, STREAM, ID, f->program[0]);
    assert_int_equal(outbox_flush(&f->out), 0);
    outbox_settle(&f->out, f->program[0]);
    close_fd(&f->program[0]);
    engine_reads(f);
    size_t at = skip_filling(f);
    assert_frame(f, &at, WIRE_OUTPUT, 'a', OUTPUT_PASS);
    assert_int_equal(at, f->length);
}

/* A program of the agent's own uid can read its output from under it: the frame is filled up all the same. */
static void test_taken_back(void **state)
{
    struct fixture *f = *state;
    engine_lags(f);
    program_writes(f, 'a', OUTPUT_PASS);
    outbox_pass_output(&f->out, STREAM, ID, f->program[0]);
    assert_int_equal(outbox_flush(&f->out), 0);
    program_takes_back(f);
    engine_reads(f);
    outbox_frame(&f->out, WIRE_EXIT, 0, ID, "zz", 2);
    engine_reads(f);
    size_t at = f->length - WIRE_HEADER_SIZE - 2;
    assert_frame(f, &at, WIRE_EXIT, 'z', 2);
    at = skip_filling(f);
    assert_int_equal(wire_get_u32(f->got + at), OUTPUT_PASS);
    assert_int_equal(f->length - at, OUTPUT_PASS + 2 * WIRE_HEADER_SIZE + 2);
    assert_int_equal(f->got[at + WIRE_HEADER_SIZE + OUTPUT_PASS - 1], 0);
}

/* To what nothing can be passed on, it is written. */
static void test_not_a_pipe(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/enclave-outbox-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0); /* which splice(2) refuses */
    f->out.fd = file;
    program_writes(f, 'a', OUTPUT_PASS);
    outbox_pass_output(&f->out, STREAM, ID, f->program[0]);
    assert_int_equal(outbox_flush(&f->out), 0);
    assert_int_equal(outbox_waiting(&f->out), 0);
    assert_true(f->out.cannot_pass);
    f->length = (size_t)pread(file, f->got, sizeof(f->got), 0);
    size_t at = 0;
    assert_frame(f, &at, WIRE_OUTPUT, 'a', OUTPUT_PASS);
    assert_int_equal(at, f->length);
    close_fd(&file);
}

#define WITH_PIPES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPES(test_passed),     WITH_PIPES(test_something_behind), WITH_PIPES(test_closed),
        WITH_PIPES(test_taken_back), WITH_PIPES(test_not_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
