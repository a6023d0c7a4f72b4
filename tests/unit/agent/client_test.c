/*
 * client_test.c - the manager's side of the agent, against the real agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct agent_loop *loop;
static struct peer_link peer;

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void start(struct run *run, const char *script, uint32_t flags)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    run_init(run);
    if (run_start(run, peer.agent, (const char *const[]){"sh", "-c", script, NULL}, flags, &err)) {
        fail_msg("%s", err.message);
    }
}

static void end(struct run *run, int code)
{
    run_finish(run);
    assert_int_equal(run->end.how, ENCLAVE_EXIT_EXITED);
    assert_int_equal(run->end.code, code);
    run_free(run);
}

/* ------------------------------------------------------------------------------------ processes */

static void facts_are_told(void **state)
{
    char value[64];

    (void)state;
    assert_int_equal(agent_fact(peer.facts, "uid", value, sizeof value), 0);
    assert_string_equal(value, "1000");
    assert_int_equal(agent_fact(peer.facts, "cap_eff", value, sizeof value), 0);
    assert_int_equal(strtoull(value, NULL, 16), 0);
    assert_int_equal(agent_fact(peer.facts, "ui", value, sizeof value), -1);
    assert_int_equal(agent_fact(peer.facts, "uid", value, 4), -1);
    assert_true(agent_alive(peer.agent));
}

static void output_and_exit_code(void **state)
{
    struct run run;

    (void)state;
    start(&run, "echo out; echo err >&2; exit 3", 0);
    run_finish(&run);
    assert_string_equal(run.out[0], "out\n");
    assert_string_equal(run.out[1], "err\n");
    assert_int_equal(run.end.code, 3);
    assert_true(run.end.peak_memory > 0);
    run_free(&run);
}

static void signals_are_told(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct run run;

    (void)state;
    start(&run, "echo on; exec sleep 100", 0);
    assert_int_equal(run_wait_output(&run, 1, 3, 10000), 0);
    assert_int_equal(agent_process_signal(run.process, 0, &err), ENCLAVE_EINVALID);
    assert_int_equal(agent_process_signal(run.process, 15, &err), 0);
    run_finish(&run);
    assert_int_equal(run.end.how, ENCLAVE_EXIT_SIGNALED);
    assert_int_equal(run.end.signal, 15);
    assert_int_equal(run.end.flags & ENCLAVE_EXIT_FLAG_KILLED, 0);
    run_free(&run);
}

static void a_missing_program_is_127(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct run run;

    (void)state;
    run_init(&run);
    assert_int_equal(
        run_start(&run, peer.agent, (const char *const[]){"no-such-program", NULL}, 0, &err), 0);
    run_finish(&run);
    assert_int_equal(run.end.code, 127);
    assert_true(run.reason[0]);
    run_free(&run);
}

static void a_script_is_put_in_place(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const size_t size = 300000;
    char *script = malloc(size);
    struct run run;
    struct enclave_process_events events = run_events(&run);
    struct enclave_spawn spawn = {.size = sizeof spawn,
                                  .argv = (const char *const[]){"sh", "?", "arg", NULL},
                                  .env = (const char *const[]){"NONCE=ab c", NULL},
                                  .script_name = "main.sh",
                                  .script_data = script,
                                  .script_length = size,
                                  .script_index = 1,
                                  .window = 4096};

    (void)state;
    run_init(&run);
    memset(script, '#', size);
    memcpy(script + size - 64, "\necho $NONCE $1 $(wc -c <$0)\nexit 5\n#", 37);
    assert_int_equal(agent_spawn(peer.agent, &spawn, &events, &run.process, &err), 0);
    run_finish(&run);
    assert_string_equal(run.out[0], "ab c arg 300000\n");
    assert_int_equal(run.end.code, 5);
    run_free(&run);
    free(script);
}

