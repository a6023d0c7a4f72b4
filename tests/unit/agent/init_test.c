/*
 * init_test.c - the real enclave-agent as PID 1 of a namespace, over a socket: executions, their
 * end, files, and what a payload must not be able to do. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test_wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PYTHON "/usr/bin/python3"

static char base[] = "/tmp/enclave-init-test-XXXXXX";
static char work[64];    /* the payload's folder */
static char scratch[64]; /* the agent's */

struct fixture {
    struct link *link;
    uint32_t id;
    char facts[16384];
};

static int setup_mode(void **state, bool one_gid_only)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->link =
        link_open(ENCLAVE_AGENT_PATH, work, scratch, one_gid_only, f->facts, sizeof(f->facts));
    *state = f;
    return f->link ? 0 : -1;
}

static int setup(void **state)
{
    return setup_mode(state, false);
}

static int setup_subreaper(void **state)
{
    return setup_mode(state, true);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    link_close(f->link);
    free(f);
    return 0;
}

/* Run and wait. */
static void run(struct fixture *f, const struct spawn_args *args, struct outcome *what)
{
    link_spawn(f->link, ++f->id, args);
    link_wait(f->link, f->id, what);
}

static void shell(struct fixture *f, const char *command, struct outcome *what)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    run(f, &(struct spawn_args){.argv = argv}, what);
}

#define assert_out(what, text) assert_string_equal((const char *)(what).out.data, text)
#define out_has(what, text) (strstr((const char *)(what).out.data, text) != NULL)

static void still_answers(struct fixture *f)
{
    struct outcome what;
    shell(f, "echo alive", &what);
    assert_out(what, "alive\n");
    outcome_free(&what);
}

/* How many processes have just this command line. */
static int processes_named(const char *marker)
{
    char command[200];
    snprintf(command, sizeof(command), "pgrep -fxc -- '%s'", marker);
    FILE *p = popen(command, "r");
    int count = -1;
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &count), 1);
    pclose(p);
    return count;
}

/* A fraction of a second where the machine has nothing else to do. */
#define KILLED_WITHIN_US 5000000u

static void kill_and_wait(struct fixture *f, struct outcome *what)
{
    uint64_t start = now_us();
    link_send(f->link, WIRE_KILL, 0, f->id, NULL, 0);
    link_wait(f->link, f->id, what);
    assert_true(what->flags & WIRE_EXIT_KILLED);
    assert_true(now_us() - start < KILLED_WITHIN_US);
}

static void test_run(void **state)
{
    struct outcome what;
    shell(*state, "echo hi; echo oops >&2; exit 7", &what);
    assert_out(what, "hi\n");
    assert_string_equal((const char *)what.err.data, "oops\n");
    assert_int_equal(what.how, WIRE_EXITED);
    assert_int_equal(what.code, 7);
    assert_true(what.cpu_us > 0);
    outcome_free(&what);
    shell(*state, "kill -SEGV $$", &what);
    assert_int_equal(what.how, WIRE_SIGNALED);
    assert_int_equal(what.signal, SIGSEGV);
    outcome_free(&what);
}

static void test_env_and_cwd(void **state)
{
    const char *const argv[] = {"sh", "-c", "echo $BASE $CONFIGURED $OWN; pwd; umask", NULL};
    const char *const env[] = {"OWN=x", "CONFIGURED=over", NULL};
    char expected[128];
    struct outcome what;
    run(*state, &(struct spawn_args){.argv = argv, .env = env}, &what);
    snprintf(expected, sizeof(expected), "agent over x\n%s\n0022\n", work);
    assert_out(what, expected);
    outcome_free(&what);
    run(*state, &(struct spawn_args){.argv = argv, .env = env, .cwd = "/usr"}, &what);
    assert_out(what, "agent over x\n/usr\n0022\n");
    outcome_free(&what);
    run(*state, &(struct spawn_args){.argv = argv, .cwd = "/nowhere"}, &what);
    assert_int_equal(what.code, 126);
    assert_non_null(strstr(what.reason, "/nowhere"));
    outcome_free(&what);
}

static void test_cannot_start(void **state)
{
    static const struct {
        const char *program;
        uint32_t code;
    } cases[] = {{"no-such-program", 127}, {"/no/such", 127}, {"/etc/passwd", 126}, {"/tmp", 126}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const argv[] = {cases[i].program, NULL};
        struct outcome what;
        run(*state, &(struct spawn_args){.argv = argv}, &what);
        assert_int_equal(what.how, WIRE_EXITED);
        assert_int_equal(what.code, cases[i].code);
        assert_true(what.reason[0] != '\0' && !strchr(what.reason, '\n'));
        outcome_free(&what);
    }
}

