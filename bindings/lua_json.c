/* lua_json.c: see lua_json.h.
 *
 * Writing is one pass over each table in Lua's own order, which notes where each member's text
 * stands; if the keys did not come sorted, the pieces are put in order afterwards. Lua's order is
 * another in each process, so what cannot be written is looked for again in the order of keys: of
 * several faults the same one is told everywhere. */
#include "lua_json.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "lua_cow.h"
#include "lua_list.h"
#include "lua_parts.h"
#include "lua_script.h"
#include "lua_vm.h"
#include "base/mem.h"
#include "base/pointer_set.h"

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    const char *key; /* NULL: an integer key */
    size_t key_len;
    lua_Integer i;
    size_t start, end; /* of its text in out */
    uint64_t order;    /* the bytes in which its key first differs from others; 0: not looked at */
    size_t place;      /* in Lua's order, from 0 */
};

/* A table that is being written, and where in it the writer is. */
struct frame {
    const struct frame *parent;
    const void *table;
    const char *key;
    size_t key_len;
    lua_Integer i;
};

struct writer {
    lua_State *L;
    struct af_buf *out;
    size_t max_bytes;
    const char *name;
    bool keeps, rebuild;
    struct af_parts **parts; /* large tables as they were written last; or NULL */
    const void *secret;      /* the table in the field `secret` of what is kept, or NULL */
    bool in_order;           /* looks for what cannot be written, in the order of keys */
    int depth;
};

/* Memory that is kept between calls: nothing is lost if Lua raises for want of memory. */
static struct member *members;
static size_t member_count, member_cap;
static struct af_buf sorted;
static char error_text[AF_FAILURE_TEXT_MAX];
static struct af_json_reader shared_reader;

static const char bytes_mark[] = AF_JSON_BYTES_MARK;

static struct af_pointer_set seen; /* the tables that were written in this call */

/* ---- Errors. ---- */

