/* lua_instance.c: a party's own copy of what the chunk makes.
 *
 * The chunk is compiled once. To make an instance, a new environment is joined to it (a closure's
 * upvalues can be exchanged) and it is run again: its locals, globals and functions are then the
 * instance's alone, while its code is shared. */
#include "lua_script.h"

#include "base/bounds.h"
#include "code/code.h"
#include "base/failure.h"
#include "lua_host.h"
#include "lua_json.h"
#include "lua_parts.h"
#include "base/mem.h"
#include "trace/veil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct af_script_party *af_instance_new(struct af_script *script, uint32_t member, uint32_t role,
                                        struct af_hash seed)
{
    struct af_script_party *party = af_mem_zero(1, sizeof *party);
    party->script = script;
    party->member = member;
    party->role = role;
    party->seed = seed;
    party->kit_ref = party->functions_ref = party->party_ref = party->numbers_ref = LUA_NOREF;
    party->state = party->shown_state = -1;
    return party;
}

void af_instance_free(struct af_script_party *party)
{
    if (party == NULL)
        return;
    lua_State *L = party->script->vm->L;
    if (party->delivery != NULL)
        af_delivery_release(party->delivery);
    const struct af_instance_code *code = party->script->codes;
    code = code == NULL ? NULL : &code[party->role];
    if (code == NULL || party->kit_ref != code->kit_ref)
        luaL_unref(L, LUA_REGISTRYINDEX, party->kit_ref);
    if (code == NULL || party->functions_ref != code->functions_ref)
        luaL_unref(L, LUA_REGISTRYINDEX, party->functions_ref);
    luaL_unref(L, LUA_REGISTRYINDEX, party->party_ref);
    luaL_unref(L, LUA_REGISTRYINDEX, party->numbers_ref);
    free(party->cells);
    free(party->data);
    af_parts_free(L, party->parts);
    free(party);
}

void af_instance_make_kit(lua_State *L, struct af_script_party *party)
{
    lua_createtable(L, AF_KIT_FUNCTIONS, 0);
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->script->environment_ref);
    lua_setmetatable(L, -2);
    lua_rawseti(L, -2, AF_KIT_ENV);
    party->kit_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void af_instance_join(lua_State *L, const struct af_script_party *party)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->script->cell_ref);
    af_kit_push(L, party, AF_KIT_ENV);
    lua_call(L, 1, 1); /* a closure over a new cell that holds the environment */
    lua_upvaluejoin(L, -2, 1, -1, 1);
    lua_pop(L, 1);
}

/* Takes the functions of the party's role out of the table given to af.flow(). */
static void keep_functions(lua_State *L, struct af_script_party *party)
{
    struct af_script *script = party->script;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->kit_ref);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "extract");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->definition_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_pushinteger(L, (lua_Integer)party->role + 1);
    lua_call(L, 3, 1);
    lua_pushvalue(L, -1);
    party->functions_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_rawseti(L, -3, AF_KIT_FUNCTIONS);
    lua_pop(L, 2);
}

int af_script_declare_part(lua_State *L)
{
    lua_settop(L, 1);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "declare_part");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

void af_instance_run(lua_State *L, struct af_script_party *party)
{
    struct af_script *script = party->script;
    enum af_phase phase = script->phase;
    struct af_script_party *outer = script->vm->running;
    af_instance_make_kit(L, party);
    script->phase = AF_PHASE_INSTANTIATE;
    script->declared_next = 0;
    script->flow_declared = false;
    script->vm->running = party;
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->chunk_ref);
    af_instance_join(L, party);
    int status = lua_pcall(L, 0, 1, 0);
    if (status == LUA_OK && !script->flow_declared) {
        lua_pushcfunction(L, af_script_declare_part);
        lua_insert(L, -2);
        status = lua_pcall(L, 1, 1, 0);
    }
    script->phase = phase;
    script->vm->running = outer;
    if (status != LUA_OK)
        lua_error(L);
    lua_pop(L, 1);
    if (!script->flow_declared)
        luaL_error(L, "%s: the flow did not load the same way again", script->file.name);
    keep_functions(L, party);
}

static const struct af_flow_role *role_of(const struct af_script_party *party)
{
    return &party->script->flow->roles[party->role];
}

static const char *role_name(const struct af_script_party *party)
{
    return party->script->flow != NULL ? role_of(party)->name : "script";
}

