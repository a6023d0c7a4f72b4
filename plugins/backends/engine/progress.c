/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include "json.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Images have at most 127 layers with overlay2; what an engine tells beyond this is not counted. */
#define MAX_LAYERS 1024

struct layer {
    char id[80];
    uint64_t done;
    uint64_t total;
};

struct progress {
    const char *image;
    enclave_progress_fn report;
    void *ctx;
    struct layer *layers;
    size_t count;
    size_t capacity;
};

struct progress *progress_new(const char *image, enclave_progress_fn report, void *ctx)
{
    struct progress *progress = calloc(1, sizeof *progress);

    if (progress) {
        progress->image = image;
        progress->report = report;
        progress->ctx = ctx;
    }
    return progress;
}

void progress_free(struct progress *progress)
{
    if (progress) {
        free(progress->layers);
        free(progress);
    }
}

static int grow(struct progress *progress)
{
    size_t capacity = progress->capacity ? progress->capacity * 2 : 16;
    struct layer *layers;

    if (progress->count < progress->capacity) {
        return 0;
    }
    layers = realloc(progress->layers, capacity * sizeof *layers);
    if (!layers) {
        return -1;
    }
    progress->layers = layers;
    progress->capacity = capacity;
    return 0;
}

/* The layer, added when it is new. 0 with NULL: there are too many. */
static int find_layer(struct progress *progress, const char *id, struct layer **ret_layer)
{
    char name[sizeof progress->layers->id];

    engine_text_clean(name, sizeof name, id, strlen(id));
    *ret_layer = NULL;
    for (size_t i = 0; i < progress->count; i++) {
        if (strcmp(progress->layers[i].id, name) == 0) {
            *ret_layer = &progress->layers[i];
            return 0;
        }
    }
    if (progress->count == MAX_LAYERS) {
        return 0;
    }
    if (grow(progress) != 0) {
        return -1;
    }
    *ret_layer = &progress->layers[progress->count++];
    **ret_layer = (struct layer){0};
    memcpy((*ret_layer)->id, name, sizeof name);
    return 0;
}

static uint64_t clamp(int64_t value)
{
    /* Far above any image, and far from overflowing when MAX_LAYERS of them are summed up. */
    const int64_t most = INT64_C(1) << 50;

    return value < 0 ? 0 : value > most ? (uint64_t)most : (uint64_t)value;
}

/* Only downloads count: unpacking begins again at 0 and would let the sum go back. */
static void update_layer(struct layer *layer, const char *status, json_object *detail)
{
    if (strcmp(status, "Downloading") == 0) {
        layer->done = clamp(json_integer(detail, "current"));
        layer->total = clamp(json_integer(detail, "total"));
        if (layer->done > layer->total) {
            layer->total = layer->done;
        }
    } else if (strcmp(status, "Download complete") == 0 || strcmp(status, "Pull complete") == 0) {
        layer->done = layer->total;
    }
}

static void report(const struct progress *progress, const char *status)
{
    char text[128];
    struct enclave_progress report = {
        .size = sizeof report,
        .what = "pull",
        .item = progress->image,
        .text = engine_text_clean(text, sizeof text, status, strlen(status))};

    for (size_t i = 0; i < progress->count; i++) {
        report.done += progress->layers[i].done;
        report.total += progress->layers[i].total;
    }
    progress->report(progress->ctx, &report);
}

int progress_take(struct progress *progress, json_object *line)
{
    const char *status = json_text(line, "status");
    const char *id = json_text(line, "id");
    struct layer *layer = NULL;

    if (!progress->report || !status) {
        return 0;
    }
    if (id && find_layer(progress, id, &layer) != 0) {
        return -1;
    }
    if (layer) {
        update_layer(layer, status, json_member(line, "progressDetail"));
    }
    report(progress, status);
    return 0;
}
