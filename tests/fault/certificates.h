/*
 * certificates.h - certificates for an engine behind TLS, made by the program openssl.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_CERTIFICATES_H
#define ENCLAVE_TEST_CERTIFICATES_H

/*
 * Below `dir`: server/ and client/, each with ca.pem, cert.pem and key.pem, as Docker names them,
 * the server's for 127.0.0.1; stranger/, a client's of another authority, which trusts that one only.
 * 0, or -1.
 */
int certificates_make(const char *dir);

#endif
