/*
 * verify.c - see verify.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "verify.h"

#include "agent.h"

#include <enclave/types.h>

#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHM_DIR "/dev/shm"
/* Limits are kept in pages, of up to 64 KiB. */
#define PAGE_MAX UINT64_C(65536)
/* At least the engine's and the agent's. */
#define SECCOMP_FILTERS 2

struct verify {
    const struct sandbox_plan *plan;
    const struct sandbox_config *config;
    const char *facts;
    uint64_t explicit_bits;
    uint64_t *unenforced;
    struct enclave_error *err;
};

static int32_t mismatch(const struct verify *v, const char *what, const char *wanted,
                        const char *read)
{
    return enclave_error_set(v->err, ENCLAVE_EUNENFORCED,
                             "%s is not enforced: wanted %s, read back %s", what, wanted, read);
}

/* 1 when a default may go without, which is told; what was asked for explicitly may not. */
static int may_lack(const struct verify *v, uint64_t bit)
{
    if (v->explicit_bits & bit) {
        return 0;
    }
    *v->unenforced |= bit;
    return 1;
}

/* `ret` is the value, or "nothing" when it is absent. 1 when it may be: a runtime of another kind
 * (gVisor, Kata) need not show its cgroup, and `bit` is then not known to be enforced. */
static int read_fact(const struct verify *v, const char *key, uint64_t bit, char *ret, size_t size)
{
    if (agent_fact(v->facts, key, ret, size) == 0) {
        return 0;
    }
    (void)snprintf(ret, size, "nothing");
    return v->config->runtime != NULL && may_lack(v, bit);
}

static int32_t expect_text(const struct verify *v, const char *what, const char *key,
                           const char *wanted)
{
    char text[256];

    if (agent_fact(v->facts, key, text, sizeof text) != 0) {
        (void)snprintf(text, sizeof text, "nothing");
    }
    return strcmp(text, wanted) == 0 ? 0 : mismatch(v, what, wanted, text);
}

static int32_t expect_number(const struct verify *v, const char *what, const char *key,
                             uint64_t bit, uint64_t wanted, uint64_t less)
{
    char text[64];
    char number[32];
    char *end;
    uint64_t value;

    if (read_fact(v, key, bit, text, sizeof text)) {
        return 0;
    }
    value = strtoull(text, &end, 10);
    if (end != text && !*end && value <= wanted && wanted - value <= less) {
        return 0;
    }
    (void)snprintf(number, sizeof number, "%" PRIu64, wanted);
    return mismatch(v, what, number, text);
}

/* ----------------------------------------------------------------------------------- privileges */

static int32_t expect_no_capabilities(const struct verify *v)
{
    static const char *const sets[] = {"cap_eff", "cap_prm", "cap_amb"};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char text[64];

        if (agent_fact(v->facts, sets[i], text, sizeof text) != 0) {
            (void)snprintf(text, sizeof text, "nothing");
        }
        if (!*text || strspn(text, "0") != strlen(text)) {
            return mismatch(v, "dropping capabilities", "none", text);
        }
    }
    return 0;
}

/* That a filter is there says nothing of the engine's: the agent always brings its own. */
static int32_t verify_seccomp(const struct verify *v)
{
    char count[16];
    int32_t rc = expect_text(v, "seccomp", "seccomp", "2");

    if (rc || agent_fact(v->facts, "seccomp_filters", count, sizeof count) != 0) {
        return rc; /* the kernel does not count them before Linux 5.9 */
    }
    if (strtoul(count, NULL, 10) >= SECCOMP_FILTERS || may_lack(v, ENCLAVE_CAN_SECCOMP)) {
        return 0;
    }
    return mismatch(v, "the engine's seccomp profile", "2 filters", count);
}

static int32_t verify_privileges(const struct verify *v)
{
    char uid[16];
    char gid[16];
    int32_t rc;

    (void)snprintf(uid, sizeof uid, "%" PRIu32, v->plan->uid);
    (void)snprintf(gid, sizeof gid, "%" PRIu32, v->plan->gid);
    (void)((rc = expect_text(v, "the user", "uid", uid)) ||
           (rc = expect_text(v, "the group", "gid", gid)));
    if (rc || v->config->privileged) {
        return rc;
    }
    (void)((rc = expect_no_capabilities(v)) ||
           (rc = expect_text(v, "no-new-privileges", "no_new_privs", "1")) ||
           (rc = verify_seccomp(v)));
    return rc;
}

/* --------------------------------------------------------------------------------------- limits */

/* As "quota of 100000": the kernel may show another period, so the ratio counts. */
static int32_t verify_cpu(const struct verify *v)
{
    char quota[32];
    char period[32];
    char read[80];
    char wanted[80];
    double cpus;
    double plan = (double)v->config->cpu_quota_us / SANDBOX_CPU_PERIOD_US;

    if (read_fact(v, "cpu_quota", ENCLAVE_CAN_CPU, quota, sizeof quota) ||
        read_fact(v, "cpu_period", ENCLAVE_CAN_CPU, period, sizeof period)) {
        return 0;
    }
    cpus = strtod(quota, NULL) / strtod(period, NULL);
    if (cpus > 0 && cpus <= plan * 1.001 && cpus >= plan * 0.999) {
        return 0;
    }
    (void)snprintf(wanted, sizeof wanted, "%" PRIu64 " us of %d", v->config->cpu_quota_us,
                   SANDBOX_CPU_PERIOD_US);
    (void)snprintf(read, sizeof read, "%s us of %s", quota, period);
    return mismatch(v, "cpu_limit", wanted, read);
}

