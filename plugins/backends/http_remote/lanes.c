/* SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include "curl_handle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_BUFFER (64L * 1024)

void lanes_init(struct lanes *lanes, struct address *address, char *ca_file, size_t keep,
                long connect_timeout_ms)
{
    *lanes = (struct lanes){.address = *address,
                            .ca_file = ca_file,
                            .connect_timeout_ms = connect_timeout_ms,
                            .keep = keep < LANES_MAX ? keep : LANES_MAX};
    *address = (struct address){0};
    pthread_mutex_init(&lanes->lock, NULL);
}

static void lane_free(struct lane *lane)
{
    if (lane) {
        curl_handle_free(lane->multi, lane->easy);
        curl_url_cleanup(lane->url);
        free(lane);
    }
}

void lanes_destroy(struct lanes *lanes)
{
    while (lanes->idle_count > 0) {
        lane_free(lanes->idle[--lanes->idle_count]);
    }
    address_free(&lanes->address);
    free(lanes->ca_file);
    pthread_mutex_destroy(&lanes->lock);
}

static struct lane *lane_new(const char *base)
{
    struct lane *lane = calloc(1, sizeof *lane);

    if (!lane) {
        return NULL;
    }
    lane->url = curl_url();
    if (!lane->url || curl_handle_new(&lane->multi, &lane->easy) < 0 ||
        curl_url_set(lane->url, CURLUPART_URL, base, CURLU_PATH_AS_IS) != CURLUE_OK) {
        lane_free(lane);
        return NULL;
    }
    return lane;
}

static CURLcode set_options(const struct lanes *lanes, const struct lane *lane)
{
    CURL *easy = lane->easy;
    CURLcode result = curl_handle_set_options(easy, lanes->connect_timeout_ms);

    curl_easy_setopt(easy, CURLOPT_CURLU, lane->url); /* read once, and not for each request */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    if (!result && lanes->address.tls) {
        result = curl_handle_set_tls(easy, lanes->ca_file);
    }
    if (!result && lanes->address.socket) {
        result = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, lanes->address.socket);
    }
    return result;
}

struct lane *lanes_borrow(struct lanes *lanes, long idle_s)
{
    struct lane *lane = NULL;

    pthread_mutex_lock(&lanes->lock);
    if (lanes->idle_count > 0) {
        lane = lanes->idle[--lanes->idle_count];
    }
    pthread_mutex_unlock(&lanes->lock);
    if (!lane) {
        lane = lane_new(lanes->address.base);
    }
    if (lane && !lane->has_options) {
        lane->has_options = set_options(lanes, lane) == CURLE_OK;
        if (!lane->has_options) {
            lane_free(lane);
            return NULL;
        }
    }
    if (lane) {
        curl_easy_setopt(lane->easy, CURLOPT_MAXAGE_CONN, idle_s);
    }
    return lane;
}

void lanes_return(struct lanes *lanes, struct lane *lane)
{
    pthread_mutex_lock(&lanes->lock);
    if (lanes->idle_count < lanes->keep) {
        lanes->idle[lanes->idle_count++] = lane;
        lane = NULL;
    }
    pthread_mutex_unlock(&lanes->lock);
    lane_free(lane);
}
