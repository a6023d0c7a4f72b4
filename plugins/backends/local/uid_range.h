/*
 * uid_range.h - the uids that sandboxes get: one for each, at random, none twice at a time.
 *
 * Owns: the range and the set of those in use by one backend. RLIMIT_NPROC counts per uid of the
 * host, so two sandboxes with one uid would starve each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_UID_RANGE_H
#define ENCLAVE_LOCAL_UID_RANGE_H

#include <enclave/error.h>

#include <pthread.h>
#include <stdint.h>

/* A range that no distribution gives to users, and one for engines whose containers have only the
 * uids 0 to 65535 (rootless, remapped). */
#define UID_RANGE_DEFAULT "1879048192-1879113727"
#define UID_RANGE_MAPPED "20000-59999"

struct uid_range {
    pthread_mutex_t lock; /* guards all below; no other lock is taken under it */
    uint32_t first;
    uint32_t count;
    uint32_t used;
    uint8_t *bitmap; /* of `count` bits */
};

/* "FIRST-LAST", without root; at most 2^20 uids are made use of. Errors: INVALID, NOMEM. */
int32_t uid_range_init(struct uid_range *range, const char *text, struct enclave_error *err);
void uid_range_clear(struct uid_range *range);

#define UID_RANGE_USERS "/etc/passwd"

/* Refuse (INVALID) a range in which the host has users, by a file like /etc/passwd (absent: it has none): a
 * sandbox's processes would be theirs, and its files. */
int32_t uid_range_check_users(const struct uid_range *range, const char *passwd,
                              struct enclave_error *err);

/* Errors: BUSY, when all are in use. */
int32_t uid_range_take(struct uid_range *range, uint32_t *ret_uid, struct enclave_error *err);
/* This very one, for a sandbox that has it already. 1: it is the caller's to give back. */
int uid_range_claim(struct uid_range *range, uint32_t uid);
void uid_range_give_back(struct uid_range *range, uint32_t uid);

#endif
