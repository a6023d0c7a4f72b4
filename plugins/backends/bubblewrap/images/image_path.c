/* SPDX-License-Identifier: Apache-2.0 */
#include "image_path.h"

#include <string.h>

static int has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return 1;
        }
    }
    return 0;
}

const char *image_path_clean(const char *from, char to[PATH_MAX])
{
    size_t at = 0;

    if (!from || !*from) {
        return "it has no name";
    }
    if (has_control(from)) {
        return "there is a control character in its name";
    }
    while (*from) {
        size_t n = strcspn(from, "/");

        if (n == 2 && memcmp(from, "..", 2) == 0) {
            return "its name leads out of the image";
        }
        if (n > 0 && !(n == 1 && from[0] == '.')) {
            if (n > NAME_MAX || at + n + 2 > PATH_MAX) {
                return "its name is too long";
            }
            if (at > 0) {
                to[at++] = '/';
            }
            memcpy(to + at, from, n);
            at += n;
        }
        from += n + (from[n] == '/');
    }
    to[at] = '\0';
    return NULL;
}

const char *image_path_split(char path[PATH_MAX], const char **ret_folder)
{
    char *slash = strrchr(path, '/');

    if (!slash) {
        *ret_folder = "";
        return path;
    }
    *slash = '\0';
    *ret_folder = path;
    return slash + 1;
}
