/*
 * cp_extract.c - see cp_extract.h.
 *
 * Names are made relative to a working directory: what the user named may lead through symbolic links, what the
 * archive names may not, and libarchive does not tell the two apart in one path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cp_extract.h"

#include "report.h"
#include "text.h"

#include <archive_entry.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAGS                                                                                      \
    (ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |    \
     ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

struct extraction {
    struct archive *reader, *writer;
    char *base;       /* the first part of each name in the archive; of no meaning here */
    const char *root; /* what it is called here; "": what is in it goes to the working directory */
    bool folder;      /* it is one, so that there may be names in it */
};

static int32_t no_memory(struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "cp: out of memory");
}

static int32_t local_error(const char *path, const char *why, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EIO, "cp: '%.200s': %s", path, why);
}

/* --------------------------------------------------------------------------------------- names */

static const char *skip_dots(const char *name)
{
    while (name[0] == '.' && name[1] == '/') {
        name += 2 + strspn(name + 2, "/");
    }
    return name;
}

static bool has_dotdot(const char *name)
{
    for (const char *part = name; *part != '\0'; part += strspn(part, "/")) {
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            return true;
        }
        part += length;
    }
    return false;
}

/* A name of the archive as a name here, allocated; "": the root itself, which is there. NULL: it leads elsewhere, or
 * there is no memory. */
static char *rename_entry(const struct extraction *extraction, const char *name)
{
    size_t length = strlen(extraction->base);
    const char *rest;
    char *renamed = NULL;

    name = name ? skip_dots(name) : "";
    if (strncmp(name, extraction->base, length) != 0 || has_dotdot(name) ||
        (name[length] != '\0' && name[length] != '/')) {
        return NULL;
    }
    rest = name + length + strspn(name + length, "/");
    if (asprintf(&renamed, "%s%s%s", extraction->root,
                 extraction->root[0] != '\0' && rest[0] != '\0' ? "/" : "", rest) < 0) {
        return NULL;
    }
    return renamed;
}

static int32_t refuse(struct archive_entry *entry, const char *why, struct enclave_error *err)
{
    const char *name = archive_entry_pathname(entry);

    return enclave_error_set(err, ENCLAVE_EDENIED, "cp: '%.200s' in the archive %s; refused",
                             name ? name : "", why);
}

/* Make of the entry what may be unpacked. `*ret_skip`: there is nothing to do for it. */
static int32_t adapt(const struct extraction *extraction, struct archive_entry *entry,
                     bool *ret_skip, struct enclave_error *err)
{
    const char *link = archive_entry_hardlink(entry);
    AUTO_FREE char *name = rename_entry(extraction, archive_entry_pathname(entry));
    AUTO_FREE char *target = link ? rename_entry(extraction, link) : NULL;

    if (!name || (link && (!target || target[0] == '\0'))) {
        return refuse(entry, "leads outside of what was asked for", err);
    }
    if (strcmp(name, extraction->root) == 0 && archive_entry_filetype(entry) == AE_IFLNK) {
        return refuse(entry, "is a symbolic link where the copy itself would be", err);
    }
    if (strcmp(name, extraction->root) != 0 && !extraction->folder) {
        return refuse(entry, "is in something that is no folder", err);
    }
    if (!link && archive_entry_filetype(entry) != AE_IFREG &&
        archive_entry_filetype(entry) != AE_IFDIR && archive_entry_filetype(entry) != AE_IFLNK) {
        return refuse(entry, "is a device, a FIFO or a socket", err);
    }
    if (archive_entry_perm(entry) & (S_ISUID | S_ISGID)) {
        return refuse(entry, "has setuid or setgid", err);
    }
    *ret_skip = name[0] == '\0';
    archive_entry_copy_pathname(entry, name);
    if (link) {
        archive_entry_copy_hardlink(entry, target);
    }
    return 0;
}

/* ----------------------------------------------------------------------------------- unpacking */

static int32_t archive_failed(struct archive *side, struct archive_entry *entry,
                              struct enclave_error *err)
{
    const char *why = archive_error_string(side);

    return enclave_error_set(err, ENCLAVE_EIO, "cp: '%.200s': %s", archive_entry_pathname(entry),
                             why ? why : "it cannot be unpacked");
}

static int32_t copy_content(const struct extraction *extraction, struct archive_entry *entry,
                            struct enclave_error *err)
{
    const void *data;
    size_t length;
    la_int64_t offset;
    int r;

    while ((r = archive_read_data_block(extraction->reader, &data, &length, &offset)) ==
           ARCHIVE_OK) {
        if (archive_write_data_block(extraction->writer, data, length, offset) < ARCHIVE_WARN) {
            return archive_failed(extraction->writer, entry, err);
        }
    }
    return r == ARCHIVE_EOF ? 0 : archive_failed(extraction->reader, entry, err);
}

static int32_t unpack_entry(const struct extraction *extraction, struct archive_entry *entry,
                            struct enclave_error *err)
{
    bool skip = false;
    int32_t r = adapt(extraction, entry, &skip, err);

    if (r != 0 || skip) {
        return r;
    }
    if (archive_write_header(extraction->writer, entry) < ARCHIVE_WARN) {
        return archive_failed(extraction->writer, entry, err);
    }
    r = archive_entry_size(entry) > 0 ? copy_content(extraction, entry, err) : 0;
    if (r == 0 && archive_write_finish_entry(extraction->writer) < ARCHIVE_WARN) {
        return archive_failed(extraction->writer, entry, err);
    }
    return r;
}

