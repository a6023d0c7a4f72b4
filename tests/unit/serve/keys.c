/*
 * keys.c - the file of API keys, and finding one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef"

static char path[] = "/tmp/enclave-keys-XXXXXX";

static void put(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void refused(const char *text, mode_t mode, const char *said)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct keys *keys = NULL;

    put(text, mode);
    assert_int_equal(keys_load(path, &keys, &err), ENCLAVE_ECONFIG);
    assert_null(keys);
    assert_non_null(strstr(err.message, said));
    assert_null(strstr(err.message, KEY));
}

static void test_finds_names(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct keys *keys = NULL;
    (void)state;

    put("# callers\n\nalice " KEY "\n  bob\t" KEY "b  \r\ncarol c" KEY, 0600);
    assert_int_equal(keys_load(path, &keys, &err), 0);
    assert_int_equal(keys_count(keys), 3);
    assert_string_equal(keys_find(keys, KEY), "alice");
    assert_string_equal(keys_find(keys, KEY "b"), "bob");
    assert_string_equal(keys_find(keys, "c" KEY), "carol");
    assert_null(keys_find(keys, ""));
    assert_null(keys_find(keys, "0"));
    assert_null(keys_find(keys, KEY "c"));
    assert_null(keys_find(keys, "0123456789abcdef0123456789abcdee"));
    keys_free(keys);
    keys_free(NULL);
}

static void test_refusals(void **state)
{
    (void)state;

    refused("", 0600, "no key");
    refused("# nothing\n", 0600, "no key");
    refused("alice\n", 0600, "NAME KEY");
    refused("alice " KEY " more\n", 0600, "NAME KEY");
    refused("alice 0123456789abcdef0123456789abcde\n", 0600, "32");
    refused("alice " KEY "\nalice x" KEY "\n", 0600, ":2");
    refused("alice " KEY "\nbob " KEY "\n", 0600, "already");
    refused("al\001ice " KEY "\n", 0600, "printable");
    refused("alice " KEY "\n", 0640, "chmod 600");
    refused("alice " KEY "\n", 0604, "chmod 600");
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_names),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
