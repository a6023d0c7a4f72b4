/*
 * labels.c - see labels.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "labels.h"

#include "json_build.h"

#include <enclave/version.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line of a small file; 0, or -1 with an empty text. */
static int read_line(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = -1;

    text[0] = '\0';
    if (fd >= 0) {
        do {
            length = read(fd, text, size - 1);
        } while (length < 0 && errno == EINTR);
        close(fd);
    }
    if (length < 0) {
        return -1;
    }
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

/* Start time of a process in clock ticks since boot, as text; empty when it is dead and not yet
 * waited for. -1 when that cannot be read, whatever the reason. */
static int read_start_time(long pid, char *text, size_t size)
{
    char path[64];
    char line[1024];
    char *field;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    /* The name in parentheses (field 2) may hold anything, so count from its end. */
    if (read_line(path, line, sizeof line) != 0 || !(field = strrchr(line, ')'))) {
        return -1;
    }
    if (field[1] == ' ' && (field[2] == 'Z' || field[2] == 'X')) {
        text[0] = '\0';
        return 0;
    }
    for (int i = 2; i < 22; i++) {
        field = strchr(field + 1, ' ');
        if (!field) {
            return -1;
        }
    }
    (void)snprintf(text, size, "%.*s", (int)strcspn(field + 1, " "), field + 1);
    return 0;
}

/* When this host was started, in seconds since the Epoch; 0: not to be known. */
static int64_t read_boot_time(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char *line = NULL;
    size_t size = 0;
    int64_t time = 0;

    /* By lines of any length: that of the interrupts has a number for each of them. */
    while (file && !time && getline(&line, &size, file) >= 0) {
        if (strncmp(line, "btime ", 6) == 0) {
            time = strtoll(line + 6, NULL, 10);
        }
    }
    free(line);
    if (file) {
        (void)fclose(file);
    }
    return time;
}

struct place {
    char hostname[256];
    char boot_id[64];
    char pid_namespace[64];
};

static void read_place(struct place *place)
{
    ssize_t length =
        readlink("/proc/self/ns/pid", place->pid_namespace, sizeof place->pid_namespace - 1);

    place->pid_namespace[length > 0 ? length : 0] = '\0';
    if (gethostname(place->hostname, sizeof place->hostname) != 0) {
        place->hostname[0] = '\0';
    }
    place->hostname[sizeof place->hostname - 1] = '\0';
    (void)read_line("/proc/sys/kernel/random/boot_id", place->boot_id, sizeof place->boot_id);
}

json_object *labels_make(const char *instance, const char *engine, const char *sandbox, int keep,
                         const char *token)
{
    json_object *labels = json_object_new_object();
    struct place place;
    char pid[32];
    char uid[32];
    char start[32] = "";
    int failed = 0;

    read_place(&place);
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    (void)snprintf(uid, sizeof uid, "%lu", (unsigned long)geteuid());
    (void)read_start_time(getpid(), start, sizeof start);
    json_add_string(labels, LABEL_VERSION, ENCLAVE_VERSION_STRING, &failed);
    json_add_string(labels, LABEL_INSTANCE, instance, &failed);
    json_add_string(labels, LABEL_ENGINE, engine, &failed);
    json_add_string(labels, LABEL_SANDBOX, sandbox, &failed);
    json_add_string(labels, LABEL_HOSTNAME, place.hostname, &failed);
    json_add_string(labels, LABEL_BOOT_ID, place.boot_id, &failed);
    json_add_string(labels, LABEL_PID_NAMESPACE, place.pid_namespace, &failed);
    json_add_string(labels, LABEL_PID, pid, &failed);
    json_add_string(labels, LABEL_PID_START, start, &failed);
    json_add_string(labels, LABEL_UID, uid, &failed);
    if (keep) {
        json_add_string(labels, LABEL_KEEP, "true", &failed);
    }
    if (*token) {
        json_add_string(labels, LABEL_TOKEN, token, &failed);
    }
    if (failed) {
        json_object_put(labels);
        return NULL;
    }
    return labels;
}

int labels_adoptable(json_object *labels, const char *instance, const char *engine)
{
    struct place place;
    char uid[32];

    read_place(&place);
    (void)snprintf(uid, sizeof uid, "%lu", (unsigned long)geteuid());
    /* The boot alone tells a machine: a manager in a container has another host name each time. */
    return *place.boot_id && strcmp(place.boot_id, json_text(labels, LABEL_BOOT_ID, "")) == 0 &&
           strcmp(instance, json_text(labels, LABEL_INSTANCE, "")) == 0 &&
           strcmp(engine, json_text(labels, LABEL_ENGINE, "")) == 0 &&
           strcmp(uid, json_text(labels, LABEL_UID, "")) == 0 &&
           *json_text(labels, LABEL_TOKEN, "");
}

/* Hosts that share a name and an engine differ in their boot too: only what is older than our own
 * boot is of an earlier one. */
static enum labels_owner judge_other_boot(int64_t created)
{
    return created > 0 && created < read_boot_time() ? LABELS_OWNER_DEAD : LABELS_OWNER_UNKNOWN;
}

/* Of this boot and pid namespace. What cannot be read proves nothing: there may be no descriptor
 * left, or /proc may hide the processes of others. */
static enum labels_owner judge_process(long pid, const char *start)
{
    char now[32];

    if (read_start_time(pid, now, sizeof now) == 0) {
        return strcmp(now, start) == 0 ? LABELS_OWNER_ALIVE : LABELS_OWNER_DEAD;
    }
    return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? LABELS_OWNER_DEAD : LABELS_OWNER_UNKNOWN;
}

enum labels_owner labels_owner(json_object *labels, int64_t created)
{
    const char *boot_id = json_text(labels, LABEL_BOOT_ID, "");
    const char *start = json_text(labels, LABEL_PID_START, "");
    long pid = strtol(json_text(labels, LABEL_PID, "0"), NULL, 10);
    struct place place;

    read_place(&place);
    if (!*place.hostname || !*place.boot_id || !*place.pid_namespace || !*boot_id || !*start ||
        pid <= 0 || pid > INT_MAX ||
        strcmp(place.hostname, json_text(labels, LABEL_HOSTNAME, "")) != 0) {
        return LABELS_OWNER_UNKNOWN;
    }
    if (strcmp(place.boot_id, boot_id) != 0) {
        return judge_other_boot(created);
    }
    if (strcmp(place.pid_namespace, json_text(labels, LABEL_PID_NAMESPACE, "")) != 0) {
        return LABELS_OWNER_UNKNOWN;
    }
    return judge_process(pid, start);
}
