/*
 * consumer.h - what programs and plugins of others write with the public headers: every macro that
 * expands to code, in the common subset of C99, C17 and C++17. It is compiled as each of them with
 * warnings as errors, and not run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <enclave/backend.h>
#include <enclave/enclave.h>
#include <enclave/tool.h>

static int32_t consumer_open(const struct enclave_host *host, const char *options, void **ret_tool,
                             struct enclave_error *err)
{
    if (!host || !options || !ret_tool) {
        return enclave_error_set(err, ENCLAVE_EINVALID, "option '%s': no number", options);
    }
    *ret_tool = NULL;
    return ENCLAVE_OK;
}

static void consumer_close(void *tool)
{
    (void)tool;
}

static int32_t consumer_execute(void *tool, struct enclave_call *call, const char *params,
                                struct enclave_error *err)
{
    (void)tool;
    (void)call;
    return enclave_error_prefix(err, ENCLAVE_EINVALID, "parameters '%s': ", params);
}

static const struct enclave_tool_ops consumer_ops = {
    (uint32_t)sizeof(struct enclave_tool_ops),
    0,
    "Nothing",
    "{\"type\": \"object\", \"properties\": {}}",
    consumer_open,
    consumer_close,
    consumer_execute,
};

static const struct enclave_option consumer_options[] = {
    ENCLAVE_OPTION("limit", ENCLAVE_OPTION_SIZE, "1m", "bytes it may read"),
    ENCLAVE_OPTION_END,
};

/* At file scope a C++ constant would be local to the file, but for the declaration in plugin.h. */
const struct enclave_plugin enclave_plugin = {
    ENCLAVE_PLUGIN_HEADER(ENCLAVE_PLUGIN_TOOL),
    "consumer",
    "1.0.0",
    "Nothing, in three languages",
    consumer_options,
    &consumer_ops,
};

int consumer_embed(void);

int consumer_embed(void)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager_options manager_options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_create_options create_options = ENCLAVE_CREATE_OPTIONS_INIT;
    struct enclave_execute_options execute_options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_manager *manager = NULL;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];

    if (enclave_manager_new(&manager_options, &manager, &err) == 0 &&
        enclave_manager_create_sandbox(manager, NULL, NULL, &create_options, id, &err) == 0) {
        (void)enclave_manager_execute_tool(manager, id, "t", NULL, &execute_options, &result, &err);
    }
    enclave_result_free(result);
    enclave_manager_free(manager);
    return err.code;
}
