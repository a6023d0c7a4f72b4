/*
 * The parts of the engine client that need no engine: addresses, versions, image names, heads,
 * texts, JSON, base64.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "address.h"
#include "base64.h"
#include "buffer.h"
#include "head.h"
#include "json.h"
#include "reference.h"
#include "text.h"
#include "version.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void clear_environment(void)
{
    static const char *const names[] = {"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
                                        "DOCKER_CONFIG", "DOCKER_API_VERSION"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsetenv(names[i]);
    }
}

static int32_t parse(const char *host, int tls, struct address *address, struct enclave_error *err)
{
    struct engine_options options = {.host = host, .tls = tls};

    memset(address, 0, sizeof *address);
    return address_parse(&options, address, err);
}

static void addresses(void **state)
{
    static const struct {
        const char *host, *socket, *base;
    } good[] = {
        {"unix:///run/x.sock", "/run/x.sock", "http://localhost"},
        {"tcp://host:1234", NULL, "http://host:1234"},
        {"tcp://host", NULL, "http://host:2375"},
        {"http://host", NULL, "http://host:80"},
        {"http://host:9/", NULL, "http://host:9"},
        {"tcp://[::1]:2375", NULL, "http://[::1]:2375"},
    };
    struct address address;

    (void)state;
    clear_environment();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        if (parse(good[i].host, -1, &address, &err) != 0) {
            fail_msg("%s: %s", good[i].host, err.message);
        }
        assert_string_equal(address.base, good[i].base);
        assert_string_equal(address.text, good[i].host);
        assert_int_equal(address.socket != NULL, good[i].socket != NULL);
        if (address.socket) {
            assert_string_equal(address.socket, good[i].socket);
        }
        address_free(&address);
    }
}

static void addresses_refused(void **state)
{
    static const struct {
        const char *host, *sentence;
    } bad[] = {
        {"ssh://user@host", "ssh:// is not supported; forward the socket"},
        {"npipe:////./pipe/docker_engine", "npipe:// is for Windows"},
        {"unix://relative", "no absolute path"},
        {"unix://", "no absolute path"},
        {"/var/run/docker.sock", "unknown kind"},
        {"fd://", "unknown kind"},
        {"tcp://", "address 'tcp://'"},
        {"tcp://host:99999", "cannot be used"},
        {"tcp://host:1/path", "cannot be used"},
        {"tcp://user:pw@host:1", "cannot be used"},
        {"tcp://host:1?x=y", "cannot be used"},
        {"tcp://ho st:1", "white space"},
        {"tcp://host:1\r\nX: y", "white space"},
        {"", "unknown kind"},
    };
    char long_path[256] = "unix:///";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct address address;

    (void)state;
    clear_environment();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse(bad[i].host, -1, &address, &err), ENCLAVE_EINVALID);
        if (!strstr(err.message, bad[i].sentence)) {
            fail_msg("'%s': %s", bad[i].host, err.message);
        }
        address_free(&address);
    }
    memset(long_path + 8, 'x', 200);
    assert_int_equal(parse(long_path, -1, &address, &err), ENCLAVE_EINVALID);
    assert_non_null(strstr(err.message, "too long"));
    address_free(&address);
}

static void environment(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct address address;

    (void)state;
    clear_environment();
    assert_int_equal(parse(NULL, -1, &address, &err), 0);
    assert_string_equal(address.text, "unix:///var/run/docker.sock");
    address_free(&address);

    setenv("DOCKER_HOST", "tcp://engine:1", 1);
    assert_int_equal(parse(NULL, -1, &address, &err), 0);
    assert_string_equal(address.base, "http://engine:1");
    address_free(&address);

    setenv("DOCKER_TLS_VERIFY", "1", 1);
    setenv("DOCKER_CERT_PATH", "/nonexistent", 1);
    assert_int_equal(parse(NULL, -1, &address, &err), ENCLAVE_EINVALID);
    assert_non_null(strstr(err.message, "/nonexistent/ca.pem"));
    address_free(&address);
    assert_int_equal(parse("http://engine:1", -1, &address, &err), ENCLAVE_EINVALID);
    assert_non_null(strstr(err.message, "without TLS"));
    address_free(&address);
    /* Said explicitly, it wins over the environment. */
    assert_int_equal(parse(NULL, 0, &address, &err), 0);
    assert_string_equal(address.base, "http://engine:1");
    address_free(&address);
    setenv("DOCKER_TLS_VERIFY", "", 1);
    assert_int_equal(parse(NULL, -1, &address, &err), 0);
    address_free(&address);
    clear_environment();
}

static void requested_version(void **state)
{
    static const char *const bad[] = {"1.40", "1.24", "x", "1", "1.", ".1", "1.41x", "99999.1"};
    struct engine_options options = {.tls = -1, .name = "Docker"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine = NULL;

    (void)state;
    clear_environment();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("DOCKER_API_VERSION", bad[i], 1);
        assert_int_equal(engine_new(&options, &engine, &err), ENCLAVE_EINVALID);
        assert_non_null(strstr(err.message, "DOCKER_API_VERSION"));
        assert_null(engine);
    }
    options.api_version = "";
    assert_int_equal(engine_new(&options, &engine, &err), 0);
    engine_free(engine);
    engine_free(NULL);
    clear_environment();
}

