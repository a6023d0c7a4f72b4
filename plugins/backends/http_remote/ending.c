/* SPDX-License-Identifier: Apache-2.0 */
#include "ending.h"

#include "clock.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ending_init(struct ending *ending, int64_t timeout_ms, int64_t silence_ms)
{
    *ending = (struct ending){
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .timeout_ms = timeout_ms,
        .silence_ms = silence_ms < ENDING_SILENCE_MS ? silence_ms : ENDING_SILENCE_MS,
    };
    return ending->fd < 0 ? -errno : 0;
}

void ending_destroy(struct ending *ending)
{
    if (ending->fd >= 0) {
        close(ending->fd);
    }
}

void ending_begin(struct ending *ending)
{
    __atomic_store_n(&ending->heard_ms, clock_now_ms(), __ATOMIC_RELAXED);
    __atomic_store_n(&ending->until, clock_deadline(ending->timeout_ms), __ATOMIC_RELEASE);
    (void)eventfd_write(ending->fd, 1); /* after it: who is woken looks */
}

int ending_has_begun(const struct ending *ending)
{
    return __atomic_load_n(&ending->until, __ATOMIC_ACQUIRE) != 0;
}

void ending_hear(struct ending *ending, int64_t now_ms)
{
    if (ending_has_begun(ending)) { /* else nobody asks, and all would write to one place */
        __atomic_store_n(&ending->heard_ms, now_ms, __ATOMIC_RELAXED);
    }
}

int64_t ending_until(const struct ending *ending)
{
    int64_t until = __atomic_load_n(&ending->until, __ATOMIC_ACQUIRE);

    return until ? until : CLOCK_NEVER;
}

int64_t ending_silent_until(const struct ending *ending)
{
    return ending_has_begun(ending)
               ? __atomic_load_n(&ending->heard_ms, __ATOMIC_RELAXED) + ending->silence_ms
               : CLOCK_NEVER;
}

int64_t ending_limit(const struct ending *ending)
{
    int64_t until = ending_until(ending), silent_until = ending_silent_until(ending);

    return until < silent_until ? until : silent_until;
}
