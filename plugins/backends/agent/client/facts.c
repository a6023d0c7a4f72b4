/*
 * facts.c - reading the text of READY (../README.md, "Facts").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent.h"

#include <string.h>

int agent_fact(const char *facts, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);

    for (const char *line = facts; line && *line;) {
        size_t length = strcspn(line, "\n");

        if (length > key_length && memcmp(line, key, key_length) == 0 && line[key_length] == '=') {
            size_t n = length - key_length - 1;

            if (n >= size) {
                return -1;
            }
            memcpy(value, line + key_length + 1, n);
            value[n] = '\0';
            return 0;
        }
        line += length + (line[length] == '\n');
    }
    return -1;
}
