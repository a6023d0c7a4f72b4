/*
 * doctor.c - `enclave doctor`: what works on this machine; for what does not, why and what to do.
 *
 * Owns: the list of findings. Does not own: the checks of backends, which their plugins make.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "report.h"
#include "session.h"
#include "text.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Say what works on this machine; for what does not, why and what to do.\n\n"
    "Usage: enclave doctor [--json]\n\n"
    "Checks the configuration, the plugins and whether each backend answers, and\n"
    "says which of them makes the sandboxes. Exits with 0 when the configuration is\n"
    "right and that one works, else with 1. Whether an image can be had, the first\n"
    "run tells.\n\n"
    "Examples:\n"
    "  enclave doctor\n"
    "  enclave doctor --json | jq '.[] | select(.ok == false)'\n";

#define DETAIL_MAX 600

struct doctor {
    const struct globals *globals;
    struct json_object *findings;
    bool config_ok;
    bool sandboxes_ok;
};

/* Note a finding: {"check", "name", "ok", "detail"}. */
static void note(struct doctor *doctor, const char *check, const char *name, bool ok,
                 const char *detail)
{
    struct json_object *finding = json_object_new_object();

    if (!finding) {
        return;
    }
    json_object_object_add(finding, "check", json_object_new_string(check));
    json_object_object_add(finding, "name", json_object_new_string(name));
    json_object_object_add(finding, "ok", json_object_new_boolean(ok));
    /* A message that was cut may end in the middle of a character, which JSON must not. */
    json_object_object_add(
        finding, "detail",
        json_object_new_string_len(detail, (int)text_utf8_prefix(detail, strlen(detail))));
    json_object_array_add(doctor->findings, finding);
}

/* Open a manager; with a configuration that cannot be used, one without it, since the other
 * checks are worth making all the same. */
static struct enclave_manager *check_config(struct doctor *doctor)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_error again = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    struct globals defaults = *doctor->globals;

    if (session_open(doctor->globals, &manager, &err) == 0) {
        doctor->config_ok = true;
        note(doctor, "configuration", "", true, "readable and valid; 'enclave config' shows it");
        return manager;
    }
    note(doctor, "configuration", "", false, err.message);
    defaults.config = "";
    if (session_open(&defaults, &manager, &again) != 0) {
        if (strcmp(err.message, again.message) != 0) {
            note(doctor, "defaults", "", false, again.message);
        }
        return NULL;
    }
    return manager;
}

/* Ask the manager; a failure to answer is a finding too. NULL then. */
static struct json_object *ask(struct doctor *doctor, struct enclave_manager *manager,
                               session_question question, const char *check)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_TEXT char *text = NULL;
    struct json_object *answer;

    if (question(manager, &text, &err) != 0) {
        note(doctor, check, "", false, err.message);
        return NULL;
    }
    answer = json_tokener_parse(text);
    if (!json_object_is_type(answer, json_type_array)) {
        json_object_put(answer);
        note(doctor, check, "", false, "the library's answer is not a JSON array");
        return NULL;
    }
    return answer;
}

static void check_plugins(struct doctor *doctor, struct enclave_manager *manager)
{
    AUTO_JSON struct json_object *plugins =
        ask(doctor, manager, enclave_manager_get_plugins, "plugins");
    unsigned loaded = 0;
    char detail[64];

    for (size_t i = 0; plugins && i < json_object_array_length(plugins); i++) {
        struct json_object *plugin = json_object_array_get_idx(plugins, i);
        const char *state = json_text(plugin, "state", "");
        loaded += strcmp(state, "loaded") == 0;
        if (strcmp(state, "refused") == 0) {
            note(doctor, "plugin", json_text(plugin, "file", "?"), false,
                 json_text(plugin, "reason", "refused"));
        }
    }
    (void)snprintf(detail, sizeof detail, "%u loaded; 'enclave plugins' lists them", loaded);
    note(doctor, "plugins", "", loaded > 0,
         loaded > 0 ? detail : "none loaded; set ENCLAVE_PLUGIN_PATH to the folder they are in");
}

/* What a backend tells about itself, for people: "engine Docker, rootless no, cpus 2". */
static void describe(struct json_object *backend, char *text, size_t size)
{
    struct json_object *detail = NULL;
    size_t used = 0;

    (void)snprintf(text, size, "%s", json_text(backend, "detail", "works"));
    if (!json_object_object_get_ex(backend, "detail", &detail) ||
        !json_object_is_type(detail, json_type_object)) {
        return;
    }
    json_object_object_foreach(detail, key, value)
    {
        const char *shown = json_object_get_string(value);
        if (json_object_is_type(value, json_type_boolean)) {
            shown = json_object_get_boolean(value) ? "yes" : "no";
        }
        int n = snprintf(text + used, size - used, "%s%s %s", used > 0 ? ", " : "", key,
                         shown ? shown : "-");
        if (n < 0 || (size_t)n >= size - used) {
            return; /* cut */
        }
        used += (size_t)n;
    }
}

