/*
 * address.c - see address.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEME "unix://"

static int is_socket(const char *address)
{
    struct stat st;

    return stat(address + strlen(SCHEME), &st) == 0 && S_ISSOCK(st.st_mode);
}

static char *user_address(uid_t uid)
{
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    char *given = NULL;
    char *usual = NULL;

    if (asprintf(&usual, SCHEME "/run/user/%lu/podman/podman.sock", (unsigned long)uid) < 0) {
        return NULL;
    }
    if (!runtime_dir || *runtime_dir != '/') {
        return usual;
    }
    if (asprintf(&given, SCHEME "%s/podman/podman.sock", runtime_dir) < 0) {
        given = NULL;
    }
    /* The variable can be left over from another user, after su(1) and the like. */
    if (given && !is_socket(given) && is_socket(usual)) {
        free(given);
        return usual;
    }
    free(usual);
    return given;
}

char *podman_address(uid_t uid)
{
    const char *host = getenv("CONTAINER_HOST");

    if (host && *host) {
        return strdup(host);
    }
    return uid == 0 ? strdup(SCHEME "/run/podman/podman.sock") : user_address(uid);
}
