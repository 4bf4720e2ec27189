/* lua_deliver.c: one delivery: a transaction.
 *
 *   START      data(party), then the first state is entered
 *   HANDLER    the handler of the input
 *   ENTER      enter(party) of the state that was named, which may name another
 *   SECONDS    the state's `after = { function(party) … }`
 *   MIGRATE    migrate(old), of another version's snapshot
 *   COMMIT     data are checked and kept; purity is checked; the owner is told the effects
 *
 * Each call may wait; the delivery then stands in its stage until the owner answers. If anything
 * raises, party.data is what was last committed, and the effects hold nothing but the error. */
#include "lua_script.h"

#include "base/bounds.h"
#include "lua_host.h"
#include "lua_json.h"
#include "base/mem.h"
#include "script/effects.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum stage { STAGE_CALL, STAGE_DATA, STAGE_SECONDS, STAGE_SEQUENTIAL, STAGE_MIGRATE };

static struct af_buf snapshot; /* the data of the commit that is being made */

static const struct af_flow_role *role_of(const struct af_script_party *party)
{
    return &party->script->flow->roles[party->role];
}

/* ---- The end of a delivery. ---- */

static int l_roll_back(lua_State *L)
{
    struct af_script_party *party = lua_touserdata(L, 1);
    struct af_failure why = AF_FAILURE_INIT;
    size_t len;
    const char *data = af_lua_party_data(party, &len);
    char *copy = af_mem_copy(data, len);
    party->shown_state = party->state;
    if (af_lua_party_restore(party, party->state, copy, len, &why) != 0)
        lua_pushstring(L, why.why);
    free(copy);
    return 0;
}

static void finish(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    af_script_done_fn *done = delivery->done;
    void *arg = delivery->arg;
    af_vm_end(party->script->vm, LUA_OK);
    party->delivery = NULL; /* the owner may deliver the next from within done */
    done(arg, party, &delivery->effects);
    struct af_delivery *next = party->delivery;
    af_delivery_release(delivery);
    party->delivery = next;
}

/* Ends the delivery with an error: its text stands in delivery->result. */
static void raised(struct af_delivery *delivery)
{
    lua_State *L = delivery->party->script->vm->L;
    af_vm_end(delivery->party->script->vm, LUA_OK);
    if (!af_script_is_sequential(delivery->party)) {
        lua_pushcfunction(L, l_roll_back);
        lua_pushlightuserdata(L, delivery->party);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
            lua_pop(L, 1);
    }
    af_effects_clear(&delivery->effects, true);
    delivery->effects.outcome = AF_OUTCOME_RAISED;
    delivery->effects.text = delivery->result;
    delivery->effects.traceback = delivery->traceback;
    finish(delivery);
}

static void raise_text(struct af_delivery *delivery, const char *text)
{
    free(delivery->result);
    delivery->result = af_effects_copy_text(text);
    raised(delivery);
}

/* A result stays whole, as JSON must. */
static void keep_outcome(struct af_delivery *delivery, int outcome, const char *text)
{
    free(delivery->result);
    delivery->result =
        outcome == AF_OUTCOME_DONE ? af_mem_string(text) : af_effects_copy_text(text);
    delivery->effects.outcome = (enum af_outcome)outcome;
    delivery->effects.text = delivery->result;
}

/* ---- Commit. ---- */

static int l_commit(lua_State *L)
{
    struct af_delivery *delivery = lua_touserdata(L, 1);
    struct af_script_party *party = delivery->party;
    const char *why;
    bool rebuild;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->party_ref);
    lua_pushliteral(L, "data");
    if (lua_rawget(L, -2) != LUA_TTABLE)
        return luaL_error(L, "data: must be a table, is %s", luaL_typename(L, -1));
    af_buf_clear(&snapshot);
    if (!af_lua_json_write_data(L, -1, &party->parts, &snapshot, &rebuild, &why))
        return luaL_error(L, "%s", why);
    if (rebuild) {
        lua_pop(L, 1);
        lua_pushliteral(L, "data");
        if (!af_lua_json_read_data(L, snapshot.data, snapshot.len, &why))
            return luaL_error(L, "data: %s", why);
        lua_rawset(L, -3);
    }
    return 0;
}

