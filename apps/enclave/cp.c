/*
 * cp.c - `enclave cp`: files and folders to and from a sandbox of a server.
 *
 * Owns: which of two places is where, and what goes under which name. Does not own: unpacking (cp_extract.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"
#include "cp_extract.h"
#include "cp_stream.h"
#include "input.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one file, which is read whole; a server may take less. */
#define FILE_MAX ((size_t)1 << 30)

static const char help[] =
    "Copy files and folders to or from a sandbox of a server.\n\n"
    "Usage: enclave cp [OPTION]... LOCAL SANDBOX:PATH\n"
    "       enclave cp [OPTION]... SANDBOX:PATH LOCAL\n\n"
    "SANDBOX is its id, or the beginning of it when no other begins so. PATH is\n"
    "absolute, or relative to the sandbox's working directory. A LOCAL name with a\n"
    "':' in it needs a '/' before that: ./a:b. What is copied runs with the rights of\n"
    "a program in the sandbox.\n\n"
    "As with docker cp, the name that the copy gets depends on what is there:\n"
    "  a file    to a folder that exists: into it; else under the name given, which\n"
    "            must not end with '/'; an existing file is replaced\n"
    "  a folder  to a folder that exists: into it, under its own name, or with '/.'\n"
    "            behind it (DIR/.) only what is in it; else the name given is made a\n"
    "            folder with what is in it\n"
    "The own name of SANDBOX:PATH is the last part of PATH, also of a link there.\n"
    "LOCAL may be '-': a tar archive, read from stdin and unpacked in the folder\n"
    "PATH, or written to stdout.\n\n"
    "In folders symbolic links stay links; devices, FIFOs and sockets are refused. Of\n"
    "what comes out of a sandbox, also: names that lead outside, a link in place of\n"
    "the whole, and setuid. The copy is yours, with the permissions that your umask\n"
    "leaves.\n\n"
    "      --server URL        http://HOST:PORT, https://HOST:PORT or unix:PATH;\n"
    "                          without: $ENCLAVE_SERVER, else the configuration\n"
    "      --key-file FILE     file with the key for that server\n\n"
    "Exit code: 0, or 125 when not all was copied.\n\n"
    "Examples:\n"
    "  enclave cp data.csv k3q8:\n"
    "  enclave cp src k3q8:/sandbox/src\n"
    "  enclave cp k3q8:out/. results\n"
    "  enclave cp k3q8:out - | tar t\n";

struct copy {
    const char *from, *to;
};

static int take(void *ctx, int id, const char *value)
{
    struct copy *copy = ctx;

    (void)id;
    if (copy->to) {
        report_error("unexpected argument '%.60s'; try 'enclave cp --help'", value);
        return -1;
    }
    *(copy->from ? &copy->to : &copy->from) = value;
    return 0;
}

/* The path in "SANDBOX:PATH"; NULL: it is local. */
static const char *remote_path(const char *place)
{
    const char *colon = strchr(place, ':');

    return colon && colon > place && !memchr(place, '/', (size_t)(colon - place)) ? colon + 1
                                                                                  : NULL;
}

static bool is_dash(const char *place)
{
    return strcmp(place, "-") == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Of the folder only what is in it. */
static bool is_contents(const char *path)
{
    return ends_with(path, "/.") || strcmp(path, ".") == 0;
}

/* ------------------------------------------------------------------------------------ uploading */

/* The name that a local path has in a folder, allocated; NULL without memory. */
static char *own_name(const char *local)
{
    AUTO_FREE char *full = realpath(local, NULL);
    AUTO_FREE char *given = strdup(local);
    const char *name = given ? basename(given) : NULL;

    if (name && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)) {
        name = full ? basename(full) : NULL;
    }
    return name ? strdup(name) : NULL;
}

/* Where it goes, allocated. `folder`, `contents`: what is copied. */
static int32_t choose_target(const struct client *client, const char *id, const char *local,
                             const char *path, bool folder, bool contents, char **ret_target,
                             struct enclave_error *err)
{
    AUTO_FREE char *name = own_name(local);
    uint32_t there = 0;
    int32_t r = cp_look(client->manager, id, path, &there, err);
    int made;

    if (r == ENCLAVE_ENOTSUP) { /* a server that cannot tell: as if nothing were there */
        r = 0;
    }
    if (r != 0) {
        return r;
    }
    if (there != ENCLAVE_FILE_DIRECTORY && !folder && ends_with(path, "/")) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "cp: no folder '%.200s' in the sandbox",
                                 path);
    }
    if (there != 0 && there != ENCLAVE_FILE_DIRECTORY && folder) {
        return enclave_error_set(err, ENCLAVE_EINVALID,
                                 "cp: '%.200s' in the sandbox is not a folder", path);
    }
    made = there == ENCLAVE_FILE_DIRECTORY && !contents
               ? (name ? asprintf(ret_target, "%s/%s", path, name) : -1)
               : asprintf(ret_target, "%s", path);
    if (made < 0) {
        *ret_target = NULL;
        return enclave_error_set(err, ENCLAVE_ENOMEM, "cp: out of memory");
    }
    return 0;
}

