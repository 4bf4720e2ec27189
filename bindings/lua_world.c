/* lua_world.c: what invariants see: `world.parties[id]`, read-only, renewed where a party changed.
 */
#include "lua_script.h"

#include "lua_cow.h"
#include "lua_json.h"
#include "lua_list.h"
#include "lua_strict.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Data of more are read when they are first looked at. */
enum { LATE_BYTES = 256 };

struct view {
    char *state, *data, *result, *reason;
    const char *ended;
    size_t data_len;
    uint32_t place; /* among those of its role, from 1 */
    int counted;    /* in which state, from 1; 0: in none */
    bool dirty;
};

/* Sets of roles, a bit each; of two with the same bit one stands for both. */
typedef uint64_t roles;
enum { ROLES_BITS = 64 };
static const roles all_roles = UINT64_MAX;

struct af_world {
    struct view *views; /* one a member */
    roles changed;      /* since all invariants held … */
    roles read;         /* by the one that runs */
    roles *needed;      /* … and what each of them had read then */
    bool forget, noted; /* no invariant can keep anything from call to call; this is known */
    uint32_t *dirty;    /* members whose view changed */
    size_t dirty_count;
    size_t **counts;            /* of each role, how many are in each state */
    int parties_ref, world_ref; /* id → locked view; what is given to invariants */
    int roles_ref;              /* role + 1 → what lists of its views are copied from */
    int strict_ref;             /* the views' metatable */
    char message[AF_FAILURE_TEXT_MAX];
    char name[120];
};

static char *copy_or_null(const char *text)
{
    return text == NULL ? NULL : af_mem_string(text);
}

static void view_release(struct view *view)
{
    free(view->state);
    free(view->data);
    free(view->result);
    free(view->reason);
}

void af_world_free(struct af_script *script)
{
    if (script->world == NULL)
        return;
    for (size_t i = 0; i < script->member_count; i++)
        view_release(&script->world->views[i]);
    for (size_t i = 0; i < script->flow->role_count; i++)
        free(script->world->counts[i]);
    free(script->world->counts);
    free(script->world->views);
    free(script->world->needed);
    free(script->world->dirty);
    free(script->world);
    script->world = NULL;
}

static roles bit_of(uint32_t role)
{
    return (roles)1 << role % ROLES_BITS;
}

static void make(struct af_script *script)
{
    if (script->world != NULL)
        return;
    script->world = af_mem_zero(1, sizeof *script->world);
    script->world->views = af_mem_zero(script->member_count, sizeof *script->world->views);
    script->world->dirty = af_mem_zero(script->member_count, sizeof *script->world->dirty);
    script->world->parties_ref = script->world->world_ref = LUA_NOREF;
    uint32_t *counts = af_mem_zero(script->flow->role_count, sizeof *counts);
    for (size_t i = 0; i < script->member_count; i++)
        if (script->members[i].role < script->flow->role_count)
            script->world->views[i].place = ++counts[script->members[i].role];
    free(counts);
    script->world->counts = af_mem_zero(script->flow->role_count, sizeof *script->world->counts);
    for (size_t i = 0; i < script->flow->role_count; i++)
        script->world->counts[i] =
            af_mem_zero(script->flow->roles[i].state_count + 1, sizeof *script->world->counts[i]);
}

void af_script_view(struct af_script *script, uint32_t member, const struct af_view *view)
{
    make(script);
    struct view *kept = &script->world->views[member];
    bool dirty = kept->dirty;
    view_release(kept);
    *kept = (struct view){copy_or_null(view->state),
                          view->data == NULL ? NULL : af_mem_copy(view->data, view->data_len),
                          copy_or_null(view->result),
                          copy_or_null(view->reason),
                          view->ended,
                          view->data_len,
                          kept->place,
                          kept->counted,
                          true};
    if (!dirty)
        script->world->dirty[script->world->dirty_count++] = member;
}

