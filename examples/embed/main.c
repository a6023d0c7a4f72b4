/* SPDX-License-Identifier: Apache-2.0 */
#include <enclave/enclave.h>
#include <stdio.h>

int main(void)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    struct enclave_result *result = NULL;
    char id[ENCLAVE_ID_SIZE];
    const char *config = "{\"tools_config\": [\"python_executor\"]}";
    const char *params = "{\"code\": \"print(40 + 2)\"}";

    if (enclave_manager_new(NULL, &manager, &err) ||
        enclave_manager_create_sandbox(manager, NULL, config, NULL, id, &err) ||
        enclave_manager_execute_tool(manager, id, "python_executor", params, NULL, &result, &err))
        fprintf(stderr, "%s\n", err.message);
    else
        fputs(result->output, stdout);
    enclave_result_free(result);
    enclave_manager_free(manager);
    return enclave_error_exit_code(err.code);
}
