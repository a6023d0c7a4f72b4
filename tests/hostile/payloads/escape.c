/*
 * escape.c - tries the ways out of a sandbox one after the other. "BREACH what" for each that is not
 * shut, "done" at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEW_USER 0x10000000

/* The agent has this very uid: what follows from that is not promised where it is told so. */
static int same_user;

static void breach(const char *what)
{
    printf("BREACH %s (errno %d: %s)\n", what, errno, strerror(errno));
}

/* What returns 0 or more has worked. */
static void denied(const char *what, long result)
{
    if (result >= 0)
        breach(what);
}

/* ------------------------------------------------------------------------------------ what it is */

static void check_status(const char *status, const char *line)
{
    if (!strstr(status, line))
        printf("BREACH no '%s' in /proc/self/status:\n%s\n", line + 1, status);
}

static void identity(void)
{
    char status[8192] = "";
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, status, sizeof(status) - 1);
    (void)n;
    close(fd);
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0)
        breach("uid or gid 0");
    check_status(status, "\nCapInh:\t0000000000000000\n");
    check_status(status, "\nCapPrm:\t0000000000000000\n");
    check_status(status, "\nCapEff:\t0000000000000000\n");
    check_status(status, "\nCapAmb:\t0000000000000000\n");
    check_status(status, "\nNoNewPrivs:\t1\n");
    check_status(status, "\nSeccomp:\t2\n");
    denied("regain uid 0", setresuid(0, 0, 0));
    denied("regain gid 0", setresgid(0, 0, 0));
    denied("undo no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void groups(void)
{
    gid_t own[64];
    gid_t none = 1;
    int count = getgroups(64, own);
    denied("shed all groups", syscall(SYS_setgroups, 0L, NULL));
    denied("shed the group for another", syscall(SYS_setgroups, 1L, &none));
    if (same_user) /* executions are not told apart by a group */
        return;
    if (count != 1)
        breach("not just the group of the execution");
    gid_t next = own[0] + 1;
    denied("take the group of another execution", syscall(SYS_setgroups, 1L, &next));
    denied("take the group of another execution as gid", setresgid(next, next, next));
}

/* A program with the setgid and setuid bits gives nothing: nosuid and no_new_privs. */
static void set_id_bits(const char *self)
{
    int in = open(self, O_RDONLY);
    int out = open("/sandbox/setid", O_CREAT | O_WRONLY | O_TRUNC, 0755);
    char block[65536];
    ssize_t n;
    gid_t group = 0;
    while ((n = read(in, block, sizeof(block))) > 0)
        if (write(out, block, (size_t)n) != n)
            breach("cannot copy this program");
    if (getgroups(1, &group) == 1 && fchown(out, (uid_t)-1, group) == 0)
        fchmod(out, 06755);
    close(in);
    close(out);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/sandbox/setid", "setid", "--ids", NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        breach("a setgid program got the group");
    unlink("/sandbox/setid");
}

static int ids(void)
{
    gid_t groups_of[64];
    int count = getgroups(64, groups_of);
    return count == 1 && getegid() != groups_of[0] && geteuid() == getuid() ? 0 : 1;
}

static void descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        int fd = entry->d_name[0] == '.' ? 0 : atoi(entry->d_name);
        if (fd > 2 && fd != dirfd(dir))
            breach("an inherited descriptor beyond 2");
    }
    closedir(dir);
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
            breach("a standard stream that is a file");
    }
    int again = open("/proc/self/fd/1", O_WRONLY | O_TRUNC); /* of a pipe: harmless */
    if (again >= 0 && ftruncate(again, 0) == 0)
        breach("stdout truncated");
    close(again);
}

/* ------------------------------------------------------------------------------------------ PID 1 */

/* To have PID 1 run last, where a payload keeps the processor busy. The kernel takes an int's lower half. */
static void scheduling_of_pid_one(unsigned long one)
{
    static const char names[] = "PID 1's place among the processes that run";
    uint64_t mask[16] = {1};
    uint32_t attributes[12] = {sizeof attributes, SCHED_IDLE};
    int none = 0;
    denied(names, syscall(SYS_setpriority, (unsigned long)PRIO_PROCESS, one, 19UL));
    denied(names, syscall(SYS_setpriority, (unsigned long)PRIO_PGRP, one, 19UL));
    denied(names, syscall(SYS_sched_setscheduler, one, (unsigned long)SCHED_IDLE, &none));
    denied(names, syscall(SYS_sched_setparam, one, &none));
    denied(names, syscall(SYS_sched_setattr, one, attributes, 0UL));
    denied(names, syscall(SYS_sched_setaffinity, one, sizeof mask, mask));
    denied(names, syscall(SYS_ioprio_set, 1UL, one, 3UL << 13));
    denied(names, syscall(SYS_ioprio_set, 2UL, one, 3UL << 13));
}

