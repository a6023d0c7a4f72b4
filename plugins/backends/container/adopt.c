/*
 * adopt.c - the sandboxes that an earlier manager of this instance has left running, taken over.
 *
 * Owns: finding their containers, attaching to their agents, making objects of them. Does not own: what passes
 * between a manager and an agent then (agent.h), nor what becomes of containers that do not run (reconcile.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_build.h"
#include "labels.h"
#include "sandbox_object.h"

#include <enclave/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADOPT_TIMEOUT_MS 5000
/* The second has its stream to itself, whatever was left in the first. */
#define ADOPT_TRIES 2
#define REMOVE_TIMEOUT_MS 10000

/* Each takes a moment in which the engine and the agent work, so several are taken over at a time. */
#define ADOPTERS 8

struct adopting {
    struct backend *backend;
    const struct enclave_adoption *adoption;
    int podman;        /* the engine is Podman */
    json_object *list; /* only read */
    atomic_size_t next;
};

/* What is taken over; `state` is freed by the caller. */
struct found {
    struct sandbox *sandbox;
    struct agent_state state;
};

/* ------------------------------------------------------------------------------------ the object */

/* As it stands in the list; NULL without memory, or when the list makes no sense. */
static struct sandbox *make_object(struct backend *backend, json_object *container)
{
    json_object *labels = json_member(container, "Labels");
    json_object *names = json_member(container, "Names");
    const char *name = json_object_is_type(names, json_type_array)
                           ? json_object_get_string(json_object_array_get_idx(names, 0))
                           : NULL;
    const char *token = json_text(labels, LABEL_TOKEN, "");
    struct sandbox *sandbox;

    name = name && *name == '/' ? name + 1 : name;
    if (!name || strlen(name) >= sizeof sandbox->name || strlen(token) != AGENT_TOKEN_SIZE) {
        return NULL;
    }
    sandbox = sandbox_alloc(backend, json_text(labels, LABEL_SANDBOX, ""));
    if (sandbox) {
        memcpy(sandbox->name, name, strlen(name) + 1);
        memcpy(sandbox->token, token, AGENT_TOKEN_SIZE + 1);
        (void)snprintf(sandbox->container_id, sizeof sandbox->container_id, "%s",
                       json_text(container, "Id", ""));
        sandbox->config.remove_on_exit = strcmp(json_text(labels, LABEL_KEEP, ""), "true") != 0;
    }
    return sandbox;
}

/* The user that payloads have is not in the list. */
static void take_user(struct sandbox *sandbox, const char *facts)
{
    char text[16];

    if (agent_fact(facts, "uid", text, sizeof text) == 0) {
        sandbox->uid = (uint32_t)strtoul(text, NULL, 10);
    }
    if (agent_fact(facts, "gid", text, sizeof text) == 0) {
        sandbox->gid = (uint32_t)strtoul(text, NULL, 10);
    }
    sandbox->owns_uid = uid_range_claim(&sandbox->backend->uids, sandbox->uid);
}

static int32_t attach(struct found *found, struct enclave_error *err)
{
    struct sandbox *sandbox = found->sandbox;
    struct agent_transport transport;
    struct agent *agent;
    char *facts = NULL;
    /* Podman closes a container's stdin when who was attached goes, whatever StdinOnce says. */
    int32_t rc = sandbox->podman
                     ? container_relay(&sandbox->backend->api, sandbox->name, -1, &transport, err)
                     : container_attach(&sandbox->backend->api, sandbox->name, -1, &transport, err);

    if (!rc) {
        rc = agent_adopt(sandbox->backend->loop, &transport,
                         &(struct agent_config){.ready_timeout_ms = ADOPT_TIMEOUT_MS,
                                                .cancel_fd = -1,
                                                .lease_ms = sandbox->lease_ms,
                                                .token = sandbox->token,
                                                .lost = sandbox_on_lost,
                                                .lost_ctx = sandbox},
                         &agent, &facts, &found->state, err);
    }
    if (!rc) {
        take_user(sandbox, facts);
        sandbox_set_agent(sandbox, agent);
    }
    free(facts);
    return rc;
}

/* ------------------------------------------------------------------------------------- one of them */

