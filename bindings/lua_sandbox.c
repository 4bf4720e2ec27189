/* lua_sandbox.c: what a script sees as globals.
 *
 * An allow list: nothing is there that is not named here. What would differ from process to process
 * (the order of tables, addresses, chance, time) comes from the host instead; what could reach the
 * host (files, bytecode, finalizers, weak tables) is absent; shared tables are seen through locked
 * proxies. An error that tells that a cap was reached passes every pcall(). */
#include "lua_sandbox.h"
#include "lua_cow.h"
#include "lua_list.h"

#include "base/bounds.h"
#include "lua_json.h"
#include "lua_pattern.h"
#include "lua_script.h"
#include "lua_vm.h"

#include <assert.h>
#include <lua-cjson.h>
#include <stdlib.h>
#include <string.h>

/* ---- The order of keys. ---- */

struct sort_key {
    int rank; /* numbers, strings, booleans, event types */
    bool integer;
    lua_Integer i;
    lua_Number n;
    const char *text;
    size_t len;
    lua_Integer position; /* in the list of keys as found */
};

enum { RANK_NUMBER, RANK_STRING, RANK_BOOLEAN, RANK_EVENT_TYPE };

static int compare_text(const struct sort_key *a, const struct sort_key *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, len);
    if (order != 0)
        return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

static int compare_keys(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->rank == RANK_STRING || a->rank == RANK_EVENT_TYPE)
        return compare_text(a, b);
    if (a->integer && b->integer)
        return a->i < b->i ? -1 : a->i > b->i;
    if (a->n < b->n || a->n > b->n)
        return a->n < b->n ? -1 : 1;
    return a->integer - b->integer;
}

/* Describes the key on the top of the stack. Returns false for a kind that has no order. */
static bool describe_key(lua_State *L, struct sort_key *key)
{
    switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
        key->rank = RANK_NUMBER;
        key->integer = lua_isinteger(L, -1);
        key->i = key->integer ? lua_tointeger(L, -1) : 0;
        key->n = lua_tonumber(L, -1);
        return true;
    case LUA_TSTRING:
        key->rank = RANK_STRING;
        key->text = lua_tolstring(L, -1, &key->len);
        return true;
    case LUA_TBOOLEAN:
        key->rank = RANK_BOOLEAN;
        key->integer = true;
        key->i = lua_toboolean(L, -1);
        return true;
    default:
        key->rank = RANK_EVENT_TYPE;
        key->text = af_vm_event_type(L, -1);
        key->len = key->text == NULL ? 0 : strlen(key->text);
        return key->text != NULL;
    }
}

/* Whether the keys of the table are 1..n: the number n, else -1. */
static lua_Integer sequence_length(lua_State *L, int index)
{
    lua_Integer len = (lua_Integer)lua_rawlen(L, index);
    lua_Integer count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (++count > len || !lua_isinteger(L, -1)) {
            lua_pop(L, 1);
            return -1;
        }
        lua_Integer key = lua_tointeger(L, -1);
        if (key < 1 || key > len) {
            lua_pop(L, 1);
            return -1;
        }
    }
    return count == len ? len : -1;
}

lua_Integer af_sandbox_sorted_keys(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, "too many nested pairs()");
    lua_Integer count = 0;
    lua_newtable(L);
    int found = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, found, ++count);
    }
    struct sort_key *keys =
        lua_newuserdatauv(L, (size_t)(count == 0 ? 1 : count) * sizeof *keys, 0);
    memset(keys, 0, (size_t)count * sizeof *keys);
    const char *odd = NULL; /* of several kinds the first by its name */
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, found, i + 1);
        if (!describe_key(L, &keys[i]) && (odd == NULL || strcmp(luaL_typename(L, -1), odd) < 0))
            odd = luaL_typename(L, -1);
        keys[i].position = i + 1;
        lua_pop(L, 1);
    }
    if (odd != NULL)
        luaL_error(L,
                   "pairs: a key is a %s, which has no order; use numbers, strings, booleans or "
                   "event types as keys",
                   odd);
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    lua_createtable(L, count < 1000000 ? (int)count : 0, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, found, keys[i].position);
        lua_rawseti(L, -2, i + 1);
    }
    lua_replace(L, found);
    lua_settop(L, found);
    return count;
}

/* ---- pairs and next. ---- */

