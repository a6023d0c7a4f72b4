/*
 * file_names.c - see file_names.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "file_names.h"

#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int add(struct file_names *names, const char *name)
{
    if (names->count == FILE_NAMES_MAX)
        return -E2BIG;
    if (names->count == names->size) {
        size_t size = names->size ? names->size * 2 : 64;
        char **grown = realloc(names->all, size * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        names->all = grown;
        names->size = size;
    }
    names->all[names->count] = strdup(name);
    return names->all[names->count] ? (names->count++, 0) : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_names_read(int folder, struct file_names *ret_names)
{
    struct file_names names = {0};
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int error = errno;
        close_fd(&fd);
        return -error;
    }
    int r = 0;
    errno = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = add(&names, entry->d_name);
    if (r == 0 && errno != 0)
        r = -errno;
    closedir(dir);
    if (r < 0) {
        file_names_free(&names);
        return r;
    }
    if (names.count > 0)
        qsort(names.all, names.count, sizeof(*names.all), compare);
    *ret_names = names;
    return 0;
}

void file_names_free(struct file_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
    *names = (struct file_names){0};
}
