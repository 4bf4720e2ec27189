/* lua_type_walk.c: the walks along a type's plan: a Lua value checked and copied, written as JSON,
 * and read from JSON. See lua_type.h. */
#include "lua_type.h"

#include "base/bounds.h"
#include "lua_cow.h"
#include "lua_event.h"
#include "lua_json.h"
#include "lua_list.h"
#include "lua_pattern.h"
#include "lua_sandbox.h"
#include "lua_vm.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- What did not fit. ---- */

/* Puts a step in front of the error's path: a field's name, or an item's number. */
static bool prepend_name(struct af_type_error *error, const char *name, size_t len)
{
    char path[sizeof error->path];
    const char *join = error->path[0] == '\0' || error->path[0] == '[' ? "" : ".";
    snprintf(path, sizeof path, "%.*s%s%s", (int)(len > 60 ? 60 : len), name, join, error->path);
    memcpy(error->path, path, sizeof path);
    return false;
}

static bool prepend_index(struct af_type_error *error, lua_Integer i)
{
    char path[sizeof error->path];
    const char *join = error->path[0] == '\0' || error->path[0] == '[' ? "" : ".";
    snprintf(path, sizeof path, "[%lld]%s%s", (long long)i, join, error->path);
    memcpy(error->path, path, sizeof path);
    return false;
}

static void describe_text(char *got, size_t size, const char *text, size_t len)
{
    size_t shown = len < 40 ? len : 40;
    while (shown > 0 && shown < len && ((unsigned char)text[shown] & 0xC0) == 0x80)
        shown--;
    if (!af_json_is_utf8(text, len))
        snprintf(got, size, "a string of %zu bytes that is not valid UTF-8", len);
    else
        snprintf(got, size, "\"%.*s\"%s", (int)shown, text, shown < len ? "…" : "");
    for (char *at = got; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
}

static void describe_value(lua_State *L, int index, char *got, size_t size)
{
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
        snprintf(got, size, "nothing");
        return;
    case LUA_TBOOLEAN:
        snprintf(got, size, "%s", lua_toboolean(L, index) ? "true" : "false");
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            snprintf(got, size, "%lld", (long long)lua_tointeger(L, index));
        else if (isnan(lua_tonumber(L, index))) /* its sign is the processor's */
            snprintf(got, size, "NaN");
        else
            snprintf(got, size, "%.14g", lua_tonumber(L, index));
        return;
    case LUA_TSTRING: {
        size_t len;
        const char *text = lua_tolstring(L, index, &len);
        describe_text(got, size, text, len);
        return;
    }
    case LUA_TLIGHTUSERDATA:
        snprintf(got, size, "null");
        return;
    case LUA_TTABLE:
        if (!af_list_is_bare(L, index) && !af_vm_is_locked(L, index))
            snprintf(got, size, "a table with a metatable; copy its fields");
        else
            snprintf(got, size, lua_rawlen(L, index) > 0 ? "a list of %d" : "a table",
                     (int)lua_rawlen(L, index));
        return;
    default:
        snprintf(got, size, "a %s", luaL_typename(L, index));
    }
}

/* Lets the record on the top raise for names that it has not, if its type says so. */
static bool be_strict(lua_State *L, const struct af_type *type)
{
    if (type->strict_ref != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, type->strict_ref);
        lua_setmetatable(L, -2);
    }
    return true;
}

/* What a secret is not: nothing of it is told but of which kind it is, and how long a string. */
static void describe_secret(lua_State *L, int index, char *got, size_t size)
{
    if (lua_type(L, index) == LUA_TSTRING)
        snprintf(got, size, "a string of %zu bytes", (size_t)lua_rawlen(L, index));
    else if (lua_type(L, index) == LUA_TNUMBER || lua_type(L, index) == LUA_TBOOLEAN)
        snprintf(got, size, "a %s", luaL_typename(L, index));
    else
        describe_value(L, index, got, size);
}

static bool unfit(lua_State *L, const struct af_type *type, int index, struct af_type_error *error)
{
    char got[160];
    if (type->hides)
        describe_secret(L, index, got, sizeof got);
    else
        describe_value(L, index, got, sizeof got);
    error->path[0] = '\0';
    snprintf(error->text, sizeof error->text, "expected %s, got %s", type->expected, got);
    return false;
}

