/*
 * files.c - files in and out of a sandbox, and that none of it leads anywhere else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t put(struct fixture *f, const char *path, const char *text, struct enclave_error *err)
{
    return enclave_manager_put_file(f->manager, f->id, path, text, strlen(text), 0, err);
}

static void expect_put(struct fixture *f, const char *path, const char *text)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (put(f, path, text, &err) != 0) {
        fail_msg("%s: %s", path, err.message);
    }
}

static void expect_content(struct fixture *f, const char *path, const void *data, size_t length)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *got = NULL;
    uint64_t got_length = 0;

    if (enclave_manager_get_file(f->manager, f->id, path, 0, &got, &got_length, &err) != 0) {
        fail_msg("%s: %s", path, err.message);
    }
    assert_int_equal(got_length, length);
    assert_memory_equal(got, data, length);
    assert_int_equal(((char *)got)[got_length], 0);
    enclave_free(got);
}

/* ------------------------------------------------------------------------------------ one file */

static void test_a_file_goes_in_and_comes_out(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    size_t length = 20 << 20; /* more than any message may have */
    unsigned char *data = malloc(length);

    assert_non_null(data);
    for (size_t i = 0; i < length; i++) {
        data[i] = (unsigned char)(i * 7919 >> 5);
    }
    assert_int_equal(
        enclave_manager_put_file(f->manager, f->id, "deep/down/big", data, length, 0640, &err), 0);
    expect_content(f, "/sandbox/deep/down/big", data, length);
    expect_shell(f->manager, f->id,
                 "stat -c '%a %s' deep/down/big; stat -c %u deep/down/big | "
                 "grep -qx $(id -u) && echo mine",
                 "640 20971520\nmine\n");
    expect_put(f, "deep/down/big", ""); /* replaces */
    expect_content(f, "deep/down/big", "", 0);
    expect_put(f, "/tmp/name with\nnewline and \xc3\xa4", "x");
    expect_shell(f->manager, f->id, "ls /tmp | wc -l; rm /tmp/*", "2\n");
    free(data);
}

static void test_what_cannot_be_read_or_written_is_told(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL;
    uint64_t length = 7;
    int32_t r = enclave_manager_get_file(f->manager, f->id, "nothing", 0, &data, &length, &err);

    expect_error(r, ENCLAVE_ENOTFOUND, &err, "nothing");
    r = enclave_manager_get_file(f->manager, f->id, "/etc", 0, &data, &length, &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "/etc");
    r = enclave_manager_get_file(f->manager, f->id, "/etc/shadow", 0, &data, &length, &err);
    expect_error(r, ENCLAVE_EDENIED, &err, "/etc/shadow");
    expect_put(f, "five", "12345");
    r = enclave_manager_get_file(f->manager, f->id, "five", 4, &data, &length, &err);
    expect_error(r, ENCLAVE_ETOOBIG, &err, "five");
    expect_shell(f->manager, f->id, "mkfifo pipe", "");
    r = enclave_manager_get_file(f->manager, f->id, "pipe", 0, &data, &length, &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "pipe"); /* and does not wait for a writer */
    assert_null(data);
    assert_int_equal(length, 7);
    r = put(f, "/etc/passwd", "x", &err);
    assert_true(r == ENCLAVE_EDENIED || r == ENCLAVE_EIO); /* root is read-only */
    expect_error(r, r, &err, "/etc/passwd");
    r = put(f, "/proc/1/mem", "x", &err);
    assert_true(r < 0);
    r = put(f, "", "x", &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "path");
    expect_shell(f->manager, f->id, "rm -rf ./*", "");
}

/* Within the sandbox's own rights a link leads where it leads: inside the sandbox. */
static void test_a_link_leads_nowhere_on_the_host(void **state)
{
    static const char host_file[] = "/tmp/enclave-test-host-file";
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int fd = open(host_file, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0666);
    void *data = NULL;
    uint64_t length;
    char text[16] = "";

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "host", 4), 4);
    (void)close(fd);
    expect_shell(f->manager, f->id, "ln -s /tmp/enclave-test-host-file link", "");
    assert_int_equal(enclave_manager_get_file(f->manager, f->id, "link", 0, &data, &length, &err),
                     ENCLAVE_ENOTFOUND);
    (void)put(f, "link", "sandbox", &err);
    (void)put(f, "../../../../tmp/enclave-test-host-file", "sandbox", &err);
    fd = open(host_file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text - 1), 4);
    assert_string_equal(text, "host");
    (void)close(fd);
    (void)unlink(host_file);
    expect_shell(f->manager, f->id, "rm -rf ./* /tmp/*", "");
}