static void append_path(struct af_buf *path, const struct frame *frame)
{
    if (frame == NULL)
        return;
    append_path(path, frame->parent);
    if (frame->key == NULL) {
        af_buf_printf(path, "[%lld]", (long long)frame->i);
        return;
    }
    bool plain = frame->key_len > 0 && frame->key_len <= 40;
    for (size_t i = 0; plain && i < frame->key_len; i++) {
        char c = frame->key[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                (i > 0 && c >= '0' && c <= '9');
    }
    if (plain)
        af_buf_printf(path, ".%.*s", (int)frame->key_len, frame->key);
    else
        af_buf_printf(path, "[\"%.*s\"]", (int)(frame->key_len > 40 ? 40 : frame->key_len),
                      frame->key);
}

static bool refuse(const struct writer *w, const struct frame *frame, const char *why)
{
    enum { SHOWN = 60 }; /* bytes of a path's beginning and end */
    struct af_buf path = AF_BUF_EMPTY;
    append_path(&path, frame);
    const char *text = af_buf_text(&path);
    if (path.len <= 2 * SHOWN)
        snprintf(error_text, sizeof error_text, "%s%s: %s", w->name, text, why);
    else
        snprintf(error_text, sizeof error_text, "%s%.*s … %s: %s", w->name, SHOWN, text,
                 text + path.len - SHOWN, why);
    af_buf_release(&path);
    return false;
}

/* ---- Strings of any bytes. ---- */

static bool is_marked(const char *text, size_t len)
{
    return len >= sizeof bytes_mark - 1 && memcmp(text, bytes_mark, sizeof bytes_mark - 1) == 0;
}

/* Pushes the bytes that a text stands for; itself, if we have not written it. */
static void push_bytes(lua_State *L, const char *text, size_t len)
{
    const char *base64 = text + sizeof bytes_mark - 1;
    size_t base64_len = len - (sizeof bytes_mark - 1), size = base64_len / 4 * 3 + 3, got;
    unsigned char *bytes = lua_newuserdatauv(L, size, 0);
    if (sodium_base642bin(bytes, size, base64, base64_len, NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0)
        lua_pushlstring(L, (const char *)bytes, got);
    else
        lua_pushlstring(L, text, len);
    lua_remove(L, -2);
}

/* Appends the text that bytes stand as. Nothing in base64 needs an escape. */
static bool write_bytes(struct writer *w, const char *bytes, size_t len, const struct frame *frame)
{
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    af_json_write_string(w->out, bytes_mark, sizeof bytes_mark - 1);
    if (!af_buf_reserve(w->out, size + 1))
        return refuse(w, frame, "too large");
    w->out->len--; /* the quote */
    sodium_bin2base64(w->out->data + w->out->len, size, (const unsigned char *)bytes, len,
                      sodium_base64_VARIANT_ORIGINAL);
    w->out->len += size - 1; /* it counts a 0 byte */
    af_buf_append_char(w->out, '"');
    return true;
}

/* ---- Writing. ---- */

static bool write_value(struct writer *w, int index, const struct frame *frame);

/* Integers, then strings. */
static int compare_members(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (a->key == NULL && b->key == NULL)
        return a->i < b->i ? -1 : a->i > b->i;
    if (a->key == NULL || b->key == NULL)
        return a->key == NULL ? -1 : 1;
    size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
    int order = memcmp(a->key, b->key, len);
    if (order != 0)
        return order;
    return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

/* Notes the eight bytes behind what all keys, texts, begin with: most are told apart by them. */
static void note_order(struct member *from, size_t count)
{
    size_t same = from[0].key_len;
    for (size_t i = 1; i < count; i++) {
        size_t len = from[i].key_len < same ? from[i].key_len : same;
        for (same = 0; same < len && from[i].key[same] == from[0].key[same];)
            same++;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t k = same; k < same + sizeof from[i].order; k++)
            from[i].order =
                from[i].order << 8 | (k < from[i].key_len ? (unsigned char)from[i].key[k] : 0);
}

enum { FEW = 8 }; /* members that are sorted one by one */

static void sort_few(struct member *from, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct member member = from[i];
        size_t at = i;
        for (; at > 0 && compare_members(&member, &from[at - 1]) < 0; at--)
            from[at] = from[at - 1];
        from[at] = member;
    }
}

/* Puts the texts of the members from `first` on in order of their keys. */
static void sort_members(struct writer *w, size_t first)
{
    size_t count = member_count - first;
    size_t start = members[first].start;
    if (members[first].key != NULL && count > FEW)
        note_order(members + first, count);
    if (count > FEW)
        qsort(members + first, count, sizeof *members, compare_members);
    else
        sort_few(members + first, count);
    af_buf_clear(&sorted);
    for (size_t i = first; i < member_count; i++) {
        if (i > first)
            af_buf_append_char(&sorted, ',');
        af_buf_append(&sorted, w->out->data + members[i].start, members[i].end - members[i].start);
    }
    memcpy(w->out->data + start, sorted.data, sorted.len);
}

/* The members have integer keys that are not 1..n: says which is the first beyond a gap. */
static bool refuse_sparse(struct writer *w, size_t first, const struct frame *parent)
{
    qsort(members + first, member_count - first, sizeof *members, compare_members);
    lua_Integer expected = 1;
    size_t at = first;
    while (at < member_count && members[at].i == expected) {
        at++;
        expected++;
    }
    struct frame here = {parent, NULL, NULL, 0, members[at].i};
    char why[160];
    snprintf(why, sizeof why, "a sparse list cannot be kept; use tostring(%lld) as the key",
             (long long)members[at].i);
    return refuse(w, &here, why);
}

/* Notes the key at the stack's top but one. Returns false for a kind that JSON has not. */
static bool note_member(struct writer *w, struct member *member)
{
    lua_State *L = w->L;
    *member = (struct member){NULL, 0, 0, w->out->len, 0, 0, 0};
    if (lua_type(L, -2) == LUA_TSTRING) {
        member->key = lua_tolstring(L, -2, &member->key_len);
        return true;
    }
    if (!lua_isinteger(L, -2))
        return false;
    member->i = lua_tointeger(L, -2);
    return true;
}

static bool refuse_key(const struct writer *w, const struct frame *parent, const char *kind)
{
    char why[120];
    snprintf(why, sizeof why, "a key that is a %s cannot be kept; use strings or 1..n", kind);
    return refuse(w, parent, why);
}

static const char *kind_of_key(lua_State *L)
{
    return lua_type(L, -2) == LUA_TNUMBER ? "fraction" : luaL_typename(L, -2);
}

/* Notes the members of the table at index, in the order of their keys. Returns false, with none
 * noted, where there are more than `most`, or *odd tells the kind of a key that cannot be kept. */
static bool list_members(struct writer *w, int index, size_t most, const char **odd)
{
    lua_State *L = w->L;
    size_t first = member_count;
    int top = lua_gettop(L);
    *odd = NULL;
    for (lua_pushnil(L); lua_next(L, index) != 0 && member_count - first <= most; lua_pop(L, 1)) {
        struct member member;
        if (!note_member(w, &member)) {
            const char *kind = kind_of_key(L);
            *odd = *odd == NULL || strcmp(kind, *odd) < 0 ? kind : *odd;
            continue;
        }
        member.place = member_count - first;
        af_mem_reserve(&members, &member_cap, member_count + 1, sizeof *members);
        members[member_count++] = member;
    }
    lua_settop(L, top);
    if (*odd != NULL || member_count - first > most) {
        member_count = first;
        return false;
    }
    qsort(members + first, member_count - first, sizeof *members, compare_members);
    return true;
}

/* Writes the key that the frame then has, but of a list, and the value on the top. */
static bool write_member(struct writer *w, struct frame *frame, const struct member *member)
{
    frame->key = member->key;
    frame->key_len = member->key_len;
    frame->i = member->i;
    if (member->key != NULL) {
        if (!af_json_write_string(w->out, member->key, member->key_len))
            return refuse(w, frame->parent, "a key that is not valid UTF-8 cannot be kept");
        af_buf_append_char(w->out, ':');
    }
    return write_value(w, lua_gettop(w->L), frame);
}

/* Writes the members of the table at index that are noted, from `first` on. */
static bool write_listed(struct writer *w, int index, struct frame *frame, size_t first)
{
    lua_State *L = w->L;
    for (size_t i = first, last = member_count; i < last; i++) {
        if (i > first)
            af_buf_append_char(w->out, ',');
        struct member member = members[i];
        members[i].start = w->out->len;
        if (member.key == NULL) {
            lua_rawgeti(L, index, member.i);
        } else {
            lua_pushlstring(L, member.key, member.key_len);
            lua_rawget(L, index);
        }
        if (!write_member(w, frame, &member))
            return false;
        members[i].end = w->out->len;
        lua_pop(L, 1);
    }
    return true;
}

/* Writes and notes the members of the table at index as Lua has them; *ordered: by their keys. */
static bool write_walked(struct writer *w, int index, struct frame *frame, bool *ordered)
{
    lua_State *L = w->L;
    size_t first = member_count;
    struct member previous = {NULL, 0, 0, 0, 0, 0, 0};
    *ordered = true;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        struct member member;
        if (member_count > first)
            af_buf_append_char(w->out, ',');
        if (!note_member(w, &member))
            return refuse_key(w, frame->parent, kind_of_key(L));
        if (member.key != NULL && previous.key != NULL)
            *ordered = *ordered && compare_members(&previous, &member) < 0;
        else if (member.key == NULL)
            *ordered = *ordered && member.i == (lua_Integer)(member_count - first) + 1;
        if (!write_member(w, frame, &member))
            return false;
        lua_pop(L, 1);
        member.end = w->out->len;
        member.place = member_count - first;
        previous = member;
        af_mem_reserve(&members, &member_cap, member_count + 1, sizeof *members);
        members[member_count++] = member;
    }
    return true;
}

/* A member of a large table, which is none itself. */
static bool write_part(void *arg, int index)
{
    struct writer *w = arg;
    struct frame nowhere = {NULL, NULL, NULL, 0,
                            0}; /* what is refused is refused again, and told */
    return write_value(w, index, &nowhere);
}

/* Remembers the table at index, whose members from `first` on were written, and are sorted. */
static void keep_part(struct writer *w, int index, size_t first, bool is_list)
{
    static struct af_parts_member *parts;
    static size_t part_cap;
    size_t count = member_count - first, at = 0;
    const char *text = w->out->data + w->out->len;
    if (!af_parts_wants(w->parts, lua_topointer(w->L, index), count))
        return;
    af_mem_reserve(&parts, &part_cap, count, sizeof *parts);
    for (size_t i = 0; i < count; i++) {
        size_t len = members[first + i].end - members[first + i].start;
        parts[i] = (struct af_parts_member){at, at + len, members[first + i].key_len,
                                            members[first + i].place};
        at += len + 1;
    }
    text -= at - 1;
    af_parts_keep(*w->parts, w->L, index, text, at - 1, parts, count, is_list);
}

/* Whether the members are no list, though their keys are integers. */
static bool has_gap(size_t first)
{
    lua_Integer max = 0, min = 1;
    for (size_t i = first; i < member_count; i++) {
        max = members[i].i > max ? members[i].i : max;
        min = members[i].i < min ? members[i].i : min;
    }
    return min < 1 || max != (lua_Integer)(member_count - first);
}

/* Writes the members of the table at index: in the order of their keys where the first fault is
 * looked for, and in data of which a table is large, which to put in order afterwards takes long.
 */
static bool write_members(struct writer *w, int index, struct frame *frame, bool *is_list)
{
    size_t first = member_count, integers = 0;
    const char *odd = NULL;
    bool ordered = true;
    if (w->parts != NULL && !w->in_order &&
        af_parts_write(*w->parts, w->L, index, w->out, write_part, w, is_list))
        return true;
    bool large = w->parts != NULL && *w->parts != NULL && frame->parent == NULL;
    bool listed =
        (w->in_order || large) && list_members(w, index, w->in_order ? SIZE_MAX - 1 : FEW, &odd);
    if (odd != NULL)
        return refuse_key(w, frame->parent, odd);
    if (!(listed ? write_listed(w, index, frame, first) : write_walked(w, index, frame, &ordered)))
        return false;
    for (size_t i = first; i < member_count; i++)
        integers += members[i].key == NULL;
    if (integers > 0 && integers < member_count - first)
        return refuse(
            w, frame->parent,
            "a table with both list items and named fields cannot be kept; use two tables");
    /* the hash part of a table has them in any order */
    if (integers > 0 && (listed || !ordered) && has_gap(first))
        return refuse_sparse(w, first, frame->parent);
    if (!ordered)
        sort_members(w, first);
    if (w->parts != NULL)
        keep_part(w, index, first, integers > 0);
    member_count = first;
    *is_list = integers > 0;
    return true;
}

/* Whether what has that name is in traces, status or charts. */
static bool is_shown(const char *name)
{
    return strcmp(name, "data") == 0 || strcmp(name, "result") == 0 || strcmp(name, "seen") == 0;
}

/* Whether the value stands in the field `secret` of a party's data. */
static bool is_in_secret(const struct writer *w, const struct frame *frame)
{
    while (frame != NULL && frame->parent != NULL)
        frame = frame->parent;
    return w->keeps && frame != NULL && frame->key_len == 6 && frame->key != NULL &&
           memcmp(frame->key, "secret", 6) == 0;
}

static bool write_table(struct writer *w, int index, const struct frame *parent)
{
    lua_State *L = w->L;
    if (++w->depth > AF_VALUE_DEPTH_MAX)
        return refuse(w, parent, "deeper than 120 levels; keep it flatter");
    if (!lua_checkstack(L, 8))
        return refuse(w, parent, "too deep");
    int top = lua_gettop(L);
    af_cow_own(L, index);
    if (!w->keeps && is_shown(w->name) && af_vm_is_secret(L, index))
        return refuse(w, parent, "the party's secrets would be shown; leave them out");
    bool marked = af_list_is_marked(L, index);
    if (!marked && lua_getmetatable(L, index)) {
        w->rebuild = true;
        if (af_vm_event_hides(L, index) && is_shown(w->name) && !is_in_secret(w, parent))
            return refuse(w, parent,
                          "an event with secrets would be shown; keep it in party.data.secret, or "
                          "keep what is none of it");
        if (af_vm_push_fields(L, index) == LUA_TTABLE)
            index = lua_gettop(L); /* an event is kept as its fields, among them `type` */
        else if (!af_list_is_bare(L, index))
            return refuse(w, parent, "a table with a metatable cannot be kept; copy its fields");
    }
    struct frame frame = {parent, lua_topointer(L, index), NULL, 0, 0};
    for (const struct frame *up = parent; up != NULL; up = up->parent)
        if (up->table == frame.table)
            return refuse(w, parent, "a table that contains itself cannot be kept");
    if (!af_pointer_set_add(&seen, frame.table))
        w->rebuild = true;
    if (w->keeps && parent == NULL && strcmp(w->name, "data") == 0) {
        lua_pushliteral(L, "secret");
        w->secret = lua_rawget(L, index) == LUA_TTABLE ? lua_topointer(L, -1) : NULL;
        lua_pop(L, 1);
    } else if (frame.table == w->secret && !is_in_secret(w, parent)) {
        return refuse(w, parent, "the party's secrets would be shown here, too; leave them out");
    }
    size_t start = w->out->len;
    af_buf_append_char(w->out, '[');
    bool is_list = false;
    if (!write_members(w, index, &frame, &is_list))
        return false;
    bool is_empty = w->out->len == start + 1;
    is_list = is_empty ? marked : is_list;
    if (w->keeps && is_list && !marked)
        af_list_mark(L, index);
    else if (w->keeps && marked && !is_list)
        af_list_unmark(L, index);
    af_buf_append_char(w->out, is_list ? ']' : '}');
    if (!is_list)
        w->out->data[start] = '{';
    if (w->out->len > w->max_bytes)
        return refuse(w, NULL, "larger than 16 MiB; large things belong in files, by URL");
    lua_settop(L, top);
    w->depth--;
    return true;
}

static bool write_value(struct writer *w, int index, const struct frame *frame)
{
    lua_State *L = w->L;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        af_buf_append_string(w->out, lua_toboolean(L, index) ? "true" : "false");
        return true;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            af_json_write_integer(w->out, lua_tointeger(L, index));
            return true;
        }
        if (!af_json_write_double(w->out, lua_tonumber(L, index)))
            return refuse(w, frame, "NaN or an infinity cannot be kept");
        return true;
    case LUA_TSTRING: {
        size_t len;
        const char *text = lua_tolstring(L, index, &len);
        if (len > w->max_bytes)
            return refuse(w, frame, "larger than 16 MiB; large things belong in files, by URL");
        if (w->keeps && is_marked(text, len))
            return write_bytes(w, text, len, frame);
        if (af_json_write_string(w->out, text, len))
            return true;
        if (w->keeps)
            return write_bytes(w, text, len, frame);
        return refuse(w, frame,
                      "a string that is not valid UTF-8 cannot be kept; declare af.bytes in "
                      "events, or use hexadecimal");
    }
    case LUA_TTABLE:
        return write_table(w, index, frame);
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA:
        af_buf_append_string(w->out, "null");
        return true;
    default: {
        char why[120];
        const char *kind = luaL_typename(L, index);
        if (af_vm_event_type(L, index) != NULL)
            kind = "n event type";
        snprintf(why, sizeof why, "a%s%s cannot be kept; keep plain values",
                 kind[0] == 'n' ? "" : " ", kind);
        return refuse(w, frame, why);
    }
    }
}

