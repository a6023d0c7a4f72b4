/*
 * create.c - making a sandbox on the server, so that one request makes one and a cancelled one none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include "call.h"
#include "clock.h"
#include "curl_handle.h"
#include "escape.h"
#include "failure.h"
#include "foreign.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BODY_MAX ((size_t)4 * 1024 * 1024)
#define KEY_MAX 255
#define UNDO_MS 10000

static const char what[] = "create a sandbox";

struct creation {
    struct remote *remote;
    const struct enclave_sandbox_spec *spec;
    int server;
    struct buffer path;
    struct buffer body;
    char header[sizeof "Idempotency-Key: " + KEY_MAX];
};

/* ------------------------------------------------------------------------------- the request */

/*
 * The caller's key makes the repetition by another process give the same sandbox, which a name made up here would
 * not let it.
 */
static int names_id(const struct enclave_sandbox_spec *spec)
{
    static const char alphabet[] = "23456789abcdefghijkmnopqrstuvwxyz";

    if (!spec->id || !*spec->id) {
        return 0;
    }
    return !spec->request_key || strlen(spec->id) != 8 || strspn(spec->id, alphabet) != 8;
}

static int32_t make_path(struct creation *creation)
{
    const struct enclave_sandbox_spec *spec = creation->spec;
    struct buffer *path = &creation->path;
    int32_t r = buffer_append_text(path, "/sandbox/create?sandbox_type=");

    if (r == 0) {
        r = escape_url(path, spec->type && *spec->type ? spec->type : creation->remote->type);
    }
    if (r == 0 && creation->server == SERVER_ENCLAVE && names_id(spec)) {
        r = buffer_append_text(path, "&sandbox_id=");
        r = r == 0 ? escape_url(path, spec->id) : r;
    }
    return r;
}

static int32_t make_key(struct creation *creation, struct enclave_error *err)
{
    const char *given = creation->spec->request_key;
    unsigned char random[16];
    char key[2 * sizeof random + 1] = "";

    for (const char *p = given; p && *p; p++) {
        if (*p < 0x20 || *p > 0x7e || p - given >= KEY_MAX ||
            (*p == ' ' && (p == given || !p[1]))) {
            return enclave_error_set(err, ENCLAVE_EINVALID,
                                     "%s: request_key: expected at most %d printable ASCII "
                                     "characters, with no space around them",
                                     what, KEY_MAX);
        }
    }
    if (!given) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
            return enclave_error_set(err, ENCLAVE_EIO, "%s: no random numbers for a key", what);
        }
        for (size_t i = 0; i < sizeof random; i++) {
            snprintf(key + 2 * i, 3, "%02x", random[i]);
        }
    }
    snprintf(creation->header, sizeof creation->header, "Idempotency-Key: %s", given ? given : key);
    return 0;
}

static int32_t prepare(struct creation *creation, struct enclave_error *err)
{
    const struct enclave_sandbox_spec *spec = creation->spec;
    int32_t r = make_path(creation);

    if (r == 0 && creation->server == SERVER_ENCLAVE) {
        r = buffer_append_text(&creation->body, spec->requested ? spec->requested : "{}");
    }
    if (r < 0) {
        return enclave_error_set(err, r, "%s: its configuration is too long", what);
    }
    if (creation->server != SERVER_ENCLAVE) {
        return foreign_config(spec, &creation->body, err);
    }
    return make_key(creation, err);
}

/* ------------------------------------------------------------------------------------ asking */

/* A server without keys cannot be asked what became of it: its answer is waited for, within limits. */
static int wait_on(void *ctx)
{
    (void)ctx;
    return 0;
}

