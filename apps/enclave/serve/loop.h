/*
 * loop.h - the one thread that waits for what happens by itself: executions that end, clients that go away, deadlines.
 *
 * Owns: the waiting. Does not own: what is done about it. What it calls must not block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_SERVE_LOOP_H
#define ENCLAVE_SERVE_LOOP_H

#include "server.h"

#include <stdbool.h>

struct loop;

int32_t loop_start(struct server *server, struct loop **ret_loop, struct enclave_error *err);
/*
 * Answers that the loop has ready and the threads that serve connections have not taken up yet: beyond a number of them it
 * takes no more executions' ends, for those threads do all that is ready before they look at anybody else.
 */
void loop_answer_made(struct loop *loop);
void loop_answer_taken(struct loop *loop);
bool loop_may_answer(struct loop *loop);
/* For the thread in which an execution has ended: true, and an answer is counted, when so few wait that there is no need of
 * the loop; those that the loop has then never wait for others. */
bool loop_answer_at_once(struct loop *loop);

/* Accepts NULL. */
void loop_stop(struct loop *loop);

#endif
