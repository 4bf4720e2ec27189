/* lua_parts.c: see lua_parts.h.
 *
 * A part has its members twice: in Lua's order, with what each is compared by, and in the order of
 * the text, by where they begin there. Lua's order stays as it is while a table does not grow; a
 * member that is new stands somewhere in it, and may have moved another one: that is one gone and
 * one new. */
#include "lua_parts.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMBERS_MIN = 64,    /* a table with fewer is as quickly written */
    TABLES_MAX = 16,     /* of a party */
    CHANGES_MAX = 16,    /* of a table: with more it is written as a whole … */
    MISSES_MAX = 8,      /* … and after so many of these in a row not looked at any more */
    NAMES_MAX = 1 << 16, /* of a table: it takes 24 bytes and more to hold one */
    NEW = UINT32_MAX,    /* the start of what does not stand in the text yet */
};

enum kind { KIND_FALSE, KIND_TRUE, KIND_NULL, KIND_INTEGER, KIND_NUMBER, KIND_TEXT, KIND_WRITTEN };

struct entry {
    const void *name;    /* the key, a string that is held; NULL: it is compared by its bytes */
    int64_t value;       /* an integer, or the bits of another number */
    uint32_t start, len; /* of its text, from the key on */
    uint32_t key;        /* the length of the key, a string; in a list the key */
    uint8_t kind;        /* KIND_TEXT: between its quotes it is what it is in Lua */
};

struct part {
    const void *table;
    uint64_t round;
    bool unfit;          /* it has tables in it, or changes as a whole */
    unsigned missed;     /* so often in a row */
    bool known, is_list; /* known: all below is there */
    int names_ref;       /* a table that holds keys, so that no other comes to stand in the
                            place of one; LUA_NOREF: there is none */
    uint32_t count, placed;
    uint32_t gone; /* since all keys were held */
    size_t cap, start_cap;
    struct entry *entries; /* so many as `count`, in Lua's order */
    uint32_t *starts;      /* so many as `placed`, in the order of the text */
    struct af_buf text;
};

struct af_parts {
    uint64_t round;
    size_t count;
    struct part parts[TABLES_MAX];
};

enum what { CHANGED, GONE, ADDED };

struct change {
    enum what what;
    uint32_t at;        /* in Lua's order as it was; ADDED: in front of it */
    size_t start, len;  /* of the value's text, in out */
    const char *key;    /* ADDED, to an object: borrowed from Lua */
    struct entry entry; /* CHANGED, ADDED */
};

/* ---- Which tables. ---- */

static void forget(lua_State *L, struct part *part)
{
    luaL_unref(L, LUA_REGISTRYINDEX, part->names_ref);
    free(part->entries);
    free(part->starts);
    af_buf_release(&part->text);
    *part = (struct part){.table = part->table,
                          .round = part->round,
                          .unfit = part->unfit,
                          .missed = part->missed,
                          .names_ref = LUA_NOREF,
                          .text = AF_BUF_EMPTY};
}

void af_parts_begin(struct af_parts *parts)
{
    if (parts != NULL)
        parts->round++;
}

void af_parts_end(lua_State *L, struct af_parts **parts_at)
{
    struct af_parts *parts = *parts_at;
    if (parts == NULL)
        return;
    for (size_t i = 0; i < parts->count;) {
        if (parts->parts[i].round == parts->round) {
            i++;
            continue;
        }
        forget(L, &parts->parts[i]);
        parts->parts[i] = parts->parts[--parts->count];
    }
    if (parts->count == 0) {
        free(parts);
        *parts_at = NULL;
    }
}

void af_parts_free(lua_State *L, struct af_parts *parts)
{
    for (size_t i = 0; parts != NULL && i < parts->count; i++)
        forget(L, &parts->parts[i]);
    free(parts);
}

static struct part *find(struct af_parts *parts, const void *table)
{
    for (size_t i = 0; parts != NULL && i < parts->count; i++)
        if (parts->parts[i].table == table)
            return &parts->parts[i];
    return NULL;
}

