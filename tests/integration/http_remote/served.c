/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"

#include "program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------- the setup */

static int is_required(const char *name)
{
    const char *list = getenv("ENCLAVE_TEST_REQUIRE");

    return list && (strstr(list, name) || strcmp(list, "all") == 0);
}

int served_setup(const char *backend)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *report = NULL, works[64];

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)setenv("ENCLAVE_PLUGIN_PATH", TEST_PLUGIN_DIR, 1);
    (void)unsetenv("ENCLAVE_CONFIG");
    struct enclave_manager *manager = served_local(backend);
    int r = enclave_manager_probe(manager, &report, &err);
    snprintf(works, sizeof works, "\"backend\":\"%s\",\"works\":true", backend);
    int there = r == 0 && strstr(report, works);
    if (!there) {
        printf("%s: %s\n", is_required(backend) ? "required by ENCLAVE_TEST_REQUIRE" : "skipped",
               r == 0 ? report : err.message);
    }
    enclave_free(report);
    enclave_manager_free(manager);
    return there ? 0 : is_required(backend) ? 1 : 77;
}

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

void served_write(const struct served *served, const char *name, mode_t mode, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", served->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

struct served *served_new(const char *ini, int port)
{
    struct served *served = calloc(1, sizeof *served);

    assert_non_null(served);
    snprintf(served->folder, sizeof served->folder, "/tmp/enclave-served-XXXXXX");
    assert_non_null(mkdtemp(served->folder));
    if (port) {
        snprintf(served->url, sizeof served->url, "http://127.0.0.1:%d", free_port());
    } else {
        snprintf(served->url, sizeof served->url, "unix:%s/socket", served->folder);
    }
    served_write(served, "server.ini", 0600, ini);
    return served;
}

static void show_log(const struct served *served)
{
    char path[128], line[512];

    snprintf(path, sizeof path, "%s/log", served->folder);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        printf("server: %s", line);
    }
    if (file) {
        fclose(file);
    }
}

/* It takes connections: the backend waits for that, and any answer will do. */
static int answers(const struct served *served)
{
    static const char *const more[] = {"backend http-remote.retry_timeout=60", NULL};
    struct enclave_manager *manager = served_manager(served, more);
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char *text = NULL;
    int32_t r = enclave_manager_list_sandboxes(manager, 0, &text, &err);

    enclave_free(text);
    enclave_manager_free(manager);
    return r == 0 || r == ENCLAVE_EUNAUTHORIZED;
}

void served_start(struct served *served)
{
    const char *scheme = strstr(served->url, "://");
    char ini[128], log[128];
    char *argv[] = {(char[]){TEST_PROGRAM},
                    (char[]){"serve"},
                    (char[]){"--config"},
                    ini,
                    (char[]){"--listen"},
                    scheme ? (char *)(uintptr_t)scheme + 3 : served->url,
                    NULL};

    snprintf(ini, sizeof ini, "%s/server.ini", served->folder);
    snprintf(log, sizeof log, "%s/log", served->folder);
    served->pid = program_start(argv, log, SIGKILL);
    if (served->pid <= 0 || (strncmp(served->url, "https:", 6) != 0 && !answers(served))) {
        show_log(served);
        fail_msg("no server at %s", served->url);
    }
}

void served_signal(struct served *served, int signal)
{
    if (served->pid > 0) {
        assert_int_equal(kill(served->pid, signal), 0);
        assert_true(program_wait(served->pid, 60000) >= 0);
        served->pid = 0;
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void served_free(struct served *served)
{
    served_signal(served, SIGTERM);
    (void)nftw(served->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(served);
}

/* -------------------------------------------------------------------------------- using it */

static struct enclave_manager *manager_with(const char *const *overrides)
{
    struct enclave_manager_options options = ENCLAVE_MANAGER_OPTIONS_INIT;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_manager *manager = NULL;

    options.config_path = "";
    options.overrides = overrides;
    if (enclave_manager_new(&options, &manager, &err) != 0) {
        fail_msg("%s", err.message);
    }
    return manager;
}

struct enclave_manager *served_manager(const struct served *served, const char *const *more)
{
    char url[192];
    const char *overrides[16] = {"enclave.backend=http-remote", url};

    snprintf(url, sizeof url, "backend http-remote.base_url=%s", served->url);
    for (size_t i = 0; more && more[i]; i++) {
        assert_true(i + 3 < sizeof overrides / sizeof *overrides);
        overrides[i + 2] = more[i];
    }
    return manager_with(overrides);
}

struct enclave_manager *served_local(const char *backend)
{
    char name[64];
    const char *overrides[] = {name, NULL};

    snprintf(name, sizeof name, "enclave.backend=%s", backend);
    return manager_with(overrides);
}

void served_sandbox(struct enclave_manager *manager, const char *config,
                    char ret_id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char text[1024];

    snprintf(text, sizeof text,
             "{\"tools_config\": [\"python_executor\", \"shell_executor\", \"file_operation\"]%s}",
             config);
    if (enclave_manager_create_sandbox(manager, NULL, text, NULL, ret_id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

void served_shell(struct enclave_manager *manager, const char *id, const char *command,
                  const char *output)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result = NULL;
    char params[1024];

    snprintf(params, sizeof params, "{\"command\": \"%s\"}", command);
    if (enclave_manager_execute_tool(manager, id, "shell_executor", params, NULL, &result, &err) !=
        0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(result->error ? result->error : "", "");
    assert_string_equal(result->output, output);
    enclave_result_free(result);
}
