/*
 * test_share.c - several who want images of one cache: threads, processes, one that dies, one that gives
 * up waiting.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_lock.h"
#include "maker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, PROCESSES = 2, CONTENDERS = 4, ROUNDS = 300 };

#ifdef __SANITIZE_THREAD__
/* glibc loads and frees what converts a locale's characters under a lock that ThreadSanitizer does not see. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:gconv\nrace:locale\nrace:_nl_cleanup_ctype\n";
}
#endif

static struct bytes image(void)
{
    return IMAGE(OCI, TAR({'d', "d", NULL}, {'f', "d/f", "f"}, {'f', "g", "g"}),
                 TAR({'f', "d/.wh.f", ""}));
}

static struct image_request request_for(const char *source)
{
    return (struct image_request){.source = source, .cache_dir = in_room("cache"), .cancel_fd = -1};
}

/* ------------------------------------------------------------------------------- many at one time */

struct opener {
    struct image_request request;
    struct image image;
    struct enclave_error err;
    int32_t code;
    atomic_int *unpackers;
    int counted;
};

static void on_unpack(void *ctx, const struct enclave_progress *progress)
{
    struct opener *opener = ctx;

    (void)progress;
    if (!opener->counted) {
        opener->counted = 1;
        atomic_fetch_add(opener->unpackers, 1);
    }
}

static void *open_in_thread(void *ctx)
{
    struct opener *opener = ctx;

    opener->code = image_open(&opener->request, &opener->image, &opener->err);
    return NULL;
}

static void open_by_threads(atomic_int *unpackers)
{
    struct opener openers[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        openers[i] =
            (struct opener){.request = request_for(in_room("image.tar")), .unpackers = unpackers};
        openers[i].request.progress = on_unpack;
        openers[i].request.progress_ctx = &openers[i];
        assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread, &openers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        if (openers[i].code != 0) {
            fail_msg("%s", openers[i].err.message);
        }
        assert_string_equal(openers[i].image.rootfs, openers[0].image.rootfs);
        assert_string_equal(tree_of(openers[i].image.rootfs), "d/ 755\ng 644 g\n");
    }
    for (int i = 0; i < THREADS; i++) {
        image_clear(&openers[i].image);
    }
}

static void together(void **state)
{
    atomic_int unpackers = 0;
    pid_t others[PROCESSES];

    (void)state;
    save(image());
    for (int i = 0; i < PROCESSES; i++) {
        others[i] = fork();
        assert_true(others[i] >= 0);
        if (others[i] == 0) {
            struct image_request request = request_for(in_room("image.tar"));
            struct image opened;

            _exit(image_open(&request, &opened, NULL) == 0 ? 0 : 1);
        }
    }
    open_by_threads(&unpackers);
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(others[i], &status, 0), others[i]);
        assert_int_equal(status, 0);
    }
    assert_true(unpackers <= 1); /* one of the processes may have been first */
    check_room();
}

static void one_unpacks(void **state)
{
    atomic_int unpackers = 0;

    (void)state;
    save(image());
    open_by_threads(&unpackers);
    assert_int_equal(unpackers, 1);
    check_room();
}

/* --------------------------------------------------------------------------------------- it dies */

static void die(void *ctx, const struct enclave_progress *progress)
{
    (void)ctx;
    if (progress->done == progress->total) {
        (void)raise(SIGKILL);
    }
}

static void killed(void **state)
{
    pid_t child;
    int status;

    (void)state;
    save(image());
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct image_request request = request_for(in_room("image.tar"));
        struct image opened;

        request.progress = die;
        (void)image_open(&request, &opened, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(access(in_room("cache/unpacking/rootfs/g"), F_OK), 0);
    assert_string_equal(unpacked(), "d/ 755\ng 644 g\n");
}

/* ------------------------------------------------------------------------------- there is no room */

/* A limit on the length of files stands for a full disk. */
static int open_without_room(void)
{
    static char big[8192];
    struct rlimit limit = {sizeof big / 2, sizeof big / 2};
    struct image_request request = request_for(in_room("image.tar"));
    struct image opened;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    save(IMAGE(OCI, TAR({'f', "big", big, 0, sizeof big})));
    (void)signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                   image_open(&request, &opened, &err) == ENCLAVE_EIO &&
                   strstr(err.message, "write 'big': File too large")
               ? 0
               : 1;
}

static void no_room(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        _exit(open_without_room());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_room();
}

/* ---------------------------------------------------------------------------------- it is given up */

static void cancelled(void **state)
{
    struct image_request request = request_for(in_room("image.tar"));
    struct image opened;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int pipe_fds[2];
    int lock = -1;
    int folder;

    (void)state;
    save(image());
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    request.cancel_fd = pipe_fds[0];
    assert_int_equal(image_open(&request, &opened, &err), ENCLAVE_ECANCELLED);
    check_room();
    /* While another unpacks, too. */
    folder = open(in_room("cache"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(image_lock_take(folder, "lock", -1, &lock), 1);
    assert_int_equal(image_open(&request, &opened, &err), ENCLAVE_ECANCELLED);
    (void)close(lock);
    (void)close(folder);
    assert_int_equal(unpacked()[0], 'd');
    /* What is there needs no unpacking: there is nothing to cancel. */
    assert_int_equal(image_open(&request, &opened, &err), 0);
    image_clear(&opened);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

/* ------------------------------------------------------------------------------------- the lock */

struct contender {
    int folder;
    atomic_int *guarded; /* by the lock: read and written in two steps */
    int failures;
};

static void *contend(void *ctx)
{
    struct contender *contender = ctx;

    for (int i = 0; i < ROUNDS; i++) {
        int fd;

        if (image_lock_take(contender->folder, "lock", -1, &fd) != 1) {
            contender->failures++;
            break;
        }
        *contender->guarded = *contender->guarded + 1;
        (void)close(fd);
    }
    return NULL;
}

/* No two hold it, and nobody waits for ever. */
static void lock(void **state)
{
    struct contender contenders[CONTENDERS];
    pthread_t threads[CONTENDERS];
    atomic_int count = 0;
    int folder = open(in_room("outside"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(folder >= 0);
    for (int i = 0; i < CONTENDERS; i++) {
        contenders[i] = (struct contender){folder, &count, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, contend, &contenders[i]), 0);
    }
    for (int i = 0; i < CONTENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(contenders[i].failures, 0);
    }
    assert_int_equal(count, CONTENDERS * ROUNDS);
    (void)close(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(together, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(one_unpacks, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(killed, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(no_room, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(cancelled, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(lock, room_setup, room_teardown),
    };
    int skip = become(argc, argv);

    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
