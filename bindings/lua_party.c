/* lua_party.c: what a handler does with its party: sends, nodes, deadlines. All of it goes into the
 * delivery's effects; the rest of the party's methods are Lua (scripts/af/party.lua). */
#include "lua_script.h"

#include "base/bounds.h"
#include "trace/contract.h"
#include "lua_cow.h"
#include "lua_host.h"
#include "script/effects.h"
#include "lua_strict.h"

#include <math.h>
#include <string.h>

/* The delivery of a flow's handler; raises where none runs. */
static struct af_delivery *handler_delivery(lua_State *L, const char *what)
{
    struct af_delivery *delivery = af_delivery_running(L);
    if (delivery == NULL || af_script_is_sequential(delivery->party))
        luaL_error(L, "%s: only in a flow's handler", what);
    if (delivery->input.kind == AF_INPUT_MIGRATE || delivery->input.kind == AF_INPUT_BACK)
        af_vm_raise(L,
                    lua_pushfstring(L, "%s: a migration has nothing but the old snapshot", what));
    return delivery;
}

/* Checks that argument 1 is the running party: a call with '.' for ':' is a common slip. */
static void check_self(lua_State *L, const struct af_delivery *delivery, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, delivery->party->party_ref);
    if (!lua_rawequal(L, 1, -1))
        luaL_error(L, "party:%s: call it with a colon, on the handler's own party", name);
    lua_pop(L, 1);
}

/* Raises what script/effects.h refuses; NULL is no refusal. */
static void check(lua_State *L, const char *why)
{
    if (why != NULL)
        af_vm_raise(L, why);
}

/* ---- Targets. ---- */

/* The member whose id is at index. Raises if it is none of the task. */
static uint32_t find_member(lua_State *L, const struct af_script *script, int index)
{
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "send: a target is a node's ID or a list of them, got a %s",
                   luaL_typename(L, index));
    lua_pushvalue(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->members_ref);
    lua_insert(L, -2);
    if (lua_rawget(L, -2) == LUA_TNIL)
        luaL_error(L, "send: '%s' is no node of the task", lua_tostring(L, index));
    uint32_t member = (uint32_t)(lua_tointeger(L, -1) - 1);
    lua_pop(L, 2);
    return member;
}

static bool is_everyone(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), "*") == 0;
}

static void read_targets(lua_State *L, int index, const struct af_script *script,
                         struct af_effects *effects, struct af_send *send)
{
    if (is_everyone(L, index)) {
        check(L, af_effects_add_everyone(effects, send, script->member_count, UINT32_MAX));
    } else if (lua_istable(L, index)) {
        lua_Integer count = luaL_len(L, index);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, index, i);
            if (is_everyone(L, -1))
                luaL_error(L, "send: a list of targets must not contain EVERYONE; send to EVERYONE "
                              "alone");
            check(L, af_effects_add_target(effects, send, find_member(L, script, lua_gettop(L))));
            lua_pop(L, 1);
        }
    } else {
        check(L, af_effects_add_target(effects, send, find_member(L, script, index)));
    }
}

/* ---- Sends. ---- */

/* Puts the event at event_index in the form of its class: what was kept of one in data too. */
static void to_event(lua_State *L, const struct af_script *script, int event_index)
{
    if (af_event_class_of(L, event_index) != NULL)
        return;
    size_t len = 0;
    const char *type = NULL;
    if (lua_istable(L, event_index)) {
        lua_pushliteral(L, "type");
        if (lua_rawget(L, event_index) == LUA_TSTRING)
            type = lua_tolstring(L, -1, &len);
        lua_pop(L, 1);
    }
    if (af_vm_event_type(L, event_index) != NULL)
        luaL_error(L, "send: '%s' is an event type; send an event of it: %s { … }",
                   af_vm_event_type(L, event_index), af_vm_event_type(L, event_index));
    int event = type == NULL ? -1 : af_flow_find_event(script->flow, type, len);
    if (event < 0)
        luaL_error(L, "send: expected an event, got a %s", luaL_typename(L, event_index));
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->classes_ref);
    lua_rawgeti(L, -1, event + 1);
    lua_pushvalue(L, event_index);
    lua_call(L, 1, 1);
    lua_replace(L, event_index);
    lua_pop(L, 1);
}