/* The table that an iterator walks is its upvalue 1, not its first argument: that is what the
 * script sees, which may be locked. A script holds the iterator and may call it with anything. */
enum { WALKED = 1, KEYS_OR_LENGTH, GIVEN, KEY_COUNT };

static int next_sorted(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(GIVEN));
    lua_Integer count = lua_tointeger(L, lua_upvalueindex(KEY_COUNT));
    while (at < count) {
        lua_rawgeti(L, lua_upvalueindex(KEYS_OR_LENGTH), ++at);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(WALKED)) != LUA_TNIL) {
            lua_pushinteger(L, at);
            lua_replace(L, lua_upvalueindex(GIVEN));
            return 2;
        }
        lua_pop(L, 2); /* it was removed meanwhile */
    }
    lua_pushnil(L);
    return 1;
}

/* For a table whose keys are 1..n: the control variable tells where it is. */
static int next_in_sequence(lua_State *L)
{
    lua_Integer at = luaL_optinteger(L, 2, 0);
    lua_Integer count = lua_tointeger(L, lua_upvalueindex(KEYS_OR_LENGTH));
    luaL_argcheck(L, at >= 0, 2, "not a position in the list"); /* else it counts up for ages */
    while (at < count) {
        if (lua_rawgeti(L, lua_upvalueindex(WALKED), ++at) != LUA_TNIL) {
            lua_pushinteger(L, at);
            lua_insert(L, -2);
            return 2;
        }
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    return 1;
}

/* pairs() of the table at index, which stands behind the one at 1, or is it. */
static int raw_pairs(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_Integer len = sequence_length(L, index);
    af_vm_spend(L, (lua_Integer)lua_rawlen(L, index));
    lua_pushvalue(L, index);
    if (len >= 0) {
        lua_pushinteger(L, len);
        lua_pushcclosure(L, next_in_sequence, KEYS_OR_LENGTH);
    } else {
        lua_Integer count = af_sandbox_sorted_keys(L, index);
        af_vm_spend(L, 8 * count);
        lua_pushinteger(L, 0);
        lua_pushinteger(L, count);
        lua_pushcclosure(L, next_sorted, KEY_COUNT);
    }
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int l_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    af_cow_own(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1)) { /* an event: its fields */
        bool locked = lua_rawgetp(L, -1, &af_key_lock) != LUA_TNIL;
        lua_pop(L, 2);
        if (locked && af_vm_push_fields(L, 1) == LUA_TTABLE)
            return raw_pairs(L, -1);
        if (locked && luaL_getmetafield(L, 1, "__index") == LUA_TTABLE)
            return raw_pairs(L, -1);
    }
    return raw_pairs(L, 1);
}

static int l_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnoneornil(L, 2))
        return luaL_error(L, "next(t, key) is not here, its order would change from process to "
                             "process; use pairs(t)");
    lua_settop(L, 1);
    af_cow_own(L, 1);
    if (af_vm_push_fields(L, 1) == LUA_TTABLE)
        lua_replace(L, 1);
    lua_settop(L, 1);
    lua_Integer count = af_sandbox_sorted_keys(L, 1);
    af_vm_spend(L, 8 * count);
    if (count == 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_rawgeti(L, 2, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* ---- Text without addresses. ---- */

/* The number of an object in the running instance, counted as they are first shown. */
static lua_Integer object_number(lua_State *L, int index)
{
    struct af_vm *vm = af_vm_of(L);
    int *ref = vm->running != NULL ? &vm->running->numbers_ref : &vm->numbers_ref;
    if (*ref == LUA_NOREF) {
        lua_newtable(L);
        lua_newtable(L);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushinteger(L, 0);
        lua_rawseti(L, -2, 0);
        *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, *ref);
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_rawgeti(L, -1, 0);
        lua_Integer number = lua_tointeger(L, -1) + 1;
        lua_pop(L, 1);
        lua_pushinteger(L, number);
        lua_rawseti(L, -2, 0);
        lua_pushvalue(L, index);
        lua_pushinteger(L, number);
        lua_rawset(L, -3);
        lua_pushinteger(L, number);
    }
    lua_Integer number = lua_tointeger(L, -1);
    lua_pop(L, 2);
    return number;
}

const char *af_sandbox_tostring(lua_State *L, int index, size_t *len)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, "too deep");
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, len);
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        return luaL_tolstring(L, index, len);
    case LUA_TLIGHTUSERDATA:
        lua_pushliteral(L, "null"); /* af.null is the only one that scripts can hold */
        break;
    default: {
        const char *kind = luaL_typename(L, index);
        int named = luaL_getmetafield(L, index, "__name");
        if (named == LUA_TSTRING)
            kind = lua_tostring(L, -1);
        lua_pushfstring(L, "%s: %d", kind, (int)object_number(L, index));
        if (named != LUA_TNIL)
            lua_remove(L, -2);
    }
    }
    return lua_tolstring(L, -1, len);
}

