/*
 * groups.h - the groups of cases, in the order in which they are run; each is a file of that name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_GROUPS_H
#define CONFORMANCE_GROUPS(X)                                                                      \
    X(lifecycle)                                                                                   \
    X(execution)                                                                                   \
    X(streams)                                                                                     \
    X(input)                                                                                       \
    X(timeouts)                                                                                    \
    X(cancel)                                                                                      \
    X(causes)                                                                                      \
    X(limits)                                                                                      \
    X(isolation)                                                                                   \
    X(offers)                                                                                      \
    X(files)                                                                                       \
    X(archives)                                                                                    \
    X(tools)                                                                                       \
    X(concurrency)                                                                                 \
    X(pools)                                                                                       \
    X(errors)                                                                                      \
    X(restart)

#define DECLARE_(name) extern const struct tap_group name##_group;
CONFORMANCE_GROUPS(DECLARE_)
#undef DECLARE_

#endif
