/*
 * empty.c - a shared library needs a source of its own; all of libenclave is in the archive that the
 * unit tests link too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
typedef int enclave_shared_library;
