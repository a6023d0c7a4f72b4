/*
 * rows_files.c - files in and out: one of 1 MiB, and a folder of 10,000 small ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "native.h"
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE = 1 << 20, SMALL_FILES = 10000, SMALL_SIZE = 1024 };

/* Our side of all copies is memory, so that no disk is measured. */
struct files {
    const struct bench *bench;
    char id[ENCLAVE_ID_SIZE];
    char folder[64];
    char *data; /* FILE_SIZE bytes */
};

static int32_t write_file(const char *path, const char *data, size_t length,
                          struct enclave_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t written = fd < 0 ? -1 : write(fd, data, length);
    int failure = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (written != (ssize_t)length) {
        return enclave_error_set(err, ENCLAVE_EIO, "write '%s': %s", path,
                                 written < 0 ? strerror(failure) : "no space");
    }
    return 0;
}

static int32_t read_file(const char *path, char *data, size_t length, struct enclave_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, data, length);

    if (fd >= 0) {
        (void)close(fd);
    }
    return got == (ssize_t)length ? 0 : enclave_error_set(err, ENCLAVE_EIO, "read '%s'", path);
}

static void remove_tree(const char *path)
{
    const char *argv[] = {"rm", "-rf", "--", path, NULL};
    double took;

    (void)native_run(argv, NULL, &took, NULL);
}

static void close_files(struct files *files)
{
    if (files->id[0]) {
        box_delete(files->bench, files->id);
    }
    if (files->folder[0]) {
        remove_tree(files->folder);
    }
    free(files->data);
}

static int32_t open_files(const struct bench *bench, struct files *files, struct enclave_error *err)
{
    *files = (struct files){.bench = bench, .data = malloc(FILE_SIZE)};
    if (!files->data) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    for (int i = 0; i < FILE_SIZE; i++) {
        files->data[i] = (char)(i * 7 + i / 251);
    }
    (void)snprintf(files->folder, sizeof files->folder, "/dev/shm/enclave-bench-XXXXXX");
    if (!mkdtemp(files->folder)) {
        files->folder[0] = '\0';
        return enclave_error_set(err, ENCLAVE_EIO, "make a folder in /dev/shm: %s",
                                 strerror(errno));
    }
    return box_create(bench, "[\"shell_executor\"]", files->id, err);
}

/* ---------------------------------------------------------------------------------- one of 1 MiB */

static int32_t sample_put_file(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    double start = now_ms();
    int32_t r = enclave_manager_put_file(files->bench->manager, files->id, "one", files->data,
                                         FILE_SIZE, 0, err);

    *ret_ms = now_ms() - start;
    return r;
}

static int32_t sample_write_file(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    char path[96];
    double start = now_ms();

    (void)snprintf(path, sizeof path, "%s/one", files->folder);
    int32_t r = write_file(path, files->data, FILE_SIZE, err);
    *ret_ms = now_ms() - start;
    return r;
}

static int32_t sample_get_file(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    void *data = NULL;
    uint64_t length = 0;
    double start = now_ms();
    int32_t r =
        enclave_manager_get_file(files->bench->manager, files->id, "one", 0, &data, &length, err);

    *ret_ms = now_ms() - start;
    if (r == 0 && (length != FILE_SIZE || memcmp(data, files->data, FILE_SIZE) != 0)) {
        r = enclave_error_set(err, ENCLAVE_EIO, "what came back is not what went in");
    }
    enclave_free(data);
    return r;
}

static int32_t sample_read_file(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    char path[96];
    double start = now_ms();

    (void)snprintf(path, sizeof path, "%s/one", files->folder);
    int32_t r = read_file(path, files->data, FILE_SIZE, err);
    *ret_ms = now_ms() - start;
    return r;
}

int32_t rows_file(struct bench *bench, struct enclave_error *err)
{
    struct files files;
    struct row put = {.key = "file-put",
                      .what = "put_file, 1 MiB",
                      .floor_is = "native write to /dev/shm",
                      .unit = "ms"};
    struct row get = {.key = "file-get",
                      .what = "get_file, 1 MiB",
                      .floor_is = "native read from /dev/shm",
                      .unit = "ms"};
    struct turns turns = {sample_put_file, sample_write_file, &files, bench->rounds * 4, 1};
    int32_t r = open_files(bench, &files, err);

    if (r == 0) {
        r = take_turns(&turns, &put, err);
        report_row(bench->json, &put);
    }
    if (r == 0) {
        turns.measured = sample_get_file;
        turns.floor = sample_read_file;
        r = take_turns(&turns, &get, err);
        report_row(bench->json, &get);
    }
    close_files(&files);
    return r;
}

