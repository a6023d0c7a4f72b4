/* SPDX-License-Identifier: Apache-2.0 */
#include "image_config.h"

#include "json_build.h"

#include <enclave/error.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

json_object *image_json_parse(const char *text, size_t length)
{
    json_tokener *tokener = length < INT_MAX ? json_tokener_new_ex(DEPTH_MAX) : NULL;
    json_object *json;
    int whole;

    if (!tokener) {
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json = json_tokener_parse_ex(tokener, text, (int)length);
    whole = json_tokener_get_error(tokener) == json_tokener_success &&
            strspn(text + json_tokener_get_parse_end(tokener), " \t\r\n") ==
                length - json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (!whole) {
        json_object_put(json);
        json = NULL;
    }
    return json;
}

/* A copy of NAME=VALUE; NULL when it is none. */
static char *variable(json_object *item)
{
    const char *text = json_object_get_string(item);
    size_t length = (size_t)json_object_get_string_len(item);

    if (!json_object_is_type(item, json_type_string) || strlen(text) != length || text[0] == '=' ||
        !strchr(text, '=')) {
        return NULL;
    }
    return strdup(text);
}

int32_t image_config_env(json_object *config, char ***ret_env)
{
    json_object *list = json_member(json_member(config, "config"), "Env");
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    char **env = calloc(count + 1, sizeof *env);

    if (!env) {
        return ENCLAVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        env[i] = variable(json_object_array_get_idx(list, i));
        if (!env[i]) {
            image_env_free(env);
            return ENCLAVE_EINVALID;
        }
    }
    *ret_env = env;
    return 0;
}

void image_env_free(char **env)
{
    for (char **at = env; at && *at; at++) {
        free(*at);
    }
    free(env);
}

const char *image_machine(void)
{
    /* GOARCH values, as config.md wants them. */
#if defined(__x86_64__)
    return "amd64";
#elif defined(__aarch64__)
    return "arm64";
#elif defined(__i386__)
    return "386";
#elif defined(__arm__)
    return "arm";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    return "ppc64le";
#elif defined(__s390x__)
    return "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
    return "riscv64";
#elif defined(__loongarch64)
    return "loong64";
#else
#error "name this architecture as images do"
#endif
}