bool af_parts_wants(struct af_parts **parts_at, const void *table, size_t count)
{
    struct af_parts *parts = *parts_at;
    struct part *part = find(parts, table);
    if (count < MEMBERS_MIN)
        return false;
    if (part != NULL) {
        bool again = part->round != parts->round;
        part->round = parts->round;
        return again && !part->unfit;
    }
    if (parts == NULL)
        parts = *parts_at = af_mem_zero(1, sizeof *parts);
    if (parts->count < TABLES_MAX)
        parts->parts[parts->count++] = (struct part){
            .table = table, .round = parts->round, .names_ref = LUA_NOREF, .text = AF_BUF_EMPTY};
    return false;
}

/* ---- Members. ---- */

static size_t value_at(const struct part *part, const struct entry *entry)
{
    return part->is_list ? entry->start : entry->start + entry->key + 3; /* quotes and a colon */
}

/* The number on the top, as it is compared: 0.0 and -0.0 are two. */
static int64_t number_of(lua_State *L)
{
    if (lua_isinteger(L, -1))
        return lua_tointeger(L, -1);
    lua_Number number = lua_tonumber(L, -1);
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* What the value on the top is compared by; false: it is a table, or nothing that can be kept. */
static bool describe(lua_State *L, struct entry *entry, const char *text, size_t len)
{
    entry->value = 0;
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        entry->kind = lua_toboolean(L, -1) ? KIND_TRUE : KIND_FALSE;
        return true;
    case LUA_TLIGHTUSERDATA:
        entry->kind = KIND_NULL;
        return true;
    case LUA_TNUMBER:
        entry->kind = lua_isinteger(L, -1) ? KIND_INTEGER : KIND_NUMBER;
        entry->value = number_of(L);
        return true;
    case LUA_TSTRING: {
        size_t bytes_len;
        const char *bytes = lua_tolstring(L, -1, &bytes_len);
        bool plain = len == bytes_len + 2 && memcmp(text + 1, bytes, bytes_len) == 0;
        entry->kind = plain ? KIND_TEXT : KIND_WRITTEN;
        return true;
    }
    default:
        return false;
    }
}

/* Holds the key below the top, a string. Returns what it is known by as long as it is held, NULL if
 * it is not. Raises. */
static const void *hold_name(lua_State *L, const struct part *part)
{
    if (part->names_ref == LUA_NOREF || part->count >= NAMES_MAX)
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, part->names_ref);
    lua_pushvalue(L, -3);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return lua_topointer(L, -2);
}

static bool has_key(lua_State *L, const struct part *part, const struct entry *entry)
{
    size_t len;
    if (entry->name != NULL && entry->name == lua_topointer(L, -2))
        return true;
    if (part->is_list)
        return lua_isinteger(L, -2) && lua_tointeger(L, -2) == (lua_Integer)entry->key;
    if (lua_type(L, -2) != LUA_TSTRING)
        return false;
    const char *key = lua_tolstring(L, -2, &len);
    return len == entry->key && memcmp(part->text.data + entry->start + 1, key, len) == 0;
}

/* Whether the value on the top is the entry's, without a look at how it would be written. */
static bool has_value(lua_State *L, const struct part *part, const struct entry *entry)
{
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        return entry->kind == (lua_toboolean(L, -1) ? KIND_TRUE : KIND_FALSE);
    case LUA_TLIGHTUSERDATA:
        return entry->kind == KIND_NULL;
    case LUA_TNUMBER:
        return entry->kind == (lua_isinteger(L, -1) ? KIND_INTEGER : KIND_NUMBER) &&
               entry->value == number_of(L);
    case LUA_TSTRING: {
        size_t len, at = value_at(part, entry);
        const char *text = lua_tolstring(L, -1, &len);
        return entry->kind == KIND_TEXT && entry->start + entry->len - at == len + 2 &&
               memcmp(part->text.data + at + 1, text, len) == 0;
    }
    default:
        return false;
    }
}

/* ---- What has changed. ---- */

struct look {
    lua_State *L;
    struct part *part;
    struct af_buf *out;
    af_parts_value_fn *value;
    void *arg;
    struct change changes[CHANGES_MAX];
    size_t count;
};

