/*
 * adoption_test.c - the real enclave-agent, left by its manager in the middle of whatever it was doing, and called
 * by another one. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test_wire.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "0123456789abcdef0123456789ABCDEF"
#define PATIENCE_MS 20000
#define ROUNDS 4 /* calls until the agent is sure, when nothing comes between them */

static char base[] = "/tmp/enclave-adoption-test-XXXXXX";
static char work[64];
static char scratch[64];

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

static struct link *open_link(uint32_t lease_ms, const char *token)
{
    char facts[16384];
    link_lease(lease_ms, token);
    struct link *link = link_open(ENCLAVE_AGENT_PATH, work, scratch, false, facts, sizeof(facts));
    assert_non_null(link);
    return link;
}

/* ----------------------------------------------------------------------------------------- calls */

static void make_call(uint8_t call[WIRE_CALL_SIZE], uint64_t number)
{
    memcpy(call, TOKEN, WIRE_TOKEN_SIZE);
    wire_put_u64(call + WIRE_TOKEN_SIZE, number);
}

/* The number's own answer, after whatever else comes: its kind; 0 when it does not come. */
static uint8_t take_answer(struct link *link, uint64_t number)
{
    uint8_t answer[WIRE_CALL_SIZE];
    static uint8_t seen[1 << 20];
    size_t length = 0;
    for (;;) {
        struct pollfd poll_fd = {.fd = link->fd, .events = POLLIN};
        ssize_t n = poll(&poll_fd, 1, PATIENCE_MS) > 0
                        ? recv(link->fd, seen + length, sizeof(seen) - length, 0)
                        : -1;
        if (n <= 0)
            return 0;
        length += (size_t)n;
        for (size_t i = 0; i + WIRE_CALL_SIZE <= length; i++) {
            uint8_t kind = seen[i] ^ (uint8_t)TOKEN[0];
            make_call(answer, number);
            for (size_t j = 0; j < WIRE_TOKEN_SIZE; j++)
                answer[j] ^= kind;
            if (kind != 0 && memcmp(seen + i, answer, sizeof(answer)) == 0)
                return kind;
        }
        size_t keep = length < WIRE_CALL_SIZE ? length : WIRE_CALL_SIZE;
        memmove(seen, seen + length - keep, keep);
        length = keep;
    }
}

/* Call until it is done; `before` comes in front of the first call. The number of calls. */
static int meet(struct link *link, uint64_t number, const void *before, size_t length)
{
    uint8_t call[WIRE_CALL_SIZE];
    link->start = link->end = 0; /* the other manager's */
    link_raw(link, before, length);
    for (int calls = 1;; calls++) {
        make_call(call, ++number);
        link_raw(link, call, sizeof(call));
        uint8_t kind = take_answer(link, number);
        if (kind == WIRE_ANSWER_DONE)
            return calls;
        assert_int_equal(kind, WIRE_ANSWER_AGAIN);
    }
}

/* The state that it has. */
static void greet(struct link *link, const char *state)
{
    struct wire_frame frame;
    link_send(link, WIRE_GREET, 0, 0, NULL, 0);
    assert_true(link_receive(link, PATIENCE_MS, &frame));
    assert_int_equal(frame.type, WIRE_STATE);
    assert_int_equal(frame.length, strlen(state));
    assert_memory_equal(frame.payload, state, strlen(state));
    assert_true(link_receive(link, PATIENCE_MS, &frame));
    assert_int_equal(frame.type, WIRE_READY);
    assert_true(frame.length > 100);
}

static void expect_shell(struct link *link, uint32_t id, const char *command, const char *output)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct outcome what;
    link_spawn(link, id, &(struct spawn_args){.argv = argv});
    link_wait(link, id, &what);
    assert_string_equal((const char *)what.out.data, output);
    outcome_free(&what);
}

