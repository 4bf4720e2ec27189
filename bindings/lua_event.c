/* lua_event.c: see lua_event.h. */
#include "lua_event.h"

#include "lua_json.h"
#include "lua_script.h"
#include "lua_strict.h"
#include "lua_vm.h"

#include "base/bounds.h"
#include "base/near.h"
#include "trace/contract.h"
#include "trace/veil.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *const metatable_name = "af.event_type";
static const char key_class; /* in an event's metatable: its class */

/* The user values of a class: what it points to, its events' metatable, and two words that each
 * event needs, so that they need not be looked up. */
enum { ANCHORS = 1, EVENT_METATABLE, WORD_TYPE, CLASS_TYPE };

enum { TEXT_MAX = 64 << 10 }; /* bytes of an event that is kept as its JSON */

static char error_text[640];
static struct af_json_reader reader; /* kept, so that its memory is too */

struct af_event_class *af_event_class_at(lua_State *L, int index)
{
    return luaL_testudata(L, index, metatable_name);
}

static const char *type_of_class(lua_State *L, int index)
{
    const struct af_event_class *class = af_event_class_at(L, index);
    return class == NULL ? NULL : class->type;
}

static size_t place_of(const void *metatable)
{
    return (uintptr_t)metatable / 16 % AF_VM_CLASSES;
}

/* Pushes the class of the event at index; false, having pushed nothing, if it is no event. */
static bool push_class(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    if (lua_rawgetp(L, -1, &key_class) != LUA_TUSERDATA) {
        lua_pop(L, 2);
        return false;
    }
    lua_remove(L, -2);
    return true;
}

struct af_event_class *af_event_class_of(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return NULL;
    struct af_vm *vm = af_vm_of(L);
    const void *metatable = lua_topointer(L, -1);
    size_t place = place_of(metatable);
    if (vm->classes[place].metatable != metatable) {
        if (lua_rawgetp(L, -1, &key_class) != LUA_TUSERDATA) {
            lua_pop(L, 2);
            return NULL;
        }
        vm->classes[place].metatable = metatable;
        vm->classes[place].class = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return vm->classes[place].class;
}

/* Another table may stand there soon. */
static int l_class_gc(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    const void *class = lua_touserdata(L, 1);
    for (size_t i = 0; i < AF_VM_CLASSES; i++)
        if (vm->classes[i].class == class)
            vm->classes[i].metatable = NULL;
    return 0;
}

static bool hides(lua_State *L, int index)
{
    const struct af_event_class *class = af_event_class_of(L, index);
    return class != NULL && class->record->hides;
}

/* ---- Events. ---- */

/* Adds `type` to the fields on the top. */
static void add_type(lua_State *L, int class_index)
{
    lua_getiuservalue(L, class_index, WORD_TYPE);
    lua_getiuservalue(L, class_index, CLASS_TYPE);
    lua_rawset(L, -3);
}

/* Reads the record that a content describes, with its `type`, onto the stack. */
static bool read_fields(lua_State *L, int class_index, const char *content, size_t len,
                        struct af_type_error *error)
{
    const struct af_event_class *class = lua_touserdata(L, class_index);
    if (af_type_read_plain(L, class->record, class->first, content, len)) {
        add_type(L, class_index);
        return true;
    }
    af_json_reader_restart(&reader, content, len);
    if (!af_type_read(L, class->record, &reader, af_json_next(&reader), error))
        return false;
    if (af_json_next(&reader) != AF_JSON_END) {
        lua_pop(L, 1);
        error->path[0] = '\0';
        snprintf(error->text, sizeof error->text, "not JSON: %s", reader.message);
        return false;
    }
    add_type(L, class_index);
    return true;
}

/* Puts fields in the place of the text, on the top, that the event at index (absolute) was. */
static int unpack(lua_State *L, int index)
{
    struct af_type_error error;
    size_t len;
    luaL_checkstack(L, 10, "too deep");
    int top = lua_gettop(L);
    const char *text = lua_tolstring(L, top, &len);
    push_class(L, index);
    if (!read_fields(L, top + 1, text, len, &error))
        return luaL_error(L, "bug: an event cannot be read back: %s", error.text);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, index, &af_key_fields);
    lua_replace(L, top);
    lua_settop(L, top);
    return LUA_TTABLE;
}

