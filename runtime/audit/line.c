/* line.c: see line.h. */
#include "audit/line.h"

#include "base/arena.h"
#include "json/rows.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What stands behind the text that a chain is of: this, 64 digits, and the end. */
static const char chained[] = ",\"chain\":\"", closing[] = "\"}";

enum { HEX = AF_AUDIT_HEX - 1, TAIL = (int)(sizeof chained - 1 + HEX + sizeof closing - 1) };

#define UNSAID INT64_MIN

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
    int64_t n, format; /* UNSAID: it has none */
    const char *after;
};

const char *af_audit_line_read(struct af_audit_line *line, const char *text, size_t len)
{
    static const struct af_json_row rows[] = {
        {"n", AF_JSON_ROW_INTEGER, offsetof(struct fields, n), NULL},
        {"format", AF_JSON_ROW_INTEGER, offsetof(struct fields, format), NULL},
        {"after", AF_JSON_ROW_TEXT, offsetof(struct fields, after), NULL},
        {0}};
    struct fields fields = {UNSAID, UNSAID, ""};
    struct af_arena arena = {0};
    memset(line, 0, sizeof *line);
    bool ok = af_json_read_object((struct af_json_span){text, len}, rows, &arena, &fields);
    if (ok && is_hex(fields.after, strlen(fields.after)))
        memcpy(line->after, fields.after, HEX);
    af_arena_release(&arena);
    line->is_head = fields.format != UNSAID;
    if (!ok || fields.n == UNSAID)
        return "is no entry of an audit log";
    if (fields.format > AF_AUDIT_FORMAT)
        return "begins a log of a newer format than this program knows";
    if (line->is_head && line->after[0] == '\0')
        return "is no entry of an audit log";
    const char *tail = len <= TAIL ? NULL : text + len - TAIL;
    if (tail == NULL || memcmp(tail, chained, sizeof chained - 1) != 0 ||
        !is_hex(tail + sizeof chained - 1, HEX))
        return "has no chain";
    memcpy(line->chain, tail + sizeof chained - 1, HEX);
    line->n = fields.n;
    return NULL;
}
