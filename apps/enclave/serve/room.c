/*
 * room.c - see room.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room.h"

#include "../session.h"

#include <enclave/plugin.h>

#include <pthread.h>
#include <stdlib.h>

struct room {
    struct server *server;
    pthread_mutex_t
        lock; /* guards `reserved`, and is held from the look at how many there are to the reservation */
    uint64_t reserved;
};

struct room *room_new(struct server *server)
{
    struct room *room = calloc(1, sizeof *room);

    if (room) {
        room->server = server;
        (void)pthread_mutex_init(&room->lock, NULL);
    }
    return room;
}

void room_free(struct room *room)
{
    if (room) {
        (void)pthread_mutex_destroy(&room->lock);
        free(room);
    }
}

static uint64_t number(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    int64_t n = json_object_object_get_ex(object, name, &value) ? json_object_get_int64(value) : 0;

    return n > 0 ? (uint64_t)n : 0;
}

/*
 * How many there are, and will be. Those that have begun to be made are both reserved and known to the manager: they count
 * once. For the moment between a sandbox's being made and its release it counts twice, which errs to the safe side.
 */
static int32_t count(struct room *room, uint64_t *ret, struct enclave_error *err)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *stats = NULL;
    struct json_object *statuses = NULL;
    uint64_t total, beginning;
    int32_t r = enclave_manager_get_stats(room->server->manager, &text, err);

    if (r != 0) {
        return r;
    }
    stats = json_tokener_parse(text);
    (void)json_object_object_get_ex(stats, "status_counts", &statuses);
    total = number(stats, "total_sandboxes");
    beginning = number(statuses, enclave_status_name(ENCLAVE_STATUS_INITIALIZING));
    *ret = total - (beginning < total ? beginning : total) +
           (beginning > room->reserved ? beginning : room->reserved);
    return 0;
}

int32_t room_reserve(struct room *room, uint64_t asked, struct enclave_error *err)
{
    unsigned most = room->server->settings.max_sandboxes;
    uint64_t taken = 0;
    int32_t r;

    pthread_mutex_lock(&room->lock);
    r = asked > 0 ? count(room, &taken, err) : 0;
    if (r == 0 && asked > 0 && (taken >= most || asked > most - taken)) {
        r = enclave_error_set(
            err, ENCLAVE_EBUSY,
            asked == 1 ? "there are as many sandboxes as [server] max_sandboxes allows (%u); "
                         "delete some"
                       : "so many sandboxes more than [server] max_sandboxes allows (%u); ask for "
                         "fewer, or delete some",
            most);
    }
    if (r == 0) {
        room->reserved += asked;
    }
    pthread_mutex_unlock(&room->lock);
    return r;
}

void room_release(struct room *room, uint64_t asked)
{
    pthread_mutex_lock(&room->lock);
    room->reserved -= asked;
    pthread_mutex_unlock(&room->lock);
}
