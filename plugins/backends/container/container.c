/*
 * container.c - see container.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "container.h"

#include "json_build.h"
#include "monotonic.h"
#include "sandbox_config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PATH_SIZE 256
#define EVENT_AGE_S 60
#define EVENT_TIMEOUT_MS 500
#define EXIT_WAIT_MS 1000
#define REMOVE_TRIES 4

/* A request about a container without a body; `ret_status` and `ret_json` may be NULL. */
__attribute__((format(printf, 7, 8))) static int32_t
request(const struct container_api *api, const char *method, int cancel_fd, long *ret_status,
        json_object **ret_json, struct enclave_error *err, const char *format, ...)
{
    char path[PATH_SIZE];
    long status;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof path) {
        return enclave_error_set(err, ENCLAVE_EINTERNAL, "a container's name is too long");
    }
    return engine_request(api->engine, method, path, NULL, api->timeout_ms, cancel_fd,
                          ret_status ? ret_status : &status, ret_json, err);
}

/* ------------------------------------------------------------------------------------- creation */

int32_t container_create(const struct container_api *api, const char *name, const char *platform,
                         json_object *body, int cancel_fd, char ret_id[CONTAINER_ID_SIZE],
                         int *ret_no_image, struct enclave_error *err)
{
    char *escaped = platform ? engine_escape(platform) : NULL;
    json_object *answer JSON_CLEANUP = NULL;
    char *path = NULL;
    long status = 0;
    int32_t rc;

    *ret_no_image = 0;
    if ((platform && !escaped) ||
        asprintf(&path, "/containers/create?name=%s%s%s", name, platform ? "&platform=" : "",
                 platform ? escaped : "") < 0) {
        free(escaped);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    rc = engine_request(api->engine, "POST", path, body, api->timeout_ms, cancel_fd, &status,
                        &answer, err);
    free(path);
    free(escaped);
    if (rc) {
        /* 404 speaks of other things too: "No such image: x", "image with reference x was found but
         * does not match the specified platform", and in Podman's words "x: image not known". */
        *ret_no_image = status == 404 && strcasestr(err->message, "image") != NULL;
        return rc;
    }
    (void)snprintf(ret_id, CONTAINER_ID_SIZE, "%s", json_text(answer, "Id", ""));
    return 0;
}

int32_t container_upload(const struct container_api *api, const char *name, const char *directory,
                         const void *tar, size_t length, int cancel_fd, struct enclave_error *err)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "/containers/%s/archive?path=%s", name, directory);
    return engine_upload(api->engine, path, "application/x-tar", tar, length, api->timeout_ms,
                         cancel_fd, err);
}

/* ------------------------------------------------------------------------------------ attaching */

static ssize_t transport_read(void *ctx, void *buffer, size_t capacity)
{
    return engine_stream_read(ctx, buffer, capacity);
}

static ssize_t transport_write(void *ctx, const void *data, size_t length)
{
    return engine_stream_write(ctx, data, length);
}

static void transport_close(void *ctx)
{
    engine_stream_close(ctx);
}

static struct agent_transport make_transport(struct engine_stream *stream)
{
    return (struct agent_transport){
        .fd = engine_stream_fd(stream),
        .flags = AGENT_TRANSPORT_MULTIPLEXED |
                 (engine_stream_is_plain(stream) ? AGENT_TRANSPORT_PLAIN : 0),
        .ctx = stream,
        .read = transport_read,
        .write = transport_write,
        .close = transport_close,
    };
}

int32_t container_attach(const struct container_api *api, const char *name, int cancel_fd,
                         struct agent_transport *ret_transport, struct enclave_error *err)
{
    struct engine_stream *stream;
    int32_t rc = engine_attach(api->engine, name, cancel_fd, &stream, err);

    if (rc ==
        ENCLAVE_EEXISTS) { /* Podman prepares it now, and says so when it cannot: nothing "exists" */
        rc = ENCLAVE_EBACKEND;
        if (err) {
            err->code = rc;
        }
    }
    if (!rc) {
        *ret_transport = make_transport(stream);
    }
    return rc;
}