static int l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    af_sandbox_tostring(L, 1, NULL);
    return 1;
}

/* string.format of the standard library, but that it shows no addresses. Upvalue: that one. */
static int l_format(lua_State *L)
{
    size_t len;
    const char *format = luaL_checklstring(L, 1, &len);
    for (const char *at = format, *end = format + len; at < end; at++) {
        if (*at != '%')
            continue;
        at++;
        while (at < end && strchr("-+ #0123456789.", *at) != NULL && *at != '\0')
            at++;
        if (at < end && *at == 'p')
            return luaL_error(L, "string.format: '%%p' would show an address");
    }
    int top = lua_gettop(L);
    for (int i = 2; i <= top; i++) {
        if (lua_type(L, i) > LUA_TSTRING || lua_type(L, i) == LUA_TLIGHTUSERDATA) {
            af_sandbox_tostring(L, i, NULL);
            lua_replace(L, i);
            lua_settop(L, top);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, top, 1);
    return 1;
}

/* ---- Tables as they would be written. ---- */

static void show(lua_State *L, int index, int depth, struct af_buf *out);

/* Whether each key has an order: else a table cannot be shown the same everywhere. */
static bool can_be_ordered(lua_State *L, int index)
{
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        int type = lua_type(L, -2);
        if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN &&
            af_vm_event_type(L, -2) == NULL) {
            lua_pop(L, 2);
            return false;
        }
    }
    return true;
}

static void show_key(lua_State *L, int index, int depth, struct af_buf *out)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
    if (name != NULL && name[0] != '\0' && strspn(name, letters) == lua_rawlen(L, index) &&
        (name[0] < '0' || name[0] > '9')) {
        af_buf_append_string(out, name);
    } else {
        af_buf_append_char(out, '[');
        show(L, index, depth, out);
        af_buf_append_char(out, ']');
    }
    af_buf_append_string(out, " = ");
}

/* The items of the table at index, which has no other keys than these have an order. */
static void show_items(lua_State *L, int index, int depth, struct af_buf *out)
{
    lua_Integer length = sequence_length(L, index);
    lua_Integer count = length >= 0 ? length : af_sandbox_sorted_keys(L, index);
    int keys = lua_gettop(L);
    af_vm_spend(L, 8 * count);
    for (lua_Integer i = 1; i <= count; i++) {
        af_buf_append_string(out, i == 1 ? " " : ", ");
        if (out->len > AF_PRINT_BYTES_MAX) {
            af_buf_append_string(out, "…");
            break;
        }
        if (length >= 0) {
            lua_rawgeti(L, index, i);
        } else {
            lua_rawgeti(L, keys, i);
            show_key(L, lua_gettop(L), depth, out);
            lua_rawget(L, index);
        }
        show(L, lua_gettop(L), depth, out);
        lua_settop(L, keys);
    }
    af_buf_append_string(out, count == 0 ? "" : " ");
}

/* Appends what a table holds; an event, and what shows itself, as it is shown everywhere. */
static void show_table(lua_State *L, int index, int depth, struct af_buf *out)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 16, "too deep");
    af_cow_own(L, index);
    if (af_vm_show_secret(L, index, out))
        return;
    int type = luaL_getmetafield(L, index, "__tostring");
    lua_settop(L, top);
    if (type != LUA_TNIL || !can_be_ordered(L, index)) {
        size_t len;
        const char *text = af_sandbox_tostring(L, index, &len);
        af_buf_append(out, text, len);
    } else if (depth == AF_PRINT_DEPTH_MAX) {
        af_buf_append_string(out, "{ … }");
    } else {
        if (af_vm_push_fields(L, index) == LUA_TTABLE)
            index = lua_gettop(L);
        af_buf_append_char(out, '{');
        show_items(L, index, depth + 1, out);
        af_buf_append_char(out, '}');
    }
    lua_settop(L, top);
}

