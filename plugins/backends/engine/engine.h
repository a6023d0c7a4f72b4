/*
 * engine.h - a client of the Docker Engine API, for the docker and podman backends.
 *
 * Owns: finding and reaching the engine (Unix socket, TCP, TLS), API version, requests and their
 * errors, reused connections, image pulls with credentials, the upgraded attach connection. Does
 * not own: what a sandbox is; it knows containers and JSON only.
 *
 * Source of the protocol: Docker Engine API, versions 1.41 and later,
 * https://docs.docker.com/reference/api/engine/. Answers are not trusted: they are bounded in size
 * and depth, redirects are not followed.
 *
 * All functions are [any-thread] and block, unless said otherwise. A `cancel_fd` that becomes
 * readable ends the call with ENCLAVE_ECANCELLED; -1: never.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_H
#define ENCLAVE_ENGINE_H

#include <enclave/error.h>
#include <enclave/types.h>

#include <json-c/json.h>
#include <sys/types.h>

struct engine;

struct engine_options {
    /* "unix:///var/run/docker.sock", "tcp://host:2376", "http://...", "https://...". NULL:
     * $DOCKER_HOST, else the default socket. */
    const char *host;
    /* Folder with ca.pem, cert.pem, key.pem. NULL: $DOCKER_CERT_PATH, else ~/.docker. */
    const char *cert_path;
    /* 1: TLS with verification for tcp://; 0: no; -1: as $DOCKER_TLS_VERIFY (set and not empty: 1)
     * says. */
    int tls;
    /* Folder of config.json with the registries' credentials. NULL: $DOCKER_CONFIG, else ~/.docker.
     */
    const char *config_path;
    /* "1.44": no other. NULL: $DOCKER_API_VERSION, else negotiated. "": negotiated. */
    const char *api_version;
    const char *name;        /* for messages: "Docker" */
    const char *login;       /* the command that logs in to registries: "docker login" */
    const char *start_hint;  /* what to do when it cannot be reached: "start it (systemctl start
                               docker) or set DOCKER_HOST" */
    const char *access_hint; /* ... and when its socket is closed to this user */
};

/* Does not talk to the engine. Errors: INVALID (the address, a missing certificate), NOMEM. */
int32_t engine_new(const struct engine_options *options, struct engine **ret_engine,
                   struct enclave_error *err);
/* No call is under way. Accepts NULL. */
void engine_free(struct engine *engine);

/* The address, for messages and reports. Does not block. */
const char *engine_address(const struct engine *engine);
/* 1 when the engine is on a Unix socket of this host, and so may see our files. Does not block. */
int engine_is_local(const struct engine *engine);

/*
 * One request. `path` begins with '/' and has no version ("/containers/create?name=x"); the caller
 * has escaped what it put in (engine_escape). `body` may be NULL. `timeout_ms` is for the whole
 * request; 0: none. An answer of 400 or more is an error with the engine's message: 404 NOTFOUND,
 * 409 EXISTS, 400 INVALID, 401/403 UNAUTHORIZED, others BACKEND; a redirect is PROTOCOL, and 304
 * (already started, already stopped) is none. `*ret_status` (may be NULL) holds
 * the status then too, and 0 when there was no answer (UNREACHABLE, TIMEOUT, CANCELLED, PROTOCOL).
 * `*ret_json` (may be NULL) is NULL for an empty answer; the caller puts it. The first request
 * negotiates the API version; it is done again after the engine could not be reached.
 */
int32_t engine_request(struct engine *engine, const char *method, const char *path,
                       json_object *body, int64_t timeout_ms, int cancel_fd, long *ret_status,
                       json_object **ret_json, struct enclave_error *err);

/* PUT of bytes that are not JSON: a tar for /containers/ID/archive. Otherwise as engine_request. */
int32_t engine_upload(struct engine *engine, const char *path, const char *content_type,
                      const void *data, size_t length, int64_t timeout_ms, int cancel_fd,
                      struct enclave_error *err);

/* `text` escaped for one segment of a path or one value of a query. NULL without memory; free(). */
char *engine_escape(const char *text);

/* 1 when an image's name is one without a registry: "python:3.11", "someone/tool". */
int engine_image_is_short(const char *image);

/*
 * Pull an image, with the credentials that the user's config.json has for its registry. `platform`
 * may be NULL. Blocks until the image is there; there is no deadline. Errors: NOTFOUND (no such
 * image, or it needs a login), INVALID (not an image's name), CONFIG (config.json cannot be read),
 * UNREACHABLE (engine), BACKEND (registry), CANCELLED, PROTOCOL.
 */
int32_t engine_pull(struct engine *engine, const char *image, const char *platform,
                    enclave_progress_fn progress, void *progress_ctx, int cancel_fd,
                    struct enclave_error *err);

/*
 * The upgraded connection of POST /containers/ID/attach (stdin, stdout, stderr, stream): a byte
 * stream whose way in has the attach framing (API: ContainerAttach, "Stream format"). The
 * connection is non-blocking.
 */
struct engine_stream;

int32_t engine_attach(struct engine *engine, const char *container, int cancel_fd,
                      struct engine_stream **ret_stream, struct enclave_error *err);
/* The same with a program that is started in the container: `body` is that of ContainerExec. */
int32_t engine_exec(struct engine *engine, const char *container, json_object *body, int cancel_fd,
                    struct engine_stream **ret_stream, struct enclave_error *err);
/* The descriptor to wait on. */
int engine_stream_fd(const struct engine_stream *stream);
/* 1: the descriptor tells of all that comes from here on. */
int engine_stream_is_plain(const struct engine_stream *stream);
/* Bytes, 0 at the end (read only), or -errno; -EAGAIN: wait. Do not block. One reader and one
 * writer at a time, never both at once. Read until -EAGAIN before waiting: with TLS, and right
 * after engine_attach, bytes may be here that the descriptor does not tell of. */
ssize_t engine_stream_read(struct engine_stream *stream, void *buffer, size_t capacity);
ssize_t engine_stream_write(struct engine_stream *stream, const void *data, size_t length);
void engine_stream_close(struct engine_stream *stream);

/* Versions and facts as the engine tells them, cached after the first answer and forgotten when it
 * cannot be reached. */
struct engine_facts {
    char version[64];     /* of the engine: "28.2.2" */
    char api_version[16]; /* used: "1.41" */
    char arch[32];        /* of the engine: "amd64" */
    char os[32];          /* "linux" */
    int cgroup_version;   /* 1 or 2; 0 unknown */
    int memory_limit;     /* 1: can be enforced; from /info */
    int swap_limit;
    int cpu_quota;
    int pids_limit;
    int podman; /* it is Podman, whose answers and requests differ in places */
    int rootless;
    int user_namespaces; /* remapped */
    int64_t mapped_uids; /* uids in a container of a rootless Podman; 0: not known */
    int seccomp;
    int cpus; /* number the engine sees */
};

int32_t engine_get_facts(struct engine *engine, int64_t timeout_ms, int cancel_fd,
                         struct engine_facts *ret_facts, struct enclave_error *err);

#endif
