/* names.c: names as tokens of subjects, and fields of the server's JSON. */
#include "bus/nats/impl.h"

#include "base/bounds.h"
#include "json/json.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- Tokens. ----
 *
 * A name of letters, digits, '-' and '_' stands for itself; another one is '=' and its base64url,
 * one of more than PLAIN_MAX bytes '=h' and its SHA-256. '=' alone is no name's. */

enum { PLAIN_MAX = 60 };

void af_nats_token(const char *name, char token[AF_NATS_TOKEN_BYTES])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t len = strlen(name);
    if (len > PLAIN_MAX) {
        token[0] = '=';
        token[1] = 'h';
        af_sha256_of(name, len, token + 2);
    } else if (len > 0 && strspn(name, plain) == len) {
        snprintf(token, AF_NATS_TOKEN_BYTES, "%s", name);
    } else {
        token[0] = '=';
        sodium_bin2base64(token + 1, AF_NATS_TOKEN_BYTES - 1, (const unsigned char *)name, len,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    }
}

/* ---- JSON. ---- */

/* Goes to the value at a path; its first token, or AF_JSON_ERROR. */
static enum af_json_token go_to(struct af_json_reader *reader, const char *path)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        if (af_json_next(reader) != AF_JSON_OBJECT_BEGIN)
            return AF_JSON_ERROR;
        bool found = false;
        while (!found && af_json_next(reader) == AF_JSON_KEY) {
            found = reader->string_len == len && memcmp(reader->string, path, len) == 0;
            if (!found && !af_json_skip(reader, af_json_next(reader)))
                return AF_JSON_ERROR;
        }
        if (!found)
            return AF_JSON_ERROR;
        if (path[len] == '\0')
            return af_json_next(reader);
        path += len + 1;
    }
}

bool af_nats_integer(const char *json, size_t len, const char *path, int64_t *value)
{
    struct af_json_reader reader;
    af_json_reader_init(&reader, json, len);
    bool found = go_to(&reader, path) == AF_JSON_INTEGER;
    if (found)
        *value = reader.integer;
    af_json_reader_release(&reader);
    return found;
}

char *af_nats_text(struct af_arena *arena, const char *json, size_t len, const char *path)
{
    struct af_json_reader reader;
    char *text = NULL;
    af_json_reader_init(&reader, json, len);
    if (go_to(&reader, path) == AF_JSON_STRING &&
        memchr(reader.string, '\0', reader.string_len) == NULL)
        text = af_arena_copy(arena, reader.string, reader.string_len);
    af_json_reader_release(&reader);
    return text;
}

void af_nats_each(const char *json, size_t len, const char *path, af_nats_each_fn *each, void *arg)
{
    struct af_json_reader reader;
    struct af_arena arena = {0};
    af_json_reader_init(&reader, json, len);
    enum af_json_token token = go_to(&reader, path);
    bool is_list = token == AF_JSON_ARRAY_BEGIN;
    while ((is_list || token == AF_JSON_OBJECT_BEGIN) &&
           ((token = af_json_next(&reader)) == AF_JSON_KEY || token == AF_JSON_STRING)) {
        const char *name = af_arena_copy(&arena, reader.string, reader.string_len);
        if (!is_list && af_json_next(&reader) != AF_JSON_INTEGER)
            break;
        each(arg, name, is_list ? 0 : reader.integer);
        token = is_list ? token : AF_JSON_OBJECT_BEGIN;
    }
    af_json_reader_release(&reader);
    af_arena_release(&arena);
}
