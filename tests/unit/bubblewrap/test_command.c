/*
 * test_command.c - what bwrap is told: arguments and their bounds, namespaces, mounts in their order, and
 * roots in which a mount point is missing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command.h"
#include "root.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All arguments in one text, with a space behind each. */
static char *join(const struct arguments *arguments)
{
    char *text = calloc(1, arguments->length + 1);

    assert_non_null(text);
    for (size_t i = 0; i < arguments->length; i++) {
        text[i] = arguments->bytes[i] ? arguments->bytes[i] : ' ';
    }
    return text;
}

/* ------------------------------------------------------------------------------------- arguments */

static void test_arguments_are_strings_and_descriptors(void **state)
{
    struct arguments a = {0};
    char data[8] = "";

    (void)state;
    arguments_add(&a, "one", "", "three", NULL);
    arguments_add_format(&a, "%d", 4);
    arguments_add_data(&a, "text", 4);
    assert_int_equal(arguments_check(&a, NULL), 0);
    assert_int_equal(a.count, 5);
    assert_memory_equal(a.bytes, "one\0\0three\0004\0003", a.length);
    assert_int_equal(read(a.fds[0], data, sizeof data), 4);
    assert_string_equal(data, "text");
    arguments_clear(&a);
    assert_int_equal(a.fd_count, 0);
}

