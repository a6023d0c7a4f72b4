/*
 * progress.h - how far a pull is, summed up over the layers of the image.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_ENGINE_PROGRESS_H
#define ENCLAVE_ENGINE_PROGRESS_H

#include <enclave/types.h>

#include <json-c/json.h>

struct progress;

/* `image` is borrowed until progress_free(); `report` may be NULL. NULL without memory. */
struct progress *progress_new(const char *image, enclave_progress_fn report, void *ctx);
/* One object of the engine's stream; reports what it changed. 0, or -1 without memory. */
int progress_take(struct progress *progress, json_object *line);
void progress_free(struct progress *progress);

#endif
