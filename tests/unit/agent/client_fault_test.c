/*
 * client_fault_test.c - the manager's side of the agent, against streams that are broken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client_peer.h"

#include "../../../plugins/backends/agent/client/loop.h"
#include "../../../plugins/backends/agent/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct agent_loop *loop;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------------------------- connect */

static int32_t refused(const void *data, size_t length, int stay, uint32_t flags, const char *text)
{
    struct agent_config config = peer_config();
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct agent *agent = NULL;
    int32_t rc;

    config.ready_timeout_ms = 300;
    rc = script_connect(loop, data, length, stay, flags, &config, &agent, NULL, &err);
    assert_null(agent);
    if (rc == 0 || !strstr(err.message, text)) {
        fail_msg("%d '%s' lacks '%s'", rc, err.message, text);
    }
    return rc;
}

static void wrong_greetings_are_refused(void **state)
{
    uint8_t data[1024];
    size_t n;

    (void)state;
    n = script_ready(data, WIRE_MAGIC + 1, 1, "a=b");
    assert_int_equal(refused(data, n, 1, 0, "greeting"), ENCLAVE_EPROTOCOL);
    n = script_ready(data, WIRE_MAGIC, 2, "a=b");
    assert_int_equal(refused(data, n, 1, 0, "version 2.0"), ENCLAVE_EPROTOCOL);
    assert_int_equal(refused("HTTP/1.1 500 Internal Server Error\r\n", 36, 1, 0, "protocol"),
                     ENCLAVE_EPROTOCOL);
    n = script_ready(data, WIRE_MAGIC, 1, "a=b");
    wire_put_u32(data + WIRE_HEADER_SIZE + 8, 0xffffffff);
    assert_int_equal(refused(data, n, 1, 0, "READY"), ENCLAVE_EPROTOCOL);
    n = script_exit(data, 1, 0);
    assert_int_equal(refused(data, n, 1, 0, "not there"), ENCLAVE_EPROTOCOL);
    wire_put_header(data, 65537, WIRE_READY, 0, 0);
    assert_int_equal(refused(data, 12, 1, 0, "65537 bytes"), ENCLAVE_EPROTOCOL);
    n = script_frame(data, WIRE_FATAL, 0, 0, "\x08\0\0\0no\nroot!", 12);
    assert_int_equal(refused(data, n, 1, 0, "gave up: no root!"), ENCLAVE_ELOST);
}

static void each_cut_greeting_is_an_end(void **state)
{
    uint8_t data[1024];
    size_t n = script_ready(data, WIRE_MAGIC, 1, "arch=x86_64\nuid=1000\n");

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(refused(data, i, 0, 0, "stream ended"), ENCLAVE_ELOST);
    }
}

static void silence_times_out_and_can_be_cancelled(void **state)
{
    struct agent_config config = peer_config();
    struct agent *agent = NULL;
    int64_t before = now_ms();

    (void)state;
    assert_int_equal(refused("", 0, 1, 0, "not ready after 300 ms"), ENCLAVE_ETIMEOUT);
    assert_in_range(now_ms() - before, 295, 60000);
    config.cancel_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(script_connect(loop, "", 0, 1, 0, &config, &agent, NULL, NULL),
                     ENCLAVE_ECANCELLED);
    close(config.cancel_fd);
}

/* ---------------------------------------------------------------------------------- multiplexed */

static void a_greeting_in_attach_framing(void **state)
{
    struct agent_config config = peer_config();
    uint8_t ready[256];
    uint8_t data[512];
    size_t whole = script_ready(ready, WIRE_MAGIC, 1, "arch=x");
    struct agent *agent;
    size_t n;
    int fd;

    (void)state;
    n = script_chunk(data, 1, ready, 5);
    n += script_chunk(data + n, 1, ready + 5, whole - 5);
    assert_int_equal(
        script_connect(loop, data, n, 1, AGENT_TRANSPORT_MULTIPLEXED, &config, &agent, &fd, NULL),
        0);
    assert_true(agent_alive(agent));
    agent_close(agent, "done");
    agent_free(agent);
    close(fd);
}