/* `*ret_sent`: the server may know of it. */
static int32_t ask(struct creation *creation, int64_t deadline, int cancel_fd, int *ret_sent,
                   char ret_id[ENCLAVE_ID_SIZE], struct enclave_error *err)
{
    int ours = creation->server == SERVER_ENCLAVE;
    struct exchange_request request = {.what = what,
                                       .method = "POST",
                                       .path = creation->path.data,
                                       .content_type = "application/json",
                                       .header = ours ? creation->header : NULL,
                                       .body = creation->body.data,
                                       .length = creation->body.length,
                                       .repeatable = ours, /* it has a key */
                                       .patient = 1,
                                       .deadline = deadline,
                                       .cancel_fd = cancel_fd,
                                       .give_up = ours ? NULL : wait_on};
    struct exchange_answer answer;
    json_object *made = NULL;
    int32_t r = remote_call(creation->remote, &request, &answer, err);

    if (r == 0) {
        r = remote_call_parse(creation->remote, &request, &answer, json_type_object, &made, err);
    }
    const char *id = r == 0 ? json_text(made, "sandbox_id") : NULL;

    if (r == 0 && (!id || !sandbox_id_is_valid(id))) {
        r = failure_of_content(&creation->remote->exchanger, what, "the id of a sandbox", err);
    }
    if (r == 0) {
        snprintf(ret_id, ENCLAVE_ID_SIZE, "%s", id);
    }
    *ret_sent = answer.sent;
    buffer_free(&answer.body);
    json_object_put(made);
    return r;
}

/*
 * The connection was closed, by which the server learns that nobody wants it any more. Whether it was made all the same
 * is what the same request says: it waits for a create that is under way, and gives the id of one that is done.
 */
static void undo(struct creation *creation)
{
    int64_t deadline = clock_deadline(UNDO_MS);
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];
    int sent;

    if (ask(creation, deadline, -1, &sent, id, &why) == 0) {
        (void)sandbox_delete(creation->remote, id, "delete what was cancelled", deadline, &why);
    }
}

static int32_t create(struct creation *creation, char ret_id[ENCLAVE_ID_SIZE],
                      struct enclave_error *err)
{
    const struct enclave_sandbox_spec *spec = creation->spec;
    int ours = creation->server == SERVER_ENCLAVE, sent = 0;
    int32_t r = ask(creation, 0, spec->cancel_fd, &sent, ret_id, err);

    if (!curl_handle_is_cancelled(spec->cancel_fd)) {
        return r;
    }
    if (r == ENCLAVE_ECANCELLED && ours && sent) {
        undo(creation);
    } else if (r == 0) {
        (void)sandbox_delete(creation->remote, ret_id, "delete what was cancelled",
                             clock_deadline(UNDO_MS), NULL);
        r = enclave_error_set(err, ENCLAVE_ECANCELLED, "%s: cancelled", what);
    }
    return r;
}

int32_t sandbox_create(void *backend, const struct enclave_sandbox_spec *spec,
                       struct enclave_sandbox_facts *facts, void **ret_sandbox,
                       struct enclave_error *err)
{
    struct creation creation = {
        .remote = backend, .spec = spec, .path = BUFFER_INIT(4096), .body = BUFFER_INIT(BODY_MAX)};
    char id[ENCLAVE_ID_SIZE];
    int32_t r = remote_server(backend, spec->cancel_fd, &creation.server, err);

    if (r == 0) {
        r = prepare(&creation, err);
    }
    if (r == 0) {
        r = create(&creation, id, err);
    }
    if (r == 0) {
        struct sandbox *sandbox = sandbox_new(backend, id);
        if (!sandbox) {
            (void)sandbox_delete(backend, id, "delete it again", clock_deadline(UNDO_MS), NULL);
            r = enclave_error_set(err, ENCLAVE_ENOMEM, "%s: out of memory", what);
        } else {
            snprintf(facts->id, sizeof facts->id, "%s",
                     spec->id && strcmp(spec->id, id) == 0 ? "" : id);
            facts->unenforced |= creation.server == SERVER_ENCLAVE ? 0 : FOREIGN_UNENFORCED;
            *ret_sandbox = sandbox;
        }
    }
    buffer_free(&creation.path);
    buffer_free(&creation.body);
    return r;
}
