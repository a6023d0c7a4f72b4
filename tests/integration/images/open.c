/*
 * open.c SOURCE CACHE - opens a saved image, and prints its root filesystem, its digest and its environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_store.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct image_request request = {
        .source = argv[1], .cache_dir = argc > 2 ? argv[2] : NULL, .cancel_fd = -1};
    struct image image;
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s SOURCE [CACHE]\n", argv[0]);
        return 2;
    }
    if (image_open(&request, &image, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)printf("%s\n%s\n", image.rootfs, image.digest ? image.digest : "");
    for (char **variable = image.env; *variable; variable++) {
        (void)printf("%s\n", *variable);
    }
    image_clear(&image);
    return 0;
}
