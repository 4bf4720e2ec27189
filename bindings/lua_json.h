/* lua_json.h: Lua values as canonical JSON, and back, exactly.
 *
 * What can be kept: booleans, numbers (no NaN, no infinity), UTF-8 strings, af.null, and tables
 * whose keys are strings or 1..n, without metatables but for events. Tables become lists where
 * their keys are 1..n, else objects; an empty one is [] if it is marked as a list (lua_list.h), as
 * all are that were read, else {}. In a party's data, and there alone, a string may be any bytes:
 * it stands there behind AF_JSON_BYTES_MARK. */
#ifndef AF_LUA_JSON_H
#define AF_LUA_JSON_H

#include "base/buf.h"
#include "json/json.h"

#include <lua.h>
#include <stdbool.h>

/* Appends the value at index to out. Returns true; or false with *error (borrowed until the next
 * call) telling path, reason and remedy, `name` being the path of the value itself; out is then cut
 * back. Where `rebuild` is not NULL the value is one that is kept: its lists are marked, as those
 * that are read back would be; and it is set if the value is not equal to what its JSON reads back
 * as: it has one table twice, or holds an event; its strings may be any bytes; and an event with
 * secrets is refused, but in its field `secret`. Needs a few slots of stack; runs no script code;
 * may raise for want of memory only. */
bool af_lua_json_write(lua_State *L, int index, const char *name, size_t max_bytes,
                       struct af_buf *out, bool *rebuild, const char **error);

/* The same of a party's data, which are kept, and whose large tables are remembered in *parts
 * (lua_parts.h): one of which little has changed is written quickly. */
struct af_parts;
bool af_lua_json_write_data(lua_State *L, int index, struct af_parts **parts, struct af_buf *out,
                            bool *rebuild, const char **error);

/* Pushes the JSON of the value at index as a string. Raises what af_lua_json_write() tells. */
void af_lua_json_push(lua_State *L, int index, const char *name);

/* Pushes the value of a JSON text. Returns false with *error, having pushed nothing. */
bool af_lua_json_read(lua_State *L, const char *text, size_t len, const char **error);

/* The same of a party's data: texts behind the mark are the bytes that they stand for. */
bool af_lua_json_read_data(lua_State *L, const char *text, size_t len, const char **error);

/* Pushes the value that starts with `token`; false on the reader's error, having pushed nothing. */
bool af_lua_json_read_value(lua_State *L, struct af_json_reader *reader, enum af_json_token token);

#endif
