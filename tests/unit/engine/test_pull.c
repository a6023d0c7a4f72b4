/*
 * Pulling an image from a scripted engine: the stream cut anywhere, its errors, the credentials.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base64.h"
#include "fake.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* The shape of a real one: "docker pull" of an image with two layers. */
static const char stream[] =
    "{\"status\":\"Pulling from library/x\",\"id\":\"latest\"}\r\n"
    "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"aaa\"}\r\n"
    "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"bbb\"}\r\n"
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},\"progress\":"
    "\"[=>  ]  10B/100B\",\"id\":\"aaa\"}\r\n"
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":50,\"total\":200},\"id\":\"bbb\"}"
    "\r\n"
    "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"bbb\"}\r\n"
    "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"aaa\"}\r\n"
    "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":1,\"total\":100},\"id\":\"aaa\"}"
    "\r\n"
    "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aaa\"}\r\n"
    "{\"status\":\"Status: Downloaded newer image for x:latest\"}\r\n";

struct seen {
    unsigned calls;
    uint64_t done, total, most;
    int at_60_of_300;
    char last[128];
};

static void watch(void *ctx, const struct enclave_progress *progress)
{
    struct seen *seen = ctx;

    assert_string_equal(progress->what, "pull");
    assert_int_equal(progress->size, sizeof *progress);
    assert_true(progress->done >= seen->done);
    assert_true(progress->done <= progress->total);
    seen->at_60_of_300 |= progress->done == 60 && progress->total == 300;
    seen->calls++;
    seen->done = progress->done;
    seen->total = progress->total;
    snprintf(seen->last, sizeof seen->last, "%s", progress->text);
}

static void send_chunk(int fd, const char *data, size_t length)
{
    char head[32];

    if (length == 0) {
        return;
    }
    snprintf(head, sizeof head, "%zx\r\n", length);
    fake_send(fd, head);
    fake_send_bytes(fd, data, length);
    fake_send(fd, "\r\n");
}

static int cut_at(void *ctx, int fd, const char *request)
{
    size_t cut = *(size_t *)ctx;

    (void)request;
    fake_send(fd, CHUNKED);
    send_chunk(fd, stream, cut);
    send_chunk(fd, stream + cut, sizeof stream - 1 - cut);
    fake_send(fd, "0\r\n\r\n");
    return 1;
}

static void stream_cut_anywhere(void **state)
{
    size_t cut = 0;
    struct fake *fake = fake_new("1.41", NULL, cut_at, &cut);
    struct engine *engine = fake_engine(fake);

    (void)state;
    for (; cut < sizeof stream; cut++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        struct seen seen = {0};
        if (engine_pull(engine, "x", NULL, watch, &seen, -1, &err) != 0) {
            fail_msg("cut at %zu: %s", cut, err.message);
        }
        assert_int_equal(seen.calls, 10);
        assert_int_equal(seen.done, 300);
        assert_int_equal(seen.total, 300);
        assert_true(seen.at_60_of_300);
        assert_string_equal(seen.last, "Status: Downloaded newer image for x:latest");
    }
    assert_int_equal(fake_requests(fake,
                                   "POST /v1.41/images/create?fromImage=docker.io%2Flibrary%2Fx"
                                   "&tag=latest HTTP"),
                     sizeof stream);
    assert_int_equal(fake_requests(fake, "X-Registry-Auth"), 0);
    cut = 0;
    assert_int_equal(engine_pull(engine, "h:5/y:z", "linux/arm64", NULL, NULL, -1, NULL), 0);
    assert_int_equal(fake_requests(fake, "?fromImage=h%3A5%2Fy&tag=z&platform=linux%2Farm64 HTTP"),
                     1);
    engine_free(engine);
    fake_free(fake);
}

/* ------------------------------------------------------------------------------------- failures */

static int play(void *ctx, int fd, const char *request)
{
    (void)request;
    fake_send(fd, ctx);
    return 0;
}

static void expect(const char *answer, int32_t expected, const char *words)
{
    struct fake *fake = fake_new("1.41", NULL, play, (void *)answer);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int32_t code = engine_pull(engine, "nosuch:1", NULL, NULL, NULL, -1, &err);

    if (code != expected || (words && !strstr(err.message, words))) {
        fail_msg("%.60s: %d %s", answer, code, err.message);
    }
    engine_free(engine);
    fake_free(fake);
}

