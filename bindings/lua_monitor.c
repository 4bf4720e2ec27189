/* lua_monitor.c: what a flow watches over time: monitors, eventually, leads_to.
 *
 * Their functions are those of an instance of their own, the watcher, which is no party's. They are
 * pure, as handlers are: what a monitor keeps it returns. What it has seen goes from call to call
 * as JSON. Whether one has looked at the world is noted, for who remembers what calls came to. */
#include "lua_script.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "lua_json.h"
#include "lua_strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct af_watcher {
    struct af_script_party *instance;
    int starts_ref; /* number → what a monitor starts with */
    int names_ref;  /* the metatable of steps */
    bool looked;
};

struct watch {
    struct af_script *script;
    struct af_script_party *instance;
    const struct af_happened *happened;
    const char *const *kept;
    const char *seen; /* before */
    struct af_script_held *held;
    struct af_script_broken *broken;
    lua_CFunction call;
    lua_Hook hook;
    size_t number; /* of what is asked */
    bool fine, impure;
};

static struct af_buf made, again; /* what monitors have seen now; what was given to one */

static void free_instance(struct af_script *script)
{
    struct af_watcher *watcher = script->watcher;
    af_instance_free(watcher->instance);
    watcher->instance = NULL;
    luaL_unref(script->vm->L, LUA_REGISTRYINDEX, watcher->starts_ref);
    watcher->starts_ref = LUA_NOREF;
}

void af_monitors_free(struct af_script *script)
{
    if (script->watcher == NULL)
        return;
    free_instance(script);
    luaL_unref(script->vm->L, LUA_REGISTRYINDEX, script->watcher->names_ref);
    free(script->watcher);
    script->watcher = NULL;
}

/* ---- The watcher. ---- */

/* Raises. */
static void make_instance(lua_State *L, struct af_script_party *instance, bool keeps_starts)
{
    struct af_script *script = instance->script;
    af_instance_run(L, instance);
    af_vm_require(L, "af.monitors");
    lua_getfield(L, -1, "extract");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->definition_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_call(L, 2, 2);
    if (keeps_starts)
        script->watcher->starts_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    else
        lua_pop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, instance->kit_ref);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, AF_KIT_FUNCTIONS);
    lua_pop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, instance->functions_ref);
    instance->functions_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
    af_pure_note(L, instance);
}

/* A role that has states: what is watched of the others is nothing. */
static uint32_t role_of(const struct af_flow *flow)
{
    uint32_t role = 0;
    while (role + 1 < flow->role_count && flow->roles[role].sequential)
        role++;
    return role;
}

static int l_make(lua_State *L)
{
    make_instance(L, lua_touserdata(L, 1), lua_toboolean(L, 2));
    return 0;
}

