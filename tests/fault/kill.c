/*
 * kill.c - SIGKILL of the program at any moment: its containers end by themselves.
 *
 * The program is this one again, with arguments: it makes sandboxes and executes in them until it is
 * killed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_query.h"
#include "program.h"
#include "support.h"
#include "traces.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOLDERS = 3, GONE_WITHIN_MS = 15000, RECLAIMED_WITHIN_MS = 5000, LATEST_KILL_MS = 1600 };

/* ------------------------------------------------------------------------------------ the victim */

static void *hold(void *ctx)
{
    struct enclave_manager *manager = ctx;

    for (;;) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
        char id[ENCLAVE_ID_SIZE];

        if (enclave_manager_create_sandbox(
                manager, NULL, "{\"tools_config\": [\"python_executor\"]}", NULL, id, &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.message);
            continue;
        }
        options.timeout_ms = 400; /* then the next one: kills meet creates and deletes as well */
        enclave_result_free(try_python(
            manager, id, "import os, time\nos.fork()\nwhile True: time.sleep(1)", &options, &err));
        (void)enclave_manager_delete_sandbox(manager, id, &err);
    }
    return NULL;
}

static int be_killed(const char *instance)
{
    struct enclave_manager *manager = make_manager(instance, NULL);
    pthread_t thread;

    for (int i = 1; i < HOLDERS; i++) {
        if (pthread_create(&thread, NULL, hold, manager) != 0) {
            return 1;
        }
    }
    (void)hold(manager);
    return 0;
}

/* -------------------------------------------------------------------------------------- the test */

static void sleep_ms(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0) {
    }
}

/*
 * The engine makes a container and starts it in two steps. Who is killed between them leaves one in
 * which nothing ever ran; the next manager of this host removes it when it starts.
 */
static void expect_reclaimed(const char *instance)
{
    char next[64];
    struct enclave_manager *manager;

    unique_name(next, sizeof next, "next");
    manager = make_manager(next, NULL);
    assert_true(engine_wait_empty(instance, RECLAIMED_WITHIN_MS) >= 0);
    enclave_manager_free(manager);
}

/* The engine says that they are gone; the host may take a moment more. */
static void expect_no_traces(const struct traces *traces)
{
    int64_t begun = now_ms();
    char last[512] = "";

    while (traces_left(traces, last, sizeof last) > 0) {
        if (now_ms() - begun > GONE_WITHIN_MS) {
            fail_msg("%d traces are left, among them %s", traces_left(traces, last, sizeof last),
                     last);
        }
        sleep_ms(20);
    }
}

static int64_t kill_one(char *self, int64_t after_ms)
{
    char instance[64];
    char *argv[] = {self, (char[]){"hold"}, instance, NULL};
    pid_t pid;
    struct traces traces;
    int64_t took;
    int held;

    unique_name(instance, sizeof instance, "kill");
    pid = program_start(argv, NULL, SIGKILL);
    assert_true(pid > 0);
    /* Podman takes its time to tell about itself, in which there is nothing to leave behind. */
    for (int i = 0; i < 500 && strcmp(test_backend(), "podman") == 0; i++) {
        if (engine_containers(instance) != 0) {
            break;
        }
        sleep_ms(20);
    }
    sleep_ms(after_ms);
    traces_note(&traces, instance);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(program_wait(pid, 5000), 128 + SIGKILL);
    held = engine_containers(instance);
    took = engine_wait_ended(instance, GONE_WITHIN_MS);
    if (took < 0) {
        fail_msg("killed after %lld ms, %d of %d containers of '%s' are left %d ms later",
                 (long long)after_ms, engine_containers(instance), held, instance, GONE_WITHIN_MS);
    }
    sleep_ms(300); /* a create under way may yet have come through */
    for (int i = 0; i < 30 && engine_unstarted(instance) != 0; i++) {
        sleep_ms(100); /* or be starting */
    }
    assert_true(engine_wait_ended(instance, GONE_WITHIN_MS) >= 0);
    int unstarted = engine_unstarted(instance);
    if (unstarted != 0) {
        expect_reclaimed(instance);
    }
    expect_no_traces(&traces);
    printf("killed after %lld ms: %d containers, gone after %lld ms; %d not started yet\n",
           (long long)after_ms, held, (long long)took, unstarted);
    return took;
}