/* As the same user they may be sent, and do nothing: the sandbox is used after this. */
static void signals_to_pid_one(void)
{
    siginfo_t forged = {.si_signo = SIGTERM, .si_code = SI_QUEUE};
    long results[] = {kill(1, 0), kill(1, SIGKILL), kill(1, SIGSTOP), kill(1, SIGTERM),
                      syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, &forged)};
    for (size_t i = 0; !same_user && i < sizeof(results) / sizeof(*results); i++)
        denied("a signal to PID 1", results[i]);
}

static void pid_one(void)
{
    static const char *const files[] = {"mem",     "environ",   "maps",       "auxv", "stack",
                                        "syscall", "io",        "fd",         "fd/0", "fd/1",
                                        "fd/3",    "fdinfo",    "root",       "cwd",  "exe",
                                        "ns/mnt",  "map_files", "personality"};
    char path[64];
    char link[64];
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "/proc/1/%s", files[i]);
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        char byte;
        if (fd >= 0 && (strchr(files[i], '/') || read(fd, &byte, 1) > 0 || errno == EISDIR))
            breach(path);
        close(fd);
        denied(path, open(path, O_WRONLY | O_NONBLOCK));
        denied(path, readlink(path, link, sizeof(link)));
    }
    denied("oom_score_adj of PID 1", open("/proc/1/oom_score_adj", O_WRONLY));
    denied("ptrace attach", ptrace(PTRACE_ATTACH, 1, 0, 0));
    denied("ptrace seize", ptrace(PTRACE_SEIZE, 1, 0, 0));
    signals_to_pid_one();
    uint64_t none[2] = {1, 1};
    denied("limits of PID 1", syscall(SYS_prlimit64, 1, 7, none, NULL));
    scheduling_of_pid_one(1);
    scheduling_of_pid_one(1 | UINT64_C(1) << 32);
    denied("the priority of all of a user", setpriority(PRIO_USER, 0, 19));
    denied("the disks for all of a user", syscall(SYS_ioprio_set, 3UL, 0UL, 3UL << 13));
    denied("memory of PID 1", syscall(SYS_process_vm_readv, 1, NULL, 0UL, NULL, 0UL, 1UL));
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    if (pidfd >= 0) {
        denied("a descriptor of PID 1", syscall(SYS_pidfd_getfd, pidfd, 0, 0));
        close(pidfd);
    }
}

/* --------------------------------------------------------------------------------------- the file system */

static void cannot_write(const char *path)
{
    denied(path, open(path, O_WRONLY));
    denied(path, open(path, O_WRONLY | O_CREAT, 0644));
}