static bool write_all(struct writer *w, int index, const char **error)
{
    lua_State *L = w->L;
    struct af_buf *out = w->out;
    int top = lua_gettop(L);
    size_t start = out->len;
    bool ok = false;
    index = lua_absindex(L, index);
    w->max_bytes += start;
    for (int pass = 0; pass < 2 && !ok; pass++) {
        out->len = start;
        w->in_order = pass > 0;
        w->depth = 0;
        member_count = 0;
        af_pointer_set_clear(&seen);
        ok = write_value(w, index, NULL);
        if (ok && out->full)
            ok = refuse(w, NULL, "too large");
        lua_settop(L, top);
    }
    if (!ok) {
        out->len = start;
        *error = error_text;
    }
    return ok;
}

bool af_lua_json_write(lua_State *L, int index, const char *name, size_t max_bytes,
                       struct af_buf *out, bool *rebuild, const char **error)
{
    struct writer w = {
        .L = L, .out = out, .max_bytes = max_bytes, .name = name, .keeps = rebuild != NULL};
    bool ok = write_all(&w, index, error);
    if (rebuild != NULL)
        *rebuild = w.rebuild;
    return ok;
}

bool af_lua_json_write_data(lua_State *L, int index, struct af_parts **parts, struct af_buf *out,
                            bool *rebuild, const char **error)
{
    struct writer w = {.L = L,
                       .out = out,
                       .max_bytes = AF_PARTY_DATA_BYTES_MAX,
                       .name = "data",
                       .keeps = true,
                       .parts = parts};
    af_parts_begin(*parts);
    bool ok = write_all(&w, index, error);
    af_parts_end(L, parts);
    *rebuild = w.rebuild;
    return ok;
}

