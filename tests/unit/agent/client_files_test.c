/*
 * client_files_test.c - files and archives through the agent: the real one, and one that lies.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client_peer.h"

#include "../../../plugins/backends/agent/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct agent_loop *loop;
static struct peer_link peer;
static struct enclave_error err;

/* ------------------------------------------------------------------------------ sinks and sources */

struct bytes {
    uint8_t *data;
    size_t length;
    size_t at;
    size_t step; /* of a read */
    int32_t fails;
};

static int32_t bytes_write(void *ctx, const void *data, uint64_t length)
{
    struct bytes *b = ctx;
    uint8_t *grown = realloc(b->data, b->length + (size_t)length + 1);

    assert_non_null(grown);
    memcpy(grown + b->length, data, (size_t)length);
    b->data = grown;
    b->length += (size_t)length;
    b->data[b->length] = '\0';
    return b->fails;
}

static int64_t bytes_read(void *ctx, void *buffer, uint64_t capacity)
{
    struct bytes *b = ctx;
    size_t n = b->length - b->at;

    if (b->fails && b->at > 0) {
        return b->fails;
    }
    n = n < capacity ? n : (size_t)capacity;
    n = b->step && n > b->step ? b->step : n;
    memcpy(buffer, b->data + b->at, n);
    b->at += n;
    return (int64_t)n;
}

static struct enclave_sink sink_of(struct bytes *b)
{
    return (struct enclave_sink){
        .size = sizeof(struct enclave_sink), .ctx = b, .write = bytes_write};
}

static struct enclave_source source_of(struct bytes *b)
{
    return (struct enclave_source){
        .size = sizeof(struct enclave_source), .ctx = b, .read = bytes_read};
}

static struct enclave_file_request at(const char *path)
{
    return (struct enclave_file_request){.size = sizeof(struct enclave_file_request), .path = path};
}

static int32_t put(const char *path, const void *data, size_t length)
{
    struct enclave_file_request request = at(path);
    struct bytes b = {.data = (uint8_t *)(uintptr_t)data, .length = length};
    struct enclave_source source = source_of(&b);

    return agent_file_write(peer.agent, &request, -1, &source, &err);
}

static int32_t get(const char *path, uint64_t max_bytes, struct bytes *b)
{
    struct enclave_file_request request = at(path);
    struct enclave_sink sink = sink_of(b);

    request.max_bytes = max_bytes;
    return agent_file_read(peer.agent, &request, -1, &sink, &err);
}

/* -------------------------------------------------------------------------------------- files */

