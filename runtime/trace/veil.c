/* veil.c: see veil.h. A text is walked along the lines that say what its fields are, and goes out
 * as it is but for what is hidden. */
#include "trace/veil.h"

#include "base/buf.h"
#include "base/mem.h"
#include "json/json.h"
#include "script/script.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lines of what is no event. Of sends, what each of them holds is one secret: which type it is
 * of stands beside it. */
static const char data_lines[] = "secret: map\nsecret{}: secret any\n";
static const char send_lines[] = "[]: record\n[].content: secret any\n";

static const char bytes_mark[] = AF_JSON_BYTES_MARK;

/* Data without secrets are hashed under this: equal data have equal hashes in all traces. */
static const struct af_hash data_key = {0x6166727564617461u, 0x6861736876657231u};

struct walk {
    struct af_hash key;
    struct af_json_reader reader;
    const char *json, *lines;
    size_t copied;      /* of the text: it has gone out, or is hidden */
    bool hides_unknown; /* what no line tells of */
    struct af_buf path; /* of the value that is looked at: "\nrounds[].key: " without the rest */
    struct af_buf *out;
};

struct af_hash af_veil_key(struct af_hash seed)
{
    static const char purpose[] = "veil";
    return af_hash_bytes(seed, purpose, sizeof purpose);
}

void af_veil_word(struct af_hash key, const char *kind, const void *bytes, size_t len,
                  char word[AF_VEIL_WORD_BYTES])
{
    uint32_t shown = (uint32_t)(af_hash_bytes(key, bytes, len).a >> 32);
    if (kind != NULL)
        snprintf(word, AF_VEIL_WORD_BYTES, "secret %s #%08x", kind, shown);
    else
        snprintf(word, AF_VEIL_WORD_BYTES, "secret of %zu byte%s #%08x", len, len == 1 ? "" : "s",
                 shown);
}

/* ---- Hiding a value. ---- */

static const char *kind_of(enum af_json_token token)
{
    switch (token) {
    case AF_JSON_OBJECT_BEGIN:
    case AF_JSON_ARRAY_BEGIN:
        return "table";
    case AF_JSON_INTEGER:
    case AF_JSON_DOUBLE:
        return "number";
    case AF_JSON_TRUE:
    case AF_JSON_FALSE:
        return "boolean";
    default:
        return NULL;
    }
}