static void push_json(lua_State *L, const char *text, size_t len, bool data)
{
    const char *why;
    if (text == NULL || !(data ? af_lua_json_read_data : af_lua_json_read)(L, text, len, &why))
        lua_pushnil(L);
    if (lua_istable(L, -1))
        af_vm_lock_deep(L, "world");
}

/* Upvalue: the text of the data for which the table at index 1 stands, which is these from now on.
 */
static void read_late(lua_State *L)
{
    size_t len;
    const char *text = lua_tolstring(L, lua_upvalueindex(1), &len);
    push_json(L, text, len, true);
    lua_getmetatable(L, -1);
    lua_setmetatable(L, 1);
    lua_pop(L, 1);
}

static int l_late_index(lua_State *L)
{
    read_late(L);
    lua_gettable(L, 1);
    return 1;
}

static int l_late_length(lua_State *L)
{
    read_late(L);
    lua_pushinteger(L, luaL_len(L, 1));
    return 1;
}

/* What pairs() gives of the table at index. */
static int call_pairs(lua_State *L, int index)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_globals);
    lua_getfield(L, -1, "pairs");
    lua_pushvalue(L, index);
    lua_call(L, 1, 3);
    return 3;
}

static int l_late_pairs(lua_State *L)
{
    read_late(L);
    return call_pairs(L, 1);
}

static void push_data(lua_State *L, const struct view *view)
{
    static const luaL_Reg late[] = {{"__index", l_late_index},
                                    {"__len", l_late_length},
                                    {"__pairs", l_late_pairs},
                                    {NULL, NULL}};
    if (view->data_len <= LATE_BYTES) {
        push_json(L, view->data, view->data_len, true);
        return;
    }
    lua_newtable(L);
    af_vm_lock(L, "world");
    lua_getmetatable(L, -1);
    lua_pushlstring(L, view->data, view->data_len);
    luaL_setfuncs(L, late, 1);
    lua_pop(L, 1);
}

/* Counts a party in the state that its view shows, and no more where it was. */
static void count_state(struct af_script *script, uint32_t member)
{
    struct view *view = &script->world->views[member];
    uint32_t role = script->members[member].role;
    size_t *counts = script->world->counts[role];
    counts[view->counted] -= view->counted > 0;
    view->counted =
        view->state == NULL ? 0 : af_flow_find_state(&script->flow->roles[role], view->state) + 1;
    counts[view->counted]++;
}

static void renew(lua_State *L, struct af_script *script, uint32_t member)
{
    struct view *view = &script->world->views[member];
    const struct af_script_member *who = &script->members[member];
    lua_createtable(L, 0, 7);
    lua_pushstring(L, who->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, script->flow->roles[who->role].name);
    lua_setfield(L, -2, "role");
    lua_pushstring(L, view->state);
    lua_setfield(L, -2, "state");
    push_data(L, view);
    lua_setfield(L, -2, "data");
    lua_pushstring(L, view->ended);
    lua_setfield(L, -2, "ended");
    push_json(L, view->result, view->result == NULL ? 0 : strlen(view->result), false);
    lua_setfield(L, -2, "result");
    lua_pushstring(L, view->reason);
    lua_setfield(L, -2, "reason");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->world->strict_ref);
    lua_setmetatable(L, -2);
    af_vm_lock(L, "world");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->world->roles_ref);
    if (lua_rawgeti(L, -1, (lua_Integer)who->role + 1) != LUA_TNIL) {
        lua_getfield(L, -1, "__index");
        lua_pushvalue(L, -4);
        lua_rawseti(L, -2, view->place);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    lua_setfield(L, -2, who->id);
    count_state(script, member);
    view->dirty = false;
    script->world->changed |= bit_of(who->role);
}

