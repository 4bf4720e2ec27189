/* lua_bytecode.h: one question about compiled code. */
#ifndef AF_LUA_BYTECODE_H
#define AF_LUA_BYTECODE_H

#include <lua.h>
#include <stdbool.h>

/* Whether the Lua function on the top of the stack, or one within it, may assign to a variable of a
 * function around it (an upvalue). True too where the code cannot be read. */
bool af_bytecode_sets_upvalues(lua_State *L);

#endif
