/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 1024

static int32_t check_file(int fd, const char *path, struct enclave_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "api_key_file '%s': not a regular file",
                                 path);
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return enclave_error_set(err, ENCLAVE_EDENIED,
                                 "api_key_file '%s': owned by user %u; expected root or this user",
                                 path, (unsigned)st.st_uid);
    }
    if (st.st_mode & 077) {
        return enclave_error_set(err, ENCLAVE_EDENIED,
                                 "api_key_file '%s': its mode %04o lets others have the key; make "
                                 "it 0600",
                                 path, (unsigned)st.st_mode & 07777);
    }
    return 0;
}

/* Bytes of the key at the front of `text`; 0 when there is none, or other than one line of printable ASCII. */
static size_t key_length(const char *text, size_t length)
{
    size_t n = 0;

    while (n < length && text[n] > 0x20 && text[n] < 0x7f) {
        n++;
    }
    for (size_t i = n; i < length; i++) {
        if (!strchr(" \t\r\n", text[i])) {
            return 0;
        }
    }
    return n <= KEY_MAX ? n : 0;
}

static int32_t read_key(int fd, const char *path, char **ret_header, struct enclave_error *err)
{
    static const char name[] = "X-API-Key: ";
    char text[KEY_MAX + 16];
    size_t length = 0;
    ssize_t n;

    while (length < sizeof text && (n = read(fd, text + length, sizeof text - length)) > 0) {
        length += (size_t)n;
    }
    size_t key = key_length(text, length);
    char *header = key ? malloc(sizeof name + key) : NULL;
    if (header) {
        memcpy(header, name, sizeof name - 1);
        memcpy(header + sizeof name - 1, text, key);
        header[sizeof name - 1 + key] = '\0';
        *ret_header = header;
    }
    explicit_bzero(text, sizeof text);
    if (!key) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "api_key_file '%s': expected one line with a key of at most %d "
                                 "printable ASCII characters",
                                 path, KEY_MAX);
    }
    return header ? 0 : enclave_error_set(err, ENCLAVE_ENOMEM, "api_key_file: out of memory");
}

int32_t key_read(const char *path, char **ret_header, struct enclave_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[128];
    int32_t r;

    if (fd < 0) {
        int number = errno;
        return enclave_error_set(err, number == ENOENT ? ENCLAVE_ENOTFOUND : ENCLAVE_EIO,
                                 "api_key_file '%s': %s", path,
                                 strerror_r(number, text, sizeof text));
    }
    r = check_file(fd, path, err);
    if (r == 0) {
        r = read_key(fd, path, ret_header, err);
    }
    close(fd);
    return r;
}

void key_free(char *header)
{
    if (header) {
        explicit_bzero(header, strlen(header));
        free(header);
    }
}
