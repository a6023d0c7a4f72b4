/*
 * operations.c - see operations.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "operations.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "listing.h"

/* A listing beyond this is of no use to anybody; the ceiling keeps a hostile folder harmless. */
#define LONGEST_LISTING ((size_t)8 << 20)

static struct enclave_file_request request_for(const struct operation_call *op, const char *path)
{
    return (struct enclave_file_request){
        .size = sizeof(struct enclave_file_request),
        .path = path,
        .max_bytes = op->policy->max_file_size,
        .allowed = op->policy->allowed_paths,
        .blocked = op->policy->blocked_paths,
    };
}

static int32_t out_of_memory(const struct operation_call *op, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "'%s': out of memory", op->path);
}

/* "SENTENCE: PATH", the whole path, however long. */
static int32_t set_sentence(const struct operation_call *op, const char *sentence,
                            struct enclave_error *err)
{
    __attribute__((cleanup(buffer_drop))) struct buffer text = {.ceiling = SIZE_MAX};

    if (buffer_format(&text, "%s: %s", sentence, op->path) < 0) {
        return out_of_memory(op, err);
    }
    return op->host->set_output(op->call, text.data, text.length, err);
}

static int32_t too_big(const struct operation_call *op, const char *verb, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ETOOBIG,
                             "%s '%s': more than max_file_size of file_operation allows (%" PRIu64
                             " bytes)",
                             verb, op->path, op->policy->max_file_size);
}

/* ------------------------------------------------------------------------------------ read */

static int32_t take_bytes(void *ctx, const void *data, uint64_t length)
{
    return buffer_append(ctx, data, (size_t)length);
}

static int32_t operation_read(const struct operation_call *op, struct enclave_error *err)
{
    size_t largest = (size_t)op->policy->max_file_size;
    __attribute__((cleanup(buffer_drop))) struct buffer bytes = {.ceiling = largest};
    /* Base64 and Latin-1 make at most two bytes of one, and a last group of four. */
    __attribute__((cleanup(buffer_drop))) struct buffer text = {.ceiling = 2 * largest + 4};
    struct enclave_file_request request = request_for(op, op->path);
    struct enclave_sink sink = {sizeof sink, 0, &bytes, take_bytes};
    int32_t rc = policy_check_extension(op->policy, op->path, err);

    if (rc == 0) {
        rc = op->host->file_read(op->call, &request, &sink, err);
    }
    if (rc < 0) {
        return rc == ENCLAVE_ETOOBIG ? too_big(op, "read", err) : rc;
    }
    rc = encoding_to_text(op->encoding, bytes.data, bytes.length, &text, err);
    if (rc == ENCLAVE_ENOMEM) {
        return out_of_memory(op, err);
    }
    if (rc < 0) {
        return enclave_error_prefix(err, rc, "read '%s': ", op->path);
    }
    return op->host->set_output(op->call, text.data, text.length, err);
}

/* --------------------------------------------------------------------------- write, create */

struct reader {
    const struct buffer *bytes;
    size_t taken;
};

static int64_t give_bytes(void *ctx, void *target, uint64_t capacity)
{
    struct reader *reader = ctx;
    size_t length = reader->bytes->length - reader->taken;

    if (length > capacity) {
        length = (size_t)capacity;
    }
    if (length > 0) {
        memcpy(target, reader->bytes->data + reader->taken, length);
        reader->taken += length;
    }
    return (int64_t)length;
}

static int32_t encode_content(const struct operation_call *op, struct buffer *bytes,
                              struct enclave_error *err)
{
    int32_t rc = encoding_to_bytes(op->encoding, op->content.data, op->content.length, bytes, err);

    if (rc == ENCLAVE_ENOMEM) {
        return out_of_memory(op, err);
    }
    if (rc == ENCLAVE_ETOOBIG) {
        return too_big(op, "write", err);
    }
    return rc < 0 ? enclave_error_prefix(err, rc, "write '%s': ", op->path) : 0;
}

static int32_t operation_create(const struct operation_call *op, struct enclave_error *err)
{
    __attribute__((cleanup(buffer_drop))) struct buffer bytes = {
        .ceiling = (size_t)op->policy->max_file_size};
    struct enclave_file_request request = request_for(op, op->path);
    struct reader reader = {&bytes, 0};
    struct enclave_source source = {sizeof source, 0, &reader, give_bytes};
    int32_t rc = policy_check_extension(op->policy, op->path, err);

    if (rc == 0) {
        rc = encode_content(op, &bytes, err);
    }
    if (rc == 0) {
        request.flags = ENCLAVE_FILE_FLAG_MKDIRS;
        rc = op->host->file_write(op->call, &request, &source, err);
    }
    return rc < 0 ? rc : set_sentence(op, "File written successfully", err);
}

static int32_t operation_write(const struct operation_call *op, struct enclave_error *err)
{
    if (!op->content.data) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "Content is required for write operation");
    }
    return operation_create(op, err);
}

