/*
 * image_manifest.c - see image_manifest.h.
 *
 * Where a tar has both manifest.json and index.json, manifest.json is taken: it names what the engine
 * chose to save, while the index of a newer Docker also names platforms that are not in the tar.
 * Either way the configuration's digest vouches for the layers (image_layer.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_manifest.h"

#include "image_config.h"
#include "json_build.h"

#include <stdlib.h>

#define LAYERS_MAX 1024u
#define NESTING_MAX 4 /* of an index in an index */
#define BLOBS "blobs/sha256/"

static int32_t damaged(const struct image_tar *tar, const char *name, const char *why)
{
    return image_job_fail(image_tar_job(tar), ENCLAVE_EINVALID, "'%.200s' in it %s", name, why);
}

static int32_t no_memory(const struct image_tar *tar)
{
    return image_job_fail(image_tar_job(tar), ENCLAVE_ENOMEM, "out of memory");
}

static int32_t read_json(const struct image_tar *tar, const char *name, const char *digest,
                         char **ret_text, size_t *ret_length, json_object **ret_json)
{
    char found[IMAGE_DIGEST_SIZE];
    int32_t r = image_tar_text(tar, name, ret_text, ret_length);

    if (r != 0) {
        return r;
    }
    if (digest && strcmp(image_digest_of(*ret_text, *ret_length, found), digest) != 0) {
        return damaged(tar, name, "is damaged: its content does not have its digest");
    }
    *ret_json = image_json_parse(*ret_text, *ret_length);
    return *ret_json ? 0 : damaged(tar, name, "is no JSON, or too deep");
}

/* ------------------------------------------------------------------------------ configuration */

static int32_t check_platform(const struct image_tar *tar, json_object *config)
{
    const char *os = json_text(config, "os", "linux");
    const char *architecture = json_text(config, "architecture", image_machine());

    if (strcmp(os, "linux") != 0 || strcmp(architecture, image_machine()) != 0) {
        return image_job_fail(image_tar_job(tar), ENCLAVE_EINVALID,
                              "it is for %.40s/%.40s, and this machine is linux/%s", os,
                              architecture, image_machine());
    }
    return 0;
}

static int32_t check_env(const struct image_tar *tar, const char *name, json_object *config)
{
    char **env;
    int32_t r = image_config_env(config, &env);

    if (r == ENCLAVE_ENOMEM) {
        return no_memory(tar);
    }
    if (r != 0) {
        return damaged(tar, name, "has an Env that is none");
    }
    image_env_free(env);
    return 0;
}

/* The layers' diff_ids: as many as there are layers. */
static int32_t take_diff_ids(const struct image_tar *tar, const char *name, json_object *config,
                             struct image_manifest *manifest)
{
    json_object *list = json_member(json_member(config, "rootfs"), "diff_ids");

    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) != manifest->count) {
        return damaged(tar, name, "does not have one of rootfs.diff_ids for each layer");
    }
    for (size_t i = 0; i < manifest->count; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *digest =
            json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";

        if (!image_digest_hex(digest)) {
            return damaged(tar, name, "has one of rootfs.diff_ids that is no sha256 digest");
        }
        memcpy(manifest->layers[i].diff_id, digest, IMAGE_DIGEST_SIZE);
    }
    return 0;
}

static int32_t take_config(const struct image_tar *tar, const char *name, const char *digest,
                           struct image_manifest *manifest)
{
    json_object *config JSON_CLEANUP = NULL;
    int32_t r = read_json(tar, name, digest, &manifest->config, &manifest->config_length, &config);

    if (r == 0) {
        r = check_platform(tar, config);
    }
    if (r == 0) {
        r = check_env(tar, name, config);
    }
    if (r == 0) {
        r = take_diff_ids(tar, name, config, manifest);
    }
    if (r == 0) {
        (void)image_digest_of(manifest->config, manifest->config_length, manifest->digest);
    }
    return r;
}

