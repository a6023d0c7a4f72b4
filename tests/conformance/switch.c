/*
 * switch.c - a program that uses sandboxes and does not know where they live: $ENCLAVE_CONFIG says it. What it
 * prints is the same for every backend; switch.sh compares.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <enclave/enclave.h>

#include <stdio.h>
#include <string.h>

static const char config[] = "{\"tools_config\": [\"python_executor\", \"shell_executor\"], "
                             "\"env_vars\": {\"NAME\": \"value\"}}";

static const struct {
    const char *tool, *params;
} calls[] = {
    {"python_executor", "{\"code\": \"print(open('in.txt').read(), 40 + 2)\"}"},
    {"python_executor", "{\"code\": \"import os; print(os.getcwd(), os.environ['NAME'])\"}"},
    {"shell_executor", "{\"command\": \"echo out; echo err >&2; exit 3\"}"},
    {"shell_executor", "{\"command\": [\"no-such-program\"]}"},
    {"shell_executor", "{\"command\": \"kill -9 $$\"}"},
    {"shell_executor", "{\"command\": \"exec sleep 100\", \"timeout\": 1}"},
    {"shell_executor",
     "{\"command\": \"tr a-z A-Z <in.txt >out.txt; touch /usr/x 2>/dev/null || echo no\"}"},
};

static int32_t call_all(struct enclave_manager *manager, const char *id, struct enclave_error *err)
{
    int32_t r = 0;

    for (size_t i = 0; r == 0 && i < sizeof calls / sizeof *calls; i++) {
        struct enclave_result *result = NULL;
        r = enclave_manager_execute_tool(manager, id, calls[i].tool, calls[i].params, NULL, &result,
                                         err);
        if (r == 0) {
            printf("%s: %s %d %d [%s] [%s]\n", calls[i].tool, enclave_cause_name(result->cause),
                   (int)result->exit_code, (int)result->signal, result->output,
                   result->error ? result->error : "");
        }
        enclave_result_free(result);
    }
    return r;
}

static int32_t use(struct enclave_manager *manager, struct enclave_error *err)
{
    char id[ENCLAVE_ID_SIZE];
    void *data = NULL;
    uint64_t length = 0;
    int32_t r = enclave_manager_create_sandbox(manager, NULL, config, NULL, id, err);

    if (r == 0 && (r = enclave_manager_put_file(manager, id, "in.txt", "text", 4, 0, err)) == 0 &&
        (r = call_all(manager, id, err)) == 0 &&
        (r = enclave_manager_get_file(manager, id, "out.txt", 0, &data, &length, err)) == 0) {
        printf("out.txt: %s\n", (char *)data);
    }
    enclave_free(data);
    return r;
}

int main(void)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    int32_t r = enclave_manager_new(NULL, &manager, &err);

    if (r == 0) {
        r = use(manager, &err);
    }
    enclave_manager_free(manager);
    if (r != 0) {
        fprintf(stderr, "%s\n", err.message);
    }
    return r == 0 ? 0 : r == ENCLAVE_EUNREACHABLE ? 77 : 1;
}