static void keep_snapshot(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    bool same = party->data != NULL && party->data_len == snapshot.len &&
                memcmp(party->data, snapshot.data, snapshot.len) == 0;
    delivery->effects.data_changed = !same;
    if (!same) {
        if (party->data == NULL || party->data_len != snapshot.len)
            party->data = af_mem_grow(party->data, snapshot.len + 1);
        memcpy(party->data, snapshot.data, snapshot.len);
        party->data[snapshot.len] = '\0';
        party->data_len = snapshot.len;
    }
    party->state = delivery->new_state;
}

/* The place of the function that was called, for errors that are found after it returned; of one of
 * the library's, that of the state that a maker made. */
static void add_place(struct af_delivery *delivery, char *text, size_t size, const char *message)
{
    lua_State *L = delivery->party->script->vm->L;
    char made[AF_FLOW_PLACE_BYTES];
    lua_Debug info;
    int top = lua_gettop(L);
    af_kit_push(L, delivery->party, AF_KIT_FUNCTIONS);
    if (delivery->called_slot > 0 && lua_rawgeti(L, -1, delivery->called_slot) == LUA_TFUNCTION) {
        lua_getinfo(L, ">S", &info);
        const char *place = strncmp(info.source, "@af/", 4) != 0
                                ? NULL
                                : af_coro_maker_place(delivery, made, sizeof made);
        if (place != NULL)
            snprintf(text, size, "%s: %s", place, message);
        else
            snprintf(text, size, "%s:%d: %s", info.short_src, info.linedefined, message);
    } else {
        snprintf(text, size, "%s: %s", delivery->party->script->file.name, message);
    }
    lua_settop(L, top);
}

static void commit(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    lua_State *L = party->script->vm->L;
    char text[AF_FAILURE_TEXT_MAX];
    lua_pushcfunction(L, l_commit);
    lua_pushlightuserdata(L, delivery);
    af_vm_go_on(party->script->vm);
    int status = lua_pcall(L, 1, 0, 0);
    af_vm_end(party->script->vm, status);
    if (status != LUA_OK) {
        add_place(delivery, text, sizeof text, af_vm_error_text(L, NULL));
        lua_pop(L, 1);
        raise_text(delivery, text);
        return;
    }
    if (!af_pure_explaining() && !af_pure_holds(L, party)) {
        af_pure_explain(delivery, text, sizeof text);
        raise_text(delivery, text);
        return;
    }
    keep_snapshot(delivery);
    finish(delivery);
}

/* ---- The stages. ---- */

static void go_on(struct af_delivery *delivery);

/* Puts the function of a slot and the party on the thread. */
static void push_call(struct af_delivery *delivery, int slot)
{
    lua_State *thread = delivery->coro.thread;
    lua_settop(thread, 0);
    lua_rawgeti(thread, LUA_REGISTRYINDEX, delivery->party->functions_ref);
    lua_rawgeti(thread, 1, slot);
    lua_replace(thread, 1);
    lua_rawgeti(thread, LUA_REGISTRYINDEX, delivery->party->party_ref);
    delivery->called_slot = slot;
    delivery->outcome_made = false;
}

static void call(struct af_delivery *delivery, int stage, int slot)
{
    if (stage == STAGE_CALL || stage == STAGE_SEQUENTIAL)
        af_script_acts();
    push_call(delivery, slot);
    delivery->stage = stage;
    if (af_coro_resume(delivery, 1) != AF_CORO_WAITS)
        go_on(delivery);
}

/* All states are entered: starts the new state's `after`, and commits. */
static void settle(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    const struct af_plan_role *plan = &party->script->plan[party->role];
    struct af_effects *effects = &delivery->effects;
    bool migrates = delivery->input.kind == AF_INPUT_MIGRATE; /* its `after` may be a new one */
    if ((!effects->entered && !migrates) || effects->outcome != AF_OUTCOME_NONE) {
        commit(delivery);
        return;
    }
    const struct af_plan_state *state = &plan->states[delivery->new_state];
    effects->after_ns = state->after_ns;
    if (state->after_seconds_slot > 0)
        call(delivery, STAGE_SECONDS, state->after_seconds_slot);
    else
        commit(delivery);
}

