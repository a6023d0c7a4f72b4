/*
 * drop.c - see drop.h. System calls are made directly: libc's wrappers for ids synchronise threads,
 * of which there are none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "drop.h"

#include "filter.h" /* made by filter_gen.c */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

static int install_filter(void)
{
    struct kernel_sock_fprog program = {.len = AGENT_COUNT(agent_filter), .filter = agent_filter};
    return prctl(PR_SET_SECCOMP, KERNEL_SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

/* From here on the agent has what it needs and no more. With an empty bounding set a program has what it
 * inherits, and nothing can become inheritable any more; so this comes before that set is emptied, and
 * what empties it, or has done what it was for, goes after. Where it is refused, there are no fork servers. */
static void keep_capabilities(uint32_t own, uint32_t inheritable)
{
    struct kernel_cap_header header = {.version = KERNEL_CAP_VERSION_3};
    struct kernel_cap_data data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return;
    data[0].effective &= own;
    data[0].permitted &= own;
    data[0].inheritable = inheritable;
    data[1] = (struct kernel_cap_data){0};
    (void)syscall(SYS_capset, &header, data);
}

int drop_for_all(const struct config *config, const char **ret_what)
{
    if (config->privileged)
        return 0;
    *ret_what = "set no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    keep_capabilities(~UINT32_C(0), DROP_SERVER_CAPABILITIES);
    /* Needs CAP_SETPCAP, which the agent may not have: no_new_privs already keeps the bounding set
     * from ever being used, and READY tells what it is. */
    for (int cap = 0; cap < KERNEL_CAP_COUNT_MAX; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    keep_capabilities(DROP_SERVER_CAPABILITIES | KERNEL_CAP_BIT(KERNEL_CAP_KILL),
                      DROP_SERVER_CAPABILITIES);
    *ret_what = "install the system call filter";
    return install_filter();
}

void drop_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
        return;
    for (int fd = first; fd < EXEC_COUNT_MAX * 4; fd++)
        close(fd);
}

static int set_limits(const struct config *config)
{
    for (size_t i = 0; i < config->rlimit_count; i++) {
        int resource = config->rlimits[i].resource;
        rlim_t limit = config->rlimits[i].limit;
        struct rlimit wanted = {.rlim_cur = limit, .rlim_max = limit};
        if (setrlimit(resource, &wanted) == 0)
            continue;
        /* A hard limit that is already lower is stricter than what was asked for. */
        struct rlimit now;
        if (errno != EPERM || getrlimit(resource, &now) < 0 || now.rlim_max > limit)
            return -errno;
        now.rlim_cur = now.rlim_max;
        if (setrlimit(resource, &now) < 0)
            return -errno;
    }
    return 0;
}

static int clear_capabilities(void)
{
    struct kernel_cap_header header = {.version = KERNEL_CAP_VERSION_3};
    struct kernel_cap_data none[2];
    memset(none, 0, sizeof(none));
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int drop_in_child(const struct config *config, gid_t gid, bool guarded, const char **ret_what)
{
    drop_close_from(3);
    setsid();
    if (!guarded)
        (void)setpriority(PRIO_PROCESS, 0, PAYLOAD_NICE);
    *ret_what = "set the resource limits";
    int r = set_limits(config);
    if (r < 0)
        return r;
    *ret_what = "take the group of the execution";
    if (gid != 0 && syscall(SYS_setgroups, (size_t)1, &gid) < 0)
        return -errno;
    if (gid == 0)
        (void)syscall(SYS_setgroups, (size_t)0, NULL); /* refused where this mode is needed */
    *ret_what = "take the payload's gid";
    if (syscall(SYS_setresgid, config->gid, config->gid, config->gid) < 0)
        return -errno;
    *ret_what = "take the payload's uid";
    uid_t rest =
        guarded ? (uid_t)-1 : config->uid; /* kill(2) looks at the real and the saved uid */
    if (syscall(SYS_setresuid, rest, config->uid, rest) < 0)
        return -errno;
    *ret_what = "give up the capabilities";
    return config->privileged ? 0 : clear_capabilities();
}

void drop_signal_mask(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