static bool has_ended(struct link *link)
{
    struct wire_frame frame;
    while (link_receive(link, PATIENCE_MS, &frame))
        ;
    char byte;
    return recv(link->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void end_link(struct link *link)
{
    link_send(link, WIRE_END, 0, 0, NULL, 0);
    link_close(link);
}

/* ----------------------------------------------------------------------------------------- tests */

static void test_lease(void **state)
{
    uint8_t longer[4], shorter[4];
    (void)state;
    struct link *link = open_link(2000, TOKEN);
    wire_put_u32(longer, 600000);
    link_send(link, WIRE_LEASE, 0, 0, longer, sizeof(longer));
    sleep_ms(2200);
    expect_shell(link, 1, "echo here", "here\n");
    wire_put_u32(shorter, 50);
    link_send(link, WIRE_LEASE, 0, 0, shorter, sizeof(shorter));
    assert_true(has_ended(link));
    link_close(link);
}

static void test_end(void **state)
{
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    link_send(link, WIRE_END, 0, 0, NULL, 0);
    assert_true(has_ended(link));
    link_close(link);
}

static void test_state(void **state)
{
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    assert_int_equal(meet(link, 0, NULL, 0), ROUNDS);
    greet(link, "");
    link_send(link, WIRE_SET_STATE, 0, 0, "a longer one", 12);
    link_send(link, WIRE_SET_STATE, 0, 0, "last", 4);
    assert_int_equal(meet(link, UINT64_MAX, NULL, 0), ROUNDS);
    greet(link, "last");
    expect_shell(link, 1, "echo here", "here\n");
    end_link(link);
}

/* Wherever the old manager's last bytes end, and wherever the call is cut. */
static void test_any_place(void **state)
{
    uint8_t part[WIRE_HEADER_SIZE + 100] = {0};
    uint8_t call[WIRE_CALL_SIZE];
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    wire_put_header(part, 60000, WIRE_STDIN, 0, 7);
    make_call(call, 1000);
    for (size_t i = 0; i <= WIRE_CALL_SIZE; i++) {
        link_raw(link, part, i < WIRE_HEADER_SIZE ? i : sizeof(part));
        link_raw(link, call, i);
        sleep_ms(1); /* so that it is read by itself, mostly */
        link_raw(link, call + i, sizeof(call) - i);
        assert_int_equal(take_answer(link, 1000), WIRE_ANSWER_AGAIN);
        assert_true(meet(link, 2000, NULL, 0) < ROUNDS);
        greet(link, "");
    }
    expect_shell(link, 1, "echo here", "here\n");
    end_link(link);
}

/* What the engine passes on late comes in between. */
static void test_leftovers(void **state)
{
    static uint8_t leftovers[200000];
    uint8_t call[WIRE_CALL_SIZE];
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    memset(leftovers, 'x', sizeof(leftovers));
    make_call(call, 1000);
    link_raw(link, call, sizeof(call));
    assert_int_equal(take_answer(link, 1000), WIRE_ANSWER_AGAIN);
    assert_int_equal(meet(link, 2000, leftovers, sizeof(leftovers)), ROUNDS);
    assert_int_equal(meet(link, 3000, leftovers, 1), ROUNDS);
    greet(link, "");
    end_link(link);
}

/* Executions end, and nobody hears of them; what stays goes on, and its id is free. */
static void test_executions(void **state)
{
    const char *const flood[] = {"sh", "-c", "setsid sleep 77 & yes", NULL};
    const char *const reader[] = {"cat", NULL};
    const char *const beats[] = {"sh", "-c",
                                 "while echo beat; do date +%N > beat; sleep 0.02; done", NULL};
    struct wire_frame frame;
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    link_spawn(link, 1, &(struct spawn_args){.argv = flood});
    link_spawn(link, 2, &(struct spawn_args){.argv = reader, .with_stdin = true});
    link_spawn(link, 3, &(struct spawn_args){.argv = beats, .stays = true});
    assert_true(link_receive(link, PATIENCE_MS, &frame));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(meet(link, 0, NULL, 0), ROUNDS);
        greet(link, "");
        expect_shell(
            link, 3,
            "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline && echo; done "
            "2> /dev/null | grep -E '^(yes|cat|sleep 77)'; "
            "b=$(cat beat); while [ \"$b\" = \"$(cat beat)\" ]; do sleep 0.02; done; echo on",
            "on\n");
    }
    end_link(link);
}

/* Who does not know the token is not heard; a stream that makes no sense waits for one who does. */
static void test_nonsense(void **state)
{
    uint8_t forged[WIRE_CALL_SIZE], header[WIRE_HEADER_SIZE];
    struct wire_frame frame;
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    make_call(forged, 1);
    forged[WIRE_TOKEN_SIZE - 1] ^= 1;
    link_raw(link, forged, sizeof(forged));
    assert_true(link_receive(link, PATIENCE_MS, &frame));
    assert_int_equal(frame.type, WIRE_FATAL);
    wire_put_header(header, 0, WIRE_GREET, 0, 0);
    link_raw(link, header, sizeof(header));
    assert_false(link_receive(link, 200, &frame));
    assert_int_equal(meet(link, 0, NULL, 0), ROUNDS);
    greet(link, "");
    end_link(link);

    link = open_link(0, NULL);
    link_raw(link, forged, sizeof(forged));
    assert_true(link_receive(link, PATIENCE_MS, &frame));
    assert_int_equal(frame.type, WIRE_FATAL);
    assert_true(has_ended(link));
    link_close(link);
}

/* A stream of its own, in place of one that has ended. */
static pid_t start_relay(struct link *link)
{
    char path[80];
    int pair[2];
    snprintf(path, sizeof(path), "%s/stream", scratch);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < PATIENCE_MS && access(path, F_OK) != 0; i++)
        sleep_ms(1);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], 0);
        dup2(pair[1], 1);
        execl(ENCLAVE_AGENT_PATH, "enclave-agent", "--relay", path, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    close(pair[1]);
    link->fd = pair[0];
    return pid;
}

