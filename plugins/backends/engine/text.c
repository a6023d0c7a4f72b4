/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "json.h"

#include <string.h>

/* Bytes of the UTF-8 character at `text`, 0 when it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
               : text[0] < 0xf5 ? 4
                                : 0;

    if (n == 0 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return n;
}

static int is_space(char c)
{
    return (unsigned char)c <= 0x20 || c == 0x7f;
}

char *engine_text_clean(char *to, size_t size, const char *from, size_t length)
{
    static const char mark[] = "...";
    size_t room = size - sizeof mark;
    size_t used = 0;

    while (length > 0 && is_space(*from)) {
        from++;
        length--;
    }
    while (length > 0 && is_space(from[length - 1])) {
        length--;
    }
    while (length > 0) {
        size_t n = utf8_length((const unsigned char *)from, length);

        if (used + (n ? n : 1) > room) {
            memcpy(to + used, mark, sizeof mark);
            return to;
        }
        if (n > 1) {
            memcpy(to + used, from, n);
        } else {
            to[used] = n == 0 ? '?' : is_space(*from) ? ' ' : *from;
        }
        n = n ? n : 1;
        used += n;
        from += n;
        length -= n;
    }
    to[used] = '\0';
    return to;
}

char *text_from_body(char *to, size_t size, const char *body, size_t length)
{
    json_object *json = NULL;
    const char *message = NULL;

    if (length > 0 && json_parse(body, length, &json) == 0) {
        message = json_text(json, "message");
    }
    if (message && *message) {
        engine_text_clean(to, size, message, strlen(message));
    } else {
        engine_text_clean(to, size, length ? body : "", length);
    }
    json_object_put(json);
    if (!*to) {
        engine_text_clean(to, size, "no reason given", strlen("no reason given"));
    }
    return to;
}