static int64_t read_stdin(void *ctx, void *buffer, uint64_t capacity)
{
    ssize_t n;

    (void)ctx;
    do {
        n = read(STDIN_FILENO, buffer, capacity < SSIZE_MAX ? (size_t)capacity : SSIZE_MAX);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? ENCLAVE_EIO : n;
}

static int32_t put_stdin(const struct client *client, const char *id, const char *path,
                         struct enclave_error *err)
{
    struct enclave_source source = {sizeof source, 0, NULL, read_stdin};
    uint32_t there = 0;
    int32_t r = cp_look(client->manager, id, path, &there, err);

    if (r != 0 && r != ENCLAVE_ENOTSUP) {
        return r;
    }
    if (r == 0 && there != ENCLAVE_FILE_DIRECTORY) {
        return enclave_error_set(err, ENCLAVE_ENOTFOUND, "cp: no folder '%.200s' in the sandbox",
                                 path);
    }
    return enclave_manager_put_archive(client->manager, id, path, &source, err);
}

static int put_file(const struct client *client, const char *id, const char *local, mode_t mode,
                    const char *target)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct input input = {0};
    int code = 0;

    if (input_read(local, FILE_MAX, &input) != 0) {
        return EXIT_ENCLAVE;
    }
    if (enclave_manager_put_file(client->manager, id, target, input.data, input.length, mode & 0777,
                                 &err) != 0) {
        code = client_fail(client, &err);
    }
    input_clear(&input);
    return code;
}

static int upload(const struct client *client, const char *id, const char *local, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    AUTO_FREE char *target = NULL;
    struct stat st;
    bool folder;
    int32_t r;

    path = path[0] != '\0' ? path : ".";
    if (is_dash(local)) {
        return put_stdin(client, id, path, &err) == 0 ? 0 : client_fail(client, &err);
    }
    if (stat(local, &st) != 0) {
        report_error("cp: '%.200s': %s", local, strerror(errno));
        return EXIT_ENCLAVE;
    }
    folder = S_ISDIR(st.st_mode);
    r = choose_target(client, id, local, path, folder, folder && is_contents(local), &target, &err);
    if (r == 0 && !folder) {
        return put_file(client, id, local, st.st_mode, target);
    }
    r = r == 0 ? enclave_manager_put_dir(client->manager, id, local, target, &err) : r;
    return r == 0 ? 0 : client_fail(client, &err);
}

/* ---------------------------------------------------------------------------------- downloading */

static int32_t write_stdout(void *ctx, const void *data, uint64_t length)
{
    const char *at = data;
    int *error = ctx;

    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, at, length < SSIZE_MAX ? (size_t)length : SSIZE_MAX);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            *error = errno;
            return ENCLAVE_EIO;
        }
        at += n;
        length -= (uint64_t)n;
    }
    return 0;
}

static int get_stdout(const struct client *client, const char *id, const char *path)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    int error = 0;
    struct enclave_sink sink = {sizeof sink, 0, &error, write_stdout};

    if (isatty(STDOUT_FILENO)) {
        report_error("cp: an archive is not for a terminal; redirect stdout");
        return EXIT_ENCLAVE;
    }
    if (enclave_manager_get_archive(client->manager, id, path, &sink, &err) == 0) {
        return 0;
    }
    if (error == EPIPE) { /* as in a shell's pipeline */
        return EXIT_SIGNAL + SIGPIPE;
    }
    if (error != 0) {
        report_error("cp: cannot write to standard output: %s", strerror(error));
        return EXIT_ENCLAVE;
    }
    return client_fail(client, &err);
}

static int download(const struct client *client, const char *id, const char *path,
                    const char *local)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct enclave_error why = ENCLAVE_ERROR_INIT;
    struct cp_stream stream;
    int32_t unpacked, came;

    path = path[0] != '\0' ? path : ".";
    if (is_dash(local)) {
        return get_stdout(client, id, path);
    }
    if (cp_stream_begin(&stream, client->manager, id, path, &err) != 0) {
        return client_fail(client, &err);
    }
    unpacked = cp_extract(&stream, local, is_contents(path), &err);
    /* Where the archive is empty or ends too early the library may know why. */
    came = cp_stream_end(&stream, unpacked == 0 || unpacked == ENCLAVE_EPROTOCOL, &why);
    if (unpacked != 0 || came != 0) {
        return client_fail(client, came != 0 ? &why : &err);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- the verb */

static int check(const struct copy *copy)
{
    if (!copy->from || !copy->to) {
        report_error("cp needs two places: enclave cp LOCAL SANDBOX:PATH, or the other way round");
        return EXIT_ENCLAVE;
    }
    if (!remote_path(copy->from) == !remote_path(copy->to)) {
        report_error("cp: %s; one of the two has to be SANDBOX:PATH",
                     remote_path(copy->from) ? "both places are in sandboxes"
                                             : "both places are local");
        return EXIT_ENCLAVE;
    }
    return 0;
}

static int copy_with(struct globals *globals, const struct copy *copy)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    AUTO_CLIENT struct client client = {.globals = globals, .verb = "cp"};
    const char *path = remote_path(copy->to) ? remote_path(copy->to) : remote_path(copy->from);
    const char *place = remote_path(copy->to) ? copy->to : copy->from;
    AUTO_FREE char *given = strndup(place, (size_t)(path - place) - 1);
    char id[ENCLAVE_ID_SIZE];
    int code = given ? client_open(&client) : EXIT_ENCLAVE;

    if (code != 0) {
        return code;
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
    if (client_find(&client, given, id, NULL, &err) != 0) {
        return client_fail(&client, &err);
    }
    return place == copy->to ? upload(&client, id, copy->from, path)
                             : download(&client, id, path, copy->to);
}

static int run(struct globals *globals, int argc, char **argv, int first)
{
    struct copy copy = {0};
    struct arg_parser parser = {.globals = globals, .take = take, .ctx = &copy};
    int code = verb_parse(&verb_cp, &parser, argc, argv, first);

    if (code >= 0) {
        return code;
    }
    code = check(&copy);
    return code == 0 ? copy_with(globals, &copy) : code;
}

const struct verb verb_cp = {"cp", "Copy files to or from a sandbox of a server", help, run};
