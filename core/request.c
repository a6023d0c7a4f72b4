/*
 * request.c - see request.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "request.h"

#include "cancel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 255, RETIRED_MAX = 1024 };

struct request {
    struct request_print print;
    char id[ENCLAVE_ID_SIZE]; /* that came of it */
    int under_way;
    int32_t code;
    char *message;       /* of a failure */
    unsigned references; /* the table's, while the key is known, the creator's, those of who wait */
    LIST_ENTRY(request) same;     /* in its bucket, while the key is known */
    TAILQ_ENTRY(request) retired; /* once it is */
    char key[];
};

/* ----------------------------------------------------------------------------------- fingerprints */

/* FNV-1a with 128 bits, http://www.isthe.com/chongo/tech/comp/fnv/. Whoever makes two requests with one
 * fingerprint on purpose deceives nobody but himself: keys are his own. */
__extension__ typedef unsigned __int128 print_t;
static const print_t basis =
    (print_t)UINT64_C(0x6c62272e07bb0142) << 64 | UINT64_C(0x62b821756295c58d);

static void add(print_t *print, const void *data, size_t length)
{
    const print_t prime = (print_t)1 << 88 | 0x13b;
    for (size_t i = 0; i < length; i++) {
        *print = (*print ^ ((const unsigned char *)data)[i]) * prime;
    }
}

/* With its NUL, so that two texts do not run into each other. */
static void add_text(print_t *print, const char *text)
{
    add(print, text, strlen(text) + 1);
}

static void add_value(print_t *print, json_object *value);

/* The sum does not depend on their order. */
static void add_members(print_t *print, json_object *object)
{
    print_t sum = 0;
    json_object_object_foreach(object, name, member)
    {
        print_t one = basis;
        add_text(&one, name);
        add_value(&one, member);
        sum += one;
    }
    add(print, &sum, sizeof sum);
}

static void add_items(print_t *print, json_object *array)
{
    size_t count = json_object_array_length(array);
    add(print, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        add_value(print, json_object_array_get_idx(array, i));
    }
}

static void add_value(print_t *print, json_object *value)
{
    json_type type = json_object_get_type(value);
    char tag = (char)(type == json_type_int ? json_type_double : type); /* 2 and 2.0 are the same */
    double number;

    add(print, &tag, 1);
    switch (type) {
    case json_type_object:
        add_members(print, value);
        break;
    case json_type_array:
        add_items(print, value);
        break;
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        number = json_object_get_double(value);
        add(print, &number, sizeof number);
        break;
    case json_type_string:
        add(print, json_object_get_string(value), (size_t)json_object_get_string_len(value) + 1);
        break;
    case json_type_null:
        break;
    }
}

struct request_print request_fingerprint(const char *type, json_object *config, const char *id)
{
    print_t print = basis;
    add_text(&print, type);
    add_text(&print, id ? id : "");
    add_value(&print, config);
    return (struct request_print){{(uint64_t)print, (uint64_t)(print >> 64)}};
}

/* ----------------------------------------------------------------------------------------- table */

void requests_init(struct requests *requests)
{
    *requests = (struct requests){.retired_count = 0};
    (void)pthread_mutex_init(&requests->lock, NULL);
    (void)pthread_cond_init(&requests->ended, NULL);
    TAILQ_INIT(&requests->retired);
}

static void unref(struct request *request)
{
    if (--request->references == 0) {
        free(request->message);
        free(request);
    }
}

void requests_destroy(struct requests *requests)
{
    for (size_t i = 0; i < REQUEST_BUCKETS; i++) {
        struct request *request = LIST_FIRST(&requests->keys[i]);
        while (request) {
            struct request *next = LIST_NEXT(request, same);
            unref(request);
            request = next;
        }
    }
    (void)pthread_cond_destroy(&requests->ended);
    (void)pthread_mutex_destroy(&requests->lock);
}

static size_t bucket_of(const char *key)
{
    print_t print = basis;
    add_text(&print, key);
    return (size_t)(print >> 64) % REQUEST_BUCKETS;
}

/* With a reference for the caller: the one that is known, or a new one, which is the caller's to make. NULL
 * without memory. */
static struct request *look_up(struct requests *requests, const char *key,
                               struct request_print print, int *ret_mine)
{
    size_t bucket = bucket_of(key), length = strlen(key) + 1;
    struct request *request;

    LIST_FOREACH(request, &requests->keys[bucket], same)
    {
        if (strcmp(request->key, key) == 0) {
            *ret_mine = 0;
            request->references++;
            return request;
        }
    }
    request = malloc(sizeof *request + length);
    if (request) {
        *request = (struct request){.print = print, .under_way = 1, .references = 2};
        memcpy(request->key, key, length);
        LIST_INSERT_HEAD(&requests->keys[bucket], request, same);
        *ret_mine = 1;
    }
    return request;
}

/* --------------------------------------------------------------------------------------- waiting */

struct waiting {
    struct requests *requests;
    int cancelled;
};

/* In the thread that triggers. */
static void on_cancel(void *ctx)
{
    struct waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->requests->lock);
    waiting->cancelled = 1;
    pthread_cond_broadcast(&waiting->requests->ended);
    pthread_mutex_unlock(&waiting->requests->lock);
}

