/*
 * test_reconcile.c - what is removed of what was left behind, with a scripted engine: whose containers, and what comes
 * of an engine that fails for one of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmocka_all.h"
#include "fake.h"
#include "json_build.h"
#include "labels.h"
#include "reconcile.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static struct fake *fake;
static struct worker worker;
static struct reconcile reconcile;
static char *list;
static atomic_int fails; /* so many deletions, from now on */
static atomic_int runs;  /* `ab` does, until somebody waits for its end */
static char told[256];   /* what was reclaimed; read when the worker has ended */

static void owner_gone(void *ctx, const char *id)
{
    size_t used = strlen(told);

    (void)ctx;
    (void)snprintf(told + used, sizeof told - used, "%s ", id);
}

static const struct enclave_reclaimed reclaimed = {sizeof reclaimed, 0, owner_gone};

static const void *extension(void *ctx, const char *id)
{
    (void)ctx;
    return strcmp(id, ENCLAVE_RECLAIMED) == 0 ? &reclaimed : NULL;
}

static const struct enclave_host host = {.size = sizeof host, .extension = extension};

static int answer(void *ctx, int fd, const char *request)
{
    (void)ctx;
    if (strncmp(request, "GET ", 4) == 0) {
        fake_send_answer(fd, 200, list ? list : "[]");
    } else if (strncmp(request, "POST ", 5) == 0) {
        atomic_store(&runs, 0);
        fake_send_answer(fd, 200, "{\"StatusCode\":0}");
    } else if (strstr(request, "/containers/ab") && atomic_load(&runs)) {
        fake_send_answer(fd, 409, "{\"message\":\"cannot remove a running container\"}");
    } else if (strstr(request, "/containers/a9")) {
        fake_send_answer(fd, 404, "{\"message\":\"somebody else was faster\"}");
    } else if (atomic_fetch_sub(&fails, 1) > 0) {
        fake_send_answer(fd, 503, "{\"message\":\"not today\"}");
    } else {
        fake_send(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    }
    return 1;
}

static unsigned deletions(const char *name)
{
    char part[128];

    (void)snprintf(part, sizeof part, "DELETE /v1.41/containers/%s", name);
    return fake_requests(fake, part);
}

static void wait_for(const char *name, unsigned count)
{
    for (int i = 0; i < PATIENCE_MS && deletions(name) < count; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(deletions(name), count);
}

/* Ours come first, then the list. */
static void wait_for_list(unsigned count)
{
    for (int i = 0; i < PATIENCE_MS && fake_requests(fake, "GET /v1.41/containers/json") < count;
         i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(fake_requests(fake, "GET /v1.41/containers/json"), count);
}

/* ------------------------------------------------------------------------------------------ tests */

static void add_container(json_object *containers, const char *id, const char *label,
                          const char *value, int keep, const char *state)
{
    json_object *container = json_object_new_object();
    json_object *labels = labels_make("i", "e", id, keep, "");

    json_object_object_add(labels, label, json_object_new_string(value));
    json_object_object_add(container, "Id", json_object_new_string(id));
    json_object_object_add(container, "State", json_object_new_string(state));
    json_object_object_add(container, "Labels", labels);
    json_object_array_add(containers, container);
}

static void test_whose_are_removed(void **state)
{
    json_object *containers = json_object_new_array();
    char dead[32];
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    (void)snprintf(dead, sizeof dead, "%ld", (long)child);
    add_container(containers, "a1", LABEL_PID, dead, 0, "exited");
    add_container(containers, "a2", LABEL_SANDBOX, "of a living owner", 0, "exited");
    add_container(containers, "a3", LABEL_PID, dead, 1, "exited");
    add_container(containers, "a4", LABEL_PID_NAMESPACE, "pid:[1]", 0, "exited");
    add_container(containers, "../a5", LABEL_PID, dead, 0, "exited");
    add_container(containers, "a6", LABEL_PID, dead, 0, "created");
    json_object_array_add(containers, json_object_new_string("no container"));
    add_container(containers, "a8", LABEL_PID, dead, 0, "running");
    add_container(containers, "a9", LABEL_PID, dead, 0, "exited");
    add_container(containers, "aa", LABEL_PID, dead, 0, "removing");
    add_container(containers, "ab", LABEL_PID, dead, 0, "created");
    add_container(containers, "a7", LABEL_PID, dead, 0, "dead");
    list = strdup(json_object_to_json_string(containers));
    json_object_put(containers);
    atomic_store(&runs, 1);
    atomic_store(&fails, 1); /* that of the first does not keep the others */
    reconcile_look_again(&reconcile);
    wait_for("a7", 1);
    assert_int_equal(deletions("a1"), 1);
    assert_int_equal(deletions("a6"), 1);
    assert_int_equal(deletions("aa"), 1);
    assert_int_equal(deletions("ab"), 2); /* it was being started the first time */
    assert_int_equal(deletions(""), 7);
    reconcile_look_again(&reconcile); /* at the next sweep */
    wait_for("a1", 2);
    wait_for("a7", 2);
    worker_clear(&worker);
    worker_init(&worker);
    /* Each time what this one has removed, and nobody else. */
    assert_string_equal(told, "a6 aa ab a7 a1 a6 aa ab a7 ");
}

static void test_ours_are_tried_again(void **state)
{
    (void)state;
    atomic_store(&fails, 3);
    reconcile_bury(&reconcile, "enclave-one", 0);
    reconcile_bury(&reconcile, "enclave-two", 0);
    for (unsigned i = 1; i <= 4; i++) {
        reconcile_look_again(&reconcile);
        wait_for_list(i);
    }
    assert_int_equal(deletions("enclave-one"), 3); /* the first two times it failed */
    assert_int_equal(deletions("enclave-two"), 2); /* the first time */
}

static int open_all(void **state)
{
    (void)state;
    fake = fake_new("1.41", "1.24", answer, NULL);
    worker_init(&worker);
    reconcile_init(&reconcile, &host, &worker);
    told[0] = '\0';
    reconcile.api = (struct container_api){fake_engine(fake), 5000};
    return worker_start(&worker, NULL) == 0 ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    reconcile_stop(&reconcile);
    worker_clear(&worker);
    reconcile_clear(&reconcile);
    engine_free(reconcile.api.engine);
    fake_free(fake);
    free(list);
    list = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whose_are_removed, open_all, close_all),
        cmocka_unit_test_setup_teardown(test_ours_are_tried_again, open_all, close_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
