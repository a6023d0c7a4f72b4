/*
 * chain.c - chains of processes, each of which forks the next and ends: by the time somebody has read
 * of a link in /proc it is gone. Links share their memory, so that they are as quick as can be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define CHAINS_MAX 200
#define RING 64 /* a stack is used again long after its link has ended */
#define STACK 8192

struct chain {
    unsigned count;
    char stacks[RING][STACK] __attribute__((aligned(64)));
};

static struct chain chains[CHAINS_MAX];

static int link_of(void *ctx)
{
    struct chain *chain = ctx;

    clone(link_of, chain->stacks[++chain->count % RING] + STACK,
          CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, chain);
    _exit(0);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;

    for (int i = 0; i < count && i < CHAINS_MAX; i++)
        clone(link_of, chains[i].stacks[0] + STACK, CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD,
              &chains[i]);
    for (;;)
        pause();
}