static void versions(void **state)
{
    struct api_version a = {0}, b = {0};

    (void)state;
    assert_int_equal(api_version_parse("1.41", &a), 0);
    assert_int_equal(api_version_parse("1.9", &b), 0);
    assert_true(api_version_compare(a, b) > 0);
    assert_true(api_version_compare(b, a) < 0);
    assert_int_equal(api_version_parse("2.0", &b), 0);
    assert_true(api_version_compare(a, b) < 0);
    assert_int_equal(api_version_compare(a, a), 0);
    assert_int_equal(api_version_parse("", &a), -1);
    assert_int_equal(api_version_parse("1.41 ", &a), -1);
    assert_int_equal(api_version_parse("-1.41", &a), -1);
    assert_int_equal(a.minor, 41);
}

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void references(void **state)
{
    static const struct {
        const char *image, *registry, *name, *version;
    } good[] = {
        {"python", "docker.io", "docker.io/library/python", "latest"},
        {"python:3.11-slim", "docker.io", "docker.io/library/python", "3.11-slim"},
        {"a/b", "docker.io", "docker.io/a/b", "latest"},
        {"docker.io/python", "docker.io", "docker.io/library/python", "latest"},
        {"index.docker.io/a/b:c", "docker.io", "docker.io/a/b", "c"},
        {"localhost/x", "localhost", "localhost/x", "latest"},
        {"localhost:5000/x", "localhost:5000", "localhost:5000/x", "latest"},
        {"host:5000/a/b__c.d--e:V_1", "host:5000", "host:5000/a/b__c.d--e", "V_1"},
        {"[::1]:5000/x:y", "[::1]:5000", "[::1]:5000/x", "y"},
        {"ghcr.io/a/b@" DIGEST, "ghcr.io", "ghcr.io/a/b", DIGEST},
        {"a:tag@" DIGEST, "docker.io", "docker.io/library/a", DIGEST},
        {"Host/x", "Host", "Host/x", "latest"},
    };
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct reference reference;
        if (reference_parse(good[i].image, &reference, &err) != 0) {
            fail_msg("%s: %s", good[i].image, err.message);
        }
        assert_string_equal(reference.registry, good[i].registry);
        assert_string_equal(reference.name, good[i].name);
        assert_string_equal(reference.version, good[i].version);
        /* All that name a registry name it first; the one with "index." has two names. */
        assert_int_equal(engine_image_is_short(good[i].image),
                         strncmp(good[i].image, good[i].registry, strlen(good[i].registry)) != 0 &&
                             strncmp(good[i].image, "index.", 6) != 0);
    }
}

static void references_refused(void **state)
{
    static const char *const bad[] = {
        "",        ":",          "a:",        "a:b:c",       "Python",        "a//b",       "/a",
        "a/",      "a b",        "a\r\nX: y", "a\tb",        "a\x7f",         "a..b",       "a___b",
        "-a",      "a-",         "a@",        "a@sha256:12", "a@" DIGEST "g", "a:.b",       "a?b=c",
        "a&tag=b", "http://a/b", "../a",      "h:x:y/a",     ":5000/a",       "a:\xc3\xa9", "a%2fb",
        "a.b:/c",  "#",
    };
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct reference reference;
    char longest[2048];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (reference_parse(bad[i], &reference, &err) != ENCLAVE_EINVALID) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_null(strchr(err.message, '\n'));
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(reference_parse(longest, &reference, &err), ENCLAVE_EINVALID);
    longest[300] = '\0';
    assert_int_equal(reference_parse(longest, &reference, &err), ENCLAVE_EINVALID);
    longest[255] = '\0';
    assert_int_equal(reference_parse(longest, &reference, &err), 0);
    memset(longest, 'a', 300); /* a registry of that length */
    strcpy(longest + 300, ".io/x");
    assert_int_equal(reference_parse(longest, &reference, &err), ENCLAVE_EINVALID);
}

static void heads(void **state)
{
    static const char whole[] =
        "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\ncontent-length: 12\r\n\r\n";
    static const char *const bad[] = {"SSH-2.0",  "HTTP/2 200", "HTTP/1.1 abc d",
                                      "\r\n\r\n", "x",          "HTTP/1.1 20\r\n\r\n"};
    struct head head = {0};
    char *large = calloc(1, HEAD_MAX + 64);

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        assert_int_equal(head_parse(whole, n, &head), 0);
    }
    assert_int_equal(head_parse(whole, sizeof whole - 1, &head), 1);
    assert_int_equal(head.status, 101);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.length, sizeof whole - 1);
    assert_int_equal(head_parse("HTTP/1.0 200\r\n\r\nmore", 20, &head), 1);
    assert_int_equal(head.length, 16);
    assert_int_equal(head.content_length, -1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(head_parse(bad[i], strlen(bad[i]), &head), -1);
    }
    memset(large, 'x', HEAD_MAX + 63);
    memcpy(large, "HTTP/1.1 200 OK\r\n", 17);
    assert_int_equal(head_parse(large, HEAD_MAX - 1, &head), 0);
    assert_int_equal(head_parse(large, HEAD_MAX, &head), -1);
    free(large);
}

