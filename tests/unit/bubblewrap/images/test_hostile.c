/*
 * test_hostile.c - images that are damaged or mean harm: one clear error each, nothing written outside,
 * nothing left behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_config.h"
#include "maker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An image with these entries in its second layer is refused for `why`. */
static void refuse_layer(struct bytes layer, const char *why)
{
    struct bytes base = TAR({'f', "base", "b"}, {'d', "dir", NULL}, {'l', "loop", "loop"});

    save(IMAGE(OCI, base, layer));
    refused(ENCLAVE_EINVALID, why);
}

static void names(void **state)
{
    char longest[300];

    (void)state;
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refuse_layer(TAR({'f', "../x", "x"}), "entry '../x' of a layer: its name leads out");
    refuse_layer(TAR({'f', "a/../../x", "x"}), "leads out");
    refuse_layer(TAR({'f', "/..", "x"}), "leads out");
    refuse_layer(TAR({'d', "..", NULL}), "leads out");
    refuse_layer(TAR({'l', "a/..", "x"}), "leads out");
    refuse_layer(TAR({'f', "../.wh.victim", ""}), "leads out");
    refuse_layer(TAR({'f', "a\nb", "x"}), "control character");
    refuse_layer(TAR({'f', "a\x7f", "x"}), "control character");
    refuse_layer(TAR({'f', longest, "x"}), "too long");
    refuse_layer(TAR({'f', ".", "x"}), "the root is no folder");
    refuse_layer(TAR({'l', "/", "x"}), "the root is no folder");
    refuse_layer(TAR({'f', ".wh.", ""}), "a whiteout of no file");
    refuse_layer(TAR({'f', ".wh..", ""}), "a whiteout of no file");
    refuse_layer(TAR({'f', "dir/.wh...", ""}), "a whiteout of no file");
    refuse_layer(TAR({'f', "base/x", "x"}), "open folder 'base': Not a directory");
    refuse_layer(TAR({'f', "loop/x", "x"}), "open folder 'loop': Too many levels");
    refuse_layer(TAR({'l', "away", "no/such"}, {'f', "away/x", "x"}),
                 "open folder 'away': No such file");
}

/* Absolute names and links that lead out stay inside: the image's root is the root. */
static void inside(void **state)
{
    const char *out = in_room("outside");

    (void)state;
    save(IMAGE(OCI,
               TAR({'f', "/abs", "a"}, {'d', "etc", NULL}, {'l', "up", "../../../../../../etc"},
                   {'l', "out", out}, {'l', "self", "/"},
                   {'f', text("%s/victim", out + 1).data, "i"}, {'f', "up/passwd", "mine"},
                   {'f', "out/victim", "other"}, {'f', "self/self/self/y", "y"},
                   {'h', "hard", "out/victim"}),
               TAR({'f', "out/.wh.victim", ""}, {'f', "up/.wh..wh..opq", ""})));
    const char *tree = unpacked();

    assert_non_null(strstr(tree, "abs 644 a\netc/ 755\nhard 644 other\nout -> "));
    assert_non_null(strstr(tree, "\nup -> ../../../../../../etc\ny 644 y\n"));
    assert_null(strstr(tree, "victim 644"));
    assert_null(strstr(tree, "passwd"));
    assert_non_null(strstr(tree, text("%s/ 755\n", out + 1).data));
}

static void hard_links(void **state)
{
    (void)state;
    refuse_layer(TAR({'h', "x", "../outside/victim"}), "leads out");
    refuse_layer(TAR({'h', "x", in_room("outside/victim")}), "No such file");
    refuse_layer(TAR({'h', "x", "missing"}), "link to 'missing': No such file");
    refuse_layer(TAR({'h', "x", "dir"}), "a hard link to a folder");
    refuse_layer(TAR({'l', "s", in_room("outside")}, {'h', "x", "s/victim"}), "No such file");
    refuse_layer(TAR({'d', "d", NULL}, {'f', "d/f", "f"}, {'h', "d", "d/f"}), "No such file");
}

