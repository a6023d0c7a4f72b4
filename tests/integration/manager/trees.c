/*
 * trees.c - whole trees in and out of a sandbox, many and large files, and files under way while
 * programs run. What comes out is unpacked by tar(1) and compared with what went in by find(1) and
 * diff(1), so that nothing of ours judges itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "tar.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Type, mode, time, target and name of everything below; a host of its own for each comparison. */
#define LISTING "find . -mindepth 1 -printf '%%y %%m %%Ts %%l %%P\\0' | LC_ALL=C sort -z"

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* On the host, in folders of the test's own making. */
static void shell(const char *format, ...)
{
    char command[4096];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_in_range(n, 1, sizeof command - 1);
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

struct tree {
    char root[32]; /* holds `in`, what goes in, and `out`, what came out */
    char in[40];
};

static void tree_new(struct tree *tree)
{
    (void)strcpy(tree->root, "/tmp/enclave-test-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    (void)snprintf(tree->in, sizeof tree->in, "%s/in", tree->root);
    shell("mkdir '%s'", tree->in);
}

static void tree_free(const struct tree *tree)
{
    shell("rm -rf '%s'", tree->root);
}

static void put_tree(struct fixture *f, const struct tree *tree)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_put_dir(f->manager, f->id, tree->in, "/sandbox/in", &err) != 0) {
        fail_msg("%s", err.message);
    }
}

/* Get what is at /sandbox/in and unpack it below `out`. */
static void get_tree(struct fixture *f, const struct tree *tree)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct tar_bytes tar = {NULL, 0, 0};
    struct enclave_sink sink = {sizeof sink, 0, &tar, tar_write};
    char command[128];
    FILE *unpack;

    if (enclave_manager_get_archive(f->manager, f->id, "/sandbox/in", &sink, &err) != 0) {
        fail_msg("%s", err.message);
    }
    (void)snprintf(command, sizeof command, "mkdir '%s/out' && tar -x -p -C '%s/out'", tree->root,
                   tree->root);
    unpack = popen(command, "we");
    assert_non_null(unpack);
    assert_int_equal(fwrite(tar.data, 1, tar.length, unpack), tar.length);
    assert_int_equal(pclose(unpack), 0);
    tar_free(&tar);
}

static void expect_same(const struct tree *tree)
{
    shell("cd '%s' && (cd in && " LISTING ") >before && (cd out/in && " LISTING ") >after && "
          "cmp before after && diff -r --no-dereference in out/in",
          tree->root);
}

/* ------------------------------------------------------------------------------------ many files */

enum { FOLDERS = 10, FILE_SIZE = 1024 };

/* Sanitizers see all there is to see in a few. */
static int file_count(void)
{
    return test_is_sanitized() ? 1000 : 10000;
}

static void make_small_file(const char *in, int number)
{
    unsigned char content[FILE_SIZE];
    char path[96];
    uint32_t state = (uint32_t)number * 2654435761u + 1;
    int fd;

    for (size_t i = 0; i < sizeof content; i++) {
        state = state * 1664525u + 1013904223u;
        content[i] = (unsigned char)(state >> 24);
    }
    (void)snprintf(path, sizeof path, "%s/%d/%04d", in, number % FOLDERS, number / FOLDERS);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, number % 3 ? 0644 : 0750);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, sizeof content), sizeof content);
    (void)close(fd);
}

static void test_ten_thousand_files(void **state)
{
    struct fixture *f = *state;
    struct tree tree;
    int files = file_count();
    char count[16];

    (void)snprintf(count, sizeof count, "%d\n", files);
    tree_new(&tree);
    shell("cd '%s' && mkdir $(seq 0 %d)", tree.in, FOLDERS - 1);
    for (int i = 0; i < files; i++) {
        make_small_file(tree.in, i);
    }
    put_tree(f, &tree);
    expect_shell(f->manager, f->id, "find in -type f -size 2 -user $(id -u) | wc -l", count);
    get_tree(f, &tree);
    expect_same(&tree);
    put_tree(f, &tree); /* over what is there */
    expect_shell(f->manager, f->id, "find in -type f | wc -l", count);
    tree_free(&tree);
}