/* Raises if the key at index 2 is a name, but none of a declared field. */
static void check_field(lua_State *L, const struct af_event_class *class)
{
    char lacks[AF_NEAR_WORD_MAX + 32];
    size_t len;
    if (lua_type(L, 2) != LUA_TSTRING || class == NULL)
        return;
    const char *name = lua_tolstring(L, 2, &len);
    if (af_type_names(class->record, name, len))
        return; /* an optional one */
    af_type_push_names(L, class->record);
    snprintf(lacks, sizeof lacks, "event '%.*s' has no field", AF_NEAR_WORD_MAX, class->type);
    af_strict_raise(L, lacks, name, lua_gettop(L));
}

/* event.field */
static int l_event_index(lua_State *L)
{
    if (lua_rawgetp(L, 1, &af_key_fields) == LUA_TSTRING)
        unpack(L, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) == LUA_TNIL)
        check_field(L, af_event_class_of(L, 1));
    return 1;
}

static int l_event_newindex(lua_State *L)
{
    const struct af_event_class *class = af_event_class_of(L, 1);
    return luaL_error(L, "event '%s' cannot be changed: writing field '%s'; build a new one",
                      class->type, luaL_tolstring(L, 2, NULL));
}

/* Makes an event of the fields, or their text, on the top, which it replaces. */
static void wrap(lua_State *L, int class_index)
{
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_rawsetp(L, -2, &af_key_fields);
    lua_getiuservalue(L, class_index, EVENT_METATABLE);
    lua_setmetatable(L, -2);
}

/* An event of this class, or plain data that was one, at index 2: replaces it by its fields without
 * `type`, so that it may be copied. False if it is none. */
static bool take_copy(lua_State *L, const struct af_event_class *class)
{
    if (!lua_istable(L, 2))
        return false;
    if (af_vm_push_fields(L, 2) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_pushvalue(L, 2);
    }
    lua_pushliteral(L, "type");
    lua_rawget(L, 3);
    if (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), class->type) != 0)
        return false;
    lua_settop(L, 3);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 3) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 4);
    }
    lua_pushnil(L);
    lua_setfield(L, 4, "type");
    lua_replace(L, 2);
    lua_settop(L, 2);
    return true;
}

/* Sync { … }: an event, or an error that names field and value. */
static int l_class_call(lua_State *L)
{
    const struct af_event_class *class = lua_touserdata(L, 1);
    struct af_type_error error;
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    static struct af_buf text;
    af_buf_clear(&text);
    if (af_type_write_plain(L, class->record, 2, class->first, &text) && text.len <= TEXT_MAX) {
        lua_pushlstring(L, text.data, text.len);
        wrap(L, 1);
        return 1;
    }
    bool built = af_type_build(L, class->record, 2, &error);
    if (!built && take_copy(L, class))
        built = af_type_build(L, class->record, 2, &error);
    if (!built) {
        char message[600];
        return luaL_error(L, "event '%s': %s", class->type,
                          af_type_error_text(&error, "field", message, sizeof message));
    }
    add_type(L, 1);
    wrap(L, 1);
    return 1;
}

/* Sync:is(value): an event of this type, or plain data that was one. */
static int l_class_is(lua_State *L)
{
    const struct af_event_class *class = luaL_checkudata(L, 1, metatable_name);
    bool is = false;
    if (lua_istable(L, 2)) {
        if (af_vm_push_fields(L, 2) == LUA_TTABLE)
            lua_replace(L, 2);
        lua_settop(L, 2);
        lua_pushliteral(L, "type");
        is = lua_rawget(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, -1), class->type) == 0;
    }
    lua_pushboolean(L, is);
    return 1;
}

/* ---- On the wire. ---- */

/* What Event.event_to_contract(event) does unless overridden: a table as it goes out. */
static int l_to_contract(lua_State *L)
{
    const struct af_event_class *class = af_event_class_of(L, 1);
    struct af_type_error error;
    char text[600];
    struct af_buf json = AF_BUF_EMPTY;
    if (class == NULL)
        return luaL_argerror(L, 1, "expected an event");
    af_vm_push_fields(L, 1);
    bool ok = af_type_write(L, class->record, lua_gettop(L), class->first, &json, &error);
    if (ok)
        lua_pushlstring(L, json.data, json.len);
    af_buf_release(&json);
    const char *why;
    size_t len;
    if (!ok)
        return luaL_error(L, "event '%s': %s", class->type,
                          af_type_error_text(&error, "field", text, sizeof text));
    const char *content = lua_tolstring(L, -1, &len);
    if (!af_lua_json_read(L, content, len, &why))
        return luaL_error(L, "event '%s': %s", class->type, why);
    return 1;
}

