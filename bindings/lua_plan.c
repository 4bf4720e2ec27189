/* lua_plan.c: a flow's plan, read once from the table that scripts/af/flow.lua made of it into C
 * structures: af_flow (what owners may know) and af_plan_role (where the functions stand). Indices
 * count from 1 in the table, from 0 here; slots count from 1 in both. */
#include "lua_script.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "lua_json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static lua_Integer integer_field(lua_State *L, int index, const char *name, lua_Integer absent)
{
    lua_getfield(L, index, name);
    lua_Integer value = luaL_optinteger(L, -1, absent);
    lua_pop(L, 1);
    return value;
}

static bool boolean_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* The line of the table at this place, or another if it has none. */
static struct af_flow_line line_of(lua_State *L, int index, struct af_flow_line absent)
{
    struct af_flow_line line = {(int)integer_field(L, index, "line", 0), NULL};
    if (line.number == 0)
        return absent;
    if (lua_getfield(L, index, "file") == LUA_TSTRING)
        line.file = af_script_line_file(af_vm_of(L)->script, lua_tostring(L, -1));
    lua_pop(L, 1);
    return line;
}

static const char *string_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    const char *text = af_mem_string(luaL_checkstring(L, -1));
    lua_pop(L, 1);
    return text;
}

/* The target that the table on the top describes; it is popped. */
static struct af_target take_target(lua_State *L)
{
    struct af_target target = {0, -1};
    if (lua_istable(L, -1)) {
        target.slot = (int)integer_field(L, lua_gettop(L), "slot", 0);
        target.next = (int)integer_field(L, lua_gettop(L), "next", 0) - 1;
    }
    lua_pop(L, 1);
    return target;
}

static struct af_target target_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    return take_target(L);
}

static void read_rows(lua_State *L, size_t event_count, struct af_flow_state *state,
                      struct af_plan_state *plan)
{
    int at = lua_gettop(L);
    state->events = af_mem_zero(event_count, 1);
    state->lines = af_mem_zero(event_count, sizeof *state->lines);
    state->always = af_mem_zero(event_count, sizeof *state->always);
    plan->events = af_mem_zero(event_count, sizeof *plan->events);
    lua_getfield(L, at, "rows");
    for (size_t i = 0; i < event_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        state->events[i] = (uint8_t)integer_field(L, lua_gettop(L), "kind", 0);
        state->lines[i] = line_of(L, lua_gettop(L), state->line);
        state->always[i] = boolean_field(L, lua_gettop(L), "always");
        plan->events[i] = take_target(L);
    }
    lua_pop(L, 1);
    lua_getfield(L, at, "timeouts");
    state->timeout_count = lua_rawlen(L, -1);
    state->timeouts = af_mem_zero(state->timeout_count, sizeof *state->timeouts);
    plan->timeouts = af_mem_zero(state->timeout_count, sizeof *plan->timeouts);
    for (size_t i = 0; i < state->timeout_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        state->timeouts[i] = string_field(L, lua_gettop(L), "name");
        plan->timeouts[i] = take_target(L);
    }
    lua_pop(L, 1);
}

static void read_state(lua_State *L, size_t event_count, struct af_flow_state *state,
                       struct af_plan_state *plan)
{
    int at = lua_gettop(L);
    state->name = string_field(L, at, "name");
    state->line = line_of(L, at, (struct af_flow_line){0, NULL});
    state->may_end = boolean_field(L, at, "may_end");
    read_rows(L, event_count, state, plan);
    plan->enter = target_field(L, at, "enter");
    plan->after = target_field(L, at, "after");
    plan->after_ns = integer_field(L, at, "after_ns", -1);
    plan->after_seconds_slot = (int)integer_field(L, at, "after_seconds_slot", 0);
    state->has_after = plan->after.slot > 0 || plan->after.next >= 0;
}

