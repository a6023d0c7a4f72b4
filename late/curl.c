/*
 * curl.c - stand-ins for the functions of libcurl that are used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "late.h"
#include "library.h"

#include <curl/curl.h>
#include <stdarg.h>

/* Macros of the header that check the types of the arguments. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* clang-format off */
#define CURL_FUNCTIONS(F, V) \
    F(CURLcode, curl_global_init, (long flags), (flags)) \
    F(void, curl_free, (void *p), (p)) \
    F(struct curl_slist *, curl_slist_append, (struct curl_slist *l, const char *s), (l, s)) \
    F(void, curl_slist_free_all, (struct curl_slist *l), (l)) \
    F(CURLU *, curl_url, (void), ()) \
    F(void, curl_url_cleanup, (CURLU *u), (u)) \
    F(CURLUcode, curl_url_get, (CURLU *u, CURLUPart w, char **p, unsigned f), (u, w, p, f)) \
    F(CURLUcode, curl_url_set, (CURLU *u, CURLUPart w, const char *p, unsigned f), (u, w, p, f)) \
    F(CURL *, curl_easy_init, (void), ()) \
    F(void, curl_easy_cleanup, (CURL *e), (e)) \
    F(void, curl_easy_reset, (CURL *e), (e)) \
    F(CURLcode, curl_easy_recv, (CURL *e, void *b, size_t s, size_t *n), (e, b, s, n)) \
    F(CURLcode, curl_easy_send, (CURL *e, const void *b, size_t s, size_t *n), (e, b, s, n)) \
    F(const char *, curl_easy_strerror, (CURLcode c), (c)) \
    V(curl_easy_setopt) \
    V(curl_easy_getinfo) \
    F(CURLM *, curl_multi_init, (void), ()) \
    F(CURLMcode, curl_multi_cleanup, (CURLM *m), (m)) \
    F(CURLMcode, curl_multi_add_handle, (CURLM *m, CURL *e), (m, e)) \
    F(CURLMcode, curl_multi_remove_handle, (CURLM *m, CURL *e), (m, e)) \
    F(CURLMcode, curl_multi_perform, (CURLM *m, int *n), (m, n)) \
    F(CURLMcode, curl_multi_poll, \
      (CURLM *m, struct curl_waitfd f[], unsigned n, int ms, int *r), (m, f, n, ms, r)) \
    F(CURLMcode, curl_multi_wakeup, (CURLM *m), (m)) \
    F(CURLMsg *, curl_multi_info_read, (CURLM *m, int *n), (m, n)) \
    V(curl_multi_setopt)
/* clang-format on */

LIBRARY(late_curl, LATE_SONAME, "libcurl4", CURL_FUNCTIONS)

/* The number of an option tells the type of its value (CURLOPT_* in curl.h): a long, a curl_off_t,
 * else a pointer. */
#define SET_OPTION(function, handle, option, list)                                                 \
    ((option) < CURLOPTTYPE_OBJECTPOINT ? (function)((handle), (option), va_arg((list), long))     \
     : (option) >= CURLOPTTYPE_OFF_T && (option) < CURLOPTTYPE_BLOB                                \
         ? (function)((handle), (option), va_arg((list), curl_off_t))                              \
         : (function)((handle), (option), va_arg((list), void *)))

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    __typeof__(&curl_easy_setopt) function = LATE(curl_easy_setopt);
    CURLcode result = CURLE_FAILED_INIT;
    va_list list;

    va_start(list, option);
    if (function) {
        result = SET_OPTION(function, easy, option, list);
    }
    va_end(list);
    return result;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    __typeof__(&curl_multi_setopt) function = LATE(curl_multi_setopt);
    CURLMcode result = CURLM_BAD_HANDLE;
    va_list list;

    va_start(list, option);
    if (function) {
        result = SET_OPTION(function, multi, option, list);
    }
    va_end(list);
    return result;
}

/* What is asked for goes to where the one argument points. */
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    __typeof__(&curl_easy_getinfo) function = LATE(curl_easy_getinfo);
    CURLcode result = CURLE_FAILED_INIT;
    va_list list;

    va_start(list, info);
    if (function) {
        result = function(easy, info, va_arg(list, void *));
    }
    va_end(list);
    return result;
}
