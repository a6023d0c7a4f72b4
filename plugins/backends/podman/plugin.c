/*
 * plugin.c - the Podman backend: its descriptor, and where its engine is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"
#include "ops.h"

#include <unistd.h>

static char *find_host(void)
{
    return podman_address(geteuid());
}

static const struct backend_brand brand = {
    .engine =
        {
            .name = "Podman",
            .login = "podman login",
            .api_version = "", /* what $DOCKER_API_VERSION says is not for Podman */
            .start_hint = "start it (systemctl --user start podman.socket, as root without --user;"
                          " or podman system service -t 0), or set host in [backend podman] or"
                          " CONTAINER_HOST",
            .access_hint = "it is another user's; start your own (systemctl --user start"
                           " podman.socket)",
        },
    .find_host = find_host,
};

static const struct enclave_option options[] = {
    ENCLAVE_OPTION(
        "host", ENCLAVE_OPTION_STRING, NULL,
        "address of the engine: unix:///path or tcp://host:port; else $CONTAINER_HOST, else "
        "unix:///run/podman/podman.sock for root and "
        "unix://$XDG_RUNTIME_DIR/podman/podman.sock for others"),
    ENCLAVE_OPTION(
        "config_path", ENCLAVE_OPTION_STRING, NULL,
        "folder of config.json with credentials for registries, which win over Podman's own; else "
        "$DOCKER_CONFIG, else ~/.docker"),
    CONTAINER_OPTIONS,
    ENCLAVE_OPTION_END,
};

static int32_t podman_open(const struct enclave_host *host, const char *text, void **ret_backend,
                           struct enclave_error *err)
{
    return ops_open(host, text, &brand, ret_backend, err);
}

static const struct enclave_backend_ops ops = CONTAINER_OPS(podman_open, 20);

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_BACKEND),
    .name = "podman",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Sandboxes in containers of Podman, rootful or rootless",
    .options = options,
    .ops = &ops,
};
