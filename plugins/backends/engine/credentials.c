/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials.h"

#include "base64.h"
#include "buffer.h"
#include "clock.h"
#include "helper.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOCKER_HUB "https://index.docker.io/v1/"
#define CONFIG_MAX ((size_t)1024 * 1024)
#define HELPER_TIMEOUT_MS 10000

/* What to look for. */
struct search {
    json_object *config;
    const char *server; /* the registry's key in config.json */
    int cancel_fd;
    char *note;
    size_t note_size;
};

static int32_t no_memory(struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static void wipe(struct buffer *buffer)
{
    if (buffer->data) {
        explicit_bzero(buffer->data, buffer->capacity);
    }
    buffer_free(buffer);
}

void credentials_free(char *value)
{
    if (value) {
        explicit_bzero(value, strlen(value));
        free(value);
    }
}

/* ENCLAVE_ENOTFOUND when there is no such file, else 0, IO (see errno), TOOBIG or NOMEM. */
static int32_t read_file(const char *path, struct buffer *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    char chunk[4096];
    int32_t code = 0;
    ssize_t n = 1;

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? ENCLAVE_ENOTFOUND : ENCLAVE_EIO;
    }
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        errno = EINVAL;
        return ENCLAVE_EIO;
    }
    while (n > 0 && !code) {
        n = read(fd, chunk, sizeof chunk);
        code = n < 0 ? ENCLAVE_EIO : buffer_append(content, chunk, (size_t)n);
    }
    explicit_bzero(chunk, sizeof chunk);
    close(fd);
    return code;
}

/* `*ret_config` stays NULL when there is no file. */
static int32_t read_config(const char *folder, json_object **ret_config, struct enclave_error *err)
{
    struct buffer content = BUFFER_INIT(CONFIG_MAX);
    char *path = NULL;
    int32_t code;

    if (asprintf(&path, "%s/config.json", folder) < 0) {
        return no_memory(err);
    }
    code = read_file(path, &content);
    if (code == ENCLAVE_EIO) {
        code =
            enclave_error_set(err, ENCLAVE_ECONFIG, "cannot read '%s': %s", path, strerror(errno));
    } else if (code == ENCLAVE_ETOOBIG) {
        code = enclave_error_set(err, ENCLAVE_ECONFIG, "'%s' is larger than 1 MiB", path);
    } else if (code == ENCLAVE_ENOTFOUND) {
        code = 0;
    } else if (!code) {
        code = json_parse(content.data, content.length, ret_config);
        if (code == ENCLAVE_EPROTOCOL ||
            (!code && !json_object_is_type(*ret_config, json_type_object))) {
            code = enclave_error_set(err, ENCLAVE_ECONFIG,
                                     "'%s' is not a JSON object: correct or remove it", path);
        }
    }
    if (code == ENCLAVE_ENOMEM) {
        code = no_memory(err);
    }
    wipe(&content);
    free(path);
    return code;
}

/* "https://host/v1/" and "host" mean the same registry. */
static size_t host_part(const char *key, const char **ret_host)
{
    const char *scheme = strstr(key, "://");

    *ret_host = scheme ? scheme + 3 : key;
    return strcspn(*ret_host, "/");
}

static int same_registry(const char *a, const char *b)
{
    const char *host_a, *host_b;
    size_t length_a = host_part(a, &host_a), length_b = host_part(b, &host_b);

    return length_a == length_b && strncasecmp(host_a, host_b, length_a) == 0;
}

/* The member of `object` for the registry: the exact key, else one that means the same. */
static json_object *find_registry(json_object *object, const char *server)
{
    json_object *exact = json_member(object, server);

    if (exact || !json_object_is_type(object, json_type_object)) {
        return exact;
    }
    json_object_object_foreach(object, key, value)
    {
        if (same_registry(key, server)) {
            return value;
        }
    }
    return NULL;
}

/* Adds a member that is text. NULL `text`: nothing to add. */
static int add_text(json_object *object, const char *key, const char *text)
{
    json_object *value;

    if (!text) {
        return 0;
    }
    value = json_object_new_string(text);
    if (!value || json_object_object_add(object, key, value) < 0) {
        json_object_put(value);
        return -1;
    }
    return 0;
}

