/* lua_type.c: see lua_type.h. Compiling types, and what did not fit in words; the three walks that
 * follow a plan are in lua_type_walk.c. */
#include "lua_type.h"

#include "base/bounds.h"
#include "lua_json.h"
#include "lua_script.h"
#include "lua_strict.h"
#include "lua_vm.h"

#include <stdio.h>
#include <string.h>

static const char *const metatable_name = "af.type";

static const char *const kind_names[] = {"string", "integer", "number", "boolean", "bytes", "any",
                                         "list",   "map",     "record", "one_of",  NULL};

const char *af_type_kind_name(enum af_type_kind kind)
{
    return kind_names[kind];
}

const struct af_type *af_type_at(lua_State *L, int index)
{
    return luaL_testudata(L, index, metatable_name);
}

const char *af_type_error_text(const struct af_type_error *error, const char *path_word, char *text,
                               size_t size)
{
    if (error->path[0] != '\0')
        snprintf(text, size, "%s '%s': %s", path_word, error->path, error->text);
    else
        snprintf(text, size, "%s", error->text);
    return text;
}

/* ---- Compiling. The type stands at index `self`, what it points to is anchored in its uservalue.
 */

static void anchor(lua_State *L, int self)
{
    lua_getiuservalue(L, self, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* A field of the spec at index 1 as a text that lives as long as the type; NULL if absent. */
static const char *text_field(lua_State *L, int self, const char *name, size_t *len)
{
    if (lua_getfield(L, 1, name) != LUA_TSTRING) {
        lua_pop(L, 1);
        return NULL;
    }
    const char *text = lua_tolstring(L, -1, len);
    anchor(L, self);
    return text;
}

static size_t length_field(lua_State *L, const char *name, size_t absent)
{
    lua_getfield(L, 1, name);
    size_t value = lua_isinteger(L, -1) ? (size_t)lua_tointeger(L, -1) : absent;
    lua_pop(L, 1);
    return value;
}

static void range_field(lua_State *L, const char *name, bool *has, lua_Integer *integer,
                        lua_Number *number)
{
    lua_getfield(L, 1, name);
    *has = lua_type(L, -1) == LUA_TNUMBER;
    *integer = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    *number = lua_tonumber(L, -1);
    lua_pop(L, 1);
}

static void compile_key(lua_State *L, int self, struct af_field *field)
{
    static struct af_buf key; /* what follows may raise */
    af_buf_clear(&key);
    af_json_write_string(&key, field->name, field->len); /* nothing, if it is no UTF-8: see write */
    af_buf_append_char(&key, ':');
    field->key = lua_pushlstring(L, key.data, key.len);
    field->key_len = key.len;
    anchor(L, self);
}

/* spec.names (sorted) and, for a record, spec.types. */
static void compile_fields(lua_State *L, int self, struct af_type *type)
{
    if (lua_getfield(L, 1, "names") != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    int names = lua_gettop(L);
    bool typed = lua_getfield(L, 1, "types") == LUA_TTABLE;
    int types = lua_gettop(L);
    type->field_count = lua_rawlen(L, names);
    type->fields = lua_newuserdatauv(L, (type->field_count + 1) * sizeof *type->fields, 0);
    anchor(L, self);
    for (size_t i = 0; i < type->field_count; i++) {
        lua_rawgeti(L, names, (lua_Integer)i + 1);
        type->fields[i].name = luaL_checklstring(L, -1, &type->fields[i].len);
        lua_pushvalue(L, -1);
        type->fields[i].name_ref = luaL_ref(L, LUA_REGISTRYINDEX); /* types live as long as L */
        anchor(L, self);
        compile_key(L, self, &type->fields[i]);
        type->fields[i].type = NULL;
        if (typed) {
            lua_rawgeti(L, types, (lua_Integer)i + 1);
            type->fields[i].type = luaL_checkudata(L, -1, metatable_name);
            anchor(L, self);
        }
    }
    lua_settop(L, names - 1);
}

bool af_type_names(const struct af_type *type, const char *text, size_t len)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].len == len && memcmp(type->fields[i].name, text, len) == 0)
            return true;
    return false;
}

