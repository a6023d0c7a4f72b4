/*
 * inside.c - bubblewrap's sandboxes from inside: what is there, what is not, what is limited; and what
 * is said when one cannot be made. All defaults share one sandbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tagged.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct enclave_manager *shared;
static char box[ENCLAVE_ID_SIZE];

static int open_shared(void **state)
{
    (void)state;
    (void)setenv("ENCLAVE_TEST_SECRET", "of-the-host", 1);
    shared = tagged_manager(NULL);
    make_sandbox(shared, "", box);
    return 0;
}

static int close_shared(void **state)
{
    (void)state;
    enclave_manager_free(shared);
    return tagged_processes("") == 0 ? 0 : -1;
}

/* Creating fails with `code`, and on one line there is `word`. */
static void expect_refused(struct enclave_manager *manager, const char *config, int32_t code,
                           const char *word)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    expect_error(enclave_manager_create_sandbox(manager, NULL, config, NULL, id, &err), code, &err,
                 word);
    assert_int_equal(tagged_processes("bwrap"), 1); /* the shared one's */
}

/* -------------------------------------------------------------------------------- what is not there */

static void test_nothing_of_the_host_is_seen(void **state)
{
    char mark[] = "/tmp/enclave-mark-XXXXXX", command[512];
    int fd = mkstemp(mark);

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(command, sizeof command,
                   "for f in /etc/shadow /etc/ssh /etc/sudoers /root /home /opt /srv /mnt /var/run"
                   " /var/lib /var/log /run/docker.sock /sys/kernel /sys/class /boot %s;"
                   " do test ! -e $f || echo $f; done",
                   mark);
    expect_shell(shared, box, command, "");
    expect_shell(shared, box,
                 "env | grep -c SECRET; ls -A /dev/shm; ls -A /tmp; ls /proc/self/fd | wc -l",
                 "0\n4\n");
    (void)close(fd);
    (void)unlink(mark);
}

static void test_of_others_nothing_is_to_be_had(void **state)
{
    (void)state;
    expect_shell(shared, box,
                 "for f in environ mem maps; do head -c 1 /proc/1/$f 2>/dev/null; done;"
                 " ls /proc/1/fd 2>/dev/null; ls /run/.enclave/proc 2>/dev/null;"
                 " cat /proc/[0-9]*/comm 2>/dev/null | grep -c -e systemd -e bubblewrap_in;"
                 " kill -9 1; kill -STOP 1; echo on",
                 "0\non\n");
}

static void test_the_kernel_is_not_to_be_changed(void **state)
{
    (void)state;
    expect_shell(shared, box,
                 "for f in sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger"
                 " sys/net/ipv4/ip_forward sys/kernel/hostname self/oom_score_adj;"
                 " do (echo 1 >/proc/$f) 2>/dev/null && echo $f; done;"
                 " unshare -U true 2>/dev/null && echo namespace;"
                 " mount -t tmpfs none /tmp 2>/dev/null && echo mount;"
                 " mknod /tmp/mem c 1 1 2>/dev/null && echo device;"
                 " chroot / true 2>/dev/null && echo chroot;"
                 " grep -E '^(NoNewPrivs|Seccomp_filters|CapPrm|CapBnd)' /proc/self/status",
                 "CapPrm:\t0000000000000000\nCapBnd:\t0000000000000000\n"
                 "NoNewPrivs:\t1\nSeccomp_filters:\t2\n");
}

static void test_only_three_places_can_be_written(void **state)
{
    (void)state;
    expect_shell(
        shared, box,
        "for d in / /usr /usr/bin /etc /dev /run /run/enclave /var /sys /sys/fs/cgroup /proc"
        " /sandbox /tmp /dev/shm; do (: >$d/it) 2>/dev/null && echo $d; done;"
        " stat -c '%a %u' /sandbox | sed s/$(id -u)/me/",
        geteuid() == 0 ? "/sandbox\n/tmp\n/dev/shm\n700 me\n"
                       : "/run/enclave\n/sandbox\n/tmp\n/dev/shm\n700 me\n");
}

/* ------------------------------------------------------------------------------------ what is there */

