/* lua_host.c: see lua_host.h. */
#include "lua_host.h"

#include "base/bounds.h"
#include "base/version.h"
#include "lua_cow.h"
#include "lua_json.h"
#include "lua_list.h"
#include "lua_strict.h"
#include "lua_sandbox.h"
#include "lua_script.h"
#include "script/effects.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_metatable = "af.outcome";

/* ---- Chance: of the delivery that runs, keyed by the party's seed and the input. ---- */

struct af_rng *af_host_chance(lua_State *L)
{
    struct af_delivery *delivery = af_delivery_running(L);
    if (delivery == NULL) {
        const struct af_script *script = af_vm_of(L)->script;
        luaL_error(L,
                   script != NULL && script->phase == AF_PHASE_RUN && script->flow != NULL
                       ? "chance, uuids and time are not to be had by what judges a run; use them "
                         "in a handler"
                       : "chance, uuids and time are not to be had while a flow is loaded; use "
                         "them in a handler");
        return NULL; /* never: it has raised */
    }
    if (!delivery->rng_seeded) {
        struct af_hash key = delivery->input.key;
        af_rng_init_keyed(&delivery->rng, af_hash_bytes(delivery->party->seed, &key, sizeof key));
        delivery->rng_seeded = true;
    }
    return &delivery->rng;
}

static int draw(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    if (af_script_gate(L, "chance"))
        return lua_yieldk(L, 0, 0, draw);
    struct af_rng *rng = af_host_chance(L);
    lua_Integer low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, af_rng_unit(rng));
        return 1;
    case 1:
        high = luaL_checkinteger(L, 1);
        if (high == 0) {
            lua_pushinteger(L, (lua_Integer)af_rng_next(rng));
            return 1;
        }
        break;
    case 2:
        low = luaL_checkinteger(L, 1);
        high = luaL_checkinteger(L, 2);
        break;
    default:
        return luaL_error(L, "wrong number of arguments");
    }
    luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t drawn = span == 0 ? af_rng_next(rng) : af_rng_below(rng, span);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + drawn));
    return 1;
}

static int l_random(lua_State *L)
{
    return draw(L, LUA_OK, 0);
}

static int l_randomseed(lua_State *L)
{
    return luaL_error(L, "math.randomseed: the run's seed is the only source of chance");
}

void af_host_set_chance(lua_State *L)
{
    lua_pushcfunction(L, l_random);
    lua_setfield(L, -2, "random");
    lua_pushcfunction(L, l_randomseed);
    lua_setfield(L, -2, "randomseed");
}

/* The next uuid of the delivery that runs: the same, if its input is delivered again. */
static struct af_hash next_uuid(lua_State *L)
{
    af_host_chance(L); /* raises while a flow is loaded */
    struct af_delivery *delivery = af_delivery_running(L);
    uint64_t key[3] = {delivery->input.key.a, delivery->input.key.b, ++delivery->uuid_count};
    return af_hash_bytes(delivery->party->seed, key, sizeof key);
}

static int push_uuid(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    if (af_script_gate(L, "uuids"))
        return lua_yieldk(L, 0, 0, push_uuid);
    char text[AF_UUID_TEXT_BYTES];
    af_uuid_format(next_uuid(L), text);
    lua_pushstring(L, text);
    return 1;
}

static int l_uuid(lua_State *L)
{
    return push_uuid(L, LUA_OK, 0);
}

/* host.hex(bytes_count): that many random bytes in hexadecimal: session ids. */
static int push_hex(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    if (af_script_gate(L, "uuids"))
        return lua_yieldk(L, 0, 0, push_hex);
    char text[AF_HASH_HEX_BYTES];
    af_hash_hex(next_uuid(L), text);
    lua_pushstring(L, text);
    return 1;
}

static int l_session_id(lua_State *L)
{
    return push_hex(L, LUA_OK, 0);
}

/* ---- Time. ---- */

/* Of handlers it is kept who asked first: a check, for which no time passes, tells of it. */
static void note_time(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    if (script->flow == NULL || script->head.asked_time[0] != '\0' || !af_vm_push_where(L, L))
        return;
    size_t len;
    const char *where = lua_tolstring(L, -1, &len); /* "file:line: " */
    snprintf(script->head.asked_time, sizeof script->head.asked_time, "%.*s",
             (int)(len > 2 ? len - 2 : 0), where);
    lua_pop(L, 1);
}

static int push_now(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    if (af_script_gate(L, "time"))
        return lua_yieldk(L, 0, 0, push_now);
    af_host_chance(L);
    lua_pushnumber(L, (lua_Number)af_delivery_running(L)->now_ns / 1e9);
    note_time(L);
    return 1;
}

static int l_now(lua_State *L)
{
    return push_now(L, LUA_OK, 0);
}

/* ---- Logs. ---- */