static void test_long_message(void **state)
{
    size_t length = 100000;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    const char *const argv[] = {"sh", "-c", "printf %s \"$1\" | wc -c", "sh", text, NULL};
    struct outcome what;
    run(*state, &(struct spawn_args){.argv = argv}, &what);
    assert_out(what, "100000\n");
    outcome_free(&what);
    free(text);
}

static void test_stdin(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"cat", NULL};
    static uint8_t data[1 << 20];
    size_t room = WIRE_STDIN_WINDOW;
    size_t sent = 0;
    size_t came = 0;
    bool ended = false;
    bool exited = false;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = argv, .with_stdin = true});
    while (!exited) {
        struct wire_frame frame;
        while (room > 0 && sent < sizeof(data)) {
            size_t n = room < sizeof(data) - sent ? room : sizeof(data) - sent;
            n = n < WIRE_PAYLOAD_MAX ? n : WIRE_PAYLOAD_MAX;
            link_send(f->link, WIRE_STDIN, 0, f->id, data + sent, n);
            sent += n;
            room -= n;
        }
        if (sent == sizeof(data) && !ended) {
            link_send(f->link, WIRE_STDIN_EOF, 0, f->id, NULL, 0);
            ended = true;
        }
        assert_true(link_receive(f->link, 5000, &frame));
        if (frame.type == WIRE_STDIN_ROOM) {
            room += wire_get_u32(frame.payload);
            assert_true(room <= WIRE_STDIN_WINDOW);
        } else if (frame.type == WIRE_OUTPUT) {
            uint8_t credit[8];
            assert_memory_equal(frame.payload, data + came, frame.length);
            came += frame.length;
            wire_put_u32(credit, WIRE_STDOUT);
            wire_put_u32(credit + 4, (uint32_t)frame.length);
            link_send(f->link, WIRE_CREDIT, 0, f->id, credit, sizeof(credit));
        } else {
            exited = frame.type == WIRE_EXIT;
        }
    }
    assert_int_equal(came, sizeof(data));
}

static long resident_kib(pid_t pid)
{
    char path[64];
    char line[256];
    long kib = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

/* Without credit nothing more comes, and the agent keeps nothing either. */
static void test_flow_control(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"yes", NULL};
    struct wire_frame frame;
    struct outcome what;
    size_t came = 0;
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = argv, .window = 100000});
    while (link_receive(f->link, 300, &frame)) {
        assert_int_equal(frame.type, WIRE_OUTPUT);
        came += frame.length;
    }
    assert_int_equal(came, 100000);
    long kib = resident_kib(f->link->agent);
    assert_in_range(kib, 1, 2048);
    still_answers(f);
    f->id--; /* the one before is what is killed */
    kill_and_wait(f, &what);
    f->id++;
    outcome_free(&what);
}

static void test_script(void **state)
{
    const char *const argv[] = {"sh", "PLACE", "arg", NULL};
    char left[128];
    struct outcome what;
    run(*state,
        &(struct spawn_args){.argv = argv,
                             .script_name = "main.sh",
                             .script_index = 1,
                             .script = "echo $1 $0; echo x 2>/dev/null >>$0 || echo read-only"},
        &what);
    assert_true(out_has(what, "arg /"));
    assert_true(out_has(what, "/main.sh\nread-only\n"));
    outcome_free(&what);
    snprintf(left, sizeof(left), "ls -A %s", scratch);
    shell(*state, left, &what);
    assert_out(what, "");
    outcome_free(&what);
}

static void test_kill_tree(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    const char *const other[] = {"sh", "-c", "sleep 2; echo unharmed", NULL};
    const char *const argv[] = {
        "sh", "-c",
        "setsid sleep 7771 & (setsid sh -c 'setsid sleep 7772 & exit' &);"
        "(trap '' TERM; sleep 7773; sleep 7774) & sleep 7775 & sleep 0.1; kill -STOP "
        "$!; echo started; kill -STOP $$",
        NULL};
    struct wire_frame frame;
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = other});
    uint32_t other_id = f->id;
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = argv});
    do
        assert_true(link_receive(f->link, 5000, &frame));
    while (frame.id != f->id || frame.type != WIRE_OUTPUT);
    usleep(100000);
    assert_int_equal(processes_named("sleep 777[1235]"), 4);
    kill_and_wait(f, &what);
    assert_int_equal(what.how, WIRE_SIGNALED);
    assert_int_equal(what.signal, SIGKILL);
    outcome_free(&what);
    assert_int_equal(processes_named("sleep 777[1-5]"), 0);
    link_wait(f->link, other_id, &what);
    assert_out(what, "unharmed\n");
    outcome_free(&what);
}

static void test_kill_fork_bomb(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    const char *const argv[] = {
        PYTHON, "-c", "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n", NULL};
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = argv});
    usleep(700000);
    kill_and_wait(f, &what);
    outcome_free(&what);
    still_answers(f);
}