/* 1 when it was cancelled. */
static int wait_for(struct requests *requests, struct request *request,
                    struct enclave_cancel *cancel)
{
    struct waiting waiting = {requests, 0};
    struct cancel_watch watch = {on_cancel, &waiting, NULL};

    cancel_add(cancel, &watch);
    pthread_mutex_lock(&requests->lock);
    while (request->under_way && !waiting.cancelled) {
        (void)pthread_cond_wait(&requests->ended, &requests->lock);
    }
    int cancelled = request->under_way;
    pthread_mutex_unlock(&requests->lock);
    cancel_remove(cancel, &watch);
    return cancelled;
}

/* What another's request came to. 1: nothing that would count for this one. */
static int32_t share(struct requests *requests, struct request *request, struct request_print print,
                     struct enclave_cancel *cancel, char ret_id[ENCLAVE_ID_SIZE],
                     struct enclave_error *err)
{
    if (memcmp(&request->print, &print, sizeof print) != 0) {
        return enclave_error_set(err, ENCLAVE_EEXISTS,
                                 "create a sandbox: request key '%.80s' was used with another "
                                 "type, config or id",
                                 request->key);
    }
    if (wait_for(requests, request, cancel)) {
        return enclave_error_set(err, ENCLAVE_ECANCELLED,
                                 "create a sandbox: cancelled while another create with request "
                                 "key '%.80s' ran",
                                 request->key);
    }
    if (request->code == ENCLAVE_ECANCELLED) { /* by its caller, and not by this one */
        return 1;
    }
    if (request->code < 0) {
        return enclave_error_set(err, request->code, "%s",
                                 request->message ? request->message
                                                  : enclave_error_text(request->code));
    }
    memcpy(ret_id, request->id, sizeof request->id);
    return 0;
}

int32_t request_begin(struct requests *requests, const char *key, struct request_print print,
                      struct enclave_cancel *cancel, struct request **ret_request,
                      char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    size_t length = strnlen(key, KEY_MAX + 1);
    int32_t r = 1;

    if (length == 0 || length > KEY_MAX) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "create a sandbox: request key: expected 1 to %d bytes", KEY_MAX);
    }
    while (r > 0) {
        int mine = 0;
        pthread_mutex_lock(&requests->lock);
        struct request *request = look_up(requests, key, print, &mine);
        pthread_mutex_unlock(&requests->lock);
        if (!request) {
            return enclave_error_set(err, ENCLAVE_ENOMEM, "create a sandbox: out of memory");
        }
        if (mine) {
            *ret_request = request;
            return 0;
        }
        r = share(requests, request, print, cancel, ret_id, err);
        pthread_mutex_lock(&requests->lock);
        unref(request);
        pthread_mutex_unlock(&requests->lock);
    }
    return r;
}

void request_end(struct requests *requests, struct request *request, int32_t r, const char *id,
                 const struct enclave_error *err)
{
    pthread_mutex_lock(&requests->lock);
    request->under_way = 0;
    request->code = r;
    if (r < 0) {
        request->message = strdup(err->message); /* without memory the code's own text will do */
        LIST_REMOVE(request, same);
        request->references--; /* the table's */
    } else {
        (void)snprintf(request->id, sizeof request->id, "%s", id);
    }
    unref(request);
    pthread_cond_broadcast(&requests->ended);
    pthread_mutex_unlock(&requests->lock);
}

const char *request_describe(const struct request *request, char ret_print[REQUEST_PRINT_SIZE])
{
    (void)snprintf(ret_print, REQUEST_PRINT_SIZE, "%016" PRIx64 "%016" PRIx64,
                   request->print.halves[1], request->print.halves[0]);
    return request->key;
}

/* 0: it is none. */
static int parse_print(const char *text, struct request_print *ret_print)
{
    return strlen(text) == REQUEST_PRINT_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == REQUEST_PRINT_SIZE - 1 &&
           sscanf(text, "%16" SCNx64 "%16" SCNx64, &ret_print->halves[1], &ret_print->halves[0]) ==
               2;
}

struct request *request_restore(struct requests *requests, const char *key, const char *print,
                                const char *id)
{
    struct request_print parsed;
    int mine = 0;

    if (!key || !print || !*key || strnlen(key, KEY_MAX + 1) > KEY_MAX ||
        !parse_print(print, &parsed)) {
        return NULL;
    }
    pthread_mutex_lock(&requests->lock);
    struct request *request = look_up(requests, key, parsed, &mine);
    pthread_mutex_unlock(&requests->lock);
    if (request && mine) {
        request_end(requests, request, 0, id, NULL);
        return request;
    }
    pthread_mutex_lock(&requests->lock);
    if (request) {
        unref(request);
    }
    pthread_mutex_unlock(&requests->lock);
    return NULL;
}

void request_retire(struct requests *requests, struct request *request)
{
    if (!request) {
        return;
    }
    pthread_mutex_lock(&requests->lock);
    TAILQ_INSERT_TAIL(&requests->retired, request, retired);
    if (++requests->retired_count > RETIRED_MAX) {
        struct request *oldest = TAILQ_FIRST(&requests->retired);
        TAILQ_REMOVE(&requests->retired, oldest, retired);
        requests->retired_count--;
        LIST_REMOVE(oldest, same);
        unref(oldest);
    }
    pthread_mutex_unlock(&requests->lock);
}
