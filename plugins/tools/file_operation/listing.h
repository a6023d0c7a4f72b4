/*
 * listing.h - a line of `ls -la` for a file of the sandbox.
 *
 * Owners and groups are numbers, since the sandbox's /etc/passwd is not to be trusted with names;
 * times are UTC. Columns have fixed least widths: the lines are made as the entries come.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LISTING_H
#define LISTING_H

#include "buffer.h"

#include <enclave/types.h>

/* `name` wins over the entry's own when it is not NULL. `now_s`: seconds since the Unix epoch;
 * files older than half a year show the year and not the time, as with ls. */
int32_t listing_append(struct buffer *text, const struct enclave_file_info *info, const char *name,
                       int64_t now_s);

#endif
