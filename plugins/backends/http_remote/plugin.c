/*
 * plugin.c - the http-remote backend: its descriptor.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "backend.h"
#include "sandbox.h"

static const struct enclave_backend_ops ops = {
    .size = sizeof ops,
    .auto_rank = 0, /* whose sandboxes are elsewhere says so */
    .open = remote_open,
    .close = remote_close,
    .probe = remote_probe,
    .capabilities = remote_capabilities,
    .create = sandbox_create,
    .stop = sandbox_stop,
    .destroy = sandbox_destroy,
    .status = sandbox_status,
    .file_read = sandbox_file_read,
    .file_write = sandbox_file_write,
    .file_stat = sandbox_file_stat,
    .file_list = sandbox_file_list,
    .file_remove = sandbox_file_remove,
    .put_archive = sandbox_put_archive,
    .get_archive = sandbox_get_archive,
    .detach = sandbox_detach,
    .execute_tool = sandbox_execute_tool,
    .list_tools = sandbox_list_tools,
    .info = sandbox_info,
    .lookup = sandbox_lookup,
    .list = remote_list,
    .keep_alive = sandbox_keep_alive,
    .sweep = remote_sweep,
    .stats = remote_stats,
    .ending = remote_ending,
};

const struct enclave_plugin enclave_plugin = {
    .magic = ENCLAVE_PLUGIN_MAGIC,
    .size = sizeof enclave_plugin,
    .abi_major = ENCLAVE_ABI_MAJOR,
    .abi_minor = ENCLAVE_ABI_MINOR,
    .needs_minor = 3,
    .kind = ENCLAVE_PLUGIN_BACKEND,
    .name = "http-remote",
    .version = ENCLAVE_VERSION_STRING,
    .summary = "Sandboxes of another manager, behind enclave serve or an ms-enclave server",
    .options = remote_options,
    .ops = &ops,
};
