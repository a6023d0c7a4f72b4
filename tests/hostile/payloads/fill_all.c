/*
 * fill_all.c - fills every writable folder and leaves it so, from a process as small as can be. With
 * an argument it first asks to be killed last when memory is short. Says "full".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char block[65536];

int main(int argc, char **argv)
{
    static const char *const names[] = {"/tmp/fill", "/sandbox/fill", "/dev/shm/fill"};
    int score = argc > 1 ? open("/proc/self/oom_score_adj", O_WRONLY) : -1;

    if (argc > 1 && (score < 0 || write(score, argv[1], 1) != 1))
        puts("the score cannot be changed");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open(names[i], O_CREAT | O_WRONLY, 0600);

        while (fd >= 0 && write(fd, block, sizeof block) > 0)
            continue;
    }
    puts("full");
    return 0;
}
