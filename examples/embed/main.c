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
    else /* error: what the program wrote to stderr, or what became of it; NULL when all is well */
        printf("%s%s", result->output, result->error ? result->error : "");
    int failed = !result || result->status != ENCLAVE_RESULT_SUCCESS;
    enclave_result_free(result);
    enclave_manager_free(manager);
    return failed;
}