static void failures(void **state)
{
    (void)state;
    expect(
        "HTTP/1.1 404 X\r\n\r\n{\"message\":\"pull access denied for nosuch, repository does not "
        "exist or may require 'docker login'\"}",
        ENCLAVE_ENOTFOUND, "image 'nosuch:1' is not to be had: pull access denied");
    expect(
        "HTTP/1.1 500 X\r\n\r\n{\"message\":\"Get \\\"https://registry-1.docker.io/v2/\\\": dial "
        "tcp: lookup registry-1.docker.io: no such host\"}",
        ENCLAVE_EBACKEND, "pull image 'nosuch:1': Docker: Get \"https://registry-1.docker.io");
    expect("HTTP/1.1 500 X\r\n\r\n{\"message\":\"unauthorized: authentication required\"}",
           ENCLAVE_ENOTFOUND, "log in");
    expect("HTTP/1.0 200 X\r\n\r\n{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":"
           "\"manifest unknown\"}\r\n",
           ENCLAVE_ENOTFOUND, "manifest unknown");
    expect("HTTP/1.0 200 X\r\n\r\n{\"status\":\"x\"}\r\n{\"errorDetail\":{\"message\":\"no space "
           "left\\non device\"}}",
           ENCLAVE_EBACKEND, "no space left on device");
    expect("HTTP/1.0 200 X\r\n\r\n{\"errorDetail\":{}}", ENCLAVE_EBACKEND, "no reason given");
    expect("HTTP/1.0 200 X\r\n\r\n<html>", ENCLAVE_EPROTOCOL, "not a stream of JSON");
    expect("HTTP/1.0 200 X\r\n\r\n[1]\n", ENCLAVE_EPROTOCOL, "not a stream of JSON");
    expect("HTTP/1.0 200 X\r\n\r\n{\"status\":\"x\"", ENCLAVE_EPROTOCOL, "not a stream of JSON");
    expect("HTTP/1.0 200 X\r\n\r\n{\"progressDetail\":7,\"id\":[],\"status\":{}}\n\n", 0, NULL);
    expect("HTTP/1.0 200 X\r\n\r\n{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{"
           "\"current\":-5,\"total\":9223372036854775807}}\n",
           0, NULL);
    expect(CHUNKED "15\r\n{\"status\":\"x\"}\r\n", ENCLAVE_EUNREACHABLE, "in the middle");
    expect("HTTP/1.1 307 X\r\nLocation: http://localhost/y\r\nContent-Length: 0\r\n\r\n",
           ENCLAVE_EPROTOCOL, "redirect");
}

static int endless_line(void *ctx, int fd, const char *request)
{
    char block[65536];

    (void)ctx, (void)request;
    memset(block, ' ', sizeof block);
    fake_send(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 1024; i++) {
        fake_send_bytes(fd, block, sizeof block);
    }
    return 0;
}

static int endless_layers(void *ctx, int fd, const char *request)
{
    char line[256];

    (void)ctx, (void)request;
    fake_send(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line,
                 "{\"status\":\"Downloading\",\"id\":\"%d\",\"progressDetail\":{\"current\":1,"
                 "\"total\":1}}\n",
                 i);
        fake_send(fd, line);
    }
    return 0;
}

static int silent(void *ctx, int fd, const char *request)
{
    (void)ctx, (void)request;
    fake_send(fd, CHUNKED);
    fake_wait_for_close(fd);
    return 0;
}

static void bounds(void **state)
{
    struct fake *fake = fake_new("1.41", NULL, endless_line, NULL);
    struct engine *engine = fake_engine(fake);
    struct seen seen = {0};

    (void)state;
    assert_int_equal(engine_pull(engine, "x", NULL, NULL, NULL, -1, NULL), ENCLAVE_EPROTOCOL);
    engine_free(engine);
    fake_free(fake);

    fake = fake_new("1.41", NULL, endless_layers, NULL);
    engine = fake_engine(fake);
    assert_int_equal(engine_pull(engine, "x", NULL, watch, &seen, -1, NULL), 0);
    assert_int_equal(seen.total, 1024);
    engine_free(engine);
    fake_free(fake);

    fake = fake_new("1.41", NULL, silent, NULL);
    engine = fake_engine(fake);
    int cancel = fake_cancel_after(100);
    long start = fake_now_ms();
    assert_int_equal(engine_pull(engine, "x", NULL, NULL, NULL, cancel, NULL), ENCLAVE_ECANCELLED);
    assert_in_range(fake_now_ms() - start, 90, 10000);
    close(cancel);
    assert_int_equal(engine_pull(engine, "x\r\nX: y", NULL, NULL, NULL, -1, NULL),
                     ENCLAVE_EINVALID);
    engine_free(engine);
    fake_free(fake);
}

/* ---------------------------------------------------------------------------------- credentials */

/* Takes any pull, or refuses it when `ctx` says so. */
static int take(void *ctx, int fd, const char *request)
{
    (void)request;
    if (ctx) {
        fake_send_answer(fd, 404, "{\"message\":\"pull access denied\"}");
    } else {
        fake_send_answer(fd, 200, "{\"status\":\"done\"}\r\n");
    }
    return 1;
}

