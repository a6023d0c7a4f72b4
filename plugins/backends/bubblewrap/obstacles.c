/*
 * obstacles.c - see obstacles.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "obstacles.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number in a file of /proc/sys; -1 when there is none. */
static long read_sysctl(const char *path)
{
    FILE *file = fopen(path, "re");
    long value = -1;

    if (file && fscanf(file, "%ld", &value) != 1) {
        value = -1;
    }
    if (file) {
        (void)fclose(file);
    }
    return value;
}

/* The first that forbids namespaces to this user; NULL: none that is known. */
static const char *find_restriction(void)
{
    if (read_sysctl("/proc/sys/user/max_user_namespaces") == 0) {
        return "the kernel allows no user namespaces: sysctl -w user.max_user_namespaces=15000";
    }
    if (geteuid() != 0 && read_sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
        return "the kernel allows user namespaces to root only: sysctl -w"
               " kernel.unprivileged_userns_clone=1";
    }
    if (read_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1) {
        return "AppArmor restricts user namespaces: sysctl -w"
               " kernel.apparmor_restrict_unprivileged_userns=0, or load a profile that allows them"
               " to bwrap and enclave-launcher";
    }
    return NULL;
}

static int is_about_namespaces(const char *said)
{
    static const char *const signs[] = {"amespace",
                                        "uid map",
                                        "gid map",
                                        "Can't mount proc",
                                        "loopback:",
                                        "map uids",
                                        "Failed to make / slave"};

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strstr(said, signs[i])) {
            return 1;
        }
    }
    return 0;
}

int32_t obstacles_explain(const char *said, struct enclave_error *err)
{
    const char *restriction = is_about_namespaces(said) ? find_restriction() : NULL;

    if (restriction) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE, "bubblewrap cannot make a sandbox: %s",
                                 restriction);
    }
    if (is_about_namespaces(said)) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "bubblewrap cannot make a sandbox: %s; in a container, allow it"
                                 " namespaces and an unmasked /proc, or use another backend",
                                 said);
    }
    if (strstr(said, "Unknown option")) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "this bwrap is too old, 0.7 or newer is needed: %s", said);
    }
    if (strstr(said, "find source path") || strstr(said, "Can't mkdir") ||
        strstr(said, "Can't create")) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "bubblewrap cannot make a mount: %s; a folder of the host must be"
                                 " there and within reach of an unprivileged user",
                                 said);
    }
    return enclave_error_set(err, ENCLAVE_ELOST, "bubblewrap could not make the sandbox: %s",
                             *said ? said : "it ended without a word");
}