/* Returns NULL with *broken filled. */
static struct af_script_party *new_instance(struct af_script *script, bool keeps_starts,
                                            struct af_script_broken *broken)
{
    lua_State *L = script->vm->L;
    struct af_script_party *instance =
        af_instance_new(script, 0, role_of(script->flow), (struct af_hash){0, 0});
    af_vm_begin(script->vm);
    lua_pushcfunction(L, l_make);
    lua_pushlightuserdata(L, instance);
    lua_pushboolean(L, keeps_starts);
    int status = lua_pcall(L, 2, 0, 0);
    af_vm_end(script->vm, status);
    if (status == LUA_OK)
        return instance;
    *broken = (struct af_script_broken){.watched = 0};
    snprintf(broken->message, sizeof broken->message, "%s", af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    af_instance_free(instance);
    return NULL;
}

static struct af_script_party *instance_of(struct af_script *script,
                                           struct af_script_broken *broken)
{
    if (script->watcher == NULL) {
        script->watcher = af_mem_zero(1, sizeof *script->watcher);
        script->watcher->starts_ref = script->watcher->names_ref = LUA_NOREF;
    }
    if (script->watcher->instance == NULL)
        script->watcher->instance = new_instance(script, true, broken);
    return script->watcher->instance;
}

/* ---- What is wrong. ---- */

/* Tells of what is asked now; a text that knows no place has that of the flow's plan. */
static void tell(const struct watch *watch, const char *text)
{
    struct af_script_broken *broken = watch->broken;
    const struct af_script *script = watch->script;
    size_t len = af_script_place_len(text);
    broken->watched = watch->number;
    if (len > 0 && len < sizeof broken->where) {
        snprintf(broken->where, sizeof broken->where, "%.*s", (int)len, text);
        text += len + 1;
        text += strspn(text, " ");
    } else {
        af_flow_place(script->name, script->flow->watched[watch->number].line, broken->where,
                      sizeof broken->where);
    }
    snprintf(broken->message, sizeof broken->message, "%s", text);
}

/* Calls what stands below so many arguments for one result. Returns false, having told, or noted
 * that it has changed what it must not. */
static bool ask(lua_State *L, struct watch *watch, int arguments)
{
    bool fine = lua_pcall(L, arguments, 1, 0) == LUA_OK;
    if (!fine)
        tell(watch, af_vm_error_text(L, NULL));
    watch->impure = !af_pure_holds(L, watch->instance);
    return fine && !watch->impure;
}

static void push_function(lua_State *L, const struct watch *watch, int which)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, watch->instance->functions_ref);
    lua_rawgeti(L, -1, 2 * (lua_Integer)watch->number + which);
    lua_remove(L, -2);
}

/* ---- Seen. ---- */

static void end_line(void)
{
    af_buf_append_char(&made, '\n');
}

/* Adds the table on the top to what is seen. Returns false, having told. */
static bool add_seen(lua_State *L, const struct watch *watch, const char *name, const char *what)
{
    const char *why;
    char text[400];
    if (!lua_istable(L, -1)) {
        snprintf(text, sizeof text, "%s, got a %s", what, luaL_typename(L, -1));
        tell(watch, text);
        return false;
    }
    if (!af_lua_json_write(L, -1, name, AF_PARTY_DATA_BYTES_MAX, &made, NULL, &why)) {
        tell(watch, why);
        return false;
    }
    end_line();
    return true;
}

/* Starts each monitor. */
static int l_start(lua_State *L)
{
    struct watch *watch = lua_touserdata(L, 1);
    const struct af_flow *flow = watch->script->flow;
    for (watch->number = 0; watch->number < flow->monitor_count; watch->number++) {
        const char *kept = watch->kept == NULL ? NULL : watch->kept[watch->number];
        lua_settop(L, 1);
        if (kept != NULL) {
            af_buf_append(&made, kept, strcspn(kept, "\n"));
            end_line();
            continue;
        }
        push_function(L, watch, 2);
        if (lua_isfunction(L, -1)) {
            af_world_push(L, watch->script);
            if (!ask(L, watch, 1))
                return 0;
        } else {
            lua_rawgeti(L, LUA_REGISTRYINDEX, watch->script->watcher->starts_ref);
            lua_rawgeti(L, -1, (lua_Integer)watch->number + 1);
        }
        if (!add_seen(L, watch, "start", "'start' must return a table"))
            return 0;
    }
    watch->fine = true;
    return 0;
}

/* ---- Steps. ---- */

/* step.world notes that it is looked at; what else is not there raises. Upvalue: what raises. */
static int l_step_index(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "world") == 0) {
        script->watcher->looked = true;
        af_world_push(L, script);
        return 1;
    }
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

static void push_names(lua_State *L, struct af_watcher *watcher)
{
    static const char *const names[] = {"kind", "party", "role",  "event", "from",
                                        "to",   "state", "timer", "world", NULL};
    if (watcher->names_ref == LUA_NOREF) {
        af_strict_push_names(L, names);
        af_strict_push(L, "a monitor's step has no");
        lua_getfield(L, -1, "__index");
        lua_pushcclosure(L, l_step_index, 1);
        lua_setfield(L, -2, "__index");
        watcher->names_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, watcher->names_ref);
}

