/* manifest.c: see manifest.h. */
#include "code/manifest.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "code/trust.h"
#include "json/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_BYTES = 64, VERSION_PARTS = 3 };

static const char *const grant_words[] = {"read", "write", "net", "run"};

const char *af_manifest_grant_word(enum af_manifest_grant grant)
{
    return grant_words[grant];
}

/* ---- Names and versions. ---- */

bool af_manifest_is_file_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    size_t len = strlen(name);
    if (len == 0 || len > AF_BUNDLE_NAME_BYTES_MAX || strspn(name, allowed) != len ||
        name[len - 1] == '/' || strcmp(name, AF_MANIFEST_NAME) == 0 ||
        af_text_ends_with(name, AF_TRUST_SUFFIX))
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if ((c == name || c[-1] == '/') && (*c == '.' || *c == '/'))
            return false;
    return true;
}

static bool read_version(const char *text, int parts[VERSION_PARTS])
{
    for (int i = 0; i < VERSION_PARTS; i++) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 6 || text[digits] != (i + 1 < VERSION_PARTS ? '.' : '\0'))
            return false;
        parts[i] = atoi(text);
        text += digits + 1;
    }
    return true;
}

bool af_manifest_is_af(const char *version)
{
    int parts[VERSION_PARTS];
    return read_version(version, parts);
}

bool af_manifest_af_is_least(const char *version, const char *least)
{
    int has[VERSION_PARTS], needs[VERSION_PARTS];
    if (!read_version(version, has) || !read_version(least, needs))
        return false;
    int i = 0;
    while (i + 1 < VERSION_PARTS && has[i] == needs[i])
        i++;
    return has[i] >= needs[i];
}

/* ---- Reading. ---- */

struct reading {
    struct af_json_reader json;
    struct af_manifest *to;
    struct af_failure *why;
    int64_t bytes; /* of all files */
};

typedef int read_fn(struct reading *in, const char *place, enum af_json_token token);

struct field {
    const char *name;
    read_fn *read;
    bool optional;
};

static int refuse(struct reading *in, const char *place, const char *text)
{
    if (in->json.message != NULL) /* what is wrong is the JSON */
        return af_failure_set(in->why, AF_FAILURE_USAGE, AF_MANIFEST_NAME,
                              "is no JSON: %s, at byte %zu", in->json.message, in->json.offset);
    return af_failure_set(in->why, AF_FAILURE_USAGE, AF_MANIFEST_NAME, "%s%s %s",
                          place[0] == '\0' ? "" : "field ", place[0] == '\0' ? "it" : place, text);
}

static int read_object(struct reading *in, const char *place, enum af_json_token token,
                       const struct field *fields, size_t count)
{
    char inner[PLACE_BYTES];
    const char *dot = place[0] == '\0' ? "" : ".";
    unsigned seen = 0;
    if (token != AF_JSON_OBJECT_BEGIN)
        return refuse(in, place, "is no object");
    while ((token = af_json_next(&in->json)) == AF_JSON_KEY) {
        size_t i = 0;
        while (i < count && !af_json_is(&in->json, fields[i].name))
            i++;
        snprintf(inner, sizeof inner, "%s%s%.*s", place, dot,
                 in->json.string_len < 20 ? (int)in->json.string_len : 20, in->json.string);
        if (i == count)
            return refuse(in, inner, "is not known to this afrun");
        seen |= 1u << i;
        if (fields[i].read(in, inner, af_json_next(&in->json)) != 0)
            return -1;
    }
    if (token != AF_JSON_OBJECT_END)
        return refuse(in, place, "does not end");
    for (size_t i = 0; i < count; i++) {
        snprintf(inner, sizeof inner, "%s%s%s", place, dot, fields[i].name);
        if (!fields[i].optional && (seen & 1u << i) == 0)
            return refuse(in, inner, "is missing");
    }
    return 0;
}

/* A text without zero bytes, of 1 to `most` bytes; NULL where it is another. */
static const char *read_text(struct reading *in, enum af_json_token token, size_t most)
{
    return af_json_copy_name(&in->json, token, most, &in->to->arena);
}

static int read_format(struct reading *in, const char *place, enum af_json_token token)
{
    if (token == AF_JSON_INTEGER && in->json.integer > 1)
        return refuse(in, place, "is newer than 1, the one that this afrun reads");
    return token == AF_JSON_INTEGER && in->json.integer == 1 ? 0 : refuse(in, place, "is not 1");
}

static int read_name(struct reading *in, const char *place, enum af_json_token token)
{
    in->to->name = read_text(in, token, AF_FLOW_NAME_BYTES_MAX);
    return in->to->name != NULL ? 0 : refuse(in, place, "is no name of a flow");
}