static void show(lua_State *L, int index, int depth, struct af_buf *out)
{
    size_t len;
    if (lua_type(L, index) == LUA_TTABLE) {
        show_table(L, index, depth, out);
        return;
    }
    const char *text = af_sandbox_tostring(L, index, &len);
    bool quoted = lua_type(L, index) == LUA_TSTRING;
    if (quoted)
        af_buf_append_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (quoted && (text[i] == '"' || text[i] == '\\'))
            af_buf_append_char(out, '\\');
        if (quoted && text[i] == '\n')
            af_buf_append_string(out, "\\n");
        else
            af_buf_append_char(out, text[i]);
    }
    if (quoted)
        af_buf_append_char(out, '"');
    lua_pop(L, 1);
}

/* Its upvalue is what logs a line. */
static int l_print(lua_State *L)
{
    static struct af_buf shown; /* kept: Lua may raise */
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        if (lua_type(L, i) == LUA_TTABLE) {
            af_buf_clear(&shown);
            show_table(L, i, 0, &shown);
            lua_pushlstring(L, af_buf_text(&shown), shown.len);
        } else {
            af_sandbox_tostring(L, i, NULL);
        }
        lua_replace(L, i);
    }
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&text, '\t');
        size_t len;
        const char *part = lua_tolstring(L, i, &len);
        luaL_addlstring(&text, part, len);
    }
    luaL_pushresult(&text);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- Errors that a script may catch, and those that it may not. ---- */

static int call_over(lua_State *L, int status, lua_KContext skip)
{
    struct af_vm *vm = af_vm_of(L);
    if (status == LUA_OK || status == LUA_YIELD) {
        af_vm_check_cap(L);
        return lua_gettop(L) - (int)skip;
    }
    bool no_memory = status == LUA_ERRMEM;
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "not enough memory") == 0)
        no_memory = true; /* passed on by coroutine.wrap() */
    if (no_memory && vm->capped == AF_CAP_NONE)
        vm->capped = AF_CAP_MEMORY;
    af_vm_check_cap(L);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return call_over(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, call_over), 0);
}

/* A script's message handler: not called for a cap, which it could not be stopped after, since no
 * hook runs within a hook's error. Upvalue: that function. */
static int l_handle(lua_State *L)
{
    lua_settop(L, 1);
    if (af_vm_cap_reason(af_vm_of(L)) != NULL)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int l_xpcall(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, l_handle, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
    return call_over(L, lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, call_over), 2);
}

/* A function of the standard library, after which a cap is passed on. Upvalue: that function. */
static int l_checked(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    af_vm_check_cap(L);
    return lua_gettop(L);
}

/* A key of the registry: the steps in which coroutines were made. */
static const char coroutine_steps;

/* How deep in coroutines that close each other a thread is: its mark. Lua 5.4.4 does not count it,
 * and the C stack would end. Who is gone on with is as deep as who does so. */
static uintptr_t closes_above(lua_State *L)
{
    uintptr_t word;
    memcpy(&word, lua_getextraspace(L), sizeof word);
    return af_vm_is_mark((const void *)word) ? word >> 1 : 0;
}

static void note_closes(lua_State *L, uintptr_t closes)
{
    uintptr_t word;
    memcpy(&word, lua_getextraspace(L), sizeof word);
    if (word != 0 && !af_vm_is_mark((const void *)word))
        return; /* the step's own, which nobody closes */
    word = closes << 1 | 1;
    memcpy(lua_getextraspace(L), &word, sizeof word);
}

/* coroutine.resume and coroutine.close. Upvalue: the function of the standard library. */
static int go_on(lua_State *L, uintptr_t closes)
{
    lua_State *other = lua_tothread(L, 1);
    luaL_checkany(L, 1);
    if (closes > AF_SCRIPT_CLOSES_MAX)
        return luaL_error(L, "more than %d coroutines close each other", AF_SCRIPT_CLOSES_MAX);
    if (other != NULL)
        note_closes(other, closes);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &coroutine_steps);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) == LUA_TNUMBER) /* the step's own thread is not there */
        af_vm_check_step(L, (uint64_t)lua_tointeger(L, -1), "a coroutine");
    lua_pop(L, 2);
    return l_checked(L);
}

