/* lua_coro.c: the one place where Lua runs on, and where it waits.
 *
 * A delivery has a thread of its own; it is found again by the thread's extra space, which a
 * coroutine of the script's own does not have, so that waiting there can be refused in clear words.
 */
#include "lua_script.h"

#include "base/bounds.h"
#include "lua_json.h"
#include "base/mem.h"
#include "script/effects.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct af_delivery *af_delivery_new(struct af_script_party *party)
{
    struct af_script *script = party->script;
    struct af_delivery *delivery = script->free_deliveries;
    if (delivery == NULL) {
        lua_State *L = script->vm->L;
        delivery = af_mem_zero(1, sizeof *delivery);
        delivery->coro.thread = lua_newthread(L);
        delivery->coro.ref = luaL_ref(L, LUA_REGISTRYINDEX);
        memcpy(lua_getextraspace(delivery->coro.thread), &delivery, sizeof delivery);
        af_vm_hook(delivery->coro.thread);
    } else {
        script->free_deliveries = delivery->next_free;
    }
    delivery->party = party;
    delivery->step = ++script->vm->steps;
    delivery->rng_seeded = false;
    delivery->uuid_count = delivery->call_count = delivery->secret_count = 0;
    delivery->lines_told = 0;
    delivery->waiting_call = 0;
    delivery->answered = false;
    delivery->coro.gated = false;
    delivery->coro.state = AF_CORO_IDLE;
    party->delivery = delivery;
    return delivery;
}

static void clear_texts(struct af_delivery *delivery)
{
    free(delivery->result);
    free(delivery->traceback);
    free(delivery->reply_failure);
    delivery->result = delivery->traceback = delivery->reply_failure = NULL;
}

/* A thread that raised, or still waits, is not used again: its stack may be anything. */
void af_delivery_release(struct af_delivery *delivery)
{
    struct af_script *script = delivery->party->script;
    bool reusable =
        delivery->coro.state == AF_CORO_IDLE || delivery->coro.state == AF_CORO_RETURNED;
    clear_texts(delivery);
    delivery->party->delivery = NULL;
    if (reusable) {
        lua_settop(delivery->coro.thread, 0);
        delivery->next_free = script->free_deliveries;
        script->free_deliveries = delivery;
        return;
    }
    luaL_unref(script->vm->L, LUA_REGISTRYINDEX, delivery->coro.ref);
    af_effects_release(&delivery->effects);
    af_buf_release(&delivery->reply);
    af_buf_release(&delivery->reply_bytes);
    free(delivery);
}

struct af_delivery *af_coro_current(lua_State *L)
{
    struct af_delivery *delivery;
    memcpy(&delivery, lua_getextraspace(L), sizeof delivery);
    return af_vm_is_mark(delivery) ? NULL : delivery;
}

struct af_delivery *af_delivery_running(lua_State *L)
{
    return af_vm_of(L)->delivery;
}

const char *af_coro_maker_place(const struct af_delivery *delivery, char *to, size_t size)
{
    const struct af_script_party *party = delivery->party;
    const struct af_flow *flow = party->script->flow;
    if (flow == NULL || af_script_is_sequential(party) || delivery->new_state < 0)
        return NULL;
    const struct af_flow_role *role = &flow->roles[party->role];
    if ((size_t)delivery->new_state >= role->state_count)
        return NULL;
    return af_flow_place(party->script->file.name, role->states[delivery->new_state].line, to,
                         size);
}

/* What Lua says of a slip that people make who come from elsewhere, and what is meant. */
static const char *const slips[][2] = {
    {"attempt to perform arithmetic on a string value", "; texts are joined by '..'"},
    {AF_NIL_KEY, "; what stands in brackets has no value"},
    {"(for iterator 'for iterator')", "; a list is walked by ipairs(list)"},
};

static const char *explain_slip(lua_State *L, const char *text)
{
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
        if (strstr(text, slips[i][0]) != NULL)
            return lua_pushfstring(L, "%s%s", text, slips[i][1]);
    return text;
}

