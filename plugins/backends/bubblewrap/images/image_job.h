/*
 * image_job.h - one image being unpacked: whom to ask whether to go on, what was used of its
 * ceilings, and the failure that ended it. Owns the first failure: what follows from it is not told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_JOB_H
#define ENCLAVE_IMAGE_JOB_H

#include "image_store.h"
#include "locale_guard.h"

#include <archive.h>

struct image_job {
    const struct image_request *request;
    struct enclave_error *err;
    int32_t code; /* of the first failure, or 0 */
    uint64_t bytes;
    uint64_t entries;
    uint64_t done; /* for progress */
    uint64_t total;
    uint64_t reported;
    struct locale_guard locale; /* names are UTF-8 to libarchive */
};

void image_job_begin(struct image_job *job, const struct image_request *request,
                     struct enclave_error *err);
void image_job_end(struct image_job *job);

/* Records the first failure, with the source in front, and returns its code. */
ENCLAVE_PRINTF(3, 4)
int32_t image_job_fail(struct image_job *job, int32_t code, const char *format, ...);

/* The same for what errno says went wrong with `name`. */
int32_t image_job_fail_errno(struct image_job *job, const char *what, const char *name);

/* The same for what libarchive says. */
int32_t image_job_fail_archive(struct image_job *job, struct archive *archive);

/* CANCELLED once the request's descriptor is readable, else 0. */
int32_t image_job_check(struct image_job *job);

/* TOOBIG when so many bytes are above the ceiling. */
int32_t image_job_check_bytes(struct image_job *job, uint64_t bytes);

/* Count what is about to be made; TOOBIG above a ceiling. */
int32_t image_job_count_entry(struct image_job *job);
int32_t image_job_count_bytes(struct image_job *job, uint64_t bytes);

/* Tell that `bytes` more of `job->total` are done, a hundred times in all. 0: just the step. */
void image_job_progress(struct image_job *job, const char *text, uint64_t bytes);

#endif