/* Adds a send of the event at event_index; targets are at targets_index, 0: all other nodes. */
static struct af_hash add_send(lua_State *L, struct af_delivery *delivery, int targets_index,
                               int event_index, const char *title)
{
    struct af_script_party *party = delivery->party;
    struct af_effects *effects = &delivery->effects;
    to_event(L, party->script, event_index);
    struct af_send send = af_effects_begin_send(effects);
    if (targets_index == 0)
        check(L,
              af_effects_add_everyone(effects, &send, party->script->member_count, party->member));
    else
        read_targets(L, targets_index, party->script, effects, &send);
    send.type = af_event_write(L, event_index, &effects->bytes)->type;
    send.title = title;
    uint64_t key[3] = {delivery->input.key.a, delivery->input.key.b, ++delivery->uuid_count};
    send.uuid = af_hash_bytes(party->seed, key, sizeof key);
    check(L, af_effects_add_send(effects, party->script->flow, &send));
    return send.uuid;
}

/* party:send(targets, event) */
static int l_send(lua_State *L)
{
    struct af_delivery *delivery = handler_delivery(L, "party:send");
    lua_settop(L, 3);
    check_self(L, delivery, "send");
    if (af_event_class_of(L, 2) != NULL)
        return luaL_error(L, "party:send: the targets come first: party:send(targets, event)");
    add_send(L, delivery, 2, 3, af_contract_titles[0]);
    return 0;
}

/* party:broadcast(event): to every other node of the task */
static int l_broadcast(lua_State *L)
{
    struct af_delivery *delivery = handler_delivery(L, "party:broadcast");
    lua_settop(L, 2);
    check_self(L, delivery, "broadcast");
    add_send(L, delivery, 0, 2, af_contract_titles[0]);
    return 0;
}

/* A contractor that a handler has made must be of its party's own task and channel. Raises. */
static void check_contractor(lua_State *L, const struct af_script *script)
{
    const char *task = luaL_optstring(L, 4, script->task_id);
    const char *channel = luaL_optstring(L, 5, "federated");
    if (strcmp(task, script->task_id) != 0)
        luaL_error(L,
                   "new_contract: the contractor is of task '%s'; a handler sends in its party's "
                   "own, '%s'",
                   task, script->task_id);
    if (strcmp(channel, "federated") != 0)
        luaL_error(L, "new_contract: a flow's party sends on channel 'federated', not on '%s'",
                   channel);
}

/* host.send(targets, event, title, [task, channel]) → uuid: a contractor's send within a handler.
 * Raises. */
static int l_host_send(lua_State *L)
{
    struct af_delivery *delivery = handler_delivery(L, "new_contract");
    const char *title =
        af_contract_titles[luaL_checkoption(L, 3, af_contract_titles[0], af_contract_titles)];
    check_contractor(L, delivery->party->script);
    char text[AF_UUID_TEXT_BYTES];
    lua_settop(L, 2);
    af_uuid_format(add_send(L, delivery, 1, 2, title), text);
    lua_pushstring(L, text);
    return 1;
}

/* host.in_handler() → boolean: sends are effects there */
static int l_in_handler(lua_State *L)
{
    struct af_delivery *delivery = af_delivery_running(L);
    lua_pushboolean(L, delivery != NULL && !af_script_is_sequential(delivery->party) &&
                           af_vm_of(L)->script->phase == AF_PHASE_RUN);
    return 1;
}

/* host.own_party(party, name): raises unless that is the party of the handler, or of the sequential
 * role, that runs */
static int l_own_party(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    const struct af_delivery *delivery = af_delivery_running(L);
    if (delivery == NULL || !af_script_is_sequential(delivery->party))
        delivery = handler_delivery(L, lua_pushfstring(L, "party:%s", name));
    check_self(L, delivery, name);
    return 0;
}

/* ---- Nodes, deadlines, progress. ---- */

