/*
 * test_adopt.c - sandboxes that outlive their manager: what is kept, what is taken back and what is not, and who may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char base[64], plugins[80], store[80], locks[80];
static char warnings[4096];

static void take_log(void *ctx, uint32_t level, const char *message)
{
    size_t used = strlen(warnings);
    (void)ctx;
    if (level <= 2) { /* ENCLAVE_LOG_WARNING */
        (void)snprintf(warnings + used, sizeof warnings - used, "%s\n", message);
    }
}

static int32_t try_manager(uint32_t flags, const char *const *more,
                           struct enclave_manager **ret_manager, struct enclave_error *err)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    char path[128], folder[128], state[128];
    const char *overrides[16] = {
        path,
        folder,
        state,
        "enclave.backend=store",
        "enclave.instance=it",
        "enclave.on_restart=adopt",
    };
    (void)snprintf(path, sizeof path, "plugins.path=%s", plugins);
    (void)snprintf(folder, sizeof folder, "backend store.folder=%s", store);
    (void)snprintf(state, sizeof state, "enclave.state_dir=%s", locks);
    for (size_t n = 6; more && *more; more++) {
        overrides[n++] = *more;
    }
    options.flags = flags;
    options.config_path = "";
    options.overrides = overrides;
    options.log = take_log;
    warnings[0] = '\0';
    return enclave_manager_new(&options, ret_manager, err);
}

static struct enclave_manager *manager_with(const char *const *more)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    if (try_manager(0, more, &manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return manager;
}

static const char *const keep[] = {"enclave.on_free=keep", NULL};

static void make_with(struct enclave_manager *manager, const char *id, const char *config,
                      uint32_t flags)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char ret_id[ENCLAVE_ID_SIZE];
    options.id = id;
    options.flags = flags;
    if (enclave_manager_create_sandbox(manager, NULL, config, &options, ret_id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

static void make(struct enclave_manager *manager, const char *id, const char *config)
{
    make_with(manager, id, config, 0);
}

static char *info_of(struct enclave_manager *manager, const char *id)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    if (enclave_manager_get_sandbox_info(manager, id, &text, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return text;
}

static int count(struct enclave_manager *manager)
{
    char *text = NULL;
    assert_int_equal(enclave_manager_list_sandboxes(manager, 0, &text, NULL), 0);
    json_object *list = support_json(text);
    int n = (int)json_object_array_length(list);
    json_object_put(list);
    return n;
}

static int exists(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", store, name);
    return access(path, F_OK) == 0;
}

static void write_state(const char *name, const char *text)
{
    char path[256];
    support_write(store, name, text, strlen(text), path);
}

/* ------------------------------------------------------------------------------------------ tests */

static void test_kept_and_taken_back(void **state)
{
    (void)state;
    struct enclave_manager *manager = manager_with(keep);
    make(manager, "box",
         "{\"tools_config\": {\"plain\": {}}, \"env_vars\": {\"A\": \"\\u00e9\"}, "
         "\"timeout\": 7, \"pids_limit\": 64}");
    char *before = info_of(manager, "box");
    enclave_manager_free(manager);
    assert_true(exists("box"));

    manager = manager_with(NULL);
    char *after = info_of(manager, "box");
    assert_string_equal(warnings, "");
    json_object *a = support_json(before), *b = support_json(after);
    static const char *const keys[] = {"config", "created_at",      "status",
                                       "type",   "available_tools", "metadata"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_string_equal(support_text(b, keys[i], NULL), support_text(a, keys[i], NULL));
    }
    assert_string_equal(support_text(b, "metadata", "shelf", NULL), "7");
    json_object_put(a);
    json_object_put(b);
    enclave_manager_free(manager); /* on_free = delete */
    assert_false(exists("box"));
}

/* Whose it is, by which request it was made, and how long it is to be kept. */
static void test_what_was_said_of_it(void **state)
{
    (void)state;
    static const char *const keep_short[] = {"enclave.on_free=keep", "enclave.running_ttl=1", NULL};
    static const char *const short_lived[] = {"enclave.running_ttl=1", NULL};
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char first[ENCLAVE_ID_SIZE], second[ENCLAVE_ID_SIZE];
    const char *config = "{\"timeout\": 7, \"env_vars\": {\"A\": \"1\"}}";
    struct enclave_manager *manager = manager_with(keep_short);
    options.owner = "alice \"the first\"";
    options.request_key = "k \"1\" \u00e9";
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, config, &options, first, &err),
                     0);
    assert_int_equal(enclave_manager_keep_alive(manager, first, 1000, &err), 0);
    enclave_manager_free(manager);

    struct timespec pause = {2, 200000000}; /* older than running_ttl */
    (void)nanosleep(&pause, NULL);
    manager = manager_with(keep_short);
    assert_string_equal(warnings, "");
    json_object *info = support_json(info_of(manager, first));
    assert_string_equal(support_text(info, "metadata", "owner", NULL), options.owner);
    json_object_put(info);
    assert_int_equal(enclave_manager_sweep(manager, NULL, &err), 0);
    assert_int_equal(count(manager), 1);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, config, &options, second, &err),
                     0);
    assert_string_equal(second, first);
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, "{}", &options, second, &err),
                     ENCLAVE_EEXISTS);
    enclave_manager_free(manager);

    manager = manager_with(short_lived); /* and the next one after that knows it too */
    assert_int_equal(enclave_manager_create_sandbox(manager, NULL, config, &options, second, &err),
                     0);
    assert_string_equal(second, first);
    assert_int_equal(count(manager), 1);
    enclave_manager_free(manager);
}