static void what_is_written_is_read(void **state)
{
    const size_t size = 5u << 20;
    uint8_t *data = malloc(size);
    struct bytes b = {0};

    (void)state;
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    if (put("big", data, size) != 0 || get(PEER_WORK "/big", size, &b) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(b.length, size);
    assert_memory_equal(b.data, data, size);
    free(b.data);
    b = (struct bytes){0};
    assert_int_equal(put("empty", "", 0), 0);
    assert_int_equal(get("empty", 0, &b), 0);
    assert_int_equal(b.length, 0);
    free(data);
}

static void errors_of_files(void **state)
{
    struct enclave_file_request request = at("big");
    struct bytes b = {0};
    struct enclave_source source;
    struct enclave_sink sink;

    (void)state;
    assert_int_equal(get("nothing", 0, &b), ENCLAVE_ENOTFOUND);
    assert_string_equal(err.message, "read 'nothing': No such file or directory");
    assert_int_equal(get("/proc/1/environ", 0, &b), ENCLAVE_EDENIED);
    assert_int_equal(put("/usr/x", "x", 1), ENCLAVE_EDENIED);
    assert_int_equal(put("/no/such/place", "x", 1), ENCLAVE_ENOTFOUND);
    assert_int_equal(get("big", 1000, &b), ENCLAVE_ETOOBIG);
    assert_int_equal(get(PEER_WORK, 0, &b), ENCLAVE_EINVALID);
    assert_int_equal(get("", 0, &b), ENCLAVE_EINVALID);
    b.fails = ENCLAVE_EBUSY;
    assert_int_equal(get("big", 0, &b), ENCLAVE_EBUSY); /* the sink's own code */
    sink = sink_of(&b);
    request.timeout_ms = 1;
    source = source_of(&b);
    b.length = 10;
    b.step = 1;
    assert_int_equal(agent_file_write(peer.agent, &request, -1, &source, &err), ENCLAVE_EBUSY);
    b.fails = 0;
    request = at("big");
    {
        int fd = eventfd(1, EFD_CLOEXEC);

        assert_int_equal(agent_file_read(peer.agent, &request, fd, &sink, &err),
                         ENCLAVE_ECANCELLED);
        close(fd);
    }
    free(b.data);
}

struct seen {
    int count;
    char names[256];
    struct enclave_file_info last;
    char target[64];
};

static int32_t on_entry(void *ctx, const struct enclave_file_info *info)
{
    struct seen *seen = ctx;

    seen->count++;
    (void)snprintf(seen->names + strlen(seen->names), sizeof seen->names - strlen(seen->names),
                   "%s ", info->name);
    (void)snprintf(seen->target, sizeof seen->target, "%s", info->target ? info->target : "");
    seen->last = *info;
    return 0;
}

static void entries_are_told(void **state)
{
    struct enclave_file_request request = at("d/e/file");
    struct seen seen = {0};
    struct enclave_entry_sink sink = {.size = sizeof sink, .ctx = &seen, .entry = on_entry};
    struct bytes b = {.data = (uint8_t *)(uintptr_t) "12345", .length = 5};
    struct enclave_source source = source_of(&b);

    (void)state;
    request.flags = ENCLAVE_FILE_FLAG_MKDIRS;
    request.mode = 0640;
    assert_int_equal(agent_file_write(peer.agent, &request, -1, &source, &err), 0);
    assert_int_equal(agent_file_stat(peer.agent, &request, -1, &sink, &err), 0);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.names, "file ");
    assert_int_equal(seen.last.length, 5);
    assert_int_equal(seen.last.mode, 0640);
    assert_int_equal(seen.last.uid, 1000);
    assert_int_equal(seen.last.type, ENCLAVE_FILE_REGULAR);
    seen = (struct seen){0};
    request = at(PEER_WORK);
    assert_int_equal(agent_file_list(peer.agent, &request, -1, &sink, &err), 0);
    assert_string_equal(seen.names, "big d empty ");
    seen = (struct seen){0};
    request = at("/");
    if (agent_file_stat(peer.agent, &request, -1, &sink, &err) != 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(seen.last.type, ENCLAVE_FILE_DIRECTORY);
    request = at("d");
    assert_true(agent_file_remove(peer.agent, &request, -1, &err) < 0);
    request.flags = ENCLAVE_FILE_FLAG_RECURSIVE;
    assert_int_equal(agent_file_remove(peer.agent, &request, -1, &err), 0);
    assert_int_equal(agent_file_stat(peer.agent, &request, -1, &sink, &err), ENCLAVE_ENOTFOUND);
}

/* ------------------------------------------------------------------------------------- archives */

static void add(struct archive *tar, const char *name, unsigned type, const char *link,
                const char *content)
{
    struct archive_entry *entry = archive_entry_new();
    size_t size = content ? strlen(content) : 0;

    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 06755);
    archive_entry_set_mtime(entry, 1000000000, 0);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (link && type == AE_IFLNK) {
        archive_entry_copy_symlink(entry, link);
    } else if (link) {
        archive_entry_copy_hardlink(entry, link);
    }
    assert_true(archive_write_header(tar, entry) >= ARCHIVE_WARN);
    if (size > 0) {
        assert_int_equal(archive_write_data(tar, content, size), size);
    }
    archive_entry_free(entry);
}

static struct archive *tar_begin(uint8_t *buffer, size_t size, size_t *used)
{
    struct archive *tar = archive_write_new();

    archive_write_set_format_gnutar(tar);
    archive_write_open_memory(tar, buffer, size, used);
    return tar;
}

static int32_t unpack(const void *data, size_t length, uint64_t max_bytes)
{
    struct enclave_file_request request = at("tree");
    struct bytes b = {.data = (uint8_t *)(uintptr_t)data, .length = length, .step = 700};
    struct enclave_source source = source_of(&b);

    request.max_bytes = max_bytes;
    return agent_put_archive(peer.agent, &request, -1, &source, &err);
}

static size_t sample(uint8_t *buffer, size_t size)
{
    struct archive *tar = archive_write_new();
    size_t used = 0;

    archive_write_set_format_gnutar(tar);
    archive_write_open_memory(tar, buffer, size, &used);
    add(tar, "./", AE_IFDIR, NULL, NULL);
    add(tar, "./a/", AE_IFDIR, NULL, NULL);
    add(tar, "a/file", AE_IFREG, NULL, "content");
    add(tar, "a/link", AE_IFLNK, "file", NULL);
    add(tar, "a/hard", AE_IFREG, "./a/file", NULL);
    add(tar, "b/no/parent", AE_IFREG, NULL, "more");
    add(tar, "gr\xc3\xbc\xc3\x9f", AE_IFREG, NULL, "utf-8");
    add(tar, "raw\xff", AE_IFREG, NULL, "bytes");
    archive_write_close(tar);
    archive_write_free(tar);
    return used;
}