void af_type_push_names(lua_State *L, const struct af_type *record)
{
    lua_createtable(L, 0, (int)record->field_count);
    for (size_t i = 0; i < record->field_count; i++) {
        af_field_push_name(L, &record->fields[i]);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
}

/* spec.base and spec.default of an optional type. */
static void compile_optional(lua_State *L, int self, struct af_type *type)
{
    lua_getfield(L, 1, "base");
    const struct af_type *base = af_type_at(L, -1);
    if (base == NULL) {
        lua_pop(L, 1);
        return;
    }
    anchor(L, self);
    *type = *base;
    type->optional = true;
    if (lua_getfield(L, 1, "default") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    struct af_type_error error;
    if (!af_type_build(L, type, lua_gettop(L), &error))
        luaL_error(L, "the default does not fit: %s", error.text);
    struct af_buf json = AF_BUF_EMPTY;
    bool fits = af_type_write(L, type, lua_gettop(L), NULL, &json, &error);
    lua_pushlstring(L, af_buf_text(&json), json.len);
    af_buf_release(&json);
    if (!fits)
        luaL_error(L, "the default does not fit: %s", error.text);
    type->fallback = lua_tolstring(L, -1, &type->fallback_len);
    anchor(L, self);
    lua_pop(L, 2);
}

/* What is made of a type goes as deep as it does, and hides what it hides. */
static void look_inside(lua_State *L, struct af_type *type)
{
    int inner = type->item == NULL ? 0 : type->item->depth;
    type->hides = type->secret || (type->item != NULL && type->item->hides);
    type->any = type->kind == AF_TYPE_ANY || (type->item != NULL && type->item->any);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct af_type *field = type->fields[i].type;
        if (field != NULL && field->depth > inner)
            inner = field->depth;
        type->hides = type->hides || (field != NULL && field->hides);
        type->any = type->any || (field != NULL && field->any);
    }
    type->depth = inner + 1;
    if (type->depth > AF_VALUE_DEPTH_MAX)
        luaL_error(L, "a type of more than %d levels: no data are so deep", AF_VALUE_DEPTH_MAX);
}

/* host.type(spec) → type. spec has kind, expected, and what the kind takes; a record with `lacks`
 * makes tables in which an undeclared name raises, beginning with that text. Raises. */
static int l_type(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct af_type *type = lua_newuserdatauv(L, sizeof *type, 1);
    memset(type, 0, sizeof *type);
    luaL_setmetatable(L, metatable_name);
    int self = lua_gettop(L);
    lua_newtable(L);
    lua_setiuservalue(L, self, 1);
    lua_getfield(L, 1, "kind");
    type->kind = (enum af_type_kind)luaL_checkoption(L, -1, NULL, kind_names);
    lua_pop(L, 1);
    size_t ignored;
    type->expected = text_field(L, self, "expected", &ignored);
    type->pattern = text_field(L, self, "pattern", &ignored);
    type->min_length = length_field(L, "min_length", 0);
    type->max_length = length_field(L, "max_length", (size_t)-1);
    range_field(L, "min", &type->has_min, &type->min_integer, &type->min_number);
    range_field(L, "max", &type->has_max, &type->max_integer, &type->max_number);
    lua_getfield(L, 1, "secret");
    type->secret = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (type->secret)
        af_script_note_secret(L);
    lua_getfield(L, 1, "item");
    type->item = af_type_at(L, -1);
    if (type->item != NULL)
        anchor(L, self);
    else
        lua_pop(L, 1);
    compile_fields(L, self, type);
    look_inside(L, type);
    type->strict_ref = LUA_NOREF;
    if (lua_getfield(L, 1, "lacks") == LUA_TSTRING) {
        af_type_push_names(L, type);
        af_strict_push(L, lua_tostring(L, -2));
        type->strict_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    compile_optional(L, self, type);
    lua_settop(L, self);
    return 1;
}

static int l_type_expected(lua_State *L)
{
    const struct af_type *type = luaL_checkudata(L, 1, metatable_name);
    lua_pushstring(L, type->expected);
    lua_pushstring(L, kind_names[type->kind]);
    lua_pushboolean(L, type->optional);
    return 3;
}

/* host.hides(type) → whether something of it is a secret */
static int l_type_hides(lua_State *L)
{
    const struct af_type *type = luaL_checkudata(L, 1, metatable_name);
    lua_pushboolean(L, type->hides);
    return 1;
}

/* host.declared(type) → the type, or the one of the same place where the file was loaded first: a
 * type that is used while parties run, by who made it. */
static int l_declared(lua_State *L)
{
    luaL_checkudata(L, 1, metatable_name);
    lua_settop(L, 1);
    if (!af_script_push_declared(L))
        af_script_note_declared(L, 1);
    else if (af_type_at(L, -1) == NULL)
        return luaL_error(L, "a part stands where there was an event when the file was loaded "
                             "first; a flow must load the same way each time");
    return 1;
}

static int l_is_type(lua_State *L)
{
    lua_pushboolean(L, af_type_at(L, 1) != NULL);
    return 1;
}

/* host.set_type_call(fn): fn(type, options) is what calling a type does. */
static int l_set_type_call(lua_State *L)
{
    luaL_getmetatable(L, metatable_name);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__call");
    return 0;
}

void af_type_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"type", l_type},
                                         {"type_expected", l_type_expected},
                                         {"declared", l_declared},
                                         {"is_type", l_is_type},
                                         {"set_type_call", l_set_type_call},
                                         {"hides", l_type_hides},
                                         {NULL, NULL}};
    luaL_newmetatable(L, metatable_name);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushliteral(L, "type");
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
