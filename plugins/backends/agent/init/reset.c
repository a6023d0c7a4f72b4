/*
 * reset.c - see reset.h. What the child does is in reset_clean.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reset.h"

#include "exec.h"
#include "fork_server.h"
#include "kill.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

void reset_prepare(struct agent *agent)
{
    struct stat st;
    agent->reset.mode = stat(agent->config.working_dir, &st) == 0 ? st.st_mode & 07777 : 0700;
}

void reset_begin(struct agent *agent, uint32_t id, const struct file_request *request)
{
    if (!agent->pid_one) {
        exec_refuse(agent, id, ENOTSUP, "only the first process of a sandbox can end all others");
        return;
    }
    agent->reset.step = RESET_ENDING;
    agent->reset.id = id;
    agent->reset.window = request->window;
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0)
            kill_begin(agent, &agent->execs[i]);
    fork_servers_stop(agent);
}

bool reset_refuses(struct agent *agent, const struct frame *frame)
{
    if (agent->reset.step == RESET_NONE)
        return false;
    exec_refuse(agent, frame->id, frame->type == WIRE_SPAWN ? 126 : EBUSY,
                "the sandbox is being reset");
    return true;
}

static bool executes(const struct agent *agent)
{
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0)
            return true;
    return false;
}

/* Every process is a child of the first one's, or becomes it when its parent ends. */
static bool has_processes(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void reset_step(struct agent *agent)
{
    struct reset *reset = &agent->reset;
    if (reset->step == RESET_ENDING) {
        /* Reaches all, and a fork that is under way either comes before it or is undone. */
        kill(-1, SIGKILL);
        if (executes(agent) || has_processes())
            return;
        struct file_request request = {
            .op = WIRE_FILE_RESET, .path = "/", .window = reset->window, .mode = reset->mode};
        reset->step = RESET_CLEANING;
        file_start(agent, reset->id, &request);
    }
    if (reset->step == RESET_CLEANING && !executes(agent)) {
        reset->step = RESET_NONE;
        fork_servers_renew(agent);
    }
}