static void test_a_killed_program_leaves_nothing(void **state)
{
    unsigned seed = (unsigned)now_ms();
    int kills = test_count(200, strcmp(test_backend(), "podman") == 0 ? 4 : 10);
    int volumes = engine_volumes();
    int64_t longest = 0;

    (void)state;
    for (int i = 0; i < kills; i++) {
        /* Every other one while the first sandboxes are being made, the others at any time. */
        int64_t after = i % 2 ? 40 + rand_r(&seed) % 160 : rand_r(&seed) % LATEST_KILL_MS;
        int64_t took = kill_one((char[]){"/proc/self/exe"}, after);

        longest = took > longest ? took : longest;
    }
    printf("%d kills: gone after %lld ms at the latest\n", kills, (long long)longest);
    expect_no_more_volumes(volumes);
}

/* The labels that a manager of this instance gave to a container. */
static json_object *labels_of(const char *instance)
{
    char path[256];

    (void)snprintf(path, sizeof path,
                   "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22io.enclave.instance"
                   "%%3D%s%%22%%5D%%7D",
                   instance);
    json_object *list = engine_get(engine_socket(), path);
    assert_true(json_object_array_length(list) > 0);
    json_object *labels =
        json_object_get(json_object_object_get(json_object_array_get_idx(list, 0), "Labels"));
    json_object_put(list);
    return labels;
}

/* Like what is left when a manager is killed between making a container and starting it; free() the name of its volume. */
static char *leave_unstarted(const char *instance)
{
    json_object *body = json_object_new_object(), *volumes = json_object_new_object();
    char path[256];

    json_object_object_add(volumes, "/data", json_object_new_object());
    json_object_object_add(body, "Labels", labels_of(instance));
    json_object_object_add(body, "Image", json_object_new_string("python:3.11-slim"));
    json_object_object_add(body, "Volumes", volumes);
    json_object *made = engine_post(engine_socket(), "/containers/create", body);
    assert_non_null(made);
    (void)snprintf(path, sizeof path, "/containers/%s/json",
                   json_object_get_string(json_object_object_get(made, "Id")));
    json_object *inspected = engine_get(engine_socket(), path);
    json_object *mounts = json_object_object_get(inspected, "Mounts");
    assert_int_equal(json_object_array_length(mounts), 1);
    char *volume = strdup(json_object_get_string(
        json_object_object_get(json_object_array_get_idx(mounts, 0), "Name")));
    json_object_put(inspected);
    json_object_put(made);
    json_object_put(body);
    return volume;
}

static int volume_exists(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "/volumes/%s", name);
    json_object *volume = engine_get(engine_socket(), path);
    json_object_put(volume);
    return volume != NULL;
}

/* Kills hit that moment seldom. */
static void test_what_was_never_started_is_reclaimed(void **state)
{
    char instance[64];
    char *argv[] = {(char[]){"/proc/self/exe"}, (char[]){"hold"}, instance, NULL};

    (void)state;
    unique_name(instance, sizeof instance, "created");
    pid_t pid = program_start(argv, NULL, SIGKILL);
    assert_true(pid > 0);
    while (engine_containers(instance) <= 0) {
        sleep_ms(20);
    }
    char *volume = leave_unstarted(instance);
    assert_true(engine_unstarted(instance) >= 1 && volume_exists(volume));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(program_wait(pid, 5000), 128 + SIGKILL);
    assert_true(engine_wait_ended(instance, GONE_WITHIN_MS) >= 0);
    expect_reclaimed(instance);
    assert_false(volume_exists(volume));
    free(volume);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_never_started_is_reclaimed),
        cmocka_unit_test(test_a_killed_program_leaves_nothing),
    };
    int skip = test_setup();

    if (!skip && argc == 3 && strcmp(argv[1], "hold") == 0) {
        return be_killed(argv[2]);
    }
    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
