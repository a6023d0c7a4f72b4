/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include "clock.h"
#include "curl_handle.h"
#include "failure.h"
#include "late.h"
#include "transfer.h"

#include <poll.h>
#include <string.h>

/* A connection that lay idle for longer is not used again, since the other side may close it at any moment: the
 * reference's server does after 5 seconds, ours after a minute. */
#define IDLE_OTHER_S 4L
#define IDLE_ENCLAVE_S 30L

#define ALIVE_WITHIN_MS 10000

/* --------------------------------------------------------------------------------- giving up */

struct giving_up {
    int begun;
    int64_t again_ms; /* when give_up is to be called; CLOCK_NEVER: not at all */
};

static int has_given_up(const struct exchange_request *request)
{
    return curl_handle_is_cancelled(request->cancel_fd) || (request->gave_up && *request->gave_up);
}

static int32_t attend(struct transfer *transfer, struct giving_up *giving_up)
{
    const struct exchange_request *request = transfer->request;

    if (request->cut && cut_is_made(request->cut)) {
        return ENCLAVE_ELOST;
    }
    if (!giving_up->begun && has_given_up(request)) {
        giving_up->begun = 1;
        giving_up->again_ms = 0;
        transfer->deadline = clock_sooner(transfer->deadline, EXCHANGE_CANCEL_WAIT_MS);
    }
    if (!giving_up->begun || clock_now_ms() < giving_up->again_ms) {
        return 0;
    }
    int again_in = request->give_up && transfer->sent ? request->give_up(request->ctx) : -1;
    if (again_in < 0) {
        return ENCLAVE_ECANCELLED;
    }
    giving_up->again_ms = again_in ? clock_now_ms() + again_in : CLOCK_NEVER;
    return 0;
}

/* -------------------------------------------------------------------------------- being alive */

static int is_alive(struct exchanger *exchanger)
{
    int64_t timeout_ms = exchanger->request_timeout_ms;
    struct exchange_request request = {
        .what = "ask whether the server lives",
        .method = "GET",
        .path = "/health",
        .repeatable = 1,
        .deadline = clock_deadline(timeout_ms < ALIVE_WITHIN_MS ? timeout_ms : ALIVE_WITHIN_MS),
        .cancel_fd = -1,
    };
    struct exchange_answer answer;
    int32_t r = exchange(exchanger, &request, &answer, NULL);

    buffer_free(&answer.body);
    return r == 0 && answer.status < 500;
}

/* When the server is to be asked whether it lives. While the manager ends, it is asked in time for the answer to count. */
static int64_t silence_ends(const struct transfer *transfer)
{
    const struct exchanger *exchanger = transfer->exchanger;
    int64_t patience_ms = ending_has_begun(&exchanger->ending) ? exchanger->ending.silence_ms / 2
                                                               : exchanger->request_timeout_ms;

    return transfer->request->patient ? transfer->heard_ms + patience_ms : CLOCK_NEVER;
}

static int64_t sooner_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* -------------------------------------------------------------------------------- the loop */

/* Until something comes, or it is time to look. A caller that has given up, and a manager that ends, are not waited for
 * any more: their descriptors stay readable. */
static int32_t wait(struct transfer *transfer, const struct giving_up *giving_up)
{
    const struct ending *ending = &transfer->exchanger->ending;
    int ends = ending_has_begun(ending); /* first: what is asked of it below then holds */
    struct curl_waitfd words[2];
    unsigned count = 0;
    int64_t until = sooner_of(silence_ends(transfer), transfer->deadline);

    until = sooner_of(until, ending_limit(ending));
    if (giving_up->begun) {
        until = sooner_of(until, giving_up->again_ms);
    } else if (transfer->request->cancel_fd >= 0) {
        words[count++] =
            (struct curl_waitfd){.fd = transfer->request->cancel_fd, .events = CURL_WAIT_POLLIN};
    }
    if (!ends) {
        words[count++] = (struct curl_waitfd){.fd = ending->fd, .events = CURL_WAIT_POLLIN};
    }
    return curl_multi_poll(transfer->lane->multi, words, count, clock_wait_ms(until), NULL) ==
                   CURLM_OK
               ? 0
               : ENCLAVE_ENOMEM;
}

/* 0: there is time left. */
static int32_t out_of_time(const struct ending *ending, int64_t deadline)
{
    if (clock_is_over(sooner_of(deadline, ending_until(ending)))) {
        return ENCLAVE_ETIMEOUT;
    }
    return clock_is_over(ending_silent_until(ending)) ? ENCLAVE_ELOST : 0;
}

