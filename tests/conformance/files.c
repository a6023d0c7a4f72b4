/*
 * files.c - single files in and out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "groups.h"
#include "host.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int32_t put(const struct box *box, const char *path, const char *text,
                   struct enclave_error *err)
{
    return enclave_manager_put_file(box->manager, box->id, path, text, strlen(text), 0, err);
}

static void expect_put(struct test *t, const struct box *box, const char *path, const char *text)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    expect_ok(t, put(box, path, text, &err), &err);
}

/* A read that must fail, with nothing handed out. */
static void expect_no_get(struct test *t, const struct box *box, const char *path,
                          uint64_t max_bytes, int32_t code)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL;
    uint64_t length = 7;
    int32_t r =
        enclave_manager_get_file(box->manager, box->id, path, max_bytes, &data, &length, &err);

    int untouched = data == NULL && length == 7;

    enclave_free(data);
    expect_error(t, r, code, &err, path);
    expect(t, untouched);
}

static void expect_get(struct test *t, const struct box *box, const char *path, const void *wanted,
                       uint64_t wanted_length)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *data = NULL;
    uint64_t length = 0;

    expect_ok(t, enclave_manager_get_file(box->manager, box->id, path, 0, &data, &length, &err),
              &err);
    int same = length == wanted_length && memcmp(data, wanted, length) == 0 &&
               ((char *)data)[length] == '\0';
    enclave_free(data);
    expect_int(t, length, wanted_length);
    expect(t, same);
}

static void large(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_new(t, "");
    size_t length = 64 << 20;
    unsigned char *data = test_alloc(t, length);

    for (size_t i = 0; i < length; i++) {
        data[i] = (unsigned char)(i * 7919 >> 7);
    }
    expect_ok(t, enclave_manager_put_file(box->manager, box->id, "big", data, length, 0, &err),
              &err);
    expect_shell(t, box, "stat -c %s big", "67108864\n");
    expect_get(t, box, "/sandbox/big", data, length);
}

static void put_and_get(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);

    expect_ok(t,
              enclave_manager_put_file(box->manager, box->id, "files/deep/down", "a\0\xff", 3, 0640,
                                       &err),
              &err);
    expect_get(t, box, "/sandbox/files/deep/down", "a\0\xff", 3);
    expect_shell(
        t, box,
        "cd files/deep && stat -c '%a %s %F' down && test $(stat -c %u down) = $(id -u) && "
        "echo x >>down && echo mine",
        "640 3 regular file\nmine\n");
    expect_put(t, box, "files/deep/down", ""); /* replaces */
    expect_get(t, box, "files/deep/down", "", 0);
    expect_put(t, box, "files/new", "x");
    expect_shell(t, box, "stat -c %a files/new; echo from inside >files/inside", "644\n");
    expect_get(t, box, "files/inside", "from inside\n", 12);
    expect_shell(t, box, "rm -r files", "");
}

static void names(struct test *t)
{
    struct box *box = box_shared(t);
    char longest[256];
    const char *list[] = {"with space",   "-dash",  "gr\xc3\xbc\xc3\x9f dich",
                          "quote'\"$(x)", "..dots", longest,
                          "new\nline"};

    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    if (subject_of(t)->delegates) { /* no path of a request has control characters */
        list[6] = "tab-less line";
    }
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char *path = test_text(t, "names/%s", list[i]);
        expect_put(t, box, path, list[i]);
        expect_get(t, box, path, list[i], strlen(list[i]));
    }
    expect_shell(t, box,
                 test_text(t,
                           "find names -type f -print0 | tr -cd '\\0' | wc -c; cat 'names/%s';"
                           " rm -r names",
                           list[6]),
                 test_text(t, "7\n%s", list[6]));
}

static void refused_reads(struct test *t)
{
    struct box *box = box_shared(t);

    expect_shell(t, box,
                 "mkdir refused; cd refused; echo 12345 >five; mkfifo pipe; echo x >secret; "
                 "chmod 0 secret; ln -s loop loop; ln -s nowhere dangling",
                 "");
    expect_no_get(t, box, "refused/nothing", 0, ENCLAVE_ENOTFOUND);
    expect_no_get(t, box, "refused/five/deeper", 0, ENCLAVE_EINVALID);
    expect_no_get(t, box, "refused/dangling", 0, ENCLAVE_ENOTFOUND);
    expect_no_get(t, box, "refused", 0, ENCLAVE_EINVALID);
    expect_no_get(t, box, "refused/pipe", 0, ENCLAVE_EINVALID); /* nor waits for a writer */
    expect_no_get(t, box, "refused/secret", 0, ENCLAVE_EDENIED);
    expect_no_get(t, box, "refused/five", 5, ENCLAVE_ETOOBIG);
    expect_no_get(t, box, "/dev/zero", 0, ENCLAVE_EINVALID);
    expect_no_get(t, box, "", 0, ENCLAVE_EINVALID);
    expect_shell(t, box, "rm -rf refused", "");
}