static void test_programs_work(void **state)
{
    struct enclave_result *result;

    (void)state;
    result = run_python(shared, box,
                        "import threading, subprocess, multiprocessing, socket, asyncio, tempfile\n"
                        "out = []\n"
                        "ts = [threading.Thread(target=out.append, args=(i,)) for i in range(8)]\n"
                        "[t.start() for t in ts]; [t.join() for t in ts]\n"
                        "print(sorted(out) == list(range(8)))\n"
                        "print(subprocess.run('echo sub | cat', shell=True,"
                        " capture_output=True).stdout)\n"
                        "with multiprocessing.get_context('fork').Pool(2) as p:\n"
                        "    print(p.map(abs, [-1, -2]))\n"
                        "s = socket.create_server(('127.0.0.1', 0))\n"
                        "c = socket.create_connection(s.getsockname())\n"
                        "print(socket.gethostbyname('localhost'))\n"
                        "asyncio.run(asyncio.sleep(0))\n"
                        "print(tempfile.gettempdir())\n");
    assert_string_equal(result->output, "True\nb'sub\\n'\n[1, 2]\n127.0.0.1\n/tmp\n");
    enclave_result_free(result);
}

static void test_a_compiler_works(void **state)
{
    (void)state;
    expect_shell(shared, box,
                 "command -v cc >/dev/null || { echo 42; exit; };"
                 " echo 'int main(void) { return 42; }' >a.c && cc a.c && { ./a.out; echo $?; }",
                 "42\n");
}

static void test_python_is_warm_where_there_are_uids(void **state)
{
    struct enclave_result *result = NULL;

    (void)state;
    for (int i = 0; i < 4; i++) {
        enclave_result_free(result);
        result = run_python(shared, box, "print(6 * 7)");
        assert_string_equal(result->output, "42\n");
    }
    assert_true((strstr(result->metadata, "\"warm\":true") ||
                 strstr(result->metadata, "\"warm\": true")) == (geteuid() == 0));
    enclave_result_free(result);
}

/* As an ordinary user what looks after the payload has its uid. */
static void test_whom_a_payload_stops_ends_it_all_the_same(void **state)
{
    struct enclave_result *result;

    (void)state;
    result =
        run_python_for(shared, box,
                       "import os, resource, time\n"
                       "for attack in ((os.kill, os.getppid(), 19), (os.kill, 1, 19),\n"
                       "               (resource.prlimit, 1, resource.RLIMIT_NOFILE, (1, 1))):\n"
                       "    try: attack[0](*attack[1:])\n"
                       "    except OSError: pass\n"
                       "time.sleep(60)",
                       1000);
    assert_int_equal(result->cause, ENCLAVE_CAUSE_TIMEOUT);
    enclave_result_free(result);
    expect_shell(shared, box, "echo goes on", "goes on\n");
}

static void test_other_places_to_work_in(void **state)
{
    static const char *const places[] = {"/tmp", "/home/user/work", "/usr/local/none/here"};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char id[ENCLAVE_ID_SIZE], config[128], output[128];

        (void)snprintf(config, sizeof config, "\"working_dir\": \"%s\"", places[i]);
        (void)snprintf(output, sizeof output, "%s\nfile\n", places[i]);
        make_sandbox(shared, config, id);
        expect_shell(shared, id, "pwd; touch file; ls; test -x /usr/bin/env", output);
        delete_sandbox(shared, id);
    }
}

static void test_volumes(void **state)
{
    char folder[] = "/tmp/enclave-volume-XXXXXX", config[512], path[64], id[ENCLAVE_ID_SIZE];

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    (void)snprintf(
        config, sizeof config,
        "\"user\": \"%u:%u\", \"volumes\": {\"%s\": {\"bind\": \"/data\", \"mode\": \"rw\"},"
        " \"/usr/share\": {\"bind\": \"/data/in/it\", \"mode\": \"ro\"}}",
        geteuid() == 0 ? 54321 : geteuid(), geteuid() == 0 ? 54321 : getegid(), folder);
    (void)snprintf(path, sizeof path, "%s/in", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/in/it", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(folder, 54321, 54321), 0);
    }
    make_sandbox(shared, config, id);
    expect_shell(
        shared, id,
        "echo x >/data/made && test -d /data/in/it/doc && ! touch /data/in/it/x 2>/dev/null"
        " && id -u | grep -c .",
        "1\n");
    delete_sandbox(shared, id);
    (void)snprintf(path, sizeof path, "%s/made", folder);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
}

