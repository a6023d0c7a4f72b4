/*
 * claim.c - see claim.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "claim.h"

static void expect_told(struct test *t, const struct box *box, const char *list, const char *name)
{
    if (!box_lists(t, box, list, name)) {
        fail(t, "metadata.%s does not name %s: %s", list, name, box_info(t, box, "metadata"));
    }
}

static struct box *declared(struct test *t, const char *name, const char *asks)
{
    struct box *box = asks ? box_new(t, asks) : box_shared(t);

    if (!asks && box_lists(t, box, "unenforced", name)) {
        test_note(t, "%s is declared; this sandbox cannot have it, and tells so", name);
        return NULL;
    }
    expect_told(t, box, "enforced", name);
    return box;
}

void claim_skip(struct test *t, const char *asks)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box box = {.manager = subject_of(t)->manager};

    if (!subject_of(t)->delegates || !asks) {
        return;
    }
    int32_t r =
        enclave_manager_create_sandbox(box.manager, NULL, box_config(t, asks), NULL, box.id, &err);
    if (r == 0) {
        box_delete(t, &box);
    }
    if (r == ENCLAVE_EUNENFORCED) {
        test_skip(t, "the other manager's backend does not do it: %s", err.message);
    }
}

struct box *claim(struct test *t, const char *name, const char *asks, int by_default)
{
    claim_skip(t, asks);
    if (subject_declares(subject_of(t), name)) {
        return declared(t, name, asks);
    }
    test_note(t, "%s is not declared, so it must be refused", name);
    if (asks) {
        expect_no_box(t, box_config(t, asks), ENCLAVE_EUNENFORCED, ENCLAVE_ENOTSUP, name);
    }
    if (by_default) {
        expect_told(t, box_shared(t), "unenforced", name);
    }
    return NULL;
}