static bool works(struct json_object *backend)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(backend, "works", &value) && json_object_get_boolean(value);
}

/* The backend that sandboxes are made by: the one named, or for "auto" the first in rank that works; NULL: none. */
static struct json_object *choose(struct json_object *backends, const char *wanted)
{
    struct json_object *chosen = NULL;
    int64_t lowest = INT64_MAX;

    for (size_t i = 0; backends && i < json_object_array_length(backends); i++) {
        struct json_object *backend = json_object_array_get_idx(backends, i);
        struct json_object *rank = NULL;
        int64_t number = json_object_object_get_ex(backend, "auto_rank", &rank)
                             ? json_object_get_int64(rank)
                             : 0;
        if (strcmp(wanted, json_text(backend, "backend", "")) == 0) {
            return works(backend) ? backend : NULL;
        }
        if (strcmp(wanted, "auto") == 0 && works(backend) && number > 0 && number < lowest) {
            lowest = number;
            chosen = backend;
        }
    }
    return chosen;
}

/* Which backend a sandbox gets that is created without naming one, and why. */
static void check_sandboxes(struct doctor *doctor, struct enclave_manager *manager,
                            struct json_object *backends)
{
    AUTO_JSON struct json_object *config =
        ask(doctor, manager, enclave_manager_get_config, "configuration");
    struct json_object *setting = session_setting(config, "enclave", "backend");
    const char *wanted = json_text(setting, "value", "auto");
    bool automatic = strcmp(wanted, "auto") == 0;
    struct json_object *chosen = choose(backends, wanted);
    char detail[DETAIL_MAX];

    if (chosen) {
        (void)snprintf(detail, sizeof detail, "made by %s, %s (backend = %s, from %s)",
                       json_text(chosen, "backend", "?"),
                       automatic ? "the first that works" : "as configured", wanted,
                       json_text(setting, "source", "default"));
    } else if (automatic) {
        (void)snprintf(detail, sizeof detail,
                       "no backend works, so none can be made; mend one of the above");
    } else {
        (void)snprintf(detail, sizeof detail,
                       "backend = %s, from %s, does not work: mend it, or choose another", wanted,
                       json_text(setting, "source", "default"));
    }
    doctor->sandboxes_ok = chosen != NULL;
    note(doctor, "sandboxes", "", doctor->sandboxes_ok, detail);
}

static void check_backends(struct doctor *doctor, struct enclave_manager *manager)
{
    AUTO_JSON struct json_object *backends = ask(doctor, manager, enclave_manager_probe, "backend");

    for (size_t i = 0; backends && i < json_object_array_length(backends); i++) {
        struct json_object *backend = json_object_array_get_idx(backends, i);
        char detail[DETAIL_MAX];
        bool ok = works(backend);
        describe(backend, detail, sizeof detail);
        note(doctor, "backend", json_text(backend, "backend", "?"), ok,
             ok ? detail : json_text(backend, "error", "does not work, and does not say why"));
    }
    check_sandboxes(doctor, manager, backends);
}

static void print_findings(struct json_object *findings)
{
    for (size_t i = 0; i < json_object_array_length(findings); i++) {
        struct json_object *finding = json_object_array_get_idx(findings, i);
        struct json_object *ok = NULL;
        const char *name = json_text(finding, "name", NULL);

        json_object_object_get_ex(finding, "ok", &ok);
        fputs(json_object_get_boolean(ok) ? "ok      " : "not ok  ", stdout);
        text_print(stdout, json_text(finding, "check", "?"));
        if (name) {
            putchar(' ');
            text_print(stdout, name);
        }
        fputs(": ", stdout);
        text_print(stdout, json_text(finding, "detail", ""));
        putchar('\n');
    }
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    int code = verb_parse_plain(&verb_doctor, globals, argc, argv, first);
    AUTO_JSON struct json_object *findings = NULL;
    AUTO_MANAGER struct enclave_manager *manager = NULL;
    struct doctor doctor = {.globals = globals};

    if (code >= 0) {
        return code;
    }
    findings = json_object_new_array();
    if (!findings) {
        report_error("out of memory");
        return EXIT_ENCLAVE;
    }
    doctor.findings = findings;
    manager = check_config(&doctor);
    if (manager) {
        check_plugins(&doctor, manager);
        check_backends(&doctor, manager);
    }
    if (globals->json) {
        text_print_json(stdout,
                        json_object_to_json_string_ext(
                            findings, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    } else {
        print_findings(findings);
    }
    return verb_finish(doctor.config_ok && doctor.sandboxes_ok ? EXIT_OK : EXIT_FAULT);
}

const struct verb verb_doctor = {"doctor", "Say what works here, and what to do about the rest",
                                 help, run};
