/*
 * init_files_test.c - the file operations of the real enclave-agent: what they do, and that no link
 * and no record leads them where they must not go. Needs root, for the namespace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test_wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/enclave-files-test-XXXXXX";
static char work[64];
static char scratch[64];
static uint32_t last_id;

static int setup(void **state)
{
    char facts[16384];
    *state = link_open(ENCLAVE_AGENT_PATH, work, scratch, false, facts, sizeof(facts));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    link_close(*state);
    return 0;
}

/* The errno that the operation ends with; its output to `text`, when that is not NULL. */
static int operate(struct link *link, const struct file_args *args, char *text, size_t size)
{
    struct outcome what;
    link_file(link, ++last_id, args, &what);
    assert_int_equal(what.how, WIRE_EXITED);
    assert_true(what.code == 0 || what.reason[0] != '\0');
    if (text)
        snprintf(text, size, "%s", (const char *)what.out.data);
    int code = (int)what.code;
    outcome_free(&what);
    return code;
}

static int put(struct link *link, const char *path, const char *content, uint32_t flags,
               uint64_t max_bytes, const char *const *allowed)
{
    struct file_args args = {.op = WIRE_FILE_WRITE,
                             .flags = flags,
                             .path = path,
                             .max_bytes = max_bytes,
                             .allowed = allowed,
                             .input = content,
                             .input_length = strlen(content)};
    return operate(link, &args, NULL, 0);
}

static int get(struct link *link, const char *path, char *text, size_t size,
               const char *const *allowed, const char *const *blocked)
{
    struct file_args args = {
        .op = WIRE_FILE_READ, .path = path, .allowed = allowed, .blocked = blocked};
    return operate(link, &args, text, size);
}

static void expect_content(struct link *link, const char *path, const char *content)
{
    char text[256];
    assert_int_equal(get(link, path, text, sizeof(text), NULL, NULL), 0);
    assert_string_equal(text, content);
}

static void in_work(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", work, name);
}

