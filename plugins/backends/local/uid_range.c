/*
 * uid_range.c - see uid_range.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "uid_range.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MAX_COUNT (UINT32_C(1) << 20)

int32_t uid_range_init(struct uid_range *range, const char *text, struct enclave_error *err)
{
    char *end;
    char *end_last = NULL;
    unsigned long first;
    unsigned long last = 0;

    errno = 0;
    first = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9') {
        last = strtoul(end + 1, &end_last, 10);
    }
    if (errno || *text < '0' || *text > '9' || !end_last || *end_last || first == 0 ||
        last < first || last >= UINT32_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "uid_range must be \"FIRST-LAST\", like \"%s\", not \"%s\"",
                                 UID_RANGE_DEFAULT, text);
    }
    *range = (struct uid_range){.lock = PTHREAD_MUTEX_INITIALIZER, .first = (uint32_t)first};
    range->count = last - first + 1 > MAX_COUNT ? MAX_COUNT : (uint32_t)(last - first + 1);
    range->bitmap = calloc((range->count + 7) / 8, 1);
    if (!range->bitmap) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return 0;
}

void uid_range_clear(struct uid_range *range)
{
    free(range->bitmap);
    range->bitmap = NULL;
}

int32_t uid_range_check_users(const struct uid_range *range, const char *passwd,
                              struct enclave_error *err)
{
    FILE *file = fopen(passwd, "re");
    struct passwd entry;
    struct passwd *user = NULL;
    char line[4096];
    int32_t rc = 0;

    while (file && !rc && fgetpwent_r(file, &entry, line, sizeof line, &user) == 0) {
        if (user->pw_uid >= range->first && user->pw_uid - range->first < range->count) {
            rc = enclave_error_set(err, ENCLAVE_EINVALID,
                                   "uid_range has uid %u, which is the user '%s' of this host: set"
                                   " a range that is nobody's, like \"%s\"",
                                   user->pw_uid, user->pw_name, UID_RANGE_DEFAULT);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return rc;
}

/* At random, so that a uid's next owner does not soon meet what its last one left on a volume. */
static uint32_t random_below(uint32_t count)
{
    uint32_t value = 0;

    (void)!getrandom(&value, sizeof value, 0);
    return value % count;
}

int32_t uid_range_take(struct uid_range *range, uint32_t *ret_uid, struct enclave_error *err)
{
    uint32_t i = random_below(range->count);

    pthread_mutex_lock(&range->lock);
    if (range->used == range->count) {
        pthread_mutex_unlock(&range->lock);
        return enclave_error_set(err, ENCLAVE_EBUSY,
                                 "all %u uids of uid_range are in use: delete sandboxes or make it"
                                 " larger",
                                 range->count);
    }
    while (range->bitmap[i / 8] & (1u << i % 8)) {
        i = (i + 1) % range->count;
    }
    range->bitmap[i / 8] |= (uint8_t)(1u << i % 8);
    range->used++;
    pthread_mutex_unlock(&range->lock);
    *ret_uid = range->first + i;
    return 0;
}

int uid_range_claim(struct uid_range *range, uint32_t uid)
{
    uint32_t i = uid - range->first;
    int claimed = 0;

    pthread_mutex_lock(&range->lock);
    if (uid >= range->first && i < range->count && !(range->bitmap[i / 8] & (1u << i % 8))) {
        range->bitmap[i / 8] |= (uint8_t)(1u << i % 8);
        range->used++;
        claimed = 1;
    }
    pthread_mutex_unlock(&range->lock);
    return claimed;
}

void uid_range_give_back(struct uid_range *range, uint32_t uid)
{
    uint32_t i = uid - range->first;

    pthread_mutex_lock(&range->lock);
    if (uid >= range->first && i < range->count && range->bitmap[i / 8] & (1u << i % 8)) {
        range->bitmap[i / 8] &= (uint8_t) ~(1u << i % 8);
        range->used--;
    }
    pthread_mutex_unlock(&range->lock);
}
