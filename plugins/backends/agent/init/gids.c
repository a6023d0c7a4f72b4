/*
 * gids.c - see gids.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gids.h"

#include "kill.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Far above what user databases and subordinate ranges use. */
#define GIDS_WANTED_FIRST (UINT32_C(1) << 30)
#define GIDS_WANTED_COUNT (UINT32_C(1) << 29)

/* With fewer there is not enough to tell executions apart. */
#define GIDS_COUNT_MIN 64u

#define GIDS_TRIES 4096

void gids_init(struct agent *agent)
{
    char text[4096];
    uint64_t first = 0;
    uint64_t count = 0;
    agent->kill_mode = KILL_BY_SUBREAPER;
    if (read_text(agent->proc_fd, "self/gid_map", text, sizeof(text)) < 0)
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        unsigned long inside, outside, length;
        if (sscanf(line, "%lu %lu %lu", &inside, &outside, &length) != 3 || length <= count)
            continue;
        first = inside;
        count = length;
    }
    if (first <= GIDS_WANTED_FIRST && first + count >= GIDS_WANTED_FIRST + GIDS_WANTED_COUNT) {
        first = GIDS_WANTED_FIRST;
        count = GIDS_WANTED_COUNT;
    } else {
        first += count / 2; /* what the image uses is at the bottom */
        count -= count / 2;
    }
    if (count < GIDS_COUNT_MIN || first + count > UINT32_MAX)
        return;
    agent->kill_mode = KILL_BY_GID;
    agent->gid_first = agent->gid_next = (gid_t)first;
    agent->gid_last = (gid_t)(first + count - 1);
}

static bool in_use(const struct agent *agent, gid_t gid)
{
    if (gid == agent->config.gid)
        return true;
    for (size_t i = 0; i < agent->exec_high; i++)
        if (agent->execs[i].id != 0 && agent->execs[i].gid == gid)
            return true;
    /* Executions that ended may have left processes behind, but only once a gid comes again. */
    return agent->gid_wrapped && kill_gid_alive(agent, gid);
}

int gids_take(struct agent *agent, gid_t *ret_gid)
{
    *ret_gid = 0;
    if (agent->kill_mode != KILL_BY_GID)
        return 0;
    for (int i = 0; i < GIDS_TRIES; i++) {
        gid_t gid = agent->gid_next;
        if (gid == agent->gid_last) {
            agent->gid_next = agent->gid_first;
            agent->gid_wrapped = true;
        } else {
            agent->gid_next++;
        }
        if (!in_use(agent, gid)) {
            *ret_gid = gid;
            return 0;
        }
    }
    return -EBUSY;
}