/* Of what was kept, what is not as we write it is left out, or refused. */
static void test_bad_sayings(void **state)
{
    (void)state;
    char longer[512];
    write_state("plain", "{\"version\": 1, \"config\": {}, \"owner\": 5, \"request_key\": \"k\", "
                         "\"request_print\": \"zz\", \"kept_until_us\": 9223372036854775807}");
    (void)snprintf(longer, sizeof longer,
                   "{\"version\": 1, \"config\": {}, \"request_print\": "
                   "\"00000000000000000000000000000000\", \"request_key\": \"%0300d\"}",
                   0);
    write_state("key", longer);
    write_state("owner", "{\"version\": 1, \"config\": {}, \"owner\": \"a\\nb\"}");
    struct enclave_manager *manager = manager_with(NULL);
    assert_contains(warnings, "'owner' cannot be adopted and is deleted: owner: expected 1 to 63");
    assert_int_equal(count(manager), 2);
    enclave_manager_free(manager);
}

/* The next manager knows nothing of pools, so their sandboxes would be nobody's. */
static void test_transient(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = manager_with(keep);
    char *ids = NULL, member[ENCLAVE_ID_SIZE];
    make(manager, "box", "{}");
    make_with(manager, "passing", "{}", ENCLAVE_CREATE_TRANSIENT);
    if (enclave_manager_initialize_pool(manager, NULL, 1, NULL, "{}", NULL, &ids, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(sscanf(ids, "[\"%63[^\"]", member), 1);
    enclave_free(ids);
    assert_int_equal(count(manager), 3);
    assert_true(exists("box"));
    assert_false(exists("passing") || exists(member)); /* were it killed now, they would be gone */
    enclave_manager_free(manager);
    assert_true(exists("box"));
    enclave_manager_free(manager_with(NULL));
    assert_false(exists("box"));
}

/* What an agent gives back is not trusted. */
static void test_bad_states(void **state)
{
    (void)state;
    static const struct {
        const char *id, *text, *why;
    } rows[] = {
        {"empty", "", "not valid JSON"},
        {"cut", "{\"version\": 1, \"config\": {", "not valid JSON"},
        {"list", "[1]", "not what this version keeps"},
        {"later", "{\"version\": 2, \"config\": {}}", "not what this version keeps"},
        {"noconfig", "{\"version\": 1, \"config\": 5}", "not what this version keeps"},
        {"dir", "{\"version\": 1, \"config\": {\"working_dir\": 5}}", "working_dir"},
        {"tool", "{\"version\": 1, \"config\": {\"tools_config\": {\"none\": {}}}}",
         "no tool 'none'"},
        {"field", "{\"version\": 1, \"config\": {\"made_up\": 1}}", "made_up"},
        {"Bad Id", "{\"version\": 1, \"config\": {}}", "no valid id"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_state(rows[i].id, rows[i].text);
    }
    write_state("good", "{\"version\": 1, \"config\": {}, \"created_us\": -5, \"metadata\": 3}");
    struct enclave_manager *manager = manager_with(keep);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_contains(warnings, rows[i].id);
        assert_contains(warnings, rows[i].why);
        assert_false(exists(rows[i].id));
    }
    assert_int_equal(count(manager), 1);
    free(info_of(manager, "good"));
    enclave_manager_free(manager);
    assert_true(exists("good"));
    manager = manager_with(NULL);
    assert_string_equal(warnings, "");
    enclave_manager_free(manager);
}

static void test_ages_go_on(void **state)
{
    (void)state;
    static const char *const more[] = {"enclave.running_ttl=1000000", NULL};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    /* Of 1970, and of tomorrow, which is taken for today. */
    write_state("old", "{\"version\": 1, \"config\": {}, \"created_us\": 1}");
    write_state("new", "{\"version\": 1, \"config\": {}, \"created_us\": 9000000000000000000}");
    struct enclave_manager *manager = manager_with(more);
    assert_int_equal(count(manager), 2);
    assert_int_equal(enclave_manager_sweep(manager, &text, &err), 0);
    assert_contains(text, "\"old\"");
    assert_contains(text, "running_ttl");
    enclave_free(text);
    assert_int_equal(count(manager), 1);
    enclave_manager_free(manager);
}

/* Asked again at each sweep until it has answered, and not after that. */
static void test_an_engine_that_is_down(void **state)
{
    (void)state;
    char path[256];
    write_state("box", "{\"version\": 1, \"config\": {}}");
    write_state(".down", "");
    struct enclave_manager *manager = manager_with(NULL);
    assert_contains(warnings, "backend 'store' cannot be asked");
    warnings[0] = '\0';
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    assert_string_equal(warnings, ""); /* once is enough */
    assert_int_equal(count(manager), 0);
    (void)snprintf(path, sizeof path, "%s/.down", store);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
        assert_string_equal(warnings, "");
        assert_int_equal(count(manager), 1);
    }
    enclave_manager_free(manager);
}

/* A sandbox that was made meanwhile keeps its id. */
static void test_an_id_is_taken(void **state)
{
    (void)state;
    char path[256];
    write_state(".down", "");
    struct enclave_manager *manager = manager_with(NULL);
    make(manager, "box", "{}");
    (void)snprintf(path, sizeof path, "%s/.down", store);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    assert_contains(warnings, "there is another sandbox with its id");
    assert_int_equal(count(manager), 1);
    enclave_manager_free(manager);
}

static void test_tidying(void **state)
{
    (void)state;
    struct stat st;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/.tidied", store);
    (void)unlink(path);
    write_state(".orphan", "");
    struct enclave_manager *manager = manager_with(NULL);
    write_state(".orphan", "");
    assert_int_equal(enclave_manager_sweep(manager, NULL, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2); /* at the start and at the sweep */
    char *text = NULL;
    assert_int_equal(enclave_manager_get_stats(manager, &text, NULL), 0);
    json_object *stats = support_json(text);
    assert_string_equal(support_text(stats, "reclaimed", "owner_gone", NULL), "2");
    json_object_put(stats);
    enclave_manager_free(manager);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *first = manager_with(NULL), *second = NULL;
    char part[128];
    make(first, "box", "{}");
    assert_int_equal(try_manager(0, NULL, &second, &err), ENCLAVE_EBUSY);
    (void)snprintf(part, sizeof part, "process %d has '%s/it.lock' locked", (int)getpid(), locks);
    assert_error(err, ENCLAVE_EBUSY, part);
    /* Who wants nothing of it is not in its way. */
    assert_int_equal(try_manager(ENCLAVE_MANAGER_TRANSIENT, keep, &second, &err), 0);
    assert_int_equal(count(second), 0);
    make(second, "own", "{}");
    enclave_manager_free(second);
    assert_false(exists("own"));
    assert_true(exists("box"));
    enclave_manager_free(first);
    assert_false(exists("box"));
}

static void test_places_of_the_lock(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    char path[256];
    assert_int_equal(chmod(locks, 0777), 0);
    assert_int_equal(try_manager(0, NULL, &manager, &err), ENCLAVE_EDENIED);
    assert_error(err, ENCLAVE_EDENIED, "can be written by others");
    assert_int_equal(chmod(locks, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/it.lock", locks);
    (void)unlink(path);
    assert_int_equal(symlink("/tmp/elsewhere", path), 0);
    assert_int_equal(try_manager(0, NULL, &manager, &err), ENCLAVE_EIO);
    assert_error(err, ENCLAVE_EIO, "it.lock");
    assert_int_equal(unlink(path), 0);
    static const char *const nowhere[] = {"enclave.state_dir=/nonexistent/at/all", NULL};
    assert_int_equal(try_manager(0, nowhere, &manager, &err), ENCLAVE_EIO);
    assert_error(err, ENCLAVE_EIO, "make state_dir '/nonexistent/at/all'");
}

static int set_up(void **state)
{
    (void)state;
    support_folder(base);
    (void)snprintf(plugins, sizeof plugins, "%s/plugins", base);
    (void)snprintf(store, sizeof store, "%s/store", base);
    (void)snprintf(locks, sizeof locks, "%s/locks", base);
    (void)mkdir(plugins, 0755);
    (void)mkdir(store, 0755);
    support_install(plugins, "backend-store", "backend-store.so");
    support_install(plugins, "tool-plain", "tool-plain.so");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove(base);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_and_taken_back),
        cmocka_unit_test(test_what_was_said_of_it),
        cmocka_unit_test(test_bad_sayings),
        cmocka_unit_test(test_transient),
        cmocka_unit_test(test_bad_states),
        cmocka_unit_test(test_ages_go_on),
        cmocka_unit_test(test_an_engine_that_is_down),
        cmocka_unit_test(test_an_id_is_taken),
        cmocka_unit_test(test_tidying),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_places_of_the_lock),
    };
    return cmocka_run_group_tests_name("adopt", tests, set_up, tear_down);
}
