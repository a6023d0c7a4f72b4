/*
 * listing.c - see listing.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "listing.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t half_a_year_s = 31556952 / 2;

static char type_letter(uint32_t type)
{
    switch (type) {
    case ENCLAVE_FILE_REGULAR:
        return '-';
    case ENCLAVE_FILE_DIRECTORY:
        return 'd';
    case ENCLAVE_FILE_SYMLINK:
        return 'l';
    default:
        return '?';
    }
}

/* The letter for an execute bit, by what a special bit (set-user-id, set-group-id, sticky) makes of
 * it; `letters` are those for the special bit alone and for both. */
static char execute_letter(bool execute, bool special, const char *letters)
{
    if (special) {
        return letters[execute];
    }
    return execute ? 'x' : '-';
}

static void mode_text(uint32_t type, uint32_t mode, char ret[11])
{
    ret[0] = type_letter(type);
    for (int i = 0; i < 3; i++) {
        uint32_t bits = mode >> (6 - 3 * i);

        ret[1 + 3 * i] = bits & 4 ? 'r' : '-';
        ret[2 + 3 * i] = bits & 2 ? 'w' : '-';
        ret[3 + 3 * i] = execute_letter(bits & 1, mode & (04000U >> i), i == 2 ? "Tt" : "Ss");
    }
    ret[10] = '\0';
}

static void time_text(int64_t when_s, int64_t now_s, char *ret, size_t size)
{
    /* Not strftime: its month names follow the embedding program's locale. */
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t when = (time_t)when_s;
    struct tm tm;

    if (!gmtime_r(&when, &tm)) { /* a year beyond int; a payload may set any time */
        (void)snprintf(ret, size, "%12" PRId64, when_s);
    } else if (when_s > now_s || when_s <= now_s - half_a_year_s) {
        (void)snprintf(ret, size, "%s %2d  %4lld", months[tm.tm_mon], tm.tm_mday,
                       (long long)tm.tm_year + 1900);
    } else {
        (void)snprintf(ret, size, "%s %2d %02d:%02d", months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
                       tm.tm_min);
    }
}

/* Control characters show as '?', as ls does on a terminal: a name must not forge a line. */
static int32_t append_name(struct buffer *text, const char *name)
{
    int32_t rc = 0;

    for (; *name && rc == 0; name++) {
        unsigned char c = (unsigned char)*name;

        rc = buffer_byte(text, c < 0x20 || c == 0x7f ? '?' : c);
    }
    return rc;
}

int32_t listing_append(struct buffer *text, const struct enclave_file_info *info, const char *name,
                       int64_t now_s)
{
    char mode[11];
    char when[48];
    int32_t rc;

    mode_text(info->type, info->mode, mode);
    time_text(info->mtime_s, now_s, when, sizeof when);
    rc = buffer_format(text, "%s %2" PRIu32 " %5" PRIu32 " %5" PRIu32 " %8" PRIu64 " %s ", mode,
                       info->links, info->uid, info->gid, info->length, when);
    if (rc == 0) {
        rc = append_name(text, name ? name : info->name);
    }
    if (rc == 0 && info->target) {
        rc = buffer_append(text, " -> ", 4);
        if (rc == 0) {
            rc = append_name(text, info->target);
        }
    }
    return rc < 0 ? rc : buffer_byte(text, '\n');
}
