/*
 * encoding.c - see encoding.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "encoding.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum encoding encoding;
} names[] = {
    {"utf-8", ENCODING_UTF8},     {"utf8", ENCODING_UTF8},         {"ascii", ENCODING_ASCII},
    {"us-ascii", ENCODING_ASCII}, {"latin-1", ENCODING_LATIN1},    {"latin1", ENCODING_LATIN1},
    {"base64", ENCODING_BASE64},  {"iso-8859-1", ENCODING_LATIN1},
};

int32_t encoding_find(const char *name, enum encoding *ret, struct enclave_error *err)
{
    if (!name) {
        *ret = ENCODING_UTF8;
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i].name) == 0) {
            *ret = names[i].encoding;
            return 0;
        }
    }
    return enclave_error_set(err, ENCLAVE_EINVALID,
                             "Unknown encoding: %s (expected utf-8, ascii, latin-1 or base64)",
                             name);
}

static int32_t check_ascii(const unsigned char *data, size_t length, struct enclave_error *err)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] > 0x7f) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "byte 0x%02x at offset %zu is not ASCII; another encoding "
                                     "(utf-8, base64) takes it",
                                     data[i], i);
        }
    }
    return 0;
}

/* U+0080 to U+00FF, the upper half of Latin-1, are two bytes in UTF-8: 110000xx 10xxxxxx. */
static int32_t from_latin1(const unsigned char *data, size_t length, struct buffer *text)
{
    int32_t rc = 0;

    for (size_t i = 0; i < length && rc == 0; i++) {
        if (data[i] > 0x7f) {
            rc = buffer_byte(text, (unsigned char)(0xc0 | data[i] >> 6));
            if (rc == 0) {
                rc = buffer_byte(text, 0x80 | (data[i] & 0x3f));
            }
        } else {
            rc = buffer_byte(text, data[i]);
        }
    }
    return rc;
}

static int32_t to_latin1(const unsigned char *data, size_t length, struct buffer *bytes,
                         struct enclave_error *err)
{
    int32_t rc = 0;

    for (size_t i = 0; i < length && rc == 0; i++) {
        if (data[i] <= 0x7f) {
            rc = buffer_byte(bytes, data[i]);
        } else if ((data[i] == 0xc2 || data[i] == 0xc3) && i + 1 < length &&
                   (data[i + 1] & 0xc0) == 0x80) {
            rc = buffer_byte(bytes, (unsigned char)((data[i] & 0x03) << 6 | (data[i + 1] & 0x3f)));
            i++;
        } else {
            rc = enclave_error_set(err, ENCLAVE_EINVALID,
                                   "the character at byte %zu of the content is not in Latin-1; "
                                   "utf-8 takes it",
                                   i);
        }
    }
    return rc;
}

/* RFC 4648, section 4. */
static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int32_t to_base64(const unsigned char *data, size_t length, struct buffer *text)
{
    int32_t rc = 0;

    for (size_t i = 0; i < length && rc == 0; i += 3) {
        size_t rest = length - i;
        uint32_t group = (uint32_t)data[i] << 16 | (uint32_t)(rest > 1 ? data[i + 1] : 0) << 8 |
                         (uint32_t)(rest > 2 ? data[i + 2] : 0);
        char quad[4] = {base64_alphabet[group >> 18], base64_alphabet[group >> 12 & 63],
                        base64_alphabet[group >> 6 & 63], base64_alphabet[group & 63]};

        if (rest < 3) {
            memset(quad + 1 + rest, '=', 3 - rest);
        }
        rc = buffer_append(text, quad, sizeof quad);
    }
    return rc;
}

struct base64_reader {
    uint32_t group;
    unsigned digits; /* in `group`, 0 to 3 */
    unsigned padding;
};

/* Takes one character; false when it has no place there. */
static bool base64_take(struct base64_reader *reader, unsigned char c, struct buffer *bytes,
                        int32_t *rc)
{
    const char *digit = c ? strchr(base64_alphabet, c) : NULL;

    if (c == '=') {
        reader->padding++; /* how much there may be is seen at the end */
        return true;
    }
    if (!digit || reader->padding > 0) {
        return false;
    }
    reader->group = reader->group << 6 | (uint32_t)(digit - base64_alphabet);
    if (++reader->digits == 4) {
        unsigned char out[3] = {(unsigned char)(reader->group >> 16),
                                (unsigned char)(reader->group >> 8), (unsigned char)reader->group};

        *rc = buffer_append(bytes, out, sizeof out);
        *reader = (struct base64_reader){0, 0, 0};
    }
    return true;
}

/* The last group: 2 digits are one byte, 3 are two; padding may be left out, but not wrong. */
static bool base64_end(const struct base64_reader *reader, struct buffer *bytes, int32_t *rc)
{
    uint32_t group = reader->group << 6 * (4 - reader->digits);
    unsigned char out[2] = {(unsigned char)(group >> 16), (unsigned char)(group >> 8)};

    if (reader->digits == 0) {
        return reader->padding == 0;
    }
    if (reader->digits == 1 || (reader->padding > 0 && reader->padding + reader->digits != 4)) {
        return false;
    }
    *rc = buffer_append(bytes, out, reader->digits - 1);
    return true;
}

static int32_t from_base64(const unsigned char *data, size_t length, struct buffer *bytes,
                           struct enclave_error *err)
{
    struct base64_reader reader = {0, 0, 0};
    bool good = true;
    int32_t rc = 0;
    size_t i;

    for (i = 0; i < length && good && rc == 0; i++) {
        if (data[i] != ' ' && data[i] != '\n' && data[i] != '\r' && data[i] != '\t') {
            good = base64_take(&reader, data[i], bytes, &rc);
        }
    }
    if (good && rc == 0) {
        good = base64_end(&reader, bytes, &rc);
    }
    if (!good) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "the content is not base64: it goes wrong at byte %zu", i);
    }
    return rc;
}

int32_t encoding_to_text(enum encoding encoding, const void *bytes, size_t length,
                         struct buffer *text, struct enclave_error *err)
{
    int32_t rc;

    switch (encoding) {
    case ENCODING_LATIN1:
        return from_latin1(bytes, length, text);
    case ENCODING_BASE64:
        return to_base64(bytes, length, text);
    case ENCODING_ASCII:
        rc = check_ascii(bytes, length, err);
        return rc < 0 ? rc : buffer_append(text, bytes, length);
    case ENCODING_UTF8:
    default:
        return buffer_append(text, bytes, length);
    }
}

int32_t encoding_to_bytes(enum encoding encoding, const void *text, size_t length,
                          struct buffer *bytes, struct enclave_error *err)
{
    int32_t rc;

    switch (encoding) {
    case ENCODING_LATIN1:
        return to_latin1(text, length, bytes, err);
    case ENCODING_BASE64:
        return from_base64(text, length, bytes, err);
    case ENCODING_ASCII:
        rc = check_ascii(text, length, err);
        return rc < 0 ? rc : buffer_append(bytes, text, length);
    case ENCODING_UTF8:
    default:
        return buffer_append(bytes, text, length);
    }
}
