/*
 * image_rootfs.h - the folder that layers are laid into. Owns the promise that nothing is written or
 * removed outside of it, whatever the entries of a layer are called and wherever links lead: folders
 * are resolved with it as their root (openat2(2), RESOLVE_IN_ROOT), and last names never followed.
 *
 * What it makes belongs to who unpacks it. No setuid or setgid bit, no device, FIFO or socket, no
 * extended attribute is kept; folders are its owner's to read, write and search.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_ROOTFS_H
#define ENCLAVE_IMAGE_ROOTFS_H

#include "image_job.h"

#include <archive_entry.h>
#include <limits.h>

struct image_rootfs {
    struct image_job *job;
    int root;   /* the caller's */
    int parent; /* of `parent_path`, where the last entry went; -1: none */
    char parent_path[PATH_MAX];
};

void image_rootfs_begin(struct image_rootfs *rootfs, struct image_job *job, int root);
void image_rootfs_end(struct image_rootfs *rootfs);

/*
 * Both are image_entry_fn, with the rootfs as `ctx`. A layer goes twice over it: first what it hides
 * of the layers below (layer.md, "Whiteouts"), then what it brings. So it does not matter where in the
 * layer the whiteouts stand, and they never hide what the same layer brings.
 */
int32_t image_rootfs_hide(void *ctx, struct archive *tar, struct archive_entry *entry);
int32_t image_rootfs_put(void *ctx, struct archive *tar, struct archive_entry *entry);

#endif