static int l_party_newindex(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    if (strcmp(name, "data") != 0)
        return luaL_error(L, "party is read-only: writing field '%s'; keep it in party.data", name);
    lua_rawset(L, 1);
    return 0;
}

/* party.id, party.role, party.state: of the one that runs, for its object is in nobody else's
 * hands. Upvalue: who tells what a party lacks. */
static int l_party_field(lua_State *L)
{
    const struct af_script_party *party = af_vm_of(L)->running;
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (party != NULL && strcmp(name, "id") == 0) {
        lua_pushstring(L, party->script->members[party->member].id);
    } else if (party != NULL && strcmp(name, "role") == 0) {
        lua_pushstring(L, role_name(party));
    } else if (party != NULL && strcmp(name, "state") == 0 && party->shown_state >= 0) {
        lua_pushstring(L, role_of(party)->states[party->shown_state].name);
    } else {
        lua_settop(L, 2);
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, 2, 1);
    }
    return 1;
}

static int l_party_pairs(lua_State *L)
{
    static const char *const names[] = {"id", "role", "state"};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_globals);
    lua_getfield(L, -1, "pairs");
    lua_createtable(L, 0, 3);
    for (int i = 0; i < 3; i++) {
        lua_getfield(L, 1, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_call(L, 1, 3);
    return 3;
}

int af_instance_ref_methods(lua_State *L, const char *name)
{
    static const luaL_Reg functions[] = {
        {"__newindex", l_party_newindex}, {"__pairs", l_party_pairs}, {NULL, NULL}};
    lua_createtable(L, 0, 5);
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -2, name);
    if (!lua_getmetatable(L, -1))
        luaL_error(L, "bug: a party would lack nothing");
    lua_getfield(L, -1, "__index");
    lua_pushcclosure(L, l_party_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &af_key_lock);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void af_instance_make_party(lua_State *L, struct af_script_party *party)
{
    const struct af_script *script = party->script;
    lua_createtable(L, 0, 1); /* party, with data in it */
    lua_newtable(L);
    lua_setfield(L, -2, "data");
    lua_rawgeti(L, LUA_REGISTRYINDEX,
                af_script_is_sequential(party) ? script->sequential_methods_ref
                                               : script->methods_ref);
    lua_setmetatable(L, -2);
    party->party_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- Parties, as script/script.h has them. ---- */

/* What the parties of its role share; made with nothing in it. */
static struct af_instance_code *code_of(const struct af_script_party *party)
{
    struct af_script *script = party->script;
    if (script->codes == NULL) {
        script->codes = af_mem_alloc(script->flow->role_count * sizeof *script->codes);
        for (size_t i = 0; i < script->flow->role_count; i++)
            script->codes[i] = (struct af_instance_code){LUA_NOREF, LUA_NOREF};
    }
    return &script->codes[party->role];
}

/* Has the parties that are made from now on share the instance, unless it has loaded what may keep
 * something of one of them, or has numbered objects, as each party does by itself. */
static void share(lua_State *L, const struct af_script_party *party)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->kit_ref);
    if (party->numbers_ref == LUA_NOREF && lua_rawgeti(L, -1, AF_KIT_OVERRIDES) == LUA_TNIL &&
        lua_rawgeti(L, -2, AF_KIT_MODULES) == LUA_TNIL)
        *code_of(party) = (struct af_instance_code){party->kit_ref, party->functions_ref};
    lua_settop(L, 1);
}

static int l_make(lua_State *L)
{
    struct af_script_party *party = lua_touserdata(L, 1);
    const struct af_instance_code *code = code_of(party);
    if (code->kit_ref == LUA_NOREF) {
        af_instance_run(L, party);
        if (af_pure_note(L, party))
            share(L, party);
    } else {
        party->kit_ref = code->kit_ref;
        party->functions_ref = code->functions_ref;
    }
    af_instance_make_party(L, party);
    return 0;
}