/* The main process has ended, what it left goes on; the execution after it does not mind. */
static void test_background(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    struct outcome killed;
    const char *const sleeper[] = {"sleep", "8882", NULL};
    shell(f, "sleep 8881 >/dev/null 2>&1 & echo left", &what);
    assert_out(what, "left\n");
    outcome_free(&what);
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = sleeper});
    usleep(50000);
    kill_and_wait(f, &killed);
    outcome_free(&killed);
    assert_int_equal(processes_named("sleep 8881"), 1);
    assert_int_equal(processes_named("sleep 8882"), 0);
}

static void test_signal(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = {"sh", "-c", "trap 'echo got; exit 5' USR1; echo up; read x", NULL};
    struct wire_frame frame;
    struct outcome what;
    uint8_t number[4];
    link_spawn(f->link, ++f->id, &(struct spawn_args){.argv = argv, .with_stdin = true});
    assert_true(link_receive(f->link, 5000, &frame));
    wire_put_u32(number, SIGUSR1);
    link_send(f->link, WIRE_SIGNAL, 0, f->id, number, sizeof(number));
    link_wait(f->link, f->id, &what);
    assert_int_equal(what.code, 5);
    outcome_free(&what);
}

static void test_confinement(void **state)
{
    struct fixture *f = *state;
    struct outcome what;
    assert_non_null(strstr(f->facts, "no_new_privs=1\n"));
    assert_non_null(strstr(f->facts, "seccomp=2\n"));
    assert_non_null(strstr(f->facts, "cap_eff=0000000000000000\n"));
    assert_non_null(strstr(f->facts, "cap_bnd=0000000000000000\n"));
    assert_non_null(strstr(f->facts, "uid=54321\n"));
    assert_non_null(strstr(f->facts, "mount:/tmp="));
    shell(f,
          "id -u; id -g; grep -c '^Cap.*0000000000000000' /proc/self/status; "
          "ls /proc/self/fd | wc -l; cat /proc/self/oom_score_adj; ulimit -c",
          &what);
    assert_out(what, "54321\n54322\n5\n4\n500\n0\n");
    outcome_free(&what);
}

static void test_denied(void **state)
{
    const char *const argv[] = {PYTHON, "-c",
                                "import ctypes, os, socket\n"
                                "c = ctypes.CDLL(None, use_errno=True)\n"
                                "def no(what, r): print(what, 'BAD' if r >= 0 else 'no')\n"
                                "for f in (40, 17):\n"
                                "  try: socket.socket(f, socket.SOCK_DGRAM); print('socket BAD')\n"
                                "  except PermissionError: pass\n"
                                "no('userns', c.unshare(0x10000000))\n"
                                "no('io_uring', c.syscall(425, 1, 0))\n"
                                "no('bpf', c.syscall(321, 0, 0, 0))\n"
                                "no('keyctl', c.syscall(250, 0, 0))\n"
                                "no('userfaultfd', c.syscall(323, 1))\n"
                                "no('mount', c.mount(b'x', b'/tmp', b'tmpfs', 0, None))\n"
                                "no('clone3', c.syscall(435, 0, 0))\n"
                                "no('ptrace', c.ptrace(16, 1, 0, 0))\n"
                                "for p in ('mem', 'environ', 'maps', 'exe', 'cwd'):\n"
                                "  try: open('/proc/1/' + p).read(1); print(p, 'BAD')\n"
                                "  except OSError: pass\n"
                                "try: os.listdir('/proc/1/fd'); print('fd BAD')\n"
                                "except OSError: pass\n"
                                "print('done')\n",
                                NULL};
    struct outcome what;
    run(*state, &(struct spawn_args){.argv = argv}, &what);
    assert_false(out_has(what, "BAD"));
    assert_true(out_has(what, "done"));
    outcome_free(&what);
}

static void test_cannot_kill_agent(void **state)
{
    struct outcome what;
    shell(*state, "kill -TERM 1; kill -STOP 1; kill -9 1; kill -9 -1; echo survived", &what);
    outcome_free(&what);
    still_answers(*state);
}

/* ------------------------------------------------------------------------------- the stream's end */

/* What the agent says to bytes that are no frame. */
static void expect_fatal(const void *data, size_t length)
{
    char facts[4096];
    struct wire_frame frame;
    struct link *link = link_open(ENCLAVE_AGENT_PATH, work, scratch, false, facts, sizeof(facts));
    assert_non_null(link);
    assert_int_equal(send(link->fd, data, length, MSG_NOSIGNAL), length);
    assert_true(link_receive(link, 5000, &frame));
    assert_int_equal(frame.type, WIRE_FATAL);
    assert_true(frame.length > 4);
    assert_false(link_receive(link, 5000, &frame));
    link_close(link);
}

