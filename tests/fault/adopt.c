/*
 * adopt.c - on_restart = adopt: a manager that was killed, or has let go, is succeeded by another one, which finds
 * its sandboxes as they were.
 *
 * The manager that is killed is this program again, with arguments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    GONE_WITHIN_MS = 15000,
    ADOPTED_WITHIN_MS = 60000,
    BLOB_SIZE = 3 << 20,
    LOADERS = 4,
    CALLERS = 32,
    ANSWERS_BEFORE_READY = 2
};

static void sleep_ms(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0) {
    }
}

/* ------------------------------------------------------------------------------------ the managers */

static void print_log(void *ctx, uint32_t level, const char *message)
{
    (void)ctx;
    (void)level;
    (void)fprintf(stderr, "log: %s\n", message);
}

static int32_t try_manager(const char *instance, const char *const *more,
                           struct enclave_manager **ret_manager, struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char own[128], backend[64], backends[64];
    const char *overrides[16] = {own, backend, backends, "enclave.on_restart=adopt",
                                 "enclave.state_dir=" TEST_STATE_DIR};

    (void)snprintf(own, sizeof own, "enclave.instance=%s", instance);
    (void)snprintf(backend, sizeof backend, "enclave.backend=%s", test_backend());
    (void)snprintf(backends, sizeof backends, "plugins.backends=%s", test_backend());
    for (size_t n = 5; more && *more; more++) {
        overrides[n++] = *more;
    }
    options.config_path = "";
    options.overrides = overrides;
    options.log = print_log;
    return enclave_manager_new(&options, ret_manager, err);
}

static struct enclave_manager *adopting_manager(const char *instance, const char *const *more)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;

    if (try_manager(instance, more, &manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return manager;
}

/* An engine that is busy may not answer for long; nothing ends meanwhile. */
#define GRACE "120"
static const char *const keep[] = {"enclave.on_free=keep", "enclave.reconnect_grace=" GRACE, NULL};
static const char *const patient[] = {"enclave.reconnect_grace=" GRACE, NULL};

/* How many sandboxes a manager has. */
static int count_boxes(struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    if (enclave_manager_list_sandboxes(manager, 0, &text, &err) != 0) {
        fail_msg("%s", err.message);
    }
    int count = 0;
    for (const char *at = text; (at = strstr(at, "\"created_at\"")); at++) {
        count++;
    }
    enclave_free(text);
    return count;
}

/* The manager that has so many, when it has found them: at once, or when the engine answers. */
static struct enclave_manager *successor(const char *instance, const char *const *more, int boxes)
{
    struct enclave_manager *manager = adopting_manager(instance, more);
    int64_t begun = now_ms();

    while (count_boxes(manager) != boxes && now_ms() - begun < ADOPTED_WITHIN_MS) {
        sleep_ms(20);
    }
    assert_int_equal(count_boxes(manager), boxes);
    return manager;
}

/* ------------------------------------------------------------------------------------ the victims */

struct load {
    struct enclave_manager *manager;
    int kind;
};

/* Frames of all kinds under way in both directions at any moment. */
static void *load(void *ctx)
{
    const struct load *self = ctx;
    static char blob[BLOB_SIZE];

    for (;;) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        static const char *const codes[] = {
            "print(6 * 7)", "import sys\nwhile True: sys.stdout.write('x' * 100000)",
            "import os, time\nos.fork()\nos.setsid()\nwhile True: time.sleep(1)"};

        options.timeout_ms = 2000;
        if (self->kind == 0) {
            (void)enclave_manager_put_file(self->manager, "box", "/tmp/blob", blob, sizeof blob,
                                           0644, &err);
        } else {
            enclave_result_free(
                try_python(self->manager, "box", codes[self->kind - 1], &options, &err));
        }
    }
    return NULL;
}

static void say(const char *fd, const char *text)
{
    (void)!write(atoi(fd), text, strlen(text));
}

static int be_loaded(const char *instance, const char *grace, const char *fd)
{
    char option[64];
    const char *const more[] = {option, NULL};
    struct load loads[LOADERS];
    pthread_t thread;

    (void)snprintf(option, sizeof option, "enclave.reconnect_grace=%s", grace);
    struct enclave_manager *manager = successor(instance, more, 1);
    for (int i = 0; i < LOADERS; i++) {
        loads[i] = (struct load){manager, i};
        if (pthread_create(&thread, NULL, load, &loads[i]) != 0) {
            return 1;
        }
    }
    say(fd, "ready\n");
    (void)pause();
    return 0;
}

/* Callers work in boxes that they share: each counts in a file of its own, by what it finds there. */
struct caller {
    struct enclave_manager *manager;
    sem_t *answered;
    char box[16];
    int number;
};