static void test_write_and_read(void **state)
{
    char path[128];
    struct stat st;
    assert_int_equal(put(*state, "a/b/f", "one", 0, 0, NULL), ENOENT);
    assert_int_equal(put(*state, "a/b/f", "one", WIRE_FILE_MKDIRS, 0, NULL), 0);
    expect_content(*state, "a/b/f", "one");
    in_work("a/b/f", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(st.st_uid, TEST_UID);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(put(*state, "a/b/f", "two", 0, 0, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(put(*state, "a/b/f", "much longer", 0, 4, NULL), EFBIG);
    expect_content(*state, "a/b/f", "two");
    assert_int_equal(put(*state, "a/b/new", "much longer", 0, 4, NULL), EFBIG);
    assert_int_equal(get(*state, "a/b/new", NULL, 0, NULL, NULL), ENOENT);
    assert_int_equal(put(*state, "/etc/enclave-test", "x", 0, 0, NULL), EACCES);
}

static void test_special_files(void **state)
{
    char path[128];
    in_work("fifo", path);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_int_equal(get(*state, "fifo", NULL, 0, NULL, NULL), EINVAL);
    assert_int_equal(get(*state, "/dev/zero", NULL, 0, NULL, NULL), EINVAL);
    assert_int_equal(get(*state, ".", NULL, 0, NULL, NULL), EISDIR);
    assert_int_equal(put(*state, "fifo", "x", 0, 0, NULL), EINVAL);
    assert_int_equal(get(*state, "/etc/shadow", NULL, 0, NULL, NULL), EACCES);
    assert_int_equal(get(*state, "/proc/self/root/etc/passwd", NULL, 0, NULL, NULL), ELOOP);
    unlink(path);
}

static void test_links_and_lists(void **state)
{
    char path[128];
    const char *const allowed[] = {work, NULL};
    char inner[128];
    const char *const blocked[] = {inner, NULL};
    in_work("a/b", inner);
    assert_int_equal(put(*state, "a/b/f", "in", WIRE_FILE_MKDIRS, 0, NULL), 0);
    in_work("out", path);
    assert_int_equal(symlink("/etc", path), 0);
    in_work("alias", path);
    assert_int_equal(symlink("a/b/f", path), 0);
    assert_int_equal(get(*state, "out/passwd", NULL, 0, allowed, NULL), EACCES);
    assert_int_equal(get(*state, "out/passwd", NULL, 0, NULL, NULL), 0);
    assert_int_equal(get(*state, "alias", NULL, 0, allowed, NULL), 0);
    assert_int_equal(get(*state, "alias", NULL, 0, NULL, blocked), EACCES);
    assert_int_equal(put(*state, "out/x", "x", 0, 0, allowed), EACCES);
    assert_int_equal(put(*state, "../x/y", "x", WIRE_FILE_MKDIRS, 0, allowed), EACCES);
    assert_int_equal(put(*state, "alias", "through", 0, 0, allowed), 0);
    expect_content(*state, "a/b/f", "through");
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    struct file_args out = {.op = WIRE_FILE_REMOVE, .flags = WIRE_FILE_RECURSIVE, .path = "out"};
    assert_int_equal(operate(*state, &out, NULL, 0), 0);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    out = (struct file_args){
        .op = WIRE_FILE_REMOVE, .flags = WIRE_FILE_RECURSIVE, .path = "a", .blocked = blocked};
    assert_int_equal(operate(*state, &out, NULL, 0), EACCES); /* what is blocked lies below it */
    expect_content(*state, "a/b/f", "through");
}

static void test_stat_and_list(void **state)
{
    struct outcome what;
    assert_int_equal(put(*state, "list/zz", "123", WIRE_FILE_MKDIRS, 0, NULL), 0);
    assert_int_equal(put(*state, "list/aa", "1", 0, 0, NULL), 0);
    link_file(*state, ++last_id, &(struct file_args){.op = WIRE_FILE_STAT, .path = "list/zz"},
              &what);
    assert_int_equal(wire_get_u32(what.out.data), WIRE_ENTRY_FILE);
    assert_int_equal(wire_get_u32(what.out.data + 4), 0644);
    assert_int_equal(wire_get_u64(what.out.data + 20), 3);
    assert_memory_equal(what.out.data + 40, "zz", 2);
    outcome_free(&what);
    link_file(*state, ++last_id, &(struct file_args){.op = WIRE_FILE_LIST, .path = "list"}, &what);
    assert_int_equal(what.code, 0);
    assert_int_equal(what.out.length, 2 * (36 + 4 + 2 + 4));
    assert_memory_equal(what.out.data + 40, "aa", 2); /* sorted */
    outcome_free(&what);
}

static void record(struct bytes *b, uint32_t type, uint32_t mode, const char *path,
                   const char *target, const char *content)
{
    bytes_u32(b, type);
    bytes_u32(b, mode);
    bytes_u64(b, strlen(content));
    bytes_u64(b, 5);
    bytes_string(b, path);
    bytes_string(b, target);
    bytes_raw(b, content, strlen(content));
}

static int put_tree(struct link *link, const char *path, const struct bytes *tree)
{
    struct file_args args = {
        .op = WIRE_FILE_PUT_TREE, .path = path, .input = tree->data, .input_length = tree->length};
    return operate(link, &args, NULL, 0);
}

static void test_tree(void **state)
{
    struct bytes tree = {0};
    struct outcome what;
    record(&tree, WIRE_ENTRY_DIRECTORY, 0555, "top", "", "");
    record(&tree, WIRE_ENTRY_FILE, 04755, "top/f", "", "content");
    record(&tree, WIRE_ENTRY_SYMLINK, 0777, "top/l", "f", "");
    record(&tree, WIRE_ENTRY_FILE, 0644, "top/missing/parent/g", "", "g");
    record(&tree, WIRE_ENTRY_HARDLINK, 0644, "top/z", "top/f", "");
    assert_int_equal(put_tree(*state, "tree", &tree), 0);
    bytes_free(&tree);
    expect_content(*state, "tree/top/l", "content");
    expect_content(*state, "tree/top/z", "content");
    char path[128];
    struct stat st;
    in_work("tree/top/f", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755); /* no setuid */
    assert_int_equal(st.st_nlink, 2);
    link_file(*state, ++last_id, &(struct file_args){.op = WIRE_FILE_GET_TREE, .path = "tree/top"},
              &what);
    assert_int_equal(what.code, 0);
    tree = (struct bytes){0};
    bytes_raw(&tree, what.out.data, what.out.length);
    outcome_free(&what);
    assert_int_equal(put_tree(*state, "copy", &tree), 0);
    bytes_free(&tree);
    expect_content(*state, "copy/top/missing/parent/g", "g");
}

static void test_tree_escapes(void **state)
{
    static const char *const bad[] = {"../x", "/x", "a/../x", "a//x", "./x", "", "a/"};
    struct bytes tree = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        record(&tree, WIRE_ENTRY_FILE, 0644, bad[i], "", "x");
        assert_int_equal(put_tree(*state, "esc", &tree), EINVAL);
        bytes_free(&tree);
    }
    record(&tree, WIRE_ENTRY_SYMLINK, 0777, "l", "/tmp", "");
    record(&tree, WIRE_ENTRY_FILE, 0644, "l/through", "", "x");
    assert_int_equal(put_tree(*state, "esc", &tree), ELOOP);
    bytes_free(&tree);
    record(&tree, WIRE_ENTRY_HARDLINK, 0644, "h", "../f", "");
    assert_int_equal(put_tree(*state, "esc", &tree), EINVAL);
    bytes_free(&tree);
    record(&tree, WIRE_ENTRY_FILE, 0644, "cut", "", "abcdef");
    tree.length -= 2;
    assert_int_equal(put_tree(*state, "esc", &tree), EPROTO);
    bytes_free(&tree);
    assert_int_equal(get(*state, "esc/cut", NULL, 0, NULL, NULL), ENOENT);
}

static void test_remove(void **state)
{
    struct file_args args = {.op = WIRE_FILE_REMOVE, .path = "rm"};
    assert_int_equal(put(*state, "rm/a/b/c/d/f", "x", WIRE_FILE_MKDIRS, 0, NULL), 0);
    assert_int_equal(put(*state, "rm/a/e/f", "x", WIRE_FILE_MKDIRS, 0, NULL), 0);
    assert_int_equal(operate(*state, &args, NULL, 0), ENOTEMPTY);
    args.flags = WIRE_FILE_RECURSIVE;
    assert_int_equal(operate(*state, &args, NULL, 0), 0);
    assert_int_equal(operate(*state, &args, NULL, 0), ENOENT);
    args.path = "..";
    assert_int_equal(operate(*state, &args, NULL, 0), EINVAL);
}

static int make_folders(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root for a PID namespace\n");
        exit(77);
    }
    if (!mkdtemp(base) || chmod(base, 0755) < 0)
        return -1;
    snprintf(work, sizeof(work), "%s/work", base);
    snprintf(scratch, sizeof(scratch), "%s/scratch", base);
    if (mkdir(work, 0755) < 0 || chown(work, TEST_UID, TEST_GID) < 0 || mkdir(scratch, 0755) < 0)
        return -1;
    return 0;
}

static int remove_folders(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_and_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stat_and_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tree_escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
