/*
 * address.c - see address.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 1024

static int32_t parse_unix(const char *path, struct address *ret, struct enclave_error *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof un.sun_path) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "listen 'unix:%.120s': expected a path of 1 to %zu bytes", path,
                                 sizeof un.sun_path - 1);
    }
    memcpy(un.sun_path, path, length + 1);
    memcpy(&ret->bytes, &un, sizeof un);
    ret->length = (socklen_t)sizeof un;
    ret->loopback = true;
    return 0;
}

static bool parse_ip(const char *host, uint16_t port, struct address *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&ret->bytes, &v4, sizeof v4);
        ret->length = sizeof v4;
        ret->loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&ret->bytes, &v6, sizeof v6);
        ret->length = sizeof v6;
        ret->loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
        return true;
    }
    return false;
}

int32_t address_parse(const char *text, struct address *ret, struct enclave_error *err)
{
    struct address address = {0};
    const char *colon = strrchr(text, ':');
    char host[64] = "0.0.0.0", *end = NULL;
    unsigned long port;

    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(text + 5, ret, err);
    }
    port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 65536;
    if (port > 65535 || *end != '\0' || (size_t)(colon - text) >= sizeof host) {
        goto failed;
    }
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text - 2), text + 1);
    } else if (colon > text) {
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    }
    if (!parse_ip(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, (uint16_t)port, &address)) {
        goto failed;
    }
    *ret = address;
    return 0;
failed:
    return enclave_error_set(
        err, ENCLAVE_EINVALID,
        "listen '%.120s': expected ADDRESS:PORT (an IP address, or localhost) or unix:PATH", text);
}

/* Only a socket gives way: connect() is refused by every other file, too. */
static int32_t check_path(const struct address *address, const char *given,
                          struct enclave_error *err)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->bytes;
    struct stat there;

    if (address->bytes.ss_family != AF_UNIX || lstat(un->sun_path, &there) != 0 ||
        S_ISSOCK(there.st_mode)) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_EEXISTS,
                             "listen '%.120s': what is there is not a socket; move it away, or "
                             "choose another path with --listen",
                             given);
}

/* A socket file is left behind by a server that was killed. It is in use when somebody answers. */
static bool stale(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 &&
                   connect(fd, (const struct sockaddr *)&address->bytes, address->length) != 0 &&
                   errno == ECONNREFUSED;

    if (fd >= 0) {
        (void)close(fd);
    }
    return refused;
}

void address_remove(const struct address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->bytes;

    if (address->bytes.ss_family == AF_UNIX) {
        (void)unlink(un->sun_path);
    }
}

/* For the owner and the group: whoever else is to come in gets it by the folder's mode. */
static int bind_address(int fd, const struct address *address)
{
    int one = 1;

    if (address->bytes.ss_family != AF_UNIX) {
        return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
                   ? -1
                   : bind(fd, (const struct sockaddr *)&address->bytes, address->length);
    }
    if (stale(address)) {
        address_remove(address);
    }
    mode_t mask = umask(0117);
    int r = bind(fd, (const struct sockaddr *)&address->bytes, address->length);
    (void)umask(mask);
    return r;
}

int32_t address_listen(const struct address *address, const char *given, int *ret_fd,
                       struct enclave_error *err)
{
    int32_t r = check_path(address, given, err);
    int fd;

    if (r != 0) {
        return r;
    }
    fd = socket(address->bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind_address(fd, address) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return enclave_error_set(err, error == EADDRINUSE ? ENCLAVE_EEXISTS : ENCLAVE_EIO,
                                 "listen '%.120s': %s%s", given, strerror(error),
                                 error == EADDRINUSE
                                     ? "; stop what listens there, or choose another with --listen"
                                     : "");
    }
    *ret_fd = fd;
    return 0;
}

void address_text(int fd, bool tls, char *ret, size_t size)
{
    struct sockaddr_storage bytes = {0};
    socklen_t length = sizeof bytes;
    char host[INET6_ADDRSTRLEN] = "?";
    const char *scheme = tls ? "https" : "http";

    (void)getsockname(fd, (struct sockaddr *)&bytes, &length);
    if (bytes.ss_family == AF_UNIX) {
        (void)snprintf(ret, size, "unix:%s", ((const struct sockaddr_un *)&bytes)->sun_path);
    } else if (bytes.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&bytes;
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        (void)snprintf(ret, size, "%s://%s:%u", scheme, host, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&bytes;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        (void)snprintf(ret, size, "%s://[%s]:%u", scheme, host, ntohs(v6->sin6_port));
    }
}