static void follow(struct af_delivery *delivery, struct af_target target);

/* Enters a state of the party's role. */
static void enter(struct af_delivery *delivery, int state)
{
    struct af_script_party *party = delivery->party;
    struct af_effects *effects = &delivery->effects;
    if (delivery->entered_count > 0) {
        af_mem_reserve(&effects->passed, &effects->passed_cap, effects->passed_count + 1,
                       sizeof *effects->passed);
        effects->passed[effects->passed_count++] = (uint32_t)delivery->new_state;
    }
    delivery->new_state = state;
    effects->entered = true;
    if (++delivery->entered_count > AF_SCRIPT_ENTER_MAX) {
        char text[400], place[AF_FLOW_PLACE_BYTES];
        const char *made = af_coro_maker_place(delivery, place, sizeof place);
        snprintf(text, sizeof text, "%s: more than 100 states were entered in a row, the last '%s'",
                 made == NULL ? party->script->file.name : made,
                 role_of(party)->states[state].name);
        raise_text(delivery, text);
        return;
    }
    party->shown_state = state;
    struct af_target target = party->script->plan[party->role].states[state].enter;
    if (target.slot > 0 || target.next >= 0)
        follow(delivery, target);
    else
        settle(delivery);
}

/* Calls what a target names, or enters the state that it names. */
static void follow(struct af_delivery *delivery, struct af_target target)
{
    if (target.slot > 0)
        call(delivery, STAGE_CALL, target.slot);
    else
        enter(delivery, target.next);
}

/* A handler or enter() has returned: the result stands at index 1 of the thread. */
static void returned(struct af_delivery *delivery)
{
    lua_State *thread = delivery->coro.thread;
    struct af_script_party *party = delivery->party;
    char text[AF_FAILURE_TEXT_MAX], message[400];
    const char *outcome_text;
    if (lua_gettop(thread) == 0 || lua_isnil(thread, 1)) {
        settle(delivery);
        return;
    }
    if (lua_type(thread, 1) == LUA_TSTRING) {
        const char *name = lua_tostring(thread, 1);
        int state = af_flow_find_state(role_of(party), name);
        if (state >= 0) {
            enter(delivery, state);
            return;
        }
        snprintf(message, sizeof message, "returned '%.60s', which is no state of role '%s'", name,
                 role_of(party)->name);
    } else {
        int outcome = af_host_outcome(thread, 1, &outcome_text);
        if (outcome != AF_OUTCOME_NONE) {
            keep_outcome(delivery, outcome, outcome_text);
            settle(delivery);
            return;
        }
        const struct af_event_class *class = af_event_class_at(thread, 1);
        snprintf(message, sizeof message,
                 "a handler returns the next state's name, nothing, af.done() or af.fail(); got "
                 "%s%.60s%s",
                 class == NULL ? "a " : "the event type '",
                 class == NULL ? luaL_typename(thread, 1) : class->type, class == NULL ? "" : "'");
    }
    add_place(delivery, text, sizeof text, message);
    raise_text(delivery, text);
}

static void seconds_returned(struct af_delivery *delivery)
{
    lua_State *thread = delivery->coro.thread;
    lua_Number seconds = lua_gettop(thread) > 0 ? lua_tonumber(thread, 1) : -1;
    if (lua_gettop(thread) == 0 || lua_type(thread, 1) != LUA_TNUMBER || !(seconds >= 0) ||
        seconds > (lua_Number)AF_TIME_MAX_S) {
        char text[300];
        add_place(delivery, text, sizeof text, "after: expected 0 to 31536000 seconds");
        raise_text(delivery, text);
        return;
    }
    delivery->effects.after_ns = (int64_t)llround(seconds * 1e9);
    commit(delivery);
}

