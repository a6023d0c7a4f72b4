/*
 * creation.c - see creation.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "creation.h"

#include "progress.h"
#include "report.h"
#include "run_request.h"
#include "session.h"
#include "verbs.h"

#include <time.h>

double creation_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* -v: which backend, and what made it that one. */
static void explain_backend(const struct execution *execution)
{
    AUTO_TEXT char *info_text = NULL;
    AUTO_TEXT char *config_text = NULL;
    AUTO_JSON struct json_object *info = NULL;
    AUTO_JSON struct json_object *config = NULL;
    struct json_object *setting;

    if (report_level() < REPORT_VERBOSE ||
        enclave_manager_get_sandbox_info(execution->manager, execution->id, &info_text, NULL) !=
            0 ||
        enclave_manager_get_config(execution->manager, &config_text, NULL) != 0) {
        return;
    }
    info = json_tokener_parse(info_text);
    config = json_tokener_parse(config_text);
    setting = session_setting(config, "enclave", "backend");
    report_note("backend %s (backend = %s, from %s)", json_text(info, "type", "?"),
                json_text(setting, "value", "?"), json_text(setting, "source", "?"));
}

int creation_run(struct execution *execution, const char *const *tools)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    AUTO_JSON struct json_object *config = run_request_config(execution->options, tools);
    struct progress progress;
    double begin = creation_now_s();
    double took;
    int32_t result;

    if (!config) {
        return EXIT_ENCLAVE;
    }
    progress_begin(&progress);
    options.id = execution->options->id;
    options.progress = progress_show;
    options.progress_ctx = &progress;
    options.cancel = signals_cancel(execution->signals);
    result = enclave_manager_create_sandbox(
        execution->manager, execution->options->type,
        json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN), &options, execution->id,
        &err);
    progress_end(&progress);
    if (result != 0) {
        return execution_fail(execution, &err);
    }
    took = creation_now_s() - begin; /* what is asked in order to explain is not part of it */
    explain_backend(execution);
    report_note("sandbox %s created in %.3f s", execution->id, took);
    return 0;
}