void af_lua_json_push(lua_State *L, int index, const char *name)
{
    static struct af_buf text;
    const char *error;
    af_buf_clear(&text);
    if (!af_lua_json_write(L, index, name, AF_PARTY_DATA_BYTES_MAX, &text, NULL, &error))
        luaL_error(L, "%s", error);
    af_vm_spend(L, (int64_t)(text.len / 4));
    lua_pushlstring(L, af_buf_text(&text), text.len);
}

/* ---- Reading. ---- */

static bool read_value(lua_State *L, struct af_json_reader *reader, enum af_json_token token,
                       bool data);

static bool read_object(lua_State *L, struct af_json_reader *reader, bool data)
{
    lua_createtable(L, 0, 4);
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_OBJECT_END)
            return true;
        if (token != AF_JSON_KEY)
            return false;
        lua_pushlstring(L, reader->string, reader->string_len);
        if (!read_value(L, reader, af_json_next(reader), data))
            return false;
        lua_rawset(L, -3);
    }
}

static bool read_list(lua_State *L, struct af_json_reader *reader, bool data)
{
    lua_createtable(L, 4, 0);
    af_list_mark(L, -1);
    for (lua_Integer i = 1;; i++) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_ARRAY_END)
            return true;
        if (!read_value(L, reader, token, data))
            return false;
        lua_rawseti(L, -2, i);
    }
}

