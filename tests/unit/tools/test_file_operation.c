/*
 * test_file_operation.c - what file_operation asks of the host, and what it answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void assert_output(struct fake *fake, const char *params, const char *expected)
{
    assert_int_equal(fake_execute(fake, params), 0);
    if (fake->call.error) {
        fail_msg("%s: %s", params, fake->call.error);
    }
    assert_string_equal(fake->call.output, expected);
    assert_int_equal(fake->call.output_length, strlen(expected));
}

/* The tool ran and says no, in words that hold `part`, and has said nothing else. */
static void assert_answer(struct fake *fake, const char *params, const char *part)
{
    assert_int_equal(fake_execute(fake, params), 0);
    assert_non_null(fake->call.error);
    assert_null(fake->call.output);
    if (!strstr(fake->call.error, part)) {
        fail_msg("'%s' does not mention '%s'", fake->call.error, part);
    }
}

static void reply(struct fake *fake, const void *content, size_t length)
{
    fake->call.content = content;
    fake->call.content_length = length;
}

static void test_schema(void **state)
{
    fake_assert_schema(*state, (const char *const[]){"operation", "file_path", NULL});
}

static void test_read(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    reply(fake, "hello\n", 6);
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"a/b.txt\"}", "hello\n");
    assert_int_equal(fake->call.requests, 1);
    assert_string_equal(fake->call.request[0].operation, "read");
    assert_string_equal(fake->call.request[0].path, "a/b.txt");
    assert_int_equal(fake->call.request[0].max_bytes, 10 << 20);
    assert_string_equal(fake->call.request[0].allowed, "-");
    assert_string_equal(fake->call.request[0].blocked, "-");
    reply(fake, "", 0);
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"empty\"}", "");
}

static void test_read_encodings(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"max_file_size\": 4}"), 0);
    reply(fake, "caf\xe9", 4);
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"f\"}", "caf\xe9");
    assert_output(fake,
                  "{\"operation\": \"read\", \"file_path\": \"f\", \"encoding\": \"Latin-1\"}",
                  "caf\xc3\xa9");
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"f\", \"encoding\": \"base64\"}",
                  "Y2Fm6Q==");
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"f\", \"encoding\": \"ascii\"}",
                  "read 'f': byte 0xe9 at offset 3");
    reply(fake, "\xff\x80\xfe\x81", 4);
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"f\", \"encoding\": \"latin1\"}",
                  "\xc3\xbf\xc2\x80\xc3\xbe\xc2\x81");
}

static void test_write(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"max_file_size\": 100}"), 0);
    assert_output(fake,
                  "{\"operation\": \"write\", \"file_path\": \"/sandbox/d/x.txt\", "
                  "\"content\": \"0123456789 gr\\u00fc\\u00dfe\\u0000!\"}",
                  "File written successfully: /sandbox/d/x.txt");
    assert_string_equal(fake->call.request[0].operation, "write");
    assert_int_equal(fake->call.request[0].flags, ENCLAVE_FILE_FLAG_MKDIRS);
    assert_int_equal(fake->call.written_length, 20);
    assert_memory_equal(fake->call.written,
                        "0123456789 gr\xc3\xbc\xc3\x9f"
                        "e\0!",
                        20);
    assert_answer(fake, "{\"operation\": \"write\", \"file_path\": \"x\"}",
                  "Content is required for write operation");
    assert_int_equal(fake->call.requests, 0);
    assert_output(fake, "{\"operation\": \"write\", \"file_path\": \"x\", \"content\": \"\"}",
                  "File written successfully: x");
    assert_output(fake, "{\"operation\": \"create\", \"file_path\": \"x\"}",
                  "File written successfully: x");
    assert_string_equal(fake->call.request[0].operation, "write");
    assert_int_equal(fake->call.written_length, 0);
}

static void assert_written(struct fake *fake, const char *encoding, const char *content,
                           const char *expected, size_t length)
{
    char params[512];

    (void)snprintf(params, sizeof params,
                   "{\"operation\": \"write\", \"file_path\": \"x\", \"encoding\": \"%s\", "
                   "\"content\": \"%s\"}",
                   encoding, content);
    if (!expected) {
        assert_answer(fake, params, "write 'x': ");
        assert_int_equal(fake->call.requests, 0);
        return;
    }
    assert_output(fake, params, "File written successfully: x");
    assert_int_equal(fake->call.written_length, length);
    assert_memory_equal(fake->call.written, expected, length);
}

