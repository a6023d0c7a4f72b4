/*
 * pool_config.h - the sections [pool NAME] of the INI file: keys of a pool, and fields of its sandboxes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_POOL_CONFIG_H
#define CORE_POOL_CONFIG_H

#include "config.h"
#include "pool.h"

/* 1 for "pool NAME". */
int pool_config_is_section(const char *section);

/* CONFIG: what is wrong with a setting of such a section. */
int32_t pool_config_check(const struct setting *s, struct enclave_error *err);

/* What the section of a pool says, into `spec`, whose members are empty. 0 with `*ret_declared` 0 when there is
 * none. */
int32_t pool_config_read(const struct config *config, const char *name, struct pool_spec *spec,
                         int *ret_declared, struct enclave_error *err);

/* 1: a pool of more than nothing is declared. */
int pool_config_any(const struct config *config);

/* The rows of enclave_manager_get_config() for all of them: what is set. */
int32_t pool_config_describe(const struct config *config, json_object *rows);

#endif
