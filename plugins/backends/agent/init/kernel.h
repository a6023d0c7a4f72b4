/*
 * kernel.h - the few pieces of the kernel's user interface that libc headers may lack (musl ships
 * without the linux headers). Values and layouts are those of include/uapi/linux/{openat2,filter,seccomp,
 * capability,close_range}.h, which never change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_KERNEL_H
#define AGENT_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>

/* openat2(2) */
struct kernel_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

#define KERNEL_RESOLVE_NO_MAGICLINKS 0x02u
#define KERNEL_RESOLVE_NO_SYMLINKS 0x04u
#define KERNEL_RESOLVE_BENEATH 0x08u

/* ioctl_iflags(2), where long has 64 bits */
#define KERNEL_FS_IOC_GETFLAGS 0x80086601u
#define KERNEL_FS_IOC_SETFLAGS 0x40086602u

/* seccomp(2), classic BPF */
struct kernel_sock_filter {
    uint16_t code;
    uint8_t jt;
    uint8_t jf;
    uint32_t k;
};

struct kernel_sock_fprog {
    unsigned short len;
    const struct kernel_sock_filter *filter;
};

#define KERNEL_SECCOMP_MODE_FILTER 2

/* capset(2) */
struct kernel_cap_header {
    uint32_t version;
    int pid;
};

struct kernel_cap_data {
    uint32_t effective;
    uint32_t permitted;
    uint32_t inheritable;
};

#define KERNEL_CAP_VERSION_3 0x20080522u
#define KERNEL_CAP_COUNT_MAX 64
#define KERNEL_CAP_KILL 5
#define KERNEL_CAP_SETGID 6
#define KERNEL_CAP_SETUID 7
#define KERNEL_CAP_BIT(cap) (UINT32_C(1) << (cap))

/* getdents64(2) */
struct kernel_dirent64 {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#endif
