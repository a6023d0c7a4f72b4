/*
 * tagged.c - see tagged.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tagged.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

/* ------------------------------------------------------------------------------------ the setup */

static int copy_program(const char *from, const char *name)
{
    char to[128];
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out;
    int ok;

    (void)snprintf(to, sizeof to, "%s/%s", folder, name);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    ok = in >= 0 && out >= 0 && fstat(in, &st) == 0 &&
         sendfile(out, in, NULL, (size_t)st.st_size) == st.st_size;
    close(in);
    close(out);
    return ok ? 0 : -1;
}

int tagged_setup(void)
{
    const char *require = getenv("ENCLAVE_TEST_REQUIRE");
    const char *bwrap = access("/usr/bin/bwrap", X_OK) == 0 ? "/usr/bin/bwrap" : "/bin/bwrap";

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)setenv("ENCLAVE_PLUGIN_PATH", TEST_PLUGIN_DIR, 1);
    (void)unsetenv("ENCLAVE_CONFIG");
    if (access(bwrap, X_OK) != 0) {
        int required = require && strstr(require, "bubblewrap");

        printf("%s: bwrap is not installed\n", required ? "failed" : "skipped");
        return required ? 1 : 77;
    }
    (void)snprintf(folder, sizeof folder, "/tmp/enclave-tag-XXXXXX");
    if (!mkdtemp(folder) || chmod(folder, 0755) != 0 || copy_program(bwrap, "bwrap") != 0 ||
        copy_program(TEST_PLUGIN_DIR "/enclave-launcher", "launcher") != 0) {
        perror(folder);
        return 1;
    }
    return 0;
}

void tagged_clear(void)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/bwrap", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/launcher", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

const char *tagged_name(void)
{
    return strrchr(folder, '/') + 1;
}

struct enclave_manager *tagged_manager(const char *const *options)
{
    struct enclave_manager_options manager_options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;
    char bwrap[160], launcher[160], more[8][256];
    const char *overrides[12] = {"enclave.backend=bubblewrap", bwrap, launcher};

    (void)snprintf(bwrap, sizeof bwrap, "backend bubblewrap.bwrap_path=%s/bwrap", folder);
    (void)snprintf(launcher, sizeof launcher, "backend bubblewrap.launcher_path=%s/launcher",
                   folder);
    for (size_t i = 0; options && options[i]; i++) {
        assert_true(i < 8);
        (void)snprintf(more[i], sizeof more[i], "backend bubblewrap.%s", options[i]);
        overrides[3 + i] = more[i];
    }
    manager_options.config_path = "";
    manager_options.overrides = overrides;
    if (enclave_manager_new(&manager_options, &manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return manager;
}

/* ----------------------------------------------------------------------------------- leftovers */

/* The command line of a process, its arguments separated by spaces. */
static int command_line(int pid, char *text, size_t size)
{
    char path[64];
    int fd;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        text[i] = text[i] ? text[i] : ' ';
    }
    return 0;
}

/* Count them, and send `number` to each (0: nothing). */
static int find_processes(const char *word, int number, int *ret_last)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    static char text[65536];
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        int pid = atoi(entry->d_name);

        if (pid > 0 && pid != (int)getpid() && command_line(pid, text, sizeof text) == 0 &&
            strstr(text, tagged_name()) && strstr(text, word)) {
            count++;
            *ret_last = pid;
            (void)kill(pid, number);
        }
    }
    closedir(dir);
    return count;
}

int tagged_processes(const char *word)
{
    int pid;

    return find_processes(word, 0, &pid);
}

int tagged_process(const char *word)
{
    int pid = 0;

    (void)find_processes(word, 0, &pid);
    return pid;
}

void tagged_signal(const char *word, int number)
{
    int pid;

    assert_true(find_processes(word, number, &pid) > 0);
}

void tagged_stop_agent(void)
{
    char path[64];
    FILE *children;
    int pid;

    assert_int_equal(find_processes("bwrap", 0, &pid), 1);
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    children = fopen(path, "re");
    assert_non_null(children);
    assert_int_equal(fscanf(children, "%d", &pid), 1);
    (void)fclose(children);
    assert_int_equal(kill(pid, SIGSTOP), 0);
}

int64_t tagged_wait_gone(int64_t limit_ms)
{
    const struct timespec step = {0, 5000000};
    int64_t began = now_ms();

    while (tagged_processes("") > 0) {
        if (now_ms() - began > limit_ms) {
            return -1;
        }
        (void)nanosleep(&step, NULL);
    }
    return now_ms() - began;
}

/* Where the hierarchies of a line of /proc/PID/cgroup, "N:LIST:PATH", are mounted by convention. */
static void add_folder(char *folders, size_t size, char *line)
{
    char *list = strchr(line, ':');
    char *path = list ? strchr(list + 1, ':') : NULL;
    size_t length = strlen(folders);

    if (!path || !strstr(path, "/enclave-")) {
        return;
    }
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    (void)snprintf(folders + length, size - length, "/sys/fs/cgroup%s%s%s\n", list[1] ? "/" : "",
                   list + 1, path);
}

char *tagged_start_payload(struct enclave_manager *manager, const char *id)
{
    const struct timespec step = {0, 5000000};
    char command[256], path[64], line[1024];
    char *folders = calloc(1, 8192);
    int pid = 0, before = tagged_processes("payload");
    FILE *file;

    assert_non_null(folders);
    (void)snprintf(command, sizeof command,
                   "bash -c 'exec -a %s-payload sleep 1000' >/dev/null 2>&1 </dev/null &",
                   tagged_name());
    expect_shell(manager, id, command, "");
    while (find_processes("payload", 0, &pid) == before) {
        (void)nanosleep(&step, NULL);
    }
    (void)snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        add_folder(folders, 8192, line);
    }
    (void)fclose(file);
    return folders;
}

int tagged_count_folders(const char *folders)
{
    int count = 0;

    for (const char *p = folders; *p; p = strchr(p, '\n') + 1) {
        char path[1024];

        (void)snprintf(path, sizeof path, "%.*s", (int)(strchr(p, '\n') - p), p);
        count += access(path, F_OK) == 0;
    }
    return count;
}