static void read_role(lua_State *L, size_t event_count, struct af_flow_role *role,
                      struct af_plan_role *plan)
{
    int at = lua_gettop(L);
    role->name = string_field(L, at, "name");
    role->line = line_of(L, at, (struct af_flow_line){0, NULL});
    role->sequential = boolean_field(L, at, "sequential");
    role->mock_count = (size_t)integer_field(L, at, "mock", 1);
    plan->data_slot = (int)integer_field(L, at, "data_slot", 0);
    plan->migrate_slot = (int)integer_field(L, at, "migrate_slot", 0);
    plan->migrate_back_slot = (int)integer_field(L, at, "migrate_back_slot", 0);
    plan->start = (int)integer_field(L, at, "start", 0) - 1;
    lua_getfield(L, at, "states");
    role->state_count = lua_rawlen(L, -1);
    role->states = af_mem_zero(role->state_count, sizeof *role->states);
    plan->states = af_mem_zero(role->state_count, sizeof *plan->states);
    for (size_t i = 0; i < role->state_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        read_state(L, event_count, &role->states[i], &plan->states[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* A type and what is in it, a line each: "participants: list", "participants[]: string", "key:
 * secret bytes". */
static void describe(const struct af_type *type, const char *path, struct af_buf *out)
{
    struct af_buf inner = AF_BUF_EMPTY;
    if (path[0] != '\0')
        af_buf_printf(out, "%s: %s%s%s\n", path, type->secret ? "secret " : "",
                      af_type_kind_name(type->kind), type->optional ? "?" : "");
    if (type->item != NULL) {
        af_buf_printf(&inner, "%s%s", path, type->kind == AF_TYPE_LIST ? "[]" : "{}");
        describe(type->item, af_buf_text(&inner), out);
    }
    for (size_t i = 0; type->kind == AF_TYPE_RECORD && i < type->field_count; i++) {
        af_buf_clear(&inner);
        af_buf_printf(&inner, "%s%s%s", path, path[0] == '\0' ? "" : ".", type->fields[i].name);
        describe(type->fields[i].type, af_buf_text(&inner), out);
    }
    af_buf_release(&inner);
}

static const char *fields_of(const struct af_event_class *class)
{
    struct af_buf out = AF_BUF_EMPTY;
    describe(class->record, "", &out);
    const char *text = af_mem_string(af_buf_text(&out));
    af_buf_release(&out);
    return text;
}

/* The flow's event types; the classes themselves are kept in a list for decoding. */
static void read_events(lua_State *L, int at, struct af_script *script, struct af_flow *flow)
{
    lua_getfield(L, at, "events");
    flow->event_count = lua_rawlen(L, -1);
    flow->events = af_mem_zero(flow->event_count, sizeof *flow->events);
    for (size_t i = 0; i < flow->event_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        struct af_event_class *class = af_event_class_at(L, -1);
        class->flow_index = (int)i;
        flow->events[i] = (struct af_flow_event){class->type, class->type_len, class->predefined,
                                                 class->line, fields_of(class)};
        lua_pop(L, 1);
    }
    script->classes_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void read_watched(lua_State *L, int at, struct af_flow *flow)
{
    lua_getfield(L, at, "watched");
    flow->watched_count = lua_rawlen(L, -1);
    assert(flow->watched_count <= AF_FLOW_WATCHED_MAX);
    flow->watched = af_mem_zero(flow->watched_count + 1, sizeof *flow->watched);
    for (size_t i = 0; i < flow->watched_count; i++) {
        struct af_flow_watched *watched = &flow->watched[i];
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        watched->name = string_field(L, lua_gettop(L), "name");
        watched->line = line_of(L, lua_gettop(L), (struct af_flow_line){0, NULL});
        lua_getfield(L, -1, "kind");
        while (strcmp(af_watched_word(watched->kind), lua_tostring(L, -1)) != 0)
            watched->kind++;
        flow->monitor_count += watched->kind == AF_WATCHED_MONITOR ? 1 : 0;
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

void af_plan_read(lua_State *L, struct af_script *script)
{
    int at = lua_gettop(L);
    struct af_flow *flow = script->flow = af_mem_zero(1, sizeof *flow);
    flow->name = string_field(L, at, "name");
    flow->version = integer_field(L, at, "version", 1);
    flow->report_failure = boolean_field(L, at, "report_failure");
    flow->initiator = (int)integer_field(L, at, "initiator", 0) - 1;
    flow->has_invariants = boolean_field(L, at, "has_invariants");
    read_watched(L, at, flow);
    read_events(L, at, script, flow);
    lua_getfield(L, at, "roles");
    flow->role_count = lua_rawlen(L, -1);
    flow->roles = af_mem_zero(flow->role_count, sizeof *flow->roles);
    script->plan = af_mem_zero(flow->role_count, sizeof *script->plan);
    for (size_t i = 0; i < flow->role_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        read_role(L, flow->event_count, &flow->roles[i], &script->plan[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void free_text(const char *text)
{
    free((char *)text);
}

static int l_outline(lua_State *L)
{
    struct af_script *script = lua_touserdata(L, 1);
    af_vm_require(L, "af.flow");
    lua_getfield(L, -1, "outline");
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->plan_ref);
    lua_call(L, 1, 1);
    af_lua_json_push(L, lua_gettop(L), "outline");
    return 1;
}

char *af_script_outline(struct af_script *script, struct af_failure *why)
{
    lua_State *L = script->vm->L;
    char *outline = NULL;
    af_vm_begin(script->vm);
    lua_pushcfunction(L, l_outline);
    lua_pushlightuserdata(L, script);
    int status = lua_pcall(L, 1, 1, 0);
    af_vm_end(script->vm, status);
    if (status == LUA_OK)
        outline = af_mem_string(lua_tostring(L, -1));
    else
        af_failure_set(why, AF_FAILURE_USAGE, script->file.name, "%s", af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    return outline;
}

static void free_role(struct af_flow_role *role, struct af_plan_role *plan)
{
    for (size_t i = 0; i < role->state_count; i++) {
        struct af_flow_state *state = &role->states[i];
        for (size_t k = 0; k < state->timeout_count; k++)
            free_text(state->timeouts[k]);
        free_text(state->name);
        free(state->timeouts);
        free(state->events);
        free(state->lines);
        free(state->always);
        free(plan->states[i].events);
        free(plan->states[i].timeouts);
    }
    free_text(role->name);
    free(role->states);
    free(plan->states);
}

void af_plan_free(struct af_script *script)
{
    struct af_flow *flow = script->flow;
    if (flow == NULL)
        return;
    for (size_t i = 0; i < flow->role_count; i++)
        free_role(&flow->roles[i], &script->plan[i]);
    for (size_t i = 0; i < flow->event_count; i++)
        free_text(flow->events[i].fields);
    for (size_t i = 0; i < flow->watched_count; i++)
        free_text(flow->watched[i].name);
    free_text(flow->name);
    free(flow->watched);
    free(flow->roles);
    free(flow->events);
    free(flow);
    free(script->plan);
}
