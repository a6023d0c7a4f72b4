/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include "json.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *place(const struct exchanger *exchanger)
{
    return exchanger->lanes.address.text;
}

/* ------------------------------------------------------------------------------ the connection */

int32_t failure_of_waiting(const struct exchanger *exchanger,
                           const struct exchange_request *request, int32_t code, int sent,
                           struct enclave_error *err)
{
    if (code == ENCLAVE_ECANCELLED) {
        return enclave_error_set(err, code, "%s: cancelled", request->what);
    }
    if (code == ENCLAVE_ETIMEOUT && !sent) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "%s: no connection to the server at %s in time", request->what,
                                 place(exchanger));
    }
    if (code == ENCLAVE_ETIMEOUT) {
        return enclave_error_set(err, code, "%s: the server at %s did not answer in time",
                                 request->what, place(exchanger));
    }
    if (code == ENCLAVE_ELOST && request->cut && cut_is_made(request->cut)) {
        return enclave_error_set(err, code, "%s: its sandbox was to be stopped, or let go of",
                                 request->what);
    }
    if (code == ENCLAVE_ELOST) {
        return enclave_error_set(err, request->repeatable || !sent ? ENCLAVE_EUNREACHABLE : code,
                                 "%s: the server at %s gives no sign of life any more",
                                 request->what, place(exchanger));
    }
    return enclave_error_set(err, code, "%s: out of memory", request->what);
}

int32_t failure_of_callback(const struct exchanger *exchanger,
                            const struct exchange_request *request, int32_t code,
                            struct enclave_error *err)
{
    if (code == ENCLAVE_ETOOBIG && !request->from && !request->take) {
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "%s: the server at %s answered with more than %zu MiB "
                                 "(max_answer_size)",
                                 request->what, place(exchanger), exchanger->max_answer >> 20);
    }
    if (code == ENCLAVE_EPROTOCOL) {
        return failure_of_content(exchanger, request->what, "what was asked for", err);
    }
    if (code == ENCLAVE_ENOMEM) {
        return enclave_error_set(err, code, "%s: out of memory", request->what);
    }
    return enclave_error_set(err, code, "%s: %s", request->what,
                             request->from ? "its content cannot be read"
                                           : "the receiver did not take it");
}

static int32_t unreachable(const struct exchanger *exchanger,
                           const struct exchange_request *request, const char *reason,
                           const char *hint, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EUNREACHABLE, "%s: cannot reach the server at %s: %s; %s",
                             request->what, place(exchanger), reason, hint);
}

static int32_t connect_error(const struct exchanger *exchanger,
                             const struct exchange_request *request, CURL *easy, const char *detail,
                             struct enclave_error *err)
{
    static const char hint[] = "is it running there (enclave serve)? See --server, or base_url in "
                               "[backend http-remote]";
    long number = 0;
    char text[TEXT_SIZE];

    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (number) {
        /* The GNU form, thread-safe; it may or may not use the buffer. */
        return unreachable(exchanger, request, strerror_r((int)number, text, sizeof text), hint,
                           err);
    }
    return unreachable(exchanger, request,
                       engine_text_clean(text, sizeof text, detail, strlen(detail)), hint, err);
}

int failure_is_of_tls(CURL *easy, CURLcode result)
{
    long number = 0;

    if (result ==
        CURLE_SSL_CONNECT_ERROR) { /* of the connection below it where there is an errno */
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
        return number == 0;
    }
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
           result == CURLE_SSL_ISSUER_ERROR;
}

/* The connection was there, and then was not. */
static int32_t broken(const struct exchanger *exchanger, const struct exchange_request *request,
                      const char *text, struct enclave_error *err)
{
    if (request->repeatable) {
        return enclave_error_set(err, ENCLAVE_EUNREACHABLE,
                                 "%s: lost the connection to the server at %s: %s", request->what,
                                 place(exchanger), text);
    }
    return enclave_error_set(err, ENCLAVE_ELOST,
                             "%s: lost the connection to the server at %s (%s); what became of it "
                             "is not known",
                             request->what, place(exchanger), text);
}

int32_t failure_of_transfer(const struct exchanger *exchanger,
                            const struct exchange_request *request, CURL *easy, CURLcode result,
                            const char *detail, int sent, struct enclave_error *err)
{
    const char *words = detail && *detail ? detail : curl_easy_strerror(result);
    char text[TEXT_SIZE];
    long number = 0;

    engine_text_clean(text, sizeof text, words, strlen(words));
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (result == CURLE_OUT_OF_MEMORY) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "%s: out of memory", request->what);
    }
    if (failure_is_of_tls(easy, result)) {
        return unreachable(exchanger, request, text,
                           "its certificate is checked against ca_file, else the system's "
                           "authorities, and the host in base_url",
                           err);
    }
    if (!sent) {
        return connect_error(exchanger, request, easy, words, err);
    }
    /* A kept connection turned out to be closed, and there was no other one to send it again. */
    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) {
        return broken(exchanger, request, "it was closed, and there is no other", err);
    }
    if (result == CURLE_GOT_NOTHING || result == CURLE_ABORTED_BY_CALLBACK) {
        return broken(exchanger, request, "it was closed before there was an answer", err);
    }
    if (result == CURLE_PARTIAL_FILE) {
        return broken(exchanger, request, "it was closed in the middle of the answer", err);
    }
    if (result == CURLE_SEND_ERROR || (result == CURLE_RECV_ERROR && number)) {
        return broken(exchanger, request, text, err);
    }
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "%s: what answers at %s does not speak HTTP as it should: %s",
                             request->what, place(exchanger), text);
}

