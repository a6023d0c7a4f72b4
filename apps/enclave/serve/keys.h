/*
 * keys.h - who may call: named API keys from a file.
 *
 * Owns: the file's form ("NAME KEY" a line, "#" comments), its owner and mode, and the comparison, whose time does not
 * tell how much of a key was right. Does not own: where a caller's key stands in its request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_KEYS_H
#define ENCLAVE_SERVE_KEYS_H

#include <enclave/error.h>

#include <stddef.h>

enum { KEY_BYTES_MIN = 32, KEY_BYTES_MAX = 512, KEY_NAME_MAX = 63, KEYS_MAX = 1024 };

struct keys;

/* Errors: CONFIG, telling what about the file is not right. */
int32_t keys_load(const char *path, struct keys **ret_keys, struct enclave_error *err);
void keys_free(struct keys *keys);

/* The name of a key, NULL when it is none; it lives as long as `keys`. */
const char *keys_find(const struct keys *keys, const char *key);

size_t keys_count(const struct keys *keys);

#endif
