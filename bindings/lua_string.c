/* lua_string.c: find, match, gmatch and gsub, as those of the standard library. */
#include "lua_pattern.h"

#include "lua_vm.h"

#include <string.h>

/* What a call looks for, and where. */
struct search {
    const char *text, *pattern;
    size_t len, pattern_len;
    const char *from; /* NULL: behind the end */
};

/* Reads text, pattern and, where there is one, a first position: they stay on the stack. */
static struct search read_search(lua_State *L, bool from)
{
    struct search search;
    search.text = luaL_checklstring(L, 1, &search.len);
    search.pattern = luaL_checklstring(L, 2, &search.pattern_len);
    lua_Integer first = from ? luaL_optinteger(L, 3, 1) : 1;
    if (first < 0)
        first = first < -(lua_Integer)search.len ? 1 : (lua_Integer)search.len + first + 1;
    else if (first == 0)
        first = 1;
    search.from = first > (lua_Integer)search.len + 1 ? NULL : search.text + first - 1;
    return search;
}

/* Pushes a capture; the one that a pattern without any has is all of the match. */
static void push_capture(lua_State *L, const char *text, const struct af_match *match, unsigned i)
{
    if (i >= match->capture_count && i > 0)
        luaL_error(L, "invalid capture index %%%d", (int)i + 1);
    if (i >= match->capture_count)
        lua_pushlstring(L, match->start, (size_t)(match->end - match->start));
    else if (match->captures[i].end == NULL)
        lua_pushinteger(L, match->captures[i].start - text + 1);
    else
        lua_pushlstring(L, match->captures[i].start,
                        (size_t)(match->captures[i].end - match->captures[i].start));
}

static int push_captures(lua_State *L, const char *text, const struct af_match *match,
                         unsigned least)
{
    unsigned count = match->capture_count > least ? match->capture_count : least;
    luaL_checkstack(L, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++)
        push_capture(L, text, match, i);
    return (int)count;
}

/* A match is looked for, and what that took is told of. */
static bool find(lua_State *L, struct af_pattern *pattern, const struct search *search,
                 const char *from, struct af_match *match)
{
    bool found = af_pattern_find(L, pattern, search->text, search->len, from, match);
    af_vm_spend(L, 0);
    return found;
}

static bool is_plain(const struct search *search)
{
    static const char special[] = "^$*+?.([%-";
    for (size_t i = 0; i < search->pattern_len; i++)
        if (memchr(special, search->pattern[i], sizeof special - 1) != NULL)
            return false;
    return true;
}

static int l_find(lua_State *L)
{
    struct search search = read_search(L, true);
    struct af_pattern_room room;
    struct af_match match = {.start = NULL};
    if (search.from == NULL) {
        /* nothing is there */
    } else if (lua_toboolean(L, 4) || is_plain(&search)) {
        size_t len = (size_t)(search.text + search.len - search.from);
        match.start = memmem(search.from, len, search.pattern, search.pattern_len);
        match.end = match.start == NULL ? NULL : match.start + search.pattern_len;
        af_vm_spend(L, (int64_t)(len / 8));
    } else if (!find(L, af_pattern_push(L, &room, search.pattern, search.pattern_len, true),
                     &search, search.from, &match)) {
        match.start = NULL;
    }
    if (match.start == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, match.start - search.text + 1);
    lua_pushinteger(L, match.end - search.text);
    return 2 + push_captures(L, search.text, &match, 0);
}

static int l_match(lua_State *L)
{
    struct search search = read_search(L, true);
    struct af_pattern_room room;
    struct af_match match;
    if (search.from != NULL &&
        find(L, af_pattern_push(L, &room, search.pattern, search.pattern_len, true), &search,
             search.from, &match))
        return push_captures(L, search.text, &match, 1);
    lua_pushnil(L);
    return 1;
}

/* The next match behind the last one, which ended at `last` (or NULL): it may be empty, but not
 * there. */