/* A sequential script's line is told at once. Returns why not, or NULL. */
static const char *tell_line(struct af_delivery *delivery, const char *text, size_t len)
{
    const struct af_script *script = delivery->party->script;
    struct af_script_call call = {
        .name = "log", .request = "null", .request_len = 4, .bytes = text, .bytes_len = len};
    const char *why = af_effects_refuse_line(delivery->lines_told);
    if (why != NULL)
        return why;
    delivery->lines_told++;
    if (script->call != NULL)
        script->call(script->owner, delivery->party, &call);
    return NULL;
}

int af_host_log(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    struct af_delivery *delivery = af_delivery_running(L);
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    if (delivery == NULL || script == NULL)
        return 0; /* a flow that prints while it is instantiated again: once was enough */
    bool flow = script->flow != NULL && !script->flow->roles[delivery->party->role].sequential;
    const char *why = flow || script->phase == AF_PHASE_FIRST_LOAD
                          ? af_effects_add_log(&delivery->effects, text, len)
                          : tell_line(delivery, text, len);
    return why == NULL ? 0 : af_vm_raise(L, why);
}

static int l_log(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    return af_host_log(L);
}

/* ---- Outcomes. ---- */

struct outcome {
    int kind;
};

static int push_outcome(lua_State *L, int kind)
{
    struct af_delivery *delivery = af_delivery_running(L);
    if (delivery != NULL) {
        int top = lua_gettop(L);
        delivery->outcome_made = true;
        bool known = af_vm_push_where(L, L);
        snprintf(delivery->outcome_where, sizeof delivery->outcome_where, "%s",
                 known ? lua_tostring(L, -1) : "");
        lua_settop(L, top);
    }
    struct outcome *outcome = lua_newuserdatauv(L, sizeof *outcome, 1);
    outcome->kind = kind;
    luaL_setmetatable(L, outcome_metatable);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* host.done(result): what a handler returns to end its party well. Raises if JSON cannot hold it.
 */
static int l_done(lua_State *L)
{
    lua_settop(L, 1);
    af_lua_json_push(L, 1, "result");
    return push_outcome(L, AF_OUTCOME_DONE);
}

static int l_fail(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    af_sandbox_tostring(L, 1, NULL);
    return push_outcome(L, AF_OUTCOME_FAILED);
}

int af_host_outcome(lua_State *L, int index, const char **text)
{
    const struct outcome *outcome = luaL_testudata(L, index, outcome_metatable);
    if (outcome == NULL)
        return AF_OUTCOME_NONE;
    lua_getiuservalue(L, index, 1);
    *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return outcome->kind;
}

/* ---- Others. ---- */

/* host.sha256(bytes) → hexadecimal */
static int l_sha256(lua_State *L)
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[2 * sizeof digest + 1];
    crypto_hash_sha256(digest, (const unsigned char *)bytes, len);
    sodium_bin2hex(text, sizeof text, digest, sizeof digest);
    lua_pushstring(L, text);
    return 1;
}

/* Pushes a line, and the file where that is another than the flow's. */
static int push_line(lua_State *L, int line, const lua_Debug *info)
{
    const struct af_script *script = af_vm_of(L)->script;
    lua_pushinteger(L, line);
    if (info->source[0] != '@' || script == NULL || strcmp(info->short_src, script->file.name) == 0)
        return 1;
    lua_pushstring(L, info->short_src);
    return 2;
}

/* host.caller_line(level): the line of the script's code at this level, 0 if unknown; its file. */
static int l_caller_line(lua_State *L)
{
    lua_Debug activation;
    if (lua_getstack(L, (int)luaL_checkinteger(L, 1), &activation) == 0)
        return 0;
    lua_getinfo(L, "Sl", &activation);
    return push_line(L, activation.currentline, &activation);
}

/* host.line(function) → the line where it is defined, and its file; nil for the library's own */
static int l_line(lua_State *L)
{
    lua_Debug info;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_getinfo(L, ">S", &info);
    if (strncmp(info.source, "@af/", 4) == 0)
        return 0;
    return push_line(L, info.linedefined, &info);
}

/* host.file() → the script's own file, as messages name it, and the line that it came to */
static int l_file(lua_State *L)
{
    lua_pushstring(L, af_vm_of(L)->script->file.name);
    lua_pushinteger(L, af_vm_of(L)->line);
    return 2;
}

/* host.again() → boolean: whether a flow's file runs again, for one more party: then its event
 * types are those that the first run has made, and their fields need not be looked at. */
static int l_again(lua_State *L)
{
    const struct af_script *script = af_vm_of(L)->script;
    lua_pushboolean(L, script != NULL && script->phase == AF_PHASE_INSTANTIATE);
    return 1;
}

/* host.stand_in(program) → the flow's function of mock_programs for it, in a simulation; nil */
static int l_stand_in(lua_State *L)
{
    const struct af_script_party *party = af_vm_of(L)->running;
    if (party == NULL || !party->script->simulates || party->script->flow == NULL)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->functions_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->script->plan_ref);
    lua_getfield(L, -1, "roles");
    lua_rawgeti(L, -1, (lua_Integer)party->role + 1);
    lua_getfield(L, -1, "programs");
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TNUMBER)
        return 0;
    lua_rawgeti(L, 2, lua_tointeger(L, -1));
    return 1;
}

