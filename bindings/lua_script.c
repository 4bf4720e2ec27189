/* lua_script.c: a file becomes a script: see script/script.h. */
#include "lua_script.h"

#include "base/bounds.h"
#include "code/bundle.h"
#include "code/code.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/log.h"
#include "lua_bytecode.h"
#include "lua_host.h"
#include "lua_json.h"
#include "lua_sandbox.h"
#include "lua_strict.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hash_source(const struct af_buf *source, char text[65])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)af_buf_text(source), source->len);
    sodium_bin2hex(text, 65, digest, sizeof digest);
}

int af_script_hash_file(const char *path, char hash[65])
{
    struct af_buf source = AF_BUF_EMPTY;
    struct af_code code = {NULL, 0, 0};
    char *flow = af_bundle_open(path, &code, NULL);
    int result = flow == NULL ? -1 : af_bundle_give(&code, flow, flow, &source, NULL);
    hash_source(&source, hash);
    af_buf_release(&source);
    af_code_release(&code);
    free(flow);
    return result;
}

/* ---- The library. ---- */

/* host.declare_flow(definition): what af.flow() ends in. */
static int l_declare_flow(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    luaL_checktype(L, 1, LUA_TTABLE);
    if (script != NULL && script->lends_types) {
        lua_settop(L, 1);
        return 1;
    }
    if (script != NULL && script->waits_at != NULL) {
        script->flow_too_late = true;
        lua_pushfstring(L,
                        "%s: chance, time and waiting are not to be had while a flow is loaded; "
                        "use them in a handler",
                        script->waits_at);
        return lua_error(L);
    }
    if (script == NULL || script->phase == AF_PHASE_RUN)
        return luaL_error(L, "af.flow: a flow is made where its file is loaded, not in a handler");
    if (script->flow_declared)
        return luaL_error(L, "af.flow: a file describes one flow");
    script->flow_declared = true;
    lua_settop(L, 1);
    if (script->definition_ref == LUA_NOREF)
        script->definition_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    else
        lua_rawseti(L, LUA_REGISTRYINDEX, script->definition_ref);
    lua_pushlightuserdata(L, script);
    return 1;
}

static const char cell_source[] =
    "local environment = ... return function() return environment end";

/* A new global: while the file is loaded it is the instance's own; in a handler it would be lost.
 */
static int l_new_global(lua_State *L)
{
    const struct af_script *script = af_vm_of(L)->script;
    if (script->phase == AF_PHASE_RUN && script->flow != NULL) {
        size_t len;
        const char *name = luaL_tolstring(L, 2, &len);
        if (af_delivery_running(L) == NULL)
            return luaL_error(L,
                              "what watches a run sets the global '%s', which the next run would "
                              "find changed; make it local: what a monitor keeps, its step returns",
                              name);
        return luaL_error(
            L,
            "a handler sets the global '%s', which is outside of party.data and would "
            "be lost in a crash; keep it in party.data, or make it local",
            name);
    }
    lua_rawset(L, 1);
    return 0;
}

/* What to use instead of a global that is not here. */
static const char *const instead[][2] = {
    {"os", "time is af.now(), settings are arguments of the flow (party.args)"},
    {"io", "files are read by af.download() and sent by party:upload_file(); print() tells"},
    {"load", "code stands in files: require() a module beside the script"},
    {"loadstring", "code stands in files: require() a module beside the script"},
    {"loadfile", "code stands in files: require() a module beside the script"},
    {"dofile", "code stands in files: require() a module beside the script"},
    {"debug", "it would see what is not the script's"},
    {"package", "require() finds modules beside the script"},
    {"collectgarbage", "a run must not depend on when garbage is collected"},
    {"warn", "use print() or party:log()"},
    {"unpack", "it is table.unpack()"},
    {"setfenv", "Lua 5.4 has _ENV"},
    {"getfenv", "Lua 5.4 has _ENV"},
    {"self", "a handler's party is its first argument"},
    {"this", "a handler's party is its first argument"},
    {"range", "write for i = 1, n do … end"},
    {"len", "the length of a list or a text is #list"},
    {"enumerate", "write for i, item in ipairs(list) do … end"},
    {"str", "use tostring()"},
    {"int", "use math.tointeger() or tonumber()"},
    {"isinstance", "use type(value), or Event:is(value)"},
    {"sleep", "use `after` or party:deadline in a flow, af.sleep() in a sequential script"},
    {"time", "it is af.now()"},
    {"random", "it is math.random(), or af.crypto.random() for secrets"},
    {"undefined", "use nil, or af.null for a kept null"},
    {"null", "use af.null"},
    {"None", "use nil, or af.null for a kept null"},
    {"True", "it is true"},
    {"False", "it is false"},
};

