/*
 * config_file.c - see config_file.h. The syntax is inih's (https://github.com/benhoyt/inih); we feed it the
 * lines ourselves, to know their numbers, and without leading blanks, since inih would take an indented
 * `key = value` for more of the value above it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_file.h"

#include "utf8.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any honest file; a wrong path must not eat memory. */
enum { SETTINGS_MAX = 4096, FILE_LINES_MAX = 100000 };

/* What inih keeps of a section's name (MAX_SECTION in ini.c, with its NUL). */
enum { SECTION_MAX = 49 };

const struct setting *settings_find(const struct settings *settings, const char *section,
                                    const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *s = &settings->items[i];
        if (strcmp(s->section, section) == 0 && strcmp(s->key, key) == 0) {
            return s;
        }
    }
    return NULL;
}

static void setting_clear(struct setting *setting)
{
    free(setting->section);
    free(setting->key);
    free(setting->value);
    free(setting->source);
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        setting_clear(&settings->items[i]);
    }
    free(settings->items);
    *settings = (struct settings){0};
}

int32_t settings_add(struct settings *settings, const char *section, const char *key,
                     const char *value, const char *source, int replace, struct enclave_error *err)
{
    const struct setting *found = settings_find(settings, section, key);
    if (found && !replace) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: [%s] %s: set before, at %s", source,
                                 section, key, found->source);
    }
    if (settings->count >= SETTINGS_MAX) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: more than %d settings", source,
                                 SETTINGS_MAX);
    }
    struct setting new = {strdup(section), strdup(key), strdup(value), strdup(source)};
    struct setting *slot = found ? &settings->items[found - settings->items] : NULL;
    if (slot) {
        setting_clear(slot);
    } else {
        struct setting *items =
            realloc(settings->items, (settings->count + 1) * sizeof *settings->items);
        if (items) {
            settings->items = items;
            slot = &items[settings->count++];
        }
    }
    if (slot) {
        *slot = new;
    } else {
        setting_clear(&new);
    }
    if (!slot || !new.section || !new.key || !new.value || !new.source) {
        if (slot) { /* never leave a half setting: the caller gives all of them up */
            settings_free(settings);
        }
        return enclave_error_set(err, ENCLAVE_ENOMEM, "%s: out of memory", source);
    }
    return 0;
}

struct reading {
    FILE *file;
    const char *path;
    int line;
    struct settings *settings;
    struct enclave_error *err;
    int32_t failed;
};

static int32_t reading_fails(struct reading *reading, const char *what)
{
    reading->failed = enclave_error_set(reading->err, ENCLAVE_ECONFIG, "%s:%d: %s", reading->path,
                                        reading->line, what);
    return reading->failed;
}

/* fgets(), but a NUL does not hide what is behind it. The length, -1 at the end of the file. */
static int take_line(FILE *file, char *line, int size)
{
    int length = 0, c = 0;
    while (length + 1 < size && c != '\n' && (c = getc_unlocked(file)) != EOF) {
        line[length++] = (char)c;
    }
    line[length] = '\0';
    return length > 0 ? length : -1;
}

/* What is wrong with a line before inih sees it; NULL: nothing. */
static const char *fault_of(const char *line, size_t length, size_t size, char text[80])
{
    if (memchr(line, '\0', length)) {
        return "a NUL byte";
    }
    if (length + 1 == size && line[length - 1] != '\n') {
        (void)snprintf(text, 80, "line is longer than %zu bytes", size - 2);
        return text;
    }
    if (utf8_valid_prefix(line, length) < length) {
        return "not valid UTF-8";
    }
    if (line[0] == '[' && !strchr(line, ']')) { /* inih would go on, and blame a line below */
        return "expected '[section]' or 'key = value'";
    }
    if (line[0] == '[' && strcspn(line, "]") > SECTION_MAX + 1) { /* inih would cut it */
        (void)snprintf(text, 80, "name of a section is longer than %d bytes", SECTION_MAX);
        return text;
    }
    return NULL;
}

/* "[backend   docker]" -> "backend docker". */
static void squeeze(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; *from && n + 1 < size; from++) {
        if (isspace((unsigned char)*from) &&
            (n == 0 || isspace((unsigned char)from[1]) || !from[1])) {
            continue;
        }
        to[n++] = *from;
    }
    to[n] = '\0';
}

/* inih tells a section only with its first key; an empty one may be misspelt too. */
static int32_t note_section(struct reading *reading, const char *line)
{
    char name[128], inner[128], source[4200];
    size_t length = strcspn(line, "]");
    if (line[0] != '[' || line[length] != ']') {
        return 0;
    }
    (void)snprintf(inner, sizeof inner, "%.*s", (int)length - 1, line + 1);
    squeeze(name, sizeof name, inner);
    (void)snprintf(source, sizeof source, "%s:%d", reading->path, reading->line);
    reading->failed = settings_find(reading->settings, name, "")
                          ? 0
                          : settings_add(reading->settings, name, "", "", source, 0, reading->err);
    return reading->failed;
}

/* fgets() for inih: one line, without leading blanks. */
static char *read_line(char *line, int size, void *stream)
{
    struct reading *reading = stream;
    char text[80];
    int got = reading->failed ? -1 : take_line(reading->file, line, size);
    if (got < 0) {
        return NULL;
    }
    reading->line++;
    size_t length = (size_t)got, blanks = strspn(line, " \t");
    const char *fault = reading->line > FILE_LINES_MAX
                            ? "too many lines"
                            : fault_of(line + blanks, length - blanks, (size_t)size - blanks, text);
    if (fault) {
        reading_fails(reading, fault);
        return NULL;
    }
    memmove(line, line + blanks, length - blanks + 1);
    return note_section(reading, line) < 0 ? NULL : line;
}

static int on_setting(void *user, const char *section, const char *key, const char *value)
{
    struct reading *reading = user;
    char name[128], source[4200];

    if (reading->failed) {
        return 0;
    }
    if (!key[0]) {
        return reading_fails(reading, "expected 'key = value'") == 0;
    }
    if (!section[0]) {
        return reading_fails(reading, "a setting before the first [section]") == 0;
    }
    squeeze(name, sizeof name, section);
    (void)snprintf(source, sizeof source, "%s:%d", reading->path, reading->line);
    reading->failed =
        settings_add(reading->settings, name, key, value ? value : "", source, 0, reading->err);
    return reading->failed == 0;
}

int32_t settings_read_file(struct settings *settings, const char *path, struct enclave_error *err)
{
    struct reading reading = {.path = path, .settings = settings, .err = err};

    reading.file = fopen(path, "re");
    if (!reading.file) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "read configuration '%s': %s", path,
                                 strerror(errno));
    }
    int line = ini_parse_stream(read_line, &reading, on_setting, &reading);
    int broken = ferror(reading.file);
    (void)fclose(reading.file);
    if (reading.failed) {
        return reading.failed;
    }
    if (broken) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "read configuration '%s': it cannot be read%s", path,
                                 errno == EISDIR ? " (it is a directory)" : "");
    }
    if (line != 0) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "%s:%d: expected '[section]' or 'key = value'", path, line);
    }
    return 0;
}
