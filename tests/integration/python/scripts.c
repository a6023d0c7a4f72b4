/*
 * scripts.c - python_executor does with a script what `python3 -u script.py` does: the same bytes on
 * stdout and stderr, tracebacks included, and the same end.
 *
 * Each of scripts/NN_name.py runs through the tool, in shuffled order and again in another one, since
 * what one call leaves to a later one shows only then; and as a plain process in a sandbox of the same
 * kind; and once with `warm` off, which tells a fault of the warm way from one of the test: of these
 * each eighth only, unless ENCLAVE_TEST_FULL is set or some are named.
 * scripts/NN_name.in, where there is one, is the script's stdin. Only the folder that the script lies
 * in may differ. What differs by nature (process ids, addresses, the seed of hashes) is for the scripts
 * not to print.
 *
 *     integration_python [PART OF A NAME]    those scripts only
 *     ENCLAVE_TEST_SEED=N                    the order of an earlier run
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"
#include "compare.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FEWEST 80
#define SCRIPT_TIMEOUT_MS 120000
#define PLAIN_FOLDER "/dev/shm/plain/"

static const char *only = ""; /* part of the names of the scripts to run */

struct script {
    char name[64]; /* NN_name */
    struct bytes source;
    struct bytes input;
};

struct suite {
    struct script *scripts;
    size_t count;
};

/* One way to run the scripts: a thread and a sandbox of its own. */
struct way {
    const char *name;
    const char *config; /* of its sandbox */
    size_t rounds;
    size_t step;        /* each so many-th script is run */
    size_t cold;        /* calls that are not forked from a warm interpreter */
    const char *prefix; /* what folders of scripts begin with */
    json_object *(*params)(const struct script *script);
    const char *tool;
    const struct suite *suite;
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    unsigned seed;
    struct capture *captures; /* rounds * count */
    pthread_t thread;
};

/* ------------------------------------------------------------------------------- the scripts */

static int is_script(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 3 && length < sizeof((struct script *)0)->name &&
           strcmp(entry->d_name + length - 3, ".py") == 0 && strstr(entry->d_name, only);
}

static void read_script(struct script *script, const char *file)
{
    char path[4096];

    (void)snprintf(script->name, sizeof script->name, "%.*s", (int)strlen(file) - 3, file);
    (void)snprintf(path, sizeof path, "%s/%s", TEST_SCRIPTS, file);
    if (bytes_read_file(&script->source, path) < 0) {
        fail_msg("cannot read '%s'", path);
    }
    (void)snprintf(path, sizeof path, "%s/%s.in", TEST_SCRIPTS, script->name);
    (void)bytes_read_file(&script->input, path); /* most have none */
}

static void read_suite(struct suite *suite)
{
    struct dirent **entries = NULL;
    int count = scandir(TEST_SCRIPTS, &entries, is_script, alphasort);

    assert_true(count > 0);
    suite->scripts = calloc((size_t)count, sizeof *suite->scripts);
    assert_non_null(suite->scripts);
    suite->count = (size_t)count;
    for (size_t i = 0; i < suite->count; i++) {
        read_script(&suite->scripts[i], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void free_suite(struct suite *suite)
{
    for (size_t i = 0; i < suite->count; i++) {
        bytes_free(&suite->scripts[i].source);
        bytes_free(&suite->scripts[i].input);
    }
    free(suite->scripts);
}

/* ----------------------------------------------------------------------------------- the ways */

static json_object *strings(const char *const *list)
{
    json_object *array = json_object_new_array();

    for (; *list; list++) {
        json_object_array_add(array, json_object_new_string(*list));
    }
    return array;
}

static json_object *tool_params(const struct script *script)
{
    json_object *params = json_object_new_object();

    json_object_object_add(
        params, "code",
        json_object_new_string_len(script->source.data, (int)script->source.length));
    return params;
}

/* The environment is as the tool gives it: what lies in the working directory can be imported. */
static json_object *plain_params(const struct script *script)
{
    json_object *params = json_object_new_object();
    char path[128];

    (void)snprintf(path, sizeof path, PLAIN_FOLDER "%s/script.py", script->name);
    json_object_object_add(
        params, "command",
        strings((const char *const[]){"env", "PYTHONPATH=/sandbox", "python3", "-u", path, NULL}));
    return params;
}

/* As with the tool, neither the script nor its folder can be written to. */
static void upload(const struct way *way)
{
    for (size_t i = 0; i < way->suite->count; i++) {
        const struct script *script = &way->suite->scripts[i];
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char path[128];

        (void)snprintf(path, sizeof path, PLAIN_FOLDER "%s/script.py", script->name);
        if (enclave_manager_put_file(way->manager, way->id, path, script->source.data,
                                     script->source.length, 0444, &err) != 0) {
            fail_msg("%s", err.message);
        }
    }
    expect_shell(way->manager, way->id, "chmod 555 " PLAIN_FOLDER "*", "");
}

static void shuffle(size_t *order, size_t count, unsigned *seed)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)rand_r(seed) % i, kept = order[i - 1];

        order[i - 1] = order[other];
        order[other] = kept;
    }
}

/* Each script finds the working directory and /tmp empty. */
static void run_script(const struct way *way, const struct script *script, struct capture *capture)
{
    json_object *clean = json_object_new_object();
    struct capture cleaned;

    capture_run(way->manager, way->id, way->tool, way->params(script), &script->input, NULL,
                SCRIPT_TIMEOUT_MS, capture);
    json_object_object_add(clean, "command",
                           strings((const char *const[]){"find", "/sandbox", "/tmp", "-mindepth",
                                                         "1", "-delete", NULL}));
    capture_run(way->manager, way->id, "shell_executor", clean, NULL, NULL, SCRIPT_TIMEOUT_MS,
                &cleaned);
    if (capture->error == 0 && (cleaned.error != 0 || cleaned.exit_code != 0)) {
        capture->error = ENCLAVE_ESTATE;
        (void)snprintf(capture->reason, sizeof capture->reason, "afterwards 'find' failed: %.400s",
                       cleaned.error      ? cleaned.reason
                       : cleaned.err.data ? cleaned.err.data
                                          : "");
    }
    capture_free(&cleaned);
    if (compare_normalise(capture, way->prefix) < 0) {
        capture->error = ENCLAVE_ENOMEM;
    }
}