static void *call(void *ctx)
{
    const struct caller *self = ctx;
    char command[256], expected[64];
    int answers = 0;

    (void)snprintf(
        command, sizeof command,
        "touch log%d; awk 'NR != $1 {exit 1}' log%d && echo $(($(wc -l < log%d) + 1)) >> "
        "log%d && cat name",
        self->number, self->number, self->number, self->number);
    (void)snprintf(expected, sizeof expected, "%s\n", self->box);
    for (;;) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_result *result = NULL;
        char *params = params_for("command", command, -1);

        (void)enclave_manager_execute_tool(self->manager, self->box, "shell_executor", params, NULL,
                                           &result, &err);
        if (!result || result->cause != ENCLAVE_CAUSE_EXITED ||
            strcmp(result->output, expected) != 0) {
            (void)fprintf(stderr, "caller %d in %s: %s\n", self->number, self->box,
                          result ? result->output : err.message);
            _exit(1);
        }
        enclave_result_free(result);
        free(params);
        if (answers++ < ANSWERS_BEFORE_READY) {
            (void)sem_post(self->answered);
        }
    }
    return NULL;
}

static int be_called(const char *instance, const char *boxes, const char *fd)
{
    static struct caller callers[CALLERS];
    struct enclave_manager *manager = successor(instance, patient, atoi(boxes));
    pthread_t thread;
    sem_t answered;

    if (sem_init(&answered, 0, 0) != 0) {
        return 1;
    }
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.manager = manager, .answered = &answered, .number = i};
        (void)snprintf(callers[i].box, sizeof callers[i].box, "box%d", i % atoi(boxes));
        if (pthread_create(&thread, NULL, call, &callers[i]) != 0) {
            return 1;
        }
    }
    /* However slow the machine is, the kill comes after every caller has something to lose. */
    for (int i = 0; i < CALLERS * ANSWERS_BEFORE_READY; i++) {
        while (sem_wait(&answered) != 0) {
        }
    }
    say(fd, "ready\n");
    (void)pause();
    return 0;
}

/* Start this program as `what`; returns when it says that it is ready. */
static pid_t start(const char *what, const char *instance, const char *argument)
{
    int fds[2];
    char number[16], text[16] = "";
    char *argv[] = {(char[]){"/proc/self/exe"}, (char *)what, (char *)instance,
                    (char *)argument,           number,       NULL};

    assert_int_equal(pipe(fds), 0);
    (void)snprintf(number, sizeof number, "%d", fds[1]);
    pid_t pid = program_start(argv, NULL, SIGKILL);
    assert_true(pid > 0);
    (void)close(fds[1]);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    (void)close(fds[0]);
    assert_string_equal(text, "ready\n");
    return pid;
}

static void kill_now(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(program_wait(pid, 5000), 128 + SIGKILL);
}

/* ------------------------------------------------------------------------------------------ tests */

/* How often, where it is not done in full. What a sanitizer looks at shows the first time, and Podman takes a second to
 * tell about itself. */
static int sampled(int full, int sample)
{
    return test_count(full, test_is_sanitized() || strcmp(test_backend(), "podman") == 0
                                ? (sample + 1) / 3
                                : sample);
}

/* What of a sandbox stays the same. */
static char *constant_part(struct enclave_manager *manager)
{
    static const char *const keys[] = {"id",         "type",   "config",
                                       "created_at", "status", "available_tools"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *value = info_member(manager, "box", keys[i]);
        (void)fprintf(out, "%s: %s\n", keys[i], value);
        free(value);
    }
    char *metadata = info_member(manager, "box", "metadata");
    (void)fprintf(out, "%.*s\n", (int)strcspn(metadata, ","), metadata); /* container_id */
    free(metadata);
    (void)fclose(out);
    assert_non_null(strstr(text, "container_id"));
    return text;
}

static void make_box(struct enclave_manager *manager, const char *name, const char *first)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];
    const char *config = "{\"tools_config\": {\"python_executor\": {\"timeout\": 7}, "
                         "\"shell_executor\": {}}, \"env_vars\": {\"COLOUR\": \"green\"}, "
                         "\"workdir_size\": \"64m\", \"command\": "
                         "\"while :; do echo talks; date +%s%N > /tmp/beat; sleep 0.05; done\"}";

    options.id = name;
    if (enclave_manager_create_sandbox(manager, NULL, config, &options, id, &err) != 0) {
        fail_msg("%s", err.message);
    }
    expect_shell(manager, name, first, "");
}