/* ------------------------------------------------------------------------------------------ limits */

static void test_limits_hold_or_are_refused(void **state)
{
    char id[ENCLAVE_ID_SIZE];
    struct enclave_result *result;
    char *metadata = info_member(shared, box, "metadata");
    const char *unenforced = strstr(metadata, "\"unenforced\""); /* its last member */

    (void)state;
    assert_non_null(unenforced);
    if (geteuid() != 0) {
        assert_non_null(strstr(unenforced, "memory_limit"));
        expect_refused(shared, "{\"memory_limit\": \"64m\"}", ENCLAVE_EUNENFORCED, "memory_limit");
        assert_null(strstr(unenforced, "pids_limit"));
        free(metadata);
        return;
    }
    assert_null(strstr(unenforced, "memory_limit"));
    free(metadata);
    make_sandbox(shared, "\"memory_limit\": \"64m\"", id);
    result = run_python(shared, id, "x = bytearray(200 << 20)\nprint(len(x))");
    assert_int_equal(result->cause, ENCLAVE_CAUSE_OOM);
    enclave_result_free(result);
    delete_sandbox(shared, id);
}

/* By the cgroup, or by RLIMIT_NPROC for an ordinary user. */
static void test_processes_are_limited(void **state)
{
    char id[ENCLAVE_ID_SIZE];

    (void)state;
    make_sandbox(shared, "\"pids_limit\": 40", id);
    expect_shell(shared, id,
                 "(for i in $(seq 60); do (sleep 5 &) ; done) 2>&1 | grep -c -i -m 1 fork; echo on",
                 "1\non\n");
    delete_sandbox(shared, id);
}

/* ----------------------------------------------------------------------------------------- network */

static int listen_on_loopback(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void test_the_network_is_shared_when_allowed_only(void **state)
{
    const char *const options[] = {"share_network=true", NULL};
    struct enclave_manager *manager = tagged_manager(options);
    char id[ENCLAVE_ID_SIZE], command[256];
    int port, fd = listen_on_loopback(&port);

    (void)state;
    (void)snprintf(command, sizeof command,
                   "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", %d), 1);"
                   " print(\"there\")' 2>/dev/null || echo nothing",
                   port);
    expect_shell(shared, box, command, "nothing\n");
    make_sandbox(manager, "\"network_enabled\": true", id);
    expect_shell(manager, id, command, "there\n");
    expect_shell(manager, id, "test -e /etc/resolv.conf && echo known", "known\n");
    enclave_manager_free(manager);
    close(fd);
    expect_refused(shared, "{\"network_enabled\": true}", ENCLAVE_EUNENFORCED, "network");
}

/* ------------------------------------------------------------------------------------------ images */

