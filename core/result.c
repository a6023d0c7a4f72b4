/*
 * result.c - results and their JSON form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "result.h"

#include "clock.h"
#include "json.h"
#include "utf8.h"

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

/* Captured bytes as text; what is not UTF-8 goes into the metadata as it was. */
static char *text_of(const struct buffer *bytes, const char *key, json_object *metadata,
                     uint64_t *ret_length)
{
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2), base64 = BUFFER_INIT(SIZE_MAX / 2);
    int full = bytes->limit > 0 && bytes->length == bytes->limit;
    size_t length = full ? utf8_without_cut_end(bytes->data, bytes->length) : bytes->length;
    int32_t r;

    if (utf8_valid_prefix(bytes->data, length) == length) {
        r = buffer_append(&text, bytes->data, length);
    } else {
        r = utf8_append_lossy(&text, bytes->data, bytes->length);
        if (r == 0) {
            r = base64_append(&base64, bytes->data, bytes->length);
        }
        if (r == 0) {
            r = json_set(metadata, key,
                         json_object_new_string_len(base64.data, (int)base64.length));
        }
    }
    buffer_free(&base64);
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

static int32_t fill_metadata(json_object *metadata, const struct result_facts *facts)
{
    const struct enclave_outcome *o = &facts->outcome;
    int32_t r = 0;

    if (facts->metadata) {
        json_object_object_foreach(facts->metadata, key, value)
        {
            if (r == 0 && json_object_object_add(metadata, key, json_object_get(value)) != 0) {
                r = ENCLAVE_ENOMEM;
            }
        }
    }
    if (r < 0 || json_set_int(metadata, "stdout_bytes", (int64_t)o->stdout_bytes) < 0 ||
        json_set_int(metadata, "stderr_bytes", (int64_t)o->stderr_bytes) < 0 ||
        json_set(metadata, "cpu_time", json_seconds(o->cpu_us)) < 0 ||
        json_set_int(metadata, "peak_memory", (int64_t)o->peak_memory) < 0 ||
        json_set_int(metadata, "oom_kills", o->oom_kills) < 0) {
        return ENCLAVE_ENOMEM;
    }
    return 0;
}

static char *make_error(const struct result_facts *facts, json_object *metadata,
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

int32_t result_make(const struct result_facts *facts, struct enclave_result **ret_result,
                    struct enclave_error *err)
{
    struct owned_result *owned = calloc(1, sizeof *owned);
    JSON_AUTO metadata = json_object_new_object();
    const struct enclave_outcome *o = &facts->outcome;
    uint64_t error_length = 0;
    int nomem = 0;

    if (!owned || !metadata || fill_metadata(metadata, facts) < 0) {
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
    owned->output = text_of(facts->output, "output_base64", metadata, &result->output_length);
    owned->error = make_error(facts, metadata, &error_length, &nomem);
    owned->metadata = json_text(metadata);
    if (nomem || !owned->tool_name || !owned->execution_id || !owned->output || !owned->metadata) {
        enclave_result_free(result);
        return enclave_error_set(err, ENCLAVE_ENOMEM, "make the result: out of memory");
    }
    result->tool_name = owned->tool_name;
    result->execution_id = owned->execution_id;
    result->output = owned->output;
    result->error = owned->error;
    result->error_length = error_length;
    result->metadata = owned->metadata;
    *ret_result = result;
    return 0;
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
    JSON_AUTO metadata = json_parse_own(result->metadata);
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
        json_set(object, "metadata", json_object_get(metadata)) == 0) {
        text = json_text(object);
    }
    if (!text) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "write a result as JSON: out of memory");
    }
    *ret_json = text;
    return 0;
}
