/*
 * address.h - where the engine is: "unix://", "tcp://", "http://", "https://", and the
 * certificates.
 *
 * Owns: reading the address, DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. Does not connect.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_ADDRESS_H
#define ENCLAVE_ENGINE_ADDRESS_H

#include "engine.h"

struct address {
    char *text;   /* as given, for messages */
    char *socket; /* path of the Unix socket; NULL for TCP */
    char *base;   /* "http://localhost", "https://host:2376": no slash at the end */
    char *host;   /* for the Host header: "localhost", "host:2376" */
    char *ca;     /* files in PEM form; NULL without TLS */
    char *cert;
    char *key;
};

/* Errors: INVALID (says what is wrong and what to write instead), NOMEM. Free with address_free()
 * on failure too. */
int32_t address_parse(const struct engine_options *options, struct address *ret_address,
                      struct enclave_error *err);
void address_free(struct address *address);

/* The folder `given`, else that named by the environment `variable`, else ~/.docker. free(); NULL
 * without memory or without a home. */
char *address_docker_folder(const char *given, const char *variable);

#endif
