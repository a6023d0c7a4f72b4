/*
 * host.c - the table of services that plugins receive.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "call.h"
#include "id.h"
#include "manager.h"

#include <enclave/backend.h>

#include <string.h>

static void host_log(void *ctx, uint32_t level, const char *message)
{
    manager_log(ctx, level, "%s", message ? message : "");
}

static void host_owner_gone(void *ctx, const char *id)
{
    struct enclave_manager *manager = ctx;
    stats_reclaimed(manager->stats, "owner_gone");
    manager_log(manager, ENCLAVE_LOG_INFO, "sandbox '%s' reclaimed: owner_gone",
                id && id_valid(id) ? id : "?");
}

static const struct enclave_reclaimed host_reclaimed = {sizeof host_reclaimed, 0, host_owner_gone};

static const void *host_extension(void *ctx, const char *id)
{
    (void)ctx;
    return id && strcmp(id, ENCLAVE_RECLAIMED) == 0 ? &host_reclaimed : NULL;
}

void host_init(struct enclave_manager *manager)
{
    manager->host = (struct enclave_host){
        .size = sizeof manager->host,
        .abi_minor = ENCLAVE_ABI_MINOR,
        .ctx = manager,
        .instance = manager->config.instance,
        .log = host_log,
        .extension = host_extension,
        .get_call_info = call_get_info,
        .run = call_run,
        .file_read = call_file_read,
        .file_write = call_file_write,
        .file_stat = call_file_stat,
        .file_list = call_file_list,
        .file_remove = call_file_remove,
        .set_output = call_set_output,
        .set_error = call_set_error,
        .set_metadata = call_set_metadata,
    };
}
