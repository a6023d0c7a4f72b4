/*
 * serve.c - `enclave serve`: puts the parts of the server together, waits for the signal to stop, takes them apart.
 *
 * Owns: the verb's options, the rule about who may be listened to without keys and TLS, the order of starting and
 * stopping. Does not own: any of the parts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../report.h"
#include "../session.h"
#include "../signals.h"
#include "../text.h"
#include "../verbs.h"
#include "address.h"
#include "clock.h"
#include "connections.h"
#include "executions.h"
#include "health.h"
#include "http.h"
#include "jobs.h"
#include "keys.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "owners.h"
#include "pem.h"
#include "policy.h"
#include "room.h"
#include "strmap.h"

#include <enclave/plugin.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SERVE_LISTEN = ARG_OWN, SERVE_INSECURE };

static const struct arg_option options[] = {
    {"listen", 'l', "ADDRESS:PORT|unix:PATH", SERVE_LISTEN},
    {"insecure", '\0', NULL, SERVE_INSECURE},
    {NULL, '\0', NULL, 0},
};

struct command {
    const char *listen;
    bool insecure;
};

static int take(void *ctx, int id, const char *value)
{
    struct command *command = ctx;

    switch (id) {
    case SERVE_LISTEN:
        command->listen = value;
        return 0;
    case SERVE_INSECURE:
        command->insecure = true;
        return 0;
    default:
        report_error("unexpected argument '%s'; try 'enclave serve --help'", value);
        return -1;
    }
}

/* ------------------------------------------------------------------------------------- starting */

struct place {
    struct address address;
    bool bound;
    char *cert, *key; /* PEM texts */
};

static int32_t open_manager(const struct globals *globals, const struct command *command,
                            struct server *server, struct enclave_error *err)
{
    struct enclave_manager_options manager = ENCLAVE_MANAGER_OPTIONS_INIT;
    AUTO_FREE char *backend = NULL;
    const char *overrides[2] = {NULL};
    int32_t r;

