/*
 * enclave/version.h - version of the library and of the plugin ABI.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_VERSION_H
#define ENCLAVE_VERSION_H

/* Version of the headers at compile time; enclave_version() tells that of the loaded library. */
#define ENCLAVE_VERSION_MAJOR 0
#define ENCLAVE_VERSION_MINOR 1
#define ENCLAVE_VERSION_PATCH 0
#define ENCLAVE_VERSION_STRING "0.1.0"

/*
 * Version of the plugin ABI (see ABI.md). A host loads a plugin when the major numbers are equal
 * and the host's minor is at least the plugin's `needs_minor`.
 */
#define ENCLAVE_ABI_MAJOR 1
#define ENCLAVE_ABI_MINOR 4

#endif
