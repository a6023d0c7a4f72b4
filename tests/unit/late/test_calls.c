/*
 * test_calls.c - libraries that are loaded late: not before they are called, by several threads at once, and with variable arguments
 * passed on as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "late.h"

#include "../engine/cmocka_all.h"

#include <archive.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4 };

static int is_loaded(const char *library)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096];
    int found = 0;

    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps)) {
        found = strstr(line, library) != NULL;
    }
    (void)fclose(maps);
    return found;
}

static void *use(void *ctx)
{
    pthread_barrier_t *together = ctx;

    (void)pthread_barrier_wait(together);
    struct archive *archive = archive_read_new();
    CURLU *url = curl_url();
    int works = archive && url;
    (void)archive_read_free(archive);
    curl_url_cleanup(url);
    return works ? ctx : NULL;
}

static void test_when(void **state)
{
    pthread_t threads[THREADS];
    pthread_barrier_t together;

    (void)state;
    assert_false(is_loaded("/libarchive"));
    assert_false(is_loaded("/libcurl"));
    assert_false(is_loaded("/libmicrohttpd"));
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use, &together), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *worked = NULL;
        assert_int_equal(pthread_join(threads[i], &worked), 0);
        assert_non_null(worked);
    }
    (void)pthread_barrier_destroy(&together);
    assert_true(is_loaded("/libarchive"));
    assert_true(is_loaded("/libcurl"));
    assert_false(is_loaded("/libmicrohttpd"));
    assert_int_equal(late_microhttpd(NULL), 0);
    assert_true(is_loaded("/libmicrohttpd"));
}

/* A value of each type: what libcurl refuses it has received. */
static void test_curl(void **state)
{
    int here = 0;
    char *back = NULL;

    (void)state;
    assert_int_equal(late_curl(NULL), 0);
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    assert_non_null(easy);
    assert_non_null(multi);
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_PRIVATE, &here), CURLE_OK);
    assert_int_equal(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &back), CURLE_OK);
    assert_ptr_equal(back, &here);
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L), CURLE_OK);
    assert_int_not_equal(curl_easy_setopt(easy, CURLOPT_MAXREDIRS, -5L), CURLE_OK);
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)1 << 40),
                     CURLE_OK);
    assert_int_not_equal(curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)-1),
                         CURLE_OK);
    assert_int_equal(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L), CURLM_OK);
    curl_easy_cleanup(easy);
    assert_int_equal(curl_multi_cleanup(multi), CURLM_OK);
}

static void test_archive(void **state)
{
    struct archive *archive = archive_read_new();

    (void)state;
    assert_non_null(archive);
    archive_set_error(archive, 5, "%s %d%%", "after", 50);
    assert_string_equal(archive_error_string(archive), "after 50%");
    assert_int_equal(archive_errno(archive), 5);
    assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    (void)cls, (void)connection, (void)url, (void)method, (void)version;
    (void)data, (void)size, (void)context;
    return MHD_NO;
}

static void test_microhttpd(void **state)
{
    struct MHD_OptionItem options[] = {{MHD_OPTION_CONNECTION_LIMIT, 4, NULL},
                                       {MHD_OPTION_END, 0, NULL}};

    (void)state;
    /* Options that are not in an array are not passed on, and so are refused. */
    assert_null(MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answer, NULL,
                                 MHD_OPTION_CONNECTION_LIMIT, 4u, MHD_OPTION_END));
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answer,
                                                 NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    assert_non_null(daemon);
    MHD_stop_daemon(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when), /* the first, since nothing is unloaded */
        cmocka_unit_test(test_curl),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_microhttpd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
