/*
 * isolation.c - what a sandbox keeps its programs from: each wall is run against from inside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "claim.h"
#include "groups.h"
#include "host.h"
#include "tree.h"

#include <stdlib.h>
#include <unistd.h>

static void network_off(struct test *t)
{
    struct box *box = claim(t, "network_off", "{'network_enabled': false}", 1);
    int port;

    if (box) {
        char *name = test_text(t, "enclave-conformance-%d", (int)getpid());
        (void)host_listen(t, &port);
        host_listen_abstract(t, name);
        expect_python(
            t, box,
            test_text(
                t,
                "import socket\n"
                "print([name for _, name in socket.if_nameindex()])\n"
                "for host in '127.0.0.1', '192.0.2.1', '169.254.169.254', '172.17.0.1':\n"
                "    s = socket.socket()\n    s.settimeout(5)\n"
                "    print(s.connect_ex((host, %d)) == 0)\n"
                "try: print(socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9)))\n"
                "except OSError: print('unreachable')\n"
                "print(socket.socket(socket.AF_UNIX).connect_ex('\\0%s') == 0)\n",
                port, name),
            "['lo']\nFalse\nFalse\nFalse\nFalse\nunreachable\nFalse\n");
    }
}

static void read_only_root(struct test *t)
{
    struct box *box = claim(t, "read_only_root", "{'read_only_root': true}", 1);

    /* Not the three that may be written to, what the kernel makes up, and what is reserved for PID 1, which may
     * have no other uid than payloads. */
    if (box) {
        expect_python(
            t, box,
            "import os\n"
            "free = '/sandbox', '/tmp', '/dev/shm', '/proc', '/sys', '/dev/mqueue', "
            "'/run/enclave'\n"
            "tried = 0\n"
            "for folder, folders, files in os.walk('/'):\n"
            "    folders[:] = [f for f in folders if os.path.join(folder, f) not in free]\n"
            "    tried += 1\n"
            "    try: os.mkdir(os.path.join(folder, 'conformance'))\n"
            "    except OSError: continue\n"
            "    print('made a folder in', folder)\n"
            "print(tried > 20, bool(os.statvfs('/').f_flag & os.ST_RDONLY))\n",
            "True True\n");
        expect_shell(t, box,
                     "for place in /sandbox /tmp /dev/shm; do echo x >$place/x && cat $place/x;"
                     " done",
                     "x\nx\nx\n");
    }
}

static void seccomp(struct test *t)
{
    struct box *box = claim(t, "seccomp", "{'privileged': false}", 1);

    if (box) {
        expect_python(
            t, box,
            "import ctypes, socket\n"
            "c = ctypes.CDLL(None, use_errno=True)\n"
            "def refused(name, r): print(name, r == -1 and ctypes.get_errno() in (1, 13, 38))\n"
            "refused('user namespace', c.unshare(0x10000000))\n"
            "refused('mount', c.mount(b'x', b'/tmp', b'tmpfs', 0, None))\n"
            "refused('io_uring', c.syscall(425, 1, None))\n"
            "for family in 40, 17:\n"
            "    try: socket.socket(family, socket.SOCK_RAW if family == 17 else "
            "socket.SOCK_STREAM)\n"
            "    except OSError: print('no socket')\n"
            "print([l.split()[1] for l in open('/proc/self/status') if "
            "l.startswith('Seccomp:')])\n",
            "user namespace True\nmount True\nio_uring True\nno socket\nno socket\n['2']\n");
    }
}

/* Programs that are setuid here, if there are any, do not become root. */
static void no_new_privileges(struct test *t)
{
    struct box *box = claim(t, "no_new_privileges", "{'privileged': false}", 1);

    if (box) {
        expect_python(
            t, box,
            "import ctypes, glob, os, stat, subprocess\n"
            "def status(pid, key):\n"
            "    return [l.split()[1:] for l in open(f'/proc/{pid}/status') if "
            "l.startswith(key)][0]\n"
            "print(status('self', 'NoNewPrivs:'), ctypes.CDLL(None).prctl(38, 0, 0, 0, 0))\n"
            "for path in glob.glob('/bin/*') + glob.glob('/usr/bin/*'):\n"
            "    st = os.stat(path) if os.path.exists(path) else None\n"
            "    if st and st.st_mode & stat.S_ISUID and os.access(path, os.X_OK):\n"
            "        p = subprocess.Popen([path], stdin=-3, stdout=-3, stderr=-3)\n"
            "        if set(status(p.pid, 'Uid:')) != {str(os.getuid())}: print(path, 'rises')\n"
            "        p.kill()\n        p.wait()\n",
            "['1'] -1\n");
    }
}

