/*
 * routes.c - see routes.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "routes.h"

#include "answer.h"
#include "handlers.h"

#include <string.h>

#define TEXT_SCHEMA "{\"type\": \"string\"}"
#define NUMBER_SCHEMA "{\"type\": \"number\", \"minimum\": 0}"
#define PARAMETERS(...) ((const struct route_parameter[]){__VA_ARGS__, {0}})

#define STATUS_SCHEMA                                                                              \
    "{\"enum\": [\"initializing\", \"running\", \"idle\", \"busy\", \"stopping\", \"stopped\", "   \
    "\"error\"]}"
#define PATH_PARAMETER                                                                             \
    {                                                                                              \
        "path", "query", true, TEXT_SCHEMA, "absolute, or relative to the working directory"       \
    }
#define POOL_NAME                                                                                  \
    {                                                                                              \
        "pool_name", "query", false, TEXT_SCHEMA, "the pool; `default` without one"                \
    }

const struct route routes[] = {
    {"GET", "/health", "health", "Whether the server works, and how long it has", handle_health,
     .gives = "Health"},
    {"GET", "/stats", "stats", "Totals, counts and times", handle_stats, .gives = "Stats"},
    {"POST", "/sandbox/create", "create_sandbox", "Make a sandbox and start it", handle_create,
     .body = BODY_JSON_OPTIONAL, .takes = "SandboxConfig", .gives = "Created",
     .errors = "400 403 409 499 502",
     .parameters =
         PARAMETERS({"sandbox_type", "query", true, TEXT_SCHEMA, "a backend, or `auto`"},
                    {"sandbox_id", "query", false,
                     "{\"type\": \"string\", \"pattern\": \"^[a-z0-9][a-z0-9_-]{0,62}$\"}",
                     "the id to give it"},
                    {"Idempotency-Key", "header", false, TEXT_SCHEMA,
                     "a name for this request: sent again, it gives the same sandbox"})},
    {"GET", "/sandboxes", "list_sandboxes", "The caller's sandboxes", handle_list,
     .gives = "SandboxInfoList",
     .parameters =
         PARAMETERS({"status", "query", false, STATUS_SCHEMA, "only those in this state"})},
    {"POST", "/sandbox/tool/execute", "execute_tool",
     "Run a tool; streams what it writes if asked to by Accept", handle_execute, .body = BODY_JSON,
     .takes = "ExecuteRequest", .gives = "ToolResult", .errors = "400 404 408 409 413 499 502",
     .streams = true},
    {"GET", "/sandbox/{id}", "get_sandbox", "Facts about a sandbox", handle_info, SUBJECT_SANDBOX,
     .gives = "SandboxInfo", .errors = "400 404"},
    {"DELETE", "/sandbox/{id}", "delete_sandbox", "Stop and remove a sandbox", handle_delete,
     SUBJECT_SANDBOX, .gives = "Message", .errors = "400 404"},
    {"GET", "/sandbox/{id}/tools", "get_sandbox_tools", "Function schemas of its tools",
     handle_tools, SUBJECT_SANDBOX, .gives = "Tools", .errors = "400 404"},
    {"POST", "/sandbox/{id}/stop", "stop_sandbox", "Stop a sandbox; its entry stays", handle_stop,
     SUBJECT_SANDBOX, .gives = "Message", .errors = "400 404"},
    {"POST", "/sandbox/{id}/keep_alive", "keep_alive", "Let it live for so many seconds at least",
     handle_keep_alive, SUBJECT_SANDBOX, BODY_JSON, .takes = "KeepAlive", .gives = "Message",
     .errors = "400 404"},
    {"GET", "/sandbox/{id}/file", "get_file", "Read a file", handle_get_file, SUBJECT_SANDBOX,
     .gives_type = "application/octet-stream", .errors = "400 403 404 413 501",
     .parameters = PARAMETERS(PATH_PARAMETER, {"max_bytes", "query", false,
                                               "{\"type\": \"integer\", \"minimum\": 0}",
                                               "refuse a larger one; 0: 64 MiB"})},
    {"PUT", "/sandbox/{id}/file", "put_file", "Write a file", handle_put_file, SUBJECT_SANDBOX,
     BODY_BYTES, .gives = "Ok", .errors = "400 403 404 413 501",
     .parameters =
         PARAMETERS(PATH_PARAMETER, {"mode", "query", false,
                                     "{\"type\": \"string\", \"pattern\": \"^[0-7]{1,4}$\"}",
                                     "permission bits, octal; 0644 without"})},
    {"GET", "/sandbox/{id}/archive", "get_archive", "A file or folder as tar", handle_get_archive,
     SUBJECT_SANDBOX, .gives_type = "application/x-tar", .errors = "400 403 404 501",
     .parameters = PARAMETERS(PATH_PARAMETER)},
    {"POST", "/sandbox/{id}/archive", "put_archive", "Unpack a tar", handle_put_archive,
     SUBJECT_SANDBOX, BODY_BYTES, .gives = "Ok", .errors = "400 403 404 413 501",
     .parameters =
         PARAMETERS({"target_dir", "query", true, TEXT_SCHEMA, "where to; made when missing"})},
    {"POST", "/execution/{id}/cancel", "cancel_execution", "End an execution", handle_cancel,
     SUBJECT_EXECUTION, .gives = "Message", .errors = "400 404"},
    {"POST", "/pool/initialize", "initialize_pool", "Make a pool of sandboxes",
     handle_pool_initialize, .body = BODY_JSON_OPTIONAL, .takes = "SandboxConfig", .gives = "Pool",
     .errors = "403 409",
     .parameters = PARAMETERS(
         {"pool_size", "query", false, "{\"type\": \"integer\", \"minimum\": 0}", "how many"},
         {"sandbox_type", "query", false, TEXT_SCHEMA, "a backend, or `auto`"}, POOL_NAME,
         {"reuse", "query", false, "{\"enum\": [\"reset\", \"fresh\", \"dirty\"]}",
          "how one is given back"})},
    {"POST", "/pool/execute", "execute_tool_in_pool",
     "Run a tool in the next free sandbox of a pool", handle_pool_execute, .body = BODY_JSON,
     .takes = "Parameters", .gives = "ToolResult", .errors = "400 404 408 499 502",
     .parameters = PARAMETERS(
         {"tool_name", "query", true, TEXT_SCHEMA, "the tool"},
         {"timeout", "query", false, NUMBER_SCHEMA, "seconds to wait for a free one"}, POOL_NAME)},
    {"POST", "/sweep", "sweep", "Reclaim what is past its time, now", handle_sweep,
     .gives = "Swept"},
    {"GET", "/metrics", "metrics", "Counters for Prometheus", handle_metrics,
     .gives_type = "text/plain"},
    {"GET", "/openapi.json", "openapi", "This description", handle_openapi, .gives = "OpenApi"},
};

const size_t routes_count = sizeof routes / sizeof routes[0];

/* Whether `path` has these segments; the one that stands for {id} comes back in `ret_subject`. */
static bool path_matches(const char *path, const struct uri *uri, char **ret_subject)
{
    *ret_subject = NULL;
    for (size_t i = 0; i < uri->segments; i++) {
        size_t length = strcspn(++path, "/");
        if (length == 4 && strncmp(path, "{id}", 4) == 0) {
            *ret_subject = uri->segment[i];
            if (**ret_subject == '\0') {
                return false;
            }
        } else if (strncmp(path, uri->segment[i], length) != 0 || uri->segment[i][length] != '\0') {
            return false;
        }
        path += length;
        if (*path == '\0') {
            return i + 1 == uri->segments;
        }
    }
    return false;
}