static const char *read_plain(lua_State *L, int class_index, const char *content, size_t len)
{
    const struct af_event_class *class = lua_touserdata(L, class_index);
    struct af_type_error error;
    char text[600];
    if (read_fields(L, class_index, content, len, &error)) {
        wrap(L, class_index);
        return NULL;
    }
    snprintf(error_text, sizeof error_text, "event '%s': %s", class->type,
             af_type_error_text(&error, "field", text, sizeof text));
    return error_text;
}

/* Event.contract_to_event(table) unless overridden. Upvalue: the class. Raises if it does not fit.
 */
static int l_from_contract(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    int class_index = lua_gettop(L);
    af_lua_json_push(L, 1, "contract");
    size_t len;
    const char *content = lua_tolstring(L, -1, &len);
    const char *why = read_plain(L, class_index, content, len);
    if (why != NULL)
        return luaL_error(L, "%s", why);
    return 1;
}

/* Pushes what the running instance has set as `name` of the class; false, having pushed nothing, if
 * nothing. */
static bool push_override(lua_State *L, int class_index, const char *name)
{
    class_index = lua_absindex(L, class_index);
    int top = lua_gettop(L);
    if (!af_script_push_overrides(L, false))
        return false;
    lua_pushvalue(L, class_index);
    if (lua_rawget(L, -2) == LUA_TTABLE && lua_getfield(L, -1, name) == LUA_TFUNCTION) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return true;
    }
    lua_settop(L, top);
    return false;
}

/* Appends what the event at index (absolute) is: its text, if it has not been asked for a field. */
static void write_fields(lua_State *L, const struct af_event_class *class, int index,
                         struct af_buf *out)
{
    struct af_type_error error;
    char text[600];
    size_t len;
    if (lua_rawgetp(L, index, &af_key_fields) == LUA_TSTRING) {
        const char *json = lua_tolstring(L, -1, &len);
        af_buf_append(out, json, len);
    } else if (!af_type_write(L, class->record, lua_gettop(L), class->first, out, &error)) {
        luaL_error(L, "event '%s': %s", class->type,
                   af_type_error_text(&error, "field", text, sizeof text));
    }
}

const struct af_event_class *af_event_write(lua_State *L, int index, struct af_buf *out)
{
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    size_t start = out->len;
    const struct af_event_class *class = af_event_class_of(L, index);
    if (class == NULL)
        luaL_error(L, "expected an event, got %s", luaL_typename(L, index));
    bool deep = class->record->any; /* else it is as deep as its type */
    if (class->overridden && push_class(L, index) && push_override(L, -1, "event_to_contract")) {
        deep = true;
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
        if (!lua_istable(L, -1))
            luaL_error(L, "event '%s': event_to_contract must return a table", class->type);
        lua_pushlstring(L, class->type, class->type_len);
        lua_setfield(L, -2, "type");
        const char *why;
        if (!af_lua_json_write(L, -1, "contract", (size_t)-1 / 2, out, NULL, &why))
            luaL_error(L, "event '%s': %s", class->type, why);
    } else {
        lua_settop(L, top);
        write_fields(L, class, index, out);
    }
    lua_settop(L, top);
    const char *unfit = NULL;
    if (!out->full && (deep || out->len - start > AF_BUS_CONTENT_BYTES_MAX))
        unfit = af_contract_unfit(out->data + start, out->len - start);
    if (unfit != NULL) {
        out->len = start; /* who catches it goes on without */
        luaL_error(L, "event '%s' is %s", class->type, unfit);
    }
    return class;
}

