/*
 * files.c - the manager's calls for files in and out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "buffer.h"
#include "delegate.h"
#include "folder_tar.h"
#include "manager.h"
#include "plugin_call.h"

#include <stddef.h>
#include <string.h>

enum {
    GET_FILE_DEFAULT = 64 << 20,
    TIMEOUT_MS = 600000 /* a payload may hold an operation up: it must end all the same */
};

/* Find and enter; `offset` is that of the op, which may be absent. */
static int32_t begin(struct enclave_manager *manager, const char *id, const char *what,
                     const char *path, size_t offset, struct sandbox **ret_sandbox,
                     struct enclave_error *err)
{
    if (!path || !*path) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "%s: the path is empty", what);
    }
    struct sandbox *sandbox = NULL;
    int32_t r = manager_find(manager, id, what, &sandbox, err);
    if (r < 0) {
        return r;
    }
    r = sandbox_enter(sandbox, what, manager_now_s(manager), err);
    if (r == 0) {
        void *op;
        memcpy(&op, (const char *)&sandbox->backend->loaded.ops.backend + offset, sizeof op);
        if (op) {
            *ret_sandbox = sandbox;
            return 0;
        }
        r = enclave_error_set(err, ENCLAVE_ENOTSUP, "%s: backend '%s' cannot do it", what,
                              sandbox->backend->name);
        sandbox_leave(sandbox, manager_now_s(manager));
    }
    sandbox_unref(sandbox);
    return r;
}

/* `r` is what came of it. */
static void end(struct enclave_manager *manager, struct sandbox *sandbox, int32_t r)
{
    sandbox_leave(sandbox, manager_now_s(manager));
    (void)delegate_notice(manager, sandbox, r);
    sandbox_unref(sandbox);
}

#define BEGIN(what, path, op)                                                                      \
    begin(manager, id, what, path, offsetof(struct enclave_backend_ops, op), &sandbox, err)

int32_t enclave_manager_put_archive(struct enclave_manager *manager, const char *id,
                                    const char *target_dir, const struct enclave_source *tar,
                                    struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    if (!tar || !tar->read) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "put an archive: tar is NULL");
    }
    int32_t r = BEGIN("put an archive", target_dir, put_archive);
    if (r == 0) {
        struct enclave_file_request request = {
            .size = sizeof request, .path = target_dir, .timeout_ms = TIMEOUT_MS};
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        r = sandbox->backend->loaded.ops.backend.put_archive(sandbox->handle, &request, -1, tar,
                                                             &why);
        r = plugin_result(r, &why, sandbox->backend->name, "put_archive", err);
        end(manager, sandbox, r);
    }
    return r;
}

int32_t enclave_manager_put_dir(struct enclave_manager *manager, const char *id,
                                const char *local_dir, const char *target_dir,
                                struct enclave_error *err)
{
    struct folder_tar *tar = NULL;
    if (!local_dir || !*local_dir) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "put a folder: local_dir is empty");
    }
    int32_t r = folder_tar_open(local_dir, &tar, err);
    if (r < 0) {
        return r;
    }
    struct enclave_source source = {sizeof source, 0, tar, folder_tar_read};
    r = enclave_manager_put_archive(manager, id, target_dir, &source, err);
    const struct enclave_error *local = folder_tar_error(tar);
    if (r < 0 && local->code < 0) { /* the cause, not that the stream broke off */
        r = enclave_error_set(err, local->code, "put folder '%s': %s", local_dir, local->message);
    }
    folder_tar_close(tar);
    return r;
}

int32_t enclave_manager_get_archive(struct enclave_manager *manager, const char *id,
                                    const char *path, const struct enclave_sink *tar,
                                    struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    if (!tar || !tar->write) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "get an archive: tar is NULL");
    }
    int32_t r = BEGIN("get an archive", path, get_archive);
    if (r == 0) {
        struct enclave_file_request request = {
            .size = sizeof request, .path = path, .timeout_ms = TIMEOUT_MS};
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        r = sandbox->backend->loaded.ops.backend.get_archive(sandbox->handle, &request, -1, tar,
                                                             &why);
        r = plugin_result(r, &why, sandbox->backend->name, "get_archive", err);
        end(manager, sandbox, r);
    }
    return r;
}

/* ------------------------------------------------------------------------------------- one file */

struct bytes {
    const char *data;
    uint64_t left;
};

static int64_t read_bytes(void *ctx, void *to, uint64_t capacity)
{
    struct bytes *bytes = ctx;
    uint64_t n = bytes->left < capacity ? bytes->left : capacity;
    if (n > 0) {
        memcpy(to, bytes->data, (size_t)n);
        bytes->data += n;
        bytes->left -= n;
    }
    return (int64_t)n;
}

int32_t enclave_manager_put_file(struct enclave_manager *manager, const char *id, const char *path,
                                 const void *data, uint64_t length, uint32_t mode,
                                 struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    if ((!data && length > 0) || length > INT64_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "put a file: data is NULL");
    }
    if (mode & ~UINT32_C(0777)) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "put a file: mode 0%o is not of 0777",
                                 (unsigned)mode);
    }
    int32_t r = BEGIN("put a file", path, file_write);
    if (r == 0) {
        struct bytes bytes = {data, length};
        struct enclave_source from = {sizeof from, 0, &bytes, read_bytes};
        struct enclave_file_request request = {.size = sizeof request,
                                               .flags = ENCLAVE_FILE_FLAG_MKDIRS,
                                               .path = path,
                                               .mode = mode,
                                               .timeout_ms = TIMEOUT_MS};
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        r = sandbox->backend->loaded.ops.backend.file_write(sandbox->handle, &request, -1, &from,
                                                            &why);
        r = plugin_result(r, &why, sandbox->backend->name, "file_write", err);
        end(manager, sandbox, r);
    }
    return r;
}

int32_t enclave_manager_get_file(struct enclave_manager *manager, const char *id, const char *path,
                                 uint64_t max_bytes, void **ret_data, uint64_t *ret_length,
                                 struct enclave_error *err)
{
    struct sandbox *sandbox = NULL;
    if (!ret_data || !ret_length) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "get a file: ret_data or ret_length is NULL");
    }
    int32_t r = BEGIN("get a file", path, file_read);
    if (r < 0) {
        return r;
    }
    uint64_t limit = max_bytes ? max_bytes : GET_FILE_DEFAULT;
    struct buffer content = BUFFER_INIT(limit < SIZE_MAX / 2 ? (size_t)limit : SIZE_MAX / 2);
    struct enclave_sink to = {sizeof to, 0, &content, buffer_write};
    struct enclave_file_request request = {
        .size = sizeof request, .path = path, .max_bytes = limit, .timeout_ms = TIMEOUT_MS};
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    r = sandbox->backend->loaded.ops.backend.file_read(sandbox->handle, &request, -1, &to, &why);
    r = plugin_result(r, &why, sandbox->backend->name, "file_read", err);
    end(manager, sandbox, r);
    uint64_t length = content.length;
    char *data = r == 0 ? buffer_steal(&content) : NULL;
    buffer_free(&content);
    if (r == 0 && !data) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "get a file: out of memory");
    }
    if (r == 0) {
        *ret_data = data;
        *ret_length = length;
    }
    return r;
}
