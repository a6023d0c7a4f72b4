/*
 * report.c - see report.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "report.h"

#include "text.h"

#include <enclave/plugin.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MESSAGE_MAX 1024

/* There is one stderr in a process, so there is one of these. `lock` guards the others. */
static struct {
    pthread_mutex_t lock;
    int level;
    bool status_shown;
} state = {PTHREAD_MUTEX_INITIALIZER, REPORT_NORMAL, false};

void report_set_level(int level)
{
    pthread_mutex_lock(&state.lock);
    state.level = level;
    pthread_mutex_unlock(&state.lock);
}

int report_level(void)
{
    pthread_mutex_lock(&state.lock);
    int level = state.level;
    pthread_mutex_unlock(&state.lock);
    return level;
}

static void clear_locked(void)
{
    if (state.status_shown) {
        fputs("\r\033[K", stderr);
        state.status_shown = false;
    }
}

static void say(const char *prefix, const char *message)
{
    pthread_mutex_lock(&state.lock);
    flockfile(stderr); /* one line in one piece; stderr is not buffered */
    clear_locked();
    fputs(prefix, stderr);
    text_print(stderr, message);
    putc('\n', stderr);
    funlockfile(stderr);
    pthread_mutex_unlock(&state.lock);
}

#define SAY(prefix, format)                                                                        \
    do {                                                                                           \
        char message_[MESSAGE_MAX];                                                                \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        (void)vsnprintf(message_, sizeof message_, format, args_);                                 \
        va_end(args_);                                                                             \
        say(prefix, message_);                                                                     \
    } while (0)

void report_error(const char *format, ...)
{
    SAY("enclave: ", format);
}

void report_warning(const char *format, ...)
{
    if (report_level() >= REPORT_NORMAL) {
        SAY("enclave: warning: ", format);
    }
}

void report_note(const char *format, ...)
{
    if (report_level() >= REPORT_VERBOSE) {
        SAY("enclave: ", format);
    }
}

bool report_has_status(void)
{
    return report_level() >= REPORT_NORMAL && isatty(STDERR_FILENO);
}

/* Cut `text` to `columns` characters, at a character's beginning. */
static void cut(char *text, size_t columns)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xc0) != 0x80 && count++ == columns) {
            *text = '\0';
            return;
        }
    }
}

void report_status(const char *format, ...)
{
    char line[MESSAGE_MAX];
    struct winsize size = {0};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) {
        size.ws_col = 80;
    }
    cut(line, size.ws_col - 1U); /* a full line would wrap, and could not be cleared */
    pthread_mutex_lock(&state.lock);
    clear_locked();
    text_print(stderr, line);
    fflush(stderr);
    state.status_shown = true;
    pthread_mutex_unlock(&state.lock);
}

void report_status_clear(void)
{
    pthread_mutex_lock(&state.lock);
    clear_locked();
    pthread_mutex_unlock(&state.lock);
}

void report_log(void *ctx, uint32_t level, const char *message)
{
    (void)ctx;
    if (level <= ENCLAVE_LOG_WARNING) {
        report_warning("%s", message);
    } else if (level == ENCLAVE_LOG_INFO || report_level() >= REPORT_DEBUG) {
        report_note("%s", message);
    }
}