static int read_number(struct reading *in, const char *place, enum af_json_token token,
                       int64_t *value)
{
    *value = in->json.integer;
    return token == AF_JSON_INTEGER && *value > 0 && *value <= AF_BUNDLE_VERSION_MAX
               ? 0
               : refuse(in, place, "is no version: an integer from 1");
}

static int read_own_version(struct reading *in, const char *place, enum af_json_token token)
{
    return read_number(in, place, token, &in->to->version);
}

static int read_least_next(struct reading *in, const char *place, enum af_json_token token)
{
    return read_number(in, place, token, &in->to->least_next);
}

static int read_least_af(struct reading *in, const char *place, enum af_json_token token)
{
    in->to->least_af = read_text(in, token, PLACE_BYTES);
    return in->to->least_af != NULL && af_manifest_is_af(in->to->least_af)
               ? 0
               : refuse(in, place, "is no version of afrun, as 1.2.3");
}

static int read_flow(struct reading *in, const char *place, enum af_json_token token)
{
    in->to->flow = read_text(in, token, AF_BUNDLE_NAME_BYTES_MAX);
    return in->to->flow != NULL && af_manifest_is_file_name(in->to->flow) &&
                   af_text_ends_with(in->to->flow, ".lua") && strchr(in->to->flow, '/') == NULL
               ? 0
               : refuse(in, place, "is no name of a Lua file beside manifest.json");
}

static int read_grants(struct reading *in, const char *place, enum af_json_token token,
                       enum af_manifest_grant grant)
{
    if (token != AF_JSON_ARRAY_BEGIN)
        return refuse(in, place, "is no list");
    while ((token = af_json_next(&in->json)) != AF_JSON_ARRAY_END) {
        const char *item = read_text(in, token, AF_BUNDLE_GRANT_BYTES_MAX);
        if (item == NULL)
            return refuse(in, place, "has an item that is no text, or too long");
        if (in->to->grants[grant].count == AF_BUNDLE_GRANTS_MAX)
            return refuse(in, place, "has too many items");
        af_manifest_add_grant(in->to, grant, item);
    }
    return 0;
}

static int read_read(struct reading *in, const char *place, enum af_json_token token)
{
    return read_grants(in, place, token, AF_MANIFEST_READ);
}

static int read_write(struct reading *in, const char *place, enum af_json_token token)
{
    return read_grants(in, place, token, AF_MANIFEST_WRITE);
}

static int read_net(struct reading *in, const char *place, enum af_json_token token)
{
    return read_grants(in, place, token, AF_MANIFEST_NET);
}

static int read_run(struct reading *in, const char *place, enum af_json_token token)
{
    return read_grants(in, place, token, AF_MANIFEST_RUN);
}

static int read_all_grants(struct reading *in, const char *place, enum af_json_token token)
{
    static const struct field fields[] = {
        {"read", read_read, true},
        {"write", read_write, true},
        {"net", read_net, true},
        {"run", read_run, true},
    };
    return read_object(in, place, token, fields, sizeof fields / sizeof fields[0]);
}

static struct af_manifest_file *last_file(struct reading *in)
{
    return &in->to->files[in->to->file_count];
}

static int read_file_name(struct reading *in, const char *place, enum af_json_token token)
{
    const char *name = read_text(in, token, AF_BUNDLE_NAME_BYTES_MAX);
    if (name == NULL || !af_manifest_is_file_name(name))
        return refuse(in, place,
                      "is no name of a file in a bundle: words of letters, digits, '_', '-' and "
                      "'.', joined by '/'");
    if (af_manifest_find(in->to, name) != NULL)
        return refuse(in, place, "comes twice");
    last_file(in)->name = name;
    return 0;
}

static int read_size(struct reading *in, const char *place, enum af_json_token token)
{
    if (token != AF_JSON_INTEGER || in->json.integer < 0)
        return refuse(in, place, "is no size in bytes");
    if (in->json.integer > AF_WORKER_FILES_BYTES_MAX - in->bytes)
        return refuse(in, place, "is too much: a bundle has at most 64 MiB");
    in->bytes += in->json.integer;
    last_file(in)->size = in->json.integer;
    return 0;
}

static int read_sha256(struct reading *in, const char *place, enum af_json_token token)
{
    char *text = last_file(in)->sha256;
    if (token != AF_JSON_STRING || in->json.string_len != 64)
        return refuse(in, place, "is no SHA-256: 64 small hexadecimal digits");
    memcpy(text, in->json.string, 64);
    text[64] = '\0';
    return af_sha256_is(text) ? 0 : refuse(in, place, "is no SHA-256: 64 small hexadecimal digits");
}

