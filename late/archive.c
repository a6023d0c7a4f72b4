/*
 * archive.c - stand-ins for the functions of libarchive that are used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "late.h"
#include "library.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

/* clang-format off */
#define ARCHIVE_FUNCTIONS(F, V) \
    F(int, archive_errno, (struct archive *a), (a)) \
    F(const char *, archive_error_string, (struct archive *a), (a)) \
    F(int, archive_filter_code, (struct archive *a, int b), (a, b)) \
    V(archive_set_error) \
    F(struct archive *, archive_read_new, (void), ()) \
    F(int, archive_read_data_block, \
      (struct archive *a, const void **b, size_t *n, la_int64_t *o), (a, b, n, o)) \
    F(la_int64_t, archive_read_header_position, (struct archive *a), (a)) \
    F(int, archive_read_next_header, (struct archive *a, struct archive_entry **e), (a, e)) \
    F(int, archive_read_open, \
      (struct archive *a, void *b, archive_open_callback *open, archive_read_callback *read, \
       archive_close_callback *close), (a, b, open, read, close)) \
    F(int, archive_read_open2, \
      (struct archive *a, void *b, archive_open_callback *open, archive_read_callback *read, \
       archive_skip_callback *skip, archive_close_callback *close), \
      (a, b, open, read, skip, close)) \
    F(int, archive_read_open_fd, (struct archive *a, int b, size_t n), (a, b, n)) \
    F(int, archive_read_support_filter_gzip, (struct archive *a), (a)) \
    F(int, archive_read_support_filter_xz, (struct archive *a), (a)) \
    F(int, archive_read_support_filter_zstd, (struct archive *a), (a)) \
    F(int, archive_read_support_format_empty, (struct archive *a), (a)) \
    F(int, archive_read_support_format_raw, (struct archive *a), (a)) \
    F(int, archive_read_support_format_tar, (struct archive *a), (a)) \
    F(int, archive_read_free, (struct archive *a), (a)) \
    F(struct archive *, archive_write_disk_new, (void), ()) \
    F(struct archive *, archive_write_new, (void), ()) \
    F(int, archive_write_close, (struct archive *a), (a)) \
    F(la_ssize_t, archive_write_data, (struct archive *a, const void *b, size_t n), (a, b, n)) \
    F(la_ssize_t, archive_write_data_block, \
      (struct archive *a, const void *b, size_t n, la_int64_t o), (a, b, n, o)) \
    F(int, archive_write_disk_set_options, (struct archive *a, int b), (a, b)) \
    F(int, archive_write_finish_entry, (struct archive *a), (a)) \
    F(int, archive_write_header, (struct archive *a, struct archive_entry *e), (a, e)) \
    F(int, archive_write_open, \
      (struct archive *a, void *b, archive_open_callback *open, \
       archive_write_callback *write, archive_close_callback *close), (a, b, open, write, close)) \
    F(int, archive_write_open_memory, \
      (struct archive *a, void *b, size_t n, size_t *o), (a, b, n, o)) \
    F(int, archive_write_set_bytes_in_last_block, (struct archive *a, int b), (a, b)) \
    F(int, archive_write_set_bytes_per_block, (struct archive *a, int b), (a, b)) \
    F(int, archive_write_set_format_gnutar, (struct archive *a), (a)) \
    F(int, archive_write_set_format_pax_restricted, (struct archive *a), (a)) \
    F(int, archive_write_set_format_ustar, (struct archive *a), (a)) \
    F(int, archive_write_free, (struct archive *a), (a)) \
    F(struct archive_entry *, archive_entry_new, (void), ()) \
    F(struct archive_entry *, archive_entry_clear, (struct archive_entry *e), (e)) \
    F(void, archive_entry_copy_hardlink, (struct archive_entry *e, const char *b), (e, b)) \
    F(void, archive_entry_copy_pathname, (struct archive_entry *e, const char *b), (e, b)) \
    F(void, archive_entry_copy_symlink, (struct archive_entry *e, const char *b), (e, b)) \
    F(mode_t, archive_entry_filetype, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_hardlink, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_hardlink_utf8, (struct archive_entry *e), (e)) \
    F(time_t, archive_entry_mtime, (struct archive_entry *e), (e)) \
    F(long, archive_entry_mtime_nsec, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_pathname, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_pathname_utf8, (struct archive_entry *e), (e)) \
    F(mode_t, archive_entry_perm, (struct archive_entry *e), (e)) \
    F(void, archive_entry_set_filetype, (struct archive_entry *e, unsigned b), (e, b)) \
    F(void, archive_entry_set_mode, (struct archive_entry *e, mode_t b), (e, b)) \
    F(void, archive_entry_set_mtime, (struct archive_entry *e, time_t b, long n), (e, b, n)) \
    F(void, archive_entry_set_pathname, (struct archive_entry *e, const char *b), (e, b)) \
    F(void, archive_entry_set_perm, (struct archive_entry *e, mode_t b), (e, b)) \
    F(void, archive_entry_set_size, (struct archive_entry *e, la_int64_t b), (e, b)) \
    F(la_int64_t, archive_entry_size, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_symlink, (struct archive_entry *e), (e)) \
    F(const char *, archive_entry_symlink_utf8, (struct archive_entry *e), (e)) \
    F(void, archive_entry_free, (struct archive_entry *e), (e))
/* clang-format on */

LIBRARY(late_archive, LATE_SONAME, "libarchive13", ARCHIVE_FUNCTIONS)

void archive_set_error(struct archive *archive, int number, const char *format, ...)
{
    __typeof__(&archive_set_error) function = LATE(archive_set_error);
    char text[1024];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (function) {
        function(archive, number, "%s", text);
    }
}
