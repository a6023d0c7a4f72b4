/*
 * request.h - request keys of creates: which request made which sandbox, so that a repeated one makes no
 * second. Knows what was asked for only as a fingerprint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include <enclave/enclave.h>

#include <json-c/json.h>
#include <pthread.h>
#include <sys/queue.h>

/* 128 bits of what was asked for, independent of the order of members. */
struct request_print {
    uint64_t halves[2];
};

struct request;

/* Of a fingerprint as text. */
enum { REQUEST_PRINT_SIZE = 33 };

enum { REQUEST_BUCKETS = 1024 };

struct requests {
    pthread_mutex_t lock; /* guards all below; taken inside a cancel handle's lock */
    pthread_cond_t ended; /* a create with a key */
    LIST_HEAD(, request) keys[REQUEST_BUCKETS];
    TAILQ_HEAD(, request) retired; /* of sandboxes that are gone, oldest first */
    size_t retired_count;
};

void requests_init(struct requests *requests);
void requests_destroy(struct requests *requests);

/* `id` may be NULL. */
struct request_print request_fingerprint(const char *type, json_object *config, const char *id);

/*
 * Who asks first is to create: `*ret_request` is then set, and request_end() has to follow. Others get the id
 * that came of it; they wait for it while it is under way. EXISTS (another fingerprint), INVALID, CANCELLED,
 * NOMEM, and the failure of the one that was waited for. `cancel` may be NULL.
 */
int32_t request_begin(struct requests *requests, const char *key, struct request_print print,
                      struct enclave_cancel *cancel, struct request **ret_request,
                      char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err);
/* How it went: 0 and the id, or a failure, which frees the key. */
void request_end(struct requests *requests, struct request *request, int32_t r, const char *id,
                 const struct enclave_error *err);
/* The key, and the fingerprint as text, of one that was asked for or restored: for request_restore() by another manager. */
const char *request_describe(const struct request *request, char ret_print[REQUEST_PRINT_SIZE]);
/* A key of a manager before this one, and the id that came of it. NULL: it is none, is in use already, or there is no
 * memory; then it is just not known. `key` and `print` may be NULL. */
struct request *request_restore(struct requests *requests, const char *key, const char *print,
                                const char *id);
/* Its sandbox is gone: the key stays known for a while. `request` may be NULL, and is not to be used again. */
void request_retire(struct requests *requests, struct request *request);

#endif
