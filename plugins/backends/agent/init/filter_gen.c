/*
 * filter_gen.c - a program of the build: writes the agent's system call filter, made with
 * libseccomp, as a C header. The agent itself needs no library.
 *
 * The filter comes on top of the engine's. It denies what reaches around the sandbox (AF_VSOCK,
 * AF_PACKET, AF_ALG), what has been the way out of many (io_uring, bpf, keyctl, userfaultfd), what makes
 * new worlds inside (user namespaces, mounts), and what would slow the agent down.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef CLONE_NEWUSER
#define CLONE_NEWUSER 0x10000000
#endif
#ifndef AF_ALG
#define AF_ALG 38
#endif
#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

/* ioprio_set(2), for which libc has no header. */
#define IO_PROCESS 1
#define IO_GROUP 2
#define IO_USER 3

/* The kernel takes an `int` argument's lower half, whatever stands in the upper. */
#define INT_EQ(arg, value) SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, 0xffffffffu, value)

#ifdef __s390__ /* clone(2): the first two arguments are swapped there */
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

/* By name, so that a libseccomp that does not know a call yet only leaves it out. */
static const char *const denied[] = {
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "userfaultfd",
    "setns",
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "open_tree",
    "mount_setattr",
    "perf_event_open",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "open_by_handle_at",
    "swapon",
    "swapoff",
    "reboot",
    "acct",
    "quotactl",
    "quotactl_fd",
    "lookup_dcookie",
    "vhangup",
};

/* Newer than many a libseccomp; the numbers are the same on every architecture. */
static const struct {
    const char *name;
    int number;
} denied_new[] = {
    {"io_uring_setup", 425}, {"io_uring_enter", 426}, {"io_uring_register", 427},
    {"open_tree", 428},      {"move_mount", 429},     {"fsopen", 430},
    {"fsconfig", 431},       {"fsmount", 432},        {"fspick", 433},
    {"mount_setattr", 442},  {"open_tree_attr", 467},
};

/* PID 1 is the agent. Where payloads have its uid they could otherwise have it run last, on a processor
 * that they keep busy, and so be ended late. Its group of processes is 1 too. */
static int add_scheduling(scmp_filter_ctx ctx, uint32_t deny)
{
    static const char *const by_pid[] = {"sched_setscheduler", "sched_setparam", "sched_setattr",
                                         "sched_setaffinity"};
    int r = 0;
    for (size_t i = 0; i < sizeof(by_pid) / sizeof(by_pid[0]); i++)
        r |= seccomp_rule_add(ctx, deny, seccomp_syscall_resolve_name(by_pid[i]), 1, INT_EQ(0, 1));
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(setpriority), 2, INT_EQ(0, PRIO_PROCESS),
                          INT_EQ(1, 1));
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(setpriority), 2, INT_EQ(0, PRIO_PGRP), INT_EQ(1, 1));
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(setpriority), 1, INT_EQ(0, PRIO_USER));
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(ioprio_set), 2, INT_EQ(0, IO_PROCESS), INT_EQ(1, 1));
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(ioprio_set), 2, INT_EQ(0, IO_GROUP), INT_EQ(1, 1));
    return r | seccomp_rule_add(ctx, deny, SCMP_SYS(ioprio_set), 1, INT_EQ(0, IO_USER));
}

static int add_rules(scmp_filter_ctx ctx)
{
    static const int families[] = {AF_VSOCK, AF_PACKET, AF_ALG};
    const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    int r = 0;
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        int number = seccomp_syscall_resolve_name(denied[i]);
        if (number != __NR_SCMP_ERROR)
            r |= seccomp_rule_add(ctx, deny, number, 0);
    }
    for (size_t i = 0; i < sizeof(denied_new) / sizeof(denied_new[0]); i++)
        if (seccomp_syscall_resolve_name(denied_new[i].name) == __NR_SCMP_ERROR)
            r |= seccomp_rule_add(ctx, deny, denied_new[i].number, 0);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        r |= seccomp_rule_add(ctx, deny, SCMP_SYS(socket), 1, INT_EQ(0, (unsigned)families[i]));
    /* Of others: where they have the agent's uid, its limits, which could keep it from ending them. */
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0));
    r |= add_scheduling(ctx, deny);
    r |= seccomp_rule_add(ctx, deny, SCMP_SYS(unshare), 1,
                          SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
    r |= seccomp_rule_add(
        ctx, deny, SCMP_SYS(clone), 1,
        SCMP_CMP(CLONE_FLAGS_ARG, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
    /* Its flags lie in memory, where a filter cannot look: libc then uses clone(2). */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r;
}

static int write_header(const char *path, int bpf)
{
    struct {
        uint16_t code;
        uint8_t jt;
        uint8_t jf;
        uint32_t k;
    } one;
    FILE *out = fopen(path, "we");
    if (!out)
        return -1;
    fprintf(out, "/* Made by filter_gen.c; not to be edited. */\n#include \"kernel.h\"\n\n"
                 "static const struct kernel_sock_filter agent_filter[] = {\n");
    while (read(bpf, &one, sizeof(one)) == (ssize_t)sizeof(one))
        fprintf(out, "    {0x%02x, %u, %u, 0x%08xu},\n", (unsigned)one.code, (unsigned)one.jt,
                (unsigned)one.jf, (unsigned)one.k);
    fprintf(out, "};\n");
    return fclose(out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s HEADER\n", argv[0]);
        return 2;
    }
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int bpf = memfd_create("filter", MFD_CLOEXEC);
    int ok = ctx && bpf >= 0 &&
             seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 &&
             add_rules(ctx) == 0 && seccomp_export_bpf(ctx, bpf) == 0 &&
             lseek(bpf, 0, SEEK_SET) == 0 && write_header(argv[1], bpf) == 0;
    if (ctx)
        seccomp_release(ctx);
    if (!ok)
        fprintf(stderr, "%s: cannot make the system call filter in '%s'\n", argv[0], argv[1]);
    return ok ? 0 : 1;
}
