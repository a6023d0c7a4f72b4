/*
 * image_lock.h - a lock between threads and processes that can be waited for and given up, without
 * polling. Whoever dies holding it lets go of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_IMAGE_LOCK_H
#define ENCLAVE_IMAGE_LOCK_H

/*
 * Take the lock that is the FIFO `name` in `folder`, made when it is missing. 1: it is ours, until
 * `*ret_fd` is closed; 0: `cancel_fd` (-1: none) became readable before; -1: errno.
 */
int image_lock_take(int folder, const char *name, int cancel_fd, int *ret_fd);

#endif
