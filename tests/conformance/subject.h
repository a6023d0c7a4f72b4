/*
 * subject.h - what is being tested: a backend, the manager through which the cases use it, and the one
 * sandbox that cases share which need none of their own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_SUBJECT_H
#define CONFORMANCE_SUBJECT_H

#include <enclave/enclave.h>

struct subject {
    const char *backend;
    const char *config; /* INI file; NULL: the usual places */
    struct enclave_manager *manager;
    char shared[ENCLAVE_ID_SIZE];
    int delegates; /* its sandboxes are another manager's, whose backend is not known here */
    char can[512]; /* names of the declared capabilities, each between commas: ",memory_limit," */
};

/* All tools that the cases use, for a create without other wishes. */
#define SUBJECT_TOOLS "[\"python_executor\", \"shell_executor\", \"file_operation\"]"

enum subject_state {
    SUBJECT_READY,
    SUBJECT_UNUSABLE, /* nothing can be tested: configuration, or no such backend */
    SUBJECT_ABSENT,   /* the backend does not work here */
    SUBJECT_BROKEN    /* it says that it works, and makes no sandbox */
};

/* Another manager of the same configuration. */
int32_t subject_manager(const struct subject *subject, struct enclave_manager **ret_manager,
                        struct enclave_error *err);

/* `backend` and `config` are set. `err` says why it is not ready. */
enum subject_state subject_open(struct subject *subject, struct enclave_error *err);
/* Make the shared sandbox with the manager that is there already. */
int32_t subject_share(struct subject *subject, struct enclave_error *err);
void subject_close(struct subject *subject);

/* 1 when the backend declares that it can do this here. `name` as in types.h. One that delegates declares all. */
int subject_declares(const struct subject *subject, const char *name);

#endif