/* Far deeper than a path can be long, through links; and all of it removed again by a whiteout. */
static void depth(void **state)
{
    enum { ROUNDS = 3, LEVELS = 700 };
    char path[8 + 2 * LEVELS + 1];
    struct item items[2 * ROUNDS];
    size_t n = 0;

    (void)state;
    (void)strcpy(path, "start");
    for (int i = 0; i < LEVELS; i++) {
        (void)strcat(path, "/d");
    }
    for (int i = 0; i < ROUNDS; i++) {
        const char *before = i == 0 ? "" : text("l%d/", i - 1).data;
        const char *target = text("%s%s", before, path).data;

        items[n++] = (struct item){'d', target, NULL, 0, 0};
        items[n++] = (struct item){'l', text("l%d", i).data, target, 0, 0};
    }
    struct bytes deep = make_tar(items, n, NULL);
    struct item gone[ROUNDS + 1] = {{'f', ".wh.start", "", 0, 0}};

    for (int i = 0; i < ROUNDS; i++) {
        gone[i + 1] = (struct item){'f', text(".wh.l%d", i).data, "", 0, 0};
    }
    save(IMAGE(OCI, deep, make_tar(gone, ROUNDS + 1, NULL), TAR({'f', "x", "x"})));
    assert_string_equal(unpacked(), "x 644 x\n");
    save(IMAGE(OCI, deep, TAR({'f', "..", "x"}))); /* removed as a failure's remains */
    struct image image;

    assert_int_equal(open_image(&image, NULL), ENCLAVE_EINVALID);
    check_room();
}

static void ceilings(void **state)
{
    char *zeros = calloc(1, 1 << 20);
    struct bytes big = TAR({'f', "big", zeros, 0, 1 << 20});
    struct image image;
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct image_request request = {.source = in_room("image.tar"),
                                    .cache_dir = in_room("cache"),
                                    .cancel_fd = -1,
                                    .max_bytes = 1 << 19};
    const struct bytes bombs[] = {
        make_image(OCI, &big, 1, "gzip"), compress_bytes(make_image(OCI, &big, 1, NULL), "zstd"),
        /* Not unpacked, only skipped: it costs time all the same. */
        make_image(OCI, &(struct bytes){TAR({'f', ".wh.x", zeros, 0, 1 << 20}).data, big.length}, 1,
                   "xz")};

    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        save(bombs[i]);
        assert_int_equal(image_open(&request, &image, &err), ENCLAVE_ETOOBIG);
        assert_non_null(strstr(err.message, "more than 524288 bytes"));
        check_room();
    }
    request.max_bytes = 0;
    request.max_entries = 3;
    save(IMAGE(OCI, TAR({'f', "1/2/3/4", ""}))); /* folders that nothing names count too */
    assert_int_equal(image_open(&request, &image, &err), ENCLAVE_ETOOBIG);
    check_room();
    free(zeros);
}

/* A header that promises far more than there is: by the octal digits and by the binary form. */
static void sizes(void **state)
{
    static const char *const forms[] = {"77777777777\0", "\x80\0\0\0\0\0\1\0\0\0\0\0"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bytes layer = TAR({'f', "x", "x"});
        unsigned sum = 0;

        memcpy(layer.data + 124, forms[i], 12);
        memset(layer.data + 148, ' ', 8);
        for (int at = 0; at < 512; at++) {
            sum += (unsigned char)layer.data[at];
        }
        (void)snprintf(layer.data + 148, 8, "%06o", sum);
        save(IMAGE(DOCKER_OLD, layer));
        if (i == 0) {
            refused(ENCLAVE_EINVALID, "runcated");
        } else {
            refused(ENCLAVE_ETOOBIG, "more than 17179869184 bytes");
        }
        save(layer); /* and of the outer tar */
        refused(ENCLAVE_EINVALID, "runcated");
    }
}