static void bad_spawns_are_refused(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    const size_t size = (16u << 20) + 1;
    char *script = calloc(1, size);
    struct run run;
    struct enclave_process_events events = run_events(&run);
    struct enclave_spawn spawn = {.size = sizeof spawn,
                                  .argv = (const char *const[]){"sh", NULL},
                                  .script_name = "x",
                                  .script_data = script,
                                  .script_length = size,
                                  .window = 4096};
    void *process = &run;

    (void)state;
    assert_int_equal(agent_spawn(peer.agent, &spawn, &events, &process, &err), ENCLAVE_ETOOBIG);
    assert_non_null(strstr(err.message, "16777217"));
    spawn.script_length = 1;
    spawn.script_index = 1;
    assert_int_equal(agent_spawn(peer.agent, &spawn, &events, &process, &err), ENCLAVE_EINVALID);
    spawn.script_index = 0;
    spawn.window = 4095;
    assert_int_equal(agent_spawn(peer.agent, &spawn, &events, &process, &err), ENCLAVE_EINVALID);
    spawn.window = 4096;
    spawn.argv = (const char *const[]){NULL};
    assert_int_equal(agent_spawn(peer.agent, &spawn, &events, &process, &err), ENCLAVE_EINVALID);
    assert_ptr_equal(process, &run); /* untouched */
    free(script);
}

static void stdin_has_room_again(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static uint8_t data[100000];
    uint64_t sent = 0;
    struct run run;

    (void)state;
    start(&run, "wc -c", ENCLAVE_SPAWN_STDIN);
    while (sent < 1000000) {
        uint64_t taken = 0;

        pthread_mutex_lock(&run.lock);
        run.writables = 0;
        pthread_mutex_unlock(&run.lock);
        assert_int_equal(agent_process_write(run.process, data, sizeof data, &taken, &err), 0);
        sent += taken;
        if (taken < sizeof data) {
            assert_int_equal(run_wait_writable(&run, 10000), 0);
        }
    }
    assert_int_equal(agent_process_close_stdin(run.process, &err), 0);
    assert_int_equal(agent_process_write(run.process, data, 1, &sent, &err), ENCLAVE_ESTATE);
    run_finish(&run);
    assert_true(strtoull(run.out[0], NULL, 10) >= 1000000);
    run_free(&run);
}

static void held_output_stops_its_writer(void **state)
{
    struct run run;
    uint64_t total;

    (void)state;
    run_init(&run);
    run.hold = 1;
    assert_int_equal(run_start(&run, peer.agent,
                               (const char *const[]){"head", "-c", "1000000", "/dev/zero", NULL}, 0,
                               NULL),
                     0);
    assert_int_equal(run_wait_output(&run, 1, 65536, 10000), 0);
    assert_int_equal(run_wait_output(&run, 1, 65537, 200), -1); /* no more than the window */
    agent_process_credit(run.process, 1, 1);                    /* and one byte is one byte */
    assert_int_equal(run_wait_output(&run, 1, 65537, 10000), 0);
    for (total = 65537; total < 1000000;) {
        uint64_t next;

        agent_process_credit(run.process, 1, 65536);
        next = total + 65536 < 1000000 ? total + 65536 : 1000000;
        assert_int_equal(run_wait_output(&run, 1, next - 1, 10000), 0);
        total = next;
    }
    agent_process_credit(run.process, 1, 65536);
    run_finish(&run);
    assert_int_equal(run.total[0], 1000000);
    run_free(&run);
}

static void kill_takes_the_whole_tree(void **state)
{
    struct run run;
    int64_t before;

    (void)state;
    start(&run, "setsid sleep 100 & (trap '' TERM; sleep 100) & echo on; sleep 100", 0);
    assert_int_equal(run_wait_output(&run, 1, 3, 10000), 0);
    before = now_us();
    assert_int_equal(agent_process_kill(run.process, NULL), 0);
    assert_int_equal(agent_process_kill(run.process, NULL), 0);
    run_finish(&run);
    assert_true(now_us() - before < 2000000);
    assert_true(run.end.flags & ENCLAVE_EXIT_FLAG_KILLED);
    run_free(&run);
    start(&run, "true", 0);
    end(&run, 0);
}

/* ----------------------------------------------------------------------------------- concurrency */