struct af_script_party *af_lua_party_new(struct af_script *script, uint32_t member,
                                         struct af_hash seed, void *user, struct af_failure *why)
{
    lua_State *L = script->vm->L;
    struct af_script_party *party;
    if (script->flow == NULL) {
        party = script->main; /* its chunk stands at its first call already */
        script->main = NULL;
        if (party == NULL) {
            af_failure_set(why, AF_FAILURE_FLOW, script->file.name, "a script runs once a load");
            return NULL;
        }
        party->seed = seed;
        party->member = member;
        party->user = user;
        return party;
    }
    party = af_instance_new(script, member, script->members[member].role, seed);
    party->user = user;
    af_vm_begin(script->vm);
    lua_pushcfunction(L, l_make);
    lua_pushlightuserdata(L, party);
    int status = lua_pcall(L, 1, 0, 0);
    af_vm_end(script->vm, status);
    if (status != LUA_OK) {
        af_script_fail(why, AF_FAILURE_USAGE, script->name, af_vm_error_text(L, NULL));
        lua_pop(L, 1);
        af_instance_free(party);
        party = NULL;
    }
    return party;
}

void af_lua_party_free(struct af_script_party *party)
{
    af_instance_free(party);
}

void *af_lua_party_user(const struct af_script_party *party)
{
    return party->user;
}

bool af_lua_party_sequential(const struct af_script_party *party)
{
    return af_script_is_sequential(party);
}

int af_lua_party_state(const struct af_script_party *party)
{
    return party->state;
}

const char *af_lua_party_data(const struct af_script_party *party, size_t *len)
{
    *len = party->data == NULL ? 2 : party->data_len;
    return party->data == NULL ? "{}" : party->data;
}

bool af_instance_is_secret(lua_State *L, int index)
{
    const struct af_script_party *party = af_vm_of(L)->running;
    const void *table = lua_topointer(L, index);
    int top = lua_gettop(L);
    bool is = false;
    if (party == NULL || party->party_ref == LUA_NOREF || !lua_istable(L, index))
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->party_ref);
    lua_pushliteral(L, "data");
    if (lua_istable(L, -2) && lua_rawget(L, -2) == LUA_TTABLE) {
        lua_pushliteral(L, "secret");
        is = lua_rawget(L, -2) == LUA_TTABLE && lua_topointer(L, -1) == table;
    }
    lua_settop(L, top);
    return is;
}

void af_instance_show_secret(lua_State *L, int index, struct af_buf *out)
{
    static struct af_buf json;
    const char *why;
    bool rebuild;
    char word[AF_VEIL_WORD_BYTES];
    af_buf_clear(&json);
    af_lua_json_write(L, index, "data.secret", AF_PARTY_DATA_BYTES_MAX, &json, &rebuild, &why);
    af_veil_word(af_script_veil_key(L), "table", json.data, json.len, word);
    af_buf_append_string(out, word);
}

struct restore {
    struct af_script_party *party;
    const char *data;
    size_t len;
    int state;
};

static int l_restore(lua_State *L)
{
    const struct restore *restore = lua_touserdata(L, 1);
    struct af_script_party *party = restore->party;
    const char *why;
    if (!af_lua_json_read_data(L, restore->data, restore->len, &why))
        return luaL_error(L, "the data are %s", why);
    if (!lua_istable(L, -1))
        return luaL_error(L, "the data are no JSON object");
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->party_ref);
    lua_insert(L, -2);
    lua_pushliteral(L, "data");
    lua_insert(L, -2);
    lua_rawset(L, -3);
    if (restore->state >= 0)
        party->shown_state = restore->state;
    return 0;
}

int af_lua_party_restore(struct af_script_party *party, int state, const char *data, size_t len,
                         struct af_failure *why)
{
    struct af_script *script = party->script;
    lua_State *L = script->vm->L;
    const struct af_flow_role *role = &script->flow->roles[party->role];
    if (state < -1 || state >= (int)role->state_count)
        return af_failure_set(why, AF_FAILURE_FLOW, script->members[party->member].id,
                              "role '%s' has no such state", role->name);
    struct restore restore = {party, data, len, state};
    lua_pushcfunction(L, l_restore);
    lua_pushlightuserdata(L, &restore);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        af_failure_set(why, AF_FAILURE_FLOW, script->members[party->member].id, "%s",
                       af_vm_error_text(L, NULL));
        lua_pop(L, 1);
        return -1;
    }
    char *copy = af_mem_copy(data, len);
    free(party->data);
    party->data = copy;
    party->data_len = len;
    party->state = state;
    return 0;
}

