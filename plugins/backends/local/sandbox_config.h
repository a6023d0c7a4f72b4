/*
 * sandbox_config.h - the configuration of a sandbox, read from the JSON that `create` receives.
 *
 * Owns: defaults, types, units, and the refusal of what must never reach an engine (control
 * characters, mounts over what the sandbox itself needs). Does not own: what an engine is told
 * about it (container_spec.h). Knows no engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_LOCAL_SANDBOX_CONFIG_H
#define ENCLAVE_LOCAL_SANDBOX_CONFIG_H

#include <enclave/error.h>

#include <json-c/json.h>
#include <stdint.h>

/* Where the agent keeps scripts; a tmpfs of its own, closed to payloads. */
#define SANDBOX_SCRATCH_DIR "/run/enclave"
/* For the agent alone, on backends that make it: /run/.enclave/proc is a /proc that it can write. */
#define SANDBOX_PRIVATE_DIR "/run/.enclave"
/* Where the agent's program lies inside. */
#define SANDBOX_AGENT_DIR "/.enclave"
#define SANDBOX_AGENT_NAME "enclave-agent"
#define SANDBOX_AGENT_PATH SANDBOX_AGENT_DIR "/" SANDBOX_AGENT_NAME

/* Processes that payloads leave to the agent, so that it can always fork. */
#define SANDBOX_AGENT_PIDS 16

/* One folder of the host in the sandbox. */
struct sandbox_volume {
    const char *source;
    const char *target;
    int read_only;
};

/* Strings and JSON are borrowed from `root`; optional ones are NULL. */
struct sandbox_config {
    json_object *root;
    const char *image;
    const char *working_dir;
    const char *network;
    const char *platform;
    const char *runtime;
    json_object *env_vars;
    json_object *ports;
    json_object *extra_hosts;
    json_object *labels;
    struct sandbox_volume *volumes;
    size_t volume_count;
    int network_enabled;
    int privileged;
    int read_only_root;
    int remove_on_exit;
    int has_user; /* uid and gid come from the configuration */
    uint32_t uid;
    uint32_t gid;
    uint64_t memory; /* bytes, as the sizes below */
    uint64_t workdir_size;
    uint64_t tmp_size;
    uint64_t shm_size;
    uint64_t cpu_quota_us; /* per period of SANDBOX_CPU_PERIOD_US */
    uint64_t pids;
    uint64_t nofile;
};

#define SANDBOX_CPU_PERIOD_US 100000

/* Read `text`. Errors: INVALID, which names the member; NOMEM. */
int32_t sandbox_config_parse(const char *text, struct sandbox_config *ret_config,
                             struct enclave_error *err);
void sandbox_config_clear(struct sandbox_config *config);

/* 1 when a volume is mounted at `path` or above it. */
int sandbox_config_in_volume(const struct sandbox_config *config, const char *path);

/* Bytes of "512m"; 0, or -1 when it is not ^\d+[kmgKMG]?$, is 0, or does not fit. */
int sandbox_parse_size(const char *text, uint64_t *ret_bytes);

#endif