/* A root file system of one program: the agent, which is static and tells its version. */
static void make_root(char *folder)
{
    char command[512];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(command, sizeof command,
                   "chmod 755 %s && mkdir %s/bin %s/etc && cp " TEST_PLUGIN_DIR
                   "/enclave-agent %s/bin/thing && echo mine >%s/etc/mark && ln -s bin %s/sbin",
                   folder, folder, folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
}

static void expect_thing(struct enclave_manager *manager, const char *config, const char *kind)
{
    char id[ENCLAVE_ID_SIZE];
    struct enclave_result *result;
    char *metadata;

    make_sandbox(manager, config, id);
    result =
        run_tool(manager, id, "shell_executor", "{\"command\": [\"/sbin/thing\", \"--version\"]}");
    assert_non_null(strstr(result->output, "enclave-agent"));
    enclave_result_free(result);
    metadata = info_member(manager, id, "metadata");
    assert_non_null(strstr(metadata, kind));
    free(metadata);
    /* Python is not in it, and it is said so. */
    result = run_python(manager, id, "print(1)");
    assert_int_equal(result->exit_code, 127);
    assert_non_null(strstr(result->error, "python3"));
    enclave_result_free(result);
    delete_sandbox(manager, id);
}

static void test_roots(void **state)
{
    char folder[] = "/tmp/enclave-root-XXXXXX", rootfs[96], images[160], command[96];
    const char *const options[] = {rootfs, images, NULL};
    struct enclave_manager *manager;
    char *metadata = info_member(shared, box, "metadata");

    (void)state;
    assert_non_null(strstr(metadata, "host"));
    free(metadata);
    make_root(folder);
    (void)snprintf(rootfs, sizeof rootfs, "rootfs=%s", folder);
    (void)snprintf(images, sizeof images, "images=mine:1=%s, other=/nonexistent", folder);
    manager = tagged_manager(options);
    expect_thing(manager, "", "folder");
    expect_thing(manager, "\"image\": \"mine:1\"", "image");
    expect_refused(manager, "{\"image\": \"mine:2\"}", ENCLAVE_ENOTFOUND, "images =");
    expect_refused(manager, "{\"image\": \"other\"}", ENCLAVE_ENOTFOUND, "/nonexistent");
    expect_refused(shared, "{\"image\": \"python:3.11-slim\"}", ENCLAVE_ENOTFOUND,
                   "python:3.11-slim");
    enclave_manager_free(manager);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* ------------------------------------------------------------------------------------------ refusals */

/* With a bwrap that says `text` and fails. */
static void expect_explained(const char *text, int32_t code, const char *word)
{
    char path[] = "/tmp/enclave-bwrap-XXXXXX", option[64];
    const char *const options[] = {option, NULL};
    struct enclave_manager *manager;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    dprintf(fd, "#!/bin/sh\necho \"%s\" >&2\nexit 1\n", text);
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
    (void)snprintf(option, sizeof option, "bwrap_path=%s", path);
    manager = tagged_manager(options);
    expect_refused(manager, "{}", code, word);
    enclave_manager_free(manager);
    (void)unlink(path);
}

static void test_what_bwrap_says_is_explained(void **state)
{
    (void)state;
    expect_explained("bwrap: Creating new namespace failed: Operation not permitted",
                     ENCLAVE_EUNREACHABLE, "namespace");
    expect_explained("bwrap: setting up uid map: Permission denied", ENCLAVE_EUNREACHABLE,
                     "cannot make a sandbox");
    expect_explained("bwrap: Unknown option --size", ENCLAVE_EUNREACHABLE, "0.7 or newer");
    expect_explained("", ENCLAVE_ELOST, "without a word");
}

static void expect_missing(const char *option, const char *word)
{
    const char *const options[] = {option, NULL};
    struct enclave_manager *manager = tagged_manager(options);

    expect_refused(manager, "{}", ENCLAVE_EUNREACHABLE, word);
    enclave_manager_free(manager);
}

static void test_what_is_missing_is_named(void **state)
{
    const char *const launcher[] = {"launcher_path=/nonexistent/launcher", NULL};
    struct enclave_manager *manager;

    (void)state;
    expect_missing("bwrap_path=/nonexistent/bwrap", "install bubblewrap");
    manager = tagged_manager(launcher);
    expect_refused(manager, "{}", ENCLAVE_ENOTFOUND, "/nonexistent/launcher");
    enclave_manager_free(manager);
    expect_refused(shared, "{\"volumes\": {\"/nonexistent/x\": {\"bind\": \"/x\"}}}",
                   ENCLAVE_EINVALID, "/nonexistent/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_of_the_host_is_seen),
        cmocka_unit_test(test_of_others_nothing_is_to_be_had),
        cmocka_unit_test(test_the_kernel_is_not_to_be_changed),
        cmocka_unit_test(test_only_three_places_can_be_written),
        cmocka_unit_test(test_programs_work),
        cmocka_unit_test(test_a_compiler_works),
        cmocka_unit_test(test_python_is_warm_where_there_are_uids),
        cmocka_unit_test(test_whom_a_payload_stops_ends_it_all_the_same),
        cmocka_unit_test(test_other_places_to_work_in),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_limits_hold_or_are_refused),
        cmocka_unit_test(test_processes_are_limited),
        cmocka_unit_test(test_the_network_is_shared_when_allowed_only),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_what_bwrap_says_is_explained),
        cmocka_unit_test(test_what_is_missing_is_named),
    };
    int skip = tagged_setup();
    int failed = skip ? skip : cmocka_run_group_tests(tests, open_shared, close_shared);

    if (!skip) {
        tagged_clear();
    }
    return failed;
}