/* Makes the error on the thread's top a text, with a traceback; needs memory, so runs protected. */
static int l_describe_error(lua_State *L)
{
    lua_State *thread = lua_touserdata(L, 1);
    struct af_delivery *delivery = lua_touserdata(L, 2);
    lua_xmove(thread, L, 1);
    char place[AF_FLOW_PLACE_BYTES];
    const char *text =
        af_vm_error_text_at(L, thread, af_coro_maker_place(delivery, place, sizeof place));
    delivery->result = af_effects_copy_text(explain_slip(L, text));
    luaL_traceback(L, thread, NULL, 0);
    delivery->traceback = af_effects_copy_text(lua_tostring(L, -1));
    return 0;
}

static void describe_error(struct af_delivery *delivery)
{
    struct af_vm *vm = delivery->party->script->vm;
    clear_texts(delivery);
    af_vm_end(vm, LUA_OK);
    lua_pushcfunction(vm->L, l_describe_error);
    lua_pushlightuserdata(vm->L, delivery->coro.thread);
    lua_pushlightuserdata(vm->L, delivery);
    if (lua_pcall(vm->L, 2, 0, 0) != LUA_OK) {
        lua_pop(vm->L, 1);
        if (delivery->result == NULL)
            delivery->result = af_mem_string("an error that cannot be told");
    }
}

enum af_coro_state af_coro_resume(struct af_delivery *delivery, int nargs)
{
    struct af_vm *vm = delivery->party->script->vm;
    struct af_coro *coro = &delivery->coro;
    struct af_delivery *outer = vm->delivery;
    struct af_script_party *outer_party = vm->running;
    size_t outer_limit_bytes = vm->limit_bytes;
    uint64_t outer_step = vm->step;
    int nresults = 0;
    vm->delivery = delivery;
    vm->running = delivery->party;
    vm->step = af_script_is_sequential(delivery->party) ? 0 : delivery->step;
    if (coro->state == AF_CORO_WAITS) {
        af_vm_begin(vm);
        if (!af_script_is_sequential(delivery->party)) /* the cap is for the whole delivery */
            vm->instructions_left = delivery->instructions_left;
    }
    const struct af_script_party *party = delivery->party;
    af_vm_executes(coro->thread, party->member < party->script->member_count
                                     ? party->script->members[party->member].id
                                     : NULL);
    coro->state = AF_CORO_RUNS; /* an owner that answers from within finds it so */
    af_vm_go_on(vm);
    int status = lua_resume(coro->thread, NULL, nargs, &nresults);
    af_vm_end(vm, status);
    if (status == LUA_YIELD && (delivery->waiting_call != 0 || coro->gated)) {
        lua_pop(coro->thread, nresults);
        delivery->instructions_left = vm->instructions_left;
        coro->state = AF_CORO_WAITS;
    } else if (status == LUA_OK && vm->capped == AF_CAP_NONE) {
        coro->state = AF_CORO_RETURNED;
    } else {
        if (status == LUA_YIELD)
            lua_pushliteral(coro->thread,
                            "coroutine.yield() outside of a coroutine of the script's own");
        else if (status == LUA_OK)
            lua_pushliteral(coro->thread, "stopped");
        describe_error(delivery);
        coro->state = AF_CORO_RAISED;
    }
    vm->delivery = outer;
    vm->running = outer_party;
    vm->step = outer_step;
    vm->limit_bytes = outer_limit_bytes;
    return coro->state;
}

/* ---- Calls to the owner. ---- */

/* What the owner does not know is null in its answer, and nothing in Lua. */
static void leave_out_nulls(lua_State *L)
{
    if (lua_islightuserdata(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    if (!lua_istable(L, -1))
        return;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        bool is_null = lua_islightuserdata(L, -1);
        lua_pop(L, 1);
        if (!is_null)
            continue;
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, -4);
    }
}