/* A global that is not there, or _G: no field of the environment, where a handler could set it as
 * it can no new one. Upvalue: the globals that scripts have. */
static int l_no_global(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *name = lua_tostring(L, 2);
    if (strcmp(name, "_G") == 0 && af_vm_of(L)->running != NULL) {
        af_kit_push(L, af_vm_of(L)->running, AF_KIT_ENV);
        return 1;
    }
    for (size_t i = 0; i < sizeof instead / sizeof instead[0]; i++)
        if (strcmp(instead[i][0], name) == 0)
            return af_vm_raise(
                L, lua_pushfstring(L, "there is no global '%s': %s", name, instead[i][1]));
    lua_settop(L, 2);
    if (af_vm_of(L)->running != NULL)
        af_kit_push(L, af_vm_of(L)->running, AF_KIT_ENV); /* those that the file has made */
    else
        lua_newtable(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    return af_strict_raise(L, "there is no global", name, 3);
}

/* Loads the library, and what all instances of this script share. */
static int l_open(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_host);
    af_type_open(L);
    af_event_open(L);
    af_host_open(L);
    af_party_open(L);
    af_vector_open(L);
    af_crypto_open(L);
    script->vm->is_secret = af_instance_is_secret;
    script->vm->show_secret = af_instance_show_secret;
    lua_pushcfunction(L, l_declare_flow);
    lua_setfield(L, -2, "declare_flow");
    lua_pushcfunction(L, af_foreign_events);
    lua_setfield(L, -2, "flow_events");
    lua_pop(L, 1);

    luaL_loadbufferx(L, cell_source, sizeof cell_source - 1, "=cell", "t");
    script->cell_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    script->modules_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    script->declared_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_globals);
    af_vm_require(L, "af.init");
    lua_setfield(L, -2, "af");

    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, l_no_global, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);

    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_new_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    script->environment = lua_topointer(L, -1);
    script->environment_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    af_vm_require(L, "af.party");
    script->methods_ref = af_instance_ref_methods(L, "methods");
    script->sequential_methods_ref = af_instance_ref_methods(L, "sequential_methods");
    return 0;
}

/* ---- Loading. ---- */

/* Makes the plan of the flow that the chunk has declared. */
static int l_plan(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "plan");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->definition_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->declared_ref);
    lua_call(L, 2, 1);
    lua_pushvalue(L, -1);
    script->plan_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    af_plan_read(L, script);
    return 0;
}

static int l_make_main(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    struct af_script_party *party = script->main;
    af_instance_make_kit(L, party);
    struct af_delivery *delivery = af_delivery_new(party);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->chunk_ref);
    af_instance_join(L, party);
    lua_xmove(L, delivery->coro.thread, 1);
    return 0;
}

/* Tells what a flow printed while it was loaded. */
static void tell_prints(const struct af_script *script, const struct af_effects *effects)
{
    for (size_t i = 0; i < effects->log_count; i++)
        af_log(AF_LOG_INFO, "%s: %.*s", script->file.name, (int)effects->logs[i].len,
               effects->bytes.data + effects->logs[i].start);
}

/* Runs a protected C function over the script. */
static int run_protected(struct af_script *script, lua_CFunction fn, struct af_failure *why)
{
    lua_State *L = script->vm->L;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, script);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return 0;
    af_script_fail(why, AF_FAILURE_USAGE, script->name, af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    return -1;
}

