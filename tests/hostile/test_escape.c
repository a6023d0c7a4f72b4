/*
 * test_escape.c - payloads that want out: of their user, their file system, their network, their kernel
 * interface, into PID 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "box.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A service on the host's loopback, which the payload must not reach. */
static int listen_on_loopback(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void every_way_out(void **state)
{
    struct enclave_result *result;
    char port[32];
    int number;
    int fd = listen_on_loopback(&number);

    (void)snprintf(port, sizeof port, "%d%s", number, box_enforces("own_uid") ? "" : " same-user");
    result = payload_run(*state, "escape", port, 20000);
    close(fd);
    assert_no_breach(result);
    enclave_result_free(result);
    assert_usable(*state);
}

static void ways_out_by_script(void **state)
{
    struct enclave_result *result = payload_run(*state, "escape.sh", NULL, 20000);

    assert_no_breach(result);
    enclave_result_free(result);
    assert_usable(*state);
}

/* Neither what it runs nor where it lies can be changed while it runs. */
static void script_of_its_own(void **state)
{
    struct enclave_result *result;

    NEEDS("own_uid");
    result = payload_run(*state, "own_script.py", NULL, 10000);
    assert_no_breach(result);
    enclave_result_free(result);
}

/* All of the output is the payload's, frames or not. */
static void frames_on_stdout(void **state)
{
    struct enclave_result *result = payload_run(*state, "frames.py", NULL, 10000);

    assert_cause(result, ENCLAVE_CAUSE_EXITED);
    assert_int_equal(result->exit_code, 7);
    assert_int_equal(result->stdout_bytes, 1000 * 64);
    enclave_result_free(result);
    assert_usable(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(every_way_out),
        HOSTILE_TEST(ways_out_by_script),
        HOSTILE_TEST(script_of_its_own),
        HOSTILE_TEST(frames_on_stdout),
    };

    return boxes_main("escape", tests, sizeof tests / sizeof *tests);
}
