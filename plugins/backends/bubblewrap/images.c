/*
 * images.c - see images.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "images.h"

#include "json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------------------ the options */

/* The path of an entry "NAME=PATH" when it is of `name`; NULL when not. */
static const char *path_of(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : NULL;
}

static const char *find_listed(json_object *options, const char *name)
{
    json_object *list = json_member(options, "images");
    size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *entry = json_object_get_string(json_object_array_get_idx(list, i));
        const char *path = path_of(entry, name);

        if (path) {
            return path;
        }
    }
    return NULL;
}

int32_t images_check(json_object *options, struct enclave_error *err)
{
    json_object *list = json_member(options, "images");
    size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *entry = json_object_get_string(json_object_array_get_idx(list, i));
        const char *path = strchr(entry, '=');

        if (!path || path == entry || path[1] != '/') {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "images: '%s' must be NAME=PATH with an absolute path", entry);
        }
    }
    return 0;
}

/*
 * DIR/NAME or DIR/NAME.tar, whichever is there; NULL when neither is, or without memory. A name stays one
 * entry of the folder, its slashes being underscores there: as a path it would lead into images, and by their
 * links out of them.
 */
static char *find_in_dir(json_object *options, const char *name)
{
    static const char *const endings[] = {"", ".tar"};
    const char *dir = json_text(options, "image_dir", NULL);
    struct stat st;

    for (size_t i = 0; dir && *name != '.' && i < sizeof endings / sizeof *endings; i++) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s%s", dir, name, endings[i]) < 0) {
            return NULL;
        }
        for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')) != NULL;) {
            *slash = '_';
        }
        if (stat(path, &st) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- choosing */

static int32_t open_image(enum root_kind kind, json_object *options, const char *path,
                          const struct enclave_sandbox_spec *spec, struct root_choice *ret_choice,
                          struct enclave_error *err)
{
    struct image_request request = {
        .source = path,
        .cache_dir = json_text(options, "cache_dir", NULL),
        .cancel_fd = spec->cancel_fd,
        .progress = spec->progress,
        .progress_ctx = spec->progress_ctx,
    };
    struct image image;
    int32_t rc = *path == '/' ? image_open(&request, &image, err)
                              : enclave_error_set(err, ENCLAVE_EINVALID,
                                                  "'%s' must be an absolute path", path);

    if (!rc) {
        *ret_choice = (struct root_choice){.kind = kind, .image = image};
    }
    return rc;
}

int32_t images_choose(json_object *options, const char *name,
                      const struct enclave_sandbox_spec *spec, struct root_choice *ret_choice,
                      struct enclave_error *err)
{
    const char *listed = find_listed(options, name);
    const char *rootfs = json_text(options, "rootfs", NULL);
    char *found = listed ? NULL : find_in_dir(options, name);
    int32_t rc = 0;

    if (listed || found) {
        rc = open_image(ROOT_IMAGE, options, listed ? listed : found, spec, ret_choice, err);
    } else if (spec->explicit_bits & ENCLAVE_CAN_IMAGE) {
        rc = enclave_error_set(err, ENCLAVE_ENOTFOUND,
                               "image '%s' is not known: map it in [backend bubblewrap], images ="
                               " %s=PATH (its files, or a tar of docker save), or leave image out",
                               name, name);
    } else if (rootfs && *rootfs) {
        rc = open_image(ROOT_FOLDER, options, rootfs, spec, ret_choice, err);
    } else {
        *ret_choice = (struct root_choice){.kind = ROOT_HOST};
    }
    free(found);
    return rc;
}

void root_choice_clear(struct root_choice *choice)
{
    image_clear(&choice->image);
    choice->image = (struct image){0};
}

const char *root_kind_name(enum root_kind kind)
{
    static const char *const names[] = {"host", "folder", "image"};

    return names[kind];
}
