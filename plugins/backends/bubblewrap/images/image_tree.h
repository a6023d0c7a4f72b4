/*
 * image_tree.h - removing folders with all that is in them, however deep, without following a link.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_TREE_H
#define ENCLAVE_IMAGE_TREE_H

/* Remove `name` in the folder `parent`, whatever it is. What is not there is removed. 0, or -1 and
 * errno. */
int image_tree_remove(int parent, const char *name);

/* Remove what is in the folder `fd`. */
int image_tree_empty(int fd);

#endif
