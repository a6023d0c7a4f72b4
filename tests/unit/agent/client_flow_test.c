/*
 * client_flow_test.c - the manager's side of the agent: what is queued, buffered, cut and raced.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client_peer.h"

#include "../../../plugins/backends/agent/client/demux.h"
#include "../../../plugins/backends/agent/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct agent_loop *loop;

/* ------------------------------------------------------------------------------------- framing */

/* In three pieces, cut at each pair of places. */
static void attach_framing_at_every_split(void **state)
{
    uint8_t data[256];
    size_t n = script_chunk(data, 2, "note", 4);

    (void)state;
    n += script_chunk(data + n, 1, "abcde", 5);
    n += script_chunk(data + n, 1, "", 0);
    n += script_chunk(data + n, 1, "fg", 2);
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = i; j <= n; j++) {
            const size_t cuts[] = {0, i, j, n};
            struct demux demux = {0};
            uint8_t piece[256];
            char kept[16] = "";
            char note[16];

            for (int k = 0; k < 3; k++) {
                ssize_t got;

                memcpy(piece, data + cuts[k], cuts[k + 1] - cuts[k]);
                got = demux_feed(&demux, piece, cuts[k + 1] - cuts[k]);
                assert_true(got >= 0);
                strncat(kept, (char *)piece, (size_t)got);
            }
            assert_string_equal(kept, "abcdefg");
            assert_int_equal(demux_diagnosis(&demux, note, sizeof note), 4);
            assert_string_equal(note, "note");
        }
    }
}

/* ------------------------------------------------------------------------------------ queues */

/* What is queued for an agent that does not read is bounded, and stdin says so. */
static void an_agent_that_does_not_read(void **state)
{
    static uint8_t data[WIRE_STDIN_WINDOW];
    uint8_t frame[64];
    uint8_t room[4];
    uint64_t sent = 0;
    struct broken b;
    size_t n;

    (void)state;
    broken_open(&b, loop);
    wire_put_u32(room, sizeof data);
    n = script_frame(frame, WIRE_STDIN_ROOM, 0, b.id, room, 4);
    for (int i = 0; i < 1000; i++) {
        uint64_t taken = 0;

        b.run.writables = 0;
        assert_int_equal(agent_process_write(b.run.process, data, sizeof data, &taken, NULL), 0);
        sent += taken;
        if (taken < sizeof data) {
            break;
        }
        /* The room is given back though nothing was read. */
        (void)agent_process_write(b.run.process, data, 1, &taken, NULL);
        sent += taken;
        script_send(b.fd, frame, n);
        if (run_wait_writable(&b.run, 300) != 0) {
            break;
        }
    }
    assert_in_range(sent, 1, 4u << 20);
    broken_close(&b);
}

/* ---------------------------------------------------------------------------------- transports */

#define HIDDEN (1u << 20)

/* As TLS may: takes all that the socket has, gives a little at a time; and sees whether two threads
 * are in it at once. */
struct hidden {
    int fd;
    atomic_int inside;
    atomic_int met;
    size_t start;
    size_t end;
    uint8_t data[HIDDEN];
};

static ssize_t hidden_read(void *ctx, void *buffer, size_t capacity)
{
    struct hidden *h = ctx;
    ssize_t n = 0;

    atomic_fetch_or(&h->met, atomic_fetch_add(&h->inside, 1) != 0);
    while (h->end < HIDDEN && n >= 0) {
        n = recv(h->fd, h->data + h->end, HIDDEN - h->end, MSG_DONTWAIT);
        if (n <= 0) {
            break;
        }
        h->end += (size_t)n;
    }
    if (h->start < h->end) {
        n = (ssize_t)(h->end - h->start < 5000 ? h->end - h->start : 5000);
        n = (size_t)n < capacity ? n : (ssize_t)capacity;
        memcpy(buffer, h->data + h->start, (size_t)n);
        h->start += (size_t)n;
    } else {
        n = n == 0 ? 0 : -EAGAIN;
    }
    atomic_fetch_sub(&h->inside, 1);
    return n;
}