/* --------------------------------------------------------------------------------------- all kinds */

/* As many times `c`. */
static const char *name_of(size_t length, char c)
{
    static char name[256];

    memset(name, c, length);
    name[length] = '\0';
    return name;
}

static void test_all_kinds_of_names_and_files(void **state)
{
    struct fixture *f = *state;
    struct tree tree;

    tree_new(&tree);
    shell("cd '%s' && mkdir -p empty/empty closed && chmod 711 empty && echo x >closed/x && "
          "ln -s ../closed/x empty/link && ln -s /no/such/place dangling && : >nothing && "
          "echo s >setuid && chmod 6755 setuid && "
          "for m in 400 444 600 755 777; do echo $m >mode$m; chmod $m mode$m; done && "
          "touch -h -d @1000000000 dangling mode444 && touch -d @86400 empty/empty && "
          "printf %%s '-dash' >-dash && printf q >\"quote's \\\" \\\\ \\$HOME \" && "
          "printf u >'\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7' && printf n >\"$(printf "
          "'\\377\\376z')\" && "
          "ln -s \"$(printf '\\377\\376z')\" \"$(printf 'to\\300')\" && chmod 555 closed",
          tree.in);
    shell("cd '%s' && n=%s && echo l >$n && ln -s $n long-link", tree.in, name_of(255, 'n'));
    for (size_t length = 90; length <= 260; length++) { /* around what a tar's header holds */
        shell("cd '%s' && d=$(printf 'p%%.0s' $(seq %zu))/$(printf 'q%%.0s' $(seq %zu)) && "
              "mkdir -p $d && echo %zu >$d/f && ln -s $d/f link%zu",
              tree.in, length / 2, length - length / 2, length, length);
    }
    shell("cd '%s' && d=$(printf '%s/%%.0s' $(seq 20)) && mkdir -p $d && echo deep >$d/f", tree.in,
          name_of(100, 'd'));
    shell("cd '%s' && truncate -s 12M sparse && printf middle | "
          "dd of=sparse bs=1 seek=7000001 conv=notrunc status=none && truncate -s 3M hole && "
          "head -c 40000001 /dev/urandom >large",
          tree.in);
    put_tree(f, &tree);
    expect_shell(f->manager, f->id, "find in -perm /6000; stat -c %a in/setuid", "755\n");
    get_tree(f, &tree);
    shell("chmod 755 '%s/setuid'", tree.in);
    expect_same(&tree);
    tree_free(&tree);
}

/* What is neither file, folder nor link has no content, and is left out. */
static void test_what_a_program_made_comes_out(void **state)
{
    static const char made[] =
        "mkdir -p in/a/b in/empty && cd in && echo one >a/one && ln a/one a/b/two && "
        "ln -s one a/link && mkfifo fifo && chmod 700 a/b && truncate -s 9M hole && "
        "head -c 20000000 /dev/urandom >large && touch -d @5 a/one && sha256sum large";
    struct fixture *f = *state;
    struct enclave_result *result = run_shell(f->manager, f->id, made);
    struct tree tree;

    assert_int_equal(result->exit_code, 0);
    tree_new(&tree);
    get_tree(f, &tree);
    shell(
        "cd '%s/out/in' && echo '%.64s  large' | sha256sum -c --quiet && "
        "test \"$(cat a/b/two)\" = one && test a/one -ef a/b/two && test \"$(readlink a/link)\" = "
        "one && test ! -e fifo && test \"$(stat -c '%%a' a/b)\" = 700 && test -d empty && "
        "test \"$(stat -c '%%Y' a/one)\" = 5 && head -c 9M /dev/zero | cmp - hole",
        tree.root, result->output);
    enclave_result_free(result);
    tree_free(&tree);
}

/* ---------------------------------------------------------------------------- files and programs */

enum { WRITERS = 6, RUNNERS = 4 };

struct worker {
    pthread_t thread;
    struct fixture *fixture;
    int number;
    int rounds;
    int good;
    char problem[700];
};

