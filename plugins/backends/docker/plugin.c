/*
 * plugin.c - the Docker backend: its descriptor, its options, and its ops, which hand on to
 * backend.h, sandbox.h and the agent's client.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sandbox.h"

#include <enclave/plugin.h>

static const struct backend_brand brand = {
    .name = "Docker",
    .start_hint = "start it (systemctl start docker), or set host in [backend docker] or"
                  " DOCKER_HOST",
};

static const struct enclave_option options[] = {
    ENCLAVE_OPTION(
        "host", ENCLAVE_OPTION_STRING, NULL,
        "address of the engine: unix:///path or tcp://host:port; else $DOCKER_HOST, else "
        "unix:///var/run/docker.sock"),
    ENCLAVE_OPTION("tls", ENCLAVE_OPTION_STRING, "auto",
                   "TLS with verification for tcp://: true, false, or auto: as $DOCKER_TLS_VERIFY "
                   "says"),
    ENCLAVE_OPTION("cert_path", ENCLAVE_OPTION_STRING, NULL,
                   "folder with ca.pem, cert.pem and key.pem; else $DOCKER_CERT_PATH, else "
                   "~/.docker"),
    ENCLAVE_OPTION(
        "config_path", ENCLAVE_OPTION_STRING, NULL,
        "folder of config.json with the credentials for registries; else $DOCKER_CONFIG, "
        "else ~/.docker"),
    ENCLAVE_OPTION("pull", ENCLAVE_OPTION_STRING, "missing",
                   "missing: pull an image that the engine does not have; never: refuse"),
    ENCLAVE_OPTION(
        "uid_range", ENCLAVE_OPTION_STRING, UID_RANGE_DEFAULT,
        "uids of payloads, FIRST-LAST, one for each sandbox; the default becomes " UID_RANGE_MAPPED
        " where the engine is rootless or remaps users"),
    ENCLAVE_OPTION("agent_path", ENCLAVE_OPTION_STRING, NULL,
                   "the agent's program; else enclave-agent in the folder of this plugin"),
    ENCLAVE_OPTION("agent_mount", ENCLAVE_OPTION_STRING, "auto",
                   "how the agent gets into a container: bind, upload, or auto: bind where the "
                   "engine sees our files"),
    ENCLAVE_OPTION("request_timeout", ENCLAVE_OPTION_SECONDS, "60",
                   "seconds that the engine may take for one request, pulls aside"),
    ENCLAVE_OPTION_END,
};

/* -------------------------------------------------------------------------------------- backend */

static int32_t docker_open(const struct enclave_host *host, const char *text, void **ret_backend,
                           struct enclave_error *err)
{
    struct backend *backend;
    int32_t rc = backend_open(host, text, &brand, &backend, err);

    if (!rc) {
        *ret_backend = backend;
    }
    return rc;
}

static void docker_close(void *backend)
{
    backend_close(backend);
}

static int32_t docker_probe(void *backend, const struct enclave_sink *report,
                            struct enclave_error *err)
{
    return backend_probe(backend, report, err);
}

static int32_t docker_capabilities(void *backend, uint64_t *ret_bits, struct enclave_error *err)
{
    return backend_capabilities(backend, ret_bits, err);
}

/* -------------------------------------------------------------------------------------- sandbox */

