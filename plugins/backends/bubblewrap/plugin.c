/*
 * plugin.c - the bubblewrap backend: its descriptor, its options, and the ops that are its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_build.h"
#include "sandbox.h"

#include <enclave/plugin.h>

static const struct enclave_option options[] = {
    ENCLAVE_OPTION("rootfs", ENCLAVE_OPTION_STRING, NULL,
                   "folder that sandboxes have as their root, read-only; else the host's /usr and "
                   "what belongs to it"),
    ENCLAVE_OPTION("images", ENCLAVE_OPTION_LIST, NULL,
                   "NAME=PATH: what images are here: folders with their files, or tars of docker "
                   "save"),
    ENCLAVE_OPTION("image_dir", ENCLAVE_OPTION_STRING, NULL,
                   "folder in which an image that is not listed is looked for: NAME or NAME.tar, "
                   "with _ for each /"),
    ENCLAVE_OPTION("cache_dir", ENCLAVE_OPTION_STRING, NULL,
                   "folder in which saved images are unpacked; else /var/cache/enclave/images for "
                   "root, $XDG_CACHE_HOME/enclave/images or ~/.cache/enclave/images for others"),
    ENCLAVE_OPTION("share_network", ENCLAVE_OPTION_BOOLEAN, "false",
                   "true: network_enabled gives a sandbox the host's own network"),
    ENCLAVE_OPTION("uid_range", ENCLAVE_OPTION_STRING, UID_RANGE_DEFAULT,
                   "uids of agents and payloads, FIRST-LAST, two for each sandbox; as root only"),
    ENCLAVE_OPTION("bwrap_path", ENCLAVE_OPTION_STRING, NULL,
                   "the program bwrap; else the one in PATH"),
    ENCLAVE_OPTION("launcher_path", ENCLAVE_OPTION_STRING, NULL,
                   "the program that starts bwrap; else enclave-launcher in the folder of this "
                   "plugin"),
    ENCLAVE_OPTION("agent_path", ENCLAVE_OPTION_STRING, NULL,
                   "the agent's program; else enclave-agent in the folder of this plugin"),
    ENCLAVE_OPTION_END,
};

/* -------------------------------------------------------------------------------------- backend */

static int32_t bubblewrap_open(const struct enclave_host *host, const char *text,
                               void **ret_backend, struct enclave_error *err)
{
    struct backend *backend;
    int32_t rc = backend_open(host, text, &backend, err);

    if (!rc) {
        *ret_backend = backend;
    }
    return rc;
}

/* A sandbox of its own is the only proof: what forbids namespaces has many names. */
static int32_t bubblewrap_probe(void *backend, const struct enclave_sink *report,
                                struct enclave_error *err)
{
    json_object *object JSON_CLEANUP = json_object_new_object();
    int32_t rc = sandbox_try(backend, err);

    if (!rc && report) {
        rc = backend_describe(backend, object, err);
    }
    return rc ? rc : json_report(object, report, err);
}

static const struct enclave_backend_ops ops = {
    SANDBOX_OPS,
    .auto_rank = 30,
    .open = bubblewrap_open,
    .probe = bubblewrap_probe,
};

const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_BACKEND),
    .name = "bubblewrap",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Sandboxes in namespaces of this machine, without a daemon",
    .options = options,
    .ops = &ops,
};