    if (globals->backend && asprintf(&backend, "enclave.backend=%s", globals->backend) < 0) {
        backend = NULL;
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    overrides[0] = backend;
    manager.config_path = globals->config;
    manager.overrides = backend ? overrides : NULL;
    manager.log = log_manager;
    manager.section = "server";
    manager.section_options = settings_table;
    r = enclave_manager_new(&manager, &server->manager, err);
    r = r == 0 ? settings_read(server->manager, &server->settings, err) : r;
    r = r == 0 ? policy_check_aliases(&server->settings, err) : r;
    server->settings.insecure = server->settings.insecure || command->insecure;
    return r;
}

/* What others than this machine must not do without; NULL: they cannot reach us, or nothing is missing. */
static const char *lacking(const struct settings *settings, const struct address *address)
{
    if (address->loopback || (settings->api_key_file && settings->tls_cert)) {
        return NULL;
    }
    if (settings->tls_cert) {
        return "api_key_file";
    }
    return settings->api_key_file ? "tls_cert and tls_key" : "api_key_file, tls_cert and tls_key";
}

/* One line, for who did not mean it. */
static void warn_exposed(const struct settings *settings, const struct address *address,
                         const char *text)
{
    const char *missing = lacking(settings, address);

    if (missing) {
        log_line(ENCLAVE_LOG_WARNING,
                 "insecure: others than this machine can reach %s without %s: %s", text, missing,
                 settings->api_key_file ? "keys and code cross the network in plain text"
                                        : "whoever does can run code here");
    }
}

/* Nobody but this machine, unless it is proven who calls and nobody reads along. */
static int32_t check_exposure(const struct settings *settings, const struct address *address,
                              const char *given, struct enclave_error *err)
{
    const char *missing = lacking(settings, address);

    if (settings->insecure || !missing) {
        return 0;
    }
    return enclave_error_set(err, ENCLAVE_ECONFIG,
                             "listen '%.120s': others than this machine can reach that address; "
                             "set %s in [server], or say "
                             "--insecure, which lets everybody run code here",
                             given, missing);
}

static int32_t bind_place(const struct command *command, struct server *server, struct place *place,
                          int *ret_fd, struct enclave_error *err)
{
    const struct settings *settings = &server->settings;
    const char *given = command->listen ? command->listen : settings->listen;
    int32_t r = address_parse(given, &place->address, err);

    r = r == 0 ? check_exposure(settings, &place->address, given, err) : r;
    if (r == 0 && settings->api_key_file) {
        r = keys_load(settings->api_key_file, &server->keys, err);
    }
    if (r == 0 && settings->tls_cert) {
        r = pem_read(settings->tls_cert, false, &place->cert, err);
        r = r == 0 ? pem_read(settings->tls_key, true, &place->key, err) : r;
    }
    r = r == 0 ? address_listen(&place->address, given, ret_fd, err) : r;
    place->bound = r == 0;
    return r;
}

static void know_backends(struct server *server)
{
    AUTO_TEXT char *text = NULL;
    AUTO_JSON struct json_object *plugins = NULL;

    if (enclave_manager_get_plugins(server->manager, &text, NULL) != 0) {
        return;
    }
    plugins = json_tokener_parse(text);
    for (size_t i = 0; plugins && i < json_object_array_length(plugins); i++) {
        struct json_object *plugin = json_object_array_get_idx(plugins, i);
        if (strcmp(json_text(plugin, "kind", ""), "backend") == 0 &&
            strcmp(json_text(plugin, "state", ""), "loaded") == 0) {
            (void)strmap_set(server->backends, json_text(plugin, "name", ""), NULL);
        }
    }
}

static int32_t make_parts(struct server *server, struct enclave_error *err)
{
    const struct settings *settings = &server->settings;
    int32_t r;

    server->connections = connections_new(settings->max_connections);
    server->quick = jobs_new(settings->workers, settings->max_jobs);
    server->jobs = jobs_new(settings->workers, settings->max_jobs);
    server->transfers = jobs_new(settings->workers, settings->max_jobs);
    server->pool_jobs = jobs_new(settings->max_pool_executions, settings->max_pool_executions);
    server->submitter = jobs_new(1, settings->max_connections);
    server->owners = owners_new(server);
    server->room = room_new(server);
    server->memory = memory_new(settings->max_buffered);
    server->backends = strmap_new(1024);
    server->executions = executions_new(server);
    server->health = health_new();
    server->quiet_fd = eventfd(0, EFD_CLOEXEC);
    if (!server->connections || !server->quick || !server->jobs || !server->transfers ||
        !server->pool_jobs || !server->submitter || !server->owners || !server->room ||
        !server->memory || !server->backends || !server->executions || !server->health ||
        server->quiet_fd < 0) {
        return enclave_error_set(err, ENCLAVE_ENOMEM, "out of memory");
    }
    know_backends(server);
    r = owners_fill(server->owners, err);
    return r == 0 ? loop_start(server, &server->loop, err) : r;
}

/* As many connections as the system lets us have. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int32_t start(const struct globals *globals, const struct command *command,
                     struct server *server, struct place *place, struct enclave_error *err)
{
    char text[256];
    int fd = -1;
    int32_t r;

    raise_limit();
    log_setup(false, globals->level < 0   ? ENCLAVE_LOG_ERROR
                     : globals->level > 1 ? ENCLAVE_LOG_DEBUG
                                          : ENCLAVE_LOG_INFO);
    server->started_us = clock_us();
    server->quiet_fd = -1;
    r = open_manager(globals, command, server, err);
    if (r == 0 && server->settings.log_json) {
        log_setup(true, log_wants(ENCLAVE_LOG_DEBUG)  ? ENCLAVE_LOG_DEBUG
                        : log_wants(ENCLAVE_LOG_INFO) ? ENCLAVE_LOG_INFO
                                                      : ENCLAVE_LOG_ERROR);
    }
    r = r == 0 ? bind_place(command, server, place, &fd, err) : r;
    if (r == 0) {
        address_text(fd, place->cert != NULL, text, sizeof text);
        warn_exposed(&server->settings, &place->address, text);
    }
    r = r == 0 ? make_parts(server, err) : r;
    if (r == 0) {
        r = http_start(server, fd, place->cert, place->key, err);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (r == 0) {
        log_line(ENCLAVE_LOG_INFO, "enclave %s serves %s", enclave_version(), text);
    }
    return r;
}

/* ------------------------------------------------------------------------------------- stopping */

/* Wait until no request is under way, for `ms` at most; -1: however long it takes. */
static bool drain(struct server *server, int64_t ms)
{
    struct pollfd quiet = {.fd = server->quiet_fd, .events = POLLIN};
    int64_t until = clock_ms() + ms;

    while (atomic_load(&server->counters.active) > 0) {
        int64_t left = ms < 0 ? -1 : until - clock_ms();
        uint64_t times;
        if (ms >= 0 && left <= 0) {
            return false;
        }
        if (poll(&quiet, 1, (int)left) == 1) {
            (void)!read(quiet.fd, &times, sizeof times);
        }
    }
    return true;
}

static void stop(struct server *server)
{
    unsigned active = atomic_load(&server->counters.active);

    log_line(ENCLAVE_LOG_INFO, "stopping; %u request%s under way", active,
             active == 1 ? " is" : "s are");
    http_quiesce(server);
    if (!drain(server, server->settings.stop_timeout_ms)) {
        active = atomic_load(&server->counters.active);
        log_line(ENCLAVE_LOG_WARNING, "cancelling %u request%s under way still", active,
                 active == 1 ? " that is" : "s that are");
        executions_cancel_all(server->executions);
        connections_cancel_all(server->connections);
        connections_hurry(server->connections, server->settings.stop_timeout_ms);
        (void)drain(server, -1);
    }
}

static void destroy(struct server *server, struct place *place)
{
    http_stop(server);
    jobs_free(server->quick);
    jobs_free(server->jobs);
    jobs_free(server->transfers);
    jobs_free(server->pool_jobs);
    jobs_free(server->submitter);
    loop_stop(server->loop);
    enclave_manager_free(server->manager);
    http_free(server);
    executions_free(server->executions);
    owners_free(server->owners);
    room_free(server->room);
    memory_free(server->memory);
    strmap_free(server->backends);
    health_free(server->health);
    connections_free(server->connections);
    keys_free(server->keys);
    settings_free(&server->settings);
    (void)close(server->quiet_fd);
    if (place->bound) {
        address_remove(&place->address);
    }
    free(place->cert);
    pem_free(place->key);
}

static void wait_for_signal(struct signals *signals)
{
    struct pollfd fd = {.fd = signals_fd(signals), .events = POLLIN};

    while (poll(&fd, 1, -1) < 1) {
    }
}

/* Options of every verb that say nothing about a server itself. */
static int refuse_globals(const struct globals *globals)
{
    if (globals->server || globals->key_file) {
        report_error("--%s is for the clients of a server; where this one listens says --listen, "
                     "and its keys are those of api_key_file in [server]",
                     globals->server ? "server" : "key-file");
        return EXIT_ENCLAVE;
    }
    if (globals->json) {
        report_error("serve takes no --json; its log is JSON with log_format = json in [server]");
        return EXIT_ENCLAVE;
    }
    return -1;
}

static int serve(struct globals *globals, int argc, char **argv, int first)
{
    struct command command = {0};
    struct arg_parser parser = {
        .options = options, .globals = globals, .take = take, .ctx = &command};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct server *server;
    struct place place = {0};
    struct signals *signals;
    int code = verb_parse(&verb_serve, &parser, argc, argv, first);

    code = code >= 0 ? code : refuse_globals(globals);
    if (code >= 0) {
        return code;
    }
    server = calloc(1, sizeof *server);
    signals = server ? signals_start(SIGNALS_WITH_SANDBOX) : NULL;
    if (!signals) {
        free(server);
        return EXIT_ENCLAVE;
    }
    code = EXIT_OK;
    if (start(globals, &command, server, &place, &err) == 0) {
        wait_for_signal(signals);
        stop(server);
    } else {
        report_error("%s", err.message);
        code = EXIT_ENCLAVE;
    }
    destroy(server, &place);
    if (code == EXIT_OK) {
        log_line(ENCLAVE_LOG_INFO, "stopped");
    }
    free(server);
    signals_stop(signals);
    return code;
}

const struct verb verb_serve = {
    .name = "serve",
    .summary = "Offer sandboxes over HTTP",
    .help =
        "Offer sandboxes over HTTP, until SIGTERM or Ctrl-C.\n\n"
        "Usage: enclave serve [OPTION]...\n\n"
        "  -l, --listen ADDRESS:PORT   127.0.0.1:8000 unless [server] says otherwise;\n"
        "                              port 0: any that is free, told in the log\n"
        "  -l, --listen unix:PATH      a Unix socket, for our user and group\n"
        "      --insecure              listen where others can reach us without keys or\n"
        "                              TLS: whoever does can run code here\n"
        "  -c, --config FILE           read this INI file instead of the usual one\n"
        "  -b, --backend NAME          where sandboxes of type 'auto' live\n"
        "  -v, -vv, -q                 log more, or errors only\n\n"
        "What remote callers may ask for, API keys, TLS, limits and the log's form stand\n"
        "in the section [server] of the INI file: docs/server.md. On the first signal the\n"
        "server takes no more requests, gives those under way 'stop_timeout' seconds,\n"
        "cancels the rest and deletes the sandboxes (on_free = keep leaves them to the\n"
        "next server of the instance). The third signal ends it at once.\n\n"
        "Examples:\n"
        "  enclave serve\n"
        "  enclave serve --listen unix:/run/enclave/enclave.sock\n"
        "  enclave serve --config /etc/enclave/ms-enclave-compatible.ini\n"
        "  curl -X POST '127.0.0.1:8000/sandbox/create?sandbox_type=auto' \\\n"
        "       -d '{\"tools_config\": [\"python_executor\"]}'\n"
        "  curl 127.0.0.1:8000/sandbox/tool/execute -d '{\"sandbox_id\": \"ID\",\n"
        "       \"tool_name\": \"python_executor\", \"parameters\": {\"code\": \"print(1)\"}}'\n"
        "  curl 127.0.0.1:8000/openapi.json          # everything else\n",
    .run = serve,
};
