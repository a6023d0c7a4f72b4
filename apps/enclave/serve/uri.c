/*
 * uri.c - see uri.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "uri.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uri_decode(char *text, bool plus_is_blank)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '%') {
            int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
            if (low < 0) {
                return false;
            }
            c = (unsigned char)(high * 16 + low);
            from += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return true;
}

static bool parse_query(char *query, struct uri *ret)
{
    char *pair;

    while ((pair = strsep(&query, "&")) != NULL) {
        char *value = pair;
        char *name = strsep(&value, "=");
        if (*pair == '\0' && !value) {
            continue;
        }
        if (ret->parameters == URI_PARAMETERS_MAX || !uri_decode(name, true) ||
            (value && !uri_decode(value, true))) {
            return false;
        }
        ret->name[ret->parameters] = name;
        ret->value[ret->parameters++] = value ? value : name + strlen(name);
    }
    return true;
}

bool uri_parse(char *text, struct uri *ret)
{
    char *query = text, *path = strsep(&query, "?");

    *ret = (struct uri){0};
    if (*path++ != '/') {
        return false;
    }
    while (path) {
        if (ret->segments == URI_SEGMENTS_MAX) {
            return false;
        }
        ret->segment[ret->segments++] = strsep(&path, "/");
    }
    return !query || parse_query(query, ret);
}

const char *uri_value(const struct uri *uri, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < uri->parameters; i++) {
        if (strcmp(uri->name[i], name) == 0) {
            value = uri->value[i];
        }
    }
    return value;
}