static bool undeclared(struct af_type_error *error, const char *name)
{
    error->path[0] = '\0';
    snprintf(error->text, sizeof error->text, "is not declared");
    return prepend_name(error, name, strlen(name));
}

/* ---- Checks of one value. ---- */

/* The integer that the number at index is, 11.0 too. */
static bool whole_number(lua_State *L, int index, lua_Integer *value)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    int whole;
    *value = lua_tointegerx(L, index, &whole);
    return whole != 0;
}

static bool integer_fits(const struct af_type *type, lua_Integer value)
{
    return !(type->has_min && value < type->min_integer) &&
           !(type->has_max && value > type->max_integer);
}

static bool number_fits(const struct af_type *type, lua_Number value)
{
    return isfinite(value) && !(type->has_min && value < type->min_number) &&
           !(type->has_max && value > type->max_number);
}

/* A text over which the steps that are left are used up does not match. */
static bool matches_pattern(lua_State *L, const struct af_type *type, const char *text, size_t len)
{
    struct af_pattern_room room;
    struct af_match match;
    struct af_pattern *pattern =
        af_pattern_push(L, &room, type->pattern, strlen(type->pattern), true);
    bool found = af_pattern_find(L, pattern, text, len, text, &match);
    lua_pop(L, 1);
    return found && af_vm_of(L)->instructions_left >= 0;
}

/* The string at index, or NULL if it does not fit. Whether it is UTF-8 is not asked. */
static const char *fitting_string(lua_State *L, const struct af_type *type, int index, size_t *len)
{
    if (lua_type(L, index) != LUA_TSTRING)
        return NULL;
    const char *text = lua_tolstring(L, index, len);
    if (*len < type->min_length || *len > type->max_length)
        return NULL;
    return type->pattern == NULL || matches_pattern(L, type, text, *len) ? text : NULL;
}

static bool string_fits(lua_State *L, const struct af_type *type, int index)
{
    size_t len;
    const char *text = fitting_string(L, type, index, &len);
    return text != NULL && (type->kind != AF_TYPE_STRING || af_json_is_utf8(text, len));
}

static bool is_absent(lua_State *L, int index)
{
    return lua_isnil(L, index) ||
           (lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL);
}

static bool push_fallback(lua_State *L, const struct af_type *type, struct af_type_error *error)
{
    if (type->fallback == NULL) {
        lua_pushnil(L);
        return true;
    }
    struct af_json_reader reader;
    af_json_reader_init(&reader, type->fallback, type->fallback_len);
    bool ok = af_type_read(L, type, &reader, af_json_next(&reader), error);
    af_json_reader_release(&reader);
    return ok;
}

/* ---- A value checked and copied. ---- */

static bool build_list(lua_State *L, const struct af_type *type, int index,
                       struct af_type_error *error)
{
    if (!af_list_is_bare(L, index))
        return unfit(L, type, index, error);
    lua_Integer len = (lua_Integer)lua_rawlen(L, index);
    if ((size_t)len < type->min_length || (size_t)len > type->max_length)
        return unfit(L, type, index, error);
    af_vm_spend(L, len);
    lua_createtable(L, len < 65536 ? (int)len : 0, 0);
    af_list_mark(L, -1);
    for (lua_Integer i = 1; i <= len; i++) {
        lua_rawgeti(L, index, i);
        if (!af_type_build(L, type->item, lua_gettop(L), error))
            return prepend_index(error, i);
        lua_rawseti(L, -3, i);
        lua_pop(L, 1);
    }
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        count++;
    if (count != len)
        return unfit(L, type, index, error);
    return true;
}

/* Appends an item to the map that is built at `out`; its key and value are on the top. */
static bool build_item(lua_State *L, const struct af_type *type, int map, int out,
                       struct af_type_error *error)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        return unfit(L, type, map, error);
    size_t len;
    const char *key = lua_tolstring(L, -2, &len);
    if (!af_json_is_utf8(key, len))
        return unfit(L, type, lua_gettop(L) - 1, error);
    if (!af_type_build(L, type->item, lua_gettop(L), error))
        return prepend_name(error, key, len);
    lua_pushvalue(L, -3);
    lua_insert(L, -2);
    lua_rawset(L, out);
    return true;
}

