/*
 * test_missing.c - libraries that are not installed, or are not what they are called: one line that says what to install, and
 * no call that does harm.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "late.h"

#include "../engine/cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <microhttpd.h>

static void expect(int32_t (*load)(struct enclave_error *), const char *library,
                   const char *package)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char install[64];

    (void)snprintf(install, sizeof install, ": apt-get install %s (", package);
    for (int i = 0; i < 2; i++) { /* the second time as the first */
        assert_int_equal(load(&err), ENCLAVE_ENOTSUP);
        assert_non_null(strstr(err.message, library));
        assert_non_null(strstr(err.message, install));
        assert_null(strchr(err.message, '\n'));
    }
    assert_int_equal(load(NULL), ENCLAVE_ENOTSUP);
}

static void test_messages(void **state)
{
    (void)state;
    expect(late_archive, "libnowhere.so.1", "libarchive13");
    expect(late_curl, "libnowhere.so.2", "libcurl4");
    expect(late_microhttpd, "libm.so.6", "libmicrohttpd12");
}

/* What has not asked first finds nothing, and can give that back. */
static void test_calls(void **state)
{
    long status = 7;

    (void)state;
    assert_null(archive_read_new());
    assert_null(archive_write_new());
    assert_null(archive_write_disk_new());
    assert_null(archive_entry_new());
    archive_entry_free(NULL);
    (void)archive_read_free(NULL);
    archive_set_error(NULL, 1, "%s", "text");
    assert_null(archive_error_string(NULL));
    assert_null(curl_url());
    assert_null(curl_easy_init());
    assert_null(curl_multi_init());
    assert_null(curl_slist_append(NULL, "Name: value"));
    assert_int_not_equal(curl_easy_setopt(NULL, CURLOPT_SSL_VERIFYPEER, 1L), CURLE_OK);
    assert_int_not_equal(curl_easy_getinfo(NULL, CURLINFO_RESPONSE_CODE, &status), CURLE_OK);
    assert_int_not_equal(curl_multi_setopt(NULL, CURLMOPT_MAXCONNECTS, 1L), CURLM_OK);
    assert_int_equal(status, 7);
    curl_easy_cleanup(NULL);
    curl_slist_free_all(NULL);
    assert_null(MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, NULL, NULL, MHD_OPTION_END));
    assert_null(MHD_create_response_from_callback(1, 1, NULL, NULL, NULL));
    assert_null(MHD_get_connection_info(NULL, MHD_CONNECTION_INFO_CONNECTION_FD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_calls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
