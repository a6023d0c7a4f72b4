/*
 * options.c - see options.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "options.h"

#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *expected(uint32_t type)
{
    switch (type) {
    case ENCLAVE_OPTION_INTEGER:
        return "an integer";
    case ENCLAVE_OPTION_BOOLEAN:
        return "true or false";
    case ENCLAVE_OPTION_SIZE:
        return "a size such as 512k, 64m or 2g";
    case ENCLAVE_OPTION_SECONDS:
        return "a number of seconds";
    case ENCLAVE_OPTION_LIST:
        return "a list of strings";
    default:
        return "a string";
    }
}

static json_object *refuse(uint32_t type, const char *got, struct enclave_error *err)
{
    enclave_error_set(err, ENCLAVE_EINVALID, "expected %s, got '%.80s'", expected(type), got);
    return NULL;
}

int32_t option_parse_size(const char *text, uint64_t *ret_bytes)
{
    if (!isdigit((unsigned char)text[0])) {
        return ENCLAVE_EINVALID;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    unsigned shift = 0;
    switch (*end) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift) {
        end++;
    }
    if (*end || errno || number > (UINT64_C(1) << 62) >> shift) {
        return ENCLAVE_EINVALID;
    }
    *ret_bytes = (uint64_t)number << shift;
    return 0;
}

static json_object *list_from_text(const char *text)
{
    json_object *list = json_object_new_array();
    const char *at = text;

    while (list && *at) {
        size_t n = strcspn(at, ",");
        const char *begin = at, *end = at + n;
        while (begin < end && isspace((unsigned char)*begin)) {
            begin++;
        }
        while (end > begin && isspace((unsigned char)end[-1])) {
            end--;
        }
        if (end > begin) {
            json_object *item = json_object_new_string_len(begin, (int)(end - begin));
            if (!item || json_object_array_add(list, item) != 0) {
                json_object_put(item);
                json_object_put(list);
                return NULL;
            }
        }
        at += n + (at[n] == ',');
    }
    return list;
}

json_object *option_from_text(uint32_t type, const char *text, struct enclave_error *err)
{
    json_object *value = NULL;
    char *end = NULL;
    uint64_t bytes;

    errno = 0;
    switch (type) {
    case ENCLAVE_OPTION_INTEGER: {
        long long number = strtoll(text, &end, 10);
        if (end == text || *end || errno) {
            return refuse(type, text, err);
        }
        value = json_object_new_int64(number);
        break;
    }
    case ENCLAVE_OPTION_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return refuse(type, text, err);
        }
        value = json_object_new_boolean(text[0] == 't');
        break;
    case ENCLAVE_OPTION_SIZE:
        if (option_parse_size(text, &bytes) < 0) {
            return refuse(type, text, err);
        }
        value = json_object_new_int64((int64_t)bytes);
        break;
    case ENCLAVE_OPTION_SECONDS: {
        /* By the JSON parser: strtod() would take hexadecimal, and a comma in some locales. */
        int plain = strspn(text, "0123456789.") == strlen(text) && *text != '.' && *text &&
                    text[strlen(text) - 1] != '.';
        value = plain ? json_parse(text, strlen(text), "seconds", NULL) : NULL;
        if (!value) {
            return refuse(type, text, err);
        }
        break;
    }
    case ENCLAVE_OPTION_LIST:
        value = list_from_text(text);
        break;
    default:
        value = json_object_new_string(text);
        break;
    }
    if (!value) {
        enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    return value;
}

static int strings_only(json_object *array)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_string)) {
            return 0;
        }
    }
    return 1;
}

json_object *option_from_json(uint32_t type, json_object *value, struct enclave_error *err)
{
    json_type got = json_object_get_type(value);
    int fits = 0;

    switch (type) {
    case ENCLAVE_OPTION_INTEGER:
        fits = got == json_type_int;
        break;
    case ENCLAVE_OPTION_BOOLEAN:
        fits = got == json_type_boolean;
        break;
    case ENCLAVE_OPTION_SIZE:
        if (got == json_type_string) {
            return option_from_text(type, json_object_get_string(value), err);
        }
        fits = got == json_type_int && json_object_get_int64(value) >= 0;
        break;
    case ENCLAVE_OPTION_SECONDS:
        fits =
            (got == json_type_int || got == json_type_double) && json_object_get_double(value) >= 0;
        break;
    case ENCLAVE_OPTION_LIST:
        fits = got == json_type_array && strings_only(value);
        break;
    default:
        fits = got == json_type_string;
        break;
    }
    return fits ? json_object_get(value) : refuse(type, json_object_get_string(value), err);
}

const struct enclave_option *option_next(const struct enclave_option *table,
                                         const struct enclave_option *option)
{
    return (const struct enclave_option *)(const void *)((const char *)option + table->size);
}

const struct enclave_option *option_find(const struct enclave_option *table, const char *name)
{
    for (const struct enclave_option *o = table; o && o->name; o = option_next(table, o)) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

json_object *option_defaults(const struct enclave_option *table, struct enclave_error *err)
{
    json_object *values = json_object_new_object();
    for (const struct enclave_option *o = table; values && o && o->name;
         o = option_next(table, o)) {
        if (!o->default_value) {
            continue;
        }
        json_object *value = option_from_text(o->type, o->default_value, err);
        if (!value || json_set(values, o->name, value) < 0) {
            json_object_put(values);
            enclave_error_prefix(err, ENCLAVE_EINVALID, "default of option '%s': ", o->name);
            return NULL;
        }
    }
    return values;
}

int32_t option_apply(const struct enclave_option *table, json_object *given, json_object *values,
                     struct enclave_error *err)
{
    json_object_object_foreach(given, name, value)
    {
        const struct enclave_option *option = option_find(table, name);
        if (!option) {
            const char *near = option_suggest(table, name);
            return enclave_error_set(err, ENCLAVE_EINVALID, "unknown option '%s'%s%s%s", name,
                                     near ? "; did you mean '" : "", near ? near : "",
                                     near ? "'?" : "");
        }
        if (!value) { /* null: leave the default */
            continue;
        }
        json_object *checked = option_from_json(option->type, value, err);
        if (!checked) {
            return enclave_error_prefix(err, ENCLAVE_EINVALID, "option '%s': ", name);
        }
        if (json_set(values, name, checked) < 0) {
            return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
        }
    }
    return 0;
}

int option_similar(const char *a, const char *b)
{
    enum { MAX = 40 };
    size_t la = strlen(a), lb = strlen(b);
    unsigned row[MAX + 1];

    if (la > MAX || lb > MAX || la < 3) {
        return 0;
    }
    for (unsigned j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[lb] <= 2;
}

const char *option_suggest(const struct enclave_option *table, const char *name)
{
    for (const struct enclave_option *o = table; o && o->name; o = option_next(table, o)) {
        if (option_similar(name, o->name)) {
            return o->name;
        }
    }
    return NULL;
}
