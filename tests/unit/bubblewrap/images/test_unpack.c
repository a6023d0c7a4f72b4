/*
 * test_unpack.c - what becomes of a good image: every layout and compression, layers over layers,
 * whiteouts, links, modes; what is found again, and what is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_config.h"
#include "maker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bytes lowest(void)
{
    return TAR({'d', "./", NULL}, {'d', "usr/", NULL}, {'d', "usr/lib/", NULL},
               {'f', "usr/lib/a", "A"}, {'l', "lib", "usr/lib"}, {'d', "etc", NULL},
               {'f', "etc/one", "1"}, {'f', "etc/two", "2"}, {'d', "var", NULL},
               {'f', "var/gone", "x"}, {'f', "var/stays", "y"});
}

static struct bytes upper(void)
{
    return TAR({'f', "etc/.wh.one", ""}, {'f', "etc/three", "3"}, {'f', "var/.wh.gone", ""});
}

#define EXPECTED                                                                                   \
    "etc/ 755\netc/three 644 3\netc/two 644 2\nlib -> usr/lib\n"                                   \
    "usr/ 755\nusr/lib/ 755\nusr/lib/a 644 A\nvar/ 755\nvar/stays 644 y\n"

static void layouts(void **state)
{
    static const char *const filters[] = {NULL, "gzip", "xz", "zstd"};
    struct bytes layers[] = {lowest(), upper()};

    (void)state;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
            struct bytes image = make_image(layout, layers, 2, filters[i]);

            save(image);
            assert_string_equal(unpacked(), EXPECTED);
            forget(); /* it is the same image every time, and would be found */
            save(compress_bytes(image, filters[i % 3 + 1]));
            assert_string_equal(unpacked(), EXPECTED);
            forget();
        }
    }
}

