/*
 * claim.h - what a backend declares that it can do, against what it does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFORMANCE_CLAIM_H
#define CONFORMANCE_CLAIM_H

#include "box.h"

/*
 * A sandbox that has the capability `name` (a word of types.h), for a case that tries to break it. `asks` is the
 * configuration that asks for it; NULL: nothing asks for it but the defaults, and it is the shared one.
 *
 * NULL when the backend does not declare it; then it was made sure that asking for it is refused and that, with
 * `by_default`, the sandbox's info tells that it is not enforced. NULL also when nothing can ask for it, and the
 * shared sandbox tells that it does not have it.
 */
struct box *claim(struct test *t, const char *name, const char *asks, int by_default);

/* With a backend that delegates: skip the case when the other manager's backend refuses to do what `asks` (may be NULL) asks
 * for. What it declares is not known here. */
void claim_skip(struct test *t, const char *asks);

#endif
