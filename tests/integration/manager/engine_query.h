/*
 * engine_query.h - asking the engine itself, past libenclave, over its Unix socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_TEST_ENGINE_QUERY_H
#define ENCLAVE_TEST_ENGINE_QUERY_H

#include <json-c/json.h>

/* The engine that the tests use: docker, or what $ENCLAVE_TEST_ENGINE says: podman, podman-rootless. */
const char *engine_name(void);

/* Path of its socket. */
const char *engine_socket(void);

/* GET `path` ("/containers/json?all=1"); the JSON answered, or NULL when the engine does not answer
 * or answers with an error. json_object_put() it. */
json_object *engine_get(const char *socket_path, const char *path);

/* POST a JSON body; what is answered to 200 or 201, else NULL. */
json_object *engine_post(const char *socket_path, const char *path, json_object *body);

/* Another method without a body; the HTTP status, or -1. */
long engine_do(const char *socket_path, const char *method, const char *path);

/* Copy an image from one engine to another, through a temporary file; 0, or -1. */
int engine_copy_image(const char *from_socket, const char *to_socket, const char *image);

/* 1 when something answers behind the socket. */
int engine_answers(const char *socket_path);

#endif
