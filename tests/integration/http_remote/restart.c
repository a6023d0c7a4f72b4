/*
 * restart.c - a server that is killed and comes again, with `on_restart = adopt`, while many use it: no sandbox is lost, none
 * is there twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "served.h"

#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 32, CLIENTS_SAMPLED = 16, KILLS = 5, KILLS_SAMPLED = 1 };

/* One client: a sandbox that it keeps, with a file of its name, and others that it makes and deletes. */
struct client {
    struct enclave_manager *manager;
    int number;
    char kept[ENCLAVE_ID_SIZE];
    int executed, lost;
    char trouble[640]; /* what should not be; "" when all was well */
    pthread_t thread;
};

static atomic_int stopping;
static pthread_barrier_t all_have_begun;

static int32_t create(struct client *client, const char *key, char ret_id[ENCLAVE_ID_SIZE],
                      struct enclave_error *err)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;

    options.request_key = key;
    return enclave_manager_create_sandbox(client->manager, NULL,
                                          "{\"tools_config\": [\"shell_executor\"], "
                                          "\"memory_limit\": \"32m\", \"cpu_limit\": 0.5}",
                                          &options, ret_id, err);
}

/* 0; LOST when the server went away meanwhile, which is no trouble. */
static int32_t shell(struct client *client, const char *id, const char *command,
                     const char *expected, struct enclave_error *err)
{
    struct enclave_result *result = NULL;
    char params[256];

    snprintf(params, sizeof params, "{\"command\": \"%s\"}", command);
    int32_t r = enclave_manager_execute_tool(client->manager, id, "shell_executor", params, NULL,
                                             &result, err);
    if (r == 0 && result->cause == ENCLAVE_CAUSE_BACKEND_LOST) {
        r = ENCLAVE_ELOST;
    } else if (r == 0 && strcmp(result->output, expected) != 0) {
        r = enclave_error_set(err, ENCLAVE_EIO, "'%s' and not '%s'; %s", result->output, expected,
                              result->error ? result->error : "");
    }
    enclave_result_free(result);
    return r;
}

static int32_t use_kept(struct client *client, struct enclave_error *err)
{
    char expected[32];

    snprintf(expected, sizeof expected, "client %d\n", client->number);
    int32_t r = shell(client, client->kept, "cat name", expected, err);
    client->executed += r == 0;
    client->lost += r == ENCLAVE_ELOST;
    return r == ENCLAVE_ELOST ? 0 : r;
}

static int32_t make_and_delete(struct client *client, int round, struct enclave_error *err)
{
    char key[64], id[ENCLAVE_ID_SIZE];

    snprintf(key, sizeof key, "%d-%d-%d", (int)getpid(), client->number, round);
    int32_t r = create(client, key, id, err);
    if (r == 0) {
        r = enclave_manager_delete_sandbox(client->manager, id, err);
        r = r == ENCLAVE_ENOTFOUND ? 0 : r; /* the server was killed when it had done so */
    }
    return r;
}

static int32_t begin(struct client *client, struct enclave_error *err)
{
    char command[64];

    snprintf(command, sizeof command, "kept-%d-%d", (int)getpid(), client->number);
    int32_t r = create(client, command, client->kept, err);
    snprintf(command, sizeof command, "echo client %d >name", client->number);
    return r ? r : shell(client, client->kept, command, "", err);
}

static void *run(void *arg)
{
    struct client *client = arg;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int32_t begun = begin(client, &err);

    pthread_barrier_wait(&all_have_begun);
    if (begun < 0) {
        snprintf(client->trouble, sizeof client->trouble, "%d %s", (int)begun, err.message);
        return NULL;
    }
    for (int round = 0; !atomic_load(&stopping); round++) {
        int32_t r = use_kept(client, &err);
        if (r == 0 && round % 8 == client->number % 8) {
            r = make_and_delete(client, round, &err);
        }
        if (r < 0) {
            snprintf(client->trouble, sizeof client->trouble, "round %d: %d %s", round, (int)r,
                     err.message);
            return NULL;
        }
    }
    return NULL;
}

static size_t count_listed(struct enclave_manager *manager)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;

    assert_int_equal(enclave_manager_list_sandboxes(manager, 0, &text, &err), 0);
    json_object *list = json_tokener_parse(text);
    size_t count = json_object_array_length(list);
    json_object_put(list);
    enclave_free(text);
    return count;
}

static void test_killed_under_load(void **state)
{
    static const char *const more[] = {"backend http-remote.retry_timeout=120", NULL};
    struct served *served = served_new("", 0);
    struct client *clients = calloc(CLIENTS, sizeof *clients);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char ini[512];
    int full = getenv("ENCLAVE_TEST_FULL") != NULL;
    int executed = 0, lost = 0, kills = full ? KILLS : KILLS_SAMPLED;
    int count = full ? CLIENTS : CLIENTS_SAMPLED;

    (void)state;
    snprintf(ini, sizeof ini,
             "[enclave]\nbackend = docker\non_restart = adopt\ninstance = served-%d\n"
             "state_dir = %s\nreconnect_grace = 120\n",
             (int)getpid(), served->folder);
    served_write(served, "server.ini", 0600, ini);
    served_start(served);
    assert_int_equal(pthread_barrier_init(&all_have_begun, NULL, (unsigned)count + 1), 0);
    for (int i = 0; i < count; i++) {
        clients[i].manager = served_manager(served, more);
        clients[i].number = i;
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run, &clients[i]), 0);
    }
    pthread_barrier_wait(&all_have_begun);
    for (int i = 0; i < kills; i++) {
        (void)poll(NULL, 0, 2000);
        served_signal(served, SIGKILL);
        served_start(served);
    }
    (void)poll(NULL, 0, 1000);
    atomic_store(&stopping, 1);
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].trouble[0]) {
            print_error("client %d: %s\n", i, clients[i].trouble);
        }
        executed += clients[i].executed;
        lost += clients[i].lost;
    }
    print_message("%d executions, %d lost\n", executed, lost);
    for (int i = 0; i < count; i++) {
        assert_string_equal(clients[i].trouble, "");
        if (use_kept(&clients[i], &err) != 0) {
            fail_msg("client %d: %s", i, err.message);
        }
    }
    assert_int_equal(count_listed(clients[0].manager), count);
    for (int i = 0; i < count; i++) {
        enclave_manager_free(clients[i].manager); /* which deletes what it has made */
    }
    struct enclave_manager *last = served_manager(served, NULL);
    assert_int_equal(count_listed(last), 0);
    enclave_manager_free(last);
    free(clients);
    served_free(served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_under_load),
    };
    int r = served_setup("docker");

    return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
