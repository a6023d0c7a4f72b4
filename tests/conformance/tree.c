/*
 * tree.c - see tree.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tree.h"

#include <stdlib.h>

char *tree_command(struct test *t, const char *mark)
{
    return test_text(t,
                     "deaf='trap \"\" TERM HUP INT QUIT USR1; touch /tmp/$0; "
                     "while :; do sleep 0.2; done'\n"
                     "sh -c \"$deaf\" %s-child &\n"
                     "setsid sh -c \"$deaf\" %s-session &\n"
                     "(setsid sh -c \"$deaf\" %s-daemon </dev/null >/dev/null 2>&1 &)\n"
                     "trap '' TERM HUP INT QUIT\n"
                     "for one in child session daemon; do\n"
                     "  while ! test -e /tmp/%s-$one; do sleep 0.05; done\n"
                     "done\n"
                     "rm /tmp/%s-*; echo begun\n"
                     "while :; do sleep 0.2; done",
                     mark, mark, mark, mark, mark);
}

/* The mark is taken apart, so that what looks does not find itself. */
int tree_count(struct test *t, const struct box *box, const char *mark)
{
    struct enclave_result *result = run_shell(
        t, box, test_text(t, "grep -sl '[%c]%s' /proc/[0-9]*/cmdline | wc -l", *mark, mark + 1));

    expect_exit(t, result, 0);
    return (int)strtol(result->output, NULL, 10);
}
