/*
 * id.h - ids of sandboxes and executions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_ID_H
#define CORE_ID_H

#include <stddef.h>
#include <stdint.h>

/* `length` random characters of 23456789abcdefghijkmnopqrstuvwxyz and a NUL. 0 or ENCLAVE_EIO. */
int32_t id_random(char *ret_id, size_t length);

/* 1 when it matches ^[a-z0-9][a-z0-9_-]{0,62}$: safe in a URL, a path, a label. */
int id_valid(const char *id);

/* 1 when it matches ^[a-z][a-z0-9_-]{0,62}$: the name of a plugin. */
int id_valid_name(const char *name);

#endif
