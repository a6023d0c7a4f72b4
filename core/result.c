/*
 * result.c - results and their JSON form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "result.h"

#include "call.h"
#include "clock.h"
#include "json.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The public struct and the strings that it points to. */
struct owned_result {
    struct enclave_result public;
    char *tool_name;
    char *execution_id;
    char *output;
    char *error;
    char *metadata;
};

void enclave_result_free(struct enclave_result *result)
{
    struct owned_result *owned = (struct owned_result *)result;
    if (owned) {
        free(owned->tool_name);
        free(owned->execution_id);
        free(owned->output);
        free(owned->error);
        free(owned->metadata);
        free(owned);
    }
}

/* A member of the metadata, which is an object that is still open. `value` is JSON. */
static int32_t add_member(struct buffer *metadata, const char *key, const char *value)
{
    int32_t r = buffer_append_text(metadata, metadata->length > 1 ? ",\"" : "\"");
    if (r == 0) {
        r = buffer_append_text(metadata, key);
    }
    if (r == 0) {
        r = buffer_append_text(metadata, "\":");
    }
    return r == 0 ? buffer_append_text(metadata, value) : r;
}

/* `bytes` in base64, which needs no escapes. */
static int32_t add_base64(struct buffer *metadata, const char *key, const struct buffer *bytes)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    int32_t r = buffer_append_text(&text, "\"");
    if (r == 0) {
        r = base64_append(&text, bytes->data, bytes->length);
    }
    if (r == 0) {
        r = buffer_append_text(&text, "\"");
    }
    if (r == 0) {
        r = add_member(metadata, key, text.data);
    }
    buffer_free(&text);
    return r;
}

/* Captured bytes as text; what is not UTF-8 goes into the metadata as it was. */
static char *text_of(const struct buffer *bytes, const char *key, struct buffer *metadata,
                     uint64_t *ret_length)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    int full = bytes->limit > 0 && bytes->length == bytes->limit;
    size_t length = full ? utf8_without_cut_end(bytes->data, bytes->length) : bytes->length;
    int32_t r;

    if (utf8_valid_prefix(bytes->data, length) == length) {
        r = buffer_append(&text, bytes->data, length);
    } else {
        r = utf8_append_lossy(&text, bytes->data, bytes->length);
        if (r == 0) {
            r = add_base64(metadata, key, bytes);
        }
    }
    if (r < 0) {
        buffer_free(&text);
        return NULL;
    }
    *ret_length = text.length;
    return buffer_steal(&text);
}

static uint32_t status_of(const struct result_facts *facts)
{
    if (facts->tool_error) {
        return ENCLAVE_RESULT_ERROR;
    }
    switch (facts->outcome.cause) {
    case ENCLAVE_CAUSE_EXITED:
        return facts->outcome.exit_code > 0 ? ENCLAVE_RESULT_ERROR : ENCLAVE_RESULT_SUCCESS;
    case ENCLAVE_CAUSE_TIMEOUT:
        return ENCLAVE_RESULT_TIMEOUT;
    case ENCLAVE_CAUSE_CANCELLED:
        return ENCLAVE_RESULT_CANCELLED;
    default:
        return ENCLAVE_RESULT_ERROR;
    }
}

/* What the tool said, under names other than ours. */
static int32_t add_told(struct buffer *metadata, json_object *told)
{
    static const char *const ours[] = {"stdout_bytes", "stderr_bytes", "cpu_time",
                                       "peak_memory",  "oom_kills",    "output_base64",
                                       "error_base64"};
    if (!told) {
        return 0;
    }
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        json_object_object_del(told, ours[i]);
    }
    char *text = json_text(told);
    int32_t r = text ? buffer_append(metadata, text + 1, strlen(text) - 2) : ENCLAVE_ENOMEM;
    free(text);
    return r;
}

/* Written as text, since it is part of every call: as a tree it would take as long as all else that the
 * core does for one. Open at its end. */
static int32_t begin_metadata(struct buffer *metadata, const struct result_facts *facts)
{
    const struct enclave_outcome *o = &facts->outcome;
    int64_t cpu_us = o->cpu_us > 0 ? o->cpu_us : 0;
    char text[192];
    (void)snprintf(text, sizeof text,
                   "%" PRIu64 ",\"stderr_bytes\":%" PRIu64 ",\"cpu_time\":%" PRId64
                   ".%06d,\"peak_memory\":%" PRIu64 ",\"oom_kills\":%" PRIu32,
                   o->stdout_bytes, o->stderr_bytes, cpu_us / 1000000, (int)(cpu_us % 1000000),
                   o->peak_memory, o->oom_kills);
    int32_t r = buffer_append_text(metadata, "{");
    if (r == 0) {
        r = add_told(metadata, facts->metadata);
    }
    return r == 0 ? add_member(metadata, "stdout_bytes", text) : r;
}

