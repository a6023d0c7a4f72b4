/*
 * TLS with a real peer, the openssl program, and certificates made for the test.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char folder[64];

static pid_t start(const char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t files;
    pid_t pid = -1;

    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    if (in >= 0) {
        posix_spawn_file_actions_adddup2(&files, in, 0);
    } else {
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    }
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&files, out, 1);
    } else {
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    }
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    assert_int_equal(posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static void run(const char *const *argv)
{
    int status = -1;
    pid_t pid = start(argv, -1, -1);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        fail_msg("%s %s %s: status %d", argv[0], argv[1], argv[2], status);
    }
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_authority(const char *name)
{
    char key[64], certificate[64], subject[64];

    snprintf(key, sizeof key, "%s.key", name);
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(subject, sizeof subject, "/CN=%s", name);
    RUN("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", subject, "-addext", "basicConstraints=critical,CA:TRUE", "-keyout",
        key, "-out", certificate);
}

static void make_certificate(const char *name, const char *extension)
{
    char key[64], request[64], certificate[64], subject[64], extensions[64];

    snprintf(key, sizeof key, "%s.key", name);
    snprintf(request, sizeof request, "%s.csr", name);
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(extensions, sizeof extensions, "%s.ext", name);
    snprintf(subject, sizeof subject, "/CN=%s", name);
    write_file(extensions, extension);
    RUN("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        subject, "-keyout", key, "-out", request);
    RUN("openssl", "x509", "-req", "-in", request, "-CA", "authority.pem", "-CAkey",
        "authority.key", "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
        certificate);
}

static void make_client_folder(const char *name, const char *authority)
{
    char ca[96], cert[96], key[96];

    assert_int_equal(mkdir(name, 0700), 0);
    snprintf(ca, sizeof ca, "%s/ca.pem", name);
    snprintf(cert, sizeof cert, "%s/cert.pem", name);
    snprintf(key, sizeof key, "%s/key.pem", name);
    RUN("cp", authority, ca);
    RUN("cp", "client.pem", cert);
    RUN("cp", "client.key", key);
}

/* What `openssl s_server -HTTP` sends: files that are whole answers. */
static void make_pages(void)
{
    assert_int_equal(mkdir("v1.41", 0700), 0);
    write_file("_ping", "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK");
    write_file("v1.41/version", "HTTP/1.1 200 OK\r\n\r\n{\"Version\":\"1.2.3\",\"Os\":\"linux\"}");
    write_file("v1.41/info", "HTTP/1.1 200 OK\r\n\r\n{\"NCPU\":3}");
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/enclave-test-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        return -1;
    }
    make_authority("authority");
    make_authority("stranger");
    make_certificate("server", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    make_certificate("elsewhere", "subjectAltName=DNS:elsewhere.example\n");
    make_certificate("client", "extendedKeyUsage=clientAuth\n");
    make_client_folder("good", "authority.pem");
    make_client_folder("trusts-another", "stranger.pem");
    make_pages();
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return chdir("/") || nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    close(fd);
    return ntohs(name.sin_port);
}

/* 1 when `port` is being listened on (state 0A in /proc/net/tcp): a connection would use up the
 * one that the raw server takes. */
static int is_listening(int port)
{
    char line[256], wanted[32];
    FILE *file = fopen("/proc/net/tcp", "re");
    int found = 0;

    assert_non_null(file);
    snprintf(wanted, sizeof wanted, ":%04X 00000000:0000 0A", (unsigned)port);
    while (!found && fgets(line, sizeof line, file)) {
        found = strstr(line, wanted) != NULL;
    }
    fclose(file);
    return found;
}

struct server {
    pid_t pid;
    int port;
    int in;  /* what the server sends; raw only */
    int out; /* what it got */
};

static struct server serve(const char *name, int raw)
{
    struct server server = {.port = free_port(), .in = -1, .out = -1};
    char accept[32], certificate[64], key[64];
    int in[2] = {-1, -1}, out[2] = {-1, -1};

    snprintf(accept, sizeof accept, "127.0.0.1:%d", server.port);
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    if (raw) {
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        server.in = in[1];
        server.out = out[0];
    }
    server.pid =
        start((const char *const[]){"openssl", "s_server", "-accept", accept, "-cert", certificate,
                                    "-key", key, "-CAfile", "authority.pem", "-Verify", "1",
                                    "-verify_return_error", "-quiet", raw ? NULL : "-HTTP", NULL},
              in[0], out[1]);
    if (raw) {
        close(in[0]);
        close(out[1]);
    }
    for (int i = 0; !is_listening(server.port); i++) {
        assert_true(i < 500);
        usleep(10000);
    }
    return server;
}

static void stop(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    if (server->in >= 0) {
        close(server->in);
        close(server->out);
    }
}

static struct engine *connect_to(const struct server *server, const char *host, const char *certs)
{
    struct engine_options options = {
        .tls = 1, .cert_path = certs, .api_version = "", .name = "Docker"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine = NULL;
    char address[64];

