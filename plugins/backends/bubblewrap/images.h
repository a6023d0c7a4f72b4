/*
 * images.h - which root file system an image's name stands for.
 *
 * Owns: the options `images`, `image_dir`, `cache_dir` and `rootfs`. Does not own: what becomes of a saved
 * image (images/image_store.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_BUBBLEWRAP_IMAGES_H
#define ENCLAVE_BUBBLEWRAP_IMAGES_H

#include "image_store.h"

#include <enclave/backend.h>

#include <json-c/json.h>

/* Where the root file system of a sandbox comes from. */
enum root_kind { ROOT_HOST, ROOT_FOLDER, ROOT_IMAGE };

struct root_choice {
    enum root_kind kind;
    struct image image; /* its rootfs is NULL with ROOT_HOST */
};

/* The root of a sandbox whose image is `name`. A saved image is unpacked when it was not yet. Errors:
 * NOTFOUND (says how to map it), and those of image_open(). */
int32_t images_choose(json_object *options, const char *name,
                      const struct enclave_sandbox_spec *spec, struct root_choice *ret_choice,
                      struct enclave_error *err);
void root_choice_clear(struct root_choice *choice);

/* A word for people: "host", "folder", "image". */
const char *root_kind_name(enum root_kind kind);

/* Whether the options are well-formed; what they name need not be there yet. Errors: INVALID. */
int32_t images_check(json_object *options, struct enclave_error *err);

#endif
