/*
 * keys.c - see keys.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keys.h"

#include "../text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct key {
    char name[KEY_NAME_MAX + 1];
    char key[KEY_BYTES_MAX + 1];
    size_t length;
};

struct keys {
    size_t count;
    struct key *list;
};

/* On the opened file, so that it is the one that is read. */
static int32_t check_file(int fd, const char *path, struct enclave_error *err)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "api_key_file '%s': %s", path,
                                 strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "api_key_file '%s': not a regular file",
                                 path);
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "api_key_file '%s': it belongs to another user; chown it", path);
    }
    if (st.st_mode & 077) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "api_key_file '%s': others may read it (mode %04o); chmod 600 it",
                                 path, (unsigned)st.st_mode & 07777);
    }
    return 0;
}

static bool printable(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static int32_t take_line(struct keys *keys, char *line, const char *where,
                         struct enclave_error *err)
{
    char *name = strtok_r(line, " \t\r\n", &line);
    char *key = name ? strtok_r(NULL, " \t\r\n", &line) : NULL;
    struct key *entry = &keys->list[keys->count];

    if (!name || name[0] == '#') {
        return 0;
    }
    if (!key || strtok_r(NULL, " \t\r\n", &line)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: expected NAME KEY", where);
    }
    if (strlen(name) > KEY_NAME_MAX || !printable(name) || !printable(key)) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "%s: names (63 characters at most) and keys are printable ASCII",
                                 where);
    }
    entry->length = strlen(key);
    if (entry->length < KEY_BYTES_MIN || entry->length > KEY_BYTES_MAX) {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "%s: the key '%s' has %zu bytes, expected %d to %d; 'openssl rand "
                                 "-hex 32' makes a good one",
                                 where, name, entry->length, KEY_BYTES_MIN, KEY_BYTES_MAX);
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->list[i].name, name) == 0 || strcmp(keys->list[i].key, key) == 0) {
            return enclave_error_set(err, ENCLAVE_ECONFIG,
                                     "%s: the name or the key of '%s' is there already", where,
                                     name);
        }
    }
    memcpy(entry->name, name, strlen(name) + 1);
    memcpy(entry->key, key, entry->length + 1);
    keys->count++;
    return 0;
}

static int32_t take_lines(struct keys *keys, FILE *file, const char *path,
                          struct enclave_error *err)
{
    char line[KEY_BYTES_MAX + KEY_NAME_MAX + 64];
    int32_t r = 0;

    for (unsigned number = 1; r == 0 && fgets(line, sizeof line, file); number++) {
        char where[4200];
        (void)snprintf(where, sizeof where, "%s:%u", path, number);
        if (keys->count == KEYS_MAX) {
            return enclave_error_set(err, ENCLAVE_ECONFIG, "%s: more than %d keys", where,
                                     KEYS_MAX);
        }
        r = strchr(line, '\n') || feof(file)
                ? take_line(keys, line, where, err)
                : enclave_error_set(err, ENCLAVE_ECONFIG, "%s: the line is too long", where);
    }
    explicit_bzero(line, sizeof line);
    if (r == 0 && keys->count == 0) {
        return enclave_error_set(err, ENCLAVE_ECONFIG, "api_key_file '%s': there is no key in it",
                                 path);
    }
    return r;
}

int32_t keys_load(const char *path, struct keys **ret_keys, struct enclave_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int32_t r = check_file(fd, path, err);
    FILE *file = r == 0 ? fdopen(fd, "r") : NULL;
    struct keys *keys = calloc(1, sizeof *keys);

    if (keys) {
        keys->list = calloc(KEYS_MAX, sizeof *keys->list);
    }
    if (r == 0) {
        r = file && keys && keys->list ? take_lines(keys, file, path, err)
                                       : enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    if (file) {
        (void)fclose(file);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (r != 0) {
        keys_free(keys);
        return r;
    }
    *ret_keys = keys;
    return 0;
}

void keys_free(struct keys *keys)
{
    if (keys && keys->list) {
        explicit_bzero(keys->list, keys->count * sizeof *keys->list);
        free(keys->list);
    }
    free(keys);
}

/* As many steps whatever differs: only the length of what the caller sent shows in the time. */
static unsigned differs(const struct key *key, const char *candidate, size_t length)
{
    unsigned difference = key->length != length;

    for (size_t i = 0; i < length; i++) {
        difference |=
            (unsigned char)candidate[i] ^ (unsigned char)key->key[i < key->length ? i : 0];
    }
    return difference;
}

const char *keys_find(const struct keys *keys, const char *key)
{
    size_t length = strnlen(key, KEY_BYTES_MAX + 1);
    const char *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        if (differs(&keys->list[i], key, length) == 0) {
            found = keys->list[i].name;
        }
    }
    return found;
}

size_t keys_count(const struct keys *keys)
{
    return keys ? keys->count : 0;
}
