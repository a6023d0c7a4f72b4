/*
 * folder_tar.h - a local folder as a tar stream.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_FOLDER_TAR_H
#define CORE_FOLDER_TAR_H

#include <enclave/error.h>
#include <enclave/types.h>

struct folder_tar;

/* What is in `folder`, not the folder itself. IO, NOMEM. */
int32_t folder_tar_open(const char *folder, struct folder_tar **ret_tar, struct enclave_error *err);
void folder_tar_close(struct folder_tar *tar);

/* For struct enclave_source: makes the next bytes when they are asked for. After a failure,
 * folder_tar_error() says what it was. */
int64_t folder_tar_read(void *tar, void *buffer, uint64_t capacity);
const struct enclave_error *folder_tar_error(const struct folder_tar *tar);

#endif
