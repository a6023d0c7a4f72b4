/*
 * cp_extract.h - an archive out of a sandbox, unpacked here: by rules that keep it from leaving its place.
 *
 * Nothing that comes out of a sandbox is trusted. Names that are absolute, have ".." or lead through a symbolic
 * link, a copy that is itself a symbolic link (the next copy to its place would go where it leads), devices, FIFOs, and
 * the bits setuid and setgid are refused; owners are not taken, nor the name that the archive has for the whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_CP_EXTRACT_H
#define ENCLAVE_APP_CP_EXTRACT_H

#include "cp_stream.h"

#include <stdbool.h>

/*
 * Unpack what `stream` brings to `local`, as docker cp does: into it, when it is a folder that exists (of a folder only
 * what is in it, with `contents`) under the last part of the stream's path, else as `local`. Changes the process's working directory. 0, or a code with
 * `err` filled in.
 */
int32_t cp_extract(struct cp_stream *stream, const char *local, bool contents,
                   struct enclave_error *err);

#endif
