/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include "late.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

void address_free(struct address *address)
{
    free(address->text);
    free(address->socket);
    free(address->base);
    free(address->prefix);
    *address = (struct address){0};
}

static int32_t refuse(const char *base_url, const char *why, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EINVALID,
                             "base_url '%.160s': %s; expected http://HOST:PORT, https://HOST:PORT "
                             "or unix:PATH",
                             base_url, why);
}

static int32_t no_memory(struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOMEM, "base_url: out of memory");
}

/* One that has no prefix. */
static int32_t take_base(struct address *address, const char *base, struct enclave_error *err)
{
    address->base = strdup(base);
    address->prefix = strdup("");
    return address->base && address->prefix ? 0 : no_memory(err);
}

static int32_t parse_socket(const char *base_url, struct address *address,
                            struct enclave_error *err)
{
    const char *path = base_url + strlen("unix:");

    if (strncmp(path, "//", 2) == 0) { /* unix:///path, as engines' addresses are written */
        path += 2;
    }
    if (*path != '/' || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return refuse(base_url, "not an absolute path that fits a socket's address", err);
    }
    address->socket = strdup(path);
    address->here = 1;
    return address->socket ? take_base(address, "http://localhost", err) : no_memory(err);
}

static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;

    return curl_url_get(url, what, &text, 0) == CURLUE_OK ? text : NULL;
}

static int is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static const char *fault_of(CURLU *url, const char *base_url)
{
    char *scheme = part(url, CURLUPART_SCHEME), *user = part(url, CURLUPART_USER);
    char *query = part(url, CURLUPART_QUERY), *fragment = part(url, CURLUPART_FRAGMENT);
    const char *fault = NULL;

    if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        !strstr(base_url, "://")) {
        fault = "not one of these schemes";
    } else if (user) {
        fault = "names a user; a key is set with api_key_file";
    } else if (query || fragment) {
        fault = "has a query or a fragment";
    }
    curl_free(scheme);
    curl_free(user);
    curl_free(query);
    curl_free(fragment);
    return fault;
}

static char *without_slashes(char *text)
{
    size_t length = text ? strlen(text) : 0;

    while (length > 0 && text[length - 1] == '/') {
        text[--length] = '\0';
    }
    return text;
}

static int32_t take_parts(CURLU *url, const char *base_url, struct address *address)
{
    char *host = part(url, CURLUPART_HOST), *scheme = part(url, CURLUPART_SCHEME);
    char *path = without_slashes(part(url, CURLUPART_PATH));

    address->here = host && is_loopback(host);
    address->tls = scheme && strcmp(scheme, "https") == 0;
    address->base = without_slashes(strdup(base_url));
    address->prefix = path ? strdup(path) : NULL;
    curl_free(host);
    curl_free(scheme);
    curl_free(path);
    return address->base && address->prefix ? 0 : ENCLAVE_ENOMEM;
}

static int32_t parse_url(CURLU *url, const char *base_url, struct address *address,
                         struct enclave_error *err)
{
    const char *fault = curl_url_set(url, CURLUPART_URL, base_url, CURLU_PATH_AS_IS) == CURLUE_OK
                            ? NULL
                            : "not a URL";

    if (!fault) {
        fault = fault_of(url, base_url);
    }
    if (fault) {
        return refuse(base_url, fault, err);
    }
    return take_parts(url, base_url, address) == 0 ? 0 : no_memory(err);
}

/* Known to be right, so that libcurl is not loaded to find that out: with `backend = auto` this backend
 * is opened everywhere, and used where a base_url is set. */
static int32_t take_default(struct address *address, struct enclave_error *err)
{
    address->here = 1;
    return take_base(address, ADDRESS_DEFAULT, err);
}

int32_t address_parse(const char *base_url, struct address *ret_address, struct enclave_error *err)
{
    CURLU *url;
    int32_t r;

    *ret_address = (struct address){.text = strdup(base_url)};
    if (!ret_address->text) {
        return no_memory(err);
    }
    for (const char *p = base_url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f) {
            return refuse(base_url, "has white space or control characters", err);
        }
    }
    if (strncmp(base_url, "unix:", 5) == 0) {
        return parse_socket(base_url, ret_address, err);
    }
    if (strcmp(base_url, ADDRESS_DEFAULT) == 0) {
        return take_default(ret_address, err);
    }
    r = late_curl(err);
    if (r < 0) {
        return r;
    }
    url = curl_url();
    r = url ? parse_url(url, base_url, ret_address, err) : no_memory(err);
    curl_url_cleanup(url);
    return r;
}
