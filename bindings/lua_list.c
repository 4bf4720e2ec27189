/* lua_list.c: see lua_list.h. */
#include "lua_list.h"

#include "lua_vm.h"

static void push_mark(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    if (vm->list_mark == NULL) {
        lua_newtable(L);
        vm->list_mark_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_rawgeti(L, LUA_REGISTRYINDEX, vm->list_mark_ref);
        vm->list_mark = lua_topointer(L, -1);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->list_mark_ref);
}

void af_list_mark(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    push_mark(L);
    lua_setmetatable(L, index);
}

bool af_list_is_marked(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    bool marked = lua_topointer(L, -1) == af_vm_of(L)->list_mark;
    lua_pop(L, 1);
    return marked;
}

void af_list_unmark(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (!af_list_is_marked(L, index))
        return;
    lua_pushnil(L);
    lua_setmetatable(L, index);
}

bool af_list_is_bare(lua_State *L, int index)
{
    if (!lua_istable(L, index))
        return false;
    if (!lua_getmetatable(L, index))
        return true;
    bool strict = lua_rawgetp(L, -1, &af_key_strict) != LUA_TNIL;
    lua_pop(L, 2);
    return strict || af_list_is_marked(L, index);
}