static int count(const struct bytes *b, const char *text)
{
    size_t length = strlen(text);
    int n = 0;

    for (size_t i = 0; i + length <= b->length; i++) {
        n += memcmp(b->data + i, text, length) == 0;
    }
    return n;
}

static void archives_go_in_and_out(void **state)
{
    static uint8_t buffer[65536];
    struct enclave_file_request request = at("tree");
    struct bytes out = {0};
    struct enclave_sink sink = sink_of(&out);
    struct run run;

    (void)state;
    if (unpack(buffer, sample(buffer, sizeof buffer), 100) != 0) {
        fail_msg("%s", err.message);
    }
    run_init(&run);
    assert_int_equal(
        run_start(&run, peer.agent,
                  (const char *const[]){
                      "sh", "-c",
                      "cd tree && cat a/link a/hard b/no/parent gr\xc3\xbc\xc3\x9f raw\xff &&"
                      " stat -c ' %a %Y %h' a/file",
                      NULL},
                  0, &err),
        0);
    run_finish(&run);
    assert_string_equal(run.out[0], "contentcontentmoreutf-8bytes 755 1000000000 2\n");
    run_free(&run);
    if (agent_get_archive(peer.agent, &request, -1, &sink, &err) != 0) {
        fail_msg("%s", err.message);
    }
    /* Only the name that is not UTF-8 is marked as raw bytes, though the locale is C. */
    assert_int_equal(count(&out, "hdrcharset=BINARY"), 1);
    {
        /* Once more around: what came out goes in. */
        struct bytes again = {0};

        sink = sink_of(&again);
        assert_int_equal(unpack(out.data, out.length, 0), 0);
        request = at("tree/tree");
        assert_int_equal(agent_get_archive(peer.agent, &request, -1, &sink, &err), 0);
        assert_int_equal(again.length, out.length);
        assert_memory_equal(again.data, out.data, out.length);
        free(again.data);
    }
    free(out.data);
    assert_int_equal(unpack(buffer, sample(buffer, sizeof buffer), 10), ENCLAVE_ETOOBIG);
}

static void refused_entry(const char *name, unsigned type, const char *link, const char *text)
{
    static uint8_t buffer[65536];
    size_t used = 0;
    struct archive *tar = tar_begin(buffer, sizeof buffer, &used);
    int32_t rc;

    add(tar, name, type, link, type == AE_IFREG && !link ? "x" : NULL);
    archive_write_close(tar);
    archive_write_free(tar);
    rc = unpack(buffer, used, 0);
    if (rc != ENCLAVE_EINVALID || !strstr(err.message, text)) {
        fail_msg("%s: %d %s", name, rc, err.message);
    }
}

static void entries_that_are_refused(void **state)
{
    (void)state;
    refused_entry("/etc/x", AE_IFREG, NULL, "'/etc/x': an absolute path");
    refused_entry("a/../../x", AE_IFREG, NULL, "leaves");
    refused_entry("a\nb", AE_IFREG, NULL, "control");
    refused_entry("fifo", AE_IFIFO, NULL, "'fifo': neither");
    refused_entry("dev", AE_IFCHR, NULL, "neither");
    refused_entry("hard", AE_IFREG, "../../etc/passwd", "leaves");
    refused_entry("hard", AE_IFREG, "/etc/passwd", "absolute");
}

static void links_do_not_lead_out(void **state)
{
    static uint8_t buffer[65536];
    size_t used = 0;
    struct archive *tar = tar_begin(buffer, sizeof buffer, &used);

    (void)state;
    add(tar, "out", AE_IFLNK, "/tmp", NULL);
    add(tar, "out/x", AE_IFREG, NULL, "x");
    archive_write_close(tar);
    archive_write_free(tar);
    assert_int_equal(unpack(buffer, used, 0), ENCLAVE_EINVALID);
}

static void cut_archives_are_refused(void **state)
{
    static uint8_t buffer[65536];
    size_t used = sample(buffer, sizeof buffer);
    size_t data = used;

    (void)state;
    while (data > 0 && buffer[data - 1] == 0) {
        data--;
    }
    data = (data + 511) / 512 * 512;
    for (size_t i = 0; i < data; i += i % 512 == 0 ? 511 : 1) {
        int32_t rc = unpack(buffer, i, 0);

        /* Where a block of a file's padding ends in zeros only more of the same is missing. */
        if (rc != ENCLAVE_EINVALID) {
            fail_msg("cut at %zu of %zu: %d %s", i, data, rc, rc ? err.message : "");
        }
    }
    memset(buffer, 'x', sizeof buffer);
    assert_int_equal(unpack(buffer, sizeof buffer, 0), ENCLAVE_EINVALID);
}

