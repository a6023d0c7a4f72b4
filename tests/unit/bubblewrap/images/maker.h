/*
 * maker.h - images made for a test, good and bad ones: layers, the JSON about them, the tar around
 * them; and a folder of the test's own with a look at what was unpacked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_MAKER_H
#define ENCLAVE_TEST_MAKER_H

#include "image_digest.h"
#include "image_store.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <sys/types.h>

/* Bytes and strings made here are freed when the test ends. Not for threads. */
struct bytes {
    char *data;
    size_t length;
};

/* Something in a tar. type: 'f'ile, 'd'irectory, 'l'ink, 'h'ard link, 'c'haracter device, 'p'ipe. */
struct item {
    char type;
    const char *name;
    const char *text; /* content or target */
    mode_t mode;      /* 0: 0644, of a folder 0755 */
    size_t length;    /* of `text`; 0: a string */
};

struct bytes make_tar(const struct item *items, size_t count, const char *filter);
#define TAR(...)                                                                                   \
    make_tar((const struct item[]){__VA_ARGS__},                                                   \
             sizeof((const struct item[]){__VA_ARGS__}) / sizeof(struct item), NULL)

struct bytes compress_bytes(struct bytes plain, const char *filter);
struct bytes text(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *digest_of(struct bytes bytes);

const char *blob_name(struct bytes bytes); /* in an OCI layout */

enum layout { DOCKER_OLD, DOCKER_NEW, OCI, LAYOUTS };

/* The configuration of an image of these layers, uncompressed. */
struct bytes make_config(const struct bytes *layers, size_t count, const char *architecture);
/* A saved image; `filter` compresses its layers (not those of DOCKER_OLD). */
struct bytes make_image(enum layout layout, const struct bytes *layers, size_t count,
                        const char *filter);
#define IMAGE(layout, ...)                                                                         \
    make_image(layout, (const struct bytes[]){__VA_ARGS__},                                        \
               sizeof((const struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes), NULL)

/* The machine's architecture, and one that it is not. */
#define HERE image_machine()
#define ELSEWHERE "vax"

/* A folder for one test: T/cache, T/image.tar, T/outside/victim. Setup and teardown of CMocka. */
int room_setup(void **state);
int room_teardown(void **state);
const char *in_room(const char *name);
void save(struct bytes image); /* as T/image.tar */

/* Open T/image.tar with T/cache. */
int32_t open_image(struct image *ret_image, struct enclave_error *err);
/* Does so, and returns the tree unpacked: a line for each file, sorted. */
const char *unpacked(void);
const char *tree_of(const char *folder);
void forget(void); /* removes the cache */
/* Expects a failure whose message holds `part`, and that nothing is left of it. */
void refused(int32_t code, const char *part);
/* Nothing but the store's own is in the cache, nothing is half made, and outside all is as it was. */
void check_room(void);

/* The rest of main(): as an ordinary user when the first argument is "user". 77 when that cannot be. */
int become(int argc, char **argv);

#endif