static void test_garbage(void **state)
{
    uint8_t frame[WIRE_HEADER_SIZE + 4];
    (void)state;
    expect_fatal("GET / HTTP/1.1\r\n\r\n", 18);
    wire_put_header(frame, WIRE_PAYLOAD_MAX + 1, WIRE_SPAWN, 0, 1);
    expect_fatal(frame, WIRE_HEADER_SIZE);
    wire_put_header(frame, 4, WIRE_SPAWN, 0, 1);
    wire_put_u32(frame + WIRE_HEADER_SIZE, 0);
    expect_fatal(frame, sizeof(frame));
    wire_put_header(frame, 4, 99, 0, 1);
    expect_fatal(frame, sizeof(frame));
}

static void test_end_of_stream(void **state)
{
    char facts[4096];
    const char *const argv[] = {"sh", "-c", "setsid sleep 9991 & sleep 9992", NULL};
    struct link *link = link_open(ENCLAVE_AGENT_PATH, work, scratch, false, facts, sizeof(facts));
    (void)state;
    assert_non_null(link);
    link_spawn(link, 1, &(struct spawn_args){.argv = argv});
    for (int i = 0; i < 100 && processes_named("sleep 999[12]") < 2; i++)
        usleep(10000);
    assert_int_equal(processes_named("sleep 999[12]"), 2);
    link_close(link); /* waits for the namespace's parent, which waits for the agent */
    assert_int_equal(processes_named("sleep 999[12]"), 0);
}

/* ------------------------------------------------------------------------------------ small, fast */

static void test_size(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(ENCLAVE_AGENT_PATH, &st), 0);
    assert_true(st.st_size < 1 << 20);
    assert_in_range(resident_kib(f->link->agent), 1, 2048);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void native_echo(void)
{
    char *const argv[] = {"sh", "-c", "echo hi", NULL};
    char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    char text[16];
    int fds[2];
    pid_t pid;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    assert_int_equal(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    while (read(fds[0], text, sizeof(text)) > 0)
        continue;
    close(fds[0]);
    waitpid(pid, NULL, 0);
}

/* Prints; what is fast enough is for the benchmark and its reader. */
static void test_latency(void **state)
{
    enum { ROUNDS = 100 };
    static uint64_t times[2][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome what;
        uint64_t start = now_us();
        shell(*state, "echo hi", &what);
        times[0][i] = now_us() - start;
        assert_out(what, "hi\n");
        outcome_free(&what);
        start = now_us();
        native_echo();
        times[1][i] = now_us() - start;
    }
    for (int i = 0; i < 2; i++)
        qsort(times[i], ROUNDS, sizeof(times[i][0]), compare_times);
    uint64_t agent = times[0][ROUNDS / 2];
    uint64_t native = times[1][ROUNDS / 2];
    print_message("sh -c 'echo hi', median of %d: agent %llu us, native %llu us\n", ROUNDS,
                  (unsigned long long)agent, (unsigned long long)native);
}

/* --------------------------------------------------------------------------- where gids are not had */

static void test_subreaper_mode(void **state)
{
    struct fixture *f = *state;
    assert_non_null(strstr(f->facts, "kill=subreaper\n"));
    still_answers(f);
}

static int make_folders(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root for a PID namespace\n");
        exit(77);
    }
    if (!mkdtemp(base) || chmod(base, 0755) < 0)
        return -1;
    snprintf(work, sizeof(work), "%s/work", base);
    snprintf(scratch, sizeof(scratch), "%s/scratch", base);
    if (mkdir(work, 0755) < 0 || chown(work, TEST_UID, TEST_GID) < 0 || mkdir(scratch, 0755) < 0)
        return -1;
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    rmdir(work);
    rmdir(scratch);
    return rmdir(base);
}

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_SUBREAPERS(test) cmocka_unit_test_setup_teardown(test, setup_subreaper, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_run),
        WITH_AGENT(test_env_and_cwd),
        WITH_AGENT(test_cannot_start),
        WITH_AGENT(test_long_message),
        WITH_AGENT(test_stdin),
        WITH_AGENT(test_flow_control),
        WITH_AGENT(test_script),
        WITH_AGENT(test_kill_tree),
        WITH_AGENT(test_kill_fork_bomb),
        WITH_AGENT(test_background),
        WITH_AGENT(test_signal),
        WITH_AGENT(test_confinement),
        WITH_AGENT(test_denied),
        WITH_AGENT(test_cannot_kill_agent),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_end_of_stream),
        WITH_AGENT(test_size),
        WITH_AGENT(test_latency),
        WITH_SUBREAPERS(test_subreaper_mode),
        WITH_SUBREAPERS(test_run),
        WITH_SUBREAPERS(test_kill_tree),
        WITH_SUBREAPERS(test_background),
        WITH_SUBREAPERS(test_signal),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