const char *af_event_read(lua_State *L, int class_index, const char *content, size_t len)
{
    class_index = lua_absindex(L, class_index);
    const struct af_event_class *class = lua_touserdata(L, class_index);
    if (!class->overridden)
        return read_plain(L, class_index, content, len);
    int top = lua_gettop(L);
    if (!push_override(L, class_index, "contract_to_event")) {
        lua_settop(L, top);
        return read_plain(L, class_index, content, len);
    }
    const char *why;
    if (!af_lua_json_read(L, content, len, &why)) {
        lua_settop(L, top);
        return why;
    }
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        snprintf(error_text, sizeof error_text, "event '%s': %s", class->type,
                 af_vm_error_text(L, NULL));
        af_vm_check_cap(L);
        lua_settop(L, top);
        return error_text;
    }
    if (af_event_class_of(L, -1) != class) {
        lua_settop(L, top);
        snprintf(error_text, sizeof error_text,
                 "event '%s': contract_to_event did not return such an event", class->type);
        return error_text;
    }
    return NULL;
}

/* ---- Classes. ---- */

static int l_class_index(lua_State *L)
{
    const struct af_event_class *class = luaL_checkudata(L, 1, metatable_name);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(name, "TYPE") == 0) {
        lua_pushlstring(L, class->type, class->type_len);
    } else if (strcmp(name, "is") == 0) {
        lua_pushcfunction(L, l_class_is);
    } else if (strcmp(name, "event_to_contract") == 0 || strcmp(name, "contract_to_event") == 0) {
        if (class->overridden && push_override(L, 1, name))
            return 1;
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, name[0] == 'e' ? l_to_contract : l_from_contract, 1);
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        char lacks[AF_NEAR_WORD_MAX + 32];
        snprintf(lacks, sizeof lacks, "event type '%.*s' has no", AF_NEAR_WORD_MAX, class->type);
        static const char *const names[] = {"TYPE", "is", "event_to_contract", "contract_to_event",
                                            NULL};
        af_strict_push_names(L, names);
        return af_strict_raise(L, lacks, name, lua_gettop(L));
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/* Sync.event_to_contract = function … : kept with the instance that runs, for classes are shared.
 */
static int l_class_newindex(lua_State *L)
{
    struct af_event_class *class = luaL_checkudata(L, 1, metatable_name);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    if (strcmp(name, "event_to_contract") != 0 && strcmp(name, "contract_to_event") != 0)
        return luaL_error(L,
                          "event type '%s': field '%s' cannot be set; only event_to_contract and "
                          "contract_to_event can be overridden",
                          class->type, name);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (!af_script_push_overrides(L, true))
        return luaL_error(L,
                          "event type '%s' is read-only while a handler runs: set '%s' where it "
                          "is declared",
                          class->type, name);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushvalue(L, 3);
    lua_setfield(L, -2, name);
    class->overridden = true;
    return 0;
}

static int l_class_tostring(lua_State *L)
{
    const struct af_event_class *class = luaL_checkudata(L, 1, metatable_name);
    lua_pushfstring(L, "event type %s", class->type);
    return 1;
}

/* Pushes the metatable of a class's events. tostring: from host.set_event_tostring(). */
static void push_event_metatable(lua_State *L, int class_index)
{
    lua_createtable(L, 0, 8);
    lua_pushcfunction(L, l_event_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_event_newindex);
    lua_setfield(L, -2, "__newindex");
    luaL_getmetatable(L, metatable_name);
    lua_getfield(L, -1, "event_tostring");
    lua_setfield(L, -3, "__tostring");
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &af_key_lock);
    lua_pushvalue(L, class_index);
    lua_rawsetp(L, -2, &key_class);
}

/* host.event(type, record, predefined, line) → class. The class of the same place in the chunk, if
 * the instance is not the first. Raises if the names differ: the chunk did not do the same again.
 */
