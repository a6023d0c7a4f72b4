/*
 * hold.h - a manager in a process of its own, so that it can be killed: this program, started again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_HOLD_H
#define CONFORMANCE_HOLD_H

#include "subject.h"
#include "tap.h"

#include <sys/types.h>

/* In the background, with %s in its command line. */
#define HOLD_COMMAND "sh -c 'while :; do sleep 1; done' %s >/dev/null 2>&1 &"

/* Start one with a sandbox in which HOLD_COMMAND runs. It is killed with the case at the latest. */
pid_t hold_start(struct test *t, const char *mark);
/* What that process does until it is killed; returns 1 when it cannot. */
int hold_main(struct subject *subject, const char *mark);

#endif