static void test_a_killed_manager_is_succeeded(void **state)
{
    unsigned seed = (unsigned)now_ms();
    int kills = sampled(40, 5);
    char instance[64];

    (void)state;
    unique_name(instance, sizeof instance, "adopt");
    struct enclave_manager *manager = adopting_manager(instance, keep);
    make_box(manager, "box", "echo one > file; setsid sleep 1000 > /dev/null 2>&1 &");
    char *before = constant_part(manager);
    enclave_manager_free(manager);
    for (int i = 0; i < kills; i++) {
        pid_t pid = start("load", instance, GRACE);
        sleep_ms(rand_r(&seed) % 700);
        kill_now(pid);
        int64_t begun = now_ms();
        manager = successor(instance, keep, 1);
        int64_t took = now_ms() - begun;
        char *after = constant_part(manager);
        assert_string_equal(after, before);
        free(after);
        expect_shell(manager, "box", "cat file; echo $COLOUR", "one\ngreen\n");
        /* Of what the other manager started, what ended executions have left goes on, and the command. */
        expect_shell(
            manager, "box",
            "for p in /proc/[0-9]*; do [ -O $p ] && tr '\\0' ' ' < $p/cmdline && echo; done "
            "2> /dev/null | grep -E '^sleep 1000|^[^ ]*python'",
            "sleep 1000 \n");
        expect_shell(manager, "box",
                     "beat=$(cat /tmp/beat); while [ \"$beat\" = \"$(cat /tmp/beat)\" ]; do "
                     "sleep 0.05; done; echo beats",
                     "beats\n");
        enclave_manager_free(manager);
        assert_int_equal(engine_containers(instance), 1);
        printf("adopted in %lld ms\n", (long long)took);
    }
    free(before);
    manager = successor(instance, patient, 1);
    enclave_manager_free(manager); /* on_free = delete */
    assert_true(engine_wait_empty(instance, GONE_WITHIN_MS) >= 0);
}

static void test_an_instance_has_one_manager(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *second = NULL;
    char instance[64], pid[32];

    (void)state;
    unique_name(instance, sizeof instance, "lock");
    struct enclave_manager *manager = adopting_manager(instance, NULL);
    int32_t r = try_manager(instance, NULL, &second, &err);
    (void)snprintf(pid, sizeof pid, "process %d has", (int)getpid());
    expect_error(r, ENCLAVE_EBUSY, &err, pid);
    expect_error(r, ENCLAVE_EBUSY, &err, ".lock'");
    enclave_manager_free(manager);
    manager = adopting_manager(instance, NULL);
    enclave_manager_free(manager);
}

static void test_nothing_is_left_after_the_grace(void **state)
{
    char instance[64];

    (void)state;
    unique_name(instance, sizeof instance, "grace");
    struct enclave_manager *manager = adopting_manager(instance, keep);
    make_box(manager, "box", "true");
    enclave_manager_free(manager);
    pid_t pid = start("load", instance, "2");
    sleep_ms(3000);
    kill_now(pid);
    assert_int_equal(engine_containers(instance), 1);
    int64_t took = engine_wait_empty(instance, GONE_WITHIN_MS);
    printf("gone %lld ms after the kill\n", (long long)took);
    assert_true(took >= 0);
}

static void test_callers_and_restarts(void **state)
{
    unsigned seed = (unsigned)now_ms();
    int restarts = sampled(20, 3), boxes = test_count(CALLERS, 4);
    char instance[64], count[16];

    (void)state;
    unique_name(instance, sizeof instance, "callers");
    struct enclave_manager *manager = adopting_manager(instance, keep);
    for (int i = 0; i < boxes; i++) {
        char name[16], command[64];
        (void)snprintf(name, sizeof name, "box%d", i);
        (void)snprintf(command, sizeof command, "echo %s > name", name);
        make_box(manager, name, command);
    }
    enclave_manager_free(manager);
    (void)snprintf(count, sizeof count, "%d", boxes);
    for (int i = 0; i < restarts; i++) {
        pid_t pid = start("call", instance, count);
        sleep_ms(rand_r(&seed) % 900);
        kill_now(pid);
        assert_int_equal(engine_containers(instance), boxes);
    }
    int64_t begun = now_ms();
    manager = successor(instance, patient, boxes);
    printf("%d adopted in %lld ms\n", boxes, (long long)(now_ms() - begun));
    expect_shell(manager, "box0", "cat name; [ $(wc -l < log0) -gt 1 ] && echo worked",
                 "box0\nworked\n");
    enclave_manager_free(manager);
    assert_true(engine_wait_empty(instance, GONE_WITHIN_MS) >= 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_instance_has_one_manager),
        cmocka_unit_test(test_a_killed_manager_is_succeeded),
        cmocka_unit_test(test_callers_and_restarts),
        cmocka_unit_test(test_nothing_is_left_after_the_grace),
    };
    int skip = test_setup();

    if (!skip && argc == 5 && strcmp(argv[1], "load") == 0) {
        return be_loaded(argv[2], argv[3], argv[4]);
    }
    if (!skip && argc == 5 && strcmp(argv[1], "call") == 0) {
        return be_called(argv[2], argv[3], argv[4]);
    }
    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
