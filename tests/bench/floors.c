/*
 * floors.c - see floors.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "floors.h"

#include "native.h"

#include <stdio.h>

/* How each kind starts a program without Enclave; what follows is the image, and the program. */
static const char *const starters[] = {
    [BENCH_DOCKER] = "docker run --rm --network none",
    [BENCH_PODMAN] = "podman --remote run --rm --network none",
    [BENCH_NO_ENGINE] = "bwrap --unshare-all --ro-bind / / --dev /dev",
};

static const char *image_of(const struct bench *bench)
{
    return bench->kind == BENCH_NO_ENGINE ? "" : bench->image;
}

const char *floor_run_name(const struct bench *bench)
{
    return bench->kind == BENCH_NO_ENGINE ? "native /usr/bin/python3 -c 'print(40 + 2)'"
                                          : starters[bench->kind];
}

int32_t floor_run(const struct bench *bench, double *ret_ms, struct enclave_error *err)
{
    static const char *const native[] = {"/usr/bin/python3", "-c", "print(40 + 2)", NULL};
    char command[512];
    const char *argv[] = {"/bin/sh", "-c", command, NULL};

    (void)snprintf(command, sizeof command, "exec %s %s python3 -c 'print(40 + 2)'",
                   starters[bench->kind], image_of(bench));
    return native_run(bench->kind == BENCH_NO_ENGINE ? native : argv, "42\n", ret_ms, err);
}

const char *floor_stream_name(const struct bench *bench)
{
    return starters[bench->kind];
}

/* Without a log: the engine's default would write all of it to disk, six bytes for one. */
int32_t floor_stream(const struct bench *bench, unsigned long long bytes, double *ret_ms,
                     struct enclave_error *err)
{
    char command[512], expected[32];
    const char *argv[] = {"/bin/sh", "-c", command, NULL};

    (void)snprintf(command, sizeof command, "%s %s %s head -c %llu /dev/zero | wc -c",
                   starters[bench->kind], bench->kind == BENCH_NO_ENGINE ? "" : "--log-driver none",
                   image_of(bench), bytes);
    (void)snprintf(expected, sizeof expected, "%llu\n", bytes);
    return native_run(argv, expected, ret_ms, err);
}

int32_t floor_bwrap(double *ret_ms, struct enclave_error *err)
{
    static const char *const argv[] = {"bwrap", "--unshare-all", "--ro-bind", "/",
                                       "/",     "true",          NULL};

    return native_run(argv, "", ret_ms, err);
}