static bool find_next(lua_State *L, struct af_pattern *pattern, const struct search *search,
                      const char *from, const char *last, struct af_match *match)
{
    if (!find(L, pattern, search, from, match))
        return false;
    if (match->end != last)
        return true;
    return from < search->text + search->len && !af_pattern_is_anchored(pattern) &&
           find(L, pattern, search, from + 1, match);
}

/* Upvalues: text, pattern, how far it has come, where the last match ended, or -1; the step in
 * which it was made. */
static int next_match(lua_State *L)
{
    struct search search;
    struct af_match match;
    af_vm_check_step(L, (uint64_t)lua_tointeger(L, lua_upvalueindex(5)), "a string.gmatch()");
    search.text = lua_tolstring(L, lua_upvalueindex(1), &search.len);
    lua_Integer from = lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    if (from > (lua_Integer)search.len ||
        !find_next(L, lua_touserdata(L, lua_upvalueindex(2)), &search, search.text + from,
                   last < 0 ? NULL : search.text + last, &match))
        return 0;
    for (int i = 3; i <= 4; i++) {
        lua_pushinteger(L, match.end - search.text);
        lua_replace(L, lua_upvalueindex(i));
    }
    return push_captures(L, search.text, &match, 1);
}

static int l_gmatch(lua_State *L)
{
    struct search search = read_search(L, true);
    lua_settop(L, 2);
    af_pattern_push(L, NULL, search.pattern, search.pattern_len, false);
    lua_replace(L, 2);
    lua_pushinteger(L,
                    search.from == NULL ? (lua_Integer)search.len + 1 : search.from - search.text);
    lua_pushinteger(L, -1);
    lua_pushinteger(L, (lua_Integer)af_vm_of(L)->step);
    lua_pushcclosure(L, next_match, 5);
    return 1;
}

/* Adds a text in which %0 to %9 stand for captures. */
static void add_text(lua_State *L, luaL_Buffer *out, const char *text, const struct af_match *match)
{
    size_t len;
    const char *at = lua_tolstring(L, 3, &len);
    for (const char *end = at + len; at < end; at++) {
        if (*at != '%') {
            luaL_addchar(out, *at);
            continue;
        }
        unsigned letter = ++at < end ? (unsigned char)*at : 0;
        if (letter == '%') {
            luaL_addchar(out, '%');
        } else if (letter == '0') {
            luaL_addlstring(out, match->start, (size_t)(match->end - match->start));
        } else if (letter >= '1' && letter <= '9') {
            if (letter - '1' >= match->capture_count && letter != '1')
                luaL_error(L, "invalid capture index %%%c in replacement string", (int)letter);
            push_capture(L, text, match, letter - '1');
            luaL_tolstring(L, -1, NULL); /* a position is a number */
            lua_remove(L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

/* Adds what stands instead of the match. */
static void add_replacement(lua_State *L, luaL_Buffer *out, const char *text,
                            const struct af_match *match)
{
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, text, match, 1), 1);
        break;
    case LUA_TTABLE:
        push_capture(L, text, match, 0);
        lua_gettable(L, 3);
        break;
    default:
        add_text(L, out, text, match);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, match->start, (size_t)(match->end - match->start));
    } else if (lua_isstring(L, -1)) {
        luaL_addvalue(out);
    } else {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
}

static int l_gsub(lua_State *L)
{
    struct search search = read_search(L, false);
    int type = lua_type(L, 3);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, LUA_MAXINTEGER), count = 0;
    struct af_pattern_room room;
    struct af_pattern *pattern =
        af_pattern_push(L, &room, search.pattern, search.pattern_len, true);
    const char *from = search.text, *last = NULL, *end = search.text + search.len;
    struct af_match match;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    while (count < most && find_next(L, pattern, &search, from, last, &match)) {
        luaL_addlstring(&out, from, (size_t)(match.start - from));
        add_replacement(L, &out, search.text, &match);
        af_vm_spend(L, 1);
        count++;
        from = last = match.end;
        if (af_pattern_is_anchored(pattern))
            break;
    }
    luaL_addlstring(&out, from, (size_t)(end - from));
    luaL_pushresult(&out);
    lua_pushinteger(L, count);
    return 2;
}

void af_string_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