/* What crosses begins with its size; what the host does not know stays 0 (ABI.md, rule 2). */
static void copy_sized(void *to, size_t to_size, const void *from, uint32_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static int32_t docker_create(void *backend, const struct enclave_sandbox_spec *host_spec,
                             struct enclave_sandbox_facts *host_facts, void **ret_sandbox,
                             struct enclave_error *err)
{
    struct enclave_sandbox_spec spec;
    struct enclave_sandbox_facts facts;
    struct sandbox *sandbox;
    uint32_t facts_size = host_facts->size;
    int32_t rc;

    copy_sized(&spec, sizeof spec, host_spec, host_spec->size);
    copy_sized(&facts, sizeof facts, host_facts, facts_size);
    rc = sandbox_create(backend, &spec, &facts, &sandbox, err);
    if (rc) {
        return rc;
    }
    memcpy(host_facts, &facts, facts_size < sizeof facts ? facts_size : sizeof facts);
    *ret_sandbox = sandbox;
    return 0;
}

static int32_t docker_stop(void *sandbox, struct enclave_error *err)
{
    return sandbox_stop(sandbox, err);
}

static int32_t docker_destroy(void *sandbox, struct enclave_error *err)
{
    return sandbox_destroy(sandbox, err);
}

static uint32_t docker_status(void *sandbox)
{
    return sandbox_status(sandbox);
}

static int32_t docker_spawn(void *sandbox, const struct enclave_spawn *spawn,
                            const struct enclave_process_events *events, void **ret_process,
                            struct enclave_error *err)
{
    return agent_spawn(sandbox_agent(sandbox), spawn, events, ret_process, err);
}

/* ---------------------------------------------------------------------------------------- files */

static int32_t docker_file_read(void *sandbox, const struct enclave_file_request *request,
                                int32_t cancel_fd, const struct enclave_sink *to,
                                struct enclave_error *err)
{
    return agent_file_read(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

static int32_t docker_file_write(void *sandbox, const struct enclave_file_request *request,
                                 int32_t cancel_fd, const struct enclave_source *from,
                                 struct enclave_error *err)
{
    return agent_file_write(sandbox_agent(sandbox), request, cancel_fd, from, err);
}

static int32_t docker_file_stat(void *sandbox, const struct enclave_file_request *request,
                                int32_t cancel_fd, const struct enclave_entry_sink *to,
                                struct enclave_error *err)
{
    return agent_file_stat(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

static int32_t docker_file_list(void *sandbox, const struct enclave_file_request *request,
                                int32_t cancel_fd, const struct enclave_entry_sink *to,
                                struct enclave_error *err)
{
    return agent_file_list(sandbox_agent(sandbox), request, cancel_fd, to, err);
}

static int32_t docker_file_remove(void *sandbox, const struct enclave_file_request *request,
                                  int32_t cancel_fd, struct enclave_error *err)
{
    return agent_file_remove(sandbox_agent(sandbox), request, cancel_fd, err);
}

static int32_t docker_put_archive(void *sandbox, const struct enclave_file_request *request,
                                  int32_t cancel_fd, const struct enclave_source *tar,
                                  struct enclave_error *err)
{
    return agent_put_archive(sandbox_agent(sandbox), request, cancel_fd, tar, err);
}

static int32_t docker_get_archive(void *sandbox, const struct enclave_file_request *request,
                                  int32_t cancel_fd, const struct enclave_sink *tar,
                                  struct enclave_error *err)
{
    return agent_get_archive(sandbox_agent(sandbox), request, cancel_fd, tar, err);
}

/* --------------------------------------------------------------------------------------- tables */

static const struct enclave_backend_ops ops = {
    .size = sizeof ops,
    .auto_rank = 10,
    .open = docker_open,
    .close = docker_close,
    .probe = docker_probe,
    .capabilities = docker_capabilities,
    .create = docker_create,
    .stop = docker_stop,
    .destroy = docker_destroy,
    .status = docker_status,
    .spawn = docker_spawn,
    .process_write = agent_process_write,
    .process_close_stdin = agent_process_close_stdin,
    .process_credit = agent_process_credit,
    .process_signal = agent_process_signal,
    .process_kill = agent_process_kill,
    .process_release = agent_process_release,
    .file_read = docker_file_read,
    .file_write = docker_file_write,
    .file_stat = docker_file_stat,
    .file_list = docker_file_list,
    .file_remove = docker_file_remove,
    .put_archive = docker_put_archive,
    .get_archive = docker_get_archive,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_BACKEND),
    .name = "docker",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Sandboxes in containers of a Docker engine",
    .options = options,
    .ops = &ops,
};