/* data(party) has returned the first data. */
static void data_returned(struct af_delivery *delivery)
{
    lua_State *thread = delivery->coro.thread;
    struct af_script_party *party = delivery->party;
    if (lua_gettop(thread) == 0 || !lua_istable(thread, 1)) {
        char text[300];
        add_place(delivery, text, sizeof text, "data: must return a table");
        raise_text(delivery, text);
        return;
    }
    lua_settop(thread, 1);
    lua_rawgeti(thread, LUA_REGISTRYINDEX, party->party_ref);
    lua_pushliteral(thread, "data");
    lua_pushvalue(thread, 1);
    lua_rawset(thread, 2);
    lua_settop(thread, 0);
    enter(delivery, party->script->plan[party->role].start);
}

/* Takes the data that stand at index 2 of the thread, or tells what is there instead. */
static void take_data(struct af_delivery *delivery, const char *what)
{
    lua_State *thread = delivery->coro.thread;
    char text[AF_FAILURE_TEXT_MAX], message[400];
    if (!lua_istable(thread, 2)) {
        snprintf(message, sizeof message, "%s: data: must be a table, is %s", what,
                 luaL_typename(thread, 2));
        add_place(delivery, text, sizeof text, message);
        raise_text(delivery, text);
        return;
    }
    lua_rawgeti(thread, LUA_REGISTRYINDEX, delivery->party->party_ref);
    lua_pushliteral(thread, "data");
    lua_pushvalue(thread, 2);
    lua_rawset(thread, -3);
    lua_settop(thread, 0);
    delivery->party->shown_state = delivery->new_state;
    settle(delivery);
}

/* migrate(old) has returned { state =, data = }. delivery->new_state is the old state, if the role
 * still has it. */
static void migrated(struct af_delivery *delivery)
{
    lua_State *thread = delivery->coro.thread;
    const struct af_flow_role *role = role_of(delivery->party);
    char text[AF_FAILURE_TEXT_MAX], message[400];
    int state = -1;
    snprintf(message, sizeof message, "migrate: expected { state =, data = }, got %s",
             lua_gettop(thread) == 0 ? "nothing" : luaL_typename(thread, 1));
    if (lua_gettop(thread) > 0 && lua_istable(thread, 1) && delivery->input.kind == AF_INPUT_BACK) {
        static const char *const parts[] = {"data", "state"}; /* the other version looks at them */
        lua_settop(thread, 1);
        lua_createtable(thread, 0, 2);
        for (int i = 0; i < 2; i++) {
            lua_pushstring(thread, parts[i]);
            lua_pushvalue(thread, -1);
            lua_rawget(thread, 1);
            lua_rawset(thread, 2);
        }
        delivery->new_state = delivery->party->state;
        take_data(delivery, "migrate_back");
        return;
    }
    if (lua_gettop(thread) > 0 && lua_istable(thread, 1)) {
        lua_settop(thread, 1);
        lua_pushliteral(thread, "state");
        lua_rawget(thread, 1);
        const char *name = lua_type(thread, 2) == LUA_TSTRING ? lua_tostring(thread, 2) : NULL;
        state = name == NULL ? -1 : af_flow_find_state(role, name);
        snprintf(message, sizeof message,
                 "migrate: returned the state '%.60s', which is no state of role '%s'",
                 name == NULL ? luaL_typename(thread, 2) : name, role->name);
    }
    if (state < 0) {
        add_place(delivery, text, sizeof text, message);
        raise_text(delivery, text);
        return;
    }
    lua_settop(thread, 1);
    lua_pushliteral(thread, "data");
    lua_rawget(thread, 1);
    delivery->effects.entered = state != delivery->new_state;
    delivery->new_state = state;
    take_data(delivery, "migrate");
}

static void sequential_returned(struct af_delivery *delivery)
{
    delivery->effects.outcome = AF_OUTCOME_DONE;
    lua_State *thread = delivery->coro.thread;
    const char *text;
    if (lua_gettop(thread) > 0) {
        int outcome = af_host_outcome(thread, 1, &text);
        if (outcome != AF_OUTCOME_NONE) {
            keep_outcome(delivery, outcome, text);
            finish(delivery);
            return;
        }
    }
    delivery->effects.text = delivery->result;
    finish(delivery);
}

