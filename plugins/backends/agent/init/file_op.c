/*
 * file_op.c - see file_op.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_op.h"

#include "child.h"
#include "exec.h"
#include "gids.h"
#include "reset.h"
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef int (*file_fn)(const struct file_request *request, struct file_reason *why);

static const file_fn operations[] = {
    [WIRE_FILE_READ] = file_read,         [WIRE_FILE_WRITE] = file_write,
    [WIRE_FILE_STAT] = file_stat,         [WIRE_FILE_LIST] = file_list,
    [WIRE_FILE_REMOVE] = file_remove,     [WIRE_FILE_PUT_TREE] = file_put_tree,
    [WIRE_FILE_GET_TREE] = file_get_tree, [WIRE_FILE_RESET] = reset_clean,
};

int file_fail(struct file_reason *why, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return -error;
}

static int run_operation(const struct config *config, struct report *report, void *ctx)
{
    const struct file_request *request = ctx;
    struct file_reason why = {.text = ""};
    int r = 0;
    if (request->path[0] != '/' && chdir(config->working_dir) < 0)
        r = file_fail(&why, errno, "cannot enter the working folder");
    if (r == 0)
        r = operations[request->op](request, &why);
    if (r == 0)
        return 0;
    if (why.text[0] == '\0')
        return child_report(report, -r, "%s", error_text(-r));
    return child_report(report, -r, "%s: %s", why.text, error_text(-r));
}

static bool parse(const struct frame *frame, struct file_request *request)
{
    struct reader r = {.at = frame->payload, .end = frame->payload + frame->length};
    size_t count;
    request->op = reader_u32(&r);
    request->flags = reader_u32(&r);
    request->mode = reader_u32(&r);
    request->window = reader_u32(&r);
    request->max_bytes = reader_u64(&r);
    request->path = reader_string(&r);
    request->allowed = reader_list(&r, &count);
    request->blocked = reader_list(&r, &count);
    return reader_done(&r) && request->op > 0 && request->op < AGENT_COUNT(operations);
}

static bool wants_stdin(const struct file_request *request)
{
    return request->op == WIRE_FILE_WRITE || request->op == WIRE_FILE_PUT_TREE;
}

void file_start(struct agent *agent, uint32_t id, struct file_request *request)
{
    struct exec_ends ends;
    char reason[120];
    struct exec *exec = exec_new(agent, id, request->window);
    if (!exec) {
        exec_refuse(agent, id, EAGAIN, "too many executions at once in this sandbox");
        return;
    }
    exec->is_file = true;
    int r = gids_take(agent, &exec->gid);
    if (r == 0)
        r = exec_open_pipes(agent, exec, wants_stdin(request), &ends);
    if (r == 0)
        r = child_start(agent, exec, &ends, run_operation, request);
    if (r < 0) {
        exec_free(agent, exec);
        snprintf(reason, sizeof(reason), "cannot start a process for it: %s", error_text(-r));
        exec_refuse(agent, id, (uint32_t)-r, reason);
    }
}

int file_message(struct agent *agent, const struct frame *frame)
{
    struct file_request request = {0};
    bool parsed = parse(frame, &request);
    if (parsed && request.path[0] == '\0')
        exec_refuse(agent, frame->id, ENOENT, "the path is empty");
    else if (parsed && request.op == WIRE_FILE_RESET)
        reset_begin(agent, frame->id, &request);
    else if (parsed)
        file_start(agent, frame->id, &request);
    free(request.allowed);
    free(request.blocked);
    return parsed ? 0 : -1;
}
