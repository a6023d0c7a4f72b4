/*
 * image_path.h - names out of a tar, made canonical.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_PATH_H
#define ENCLAVE_IMAGE_PATH_H

#include <limits.h>

/*
 * `./a//b/` and `/a/b` become `a/b`; the root itself becomes "". NULL, or why the name is refused:
 * one that is missing, too long, holds a control character or a "..".
 */
const char *image_path_clean(const char *from, char to[PATH_MAX]);

/* Split a clean path at its last '/': returns the name; the folder is "" when there is none. */
const char *image_path_split(char path[PATH_MAX], const char **ret_folder);

#endif