static void log_refused(const struct backend *backend, const char *name,
                        const struct enclave_error *why)
{
    char line[ENCLAVE_ERROR_MESSAGE_SIZE + 160];

    (void)snprintf(line, sizeof line, "container '%.96s' cannot be adopted and is removed: %s",
                   name, why->message);
    backend->host->log(backend->host->ctx, ENCLAVE_LOG_WARNING, line);
}

static void adopt_one(const struct adopting *adopting, json_object *container)
{
    struct backend *backend = adopting->backend;
    const struct enclave_adoption *adoption = adopting->adoption;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct found found = {.sandbox = make_object(backend, container)};
    const char *id = json_text(container, "Id", "");
    int32_t rc = ENCLAVE_EPROTOCOL;

    if (!found.sandbox) {
        (void)enclave_error_set(&why, rc, "its name or its labels are not as they should be");
    } else {
        found.sandbox->lease_ms = adoption->lease_ms;
        found.sandbox->podman = adopting->podman;
    }
    for (int tries = 0; found.sandbox && rc && tries < ADOPT_TRIES; tries++) {
        rc = attach(&found, &why);
    }
    if (!rc) {
        struct enclave_adopted adopted = {.size = sizeof adopted,
                                          .id = found.sandbox->id,
                                          .sandbox = found.sandbox,
                                          .state = found.state.data,
                                          .state_length = found.state.length};

        if (adoption->found(adoption->ctx, &adopted) != 0) { /* it has said why */
            (void)sandbox_destroy(found.sandbox, NULL);
        }
    } else {
        log_refused(backend, id, &why);
        (void)container_remove(&(struct container_api){backend->engine, REMOVE_TIMEOUT_MS}, id,
                               NULL);
        sandbox_free(found.sandbox);
    }
    free(found.state.data);
}

/* ------------------------------------------------------------------------------------------ all */

static int32_t list_running(struct backend *backend, json_object **ret_list,
                            struct enclave_error *err)
{
    char path[256];
    int32_t rc;

    /* {"label":["io.enclave.instance=NAME"],"status":["running"]}, escaped */
    (void)snprintf(path, sizeof path,
                   "/containers/json?filters=%%7B%%22label%%22%%3A%%5B%%22" LABEL_INSTANCE
                   "%%3D%s%%22%%5D%%2C%%22status%%22%%3A%%5B%%22running%%22%%5D%%7D",
                   backend->host->instance);
    rc = engine_request(backend->engine, "GET", path, NULL, backend->api.timeout_ms, -1, NULL,
                        ret_list, err);
    if (!rc && !json_object_is_type(*ret_list, json_type_array)) {
        rc = enclave_error_set(err, ENCLAVE_EPROTOCOL, "%s's list of containers is no list",
                               backend->brand->engine.name);
    }
    return rc;
}

static void *adopt_some(void *ctx)
{
    struct adopting *adopting = ctx;
    const struct backend *backend = adopting->backend;
    size_t count = json_object_array_length(adopting->list);

    for (size_t i; (i = atomic_fetch_add(&adopting->next, 1)) < count;) {
        json_object *container = json_object_array_get_idx(adopting->list, i);

        if (labels_adoptable(json_member(container, "Labels"), backend->host->instance,
                             backend->brand->engine.name)) {
            adopt_one(adopting, container);
        }
    }
    return NULL;
}

/* With fewer threads where there are no more, and with this one in any case. */
static void adopt_all(struct adopting *adopting)
{
    size_t count = json_object_array_length(adopting->list);
    pthread_t threads[ADOPTERS];
    size_t started = 0;
    sigset_t all;
    sigset_t before;

    sigfillset(&all); /* signals are for the program's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started + 1 < count && started < ADOPTERS &&
           pthread_create(&threads[started], NULL, adopt_some, adopting) == 0) {
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)adopt_some(adopting);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

int32_t backend_adopt(struct backend *backend, const struct enclave_adoption *adoption,
                      struct enclave_error *err)
{
    struct adopting adopting = {.backend = backend, .adoption = adoption};
    struct engine_facts facts;
    int32_t rc = backend_prepare(backend, -1, &facts, err);

    if (!rc) {
        adopting.podman = facts.podman;
        rc = list_running(backend, &adopting.list, err);
    }
    if (!rc) {
        adopt_all(&adopting);
    }
    json_object_put(adopting.list);
    return rc;
}
