/* SPDX-License-Identifier: Apache-2.0 */
#include "image_job.h"

#include "text.h"

#include <errno.h>
#include <poll.h>

#define MAX_BYTES (UINT64_C(16) << 30)
#define MAX_ENTRIES 2000000u

void image_job_begin(struct image_job *job, const struct image_request *request,
                     struct enclave_error *err)
{
    *job = (struct image_job){.request = request, .err = err};
    locale_guard_init(&job->locale);
}

void image_job_end(struct image_job *job)
{
    locale_guard_free(&job->locale);
}

int32_t image_job_fail(struct image_job *job, int32_t code, const char *format, ...)
{
    char why[ENCLAVE_ERROR_MESSAGE_SIZE];
    char text[ENCLAVE_ERROR_MESSAGE_SIZE];
    va_list args;

    if (job->code != 0) {
        return job->code;
    }
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    agent_text_clean(text, sizeof text, why, strlen(why), 0);
    job->code = code;
    return enclave_error_set(job->err, code, "image '%.200s': %s", job->request->source, text);
}

int32_t image_job_fail_errno(struct image_job *job, const char *what, const char *name)
{
    int number = errno;
    int32_t code = ENCLAVE_EIO;

    if (number == ENOMEM) {
        code = ENCLAVE_ENOMEM;
    } else if (number == ENAMETOOLONG || number == ENOTDIR || number == ELOOP || number == EMLINK ||
               number == EEXIST || number == ENOENT || number == EINVAL || number == EPERM) {
        code = ENCLAVE_EINVALID; /* of a tar that contradicts itself */
    }
    return image_job_fail(job, code, "%s '%.200s': %s", what, name, strerror(number));
}

int32_t image_job_fail_archive(struct image_job *job, struct archive *archive)
{
    const char *why = archive_error_string(archive);

    if (archive_errno(archive) == ENOMEM) {
        return image_job_fail(job, ENCLAVE_ENOMEM, "out of memory");
    }
    return image_job_fail(job, ENCLAVE_EINVALID, "it is no tar file, or a damaged one: %s",
                          why ? why : "no reason is known");
}

int32_t image_job_check(struct image_job *job)
{
    struct pollfd cancel = {.fd = job->request->cancel_fd, .events = POLLIN};

    if (cancel.fd >= 0 && poll(&cancel, 1, 0) > 0) {
        return image_job_fail(job, ENCLAVE_ECANCELLED, "unpacking was cancelled");
    }
    return job->code;
}

int32_t image_job_count_entry(struct image_job *job)
{
    uint64_t most = job->request->max_entries ? job->request->max_entries : MAX_ENTRIES;

    if (++job->entries > most) {
        return image_job_fail(job, ENCLAVE_ETOOBIG, "it holds more than %llu files and folders",
                              (unsigned long long)most);
    }
    return 0;
}

int32_t image_job_check_bytes(struct image_job *job, uint64_t bytes)
{
    uint64_t most = job->request->max_bytes ? job->request->max_bytes : MAX_BYTES;

    if (bytes > most) {
        return image_job_fail(job, ENCLAVE_ETOOBIG, "it unpacks to more than %llu bytes",
                              (unsigned long long)most);
    }
    return 0;
}

int32_t image_job_count_bytes(struct image_job *job, uint64_t bytes)
{
    job->bytes = bytes > UINT64_MAX - job->bytes ? UINT64_MAX : job->bytes + bytes;
    return image_job_check_bytes(job, job->bytes);
}

void image_job_progress(struct image_job *job, const char *text, uint64_t bytes)
{
    struct enclave_progress report = {.size = sizeof report,
                                      .what = "unpack",
                                      .item = job->request->source,
                                      .text = text,
                                      .total = job->total};

    job->done += bytes;
    report.done = job->done < job->total ? job->done : job->total;
    if (!job->request->progress ||
        (bytes > 0 && report.done < job->total && report.done - job->reported < job->total / 100)) {
        return;
    }
    job->reported = report.done;
    locale_guard_leave(&job->locale);
    job->request->progress(job->request->progress_ctx, &report);
    locale_guard_enter(&job->locale);
}