static void *run_way(void *ctx)
{
    struct way *way = ctx;
    size_t count = way->suite->count;
    size_t *order = calloc(count, sizeof *order);

    for (size_t round = 0; order && round < way->rounds; round++) {
        shuffle(order, count, &way->seed);
        for (size_t i = 0; i < count; i++) {
            if (order[i] % way->step == 0) {
                run_script(way, &way->suite->scripts[order[i]],
                           &way->captures[round * count + order[i]]);
            }
        }
    }
    free(order);
    return NULL;
}

static void start_way(struct way *way, const struct suite *suite, struct fixture *f, unsigned seed)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    way->suite = suite;
    way->manager = f->manager;
    way->seed = seed;
    way->captures = calloc(way->rounds * suite->count, sizeof *way->captures);
    assert_non_null(way->captures);
    for (size_t i = 0; i < way->rounds * suite->count; i++) {
        way->captures[i].error = ENCLAVE_ESTATE; /* until it has run */
    }
    if (enclave_manager_create_sandbox(way->manager, NULL, way->config, NULL, way->id, &err) != 0) {
        fail_msg("%s", err.message);
    }
    if (way->params == plain_params) {
        upload(way);
    }
    assert_int_equal(pthread_create(&way->thread, NULL, run_way, way), 0);
}

static void end_way(struct way *way)
{
    for (size_t i = 0; i < way->rounds * way->suite->count; i++) {
        capture_free(&way->captures[i]);
    }
    free(way->captures);
    delete_sandbox(way->manager, way->id);
}

/* ----------------------------------------------------------------------------------- the test */

/* Rounds that differ from the plain one. A script that does not end by itself says nothing. */
static int count_differences(const struct way *plain, const struct way *way)
{
    size_t count = plain->suite->count;
    int differences = 0;

    for (size_t i = 0; i < way->rounds * count; i += way->step) {
        const struct capture *expected = &plain->captures[i % count];
        char title[160];

        (void)snprintf(title, sizeof title, "%s.py: %s, round %zu, is not as plain python3",
                       plain->suite->scripts[i % count].name, way->name, i / count + 1);
        if (!compare_same(title, expected, &way->captures[i])) {
            differences++;
        } else if (expected->cause != ENCLAVE_CAUSE_EXITED &&
                   expected->cause != ENCLAVE_CAUSE_SIGNALED) {
            printf("%s.py: %s\n", plain->suite->scripts[i % count].name,
                   enclave_cause_name(expected->cause));
            differences++;
        }
    }
    return differences;
}

/* Whether the calls were forked that were to be: else another thing was compared than was meant. */
static int is_as_warm_as_meant(const struct way *way)
{
    size_t count = way->rounds * way->suite->count, cold = 0;

    for (size_t i = 0; i < count; i++) {
        cold += !way->captures[i].warm;
    }
    if (cold == (way->cold < count ? way->cold : count)) {
        return 1;
    }
    printf("%s: %zu of %zu calls were not forked\n", way->name, cold, count);
    return 0;
}

static unsigned choose_seed(void)
{
    const char *given = getenv("ENCLAVE_TEST_SEED");

    return given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
}

static void test_scripts_behave_as_with_plain_python(void **state)
{
    struct suite suite = {0};
    struct way ways[] = {
        {.name = "plain",
         .config = "{\"tools_config\": [\"shell_executor\"]}",
         .rounds = 1,
         .step = 1,
         .cold = SIZE_MAX,
         .prefix = PLAIN_FOLDER,
         .params = plain_params,
         .tool = "shell_executor"},
        {.name = "python_executor",
         .config = "{\"tools_config\": [\"python_executor\", \"shell_executor\"]}",
         .rounds = 2,
         .step = 1,
         .cold = 1,
         .prefix = "/run/enclave/x",
         .params = tool_params,
         .tool = "python_executor"},
        {.name = "python_executor without warm",
         .config = "{\"tools_config\": {\"python_executor\": {\"warm\": false}, "
                   "\"shell_executor\": {}}}",
         .rounds = 1,
         .step = *only ? 1 : (size_t)test_count(1, 8),
         .cold = SIZE_MAX,
         .prefix = "/run/enclave/x",
         .params = tool_params,
         .tool = "python_executor"},
    };
    size_t count = sizeof ways / sizeof *ways;
    unsigned seed = choose_seed();
    int differences = 0;

    read_suite(&suite);
    printf("%zu scripts, ENCLAVE_TEST_SEED=%u\n", suite.count, seed);
    assert_true(suite.count >= FEWEST || *only);
    for (size_t i = 0; i < count; i++) {
        start_way(&ways[i], &suite, *state, seed);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(ways[i].thread, NULL);
    }
    for (size_t i = 1; i < count; i++) {
        differences += count_differences(&ways[0], &ways[i]);
        differences += !is_as_warm_as_meant(&ways[i]);
    }
    for (size_t i = 0; i < count; i++) {
        end_way(&ways[i]);
    }
    free_suite(&suite);
    assert_int_equal(differences, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts_behave_as_with_plain_python),
    };
    int skip = test_setup();

    only = argc > 1 ? argv[1] : "";
    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