/* Where the engine closes the agent's stdin when its manager dies. */
static void test_relay(void **state)
{
    const char *const flood[] = {"sh", "-c", "yes", NULL};
    struct wire_frame frame;
    pid_t pid = 0;
    int status;
    (void)state;
    struct link *link = open_link(600000, TOKEN);
    link_send(link, WIRE_SET_STATE, 0, 0, "kept", 4);
    for (int i = 0; i < 3; i++) {
        link_spawn(link, 1, &(struct spawn_args){.argv = flood});
        assert_true(link_receive(link, PATIENCE_MS, &frame));
        close(link->fd);
        assert_int_equal(i > 0 ? waitpid(pid, &status, 0) : pid, pid);
        pid = start_relay(link);
        assert_int_equal(meet(link, 0, NULL, 0), ROUNDS);
        greet(link, "kept");
        expect_shell(link, 1, "echo here", "here\n");
    }
    link_send(link, WIRE_END, 0, 0, NULL, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    link_close(link);
}

static int make_folders(void **state)
{
    (void)state;
    if (!mkdtemp(base) || chmod(base, 0755) != 0)
        return -1;
    snprintf(work, sizeof(work), "%s/work", base);
    snprintf(scratch, sizeof(scratch), "%s/scratch", base);
    return mkdir(work, 0755) != 0 || chown(work, TEST_UID, TEST_GID) != 0 ||
                   mkdir(scratch, 0755) != 0
               ? -1
               : 0;
}

static int remove_folders(void **state)
{
    char file[80];
    (void)state;
    snprintf(file, sizeof(file), "%s/beat", work);
    unlink(file);
    rmdir(work);
    snprintf(file, sizeof(file), "%s/stream", scratch);
    unlink(file);
    rmdir(scratch);
    rmdir(base);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease),     cmocka_unit_test(test_end),
        cmocka_unit_test(test_state),     cmocka_unit_test(test_any_place),
        cmocka_unit_test(test_leftovers), cmocka_unit_test(test_executions),
        cmocka_unit_test(test_nonsense),  cmocka_unit_test(test_relay),
    };
    if (geteuid() != 0)
        return 77;
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