/* Of several items that do not fit the first in order is told: Lua's own is another each time. */
static bool refuse_items(lua_State *L, const struct af_type *type, int index, int out,
                         struct af_type_error *error)
{
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TSTRING)
            return unfit(L, type, index, error);
    lua_Integer count = af_sandbox_sorted_keys(L, index);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= count; i++, lua_settop(L, keys)) {
        lua_rawgeti(L, keys, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, index);
        if (!build_item(L, type, index, out, error))
            return false;
    }
    return false;
}

static bool build_map(lua_State *L, const struct af_type *type, int index,
                      struct af_type_error *error)
{
    if (!af_list_is_bare(L, index))
        return unfit(L, type, index, error);
    lua_newtable(L);
    int out = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        af_vm_spend(L, 1);
        if (!build_item(L, type, index, out, error)) {
            lua_settop(L, out);
            return refuse_items(L, type, index, out, error);
        }
    }
    return true;
}

/* Finds the first field, in order, that is not declared. */
static bool refuse_undeclared(lua_State *L, const struct af_type *type, int index,
                              struct af_type_error *error)
{
    lua_Integer count = af_sandbox_sorted_keys(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        size_t len = 0;
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        if (name == NULL || !af_type_names(type, name, len)) {
            char key[64];
            describe_value(L, -1, key, sizeof key);
            return undeclared(error, name != NULL ? name : key);
        }
        lua_pop(L, 1);
    }
    return unfit(L, type, index, error);
}

static bool build_record(lua_State *L, const struct af_type *type, int index,
                         struct af_type_error *error)
{
    if (lua_istable(L, index) && af_vm_push_fields(L, index) == LUA_TTABLE)
        lua_replace(L, index);
    else if (!af_list_is_bare(L, index))
        return unfit(L, type, index, error);
    else
        lua_pop(L, 1);
    lua_createtable(L, 0, (int)type->field_count + 1);
    size_t used = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct af_field *field = &type->fields[i];
        af_field_push_name(L, field);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, index) != LUA_TNIL)
            used++;
        if (!af_type_build(L, field->type, lua_gettop(L), error))
            return prepend_name(error, field->name, field->len);
        lua_remove(L, -2);
        lua_rawset(L, -3);
    }
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        count++;
    return count == used || refuse_undeclared(L, type, index, error);
}

/* `why` begins with the path in the value, which is empty for the value itself. */
static void say_unkept(const struct af_type *type, struct af_type_error *error, const char *why)
{
    if (type->secret) { /* whose path has keys of it */
        snprintf(error->text, sizeof error->text, "expected a value that JSON can hold");
        return;
    }
    snprintf(error->text, sizeof error->text, "expected a value that JSON can hold: %s",
             strncmp(why, ": ", 2) == 0 ? why + 2 : why);
}

static bool build_any(lua_State *L, const struct af_type *type, int index,
                      struct af_type_error *error)
{
    static struct af_buf json;
    const char *why;
    af_buf_clear(&json);
    if (lua_isnil(L, index))
        return unfit(L, type, index, error);
    if (af_lua_json_write(L, index, "", AF_PARTY_DATA_BYTES_MAX, &json, NULL, &why) &&
        af_lua_json_read(L, json.data, json.len, &why))
        return true;
    error->path[0] = '\0';
    say_unkept(type, error, why);
    return false;
}

static bool build_number(lua_State *L, const struct af_type *type, int index,
                         struct af_type_error *error)
{
    lua_Integer whole;
    if (type->kind == AF_TYPE_INTEGER) {
        if (!whole_number(L, index, &whole) || !integer_fits(type, whole))
            return unfit(L, type, index, error);
        lua_pushinteger(L, whole);
        return true;
    }
    if (lua_type(L, index) != LUA_TNUMBER || !number_fits(type, lua_tonumber(L, index)))
        return unfit(L, type, index, error);
    lua_pushnumber(L, lua_tonumber(L, index));
    return true;
}

