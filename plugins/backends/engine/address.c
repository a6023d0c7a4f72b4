/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include "late.h"

#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_HOST "unix:///var/run/docker.sock"
#define EXPECTED "expected unix:///PATH, tcp://HOST:PORT, http://HOST:PORT or https://HOST:PORT"

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int32_t no_memory(struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
}

static char *home_folder(void)
{
    const char *home = environment("HOME");
    struct passwd entry, *found = NULL;
    char buffer[4096];

    if (home) {
        return strdup(home);
    }
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) != 0 || !found) {
        return NULL;
    }
    return strdup(found->pw_dir);
}

char *address_docker_folder(const char *given, const char *variable)
{
    const char *folder = given ? given : environment(variable);
    char *home, *path = NULL;

    if (folder) {
        return strdup(folder);
    }
    home = home_folder();
    if (home && asprintf(&path, "%s/.docker", home) < 0) {
        path = NULL;
    }
    free(home);
    return path;
}

static int32_t certificate(const char *folder, const char *name, char **ret_path,
                           struct enclave_error *err)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return no_memory(err);
    }
    if (access(path, R_OK) != 0) {
        int32_t code = enclave_error_set(
            err, ENCLAVE_EINVALID,
            "TLS needs '%s': %s; put ca.pem, cert.pem and key.pem there, or name their folder in "
            "DOCKER_CERT_PATH",
            path, strerror(errno));
        free(path);
        return code;
    }
    *ret_path = path;
    return 0;
}

static int32_t find_certificates(const struct engine_options *options, struct address *address,
                                 struct enclave_error *err)
{
    char *folder = address_docker_folder(options->cert_path, "DOCKER_CERT_PATH");
    int32_t code;

    if (!folder) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "TLS to '%s' needs certificates; name their folder in "
                                 "DOCKER_CERT_PATH",
                                 address->text);
    }
    code = certificate(folder, "ca.pem", &address->ca, err);
    if (!code) {
        code = certificate(folder, "cert.pem", &address->cert, err);
    }
    if (!code) {
        code = certificate(folder, "key.pem", &address->key, err);
    }
    free(folder);
    return code;
}

static int32_t parse_unix(const char *path, struct address *address, struct enclave_error *err)
{
    if (*path != '/') {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "address '%s' has no absolute path; expected unix:///PATH",
                                 address->text);
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "the path of address '%s' is too long for a Unix socket",
                                 address->text);
    }
    address->socket = strdup(path);
    address->base = strdup("http://localhost");
    address->host = strdup("localhost");
    return address->socket && address->base && address->host ? 0 : no_memory(err);
}

/* 1 when `part` is there and is something other than `nothing`. */
static int has_part(CURLU *url, CURLUPart part, const char *nothing)
{
    char *value = NULL;
    int has = curl_url_get(url, part, &value, 0) == CURLUE_OK && value && strcmp(value, nothing);

    curl_free(value);
    return has;
}

static int32_t take_host(CURLU *url, const char *scheme, const char *default_port,
                         struct address *address, struct enclave_error *err)
{
    char *host = NULL, *port = NULL;
    int32_t code = 0;

    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host) {
        code = enclave_error_set(err, ENCLAVE_EINVALID, "address '%s' names no host; %s",
                                 address->text, EXPECTED);
    } else {
        (void)curl_url_get(url, CURLUPART_PORT, &port, 0);
        if (asprintf(&address->host, "%s:%s", host, port ? port : default_port) < 0) {
            address->host = NULL;
            code = no_memory(err);
        } else if (asprintf(&address->base, "%s://%s", scheme, address->host) < 0) {
            address->base = NULL;
            code = no_memory(err);
        }
    }
    curl_free(host);
    curl_free(port);
    return code;
}

static int32_t parse_tcp(const char *rest, const char *scheme, const char *default_port,
                         struct address *address, struct enclave_error *err)
{
    int32_t code = late_curl(err);
    char *text = NULL;
    CURLU *url;

    if (code) {
        return code;
    }
    url = curl_url();
    if (!url || asprintf(&text, "%s://%s", scheme, rest) < 0) {
        curl_url_cleanup(url);
        return no_memory(err);
    }
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        has_part(url, CURLUPART_PATH, "/") || has_part(url, CURLUPART_QUERY, "") ||
        has_part(url, CURLUPART_FRAGMENT, "")) {
        code = enclave_error_set(err, ENCLAVE_EINVALID, "address '%s' cannot be used; %s",
                                 address->text, EXPECTED);
    } else {
        code = take_host(url, scheme, default_port, address, err);
    }
    free(text);
    curl_url_cleanup(url);
    return code;
}

static int32_t refuse(const struct address *address, struct enclave_error *err)
{
    if (after(address->text, "ssh://")) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "address '%s': ssh:// is not supported; forward the socket (ssh "
                                 "-L /tmp/engine.sock:/var/run/docker.sock HOST) and use "
                                 "unix:///tmp/engine.sock",
                                 address->text);
    }
    if (after(address->text, "npipe://")) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "address '%s': npipe:// is for Windows; %s",
                                 address->text, EXPECTED);
    }
    return enclave_error_set(err, ENCLAVE_EINVALID, "address '%s' is of an unknown kind; %s",
                             address->text, EXPECTED);
}

static int is_printable(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= 0x20 || *text == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static int32_t parse_text(const struct engine_options *options, struct address *address,
                          struct enclave_error *err)
{
    int wants_tls = options->tls >= 0 ? options->tls : environment("DOCKER_TLS_VERIFY") != NULL;
    const char *rest;
    int32_t code;

    rest = after(address->text, "unix://");
    if (rest) {
        return parse_unix(rest, address, err);
    }
    if (!is_printable(address->text)) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "address '%s' has white space or control characters; %s",
                                 address->text, EXPECTED);
    }
    rest = after(address->text, "http://");
    if (rest && wants_tls) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "address '%s' is without TLS, which DOCKER_TLS_VERIFY or the "
                                 "configuration asks for; write https:// or tcp://",
                                 address->text);
    }
    if (rest) {
        return parse_tcp(rest, "http", "80", address, err);
    }
    rest = after(address->text, "tcp://");
    if (rest && !wants_tls) {
        return parse_tcp(rest, "http", "2375", address, err);
    }
    if (rest) {
        code = parse_tcp(rest, "https", "2376", address, err);
    } else if ((rest = after(address->text, "https://"))) {
        code = parse_tcp(rest, "https", "443", address, err);
    } else {
        return refuse(address, err);
    }
    return code ? code : find_certificates(options, address, err);
}

int32_t address_parse(const struct engine_options *options, struct address *ret_address,
                      struct enclave_error *err)
{
    const char *text = options->host ? options->host : environment("DOCKER_HOST");

    ret_address->text = strdup(text ? text : DEFAULT_HOST);
    if (!ret_address->text) {
        return no_memory(err);
    }
    return parse_text(options, ret_address, err);
}

void address_free(struct address *address)
{
    free(address->text);
    free(address->socket);
    free(address->base);
    free(address->host);
    free(address->ca);
    free(address->cert);
    free(address->key);
    memset(address, 0, sizeof *address);
}