/* The header's value (Engine API, "Authentication"). NULL without memory. */
static char *make_value(const char *server, const char *user, const char *password,
                        const char *identity_token, const char *registry_token)
{
    json_object *object = json_object_new_object();
    const char *text;
    size_t length = 0;
    char *value = NULL;

    if (object && !add_text(object, "username", user) && !add_text(object, "password", password) &&
        !add_text(object, "identitytoken", identity_token) &&
        !add_text(object, "registrytoken", registry_token) &&
        !add_text(object, "serveraddress", server)) {
        text = json_object_to_json_string_length(
            object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
        value = text ? base64_encode_url(text, length) : NULL;
    }
    json_object_put(object);
    return value;
}

static int has_text(const char *text)
{
    return text && *text;
}

/* An entry of `auths`. `*ret_value` stays NULL when it holds nothing: so it is where a helper does.
 */
static int32_t from_entry(const struct search *search, json_object *entry, char **ret_value,
                          struct enclave_error *err)
{
    const char *identity = json_text(entry, "identitytoken");
    const char *token = json_text(entry, "registrytoken");
    const char *auth = json_text(entry, "auth");
    const char *user = json_text(entry, "username");
    const char *password = json_text(entry, "password");
    char *decoded = NULL, *colon = NULL;
    size_t length = 0;

    if (has_text(auth)) {
        decoded = base64_decode(auth, &length);
        colon = decoded ? strchr(decoded, ':') : NULL;
        if (!colon) {
            credentials_free(decoded);
            return enclave_error_set(err, ENCLAVE_ECONFIG,
                                     "config.json: the \"auth\" of '%.128s' is not the base64 of "
                                     "USER:PASSWORD: log in again",
                                     search->server);
        }
        *colon = '\0';
        user = decoded;
        password = colon + 1;
    }
    if (has_text(user) || has_text(identity) || has_text(token)) {
        *ret_value = make_value(search->server, user, password, identity, token);
    }
    if (decoded) {
        explicit_bzero(decoded, length);
    }
    free(decoded);
    return *ret_value || !(has_text(user) || has_text(identity) || has_text(token))
               ? 0
               : no_memory(err);
}

static void take_note(const struct search *search, const char *helper, int32_t code)
{
    const char *what = code == ENCLAVE_ENOTFOUND  ? "is not in PATH"
                       : code == ENCLAVE_ETIMEOUT ? "did not answer within 10 seconds"
                       : code == ENCLAVE_EINVALID ? "is no valid name of a credential helper"
                                                  : "failed";

    snprintf(search->note, search->note_size,
             "docker-credential-%.64s, which config.json names, %s", helper, what);
}

/* The helper's answer; a text that is not such JSON is how it says that it has nothing. */
static int32_t from_answer(const struct search *search, const struct buffer *output,
                           char **ret_value, struct enclave_error *err)
{
    json_object *answer = NULL;
    const char *user, *secret;
    int32_t code = 0;

    if (output->length == 0 || json_parse(output->data, output->length, &answer) != 0) {
        return 0;
    }
    user = json_text(answer, "Username");
    secret = json_text(answer, "Secret");
    if (user && secret) {
        int is_token = strcmp(user, "<token>") == 0;
        *ret_value = make_value(search->server, is_token ? NULL : user, is_token ? NULL : secret,
                                is_token ? secret : NULL, NULL);
        code = *ret_value ? 0 : no_memory(err);
    }
    json_object_put(answer);
    return code;
}

static int32_t from_helper(const struct search *search, const char *helper, char **ret_value,
                           struct enclave_error *err)
{
    struct buffer output = BUFFER_INIT(HELPER_MAX_OUTPUT);
    int32_t code = helper_get(helper, search->server, clock_deadline(HELPER_TIMEOUT_MS),
                              search->cancel_fd, &output);

    if (code == ENCLAVE_ECANCELLED) {
        code = enclave_error_set(err, code, "asking docker-credential-%.64s: cancelled", helper);
    } else if (code == ENCLAVE_ENOMEM) {
        code = no_memory(err);
    } else if (code) {
        take_note(search, helper, code);
        code = 0;
    } else {
        code = from_answer(search, &output, ret_value, err);
    }
    wipe(&output);
    return code;
}

static int32_t find(const struct search *search, char **ret_value, struct enclave_error *err)
{
    json_object *own = find_registry(json_member(search->config, "credHelpers"), search->server);
    const char *helper = json_object_is_type(own, json_type_string)
                             ? json_object_get_string(own)
                             : json_text(search->config, "credsStore");
    json_object *entry;
    int32_t code = 0;

    if (has_text(helper)) {
        code = from_helper(search, helper, ret_value, err);
    }
    if (code || *ret_value) {
        return code;
    }
    entry = find_registry(json_member(search->config, "auths"), search->server);
    return from_entry(search, entry, ret_value, err);
}

int32_t credentials_find(const char *folder, const char *registry, int cancel_fd, char **ret_value,
                         char *note, size_t note_size, struct enclave_error *err)
{
    struct search search = {.server = strcmp(registry, "docker.io") == 0 ? DOCKER_HUB : registry,
                            .cancel_fd = cancel_fd,
                            .note = note,
                            .note_size = note_size};
    char *value = NULL;
    int32_t code = 0;

    note[0] = '\0';
    if (folder) {
        code = read_config(folder, &search.config, err);
    }
    if (!code && search.config) {
        code = find(&search, &value, err);
    }
    json_object_put(search.config);
    if (!code) {
        *ret_value = value;
    }
    return code;
}
