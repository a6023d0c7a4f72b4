/*
 * fork_server_support.c - see fork_server_support.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fork_server_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not in /tmp: a server's program lies where nobody else can write. */
struct places places = {.base = "/var/lib/enclave-fork-test-XXXXXX"};

void write_program(const char *path, mode_t mode)
{
    char command[256];
    snprintf(command, sizeof(command), "cp %s %s && chmod %o %s", FIXTURE_PATH, path,
             (unsigned)mode, path);
    assert_int_equal(system(command), 0);
}
int make_folders(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root for a PID namespace\n");
        exit(77);
    }
    if (!mkdtemp(places.base) || chmod(places.base, 0755) < 0)
        return -1;
    snprintf(places.work, sizeof(places.work), "%s/work", places.base);
    snprintf(places.scratch, sizeof(places.scratch), "%s/scratch", places.base);
    snprintf(places.program, sizeof(places.program), "%s/server", places.base);
    snprintf(places.starts, sizeof(places.starts), "%s/starts", places.base);
    snprintf(places.ran, sizeof(places.ran), "%s/ran", places.work);
    snprintf(places.gate, sizeof(places.gate), "%s/gate", places.base);
    snprintf(places.start_at_gate, sizeof(places.start_at_gate), "start=%s", places.gate);
    snprintf(places.report, sizeof(places.report), "report=%s", places.starts);
    if (mkdir(places.work, 0755) < 0 || chown(places.work, TEST_UID, TEST_GID) < 0 ||
        mkdir(places.scratch, 0755) < 0 || mkfifo(places.gate, 0600) < 0)
        return -1;
    write_program(places.program, 0755);
    return 0;
}

int remove_folders(void **state)
{
    (void)state;
    unlink(places.gate);
    unlink(places.starts);
    unlink(places.program);
    rmdir(places.work);
    rmdir(places.scratch);
    return rmdir(places.base);
}

int setup_mode(void **state, bool one_gid_only)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->link = link_open(ENCLAVE_AGENT_PATH, places.work, places.scratch, one_gid_only, f->facts,
                        sizeof(f->facts));
    *state = f;
    unlink(places.starts);
    unlink(places.ran);
    return f->link ? 0 : -1;
}

int setup(void **state)
{
    return setup_mode(state, false);
}

int setup_subreaper(void **state)
{
    return setup_mode(state, true);
}

int teardown(void **state)
{
    struct fixture *f = *state;
    link_close(f->link);
    free(f);
    return 0;
}

/* --------------------------------------------------------------------------------------- helpers */

/* The server of the executions from here on, with up to two options; each reports its start. */
void use_server(struct fixture *f, const char *option, const char *other)
{
    const char *const argv[] = {places.program, places.report, option, other};
    memset(f->server, 0, sizeof(f->server));
    memcpy(f->server, argv, sizeof(argv));
}

struct spawn_args command_args(struct fixture *f, const char *const *argv)
{
    return (struct spawn_args){
        .argv = argv, .server_argv = f->server, .server_flags = WIRE_FORK_SERVER_EAGER};
}

/* Start a shell command; the id. */
uint32_t begin(struct fixture *f, const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct spawn_args args = command_args(f, argv);
    link_spawn(f->link, ++f->id, &args);
    return f->id;
}

void run(struct fixture *f, const char *command, struct outcome *what)
{
    link_wait(f->link, begin(f, command), what);
}

bool is_forked(const struct outcome *what)
{
    return what->flags & WIRE_EXIT_FORKED;
}

/* A command that says a word does so, and was or was not forked. */
void expect_word_(struct fixture *f, bool forked, const char *file, int line)
{
    struct outcome what;
    run(f, "echo word", &what);
    if (what.how != WIRE_EXITED || what.code != 0 || is_forked(&what) != forked ||
        strcmp((const char *)what.out.data, "word\n") != 0)
        fail_msg("%s:%d: how %u, code %u, flags %u, output '%s', reason '%s'", file, line, what.how,
                 what.code, what.flags, what.out.data, what.reason);
    outcome_free(&what);
}

