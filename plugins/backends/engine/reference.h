/*
 * reference.h - names of images: "python", "localhost:5000/a/b:1.2", "ghcr.io/a/b@sha256:...".
 *
 * Source of the grammar: https://pkg.go.dev/github.com/distribution/reference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_REFERENCE_H
#define ENCLAVE_ENGINE_REFERENCE_H

#include <enclave/error.h>

/* An image reference may have 255 characters in its name, 128 in its tag, and a digest. */
#define REFERENCE_MAX 640

struct reference {
    char registry[256];          /* "docker.io" */
    char name[REFERENCE_MAX];    /* with registry: "docker.io/library/python" */
    char version[REFERENCE_MAX]; /* the tag, or the digest where there is one */
};

/* Errors: INVALID. */
int32_t reference_parse(const char *image, struct reference *ret_reference,
                        struct enclave_error *err);

#endif
