/*
 * id.c - see id.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "id.h"

#include <enclave/error.h>

#include <string.h>
#include <sys/random.h>

int32_t id_random(char *ret_id, size_t length)
{
    static const char letters[] = "23456789abcdefghijkmnopqrstuvwxyz";
    enum { COUNT = sizeof letters - 1, FAIR = 256 - 256 % COUNT };
    size_t n = 0;

    while (n < length) {
        unsigned char bytes[32];
        ssize_t got = getrandom(bytes, sizeof bytes, 0);
        if (got < 0) {
            return ENCLAVE_EIO;
        }
        for (ssize_t i = 0; i < got && n < length; i++) {
            if (bytes[i] < FAIR) { /* past it some letters would be likelier */
                ret_id[n++] = letters[bytes[i] % COUNT];
            }
        }
    }
    ret_id[n] = '\0';
    return 0;
}

static int lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int id_valid(const char *id)
{
    if (!id || !lower_or_digit(id[0])) {
        return 0;
    }
    size_t length = strnlen(id, 64);
    for (size_t i = 1; i < length; i++) {
        if (!lower_or_digit(id[i]) && id[i] != '_' && id[i] != '-') {
            return 0;
        }
    }
    return length <= 63;
}

int id_valid_name(const char *name)
{
    return id_valid(name) && name[0] >= 'a';
}