static int32_t make_layers(const struct image_tar *tar, const char *name, json_object *list,
                           struct image_manifest *manifest)
{
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    if (count == 0 || count > LAYERS_MAX) {
        return damaged(tar, name, "has no list of layers, or one that is too long");
    }
    manifest->layers = calloc(count, sizeof *manifest->layers);
    if (!manifest->layers) {
        return no_memory(tar);
    }
    manifest->count = count;
    return 0;
}

/* ------------------------------------------------------------------------------ `docker save` */

/* The digest that a configuration's name tells: HEX.json, sha256:HEX or blobs/sha256/HEX. */
static const char *digest_in_name(const char *name, char to[IMAGE_DIGEST_SIZE])
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;

    if (strncmp(base, IMAGE_DIGEST_PREFIX, sizeof IMAGE_DIGEST_PREFIX - 1) == 0) {
        base += sizeof IMAGE_DIGEST_PREFIX - 1;
    }
    (void)snprintf(to, IMAGE_DIGEST_SIZE, "%s%s", IMAGE_DIGEST_PREFIX, base);
    return image_digest_hex(to) ? to : NULL;
}

static int32_t take_saved(const struct image_tar *tar, json_object *saved,
                          struct image_manifest *manifest)
{
    static const char name[] = "manifest.json";
    char digest[IMAGE_DIGEST_SIZE];
    json_object *image = json_object_array_get_idx(saved, 0);
    json_object *layers = json_member(image, "Layers");
    const char *config = json_text(image, "Config", NULL);
    int32_t r = make_layers(tar, name, layers, manifest);

    if (r == 0 && !config) {
        return damaged(tar, name, "names no Config");
    }
    for (size_t i = 0; r == 0 && i < manifest->count; i++) {
        json_object *layer = json_object_array_get_idx(layers, i);

        if (!json_object_is_type(layer, json_type_string)) {
            return damaged(tar, name, "has a layer without a name");
        }
        manifest->layers[i].name = strdup(json_object_get_string(layer));
        r = manifest->layers[i].name ? 0 : no_memory(tar);
    }
    return r == 0 ? take_config(tar, config, digest_in_name(config, digest), manifest) : r;
}

static int32_t read_saved(const struct image_tar *tar, struct image_manifest *manifest)
{
    char *text = NULL;
    size_t length = 0;
    json_object *saved JSON_CLEANUP = NULL;
    int32_t r = read_json(tar, "manifest.json", NULL, &text, &length, &saved);

    if (r == 0 && !json_object_is_type(saved, json_type_array)) {
        r = damaged(tar, "manifest.json", "is no list of images");
    }
    if (r == 0 && json_object_array_length(saved) != 1) {
        r = image_job_fail(image_tar_job(tar), ENCLAVE_EINVALID,
                           "it holds %zu images; save the one that is wanted by itself",
                           json_object_array_length(saved));
    }
    if (r == 0) {
        r = take_saved(tar, saved, manifest);
    }
    free(text);
    return r;
}

/* --------------------------------------------------------------------------- OCI image layout */

/* The member and the digest that a descriptor names. `to` takes the name. */
static int32_t descriptor(const struct image_tar *tar, const char *in, json_object *from,
                          char to[sizeof BLOBS + IMAGE_DIGEST_SIZE], const char **ret_digest)
{
    const char *digest = json_text(from, "digest", "");
    const char *hex = image_digest_hex(digest);

    if (!hex) {
        return damaged(tar, in, "names something by what is no sha256 digest");
    }
    (void)snprintf(to, sizeof BLOBS + IMAGE_DIGEST_SIZE, BLOBS "%s", hex);
    *ret_digest = digest;
    return 0;
}

static int32_t take_manifest(const struct image_tar *tar, const char *name, json_object *json,
                             struct image_manifest *manifest)
{
    char member[sizeof BLOBS + IMAGE_DIGEST_SIZE];
    const char *digest;
    json_object *layers = json_member(json, "layers");
    int32_t r = make_layers(tar, name, layers, manifest);

