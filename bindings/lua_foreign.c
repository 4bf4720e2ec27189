/* lua_foreign.c: the event types of a flow in another file, for a test, which makes events of them.
 *
 * The flow's file runs in the test's own state, with its folder in place of the test's while it is
 * loaded. No party is made of it here: those under test live in states of their own. */
#include "lua_script.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is another one's while a foreign file is loaded. */
struct home {
    char *folder;
    int modules; /* places on the stack */
    int kit_modules;
};

static void leave_home(lua_State *L, struct af_script *script, const char *path, struct home *home)
{
    const char *slash = strrchr(path, '/');
    home->folder = script->folder;
    script->folder = slash == NULL ? af_mem_string(".") : af_mem_copy(path, (size_t)(slash - path));
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->modules_ref);
    home->modules = lua_gettop(L);
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, script->modules_ref);
    af_kit_push(L, script->vm->running, AF_KIT_MODULES);
    home->kit_modules = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->vm->running->kit_ref);
    lua_pushnil(L);
    lua_rawseti(L, -2, AF_KIT_MODULES);
    lua_pop(L, 1);
    script->lends_types = true;
}

static void come_home(lua_State *L, struct af_script *script, const struct home *home)
{
    script->lends_types = false;
    free(script->folder);
    script->folder = home->folder;
    lua_pushvalue(L, home->modules);
    lua_rawseti(L, LUA_REGISTRYINDEX, script->modules_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->vm->running->kit_ref);
    lua_pushvalue(L, home->kit_modules);
    lua_rawseti(L, -2, AF_KIT_MODULES);
    lua_pop(L, 1);
}

/* Pushes what the file returns: the table that was given to af.flow(), or a part's. */
static int l_run(lua_State *L)
{
    lua_call(L, 0, 1);
    lua_pushcfunction(L, af_script_declare_part);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) /* it is no part */
        lua_pop(L, 1);
    return 1;
}

/* host.flow_events(path) → a list of the flow's event types. Raises what is wrong with its file. */
int af_foreign_events(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    const char *path = luaL_checkstring(L, 1);
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf source = AF_BUF_EMPTY;
    struct home home;
    lua_settop(L, 1);
    int status = af_script_read(script, path, &source, &why);
    lua_pushfstring(L, "@%s", name);
    if (status == 0)
        status = af_script_compile(L, &source, lua_tostring(L, 2), &why);
    af_buf_release(&source);
    if (status != 0)
        return luaL_error(L, "%s: %s", why.what, why.why);
    af_instance_join(L, script->vm->running);
    int chunk = lua_gettop(L);
    leave_home(L, script, path, &home);
    lua_pushcfunction(L, l_run);
    lua_pushvalue(L, chunk);
    status = lua_pcall(L, 1, 1, 0);
    come_home(L, script, &home);
    if (status != LUA_OK)
        return lua_error(L);
    if (!lua_istable(L, -1))
        return luaL_error(L, "%s: is no flow", name);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "plan");
    lua_pushvalue(L, -3);
    lua_newtable(L);
    lua_call(L, 2, 1);
    lua_getfield(L, -1, "events");
    return 1;
}