/* Pushes the event as a handler is given it; one that no handler could be given is plain data. */
static void push_event(lua_State *L, const struct watch *watch)
{
    const struct af_happened *happened = watch->happened;
    const char *why;
    int event = happened->content == NULL
                    ? -1
                    : af_flow_find_event(watch->script->flow, happened->type, happened->type_len);
    if (event >= 0) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, watch->script->classes_ref);
        lua_rawgeti(L, -1, event + 1);
        if (af_event_read(L, -1, happened->content, happened->content_len) == NULL) {
            lua_replace(L, -3);
            lua_pop(L, 1);
            return;
        }
        lua_pop(L, 2);
    }
    if (happened->content == NULL ||
        !af_lua_json_read(L, happened->content, happened->content_len, &why))
        lua_pushnil(L);
    if (lua_istable(L, -1))
        af_vm_lock_deep(L, "an event");
}

static void push_step(lua_State *L, const struct watch *watch)
{
    const struct af_happened *happened = watch->happened;
    const struct af_script_member *who = &watch->script->members[happened->member];
    const char *const texts[][2] = {
        {"kind", af_happening_word(happened->kind)},
        {"party", who->id},
        {"role", watch->script->flow->roles[who->role].name},
        {"from", happened->from},
        {"to", happened->to},
        {"state", happened->state},
        {"timer", happened->timer},
    };
    lua_createtable(L, 0, 8);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        lua_pushstring(L, texts[i][1]);
        lua_setfield(L, -2, texts[i][0]);
    }
    push_event(L, watch);
    lua_setfield(L, -2, "event");
    push_names(L, watch->script->watcher);
    lua_setmetatable(L, -2);
    af_vm_lock(L, "a monitor's step");
}

/* What a monitor has seen that returned nothing: it must be what it was given, at this index. */
static bool keep_seen(lua_State *L, const struct watch *watch, int given, const char *line,
                      size_t len)
{
    const char *why;
    af_buf_clear(&again);
    if (!af_lua_json_write(L, given, "seen", AF_PARTY_DATA_BYTES_MAX, &again, NULL, &why) ||
        again.len != len || memcmp(again.data, line, len) != 0) {
        tell(watch, "it changes 'seen' and does not return it: what it has seen would be lost");
        return false;
    }
    af_buf_append(&made, line, len);
    end_line();
    return true;
}

/* Tells the monitors of the step, which stands at index 2. */
static int l_step(lua_State *L)
{
    struct watch *watch = lua_touserdata(L, 1);
    const struct af_flow *flow = watch->script->flow;
    const char *line = watch->seen, *why;
    push_step(L, watch);
    for (watch->number = 0; watch->number < flow->monitor_count; watch->number++) {
        size_t len = strcspn(line, "\n");
        bool kept = true;
        lua_settop(L, 2);
        if (!af_lua_json_read(L, line, len, &why))
            return luaL_error(L, "what was seen: %s", why);
        push_function(L, watch, 1);
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 2);
        if (!ask(L, watch, 2))
            return 0;
        if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
            tell(watch, "it returns false");
            return 0;
        }
        if (lua_isnil(L, -1) || lua_isboolean(L, -1))
            kept = keep_seen(L, watch, 3, line, len);
        else
            kept = add_seen(L, watch, "seen", "a step returns a table, nothing or false");
        if (!kept)
            return 0;
        line += len + 1;
    }
    watch->fine = true;
    return 0;
}

/* ---- Predicates. ---- */

/* What the predicate says. Returns false, having told. */
static bool ask_predicate(lua_State *L, struct watch *watch, int which, uint64_t *bits)
{
    lua_Debug info;
    char text[400];
    push_function(L, watch, which);
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &info);
    af_world_push(L, watch->script);
    if (!ask(L, watch, 1))
        return false;
    if (lua_isnil(L, -1)) {
        snprintf(text, sizeof text,
                 "%s:%d: it returns nothing; write `return` before what must hold", info.short_src,
                 info.linedefined);
        tell(watch, text);
        return false;
    }
    if (lua_toboolean(L, -1))
        *bits |= UINT64_C(1) << (watch->number - watch->script->flow->monitor_count);
    return true;
}