    for (size_t i = 0; r == 0 && i < manifest->count; i++) {
        r = descriptor(tar, name, json_object_array_get_idx(layers, i), member, &digest);
        if (r == 0) {
            manifest->layers[i].name = strdup(member);
            manifest->layers[i].digest = strdup(digest);
            r = manifest->layers[i].name && manifest->layers[i].digest ? 0 : no_memory(tar);
        }
    }
    if (r == 0) {
        r = descriptor(tar, name, json_member(json, "config"), member, &digest);
    }
    return r == 0 ? take_config(tar, member, digest, manifest) : r;
}

/* Whether an index's entry can be for this machine: 2 says so, 1 says nothing, 0 is for another. */
static int suits(json_object *entry)
{
    json_object *platform = json_member(entry, "platform");

    if (!platform) {
        return 1;
    }
    return strcmp(json_text(platform, "os", "linux"), "linux") == 0 &&
                   strcmp(json_text(platform, "architecture", ""), image_machine()) == 0
               ? 2
               : 0;
}

/*
 * The entry of an index for this machine. Of several in an outermost index, each is an image of its
 * own; further in they are variants of one, the preferred first (image-index.md).
 */
static int32_t choose(const struct image_tar *tar, const char *name, json_object *list, int nesting,
                      json_object **ret_entry)
{
    size_t count = json_object_array_length(list);
    size_t found = 0;
    int best = 1;

    for (size_t i = 0; i < count; i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        int suitable = suits(entry);

        if (suitable > best || (suitable == best && found == 0)) {
            best = suitable;
            found = 0;
            *ret_entry = entry;
        }
        found += suitable == best &&
                 (found == 0 ||
                  strcmp(json_text(entry, "digest", ""), json_text(*ret_entry, "digest", "")) != 0);
    }
    if (found == 0) {
        return image_job_fail(image_tar_job(tar), ENCLAVE_EINVALID,
                              "it has no image for linux/%s, which is this machine",
                              image_machine());
    }
    if (found > 1 && nesting == 0) {
        return damaged(tar, name, "names several images; save the one that is wanted by itself");
    }
    return 0;
}

static int32_t read_index(const struct image_tar *tar, struct image_manifest *manifest)
{
    char name[sizeof BLOBS + IMAGE_DIGEST_SIZE] = "index.json";
    json_object *json = NULL;
    const char *digest = NULL;
    int32_t r = 0;

    for (int nesting = 0; r == 0; nesting++) {
        json_object *outer JSON_CLEANUP = json; /* of `digest` */
        json_object *list;
        json_object *entry = NULL;
        char *text = NULL;
        size_t length = 0;

        json = NULL;
        r = read_json(tar, name, digest, &text, &length, &json);
        free(text);
        if (r != 0) {
            break;
        }
        list = json_member(json, "manifests");
        if (!json_object_is_type(list, json_type_array)) {
            r = take_manifest(tar, name, json, manifest);
            break;
        }
        r = nesting > NESTING_MAX ? damaged(tar, name, "is an index in an index, too often")
                                  : choose(tar, name, list, nesting, &entry);
        if (r == 0) {
            r = descriptor(tar, name, entry, name, &digest);
        }
    }
    json_object_put(json);
    return r;
}

/* ----------------------------------------------------------------------------------- interface */

int32_t image_manifest_read(const struct image_tar *tar, struct image_manifest *ret_manifest)
{
    if (image_tar_has(tar, "manifest.json")) {
        return read_saved(tar, ret_manifest);
    }
    if (image_tar_has(tar, "index.json")) {
        return read_index(tar, ret_manifest);
    }
    return image_job_fail(image_tar_job(tar), ENCLAVE_EINVALID,
                          "it is no saved image: it has neither manifest.json nor index.json (the "
                          "files of a root filesystem belong into a folder, named instead)");
}

void image_manifest_clear(struct image_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->layers[i].name);
        free(manifest->layers[i].digest);
    }
    free(manifest->layers);
    free(manifest->config);
    *manifest = (struct image_manifest){0};
}