/* Pushes what lists of the role's members (-1: of all) are copied from, made at the first call. */
static void push_members(lua_State *L, const struct af_script *script, int role)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->nodes_ref);
    if (lua_rawgeti(L, -1, role + 2) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_Integer count = 0;
        for (size_t i = 0; i < script->member_count; i++) {
            if (role >= 0 && script->members[i].role == AF_ROLE_UNKNOWN)
                luaL_error(L,
                           "party:nodes: the role of '%s' is not known; name the task's nodes "
                           "with --peers",
                           script->members[i].id);
            if (role >= 0 && script->members[i].role != (uint32_t)role)
                continue;
            lua_pushstring(L, script->members[i].id);
            lua_rawseti(L, -2, ++count);
        }
        af_cow_share(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, role + 2);
    }
    lua_remove(L, -2);
}

int af_lua_refuse_role(lua_State *L, const struct af_script *script, const char *lacks,
                       const char *name)
{
    lua_newtable(L);
    for (uint32_t i = 0; script->flow != NULL && i < script->flow->role_count; i++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, script->flow->roles[i].name);
    }
    return af_strict_raise(L, lacks, name, lua_gettop(L));
}

/* party:nodes([role]) → a new list of IDs */
static int l_nodes(lua_State *L)
{
    struct af_delivery *delivery = af_delivery_running(L);
    if (delivery == NULL)
        return luaL_error(L, "party:nodes: only while a party runs");
    if (lua_isnoneornil(L, 1) || lua_isstring(L, 1)) /* of it would be all nodes */
        return luaL_error(L, "party:nodes: call it with a colon");
    const struct af_script *script = delivery->party->script;
    int role = -1;
    if (!lua_isnoneornil(L, 2)) {
        const char *name = luaL_checkstring(L, 2);
        role = script->flow == NULL ? -1 : af_flow_find_role(script->flow, name);
        if (role < 0)
            return af_lua_refuse_role(L, script, "party:nodes: the flow has no role", name);
    }
    push_members(L, script, role);
    af_cow_push(L);
    return 1;
}

/* Raises if no state of the party's role handles a deadline of that name. */
static void check_deadline(lua_State *L, const struct af_script_party *party, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->script->plan_ref);
    lua_getfield(L, -1, "roles");
    lua_rawgeti(L, -1, (lua_Integer)party->role + 1);
    lua_getfield(L, -1, "deadlines");
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        af_strict_raise(L, "party:deadline: no state of the role has a `timeout`", name,
                        lua_gettop(L));
    }
    lua_pop(L, 5);
}

/* party:deadline(name, seconds | nil) */
static int l_deadline(lua_State *L)
{
    struct af_delivery *delivery = handler_delivery(L, "party:deadline");
    check_self(L, delivery, "deadline");
    size_t len;
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "party:deadline: expected a name, got a %s", luaL_typename(L, 2));
    const char *name = lua_tolstring(L, 2, &len);
    int64_t delay_ns = -1;
    if (!lua_isnoneornil(L, 3)) {
        if (af_flow_is_name(name)) /* else that is what is told */
            check_deadline(L, delivery->party, name);
        if (lua_type(L, 3) != LUA_TNUMBER)
            return luaL_error(L, "party:deadline: expected seconds or nil, got a %s",
                              luaL_typename(L, 3));
        lua_Number seconds = lua_tonumber(L, 3);
        if (!(seconds >= 0) || seconds > (lua_Number)AF_TIME_MAX_S)
            return luaL_error(L, "party:deadline: expected 0 to 31536000 seconds");
        delay_ns = (int64_t)llround(seconds * 1e9);
    }
    check(L, af_effects_add_deadline(&delivery->effects, name, len, delay_ns));
    return 0;
}

/* host.progress(percent): in a handler */
static int l_progress(lua_State *L)
{
    struct af_delivery *delivery = handler_delivery(L, "report_progress");
    check(L, af_effects_set_progress(&delivery->effects, luaL_checkinteger(L, 1)));
    return 0;
}

void af_party_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"party_send", l_send},
        {"party_broadcast", l_broadcast},
        {"party_nodes", l_nodes},
        {"party_deadline", l_deadline},
        {"send", l_host_send},
        {"in_handler", l_in_handler},
        {"progress", l_progress},
        {"own_party", l_own_party},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
