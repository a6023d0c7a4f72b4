/*
 * version.h - versions of the Engine API: "1.41".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_VERSION_H
#define ENCLAVE_ENGINE_VERSION_H

#define API_VERSION_TEXT_SIZE 16

struct api_version {
    unsigned major;
    unsigned minor;
};

/* 0, or -1 when `text` is not of the form "1.41". */
int api_version_parse(const char *text, struct api_version *ret_version);
/* Less than, equal to or greater than 0, as a is older than, the same as or newer than b. */
int api_version_compare(struct api_version a, struct api_version b);

#endif