static void digests(void **state)
{
    struct bytes layer = TAR({'f', "x", "content"});
    struct bytes other = TAR({'f', "x", "CONTENT"});
    struct bytes config = make_config(&layer, 1, HERE);

    (void)state;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        struct bytes image = make_image(layout, &layer, 1, NULL);

        memcpy(memmem(image.data, image.length, "content", 7), "CONTENT", 7);
        save(image);
        refused(ENCLAVE_EINVALID, "it is damaged: layer '");
        image = make_image(layout, &layer, 1, NULL);
        memcpy(memmem(image.data, image.length, "LANG", 4), "LONG", 4);
        save(image);
        refused(ENCLAVE_EINVALID, "its content does not have its digest");
    }
    /* A blob of another compression level, say: the right content under the wrong digest. */
    struct bytes zipped = compress_bytes(layer, "gzip");
    struct bytes manifest =
        text("{\"config\":{\"digest\":\"%s\"},\"layers\":[{\"digest\":\"%s\"}]}", digest_of(config),
             digest_of(other));

    save(TAR({'f', "index.json",
              text("{\"manifests\":[{\"digest\":\"%s\"}]}", digest_of(manifest)).data},
             {'f', blob_name(manifest), manifest.data}, {'f', blob_name(config), config.data},
             {'f', blob_name(other), zipped.data, 0, zipped.length}));
    refused(ENCLAVE_EINVALID, "it is damaged: layer '");
}

static void refuse_json(const char *name, const char *json, int32_t code, const char *why)
{
    save(TAR({'f', name, json}));
    refused(code, why);
}

static void manifests(void **state)
{
    char *deep = calloc(1, 100001);
    char *huge = calloc(1, (5 << 20) + 1);
    const char *docker = "manifest.json";
    const char *oci = "index.json";

    (void)state;
    memset(deep, '[', 100000);
    memset(huge, ' ', 5 << 20);
    refuse_json("other", "x", ENCLAVE_EINVALID, "neither manifest.json nor index.json");
    refuse_json(docker, "", ENCLAVE_EINVALID, "is no JSON");
    refuse_json(docker, deep, ENCLAVE_EINVALID, "too deep");
    refuse_json(docker, huge, ENCLAVE_ETOOBIG, "larger than 4194304 bytes");
    refuse_json(docker, "[] x", ENCLAVE_EINVALID, "is no JSON");
    refuse_json(docker, "{}", ENCLAVE_EINVALID, "no list of images");
    refuse_json(docker, "[]", ENCLAVE_EINVALID, "it holds 0 images");
    refuse_json(docker, "[1]", ENCLAVE_EINVALID, "no list of layers");
    refuse_json(docker, "[{\"Layers\":[\"a\"]}]", ENCLAVE_EINVALID, "names no Config");
    refuse_json(docker, "[{\"Config\":\"c\",\"Layers\":[1]}]", ENCLAVE_EINVALID, "without a name");
    refuse_json(docker, "[{\"Config\":\"../c\",\"Layers\":[\"a\"]}]", ENCLAVE_EINVALID,
                "'../c' is missing in it");
    refuse_json(docker, "[{\"Config\":\"manifest.json\",\"Layers\":[\"a\"]}]", ENCLAVE_EINVALID,
                "rootfs.diff_ids");
    refuse_json(oci, "{\"manifests\":[]}", ENCLAVE_EINVALID, "no image for linux/");
    refuse_json(oci, "{\"manifests\":[{\"digest\":\"sha512:00\"}]}", ENCLAVE_EINVALID,
                "no sha256 digest");
    refuse_json(oci, "{\"manifests\":[{\"digest\":\"sha256:../../../../etc/passwd\"}]}",
                ENCLAVE_EINVALID, "no sha256 digest");
    refuse_json(oci, text("{\"manifests\":[{\"digest\":\"sha256:%064d\"}]}", 0).data,
                ENCLAVE_EINVALID, "is missing in it");
    free(deep);
    free(huge);
}