static void own_uid(struct test *t)
{
    struct box *box = claim(t, "own_uid", NULL, 1);

    if (box) {
        expect_python(
            t, box,
            "import os\n"
            "uids = [l.split()[1:] for l in open('/proc/1/status') if l.startswith('Uid:')][0]\n"
            "print(os.getuid() != 0, str(os.getuid()) in uids)\n"
            "try: os.setuid(0); print('root')\n"
            "except OSError: print('no root')\n",
            "True False\nno root\n");
    }
}

static void no_capabilities(struct test *t)
{
    expect_shell(t, box_shared(t),
                 "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u",
                 "0000000000000000\n");
    expect_shell(t, box_shared(t), "test $(id -u) -ne 0 && echo not root", "not root\n");
}

static void first_process(struct test *t)
{
    expect_python(t, box_shared(t),
                  "import os\n"
                  "for signal in 9, 15, 19:\n"
                  "    try: os.kill(1, signal)\n"
                  "    except OSError: pass\n"
                  "for name in 'environ', 'mem', 'fd', 'root/etc', 'cwd', 'exe', 'maps':\n"
                  "    path = '/proc/1/' + name\n"
                  "    try: os.listdir(path) if name in ('fd', 'root/etc') else "
                  "os.readlink(path) if name in ('cwd', 'exe') else open(path, 'rb').read(1)\n"
                  "    except OSError: continue\n"
                  "    print('got at', path)\n"
                  "print('done')\n",
                  "done\n");
    expect_alive(t, box_shared(t));
}

static void own_files(struct test *t)
{
    struct box *box = claim(t, "own_files", NULL, 1);
    char *here = getcwd(NULL, 0);
    char *current = test_text(t, "%s", here ? here : "/tmp");
    const char *home = getenv("HOME");
    const char *parents[] = {"/tmp", "/var/tmp", home && *home ? home : "/tmp", current};

    free(here);
    for (size_t i = 0; box && i < sizeof parents / sizeof *parents; i++) {
        if (access(parents[i], W_OK) < 0) {
            continue;
        }
        char *path = test_text(t, "%s/file", host_folder(t, parents[i], 0755));
        host_write(t, path, "the host's");
        expect_python(t, box,
                      test_text(t,
                                "import os\n"
                                "print([p for p in ('%s', '/proc/1/root%s', '/proc/self/root/..%s')"
                                " if os.path.lexists(p)])",
                                path, path, path),
                      "[]\n");
    }
    if (box) {
        expect_shell(t, box, "ls /var/run/docker.sock /run/podman /run/user 2>/dev/null; true", "");
    }
}

/* Each process of the chain lives for a moment only: one look at the list of processes may miss it. */
static void kill_tree(struct test *t)
{
    struct box *box = claim(t, "kill_tree", NULL, 1);

    if (box) {
        static const char chain[] = "import os, signal, subprocess, sys\n"
                                    "code = 'import os, signal\\nos.setsid()\\n"
                                    "for s in 1, 2, 3, 15: signal.signal(s, signal.SIG_IGN)\\n"
                                    "os.write(1, b\"begun\\\\n\")\\n"
                                    "while True:\\n    if os.fork(): os._exit(0)\\n'\n"
                                    "subprocess.Popen([sys.executable, '-c', code, 'chain-mark'])\n"
                                    "signal.pause()\n";
        const char *output = "";
        /* Until it has begun, for which a busy machine may need longer. */
        for (int limit_ms = 1000; !*output && limit_ms < 60000; limit_ms *= 2) {
            struct enclave_result *result = run_python_for(t, box, chain, limit_ms);
            expect_cause(t, result, ENCLAVE_CAUSE_TIMEOUT);
            output = result->output;
        }
        expect_text(t, output, "begun\n");
        for (int i = 0; i < 20; i++) {
            expect_int(t, tree_count(t, box, "chain-mark"), 0);
        }
    }
}

static const struct tap_case cases[] = {
    {"network_off", "network_off: no interface but lo, nothing of the host or the net is reached",
     network_off},
    {"read_only_root", "read_only_root: no folder can be written in but three", read_only_root},
    {"seccomp", "seccomp: system calls that no program needs are refused", seccomp},
    {"no_new_privileges", "no_new_privileges: setuid programs give nothing", no_new_privileges},
    {"own_uid", "own_uid: payloads are not root, and not the uid of PID 1", own_uid},
    {"no_capabilities", "payloads have no capability and are not uid 0", no_capabilities},
    {"first_process", "PID 1 can be neither ended nor looked into", first_process},
    {"own_files", "own_files: nothing of the host's files is to be seen", own_files},
    {"kill_tree", "kill_tree: a chain of forks does not get away", kill_tree},
};
TAP_GROUP(isolation, cases);
