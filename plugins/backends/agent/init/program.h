/*
 * program.h - finding a program as a shell would, and whether a payload could have changed it. Owns
 * no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_PATH_MAX PATH_MAX
#define PROGRAM_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A variable's value in `env`, or NULL. */
const char *program_env(char *const *env, const char *name);

/* The executable file that `name` means with the PATH of `env`. */
bool program_find(const char *name, char *const *env, char path[PROGRAM_PATH_MAX]);

/* Whether `uid` can change nothing on the way to the file, through all symbolic links, nor on the ways
 * to the folders of PATH: programs look there for others, or for themselves. */
bool program_trusted(const char *path, char *const *env, uid_t uid);

#endif