/* 0: `*ret_result` says how the transfer ended; else TIMEOUT, CANCELLED, LOST (it is silent, or was cut) or NOMEM. */
static int32_t drive(struct transfer *transfer, CURLcode *ret_result)
{
    struct giving_up giving_up = {0};
    const struct ending *ending = &transfer->exchanger->ending;
    CURLM *multi = transfer->lane->multi;
    int running = 0;
    int32_t r = out_of_time(ending, CLOCK_NEVER);

    if (r < 0) { /* the manager ends, and the others are not sent any more either */
        return r;
    }
    if (curl_multi_add_handle(multi, transfer->lane->easy) != CURLM_OK) {
        return ENCLAVE_ENOMEM;
    }
    for (;;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            return ENCLAVE_ENOMEM;
        }
        if (curl_handle_has_ended(multi, ret_result)) {
            return 0;
        }
        if ((r = attend(transfer, &giving_up)) < 0) {
            return r;
        }
        if ((r = out_of_time(ending, transfer->deadline)) < 0) {
            return giving_up.begun && r == ENCLAVE_ETIMEOUT ? ENCLAVE_ECANCELLED : r;
        }
        if (clock_is_over(silence_ends(transfer))) {
            if (!is_alive(transfer->exchanger)) {
                return ENCLAVE_ELOST;
            }
            transfer->heard_ms = clock_now_ms();
        }
        if ((r = wait(transfer, &giving_up)) < 0) {
            return r;
        }
    }
}

static int32_t judge(struct transfer *transfer, CURLcode result, struct enclave_error *err)
{
    const struct exchange_request *request = transfer->request;

    if (transfer->code) {
        return failure_of_callback(transfer->exchanger, request, transfer->code, err);
    }
    /* libcurl takes an answer whose head was cut off for one without a body. */
    if (result == CURLE_OK && !transfer->head_is_whole) {
        result = CURLE_GOT_NOTHING;
    }
    /* So it says of a line in the head that is longer than it takes. */
    if (result == CURLE_OUT_OF_MEMORY && transfer->sent && !transfer->head_is_whole) {
        result = CURLE_WEIRD_SERVER_REPLY;
    }
    if (result != CURLE_OK) {
        transfer->answer->refused = failure_is_of_tls(transfer->lane->easy, result);
        return failure_of_transfer(transfer->exchanger, request, transfer->lane->easy, result,
                                   transfer->detail, transfer->sent > 0, err);
    }
    curl_easy_getinfo(transfer->lane->easy, CURLINFO_RESPONSE_CODE, &transfer->answer->status);
    return 0;
}

/* What a proxy in between says of itself is not the server's. */
static void learn_server(struct exchanger *exchanger, struct exchange_answer *answer)
{
    if (answer->server == SERVER_UNKNOWN) {
        answer->server = SERVER_OTHER;
    }
    if (answer->status < 500) {
        __atomic_store_n(&exchanger->server, answer->server, __ATOMIC_RELAXED);
    }
}

int32_t exchange(struct exchanger *exchanger, const struct exchange_request *request,
                 struct exchange_answer *ret_answer, struct enclave_error *err)
{
    struct transfer transfer = {.exchanger = exchanger, .request = request, .answer = ret_answer};
    int ours = __atomic_load_n(&exchanger->server, __ATOMIC_RELAXED) == SERVER_ENCLAVE;
    CURLcode result = CURLE_OK;
    int32_t r;

    *ret_answer =
        (struct exchange_answer){.retry_after_ms = -1, .body = BUFFER_INIT(exchanger->max_answer)};
    r = late_curl(err);
    if (r < 0) {
        return r;
    }
    transfer.heard_ms = clock_now_ms();
    transfer.deadline = request->deadline ? request->deadline : CLOCK_NEVER;
    if (!request->patient) {
        transfer.deadline = clock_sooner(transfer.deadline, exchanger->request_timeout_ms);
    }
    transfer.lane = lanes_borrow(&exchanger->lanes, ours ? IDLE_ENCLAVE_S : IDLE_OTHER_S);
    r = transfer.lane ? transfer_prepare(&transfer) : ENCLAVE_ENOMEM;
    if (r == 0 && request->cut) {
        cut_wait_on(request->cut, transfer.lane->multi);
    }
    if (r == 0) {
        r = drive(&transfer, &result);
    }
    if (request->cut) {
        cut_wait_on(request->cut, NULL);
    }
    if (r < 0) {
        r = failure_of_waiting(exchanger, request, r, transfer.sent > 0, err);
    } else if ((r = judge(&transfer, result, err)) == 0) {
        learn_server(exchanger, ret_answer);
    }
    if (transfer.lane) {
        transfer_end(&transfer, r < 0);
        lanes_return(&exchanger->lanes, transfer.lane);
    }
    return r;
}