static bool build_value(lua_State *L, const struct af_type *type, int index,
                        struct af_type_error *error)
{
    size_t len;
    const char *text;
    switch (type->kind) {
    case AF_TYPE_STRING:
    case AF_TYPE_BYTES:
        if (!string_fits(L, type, index))
            return unfit(L, type, index, error);
        lua_pushvalue(L, index);
        return true;
    case AF_TYPE_ONE_OF:
        text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
        if (text == NULL || !af_type_names(type, text, len))
            return unfit(L, type, index, error);
        lua_pushvalue(L, index);
        return true;
    case AF_TYPE_BOOLEAN:
        if (!lua_isboolean(L, index))
            return unfit(L, type, index, error);
        lua_pushvalue(L, index);
        return true;
    case AF_TYPE_INTEGER:
    case AF_TYPE_NUMBER:
        return build_number(L, type, index, error);
    case AF_TYPE_LIST:
        return build_list(L, type, index, error);
    case AF_TYPE_MAP:
        return build_map(L, type, index, error);
    case AF_TYPE_RECORD:
        return build_record(L, type, index, error) && be_strict(L, type);
    case AF_TYPE_ANY:
        return build_any(L, type, index, error);
    }
    return false;
}

/* A plain value that fits is its own copy: most fields are one. */
static bool is_plain_fit(lua_State *L, const struct af_type *type, int index)
{
    switch (type->kind) {
    case AF_TYPE_STRING:
    case AF_TYPE_BYTES:
        return string_fits(L, type, index);
    case AF_TYPE_INTEGER:
        return lua_isinteger(L, index) && integer_fits(type, lua_tointeger(L, index));
    case AF_TYPE_BOOLEAN:
        return lua_isboolean(L, index);
    default:
        return false;
    }
}

bool af_type_build(lua_State *L, const struct af_type *type, int index, struct af_type_error *error)
{
    if (is_plain_fit(L, type, index)) {
        lua_pushvalue(L, index);
        return true;
    }
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    luaL_checkstack(L, 10, "too deep");
    af_cow_own(L, index);
    bool ok;
    if (type->optional && is_absent(L, index))
        ok = push_fallback(L, type, error);
    else
        ok = build_value(L, type, index, error);
    if (!ok) {
        lua_settop(L, top);
        return false;
    }
    lua_insert(L, top + 1);
    lua_settop(L, top + 1);
    return true;
}

/* ---- Writing JSON. ---- */

static bool is_scalar(const struct af_type *type)
{
    return type->kind <= AF_TYPE_BYTES || type->kind == AF_TYPE_ONE_OF;
}

static bool write_record(lua_State *L, const struct af_type *type, int index, const char *first,
                         struct af_buf *out, struct af_type_error *error)
{
    if (!lua_istable(L, index))
        return unfit(L, type, index, error);
    af_buf_append_char(out, '{');
    if (first != NULL)
        af_buf_append_string(out, first);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct af_field *field = &type->fields[i];
        if (i > 0 || first != NULL)
            af_buf_append_char(out, ',');
        af_buf_append(out, field->key, field->key_len);
        af_field_push_name(L, field);
        lua_rawget(L, index);
        if (!af_type_write(L, field->type, lua_gettop(L), NULL, out, error))
            return prepend_name(error, field->name, field->len);
        lua_pop(L, 1);
    }
    af_buf_append_char(out, '}');
    return true;
}

static bool write_list(lua_State *L, const struct af_type *type, int index, struct af_buf *out,
                       struct af_type_error *error)
{
    if (!lua_istable(L, index))
        return unfit(L, type, index, error);
    lua_Integer len = (lua_Integer)lua_rawlen(L, index);
    if ((size_t)len < type->min_length || (size_t)len > type->max_length)
        return unfit(L, type, index, error);
    af_buf_append_char(out, '[');
    for (lua_Integer i = 1; i <= len; i++) {
        if (i > 1)
            af_buf_append_char(out, ',');
        lua_rawgeti(L, index, i);
        if (!af_type_write(L, type->item, lua_gettop(L), NULL, out, error))
            return prepend_index(error, i);
        lua_pop(L, 1);
    }
    af_buf_append_char(out, ']');
    return true;
}