/* Whether the code that runs could wait: not in a coroutine of the script's own, nor below a C
 * function that calls it (a callback of string.gsub, some metamethods, a handler of errors). */
static bool may_wait(lua_State *L)
{
    return af_coro_current(L) == af_delivery_running(L) && lua_isyieldable(L);
}

static int refuse_wait(lua_State *L, const char *what)
{
    bool judges = af_delivery_running(L) == NULL;
    lua_pushfstring(L,
                    judges ? "%s: cannot wait here: what watches a run asks for nothing outside"
                           : "%s: cannot wait here: in a callback or coroutine; call it outside of "
                             "that",
                    what);
    return af_vm_raise(L, lua_tostring(L, -1));
}

/* Pushes what the owner answered, or raises its failure. */
static int call_answered(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct af_delivery *delivery = af_delivery_running(L);
    const char *why;
    delivery->waiting_call = 0;
    delivery->lines_told = 0;
    delivery->answered = false;
    if (delivery->reply_failure != NULL) {
        lua_pushstring(L, delivery->reply_failure);
        free(delivery->reply_failure);
        delivery->reply_failure = NULL;
        return af_vm_raise(L, lua_tostring(L, -1));
    }
    if (!af_lua_json_read(L, af_buf_text(&delivery->reply), delivery->reply.len, &why))
        return luaL_error(L, "the host's answer is %s", why);
    leave_out_nulls(L);
    lua_pushlstring(L, delivery->reply_bytes_at, delivery->reply_bytes_len);
    return 2;
}

/* The next call of the delivery: the same, if its input is delivered again. */
static struct af_hash next_call_key(struct af_delivery *delivery)
{
    uint64_t key[4] = {delivery->input.key.a, delivery->input.key.b, ++delivery->call_count,
                       1}; /* longer than a uuid's, so it is none of these */
    return af_hash_bytes(delivery->party->seed, key, sizeof key);
}

static int call_owner(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct af_script *script = af_vm_of(L)->script;
    if (af_script_gate(L, lua_tostring(L, 1)))
        return lua_yieldk(L, 0, 0, call_owner);
    struct af_delivery *delivery = af_delivery_running(L);
    if (script->call == NULL)
        return luaL_error(L, "%s: there is no host to ask", lua_tostring(L, 1));
    if (!may_wait(L)) /* even if the answer would be there at once: elsewhere it would not */
        return refuse_wait(L, lua_tostring(L, 1));
    lua_settop(L, 3);
    af_lua_json_push(L, 2, "request");
    struct af_script_call call = {
        .id = ++script->next_call, .name = luaL_checkstring(L, 1), .key = next_call_key(delivery)};
    call.request = lua_tolstring(L, -1, &call.request_len);
    if (lua_isstring(L, 3))
        call.bytes = lua_tolstring(L, 3, &call.bytes_len);
    delivery->waiting_call = call.id;
    delivery->answered = false;
    script->call(script->owner, delivery->party, &call);
    if (delivery->answered)
        return call_answered(L, LUA_OK, 0);
    return lua_yieldk(L, 0, 0, call_answered);
}

static bool has_acted;

void af_script_acts(void)
{
    has_acted = true;
}

bool af_script_has_acted(void)
{
    return has_acted;
}

int af_host_call(lua_State *L)
{
    af_script_acts();
    luaL_checkstring(L, 1);
    lua_settop(L, 3);
    return call_owner(L, LUA_OK, 0);
}

bool af_script_gate(lua_State *L, const char *what)
{
    struct af_vm *vm = af_vm_of(L);
    struct af_delivery *delivery = vm->delivery;
    if (vm->script == NULL || vm->script->phase == AF_PHASE_RUN)
        return false;
    if (delivery == NULL || vm->script->phase == AF_PHASE_INSTANTIATE)
        luaL_error(L, "%s: not to be had while a flow is loaded; use it in a handler", what);
    if (!may_wait(L))
        refuse_wait(L, what);
    delivery->coro.gated = true;
    return true;
}