static int l_judge(lua_State *L)
{
    struct watch *watch = lua_touserdata(L, 1);
    const struct af_flow *flow = watch->script->flow;
    for (watch->number = flow->monitor_count; watch->number < flow->watched_count;
         watch->number++) {
        bool pair = flow->watched[watch->number].kind == AF_WATCHED_LEADS_TO;
        lua_settop(L, 1);
        if ((pair && !ask_predicate(L, watch, 1, &watch->held->from)) ||
            !ask_predicate(L, watch, pair ? 2 : 1, &watch->held->to))
            return 0;
    }
    watch->fine = true;
    return 0;
}

/* ---- Calling. ---- */

/* Calls the watcher's functions under the caps of a step. */
static void call(void *arg, lua_Hook hook)
{
    struct watch *watch = arg;
    struct af_vm *vm = watch->script->vm;
    lua_State *L = vm->L;
    struct af_script_party *outer = vm->running;
    uint64_t outer_step = vm->step;
    vm->running = watch->instance;
    vm->step = ++vm->steps;
    af_vm_begin(vm);
    if (hook != NULL)
        lua_sethook(L, hook, LUA_MASKLINE, 0);
    else
        af_vm_hook(L);
    lua_pushcfunction(L, watch->call);
    lua_pushlightuserdata(L, watch);
    watch->fine = false;
    int status = lua_pcall(L, 1, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    af_vm_end(vm, status);
    if (status != LUA_OK) {
        tell(watch, af_vm_error_text(L, NULL));
        lua_pop(L, 1);
    }
    vm->running = outer;
    vm->step = outer_step;
}

/* Has a watcher that changed what it must not told of, and made anew. */
static void explain(struct watch *watch)
{
    struct af_script *script = watch->script;
    char text[AF_FAILURE_TEXT_MAX];
    struct af_script_party *fresh = new_instance(script, false, watch->broken);
    size_t number = watch->number;
    watch->fine = false;
    if (fresh == NULL)
        return;
    watch->instance = fresh;
    af_buf_clear(&made);
    af_pure_explain_call(fresh, call, watch, text, sizeof text);
    af_instance_free(fresh);
    free_instance(script);
    watch->fine = false;
    watch->number = number;
    tell(watch, text);
}

static bool run(struct watch *watch)
{
    struct af_script *script = watch->script;
    watch->instance = instance_of(script, watch->broken);
    if (watch->instance == NULL)
        return false;
    script->watcher->looked = false;
    af_buf_clear(&made);
    call(watch, NULL);
    if (watch->impure)
        explain(watch);
    return watch->fine;
}

bool af_script_watch_start(struct af_script *script, const char *const *kept, struct af_buf *seen,
                           struct af_script_broken *broken)
{
    struct watch watch = {.script = script, .kept = kept, .broken = broken, .call = l_start};
    if (!run(&watch))
        return false;
    af_buf_append(seen, made.data, made.len);
    return true;
}

bool af_script_watch_step(struct af_script *script, const struct af_happened *happened,
                          struct af_buf *seen, bool *looked, struct af_script_broken *broken)
{
    struct watch watch = {.script = script,
                          .happened = happened,
                          .seen = af_buf_text(seen),
                          .broken = broken,
                          .call = l_step};
    bool fine = run(&watch);
    *looked = script->watcher->looked;
    if (!fine)
        return false;
    af_buf_clear(seen);
    af_buf_append(seen, made.data, made.len);
    return true;
}

bool af_script_watch_world(struct af_script *script, struct af_script_held *held,
                           struct af_script_broken *broken)
{
    struct watch watch = {.script = script, .held = held, .broken = broken, .call = l_judge};
    *held = (struct af_script_held){0, 0};
    return run(&watch);
}