/* Whether an outcome was made and thrown away: a forgotten `return`. */
static bool outcome_is_lost(const struct af_delivery *delivery)
{
    lua_State *thread = delivery->coro.thread;
    const char *text;
    return delivery->outcome_made &&
           (lua_gettop(thread) == 0 || af_host_outcome(thread, 1, &text) == AF_OUTCOME_NONE);
}

/* What a stage's call came to. */
static void go_on(struct af_delivery *delivery)
{
    if (delivery->coro.state == AF_CORO_RAISED) {
        raised(delivery);
        return;
    }
    if (outcome_is_lost(delivery)) {
        char text[300];
        snprintf(text, sizeof text,
                 "%saf.done() or af.fail() ends nothing by itself; write `return af.done(…)`",
                 delivery->outcome_where);
        raise_text(delivery, text);
        return;
    }
    switch ((enum stage)delivery->stage) {
    case STAGE_CALL:
        returned(delivery);
        break;
    case STAGE_DATA:
        data_returned(delivery);
        break;
    case STAGE_SECONDS:
        seconds_returned(delivery);
        break;
    case STAGE_SEQUENTIAL:
        sequential_returned(delivery);
        break;
    case STAGE_MIGRATE:
        migrated(delivery);
        break;
    }
}

void af_lua_answer(struct af_script_party *party, uint64_t call_id, const struct af_answer *answer)
{
    struct af_delivery *delivery = party->delivery;
    if (delivery == NULL || delivery->waiting_call != call_id || call_id == 0)
        return; /* withdrawn meanwhile */
    af_buf_clear(&delivery->reply);
    af_buf_clear(&delivery->reply_bytes);
    if (answer->reply != NULL)
        af_buf_append(&delivery->reply, answer->reply, answer->reply_len);
    else
        af_buf_append_string(&delivery->reply, "null");
    bool waits = delivery->coro.state == AF_CORO_WAITS; /* so it takes them before we return */
    delivery->reply_bytes_at = answer->bytes;
    delivery->reply_bytes_len = answer->bytes_len;
    if (!waits && answer->bytes_len > 0) {
        af_buf_append(&delivery->reply_bytes, answer->bytes, answer->bytes_len);
        delivery->reply_bytes_at = delivery->reply_bytes.data;
    }
    if (answer->failure != NULL)
        delivery->reply_failure = af_mem_string(answer->failure);
    delivery->answered = true;
    if (af_script_is_sequential(party))
        delivery->now_ns = answer->now_ns;
    if (waits && af_coro_resume(delivery, 0) != AF_CORO_WAITS)
        go_on(delivery);
}

/* ---- Inputs. ---- */

static void deliver_start(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    const struct af_plan_role *plan = &party->script->plan[party->role];
    if (plan->data_slot > 0)
        call(delivery, STAGE_DATA, plan->data_slot);
    else
        enter(delivery, plan->start);
}

/* Pushes the event for the handler; protected, as it needs memory and may run an override. */
static int l_push_event(lua_State *L)
{
    struct af_delivery *delivery = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, delivery->party->script->classes_ref);
    lua_rawgeti(L, -1, delivery->input.event + 1);
    const char *why = af_event_read(L, -1, delivery->input.content, delivery->input.content_len);
    if (why == NULL)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* Puts the event on the thread as l_push_event() does; false: it does not validate, or a cap was
 * reached over it, which is no fault of its own; and the delivery is over. */