static json_object *make_relay(void)
{
    static const char *const streams[] = {"AttachStdin", "AttachStdout", "AttachStderr", NULL};
    static const char *const argv[] = {SANDBOX_AGENT_PATH, "--relay", SANDBOX_SCRATCH_DIR "/stream",
                                       NULL};
    json_object *body = json_object_new_object();
    json_object *command = json_object_new_array();
    int failed = 0;

    for (const char *const *stream = streams; *stream; stream++) {
        json_add_bool(body, *stream, 1, &failed);
    }
    for (const char *const *word = argv; *word; word++) {
        json_append_string(command, *word, &failed);
    }
    json_add_string(body, "User", "0:0", &failed);
    json_add(body, "Cmd", command, &failed);
    if (failed) {
        json_object_put(body);
        return NULL;
    }
    return body;
}

int32_t container_relay(const struct container_api *api, const char *name, int cancel_fd,
                        struct agent_transport *ret_transport, struct enclave_error *err)
{
    json_object *body JSON_CLEANUP = make_relay();
    struct engine_stream *stream;
    int32_t rc = body ? engine_exec(api->engine, name, body, cancel_fd, &stream, err)
                      : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");

    if (!rc) {
        *ret_transport = make_transport(stream);
    }
    return rc;
}

/* -------------------------------------------------------------------------------- start and end */

int32_t container_start(const struct container_api *api, const char *name, int cancel_fd,
                        struct enclave_error *err)
{
    return request(api, "POST", cancel_fd, NULL, NULL, err, "/containers/%s/start", name);
}

/* ContainerWait: where a removal failed, the wait for it ends all the same, and says so in `Error`. */
int32_t container_wait(const struct container_api *api, const char *name, int removed,
                       struct enclave_error *err)
{
    json_object *answer JSON_CLEANUP = NULL;
    const char *message;
    long status = 0;
    int32_t rc = request(api, "POST", -1, &status, &answer, err, "/containers/%s/wait?condition=%s",
                         name, removed ? "removed" : "not-running");

    if (rc) {
        return status == 404 ? 0 : rc;
    }
    message = json_text(json_member(answer, "Error"), "Message", "");
    return *message ? enclave_error_set(err, ENCLAVE_EBACKEND, "%s", message) : 0;
}

int32_t container_kill(const struct container_api *api, const char *name, struct enclave_error *err)
{
    long status = 0;
    int32_t rc =
        request(api, "POST", -1, &status, NULL, err, "/containers/%s/kill?signal=SIGKILL", name);

    return status == 404 || status == 409 ? 0 : rc;
}

/*
 * Gone is what the engine does not know (404). That another removal is under way (409) is none: where that one fails, as
 * it may in an engine that has just come back, waiting for its end is answered too, and the container is still there.
 */
int32_t container_remove(const struct container_api *api, const char *name,
                         struct enclave_error *err)
{
    long status = 0;
    int32_t rc = 0;

    for (int i = 0; i < REMOVE_TRIES; i++) {
        rc = request(api, "DELETE", -1, &status, NULL, err, "/containers/%s?force=1&v=1", name);
        if (status == 409) {
            (void)container_wait(api, name, 1, NULL);
        } else if (status != 500 ||
                   i > 0) { /* 500: Podman, of one that ended as it was to be killed */
            break;
        }
    }
    return status == 404 ? 0 : rc;
}

int32_t container_tidy(const struct container_api *api, const char *name, int *ret_removed,
                       struct enclave_error *err)
{
    long status = 0;
    int32_t rc = request(api, "DELETE", -1, &status, NULL, err, "/containers/%s?v=1", name);

    /* Its start was still under way. It ends by itself, but while it was refused here, Docker did not remove it. */
    if (status == 409 && container_wait(api, name, 0, NULL) == 0) {
        rc = request(api, "DELETE", -1, &status, NULL, err, "/containers/%s?v=1", name);
    }
    *ret_removed = rc == 0;
    return status == 404 || status == 409 ? 0 : rc;
}

/* ----------------------------------------------------------------------------------- afterwards */

/* Podman's OOMKilled is false of those that were, and Docker's is at times. */
static void explain_exit(int code, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "the container exited with code %d%s", code,
                   code == 128 + SIGKILL ? ": killed for lack of memory, or from without" : "");
}

static void explain_state(json_object *state, const char *hint, char *ret_text, size_t size)
{
    if (json_object_get_boolean(json_member(state, "OOMKilled"))) {
        (void)snprintf(ret_text, size, "the container was killed for lack of memory");
    } else if (json_object_get_boolean(json_member(state, "Running"))) {
        (void)snprintf(ret_text, size, "the connection to the sandbox's agent broke: %s", hint);
    } else {
        explain_exit(json_object_get_int(json_member(state, "ExitCode")), ret_text, size);
    }
}

