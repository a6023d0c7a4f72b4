/*
 * config.c - see config.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "adoption.h"
#include "cgroup.h"
#include "drop.h"
#include "facts.h"
#include "gids.h"
#include "reset.h"
#include "script.h"
#include "spawn.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>

extern char **environ;

/* A /proc that can be written, and that payloads do not get to; where a backend makes one. */
#define PRIVATE_PROC "/run/.enclave/proc"

static bool parse_limits(struct config *config, struct reader *r)
{
    uint32_t count = reader_u32(r);
    if (count > RLIMIT_COUNT_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t resource = reader_u32(r);
        uint64_t limit = reader_u64(r);
        if (resource >= RLIM_NLIMITS)
            return false;
        config->rlimits[i].resource = (int)resource;
        config->rlimits[i].limit = (rlim_t)limit;
    }
    config->rlimit_count = count;
    return true;
}

static bool set_env(struct config *config, char **over, size_t over_count)
{
    size_t base_count = 0;
    while (environ && environ[base_count])
        base_count++;
    config->env = spawn_merge_env(environ, base_count, over, over_count, &config->env_count);
    return config->env != NULL;
}

/* Absent before minor 2. */
static bool parse_adoption(struct agent *agent, struct reader *r)
{
    if (r->at == r->end)
        return true;
    size_t length;
    uint32_t lease_ms = reader_u32(r);
    const uint8_t *token = reader_bytes(r, &length);
    adoption_config(agent, lease_ms, length > 0 ? token : NULL);
    return length == 0 || length == WIRE_TOKEN_SIZE;
}

/* NULL, or why not. */
static const char *parse(struct agent *agent, const struct frame *frame)
{
    struct config *config = &agent->config;
    size_t count;
    config->bytes = malloc(frame->length + 1);
    if (!config->bytes)
        return "out of memory";
    memcpy(config->bytes, frame->payload, frame->length);
    struct reader r = {.at = config->bytes, .end = config->bytes + frame->length};
    uint32_t magic = reader_u32(&r);
    uint32_t major = reader_u32(&r) & 0xffff; /* u16 major, u16 minor */
    if (magic != WIRE_MAGIC || major != WIRE_MAJOR)
        return "the manager speaks another version of the wire format";
    uint32_t flags = reader_u32(&r);
    config->privileged = flags & WIRE_CONFIG_PRIVILEGED;
    config->give_working_dir = flags & WIRE_CONFIG_GIVE_WORKING_DIR;
    config->uid = reader_u32(&r);
    config->gid = reader_u32(&r);
    config->working_dir = reader_string(&r);
    config->scratch_dir = reader_string(&r);
    CLEANUP_FREE char **env = reader_list(&r, &count);
    bool ok = env && set_env(config, env, count);
    config->checks = reader_list(&r, &count);
    /* A newer minor may append fields. */
    ok = ok && parse_limits(config, &r) && parse_adoption(agent, &r);
    return ok && !r.failed ? NULL : "CONFIG cannot be parsed";
}

static void open_oom_score(struct agent *agent)
{
    agent->oom_adj_fd = openat(agent->proc_fd, "self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (agent->oom_adj_fd < 0)
        return;
    ssize_t n =
        read_text(agent->proc_fd, "self/oom_score_adj", agent->oom_adj, sizeof(agent->oom_adj));
    /* One that is already higher stays, for payloads too. */
    if (n <= 0 || strtol(agent->oom_adj, NULL, 10) > 500)
        close_fd(&agent->oom_adj_fd);
}

static _Noreturn void fatal_errno(struct agent *agent, const char *what, const char *path,
                                  int error)
{
    char reason[300];
    snprintf(reason, sizeof(reason), "cannot %s '%.150s': %s", what, path, error_text(error));
    agent_fatal(agent, reason);
}

/* Where nobody outside could make the working directory the payload's, it is still the agent's own: bubblewrap
 * mounts for root only. */
static void hand_over_working_dir(const struct config *config)
{
    struct stat st;
    CLEANUP_FD int fd = open(config->working_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!config->privileged && fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid())
        (void)!fchown(fd, config->uid,
                      config->gid); /* elsewhere refused: the capability is not there */
}

static void open_everything(struct agent *agent)
{
    int r = script_open_scratch(agent);
    if (r < 0)
        fatal_errno(agent, "use the scratch folder", agent->config.scratch_dir, -r);
    agent->proc_fd = open(PRIVATE_PROC, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (agent->proc_fd < 0)
        agent->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (agent->proc_fd < 0)
        fatal_errno(agent, "open", "/proc", errno);
    cgroup_open_oom(agent);
    open_oom_score(agent);
    if (pipe2(agent->notice, O_CLOEXEC | O_NONBLOCK) < 0 ||
        watch_add(agent, agent->notice[0], EPOLLIN, WATCH_NOTICE, 0, 0) < 0)
        fatal_errno(agent, "make", "a pipe", errno);
}

/* Needs CAP_CHOWN, which drop_for_all() gives up. */
static void give_working_dir(struct agent *agent)
{
    const struct config *config = &agent->config;
    if (config->give_working_dir && chown(config->working_dir, config->uid, config->gid) < 0)
        fatal_errno(agent, "give the payload", config->working_dir, errno);
}

void config_send_ready(struct agent *agent)
{
    const char *text = agent->facts;
    size_t length = strlen(text);
    uint8_t *p = outbox_reserve(&agent->out, 12 + length);
    if (!p)
        agent_fatal(agent, "out of memory");
    wire_put_u32(p, WIRE_MAGIC);
    wire_put_u16(p + 4, WIRE_MAJOR);
    wire_put_u16(p + 6, WIRE_MINOR);
    wire_put_u32(p + 8, (uint32_t)length);
    memcpy(p + 12, text, length);
    outbox_commit(&agent->out, WIRE_READY, 0, 0, 12 + length);
}

static void collect_facts(struct agent *agent)
{
    char text[FACTS_MAX];
    char reason[300];
    if (facts_collect(agent, text, sizeof(text), reason, sizeof(reason)) < 0)
        agent_fatal(agent, reason);
    agent->facts = strdup(text);
    if (!agent->facts)
        agent_fatal(agent, "out of memory");
}

void config_message(struct agent *agent, const struct frame *frame)
{
    const char *what = "";
    adoption_config(agent, 0, NULL);
    const char *wrong = parse(agent, frame);
    if (wrong)
        agent_fatal(agent, wrong);
    open_everything(agent);
    give_working_dir(agent);
    gids_init(agent);
    hand_over_working_dir(&agent->config);
    /* From here on no process of the payload's can trace the agent or open its files in /proc. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        fatal_errno(agent, "protect the memory of", "the agent", errno);
    int r = drop_for_all(&agent->config, &what);
    if (r < 0)
        fatal_errno(agent, what, "for payloads", -r);
    reset_prepare(agent);
    collect_facts(agent);
    config_send_ready(agent);
    agent->configured = true;
}
