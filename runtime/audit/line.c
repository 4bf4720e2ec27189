/* line.c: see line.h. */
#include "audit/line.h"

#include "json/json.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What stands behind the text that a chain is of: this, 64 digits, and the end. */
static const char chained[] = ",\"chain\":\"", closing[] = "\"}";

enum { HEX = AF_AUDIT_HEX - 1, TAIL = (int)(sizeof chained - 1 + HEX + sizeof closing - 1) };

static void chain_of(const char *text, size_t len, const char before[AF_AUDIT_HEX],
                     char chain[AF_AUDIT_HEX])
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)before, HEX);
    crypto_hash_sha256_update(&state, (const unsigned char *)text, len);
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(chain, AF_AUDIT_HEX, digest, sizeof digest);
}

void af_audit_line_end(struct af_buf *line, char chain[AF_AUDIT_HEX])
{
    char next[AF_AUDIT_HEX];
    chain_of(line->data, line->len, chain, next);
    memcpy(chain, next, AF_AUDIT_HEX);
    af_buf_printf(line, "%s%s%s\n", chained, chain, closing);
}

bool af_audit_line_follows(const char *text, size_t len, const char before[AF_AUDIT_HEX])
{
    char chain[AF_AUDIT_HEX];
    chain_of(text, len - TAIL, before, chain);
    return memcmp(chain, text + len - TAIL + sizeof chained - 1, HEX) == 0;
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || strchr("0123456789abcdef", text[i]) == NULL)
            return false;
    return len == HEX;
}

struct fields {
    int64_t n, format;
    bool has_n, has_format;
};

static bool read_field(struct af_json_reader *json, struct fields *fields,
                       struct af_audit_line *line)
{
    char name[16];
    snprintf(name, sizeof name, "%.*s", (int)json->string_len, json->string);
    enum af_json_token token = af_json_next(json);
    if (token == AF_JSON_INTEGER && strcmp(name, "n") == 0) {
        fields->n = json->integer;
        fields->has_n = true;
    } else if (token == AF_JSON_INTEGER && strcmp(name, "format") == 0) {
        fields->format = json->integer;
        fields->has_format = true;
    } else if (token == AF_JSON_STRING && strcmp(name, "after") == 0 &&
               is_hex(json->string, json->string_len)) {
        memcpy(line->after, json->string, HEX);
    }
    return af_json_skip(json, token);
}

const char *af_audit_line_read(struct af_audit_line *line, const char *text, size_t len)
{
    struct af_json_reader json = {0};
    struct fields fields = {0};
    memset(line, 0, sizeof *line);
    af_json_reader_init(&json, text, len);
    bool ok = af_json_next(&json) == AF_JSON_OBJECT_BEGIN;
    enum af_json_token token = AF_JSON_ERROR;
    while (ok && (token = af_json_next(&json)) == AF_JSON_KEY)
        ok = read_field(&json, &fields, line);
    ok = ok && token == AF_JSON_OBJECT_END && af_json_next(&json) == AF_JSON_END;
    af_json_reader_release(&json);
    if (!ok || !fields.has_n)
        return "is no entry of an audit log";
    if (fields.has_format && fields.format > AF_AUDIT_FORMAT)
        return "begins a log of a newer format than this program knows";
    if (fields.has_format && line->after[0] == '\0')
        return "is no entry of an audit log";
    const char *tail = len <= TAIL ? NULL : text + len - TAIL;
    if (tail == NULL || memcmp(tail, chained, sizeof chained - 1) != 0 ||
        !is_hex(tail + sizeof chained - 1, HEX))
        return "has no chain";
    memcpy(line->chain, tail + sizeof chained - 1, HEX);
    line->n = fields.n;
    line->is_head = fields.has_format;
    return NULL;
}