static int read_files(struct reading *in, const char *place, enum af_json_token token)
{
    static const struct field fields[] = {{"name", read_file_name, false},
                                          {"size", read_size, false},
                                          {"sha256", read_sha256, false}};
    struct af_manifest *to = in->to;
    if (token != AF_JSON_ARRAY_BEGIN)
        return refuse(in, place, "is no list");
    while ((token = af_json_next(&in->json)) != AF_JSON_ARRAY_END) {
        char inner[PLACE_BYTES];
        snprintf(inner, sizeof inner, "files[%zu]", to->file_count);
        if (to->file_count == AF_BUNDLE_FILES_MAX)
            return refuse(in, place, "has too many items");
        af_mem_reserve(&to->files, &to->file_cap, to->file_count + 1, sizeof *to->files);
        *last_file(in) = (struct af_manifest_file){.name = NULL};
        if (read_object(in, inner, token, fields, sizeof fields / sizeof fields[0]) != 0)
            return -1;
        if (af_text_ends_with(last_file(in)->name, ".lua") &&
            last_file(in)->size > AF_SCRIPT_FILE_BYTES_MAX)
            return refuse(in, inner, "is larger than 4 MiB, too large for a script");
        to->file_count++;
    }
    return 0;
}

int af_manifest_read(struct af_manifest *manifest, const char *text, size_t len,
                     struct af_failure *why)
{
    static const struct field fields[] = {
        {"format", read_format, false},        {"name", read_name, false},
        {"version", read_own_version, false},  {"flow", read_flow, false},
        {"least_next", read_least_next, true}, {"least_af", read_least_af, false},
        {"grants", read_all_grants, true},     {"files", read_files, false},
    };
    struct reading in = {.to = manifest, .why = why};
    if (len > AF_BUNDLE_MANIFEST_BYTES_MAX)
        return refuse(&in, "", "is larger than 1 MiB");
    af_json_reader_init(&in.json, text, len);
    int result =
        read_object(&in, "", af_json_next(&in.json), fields, sizeof fields / sizeof fields[0]);
    if (result == 0 && af_json_next(&in.json) != AF_JSON_END)
        result = refuse(&in, "", "goes on behind its end");
    if (result == 0 && af_manifest_find(manifest, manifest->flow) == NULL)
        result = refuse(&in, "flow", "is not among its files");
    af_json_reader_release(&in.json);
    return result;
}

void af_manifest_release(struct af_manifest *manifest)
{
    for (size_t i = 0; i < AF_MANIFEST_GRANTS; i++)
        free(manifest->grants[i].items);
    free(manifest->files);
    af_arena_release(&manifest->arena);
    *manifest = (struct af_manifest){.name = NULL};
}

/* ---- Making. ---- */

void af_manifest_add_grant(struct af_manifest *manifest, enum af_manifest_grant grant,
                           const char *item)
{
    struct af_manifest_list *list = &manifest->grants[grant];
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = af_arena_string(&manifest->arena, item);
}

void af_manifest_add_file(struct af_manifest *manifest, const char *name, const void *bytes,
                          size_t len)
{
    af_mem_reserve(&manifest->files, &manifest->file_cap, manifest->file_count + 1,
                   sizeof *manifest->files);
    struct af_manifest_file *file = &manifest->files[manifest->file_count++];
    *file = (struct af_manifest_file){.name = af_arena_string(&manifest->arena, name),
                                      .size = (int64_t)len};
    af_sha256_of(bytes, len, file->sha256);
}

const struct af_manifest_file *af_manifest_find(const struct af_manifest *manifest,
                                                const char *name)
{
    for (size_t i = 0; i < manifest->file_count; i++)
        if (strcmp(manifest->files[i].name, name) == 0)
            return &manifest->files[i];
    return NULL;
}

static void write_grants(const struct af_manifest *manifest, struct af_buf *out)
{
    af_buf_append_string(out, ",\n");
    af_json_write_text(out, "grants");
    af_buf_append_string(out, ":{");
    for (int i = 0; i < AF_MANIFEST_GRANTS; i++) {
        const struct af_manifest_list *list = &manifest->grants[i];
        af_json_add_texts(out, grant_words[i], list->items, list->count);
    }
    af_buf_append_char(out, '}');
}

void af_manifest_write(const struct af_manifest *manifest, struct af_buf *out)
{
    af_buf_append_string(out, "{\"format\":1");
    af_json_add_text(out, "name", manifest->name);
    af_json_add_integer(out, "version", manifest->version);
    af_json_add_text(out, "flow", manifest->flow);
    if (manifest->least_next > 0)
        af_json_add_integer(out, "least_next", manifest->least_next);
    af_json_add_text(out, "least_af", manifest->least_af);
    write_grants(manifest, out);
    af_buf_append_string(out, ",\n\"files\":[");
    for (size_t i = 0; i < manifest->file_count; i++) {
        af_buf_append_string(out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        af_json_write_text(out, manifest->files[i].name);
        af_json_add_integer(out, "size", manifest->files[i].size);
        af_json_add_text(out, "sha256", manifest->files[i].sha256);
        af_buf_append_char(out, '}');
    }
    af_buf_append_string(out, "]}\n");
}