static bool write_map(lua_State *L, const struct af_type *type, int index, struct af_buf *out,
                      struct af_type_error *error)
{
    if (!lua_istable(L, index))
        return unfit(L, type, index, error);
    lua_Integer count = af_sandbox_sorted_keys(L, index);
    int keys = lua_gettop(L);
    af_buf_append_char(out, '{');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1)
            af_buf_append_char(out, ',');
        lua_rawgeti(L, keys, i);
        size_t len;
        const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        if (key == NULL || !af_json_write_string(out, key, len))
            return unfit(L, type, index, error);
        af_buf_append_char(out, ':');
        lua_rawget(L, index);
        if (!af_type_write(L, type->item, lua_gettop(L), NULL, out, error))
            return prepend_index(error, i);
        lua_pop(L, 1);
    }
    af_buf_append_char(out, '}');
    return true;
}

static bool write_bytes(struct af_buf *out, const char *bytes, size_t len)
{
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    if (!af_buf_reserve(out, size + 2))
        return false;
    af_buf_append_char(out, '"');
    sodium_bin2base64(out->data + out->len, size, (const unsigned char *)bytes, len,
                      sodium_base64_VARIANT_ORIGINAL);
    out->len += size - 1; /* it counts a 0 byte */
    af_buf_append_char(out, '"');
    return true;
}

static bool write_scalar(lua_State *L, const struct af_type *type, int index, struct af_buf *out)
{
    size_t len;
    const char *text;
    lua_Integer whole;
    switch (type->kind) {
    case AF_TYPE_STRING: /* writing looks whether it is UTF-8 */
        text = fitting_string(L, type, index, &len);
        return text != NULL && af_json_write_string(out, text, len);
    case AF_TYPE_BYTES:
        text = fitting_string(L, type, index, &len);
        return text != NULL && write_bytes(out, text, len);
    case AF_TYPE_ONE_OF:
        text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
        return text != NULL && af_type_names(type, text, len) &&
               af_json_write_string(out, text, len);
    case AF_TYPE_BOOLEAN:
        if (lua_isboolean(L, index))
            af_buf_append_string(out, lua_toboolean(L, index) ? "true" : "false");
        return lua_isboolean(L, index);
    case AF_TYPE_INTEGER:
        if (!whole_number(L, index, &whole) || !integer_fits(type, whole))
            return false;
        af_json_write_integer(out, whole);
        return true;
    default:
        return lua_type(L, index) == LUA_TNUMBER && number_fits(type, lua_tonumber(L, index)) &&
               af_json_write_double(out, lua_tonumber(L, index));
    }
}

static bool write_any(lua_State *L, const struct af_type *type, int index, struct af_buf *out,
                      struct af_type_error *error)
{
    const char *why;
    if (lua_isnil(L, index))
        return unfit(L, type, index, error);
    if (af_lua_json_write(L, index, "", AF_PARTY_DATA_BYTES_MAX, out, NULL, &why))
        return true;
    error->path[0] = '\0';
    say_unkept(type, error, why);
    return false;
}

bool af_type_write(lua_State *L, const struct af_type *type, int index, const char *first,
                   struct af_buf *out, struct af_type_error *error)
{
    if (is_scalar(type) && !is_absent(L, index))
        return write_scalar(L, type, index, out) || unfit(L, type, index, error);
    luaL_checkstack(L, 10, "too deep");
    int top = lua_gettop(L);
    bool ok = true;
    if (type->optional && is_absent(L, index)) {
        af_buf_append_string(out, "null");
        return true;
    }
    switch (type->kind) {
    case AF_TYPE_RECORD:
        ok = write_record(L, type, index, first, out, error);
        break;
    case AF_TYPE_LIST:
        ok = write_list(L, type, index, out, error);
        break;
    case AF_TYPE_MAP:
        ok = write_map(L, type, index, out, error);
        break;
    case AF_TYPE_ANY:
        ok = write_any(L, type, index, out, error);
        break;
    default:
        ok = write_scalar(L, type, index, out) || unfit(L, type, index, error);
    }
    lua_settop(L, top);
    return ok;
}

/* ---- Reading JSON. ---- */

