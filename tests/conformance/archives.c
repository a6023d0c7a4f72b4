/*
 * archives.c - folders and tar streams in and out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"
#include "groups.h"
#include "host.h"
#include "tar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t put_tar(const struct box *box, const char *dir, struct tar_bytes *tar,
                       struct enclave_error *err)
{
    struct enclave_source source = {sizeof source, 0, tar, tar_read};

    tar->taken = 0;
    return enclave_manager_put_archive(box->manager, box->id, dir, &source, err);
}

static int32_t get_tar(const struct box *box, const char *path, struct tar_bytes *tar,
                       struct enclave_error *err)
{
    struct enclave_sink sink = {sizeof sink, 0, tar, tar_write};

    return enclave_manager_get_archive(box->manager, box->id, path, &sink, err);
}

static void tidy_tar(struct test *t, void *tar)
{
    (void)t;
    tar_free(tar);
}

static struct tar_bytes *tar_new(struct test *t)
{
    struct tar_bytes *tar = test_alloc(t, sizeof *tar);

    test_defer(t, tidy_tar, tar);
    return tar;
}

/* A folder of the host's with what a folder may have. */
static char *make_folder(struct test *t)
{
    char *root = host_folder(t, "/tmp", 0755);
    char *name = test_text(t, "%s/sub/%0150d", root, 7); /* longer than a plain header holds */

    if (mkdir(test_text(t, "%s/empty", root), 0700) < 0 ||
        mkdir(test_text(t, "%s/sub", root), 0755) < 0 || mkdir(name, 0755) < 0 ||
        symlink("../one", test_text(t, "%s/sub/up", root)) < 0 ||
        symlink("/etc/passwd", test_text(t, "%s/away", root)) < 0) {
        fail(t, "cannot fill '%s': %m", root);
    }
    host_write(t, test_text(t, "%s/one", root), "a");
    host_write(t, test_text(t, "%s/sub/two words", root), "bb");
    host_write(t, test_text(t, "%s/sub/gr\xc3\xbc\xc3\x9f", root), "ccc");
    host_write(t, test_text(t, "%s/%0150d", name, 8), "dddd");
    if (chmod(test_text(t, "%s/one", root), 0751) < 0) {
        fail(t, "chmod: %m");
    }
    return root;
}

static void folder(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    char *root = make_folder(t);

    expect_ok(t, enclave_manager_put_dir(box->manager, box->id, root, "folder/in", &err), &err);
    expect_shell(
        t, box,
        "cd folder/in && stat -c '%a %s' one && stat -c '%a %F' empty && "
        "readlink sub/up away && cat 'sub/two words' sub/gr\xc3\xbc\xc3\x9f && "
        "find . -name '*8' -exec cat {} + && test $(stat -c %u one) = $(id -u) && echo mine",
        "751 1\n700 directory\n../one\n/etc/passwd\nbbcccddddmine\n");
    expect_shell(t, box, "rm -r folder", "");
}

static void there_and_back(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct tar_bytes *tar = tar_new(t);

    expect_ok(t, enclave_manager_put_dir(box->manager, box->id, make_folder(t), "back/first", &err),
              &err);
    expect_ok(t, get_tar(box, "back/first", tar, &err), &err);
    expect_ok(t, put_tar(box, "/sandbox/back/second", tar, &err), &err);
    /* Names in the archive begin with the last part of the path. */
    expect_shell(t, box,
                 "cd back && diff -r --no-dereference first second/first && "
                 "(cd first && find . ! -type l -exec stat -c '%n %a' {} + | sort) >a && "
                 "(cd second/first && find . ! -type l -exec stat -c '%n %a' {} + | sort) >b && "
                 "cmp a b && echo same; cd .. && rm -r back",
                 "same\n");
}

static void many(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct tar_bytes *tar = tar_new(t), *back = tar_new(t);

    for (int i = 0; i < 2000; i++) {
        char name[64], text[32];
        (void)snprintf(name, sizeof name, "%d/%d", i % 10, i);
        (void)snprintf(text, sizeof text, "%d\n", i);
        tar_add(tar, name, '0', NULL, text);
    }
    tar_end(tar);
    expect_ok(t, put_tar(box, "many", tar, &err), &err);
    expect_shell(t, box, "find many -type f | wc -l; cat many/7/1997; cat many/*/* | wc -c",
                 "2000\n1997\n8890\n");
    expect_ok(t, get_tar(box, "many", back, &err), &err);
    expect(t, back->length > 2000 * 1024);
    expect_shell(t, box, "rm -r many", "");
}