static void refused_writes(struct test *t)
{
    static const char *const paths[] = {
        "",          "/",          "/sandbox",    "/etc/passwd", "/proc/1/mem", "/no/such/one",
        "write-dir", "write-pipe", "write-file/x"};
    struct box *box = box_shared(t);

    expect_shell(t, box, "mkdir write-dir; mkfifo write-pipe; echo x >write-file", "");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        int32_t r = put(box, paths[i], "x", &err);
        if (strcmp(paths[i], "write-pipe") == 0 && r == 0) {
            continue; /* replaced by the file, which is a way to do it */
        }
        test_note(t, "put '%s': %s: %s", paths[i], enclave_error_name(r), err.message);
        expect(t, r == ENCLAVE_EINVALID || r == ENCLAVE_EDENIED || r == ENCLAVE_EIO ||
                      r == ENCLAVE_ENOTFOUND);
        expect_error(t, r, r, &err, "");
    }
    expect_shell(t, box, "test -d write-dir && cat write-file; rm -r write-*", "x\n");
}

/* Paths and links mean what they mean inside, and lead nowhere else. */
static void not_the_hosts(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    char *folder = host_folder(t, "/tmp", 0777);
    char *path = test_text(t, "%s/file", folder);

    host_write(t, path, "host");
    expect_no_get(t, box, path, 0, ENCLAVE_ENOTFOUND);
    expect_shell(t, box, test_text(t, "ln -s %s escape; ln -s / up", path), "");
    expect_no_get(t, box, "escape", 0, ENCLAVE_ENOTFOUND);
    expect_no_get(t, box, test_text(t, "up%s", path), 0, ENCLAVE_ENOTFOUND);
    expect_no_get(t, box, test_text(t, "../../../../..%s", path), 0, ENCLAVE_ENOTFOUND);
    (void)put(box, "escape", "changed", &err);
    (void)put(box, path, "changed", &err);
    (void)put(box, test_text(t, "../../../../..%s", path), "changed", &err);
    (void)put(box, test_text(t, "%s/new", folder), "new", &err);
    expect_text(t, host_read(t, path), "host");
    expect(t, access(test_text(t, "%s/new", folder), F_OK) < 0);
    expect_shell(t, box, test_text(t, "rm -rf escape up %s", folder), "");
}

static void links_inside(struct test *t)
{
    struct box *box = box_shared(t);

    expect_shell(t, box, "mkdir linked; cd linked; echo there >target; ln -s target link", "");
    expect_get(t, box, "linked/link", "there\n", 6);
    expect_get(t, box, "linked/../linked/./link", "there\n", 6);
    expect_shell(t, box, "rm -r linked", "");
}

static void no_room(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    size_t length = 8 << 20;
    char *data = test_alloc(t, length);

    if (!subject_declares(subject_of(t), "tmpfs_sizes")) {
        test_skip(t, "tmpfs_sizes is not declared");
    }
    struct box *box = box_new(t, "{'workdir_size': '4m'}");
    int32_t r = enclave_manager_put_file(box->manager, box->id, "big", data, length, 0, &err);
    expect_error_of(t, r, ENCLAVE_ETOOBIG, ENCLAVE_EIO, &err, "big");
    expect_shell(t, box, "ls -A", ""); /* half a file is no file */
    expect_put(t, box, "small", "x");
}

static void while_executing(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = box_shared(t);
    struct job *job = job_start(t, box,
                                "echo begun; while ! test -s meanwhile; do sleep 0.02; done;"
                                " cat meanwhile; rm meanwhile");

    job_wait_output(t, job, "begun");
    expect_put(t, box, "meanwhile", "all of it\n"); /* it is there whole or not at all */
    struct enclave_result *result = job_end(t, job, &err);
    expect(t, result != NULL);
    expect_exit(t, result, 0);
    expect_text(t, result->output, "begun\nall of it\n");
}

static const struct tap_case cases[] = {
    {"put_and_get", "bytes, mode and owner arrive; folders are made; a file is replaced",
     put_and_get},
    {"large", "64 MiB go in and come out", large},
    {"names", "any name that a file may have", names},
    {"refused_reads", "what cannot be read has its error, with its path", refused_reads},
    {"refused_writes", "what cannot be written has its error, and nothing is changed",
     refused_writes},
    {"not_the_hosts", "no path and no link leads to the host's files", not_the_hosts},
    {"links_inside", "links inside are followed inside", links_inside},
    {"no_room", "a file that does not fit is refused, and nothing of it is left", no_room},
    {"while_executing", "files go in while a program runs, whole", while_executing},
};
TAP_GROUP(files, cases);
