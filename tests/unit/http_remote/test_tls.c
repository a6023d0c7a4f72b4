/*
 * TLS with a real peer, the openssl program, and certificates made for the test.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_remote.h"

#include "../../fault/certificates.h"
#include "../../fault/program.h"
#include "../engine/cmocka_all.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/enclave-tls-XXXXXX";
static int port;
static pid_t server;

static int free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    close(fd);
    return ntohs(name.sin_port);
}

/* What `openssl s_server -HTTP` sends: a file that is a whole answer. */
static void write_health(void)
{
    FILE *page = fopen("health", "we");

    assert_non_null(page);
    fputs("HTTP/1.1 200 OK\r\nServer: enclave/0.1.0\r\nConnection: close\r\n\r\n"
          "{\"healthy\":true,\"version\":\"0.1.0\"}",
          page);
    assert_int_equal(fclose(page), 0);
}

static int32_t probe(const char *ca_file, const char *host, struct enclave_error *err)
{
    char url[64], more[256];

    snprintf(url, sizeof url, "https://%s:%d", host, port);
    snprintf(more, sizeof more, ",\"retry_timeout\":60%s%s%s%s%s", ca_file ? ",\"ca_file\":\"" : "",
             ca_file ? folder : "", ca_file ? "/" : "", ca_file ? ca_file : "",
             ca_file ? "\"" : "");
    struct remote *remote = fake_remote(url, more);
    struct text *text = malloc(sizeof *text);
    struct enclave_sink sink = text_sink(text);
    int32_t r = remote_probe(remote, &sink, err);
    if (r == 0) {
        sink = text_sink(text);
    } else { /* and it is not tried again and again */
        r = remote_stats(remote, &sink, err);
    }
    remote_close(remote);
    free(text);
    return r;
}

static int set_up(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char text[16];
    char *argv[] = {(char[]){"openssl"}, (char[]){"s_server"},
                    (char[]){"-accept"}, text,
                    (char[]){"-cert"},   (char[]){"server/cert.pem"},
                    (char[]){"-key"},    (char[]){"server/key.pem"},
                    (char[]){"-HTTP"},   NULL};

    (void)state;
    if (!mkdtemp(folder) || chdir(folder) < 0 || certificates_make(folder) < 0) {
        return -1;
    }
    write_health();
    port = free_port();
    snprintf(text, sizeof text, "%d", port);
    server = program_start(argv, "s_server.log", SIGKILL);
    for (int i = 0; i < 300 && probe("server/ca.pem", "127.0.0.1", &err) != 0; i++) {
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    return server > 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return chdir("/") + nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_trusted(void **state)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    if (probe("server/ca.pem", "127.0.0.1", &err) != 0) {
        fail_msg("%s", err.message);
    }
}

static void check_refused(const char *ca_file, const char *host)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    time_t begun = time(NULL);

    assert_int_equal(probe(ca_file, host, &err), ENCLAVE_EUNREACHABLE);
    assert_non_null(strstr(err.message, "certificate"));
    assert_true(time(NULL) - begun < 30); /* half of retry_timeout */
}

static void test_not_trusted(void **state)
{
    (void)state;
    check_refused("stranger/ca.pem", "127.0.0.1"); /* another authority's */
    check_refused(NULL, "127.0.0.1");              /* none of the system's */
    check_refused("server/ca.pem", "localhost");   /* another host's */
    check_refused("none.pem", "127.0.0.1");        /* no such file */
}

static atomic_int resets;

/* What is said to a server that is just going away: closed with bytes unread, which is a reset. */
static void *reset_all(void *listener)
{
    char byte;
    int fd;

    while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
        (void)recv(fd, &byte, 1, 0);
        (void)close(fd);
        atomic_fetch_add(&resets, 1);
    }
    return NULL;
}

/* No word of certificates, and it is tried again: nothing was sent yet. */
static void test_reset_in_the_handshake(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct text *text = malloc(sizeof *text);
    struct enclave_sink sink = text_sink(text);
    pthread_t thread;
    char url[64];

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, reset_all, &listener), 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(name.sin_port));
    struct remote *remote = fake_remote(url, ",\"retry_timeout\":2");
    assert_int_equal(remote_stats(remote, &sink, &err), ENCLAVE_EUNREACHABLE);
    assert_null(strstr(err.message, "certificate"));
    assert_true(atomic_load(&resets) > 1);
    remote_close(remote);
    (void)shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),
        cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_reset_in_the_handshake),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