static void texts(void **state)
{
    char text[16];

    (void)state;
    assert_string_equal(engine_text_clean(text, sizeof text, "  a\nb\x01 ", 7), "a b");
    assert_string_equal(engine_text_clean(text, sizeof text, "0123456789abcdef", 16),
                        "0123456789ab...");
    assert_string_equal(engine_text_clean(text, sizeof text, "0123456789a\xc3\xa9z", 14),
                        "0123456789a...");
    assert_string_equal(engine_text_clean(text, sizeof text, "\xff\xc3", 2), "??");
    assert_string_equal(engine_text_clean(text, sizeof text, "\xed\xa0\x80", 3), "???");
    assert_string_equal(engine_text_clean(text, sizeof text, "", 0), "");
    char sentence[64];
    assert_string_equal(text_from_body(sentence, sizeof sentence, "{\"message\":\"no\"}\n", 17),
                        "no");
    assert_string_equal(text_from_body(sentence, sizeof sentence, "plain\n", 6), "plain");
    assert_string_equal(text_from_body(sentence, sizeof sentence, NULL, 0), "no reason given");
}

static int32_t parse_json(const char *text)
{
    json_object *json = NULL;
    int32_t code = json_parse(text, strlen(text), &json);

    json_object_put(json);
    return code;
}

static void json(void **state)
{
    char deep[200];

    (void)state;
    assert_int_equal(parse_json("{\"a\":[1,2]}\r\n"), 0);
    assert_int_equal(parse_json("12"), 0);
    assert_int_equal(parse_json("null\n"), 0);
    assert_int_equal(parse_json("{\"a\":1} x"), ENCLAVE_EPROTOCOL);
    assert_int_equal(parse_json("{\"a\":1"), ENCLAVE_EPROTOCOL);
    assert_int_equal(parse_json("{} {}"), ENCLAVE_EPROTOCOL);
    assert_int_equal(parse_json(""), ENCLAVE_EPROTOCOL);
    assert_int_equal(parse_json("OK"), ENCLAVE_EPROTOCOL);
    assert_int_equal(parse_json("\"\xff\""), ENCLAVE_EPROTOCOL);
    json_object *object = NULL;
    assert_int_equal(json_parse("1\0002", 3, &object), ENCLAVE_EPROTOCOL);
    assert_null(object);
    memset(deep, '[', 60);
    memset(deep + 60, ']', 60);
    deep[120] = '\0';
    assert_int_equal(parse_json(deep), 0);
    memset(deep, '[', 70);
    memset(deep + 70, ']', 70);
    deep[140] = '\0';
    assert_int_equal(parse_json(deep), ENCLAVE_EPROTOCOL);
    assert_null(json_text(NULL, "x"));
    assert_int_equal(json_integer(NULL, "x"), 0);
}

static void base64(void **state)
{
    static const struct {
        const char *plain, *coded;
    } pairs[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    size_t length;
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        text = base64_encode_url(pairs[i].plain, strlen(pairs[i].plain));
        assert_string_equal(text, pairs[i].coded);
        free(text);
        text = base64_decode(pairs[i].coded, &length);
        assert_string_equal(text, pairs[i].plain);
        assert_int_equal(length, strlen(pairs[i].plain));
        free(text);
    }
    text = base64_encode_url("\xfb\xff\xfe", 3);
    assert_string_equal(text, "-__-");
    free(text);
    assert_null(base64_decode("a b", &length));
    assert_null(base64_decode("Zg==Zg==", &length));
}

static void buffers(void **state)
{
    struct buffer buffer = BUFFER_INIT(1000);
    char block[600] = {0};

    (void)state;
    assert_int_equal(buffer_append(&buffer, block, sizeof block), 0);
    assert_int_equal(buffer_append(&buffer, block, sizeof block), ENCLAVE_ETOOBIG);
    assert_int_equal(buffer.length, sizeof block);
    buffer_consume(&buffer, 500);
    assert_int_equal(buffer_append(&buffer, block, sizeof block), 0);
    assert_int_equal(buffer.length, 700);
    buffer_free(&buffer);
    assert_int_equal(buffer_append_text(&buffer, "abc"), 0);
    assert_string_equal(buffer.data, "abc");
    buffer_free(&buffer);
}

static void escaping(void **state)
{
    char *text = engine_escape("a/b:c?d=e&f g\n%\xc3\xa9~._-");

    (void)state;
    assert_string_equal(text, "a%2Fb%3Ac%3Fd%3De%26f%20g%0A%25%C3%A9~._-");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_refused),
        cmocka_unit_test(environment),
        cmocka_unit_test(requested_version),
        cmocka_unit_test(versions),
        cmocka_unit_test(references),
        cmocka_unit_test(references_refused),
        cmocka_unit_test(heads),
        cmocka_unit_test(texts),
        cmocka_unit_test(json),
        cmocka_unit_test(base64),
        cmocka_unit_test(buffers),
        cmocka_unit_test(escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