static void one_file(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct tar_bytes *tar = tar_new(t);

    expect_shell(t, box, "mkdir single; echo content >single/file", "");
    expect_ok(t, get_tar(box, "single/file", tar, &err), &err);
    expect_ok(t, put_tar(box, "single/copy", tar, &err), &err);
    expect_shell(t, box, "cat single/copy/file; rm -r single", "content\n");
    int32_t r = get_tar(box, "no-such-folder", tar, &err);
    expect_error(t, r, ENCLAVE_ENOTFOUND, &err, "no-such-folder");
}

static void never_outside(struct test *t)
{
    static const struct {
        const char *what, *link, *link_target, *name;
        char type;
    } tries[] = {
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
    struct box *box = box_shared(t);

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct tar_bytes *tar = tar_new(t);
        if (tries[i].link_target) {
            tar_add(tar, tries[i].link, '2', tries[i].link_target, NULL);
        }
        tar_add(tar, tries[i].name, tries[i].type, tries[i].type == '1' ? "/etc/passwd" : NULL,
                tries[i].type == '0' ? "x" : NULL);
        tar_end(tar);
        test_note(t, "%s", tries[i].what);
        int32_t r = put_tar(box, "outside/in", tar, &err);
        expect_error_of(t, r, ENCLAVE_EINVALID, ENCLAVE_EDENIED, &err, "");
        expect_shell(t, box,
                     "ls -d /tmp/escaped escaped outside/escaped outside/in/escaped 2>/dev/null; "
                     "rm -rf outside",
                     "");
    }
}

static void broken(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct tar_bytes *tar = tar_new(t), *text = tar_new(t);

    tar_add(tar, "file", '0', NULL, "some content");
    tar->length -= 300; /* ends in the middle */
    expect_error(t, put_tar(box, "broken", tar, &err), ENCLAVE_EINVALID, &err, "");
    memset(tar->data + 148, '7', 6); /* the header's checksum */
    expect_error(t, put_tar(box, "broken", tar, &err), ENCLAVE_EINVALID, &err, "");
    for (int i = 0; i < 100; i++) {
        expect_int(t, tar_write(text, "no archive ", 11), 0);
    }
    expect_error(t, put_tar(box, "broken", text, &err), ENCLAVE_EINVALID, &err, "");
    expect_shell(t, box, "rm -rf broken", "");
}

static void bad_folders(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    char *root = host_folder(t, "/tmp", 0755);

    char *none = test_text(t, "%s/none", root);
    int32_t r = enclave_manager_put_dir(box->manager, box->id, none, "x", &err);
    expect_error_of(t, r, ENCLAVE_ENOTFOUND, ENCLAVE_EIO, &err, none);
    if (mkfifo(test_text(t, "%s/pipe", root), 0600) < 0) {
        fail(t, "mkfifo: %m");
    }
    r = enclave_manager_put_dir(box->manager, box->id, root, "bad-folder", &err);
    expect_error(t, r, ENCLAVE_EINVALID, &err, "pipe");
    r = enclave_manager_put_dir(box->manager, box->id, make_folder(t), "/proc/x", &err);
    expect(t, r < 0);
    expect_shell(t, box, "rm -rf bad-folder", "");
}

static const struct tap_case cases[] = {
    {"folder", "a folder goes in with modes, links, empty folders and long names", folder},
    {"there_and_back", "what comes out goes in again and is the same", there_and_back},
    {"many", "2,000 small files go in and come out", many},
    {"one_file", "a file may come as an archive; what is not there is not found", one_file},
    {"never_outside", "an entry that leads outside, or is a device, is refused", never_outside},
    {"broken", "what is no archive, or half of one, is refused", broken},
    {"bad_folders", "a folder that is not there, or holds what is no file, is refused",
     bad_folders},
};
TAP_GROUP(archives, cases);
