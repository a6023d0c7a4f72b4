/*
 * health.c - see health.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "health.h"

#include "../session.h"
#include "answer.h"
#include "clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_US 200000

/* Shared by the answers that are being sent. */
struct text {
    atomic_uint holds;
    size_t length;
    char data[];
};

struct health {
    pthread_mutex_t lock; /* guards all below */
    struct text *text;
    int64_t made_us;
};

struct health *health_new(void)
{
    struct health *health = calloc(1, sizeof *health);

    if (health) {
        (void)pthread_mutex_init(&health->lock, NULL);
    }
    return health;
}

static void let_go(void *ctx)
{
    struct text *text = ctx;

    if (text && atomic_fetch_sub(&text->holds, 1) == 1) {
        free(text);
    }
}

void health_free(struct health *health)
{
    if (health) {
        let_go(health->text);
        (void)pthread_mutex_destroy(&health->lock);
        free(health);
    }
}

/* Of the histograms only what is read at a glance: /stats and /metrics have the rest. */
static void drop_buckets(struct json_object *stats)
{
    struct json_object *times = NULL;

    if (json_object_object_get_ex(stats, "times", &times)) {
        json_object_object_foreach(times, name, histogram)
        {
            (void)name;
            json_object_object_del(histogram, "buckets");
        }
    }
}

static struct text *make(struct server *server, int64_t now)
{
    AUTO_TEXT char *given = NULL;
    AUTO_JSON struct json_object *health = json_object_new_object();
    struct json_object *stats, *total = NULL;
    struct text *text;
    const char *json;
    size_t length = 0;

    if (enclave_manager_get_stats(server->manager, &given, NULL) != 0) {
        return NULL;
    }
    stats = json_tokener_parse(given);
    drop_buckets(stats);
    (void)json_object_object_get_ex(stats, "total_sandboxes", &total);
    json_object_object_add(health, "healthy", json_object_new_boolean(true));
    json_object_object_add(health, "version", json_object_new_string(enclave_version()));
    json_object_object_add(health, "uptime",
                           json_object_new_double((double)(now - server->started_us) / 1e6));
    json_object_object_add(health, "active_sandboxes", json_object_get(total));
    json_object_object_add(health, "system_info", stats);
    json = json_object_to_json_string_length(health, JSON_C_TO_STRING_PLAIN, &length);
    text = json ? malloc(sizeof *text + length) : NULL;
    if (text) {
        atomic_init(&text->holds, 1);
        text->length = length;
        memcpy(text->data, json, length);
    }
    return text;
}

void health_answer(struct health *health, struct request *request)
{
    int64_t now = clock_us();
    struct text *text;

    pthread_mutex_lock(&health->lock);
    if (!health->text || now - health->made_us > KEPT_US) {
        let_go(health->text);
        health->text = make(request->server, now);
        health->made_us = now;
    }
    text = health->text;
    if (text) {
        atomic_fetch_add(&text->holds, 1);
    }
    pthread_mutex_unlock(&health->lock);
    if (text) {
        answer_bytes(request, "application/json", text->data, text->length, let_go, text);
    } else {
        answer_fail(request, ENCLAVE_ENOMEM, "out of memory");
    }
}