static bool unfit_token(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                        enum af_json_token token, struct af_type_error *error)
{
    error->path[0] = '\0';
    if (token == AF_JSON_ERROR) {
        snprintf(error->text, sizeof error->text, "not JSON: %s at byte %zu", reader->message,
                 reader->offset + 1);
        return false;
    }
    if (token == AF_JSON_OBJECT_BEGIN || token == AF_JSON_ARRAY_BEGIN) {
        snprintf(error->text, sizeof error->text, "expected %s, got %s", type->expected,
                 token == AF_JSON_OBJECT_BEGIN ? "an object" : "a list");
        return false;
    }
    af_lua_json_read_value(L, reader, token);
    unfit(L, type, lua_gettop(L), error);
    lua_pop(L, 1);
    return false;
}

/* The field of a record by its name; `next` is where it most likely is, as both are sorted. */
static const struct af_field *find_field(const struct af_type *type, const char *name, size_t len,
                                         size_t *next)
{
    for (size_t tried = 0; tried < type->field_count; tried++) {
        size_t at = *next < type->field_count ? *next : 0;
        const struct af_field *field = &type->fields[at];
        *next = at + 1;
        if (field->len == len && memcmp(field->name, name, len) == 0)
            return field;
    }
    return NULL;
}

/* The fields that did not come: defaults, or an error. `out` is the record that is being read. */
static bool fill_missing(lua_State *L, const struct af_type *type, int out,
                         struct af_type_error *error)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct af_field *field = &type->fields[i];
        af_field_push_name(L, field);
        if (lua_rawget(L, out) == LUA_TNIL) {
            if (!field->type->optional) {
                unfit(L, field->type, lua_gettop(L), error);
                return prepend_name(error, field->name, field->len);
            }
            af_field_push_name(L, field);
            if (!push_fallback(L, field->type, error))
                return false;
            lua_rawset(L, out);
        }
        lua_pop(L, 1);
    }
    return true;
}

static bool read_record(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                        struct af_type_error *error)
{
    lua_createtable(L, 0, (int)type->field_count + 1);
    int out = lua_gettop(L);
    size_t next = 0, found = 0;
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_OBJECT_END)
            return found == type->field_count || fill_missing(L, type, out, error);
        if (token != AF_JSON_KEY)
            return unfit_token(L, type, reader, token, error);
        size_t expected = next;
        const struct af_field *field = find_field(type, reader->string, reader->string_len, &next);
        if (field == NULL) {
            next = expected;
            if (!af_json_skip(reader, af_json_next(reader)))
                return unfit_token(L, type, reader, AF_JSON_ERROR, error);
            continue;
        }
        af_field_push_name(L, field);
        if (!af_type_read(L, field->type, reader, af_json_next(reader), error))
            return prepend_name(error, field->name, field->len);
        if (!lua_isnil(L, -1))
            found++;
        lua_rawset(L, out);
    }
}

static bool read_list(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                      struct af_type_error *error)
{
    lua_createtable(L, 4, 0);
    af_list_mark(L, -1);
    lua_Integer count = 0;
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_ARRAY_END)
            break;
        if (!af_type_read(L, type->item, reader, token, error))
            return prepend_index(error, count + 1);
        lua_rawseti(L, -2, ++count);
    }
    if ((size_t)count < type->min_length || (size_t)count > type->max_length)
        return unfit(L, type, lua_gettop(L), error);
    return true;
}

static bool read_map(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                     struct af_type_error *error)
{
    lua_createtable(L, 0, 4);
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_OBJECT_END)
            return true;
        if (token != AF_JSON_KEY)
            return unfit_token(L, type, reader, token, error);
        lua_pushlstring(L, reader->string, reader->string_len);
        if (!af_type_read(L, type->item, reader, af_json_next(reader), error)) {
            size_t len;
            const char *key = lua_tolstring(L, -1, &len);
            return prepend_name(error, key, len);
        }
        lua_rawset(L, -3);
    }
}