#define THREADS 16
#define SPAWNS 200

struct spawner {
    struct agent *agent;
    int number;
    int wrong;
};

static void *spawn_many(void *arg)
{
    struct spawner *s = arg;

    for (int i = 0; i < SPAWNS; i++) {
        struct run run;
        char nonce[32];

        run_init(&run);
        (void)snprintf(nonce, sizeof nonce, "n-%d-%d\n", s->number, i);
        nonce[strlen(nonce) - 1] = '\0';
        if (run_start(&run, s->agent, (const char *const[]){"/bin/echo", nonce, NULL}, 0, NULL) ||
            run_wait(&run, 60000)) {
            s->wrong++;
            return NULL;
        }
        agent_process_release(run.process);
        run.out[0][strcspn(run.out[0], "\n")] = '\0';
        s->wrong += strcmp(run.out[0], nonce) != 0 || run.end.code != 0 || run.exits != 1;
        run_free(&run);
    }
    return NULL;
}

static void spawn_from_threads(struct peer_link *links, int count)
{
    struct spawner spawners[THREADS] = {0};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        spawners[i].agent = links[i % count].agent;
        spawners[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, spawn_many, &spawners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(spawners[i].wrong, 0);
    }
}

static void sixteen_threads_on_one_link(void **state)
{
    (void)state;
    spawn_from_threads(&peer, 1);
}

static void sixteen_threads_on_four_links(void **state)
{
    struct peer_link links[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        peer_link_open(&links[i], loop);
    }
    spawn_from_threads(links, 4);
    for (int i = 0; i < 4; i++) {
        peer_link_close(&links[i]);
    }
}

static void hundreds_live_at_once(void **state)
{
    enum { COUNT = 300 };
    struct run *runs = calloc(COUNT, sizeof *runs);

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        start(&runs[i], "read x; echo $x", ENCLAVE_SPAWN_STDIN);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        char line[16];
        uint64_t taken;

        (void)snprintf(line, sizeof line, "%d\n", i);
        assert_int_equal(agent_process_write(runs[i].process, line, strlen(line), &taken, NULL), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        run_finish(&runs[i]);
        assert_int_equal(atoi(runs[i].out[0]), i);
        run_free(&runs[i]);
    }
    free(runs);
}

/* ------------------------------------------------------------------------------------------ end */

static void close_tells_every_process(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct peer_link link;
    struct run runs[8];

    (void)state;
    peer_link_open(&link, loop);
    for (int i = 0; i < 8; i++) {
        run_init(&runs[i]);
        assert_int_equal(
            run_start(&runs[i], link.agent, (const char *const[]){"sleep", "100", NULL}, 0, NULL),
            0);
    }
    agent_process_kill(runs[0].process, NULL);
    agent_close(link.agent, "stopped by the test");
    for (int i = 0; i < 8; i++) {
        assert_int_equal(runs[i].exits, 1);
        if (runs[i].end.how != ENCLAVE_EXIT_SIGNALED) {
            assert_int_equal(runs[i].end.how, ENCLAVE_EXIT_LOST);
            assert_string_equal(runs[i].reason, "stopped by the test");
        }
    }
    assert_false(agent_alive(link.agent));
    assert_int_equal(run_start(&runs[0], link.agent, (const char *const[]){"true", NULL}, 0, &err),
                     ENCLAVE_ELOST);
    assert_non_null(strstr(err.message, "stopped by the test"));
    for (int i = 0; i < 8; i++) {
        agent_process_credit(runs[i].process, 1, 1);
        agent_process_release(runs[i].process);
        run_free(&runs[i]);
    }
    agent_free(link.agent);
    free(link.facts);
    peer_agent_reap(link.pid);
}

static void *spawn_until_lost(void *arg)
{
    struct spawner *s = arg;

    for (;;) {
        struct run run;
        int32_t rc;

        run_init(&run);
        rc = run_start(&run, s->agent, (const char *const[]){"/bin/echo", "x", NULL}, 0, NULL);
        if (rc == 0) {
            s->wrong += run_wait(&run, 20000) != 0 || run.exits != 1;
            agent_process_release(run.process);
        }
        run_free(&run);
        if (rc != 0) {
            s->wrong += rc != ENCLAVE_ELOST;
            return NULL;
        }
    }
}

