/*
 * key.h - the API key, which comes from a file that nobody else can read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REMOTE_KEY_H
#define HTTP_REMOTE_KEY_H

#include <enclave/error.h>

/*
 * The header "X-API-Key: KEY" with the key in the first line of `path`: a regular file of root's or of this user's,
 * closed to group and others. key_free() it. Errors: DENIED (whose it is, its mode), INVALID (what is in it), IO, NOTFOUND,
 * NOMEM.
 */
int32_t key_read(const char *path, char **ret_header, struct enclave_error *err);
/* Overwrites it first. Accepts NULL. */
void key_free(char *header);

#endif
