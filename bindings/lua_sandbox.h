/* lua_sandbox.h: what a script sees as globals. */
#ifndef AF_LUA_SANDBOX_H
#define AF_LUA_SANDBOX_H

#include <lua.h>
#include <stddef.h>

/* What the globals have from the layers above. */
struct af_sandbox_host {
    lua_CFunction log; /* is given a line, on the top */
    lua_CFunction require;
    void (*set_chance)(lua_State *L); /* in the math library on the top */
};

/* Builds the globals. Raises. */
void af_sandbox_open(lua_State *L, const struct af_sandbox_host *host);

/* The same, with those of a script (lua_globals.c): for af_vm_new(). */
void af_globals_open(lua_State *L);

/* What tostring() gives. Pushes it; raises if a __tostring does. */
const char *af_sandbox_tostring(lua_State *L, int index, size_t *len);

/* Pushes a list of the keys of the table at index in the order of pairs(); returns their number.
 * Raises for a key that has no order. */
lua_Integer af_sandbox_sorted_keys(lua_State *L, int index);

#endif