/* By close and by fail in turn, in the middle of spawning. */
static void close_while_threads_spawn(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct spawner spawners[4] = {0};
        pthread_t threads[4];
        struct peer_link link;

        peer_link_open(&link, loop);
        for (int i = 0; i < 4; i++) {
            spawners[i].agent = link.agent;
            assert_int_equal(pthread_create(&threads[i], NULL, spawn_until_lost, &spawners[i]), 0);
        }
        usleep((useconds_t)(round * 3000));
        if (round % 2) {
            agent_fail(link.agent, "failed by the test");
        } else {
            agent_close(link.agent, "closed by the test");
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(spawners[i].wrong, 0);
        }
        peer_link_close(&link);
    }
}

/* ---------------------------------------------------------------------------------------- bench */

/* With ENCLAVE_BENCH set: the numbers of docs, on the real thing. */
static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The same without us: a pipe, posix_spawn, read to the end, wait. */
static void spawn_natively(void)
{
    char *const argv[] = {"sh", "-c", "echo hi", NULL};
    posix_spawn_file_actions_t actions;
    char text[16];
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    assert_int_equal(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    while (read(fds[0], text, sizeof text) > 0) {
    }
    close(fds[0]);
    peer_agent_reap(pid);
}

static void bench(void **state)
{
    enum { COUNT = 1000 };
    static int64_t times[COUNT];
    struct run run;
    int64_t before;

    (void)state;
    if (!getenv("ENCLAVE_BENCH")) {
        skip();
    }
    for (int i = 0; i < COUNT; i++) {
        before = now_us();
        start(&run, "echo hi", 0);
        end(&run, 0);
        times[i] = now_us() - before;
    }
    qsort(times, COUNT, sizeof times[0], compare);
    print_message("sh -c 'echo hi': p50 %lld us, p99 %lld us\n", (long long)times[COUNT / 2],
                  (long long)times[COUNT * 99 / 100]);
    for (int i = 0; i < COUNT; i++) {
        before = now_us();
        spawn_natively();
        times[i] = now_us() - before;
    }
    qsort(times, COUNT, sizeof times[0], compare);
    print_message("natively: p50 %lld us, p99 %lld us\n", (long long)times[COUNT / 2],
                  (long long)times[COUNT * 99 / 100]);
    before = now_us();
    start(&run, "head -c 1073741824 /dev/zero", 0);
    run_finish(&run);
    assert_int_equal(run.total[0], 1073741824);
    run_free(&run);
    print_message("1 GiB on stdout, window 64 KiB: %.0f MB/s\n",
                  1073.741824e6 / (double)(now_us() - before));
}

/* ----------------------------------------------------------------------------------------- main */

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agent_loop_new(&loop, NULL), 0);
    peer_link_open(&peer, loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_link_close(&peer);
    agent_loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_told),
        cmocka_unit_test(output_and_exit_code),
        cmocka_unit_test(signals_are_told),
        cmocka_unit_test(a_missing_program_is_127),
        cmocka_unit_test(a_script_is_put_in_place),
        cmocka_unit_test(bad_spawns_are_refused),
        cmocka_unit_test(stdin_has_room_again),
        cmocka_unit_test(held_output_stops_its_writer),
        cmocka_unit_test(kill_takes_the_whole_tree),
        cmocka_unit_test(sixteen_threads_on_one_link),
        cmocka_unit_test(sixteen_threads_on_four_links),
        cmocka_unit_test(hundreds_live_at_once),
        cmocka_unit_test(close_tells_every_process),
        cmocka_unit_test(close_while_threads_spawn),
        cmocka_unit_test(bench),
    };

    if (!peer_can_run_agent()) {
        print_message("needs root and the agent's program\n");
        return getenv("ENCLAVE_TEST_REQUIRE") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