static int32_t verify_limits(const struct verify *v)
{
    const struct sandbox_limits *limits = &v->plan->limits;
    int32_t rc = 0;

    if (limits->memory) {
        rc = expect_number(v, "memory_limit", "memory_max", ENCLAVE_CAN_MEMORY, v->config->memory,
                           PAGE_MAX);
        if (!rc && limits->swap) {
            rc = expect_number(v, "memory_limit with swap", "memory_swap_max", ENCLAVE_CAN_MEMORY,
                               v->config->memory, PAGE_MAX);
        }
    }
    if (!rc && limits->pids) {
        rc = expect_number(v, "pids_limit", "pids_max", ENCLAVE_CAN_PIDS, v->config->pids, 0);
    }
    if (!rc && limits->nproc) {
        rc = expect_number(v, "pids_limit", "nproc", ENCLAVE_CAN_PIDS,
                           v->config->pids - SANDBOX_AGENT_PIDS, v->config->pids);
    }
    if (!rc && limits->cpu) {
        rc = verify_cpu(v);
    }
    return rc;
}

/* ---------------------------------------------------------------------------------- filesystems */

static int has_flag(const char *flags, const char *flag)
{
    size_t length = strlen(flag);

    for (const char *p = flags; *p; p += strcspn(p, "+"), p += *p == '+') {
        if (strncmp(p, flag, length) == 0 && (p[length] == '\0' || p[length] == '+')) {
            return 1;
        }
    }
    return 0;
}

/* `text` is "FSTYPE,SIZE,FLAGS". The size is rounded up to whole pages. */
static int is_tmpfs_of(const char *text, uint64_t size)
{
    char *end;
    uint64_t read;

    if (strtoull(text, &end, 16) != TMPFS_MAGIC || *end != ',') {
        return 0;
    }
    read = strtoull(end + 1, &end, 10);
    return *end == ',' && read >= size && read - size <= PAGE_MAX && has_flag(end + 1, "nosuid") &&
           has_flag(end + 1, "nodev") && !has_flag(end + 1, "ro");
}

static int32_t verify_tmpfs(const struct verify *v, const char *path, uint64_t size)
{
    char key[4200];
    char text[128];
    char wanted[128];

    (void)snprintf(key, sizeof key, "mount:%s", path);
    if (agent_fact(v->facts, key, text, sizeof text) != 0) {
        (void)snprintf(text, sizeof text, "nothing");
    }
    if (is_tmpfs_of(text, size)) {
        return 0;
    }
    (void)snprintf(wanted, sizeof wanted, "%x,%" PRIu64 ",nosuid+nodev", (unsigned)TMPFS_MAGIC,
                   size);
    (void)snprintf(key, sizeof key, "the size of '%.64s'", path);
    return mismatch(v, key, wanted, text);
}

void verify_checks(const struct sandbox_config *config, const char *checks[VERIFY_MAX_CHECKS])
{
    size_t n = 0;

    checks[n++] = SHM_DIR;
    if (!sandbox_config_in_volume(config, config->working_dir)) {
        checks[n++] = config->working_dir;
    }
    if (!sandbox_config_in_volume(config, "/tmp") && strcmp(config->working_dir, "/tmp") != 0) {
        checks[n++] = "/tmp";
    }
    checks[n] = NULL;
}

static int32_t verify_filesystems(const struct verify *v)
{
    const char *checks[VERIFY_MAX_CHECKS];
    int32_t rc = 0;

    if (v->config->read_only_root) {
        rc = expect_text(v, "read_only_root", "root_read_only", "1");
    }
    verify_checks(v->config, checks);
    for (size_t i = 0; !rc && checks[i]; i++) {
        uint64_t size = strcmp(checks[i], SHM_DIR) == 0                  ? v->config->shm_size
                        : strcmp(checks[i], v->config->working_dir) == 0 ? v->config->workdir_size
                                                                         : v->config->tmp_size;

        rc = verify_tmpfs(v, checks[i], size);
    }
    return rc;
}

/* -------------------------------------------------------------------------------------- network */

/* Devices that the kernel puts into every new network namespace once their module is loaded
 * (net.core.fb_tunnels_only_for_init_net). They are down, and lead nowhere. */
static int is_harmless(const char *name, size_t length)
{
    static const char *const names[] = {"lo",      "tunl0",    "gre0", "gretap0", "erspan0",
                                        "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static int32_t verify_network(const struct verify *v)
{
    char text[1024];

    if (v->config->network_enabled) {
        return 0;
    }
    if (agent_fact(v->facts, "interfaces", text, sizeof text) != 0) {
        return mismatch(v, "network_enabled = false", "lo", "nothing");
    }
    for (const char *p = text; *p; p += *p == ',') {
        size_t length = strcspn(p, ",");

        if (!is_harmless(p, length)) {
            return mismatch(v, "network_enabled = false", "lo", text);
        }
        p += length;
    }
    return 0;
}

int32_t verify_facts(const struct sandbox_plan *plan, const char *facts, uint64_t explicit_bits,
                     uint64_t *ret_unenforced, struct enclave_error *err)
{
    struct verify v = {plan, plan->config, facts, explicit_bits, ret_unenforced, err};
    int32_t rc;

    *ret_unenforced = 0;
    (void)((rc = verify_privileges(&v)) || (rc = verify_limits(&v)) ||
           (rc = verify_filesystems(&v)) || (rc = verify_network(&v)));
    return rc;
}