static int l_resume(lua_State *L)
{
    return go_on(L, closes_above(L));
}

static int l_close(lua_State *L)
{
    return go_on(L, closes_above(L) + 1);
}

static int wrapped_over(lua_State *L, int status, lua_KContext none)
{
    (void)status, (void)none;
    af_vm_check_cap(L);
    return lua_gettop(L);
}

/* What coroutine.wrap gives. Upvalues: that of the standard library, the step in which it was made.
 */
static int l_wrapped(lua_State *L)
{
    af_vm_check_step(L, (uint64_t)lua_tointeger(L, lua_upvalueindex(2)), "a coroutine");
    lua_pushvalue(L, lua_upvalueindex(1));
    if (lua_getupvalue(L, -1, 1) != NULL) {
        if (lua_isthread(L, -1))
            note_closes(lua_tothread(L, -1), closes_above(L));
        lua_pop(L, 1);
    }
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, wrapped_over);
    return wrapped_over(L, LUA_OK, 0);
}

/* A new coroutine runs uncounted until the hook first looks at it, so that much is taken in
 * advance. Pushes what the function of the standard library, the upvalue, gives. */
static void push_coroutine(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    vm->instructions_left -= AF_SCRIPT_HOOK_INSTRUCTIONS;
    if (vm->instructions_left < 0 && vm->capped == AF_CAP_NONE)
        vm->capped = AF_CAP_INSTRUCTIONS;
    af_vm_check_cap(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
}

/* coroutine.create */
static int l_create(lua_State *L)
{
    push_coroutine(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &coroutine_steps);
    lua_pushvalue(L, -2);
    lua_pushinteger(L, (lua_Integer)af_vm_of(L)->step);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return 1;
}

/* coroutine.wrap */
static int l_wrap(lua_State *L)
{
    push_coroutine(L);
    lua_pushinteger(L, (lua_Integer)af_vm_of(L)->step);
    lua_pushcclosure(L, l_wrapped, 2);
    return 1;
}

/* coroutine.yield where nothing could go on: in what watches a run. */
static int l_yield(lua_State *L)
{
    bool is_main = lua_pushthread(L) == 1;
    lua_pop(L, 1);
    if (is_main)
        return luaL_error(L, "coroutine.yield() outside of a coroutine of the script's own");
    return lua_yield(L, lua_gettop(L));
}

/* Coroutines come and go, so the table keeps none. */
static void make_coroutine_steps(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &coroutine_steps);
}

/* ---- What C does for a script counts as instructions. ---- */

/* A function of the standard library, in its own frame, counted by the texts that it is given.
 * Upvalue: that function. */
static int l_reading(lua_State *L)
{
    size_t bytes = 0, len;
    for (int i = lua_gettop(L); i > 0; i--)
        if (lua_type(L, i) == LUA_TSTRING && lua_tolstring(L, i, &len) != NULL)
            bytes += len;
    af_vm_spend(L, (int64_t)(bytes / AF_SCRIPT_BYTES_AN_INSTRUCTION));
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* string.rep. Upvalue: that of the standard library, which counts to n over an empty text. */
static int l_rep(lua_State *L)
{
    size_t len, between;
    luaL_checklstring(L, 1, &len);
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &between);
    if (len == 0 && between == 0)
        count = count > 0;
    lua_pushinteger(L, count);
    lua_replace(L, 2);
    lua_tocfunction(L, lua_upvalueindex(1))(L);
    af_vm_spend(L, count > 0 ? count / 4 : 0);
    return 1;
}

/* The items from first to last are walked. */
static void walk(lua_State *L, lua_Integer first, lua_Integer last)
{
    lua_Unsigned count = first > last ? 0 : (lua_Unsigned)last - (lua_Unsigned)first;
    af_vm_spend(L, count > INT32_MAX ? INT32_MAX : (int64_t)count);
}

/* table.concat. Upvalue: that of the standard library. The length is asked for once: __len may tell
 * what it likes. */
static int l_concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 4);
    if (lua_isnil(L, 4)) {
        lua_pushinteger(L, luaL_len(L, 1));
        lua_replace(L, 4);
    }
    walk(L, luaL_optinteger(L, 3, 1), luaL_checkinteger(L, 4));
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* table.unpack, which gives no more than a stack can hold. Upvalue: that of the standard library.
 */
