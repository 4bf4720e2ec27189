/* lua_cow.c: see lua_cow.h. */
#include "lua_cow.h"

#include "lua_list.h"

#include <lauxlib.h>

static const char key_list; /* in a metatable: the list that its tables read from */

static int l_length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
    return 1;
}

static int l_write(lua_State *L)
{
    af_cow_own(L, 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

void af_cow_share(lua_State *L)
{
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, &key_list);
    lua_pushcfunction(L, l_write);
    lua_setfield(L, -2, "__newindex");
    lua_insert(L, -2);
    lua_pushcclosure(L, l_length, 1);
    lua_setfield(L, -2, "__len");
}

void af_cow_push(lua_State *L)
{
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
}

void af_cow_own(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return;
    if (lua_rawgetp(L, -1, &key_list) == LUA_TTABLE) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, i);
            lua_rawseti(L, index, i);
        }
        af_list_mark(L, index);
    }
    lua_pop(L, 2);
}