static ssize_t hidden_write(void *ctx, const void *data, size_t length)
{
    struct hidden *h = ctx;
    ssize_t n;

    atomic_fetch_or(&h->met, atomic_fetch_add(&h->inside, 1) != 0);
    n = send(h->fd, data, length < 1000 ? length : 1000, MSG_DONTWAIT | MSG_NOSIGNAL);
    n = n < 0 ? -errno : n;
    atomic_fetch_sub(&h->inside, 1);
    return n;
}

static void hidden_close(void *ctx)
{
    close(((struct hidden *)ctx)->fd);
}

static void *send_output(void *arg)
{
    static uint8_t data[WIRE_HEADER_SIZE + 60000];
    static const uint8_t content[60000];
    int fd = *(int *)arg;

    for (int i = 0; i < 15; i++) {
        script_send(fd, data, script_frame(data, WIRE_OUTPUT, 1, 1, content, sizeof content));
    }
    return NULL;
}

static void bytes_hidden_in_the_transport(void **state)
{
    struct agent_config config = peer_config();
    struct hidden *h = calloc(1, sizeof *h);
    struct agent_transport transport = {
        .ctx = h, .read = hidden_read, .write = hidden_write, .close = hidden_close};
    struct run run;
    struct enclave_process_events events = run_events(&run);
    struct enclave_spawn spawn = {.size = sizeof spawn,
                                  .flags = ENCLAVE_SPAWN_STDIN,
                                  .argv = (const char *const[]){"x", NULL},
                                  .window = HIDDEN};
    uint8_t ready[64];
    struct agent *agent;
    pthread_t thread;
    char *facts;
    int theirs;

    (void)state;
    script_pair(&h->fd, &theirs);
    transport.fd = h->fd;
    script_send(theirs, ready, script_ready(ready, WIRE_MAGIC, 1, ""));
    assert_int_equal(agent_connect(loop, &transport, &config, &agent, &facts, NULL), 0);
    run_init(&run);
    assert_int_equal(agent_spawn(agent, &spawn, &events, &run.process, NULL), 0);
    pthread_create(&thread, NULL, send_output, &theirs);
    for (int i = 0; i < 1000; i++) {
        uint64_t taken;

        (void)agent_process_write(run.process, "0123456789", 10, &taken, NULL);
    }
    assert_int_equal(run_wait_output(&run, 1, 900000, 5000), 0);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&h->met), 0);
    agent_close(agent, "done");
    run_finish(&run);
    run_free(&run);
    agent_free(agent);
    free(facts);
    free(h);
    close(theirs);
}

/* Reads what two threads spawn; the frames of one message must come one after the other. */
static void *read_messages(void *arg)
{
    static uint8_t payload[WIRE_PAYLOAD_MAX];
    struct broken *b = arg;
    uint32_t before = 0;
    uint32_t length;
    uint32_t id;
    int whole = 0;
    int type;

    while (whole < 40 && (type = script_receive(b->fd, payload, &length, &id)) >= 0) {
        if (before && (type != WIRE_SPAWN || id != before)) {
            b->losts++;
        }
        before = type == WIRE_SPAWN && length == WIRE_PAYLOAD_MAX ? id : 0;
        whole += type == WIRE_SPAWN && !before;
    }
    return NULL;
}

static void spawn_with_script(struct broken *b, struct run *run)
{
    static const uint8_t script[3000001];
    struct enclave_process_events events = run_events(run);
    struct enclave_spawn spawn = {.size = sizeof spawn,
                                  .argv = (const char *const[]){"x", "y", NULL},
                                  .script_name = "s",
                                  .script_data = script,
                                  .script_length = sizeof script,
                                  .script_index = 1,
                                  .window = 4096};

    run_init(run);
    assert_int_equal(agent_spawn(b->agent, &spawn, &events, &run->process, NULL), 0);
}