static void files(void)
{
    static const char *const shut[] = {"/new",
                                       "/etc/passwd",
                                       "/usr/bin/new",
                                       "/proc/sys/kernel/core_pattern",
                                       "/proc/sys/vm/drop_caches",
                                       "/proc/sys/kernel/hostname",
                                       "/proc/sysrq-trigger",
                                       "/sys/kernel/uevent_helper",
                                       "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                       "/sys/fs/cgroup/memory.max",
                                       "/sys/fs/cgroup/pids/pids.max",
                                       "/run/enclave-agent",
                                       "/run/new",
                                       "/dev/mem",
                                       "/dev/kmsg",
                                       "/dev/sda"};
    struct statvfs fs;
    for (size_t i = 0; i < sizeof(shut) / sizeof(*shut); i++)
        cannot_write(shut[i]);
    if (!same_user)
        cannot_write("/run/enclave/new");
    if (statvfs("/", &fs) < 0 || !(fs.f_flag & ST_RDONLY))
        breach("a root that can be written");
    int kcore = open("/proc/kcore", O_RDONLY); /* an engine may show /dev/null there */
    if (kcore >= 0 && read(kcore, &fs, 1) > 0)
        breach("kcore");
    close(kcore);
    denied("the engine's socket", access("/var/run/docker.sock", F_OK));
    denied("mount", mount("none", "/tmp", "tmpfs", 0, ""));
    denied("remount", mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    denied("umount", umount2("/tmp", MNT_DETACH));
    denied("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
    denied("chroot", chroot("/tmp"));
    denied("mknod of a block device", mknod("/tmp/disk", S_IFBLK | 0666, makedev(8, 0)));
    denied("mknod of /dev/mem", mknod("/sandbox/mem", S_IFCHR | 0666, makedev(1, 1)));
    denied("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, &fs, 0));
    denied("fsopen", syscall(430, "tmpfs", 0));
    denied("open_tree", syscall(428, AT_FDCWD, "/", 1));
}

/* ------------------------------------------------------------------------------------- the kernel */

static void worlds(void)
{
    denied("unshare a user namespace", unshare(NEW_USER));
    denied("unshare a mount namespace", unshare(CLONE_NEWNS));
    denied("unshare a network namespace", unshare(CLONE_NEWNET));
    int own = open("/proc/self/ns/pid", O_RDONLY);
    denied("setns", setns(own, 0));
    close(own);
    long pid = syscall(SYS_clone, NEW_USER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    denied("clone a user namespace", pid);
    struct {
        uint64_t flags, rest[10];
    } args = {.flags = NEW_USER};
    pid = syscall(435, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    denied("clone3 a user namespace", pid);
}

static void calls(void)
{
    char zero[256] = {0};
    denied("io_uring_setup", syscall(425, 4, zero));
    denied("bpf", syscall(SYS_bpf, 0, zero, sizeof(zero)));
    denied("keyctl", syscall(SYS_keyctl, 0, -3, 1));
    denied("add_key", syscall(SYS_add_key, "user", "enclave", "x", 1UL, -3));
    denied("request_key", syscall(SYS_request_key, "user", "enclave", NULL, -3));
    denied("userfaultfd", syscall(SYS_userfaultfd, 1 /* user mode only */));
    denied("perf_event_open", syscall(SYS_perf_event_open, zero, 0, -1, -1, 0UL));
    denied("init_module", syscall(SYS_init_module, zero, 1UL, ""));
    denied("kexec_load", syscall(SYS_kexec_load, 0, 0UL, NULL, 0UL));
    denied("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, NULL));
    denied("swapon", syscall(SYS_swapon, "/tmp", 0));
    denied("acct", syscall(SYS_acct, "/tmp/acct"));
    denied("sethostname", sethostname("x", 1));
    denied("settimeofday", syscall(SYS_settimeofday, zero, NULL));
    denied("a higher priority", setpriority(PRIO_PROCESS, 0, -5));
    struct sched_param real_time = {.sched_priority = 1};
    denied("real time", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &real_time));
}

/* The tables of system calls of other kinds of program: 32 bits and x32. */
static void other_tables(void)
{
#ifdef __x86_64__
    long result = 39;
    denied("mkdir by x32", syscall(0x40000000 | SYS_mkdir, "/tmp/x32", 0755));
    /* mkdir of the 32-bit table, with a path below 4 GiB: none is needed to see that it is refused. */
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(0L), "c"(0L), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    if (result != -ENOSYS) {
        errno = (int)-result;
        breach("the 32-bit table is open");
    }
#endif
}

static void reach(const char *what, const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
    if (r < 0 && errno == EINPROGRESS) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        int error = 0;
        socklen_t size = sizeof(error);
        r = poll(&ready, 1, 300) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
                    error == 0
                ? 0
                : -1;
    }
    denied(what, r);
    close(fd);
}

static void network(int port)
{
    denied("AF_VSOCK", socket(40, SOCK_STREAM, 0));
    denied("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
    denied("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
    denied("AF_VSOCK with more",
           syscall(SYS_socket, 40 | UINT64_C(1) << 32, (long)SOCK_STREAM, 0L));
    denied("a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    denied("a raw socket of IPv6", socket(AF_INET6, SOCK_RAW, 58));
    if (socket(AF_NETLINK, SOCK_RAW, 0) < 0) /* ordinary programs list interfaces by it */
        breach("AF_NETLINK is refused");
    reach("the metadata service", "169.254.169.254", 80);
    reach("the host's loopback", "127.0.0.1", port);
    reach("the engine's bridge", "172.17.0.1", port);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1 && strcmp(argv[1], "--ids") == 0)
        return ids();
    same_user = argc > 1 && strstr(argv[1], "same-user");
    identity();
    groups();
    if (!same_user)
        set_id_bits(argv[0]);
    descriptors();
    pid_one();
    files();
    worlds();
    calls();
    other_tables();
    network(argc > 1 ? atoi(argv[1]) : 22);
    puts("done");
    return 0;
}
