/*
 * test_images.c - which root an image's name stands for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "images.h"

#include <stdlib.h>
#include <string.h>

/* Choose with `options`; the path of the folder, or NULL, in `*ret_folder`. */
static int32_t choose(const char *options, const char *name, int is_explicit,
                      enum root_kind *ret_kind, char folder[64], struct enclave_error *err)
{
    json_object *object = json_tokener_parse(options);
    struct root_choice choice = {0};
    struct enclave_sandbox_spec spec = {
        .size = sizeof spec, .cancel_fd = -1, .explicit_bits = is_explicit ? ENCLAVE_CAN_IMAGE : 0};
    int32_t rc = images_choose(object, name, &spec, &choice, err);

    if (rc == 0) {
        *ret_kind = choice.kind;
        strcpy(folder, choice.image.rootfs ? choice.image.rootfs : "");
        root_choice_clear(&choice);
    }
    json_object_put(object);
    return rc;
}

static void expect(const char *options, const char *name, int is_explicit, enum root_kind kind,
                   const char *folder)
{
    enum root_kind got = ROOT_HOST;
    char path[64] = "";

    assert_int_equal(choose(options, name, is_explicit, &got, path, NULL), 0);
    assert_int_equal(got, kind);
    assert_string_equal(path, folder);
}

static void expect_refused(const char *options, const char *name, int32_t code, const char *word)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    enum root_kind kind;
    char path[64];

    assert_int_equal(choose(options, name, 1, &kind, path, &err), code);
    assert_non_null(strstr(err.message, word));
}

static void test_by_default(void **state)
{
    (void)state;
    expect("{}", "python:3", 0, ROOT_HOST, "");
    expect("{\"rootfs\": \"/usr\"}", "python:3", 0, ROOT_FOLDER, "/usr");
    expect("{\"rootfs\": \"/usr\", \"images\": [\"python:3=/tmp\"]}", "python:3", 0, ROOT_IMAGE,
           "/tmp");
}

static void test_by_name(void **state)
{
    (void)state;
    expect("{\"images\": [\"a=/proc\", \"a:1=/usr\"]}", "a:1", 1, ROOT_IMAGE, "/usr");
    expect("{\"image_dir\": \"/usr\"}", "bin", 1, ROOT_IMAGE, "/usr/bin");
    expect_refused("{}", "a:1", ENCLAVE_ENOTFOUND, "images = a:1=");
    expect_refused("{\"images\": [\"a:1=/nonexistent\"]}", "a:1", ENCLAVE_ENOTFOUND,
                   "/nonexistent");
    expect_refused("{\"images\": [\"a:1=/etc/passwd\"]}", "a:1", ENCLAVE_EINVALID, "/etc/passwd");
}

static void test_a_name_leads_nowhere_else(void **state)
{
    static const char *const names[] = {"..", "../etc",    "bin/../../etc", "/etc",
                                        ".",  "share/doc", "bin/sh"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_refused("{\"image_dir\": \"/usr\"}", names[i], ENCLAVE_ENOTFOUND, names[i]);
    }
}

static void test_entries_are_checked(void **state)
{
    static const char *const bad[] = {"[\"name\"]", "[\"=/path\"]", "[\"name=path\"]"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_object *options = json_object_new_object();

        json_object_object_add(options, "images", json_tokener_parse(bad[i]));
        assert_int_equal(images_check(options, NULL), ENCLAVE_EINVALID);
        json_object_put(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_default),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_a_name_leads_nowhere_else),
        cmocka_unit_test(test_entries_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