static void complain(struct worker *w, const char *what, const char *why)
{
    (void)snprintf(w->problem, sizeof w->problem, "worker %d: %s: %s", w->number, what, why);
}

/* Content that no other worker and no other round has. */
static int write_and_read(struct worker *w, char *data, size_t length)
{
    struct fixture *f = w->fixture;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    void *got = NULL;
    uint64_t got_length = 0;
    char path[32];
    int same;

    (void)snprintf(path, sizeof path, "file%d", w->number);
    if (enclave_manager_put_file(f->manager, f->id, path, data, length, 0, &err) < 0 ||
        enclave_manager_get_file(f->manager, f->id, path, 0, &got, &got_length, &err) < 0) {
        complain(w, path, err.message);
        return 0;
    }
    same = got_length == length && memcmp(got, data, length) == 0;
    enclave_free(got);
    if (!same) {
        complain(w, path, "something else came out");
    }
    return same;
}

static void *write_files(void *arg)
{
    enum { LENGTH = 3 << 20 };
    struct worker *w = arg;
    char *data = malloc(LENGTH);

    for (int round = 0; data && round < w->rounds; round++) {
        for (size_t i = 0; i < LENGTH; i++) {
            data[i] = (char)((i * 31 >> 3) + (size_t)w->number * 7 + (size_t)round);
        }
        w->good += write_and_read(w, data, LENGTH);
    }
    free(data);
    return NULL;
}

static void *run_programs(void *arg)
{
    struct worker *w = arg;

    for (int round = 0; round < w->rounds; round++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char code[64], expected[32];
        struct enclave_result *result;

        (void)snprintf(code, sizeof code, "print(%d * 1000 + %d)", w->number, round);
        (void)snprintf(expected, sizeof expected, "%d\n", w->number * 1000 + round);
        result = try_python(w->fixture->manager, w->fixture->id, code, NULL, &err);
        if (result && strcmp(result->output, expected) == 0) {
            w->good++;
        } else {
            complain(w, "run", result ? result->output : err.message);
        }
        enclave_result_free(result);
    }
    return NULL;
}

static void *run_flood(void *arg)
{
    struct worker *w = arg;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_result *result =
        try_python(w->fixture->manager, w->fixture->id, "for i in range(100): print('x' * 999999)",
                   NULL, &err);

    if (result && result->exit_code == 0 && result->stdout_bytes == 100000000) {
        w->good++;
    } else {
        complain(w, "flood", result ? result->error : err.message);
    }
    enclave_result_free(result);
    return NULL;
}

static void test_files_while_programs_run(void **state)
{
    struct worker workers[WRITERS + RUNNERS + 1];
    struct fixture *f = *state;
    struct tree tree;
    int count = 0;

    tree_new(&tree);
    shell("cd '%s' && for i in $(seq 500); do echo $i >$i; done", tree.in);
    for (int i = 0; i < WRITERS + RUNNERS + 1; i++) {
        void *(*run)(void *) = i < WRITERS             ? write_files
                               : i < WRITERS + RUNNERS ? run_programs
                                                       : run_flood;
        workers[i] = (struct worker){
            .fixture = f, .number = i, .rounds = i == WRITERS + RUNNERS ? 1 : test_count(40, 6)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
        count++;
    }
    put_tree(f, &tree);
    get_tree(f, &tree);
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (int i = 0; i < count; i++) {
        if (workers[i].good != workers[i].rounds) {
            fail_msg("%d of %d: %s", workers[i].good, workers[i].rounds, workers[i].problem);
        }
    }
    expect_same(&tree);
    tree_free(&tree);
}

static int clear_sandbox(void **state)
{
    struct fixture *f = *state;

    expect_shell(f->manager, f->id, "chmod -R u+rwx . && rm -rf ./*", "");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ten_thousand_files, clear_sandbox),
        cmocka_unit_test_setup(test_all_kinds_of_names_and_files, clear_sandbox),
        cmocka_unit_test_setup(test_what_a_program_made_comes_out, clear_sandbox),
        cmocka_unit_test_setup(test_files_while_programs_run, clear_sandbox),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