static void push_views(lua_State *L, const struct af_script *script, uint32_t role)
{
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->world->parties_ref);
    for (size_t i = 0; i < script->member_count; i++) {
        if (script->members[i].role != role)
            continue;
        lua_getfield(L, -1, script->members[i].id);
        lua_rawseti(L, -3, script->world->views[i].place);
    }
    lua_pop(L, 1);
}

/* world:with_role(name) → a list of views, in the order of the nodes. One that may be kept is of
 * its own: the views in what others are copied from change. */
static int l_with_role(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    const char *name = luaL_checkstring(L, 2);
    int role = af_flow_find_role(script->flow, name);
    if (role < 0)
        return af_lua_refuse_role(L, script, "world:with_role: the flow has no role", name);
    script->world->read |= bit_of((uint32_t)role);
    if (!script->world->forget) {
        push_views(L, script, (uint32_t)role);
        af_list_mark(L, -1);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->world->roles_ref);
    if (lua_rawgeti(L, -1, role + 1) == LUA_TNIL) {
        push_views(L, script, (uint32_t)role);
        af_cow_share(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -4, role + 1);
    }
    af_cow_push(L);
    return 1;
}

/* world:count(role, state) → how many of the role are in that state, or were at their end */
static int l_count(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    const char *name = luaL_checkstring(L, 2), *state_name = luaL_checkstring(L, 3);
    int role = af_flow_find_role(script->flow, name);
    if (role < 0)
        return af_lua_refuse_role(L, script, "world:count: the flow has no role", name);
    const struct af_flow_role *of = &script->flow->roles[role];
    int state = af_flow_find_state(of, state_name);
    if (state < 0) {
        lua_newtable(L);
        for (size_t i = 0; i < of->state_count; i++) {
            lua_pushboolean(L, 1);
            lua_setfield(L, -2, of->states[i].name);
        }
        return af_strict_raise(L, "world:count: the role has no state", state_name, lua_gettop(L));
    }
    script->world->read |= bit_of((uint32_t)role);
    lua_pushinteger(L, (lua_Integer)script->world->counts[role][state + 1]);
    return 1;
}

/* Who looks at `world.parties` has read all. Upvalue: the world. */
static int l_world_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_gettable(L, lua_upvalueindex(1));
    if (lua_istable(L, -1))
        af_vm_of(L)->script->world->read = all_roles;
    return 1;
}

static int l_world_pairs(lua_State *L)
{
    af_vm_of(L)->script->world->read = all_roles;
    return call_pairs(L, lua_upvalueindex(1));
}

static void make_world(lua_State *L, struct af_script *script)
{
    static const char *const names[] = {"id",    "role",   "state",  "data",
                                        "ended", "result", "reason", NULL};
    static const luaL_Reg looks[] = {
        {"__index", l_world_index}, {"__pairs", l_world_pairs}, {NULL, NULL}};
    struct af_world *world = script->world;
    af_strict_push_names(L, names);
    af_strict_push(L, "a party in the world has no");
    world->strict_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    world->parties_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    world->roles_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->members_ref);
    af_strict_push(L, "the world has no party");
    lua_setmetatable(L, -2);
    lua_createtable(L, 0, 3);
    lua_insert(L, -2);
    af_vm_lock(L, "world.parties");
    lua_setfield(L, -2, "parties");
    lua_pushcfunction(L, l_with_role);
    lua_setfield(L, -2, "with_role");
    lua_pushcfunction(L, l_count);
    lua_setfield(L, -2, "count");
    lua_newtable(L);
    af_strict_push(L, "the world has no");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    af_vm_lock(L, "world");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    luaL_setfuncs(L, looks, 1);
    lua_pop(L, 1);
    world->world_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
}

/* Pushes what an invariant is told that has returned nothing; it stands at -3 with its name. */
static void push_forgotten(lua_State *L)
{
    lua_Debug info;
    lua_getfield(L, -3, "check");
    lua_getinfo(L, ">S", &info);
    lua_pushfstring(L, "%s:%d: it returns nothing; write `return` before what must hold",
                    info.short_src, info.linedefined);
}

