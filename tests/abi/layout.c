/*
 * layout.c - is the memory layout of the public structs the one that layout.def promises?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <enclave/backend.h>
#include <enclave/enclave.h>
#include <enclave/tool.h>

struct promise {
    const char *structure;
    const char *member; /* NULL: the line is about the struct as a whole */
    size_t want_offset, offset;
    size_t want_size, size;
};

#define STRUCT(name, bytes) {#name, NULL, 0, 0, (bytes), sizeof(struct name)},
#define MEMBER(name, member, where, bytes)                                                         \
    {#name,   #member,                                                                             \
     (where), offsetof(struct name, member),                                                       \
     (bytes), sizeof(((struct name *)NULL)->member)},

static const struct promise promises[] = {
#include "layout.def"
};

static const size_t n_promises = sizeof promises / sizeof *promises;

/* All that is wrong, before the test fails: a moved member moves those behind it. */
static void test_sizes_and_offsets(void **state)
{
    size_t broken = 0;

    (void)state;
    for (size_t i = 0; i < n_promises; i++) {
        const struct promise *p = &promises[i];
        if (p->offset != p->want_offset || p->size != p->want_size) {
            print_error("struct %s%s%s: offset %zu, size %zu; promised %zu, %zu\n", p->structure,
                        p->member ? "." : "", p->member ? p->member : "", p->offset, p->size,
                        p->want_offset, p->want_size);
            broken++;
        }
    }
    assert_int_equal(broken, 0);
}

/* Each member begins where the one before it ended, and the last ends the struct: no padding that
 * could carry stray bytes across, and no member that layout.def does not know. */
static void test_no_holes(void **state)
{
    size_t size = 0, end = 0;

    (void)state;
    for (size_t i = 0; i < n_promises; i++) {
        const struct promise *p = &promises[i];
        if (!p->member) {
            assert_int_equal(end, size);
            size = p->size;
            end = 0;
            continue;
        }
        if (p->offset != end) {
            fail_msg("struct %s: a hole or an unknown member before %s", p->structure, p->member);
        }
        end = p->offset + p->size;
    }
    assert_int_equal(end, size);
}

/* Whoever reads a struct reads its size first. */
static void test_size_comes_first(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < n_promises; i++) {
        /* The descriptor begins with its magic, so that a file of another kind is told first. */
        if (!promises[i].member && strcmp(promises[i].structure, "enclave_plugin") != 0) {
            assert_string_equal(promises[i + 1].member, "size");
            assert_int_equal(promises[i + 1].offset, 0);
            assert_int_equal(promises[i + 1].size, sizeof(uint32_t));
        }
    }
}

/* Numbers that are compiled into plugins and programs. */
static void test_constants(void **state)
{
    (void)state;
    assert_int_equal(ENCLAVE_ABI_MAJOR, 1);
    assert_memory_equal(&(uint64_t){ENCLAVE_PLUGIN_MAGIC}, "ENCLAVE1", 8);
    assert_int_equal(ENCLAVE_PLUGIN_BACKEND, 1);
    assert_int_equal(ENCLAVE_PLUGIN_TOOL, 2);
    assert_int_equal(ENCLAVE_ID_SIZE, 64);
    assert_int_equal(ENCLAVE_TIMEOUT_DEFAULT, -1);
    assert_int_equal(ENCLAVE_STDOUT, 1);
    assert_int_equal(ENCLAVE_STDERR, 2);
    assert_int_equal(ENCLAVE_STATUS_INITIALIZING, 1);
    assert_int_equal(ENCLAVE_STATUS_ERROR, 7);
    assert_int_equal(ENCLAVE_CAUSE_EXITED, 1);
    assert_int_equal(ENCLAVE_CAUSE_BACKEND_LOST, 7);
    assert_int_equal(ENCLAVE_RESULT_SUCCESS, 1);
    assert_int_equal(ENCLAVE_RESULT_CANCELLED, 4);
    assert_int_equal(ENCLAVE_EXIT_EXITED, 1);
    assert_int_equal(ENCLAVE_EXIT_LOST, 3);
    assert_int_equal(ENCLAVE_OPTION_STRING, 1);
    assert_int_equal(ENCLAVE_OPTION_LIST, 6);
    assert_int_equal(ENCLAVE_FILE_REGULAR, 1);
    assert_int_equal(ENCLAVE_FILE_OTHER, 4);
    assert_int_equal(ENCLAVE_CAN_MEMORY, UINT64_C(1) << 0);
    assert_int_equal(ENCLAVE_CAN_USER, UINT64_C(1) << 17);
}

/* Codes stand for what they stood for in every earlier version. */
static void test_error_codes(void **state)
{
    static const int32_t promised[] = {
        ENCLAVE_EINVALID,   ENCLAVE_ENOTFOUND, ENCLAVE_EEXISTS,      ENCLAVE_ESTATE,
        ENCLAVE_ENOTSUP,    ENCLAVE_ENOMEM,    ENCLAVE_EIO,          ENCLAVE_ETIMEOUT,
        ENCLAVE_ECANCELLED, ENCLAVE_EDENIED,   ENCLAVE_EUNREACHABLE, ENCLAVE_EUNAUTHORIZED,
        ENCLAVE_EBACKEND,   ENCLAVE_ELOST,     ENCLAVE_EUNENFORCED,  ENCLAVE_EBUSY,
        ENCLAVE_ETOOBIG,    ENCLAVE_EPLUGIN,   ENCLAVE_ECONFIG,      ENCLAVE_EPROTOCOL,
        ENCLAVE_EINTERNAL,
    };

    (void)state;
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
        assert_int_equal(promised[i], -1 - (int32_t)i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_offsets), cmocka_unit_test(test_no_holes),
        cmocka_unit_test(test_size_comes_first),  cmocka_unit_test(test_constants),
        cmocka_unit_test(test_error_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
