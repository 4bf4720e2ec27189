/* lua_strict.h: names that do not exist raise where they are read, with the nearest that does. */
#ifndef AF_LUA_STRICT_H
#define AF_LUA_STRICT_H

#include <lua.h>

/* Raises "LACKS 'NAME'; did you mean …", lacks being a text such as "af has no". The names that
 * there are: the strings among the keys of the tables from index `first` to the top. */
int af_strict_raise(lua_State *L, const char *lacks, const char *name, int first);

/* near(typed, names, has): which of the names, keys of a table, was probably meant, and which there
 * are, as base/near.h says it: "; did you mean 'a'? It has a, b". */
int af_strict_near(lua_State *L);

/* Pushes a table whose keys are the names, which end with NULL. */
void af_strict_push_names(lua_State *L, const char *const *names);

/* Replaces the table on the top by a metatable: a table that has it raises so where a name is read
 * that is neither a key of its own nor one of the table's, which read as nil. Whatever is no string
 * reads as nil. Such a table is a plain one otherwise: see af_list_is_bare(). */
void af_strict_push(lua_State *L, const char *lacks);

#endif