/* ---------------------------------------------------------------------------------- delete */

static int32_t operation_delete(const struct operation_call *op, struct enclave_error *err)
{
    struct enclave_file_request request = request_for(op, op->path);
    int32_t rc = policy_check_extension(op->policy, op->path, err);

    /* A folder called "x.txt" must not take files of other extensions with it. */
    if (!op->policy->extensions) {
        request.flags = ENCLAVE_FILE_FLAG_RECURSIVE;
    }
    if (rc == 0) {
        rc = op->host->file_remove(op->call, &request, err);
    }
    return rc < 0 ? rc : set_sentence(op, "Successfully deleted", err);
}

/* ------------------------------------------------------------------------------------ list */

struct lister {
    struct buffer text;
    const char *name; /* wins over the entry's own; NULL: does not */
    int64_t now_s;
    uint64_t kilobytes; /* what the regular files take, in pages of 4 KiB */
};

static int32_t take_entry(void *ctx, const struct enclave_file_info *info)
{
    struct lister *lister = ctx;

    if (info->type == ENCLAVE_FILE_REGULAR) {
        lister->kilobytes += (info->length / 4096 + (info->length % 4096 != 0)) * 4;
    }
    return listing_append(&lister->text, info, lister->name, lister->now_s);
}

/* Append the line of `path`/`part`, "." or "..". Fails for what is not a folder. */
static int32_t list_part(const struct operation_call *op, struct lister *lister, const char *part,
                         struct enclave_error *err)
{
    __attribute__((cleanup(buffer_drop))) struct buffer path = {.ceiling = SIZE_MAX};
    struct enclave_entry_sink sink = {sizeof sink, 0, lister, take_entry};
    struct enclave_file_request request;
    int32_t rc;

    if (buffer_format(&path, "%s/%s", op->path, part) < 0 || buffer_byte(&path, '\0') < 0) {
        return out_of_memory(op, err);
    }
    request = request_for(op, (const char *)path.data);
    lister->name = part;
    rc = op->host->file_stat(op->call, &request, &sink, err);
    lister->name = NULL;
    return rc;
}

static int32_t list_entries(const struct operation_call *op, struct lister *lister,
                            struct enclave_error *err)
{
    struct enclave_file_request request = request_for(op, op->path);
    struct enclave_entry_sink sink = {sizeof sink, 0, lister, take_entry};
    int32_t rc = op->host->file_list(op->call, &request, &sink, err);

    if (rc == ENCLAVE_ETOOBIG) {
        return enclave_error_set(err, rc, "list '%s': too many files to list at once", op->path);
    }
    return rc;
}

static int32_t operation_list(const struct operation_call *op, struct enclave_error *err)
{
    __attribute__((cleanup(buffer_drop))) struct buffer text = {.ceiling = LONGEST_LISTING + 32};
    struct lister lister = {.text = {.ceiling = LONGEST_LISTING}, .now_s = (int64_t)time(NULL)};
    struct enclave_error ignored = ENCLAVE_ERROR_INIT;
    bool folder;
    int32_t rc;

    /* A file is listed by its own line alone. What is above the folder may be out of bounds. What
     * else can be wrong with either, the listing itself will tell. */
    folder = list_part(op, &lister, ".", &ignored) == 0;
    if (folder) {
        (void)list_part(op, &lister, "..", &ignored);
    }
    rc = list_entries(op, &lister, err);
    if (rc == 0 && ((folder && buffer_format(&text, "total %" PRIu64 "\n", lister.kilobytes) < 0) ||
                    buffer_append(&text, lister.text.data, lister.text.length) < 0)) {
        rc = out_of_memory(op, err);
    }
    buffer_drop(&lister.text);
    return rc < 0 ? rc : op->host->set_output(op->call, text.data, text.length, err);
}

/* ---------------------------------------------------------------------------------- exists */

static int32_t ignore_entry(void *ctx, const struct enclave_file_info *info)
{
    (void)ctx;
    (void)info;
    return 0;
}

static int32_t operation_exists(const struct operation_call *op, struct enclave_error *err)
{
    struct enclave_file_request request = request_for(op, op->path);
    struct enclave_entry_sink sink = {sizeof sink, 0, NULL, ignore_entry};
    int32_t rc = op->host->file_stat(op->call, &request, &sink, err);
    const char *answer = rc == 0 ? "exists" : "does not exist";

    if (rc < 0 && rc != ENCLAVE_ENOTFOUND) {
        return rc;
    }
    return op->host->set_output(op->call, answer, strlen(answer), err);
}

operation_fn operation_find(const char *name)
{
    static const struct {
        const char *name;
        operation_fn run;
    } operations[] = {
        {"create", operation_create}, {"read", operation_read}, {"write", operation_write},
        {"delete", operation_delete}, {"list", operation_list}, {"exists", operation_exists},
    };

    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return operations[i].run;
        }
    }
    return NULL;
}