static void found_again(void **state)
{
    struct image first = {0};
    struct image second = {0};
    struct stat before;
    struct stat after;

    (void)state;
    save(IMAGE(OCI, lowest()));
    assert_int_equal(open_image(&first, NULL), 0);
    assert_int_equal(stat(first.rootfs, &before), 0);
    assert_string_equal(first.env[0], "PATH=/bin");
    assert_string_equal(first.env[1], "LANG=C.UTF-8");
    assert_null(first.env[2]);
    assert_int_equal(open_image(&second, NULL), 0);
    assert_int_equal(stat(second.rootfs, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_string_equal(first.digest, second.digest);
    assert_string_equal(second.env[1], "LANG=C.UTF-8");
    assert_null(second.env[2]);
    image_clear(&second);

    save(IMAGE(DOCKER_OLD, lowest())); /* another file, the same image */
    assert_int_equal(open_image(&second, NULL), 0);
    assert_int_equal(stat(second.rootfs, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    image_clear(&second);

    save(IMAGE(OCI, upper())); /* the same name, another image */
    assert_int_equal(open_image(&second, NULL), 0);
    assert_string_not_equal(first.digest, second.digest);
    image_clear(&second);

    save(IMAGE(OCI, lowest())); /* an image of which a part was removed */
    assert_int_equal(open_image(&second, NULL), 0);
    assert_int_equal(unlink(text("%s/../config.json", first.rootfs).data), 0);
    image_clear(&second);
    assert_int_equal(open_image(&second, NULL), 0);
    assert_int_equal(access(text("%s/../config.json", first.rootfs).data, F_OK), 0);
    image_clear(&first);
    image_clear(&second);
    check_room();
}

static void whiteouts(void **state)
{
    (void)state;
    save(IMAGE(OCI,
               TAR({'d', "dir", NULL}, {'d', "dir/sub", NULL}, {'f', "dir/sub/low", "l"},
                   {'f', "dir/low", "l"}, {'f', "file", "f"}, {'l', "link", "dir"},
                   {'d', "whole", NULL}, {'d', "whole/deep", NULL}, {'f', "whole/deep/x", "x"},
                   {'f', "both", "low"}, {'f', "becomes", "f"}, {'f', "kept", "k"}),
               /* Opaque after its siblings; a whiteout after the file of that name. */
               TAR({'d', "dir", NULL}, {'f', "dir/new", "n"}, {'d', "dir/sub", NULL},
                   {'f', "dir/sub/new", "n"}, {'f', "dir/.wh..wh..opq", ""}, {'f', "both", "high"},
                   {'f', ".wh.both", ""}, {'f', ".wh.whole", ""}, {'f', ".wh.link", ""},
                   {'f', ".wh.nothing", ""}, {'f', "no/such/.wh.folder", ""},
                   {'d', "becomes", NULL}, {'f', "becomes/.wh..wh..opq", ""},
                   {'f', "becomes/x", "x"}, {'f', ".wh..wh.plnk", ""})));
    assert_string_equal(unpacked(),
                        "becomes/ 755\nbecomes/x 644 x\nboth 644 high\ndir/ 755\ndir/new 644 n\n"
                        "dir/sub/ 755\ndir/sub/new 644 n\nfile 644 f\nkept 644 k\n");
}

static void replaced(void **state)
{
    (void)state;
    save(IMAGE(DOCKER_OLD,
               TAR({'f', "file", "f"}, {'d', "dir", NULL}, {'f', "dir/x", "x"}, {'d', "real", NULL},
                   {'f', "real/x", "x"}, {'l', "link", "real"}, {'f', "twice", "1"},
                   {'f', "twice", "2"}, {'d', "mode", NULL, 0700}),
               TAR({'d', "file", NULL}, {'f', "file/in", "i"}, {'f', "dir", "d"},
                   {'d', "link", NULL}, {'f', "link/y", "y"}, {'d', "mode", NULL, 0755})));
    assert_string_equal(unpacked(), "dir 644 d\nfile/ 755\nfile/in 644 i\nlink/ 755\nlink/y 644 y\n"
                                    "mode/ 755\nreal/ 755\nreal/x 644 x\ntwice 644 2\n");
}

static void links(void **state)
{
    struct image image = {0};
    struct stat one;
    struct stat two;

    (void)state;
    save(IMAGE(
        OCI,
        TAR({'f', "a", "a"}, {'h', "b", "a"}, {'h', "a", "./a"}, {'l', "s", "a"},
            {'d', "usr/lib", NULL}, {'l', "lib", "usr/lib"}, {'l', "abs", "/usr/lib"}),
        TAR({'h', "usr/c", "/b"}, {'f', "lib/x", "x"}, {'f', "abs/y", "y"}, {'h', "z", "lib/x"})));
    assert_string_equal(unpacked(), "a 644 a\nabs -> /usr/lib\nb 644 a\nlib -> usr/lib\ns -> a\n"
                                    "usr/ 755\nusr/c 644 a\nusr/lib/ 755\nusr/lib/x 644 x\n"
                                    "usr/lib/y 644 y\nz 644 x\n");
    assert_int_equal(open_image(&image, NULL), 0);
    assert_int_equal(stat(text("%s/a", image.rootfs).data, &one), 0);
    assert_int_equal(stat(text("%s/usr/c", image.rootfs).data, &two), 0);
    assert_int_equal(one.st_ino, two.st_ino);
    assert_int_equal(one.st_nlink, 3);
    image_clear(&image);
}

static void modes(void **state)
{
    mode_t umask_before = umask(0077);

    (void)state;
    save(IMAGE(DOCKER_NEW,
               TAR({'d', "tmp", NULL, 01777}, {'d', "group", NULL, 02775},
                   {'d', "readonly", NULL, 0555}, {'f', "readonly/x", "x", 0444},
                   {'f', "suid", "s", 04755}, {'f', "sgid", "s", 02755}, {'f', "none", "", 01000},
                   {'c', "dev/null", NULL}, {'p', "pipe", NULL}, {'f', "implied/x", "x"}),
               TAR({'f', "readonly/y", "y", 0666}, {'f', "readonly/.wh.x", ""})));
    assert_string_equal(unpacked(),
                        "group/ 775\nimplied/ 755\nimplied/x 644 x\nnone 0 \nreadonly/ 755\n"
                        "readonly/y 666 y\nsgid 755 s\nsuid 755 s\ntmp/ 1777\n");
    forget();
    (void)umask(umask_before);
}

static void names(void **state)
{
    char element[250];
    char path[1024];

    (void)state;
    memset(element, 'n', sizeof element - 1);
    element[sizeof element - 1] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s/%s", element, element, element);
    save(IMAGE(OCI, TAR({'f', path, "deep"}, {'f', "gr\xc3\xbc\xc3\x9f", "utf-8"},
                        {'f', "latin\xe9", "bytes"}, {'d', "empty", NULL}, {'f', " ", "space"})));
    assert_string_equal(unpacked(), text("  644 space\nempty/ 755\ngr\xc3\xbc\xc3\x9f 644 utf-8\n"
                                         "latin\xe9 644 bytes\n%s/ 755\n%s/%s/ 755\n%s 644 deep\n",
                                         element, element, element, path)
                                        .data);
}

/* Layers of nothing: a tar of zeros, and no bytes at all. */
static void empty_layers(void **state)
{
    (void)state;
    save(IMAGE(OCI, lowest(), make_tar(NULL, 0, NULL), text("%s", ""), upper()));
    assert_string_equal(unpacked(), EXPECTED);
}

/* As older versions of Docker save a layer that an image has twice. */
static void linked_layers(void **state)
{
    struct bytes layer = TAR({'f', "x", "x"});
    struct bytes layers[] = {layer, layer};
    struct bytes config = make_config(layers, 2, HERE);

    (void)state;
    save(TAR({'d', "one/", NULL}, {'f', "one/layer.tar", layer.data, 0, layer.length},
             {'l', "two/layer.tar", "../one/layer.tar"}, {'f', "config", config.data},
             {'f', "manifest.json",
              "[{\"Config\":\"config\",\"Layers\":[\"one/layer.tar\",\"two/layer.tar\"]}]"}));
    assert_string_equal(unpacked(), "x 644 x\n");
}

static struct bytes manifest_of(struct bytes config, struct bytes layer)
{
    return text("{\"config\":{\"digest\":\"%s\"},\"layers\":[{\"digest\":\"%s\"}]}",
                digest_of(config), digest_of(layer));
}

static void platforms(void **state)
{
    struct bytes layer = TAR({'f', "x", "x"});
    struct bytes config = make_config(&layer, 1, HERE);
    struct bytes other = make_config(&layer, 1, ELSEWHERE);
    struct bytes manifest = manifest_of(config, layer);
    struct bytes foreign = manifest_of(other, layer);
    struct bytes inner =
        text("{\"manifests\":[{\"digest\":\"%s\",\"platform\":{\"os\":\"linux\",\"architecture\":"
             "\"%s\"}},{\"digest\":\"%s\",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\","
             "\"variant\":\"v1\"}},{\"digest\":\"%s\",\"platform\":{\"os\":\"unknown\","
             "\"architecture\":\"unknown\"}}]}",
             digest_of(foreign), ELSEWHERE, digest_of(manifest), HERE, digest_of(layer));
    struct bytes outer = text("{\"manifests\":[{\"digest\":\"%s\"}]}", digest_of(inner));

    (void)state;
    save(TAR({'f', "./oci-layout", "{}"}, {'f', "./index.json", outer.data},
             {'f', blob_name(inner), inner.data},
             {'f', text("./%s", blob_name(manifest)).data, manifest.data},
             {'f', blob_name(config), config.data},
             {'f', blob_name(layer), layer.data, 0, layer.length}));
    assert_string_equal(unpacked(), "x 644 x\n");
    forget();

    outer = text("{\"manifests\":[{\"digest\":\"%s\"}]}", digest_of(foreign));
    save(TAR({'f', "index.json", outer.data}, {'f', blob_name(foreign), foreign.data},
             {'f', blob_name(other), other.data},
             {'f', blob_name(layer), layer.data, 0, layer.length}));
    refused(ENCLAVE_EINVALID, "it is for linux/" ELSEWHERE);

    save(TAR({'f', "index.json",
              text("{\"manifests\":[{\"digest\":\"%s\",\"platform\":{\"os\":\"linux\","
                   "\"architecture\":\"" ELSEWHERE "\"}}]}",
                   digest_of(foreign))
                  .data}));
    refused(ENCLAVE_EINVALID, "it has no image for linux/");

    save(TAR({'f', "index.json",
              text("{\"manifests\":[{\"digest\":\"%s\"},{\"digest\":\"%s\"}]}", digest_of(manifest),
                   digest_of(foreign))
                  .data}));
    refused(ENCLAVE_EINVALID, "names several images");
    save(TAR({'f', "manifest.json", "[{},{}]"}));
    refused(ENCLAVE_EINVALID, "it holds 2 images");
}

static void folders(void **state)
{
    struct image image = {0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct image_request request = {.source = in_room("outside/../outside"), .cancel_fd = -1};

    (void)state;
    assert_int_equal(image_open(&request, &image, &err), 0);
    assert_string_equal(image.rootfs, in_room("outside"));
    assert_null(image.env[0]);
    assert_null(image.digest);
    image_clear(&image);
    image_clear(NULL);

    request.source = in_room("none");
    assert_int_equal(image_open(&request, &image, &err), ENCLAVE_ENOTFOUND);
    request.source = "/dev/null";
    assert_int_equal(image_open(&request, &image, &err), ENCLAVE_EINVALID);
}

struct watch {
    uint64_t last;
    unsigned calls;
    int whole;
};

static void on_progress(void *ctx, const struct enclave_progress *progress)
{
    struct watch *watch = ctx;

    assert_string_equal(progress->what, "unpack");
    assert_string_equal(progress->item, in_room("image.tar"));
    assert_true(progress->done >= watch->last && progress->done <= progress->total);
    watch->last = progress->done;
    watch->whole = progress->total > 0 && progress->done == progress->total;
    watch->calls++;
}

static void progress(void **state)
{
    char *big = calloc(1, 4 << 20);
    struct watch watch = {0};
    struct image image = {0};
    struct image_request request = {.source = in_room("image.tar"),
                                    .cache_dir = in_room("cache"),
                                    .cancel_fd = -1,
                                    .progress = on_progress,
                                    .progress_ctx = &watch};

    (void)state;
    save(compress_bytes(IMAGE(OCI, TAR({'f', "big", big, 0, 4 << 20}), lowest()), "gzip"));
    assert_int_equal(image_open(&request, &image, NULL), 0);
    assert_true(watch.calls > 4 && watch.calls < 120);
    assert_true(watch.whole);
    image_clear(&image);
    watch = (struct watch){0};
    assert_int_equal(image_open(&request, &image, NULL), 0);
    assert_int_equal(watch.calls, 0);
    image_clear(&image);
    free(big);
}

static void cache_place(void **state)
{
    struct image image = {0};
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct image_request request = {
        .source = in_room("image.tar"), .cache_dir = in_room("cache"), .cancel_fd = -1};
    struct stat st;

    (void)state;
    save(IMAGE(OCI, lowest()));
    assert_int_equal(mkdir(request.cache_dir, 0700), 0);
    assert_int_equal(chmod(request.cache_dir, 0720), 0);
    assert_int_equal(image_open(&request, &image, &err), ENCLAVE_EDENIED);
    assert_non_null(strstr(err.message, "chmod 700"));
    assert_int_equal(rmdir(request.cache_dir), 0);
    if (geteuid() != 0) {
        request.cache_dir = "/usr";
        assert_int_equal(image_open(&request, &image, &err), ENCLAVE_EDENIED);
        assert_int_equal(setenv("XDG_CACHE_HOME", in_room("cache"), 1), 0);
        request.cache_dir = NULL;
        assert_int_equal(image_open(&request, &image, &err), 0);
        assert_int_equal(stat(in_room("cache/enclave/images"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
        assert_int_equal(unsetenv("HOME"), 0);
        image_clear(&image);
        assert_int_equal(image_open(&request, &image, &err), ENCLAVE_ECONFIG);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layouts, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(found_again, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(whiteouts, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(replaced, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(links, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(modes, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(names, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(empty_layers, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(linked_layers, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(platforms, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(folders, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(progress, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(cache_place, room_setup, room_teardown),
    };
    int skip = become(argc, argv);

    return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
