/* lua_list.h: tables that are lists, even while they are empty: what was read from `[]` is written
 * as `[]`, where no type says what it is. They have a metatable of ours without anything in it, of
 * which scripts see nothing. */
#ifndef AF_LUA_LIST_H
#define AF_LUA_LIST_H

#include <lua.h>
#include <stdbool.h>

/* Marks the table at index as a list. Raises for want of memory. */
void af_list_mark(lua_State *L, int index);

/* Takes the mark, if there is one. */
void af_list_unmark(lua_State *L, int index);

bool af_list_is_marked(lua_State *L, int index);

/* Whether the value is a table that has no metatable, or only the mark, or lua_strict.h's. */
bool af_list_is_bare(lua_State *L, int index);

#endif