/* ------------------------------------------------------------------------------------- a folder */

static void make_local_tree(const char *root)
{
    char command[512];

    /* Of the test's own making, below a folder of its own. */
    (void)snprintf(command, sizeof command,
                   "cd '%s' && mkdir -p empty sub/sub && printf a >one && printf bb >sub/two && "
                   "chmod 750 sub/two && ln -s ../one sub/up && ln -s /etc/passwd away && "
                   "head -c 1048576 /dev/urandom >big && chmod 700 empty",
                   root);
    assert_int_equal(system(command), 0);
}

static int same_file(struct fixture *f, const char *local, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL, *expected = malloc(2 << 20);
    uint64_t length = 0;
    int fd = open(local, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, expected, 2 << 20);
    int same;

    (void)close(fd);
    assert_int_equal(enclave_manager_get_file(f->manager, f->id, path, 0, &data, &length, &err), 0);
    same = n == (ssize_t)length && memcmp(data, expected, length) == 0;
    enclave_free(data);
    free(expected);
    return same;
}

static void remove_tree(const char *root)
{
    char command[256];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void test_a_folder_goes_in_and_comes_out(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct tar_bytes tar = {NULL, 0, 0};
    struct enclave_sink sink = {sizeof sink, 0, &tar, tar_write};
    struct enclave_source source = {sizeof source, 0, &tar, tar_read};
    char root[] = "/tmp/enclave-test-XXXXXX";
    char big[64], command[256];
    static const char look[] =
        "find . | sort; stat -c '%a %s' sub/two; stat -c %a empty; readlink sub/up away";
    static const char seen[] =
        ".\n./away\n./big\n./empty\n./one\n./sub\n./sub/sub\n./sub/two\n./sub/up\n"
        "750 2\n700\n../one\n/etc/passwd\n";

    assert_non_null(mkdtemp(root));
    make_local_tree(root);
    if (enclave_manager_put_dir(f->manager, f->id, root, "/tmp/tree", &err) != 0) {
        fail_msg("%s", err.message);
    }
    (void)snprintf(big, sizeof big, "%s/big", root);
    (void)snprintf(command, sizeof command, "cd /tmp/tree; %s", look);
    expect_shell(f->manager, f->id, command, seen);
    assert_true(same_file(f, big, "/tmp/tree/big"));

    /* Out as an archive, and in again elsewhere. */
    if (enclave_manager_get_archive(f->manager, f->id, "/tmp/tree", &sink, &err) != 0 ||
        enclave_manager_put_archive(f->manager, f->id, "copies", &source, &err) != 0) {
        fail_msg("%s", err.message);
    }
    (void)snprintf(command, sizeof command, "cd /sandbox/copies/tree; %s", look);
    expect_shell(f->manager, f->id, command, seen);
    assert_true(same_file(f, big, "copies/tree/big"));
    expect_shell(f->manager, f->id, "rm -rf /tmp/tree copies; ls -A /tmp; ls -A", "");
    tar_free(&tar);
    remove_tree(root);
}

static void test_a_local_folder_that_cannot_be_sent(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char root[] = "/tmp/enclave-test-XXXXXX";
    char path[64];
    int32_t r = enclave_manager_put_dir(f->manager, f->id, "/no/such/folder", "x", &err);

    assert_true(r == ENCLAVE_EIO || r == ENCLAVE_ENOTFOUND);
    expect_error(r, r, &err, "/no/such/folder");
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof path, "%s/fifo", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    r = enclave_manager_put_dir(f->manager, f->id, root, "x", &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "fifo");
    remove_tree(root);
    expect_shell(f->manager, f->id, "rm -rf x", "");
}

/* ---------------------------------------------------------------------------- hostile archives */

static int32_t put_tar(struct fixture *f, struct tar_bytes *tar, struct enclave_error *err)
{
    struct enclave_source source = {sizeof source, 0, tar, tar_read};

    tar_end(tar);
    return enclave_manager_put_archive(f->manager, f->id, "/tmp/in", &source, err);
}

static void test_an_archive_cannot_lead_outside(void **state)
{
    static const struct {
        const char *what, *link, *link_target, *name;
        char type;
    } cases[] = {
        {"parent", NULL, NULL, "../escaped", '0'},
        {"parent, deeper", NULL, NULL, "a/../../escaped", '0'},
        {"absolute", NULL, NULL, "/tmp/escaped", '0'},
        {"through a link", "l", "/tmp", "l/escaped", '0'},
        {"through a relative link", "l", "..", "l/escaped", '0'},
        {"character device", NULL, NULL, "escaped", '3'},
        {"block device", NULL, NULL, "escaped", '4'},
        {"FIFO", NULL, NULL, "escaped", '6'},
        {"hard link outside", "h", NULL, "../escaped", '1'},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct tar_bytes tar = {NULL, 0, 0};
        int32_t r;

        if (cases[i].link_target) {
            tar_add(&tar, cases[i].link, '2', cases[i].link_target, NULL);
        }
        tar_add(&tar, cases[i].name, cases[i].type, cases[i].type == '1' ? "/etc/passwd" : NULL,
                cases[i].type == '0' ? "x" : NULL);
        r = put_tar(f, &tar, &err);
        if (r >= 0) {
            fail_msg("an archive with %s was taken", cases[i].what);
        }
        if (r != ENCLAVE_EINVALID && r != ENCLAVE_EDENIED) {
            fail_msg("%s: %s: %s", cases[i].what, enclave_error_name(r), err.message);
        }
        expect_error(r, r, &err, "");
        tar_free(&tar);
        expect_shell(f->manager, f->id,
                     "ls -d /tmp/escaped /tmp/in/escaped /sandbox/escaped "
                     "2>/dev/null; rm -rf /tmp/in",
                     "");
    }
}

static void test_a_broken_archive_is_refused(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct tar_bytes tar = {NULL, 0, 0};
    struct enclave_source source = {sizeof source, 0, &tar, tar_read};
    int32_t r;

    tar_add(&tar, "file", '0', NULL, "some content");
    tar.length -= 300; /* ends in the middle */
    r = enclave_manager_put_archive(f->manager, f->id, "/tmp/in", &source, &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "");
    tar.taken = 0;
    memset(tar.data + 148, '7', 6); /* the header's checksum */
    r = enclave_manager_put_archive(f->manager, f->id, "/tmp/in", &source, &err);
    expect_error(r, ENCLAVE_EINVALID, &err, "");
    tar_free(&tar);
    expect_shell(f->manager, f->id, "rm -rf /tmp/in", "");
    expect_alive(f->manager, f->id);
}

static void test_more_than_there_is_room_for(void **state)
{
    struct fixture *f = *state;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    size_t length = 8 << 20;
    char *data = calloc(1, length);
    int32_t r;

    assert_non_null(data);
    make_sandbox(f->manager, "\"workdir_size\": \"4m\"", id);
    r = enclave_manager_put_file(f->manager, id, "big", data, length, 0, &err);
    assert_true(r == ENCLAVE_ETOOBIG || r == ENCLAVE_EIO);
    expect_error(r, r, &err, "big");
    expect_shell(f->manager, id, "ls -A", ""); /* half a file is no file */
    expect_alive(f->manager, id);
    delete_sandbox(f->manager, id);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_goes_in_and_comes_out),
        cmocka_unit_test(test_what_cannot_be_read_or_written_is_told),
        cmocka_unit_test(test_a_link_leads_nowhere_on_the_host),
        cmocka_unit_test(test_a_folder_goes_in_and_comes_out),
        cmocka_unit_test(test_a_local_folder_that_cannot_be_sent),
        cmocka_unit_test(test_an_archive_cannot_lead_outside),
        cmocka_unit_test(test_a_broken_archive_is_refused),
        cmocka_unit_test(test_more_than_there_is_room_for),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
