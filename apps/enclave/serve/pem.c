/*
 * pem.c - see pem.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (256 * 1024)

int32_t pem_read(const char *path, bool secret, char **ret_text, struct enclave_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st = {0};
    char *text = NULL;
    ssize_t n = -1;
    int32_t r;

    if (fd < 0 || fstat(fd, &st) != 0) {
        r = enclave_error_set(err, ENCLAVE_ECONFIG, "TLS file '%s': %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > SIZE_MAX_BYTES) {
        r = enclave_error_set(err, ENCLAVE_ECONFIG,
                              "TLS file '%s': expected a PEM file of at most %d bytes", path,
                              SIZE_MAX_BYTES);
    } else if (secret && (st.st_mode & 077)) {
        r = enclave_error_set(err, ENCLAVE_ECONFIG,
                              "tls_key '%s': others may read it (mode %04o); chmod 600 it", path,
                              (unsigned)st.st_mode & 07777);
    } else {
        text = calloc(1, (size_t)st.st_size + 1);
        n = text ? read(fd, text, (size_t)st.st_size) : -1;
        r = n == st.st_size
                ? 0
                : enclave_error_set(err, ENCLAVE_ECONFIG, "TLS file '%s': cannot be read", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (r != 0) {
        free(text);
        return r;
    }
    *ret_text = text;
    return 0;
}

void pem_free(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}