static bool push_event(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    lua_State *thread = delivery->coro.thread;
    struct af_vm *vm = party->script->vm;
    struct af_script_party *outer = vm->running;
    vm->running = party;
    lua_pushcfunction(thread, l_push_event);
    lua_pushlightuserdata(thread, delivery);
    af_vm_go_on(vm);
    int status = lua_pcall(thread, 1, 2, 0);
    af_vm_end(vm, status);
    vm->running = outer;
    if (status == LUA_OK && !lua_isnil(thread, -2))
        return true;
    const char *why = af_vm_error_text(thread, NULL);
    if (vm->capped != AF_CAP_NONE) {
        raise_text(delivery, why);
        return false;
    }
    af_effects_clear(&delivery->effects, false);
    keep_outcome(delivery, AF_OUTCOME_INVALID, why);
    finish(delivery);
    return false;
}

static void deliver_event(struct af_delivery *delivery, struct af_target target)
{
    lua_State *thread = delivery->coro.thread;
    push_call(delivery, target.slot > 0 ? target.slot : 1);
    if (!push_event(delivery))
        return;
    if (target.slot == 0) {
        enter(delivery, target.next);
        return;
    }
    lua_settop(thread, 3);
    if (delivery->input.from != NULL)
        lua_pushstring(thread, delivery->input.from);
    else
        lua_pushnil(thread);
    delivery->stage = STAGE_CALL;
    if (af_coro_resume(delivery, 3) != AF_CORO_WAITS)
        go_on(delivery);
}

static void deliver_deadline(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    const struct af_flow_state *state = &role_of(party)->states[party->state];
    for (size_t i = 0; i < state->timeout_count; i++) {
        if (strcmp(state->timeouts[i], delivery->input.deadline) == 0) {
            follow(delivery, party->script->plan[party->role].states[party->state].timeouts[i]);
            return;
        }
    }
    assert(false); /* the owner asks the state's timeouts first */
}

/* Pushes the snapshot of the other version, with args, as `old`. */
static int l_push_old(lua_State *L)
{
    struct af_delivery *delivery = lua_touserdata(L, 1);
    const char *why;
    if (!af_lua_json_read_data(L, delivery->input.content, delivery->input.content_len, &why))
        return luaL_error(L, "the snapshot: %s", why);
    lua_rawgeti(L, LUA_REGISTRYINDEX, delivery->party->party_ref);
    lua_getfield(L, -1, "args");
    lua_setfield(L, -3, "args");
    lua_pop(L, 1);
    return 1;
}

static void deliver_migrate(struct af_delivery *delivery)
{
    struct af_script_party *party = delivery->party;
    lua_State *thread = delivery->coro.thread;
    char text[AF_FAILURE_TEXT_MAX];
    const struct af_plan_role *plan = &party->script->plan[party->role];
    bool back = delivery->input.kind == AF_INPUT_BACK;
    int slot = back ? plan->migrate_back_slot : delivery->input.event == 1 ? 0 : plan->migrate_slot;
    push_call(delivery, slot > 0 ? slot : 1);
    lua_pushcfunction(thread, l_push_old);
    lua_pushlightuserdata(thread, delivery);
    if (lua_pcall(thread, 1, 1, 0) != LUA_OK) {
        raise_text(delivery, af_vm_error_text(thread, NULL));
        return;
    }
    lua_replace(thread, 2); /* where the party stood: a migration has only the old one */
    lua_pushliteral(thread, "state");
    lua_rawget(thread, 2);
    const char *state = lua_type(thread, 3) == LUA_TSTRING ? lua_tostring(thread, 3) : "";
    delivery->new_state = af_flow_find_state(role_of(party), state);
    if (slot == 0 && back) {
        lua_settop(thread, 2);
        lua_replace(thread, 1);
        migrated(delivery); /* it would be as it is */
    } else if (slot == 0 && delivery->new_state < 0) {
        snprintf(text, sizeof text, "%s: role '%s' has no state '%.60s' %s that says where to go",
                 party->script->file.name, role_of(party)->name, state,
                 delivery->input.event == 1 ? "in this version, and the newer one no `migrate_back`"
                                            : "any more, and the flow no `migrate`");
        raise_text(delivery, text);
    } else if (slot == 0) {
        lua_settop(thread, 2);
        lua_replace(thread, 1);
        lua_pushliteral(thread, "was"); /* the state before it was brought back, if it was */
        lua_rawget(thread, 1);
        delivery->effects.entered =
            lua_type(thread, 2) == LUA_TSTRING &&
            strcmp(lua_tostring(thread, 2), role_of(party)->states[delivery->new_state].name) != 0;
        lua_settop(thread, 1);
        lua_pushliteral(thread, "data");
        lua_rawget(thread, 1);
        delivery->called_slot = 0;
        take_data(delivery, "no migrate");
    } else {
        lua_settop(thread, 2);
        delivery->stage = STAGE_MIGRATE;
        if (af_coro_resume(delivery, 1) != AF_CORO_WAITS)
            go_on(delivery);
    }
}

