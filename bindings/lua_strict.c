/* lua_strict.c: see lua_strict.h. */
#include "lua_strict.h"

#include "base/near.h"
#include "lua_sandbox.h"
#include "lua_vm.h"

#include <lauxlib.h>
#include <stdio.h>

enum { LISTED = 12 }; /* of more names only the likeliest is told */

int af_strict_raise(lua_State *L, const char *lacks, const char *name, int first)
{
    static char text[1200];
    int last = lua_gettop(L), names = 0;
    luaL_checkstack(L, 8, "too deep");
    lua_newtable(L); /* the names, each once: also a key of its own */
    for (int i = first; i <= last; i++) {
        lua_Integer count = af_sandbox_sorted_keys(L, i);
        for (lua_Integer k = 1; k <= count; k++) {
            bool is_name = lua_rawgeti(L, -1, k) == LUA_TSTRING;
            lua_pushvalue(L, -1);
            if (is_name && lua_rawget(L, last + 1) == LUA_TNIL) {
                lua_pushvalue(L, -2);
                lua_rawseti(L, last + 1, ++names);
                lua_pushvalue(L, -2);
                lua_pushboolean(L, 1);
                lua_rawset(L, last + 1);
            }
            lua_pop(L, 2);
        }
        lua_settop(L, last + 1);
    }
    struct af_near near; /* nothing below raises before it is released */
    af_near_init(&near, name);
    for (int i = 1; i <= names; i++) {
        lua_rawgeti(L, last + 1, i);
        af_near_add(&near, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    if (near.name != NULL)
        snprintf(text, sizeof text, "%s '%.60s'; did you mean '%s'?", lacks, name, near.name);
    else
        snprintf(text, sizeof text, "%s '%.60s'%s", lacks, name,
                 names > LISTED ? "" : af_near_text(&near, "it has"));
    af_near_release(&near);
    return af_vm_raise(L, text);
}

int af_strict_near(lua_State *L)
{
    static char text[1200]; /* near's own is released before anything may raise */
    const char *typed = luaL_checkstring(L, 1), *has = luaL_checkstring(L, 3);
    lua_settop(L, 3);
    lua_Integer count = af_sandbox_sorted_keys(L, 2);
    int keys = lua_gettop(L);
    struct af_near near;
    af_near_init(&near, typed);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, keys, i) == LUA_TSTRING)
            af_near_add(&near, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    snprintf(text, sizeof text, "%s", af_near_text(&near, has));
    af_near_release(&near);
    lua_pushstring(L, text);
    return 1;
}

/* Upvalues: what lacks it, and a table whose keys are names, too. */
static int l_missing(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
        return 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    return af_strict_raise(L, lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, 2), 3);
}

void af_strict_push_names(lua_State *L, const char *const *names)
{
    lua_newtable(L);
    for (size_t i = 0; names[i] != NULL; i++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, names[i]);
    }
}

void af_strict_push(lua_State *L, const char *lacks)
{
    lua_pushstring(L, lacks);
    lua_insert(L, -2);
    lua_pushcclosure(L, l_missing, 2);
    lua_createtable(L, 0, 3);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &af_key_strict);
}