static void the_diagnosis_is_in_the_error(void **state)
{
    uint8_t data[16384];
    char noise[5000];
    size_t n;

    (void)state;
    n = script_chunk(data, 2, "runc: exec\nformat \x1b[31m error", 28);
    assert_int_equal(refused(data, n, 0, AGENT_TRANSPORT_MULTIPLEXED, "runc: exec format  [31m"),
                     ENCLAVE_ELOST);
    assert_int_equal(refused(data, n, 1, AGENT_TRANSPORT_MULTIPLEXED, "runc: exec"),
                     ENCLAVE_ETIMEOUT);
    memset(noise, 'x', sizeof noise);
    n = script_chunk(data, 2, noise, sizeof noise);
    assert_int_equal(refused(data, n, 0, AGENT_TRANSPORT_MULTIPLEXED, "xxxxx"), ENCLAVE_ELOST);
    assert_int_equal(
        refused("\x02\0\0\0\xff\xff\xff\xffgone", 12, 0, AGENT_TRANSPORT_MULTIPLEXED, "gone"),
        ENCLAVE_ELOST);
    assert_int_equal(refused("plain text", 10, 1, AGENT_TRANSPORT_MULTIPLEXED, "attach framing"),
                     ENCLAVE_EPROTOCOL);
}

/* --------------------------------------------------------------------------------- after READY */

/* The peer sends this and the link is lost, for the reason. */
static void breaks(const void *data, size_t length, int end, const char *reason)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct broken b;
    uint8_t *own = malloc(length + 1);

    broken_open(&b, loop);
    memcpy(own, data, length);
    if (length >= WIRE_HEADER_SIZE && wire_get_u32(own + 8) == 1) {
        wire_put_u32(own + 8, b.id);
    }
    script_send(b.fd, own, length);
    if (end) {
        shutdown(b.fd, SHUT_RDWR);
    }
    sem_wait(&b.lost);
    if (!strstr(b.reason, reason)) {
        fail_msg("'%s' lacks '%s'", b.reason, reason);
    }
    assert_false(agent_alive(b.agent));
    assert_int_equal(run_start(&b.run, b.agent, (const char *const[]){"x", NULL}, 0, &err),
                     ENCLAVE_ELOST);
    agent_fail(b.agent, "the engine says it is gone");
    agent_fail(b.agent, "too late");
    assert_int_equal(run_wait(&b.run, 5000), 0);
    if (b.run.end.how == ENCLAVE_EXIT_LOST) {
        assert_string_equal(b.run.reason, "the engine says it is gone");
    }
    broken_close(&b);
    assert_int_equal(b.losts, 1);
    free(own);
}

static void broken_frames_end_the_link(void **state)
{
    static uint8_t data[2 * WIRE_PAYLOAD_MAX];
    uint8_t four[4] = {1, 0, 0, 0};
    size_t n;

    (void)state;
    wire_put_header(data, WIRE_PAYLOAD_MAX + 1, WIRE_OUTPUT, 1, 1);
    breaks(data, WIRE_HEADER_SIZE, 0, "65537 bytes");
    wire_put_header(data, 0, 99, 0, 1);
    breaks(data, WIRE_HEADER_SIZE, 0, "type 99");
    wire_put_header(data, 0, WIRE_SPAWN, 0, 1);
    breaks(data, WIRE_HEADER_SIZE, 0, "type 2");
    wire_put_header(data, 0, WIRE_OUTPUT, 1, 77);
    breaks(data, WIRE_HEADER_SIZE, 0, "execution 77");
    wire_put_header(data, 0, WIRE_OUTPUT, 3, 1);
    breaks(data, WIRE_HEADER_SIZE, 0, "stream 3");
    wire_put_header(data, 0, WIRE_EXIT, 0, 1);
    breaks(data, WIRE_HEADER_SIZE, 0, "EXIT of 0");
    n = script_frame(data, WIRE_STDIN_ROOM, 0, 1, four, 4);
    breaks(data, n, 0, "not used");
    n = script_ready(data, WIRE_MAGIC, 1, "");
    breaks(data, n, 0, "READY twice");
    n = script_exit(data, 1, 0);
    data[WIRE_HEADER_SIZE] = 9;
    breaks(data, n, 0, "how 9");
    n = script_exit(data, 1, 0);
    data[WIRE_HEADER_SIZE + 36] = 1;
    breaks(data, n, 0, "EXIT of 40");
    breaks("", 0, 1, "stream ended");
    breaks(data, 7, 1, "middle of a frame");
}