/*
 * As it came, before anything is decoded: no id has a character that would need an escape, so an escape hides something.
 * Whether an id is one is the manager's to say; that it is harmless, in a message too, is decided here.
 */
static bool take_sandbox(struct request *request, char *subject)
{
    size_t length = strlen(subject);

    for (const char *c = subject; *c; c++) {
        if (*c == '%' || *c <= ' ' || *c > '~') {
            answer_fail(request, ENCLAVE_EINVALID,
                        "sandbox id: expected ^[a-z0-9][a-z0-9_-]{0,62}$, with nothing escaped");
            return false;
        }
    }
    if (length >= ENCLAVE_ID_SIZE) {
        answer_fail(request, ENCLAVE_EINVALID, "sandbox id: %zu characters, at most %d", length,
                    ENCLAVE_ID_SIZE - 1);
        return false;
    }
    request->subject = subject;
    return true;
}

static bool take_execution(struct request *request, char *subject)
{
    if (!uri_decode(subject, false) || strlen(subject) >= EXECUTION_ID_SIZE) {
        answer_fail(request, ENCLAVE_EINVALID,
                    "execution id: expected 1 to %d printable ASCII characters",
                    EXECUTION_ID_SIZE - 1);
        return false;
    }
    request->subject = subject;
    return true;
}

bool routes_match(struct request *request)
{
    char allowed[64] = "";

    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes[i];
        char *subject;
        if (!path_matches(route->path, &request->uri, &subject)) {
            continue;
        }
        if (strcmp(route->method, request->method) != 0) {
            size_t n = strlen(allowed);
            (void)snprintf(allowed + n, sizeof allowed - n, "%s%s", n ? ", " : "", route->method);
            continue;
        }
        request->route = route;
        return route->subject == SUBJECT_NONE ||
               (route->subject == SUBJECT_SANDBOX ? take_sandbox(request, subject)
                                                  : take_execution(request, subject));
    }
    if (allowed[0]) {
        answer_no_method(request, allowed);
    } else {
        answer_no_path(request);
    }
    return false;
}
