/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include "clock.h"
#include "failure.h"
#include "json.h"

#include <poll.h>
#include <sys/random.h>

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 2000

/* Between a half and the whole, so that clients whose server was away do not come back all at once. */
static int64_t with_jitter(int64_t pause_ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) {
        random = (uint32_t)clock_now_ms();
    }
    return pause_ms / 2 + random % (pause_ms / 2 + 1);
}

static int64_t pause_before(unsigned attempt)
{
    int64_t pause_ms = FIRST_PAUSE_MS;

    while (attempt-- > 0 && pause_ms < LONGEST_PAUSE_MS) {
        pause_ms *= 2;
    }
    return with_jitter(pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS);
}

/* Milliseconds to wait before it is sent again; -1: it is not. */
static int64_t pause_after(const struct exchange_request *request,
                           const struct exchange_answer *answer, int32_t r, unsigned attempt)
{
    if (r == 0) {
        int put_off = (answer->status == 429 || answer->status == 503) && !request->from;

        if (!put_off || answer->retry_after_ms < 0) {
            return -1;
        }
        return answer->retry_after_ms > 0 ? answer->retry_after_ms + with_jitter(200)
                                          : pause_before(attempt);
    }
    if (r == ENCLAVE_EUNREACHABLE && !answer->refused && (!answer->sent || request->repeatable)) {
        return pause_before(attempt);
    }
    return -1;
}

/* The end of the manager cuts it short. */
static int32_t wait_for(const struct exchange_request *request, const struct ending *ending,
                        int64_t pause_ms, struct enclave_error *err)
{
    int ends = ending_has_begun(ending);
    struct pollfd words[2] = {{.fd = request->cancel_fd, .events = POLLIN},
                              {.fd = ends ? -1 : ending->fd, .events = POLLIN}};
    int64_t until = clock_deadline(pause_ms), limit = ending_limit(ending);

    until = until < limit ? until : limit;
    while (!clock_is_over(until) && !words[1].revents) {
        if (poll(words, 2, clock_wait_ms(until)) > 0 && words[0].revents) {
            return enclave_error_set(err, ENCLAVE_ECANCELLED, "%s: cancelled", request->what);
        }
    }
    return 0;
}

static void tell(struct remote *remote, const struct exchange_request *request, int64_t pause_ms,
                 const struct enclave_error *why)
{
    char text[ENCLAVE_ERROR_MESSAGE_SIZE + 64];

    snprintf(text, sizeof text, "%s; again in %lld ms",
             why->message[0] ? why->message : request->what, (long long)pause_ms);
    remote->host->log(remote->host->ctx, ENCLAVE_LOG_WARNING, text);
}

static int is_too_late(const struct exchange_request *request, const struct ending *ending,
                       int64_t until, int64_t pause_ms)
{
    int64_t then = clock_now_ms() + pause_ms;

    return then >= until || then >= ending_limit(ending) ||
           (request->deadline && then >= request->deadline);
}

static int32_t pass_on(int32_t r, const struct enclave_error *why, struct enclave_error *err)
{
    if (r < 0 && err) {
        *err = *why;
    }
    return r;
}

int32_t remote_call(struct remote *remote, const struct exchange_request *request,
                    struct exchange_answer *ret_answer, struct enclave_error *err)
{
    const struct ending *ending = &remote->exchanger.ending;
    int64_t until = clock_now_ms() + remote->retry_timeout_ms;
    int unanswered = 0; /* one that was sent */

    for (unsigned attempt = 0;; attempt++) {
        struct enclave_error why = ENCLAVE_ERROR_INIT;
        int32_t r = exchange(&remote->exchanger, request, ret_answer, &why);
        int64_t pause_ms = pause_after(request, ret_answer, r, attempt);

        if (r == 0) {
            r = failure_of_answer(&remote->exchanger, request, ret_answer, &why);
        }
        ret_answer->repeated = unanswered;
        unanswered |= ret_answer->sent && ret_answer->status == 0;
        ret_answer->sent |= unanswered;
        if (pause_ms < 0 || is_too_late(request, ending, until, pause_ms)) {
            return pass_on(r, &why, err);
        }
        if (attempt == 0) {
            tell(remote, request, pause_ms, &why);
        }
        int32_t waited = wait_for(request, ending, pause_ms, err);
        if (waited < 0) {
            return waited;
        }
        if (clock_is_over(ending_limit(ending))) {
            return pass_on(r, &why, err);
        }
        buffer_free(&ret_answer->body);
    }
}

int32_t remote_call_parse(struct remote *remote, const struct exchange_request *request,
                          const struct exchange_answer *answer, json_type type,
                          json_object **ret_json, struct enclave_error *err)
{
    json_object *json = NULL;
    int32_t r = json_parse(answer->body.data ? answer->body.data : "", answer->body.length, &json);

    if (r == ENCLAVE_ENOMEM) {
        return enclave_error_set(err, r, "%s: out of memory", request->what);
    }
    if (r < 0 || !json_object_is_type(json, type)) {
        json_object_put(json);
        return failure_of_content(&remote->exchanger, request->what,
                                  type == json_type_array ? "a JSON array" : "a JSON object", err);
    }
    *ret_json = json;
    return 0;
}

int32_t remote_call_json(struct remote *remote, const struct exchange_request *request,
                         json_type type, json_object **ret_json, struct enclave_error *err)
{
    struct exchange_answer answer;
    int32_t r = remote_call(remote, request, &answer, err);

    if (r == 0) {
        r = remote_call_parse(remote, request, &answer, type, ret_json, err);
    }
    buffer_free(&answer.body);
    return r;
}

int32_t remote_call_text(struct remote *remote, const struct exchange_request *request,
                         json_type type, const struct enclave_sink *to, struct enclave_error *err)
{
    struct exchange_answer answer;
    json_object *json = NULL;
    int32_t r = remote_call(remote, request, &answer, err);

    if (r == 0) {
        r = remote_call_parse(remote, request, &answer, type, &json, err);
    }
    if (r == 0) {
        r = to->write(to->ctx, answer.body.data, answer.body.length);
        if (r < 0) {
            enclave_error_set(err, r, "%s: the receiver did not take it", request->what);
        }
    }
    json_object_put(json);
    buffer_free(&answer.body);
    return r;
}