const char *af_lua_party_where(struct af_script_party *party)
{
    static char text[160];
    text[0] = '\0';
    if (party->delivery == NULL || (party->delivery->coro.state != AF_CORO_WAITS &&
                                    party->delivery->coro.state != AF_CORO_RUNS))
        return text;
    lua_Debug activation;
    lua_State *thread = party->delivery->coro.thread;
    for (int level = 0; lua_getstack(thread, level, &activation); level++) {
        lua_getinfo(thread, "Sl", &activation);
        if (activation.currentline > 0 && activation.source[0] == '@' &&
            strncmp(activation.source, "@af/", 4) != 0) {
            snprintf(text, sizeof text, "%s:%d", activation.short_src, activation.currentline);
            break;
        }
    }
    return text;
}

/* ---- Modules. ---- */

/* A dotted name of plain words, as a path below the script's folder. */
static bool module_path(const struct af_script *script, const char *name, bool folder, char *path,
                        size_t size)
{
    size_t at = (size_t)snprintf(path, size, "%s/", script->folder);
    for (const char *c = name; *c != '\0'; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
        bool join = *c == '.' && c > name && c[-1] != '.' && c[1] != '\0';
        if ((!word && !join) || at + 16 > size)
            return false;
        path[at++] = join ? '/' : *c;
    }
    snprintf(path + at, size - at, folder ? "/init.lua" : ".lua");
    return at > strlen(script->folder) + 1;
}

/* Pushes the compiled chunk of a module beside the script, compiling it once. Raises. */
static void push_module_chunk(lua_State *L, struct af_script *script, const char *name)
{
    char path[4096];
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->modules_ref);
    if (lua_getfield(L, -1, name) == LUA_TFUNCTION) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf source = AF_BUF_EMPTY;
    bool found = false;
    for (int folder = 0; folder < 2 && !found; folder++) {
        struct af_failure own = AF_FAILURE_INIT;
        found = module_path(script, name, folder == 1, path, sizeof path) &&
                af_script_read(script, path, &source, &own) == 0;
        if (own.kind != AF_FAILURE_NONE && !af_code_is_missing(&own))
            luaL_error(L, "%s: %s", own.what, own.why);
    }
    const char *ending = strrchr(name, '.');
    if (!found && ending != NULL && strcmp(ending, ".lua") == 0)
        luaL_error(L, "there is no module '%s': a module is named without '.lua'", name);
    if (!found)
        luaL_error(L, "module '%s' is neither beside %s nor part of the library", name,
                   script->file.name);
    lua_pushfstring(L, "@%s", path + strlen(script->folder) + 1);
    int status = af_script_compile(L, &source, lua_tostring(L, -1), &why);
    af_buf_release(&source);
    if (status != 0)
        luaL_error(L, "%s: %s", why.what, why.why);
    lua_remove(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    lua_remove(L, -2);
}

/* Pushes the kit of a party, which it shares with no other from now on: a module may keep something
 * of who loads it. */
static void push_own_kit(lua_State *L, struct af_script_party *party)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->kit_ref);
    if (party->script->codes == NULL || party->kit_ref != code_of(party)->kit_ref)
        return;
    lua_createtable(L, AF_KIT_MODULES, 0);
    for (int part = AF_KIT_ENV; part <= AF_KIT_FUNCTIONS; part++) {
        lua_rawgeti(L, -2, part);
        lua_rawseti(L, -2, part);
    }
    lua_replace(L, -2);
    lua_pushvalue(L, -1);
    party->kit_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

int af_script_require(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    struct af_script *script = vm->script;
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    if (strcmp(name, "cjson") == 0 || strcmp(name, "af") == 0) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_globals);
        lua_getfield(L, -1, name);
        return 1;
    }
    if (strcmp(name, "af.test") == 0) {
        af_vm_require(L, name);
        return 1;
    }
    if (strncmp(name, "af.", 3) == 0 || script == NULL || vm->running == NULL)
        return luaL_error(L, "module '%s' is not for scripts; use require \"af\"", name);
    push_own_kit(L, vm->running);
    if (vm->running == script->main && script->phase == AF_PHASE_RUN)
        script->main_requires = true;
    if (lua_rawgeti(L, -1, AF_KIT_MODULES) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, AF_KIT_MODULES);
    }
    int modules = lua_gettop(L);
    if (lua_getfield(L, modules, name) != LUA_TNIL) {
        if (lua_touserdata(L, -1) == (const void *)script)
            return luaL_error(L, "module '%s' requires itself", name);
        return 1;
    }
    lua_pushlightuserdata(L, script); /* marks that it is being loaded */
    lua_setfield(L, modules, name);
    push_module_chunk(L, script, name);
    af_instance_join(L, vm->running);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, modules, name);
    return 1;
}
