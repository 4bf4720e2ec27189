/* lua_type_plain.c: a plain record checked and written at once, and read back as it was written.
 *
 * Most events are made to be sent, and are records of strings, integers, booleans and lists of
 * these. To copy such a value and to write the copy takes twice the time of writing it as it is
 * checked. What is not so plain, or does not fit, is for the walks of lua_type_walk.c, which also
 * say what is wrong. */
#include "lua_type.h"
#include "lua_cow.h"
#include "lua_list.h"

#include "json/json.h"
#include "lua_vm.h"

/* Appends the scalar on the top, if it fits a type that needs no second look. */
static bool write_scalar(lua_State *L, const struct af_type *type, struct af_buf *out)
{
    size_t len;
    const char *text;
    lua_Integer value;
    switch (type->kind) {
    case AF_TYPE_STRING:
        if (type->pattern != NULL || lua_type(L, -1) != LUA_TSTRING)
            return false;
        text = lua_tolstring(L, -1, &len);
        return len >= type->min_length && len <= type->max_length &&
               af_json_write_string(out, text, len);
    case AF_TYPE_INTEGER:
        if (!lua_isinteger(L, -1))
            return false;
        value = lua_tointeger(L, -1);
        if ((type->has_min && value < type->min_integer) ||
            (type->has_max && value > type->max_integer))
            return false;
        af_json_write_integer(out, value);
        return true;
    case AF_TYPE_BOOLEAN:
        if (!lua_isboolean(L, -1))
            return false;
        af_buf_append_string(out, lua_toboolean(L, -1) ? "true" : "false");
        return true;
    default:
        return false;
    }
}

/* A table that is neither an event nor locked, nor anything else but itself. */
static bool is_bare_table(lua_State *L, int index)
{
    af_cow_own(L, index);
    return af_list_is_bare(L, index);
}

static bool has_entries(lua_State *L, int index, size_t count)
{
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (count-- == 0) {
            lua_pop(L, 2);
            return false;
        }
    }
    return count == 0;
}

/* Appends the list on the top, if Lua has its items in order. */
static bool write_list(lua_State *L, const struct af_type *type, struct af_buf *out)
{
    int index = lua_gettop(L);
    if (!is_bare_table(L, index))
        return false;
    size_t count = 0;
    af_vm_spend(L, (int64_t)lua_rawlen(L, index));
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        af_buf_append_char(out, count == 0 ? '[' : ',');
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != (lua_Integer)++count ||
            !write_scalar(L, type->item, out))
            return false;
    }
    af_buf_append_string(out, count == 0 ? "[]" : "]");
    return count >= type->min_length && count <= type->max_length;
}

bool af_type_write_plain(lua_State *L, const struct af_type *type, int index, const char *first,
                         struct af_buf *out)
{
    int top = lua_gettop(L);
    if (!is_bare_table(L, index) || !has_entries(L, index, type->field_count))
        return false;
    af_buf_append_char(out, '{');
    af_buf_append_string(out, first);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct af_field *field = &type->fields[i];
        if (field->key[0] != '"') /* a name that is not UTF-8 has no key */
            return false;
        af_buf_append_char(out, ',');
        af_buf_append(out, field->key, field->key_len);
        af_field_push_name(L, field);
        lua_rawget(L, index);
        bool ok = field->type->kind == AF_TYPE_LIST ? write_list(L, field->type, out)
                                                    : write_scalar(L, field->type, out);
        lua_settop(L, top);
        if (!ok)
            return false;
    }
    af_buf_append_char(out, '}');
    return true;
}

/* ---- Reading. ---- */

/* Behind what is expected at `at`, or NULL. */
static const char *pass(const char *at, const char *end, const char *text, size_t len)
{
    return (size_t)(end - at) >= len && memcmp(at, text, len) == 0 ? at + len : NULL;
}

/* Pushes the scalar at `at`. Returns where it ends; NULL, having pushed nothing, for what needs a
 * second look. */
static const char *read_scalar(lua_State *L, const struct af_type *type, const char *at,
                               const char *end)
{
    const char *behind = NULL;
    int64_t value;
    if (type->kind == AF_TYPE_STRING && type->pattern == NULL) {
        behind = af_json_plain_string(at, end);
        size_t len = behind == NULL ? 0 : (size_t)(behind - at) - 2;
        if (behind == NULL || len < type->min_length || len > type->max_length)
            return NULL;
        af_vm_push_text(L, at + 1, len);
    } else if (type->kind == AF_TYPE_INTEGER) {
        behind = af_json_plain_integer(at, end, &value);
        if (behind == NULL || (type->has_min && value < type->min_integer) ||
            (type->has_max && value > type->max_integer))
            return NULL;
        lua_pushinteger(L, value);
    } else if (type->kind == AF_TYPE_BOOLEAN) {
        bool is = at < end && *at == 't';
        behind = pass(at, end, is ? "true" : "false", is ? 4 : 5);
        if (behind != NULL)
            lua_pushboolean(L, is);
    }
    return behind;
}

/* Pushes the list at `at`; a part of it where it returns NULL. */
static const char *read_list(lua_State *L, const struct af_type *type, const char *at,
                             const char *end)
{
    size_t count = 0;
    if (at == end || *at != '[' || at + 1 == end)
        return NULL;
    lua_createtable(L, 4, 0);
    af_list_mark(L, -1);
    at++;
    for (bool more = *at != ']'; more; more = *at++ == ',') {
        at = read_scalar(L, type->item, at, end);
        if (at == NULL || at == end || (*at != ',' && *at != ']'))
            return NULL;
        lua_rawseti(L, -2, (lua_Integer)++count);
    }
    at += count == 0;
    return count < type->min_length || count > type->max_length ? NULL : at;
}

bool af_type_read_plain(lua_State *L, const struct af_type *type, const char *first,
                        const char *json, size_t len)
{
    const char *end = json + len;
    int top = lua_gettop(L);
    const char *at = pass(json, end, "{", 1);
    at = at == NULL ? NULL : pass(at, end, first, strlen(first));
    if (at == NULL)
        return false;
    luaL_checkstack(L, 6, "too deep");
    lua_createtable(L, 0, (int)type->field_count + 1);
    for (size_t i = 0; at != NULL && i < type->field_count; i++) {
        const struct af_field *field = &type->fields[i];
        at = pass(at, end, ",", 1);
        at = at == NULL || field->key[0] != '"' ? NULL : pass(at, end, field->key, field->key_len);
        if (at == NULL)
            break;
        af_field_push_name(L, field);
        at = field->type->kind == AF_TYPE_LIST ? read_list(L, field->type, at, end)
                                               : read_scalar(L, field->type, at, end);
        if (at != NULL)
            lua_rawset(L, -3);
    }
    if (at != NULL && at + 1 == end && *at == '}')
        return true;
    lua_settop(L, top);
    return false;
}
