/*
 * instance.c - see instance.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t name_folder(const struct config *config, char path[4096], struct enclave_error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int n;

    if (config->state_dir) {
        n = snprintf(path, 4096, "%s", config->state_dir);
    } else if (geteuid() == 0) {
        n = snprintf(path, 4096, "/run/enclave");
    } else if (runtime && *runtime == '/') {
        n = snprintf(path, 4096, "%s/enclave", runtime);
    } else {
        return enclave_error_set(err, ENCLAVE_ECONFIG,
                                 "lock instance '%s': $XDG_RUNTIME_DIR is not set: set [enclave] "
                                 "state_dir",
                                 config->instance);
    }
    return n < 4096 ? 0
                    : enclave_error_set(err, ENCLAVE_ECONFIG,
                                        "lock instance '%s': the path of "
                                        "state_dir is too long",
                                        config->instance);
}

/* Who could write there could replace the lock. */
static int32_t open_folder(const char *path, int *ret_fd, struct enclave_error *err)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return enclave_error_set(err, ENCLAVE_EIO, "make state_dir '%.300s': %s", path,
                                 strerror(errno));
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        enclave_error_set(err, ENCLAVE_EIO, "open state_dir '%.300s': %s", path, strerror(errno));
        instance_unlock(fd);
        return ENCLAVE_EIO;
    }
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022)) {
        instance_unlock(fd);
        return enclave_error_set(err, ENCLAVE_EDENIED,
                                 "state_dir '%.300s' can be written by others: chown it to this "
                                 "user and chmod it to 700",
                                 path);
    }
    *ret_fd = fd;
    return 0;
}

static int32_t refuse(int fd, const char *path, const struct config *config,
                      struct enclave_error *err)
{
    char pid[24] = "";
    int error = errno;

    if (error != EWOULDBLOCK) {
        return enclave_error_set(err, ENCLAVE_EIO, "lock instance '%s': lock '%.200s/%s.lock': %s",
                                 config->instance, path, config->instance, strerror(error));
    }
    if (pread(fd, pid, sizeof pid - 1, 0) < 0) {
        pid[0] = '\0';
    }
    pid[strspn(pid, "0123456789")] = '\0';
    return enclave_error_set(err, ENCLAVE_EBUSY,
                             "lock instance '%s': process %s has '%.200s/%s.lock' locked: another "
                             "manager of this instance runs; choose another instance",
                             config->instance, *pid ? pid : "(unknown)", path, config->instance);
}

/* For those who find it locked. */
static void write_pid(int fd)
{
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0) {
        (void)!pwrite(fd, pid, (size_t)n, 0);
    }
}

int32_t instance_lock(const struct config *config, int *ret_fd, struct enclave_error *err)
{
    char path[4096], name[80];
    int folder = -1;
    int32_t r = name_folder(config, path, err);

    if (r < 0 || (r = open_folder(path, &folder, err)) < 0) {
        return r;
    }
    (void)snprintf(name, sizeof name, "%s.lock", config->instance);
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = enclave_error_set(err, ENCLAVE_EIO, "lock instance '%s': open '%.200s/%s': %s",
                              config->instance, path, name, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        r = refuse(fd, path, config, err);
        close(fd);
    } else {
        write_pid(fd);
        *ret_fd = fd;
    }
    close(folder);
    return r;
}

void instance_unlock(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}
