/*
 * labels.h - who owns a container: the labels that say so, and whether that owner still lives.
 *
 * A process is known by its host, boot, pid namespace, pid and start time (proc_pid_stat(5), field
 * 22), so that a reused pid is not taken for its predecessor.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_CONTAINER_LABELS_H
#define ENCLAVE_CONTAINER_LABELS_H

#include <json-c/json.h>

/* On every container of ours; its value is the version. */
#define LABEL_VERSION "io.enclave.version"
#define LABEL_INSTANCE "io.enclave.instance"
#define LABEL_SANDBOX "io.enclave.sandbox"
/* What kind of engine it was made by: several backends may reach one engine. */
#define LABEL_ENGINE "io.enclave.engine"
#define LABEL_HOSTNAME "io.enclave.owner.hostname"
#define LABEL_BOOT_ID "io.enclave.owner.boot-id"
#define LABEL_PID_NAMESPACE "io.enclave.owner.pid-namespace"
#define LABEL_PID "io.enclave.owner.pid"
#define LABEL_PID_START "io.enclave.owner.pid-start"
#define LABEL_UID "io.enclave.owner.uid"
/* "true": its user wants it kept when it has stopped (remove_on_exit = false). */
#define LABEL_KEEP "io.enclave.keep"
/* Of a sandbox that outlives its manager: by it the agent knows the next one (agent.h). Payloads see no labels. */
#define LABEL_TOKEN "io.enclave.token"

/* Labels of a container that this process makes; NULL without memory. `token` may be "". */
json_object *labels_make(const char *instance, const char *engine, const char *sandbox, int keep,
                         const char *token);

/* Made by this instance, which only one process of a user of this machine is at a time, by this kind of engine,
 * and may be adopted. */
int labels_adoptable(json_object *labels, const char *instance, const char *engine);

enum labels_owner {
    LABELS_OWNER_UNKNOWN, /* of another host or pid namespace, or not to be read: not ours to judge */
    LABELS_OWNER_ALIVE,
    LABELS_OWNER_DEAD /* for certain */
};

/* What is known about the owner that a container's labels name. `created`: when the container was
 * made, in seconds since the Epoch; 0: not known. */
enum labels_owner labels_owner(json_object *labels, int64_t created);

#endif
