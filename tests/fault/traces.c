/*
 * traces.c - see traces.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "traces.h"

#include "engine_query.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

void traces_note(struct traces *traces, const char *instance)
{
    char path[256];
    json_object *info = engine_get(engine_socket(), "/info");
    json_object *list;

    /* {"label":["io.enclave.instance=NAME"]} */
    (void)snprintf(path, sizeof path,
                   "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22io.enclave.instance"
                   "%%3D%s%%22%%5D%%7D",
                   instance);
    list = engine_get(engine_socket(), path);
    traces->count = 0;
    (void)snprintf(traces->root, sizeof traces->root, "%s", text_of(info, "DockerRootDir"));
    for (size_t i = 0; list && i < json_object_array_length(list) && i < TRACES_MAX; i++) {
        (void)snprintf(traces->ids[traces->count++], sizeof traces->ids[0], "%s",
                       text_of(json_object_array_get_idx(list, i), "Id"));
    }
    json_object_put(list);
    json_object_put(info);
}

static int names_one(const struct traces *traces, const char *text)
{
    for (size_t i = 0; i < traces->count; i++) {
        if (strstr(text, traces->ids[i])) {
            return 1;
        }
    }
    return 0;
}

struct search {
    const struct traces *traces;
    int found;
    char *last;
    size_t size;
};

static void found(struct search *search, const char *where, const char *what)
{
    search->found++;
    (void)snprintf(search->last, search->size, "%s: %.200s", where, what);
}

static void look_in_file(struct search *search, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    while (file && getline(&line, &size, file) >= 0) {
        if (names_one(search->traces, line)) {
            found(search, path, line);
        }
    }
    free(line);
    if (file) {
        (void)fclose(file);
    }
}

/* Names of folders, `depth` levels down. */
static void look_in_folder(struct search *search, const char *path, int depth)
{
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char below[4096];

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') {
            continue;
        }
        if (names_one(search->traces, entry->d_name)) {
            found(search, path, entry->d_name);
        } else if (depth > 1 && snprintf(below, sizeof below, "%s/%s", path, entry->d_name) <
                                    (int)sizeof below) {
            look_in_folder(search, below, depth - 1);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

static void look_at_processes(struct search *search)
{
    DIR *dir = opendir("/proc");

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            char path[300];

            (void)snprintf(path, sizeof path, "/proc/%s/cgroup", entry->d_name);
            look_in_file(search, path);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

int traces_left(const struct traces *traces, char *ret_last, size_t size)
{
    struct search search = {.traces = traces, .last = ret_last, .size = size};
    char folder[300];

    if (traces->count == 0) {
        return 0;
    }
    look_at_processes(&search);
    look_in_file(&search, "/proc/self/mountinfo");
    look_in_folder(&search, "/sys/fs/cgroup", 4);
    (void)snprintf(folder, sizeof folder, "%s/containers", traces->root);
    look_in_folder(&search, folder, 1);
    return search.found;
}
