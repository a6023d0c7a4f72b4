/*
 * ending.c - the end of a manager whose server takes connections and does not answer any more: it is waited for once, and not
 * for each sandbox; what is left there is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_server.h"
#include "served.h"

#include <enclave/plugin.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SANDBOXES = 20,
    AT_ONCE = 9 /* of those that are deleted, at most: a thread for each */
};

struct scene {
    struct fake_server *server;
    struct enclave_manager *manager;
    atomic_int made;
    atomic_int hangs;
    char ids[SANDBOXES][ENCLAVE_ID_SIZE];
    pthread_mutex_t lock; /* guards the log */
    char log[65536];
    size_t length;
};

static void answer_with(int fd, const char *body)
{
    char text[512];

    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\nServer: enclave/0.1.0\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    fake_send(fd, text);
}

static int answer(void *ctx, int fd, const char *request)
{
    struct scene *scene = ctx;
    char body[64];

    if (atomic_load(&scene->hangs) || strncmp(request, "POST /sandbox/tool", 18) == 0) {
        fake_wait_for_close(fd);
        return 0;
    }
    snprintf(body, sizeof body, "{\"healthy\":true,\"sandbox_id\":\"made-%02d\"}",
             atomic_fetch_add(&scene->made, 1));
    answer_with(fd, body);
    return 1;
}

static void take_line(void *ctx, uint32_t level, const char *line)
{
    struct scene *scene = ctx;

    pthread_mutex_lock(&scene->lock);
    if (level <= ENCLAVE_LOG_WARNING && scene->length < sizeof scene->log) {
        scene->length += (size_t)snprintf(scene->log + scene->length,
                                          sizeof scene->log - scene->length, "%s\n", line);
    }
    pthread_mutex_unlock(&scene->lock);
}

static struct scene *scene_new(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char url[96];
    const char *overrides[] = {"enclave.backend=http-remote",
                               url,
                               "backend http-remote.request_timeout=1",
                               "backend http-remote.end_timeout=3600",
                               "pool p.size=20",
                               NULL};

    assert_non_null(scene);
    (void)pthread_mutex_init(&scene->lock, NULL);
    scene->server = fake_server_new(NULL, answer, scene);
    snprintf(url, sizeof url, "backend http-remote.base_url=http://127.0.0.1:%d",
             fake_server_port(scene->server));
    options.config_path = "";
    options.overrides = overrides;
    options.log = take_line;
    options.log_ctx = scene;
    if (enclave_manager_new(&options, &scene->manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return scene;
}

/* The manager ends, with a server that hangs from now on. */
static void end(struct scene *scene)
{
    atomic_store(&scene->hangs, 1);
    enclave_manager_free(scene->manager);
}

static void scene_free(struct scene *scene)
{
    fake_server_free(scene->server);
    (void)pthread_mutex_destroy(&scene->lock);
    free(scene);
}

static void make(struct scene *scene, char ret_id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_create_sandbox(scene->manager, NULL, NULL, NULL, ret_id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

static void check_told(const struct scene *scene, const char *id)
{
    char name[ENCLAVE_ID_SIZE + 16];

    snprintf(name, sizeof name, "sandbox '%s'", id);
    if (!strstr(scene->log, name)) {
        fail_msg("nothing of %s in: %s", name, scene->log);
    }
}

static void check_end(int count)
{
    struct scene *scene = scene_new();

    for (int i = 0; i < count; i++) {
        make(scene, scene->ids[i]);
    }
    end(scene);
    assert_in_range(fake_server_requests(scene->server, "DELETE "), 1,
                    count < AT_ONCE ? count : AT_ONCE);
    for (int i = 0; i < count; i++) {
        check_told(scene, scene->ids[i]);
    }
    assert_non_null(strstr(scene->log, "gives no sign of life any more"));
    scene_free(scene);
}

static void test_one(void **state)
{
    (void)state;
    check_end(1);
}

static void test_many(void **state)
{
    (void)state;
    check_end(SANDBOXES);
}

/* Those of a pool are ended in the background, a few at a time. */
static void test_pool(void **state)
{
    struct scene *scene = scene_new();
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    if (enclave_manager_initialize_pool(scene->manager, "p", 0, NULL, NULL, NULL, NULL, &err) !=
        0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(fake_server_requests(scene->server, "POST /sandbox/create"), SANDBOXES);
    end(scene);
    assert_in_range(fake_server_requests(scene->server, "DELETE "), 1, AT_ONCE);
    scene_free(scene);
}

static void *execute(void *arg)
{
    struct scene *scene = arg;
    struct enclave_result *result = NULL;
    int32_t r = enclave_manager_execute_tool(scene->manager, scene->ids[0], "shell_executor",
                                             "{\"command\": \"sleep 100\"}", NULL, &result, NULL);

    assert_true(r == ENCLAVE_ELOST || (r == 0 && result->cause == ENCLAVE_CAUSE_BACKEND_LOST));
    enclave_result_free(result);
    return NULL;
}

/* It is asked to stop first, in vain; then it is not asked for more. */
static void test_while_it_executes(void **state)
{
    struct scene *scene = scene_new();
    pthread_t thread;

    (void)state;
    make(scene, scene->ids[0]);
    assert_int_equal(pthread_create(&thread, NULL, execute, scene), 0);
    fake_server_wait(scene->server, "POST /sandbox/tool", 1);
    end(scene);
    pthread_join(thread, NULL);
    assert_int_equal(fake_server_requests(scene->server, "/stop"), 1);
    assert_int_equal(fake_server_requests(scene->server, "DELETE "), 0);
    check_told(scene, scene->ids[0]);
    scene_free(scene);
}

/* One that is somebody else's goes on without us, however long its server would still be waited for. */
static void test_while_it_executes_elsewhere(void **state)
{
    struct scene *scene = scene_new();
    pthread_t thread;

    (void)state;
    snprintf(scene->ids[0], sizeof scene->ids[0], "theirs");
    assert_int_equal(pthread_create(&thread, NULL, execute, scene), 0);
    fake_server_wait(scene->server, "POST /sandbox/tool", 1);
    enclave_manager_free(scene->manager);
    pthread_join(thread, NULL);
    assert_int_equal(fake_server_requests(scene->server, "/stop"), 0);
    assert_int_equal(fake_server_requests(scene->server, "DELETE "), 0);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_while_it_executes),
        cmocka_unit_test(test_while_it_executes_elsewhere),
    };

    (void)setenv("ENCLAVE_PLUGIN_PATH", TEST_PLUGIN_DIR, 1);
    (void)unsetenv("ENCLAVE_CONFIG");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
