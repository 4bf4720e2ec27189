/* lua_type.h: declared types, compiled.
 *
 * A type is a userdata that holds a plan: what is expected, in C structures, so that validating
 * costs little more than reading. The pleasant half (af.integer { min = 0 }, the wording of what is
 * expected) is scripts/af/types.lua. */
#ifndef AF_LUA_TYPE_H
#define AF_LUA_TYPE_H

#include "base/buf.h"
#include "json/json.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum af_type_kind {
    AF_TYPE_STRING,
    AF_TYPE_INTEGER,
    AF_TYPE_NUMBER,
    AF_TYPE_BOOLEAN,
    AF_TYPE_BYTES,
    AF_TYPE_ANY,
    AF_TYPE_LIST,
    AF_TYPE_MAP,
    AF_TYPE_RECORD,
    AF_TYPE_ONE_OF,
};

struct af_field {
    const char *name;
    size_t len;
    int name_ref;    /* of the name as a Lua string: pushing it that way does not hash it again */
    const char *key; /* "name": as it is written */
    size_t key_len;
    const struct af_type *type;
};

/* Pushes a field's name. */
static inline void af_field_push_name(lua_State *L, const struct af_field *field)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, field->name_ref);
}

struct af_type {
    enum af_type_kind kind;
    bool optional;
    bool secret;          /* what it is of is shown to nobody (trace/veil.h) */
    bool hides;           /* … or something in it */
    bool any;             /* it is af.any, or something in it: values may be deeper than types */
    int depth;            /* levels of types: of its items and fields, and itself */
    const char *fallback; /* an optional one's default as JSON, or NULL */
    size_t fallback_len;
    const char *expected; /* "an integer >= 0" */
    bool has_min, has_max;
    lua_Integer min_integer, max_integer;
    lua_Number min_number, max_number;
    size_t min_length, max_length; /* bytes of a string, items of a list */
    const char *pattern;           /* a Lua pattern, or NULL */
    const struct af_type *item;    /* of a list or a map */
    struct af_field *fields;       /* of a record, in order of their names; the choices of one_of */
    size_t field_count;
    int strict_ref; /* of a record within others: its metatable, else LUA_NOREF */
};

/* What did not fit: `field 'a.b[2]': expected an integer >= 0, got "eleven"`. */
struct af_type_error {
    char path[160];
    char text[400];
};

/* Pushes a copy of the value at index that fits the type (numbers of the declared kind, defaults
 * filled in). Returns false with *error, having pushed nothing. Runs no script code; may raise for
 * want of memory. */
bool af_type_build(lua_State *L, const struct af_type *type, int index,
                   struct af_type_error *error);

/* Appends the JSON of a value that fits; false with *error if it does not. For a record, `first`
 * (or NULL) is written as its first member: a text like "type":"sync". */
bool af_type_write(lua_State *L, const struct af_type *type, int index, const char *first,
                   struct af_buf *out, struct af_type_error *error);

/* Both at once for a record at index (absolute) that holds but plain values and lists of them:
 * appends its JSON, with `first` as its first member, if it fits. False, having appended anything
 * at all, says nothing: then af_type_build() knows. */
bool af_type_write_plain(lua_State *L, const struct af_type *type, int index, const char *first,
                         struct af_buf *out);

/* Pushes such a record of a JSON that is written as that function does; false, having pushed
 * nothing, says nothing. Has room for one slot more in it. */
bool af_type_read_plain(lua_State *L, const struct af_type *type, const char *first,
                        const char *json, size_t len);

/* Pushes the value that starts with `token`. Unknown fields of records are passed over. Returns
 * false with *error, having pushed nothing; a text that is no JSON is told by the reader's message.
 */
bool af_type_read(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                  enum af_json_token token, struct af_type_error *error);

/* The error as one text: `field 'x': expected …`, or without a path just `expected …`. */
const char *af_type_error_text(const struct af_type_error *error, const char *path_word, char *text,
                               size_t size);

/* Whether it is the name of a field of a record, or a choice of one_of. */
bool af_type_names(const struct af_type *type, const char *text, size_t len);

/* Pushes a table whose keys are the names of a record's fields. */
void af_type_push_names(lua_State *L, const struct af_type *record);

const char *af_type_kind_name(enum af_type_kind kind);

/* The plan of the type at index, or NULL. */
const struct af_type *af_type_at(lua_State *L, int index);

/* Adds host.type(spec) to the table on top. */
void af_type_open(lua_State *L);

#endif
