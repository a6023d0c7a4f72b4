/*
 * agent_volume.c - see agent_volume.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent_volume.h"

#include "agent_program.h"
#include "late.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>

#define TAR_OVERHEAD (64u << 10)

static int write_tar(struct archive *tar, struct archive_entry *entry, const char *name,
                     const void *data, size_t length, void *buffer, size_t capacity, size_t *used)
{
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_size(entry, (la_int64_t)length);
    archive_write_set_bytes_in_last_block(tar, 1);
    return archive_write_set_format_ustar(tar) != ARCHIVE_OK ||
                   archive_write_open_memory(tar, buffer, capacity, used) != ARCHIVE_OK ||
                   archive_write_header(tar, entry) != ARCHIVE_OK ||
                   archive_write_data(tar, data, length) != (la_ssize_t)length ||
                   archive_write_close(tar) != ARCHIVE_OK
               ? -1
               : 0;
}

static int32_t pack(const char *path, const char *name, const void *data, size_t length,
                    void **ret_tar, size_t *ret_length, struct enclave_error *err)
{
    size_t capacity = length + TAR_OVERHEAD;
    int32_t rc = late_archive(err);

    if (rc) {
        return rc;
    }
    void *buffer = malloc(capacity);
    struct archive *tar = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    if (!buffer || !tar || !entry) {
        rc = enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    } else if (write_tar(tar, entry, name, data, length, buffer, capacity, ret_length) != 0) {
        rc = enclave_error_set(err, ENCLAVE_EIO, "pack agent program '%s': %s", path,
                               archive_error_string(tar));
    }
    archive_entry_free(entry);
    (void)archive_write_free(tar);
    if (rc) {
        free(buffer);
        return rc;
    }
    *ret_tar = buffer;
    return 0;
}

int32_t agent_volume_tar(const char *path, const char *name, void **ret_tar, size_t *ret_length,
                         struct enclave_error *err)
{
    size_t length;
    void *data;
    int32_t rc = agent_program_load(path, &data, &length, err);

    if (!rc) {
        rc = pack(path, name, data, length, ret_tar, ret_length, err);
        free(data);
    }
    return rc;
}
