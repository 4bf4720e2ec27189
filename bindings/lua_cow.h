/* lua_cow.h: lists that are copied on write. One list is made once and given to many; each gets a
 * table of its own that reads from it, and becomes a plain list at the first write, or when it is
 * looked into by other means. Scripts cannot tell. */
#ifndef AF_LUA_COW_H
#define AF_LUA_COW_H

#include <lua.h>
#include <stdbool.h>

/* Replaces the list on the top by what af_cow_push() makes copies from. */
void af_cow_share(lua_State *L);

/* Replaces what af_cow_share() made, on the top, by a new list of the same items. */
void af_cow_push(lua_State *L);

/* Makes the table at index a plain one, if it is a list of af_cow_push() that nobody has written
 * to. To be called before a table is looked at raw, or for its metatable. Raises for want of
 * memory. */
void af_cow_own(lua_State *L, int index);

#endif