/* --------------------------------------------------------------------------------- the answer */

#define ERROR_WORD(name, code, text, http, exit) {#name, (code)},
static const struct {
    const char *word;
    int32_t code;
} words[] = {ENCLAVE_ERROR_TABLE(ERROR_WORD)};

static int32_t code_of_word(const char *word)
{
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(word, words[i].word) == 0) {
            return words[i].code;
        }
    }
    return 0;
}

/* Of a server that tells no more: one of the reference system, or a proxy. */
static int32_t code_of_status(long status)
{
    static const struct {
        short status, code;
    } table[] = {
        {400, ENCLAVE_EINVALID},     {401, ENCLAVE_EUNAUTHORIZED}, {403, ENCLAVE_EDENIED},
        {404, ENCLAVE_ENOTFOUND},    {408, ENCLAVE_ETIMEOUT},      {409, ENCLAVE_EEXISTS},
        {413, ENCLAVE_ETOOBIG},      {422, ENCLAVE_EINVALID},      {429, ENCLAVE_EBUSY},
        {499, ENCLAVE_ECANCELLED},   {500, ENCLAVE_EBACKEND},      {501, ENCLAVE_ENOTSUP},
        {502, ENCLAVE_EUNREACHABLE}, {503, ENCLAVE_EUNREACHABLE},  {504, ENCLAVE_EUNREACHABLE},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].status == status) {
            return table[i].code;
        }
    }
    return ENCLAVE_EPROTOCOL;
}

/* The first entry of a 422: {"loc": ["query", "sandbox_type"], "msg": "Field required"}. */
static const char *first_detail(json_object *detail, char *text, size_t size)
{
    json_object *first =
        json_object_is_type(detail, json_type_array) ? json_object_array_get_idx(detail, 0) : NULL;
    json_object *loc = json_member(first, "loc");
    const char *msg = json_text(first, "msg");
    size_t depth = json_object_is_type(loc, json_type_array) ? json_object_array_length(loc) : 0;
    const char *last =
        depth ? json_object_get_string(json_object_array_get_idx(loc, depth - 1)) : NULL;

    if (!msg) {
        return NULL;
    }
    snprintf(text, size, "%s%s%s", last ? last : "", last ? ": " : "", msg);
    return text;
}

int32_t failure_of_json(const char *what, json_object *error, long status,
                        struct enclave_error *err)
{
    int32_t code = code_of_word(json_text(error, "code"));
    const char *message = json_text(error, "message");
    char text[TEXT_SIZE];

    if (!message) {
        message = json_text(error, "detail");
    }
    if (code && message) {
        return enclave_error_set(err, code, "%s", message);
    }
    if (!message) {
        message = first_detail(json_member(error, "detail"), text, sizeof text);
    }
    code = code ? code : code_of_status(status);
    return message ? enclave_error_set(err, code, "%s: %s", what, message)
                   : enclave_error_set(err, code, "%s: the server answers with status %ld", what,
                                       status);
}

static int32_t unauthorized(const struct exchanger *exchanger, const char *what,
                            struct enclave_error *err)
{
    return enclave_error_set(
        err, ENCLAVE_EUNAUTHORIZED, "%s: the server at %s %s", what, place(exchanger),
        exchanger->key_header ? "does not take the key of --key-file, or api_key_file"
                              : "wants a key: give --key-file, or set api_key_file in "
                                "[backend http-remote]");
}

/* What servers, and those of the reference system, say of a path that they do not have; of a sandbox they say more. */
static int is_no_route(json_object *error, long status)
{
    const char *detail = json_text(error, "detail");

    return status == 404 && !json_text(error, "message") &&
           (!detail || strcmp(detail, "Not Found") == 0);
}

static int32_t no_route(const struct exchanger *exchanger, const struct exchange_request *request,
                        struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_ENOTFOUND,
                             "%s: what answers at %s has no '%.*s' there; is it the address of one "
                             "of Enclave's servers?",
                             request->what, place(exchanger), (int)strcspn(request->path, "?"),
                             request->path);
}

int32_t failure_of_content(const struct exchanger *exchanger, const char *what,
                           const char *expected, struct enclave_error *err)
{
    return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                             "%s: the server at %s answers with something else than %s; is it one "
                             "of Enclave's?",
                             what, place(exchanger), expected);
}

int32_t failure_of_answer(const struct exchanger *exchanger, const struct exchange_request *request,
                          const struct exchange_answer *answer, struct enclave_error *err)
{
    json_object *error = NULL;
    char text[TEXT_SIZE];
    int32_t r;

    if (answer->status < 300) {
        return 0;
    }
    if (answer->status < 400) {
        engine_text_clean(text, sizeof text, answer->location, strlen(answer->location));
        return enclave_error_set(err, ENCLAVE_EPROTOCOL,
                                 "%s: the server at %s sends us on to '%s', which is not followed; "
                                 "set base_url to where it is",
                                 request->what, place(exchanger), text);
    }
    if (answer->status == 401) {
        return unauthorized(exchanger, request->what, err);
    }
    if (json_parse(answer->body.data ? answer->body.data : "", answer->body.length, &error) < 0) {
        error = NULL;
    }
    r = is_no_route(error, answer->status)
            ? no_route(exchanger, request, err)
            : failure_of_json(request->what, error, answer->status, err);
    json_object_put(error);
    return r;
}
