/*
 * test_files.c - files in and out: folders become tar streams, which libarchive reads back here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "buffer.h"
#include "folder_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct enclave_manager *manager;
static char id[ENCLAVE_ID_SIZE], folder[64];

static int set_up(void **state)
{
    (void)state;
    manager = support_manager(NULL);
    support_sandbox(manager, id);
    support_folder(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    enclave_manager_free(manager);
    support_remove(folder);
    return 0;
}

static int32_t to_buffer(void *ctx, const void *data, uint64_t length)
{
    return buffer_append(ctx, data, (size_t)length);
}

/* The names in the tar that the sandbox was given, in order, with ':' between; content of `wanted`. */
static void read_back(struct buffer *names, const char *wanted, struct buffer *content)
{
    struct buffer tar = BUFFER_INIT(64u << 20);
    struct enclave_sink sink = {sizeof sink, 0, &tar, to_buffer};
    assert_int_equal(enclave_manager_get_archive(manager, id, "x", &sink, NULL), 0);
    struct archive *reader = archive_read_new();
    struct archive_entry *entry;
    assert_int_equal(archive_read_support_format_tar(reader), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(reader, tar.data, tar.length), ARCHIVE_OK);
    int r;
    while ((r = archive_read_next_header(reader, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        assert_int_equal(buffer_append_text(names, name), 0);
        if (archive_entry_symlink(entry)) {
            assert_int_equal(buffer_append_text(names, "->"), 0);
            assert_int_equal(buffer_append_text(names, archive_entry_symlink(entry)), 0);
        }
        assert_int_equal(buffer_append_text(names, ":"), 0);
        if (wanted && strcmp(name, wanted) == 0) {
            char block[4096];
            la_ssize_t n;
            while ((n = archive_read_data(reader, block, sizeof block)) > 0) {
                assert_int_equal(buffer_append(content, block, (size_t)n), 0);
            }
        }
    }
    assert_int_equal(r, ARCHIVE_EOF);
    (void)archive_read_free(reader);
    buffer_free(&tar);
}

static void expect_names(const char *local, const char *expected)
{
    struct buffer names = BUFFER_INIT(1 << 20);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    if (enclave_manager_put_dir(manager, id, local, "in", &err) != 0) {
        fail_msg("%s", err.message);
    }
    read_back(&names, NULL, NULL);
    assert_string_equal(names.data ? names.data : "", expected);
    buffer_free(&names);
}

static void test_names(void **state)
{
    (void)state;
    char path[512], slashed[80], content[256];
    expect_names(folder, "");
    support_write(folder, "a.txt", "hello", 5, content);
    expect_names(folder, "a.txt:");
    (void)snprintf(slashed, sizeof slashed, "%s/", folder);
    expect_names(slashed, "a.txt:");
    (void)snprintf(slashed, sizeof slashed, "%s//", folder);
    expect_names(slashed, "a.txt:");
    (void)snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("../outside", path), 0);
    struct buffer names = BUFFER_INIT(4096), data = BUFFER_INIT(4096);
    assert_int_equal(enclave_manager_put_dir(manager, id, folder, "in", NULL), 0);
    read_back(&names, "a.txt", &data);
    assert_contains(names.data, "link->../outside:");
    assert_string_equal(data.data, "hello");
    buffer_free(&names);
    buffer_free(&data);
    (void)unlink(path);
}

static void test_long_name_and_big_file(void **state)
{
    (void)state;
    enum { BIG = 3000001 };
    char name[251], path[512], *big = malloc(BIG);
    assert_non_null(big);
    memset(name, 'n', 250);
    name[250] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < BIG; i++) {
        big[i] = (char)(i * 7);
    }
    assert_int_equal(fwrite(big, 1, BIG, file), BIG);
    (void)fclose(file);
    struct buffer names = BUFFER_INIT(4096), data = BUFFER_INIT(2 * BIG);
    assert_int_equal(enclave_manager_put_dir(manager, id, folder, "in", NULL), 0);
    read_back(&names, name, &data);
    assert_int_equal(data.length, BIG);
    assert_memory_equal(data.data, big, BIG);
    buffer_free(&names);
    buffer_free(&data);
    free(big);
    (void)unlink(path);
}

static void test_refused(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(enclave_manager_put_dir(manager, id, folder, "in", &err), ENCLAVE_EINVALID);
    assert_error(err, ENCLAVE_EINVALID, "pipe' is neither a file, a folder nor a symbolic link");
    (void)unlink(path);
    assert_int_equal(enclave_manager_put_dir(manager, id, "/nonexistent", "in", &err), ENCLAVE_EIO);
    assert_error(err, ENCLAVE_EIO, "'/nonexistent': No such file or directory");
    assert_int_equal(enclave_manager_put_dir(manager, id, "/etc/passwd", "in", &err), ENCLAVE_EIO);
    assert_error(err, ENCLAVE_EIO, "Not a directory");
    assert_int_equal(enclave_manager_put_dir(manager, id, "", "in", &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_put_dir(manager, "nobody", folder, "in", &err),
                     ENCLAVE_ENOTFOUND);
}

/* As a user who may not read it; root may read all. */
static void test_unreadable(void **state)
{
    (void)state;
    char path[256];
    support_write(folder, "secret", "s", 1, path);
    assert_int_equal(chmod(path, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct folder_tar *tar = NULL;
        char block[512];
        int64_t n = 1;
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        if (folder_tar_open(folder, &tar, &err) == 0) {
            while ((n = folder_tar_read(tar, block, sizeof block)) > 0) {
            }
        }
        _exit(n == ENCLAVE_EIO && strstr(folder_tar_error(tar)->message, "secret") ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)unlink(path);
}

static void test_file(void **state)
{
    (void)state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL;
    uint64_t length = 0;
    assert_int_equal(enclave_manager_put_file(manager, id, "a", "a\0b", 3, 0600, &err), 0);
    assert_int_equal(enclave_manager_get_file(manager, id, "a", 0, &data, &length, &err), 0);
    assert_int_equal(length, 3);
    assert_memory_equal(data, "a\0b", 4);
    enclave_free(data);
    data = NULL;
    assert_int_equal(enclave_manager_get_file(manager, id, "a", 2, &data, &length, &err),
                     ENCLAVE_ETOOBIG);
    assert_null(data);
    assert_int_equal(enclave_manager_put_file(manager, id, "a", NULL, 1, 0, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_put_file(manager, id, "a", "b", 1, 04755, &err),
                     ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_put_file(manager, id, "", "b", 1, 0, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_put_archive(manager, id, "a", NULL, &err), ENCLAVE_EINVALID);
    assert_int_equal(enclave_manager_get_archive(manager, id, "a", NULL, &err), ENCLAVE_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),   cmocka_unit_test(test_long_name_and_big_file),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests_name("files", tests, set_up, tear_down);
}