static void test_write_encodings(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_written(fake, "latin-1", "\\u00e9\\u00ff\\u0080a",
                   "\xe9\xff\x80"
                   "a",
                   4);
    assert_written(fake, "latin-1", "\\u20ac", NULL, 0);
    assert_written(fake, "ascii", "plain", "plain", 5);
    assert_written(fake, "ascii", "\\u00e9", NULL, 0);
    assert_written(fake, "base64", "", "", 0);
    assert_written(fake, "base64", "AP8=", "\0\xff", 2);
    assert_written(fake, "base64", "AA==", "\0", 1);
    assert_written(fake, "base64", "aGVsbG8h\\naGVsbG8", "hello!hello", 11);
    assert_written(fake, "base64", "aGVsb", NULL, 0);
    assert_written(fake, "base64", "aGVs=", NULL, 0);
    assert_written(fake, "base64", "AA=", NULL, 0);
    assert_written(fake, "base64", "AA==AA==", NULL, 0);
    assert_written(fake, "base64", "AA==AA", NULL, 0);
    assert_written(fake, "base64", "AA=A", NULL, 0);
    assert_written(fake, "base64", "AA===", NULL, 0);
    assert_written(fake, "base64", "AAAA=", NULL, 0);
    assert_written(fake, "base64", "A===", NULL, 0);
    assert_written(fake, "base64", "a-_b", NULL, 0);
    assert_written(fake, "base64", "AA\\u0000=", NULL, 0);
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"f\", \"encoding\": \"utf-16\"}",
                  "Unknown encoding: utf-16");
}

static void test_size_limit(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{\"max_file_size\": 4}"), 0);
    assert_output(fake, "{\"operation\": \"write\", \"file_path\": \"x\", \"content\": \"1234\"}",
                  "File written successfully: x");
    assert_int_equal(fake->call.request[0].max_bytes, 4);
    assert_answer(fake, "{\"operation\": \"write\", \"file_path\": \"x\", \"content\": \"12345\"}",
                  "max_file_size");
    assert_int_equal(fake->call.requests, 0);
    fake->call.code = ENCLAVE_ETOOBIG;
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"x\"}",
                  "read 'x': more than max_file_size");
    /* A host that does not keep to the limit fills no more than that much memory. */
    fake->call.code = 0;
    reply(fake, "1234567890", 10);
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"x\"}", "max_file_size");
}

static void test_delete_and_exists(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_output(fake, "{\"operation\": \"delete\", \"file_path\": \"d\"}",
                  "Successfully deleted: d");
    assert_string_equal(fake->call.request[0].operation, "remove");
    assert_int_equal(fake->call.request[0].flags, ENCLAVE_FILE_FLAG_RECURSIVE);
    assert_output(fake, "{\"operation\": \"exists\", \"file_path\": \"d\"}", "exists");
    assert_string_equal(fake->call.request[0].operation, "stat");
    fake->call.message = "no such file";
    fake->call.stat_code = ENCLAVE_ENOTFOUND;
    assert_output(fake, "{\"operation\": \"exists\", \"file_path\": \"d\"}", "does not exist");
    fake->call.stat_code = ENCLAVE_EDENIED;
    assert_answer(fake, "{\"operation\": \"exists\", \"file_path\": \"d\"}", "no such file");
}

static void test_failures(void **state)
{
    struct fake *fake = *state;
    static const int32_t answers[] = {ENCLAVE_ENOTFOUND, ENCLAVE_EDENIED, ENCLAVE_EINVALID,
                                      ENCLAVE_ETOOBIG, ENCLAVE_EEXISTS};
    static const int32_t failures[] = {ENCLAVE_ELOST, ENCLAVE_ETIMEOUT, ENCLAVE_ECANCELLED,
                                       ENCLAVE_EIO};

    assert_int_equal(fake_open(fake, "{}"), 0);
    fake->call.message = "delete 'x': because";
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        fake->call.code = answers[i];
        assert_answer(fake, "{\"operation\": \"delete\", \"file_path\": \"x\"}",
                      "delete 'x': because");
    }
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        fake->call.code = failures[i];
        assert_int_equal(fake_execute(fake, "{\"operation\": \"delete\", \"file_path\": \"x\"}"),
                         failures[i]);
        assert_string_equal(fake->err.message, "delete 'x': because");
        assert_null(fake->call.error);
    }
}

static void test_bad_parameters(void **state)
{
    struct fake *fake = *state;

    assert_int_equal(fake_open(fake, "{}"), 0);
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"\"}", "No file path provided");
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \" \"}", "No file path provided");
    assert_answer(fake, "{\"operation\": \"chmod\", \"file_path\": \"x\"}",
                  "Unknown operation: chmod");
    assert_answer(fake, "{\"operation\": \"read\", \"file_path\": \"/a\\u0000/b\"}", "NUL");
    assert_int_equal(fake->call.requests, 0);
}

static void test_paths_go_into_the_request(void **state)
{
    struct fake *fake = *state;
    static const char *const operations[] = {"read", "create", "delete", "list", "exists"};

    assert_int_equal(fake_open(fake, "{\"allowed_paths\": [\"/sandbox\", \"/tmp\"], "
                                     "\"blocked_paths\": [\"/sandbox/secret\"]}"),
                     0);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        char params[128];

        (void)snprintf(params, sizeof params, "{\"operation\": \"%s\", \"file_path\": \"x\"}",
                       operations[i]);
        assert_int_equal(fake_execute(fake, params), 0);
        assert_true(fake->call.requests > 0);
        for (int k = 0; k < fake->call.requests; k++) {
            assert_string_equal(fake->call.request[k].allowed, "/sandbox:/tmp");
            assert_string_equal(fake->call.request[k].blocked, "/sandbox/secret");
        }
    }
}