void af_world_push(lua_State *L, struct af_script *script)
{
    make(script);
    struct af_world *world = script->world;
    if (world->world_ref == LUA_NOREF)
        make_world(L, script);
    lua_rawgeti(L, LUA_REGISTRYINDEX, world->parties_ref);
    for (size_t i = 0; i < world->dirty_count; i++)
        renew(L, script, world->dirty[i]);
    world->dirty_count = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, world->world_ref);
    lua_remove(L, -2);
}

/* Whether no invariant can keep anything. Raises where they reach too deep to tell. */
static int l_forget(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->main->kit_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_getfield(L, -1, "invariants");
    lua_newtable(L);
    for (lua_Integer i = 1; lua_rawgeti(L, -2, i) != LUA_TNIL; i++) {
        lua_getfield(L, -1, "check");
        lua_rawseti(L, -3, i);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_rawseti(L, 2, AF_KIT_FUNCTIONS);
    lua_pushboolean(L, af_pure_note(L, script->main));
    return 1;
}

/* Notes, once all have been asked, whether any could know more than the world shows it. */
static void note_memory(lua_State *L, struct af_script *script)
{
    lua_pushcfunction(L, l_forget);
    lua_pushlightuserdata(L, script);
    script->world->forget = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    lua_pop(L, 1);
}

/* Calls each invariant that has read what has changed since it held, for it can tell nothing else,
 * unless one can keep something; returns the name of the broken one and what it said, or nothing.
 */
static int l_check(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    struct af_world *world = script->world;
    af_world_push(L, script);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_getfield(L, -1, "invariants");
    int invariants = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, invariants);
    if (world->needed == NULL)
        world->needed = af_mem_zero((size_t)count, sizeof *world->needed);
    for (lua_Integer i = 1; i <= count; i++) {
        if (world->forget && (world->needed[i - 1] & world->changed) == 0)
            continue;
        world->read = 0;
        lua_rawgeti(L, invariants, i);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "check");
        lua_rawgeti(L, LUA_REGISTRYINDEX, world->world_ref);
        int status = lua_pcall(L, 1, 1, 0);
        if (status != LUA_OK || !lua_toboolean(L, -1)) {
            if (status != LUA_OK)
                af_vm_error_text(L, NULL);
            else if (lua_isnil(L, -1))
                push_forgotten(L);
            else
                lua_pushliteral(L, "it is false");
            lua_pushvalue(L, -2 - (status == LUA_OK));
            lua_insert(L, -2);
            return 2;
        }
        lua_settop(L, invariants);
        world->needed[i - 1] = world->read;
    }
    world->changed = 0;
    if (!world->noted)
        note_memory(L, script);
    world->noted = true;
    world->forget = world->forget && !script->main_requires;
    return 0;
}

bool af_script_check_invariants(struct af_script *script, const char **name, const char **message)
{
    struct af_vm *vm = script->vm;
    struct af_world *world = script->world;
    lua_State *L = vm->L;
    if (world == NULL || !script->flow->has_invariants)
        return true;
    int top = lua_gettop(L);
    vm->running = script->main;
    af_vm_begin(vm);
    af_vm_hook(L); /* an invariant may loop, too */
    lua_pushcfunction(L, l_check);
    lua_pushlightuserdata(L, script);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    lua_sethook(L, NULL, 0, 0);
    af_vm_end(vm, status);
    vm->running = NULL;
    bool holds = status == LUA_OK && lua_gettop(L) == top;
    if (!holds) {
        bool told = status == LUA_OK && lua_gettop(L) == top + 2;
        snprintf(world->name, sizeof world->name, "%s", told ? lua_tostring(L, -2) : "invariants");
        snprintf(world->message, sizeof world->message, "%s", af_vm_error_text(L, NULL));
        *name = world->name;
        *message = world->message;
    }
    lua_settop(L, top);
    return holds;
}