static struct change *note(struct look *look, enum what what, uint32_t at)
{
    if (look->count == CHANGES_MAX)
        return NULL;
    struct change *change = &look->changes[look->count++];
    *change = (struct change){.what = what, .at = at};
    return change;
}

/* Writes the value on the top behind out. */
static bool write_value(struct look *look, struct change *change)
{
    change->start = look->out->len;
    if (lua_type(look->L, -1) == LUA_TTABLE || !look->value(look->arg, lua_gettop(look->L)))
        return false;
    change->len = look->out->len - change->start;
    return describe(look->L, &change->entry, look->out->data + change->start, change->len);
}

/* The value on the top has the key of the entry at that place. */
static bool look_at_value(struct look *look, uint32_t at)
{
    const struct part *part = look->part;
    const struct entry *entry = &part->entries[at];
    if (has_value(look->L, part, entry))
        return true;
    struct change *change = note(look, CHANGED, at);
    if (change == NULL || !write_value(look, change))
        return false;
    size_t from = value_at(part, entry);
    if (entry->start + entry->len - from != change->len ||
        memcmp(part->text.data + from, look->out->data + change->start, change->len) != 0)
        return true;
    look->out->len = change->start; /* a string that is no plain text, and is the same */
    look->count--;
    return true;
}

/* Whether JSON has the key as it is. */
static bool is_plain(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (key[i] < ' ' || key[i] > '~' || key[i] == '"' || key[i] == '\\')
            return false;
    return true;
}

/* The key below the top is none of the next ones. */
static bool look_at_new(struct look *look, uint32_t at)
{
    lua_State *L = look->L;
    struct change *change = note(look, ADDED, at);
    if (change == NULL)
        return false;
    if (look->part->is_list) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) <= 0 || lua_tointeger(L, -2) >= NEW)
            return false;
        change->entry.key = (uint32_t)lua_tointeger(L, -2);
    } else {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING)
            return false;
        change->key = lua_tolstring(L, -2, &len);
        if (len > AF_PARTY_DATA_BYTES_MAX || !is_plain(change->key, len))
            return false;
        change->entry.key = (uint32_t)len;
        change->entry.name = hold_name(L, look->part);
    }
    change->entry.start = NEW;
    return write_value(look, change);
}

/* Notes what has changed; false: too much, or something for which a whole table must be seen. */
static bool look_at_all(struct look *look, int index)
{
    lua_State *L = look->L;
    const struct part *part = look->part;
    uint32_t at = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        uint32_t next = at;
        while (next < part->count && next < at + 3 && !has_key(L, part, &part->entries[next]))
            next++;
        if (next == part->count || next == at + 3) {
            if (!look_at_new(look, at))
                return false;
        } else {
            for (; at < next; at++)
                if (note(look, GONE, at) == NULL)
                    return false;
            if (!look_at_value(look, at++))
                return false;
        }
        lua_pop(L, 1);
    }
    for (; at < part->count; at++)
        if (note(look, GONE, at) == NULL)
            return false;
    return true;
}

/* ---- The text. ---- */