static char *make_error(const struct result_facts *facts, struct buffer *metadata,
                        uint64_t *ret_length, int *nomem)
{
    const char *sentence = facts->tool_error;
    char *text = NULL;

    if (!sentence && facts->error && facts->error->length > 0) {
        text = text_of(facts->error, "error_base64", metadata, ret_length);
        *nomem |= !text;
        return text;
    }
    if (!sentence) {
        sentence = facts->sentence;
    }
    if (sentence) {
        struct buffer bytes = {.data = (char *)(uintptr_t)sentence, .length = strlen(sentence)};
        text = text_of(&bytes, "error_base64", metadata, ret_length);
        *nomem |= !text;
    }
    return text;
}

/* Its texts are there: they are to be seen, and it is the caller's. `nomem`, or one is missing: it is freed. */
static int32_t hand_out(struct owned_result *owned, int nomem, struct enclave_result **ret_result,
                        struct enclave_error *err)
{
    struct enclave_result *result = &owned->public;

    if (nomem || !owned->tool_name || !owned->execution_id || !owned->output || !owned->metadata) {
        enclave_result_free(result);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make the result: out of memory");
    }
    result->tool_name = owned->tool_name;
    result->execution_id = owned->execution_id;
    result->output = owned->output;
    result->error = owned->error;
    result->metadata = owned->metadata;
    *ret_result = result;
    return 0;
}

int32_t result_make(const struct result_facts *facts, struct enclave_result **ret_result,
                    struct enclave_error *err)
{
    struct owned_result *owned = calloc(1, sizeof *owned);
    struct buffer metadata = BUFFER_INIT(SIZE_MAX / 2);
    const struct enclave_outcome *o = &facts->outcome;
    uint64_t error_length = 0;
    int nomem = 0;

    if (!owned || begin_metadata(&metadata, facts) < 0) {
        buffer_free(&metadata);
        enclave_result_free((struct enclave_result *)owned);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make the result: out of memory");
    }
    struct enclave_result *result = &owned->public;
    *result = (struct enclave_result){
        .size = sizeof *result,
        .status = status_of(facts),
        .cause = o->cause,
        .exit_code = o->exit_code,
        .signal = o->signal,
        .truncated = o->truncated,
        .stdout_bytes = o->stdout_bytes,
        .stderr_bytes = o->stderr_bytes,
        .started_at_us = facts->started_at_us,
        .wall_us = facts->wall_us,
        .cpu_us = o->cpu_us,
        .peak_memory = o->peak_memory,
    };
    owned->tool_name = strdup(facts->tool_name);
    owned->execution_id = strdup(facts->execution_id);
    owned->output = text_of(facts->output, "output_base64", &metadata, &result->output_length);
    owned->error = make_error(facts, &metadata, &error_length, &nomem);
    nomem |= buffer_append_text(&metadata, "}") < 0;
    owned->metadata = buffer_steal(&metadata);
    result->error_length = error_length;
    return hand_out(owned, nomem, ret_result, err);
}

/* ------------------------------------------------------------------------------------- of others */

/* Bytes as text_of() makes them; in base64 only once, when the other manager has done so. */
static char *told_text(const void *bytes, uint64_t length, const char *key, json_object *metadata,
                       struct buffer *members, uint64_t *ret_length)
{
    struct buffer buffer = {.data = (char *)(uintptr_t)bytes, .length = bytes ? (size_t)length : 0};
    if (utf8_valid_prefix(buffer.data, buffer.length) < buffer.length) {
        json_object_object_del(metadata, key);
    }
    return text_of(&buffer, key, members, ret_length);
}

static int32_t append_told(struct buffer *to, json_object *metadata, struct buffer *members)
{
    char *text = json_text(metadata);
    int32_t r = text ? buffer_append(to, text, strlen(text) - 1) : ENCLAVE_ENOMEM;
    free(text);
    if (r == 0 && members->length > 1) { /* which begin with a brace */
        r = to->length > 1 ? buffer_append_text(to, ",") : 0;
        r = r == 0 ? buffer_append_text(to, members->data + 1) : r;
    }
    return r == 0 ? buffer_append_text(to, "}") : r;
}

