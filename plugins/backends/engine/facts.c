/*
 * facts.c - what the engine says about itself: GET /version and GET /info; Podman's GET /libpod/info.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clock.h"
#include "json.h"
#include "state.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Questions to an engine that share a deadline. */
struct inquiry {
    struct engine *engine;
    int64_t deadline;
    int cancel_fd;
    struct engine_facts *facts;
    struct enclave_error *err;
};

static void copy_text(char *to, size_t size, json_object *json, const char *key)
{
    const char *text = json_text(json, key);

    engine_text_clean(to, size, text ? text : "", text ? strlen(text) : 0);
}

/* 0 for what is no array. */
static size_t array_length(json_object *json)
{
    return json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 0;
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
    for (size_t i = 0; i < array_length(options); i++) {
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

/* "1" and "2" of Docker, "v1" and "v2" of Podman; 0: unknown. */
static int cgroup_version(const char *text)
{
    text = text && *text == 'v' ? text + 1 : text;
    return !text ? 0 : strcmp(text, "1") == 0 ? 1 : strcmp(text, "2") == 0 ? 2 : 0;
}

static int cpu_count(int64_t count)
{
    return count > 0 && count <= INT_MAX ? (int)count : 0;
}

static void read_info(json_object *json, struct engine_facts *facts)
{
    json_object *options = json_member(json, "SecurityOptions");

    facts->cgroup_version = cgroup_version(json_text(json, "CgroupVersion"));
    facts->memory_limit = json_true(json, "MemoryLimit");
    facts->swap_limit = json_true(json, "SwapLimit");
    facts->cpu_quota = json_true(json, "CpuCfsQuota") || json_true(json, "CPUCfsQuota");
    facts->pids_limit = json_true(json, "PidsLimit");
    facts->cpus = cpu_count(json_integer(json, "NCPU"));
    facts->rootless = has_option(options, "rootless");
    facts->user_namespaces = has_option(options, "userns");
    facts->seccomp = has_option(options, "seccomp");
}

static int has_controller(json_object *controllers, const char *name)
{
    for (size_t i = 0; i < array_length(controllers); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(controllers, i));

        if (text && strcmp(text, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int64_t count_ids(json_object *ranges)
{
    int64_t ids = 0;

    for (size_t i = 0; i < array_length(ranges) && ids <= UINT32_MAX; i++) {
        int64_t size = json_integer(json_object_array_get_idx(ranges, i), "size");

        ids += size > 0 && size <= UINT32_MAX ? size : 0;
    }
    return ids;
}

static void read_libpod(json_object *json, struct engine_facts *facts)
{
    json_object *host = json_member(json, "host");
    json_object *controllers = json_member(host, "cgroupControllers");
    json_object *security = json_member(host, "security");

    copy_text(facts->version, sizeof facts->version, json_member(json, "version"), "Version");
    copy_text(facts->arch, sizeof facts->arch, host, "arch");
    copy_text(facts->os, sizeof facts->os, host, "os");
    facts->podman = 1;
    facts->cgroup_version = cgroup_version(json_text(host, "cgroupVersion"));
    facts->memory_limit = has_controller(controllers, "memory");
    facts->swap_limit = facts->memory_limit;
    facts->cpu_quota = has_controller(controllers, "cpu");
    facts->pids_limit = has_controller(controllers, "pids");
    facts->cpus = cpu_count(json_integer(host, "cpus"));
    facts->rootless = json_true(security, "rootless");
    facts->seccomp = json_true(security, "seccompEnabled");
    facts->mapped_uids = count_ids(json_member(json_member(host, "idMappings"), "uidmap"));
}

static void read_swap(json_object *json, struct engine_facts *facts)
{
    facts->swap_limit = json_true(json, "SwapLimit");
}

/* One answer, read by `read`. */
static int32_t ask(const struct inquiry *inquiry, const char *path,
                   void (*read)(json_object *json, struct engine_facts *facts))
{
    json_object *json = NULL;
    int32_t code =
        engine_request(inquiry->engine, "GET", path, NULL, clock_wait_ms(inquiry->deadline) + 1,
                       inquiry->cancel_fd, NULL, &json, inquiry->err);

    if (!code) {
        read(json, inquiry->facts);
        json_object_put(json);
    }
    return code;
}

static int32_t ask_docker(const struct inquiry *inquiry)
{
    int32_t code = ask(inquiry, "/version", read_version);

    return code ? code : ask(inquiry, "/info", read_info);
}

/*
 * By libpod's own API: Podman's /info tells what the kernel could enforce, and not that a rootless Podman may not use
 * the kernel's cgroups. Each of these requests costs Podman some 0.3 s, so there is another only for what is not in it
 * and not certain: whether cgroups of version 1 account swap.
 */
static int32_t ask_podman(const struct inquiry *inquiry)
{
    const struct engine_facts *facts = inquiry->facts;
    int32_t code = ask(inquiry, "/libpod/info", read_libpod);

    return !code && facts->memory_limit && facts->cgroup_version == 1
               ? ask(inquiry, "/info", read_swap)
               : code;
}

static int32_t ask_all(const struct inquiry *inquiry)
{
    struct engine *engine = inquiry->engine;
    struct engine_facts *facts = inquiry->facts;
    struct api_version version;
    int is_podman;
    int32_t code =
        engine_version(engine, inquiry->deadline, inquiry->cancel_fd, &version, inquiry->err);

    if (code) {
        return code;
    }
    snprintf(facts->api_version, sizeof facts->api_version, "%u.%u", version.major, version.minor);
    pthread_mutex_lock(&engine->lock);
    is_podman = engine->podman;
    pthread_mutex_unlock(&engine->lock);
    return is_podman ? ask_podman(inquiry) : ask_docker(inquiry);
}

int32_t engine_get_facts(struct engine *engine, int64_t timeout_ms, int cancel_fd,
                         struct engine_facts *ret_facts, struct enclave_error *err)
{
    struct engine_facts facts = {0};
    struct inquiry inquiry = {engine, clock_deadline(timeout_ms), cancel_fd, &facts, err};
    int32_t code;
    int known;

    pthread_mutex_lock(&engine->lock);
    known = engine->have_facts;
    if (known) {
        facts = engine->facts;
    }
    pthread_mutex_unlock(&engine->lock);
    if (!known) {
        code = ask_all(&inquiry);
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