/* Each of `count` executions leaves a line in a file of the payload's. */
void begin_counted(struct fixture *f, unsigned first, unsigned count)
{
    char command[160];
    for (unsigned i = first; i < first + count; i++) {
        snprintf(command, sizeof(command), "echo %u >>%s; echo %u", i, places.ran, i);
        begin(f, command);
    }
}

void expect_ran_once(unsigned first, unsigned count)
{
    unsigned times[128] = {0};
    unsigned number;
    FILE *file = fopen(places.ran, "re");
    while (file && fscanf(file, "%u", &number) == 1)
        times[number % 128]++;
    if (file)
        fclose(file);
    unlink(places.ran);
    for (unsigned i = 0; i < 128; i++)
        if (times[i] != (i >= first && i < first + count))
            fail_msg("execution %u ran %u times", i, times[i]);
}

/* All the counted executions end well, each with its own number; how many were forked. */
unsigned wait_counted(struct fixture *f, unsigned first, unsigned count)
{
    struct outcome outcomes[128];
    char expected[16];
    unsigned forked = 0;
    link_wait_all(f->link, f->id - count + 1, count, outcomes);
    for (unsigned i = 0; i < count; i++) {
        snprintf(expected, sizeof(expected), "%u\n", first + i);
        assert_int_equal(outcomes[i].how, WIRE_EXITED);
        assert_out(outcomes[i], expected);
        forked += is_forked(&outcomes[i]);
        outcome_free(&outcomes[i]);
    }
    expect_ran_once(first, count);
    return forked;
}

void send_kill(struct fixture *f, uint32_t id)
{
    link_send(f->link, WIRE_KILL, 0, id, NULL, 0);
}

/* All that was sent before has been read when this is back. */
void round_trip(struct fixture *f)
{
    const char *const argv[] = {"true", NULL};
    struct spawn_args args = {.argv = argv};
    struct outcome what;
    link_spawn(f->link, ++f->id, &args);
    link_wait(f->link, f->id, &what);
    outcome_free(&what);
}

void expect_killed(struct fixture *f, uint32_t id, bool forked)
{
    struct outcome what;
    link_wait(f->link, id, &what);
    assert_int_equal(what.how, WIRE_SIGNALED);
    assert_int_equal(what.signal, SIGKILL);
    assert_true(what.flags & WIRE_EXIT_KILLED);
    assert_int_equal(is_forked(&what), forked);
    outcome_free(&what);
}

/* A server has come to the gate; the end for writing, at which it waits. */
int at_gate(void)
{
    for (int i = 0; i < 10000; i++) {
        int fd = open(places.gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        usleep(1000);
    }
    fail_msg("no server came to '%s'", places.gate);
    return -1;
}

void open_gate(void)
{
    close(at_gate());
}

/* How many lines of the servers' reports are just `text`. */
int reported(const char *text)
{
    FILE *file = fopen(places.starts, "re");
    char line[512];
    int count = 0;
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        count += strcmp(line, text) == 0;
    }
    if (file)
        fclose(file);
    return count;
}

int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

int agent_descriptors(const struct fixture *f)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)f->link->agent);
    return entries(path);
}

int processes_named(const char *marker)
{
    char command[200];
    snprintf(command, sizeof(command), "pgrep -fc -- '%s'", marker);
    FILE *p = popen(command, "re");
    int count = -1;
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &count), 1);
    pclose(p);
    return count;
}

/* The state of a process as /proc tells it, and 0 when there is none. */
char process_state(pid_t pid, pid_t *ret_parent)
{
    char path[64];
    char state = 0;
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) != 2)
            state = 0;
        fclose(file);
    }
    *ret_parent = parent;
    return state;
}

int zombies_of(pid_t parent)
{
    DIR *dir = opendir("/proc");
    int count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        pid_t its = 0;
        count += process_state((pid_t)atoi(entry->d_name), &its) == 'Z' && its == parent;
    }
    closedir(dir);
    return count;
}