static void configurations(void **state)
{
    static const struct {
        const char *config;
        const char *why;
    } bad[] = {
        {"{\"config\":{\"Env\":[\"\"]}}", "has an Env that is none"},
        {"{\"config\":{\"Env\":[\"=x\"]}}", "has an Env that is none"},
        {"{\"config\":{\"Env\":[\"A=\\u0000\"]}}", "has an Env that is none"},
        {"{\"config\":{\"Env\":[7]}}", "has an Env that is none"},
        {"{\"os\":\"windows\"}", "it is for windows/"},
        {"{\"rootfs\":{\"diff_ids\":[]}}", "does not have one of rootfs.diff_ids"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", "no sha256 digest"},
        {"[]", "does not have one of rootfs.diff_ids"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        save(TAR({'f', "c", bad[i].config},
                 {'f', "manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]"}));
        refused(ENCLAVE_EINVALID, bad[i].why);
    }
}

/* An index that leads to itself would need to hold its own digest; one that nests does not. */
static void nested_indexes(void **state)
{
    struct bytes index = text("{\"manifests\":[{\"digest\":\"sha256:%064d\"}]}", 0);
    struct item items[11];
    const char *zeros = text("blobs/sha256/%064d", 0).data;

    (void)state;
    save(TAR({'f', "index.json", index.data}, {'f', zeros, index.data}));
    refused(ENCLAVE_EINVALID, "its content does not have its digest");
    for (int i = 0; i < 10; i++) {
        items[i] = (struct item){'f', blob_name(index), index.data, 0, 0};
        index = text("{\"manifests\":[{\"digest\":\"%s\"}]}", digest_of(index));
    }
    items[10] = (struct item){'f', "index.json", index.data, 0, 0};
    save(make_tar(items, 11, NULL));
    refused(ENCLAVE_EINVALID, "an index in an index");
    save(TAR({'l', "manifest.json", "manifest.json"}, {'l', "index.json", "manifest.json"}));
    refused(ENCLAVE_EINVALID, "neither manifest.json nor index.json");
}

static void no_tars(void **state)
{
    (void)state;
    save(text("%s", ""));
    refused(ENCLAVE_EINVALID, "image.tar");
    save(text("%s", "not a tar"));
    refused(ENCLAVE_EINVALID, "it is no tar file, or a damaged one");
    save(compress_bytes(text("%s", "not a tar"), "gzip"));
    refused(ENCLAVE_EINVALID, "it is no tar file, or a damaged one");
}

/* Cut off at any place, and with any byte changed: refused, or the very image. */
static void damage(void **state)
{
    struct bytes layers[] = {TAR({'d', "d", NULL}, {'f', "d/f", "f"}), TAR({'f', "d/.wh.f", ""})};
    const struct bytes images[] = {make_image(OCI, layers, 2, "gzip"),
                                   compress_bytes(make_image(DOCKER_OLD, layers, 2, NULL), "zstd"),
                                   make_image(DOCKER_NEW, layers, 2, "xz")};
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 120; i++) {
        struct bytes image = images[i % 3];
        struct bytes copy = {malloc(image.length), image.length};
        struct image opened = {0};
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        size_t at = (size_t)rand_r(&seed) % image.length;

        memcpy(copy.data, image.data, image.length);
        copy.data[at] ^= (char)(1 << rand_r(&seed) % 8);
        if (i % 2) {
            copy.length = at;
        }
        save(copy);
        free(copy.data);
        if (open_image(&opened, &err) == 0) {
            assert_string_equal(tree_of(opened.rootfs), "d/ 755\n");
        } else {
            assert_non_null(strstr(err.message, "image.tar"));
        }
        image_clear(&opened);
        check_room();
        forget();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(inside, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(hard_links, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(depth, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(ceilings, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(sizes, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(digests, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(manifests, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(configurations, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(nested_indexes, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(no_tars, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(damage, room_setup, room_teardown),
    };
    int skip = become(argc, argv);

    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