/* The bytes that a text stands for, where it is base64; else the text. The caller frees *made. */
static const char *bytes_of(const char *text, size_t *len, bool base64, unsigned char **made)
{
    size_t mark = sizeof bytes_mark - 1, size = *len / 4 * 3 + 3, got;
    bool marked = *len >= mark && memcmp(text, bytes_mark, mark) == 0;
    *made = NULL;
    if (!base64 && !marked)
        return text;
    if (marked && !base64) {
        text += mark;
        *len -= mark;
    }
    *made = af_mem_alloc(size);
    if (sodium_base642bin(*made, size, text, *len, NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return text;
    *len = got;
    return (const char *)*made;
}

/* Puts a word in the place of the value whose first token was just read. */
static bool hide(struct walk *walk, enum af_json_token token, bool base64)
{
    struct af_json_reader *reader = &walk->reader;
    const char *kind = kind_of(token);
    struct af_json_span value;
    char word[AF_VEIL_WORD_BYTES];
    if (kind == NULL) {
        unsigned char *made;
        size_t len = reader->string_len;
        const char *bytes = bytes_of(reader->string, &len, base64, &made);
        af_veil_word(walk->key, NULL, bytes, len, word);
        free(made);
    }
    if (!af_json_take(reader, token, &value))
        return false;
    if (kind != NULL)
        af_veil_word(walk->key, kind, value.at, value.len, word);
    size_t start = (size_t)(value.at - walk->json);
    af_buf_append(walk->out, walk->json + walk->copied, start - walk->copied);
    af_buf_printf(walk->out, "\"%s\"", word);
    walk->copied = start + value.len;
    return true;
}

/* ---- The walk. ---- */

/* What the lines say of the value at the path: its kind and what follows, or NULL. */
static const char *find_line(struct walk *walk)
{
    size_t len = walk->path.len;
    af_buf_append_string(&walk->path, ": ");
    const char *path = af_buf_text(&walk->path), *found;
    if (strncmp(walk->lines, path + 1, len + 1) == 0) /* the first line; a path begins with \n */
        found = walk->lines + len + 1;
    else if ((found = strstr(walk->lines, path)) != NULL)
        found += len + 2;
    walk->path.len = len;
    return found;
}

static bool is_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    return line != NULL && strncmp(line, word, len) == 0 && strchr(" ?\n", line[len]) != NULL;
}

static bool walk_value(struct walk *walk, enum af_json_token token, const char *line);

/* A value whose path ends so. */
static bool walk_inner(struct walk *walk, enum af_json_token token, const char *join,
                       const char *name, size_t name_len)
{
    size_t len = walk->path.len;
    af_buf_append_string(&walk->path, join);
    af_buf_append(&walk->path, name, name_len);
    bool plain = name_len == 0 || memchr(name, '\0', name_len) == NULL;
    const char *line = plain ? find_line(walk) : NULL;
    bool known = line != NULL || (plain && strcmp(af_buf_text(&walk->path), "\ntype") == 0);
    bool ok = known || !walk->hides_unknown || token == AF_JSON_NULL ? walk_value(walk, token, line)
                                                                     : hide(walk, token, false);
    walk->path.len = len;
    return ok;
}

static bool walk_object(struct walk *walk, bool is_map)
{
    struct af_json_reader *reader = &walk->reader;
    enum af_json_token token;
    while ((token = af_json_next(reader)) == AF_JSON_KEY) {
        size_t len = is_map ? 0 : reader->string_len;
        char *name = af_mem_copy(is_map ? "" : reader->string, len);
        const char *join = is_map ? "{}" : walk->path.len == 1 ? "" : ".";
        bool ok = walk_inner(walk, af_json_next(reader), join, name, len);
        free(name);
        if (!ok)
            return false;
    }
    return token == AF_JSON_OBJECT_END;
}

static bool walk_list(struct walk *walk)
{
    enum af_json_token token;
    while ((token = af_json_next(&walk->reader)) != AF_JSON_ARRAY_END)
        if (token == AF_JSON_ERROR || !walk_inner(walk, token, "[]", "", 0))
            return false;
    return true;
}

static bool walk_value(struct walk *walk, enum af_json_token token, const char *line)
{
    bool object = token == AF_JSON_OBJECT_BEGIN, list = token == AF_JSON_ARRAY_BEGIN;
    bool root = walk->path.len == 1;
    if (token == AF_JSON_NULL) /* an optional one is absent */
        return true;
    if (is_word(line, "secret"))
        return hide(walk, token, is_word(line, "secret bytes"));
    if (object && (root || is_word(line, "record") || is_word(line, "map")))
        return walk_object(walk, is_word(line, "map"));
    if (list && (root || is_word(line, "list")))
        return walk_list(walk);
    /* what is of another shape than its line says */
    if (is_word(line, "record") || is_word(line, "map") || is_word(line, "list"))
        return hide(walk, token, false);
    return af_json_skip(&walk->reader, token);
}

static void walk_text(struct af_hash key, const char *lines, bool hides_unknown, const char *json,
                      size_t len, struct af_buf *out)
{
    struct walk walk = {
        .key = key, .json = json, .lines = lines, .hides_unknown = hides_unknown, .out = out};
    size_t start = out->len;
    af_buf_append_char(&walk.path, '\n');
    af_json_reader_init_kept(&walk.reader, json, len);
    if (walk_value(&walk, af_json_next(&walk.reader), NULL)) {
        af_buf_append(out, json + walk.copied, len - walk.copied);
    } else { /* it is no JSON, of which nothing can be said */
        char word[AF_VEIL_WORD_BYTES];
        af_veil_word(key, NULL, json, len, word);
        out->len = start;
        af_buf_printf(out, "\"%s\"", word);
    }
    af_json_reader_release(&walk.reader);
    af_buf_release(&walk.path);
}

/* ---- What has secrets. ---- */

bool af_veil_in_data(const char *data, size_t len)
{
    static const char name[] = "\"secret\":";
    struct af_json_reader reader;
    bool found = false;
    if (data == NULL || memmem(data, len, name, sizeof name - 1) == NULL)
        return false;
    af_json_reader_init_kept(&reader, data, len);
    bool ok = af_json_next(&reader) == AF_JSON_OBJECT_BEGIN;
    while (ok && !found && af_json_next(&reader) == AF_JSON_KEY) {
        found = af_json_is(&reader, "secret");
        ok = af_json_skip(&reader, af_json_next(&reader));
    }
    af_json_reader_release(&reader);
    return found;
}

bool af_veil_in_fields(const char *fields)
{
    return fields != NULL && strstr(fields, ": secret ") != NULL;
}

bool af_veil_in_flow(const struct af_flow *flow)
{
    bool found = false;
    for (size_t i = 0; flow != NULL && i < flow->event_count && !found; i++)
        found = af_veil_in_fields(flow->events[i].fields);
    return found;
}

/* ---- Showing. ---- */

void af_veil_data(struct af_hash key, const char *data, size_t len, struct af_buf *out)
{
    if (af_veil_in_data(data, len))
        walk_text(key, data_lines, false, data, len, out);
    else
        af_buf_append(out, data, len);
}

void af_veil_event(struct af_hash key, const char *fields, const char *content, size_t len,
                   struct af_buf *out)
{
    if (af_veil_in_fields(fields))
        walk_text(key, fields, true, content, len, out);
    else
        af_buf_append(out, content, len);
}

void af_veil_sends(struct af_hash key, const char *sends, size_t len, struct af_buf *out)
{
    walk_text(key, send_lines, false, sends, len, out);
}

struct af_hash af_veil_hash(struct af_hash key, const char *data, size_t len)
{
    if (af_veil_in_data(data, len))
        return af_hash_bytes(key, data, len);
    return af_hash_bytes(data_key, data, len);
}

bool af_veil_is(struct af_hash key, const char *data, size_t len, struct af_hash wanted)
{
    struct af_hash hash = af_veil_hash(key, data, len), plain = af_hash_bytes(data_key, data, len);
    return (wanted.a == 0 && wanted.b == 0) || (hash.a == wanted.a && hash.b == wanted.b) ||
           (plain.a == wanted.a && plain.b == wanted.b);
}
