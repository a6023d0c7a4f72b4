/*
 * file_path.h - where a path really leads, and whether it may. Decided on what has been opened, so
 * that a link that is swapped meanwhile changes nothing. Owns no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FILE_PATH_H
#define AGENT_FILE_PATH_H

#include "file_op.h"

#include <limits.h>
#include <stdint.h>

/* openat2(2). The descriptor or -errno. */
int path_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve);

/* The path of an open file. 0 or -errno. */
int path_of(int fd, char path[PATH_MAX]);

/* 0, or -EACCES: the request's lists do not permit the file that is open / that has this path. */
int path_permitted(const struct file_request *request, const char *real, struct file_reason *why);
int path_permitted_fd(const struct file_request *request, int fd, struct file_reason *why);

/* 0, or -EACCES: a blocked folder lies in the open folder, so that it must not be removed as a whole. */
int path_holds_no_blocked(const struct file_request *request, int folder, struct file_reason *why);

/* Find the file (O_PATH, with `flags` such as O_NOFOLLOW) and check that it is permitted. */
int path_find(const struct file_request *request, uint64_t flags, struct file_reason *why);
/* The same file, opened for real. */
int path_reopen(int fd, int flags);

/* A place in a folder: where a file is to be made or removed. */
struct path_place {
    int parent; /* O_PATH */
    char name[NAME_MAX + 1];
};

/* The place that `path` names, its last part not followed; the folders above it are made when
 * `make` says so. Checked against the lists. 0 or -errno. */
int path_place(const struct file_request *request, const char *path, bool make,
               struct path_place *ret_place, struct file_reason *why);
/* The place where writing to `path` would put the file: links at the end are followed too. */
int path_place_followed(const struct file_request *request, bool make, struct path_place *ret_place,
                        struct file_reason *why);

/* The folder at `path`, made with all above it when missing; O_PATH. */
int path_make_folder(const struct file_request *request, const char *path, struct file_reason *why);

#endif
