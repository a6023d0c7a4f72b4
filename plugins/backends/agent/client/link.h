/*
 * link.h - one agent: its stream, its life, its lock. Internal to the client.
 *
 * Owns: receiving and taking frames apart, the end of the stream, delivering the end to processes.
 * Does not own: what frames mean to a process (process.h), the queue of what is sent (send.h),
 * the wait for READY (connect.c).
 *
 * All callbacks are made by the loop's thread, so they are serial by construction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_AGENT_LINK_H
#define ENCLAVE_AGENT_LINK_H

#include "agent.h"
#include "demux.h"
#include "message.h"
#include "send.h"
#include "table.h"

#include <pthread.h>

#define LINK_READ_BUDGET (256u << 10) /* of one link, before others have their turn */
#define LINK_REASON_SIZE 384

enum link_state {
    LINK_CONNECTING, /* READY has not come */
    LINK_READY,      /* it has; agent_connect() has not seen it */
    LINK_ALIVE       /* agent_connect() has succeeded */
};

struct agent {
    struct agent_loop *loop;
    void (*lost)(void *ctx, const char *reason);
    void *lost_ctx;

    /* Of the loop's list; guarded by the loop's lock. */
    struct agent *attend_next;
    int attend_queued;
    struct agent *lease_next; /* only the loop's thread goes along it */

    uint32_t lease_ms; /* 0: none. Not changed. */

    /* Only for the loop's thread. */
    uint8_t *in; /* borrowed from the loop while it holds a part of a frame; else NULL */
    size_t in_start;
    size_t in_end;
    struct demux demux;
    char broken[LINK_REASON_SIZE]; /* why a frame was refused */

    /* Guards all below, and the processes of `table`. Held over a read or a write of the transport,
     * which do not block, and over no callback. Before the loop's lock in the order. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* room in `out`, `ended`, `dropped` */
    struct agent_transport transport;
    struct send_queue out;
    struct table table;
    uint32_t next_id;
    enum link_state state;
    int ready_fd;            /* eventfd of agent_connect(); -1: nobody waits */
    char *facts;             /* what READY said, for agent_connect() */
    struct agent_state kept; /* what came before it */
    int ended;               /* the transport is closed */
    int32_t end_code;
    char end_reason[LINK_REASON_SIZE];
    int fail_wanted;
    int close_wanted;
    int dropped; /* after agent_close(): the loop does not know it any more */
    char fail_reason[LINK_REASON_SIZE];
};

/* Called by the loop. */
void link_ready(struct agent *agent, uint32_t events);
void link_attend(struct agent *agent);
void link_kill_overdue(struct agent *agent);
void link_renew(struct agent *agent);

/* Note why a frame is refused; returns -1. Loop's thread. */
__attribute__((format(printf, 2, 3))) int link_broken(struct agent *agent, const char *format, ...);

/* The error for a call that came too late. Lock held. */
int32_t link_gone(const struct agent *agent, struct enclave_error *err);

/* Free what agent_connect() made; no loop knows it. */
void link_destroy(struct agent *agent);

/* connect.c: the payloads of READY and of STATE; 0 or link_broken(). Loop's thread. */
int connect_ready(struct agent *agent, const uint8_t *payload, size_t length);
int connect_state(struct agent *agent, const uint8_t *payload, size_t length);

/* connect.c: send `message`, wait for READY; `demux` is where the stream's framing is. Takes over the
 * transport. */
int32_t connect_greet(struct agent_loop *loop, const struct agent_transport *transport,
                      const struct demux *demux, const struct agent_config *config,
                      const struct message *message, struct agent **ret_agent, char **ret_facts,
                      struct enclave_error *err);

#endif