static void test_arguments_have_an_end(void **state)
{
    struct arguments a = {0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    (void)state;
    for (int i = 0; i <= LAUNCHER_ARGS_MAX; i++) {
        arguments_add(&a, "x", NULL);
    }
    assert_int_equal(arguments_check(&a, &err), ENCLAVE_ETOOBIG);
    assert_int_equal(a.count, LAUNCHER_ARGS_MAX);
    arguments_clear(&a);
    for (int i = 0; i < LAUNCHER_FDS_MAX; i++) {
        arguments_add_fd(&a, dup(0));
    }
    assert_int_equal(arguments_check(&a, &err), ENCLAVE_ETOOBIG);
    arguments_clear(&a);
    arguments_add_fd(&a, -1);
    assert_int_equal(arguments_check(&a, &err), ENCLAVE_EIO);
    arguments_clear(&a);
    a.failed = ENCLAVE_ENOMEM;
    assert_int_equal(arguments_check(&a, &err), ENCLAVE_ENOMEM);
}

/* --------------------------------------------------------------------------------------- command */

static char *command_for(const char *config_text, int mapped, uint32_t uid)
{
    struct sandbox_config config;
    struct arguments arguments;
    struct command_plan plan = {.sandbox = {.config = &config, .uid = uid, .gid = 7002},
                                .id = "name",
                                .bwrap = "/bin/bwrap",
                                .mapped = mapped,
                                .agent_fd = 0};
    char *text;

    assert_int_equal(sandbox_config_parse(config_text, &config, NULL), 0);
    assert_int_equal(command_build(&plan, &arguments, NULL), 0);
    text = join(&arguments);
    arguments_clear(&arguments);
    sandbox_config_clear(&config);
    return text;
}

static char *command(const char *config_text, int mapped)
{
    return command_for(config_text, mapped, 7001);
}

static void expect_order(const char *text, const char *const *parts)
{
    for (; *parts; parts++) {
        const char *found = strstr(text, *parts);

        if (!found) {
            fail_msg("'%s' is not, or not behind what comes before it, in: %s", *parts, text);
            return;
        }
        text = found + strlen(*parts);
    }
}

static void test_as_root(void **state)
{
    static const char *const parts[] = {
        "/bin/bwrap ",
        "--unshare-pid ",
        "--unshare-net ",
        "--hostname name ",
        "--as-pid-1 ",
        "--die-with-parent ",
        "--cap-drop ALL ",
        "--cap-add CAP_KILL ",
        "--clearenv ",
        "--ro-bind /usr /usr ",
        "--proc /proc --ro-bind /dev/null /proc/keys ",
        "--perms 0700 --dir /run/.enclave --proc /run/.enclave/proc ",
        "--dev /dev ",
        "--perms 1777 --size 67108864 --tmpfs /dev/shm ",
        "--mqueue /dev/mqueue --remount-ro /dev ",
        "--perms 0755 --size 33554432 --tmpfs /run/enclave ",
        "--perms 1777 --size 268435456 --tmpfs /tmp ",
        "--perms 0700 --size 1048576 --tmpfs /sandbox ",
        "--remount-ro / ",
        "--seccomp ",
        "--chdir / -- /proc/self/fd/",
        NULL};
    char *text = command("{\"workdir_size\": \"1m\"}", 1);

    (void)state;
    expect_order(text, parts);
    assert_null(strstr(text, "--unshare-user"));
    assert_null(strstr(text, "--bind "));
    free(text);
}

/* The agent's own /proc could be written by it. */
static void test_as_root_for_root(void **state)
{
    char *text = command_for("{}", 1, 0);

    (void)state;
    assert_non_null(strstr(text, "--cap-add CAP_SETUID "));
    assert_null(strstr(text, "/run/.enclave"));
    free(text);
}

static void test_as_an_ordinary_user(void **state)
{
    char *text = command("{\"network_enabled\": true}", 0);

    (void)state;
    assert_non_null(strstr(text, "--unshare-user --uid 7001 --gid 7002 "));
    assert_null(strstr(text, "--unshare-net"));
    assert_null(strstr(text, "--cap-add"));
    assert_null(strstr(text, "/run/.enclave"));
    free(text);
}

static void test_volumes_take_the_place_of_tmpfs(void **state)
{
    char *text =
        command("{\"working_dir\": \"/data/work\", \"volumes\": {\"/host\": {\"bind\": \"/data\"},"
                " \"/other\": {\"bind\": \"/tmp\", \"mode\": \"ro\"}}}",
                1);

    (void)state;
    assert_non_null(strstr(text, "--bind /host /data "));
    assert_non_null(strstr(text, "--ro-bind /other /tmp "));
    assert_null(strstr(text, "--tmpfs /tmp "));
    assert_null(strstr(text, "--tmpfs /data"));
    free(text);
}

/* ------------------------------------------------------------------------------------------ roots */

static char folder[] = "/tmp/enclave-roots-XXXXXX";

static int make_folder(void **state)
{
    static const char *const folders[] = {"usr", "usr/lib", "usr/share", "proc",
                                          "tmp", "etc",     "empty"};
    char path[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    (void)snprintf(path, sizeof path, "%s/bin", folder);
    assert_int_equal(symlink("usr/bin", path), 0);
    (void)snprintf(path, sizeof path, "%s/usr/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    return 0;
}

static int remove_folder(void **state)
{
    char command_line[128];

    (void)state;
    (void)snprintf(command_line, sizeof command_line, "rm -r %s", folder);
    return system(command_line);
}

static char *root_with(const char *one, const char *two)
{
    const char *list[] = {one, two};
    struct root_points points = {list, 2};
    struct arguments a = {0};
    char *text;

    root_add_folder(&a, folder, &points);
    assert_int_equal(arguments_check(&a, NULL), 0);
    text = join(&a);
    arguments_clear(&a);
    return text;
}

static int has(const char *text, const char *option, const char *path)
{
    char wanted[256];

    (void)snprintf(wanted, sizeof wanted, "%s %s%s %s ", option, folder, path, path);
    return strstr(text, wanted) != NULL;
}

static void test_what_has_the_mount_point_is_bound_whole(void **state)
{
    char *text = root_with("/proc", "/usr/share");

    (void)state;
    assert_true(has(text, "--ro-bind", "/usr"));
    assert_true(has(text, "--ro-bind", "/etc"));
    assert_true(has(text, "--ro-bind", "/tmp"));
    assert_false(has(text, "--ro-bind", "/proc"));
    assert_non_null(strstr(text, "--symlink usr/bin /bin "));
    free(text);
}

static void test_what_lacks_it_is_made_anew(void **state)
{
    char *text = root_with("/usr/local/deep", "/tmp");

    (void)state;
    assert_non_null(strstr(text, "--dir /usr "));
    assert_true(has(text, "--ro-bind", "/usr/lib"));
    assert_true(has(text, "--ro-bind", "/usr/share"));
    assert_false(has(text, "--ro-bind", "/usr"));
    assert_false(has(text, "--ro-bind", "/tmp"));
    assert_null(strstr(text, "fifo"));
    free(text);
}

/* bwrap would follow it while the host is in reach. */
static void test_no_link_is_on_the_way_to_a_mount_point(void **state)
{
    char *text = root_with("/bin/deep/point", "/tmp");

    (void)state;
    assert_null(strstr(text, "--symlink usr/bin /bin "));
    assert_true(has(text, "--ro-bind", "/usr"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_strings_and_descriptors),
        cmocka_unit_test(test_arguments_have_an_end),
        cmocka_unit_test(test_as_root),
        cmocka_unit_test(test_as_root_for_root),
        cmocka_unit_test(test_as_an_ordinary_user),
        cmocka_unit_test(test_volumes_take_the_place_of_tmpfs),
        cmocka_unit_test(test_what_has_the_mount_point_is_bound_whole),
        cmocka_unit_test(test_what_lacks_it_is_made_anew),
        cmocka_unit_test(test_no_link_is_on_the_way_to_a_mount_point),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
