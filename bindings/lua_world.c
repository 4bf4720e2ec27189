/* lua_world.c: what invariants see: `world.parties[id]`, read-only, renewed where a party changed.
 */
#include "lua_script.h"

#include "lua_json.h"
#include "lua_strict.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view {
    char *state, *data, *result, *reason;
    const char *ended;
    size_t data_len;
    bool dirty;
};

struct af_world {
    struct view *views; /* one a member */
    uint32_t *dirty;    /* members whose view changed */
    size_t dirty_count;
    int parties_ref, world_ref; /* id → locked view; what is given to invariants */
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
    free(script->world->views);
    free(script->world->dirty);
    free(script->world);
    script->world = NULL;
}

static void make(struct af_script *script)
{
    if (script->world != NULL)
        return;
    script->world = af_mem_zero(1, sizeof *script->world);
    script->world->views = af_mem_zero(script->member_count, sizeof *script->world->views);
    script->world->dirty = af_mem_zero(script->member_count, sizeof *script->world->dirty);
    script->world->parties_ref = script->world->world_ref = LUA_NOREF;
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
    push_json(L, view->data, view->data_len, true);
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
    lua_setfield(L, -2, who->id);
    view->dirty = false;
}

/* world:with_role(name) → a list of views, in the order of the nodes */
static int l_with_role(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    const char *name = luaL_checkstring(L, 2);
    int role = af_flow_find_role(script->flow, name);
    if (role < 0)
        return af_lua_refuse_role(L, script, "world:with_role: the flow has no role", name);
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->world->parties_ref);
    lua_Integer count = 0;
    for (size_t i = 0; i < script->member_count; i++) {
        if (script->members[i].role != (uint32_t)role)
            continue;
        lua_getfield(L, -1, script->members[i].id);
        lua_rawseti(L, -3, ++count);
    }
    lua_pop(L, 1);
    return 1;
}

static void make_world(lua_State *L, struct af_script *script)
{
    static const char *const names[] = {"id",    "role",   "state",  "data",
                                        "ended", "result", "reason", NULL};
    struct af_world *world = script->world;
    af_strict_push_names(L, names);
    af_strict_push(L, "a party in the world has no");
    world->strict_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    world->parties_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->members_ref);
    af_strict_push(L, "the world has no party");
    lua_setmetatable(L, -2);
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    af_vm_lock(L, "world.parties");
    lua_setfield(L, -2, "parties");
    lua_pushcfunction(L, l_with_role);
    lua_setfield(L, -2, "with_role");
    lua_newtable(L);
    af_strict_push(L, "the world has no");
    lua_setmetatable(L, -2);
    af_vm_lock(L, "world");
    world->world_ref = luaL_ref(L, LUA_REGISTRYINDEX);
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

/* Calls each invariant; returns the name of the broken one and what it said, or nothing. */
static int l_check(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    struct af_world *world = script->world;
    af_world_push(L, script);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_getfield(L, -1, "invariants");
    int invariants = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, invariants);
    for (lua_Integer i = 1; i <= count; i++) {
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
    }
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
    af_vm_end(vm);
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