static void *spawn_large(void *arg)
{
    struct broken *b = arg;
    static struct run runs[2][20];
    int mine = b->thread++;

    for (int i = 0; i < 20; i++) {
        uint64_t taken;

        spawn_with_script(b, &runs[mine][i]);
        (void)agent_process_write(b->run.process, "x", 1, &taken, NULL);
    }
    sem_post(&b->lost);
    sem_wait(&b->closed);
    for (int i = 0; i < 20; i++) {
        run_finish(&runs[mine][i]);
        run_free(&runs[mine][i]);
    }
    return NULL;
}

/* More than may be queued at once: spawn waits for room meanwhile. */
static void messages_are_in_one_piece(void **state)
{
    pthread_t reader;
    pthread_t threads[2];
    struct broken b;

    (void)state;
    broken_open(&b, loop);
    sem_init(&b.closed, 0, 0);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, spawn_large, &b);
    }
    pthread_create(&reader, NULL, read_messages, &b);
    sem_wait(&b.lost);
    sem_wait(&b.lost);
    pthread_join(reader, NULL);
    assert_int_equal(b.losts, 0);
    agent_close(b.agent, "closed");
    sem_post(&b.closed);
    sem_post(&b.closed);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    sem_destroy(&b.closed);
    broken_close(&b);
}

/* Room for stdin that comes while too much is queued, by others, is told of later. */
static void room_while_the_queue_is_full(void **state)
{
    static uint8_t data[WIRE_STDIN_WINDOW];
    static uint8_t payload[WIRE_PAYLOAD_MAX];
    uint8_t frames[64];
    uint8_t room[4];
    uint64_t taken = 0;
    uint32_t length = 0;
    struct run other;
    struct broken b;
    size_t n;

    (void)state;
    broken_open(&b, loop);
    assert_int_equal(agent_process_write(b.run.process, data, sizeof data, &taken, NULL), 0);
    assert_int_equal(taken, sizeof data);
    assert_int_equal(agent_process_write(b.run.process, data, 1, &taken, NULL), 0);
    assert_int_equal(taken, 0);
    spawn_with_script(&b, &other);
    wire_put_u32(room, 1000);
    n = script_frame(frames, WIRE_STDIN_ROOM, 0, b.id, room, 4);
    n += script_frame(frames + n, WIRE_OUTPUT, WIRE_STDOUT, b.id, "x", 1);
    script_send(b.fd, frames, n);
    assert_int_equal(run_wait_output(&b.run, 1, 1, 5000), 0);
    assert_int_not_equal(run_wait_writable(&b.run, 0), 0);
    for (int type = 0; type != WIRE_SPAWN || length == WIRE_PAYLOAD_MAX;) {
        type = script_receive(b.fd, payload, &length, NULL);
    }
    assert_int_equal(run_wait_writable(&b.run, 5000), 0);
    agent_close(b.agent, "closed");
    run_finish(&other);
    run_free(&other);
    broken_close(&b);
}

/* --------------------------------------------------------------------------------------- races */

static void *fail_and_close(void *arg)
{
    agent_fail(arg, "failed");
    agent_close(arg, "closed");
    return NULL;
}

/* The end of the stream, fail and close from two threads, all at once. */
static void ends_race(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        uint8_t data[64];
        pthread_t threads[2];
        struct broken b;
        size_t n;

        broken_open(&b, loop);
        n = script_exit(data, b.id, 0);
        pthread_create(&threads[0], NULL, fail_and_close, b.agent);
        pthread_create(&threads[1], NULL, fail_and_close, b.agent);
        script_send(b.fd, data, n);
        agent_process_kill(b.run.process, NULL);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        assert_int_equal(b.run.exits, 1);
        broken_close(&b);
    }
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
        cmocka_unit_test(attach_framing_at_every_split),
        cmocka_unit_test(an_agent_that_does_not_read),
        cmocka_unit_test(bytes_hidden_in_the_transport),
        cmocka_unit_test(messages_are_in_one_piece),
        cmocka_unit_test(room_while_the_queue_is_full),
        cmocka_unit_test(ends_race),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