/* The strings of the result. */
static int32_t take_texts(struct owned_result *owned, const struct enclave_tool_result *told)
{
    struct buffer members = BUFFER_INIT(SIZE_MAX / 2), metadata = BUFFER_INIT(SIZE_MAX / 2);
    JSON_AUTO object = json_parse_object(told->metadata, "metadata", NULL);
    struct enclave_result *result = &owned->public;

    object = object ? object : json_object_new_object();
    int32_t r = object ? buffer_append_text(&members, "{") : ENCLAVE_ENOMEM;
    if (r == 0) {
        owned->output = told_text(told->output, told->output_length, "output_base64", object,
                                  &members, &result->output_length);
    }
    if (r == 0 && told->error) {
        owned->error = told_text(told->error, told->error_length, "error_base64", object, &members,
                                 &result->error_length);
    }
    r = r == 0 ? append_told(&metadata, object, &members) : r;
    owned->metadata = r == 0 ? buffer_steal(&metadata) : NULL;
    buffer_free(&members);
    buffer_free(&metadata);
    return !owned->output || (told->error && !owned->error) || !owned->metadata ? ENCLAVE_ENOMEM
                                                                                : 0;
}

int32_t result_take(const char *tool_name, const char *execution_id,
                    const struct enclave_tool_result *told, struct enclave_result **ret_result,
                    struct enclave_error *err)
{
    if (told->output_length > CALL_OUTPUT_MAX || told->error_length > CALL_OUTPUT_MAX) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "the result is longer than any result may be");
    }
    struct owned_result *owned = calloc(1, sizeof *owned);
    if (!owned) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make the result: out of memory");
    }
    struct enclave_result *result = &owned->public;
    *result = (struct enclave_result){
        .size = sizeof *result,
        .status = told->status,
        .cause = told->cause,
        .exit_code = told->exit_code,
        .signal = told->signal,
        .truncated = told->truncated,
        .stdout_bytes = told->stdout_bytes,
        .stderr_bytes = told->stderr_bytes,
        .started_at_us = told->started_at_us,
        .wall_us = told->wall_us,
        .cpu_us = told->cpu_us,
        .peak_memory = told->peak_memory,
    };
    owned->tool_name = strdup(tool_name);
    owned->execution_id = strdup(execution_id);
    return hand_out(owned, take_texts(owned, told) < 0, ret_result, err);
}

/* ----------------------------------------------------------------------------------------- JSON */

static const char *status_word(uint32_t status)
{
    static const char *const words[] = {"error", "success", "error", "timeout", "cancelled"};
    return status < sizeof words / sizeof *words ? words[status] : words[0];
}

static int32_t add_or_null(json_object *object, const char *key, int present, json_object *value)
{
    return present ? json_set(object, key, value) : json_set_null(object, key);
}

int32_t enclave_result_json(const struct enclave_result *result, char **ret_json,
                            struct enclave_error *err)
{
    if (!result || !ret_json) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "write a result as JSON: an argument is NULL");
    }
    char timestamp[CLOCK_TEXT_SIZE];
    JSON_AUTO object = json_object_new_object();
    clock_format_utc(result->started_at_us, timestamp);

    char *text = NULL;
    if (json_set_string(object, "status", status_word(result->status)) == 0 &&
        json_set_string(object, "cause", enclave_cause_name(result->cause)) == 0 &&
        add_or_null(object, "exit_code", result->exit_code >= 0,
                    result->exit_code >= 0 ? json_object_new_int(result->exit_code) : NULL) == 0 &&
        add_or_null(object, "signal", result->signal > 0,
                    result->signal > 0 ? json_object_new_int(result->signal) : NULL) == 0 &&
        json_set(object, "truncated", json_object_new_boolean(result->truncated != 0)) == 0 &&
        json_set(object, "execution_time", json_seconds(result->wall_us)) == 0 &&
        json_set_string(object, "timestamp", timestamp) == 0 &&
        json_set_string(object, "tool_name", result->tool_name) == 0 &&
        json_set_string(object, "execution_id", result->execution_id) == 0 &&
        json_set(object, "output",
                 json_object_new_string_len(result->output, (int)result->output_length)) == 0 &&
        add_or_null(object, "error", result->error != NULL,
                    result->error
                        ? json_object_new_string_len(result->error, (int)result->error_length)
                        : NULL) == 0 &&
        json_set(object, "metadata", json_quote_own(result->metadata)) == 0) {
        text = json_text(object);
    }
    if (!text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "write a result as JSON: out of memory");
    }
    *ret_json = text;
    return 0;
}