void af_script_simulate(struct af_script *script)
{
    script->simulates = true;
}

/* host.is_empty(table) → boolean */
static int l_is_empty(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushnil(L);
    lua_pushboolean(L, lua_next(L, 1) == 0);
    return 1;
}

/* host.array(list) → the list, which is one even while it is empty */
static int l_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    af_cow_own(L, 1);
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1))
        count++;
    if (!af_list_is_bare(L, 1) || count != (lua_Integer)lua_rawlen(L, 1))
        return af_vm_raise(L, "af.array: expected a plain table of items 1..n");
    af_list_mark(L, 1);
    return 1;
}

/* host.argument(type, text) → value: strings as they are, the rest as JSON; a text that is no JSON
 * stays a text, for the type to refuse. */
static int l_argument(lua_State *L)
{
    const struct af_type *type = af_type_at(L, 1);
    size_t len;
    const char *why;
    const char *text = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, type != NULL, 1, "expected a type");
    bool raw =
        type->kind == AF_TYPE_STRING || type->kind == AF_TYPE_BYTES || type->kind == AF_TYPE_ONE_OF;
    if (raw || !af_lua_json_read(L, text, len, &why))
        lua_pushvalue(L, 2);
    return 1;
}

/* host.build(type, value, word) → value, validated; an error calls its path `word`. */
static int l_build(lua_State *L)
{
    const struct af_type *type = af_type_at(L, 1);
    struct af_type_error error;
    char text[600];
    luaL_argcheck(L, type != NULL, 1, "expected a type");
    if (af_type_build(L, type, 2, &error))
        return 1;
    lua_pushstring(L, af_type_error_text(&error, luaL_checkstring(L, 3), text, sizeof text));
    return lua_error(L);
}

/* host.unfit_data(value, name) → why a value cannot be kept as data, or nil */
static int l_unfit_data(lua_State *L)
{
    static struct af_buf out;
    const char *why;
    lua_settop(L, 2);
    af_buf_clear(&out);
    if (af_lua_json_write(L, 1, luaL_checkstring(L, 2), AF_PARTY_DATA_BYTES_MAX, &out, NULL, &why))
        return 0;
    lua_pushstring(L, why);
    return 1;
}

/* host.read_data(text) → the data of a party that a JSON text is */
static int l_read_data(lua_State *L)
{
    size_t len;
    const char *why, *text = luaL_checklstring(L, 1, &len);
    return af_lua_json_read_data(L, text, len, &why) ? 1 : luaL_error(L, "%s", why);
}

/* host.unfit_name(text) → why it can name no flow and no event type, or nil */
static int l_unfit_name(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    bool control = false;
    for (size_t i = 0; i < len; i++)
        control = control || (unsigned char)text[i] < ' ' || text[i] == 0x7f;
    if (len == 0)
        lua_pushliteral(L, "must not be empty");
    else if (len > AF_FLOW_NAME_BYTES_MAX)
        lua_pushfstring(L, "must not be longer than %d bytes", AF_FLOW_NAME_BYTES_MAX);
    else if (!af_json_is_utf8(text, len))
        lua_pushliteral(L, "must be valid UTF-8");
    else if (control)
        lua_pushliteral(L, "must have no control characters");
    else
        lua_pushnil(L);
    return 1;
}

/* host.strict(table, lacks, names) → the table, in which reading a name that it has not raises; the
 * keys of `names` read as nil. */
static int l_strict(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    af_strict_push(L, luaL_checkstring(L, 2));
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

/* host.lock(table, name, deep) → a read-only view; deep: of a copy, and of the tables in it */
static int l_lock(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *name = luaL_checkstring(L, 2);
    bool deep = lua_toboolean(L, 3);
    lua_pushvalue(L, 1);
    if (deep)
        af_vm_lock_deep(L, name);
    else
        af_vm_lock(L, name);
    return 1;
}

void af_host_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"uuid", l_uuid},
        {"session_id", l_session_id},
        {"now", l_now},
        {"log", l_log},
        {"done", l_done},
        {"fail", l_fail},
        {"sha256", l_sha256},
        {"caller_line", l_caller_line},
        {"line", l_line},
        {"file", l_file},
        {"lock", l_lock},
        {"call", af_host_call},
        {"is_empty", l_is_empty},
        {"stand_in", l_stand_in},
        {"again", l_again},
        {"argument", l_argument},
        {"build", l_build},
        {"array", l_array},
        {"strict", l_strict},
        {"unfit_data", l_unfit_data},
        {"read_data", l_read_data},
        {"unfit_name", l_unfit_name},
        {"near", af_strict_near},
        {NULL, NULL},
    };
    luaL_newmetatable(L, outcome_metatable);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
    lua_pushliteral(L, AF_VERSION);
    lua_setfield(L, -2, "version");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
}
