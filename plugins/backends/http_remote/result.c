/* SPDX-License-Identifier: Apache-2.0 */
#include "result.h"

#include "base64.h"
#include "json.h"

#include <enclave/enclave.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of what Linux tells of a process's end. */
#define EXIT_CODE_MAX 255
#define SIGNAL_MAX 64

void result_free(struct result *result)
{
    json_object_put(result->json);
    free(result->output);
    free(result->error);
    *result = (struct result){0};
}

/* ------------------------------------------------------------------------------------- words */

static uint32_t status_of(const char *word)
{
    static const char *const words[] = {[ENCLAVE_RESULT_SUCCESS] = "success",
                                        [ENCLAVE_RESULT_ERROR] = "error",
                                        [ENCLAVE_RESULT_TIMEOUT] = "timeout",
                                        [ENCLAVE_RESULT_CANCELLED] = "cancelled"};

    for (uint32_t i = 1; word && i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return 0;
}

static uint32_t cause_of(const char *word)
{
    static const char *const words[] = {[ENCLAVE_CAUSE_EXITED] = "exited",
                                        [ENCLAVE_CAUSE_SIGNALED] = "signaled",
                                        [ENCLAVE_CAUSE_TIMEOUT] = "timeout",
                                        [ENCLAVE_CAUSE_CANCELLED] = "cancelled",
                                        [ENCLAVE_CAUSE_OOM] = "oom",
                                        [ENCLAVE_CAUSE_OUTPUT_LIMIT] = "output_limit",
                                        [ENCLAVE_CAUSE_BACKEND_LOST] = "backend_lost"};

    for (uint32_t i = 1; word && i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return 0;
}

/* --------------------------------------------------------------------------------------- times */

/* -1 for anything else than `form`: a time without a zone is of an unknown place. Not by sscanf(), which takes as long as
 * to read all else of a result. */
static int64_t time_of(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";
    int numbers[8] = {0}, *number = numbers;

    for (size_t i = 0; text && i < sizeof form; i++) { /* its NUL too */
        if (form[i] != '0' && text[i] == form[i]) {
            number++;
        } else if (form[i] == '0' && text[i] >= '0' && text[i] <= '9') {
            *number = *number * 10 + (text[i] - '0');
        } else {
            return -1;
        }
    }
    struct tm tm = {.tm_year = numbers[0] - 1900,
                    .tm_mon = numbers[1] - 1,
                    .tm_mday = numbers[2],
                    .tm_hour = numbers[3],
                    .tm_min = numbers[4],
                    .tm_sec = numbers[5]};
    return text ? (int64_t)timegm(&tm) * 1000000 + numbers[6] : -1;
}

/* Seconds as microseconds; -1 when it is no number. */
static int64_t microseconds(json_object *object, const char *key)
{
    json_object *value = json_member(object, key);
    double seconds = json_object_get_double(value);

    if ((!json_object_is_type(value, json_type_double) &&
         !json_object_is_type(value, json_type_int)) ||
        !(seconds >= 0 && seconds < 1e12)) {
        return -1;
    }
    return (int64_t)(seconds * 1e6 + 0.5);
}

/* --------------------------------------------------------------------------------------- texts */

struct bytes {
    const void *data;
    uint64_t length;
};

/* `key`'s text, or the bytes that `metadata` has of it, which are then no longer in it. */
static int32_t text_of(json_object *json, json_object *metadata, const char *key,
                       const char *key_base64, char **ret_owned, struct bytes *ret)
{
    json_object *value = json_member(json, key);
    const char *encoded = json_text(metadata, key_base64);
    size_t length = 0;

    if (encoded) {
        *ret_owned = base64_decode(encoded, &length);
        if (!*ret_owned) {
            return ENCLAVE_EPROTOCOL;
        }
        *ret = (struct bytes){*ret_owned, length};
        json_object_object_del(metadata, key_base64);
    } else if (json_object_is_type(value, json_type_string)) {
        *ret = (struct bytes){json_object_get_string(value),
                              (uint64_t)json_object_get_string_len(value)};
    } else if (value) {
        return ENCLAVE_EPROTOCOL;
    }
    return 0;
}

static int32_t read_texts(struct result *result, json_object *metadata)
{
    struct enclave_tool_result *told = &result->told;
    struct bytes output = {"", 0}, error = {NULL, 0};
    int32_t r =
        text_of(result->json, metadata, "output", "output_base64", &result->output, &output);

    if (r == 0) {
        r = text_of(result->json, metadata, "error", "error_base64", &result->error, &error);
    }
    told->output = output.data;
    told->output_length = output.length;
    told->error = error.data;
    told->error_length = error.length;
    return r;
}

/* ----------------------------------------------------------------------------------------- all */

static uint64_t count_of(json_object *metadata, const char *key, uint64_t otherwise)
{
    json_object *value = json_member(metadata, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : otherwise;
}

/* Of a server that tells a status and no more. */
static void guess_end(struct enclave_tool_result *told)
{
    static const char failed[] = "Command failed with exit code ";
    int code = 1;

    told->exit_code = -1;
    switch (told->status) {
    case ENCLAVE_RESULT_TIMEOUT:
        told->cause = ENCLAVE_CAUSE_TIMEOUT;
        break;
    case ENCLAVE_RESULT_CANCELLED:
        told->cause = ENCLAVE_CAUSE_CANCELLED;
        break;
    case ENCLAVE_RESULT_SUCCESS:
        told->cause = ENCLAVE_CAUSE_EXITED;
        told->exit_code = 0;
        break;
    default:
        if (told->error && strncmp(told->error, failed, sizeof failed - 1) == 0) {
            code = atoi((const char *)told->error + sizeof failed - 1);
        }
        told->cause = ENCLAVE_CAUSE_EXITED;
        told->exit_code = code > 0 && code <= EXIT_CODE_MAX ? code : 1;
    }
}

/* `key`'s number, `otherwise` without one; PROTOCOL when it is none from `lowest` to `highest`. */
static int32_t number_of(json_object *json, const char *key, int32_t lowest, int32_t highest,
                         int32_t otherwise, int32_t *ret)
{
    json_object *value = json_member(json, key);
    int64_t number = json_integer(json, key);

    if (!value) {
        *ret = otherwise;
        return 0;
    }
    *ret = (int32_t)number;
    return json_object_is_type(value, json_type_int) && number >= lowest && number <= highest
               ? 0
               : ENCLAVE_EPROTOCOL;
}

/* The numbers are checked: one that no program ends with would be cut to another, of success at worst. */
static int32_t read_end(struct result *result)
{
    struct enclave_tool_result *told = &result->told;
    json_object *json = result->json;
    const char *cause = json_text(json, "cause");

    told->status = status_of(json_text(json, "status"));
    told->cause = cause_of(cause);
    if (!told->status || (cause && !told->cause)) {
        return ENCLAVE_EPROTOCOL;
    }
    if (number_of(json, "exit_code", -1, EXIT_CODE_MAX, -1, &told->exit_code) < 0 ||
        number_of(json, "signal", 0, SIGNAL_MAX, 0, &told->signal) < 0 ||
        (told->cause == ENCLAVE_CAUSE_SIGNALED && told->signal == 0)) {
        return ENCLAVE_EPROTOCOL;
    }
    told->truncated = (uint32_t)json_true(json, "truncated");
    return 0;
}

int32_t result_read(json_object *json, int64_t begun_us, int64_t took_us, struct result *ret_result)
{
    struct result result = {.told = {.size = sizeof result.told}, .json = json};
    struct enclave_tool_result *told = &result.told;
    json_object *metadata = json_member(json, "metadata");
    int64_t time;
    int32_t r = read_end(&result);

    if (r == 0) {
        r = read_texts(&result, metadata);
    }
    if (r < 0) {
        result_free(&result);
        return r;
    }
    if (!told->cause) {
        guess_end(told);
    }
    told->stdout_bytes = count_of(metadata, "stdout_bytes", told->output_length);
    told->stderr_bytes = count_of(metadata, "stderr_bytes", told->error_length);
    told->peak_memory = count_of(metadata, "peak_memory", 0);
    told->started_at_us = (time = time_of(json_text(json, "timestamp"))) >= 0 ? time : begun_us;
    told->wall_us = (time = microseconds(json, "execution_time")) >= 0 ? time : took_us;
    told->cpu_us = (time = microseconds(metadata, "cpu_time")) >= 0 ? time : 0;
    told->metadata = json_object_is_type(metadata, json_type_object)
                         ? json_object_to_json_string_ext(
                               metadata, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                         : NULL;
    *ret_result = result;
    return 0;
}