static void write_file(const struct fake *fake, const char *name, const char *text, mode_t mode)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", fake_folder(fake), name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* The pull of `image` with this config.json sends exactly `json` as its credentials; NULL: none. */
static void expect_credentials(const char *config, const char *image, const char *json)
{
    struct fake *fake = fake_new("1.41", NULL, take, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char header[1024];

    write_file(fake, "config.json", config, 0600);
    if (engine_pull(engine, image, NULL, NULL, NULL, -1, &err) != 0) {
        fail_msg("%s: %s", config, err.message);
    }
    if (json) {
        char *value = base64_encode_url(json, strlen(json));
        snprintf(header, sizeof header, "\r\nX-Registry-Auth: %s\r\n", value);
        free(value);
        if (fake_requests(fake, header) != 1) {
            fail_msg("%s: %s was not sent", config, json);
        }
    } else {
        assert_int_equal(fake_requests(fake, "X-Registry-Auth"), 0);
    }
    engine_free(engine);
    fake_free(fake);
}

static void credentials_of_the_file(void **state)
{
    (void)state;
    /* "dXNlcjpwYTpzcw==" is user:pa:ss */
    expect_credentials(
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dXNlcjpwYTpzcw==\"}}}", "python",
        "{\"username\":\"user\",\"password\":\"pa:ss\",\"serveraddress\":\"https://"
        "index.docker.io/v1/\"}");
    expect_credentials(
        "{\"auths\":{\"h:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"}}}", "h:5000/x",
        "{\"username\":\"user\",\"password\":\"pa:ss\",\"serveraddress\":\"h:5000\"}");
    expect_credentials(
        "{\"auths\":{\"https://h:5000/v2/\":{\"auth\":\"dXNlcjpwYTpzcw==\"}}}", "h:5000/x",
        "{\"username\":\"user\",\"password\":\"pa:ss\",\"serveraddress\":\"h:5000\"}");
    expect_credentials("{\"auths\":{\"ghcr.io\":{\"identitytoken\":\"t\"}}}", "ghcr.io/a/b",
                       "{\"identitytoken\":\"t\",\"serveraddress\":\"ghcr.io\"}");
    expect_credentials("{\"auths\":{\"ghcr.io\":{\"registrytoken\":\"r\"}}}", "ghcr.io/a/b",
                       "{\"registrytoken\":\"r\",\"serveraddress\":\"ghcr.io\"}");
    expect_credentials("{\"auths\":{\"ghcr.io\":{\"username\":\"u\",\"password\":\"p\"}}}",
                       "ghcr.io/a/b",
                       "{\"username\":\"u\",\"password\":\"p\",\"serveraddress\":\"ghcr.io\"}");
    /* Another registry's are not sent. */
    expect_credentials("{\"auths\":{\"h:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"}}}", "h:5001/x",
                       NULL);
    expect_credentials("{\"auths\":{\"h\":{\"auth\":\"dXNlcjpwYTpzcw==\"}}}", "python", NULL);
    expect_credentials("{\"auths\":{\"h\":{}}}", "h.x/a", NULL);
    expect_credentials("{}", "python", NULL);
}

static void broken_files(void **state)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"", "is not a JSON object"},
        {"{\"auths\":", "is not a JSON object"},
        {"[]", "is not a JSON object"},
        {"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"!!\"}}}", "log in again"},
        {"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"Zg==\"}}}", "log in again"},
    };
    struct fake *fake = fake_new("1.41", NULL, take, NULL);
    struct engine *engine = fake_engine(fake);
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(fake, "config.json", cases[i].config, 0600);
        assert_int_equal(engine_pull(engine, "python", NULL, NULL, NULL, -1, &err),
                         ENCLAVE_ECONFIG);
        if (!strstr(err.message, cases[i].words)) {
            fail_msg("%s", err.message);
        }
    }
    assert_int_equal(fake_requests(fake, "/images/create"), 0);
    engine_free(engine);
    fake_free(fake);
}

/* A helper in its own folder, put before PATH. */
static struct fake *with_helper(const char *script, int refuses, char **ret_path)
{
    static char yes[] = "refuse";
    struct fake *fake = fake_new("1.41", NULL, take, refuses ? yes : NULL);
    char *path = NULL;

    *ret_path = strdup(getenv("PATH"));
    assert_true(asprintf(&path, "%s:%s", fake_folder(fake), *ret_path) > 0);
    setenv("PATH", path, 1);
    free(path);
    if (script) {
        write_file(fake, "docker-credential-test", script, 0755);
    }
    return fake;
}