/* A sequential script goes on from where its load stopped, or, a role's function, begins. */
static void deliver_sequential(struct af_delivery *delivery)
{
    struct af_script *script = delivery->party->script;
    delivery->stage = STAGE_SEQUENTIAL;
    if (delivery->coro.gated) {
        delivery->coro.gated = false;
        if (af_coro_resume(delivery, 0) != AF_CORO_WAITS)
            go_on(delivery);
    } else if (script->flow == NULL) {
        go_on(delivery); /* it ended while it was loaded */
    } else {
        call(delivery, STAGE_SEQUENTIAL, 1);
    }
}

/* Tells what a script printed while it was loaded. */
static void tell_kept_lines(struct af_delivery *delivery)
{
    struct af_script *script = delivery->party->script;
    struct af_effects *effects = &delivery->effects;
    for (size_t i = 0; i < effects->log_count; i++) {
        struct af_script_call call = {.name = "log",
                                      .request = "null",
                                      .request_len = 4,
                                      .bytes = effects->bytes.data + effects->logs[i].start,
                                      .bytes_len = effects->logs[i].len};
        if (script->call != NULL)
            script->call(script->owner, delivery->party, &call);
    }
}

void af_lua_deliver(struct af_script_party *party, const struct af_input *input,
                    af_script_done_fn *done, void *arg)
{
    struct af_delivery *delivery = party->delivery;
    bool begun = delivery != NULL; /* a script's own load */
    if (begun)
        tell_kept_lines(delivery);
    else
        delivery = af_delivery_new(party);
    af_effects_clear(&delivery->effects, false);
    af_vm_deliver(party->script->vm);
    af_vm_begin(party->script->vm);
    af_vm_end(party->script->vm, LUA_OK); /* until the script runs */
    delivery->input = *input;
    delivery->done = done;
    delivery->arg = arg;
    delivery->now_ns = input->now_ns;
    delivery->new_state = party->state;
    delivery->entered_count = 0;
    delivery->called_slot = 0;
    if (!begun)
        delivery->stage = 0;
    if (af_script_is_sequential(party)) {
        deliver_sequential(delivery);
        return;
    }
    const struct af_plan_role *plan = &party->script->plan[party->role];
    switch (input->kind) {
    case AF_INPUT_START:
        deliver_start(delivery);
        break;
    case AF_INPUT_EVENT:
        af_script_acts();
        deliver_event(delivery, plan->states[party->state].events[input->event]);
        break;
    case AF_INPUT_AFTER:
        af_script_acts();
        follow(delivery, plan->states[party->state].after);
        break;
    case AF_INPUT_DEADLINE:
        deliver_deadline(delivery);
        break;
    case AF_INPUT_MIGRATE:
    case AF_INPUT_BACK:
        deliver_migrate(delivery);
        break;
    case AF_INPUT_VALIDATE:
        if (push_event(delivery))
            finish(delivery);
        break;
    }
}

void af_lua_withdraw(struct af_script_party *party)
{
    if (party->delivery == NULL)
        return;
    af_delivery_release(party->delivery);
    if (af_script_is_sequential(party))
        return; /* it has no snapshot: it begins again */
    lua_pushcfunction(party->script->vm->L, l_roll_back);
    lua_pushlightuserdata(party->script->vm->L, party);
    if (lua_pcall(party->script->vm->L, 1, 0, 0) != LUA_OK)
        lua_pop(party->script->vm->L, 1);
}