static int32_t unpack_all(const struct extraction *extraction, struct archive_entry *entry,
                          struct enclave_error *err)
{
    int32_t r;
    int next;

    do {
        r = unpack_entry(extraction, entry, err);
        next = r == 0 ? archive_read_next_header(extraction->reader, &entry) : ARCHIVE_EOF;
    } while (next == ARCHIVE_OK || next == ARCHIVE_WARN);
    if (r == 0 && next != ARCHIVE_EOF) {
        const char *why = archive_error_string(extraction->reader);
        r = enclave_error_set(err, ENCLAVE_EPROTOCOL, "cp: the archive is damaged: %s",
                              why ? why : "?");
    }
    if (archive_write_close(extraction->writer) < ARCHIVE_WARN && r == 0) {
        r = local_error(extraction->root, archive_error_string(extraction->writer), err);
    }
    return r;
}

/* ------------------------------------------------------------------------------------- whereto */

/* Go where names are relative to; `*ret_root` (allocated) is the name there. */
static int32_t go_beside(const char *local, char **ret_root, struct enclave_error *err)
{
    AUTO_FREE char *one = strdup(local);
    AUTO_FREE char *two = strdup(local);

    *ret_root = two ? strdup(basename(two)) : NULL;
    if (!one || !*ret_root) {
        return no_memory(err);
    }
    if (local[0] == '\0' || local[strlen(local) - 1] == '/') {
        return local_error(local, "no such folder", err);
    }
    return chdir(dirname(one)) == 0 ? 0 : local_error(one, strerror(errno), err);
}

static int32_t go_into(const char *local, struct enclave_error *err)
{
    return chdir(local) == 0 ? 0 : local_error(local, strerror(errno), err);
}

/* The copy's name, allocated, is what was asked for: one that the archive has is the choice of who wrote it. */
static int32_t name_copy(const char *path, char **ret_name, struct enclave_error *err)
{
    size_t end = strlen(path);
    size_t start;

    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    for (start = end; start > 0 && path[start - 1] != '/'; start--) {
    }
    *ret_name = strndup(path + start, end - start);
    if (!*ret_name) {
        return no_memory(err);
    }
    if (**ret_name == '\0' || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "cp: '%.200s' is no name for a copy; '%.*s/.' is what is in it",
                                 path, (int)(end < 200 ? end : 200), path);
    }
    return 0;
}

static int32_t choose_place(const char *local, const char *path, bool folder, bool contents,
                            char **ret_root, struct enclave_error *err)
{
    struct stat st;
    bool exists = stat(local, &st) == 0;
    int32_t r = 0;

    if (!exists && errno != ENOENT) {
        return local_error(local, strerror(errno), err);
    }
    if (exists && !S_ISDIR(st.st_mode) && folder) {
        return local_error(local, "not a folder", err);
    }
    if (!folder && !(exists && S_ISDIR(st.st_mode))) {
        return go_beside(local, ret_root, err);
    }
    if (exists && !contents) {
        r = name_copy(path, ret_root, err);
    } else {
        *ret_root = strdup("");
        r = *ret_root ? 0 : no_memory(err);
    }
    if (r == 0 && !exists && mkdir(local, 0777) != 0) {
        r = local_error(local, strerror(errno), err);
    }
    return r == 0 ? go_into(local, err) : r;
}

/* The first name, which has one part; NULL: it has not, or no memory. */
static char *first_name(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    size_t length;

    name = name ? skip_dots(name) : "";
    length = strcspn(name, "/");
    return length > 0 && name[length + strspn(name + length, "/")] == '\0' && !has_dotdot(name)
               ? strndup(name, length)
               : NULL;
}

static int32_t extract_from(struct cp_stream *stream, struct archive_entry *entry,
                            const char *local, bool contents, struct enclave_error *err)
{
    AUTO_FREE char *base = first_name(entry);
    AUTO_FREE char *root = NULL;
    bool folder = archive_entry_filetype(entry) == AE_IFDIR;
    struct extraction extraction = {.reader = stream->reader, .base = base, .folder = folder};
    int32_t r;

    if (!base) {
        return refuse(entry, "has no name of its own", err);
    }
    if (archive_entry_filetype(entry) == AE_IFLNK || (contents && !folder)) {
        return refuse(
            entry, contents ? "is no folder" : "is a symbolic link, and not what it leads to", err);
    }
    r = choose_place(local, stream->path, folder, contents, &root, err);
    if (r != 0) {
        return r;
    }
    extraction.root = root;
    extraction.writer = archive_write_disk_new();
    if (!extraction.writer ||
        archive_write_disk_set_options(extraction.writer, FLAGS) != ARCHIVE_OK) {
        archive_write_free(extraction.writer);
        return no_memory(err);
    }
    r = unpack_all(&extraction, entry, err);
    archive_write_free(extraction.writer);
    return r;
}

int32_t cp_extract(struct cp_stream *stream, const char *local, bool contents,
                   struct enclave_error *err)
{
    struct archive_entry *entry = NULL;
    int first = archive_read_next_header(stream->reader, &entry);

    if (first == ARCHIVE_OK || first == ARCHIVE_WARN) {
        return extract_from(stream, entry, local, contents, err);
    }
    return enclave_error_set(err, ENCLAVE_EPROTOCOL, "cp: what came is %s",
                             first == ARCHIVE_EOF ? "empty" : "no archive");
}