/* Says what the engine tells of the container. `*ret_status` is that of its answer. */
static int32_t inspect(const struct container_api *api, const char *name, const char *hint,
                       long *ret_status, int *ret_running, char *ret_text, size_t size)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    json_object *answer JSON_CLEANUP = NULL;
    char path[PATH_SIZE];
    int32_t rc;

    *ret_status = 0;
    *ret_running = 0;
    (void)snprintf(path, sizeof path, "/containers/%s/json", name);
    rc = engine_request(api->engine, "GET", path, NULL, api->timeout_ms, -1, ret_status, &answer,
                        &err);
    if (rc == 0) {
        json_object *state = json_member(answer, "State");

        *ret_running = json_object_get_boolean(json_member(state, "Running"));
        explain_state(state, hint, ret_text, size);
    } else {
        (void)snprintf(ret_text, size, "the sandbox is gone: %s", err.message);
    }
    return rc;
}

/* A container that removed itself is known from its last event only; engines remember some hundred.
 * Where their clock is not ours, it may not be found: that is all that is lost. */
static int read_exit_code(const struct container_api *api, const char *name, int podman,
                          char *ret_code, size_t size)
{
    json_object *event JSON_CLEANUP = NULL;
    struct timespec now;
    char end[64];
    char path[PATH_SIZE * 2];

    clock_gettime(CLOCK_REALTIME, &now);
    /* What ends the answer. A Podman that keeps its events in a file has none before a time that has come. */
    if (podman) {
        (void)snprintf(end, sizeof end, "stream=false");
    } else {
        (void)snprintf(end, sizeof end, "until=%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
    }
    /* {"container":[name],"event":["die"]}, escaped. */
    (void)snprintf(path, sizeof path,
                   "/events?since=%lld&%s&filters=%%7B%%22container%%22%%3A%%5B%%22%s"
                   "%%22%%5D%%2C%%22event%%22%%3A%%5B%%22%s%%22%%5D%%7D",
                   (long long)now.tv_sec - EVENT_AGE_S, end, name, podman ? "died" : "die");
    if (engine_request(api->engine, "GET", path, NULL, api->timeout_ms, -1, NULL, &event, NULL) !=
        0) {
        return -1;
    }
    (void)snprintf(
        ret_code, size, "%s",
        json_text(json_member(json_member(event, "Actor"), "Attributes"), "exitCode", ""));
    return *ret_code && strspn(ret_code, "0123456789") == strlen(ret_code) ? 0 : -1;
}

/* What is left until `deadline_ms`, at most `most_ms`; at least 1, for 0 is no limit. */
static int64_t time_left(int64_t deadline_ms, int64_t most_ms)
{
    int64_t left = deadline_ms - monotonic_ms();

    return left < 1 ? 1 : left < most_ms ? left : most_ms;
}

static int is_mute(int32_t rc)
{
    return rc == ENCLAVE_ETIMEOUT || rc == ENCLAVE_EUNREACHABLE;
}

int32_t container_explain(struct engine *engine, const char *name, int podman, const char *hint,
                          int64_t deadline_ms, char *ret_text, size_t size)
{
    struct container_api api = {engine, time_left(deadline_ms, INT64_MAX)};
    char code[16];
    long status;
    int running;
    /* At once: a container that removes itself is soon forgotten, with the reason of its end. */
    int32_t rc = inspect(&api, name, hint, &status, &running, ret_text, size);

    if (running) { /* The stream's end can be here before the engine has noticed the container's. */
        api.timeout_ms = time_left(deadline_ms, EXIT_WAIT_MS);
        (void)container_wait(&api, name, 0, NULL);
        api.timeout_ms = time_left(deadline_ms, INT64_MAX);
        rc = inspect(&api, name, hint, &status, &running, ret_text, size);
    }
    if (status != 404) {
        return is_mute(rc) ? rc : 0;
    }
    api.timeout_ms = time_left(deadline_ms, EVENT_TIMEOUT_MS);
    if (read_exit_code(&api, name, podman, code, sizeof code) == 0) {
        explain_exit((int)strtol(code, NULL, 10), ret_text, size);
    } else {
        (void)snprintf(ret_text, size, "the container was removed");
    }
    return 0;
}
