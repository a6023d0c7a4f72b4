/*
 * locale_guard.h - a UTF-8 locale for libarchive, in this thread only.
 *
 * libarchive converts names between pax headers (UTF-8) and the current locale. In the C locale,
 * which a library must expect, names beyond ASCII would be lost, and the process's locale is not
 * ours to change (setlocale). uselocale() changes the calling thread's, and is undone around every
 * call of foreign code. Rejected: libarchive's hdrcharset option, which converts to the current
 * locale all the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_LOCALE_GUARD_H
#define ENCLAVE_AGENT_LOCALE_GUARD_H

#include <locale.h>

struct locale_guard {
    locale_t utf8; /* 0: not to be had; names beyond ASCII are then taken as raw bytes */
    locale_t before;
};

static inline void locale_guard_enter(struct locale_guard *guard)
{
    guard->before = guard->utf8 ? uselocale(guard->utf8) : (locale_t)0;
}

static inline void locale_guard_leave(struct locale_guard *guard)
{
    if (guard->utf8) {
        uselocale(guard->before);
    }
}

static inline void locale_guard_init(struct locale_guard *guard)
{
    guard->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_guard_enter(guard);
}

static inline void locale_guard_free(struct locale_guard *guard)
{
    locale_guard_leave(guard);
    if (guard->utf8) {
        freelocale(guard->utf8);
    }
}

#endif