static bool read_bytes(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                       struct af_type_error *error)
{
    size_t size = reader->string_len / 4 * 3 + 3;
    unsigned char *bytes = lua_newuserdatauv(L, size, 0);
    size_t len;
    if (sodium_base642bin(bytes, size, reader->string, reader->string_len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        error->path[0] = '\0';
        snprintf(error->text, sizeof error->text, "expected base64, got something else");
        return false;
    }
    lua_pushlstring(L, (const char *)bytes, len);
    lua_remove(L, -2);
    return string_fits(L, type, lua_gettop(L)) || unfit(L, type, lua_gettop(L), error);
}

static bool read_scalar(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                        enum af_json_token token, struct af_type_error *error)
{
    bool fits = false;
    if (!af_lua_json_read_value(L, reader, token))
        return unfit_token(L, type, reader, token, error);
    int value = lua_gettop(L);
    lua_Integer whole;
    size_t len;
    const char *text;
    switch (type->kind) {
    case AF_TYPE_STRING:
        fits = string_fits(L, type, value);
        break;
    case AF_TYPE_ONE_OF:
        text = lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &len) : NULL;
        fits = text != NULL && af_type_names(type, text, len);
        break;
    case AF_TYPE_BOOLEAN:
        fits = lua_isboolean(L, value);
        break;
    case AF_TYPE_INTEGER:
        fits = whole_number(L, value, &whole) && integer_fits(type, whole);
        if (fits && !lua_isinteger(L, value)) {
            lua_pushinteger(L, whole);
            lua_replace(L, value);
        }
        break;
    default:
        fits = lua_type(L, value) == LUA_TNUMBER && number_fits(type, lua_tonumber(L, value));
        if (fits && lua_isinteger(L, value)) {
            lua_pushnumber(L, lua_tonumber(L, value));
            lua_replace(L, value);
        }
    }
    return fits || unfit(L, type, value, error);
}

static bool read_value(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                       enum af_json_token token, struct af_type_error *error)
{
    if (type->kind == AF_TYPE_ANY)
        return af_lua_json_read_value(L, reader, token) ||
               unfit_token(L, type, reader, AF_JSON_ERROR, error);
    if (token == AF_JSON_OBJECT_BEGIN && type->kind == AF_TYPE_RECORD)
        return read_record(L, type, reader, error) && be_strict(L, type);
    if (token == AF_JSON_OBJECT_BEGIN && type->kind == AF_TYPE_MAP)
        return read_map(L, type, reader, error);
    if (token == AF_JSON_ARRAY_BEGIN && type->kind == AF_TYPE_LIST)
        return read_list(L, type, reader, error);
    if (token == AF_JSON_STRING && type->kind == AF_TYPE_BYTES)
        return read_bytes(L, type, reader, error);
    if (token == AF_JSON_OBJECT_BEGIN || token == AF_JSON_ARRAY_BEGIN || token == AF_JSON_ERROR ||
        type->kind >= AF_TYPE_BYTES)
        if (type->kind != AF_TYPE_ONE_OF || token < AF_JSON_STRING)
            return unfit_token(L, type, reader, token, error);
    return read_scalar(L, type, reader, token, error);
}

/* Pushes a scalar of just the declared kind, as most are; false, having pushed nothing, for what
 * needs a second look. What the reader gives is UTF-8. */
static bool read_plain(lua_State *L, const struct af_type *type,
                       const struct af_json_reader *reader, enum af_json_token token)
{
    if (token == AF_JSON_STRING && type->kind == AF_TYPE_STRING && type->pattern == NULL) {
        if (reader->string_len < type->min_length || reader->string_len > type->max_length)
            return false;
        af_vm_push_text(L, reader->string, reader->string_len);
        return true;
    }
    if (token == AF_JSON_INTEGER && type->kind == AF_TYPE_INTEGER) {
        if (!integer_fits(type, reader->integer))
            return false;
        lua_pushinteger(L, reader->integer);
        return true;
    }
    return false;
}

bool af_type_read(lua_State *L, const struct af_type *type, struct af_json_reader *reader,
                  enum af_json_token token, struct af_type_error *error)
{
    if (read_plain(L, type, reader, token))
        return true;
    int top = lua_gettop(L);
    luaL_checkstack(L, 10, "too deep");
    bool ok;
    if (type->optional && token == AF_JSON_NULL)
        ok = push_fallback(L, type, error);
    else
        ok = read_value(L, type, reader, token, error);
    if (!ok)
        lua_settop(L, top);
    return ok;
}