static void exit_twice_ends_the_link(void **state)
{
    uint8_t data[256];
    struct broken b;
    size_t n;

    (void)state;
    broken_open(&b, loop);
    n = script_exit(data, b.id, 7);
    n += script_exit(data + n, b.id, 8);
    script_send(b.fd, data, n);
    sem_wait(&b.lost);
    assert_int_equal(b.run.exits, 1);
    assert_int_equal(b.run.end.code, 7);
    broken_close(&b);
}

static void output_over_credit_ends_the_link(void **state)
{
    static uint8_t payload[WIRE_PAYLOAD_MAX];
    static uint8_t data[WIRE_PAYLOAD_MAX + 256];
    struct broken b;
    size_t n;

    (void)state;
    broken_open(&b, loop);
    b.run.hold = 1; /* nothing has been sent for it: no race */
    n = script_frame(data, WIRE_OUTPUT, 1, b.id, payload, sizeof payload);
    n += script_frame(data + n, WIRE_OUTPUT, 2, b.id, payload, 1);
    script_send(b.fd, data, n);
    assert_int_equal(run_wait_output(&b.run, 2, 1, 5000), 0); /* all of that was allowed */
    n = script_frame(data, WIRE_OUTPUT, 1, b.id, payload, 1);
    script_send(b.fd, data, n);
    sem_wait(&b.lost);
    assert_non_null(strstr(b.reason, "credit"));
    assert_int_equal(b.run.total[0], WIRE_PAYLOAD_MAX);
    broken_close(&b);
}

static void every_cut_of_a_conversation(void **state)
{
    uint8_t data[512];
    size_t whole;

    (void)state;
    whole = script_frame(data, WIRE_OUTPUT, 1, 1, "hello", 5);
    whole += script_frame(data + whole, WIRE_OUTPUT, 2, 1, "no", 2);
    whole += script_exit(data + whole, 1, 4);
    for (size_t i = 0; i <= whole; i++) {
        struct broken b;

        broken_open(&b, loop);
        assert_int_equal(b.id, 1);
        script_send(b.fd, data, i);
        shutdown(b.fd, SHUT_WR);
        sem_wait(&b.lost);
        assert_int_equal(b.run.exits, i == whole);
        agent_fail(b.agent, "gone");
        assert_int_equal(run_wait(&b.run, 5000), 0);
        assert_int_equal(b.run.end.how, i == whole ? ENCLAVE_EXIT_EXITED : ENCLAVE_EXIT_LOST);
        assert_int_equal(b.run.total[0], i >= 17 ? 5 : 0);
        broken_close(&b);
    }
}

static void silence_after_kill_ends_the_link(void **state)
{
    struct broken b;
    int64_t before;

    (void)state;
    loop_set_kill_grace(loop, 200);
    broken_open(&b, loop);
    before = now_ms();
    agent_process_kill(b.run.process, NULL);
    sem_wait(&b.lost);
    assert_in_range(now_ms() - before, 195, 60000);
    assert_non_null(strstr(b.reason, "did not end"));
    assert_int_equal(b.run.exits, 0); /* until the owner knows what is true */
    agent_fail(b.agent, "paused");
    assert_int_equal(run_wait(&b.run, 5000), 0);
    broken_close(&b);
    loop_set_kill_grace(loop, LOOP_KILL_GRACE_MS);
}

static int setup(void **state)
{
    (void)state;
    return agent_loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    agent_loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_greetings_are_refused),
        cmocka_unit_test(each_cut_greeting_is_an_end),
        cmocka_unit_test(silence_times_out_and_can_be_cancelled),
        cmocka_unit_test(a_greeting_in_attach_framing),
        cmocka_unit_test(the_diagnosis_is_in_the_error),
        cmocka_unit_test(broken_frames_end_the_link),
        cmocka_unit_test(exit_twice_ends_the_link),
        cmocka_unit_test(output_over_credit_ends_the_link),
        cmocka_unit_test(every_cut_of_a_conversation),
        cmocka_unit_test(silence_after_kill_ends_the_link),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