static int l_unpack(lua_State *L)
{
    int count = lua_tocfunction(L, lua_upvalueindex(1))(L);
    af_vm_spend(L, count);
    return count;
}

/* table.move. Upvalue: that of the standard library. */
static int l_move(lua_State *L)
{
    walk(L, luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Moves the items from first to last of the table at 1 by one place, the nearest to it first. */
static void shift(lua_State *L, lua_Integer first, lua_Integer last, bool back)
{
    walk(L, first, last);
    for (lua_Integer done = 0; first <= last && done <= last - first; done++) {
        lua_geti(L, 1, back ? first + done : last - done);
        lua_seti(L, 1, back ? first + done - 1 : last - done + 1);
    }
}

static int l_insert(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer len = luaL_len(L, 1), at;
    luaL_argcheck(L, len < LUA_MAXINTEGER, 1, "has no room for more");
    at = len + 1;
    if (count != 2 && count != 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    if (count == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at >= 1 && at - 1 <= len, 2, "position out of bounds");
        shift(L, at, len, false);
    }
    lua_seti(L, 1, at);
    return 0;
}

static int l_remove(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer len = luaL_len(L, 1), at = luaL_optinteger(L, 2, len);
    luaL_argcheck(L, at == len || (at >= 1 && at - 1 <= len), 2, "position out of bounds");
    lua_geti(L, 1, at);
    if (at < len)
        shift(L, at + 1, len, true);
    lua_pushnil(L);
    lua_seti(L, 1, at < len ? len : at);
    return 1;
}

/* ---- Tables. ---- */

static int l_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    af_cow_own(L, 1);
    if (!lua_isnil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        static const char *const refused[] = {"__gc", "__mode"};
        for (size_t i = 0; i < 2; i++) {
            lua_pushstring(L, refused[i]);
            if (lua_rawget(L, 2) != LUA_TNIL)
                return luaL_error(L,
                                  "setmetatable: '%s' is refused: it would make the run depend "
                                  "on when garbage is collected",
                                  refused[i]);
            lua_pop(L, 1);
        }
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Lua's own rawget, rawlen and getmetatable, upvalue 1. */
static int l_raw(lua_State *L)
{
    if (lua_gettop(L) > 0)
        af_cow_own(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Upvalue: Lua's own. */
static int l_getmetatable(lua_State *L)
{
    if (lua_gettop(L) > 0)
        af_cow_own(L, 1);
    if (!af_list_is_marked(L, 1))
        return l_raw(L);
    lua_pushnil(L);
    return 1;
}

static int l_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    af_cow_own(L, 1);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (af_vm_is_locked(L, 1))
        return luaL_error(L, "rawset: the table is read-only");
    lua_settop(L, 3);
    if (af_script_is_environment(L, 1)) { /* a new global is one, however it is set */
        lua_settable(L, 1);
        return 1;
    }
    lua_rawset(L, 1);
    return 1;
}

/* ---- cjson: lua-cjson's decoder and null, with an encoder that sorts keys. ---- */

static int l_cjson_encode(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    af_lua_json_push(L, 1, "value");
    return 1;
}

/* Upvalues: those of the standard decoder, which is one, and itself. */
static int l_cjson_decode(lua_State *L)
{
    size_t len = 0;
    if (lua_type(L, 1) == LUA_TSTRING)
        lua_tolstring(L, 1, &len);
    af_vm_spend(L, (int64_t)len);
    return lua_tocfunction(L, lua_upvalueindex(2))(L);
}

static void push_cjson(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    static const char *const kept[] = {"decode", "null", "_NAME", "_VERSION"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        lua_getfield(L, -1, kept[i]);
        lua_setfield(L, -3, kept[i]);
    }
    lua_pop(L, 1);
    lua_getfield(L, -1, "decode");
    if (lua_getupvalue(L, -1, 1) == NULL)
        lua_pushnil(L);
    lua_insert(L, -2);
    lua_pushcclosure(L, l_cjson_decode, 2);
    lua_setfield(L, -2, "decode");
    lua_pushcfunction(L, l_cjson_encode);
    lua_setfield(L, -2, "encode");
}

/* ---- The list. ---- */

static const char *const base_names[] = {"assert",   "error",  "getmetatable", "ipairs",
                                         "rawequal", "rawget", "rawlen",       "select",
                                         "tonumber", "type",   "_VERSION"};

static const luaL_Reg own_functions[] = {
    {"pairs", l_pairs},
    {"next", l_next},
    {"tostring", l_tostring},
    {"pcall", l_pcall},
    {"xpcall", l_xpcall},
    {"rawset", l_rawset},
    {"setmetatable", l_setmetatable},
    {NULL, NULL},
};

static void copy_library(lua_State *L, const char *name)
{
    lua_newtable(L);
    lua_getglobal(L, name);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

/* Replaces the field of the table on top by a closure of fn over the old value. */
static void wrap_field(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_getfield(L, -1, name);
    assert(!lua_isnil(L, -1));
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, name);
}

static void wrap_fields(lua_State *L, const char *const *names, lua_CFunction fn)
{
    for (; *names != NULL; names++)
        wrap_field(L, *names, fn);
}

static void drop_field(lua_State *L, const char *name)
{
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

/* "text":method() finds what string.method is, and getmetatable("") gives false. */
static void set_string_metatable(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* ---- Each library, added to the globals on the top. ---- */

static void add_base(lua_State *L, const struct af_sandbox_host *host)
{
    for (size_t i = 0; i < sizeof base_names / sizeof base_names[0]; i++) {
        lua_getglobal(L, base_names[i]);
        lua_setfield(L, -2, base_names[i]);
    }
    wrap_field(L, "tonumber", l_reading);
    luaL_setfuncs(L, own_functions, 0);
    wrap_fields(L, (const char *const[]){"rawget", "rawlen", NULL}, l_raw);
    wrap_field(L, "getmetatable", l_getmetatable);
    lua_pushcfunction(L, host->log);
    lua_pushcclosure(L, l_print, 1);
    lua_setfield(L, -2, "print");
    lua_pushcfunction(L, host->require);
    lua_setfield(L, -2, "require");
}

static void add_string(lua_State *L)
{
    copy_library(L, "string");
    drop_field(L, "dump");
    wrap_field(L, "format", l_format);
    wrap_field(L, "rep", l_rep);
    wrap_fields(L, (const char *const[]){"pack", "packsize", "unpack", NULL}, l_reading);
    set_string_metatable(L);
    af_vm_lock(L, "string");
    lua_setfield(L, -2, "string");
}

static void add_coroutine(lua_State *L)
{
    copy_library(L, "coroutine");
    make_coroutine_steps(L);
    wrap_field(L, "create", l_create);
    wrap_field(L, "wrap", l_wrap);
    wrap_field(L, "yield", l_yield);
    wrap_field(L, "resume", l_resume);
    wrap_field(L, "close", l_close);
    af_vm_lock(L, "coroutine");
    lua_setfield(L, -2, "coroutine");
}

static void add_table(lua_State *L)
{
    copy_library(L, "table");
    wrap_field(L, "concat", l_concat);
    wrap_field(L, "unpack", l_unpack);
    wrap_field(L, "move", l_move);
    lua_pushcfunction(L, l_insert);
    lua_setfield(L, -2, "insert");
    lua_pushcfunction(L, l_remove);
    lua_setfield(L, -2, "remove");
    af_vm_require(L, "af.sort");
    lua_setfield(L, -2, "sort");
    af_vm_lock(L, "table");
    lua_setfield(L, -2, "table");
}

void af_sandbox_open(lua_State *L, const struct af_sandbox_host *host)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string},
        {LUA_TABLIBNAME, luaopen_table}, {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8}, {LUA_COLIBNAME, luaopen_coroutine},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    lua_getglobal(L, LUA_STRLIBNAME); /* of the library's scripts, too */
    af_string_open(L);
    lua_pop(L, 1);
    lua_newtable(L);
    add_base(L, host);
    add_string(L);
    add_coroutine(L);

    copy_library(L, "math");
    host->set_chance(L);
    af_vm_lock(L, "math");
    lua_setfield(L, -2, "math");

    copy_library(L, "utf8");
    wrap_fields(L, (const char *const[]){"len", "offset", "codepoint", NULL}, l_reading);
    af_vm_lock(L, "utf8");
    lua_setfield(L, -2, "utf8");

    push_cjson(L);
    af_vm_lock(L, "cjson");
    lua_setfield(L, -2, "cjson");

    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &af_key_globals);

    add_table(L); /* its sort() is a script, which asks for the globals */
    lua_pop(L, 1);
}
