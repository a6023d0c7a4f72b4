/*
 * agent_program.c - see agent_program.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent_program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGENT_FILE "enclave-agent"
#define MAX_AGENT (16u << 20)

static int32_t open_agent(const char *path, int *ret_fd, size_t *ret_length,
                          struct enclave_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        int32_t rc = enclave_error_set(err, ENCLAVE_ENOTFOUND,
                                       "agent program '%s': %s; install it or set agent_path", path,
                                       strerror(errno));

        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf32_Ehdr) || st.st_size > MAX_AGENT) {
        close(fd);
        return enclave_error_set(err, ENCLAVE_EINVALID, "agent program '%s' is not a Linux program",
                                 path);
    }
    *ret_fd = fd;
    *ret_length = (size_t)st.st_size;
    return 0;
}

static int read_full(int fd, void *buffer, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = read(fd, (char *)buffer + done, length - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        done += (size_t)n;
    }
    return 0;
}

int32_t agent_program_find(const char *option, const char *plugin_path, char **ret_path,
                           struct enclave_error *err)
{
    const char *slash = strrchr(plugin_path, '/');
    char *path = NULL;
    size_t length;
    int32_t rc;
    int fd;

    if (option && *option) {
        path = strdup(option);
    } else if (asprintf(&path, "%.*s" AGENT_FILE, slash ? (int)(slash + 1 - plugin_path) : 0,
                        plugin_path) < 0) {
        path = NULL;
    }
    if (!path) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    rc = open_agent(path, &fd, &length, err);
    if (rc) {
        free(path);
        return rc;
    }
    close(fd);
    *ret_path = path;
    return 0;
}

/* --------------------------------------------------------------------------------- architecture */

static const struct {
    uint16_t machine; /* elf(5), e_machine */
    const char *name; /* as Go and so the engines say it in /version */
    const char *uname;
} architectures[] = {
    {EM_X86_64, "amd64", "x86_64"},   {EM_AARCH64, "arm64", "aarch64"}, {EM_386, "386", "i686"},
    {EM_ARM, "arm", "armv7l"},        {EM_PPC64, "ppc64le", "ppc64le"}, {EM_S390, "s390x", "s390x"},
    {EM_RISCV, "riscv64", "riscv64"},
};
#define ARCHITECTURES (sizeof architectures / sizeof *architectures)

int32_t agent_program_check_arch(const char *path, const char *arch, struct enclave_error *err)
{
    Elf32_Ehdr header; /* begins as Elf64_Ehdr does, as far as e_machine */
    size_t length;
    int fd;
    int failed;
    int32_t rc = open_agent(path, &fd, &length, err);

    if (rc) {
        return rc;
    }
    failed = read_full(fd, &header, sizeof header);
    close(fd);
    if (failed || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "agent program '%s' is not a Linux program",
                                 path);
    }
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        int same =
            strcmp(arch, architectures[i].name) == 0 || strcmp(arch, architectures[i].uname) == 0;

        if (same && header.e_machine != architectures[i].machine) {
            return enclave_error_set(err, ENCLAVE_ENOTSUP,
                                     "agent program '%s' cannot run on %s: set agent_path to one"
                                     " built for it",
                                     path, arch);
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- contents */

int32_t agent_program_load(const char *path, void **ret_data, size_t *ret_length,
                           struct enclave_error *err)
{
    size_t length;
    void *data;
    int fd;
    int32_t rc = open_agent(path, &fd, &length, err);

    if (rc) {
        return rc;
    }
    data = malloc(length);
    if (!data) {
        rc = enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    } else if (read_full(fd, data, length) != 0) {
        rc = enclave_error_set(err, ENCLAVE_EIO, "read agent program '%s': it changed meanwhile",
                               path);
    }
    close(fd);
    if (rc) {
        free(data);
        return rc;
    }
    *ret_data = data;
    *ret_length = length;
    return 0;
}
