/* lint_lua.h: told to the static analyzer alone: these functions of Lua do not return. */
#include <lua.h>
#include <lauxlib.h>

int lua_error(lua_State *L) __attribute__((analyzer_noreturn));
int luaL_error(lua_State *L, const char *fmt, ...) __attribute__((analyzer_noreturn));
int luaL_argerror(lua_State *L, int arg, const char *extramsg) __attribute__((analyzer_noreturn));
int luaL_typeerror(lua_State *L, int arg, const char *tname) __attribute__((analyzer_noreturn));
