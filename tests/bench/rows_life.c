/*
 * rows_life.c - create and delete, beside what the engine takes for an equal container.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include <stdio.h>

static const char config[] = "{\"tools_config\": [\"shell_executor\", \"python_executor\"]}";

struct life {
    const struct bench *bench;
    json_object *host_config; /* of a sandbox's container; the floor's are made by it; or NULL */
    struct row create;
    struct row delete;
};

/* The container that a sandbox lives in, from what is told about it. */
static int32_t find_container(const struct bench *bench, const char *id,
                              char container[CONTAINER_ID_SIZE], struct enclave_error *err)
{
    json_object *metadata = NULL, *member = NULL;
    char *text = NULL;
    int32_t r = enclave_manager_get_sandbox_info(bench->manager, id, &text, err);

    if (r < 0) {
        return r;
    }
    json_object *info = json_tokener_parse(text);
    if (json_object_object_get_ex(info, "metadata", &metadata) &&
        json_object_object_get_ex(metadata, "container_id", &member)) {
        (void)snprintf(container, CONTAINER_ID_SIZE, "%s", json_object_get_string(member));
    } else {
        r = enclave_error_set(err, ENCLAVE_ENOTSUP, "sandbox '%s' tells of no container", id);
    }
    json_object_put(info);
    enclave_free(text);
    return r;
}

/* Asks the engine for the settings of a first sandbox, which is deleted again. */
static int32_t learn_host_config(struct life *life, struct enclave_error *err)
{
    const struct bench *bench = life->bench;
    char id[ENCLAVE_ID_SIZE], container[CONTAINER_ID_SIZE];
    int32_t r = enclave_manager_create_sandbox(bench->manager, NULL, config, NULL, id, err);

    if (r < 0) {
        return r;
    }
    r = find_container(bench, id, container, err);
    if (r == 0) {
        r = engine_api_host_config(bench->engine, container, &life->host_config, err);
    }
    box_delete(bench, id);
    return r;
}

static int32_t live_ours(struct life *life, int keep, struct enclave_error *err)
{
    char id[ENCLAVE_ID_SIZE];
    double start = now_ms();
    int32_t r = enclave_manager_create_sandbox(life->bench->manager, NULL, config, NULL, id, err);
    double made = now_ms();

    if (r == 0) {
        r = enclave_manager_delete_sandbox(life->bench->manager, id, err);
    }
    if (r == 0 && keep) {
        series_add(&life->create.measured, made - start);
        series_add(&life->delete.measured, now_ms() - made);
    }
    return r;
}

static int32_t live_floor(struct life *life, int keep, struct enclave_error *err)
{
    char id[CONTAINER_ID_SIZE];
    double start = now_ms();
    int32_t r =
        engine_api_start(life->bench->engine, life->bench->image, life->host_config, id, err);
    double made = now_ms();

    if (r == 0) {
        r = engine_api_remove(life->bench->engine, id, err);
    }
    if (r == 0 && keep) {
        series_add(&life->create.floor, made - start);
        series_add(&life->delete.floor, now_ms() - made);
    }
    return r;
}

int32_t rows_life(struct bench *bench, struct enclave_error *err)
{
    struct life life = {.bench = bench,
                        .create = {.key = "life-create",
                                   .what = "create a sandbox (image present)",
                                   .floor_is = "the engine's API alone: create + start of an equal "
                                               "container that sleeps",
                                   .unit = "ms"},
                        .delete = {.key = "life-delete",
                                   .what = "delete it",
                                   .floor_is = "the engine's API alone: forced removal",
                                   .unit = "ms"}};
    int32_t r = bench->engine ? learn_host_config(&life, err) : 0;

    if (r == ENCLAVE_ENOTSUP) { /* a backend without containers: no floor */
        r = 0;
    }
    for (int i = 0; r == 0 && i <= bench->rounds && !bench_interrupted(); i++) {
        if (life.host_config) {
            r = live_floor(&life, i > 0, err);
        }
        if (r == 0) {
            r = live_ours(&life, i > 0, err);
        }
    }
    json_object_put(life.host_config);
    report_row(bench->json, &life.create);
    report_row(bench->json, &life.delete);
    return r;
}
