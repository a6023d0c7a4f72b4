/*
 * limits.c - what a sandbox may use up: each limit is tried from inside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "claim.h"
#include "groups.h"

#include <stdlib.h>

static void memory(struct test *t)
{
    struct box *box = claim(t, "memory_limit", "{'memory_limit': '64m'}", 1);

    if (box) {
        expect_cause(t, run_python(t, box, "x = b'x' * (1 << 30)"), ENCLAVE_CAUSE_OOM);
        expect_alive(t, box);
    }
}

/* Five processes that are small enough each. */
static void memory_of_all(struct test *t)
{
    struct box *box = claim(t, "memory_limit", "{'memory_limit': '64m'}", 1);

    if (box) {
        struct enclave_result *result = run_python(t, box,
                                                   "import os\n"
                                                   "def go(more):\n"
                                                   "    x = b'x' * (40 << 20)\n"
                                                   "    if more and os.fork() == 0:\n"
                                                   "        go(more - 1)\n"
                                                   "        os._exit(0)\n"
                                                   "    if more: os.wait()\n"
                                                   "go(4)\n");
        expect(t, metadata_number(result, "oom_kills") >= 1);
        expect_alive(t, box);
    }
}

static void memory_of_files(struct test *t)
{
    struct box *box = claim(t, "memory_limit", "{'memory_limit': '64m'}", 1);

    if (box) {
        struct enclave_result *result =
            run_shell(t, box, "echo begun; head -c 134217728 /dev/zero >/tmp/big && echo all");
        expect_text(t, result->output, "begun\n");
    }
}

static void cpu(struct test *t)
{
    struct box *box = claim(t, "cpu_limit", "{'cpu_limit': 0.5}", 1);

    if (box) {
        struct enclave_result *result =
            run_python(t, box,
                       "import os, time\n"
                       "began = time.monotonic()\n"
                       "for i in range(2):\n"
                       "    if os.fork() == 0:\n"
                       "        while time.monotonic() < began + 1.5: pass\n"
                       "        os._exit(0)\n"
                       "for i in range(2): os.wait()\n"
                       "wall = time.monotonic() - began\n"
                       "used = os.times()\n"
                       "used = used.children_user + used.children_system\n"
                       "print(int(100 * used / wall))\n");
        expect_exit(t, result, 0);
        long percent = strtol(result->output, NULL, 10);
        test_note(t, "two loops used %ld %% of a CPU where 50 were allowed", percent);
        expect(t, percent > 0 && percent <= 80);
    }
}

static void pids(struct test *t)
{
    struct box *box = claim(t, "pids_limit", "{'pids_limit': 32}", 1);

    if (box) {
        struct enclave_result *result =
            run_python(t, box,
                       "import os, signal\n"
                       "children = []\n"
                       "try:\n"
                       "    while len(children) < 500:\n"
                       "        child = os.fork()\n"
                       "        if child == 0: signal.pause()\n"
                       "        children.append(child)\n"
                       "except OSError as e: print(len(children), e.errno)\n"
                       "for child in children: os.kill(child, 9)\n");
        expect_exit(t, result, 0);
        expect_part(t, result->output, " 11\n"); /* EAGAIN */
        long count = strtol(result->output, NULL, 10);
        expect(t, count >= 8 && count < 32);
        expect_alive(t, box);
    }
}

static void tmpfs(struct test *t)
{
    struct box *box =
        claim(t, "tmpfs_sizes", "{'workdir_size': '4m', 'tmp_size': '4m', 'shm_size': '4m'}", 1);

    if (box) {
        expect_python(t, box,
                      "import os\n"
                      "for place in '/sandbox', '/tmp', '/dev/shm':\n"
                      "    fd, n = os.open(place + '/big', os.O_CREAT | os.O_WRONLY), 0\n"
                      "    try:\n"
                      "        while n < 64 << 20: n += os.write(fd, bytes(65536))\n"
                      "    except OSError as e: print(place, e.errno, 3 << 20 <= n <= 4 << 20)\n"
                      "    flags = os.fstatvfs(fd).f_flag\n"
                      "    print(bool(flags & os.ST_NOSUID), bool(flags & os.ST_NODEV))\n",
                      "/sandbox 28 True\nTrue True\n/tmp 28 True\nTrue True\n"
                      "/dev/shm 28 True\nTrue True\n"); /* ENOSPC */
    }
}

static void open_files(struct test *t)
{
    struct box *box = box_new(t, "{'nofile_limit': 64}");

    expect_python(t, box,
                  "import os, resource\n"
                  "files = []\n"
                  "try:\n"
                  "    while len(files) < 500: files.append(os.open('/', os.O_RDONLY))\n"
                  "except OSError as e: print(e.errno, 40 < len(files) < 64)\n"
                  "try: resource.setrlimit(resource.RLIMIT_NOFILE, (65, 65))\n"
                  "except (OSError, ValueError): print('stays')\n"
                  "print(resource.getrlimit(resource.RLIMIT_CORE))\n",
                  "24 True\nstays\n(0, 0)\n"); /* EMFILE */
}

static const struct tap_case cases[] = {
    {"memory", "memory_limit: a process that wants more is killed", memory},
    {"memory_of_all", "memory_limit: counts all processes together", memory_of_all},
    {"memory_of_files", "memory_limit: files in memory count", memory_of_files},
    {"cpu", "cpu_limit: two loops do not use more than half a CPU when that is the limit", cpu},
    {"pids", "pids_limit: forks are refused beyond it", pids},
    {"tmpfs", "tmpfs_sizes: working_dir, /tmp and /dev/shm are full when they are", tmpfs},
    {"open_files", "nofile_limit: cannot be passed nor raised; no core files", open_files},
};
TAP_GROUP(limits, cases);
