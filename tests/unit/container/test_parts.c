/*
 * test_parts.c - labels and their owner, the uids, the worker, the agent's program in a tar.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent_program.h"
#include "agent_volume.h"
#include "json_build.h"
#include "labels.h"
#include "uid_range.h"
#include "worker.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- labels */

static void test_owner_is_alive(void **state)
{
    json_object *labels = labels_make("i", "e", "s", 0, "");

    (void)state;
    assert_non_null(labels);
    assert_string_equal(json_text(labels, LABEL_SANDBOX, ""), "s");
    assert_null(json_member(labels, LABEL_KEEP));
    assert_int_equal(labels_owner(labels, 0), LABELS_OWNER_ALIVE);
    json_object_put(labels);
}

static enum labels_owner owner_created(const char *name, const char *value, int64_t created)
{
    json_object *labels = labels_make("i", "e", "s", 1, "");
    enum labels_owner owner;

    json_object_object_add(labels, name, json_object_new_string(value));
    owner = labels_owner(labels, created);
    json_object_put(labels);
    return owner;
}

static enum labels_owner owner_with(const char *name, const char *value)
{
    return owner_created(name, value, 0);
}

static void test_owner_is_dead_or_unknown(void **state)
{
    char pid[32];
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    (void)snprintf(pid, sizeof pid, "%ld", (long)child);
    assert_int_equal(owner_with(LABEL_PID, pid), LABELS_OWNER_DEAD);
    assert_int_equal(owner_with(LABEL_PID_START, "1"), LABELS_OWNER_DEAD);
    assert_int_equal(owner_with(LABEL_HOSTNAME, "other"), LABELS_OWNER_UNKNOWN);
    assert_int_equal(owner_with(LABEL_PID_NAMESPACE, "pid:[1]"), LABELS_OWNER_UNKNOWN);
    assert_int_equal(owner_with(LABEL_PID, "-1"), LABELS_OWNER_UNKNOWN);
    assert_int_equal(labels_owner(NULL, 0), LABELS_OWNER_UNKNOWN);
}

/* Dead, but not yet waited for. */
static void test_owner_is_zombie(void **state)
{
    json_object *labels;
    char pid[32];
    siginfo_t info;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    (void)snprintf(pid, sizeof pid, "%ld", (long)child);
    assert_int_equal(owner_with(LABEL_PID, pid), LABELS_OWNER_DEAD);
    (void)waitpid(child, NULL, 0);
    labels = labels_make("i", "e", "s", 0, "");
    assert_int_equal(labels_owner(labels, 1), LABELS_OWNER_ALIVE);
    json_object_put(labels);
}

/* Another boot may be another host of the same name, unless the container is older than ours. */
static void test_owner_of_another_boot(void **state)
{
    (void)state;
    assert_int_equal(owner_created(LABEL_BOOT_ID, "other", time(NULL)), LABELS_OWNER_UNKNOWN);
    assert_int_equal(owner_created(LABEL_BOOT_ID, "other", 0), LABELS_OWNER_UNKNOWN);
    assert_int_equal(owner_created(LABEL_BOOT_ID, "other", 1000000000), LABELS_OWNER_DEAD);
}

