/*
 * log.c - see log.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "log.h"

#include "../session.h"

#include <enclave/plugin.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static bool as_json;
static uint32_t highest = ENCLAVE_LOG_INFO;

void log_setup(bool json, uint32_t level)
{
    as_json = json;
    highest = level;
}

bool log_wants(uint32_t level)
{
    return level <= highest;
}

static const char *level_name(uint32_t level)
{
    static const char *const names[] = {"error", "error", "warning", "info", "debug"};
    return names[level <= ENCLAVE_LOG_DEBUG ? level : ENCLAVE_LOG_DEBUG];
}

static void now_text(char *ret, size_t size)
{
    struct timespec now = {0};
    struct tm utc;
    size_t n;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    n = strftime(ret, size, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(ret + n, size - n, ".%06ldZ", now.tv_nsec / 1000);
}

/* What a caller or a plugin wrote cannot end a line, move a terminal's cursor, or make JSON that is no UTF-8: \\xNN. */
static void escape(const char *text, char *ret, size_t size)
{
    size_t n = 0;

    for (; *text && n + 5 <= size; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || byte > '~' || byte == '\\') {
            n += (size_t)snprintf(ret + n, size - n, "\\x%02x", byte);
        } else {
            ret[n++] = *text;
        }
    }
    ret[n] = '\0';
}

/* One write(), so that lines of several threads, and of other processes, stay whole. */
static void put_line(char *line, size_t length)
{
    line[length] = '\n';
    (void)!write(STDERR_FILENO, line, length + 1);
}

static void put_json(struct json_object *object)
{
    size_t length = 0;
    const char *text = json_object_to_json_string_length(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    char line[LINE_MAX_BYTES * 6 + 1];

    if (text && length < sizeof line) {
        memcpy(line, text, length);
        put_line(line, length);
    }
    json_object_put(object);
}

static struct json_object *new_json(const char *time, uint32_t level)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "time", json_object_new_string(time));
    json_object_object_add(object, "level", json_object_new_string(level_name(level)));
    return object;
}

void log_line(uint32_t level, const char *format, ...)
{
    char given[LINE_MAX_BYTES / 2], message[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 1], time[40];
    va_list args;
    int n;

    if (!log_wants(level)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(given, sizeof given, format, args);
    va_end(args);
    escape(given, message, sizeof message);
    now_text(time, sizeof time);
    if (as_json) {
        struct json_object *object = new_json(time, level);
        json_object_object_add(object, "message", json_object_new_string(message));
        put_json(object);
        return;
    }
    n = snprintf(line, LINE_MAX_BYTES, "%s %s %s", time, level_name(level), message);
    put_line(line, (size_t)n < LINE_MAX_BYTES ? (size_t)n : LINE_MAX_BYTES - 1);
}

void log_answered(uint32_t level, const struct log_request *request)
{
    char line[LINE_MAX_BYTES + 1], time[40], method[32], path[512];
    int n;

    if (!log_wants(level)) {
        return;
    }
    now_text(time, sizeof time);
    escape(request->method, method, sizeof method);
    escape(request->path, path, sizeof path);
    if (as_json) {
        struct json_object *object = new_json(time, level);
        json_object_object_add(object, "request", json_object_new_string(request->id));
        json_object_object_add(object, "key",
                               request->key ? json_object_new_string(request->key) : NULL);
        json_object_object_add(object, "method", json_object_new_string(method));
        json_object_object_add(object, "path", json_object_new_string(path));
        json_object_object_add(object, "status", json_object_new_int((int)request->status));
        json_object_object_add(object, "seconds",
                               json_object_new_double((double)request->duration_us / 1e6));
        json_object_object_add(object, "gone", json_object_new_boolean(request->gone));
        put_json(object);
        return;
    }
    n = snprintf(line, LINE_MAX_BYTES, "%s %s %s %s%s%s %s %u %.3f ms%s", time, level_name(level),
                 request->id, request->key ? request->key : "", request->key ? " " : "", method,
                 path, request->status, (double)request->duration_us / 1e3,
                 request->gone ? ", client gone" : "");
    put_line(line, (size_t)n < LINE_MAX_BYTES ? (size_t)n : LINE_MAX_BYTES - 1);
}

void log_manager(void *ctx, uint32_t level, const char *message)
{
    (void)ctx;
    log_line(level, "%s", message);
}