static int l_event(lua_State *L)
{
    size_t len;
    const char *type = luaL_checklstring(L, 1, &len);
    const struct af_type *record = af_type_at(L, 2);
    bool predefined = lua_toboolean(L, 3);
    if (!predefined && af_script_push_declared(L)) {
        struct af_event_class *known = af_event_class_at(L, -1);
        if (known == NULL || strcmp(known->type, type) != 0)
            return luaL_error(L,
                              "event '%s' was '%s' when the file was loaded first; a flow must "
                              "load the same way each time",
                              type, known == NULL ? "a part" : known->type);
        return 1;
    }
    luaL_argcheck(L, record != NULL && record->kind == AF_TYPE_RECORD, 2, "expected a record type");
    struct af_event_class *class = lua_newuserdatauv(L, sizeof *class, CLASS_TYPE);
    int self = lua_gettop(L);
    memset(class, 0, sizeof *class);
    luaL_setmetatable(L, metatable_name);
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 2);
    struct af_buf first = AF_BUF_EMPTY;
    af_buf_append_string(&first, "\"type\":");
    af_json_write_string(&first, type, len);
    lua_pushlstring(L, first.data, first.len);
    af_buf_release(&first);
    class->first = lua_tostring(L, -1);
    lua_rawseti(L, -2, 3);
    lua_setiuservalue(L, self, ANCHORS);
    push_event_metatable(L, self);
    lua_setiuservalue(L, self, EVENT_METATABLE);
    lua_pushliteral(L, "type");
    lua_setiuservalue(L, self, WORD_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, self, CLASS_TYPE);
    class->type = type;
    class->type_len = len;
    class->record = record;
    class->predefined = predefined;
    class->flow_index = -1;
    class->line = (struct af_flow_line){(int)luaL_optinteger(L, 4, 0), NULL};
    if (lua_isstring(L, 5))
        class->line.file = af_script_line_file(af_vm_of(L)->script, lua_tostring(L, 5));
    if (!predefined)
        af_script_note_declared(L, self);
    lua_settop(L, self);
    return 1;
}

/* host.event_class(value) → the class that it is, or of the event that it is, or nil */
static int l_event_class(lua_State *L)
{
    lua_settop(L, 1);
    if (af_event_class_at(L, 1) != NULL)
        return 1;
    if (!push_class(L, 1))
        lua_pushnil(L);
    return 1;
}

/* host.is_event_class(value) → boolean */
static int l_is_event_class(lua_State *L)
{
    lua_pushboolean(L, af_event_class_at(L, 1) != NULL);
    return 1;
}

/* host.event_read(class, content) → event | nil, why */
static int l_event_read(lua_State *L)
{
    size_t len;
    luaL_checkudata(L, 1, metatable_name);
    const char *content = luaL_checklstring(L, 2, &len);
    const char *why = af_event_read(L, 1, content, len);
    if (why == NULL)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* host.event_write(event) → content */
static int l_event_write(lua_State *L)
{
    static struct af_buf out;
    af_buf_clear(&out);
    af_event_write(L, 1, &out);
    lua_pushlstring(L, out.data, out.len);
    return 1;
}

/* host.event_shown(event) → its fields as they may be shown: the event, if it has no secrets */
static int l_event_shown(lua_State *L)
{
    static struct af_buf text, shown;
    const struct af_script *script = af_vm_of(L)->script;
    const struct af_event_class *class = af_event_class_of(L, 1);
    const char *why;
    lua_settop(L, 1);
    if (class == NULL || !class->record->hides)
        return 1;
    if (script->flow == NULL || class->flow_index < 0) { /* while its file is loaded */
        lua_newtable(L);
        return 1;
    }
    af_buf_clear(&text);
    af_buf_clear(&shown);
    write_fields(L, class, 1, &text);
    af_veil_event(af_script_veil_key(L), script->flow->events[class->flow_index].fields, text.data,
                  text.len, &shown);
    return af_lua_json_read(L, shown.data, shown.len, &why) ? 1 : luaL_error(L, "%s", why);
}

static int l_set_event_tostring(lua_State *L)
{
    luaL_getmetatable(L, metatable_name);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "event_tostring");
    return 0;
}

void af_event_open(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    vm->unpack_event = unpack;
    vm->event_type = type_of_class;
    vm->event_hides = hides;
    static const luaL_Reg functions[] = {
        {"event", l_event},
        {"event_class", l_event_class},
        {"is_event_class", l_is_event_class},
        {"event_read", l_event_read},
        {"event_write", l_event_write},
        {"event_shown", l_event_shown},
        {"set_event_tostring", l_set_event_tostring},
        {NULL, NULL},
    };
    luaL_newmetatable(L, metatable_name);
    static const luaL_Reg metamethods[] = {
        {"__call", l_class_call},         {"__gc", l_class_gc},
        {"__index", l_class_index},       {"__newindex", l_class_newindex},
        {"__tostring", l_class_tostring}, {NULL, NULL}};
    luaL_setfuncs(L, metamethods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
