/*
 * cp_stream.h - what is at a path of a sandbox, as an archive that is read while it comes.
 *
 * Owns: the thread in which the library writes it and the pipe between. Does not own: where it goes (cp_extract.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_CP_STREAM_H
#define ENCLAVE_APP_CP_STREAM_H

#include <enclave/enclave.h>

#include <archive.h>
#include <pthread.h>

struct cp_stream {
    struct enclave_manager *manager;
    const char *id, *path; /* borrowed */
    pthread_t thread;
    int read_fd, write_fd;
    struct archive *reader;
    int32_t result; /* of the library, once the thread has ended */
    struct enclave_error err;
};

/* Begin. SIGPIPE has to be ignored. 0, or a code with `err` filled in. */
int32_t cp_stream_begin(struct cp_stream *stream, struct enclave_manager *manager, const char *id,
                        const char *path, struct enclave_error *err);

/*
 * End. `whole`: all was wanted, so wait for the rest; then the result is that of the library. Else what
 * is still to come is not taken, and 0 is returned.
 */
int32_t cp_stream_end(struct cp_stream *stream, int whole, struct enclave_error *err);

/* What is at a path: ENCLAVE_FILE_..., after symbolic links; 0: nothing. 0, or a code. */
int32_t cp_look(struct enclave_manager *manager, const char *id, const char *path,
                uint32_t *ret_type, struct enclave_error *err);

#endif