/* ------------------------------------------------------------------------- 10,000 files of 1 KiB */

static int32_t make_small_files(struct files *files, struct enclave_error *err)
{
    char path[96];
    int32_t r = 0;

    (void)snprintf(path, sizeof path, "%s/in", files->folder);
    if (mkdir(path, 0755) < 0) {
        return enclave_error_set(err, ENCLAVE_EIO, "make '%s': %s", path, strerror(errno));
    }
    for (int i = 0; r == 0 && i < SMALL_FILES; i++) {
        (void)snprintf(path, sizeof path, "%s/in/%05d", files->folder, i);
        r = write_file(path, files->data + i, SMALL_SIZE, err);
    }
    return r;
}

static int32_t shell(struct files *files, const char *command, const char *expected,
                     struct enclave_error *err)
{
    char params[128];

    (void)snprintf(params, sizeof params, "{\"command\": \"%s\"}", command);
    return box_call(files->bench, files->id, "shell_executor", params, expected, NULL, err);
}

static int32_t sample_put_dir(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    char path[96];
    int32_t r = shell(files, "rm -rf in", NULL, err);

    if (r < 0) {
        return r;
    }
    (void)snprintf(path, sizeof path, "%s/in", files->folder);
    double start = now_ms();
    r = enclave_manager_put_dir(files->bench->manager, files->id, path, "in", err);
    *ret_ms = now_ms() - start;
    return r < 0 ? r : shell(files, "ls in | wc -l", "10000\n", err);
}

static int32_t native_shell(const char *format, const char *folder, double *ret_ms,
                            struct enclave_error *err)
{
    char command[256];
    const char *argv[] = {"/bin/sh", "-c", command, NULL};

    (void)snprintf(command, sizeof command, "cd '%s' && %s", folder, format);
    return native_run(argv, NULL, ret_ms, err);
}

static int32_t sample_tar_copy(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    double aside;
    int32_t r = native_shell("rm -rf out && mkdir out", files->folder, &aside, err);

    return r < 0 ? r
                 : native_shell("tar -C in -cf - . | tar -C out -xf -", files->folder, ret_ms, err);
}

static int32_t count_bytes(void *ctx, const void *data, uint64_t length)
{
    uint64_t *seen = ctx;

    (void)data;
    *seen += length;
    return 0;
}

static int32_t sample_get_archive(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;
    uint64_t seen = 0;
    struct enclave_sink sink = {sizeof sink, 0, &seen, count_bytes};
    double start = now_ms();
    int32_t r = enclave_manager_get_archive(files->bench->manager, files->id, "in", &sink, err);

    *ret_ms = now_ms() - start;
    if (r == 0 && seen < (uint64_t)SMALL_FILES * SMALL_SIZE) {
        r = enclave_error_set(err, ENCLAVE_EIO, "an archive of %llu bytes cannot be whole",
                              (unsigned long long)seen);
    }
    return r;
}

static int32_t sample_tar_read(void *ctx, double *ret_ms, struct enclave_error *err)
{
    struct files *files = ctx;

    return native_shell("tar -C in -cf - . | wc -c", files->folder, ret_ms, err);
}

int32_t rows_dir(struct bench *bench, struct enclave_error *err)
{
    struct files files;
    struct row put = {.key = "dir-put",
                      .what = "put_dir, 10,000 files of 1 KiB",
                      .floor_is = "native tar -c | tar -x, in /dev/shm",
                      .unit = "ms"};
    struct row get = {.key = "dir-get",
                      .what = "get_archive of the same",
                      .floor_is = "native tar -c | wc -c, in /dev/shm",
                      .unit = "ms"};
    struct turns turns = {sample_put_dir, sample_tar_copy, &files, bench->rounds / HEAVY + 2, 1};
    int32_t r = open_files(bench, &files, err);

    if (r == 0) {
        r = make_small_files(&files, err);
    }
    if (r == 0) {
        r = take_turns(&turns, &put, err);
        report_row(bench->json, &put);
    }
    if (r == 0) {
        turns.measured = sample_get_archive;
        turns.floor = sample_tar_read;
        r = take_turns(&turns, &get, err);
        report_row(bench->json, &get);
    }
    close_files(&files);
    return r;
}
