/*
 * facts.c - what the engine says about itself: GET /version and GET /info.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "json.h"
#include "state.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Both requests together; a probe has to answer within 5 seconds. */
#define FACTS_TIMEOUT_MS 4500

static void copy_text(char *to, size_t size, json_object *json, const char *key)
{
    const char *text = json_text(json, key);

    engine_text_clean(to, size, text ? text : "", text ? strlen(text) : 0);
}

static void read_version(json_object *json, struct engine_facts *facts)
{
    copy_text(facts->version, sizeof facts->version, json, "Version");
    copy_text(facts->arch, sizeof facts->arch, json, "Arch");
    copy_text(facts->os, sizeof facts->os, json, "Os");
}

/* Options look like "name=seccomp,profile=default". */
static int has_option(json_object *options, const char *name)
{
    size_t count =
        json_object_is_type(options, json_type_array) ? json_object_array_length(options) : 0;

    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(options, i);
        const char *text =
            json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
        size_t length = strlen(name);
        if (strncmp(text, "name=", 5) == 0 && strncmp(text + 5, name, length) == 0 &&
            (text[5 + length] == '\0' || text[5 + length] == ',')) {
            return 1;
        }
    }
    return 0;
}

static void read_info(json_object *json, struct engine_facts *facts)
{
    json_object *options = json_member(json, "SecurityOptions");
    const char *cgroup = json_text(json, "CgroupVersion");
    int64_t cpus = json_integer(json, "NCPU");

    facts->cgroup_version = !cgroup                    ? 0
                            : strcmp(cgroup, "1") == 0 ? 1
                            : strcmp(cgroup, "2") == 0 ? 2
                                                       : 0;
    facts->memory_limit = json_true(json, "MemoryLimit");
    facts->swap_limit = json_true(json, "SwapLimit");
    facts->cpu_quota = json_true(json, "CpuCfsQuota") || json_true(json, "CPUCfsQuota");
    facts->pids_limit = json_true(json, "PidsLimit");
    facts->cpus = cpus > 0 && cpus <= INT_MAX ? (int)cpus : 0;
    facts->rootless = has_option(options, "rootless");
    facts->user_namespaces = has_option(options, "userns");
    facts->seccomp = has_option(options, "seccomp");
}

static int32_t ask(struct engine *engine, struct engine_facts *facts, struct enclave_error *err)
{
    int64_t deadline = clock_deadline(FACTS_TIMEOUT_MS);
    struct api_version version;
    json_object *json = NULL;
    int32_t code = engine_version(engine, deadline, -1, &version, err);

    if (code) {
        return code;
    }
    snprintf(facts->api_version, sizeof facts->api_version, "%u.%u", version.major, version.minor);
    code = engine_request(engine, "GET", "/version", NULL, clock_wait_ms(deadline) + 1, -1, NULL,
                          &json, err);
    if (code) {
        return code;
    }
    read_version(json, facts);
    json_object_put(json);
    json = NULL;
    code = engine_request(engine, "GET", "/info", NULL, clock_wait_ms(deadline) + 1, -1, NULL,
                          &json, err);
    if (code) {
        return code;
    }
    read_info(json, facts);
    json_object_put(json);
    return 0;
}

int32_t engine_get_facts(struct engine *engine, struct engine_facts *ret_facts,
                         struct enclave_error *err)
{
    struct engine_facts facts = {0};
    int32_t code;
    int known;

    pthread_mutex_lock(&engine->lock);
    known = engine->have_facts;
    if (known) {
        facts = engine->facts;
    }
    pthread_mutex_unlock(&engine->lock);
    if (!known) {
        code = ask(engine, &facts, err);
        if (code) {
            return code;
        }
        pthread_mutex_lock(&engine->lock);
        engine->facts = facts;
        engine->have_facts = 1;
        pthread_mutex_unlock(&engine->lock);
    }
    *ret_facts = facts;
    return 0;
}