/* Replaces what the chunk returned, on the top, by the flow that it is alone, if it is a part. */
static int run_returned(struct af_script *script, struct af_failure *why)
{
    lua_State *L = script->vm->L;
    lua_pushcfunction(L, af_script_declare_part);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return 0;
    af_script_fail(why, AF_FAILURE_USAGE, script->name, af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    return -1;
}

/* Runs the chunk for the first time: to the flow that it returns, or to its first call. */
static int run_first(struct af_script *script, const struct af_buf *source, struct af_failure *why)
{
    script->vm->notes_lines = true;
    if (run_protected(script, l_make_main, why) != 0)
        return -1;
    struct af_delivery *delivery = script->main->delivery;
    script->phase = AF_PHASE_FIRST_LOAD;
    delivery->stage = 0;
    af_vm_begin(script->vm);
    enum af_coro_state state = af_coro_resume(delivery, 0);
    af_vm_end(script->vm, LUA_OK); /* a coroutine knows by itself */
    script->vm->notes_lines = false;
    af_vm_hook(delivery->coro.thread);
    if (state == AF_CORO_RAISED) {
        char text[AF_FAILURE_TEXT_MAX];
        af_script_name_key(script->name, source, delivery->result, text, sizeof text);
        return af_script_fail(why, AF_FAILURE_USAGE, script->name, text);
    }
    lua_State *thread = delivery->coro.thread;
    if (state == AF_CORO_RETURNED && !script->flow_declared && lua_istable(thread, 1)) {
        lua_settop(thread, 1);
        lua_xmove(thread, script->vm->L, 1);
        if (run_returned(script, why) != 0)
            return -1;
        lua_xmove(script->vm->L, thread, 1);
    }
    bool flow = state == AF_CORO_RETURNED && lua_touserdata(thread, 1) == (const void *)script;
    if (script->flow_declared && !flow)
        return af_failure_set(why, AF_FAILURE_USAGE, script->name,
                              "af.flow{…} is called but not returned; write `return af.flow {…}`");
    if (flow) {
        tell_prints(script, &delivery->effects);
        delivery->effects.log_count = 0;
        af_buf_clear(&delivery->effects.bytes);
        af_delivery_release(delivery);
        if (run_protected(script, l_plan, why) != 0)
            return -1;
    }
    if (!flow && script->has_secrets)
        return af_failure_set(why, AF_FAILURE_USAGE, script->name, AF_SCRIPT_NO_SECRETS);
    if (state == AF_CORO_WAITS)
        script->waits_at = af_mem_string(af_lua_party_where(script->main));
    script->phase = AF_PHASE_RUN;
    return 0;
}

static int load(struct af_script *script, const char *path, struct af_failure *why)
{
    struct af_buf source = AF_BUF_EMPTY;
    int result = af_script_read(script, path, &source, why);
    if (result == 0) {
        hash_source(&source, script->file.hash);
        lua_pushfstring(script->vm->L, "@%s", script->file.name);
        result = af_script_compile(script->vm->L, &source, lua_tostring(script->vm->L, -1), why);
    }
    if (result == 0)
        script->chunk_ref = luaL_ref(script->vm->L, LUA_REGISTRYINDEX);
    if (result == 0 && af_script_is_empty(&source))
        result = af_failure_set(why, AF_FAILURE_USAGE, script->name,
                                "is empty: a flow's file ends with `return af.flow { … }`, a "
                                "script's calls what it does");
    lua_settop(script->vm->L, 0);
    if (result == 0)
        result = run_protected(script, l_open, why);
    if (result == 0)
        result = run_first(script, &source, why);
    af_buf_release(&source);
    return result;
}

static int read_bundle(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct af_script_bundle *bundle = arg;
    return af_bundle_give(&bundle->code, bundle->flow, path, out, why);
}

static void bundle_free(struct af_script_bundle *bundle)
{
    if (bundle == NULL)
        return;
    af_code_release(&bundle->code);
    free(bundle->flow);
    free(bundle);
}

struct af_script *af_script_load_bundle(const char *flow, const struct af_code *code,
                                        struct af_failure *why)
{
    struct af_script_bundle *bundle = af_mem_zero(1, sizeof *bundle);
    const struct af_script_source source = {read_bundle, bundle};
    bundle->flow = af_mem_string(flow);
    for (size_t i = 0; i < code->count; i++)
        af_code_add(&bundle->code, code->files[i].path, code->files[i].bytes, code->files[i].len);
    struct af_script *script = af_script_load_from(flow, &source, why);
    if (script == NULL) {
        bundle_free(bundle);
        return NULL;
    }
    script->bundle = bundle; /* what it requires later comes from there, too */
    if (script->flow == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, flow, "is no flow, and a bundle is of one");
    else if (af_bundle_declares(code, script->flow->name, script->flow->version, why) == 0)
        return script;
    af_lua_free(script);
    return NULL;
}

struct af_script *af_script_load(const char *path, struct af_failure *why)
{
    struct af_code code = {NULL, 0, 0};
    char *flow = af_bundle_open(path, &code, why);
    struct af_script *script = flow == NULL     ? NULL
                               : code.count > 0 ? af_script_load_bundle(flow, &code, why)
                                                : af_script_load_from(flow, NULL, why);
    af_code_release(&code);
    free(flow);
    return script;
}

void af_script_source_ends(struct af_script *script)
{
    script->source = (struct af_script_source){NULL, NULL};
}

void af_script_limit_memory(struct af_script *script, size_t bytes)
{
    script->vm->state_max_bytes = bytes;
}

/* ---- The driver. ---- */

static const struct af_script_driver driver = {
    .free = af_lua_free,
    .flow = af_lua_flow,
    .file = af_lua_file,
    .set_task = af_lua_set_task,
    .members = af_lua_members,
    .set_owner = af_lua_set_owner,
    .answer = af_lua_answer,
    .party_new = af_lua_party_new,
    .party_free = af_lua_party_free,
    .party_user = af_lua_party_user,
    .party_sequential = af_lua_party_sequential,
    .party_state = af_lua_party_state,
    .party_data = af_lua_party_data,
    .party_restore = af_lua_party_restore,
    .party_where = af_lua_party_where,
    .deliver = af_lua_deliver,
    .withdraw = af_lua_withdraw,
};

static struct af_vm *ready; /* for the next script, or NULL */

void af_script_ready(void)
{
    struct af_failure ignored = AF_FAILURE_INIT;
    ready = af_vm_new(af_globals_open, &ignored);
}

struct af_script *af_script_load_from(const char *path, const struct af_script_source *source,
                                      struct af_failure *why)
{
    struct af_vm *vm = ready != NULL ? ready : af_vm_new(af_globals_open, why);
    ready = NULL;
    if (vm == NULL)
        return NULL;
    struct af_script *script = af_mem_zero(1, sizeof *script);
    const char *slash = strrchr(path, '/');
    script->head.driver = &driver;
    if (source != NULL)
        script->source = *source;
    script->vm = vm;
    vm->script = script;
    script->name = af_mem_string(slash == NULL ? path : slash + 1);
    script->folder = slash == NULL ? af_mem_string(".") : af_mem_copy(path, (size_t)(slash - path));
    script->file.name = script->name;
    script->phase = AF_PHASE_RUN;
    script->chunk_ref = script->definition_ref = script->plan_ref = script->classes_ref =
        script->members_ref = script->nodes_ref = LUA_NOREF;
    script->main = af_instance_new(script, 0, 0, (struct af_hash){0, 0});
    if (load(script, path, why) != 0) {
        af_lua_free(script);
        return NULL;
    }
    return script;
}

static void free_members(struct af_script *script)
{
    for (size_t i = 0; i < script->member_count; i++)
        free((char *)script->members[i].id);
    free(script->members);
    script->members = NULL;
    script->member_count = 0;
}

void af_lua_free(struct af_script *script)
{
    if (script == NULL)
        return;
    af_world_free(script);
    af_monitors_free(script);
    af_instance_free(script->main);
    while (script->free_deliveries != NULL) {
        struct af_delivery *delivery = script->free_deliveries;
        script->free_deliveries = delivery->next_free;
        free(delivery->effects.sends);
        free(delivery->effects.targets);
        free(delivery->effects.deadlines);
        free(delivery->effects.passed);
        free(delivery->effects.logs);
        af_buf_release(&delivery->effects.bytes);
        af_buf_release(&delivery->reply);
        af_buf_release(&delivery->reply_bytes);
        free(delivery);
    }
    af_vm_free(script->vm);
    free(script->codes);
    af_plan_free(script);
    af_script_line_files_free(script);
    free_members(script);
    bundle_free(script->bundle);
    free(script->task_id);
    free(script->waits_at);
    free(script->name);
    free(script->folder);
    free(script);
}

const struct af_flow *af_lua_flow(const struct af_script *script)
{
    return script->flow;
}

void af_script_veil(struct af_script *script, struct af_hash key)
{
    script->shows_veil = true;
    script->veil = key;
}

bool af_script_flow_too_late(const struct af_script *script)
{
    return script->flow_too_late;
}

const struct af_script_file *af_lua_file(const struct af_script *script)
{
    return &script->file;
}

void af_lua_set_owner(struct af_script *script, af_script_call_fn *call, void *owner)
{
    script->call = call;
    script->owner = owner;
}

void af_script_interrupt(void)
{
    af_vm_interrupt();
}

bool af_script_interrupted(void)
{
    return af_vm_interrupted();
}

void af_script_forget_interrupt(void)
{
    af_vm_forget_interrupt();
}

void af_script_abandon(void)
{
    af_vm_abandon();
}

/* ---- The task. ---- */

struct set_task {
    struct af_script *script;
    const struct af_script_arg *args;
    size_t arg_count;
};

/* Keeps the members for looking up, and the arguments once they are validated. */
static int l_set_task(lua_State *L)
{
    const struct set_task *task = lua_touserdata(L, 1);
    struct af_script *script = task->script;
    lua_createtable(L, 0, script->member_count < 10000000 ? (int)script->member_count : 0);
    for (size_t i = 0; i < script->member_count; i++) {
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_setfield(L, -2, script->members[i].id);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, script->members_ref);
    script->members_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_unref(L, LUA_REGISTRYINDEX, script->nodes_ref);
    lua_newtable(L);
    script->nodes_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    af_vm_require(L, "af.party");
    lua_getfield(L, -1, "set_task");
    lua_pushstring(L, script->task_id);
    if (script->flow == NULL) {
        if (task->arg_count > 0)
            return luaL_error(L, "--arg: a sequential script takes no arguments");
        lua_call(L, 1, 0);
        return 0;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->classes_ref);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "arguments");
    lua_remove(L, -2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_createtable(L, (int)task->arg_count, 0);
    for (size_t i = 0; i < task->arg_count; i++) {
        lua_createtable(L, 2, 0);
        lua_pushstring(L, task->args[i].name);
        lua_rawseti(L, -2, 1);
        lua_pushstring(L, task->args[i].value);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_call(L, 2, 1);
    lua_call(L, 3, 0); /* set_task(task_id, events, args) */
    return 0;
}

int af_lua_set_task(struct af_script *script, const char *task_id,
                    const struct af_script_member *members, size_t member_count,
                    const struct af_script_arg *args, size_t arg_count, struct af_failure *why)
{
    free_members(script);
    free(script->task_id);
    script->task_id = af_mem_string(task_id);
    script->members = af_mem_zero(member_count, sizeof *script->members);
    script->member_count = member_count;
    for (size_t i = 0; i < member_count; i++)
        script->members[i] =
            (struct af_script_member){af_mem_string(members[i].id), members[i].role};
    struct set_task task = {script, args, arg_count};
    lua_State *L = script->vm->L;
    lua_pushcfunction(L, l_set_task);
    lua_pushlightuserdata(L, &task);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return 0;
    af_script_fail(why, AF_FAILURE_USAGE, script->name, af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    return -1;
}

const struct af_script_member *af_lua_members(const struct af_script *script, size_t *count)
{
    *count = script->member_count;
    return script->members;
}
