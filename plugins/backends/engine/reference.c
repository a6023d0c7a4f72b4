/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include "engine.h"

#include <string.h>

static int is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static int is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_word(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
}

static int is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* [a-z0-9]+ separated by '.', '_', "__" or dashes. */
static int path_part_is_valid(const char *text, size_t length)
{
    size_t i = 0;

    for (;;) {
        size_t start = i;
        while (i < length && (is_lower(text[i]) || is_digit(text[i]))) {
            i++;
        }
        if (i == start) {
            return 0;
        }
        if (i == length) {
            return 1;
        }
        if (text[i] == '-') {
            while (i < length && text[i] == '-') {
                i++;
            }
        } else if (text[i] == '.') {
            i++;
        } else if (text[i] == '_') {
            i += i + 1 < length && text[i + 1] == '_' ? 2 : 1;
        } else {
            return 0;
        }
    }
}

static int path_is_valid(const char *text, size_t length)
{
    for (;;) {
        const char *slash = memchr(text, '/', length);
        size_t part = slash ? (size_t)(slash - text) : length;

        if (!path_part_is_valid(text, part)) {
            return 0;
        }
        if (!slash) {
            return 1;
        }
        text += part + 1;
        length -= part + 1;
    }
}

/* An IPv6 address in brackets: its length with them, or 0. */
static size_t address_length(const char *text, size_t length)
{
    size_t i = 1;

    while (i < length && (is_hex(text[i]) || text[i] == ':')) {
        i++;
    }
    return i > 2 && i < length && text[i] == ']' ? i + 1 : 0;
}

/* Letters, digits and dashes, separated by single dots: the length of it, or 0. */
static size_t host_length(const char *text, size_t length)
{
    size_t i = 0;
    int after_name = 0;

    for (; i < length && text[i] != ':'; i++) {
        int is_name = (is_word(text[i]) && text[i] != '_') || text[i] == '-';
        if (!is_name && (text[i] != '.' || !after_name)) {
            return 0;
        }
        after_name = is_name;
    }
    return after_name ? i : 0;
}

/* HOST[:PORT] */
static int registry_is_valid(const char *text, size_t length)
{
    size_t i = text[0] == '[' ? address_length(text, length) : host_length(text, length);

    if (i == 0 || i == length) {
        return i != 0;
    }
    if (text[i++] != ':' || i == length) {
        return 0;
    }
    while (i < length && is_digit(text[i])) {
        i++;
    }
    return i == length;
}

/* The first part is a registry when it cannot be a part of a path on docker.io. */
static int is_registry(const char *text, size_t length)
{
    if (length == 9 && memcmp(text, "localhost", 9) == 0) {
        return 1;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' || text[i] == ':' || is_upper(text[i])) {
            return 1;
        }
    }
    return 0;
}

static int tag_is_valid(const char *text, size_t length)
{
    if (length == 0 || length > 128 || !is_word(text[0])) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_word(text[i]) && text[i] != '.' && text[i] != '-') {
            return 0;
        }
    }
    return 1;
}

/* ALGORITHM:HEX, at least 32 digits. */
static int digest_is_valid(const char *text)
{
    size_t algorithm = strcspn(text, ":");
    size_t digits = 0;

    if (algorithm == 0 || text[algorithm] != ':' || is_digit(text[0])) {
        return 0;
    }
    for (size_t i = 0; i < algorithm; i++) {
        if ((!is_word(text[i]) || text[i] == '_') && !strchr("-_+.", text[i])) {
            return 0;
        }
    }
    for (const char *p = text + algorithm + 1; *p; p++) {
        if (!is_hex(*p)) {
            return 0;
        }
        digits++;
    }
    return digits >= 32 && digits <= 256;
}

static int32_t invalid(const char *image, const char *why, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EINVALID,
                             "image '%.200s' is no valid name: %s; expected "
                             "[REGISTRY/]NAME[:TAG][@DIGEST]",
                             image, why);
}

/* `name` of `length` bytes is what stands before tag and digest. */
static int32_t split_name(const char *image, size_t length, struct reference *reference,
                          struct enclave_error *err)
{
    const char *slash = memchr(image, '/', length);
    size_t registry = slash ? (size_t)(slash - image) : 0;
    const char *path = image;
    const char *library = "";

    snprintf(reference->registry, sizeof reference->registry, "docker.io");
    if (slash && is_registry(image, registry)) {
        if (!registry_is_valid(image, registry) || registry >= sizeof reference->registry) {
            return invalid(image, "the registry", err);
        }
        snprintf(reference->registry, sizeof reference->registry, "%.*s", (int)registry, image);
        path = slash + 1;
        length -= registry + 1;
    }
    if (strcmp(reference->registry, "index.docker.io") == 0) {
        snprintf(reference->registry, sizeof reference->registry, "docker.io");
    }
    if (!path_is_valid(path, length) || length > 255) {
        return invalid(image, "names are of lower-case letters, digits, '.', '_', '-' and '/'",
                       err);
    }
    if (strcmp(reference->registry, "docker.io") == 0 && !memchr(path, '/', length)) {
        library = "library/";
    }
    snprintf(reference->name, sizeof reference->name, "%s/%s%.*s", reference->registry, library,
             (int)length, path);
    return 0;
}

int32_t reference_parse(const char *image, struct reference *ret_reference,
                        struct enclave_error *err)
{
    struct reference reference = {.version = "latest"};
    size_t whole = strlen(image);
    size_t name = strcspn(image, "@");
    size_t tag = name;
    int32_t code;

    if (whole >= REFERENCE_MAX) {
        return invalid(image, "it is too long", err);
    }
    /* A colon behind the last slash begins the tag; one before it, the port of the registry. */
    while (tag > 0 && image[tag - 1] != ':' && image[tag - 1] != '/') {
        tag--;
    }
    if (tag > 0 && image[tag - 1] == ':') {
        if (!tag_is_valid(image + tag, name - tag)) {
            return invalid(image, "the tag", err);
        }
        snprintf(reference.version, sizeof reference.version, "%.*s", (int)(name - tag),
                 image + tag);
        tag--;
    } else {
        tag = name;
    }
    if (image[name] == '@') {
        if (!digest_is_valid(image + name + 1)) {
            return invalid(image, "the digest", err);
        }
        snprintf(reference.version, sizeof reference.version, "%s", image + name + 1);
    }
    code = split_name(image, tag, &reference, err);
    if (!code) {
        *ret_reference = reference;
    }
    return code;
}

int engine_image_is_short(const char *image)
{
    const char *slash = strchr(image, '/');

    return !slash || !is_registry(image, (size_t)(slash - image));
}
