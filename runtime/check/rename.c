/* rename.c: a text of JSON as it is after two parties have exchanged their names.
 *
 * A string, or a key, that is one of the two names becomes the other; a list that is just what
 * party:nodes() gives, of all parties or of those of the role, stays: it is the same for everybody.
 * So does one that would become that: who exchanges the names twice has the text again.
 * Keys that are names are put in order again, as canonical JSON has them. */
#include "check/swap.h"

#include "json/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct rename {
    const struct af_check *check;
    const char *a, *b; /* the names */
    uint32_t role;
    struct af_json_reader reader;
};

struct part { /* of an object or a list */
    char *key;
    size_t key_len;
    char *before, *after; /* the value, without and with the names exchanged */
};

static const char *other_name(const struct rename *rename, const char *text, size_t len)
{
    bool is_a = strlen(rename->a) == len && memcmp(rename->a, text, len) == 0;
    bool is_b = strlen(rename->b) == len && memcmp(rename->b, text, len) == 0;
    return is_a ? rename->b : is_b ? rename->a : NULL;
}

static void write_name(const struct rename *rename, struct af_buf *out, const char *text,
                       size_t len)
{
    const char *other = other_name(rename, text, len);
    if (other != NULL)
        af_json_write_string(out, other, strlen(other));
    else
        af_json_write_string(out, text, len);
}

static bool value(struct rename *rename, enum af_json_token token, struct af_buf *before,
                  struct af_buf *after);

static int by_key(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, len);
    return order != 0 ? order : (x->key_len < y->key_len ? -1 : x->key_len > y->key_len);
}

/* Whether the parts are the names of all parties, or of those of the role, in order. */
static bool is_node_list(const struct rename *rename, const struct part *parts, size_t count,
                         bool of_role, bool renamed)
{
    const struct af_check *check = rename->check;
    size_t at = 0;
    for (uint32_t i = 0; i < check->members; i++) {
        if (of_role && check->roles[0][i] != rename->role)
            continue;
        size_t len = strlen(check->who[i].id);
        if (at == count)
            return false;
        const char *part = renamed ? parts[at].after : parts[at].before;
        if (strlen(part) != len + 2 || memcmp(part + 1, check->who[i].id, len) != 0)
            return false;
        at++;
    }
    return at == count;
}

static void write_parts(const struct rename *rename, struct af_buf *out, const struct part *parts,
                        size_t count, bool object, bool renamed)
{
    (void)rename;
    af_buf_append_char(out, object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            af_buf_append_char(out, ',');
        if (object) {
            af_json_write_string(out, parts[i].key, parts[i].key_len);
            af_buf_append_char(out, ':');
        }
        af_buf_append_string(out, renamed ? parts[i].after : parts[i].before);
    }
    af_buf_append_char(out, object ? '}' : ']');
}

/* The names of keys are exchanged; then they are put in order. An event's fields stand in an order
 * of their own, and are no names. */
static void rename_keys(const struct rename *rename, struct part *parts, size_t count)
{
    bool renamed = false;
    for (size_t i = 0; i < count; i++) {
        const char *other = other_name(rename, parts[i].key, parts[i].key_len);
        if (other == NULL)
            continue;
        renamed = true;
        free(parts[i].key);
        parts[i].key = af_mem_string(other);
        parts[i].key_len = strlen(other);
    }
    if (renamed)
        qsort(parts, count, sizeof *parts, by_key);
}

static bool read_parts(struct rename *rename, bool object, struct part **parts, size_t *count)
{
    enum af_json_token token;
    size_t cap = 0;
    while ((token = af_json_next(&rename->reader)) !=
           (object ? AF_JSON_OBJECT_END : AF_JSON_ARRAY_END)) {
        struct af_buf before = AF_BUF_EMPTY, after = AF_BUF_EMPTY;
        if (token == AF_JSON_ERROR || token == AF_JSON_END)
            return false;
        af_mem_reserve(parts, &cap, *count + 1, sizeof **parts);
        struct part *part = &(*parts)[(*count)++];
        *part = (struct part){0};
        if (object) {
            part->key = af_mem_copy(rename->reader.string, rename->reader.string_len);
            part->key_len = rename->reader.string_len;
            token = af_json_next(&rename->reader);
        }
        bool fine = value(rename, token, &before, &after);
        part->before = af_buf_take(&before);
        part->after = af_buf_take(&after);
        if (!fine)
            return false;
    }
    return true;
}

static bool compound(struct rename *rename, bool object, struct af_buf *before,
                     struct af_buf *after)
{
    struct part *parts = NULL;
    size_t count = 0;
    bool fine = read_parts(rename, object, &parts, &count);
    if (fine) {
        bool same = false;
        for (int k = 0; k < 4 && !object && count > 0; k++)
            same = same || is_node_list(rename, parts, count, (k & 1) != 0, (k & 2) != 0);
        write_parts(rename, before, parts, count, object, false);
        if (object)
            rename_keys(rename, parts, count);
        write_parts(rename, after, parts, count, object, !same);
    }
    for (size_t i = 0; i < count; i++) {
        free(parts[i].key);
        free(parts[i].before);
        free(parts[i].after);
    }
    free(parts);
    return fine;
}

static bool value(struct rename *rename, enum af_json_token token, struct af_buf *before,
                  struct af_buf *after)
{
    const struct af_json_reader *reader = &rename->reader;
    switch (token) {
    case AF_JSON_OBJECT_BEGIN:
    case AF_JSON_ARRAY_BEGIN:
        return compound(rename, token == AF_JSON_OBJECT_BEGIN, before, after);
    case AF_JSON_STRING:
        af_json_write_string(before, reader->string, reader->string_len);
        write_name(rename, after, reader->string, reader->string_len);
        return true;
    case AF_JSON_INTEGER:
        af_json_write_integer(before, reader->integer);
        af_json_write_integer(after, reader->integer);
        return true;
    case AF_JSON_DOUBLE:
        af_json_write_double(before, reader->number);
        af_json_write_double(after, reader->number);
        return true;
    case AF_JSON_TRUE:
    case AF_JSON_FALSE:
    case AF_JSON_NULL: {
        const char *word = token == AF_JSON_TRUE    ? "true"
                           : token == AF_JSON_FALSE ? "false"
                                                    : "null";
        af_buf_append_string(before, word);
        af_buf_append_string(after, word);
        return true;
    }
    default:
        return false;
    }
}

uint32_t af_check_rename(struct af_check *check, uint32_t word, uint32_t a, uint32_t b)
{
    struct rename rename = {
        .check = check, .a = check->who[a].id, .b = check->who[b].id, .role = check->roles[0][a]};
    struct af_buf before = AF_BUF_EMPTY, after = AF_BUF_EMPTY;
    size_t len;
    const char *text = af_check_word_bytes(&check->words, word, &len);
    if (len == 0)
        return word;
    af_json_reader_init(&rename.reader, text, len);
    bool fine = value(&rename, af_json_next(&rename.reader), &before, &after);
    af_json_reader_release(&rename.reader);
    /* what is no JSON, as a failure's reason, is a name or is left as it is */
    const char *other = fine ? NULL : other_name(&rename, text, len);
    uint32_t renamed = fine            ? af_check_word(&check->words, after.data, after.len)
                       : other != NULL ? af_check_text(&check->words, other)
                                       : word;
    af_buf_release(&before);
    af_buf_release(&after);
    return renamed;
}