static bool read_value(lua_State *L, struct af_json_reader *reader, enum af_json_token token,
                       bool data)
{
    int top = lua_gettop(L);
    bool ok = true;
    luaL_checkstack(L, 8, "JSON");
    switch (token) {
    case AF_JSON_OBJECT_BEGIN:
        ok = read_object(L, reader, data);
        break;
    case AF_JSON_ARRAY_BEGIN:
        ok = read_list(L, reader, data);
        break;
    case AF_JSON_STRING:
        if (data && is_marked(reader->string, reader->string_len))
            push_bytes(L, reader->string, reader->string_len);
        else
            lua_pushlstring(L, reader->string, reader->string_len);
        break;
    case AF_JSON_INTEGER:
        lua_pushinteger(L, reader->integer);
        break;
    case AF_JSON_DOUBLE:
        lua_pushnumber(L, reader->number);
        break;
    case AF_JSON_TRUE:
    case AF_JSON_FALSE:
        lua_pushboolean(L, token == AF_JSON_TRUE);
        break;
    case AF_JSON_NULL:
        lua_pushlightuserdata(L, NULL);
        break;
    default:
        ok = false;
    }
    if (!ok)
        lua_settop(L, top);
    return ok;
}

bool af_lua_json_read_value(lua_State *L, struct af_json_reader *reader, enum af_json_token token)
{
    return read_value(L, reader, token, false);
}

static bool read_text(lua_State *L, const char *text, size_t len, bool data, const char **error)
{
    struct af_json_reader *reader = &shared_reader;
    int top = lua_gettop(L);
    af_json_reader_restart(reader, text, len);
    if (read_value(L, reader, af_json_next(reader), data) && af_json_next(reader) == AF_JSON_END)
        return true;
    lua_settop(L, top);
    snprintf(error_text, sizeof error_text, "not JSON: %s at byte %zu", reader->message,
             reader->offset + 1);
    *error = error_text;
    return false;
}

bool af_lua_json_read(lua_State *L, const char *text, size_t len, const char **error)
{
    return read_text(L, text, len, false, error);
}

bool af_lua_json_read_data(lua_State *L, const char *text, size_t len, const char **error)
{
    return read_text(L, text, len, true, error);
}
