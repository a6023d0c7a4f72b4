/*
 * fork_server.c - see fork_server.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fork_server.h"

#include "module_names.h"

#include <stdlib.h>

static const char program[] = {
#include "fork_server_program.h" /* made of fork_server.py */
    , '\0'};

/*
 * What decides how an interpreter starts, and nothing by which a payload could have a say in it: no
 * PYTHONPATH, no LD_LIBRARY_PATH, no home. fork_server.py starts an interpreter of its own for calls
 * that have another of these.
 */
static const char *const environment[] = {
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "PYTHON_*",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "PYTHONCOERCECLOCALE",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "PYTHONWARNINGS",
    "HOME=/nonexistent",
    NULL,
};

int32_t fork_server_read(struct json_object *options, const char *python_path, bool unbuffered,
                         struct fork_server *ret, struct enclave_error *err)
{
    size_t argc = 0;
    int32_t rc = module_names_read(options, "preload", &ret->preload, err);

    if (rc < 0) {
        return rc;
    }
    ret->argv[argc++] = python_path;
    if (unbuffered) {
        ret->argv[argc++] = "-u";
    }
    ret->argv[argc++] = "-c";
    ret->argv[argc++] = program;
    ret->argv[argc] = *ret->preload ? ret->preload : NULL;
    ret->spec = (struct enclave_fork_server){
        .size = sizeof ret->spec,
        .flags = *ret->preload ? ENCLAVE_FORK_SERVER_EAGER : 0,
        .argv = ret->argv,
        .env = environment,
    };
    ret->wanted = true;
    return 0;
}

void fork_server_clear(struct fork_server *server)
{
    free(server->preload);
    *server = (struct fork_server){0};
}