static void test_extensions(void **state)
{
    struct fake *fake = *state;
    static const char *const refused[] = {"x.py", "txt", ".txt", "d.txt/", "d.txt/x", "x.txt.sh"};

    assert_int_equal(fake_open(fake, "{\"allowed_extensions\": [\".txt\", \"tar.gz\"]}"), 0);
    reply(fake, "hi", 2);
    assert_output(fake, "{\"operation\": \"read\", \"file_path\": \"a/b.TXT\"}", "hi");
    assert_output(fake, "{\"operation\": \"create\", \"file_path\": \"b.tar.gz\"}",
                  "File written successfully: b.tar.gz");
    assert_output(fake, "{\"operation\": \"delete\", \"file_path\": \"b.txt\"}",
                  "Successfully deleted: b.txt");
    assert_int_equal(fake->call.request[0].flags, 0);
    assert_output(fake, "{\"operation\": \"exists\", \"file_path\": \"b.py\"}", "exists");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        static const char *const operations[] = {"read", "create", "delete"};

        for (size_t k = 0; k < 3; k++) {
            char params[128];

            (void)snprintf(params, sizeof params, "{\"operation\": \"%s\", \"file_path\": \"%s\"}",
                           operations[k], refused[i]);
            assert_answer(fake, params, "allowed_extensions");
            assert_int_equal(fake->call.requests, 0);
        }
    }
}

static void test_list(void **state)
{
    struct fake *fake = *state;
    struct enclave_file_info entries[] = {
        {sizeof *entries, ENCLAVE_FILE_DIRECTORY, 01777, 1000, 1000, 2, 40, 0, "sub", NULL},
        {sizeof *entries, ENCLAVE_FILE_REGULAR, 04644, 0, 0, 1, 4097, 86400, "a\nb", NULL},
        {sizeof *entries, ENCLAVE_FILE_SYMLINK, 0777, 0, 0, 1, 4, INT64_MAX, "l", "/etc"},
    };
    char recent[32];
    time_t now = time(NULL) - 3600;
    struct tm tm;

    assert_int_equal(fake_open(fake, "{}"), 0);
    fake->call.entries = entries;
    fake->call.entry_count = 3;
    assert_output(fake, "{\"operation\": \"list\", \"file_path\": \"d\"}",
                  "total 8\n"
                  "drwxrwxrwt  2  1000  1000       40 Jan  1  1970 .\n"
                  "drwxrwxrwt  2  1000  1000       40 Jan  1  1970 ..\n"
                  "drwxrwxrwt  2  1000  1000       40 Jan  1  1970 sub\n"
                  "-rwSr--r--  1     0     0     4097 Jan  2  1970 a?b\n"
                  "lrwxrwxrwx  1     0     0        4 9223372036854775807 l -> /etc\n");
    assert_string_equal(fake->call.request[0].path, "d/.");
    assert_string_equal(fake->call.request[1].path, "d/..");
    assert_string_equal(fake->call.request[2].path, "d");

    /* A file: its own line. */
    entries[0] = entries[1];
    entries[0].name = "f";
    entries[0].mtime_s = now;
    entries[0].mode = 0640;
    fake->call.entry_count = 1;
    fake->call.stat_code = ENCLAVE_EINVALID;
    gmtime_r(&now, &tm);
    strftime(recent, sizeof recent, "%b %e %H:%M f\n", &tm);
    assert_int_equal(fake_execute(fake, "{\"operation\": \"list\", \"file_path\": \"f\"}"), 0);
    assert_memory_equal(fake->call.output, "-rw-r-----  1     0     0     4097 ", 35);
    assert_string_equal(fake->call.output + 35, recent);

    fake->call.entry_count = 0;
    fake->call.stat_code = fake->call.code = ENCLAVE_ENOTFOUND;
    fake->call.message = "list 'd': no such folder";
    assert_answer(fake, "{\"operation\": \"list\", \"file_path\": \"d\"}", "no such folder");
}

static void test_bad_options(void **state)
{
    struct fake *fake = *state;

    fake_assert_open_refused(fake, "{\"allowed_paths\": [\"/ok\", \"data\"]}", "data");
    fake_assert_open_refused(fake, "{\"blocked_paths\": [\"\"]}", "blocked_paths");
    fake_assert_open_refused(fake, "{\"allowed_extensions\": [\".\"]}", "allowed_extensions");
    fake_assert_open_refused(fake, "{\"max_file_size\": 0}", "max_file_size");
    fake_assert_open_refused(fake, "{\"max_file_size\": 268435457}", "max_file_size");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_schema),
        TEST(test_read),
        TEST(test_read_encodings),
        TEST(test_write),
        TEST(test_write_encodings),
        TEST(test_size_limit),
        TEST(test_delete_and_exists),
        TEST(test_failures),
        TEST(test_bad_parameters),
        TEST(test_paths_go_into_the_request),
        TEST(test_extensions),
        TEST(test_list),
        TEST(test_bad_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
