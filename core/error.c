/*
 * error.c - names and meanings of error codes, states and causes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <enclave/enclave.h>

#include <stddef.h>
#include <stdlib.h>

struct error_row {
    int32_t code;
    const char *name;
    const char *text;
    int http_status;
    int exit_code;
};

static const struct error_row ok_row = {0, "OK", "success", 200, 0};

#define ERROR_ROW(word, number, meaning, http, status) {number, #word, meaning, http, status},
static const struct error_row error_rows[] = {ENCLAVE_ERROR_TABLE(ERROR_ROW)};

static const struct error_row *find_row(int32_t code)
{
    if (code == 0) {
        return &ok_row;
    }
    for (size_t i = 0; i < sizeof error_rows / sizeof *error_rows; i++) {
        if (error_rows[i].code == code) {
            return &error_rows[i];
        }
    }
    return find_row(ENCLAVE_EINTERNAL);
}

const char *enclave_error_name(int32_t code)
{
    /* The table has the words in capitals, as the constants need them. */
    static const char *const names[] = {
        "ok",           "invalid", "notfound", "exists",     "state",  "notsup",
        "nomem",        "io",      "timeout",  "cancelled",  "denied", "unreachable",
        "unauthorized", "backend", "lost",     "unenforced", "busy",   "toobig",
        "plugin",       "config",  "protocol", "internal"};
    return names[-find_row(code)->code];
}

const char *enclave_error_text(int32_t code)
{
    return find_row(code)->text;
}

int enclave_error_http_status(int32_t code)
{
    return find_row(code)->http_status;
}

int enclave_error_exit_code(int32_t code)
{
    return find_row(code)->exit_code;
}

const char *enclave_status_name(uint32_t status)
{
    static const char *const names[] = {"unknown", "initializing", "running", "idle",
                                        "busy",    "stopping",     "stopped", "error"};
    return status < sizeof names / sizeof *names ? names[status] : names[0];
}

const char *enclave_cause_name(uint32_t cause)
{
    static const char *const names[] = {"unknown",   "exited", "signaled",     "timeout",
                                        "cancelled", "oom",    "output_limit", "backend_lost"};
    return cause < sizeof names / sizeof *names ? names[cause] : names[0];
}

const char *enclave_version(void)
{
    return ENCLAVE_VERSION_STRING;
}

void enclave_free(void *memory)
{
    free(memory);
}
