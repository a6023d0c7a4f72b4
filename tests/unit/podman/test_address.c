/*
 * test_address.c - where Podman is looked for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Nobody has this uid, so that there is no /run/user of it. */
enum { NOBODYS_UID = 2000000011 };

static void expect_address(uid_t uid, const char *expected)
{
    char *address = podman_address(uid);

    assert_non_null(address);
    assert_string_equal(address, expected);
    free(address);
}

static int forget(void **state)
{
    (void)state;
    (void)unsetenv("CONTAINER_HOST");
    (void)unsetenv("XDG_RUNTIME_DIR");
    return 0;
}

static void test_the_variable_wins(void **state)
{
    (void)state;
    (void)setenv("CONTAINER_HOST", "tcp://far:1", 1);
    expect_address(0, "tcp://far:1");
    expect_address(NOBODYS_UID, "tcp://far:1");
    (void)setenv("CONTAINER_HOST", "", 1);
    expect_address(0, "unix:///run/podman/podman.sock");
}

static void test_root_has_the_systems(void **state)
{
    (void)state;
    (void)setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
    expect_address(0, "unix:///run/podman/podman.sock");
}

static void test_users_have_their_own(void **state)
{
    (void)state;
    expect_address(NOBODYS_UID, "unix:///run/user/2000000011/podman/podman.sock");
    (void)setenv("XDG_RUNTIME_DIR", "relative", 1);
    expect_address(NOBODYS_UID, "unix:///run/user/2000000011/podman/podman.sock");
    /* Neither has a socket: the variable says which to speak of. */
    (void)setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
    expect_address(NOBODYS_UID, "unix:///nonexistent/podman/podman.sock");
}

static void test_the_one_that_is_there_is_taken(void **state)
{
    char tree[] = "/tmp/enclave-test-XXXXXX", folder[64], expected[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_non_null(mkdtemp(tree));
    (void)snprintf(folder, sizeof folder, "%s/podman", tree);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/podman.sock", folder);
    (void)snprintf(expected, sizeof expected, "unix://%s", address.sun_path);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)setenv("XDG_RUNTIME_DIR", tree, 1);
    expect_address(NOBODYS_UID, expected);
    (void)close(fd);
    (void)unlink(address.sun_path);
    (void)rmdir(folder);
    (void)rmdir(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_variable_wins, forget),
        cmocka_unit_test_setup(test_root_has_the_systems, forget),
        cmocka_unit_test_setup(test_users_have_their_own, forget),
        cmocka_unit_test_setup(test_the_one_that_is_there_is_taken, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
