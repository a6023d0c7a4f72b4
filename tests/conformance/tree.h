/*
 * tree.h - processes that try to outlive the execution that started them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_TREE_H
#define CONFORMANCE_TREE_H

#include "box.h"

/*
 * A line for the shell: starts processes with `mark` in their command lines, in a session of their own, forked
 * twice, and deaf to SIGTERM; prints "begun" when all run; never ends.
 */
char *tree_command(struct test *t, const char *mark);
/* How many processes with `mark` there are in the sandbox. */
int tree_count(struct test *t, const struct box *box, const char *mark);

#endif