static int32_t pull_with_helper(const char *script, const char *config, int refuses,
                                const char *header, struct enclave_error *err)
{
    char *path;
    struct fake *fake = with_helper(script, refuses, &path);
    struct engine *engine = fake_engine(fake);
    int32_t code;

    write_file(fake, "config.json", config, 0600);
    code = engine_pull(engine, "ghcr.io/a/b", NULL, NULL, NULL, -1, err);
    if (header) {
        assert_int_equal(fake_requests(fake, header), 1);
    } else {
        assert_int_equal(fake_requests(fake, "X-Registry-Auth"), 0);
    }
    setenv("PATH", path, 1);
    free(path);
    engine_free(engine);
    fake_free(fake);
    return code;
}

static void credential_helpers(void **state)
{
    static const char answers[] =
        "#!/bin/sh\nread server\n[ \"$1 $server\" = 'get ghcr.io' ] || exit 1\n"
        "echo '{\"ServerURL\":\"ghcr.io\",\"Username\":\"u\",\"Secret\":\"p\"}'\n";
    static const char token[] = "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"t\"}'\n";
    static const char nothing[] =
        "#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n";
    static const char store[] = "{\"credsStore\":\"test\"}";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    static const char plain[] =
        "{\"username\":\"u\",\"password\":\"p\",\"serveraddress\":\"ghcr.io\"}";
    char *up = base64_encode_url(plain, sizeof plain - 1);
    char header[256];

    (void)state;
    snprintf(header, sizeof header, "X-Registry-Auth: %s\r\n", up);
    assert_int_equal(pull_with_helper(answers, store, 0, header, &err), 0);
    assert_int_equal(
        pull_with_helper(answers, "{\"credHelpers\":{\"ghcr.io\":\"test\"}}", 0, header, &err), 0);
    assert_int_equal(
        pull_with_helper(answers, "{\"credHelpers\":{\"other\":\"test\"}}", 0, NULL, &err), 0);
    assert_int_equal(pull_with_helper(token, store, 0, "X-Registry-Auth: ", &err), 0);
    assert_int_equal(pull_with_helper(nothing, store, 0, NULL, &err), 0);
    /* Without the program: no credentials, and the reason is told when they turn out needed. */
    assert_int_equal(pull_with_helper(NULL, store, 0, NULL, &err), 0);
    assert_int_equal(pull_with_helper(NULL, store, 1, NULL, &err), ENCLAVE_ENOTFOUND);
    assert_non_null(strstr(err.message, "docker-credential-test, which config.json names, is not "
                                        "in PATH"));
    assert_int_equal(pull_with_helper(NULL, "{\"credsStore\":\"../../bin/x\"}", 1, NULL, &err),
                     ENCLAVE_ENOTFOUND);
    assert_non_null(strstr(err.message, "is no valid name"));
    /* ... and what the file itself holds is used instead. */
    assert_int_equal(pull_with_helper(NULL,
                                      "{\"credsStore\":\"test\",\"auths\":{\"ghcr.io\":{"
                                      "\"username\":\"u\",\"password\":\"p\"}}}",
                                      0, header, &err),
                     0);
    free(up);
}

static void hostile_helpers(void **state)
{
    static const char flood[] = "#!/bin/sh\nexec cat /dev/zero\n";
    static const char hangs[] = "#!/bin/sh\nexec sleep 1000\n";
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *path;
    struct fake *fake = with_helper(hangs, 0, &path);
    struct engine *engine = fake_engine(fake);
    int cancel = fake_cancel_after(200);
    long start = fake_now_ms();

    (void)state;
    write_file(fake, "config.json", "{\"credsStore\":\"test\"}", 0600);
    assert_int_equal(engine_pull(engine, "ghcr.io/a/b", NULL, NULL, NULL, cancel, &err),
                     ENCLAVE_ECANCELLED);
    assert_in_range(fake_now_ms() - start, 150, 10000);
    close(cancel);
    engine_free(engine);
    fake_free(fake);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(pull_with_helper(flood, "{\"credsStore\":\"test\"}", 0, NULL, &err), 0);
    /* An embedding program that ignores SIGCHLD takes the exit status away. */
    void (*old)(int) = signal(SIGCHLD, SIG_IGN);
    assert_int_equal(pull_with_helper("#!/bin/sh\necho '{\"Username\":\"u\",\"Secret\":\"p\"}'\n",
                                      "{\"credsStore\":\"test\"}", 0, "X-Registry-Auth: ", &err),
                     0);
    signal(SIGCHLD, old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_cut_anywhere),
        cmocka_unit_test(failures),
        cmocka_unit_test(bounds),
        cmocka_unit_test(credentials_of_the_file),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(credential_helpers),
        cmocka_unit_test(hostile_helpers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