    snprintf(address, sizeof address, "%s:%d", host, server->port);
    options.host = address;
    if (engine_new(&options, &engine, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return engine;
}

static void good(const char *host)
{
    struct server server = serve("server", 0);
    struct engine *engine = connect_to(&server, host, "good");
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_facts facts;

    if (engine_get_facts(engine, 4500, -1, &facts, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(facts.version, "1.2.3");
    assert_int_equal(facts.cpus, 3);
    assert_int_equal(engine_is_local(engine), 0);
    engine_free(engine);
    stop(&server);
}

static void verified(void **state)
{
    (void)state;
    good("tcp://localhost");
    good("tcp://127.0.0.1");
    good("https://localhost");
}

static void refused(const char *certificate, const char *host, const char *certs, const char *words)
{
    struct server server = serve(certificate, 0);
    struct engine *engine = connect_to(&server, host, certs);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_stream *stream = NULL;
    struct engine_facts facts;

    assert_int_equal(engine_get_facts(engine, 4500, -1, &facts, &err), ENCLAVE_EUNREACHABLE);
    if (!strstr(err.message, words)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(engine_attach(engine, "x", -1, &stream, &err), ENCLAVE_EUNREACHABLE);
    engine_free(engine);
    stop(&server);
}

static void not_verified(void **state)
{
    (void)state;
    refused("elsewhere", "tcp://localhost", "good", "certificate");
    refused("server", "tcp://localhost", "trusts-another", "certificate");
}

static void plain_text_server(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    struct server server = {0};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine;
    pid_t pid;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    server.port = ntohs(name.sin_port);
    pid = fork();
    if (pid == 0) {
        fd = accept(listener, NULL, NULL);
        (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        shutdown(fd, SHUT_WR);
        sleep(2);
        _exit(0);
    }
    engine = connect_to(&server, "tcp://localhost", "good");
    assert_int_equal(engine_request(engine, "GET", "/x", NULL, 3000, -1, NULL, NULL, &err),
                     ENCLAVE_EUNREACHABLE);
    engine_free(engine);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(listener);
}

static void missing_files(void **state)
{
    static const char *const names[] = {"ca.pem", "cert.pem", "key.pem"};
    struct engine_options options = {.host = "tcp://x:1", .tls = 1, .cert_path = "missing"};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine *engine = NULL;
    char path[64];

    (void)state;
    assert_int_equal(mkdir("missing", 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(engine_new(&options, &engine, &err), ENCLAVE_EINVALID);
        snprintf(path, sizeof path, "missing/%s", names[i]);
        assert_non_null(strstr(err.message, path));
        write_file(path, "not a certificate");
    }
    assert_int_equal(engine_new(&options, &engine, &err), 0);
    assert_int_equal(engine_request(engine, "GET", "/x", NULL, 3000, -1, NULL, NULL, &err),
                     ENCLAVE_EUNREACHABLE);
    engine_free(engine);
}

static void read_exactly(struct engine_stream *stream, char *buffer, size_t length)
{
    while (length > 0) {
        ssize_t n = engine_stream_read(stream, buffer, length);
        struct pollfd wait = {.fd = engine_stream_fd(stream), .events = POLLIN};
        if (n == -EAGAIN) {
            assert_int_equal(poll(&wait, 1, 5000), 1);
            continue;
        }
        assert_true(n > 0);
        buffer += n;
        length -= (size_t)n;
    }
}

static void read_until(int fd, const char *words)
{
    char data[4096] = "";
    size_t length = 0;

    while (!strstr(data, words)) {
        ssize_t n = read(fd, data + length, sizeof data - length - 1);
        assert_true(n > 0);
        length += (size_t)n;
        data[length] = '\0';
    }
}

static void send_all(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The raw server takes one connection after another; each answer waits for its request. */
static void *answer(void *arg)
{
    const struct server *server = arg;

    read_until(server->out, "GET /_ping");
    send_all(server->in, "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n"
                         "Content-Length: 2\r\n\r\nOK");
    read_until(server->out, "/attach?");
    send_all(server->in, "HTTP/1.1 101 UPGRADED\r\n\r\nfirst");
    return NULL;
}

static void echo(const struct server *server, struct engine_stream *stream)
{
    char buffer[16] = "";

    read_exactly(stream, buffer, 5);
    assert_string_equal(buffer, "first");
    assert_int_equal(engine_stream_write(stream, "to the server", 13), 13);
    read_until(server->out, "to the server");
    send_all(server->in, "again");
    read_exactly(stream, buffer, 5);
    assert_string_equal(buffer, "again");
    assert_int_equal(engine_stream_read(stream, buffer, sizeof buffer), -EAGAIN);
}

static void stream_over_tls(void **state)
{
    struct server server = serve("server", 1);
    struct engine *engine = connect_to(&server, "tcp://localhost", "good");
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct engine_stream *stream = NULL;
    pthread_t thread;
    char buffer[16];

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, answer, &server), 0);
    if (engine_attach(engine, "x", -1, &stream, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    echo(&server, stream);
    stop(&server);
    struct pollfd wait = {.fd = engine_stream_fd(stream), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(engine_stream_read(stream, buffer, sizeof buffer) <= 0);
    /* Without SIGPIPE, which would end the test. */
    for (int i = 0; i < 3; i++) {
        (void)engine_stream_write(stream, "x", 1);
    }
    assert_true(engine_stream_write(stream, "x", 1) < 0);
    engine_stream_close(stream);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verified),          cmocka_unit_test(not_verified),
        cmocka_unit_test(plain_text_server), cmocka_unit_test(missing_files),
        cmocka_unit_test(stream_over_tls),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
