/* SPDX-License-Identifier: Apache-2.0 */
#include "head.h"

#include <string.h>
#include <strings.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 101 UPGRADED"; the first `length` bytes of it, when it is not complete. */
static int status_line_fits(const char *data, size_t length)
{
    static const char shape[] = "HTTP/1.# ### ";

    for (size_t i = 0; i < length && i < sizeof shape - 1; i++) {
        /* The reason, and the space before it, may be left out. */
        int end = i == sizeof shape - 2 && data[i] == '\r';
        if (shape[i] == '#' ? !is_digit(data[i]) : (data[i] != shape[i] && !end)) {
            return 0;
        }
    }
    return 1;
}

/* -1: malformed. */
static int64_t parse_length(const char *text, const char *end)
{
    int64_t value = 0;

    while (text < end && (*text == ' ' || *text == '\t')) {
        text++;
    }
    if (text == end || !is_digit(*text)) {
        return -1;
    }
    for (; text < end && is_digit(*text); text++) {
        if (value > INT64_MAX / 10 - 1) {
            return -1;
        }
        value = value * 10 + (*text - '0');
    }
    return value;
}

static int64_t find_content_length(const char *data, size_t length)
{
    static const char name[] = "content-length:";
    const char *end = data + length;

    for (const char *line = data; line && line < end;) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (stop && (size_t)(stop - line) >= sizeof name - 1 &&
            strncasecmp(line, name, sizeof name - 1) == 0) {
            return parse_length(line + sizeof name - 1, stop);
        }
        line = stop ? stop + 2 : NULL;
    }
    return -1;
}

int head_parse(const char *data, size_t length, struct head *ret_head)
{
    const char *end;

    if (!status_line_fits(data, length)) {
        return -1;
    }
    end = memmem(data, length < HEAD_MAX ? length : HEAD_MAX, "\r\n\r\n", 4);
    if (!end) {
        return length >= HEAD_MAX ? -1 : 0;
    }
    ret_head->status = (data[9] - '0') * 100 + (data[10] - '0') * 10 + (data[11] - '0');
    ret_head->length = (size_t)(end - data) + 4;
    ret_head->content_length = find_content_length(data, ret_head->length);
    return 1;
}
