/* lua_list.c: see lua_list.h. */
#include "lua_list.h"

#include "lua_vm.h"

static const char key_mark; /* registry: the metatable */

static void push_mark(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key_mark) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_mark);
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
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_mark);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
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
