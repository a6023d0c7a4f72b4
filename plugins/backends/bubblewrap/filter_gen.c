/*
 * filter_gen.c - a program of the build: writes the system call filter of bubblewrap's sandboxes,
 * made with libseccomp, as a C header. At run time no library and no time is needed for it.
 *
 * It is the allow-list that container engines bring for theirs; the agent's own filter comes on
 * top.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "filter_table.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FAMILY_MAX 64u

#ifdef __s390__ /* clone(2): the first two arguments are swapped there */
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t count)
{
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);

        if (number != __NR_SCMP_ERROR) {
            r |= seccomp_rule_add(ctx, action, number, 0);
        }
    }
    return r;
}

/* Processes and threads, and no namespaces. Of clone3 the flags lie in memory, where a filter cannot
 * look: it does not exist, and libc uses clone. */
static int add_clone(scmp_filter_ctx ctx)
{
    static const unsigned long new_ones[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                             CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                             CLONE_NEWNET};
    unsigned long all = 0;
    int r = 0;

    for (size_t i = 0; i < COUNT(new_ones); i++) {
        all |= new_ones[i];
        r |= seccomp_rule_add(
            ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
            SCMP_CMP(CLONE_FLAGS_ARG, SCMP_CMP_MASKED_EQ, new_ones[i], new_ones[i]));
    }
    return r | seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                SCMP_CMP(CLONE_FLAGS_ARG, SCMP_CMP_MASKED_EQ, all, 0));
}

/* Sockets of the machine itself and of its network; netlink tells programs their interfaces. */
static int add_socket(scmp_filter_ctx ctx)
{
    int r = 0;

    for (uint32_t family = 0; family <= FAMILY_MAX; family++) {
        int fine =
            family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;

        r |= seccomp_rule_add(ctx, fine ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
                              1, SCMP_A0(SCMP_CMP_EQ, family));
    }
    return r | seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                SCMP_A0(SCMP_CMP_GT, FAMILY_MAX));
}

/* What debuggers and 32-bit programs set; not what weakens the memory protection of a program. */
static int add_personality(scmp_filter_ctx ctx)
{
    static const uint32_t values[] = {
        PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, ADDR_NO_RANDOMIZE, 0xffffffffu};
    int r = 0;

    for (size_t i = 0; i < COUNT(values); i++) {
        r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                              SCMP_A0(SCMP_CMP_EQ, values[i]));
    }
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

    if (!out) {
        return -1;
    }
    (void)fprintf(out,
                  "/* Made by filter_gen.c; not to be edited. */\n#include <linux/filter.h>\n\n"
                  "static const struct sock_filter bubblewrap_filter[] = {\n");
    while (read(bpf, &one, sizeof one) == (ssize_t)sizeof one) {
        (void)fprintf(out, "    {0x%02x, %u, %u, 0x%08xu},\n", (unsigned)one.code, (unsigned)one.jt,
                      (unsigned)one.jf, (unsigned)one.k);
    }
    (void)fprintf(out, "};\n");
    return fclose(out);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int bpf = memfd_create("filter", MFD_CLOEXEC);
    int ok;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s HEADER\n", argv[0]);
        return 2;
    }
    ok = ctx && bpf >= 0 &&
         seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 &&
         seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
         add_names(ctx, SCMP_ACT_ALLOW, allowed, COUNT(allowed)) == 0 &&
         add_names(ctx, SCMP_ACT_ERRNO(EPERM), denied, COUNT(denied)) == 0 && add_clone(ctx) == 0 &&
         add_socket(ctx) == 0 && add_personality(ctx) == 0 && seccomp_export_bpf(ctx, bpf) == 0 &&
         lseek(bpf, 0, SEEK_SET) == 0 && write_header(argv[1], bpf) == 0;
    if (ctx) {
        seccomp_release(ctx);
    }
    if (!ok) {
        (void)fprintf(stderr, "%s: cannot make the system call filter in '%s'\n", argv[0], argv[1]);
    }
    return ok ? 0 : 1;
}
