/*
 * enclave/error.h - the one table of errors, and the struct that carries one to its reader.
 *
 * Every call that can fail returns 0 (ENCLAVE_OK) or a negative code from ENCLAVE_ERROR_TABLE, and
 * takes a `struct enclave_error *` as its last argument. The caller owns that struct (usually on
 * its stack) and may pass NULL. On success it is left untouched. On failure it holds the code and
 * one line of text: what was attempted, on what, and what to do about it. Reporting an error never
 * allocates and never uses thread-local or global state. Comments name codes without ENCLAVE_E.
 *
 * A plugin that returns a code also fills in `err`; when it does not, or returns a value that is no
 * code of the table, the host supplies what it knows. The layout of struct enclave_error never
 * changes.
 *
 * This header is complete in itself: plugins use it without linking to libenclave.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ERROR_H
#define ENCLAVE_ERROR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(name, code, text, http, exit):
 *   name  suffix of the ENCLAVE_E... constant, and the word in JSON, in lower case
 *   code  what functions return; codes are never reused or renumbered
 *   text  what it means, for people
 *   http  the status that the server answers with (404 for STATE: as ms-enclave's server answers)
 *   exit  the exit code of the `enclave` command
 */
#define ENCLAVE_ERROR_TABLE(X)                                                                     \
    X(INVALID, -1, "invalid argument", 400, 125)                                                   \
    X(NOTFOUND, -2, "not found", 404, 125)                                                         \
    X(EXISTS, -3, "already exists", 409, 125)                                                      \
    X(STATE, -4, "not possible in this state", 404, 125)                                           \
    X(NOTSUP, -5, "not supported", 501, 125)                                                       \
    X(NOMEM, -6, "out of memory", 500, 125)                                                        \
    X(IO, -7, "input/output error", 500, 125)                                                      \
    X(TIMEOUT, -8, "timed out", 408, 125)                                                          \
    X(CANCELLED, -9, "cancelled", 499, 130)                                                        \
    X(DENIED, -10, "denied", 403, 125)                                                             \
    X(UNREACHABLE, -11, "backend cannot be reached", 503, 125)                                     \
    X(UNAUTHORIZED, -12, "unauthorized", 401, 125)                                                 \
    X(BACKEND, -13, "the backend reported an error", 502, 125)                                     \
    X(LOST, -14, "the sandbox or its engine went away", 502, 125)                                  \
    X(UNENFORCED, -15, "a requested limit cannot be enforced", 400, 125)                           \
    X(BUSY, -16, "busy", 429, 125)                                                                 \
    X(TOOBIG, -17, "too large", 413, 125)                                                          \
    X(PLUGIN, -18, "plugin refused", 500, 125)                                                     \
    X(CONFIG, -19, "configuration error", 500, 125)                                                \
    X(PROTOCOL, -20, "the other side broke the protocol", 502, 125)                                \
    X(INTERNAL, -21, "internal error", 500, 125)

#define ENCLAVE_OK 0
#define ENCLAVE_ERROR_CONSTANT_(name, code, text, http, exit) ENCLAVE_E##name = (code),
enum { ENCLAVE_ERROR_TABLE(ENCLAVE_ERROR_CONSTANT_) ENCLAVE_ERROR_LAST_ = -21 };
#undef ENCLAVE_ERROR_CONSTANT_

#define ENCLAVE_ERROR_MESSAGE_SIZE 504

/*
 * A failure, owned by the caller of the function that failed. Fixed size; crosses the plugin ABI.
 * `message` is UTF-8 without a newline, always NUL-terminated; a text that does not fit is cut.
 */
struct enclave_error {
    uint32_t size; /* sizeof(struct enclave_error), for ever; ENCLAVE_ERROR_INIT sets it */
    int32_t code;  /* 0 or a code of ENCLAVE_ERROR_TABLE */
    char message[ENCLAVE_ERROR_MESSAGE_SIZE];
};

#ifdef __cplusplus
#define ENCLAVE_ERROR_INIT                                                                         \
    {                                                                                              \
        (uint32_t)sizeof(struct enclave_error), 0,                                                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#else
#define ENCLAVE_ERROR_INIT                                                                         \
    {                                                                                              \
        sizeof(struct enclave_error), 0,                                                           \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#endif

#if defined(__GNUC__)
#define ENCLAVE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args), unused))
#else
#define ENCLAVE_PRINTF(fmt, args)
#endif

/* Keep a message on one line and printable, whatever it quotes. Bytes above 0x7f (UTF-8) stay, but for the control
 * characters U+0080 to U+009F, which steer a terminal as an escape sequence does. */
static inline void enclave_error_sanitize_(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
            (unsigned char)text[1] < 0xa0) {
            text[0] = ' ';
            text[1] = ' ';
        }
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = ' ';
        }
    }
}

/*
 * Record `code` and a formatted message in `err` (which may be NULL) and return `code`, so that
 * `return enclave_error_set(err, ENCLAVE_ENOTFOUND, "no sandbox '%s'", id);` reads well.
 */
ENCLAVE_PRINTF(3, 4)
static inline int32_t enclave_error_set(struct enclave_error *err, int32_t code, const char *format,
                                        ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        enclave_error_sanitize_(err->message);
    }
    return code;
}

/*
 * Put context in front of the message that `err` already holds ("create sandbox 'x': " + what went
 * wrong). Records and returns `code`, the failure on its way up, so that it is kept even when `err`
 * is NULL.
 */
ENCLAVE_PRINTF(3, 4)
static inline int32_t enclave_error_prefix(struct enclave_error *err, int32_t code,
                                           const char *format, ...)
{
    char rest[ENCLAVE_ERROR_MESSAGE_SIZE];
    va_list args;
    int n;

    if (!err) {
        return code;
    }
    err->code = code;
    memcpy(rest, err->message, sizeof rest);
    va_start(args, format);
    n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message) {
        size_t room = sizeof err->message - (size_t)n - 1;
        size_t len = strlen(rest);
        if (len > room) {
            len = room;
        }
        memcpy(err->message + n, rest, len);
        err->message[(size_t)n + len] = '\0';
    }
    enclave_error_sanitize_(err->message);
    return code;
}

#ifdef __cplusplus
}
#endif

#endif
