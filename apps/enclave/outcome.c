/*
 * outcome.c - see outcome.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outcome.h"

#include "report.h"
#include "verbs.h"

#include <signal.h>
#include <string.h>

/* Beyond these a process's exit code is cut: to that of success, at worst. */
#define EXIT_CODE_MAX 255
#define SIGNAL_MAX (EXIT_CODE_MAX - EXIT_SIGNAL)

/* A tool that is no program has no exit code; its status tells. */
static int exited(const struct enclave_result *result)
{
    if (result->exit_code > EXIT_CODE_MAX) {
        return EXIT_ENCLAVE;
    }
    if (result->exit_code > 0) {
        return result->exit_code;
    }
    return result->status == ENCLAVE_RESULT_SUCCESS ? EXIT_OK : EXIT_FAULT;
}

int outcome_exit_code(const struct enclave_result *result)
{
    switch (result->cause) {
    case ENCLAVE_CAUSE_EXITED:
        return exited(result);
    case ENCLAVE_CAUSE_SIGNALED:
        return result->signal > 0 && result->signal <= SIGNAL_MAX ? EXIT_SIGNAL + result->signal
                                                                  : EXIT_ENCLAVE;
    case ENCLAVE_CAUSE_TIMEOUT:
        return EXIT_TIMED_OUT;
    case ENCLAVE_CAUSE_OOM:
        return EXIT_SIGNAL + SIGKILL;
    default: /* cancelled, output_limit, backend_lost, and what a newer library may know */
        return EXIT_ENCLAVE;
    }
}

static const char *error_or(const struct enclave_result *result, const char *otherwise)
{
    return result->error && result->error[0] != '\0' && result->stderr_bytes == 0 ? result->error
                                                                                  : otherwise;
}

/* Shells are silent about an interrupt and a closed pipe, too. */
static void report_signal(int number)
{
    const char *name = strsignal(number);

    if (number != SIGINT && number != SIGPIPE) {
        report_error("the program was ended by signal %d (%s)", number, name ? name : "unknown");
    }
}

static void report_timeout(const struct enclave_result *result, int64_t timeout_ms)
{
    double seconds = timeout_ms > 0 ? (double)timeout_ms / 1e3 : (double)result->wall_us / 1e6;

    if (timeout_ms <= 0 && seconds >= 1) {
        seconds = (double)(int64_t)(seconds + 0.5); /* the limit, as nearly as we know it */
    }
    report_error("timed out after %.6g s%s", seconds,
                 strstr(error_or(result, ""), "it had ended") ? strchr(result->error, ':') : "");
}

void outcome_report(const struct enclave_result *result, int64_t timeout_ms, const char *memory)
{
    switch (result->cause) {
    case ENCLAVE_CAUSE_EXITED:
        if (result->exit_code <= 0 && result->status != ENCLAVE_RESULT_SUCCESS) {
            report_error("%s: %s", result->tool_name, error_or(result, "failed"));
        } else if (result->exit_code == 126 || result->exit_code == 127) {
            const char *reason =
                error_or(result, NULL); /* it could not be started, so it said nothing */
            if (reason) {
                report_error("%s", reason);
            }
        }
        break;
    case ENCLAVE_CAUSE_SIGNALED:
        report_signal(result->signal);
        break;
    case ENCLAVE_CAUSE_TIMEOUT:
        report_timeout(result, timeout_ms);
        break;
    case ENCLAVE_CAUSE_OOM:
        report_error("killed: out of memory%s%s%s", memory ? " (limit " : "", memory ? memory : "",
                     memory ? ")" : "");
        break;
    case ENCLAVE_CAUSE_CANCELLED:
        report_error("the execution was cancelled, by the server that it ran on or by another "
                     "client of it");
        break;
    case ENCLAVE_CAUSE_OUTPUT_LIMIT:
        report_error("killed: it wrote more output than the configuration allows");
        break;
    case ENCLAVE_CAUSE_BACKEND_LOST:
        report_error("%s", error_or(result, "the sandbox or its engine went away before the "
                                            "program ended"));
        break;
    default:
        report_error("%s", error_or(result, "the program ended in an unknown way"));
        break;
    }
}