/* --------------------------------------------------------------------------------- one that lies */

struct liar {
    int fd;
    const uint8_t *output;
    size_t length;
};

/* Answers one FILE with `output` and success. */
static void *lie(void *arg)
{
    struct liar *liar = arg;
    static uint8_t payload[WIRE_PAYLOAD_MAX];
    uint8_t data[8192];
    uint32_t id;
    size_t n;

    while (script_receive(liar->fd, payload, NULL, &id) != WIRE_FILE) {
    }
    n = script_frame(data, WIRE_OUTPUT, 1, id, liar->output, liar->length);
    n += script_exit(data + n, id, 0);
    script_send(liar->fd, data, n);
    return NULL;
}

static size_t entry(uint8_t *to, uint32_t type, const char *name, size_t name_length)
{
    memset(to, 0, 36);
    wire_put_u32(to, type);
    wire_put_u32(to + 36, (uint32_t)name_length);
    memcpy(to + 40, name, name_length);
    wire_put_u32(to + 40 + name_length, 0);
    return 44 + name_length;
}

static int32_t lied(const uint8_t *output, size_t length, int tree)
{
    struct agent_config config = peer_config();
    struct enclave_file_request request = at("x");
    struct seen seen = {0};
    struct enclave_entry_sink entries = {.size = sizeof entries, .ctx = &seen, .entry = on_entry};
    struct bytes out = {0};
    struct enclave_sink sink = sink_of(&out);
    struct agent_transport transport;
    struct liar liar = {.output = output, .length = length};
    struct agent *agent;
    uint8_t ready[64];
    pthread_t thread;
    char *facts;
    int32_t rc;
    int ours;

    script_pair(&ours, &liar.fd);
    script_send(liar.fd, ready, script_ready(ready, WIRE_MAGIC, 1, ""));
    transport = agent_transport_socket(ours, 0);
    assert_int_equal(agent_connect(loop, &transport, &config, &agent, &facts, &err), 0);
    pthread_create(&thread, NULL, lie, &liar);
    rc = tree ? agent_get_archive(agent, &request, -1, &sink, &err)
              : agent_file_list(agent, &request, -1, &entries, &err);
    pthread_join(thread, NULL);
    agent_close(agent, "done");
    agent_free(agent);
    free(facts);
    free(out.data);
    close(liar.fd);
    return rc;
}

static void lies_are_found_out(void **state)
{
    uint8_t data[512];
    size_t n = entry(data, 1, "name", 4);

    (void)state;
    assert_int_equal(lied(data, n, 0), 0);
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(lied(data, i, 0), ENCLAVE_EPROTOCOL);
    }
    assert_int_equal(lied(data, entry(data, 1, "a/b", 3), 0), ENCLAVE_EPROTOCOL);
    assert_int_equal(lied(data, entry(data, 1, "..", 2), 0), ENCLAVE_EPROTOCOL);
    assert_int_equal(lied(data, entry(data, 1, "a\0b", 3), 0), ENCLAVE_EPROTOCOL);
    assert_int_equal(lied(data, entry(data, 9, "a", 1), 0), ENCLAVE_EPROTOCOL);
    n = entry(data, 1, "a", 1);
    wire_put_u32(data + 36, 0xffffffff);
    assert_int_equal(lied(data, n, 0), ENCLAVE_EPROTOCOL);
    /* A tree record: the same with a shorter beginning. */
    n = entry(data, 2, "d", 1) - 12;
    memmove(data + 24, data + 36, n);
    assert_int_equal(lied(data, n, 1), 0);
    data[28] = '/';
    assert_int_equal(lied(data, n, 1), ENCLAVE_EPROTOCOL);
    data[28] = 'f';
    wire_put_u32(data, 1);
    wire_put_u64(data + 8, 5);
    assert_int_equal(lied(data, n, 1), ENCLAVE_EPROTOCOL); /* its content does not come */
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(agent_loop_new(&loop, NULL), 0);
    peer_link_open(&peer, loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_link_close(&peer);
    agent_loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),  cmocka_unit_test(errors_of_files),
        cmocka_unit_test(entries_are_told),         cmocka_unit_test(archives_go_in_and_out),
        cmocka_unit_test(entries_that_are_refused), cmocka_unit_test(links_do_not_lead_out),
        cmocka_unit_test(cut_archives_are_refused), cmocka_unit_test(lies_are_found_out),
    };

    if (!peer_can_run_agent()) {
        print_message("needs root and the agent's program\n");
        return getenv("ENCLAVE_TEST_REQUIRE") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
