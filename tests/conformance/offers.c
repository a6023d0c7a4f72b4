/*
 * offers.c - what a backend may offer beyond its walls. What it does not declare must be refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "claim.h"
#include "groups.h"
#include "host.h"
#include "job.h"

#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/*
 * As claim(), for what a backend hands on: an engine may be without the rights, or the programs, that it takes. That
 * is told by the create, and keeps nobody safe, so it is skipped.
 */
static struct box *offer(struct test *t, const char *name, const char *asks)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box box = {.manager = subject_of(t)->manager};

    claim_skip(t, asks);
    if (subject_declares(subject_of(t), name)) {
        int32_t r = enclave_manager_create_sandbox(box.manager, NULL, box_config(t, asks), NULL,
                                                   box.id, &err);
        if (r == ENCLAVE_EBACKEND) {
            test_skip(t, "the engine refuses it here: %s", err.message);
        }
        expect_ok(t, r, &err);
        box_delete(t, &box);
    }
    return claim(t, name, asks, 0);
}

static void network(struct test *t)
{
    struct box *box = offer(t, "network", "{'network_enabled': true}");

    if (box) {
        expect_python(t, box,
                      "import socket\n"
                      "print(len([name for _, name in socket.if_nameindex() if name != 'lo']) > 0)",
                      "True\n");
    }
}

/* The default one, when it is there: it may be known by that name only for a default. */
static void image(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    if (!subject_declares(subject_of(t), "image")) {
        (void)claim(t, "image", "{'image': 'enclave.invalid/no-such-image:1'}", 0);
        return;
    }
    int32_t r = enclave_manager_create_sandbox(subject_of(t)->manager, NULL,
                                               "{\"image\": \"enclave.invalid/no-such-image:1\"}",
                                               NULL, id, &err);
    test_note(t, "%s", err.message);
    if (r != ENCLAVE_EUNREACHABLE && r != ENCLAVE_EBACKEND) { /* of the registry it might be at */
        expect_error(t, r, ENCLAVE_ENOTFOUND, &err, "no-such-image");
    }
    json_object *config = json_tokener_parse(box_info(t, box_shared(t), "config"));
    char *name =
        test_text(t, "%s", json_object_get_string(json_object_object_get(config, "image")));
    json_object_put(config);
    r = enclave_manager_create_sandbox(subject_of(t)->manager, NULL,
                                       test_text(t, "{\"image\": \"%s\"}", name), NULL, id, &err);
    if (r < 0) {
        expect_error(t, r, ENCLAVE_ENOTFOUND, &err, name);
        return;
    }
    expect_ok(t, enclave_manager_delete_sandbox(subject_of(t)->manager, id, &err), &err);
}

static void volumes(struct test *t)
{
    char *folder = host_folder(t, "/tmp", 0777);

    host_write(t, test_text(t, "%s/in", folder), "from outside\n");
    struct box *box = claim(
        t, "volumes",
        test_text(t, "{\"volumes\": {\"%s\": {\"bind\": \"/data\", \"mode\": \"ro\"}}}", folder),
        0);
    if (box) {
        expect_shell(t, box, "cat /data/in; touch /data/x 2>/dev/null || echo refused",
                     "from outside\nrefused\n");
        box = box_new(
            t, test_text(t, "{\"volumes\": {\"%s\": {\"bind\": \"/data\", \"mode\": \"rw\"}}}",
                         folder));
        expect_shell(t, box, "echo from inside >/data/out", "");
        expect_text(t, host_read(t, test_text(t, "%s/out", folder)), "from inside\n");
        char *none = test_text(t, "%s/none", folder); /* which engines like to make */
        expect_no_box(t, test_text(t, "{\"volumes\": {\"%s\": {\"bind\": \"/data\"}}}", none),
                      ENCLAVE_EINVALID, ENCLAVE_ENOTFOUND, none);
        expect(t, access(none, F_OK) < 0);
    }
}

static void ports(struct test *t)
{
    int port = host_free_port(t);
    struct box *box =
        offer(t, "ports",
              test_text(t, "{\"network_enabled\": true, \"ports\": {\"7777/tcp\": %d}}", port));

    if (box) {
        struct job *job = job_start(t, box,
                                    "exec python3 -uc 'import socket\n"
                                    "s = socket.create_server((\"0.0.0.0\", 7777))\n"
                                    "print(\"listening\")\n"
                                    "while True: s.accept()[0].sendall(b\"from inside\")'");
        job_wait_output(t, job, "listening");
        expect_text(t, host_ask(t, port), "from inside");
    }
}

static void extra_hosts(struct test *t)
{
    struct box *box =
        claim(t, "extra_hosts", "{'extra_hosts': {'conformance.test': '10.1.2.3'}}", 0);

    if (box) {
        expect_python(t, box, "import socket; print(socket.gethostbyname('conformance.test'))",
                      "10.1.2.3\n");
    }
}

static void privileged(struct test *t)
{
    struct box *box = offer(t, "privileged", "{'privileged': true}");

    if (box) {
        expect_shell(t, box, "grep ^CapEff /proc/self/status | grep -q '[1-9a-f]' && echo rights",
                     "rights\n");
    }
}

static void platform(struct test *t)
{
    struct utsname host;

    (void)uname(&host);
    const char *name = strcmp(host.machine, "x86_64") == 0    ? "linux/amd64"
                       : strcmp(host.machine, "aarch64") == 0 ? "linux/arm64"
                                                              : NULL;
    if (!name) {
        test_skip(t, "unknown name of the platform '%s'", host.machine);
    }
    struct box *box = claim(t, "platform", test_text(t, "{\"platform\": \"%s\"}", name), 0);
    if (box) {
        expect_shell(t, box, "uname -m", test_text(t, "%s\n", host.machine));
    }
}

/* No runtime is everywhere, so it is looked whether the name counts. */
static void runtime(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char id[ENCLAVE_ID_SIZE];

    if (!subject_declares(subject_of(t), "runtime")) {
        (void)claim(t, "runtime", "{'runtime': 'no-such-runtime'}", 0);
        return;
    }
    claim_skip(t, "{'runtime': 'no-such-runtime'}");
    int32_t r = enclave_manager_create_sandbox(
        subject_of(t)->manager, NULL, "{\"runtime\": \"no-such-runtime\"}", NULL, id, &err);
    expect(t, r < 0);
    expect_part(t, err.message, "no-such-runtime");
}

static void user(struct test *t)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct box *box = claim(t, "user", "{'user': '4321:4322'}", 0);

    if (box) {
        expect_shell(t, box, "id -u; id -g; touch x; stat -c %u:%g x", "4321\n4322\n4321:4322\n");
        expect_ok(t, enclave_manager_put_file(box->manager, box->id, "y", "", 0, 0, &err), &err);
        expect_shell(t, box, "stat -c %u y", "4321\n");
    }
}

static const struct tap_case cases[] = {
    {"network", "network: with network_enabled there is an interface", network},
    {"image", "image: one that is not there is refused, the default one may be named", image},
    {"volumes", "volumes: ro shows a folder, rw lets it be written to", volumes},
    {"ports", "ports: a server inside answers on the host's 127.0.0.1", ports},
    {"extra_hosts", "extra_hosts: the name leads to the address", extra_hosts},
    {"privileged", "privileged: gives rights, and only when asked", privileged},
    {"platform", "platform: the host's own may be named", platform},
    {"runtime", "runtime: an unknown one is refused, and named", runtime},
    {"user", "user: programs and files have that uid and gid", user},
};
TAP_GROUP(offers, cases);
