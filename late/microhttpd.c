/*
 * microhttpd.c - stand-ins for the functions of libmicrohttpd that are used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "late.h"
#include "library.h"

#include <microhttpd.h>
#include <stdarg.h>

/* clang-format off */
#define MICROHTTPD_FUNCTIONS(F, V) \
    V(MHD_start_daemon) \
    F(MHD_socket, MHD_quiesce_daemon, (struct MHD_Daemon *d), (d)) \
    F(void, MHD_stop_daemon, (struct MHD_Daemon *d), (d)) \
    F(enum MHD_Result, MHD_run, (struct MHD_Daemon *d), (d)) \
    F(enum MHD_Result, MHD_get_timeout, (struct MHD_Daemon *d, MHD_UNSIGNED_LONG_LONG *t), (d, t)) \
    V(MHD_get_daemon_info) \
    V(MHD_get_connection_info) \
    F(int, MHD_get_connection_values, \
      (struct MHD_Connection *c, enum MHD_ValueKind k, MHD_KeyValueIterator i, void *x), \
      (c, k, i, x)) \
    F(const char *, MHD_lookup_connection_value, \
      (struct MHD_Connection *c, enum MHD_ValueKind k, const char *n), (c, k, n)) \
    F(void, MHD_suspend_connection, (struct MHD_Connection *c), (c)) \
    F(void, MHD_resume_connection, (struct MHD_Connection *c), (c)) \
    F(struct MHD_Response *, MHD_create_response_from_buffer_with_free_callback_cls, \
      (size_t n, void *b, MHD_ContentReaderFreeCallback f, void *x), (n, b, f, x)) \
    F(struct MHD_Response *, MHD_create_response_from_callback, \
      (uint64_t n, size_t b, MHD_ContentReaderCallback r, void *x, \
       MHD_ContentReaderFreeCallback f), (n, b, r, x, f)) \
    F(enum MHD_Result, MHD_add_response_header, \
      (struct MHD_Response *r, const char *n, const char *v), (r, n, v)) \
    F(enum MHD_Result, MHD_queue_response, \
      (struct MHD_Connection *c, unsigned s, struct MHD_Response *r), (c, s, r)) \
    F(void, MHD_destroy_response, (struct MHD_Response *r), (r))
/* clang-format on */

LIBRARY(late_microhttpd, LATE_SONAME, "libmicrohttpd12", MICROHTTPD_FUNCTIONS)

/* Options come as MHD_OPTION_ARRAY, ARRAY, MHD_OPTION_END: an array can hold all that there are. */
struct MHD_Daemon *MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept,
                                    void *accept_ctx, MHD_AccessHandlerCallback handler, void *ctx,
                                    ...)
{
    __typeof__(&MHD_start_daemon) function = LATE(MHD_start_daemon);
    struct MHD_Daemon *daemon = NULL;
    va_list list;

    va_start(list, ctx);
    if (function && va_arg(list, int) == MHD_OPTION_ARRAY) {
        daemon = function(flags, port, accept, accept_ctx, handler, ctx, MHD_OPTION_ARRAY,
                          va_arg(list, struct MHD_OptionItem *), MHD_OPTION_END);
    }
    va_end(list);
    return daemon;
}

/* None of the kinds of information takes another argument. */
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType type, ...)
{
    __typeof__(&MHD_get_connection_info) function = LATE(MHD_get_connection_info);

    return function ? function(connection, type) : NULL;
}

const union MHD_DaemonInfo *MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                enum MHD_DaemonInfoType type, ...)
{
    __typeof__(&MHD_get_daemon_info) function = LATE(MHD_get_daemon_info);

    return function ? function(daemon, type) : NULL;
}