/* Without a descriptor nothing can be read: the living are not to be taken for dead. */
static void test_owner_without_descriptors(void **state)
{
    json_object *labels = labels_make("i", "e", "s", 0, "");
    struct rlimit before;
    struct rlimit none;
    enum labels_owner owner;
    enum labels_owner old;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    owner = labels_owner(labels, 1);
    json_object_object_add(labels, LABEL_BOOT_ID, json_object_new_string("other"));
    old = labels_owner(labels, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_not_equal(owner, LABELS_OWNER_DEAD);
    assert_int_not_equal(old, LABELS_OWNER_DEAD);
    json_object_put(labels);
}

static int adoptable_with(const char *name, const char *value)
{
    json_object *labels = labels_make("i", "e", "s", 0, "token");
    int adoptable;

    if (name) {
        json_object_object_add(labels, name, json_object_new_string(value));
    }
    adoptable = labels_adoptable(labels, "i", "e");
    json_object_put(labels);
    return adoptable;
}

static void test_adoptable(void **state)
{
    (void)state;
    assert_true(adoptable_with(NULL, NULL));
    assert_true(adoptable_with(LABEL_HOSTNAME, "of another container"));
    assert_true(adoptable_with(LABEL_PID, "1"));
    assert_false(adoptable_with(LABEL_INSTANCE, "j"));
    assert_false(adoptable_with(LABEL_ENGINE, "another at the same address"));
    assert_false(adoptable_with(LABEL_BOOT_ID, "other"));
    assert_false(adoptable_with(LABEL_UID, "4294967295"));
    assert_false(adoptable_with(LABEL_TOKEN, ""));
    assert_false(labels_adoptable(NULL, "i", "e"));
}

/* ----------------------------------------------------------------------------------------- uids */

static void test_uids(void **state)
{
    static const char *const bad[] = {"",     "1",  "1-", "-2", "5-4", "0-9", "1-4294967295",
                                      "1-2x", "a-b"};
    struct uid_range range;
    uint32_t uid[4];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(uid_range_init(&range, bad[i], NULL), ENCLAVE_EINVALID);
    }
    assert_int_equal(uid_range_init(&range, "100-102", NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(uid_range_take(&range, &uid[i], NULL), 0);
        assert_in_range(uid[i], 100, 102);
    }
    assert_true(uid[0] != uid[1] && uid[1] != uid[2] && uid[0] != uid[2]);
    assert_int_equal(uid_range_take(&range, &uid[3], NULL), ENCLAVE_EBUSY);
    uid_range_give_back(&range, uid[1]);
    uid_range_give_back(&range, uid[1]); /* twice is once */
    uid_range_give_back(&range, 5);
    assert_int_equal(uid_range_take(&range, &uid[3], NULL), 0);
    assert_int_equal(uid[3], uid[1]);
    assert_int_equal(uid_range_take(&range, &uid[3], NULL), ENCLAVE_EBUSY);
    assert_false(uid_range_claim(&range, uid[0])); /* somebody has it */
    assert_false(uid_range_claim(&range, 99));
    assert_false(uid_range_claim(&range, 103));
    uid_range_give_back(&range, uid[2]);
    assert_true(uid_range_claim(&range, uid[2]));
    assert_int_equal(uid_range_take(&range, &uid[3], NULL), ENCLAVE_EBUSY);
    uid_range_clear(&range);
}

static void test_uids_of_users(void **state)
{
    char path[] = "/tmp/enclave-passwd-XXXXXX";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct uid_range range;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    dprintf(fd, "root:x:0:0::/:/bin/sh\n# not a user\nmore:x:99:1::/:\nann:x:102:1::/:\n");
    close(fd);
    assert_int_equal(uid_range_init(&range, "100-102", NULL), 0);
    assert_int_equal(uid_range_check_users(&range, path, &err), ENCLAVE_EINVALID);
    assert_non_null(strstr(err.message, "102"));
    assert_non_null(strstr(err.message, "'ann'"));
    assert_int_equal(uid_range_check_users(&range, "/nonexistent", NULL), 0);
    uid_range_clear(&range);
    assert_int_equal(uid_range_init(&range, "100-101", NULL), 0);
    assert_int_equal(uid_range_check_users(&range, path, NULL), 0);
    uid_range_clear(&range);
    (void)unlink(path);
}

/* --------------------------------------------------------------------------------------- worker */

static void count(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void test_worker(void **state)
{
    struct worker worker;
    atomic_int done[2] = {0, 0};
    struct worker_job first = {.run = count, .ctx = &done[0]};
    struct worker_job second = {.run = count, .ctx = &done[1]};

    (void)state;
    worker_init(&worker);
    worker_post(&worker, &first);
    worker_post(&worker, &first);
    worker_post(&worker, &second);
    worker_cancel(&worker, &second);
    worker_cancel(&worker, &second);
    assert_int_equal(worker_start(&worker, NULL), 0);
    worker_clear(&worker); /* what is queued is done first */
    assert_int_equal(done[0], 1);
    assert_int_equal(done[1], 0);
}

/* ---------------------------------------------------------------------------------------- agent */

static void test_agent_tar(void **state)
{
    struct archive *tar = archive_read_new();
    struct archive_entry *entry;
    void *data;
    size_t length;

    (void)state;
    assert_int_equal(agent_volume_tar("/proc/self/exe", "enclave-agent", &data, &length, NULL), 0);
    archive_read_support_format_tar(tar);
    assert_int_equal(archive_read_open_memory(tar, data, length), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(tar, &entry), ARCHIVE_OK);
    assert_string_equal(archive_entry_pathname(entry), "enclave-agent");
    assert_int_equal(archive_entry_mode(entry), S_IFREG | 0755);
    assert_int_equal(archive_entry_uid(entry), 0);
    assert_int_equal(archive_read_next_header(tar, &entry), ARCHIVE_EOF);
    archive_read_free(tar);
    free(data);
}

static void test_agent_file(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *path;

    (void)state;
    assert_int_equal(agent_program_find("/proc/self/exe", "/x/p.so", &path, NULL), 0);
    assert_string_equal(path, "/proc/self/exe");
    free(path);
    assert_int_equal(agent_program_find(NULL, "/x/p.so", &path, &err), ENCLAVE_ENOTFOUND);
    assert_non_null(strstr(err.message, "'/x/enclave-agent'"));
    assert_int_equal(agent_program_find("/etc", "/x/p.so", &path, NULL), ENCLAVE_EINVALID);
    assert_int_equal(agent_program_check_arch("/proc/self/exe", "s390x", NULL), ENCLAVE_ENOTSUP);
    assert_int_equal(agent_program_check_arch("/proc/self/exe", "pdp11", NULL), 0);
    assert_int_equal(agent_program_check_arch("/etc/passwd", "amd64", NULL), ENCLAVE_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner_is_alive),
        cmocka_unit_test(test_owner_is_dead_or_unknown),
        cmocka_unit_test(test_owner_is_zombie),
        cmocka_unit_test(test_owner_of_another_boot),
        cmocka_unit_test(test_adoptable),
        cmocka_unit_test(test_owner_without_descriptors),
        cmocka_unit_test(test_uids),
        cmocka_unit_test(test_uids_of_users),
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_agent_tar),
        cmocka_unit_test(test_agent_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
