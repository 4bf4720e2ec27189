/* lua_parts.h: the large tables of a party's data, as they were written last.
 *
 * A table of many members of which few have changed is written as its text of last time with these
 * put in: nothing is sorted, and nothing but what changed is put into words. What is remembered is
 * compared with all members, by their bytes or as the same string that is held, so it need not be
 * true: it says what a table of these members looks like, and whoever has another table writes it
 * as if nothing were remembered. */
#ifndef AF_LUA_PARTS_H
#define AF_LUA_PARTS_H

#include "base/buf.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct af_parts; /* of a party; NULL: it has no large table */

/* Around the writing of all data of a party. What was not looked for in between is forgotten. */
void af_parts_begin(struct af_parts *parts);
void af_parts_end(lua_State *L, struct af_parts **parts);

void af_parts_free(lua_State *L, struct af_parts *parts);

/* Appends a value at index that is no table; false: it cannot be kept. */
typedef bool af_parts_value_fn(void *arg, int index);

/* Appends the members of the table at index to out, without brackets, if it is remembered and few
 * of them have changed. Returns false, having appended nothing, if it is not. Raises. */
bool af_parts_write(struct af_parts *parts, lua_State *L, int index, struct af_buf *out,
                    af_parts_value_fn *value, void *arg, bool *is_list);

/* A member, as it stands in a text: in the order of their texts. */
struct af_parts_member {
    size_t start, end;
    size_t key_len; /* of a string */
    size_t place;   /* among the members in Lua's order */
};

/* Whether a table of so many members is worth it, and was written last time, too. */
bool af_parts_wants(struct af_parts **parts, const void *table, size_t count);

/* Remembers the table at index, which was written as these members; `text` is where they begin.
 * Raises. */
void af_parts_keep(struct af_parts *parts, lua_State *L, int index, const char *text, size_t len,
                   const struct af_parts_member *members, size_t count, bool is_list);

#endif
