/*
 * pull.c - pulling an image: the request, its stream of JSON lines, and how it ends.
 *
 * Source: Engine API, ImageCreate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "credentials.h"
#include "json.h"
#include "progress.h"
#include "reference.h"
#include "state.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LENGTH ((size_t)1024 * 1024)
#define SILENCE_S 300 /* the engine tells of progress all the time */

struct pull {
    const struct engine *engine;
    const char *image;
    struct progress *progress;
    struct buffer line; /* what has come of the next one */
    char note[160];     /* about a credential helper that did not work */
    struct enclave_error *err;
};

static int32_t no_memory(struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

/*
 * Registries answer alike for what is not there and for what one may not see, and engines pass
 * that on as a sentence, with status 404 or 500 or inside the stream.
 */
static int is_missing(long status, const char *sentence)
{
    static const char *const signs[] = {"not found",    "manifest unknown", "access denied",
                                        "unauthorized", "denied:",          "does not exist"};

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcasestr(sentence, signs[i])) {
            return 1;
        }
    }
    return status == 401 || status == 403 || status == 404;
}

static int32_t refused(const struct pull *pull, long status, const char *sentence)
{
    if (is_missing(status, sentence)) {
        return enclave_error_set(pull->err, ENCLAVE_ENOTFOUND,
                                 "image '%.128s' is not to be had: %s%s%s; check its name, or log "
                                 "in (%s)",
                                 pull->image, sentence, *pull->note ? "; " : "", pull->note,
                                 pull->engine->login);
    }
    return enclave_error_set(pull->err, status == 400 ? ENCLAVE_EINVALID : ENCLAVE_EBACKEND,
                             "pull image '%.128s': %s: %s", pull->image, pull->engine->client.name,
                             sentence);
}

/* The reason in a line of the stream; NULL: the line tells of no error. */
static const char *find_error(json_object *line)
{
    const char *text = json_text(json_member(line, "errorDetail"), "message");

    if (!text) {
        text = json_text(line, "error");
    }
    return text || !json_member(line, "errorDetail") ? text : "no reason given";
}

static int32_t not_a_stream(const struct pull *pull)
{
    return enclave_error_set(pull->err, ENCLAVE_EPROTOCOL,
                             "pull image '%.128s': %s at %s answered with something that is not a "
                             "stream of JSON objects",
                             pull->image, pull->engine->client.name,
                             pull->engine->client.address.text);
}

/* `line` is NUL-terminated. */
static int32_t take_line(struct pull *pull, const char *line, size_t length)
{
    char sentence[TEXT_SIZE];
    json_object *json = NULL;
    const char *error;
    int32_t code;

    if (strspn(line, " \t\r") == length) {
        return 0;
    }
    code = json_parse(line, length, &json);
    if (code == ENCLAVE_ENOMEM) {
        return no_memory(pull->err);
    }
    if (code || !json_object_is_type(json, json_type_object)) {
        json_object_put(json);
        return not_a_stream(pull);
    }
    error = find_error(json);
    if (error) {
        code = refused(pull, 0, engine_text_clean(sentence, sizeof sentence, error, strlen(error)));
    } else if (progress_take(pull->progress, json) != 0) {
        code = no_memory(pull->err);
    }
    json_object_put(json);
    return code;
}

/* The body as it comes, cut anywhere. */
static int32_t take_stream(void *ctx, const char *data, size_t length)
{
    struct pull *pull = ctx;
    size_t seen = pull->line.length, start = 0;
    int32_t code = buffer_append(&pull->line, data, length);
    char *end;

    if (code) {
        return code == ENCLAVE_ENOMEM ? no_memory(pull->err) : not_a_stream(pull);
    }
    while (!code && (end = memchr(pull->line.data + seen, '\n', pull->line.length - seen))) {
        *end = '\0';
        seen = (size_t)(end - pull->line.data) + 1;
        code = take_line(pull, pull->line.data + start, seen - start - 1);
        start = seen;
    }
    buffer_consume(&pull->line, start);
    return code;
}

static char *make_path(const struct reference *reference, const char *platform)
{
    char *name = engine_escape(reference->name);
    char *version = engine_escape(reference->version);
    char *escaped = engine_escape(platform ? platform : "");
    char *path = NULL;

    if (name && version && escaped &&
        asprintf(&path, "/images/create?fromImage=%s&tag=%s%s%s", name, version,
                 platform ? "&platform=" : "", escaped) < 0) {
        path = NULL;
    }
    free(name);
    free(version);
    free(escaped);
    return path;
}

static int32_t run(struct engine *engine, struct pull *pull, const char *path, const char *header,
                   int cancel_fd)
{
    struct http_request request = {.method = "POST",
                                   .path = path,
                                   .header = header,
                                   .deadline = CLOCK_NEVER, /* a large image takes its time */
                                   .silence_s = SILENCE_S,
                                   .cancel_fd = cancel_fd,
                                   .take = take_stream,
                                   .take_ctx = pull};
    struct http_response response;
    char sentence[TEXT_SIZE];
    int32_t code = engine_exchange(engine, &request, &response, pull->err);

    if (response.status >= 400) {
        text_from_body(sentence, sizeof sentence, response.body.data, response.body.length);
        code = refused(pull, response.status, sentence);
    } else if (!code && pull->line.length > 0) { /* the last line may be without its end */
        code = take_line(pull, pull->line.data, pull->line.length);
    }
    buffer_free(&response.body);
    return code;
}

static int32_t pull_image(struct engine *engine, struct pull *pull,
                          const struct reference *reference, const char *platform, int cancel_fd)
{
    char *path, *value = NULL, *header = NULL;
    int32_t code = credentials_find(engine->config_folder, reference->registry, cancel_fd, &value,
                                    pull->note, sizeof pull->note, pull->err);

    if (code) {
        return enclave_error_prefix(pull->err, code, "pull image '%.128s': ", pull->image);
    }
    path = make_path(reference, platform);
    if (path && value && asprintf(&header, "X-Registry-Auth: %s", value) < 0) {
        header = NULL;
    }
    code = path && (header || !value) ? run(engine, pull, path, header, cancel_fd)
                                      : no_memory(pull->err);
    free(path);
    credentials_free(header);
    credentials_free(value);
    return code;
}

int32_t engine_pull(struct engine *engine, const char *image, const char *platform,
                    enclave_progress_fn progress, void *progress_ctx, int cancel_fd,
                    struct enclave_error *err)
{
    struct pull pull = {
        .engine = engine, .image = image, .line = BUFFER_INIT(LINE_MAX_LENGTH), .err = err};
    struct reference reference;
    int32_t code = reference_parse(image, &reference, err);

    if (code) {
        return code;
    }
    pull.progress = progress_new(image, progress, progress_ctx);
    if (!pull.progress) {
        return no_memory(err);
    }
    code = pull_image(engine, &pull, &reference, platform, cancel_fd);
    progress_free(pull.progress);
    buffer_free(&pull.line);
    return code;
}