/* Where among the starts the first is that is not less. */
static uint32_t rank_of(const struct part *part, uint32_t start)
{
    uint32_t low = 0, high = part->placed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (part->starts[middle] < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where a new key belongs; NEW: it is there. */
static uint32_t rank_of_key(const struct part *part, const char *key, size_t len)
{
    uint32_t low = 0, high = part->placed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *other = part->text.data + part->starts[middle] + 1;
        const char *end = memchr(other, '"', part->text.len - part->starts[middle] - 1);
        size_t other_len = (size_t)(end - other);
        int order = memcmp(other, key, other_len < len ? other_len : len);
        if (order == 0 && other_len == len)
            return NEW;
        if (order < 0 || (order == 0 && other_len < len))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts bytes in the place of `gone` others; what begins behind these is told that it moves. */
static bool splice(struct look *look, size_t at, size_t gone, const char *bytes, size_t len)
{
    struct part *part = look->part;
    struct af_buf *text = &part->text;
    if (len > gone && !af_buf_reserve(text, len - gone))
        return false;
    memmove(text->data + at + len, text->data + at + gone, text->len - at - gone);
    if (len > 0)
        memcpy(text->data + at, bytes, len);
    text->len += len - gone;
    uint32_t by = (uint32_t)len - (uint32_t)gone; /* modulo 2^32 */
    for (uint32_t i = 0; i < part->placed; i++)
        part->starts[i] += part->starts[i] >= at + gone ? by : 0;
    for (uint32_t i = 0; i < part->count; i++) /* those of members that are gone are past caring */
        part->entries[i].start += part->entries[i].start >= at + gone ? by : 0;
    for (size_t i = 0; i < look->count; i++) {
        struct entry *entry = &look->changes[i].entry;
        if (look->changes[i].what == ADDED && entry->start != NEW)
            entry->start += entry->start >= at + gone ? by : 0;
    }
    return true;
}

/* Takes a member out of the text. A list ends one earlier, or has a gap. */
static bool take_out(struct look *look, const struct entry *entry)
{
    struct part *part = look->part;
    uint32_t rank = rank_of(part, entry->start);
    size_t start = entry->start;
    if (part->placed < 2 || (part->is_list && entry->key != part->placed))
        return false;
    if (rank + 1 < part->placed)
        splice(look, start, part->starts[rank + 1] - start, NULL, 0);
    else
        splice(look, start - 1, part->text.len - (start - 1), NULL, 0); /* and the comma */
    part->placed--;
    memmove(part->starts + rank, part->starts + rank + 1,
            (part->placed - rank) * sizeof *part->starts);
    return true;
}

/* Puts a new member into the text; its value stands in out, behind which the whole is made. */
static bool put_in(struct look *look, struct change *change)
{
    struct part *part = look->part;
    struct af_buf *out = look->out;
    struct entry *entry = &change->entry;
    size_t made = out->len;
    uint32_t rank = part->placed;
    if (!part->is_list)
        rank = rank_of_key(part, change->key, entry->key);
    if (rank == NEW || (part->is_list && entry->key != part->placed + 1))
        return false;
    bool last = rank == part->placed;
    if (!af_buf_reserve(out, change->len + entry->key + 8))
        return false;
    if (last)
        af_buf_append_char(out, ',');
    if (!part->is_list) {
        af_buf_append_char(out, '"');
        af_buf_append(out, change->key, entry->key);
        af_buf_append_string(out, "\":");
    }
    af_buf_append(out, out->data + change->start, change->len);
    entry->len = (uint32_t)(out->len - made - last);
    if (!last)
        af_buf_append_char(out, ',');
    size_t at = last ? part->text.len : part->starts[rank];
    if (!splice(look, at, 0, out->data + made, out->len - made))
        return false;
    entry->start = (uint32_t)(at + last);
    af_mem_reserve(&part->starts, &part->start_cap, part->placed + 1, sizeof *part->starts);
    memmove(part->starts + rank + 1, part->starts + rank,
            (part->placed - rank) * sizeof *part->starts);
    part->starts[rank] = entry->start;
    part->placed++;
    return true;
}

static bool change_value(struct look *look, const struct change *change)
{
    struct part *part = look->part;
    struct entry *entry = &part->entries[change->at];
    size_t at = value_at(part, entry), gone = entry->start + entry->len - at;
    if (!splice(look, at, gone, look->out->data + change->start, change->len))
        return false;
    entry->len = (uint32_t)(entry->len - gone + change->len);
    entry->kind = change->entry.kind;
    entry->value = change->entry.value;
    return true;
}

/* Brings the text up to date, then the entries. */
static bool apply(struct look *look)
{
    struct part *part = look->part;
    for (size_t i = look->count; i-- > 0;) {
        const struct change *change = &look->changes[i];
        if (change->what == GONE && !take_out(look, &part->entries[change->at]))
            return false;
        if (change->what == CHANGED && !change_value(look, change))
            return false;
    }
    for (size_t i = 0; i < look->count; i++)
        if (look->changes[i].what == ADDED && !put_in(look, &look->changes[i]))
            return false;
    af_mem_reserve(&part->entries, &part->cap, part->count + look->count, sizeof *part->entries);
    for (size_t i = look->count; i-- > 0;) {
        const struct change *change = &look->changes[i];
        struct entry *at = part->entries + change->at;
        size_t behind = part->count - change->at;
        if (change->what == GONE) {
            memmove(at, at + 1, (behind - 1) * sizeof *at);
            part->count--;
            part->gone++;
        } else if (change->what == ADDED) {
            memmove(at + 1, at, behind * sizeof *at);
            *at = change->entry;
            part->count++;
        }
    }
    assert(part->count == part->placed);
    return true;
}

bool af_parts_write(struct af_parts *parts, lua_State *L, int index, struct af_buf *out,
                    af_parts_value_fn *value, void *arg, bool *is_list)
{
    struct part *part = find(parts, lua_topointer(L, index));
    if (part != NULL && part->gone > part->count)
        forget(L, part); /* most of the keys that it holds are none of the table's any more */
    if (part == NULL || !part->known)
        return false;
    struct look look = {.L = L, .part = part, .out = out, .value = value, .arg = arg, .count = 0};
    size_t start = out->len;
    int top = lua_gettop(L);
    bool found = look_at_all(&look, lua_absindex(L, index));
    lua_settop(L, top);
    bool done = found && apply(&look);
    out->len = start;
    if (!done) {
        part->unfit = ++part->missed == MISSES_MAX;
        forget(L, part);
        return false;
    }
    part->missed = 0;
    part->round = parts->round;
    *is_list = part->is_list;
    af_buf_append(out, part->text.data, part->text.len);
    return true;
}

/* ---- What is remembered. ---- */

/* Whether the key below the top stands in the text as it is. */
static bool key_is_plain(lua_State *L, const char *text, const struct entry *entry)
{
    size_t len;
    if (lua_type(L, -2) != LUA_TSTRING)
        return false;
    const char *key = lua_tolstring(L, -2, &len);
    return len == entry->key && len + 3 < entry->len && text[len + 1] == '"' &&
           text[len + 2] == ':' && memcmp(text + 1, key, len) == 0;
}

static bool describe_all(struct part *part, lua_State *L, int index)
{
    uint32_t at = 0;
    int top = lua_gettop(L);
    bool fit = true;
    for (lua_pushnil(L); fit && lua_next(L, index) != 0; lua_pop(L, 1)) {
        struct entry *entry = &part->entries[at++];
        const char *text = part->text.data + entry->start;
        if (part->is_list)
            entry->key = (uint32_t)lua_tointeger(L, -2);
        fit = part->is_list || key_is_plain(L, text, entry);
        if (fit && !part->is_list)
            entry->name = hold_name(L, part);
        size_t from = value_at(part, entry) - entry->start;
        fit = fit && describe(L, entry, text + from, entry->len - from);
    }
    lua_settop(L, top);
    return fit;
}

void af_parts_keep(struct af_parts *parts, lua_State *L, int index, const char *text, size_t len,
                   const struct af_parts_member *members, size_t count, bool is_list)
{
    struct part *part = find(parts, lua_topointer(L, index));
    forget(L, part);
    part->is_list = is_list;
    part->count = part->placed = (uint32_t)count;
    af_mem_reserve(&part->entries, &part->cap, count, sizeof *part->entries);
    af_mem_reserve(&part->starts, &part->start_cap, count, sizeof *part->starts);
    af_buf_append(&part->text, text, len);
    for (size_t i = 0; i < count; i++) {
        part->starts[i] = (uint32_t)members[i].start;
        part->entries[members[i].place] =
            (struct entry){.start = (uint32_t)members[i].start,
                           .len = (uint32_t)(members[i].end - members[i].start),
                           .key = (uint32_t)members[i].key_len};
    }
    index = lua_absindex(L, index);
    if (!is_list && count < NAMES_MAX) {
        lua_createtable(L, 0, (int)count);
        part->names_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    part->known = len <= AF_PARTY_DATA_BYTES_MAX && describe_all(part, L, index);
    part->unfit = !part->known;
    if (part->unfit)
        forget(L, part);
}
