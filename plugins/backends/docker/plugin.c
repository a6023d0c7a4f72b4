/*
 * plugin.c - the Docker backend: its descriptor, and where its engine is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ops.h"

static const struct backend_brand brand = {
    .engine =
        {
            .name = "Docker",
            .tls = -1,
            .login = "docker login",
            .start_hint = "start it (systemctl start docker), or set host in [backend docker] or"
                          " DOCKER_HOST",
            .access_hint = "add your user to the group that owns the socket",
        },
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
    CONTAINER_OPTIONS,
    ENCLAVE_OPTION_END,
};

static int32_t docker_open(const struct enclave_host *host, const char *text, void **ret_backend,
                           struct enclave_error *err)
{
    return ops_open(host, text, &brand, ret_backend, err);
}

static const struct enclave_backend_ops ops = CONTAINER_OPS(docker_open, 10);

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_BACKEND),
    .name = "docker",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Sandboxes in containers of a Docker engine",
    .options = options,
    .ops = &ops,
};
