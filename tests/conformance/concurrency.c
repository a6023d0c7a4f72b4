/*
 * concurrency.c - many at once, and nobody gets what is another's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crowd.h"
#include "groups.h"

#include <string.h>

enum { THREADS = 8, ROUNDS = 10 };

/* Runs a command that says back what it was told, and compares. */
static int32_t ask(const struct box *box, const char *nonce, struct enclave_error *err)
{
    struct enclave_execute_options options = ENCLAVE_EXECUTE_OPTIONS_INIT;
    struct enclave_result *result = NULL;
    char params[160], wanted[160];

    options.stdin_data = nonce;
    options.stdin_length = strlen(nonce);
    (void)snprintf(params, sizeof params, "{\"command\": \"cat; echo -%s; echo %s >&2\"}", nonce,
                   nonce);
    (void)snprintf(wanted, sizeof wanted, "%s-%s\n", nonce, nonce);
    int32_t r = enclave_manager_execute_tool(box->manager, box->id, "shell_executor", params,
                                             &options, &result, err);
    if (r == 0 && (strcmp(result->output, wanted) != 0 || !result->error ||
                   strncmp(result->error, nonce, strlen(nonce)) != 0)) {
        r = enclave_error_set(err, ENCLAVE_EINTERNAL, "for '%s' came '%.100s', '%.100s'", nonce,
                              result->output, result->error ? result->error : "");
    }
    enclave_result_free(result);
    return r;
}

static int32_t ask_often(struct member *member)
{
    int32_t r = 0;

    for (int i = 0; r == 0 && i < ROUNDS; i++) {
        char nonce[32];
        (void)snprintf(nonce, sizeof nonce, "n%dx%d", member->index, i);
        r = ask(member->box, nonce, &member->err);
    }
    return r;
}

static void one_sandbox(struct test *t)
{
    crowd_well(t, THREADS, box_shared(t), NULL, ask_often);
}

static int32_t ask_own(struct member *member)
{
    member->box = ((struct box **)member->ctx)[member->index];
    return ask_often(member);
}

static void many_sandboxes(struct test *t)
{
    struct box *boxes[3];

    for (int i = 0; i < 3; i++) {
        boxes[i] = box_new(t, "");
        expect_shell(t, boxes[i], test_text(t, "echo %d >own; ls", i), "own\n");
    }
    crowd_well(t, 3, NULL, boxes, ask_own);
    for (int i = 0; i < 3; i++) {
        expect_shell(t, boxes[i], "cat own", test_text(t, "%d\n", i));
    }
}

static int32_t live(struct member *member)
{
    struct box box = *member->box;
    int32_t r = enclave_manager_create_sandbox(
        box.manager, NULL, "{\"tools_config\": [\"shell_executor\"]}", NULL, box.id, &member->err);
    if (r == 0) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        r = ask(&box, "alive", &member->err);
        int32_t deleted = enclave_manager_delete_sandbox(box.manager, box.id, &err);
        if (r == 0 && deleted < 0) {
            member->err = err;
            r = deleted;
        }
    }
    return r;
}

static void create_and_delete(struct test *t)
{
    crowd_well(t, 4, box_shared(t), NULL, live);
}

static int32_t create_same(struct member *member)
{
    struct enclave_create_options options = ENCLAVE_CREATE_OPTIONS_INIT;
    char id[ENCLAVE_ID_SIZE];

    options.id = member->box->id;
    return enclave_manager_create_sandbox(member->box->manager, NULL, NULL, &options, id,
                                          &member->err);
}

static int32_t delete_same(struct member *member)
{
    return enclave_manager_delete_sandbox(member->box->manager, member->box->id, &member->err);
}

/* How many of the crowd had this answer. */
static int count(const struct member *members, int size, int32_t answer)
{
    int n = 0;

    for (int i = 0; i < size; i++) {
        n += members[i].answer == answer;
    }
    return n;
}

static void same_id(struct test *t)
{
    struct member members[CROWD_MAX];
    struct box box = {.manager = subject_of(t)->manager, .id = "wanted-by-all"};

    crowd(THREADS, &box, NULL, create_same, members);
    int made = count(members, THREADS, 0), refused = count(members, THREADS, ENCLAVE_EEXISTS);
    crowd(THREADS, &box, NULL, delete_same, members);
    expect_int(t, made, 1);
    expect_int(t, refused, THREADS - 1);
    expect_int(t, count(members, THREADS, 0), 1);
    expect_int(t, count(members, THREADS, ENCLAVE_ENOTFOUND), THREADS - 1);
}

static int32_t copy_files(struct member *member)
{
    const struct box *box = member->box;
    char path[64], text[4096];
    void *data = NULL;
    uint64_t length = 0;
    int32_t r = 0;

    memset(text, 'a' + member->index, sizeof text);
    for (int i = 0; r == 0 && i < ROUNDS; i++) {
        (void)snprintf(path, sizeof path, "crowd/%d/%d", member->index, i);
        r = enclave_manager_put_file(box->manager, box->id, path, text, sizeof text, 0,
                                     &member->err);
        if (r == 0) {
            r = enclave_manager_get_file(box->manager, box->id, path, 0, &data, &length,
                                         &member->err);
        }
        if (r == 0 && (length != sizeof text || memcmp(data, text, length) != 0)) {
            r = enclave_error_set(&member->err, ENCLAVE_EINTERNAL, "'%s' came back otherwise",
                                  path);
        }
        enclave_free(data);
        data = NULL;
    }
    return r;
}

static void files_at_once(struct test *t)
{
    crowd_well(t, THREADS, box_shared(t), NULL, copy_files);
    expect_shell(t, box_shared(t), "find crowd -type f | wc -l; rm -r crowd", "80\n");
}

static const struct tap_case cases[] = {
    {"one_sandbox", "eight threads in one sandbox each get their own answers", one_sandbox},
    {"many_sandboxes", "sandboxes side by side share nothing", many_sandboxes},
    {"create_and_delete", "sandboxes come and go at the same time", create_and_delete},
    {"same_id", "of eight that create, or delete, the same id, one wins", same_id},
    {"files_at_once", "files go in and out at the same time", files_at_once},
};
TAP_GROUP(concurrency, cases);
