/* lua_pure.c: what a handler must leave as it is.
 *
 * A handler depends on (party, event, from) alone, so whatever it changes elsewhere would be lost
 * in a crash. What it could change is what its functions reach: upvalues, the globals of the
 * instance, and tables reached from those. Upvalues are compared one by one; a table by a
 * fingerprint of all that is in it. What no instruction of the flow's code can change is not
 * watched: most flows assign to no upvalue and reach no table, then there is nothing to compare. */
#include "lua_script.h"
#include "lua_cow.h"
#include "lua_list.h"

#include "base/bounds.h"
#include "lua_host.h"
#include "lua_sandbox.h"
#include "lua_type.h"
#include "base/mem.h"
#include "base/pointer_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct af_pointer_set met;
static int depth; /* of the walk that is under way: tables and functions, one in the other */

/* ---- Fingerprints: the same for the same content, whatever the order in a table. ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b + 0x9E3779B97F4A7C15u + (a << 6) + (a >> 2))) * 0xFF51AFD7ED558CCDu;
    return x ^ (x >> 32);
}

static uint64_t fingerprint(lua_State *L, int index);

/* Pushes a table's metatable, unless it is the mark of a list, which is no script's to change, or
 * that of all environments: behind it are the globals,
 * which no script can change. */
static bool push_own_metatable(lua_State *L, int index)
{
    if (af_list_is_marked(L, index) || !lua_getmetatable(L, index))
        return false;
    if (lua_topointer(L, -1) != af_vm_of(L)->script->environment)
        return true;
    lua_pop(L, 1);
    return false;
}

/* An environment without globals of its own stays so, for setting a new one raises. */
static bool is_bare_environment(lua_State *L, int index)
{
    if (!af_script_is_environment(L, index))
        return false;
    index = lua_absindex(L, index);
    lua_pushnil(L);
    if (lua_next(L, index) == 0)
        return true;
    lua_pop(L, 2);
    return false;
}

/* A hash of a text that is quick: it guards against slips, not against enemies. */
static uint64_t hash_text(const char *text, size_t len)
{
    uint64_t hash = 11 + len;
    for (; len >= 8; text += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        hash = mix(hash, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, text, len);
    return mix(hash, rest);
}

static uint64_t fingerprint_table(lua_State *L, int index)
{
    const void *table = lua_topointer(L, index);
    uint64_t sum = 17;
    af_cow_own(L, index);
    if (af_vm_is_locked(L, index) || !lua_checkstack(L, 8))
        return (uint64_t)(uintptr_t)table;
    if (!af_pointer_set_add(&met, table))
        return 23;
    if (depth >= AF_SCRIPT_REACH_MAX) /* none was so deep when it was noted: a handler made it so */
        return 29;
    depth++;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        sum += mix(fingerprint(L, -2), fingerprint(L, -1));
    if (push_own_metatable(L, index)) {
        sum = mix(sum, fingerprint(L, -1));
        lua_pop(L, 1);
    }
    depth--;
    return sum;
}

static uint64_t fingerprint(lua_State *L, int index)
{
    size_t len;
    const char *text;
    lua_Number number;
    uint64_t bits;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        return (uint64_t)lua_toboolean(L, index) + 3;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return mix(5, (uint64_t)lua_tointeger(L, index));
        number = lua_tonumber(L, index);
        memcpy(&bits, &number, sizeof bits);
        return mix(7, bits);
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        return hash_text(text, len);
    case LUA_TTABLE:
        return fingerprint_table(L, lua_absindex(L, index));
    default:
        return (uint64_t)(uintptr_t)lua_topointer(L, index) + (uint64_t)lua_type(L, index);
    }
}

static uint64_t fingerprint_root(lua_State *L, int index)
{
    af_pointer_set_clear(&met);
    depth = 0;
    return fingerprint(L, index);
}

/* ---- Noting. ---- */

static bool odd;                    /* … among them something that may change unseen */
static struct af_pointer_set noted; /* upvalues, functions and tables that were seen while noting */

static void note_function(lua_State *L, struct af_script_party *party, int functions, int slot,
                          int level);

static bool is_library(lua_State *L, int index)
{
    lua_Debug info;
    if (lua_iscfunction(L, index))
        return true;
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &info);
    return strncmp(info.source, "@af/", 4) == 0;
}

/* Finds the functions of the script's own in a value, which stands so many levels deep; each gets a
 * slot behind the handlers. */
static void note_value(lua_State *L, struct af_script_party *party, int functions, int index,
                       int level)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 12, "too deep");
    if (level > AF_SCRIPT_REACH_MAX)
        luaL_error(L,
                   "a handler reaches tables or functions that are nested more than %d levels "
                   "deep: what it changes there cannot be watched; keep it flatter",
                   AF_SCRIPT_REACH_MAX);
    if (lua_isfunction(L, index)) {
        if (lua_iscfunction(L, index) && lua_getupvalue(L, index, 1) != NULL) {
            odd = true;
            lua_pop(L, 1);
        }
        if (!af_pointer_set_add(&noted, lua_topointer(L, index)) || is_library(L, index))
            return;
        int slot = (int)lua_rawlen(L, functions) + 1;
        lua_pushvalue(L, index);
        lua_rawseti(L, functions, slot);
        note_function(L, party, functions, slot, level + 1);
    } else if (lua_istable(L, index) && !af_vm_is_locked(L, index)) {
        if (!af_pointer_set_add(&noted, lua_topointer(L, index)))
            return;
        for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
            note_value(L, party, functions, lua_gettop(L), level + 1);
        if (push_own_metatable(L, index)) {
            note_value(L, party, functions, lua_gettop(L), level + 1);
            lua_pop(L, 1);
        }
    } else {
        odd = odd || lua_isthread(L, index) || af_event_class_of(L, index) != NULL ||
              (lua_type(L, index) == LUA_TUSERDATA && af_event_class_at(L, index) == NULL &&
               af_type_at(L, index) == NULL);
    }
}

static struct af_cell describe(lua_State *L, int index, int slot, int upvalue)
{
    struct af_cell cell = {slot, upvalue, lua_type(L, index), lua_topointer(L, index), 0, 0};
    if (cell.type == LUA_TNUMBER)
        cell.number = lua_tonumber(L, index);
    else if (cell.type == LUA_TBOOLEAN)
        cell.number = lua_toboolean(L, index);
    else if (cell.type == LUA_TTABLE && !af_vm_is_locked(L, index) &&
             !is_bare_environment(L, index))
        cell.fingerprint = fingerprint_root(L, index);
    return cell;
}

static bool is_same(lua_State *L, int index, const struct af_cell *cell)
{
    if (lua_type(L, index) != cell->type)
        return false;
    if (cell->type == LUA_TNUMBER)
        return lua_tonumber(L, index) == cell->number;
    if (cell->type == LUA_TBOOLEAN)
        return lua_toboolean(L, index) == (int)cell->number;
    if (lua_topointer(L, index) != cell->at)
        return false;
    return cell->fingerprint == 0 || fingerprint_root(L, index) == cell->fingerprint;
}

static void add_cell(struct af_script_party *party, struct af_cell cell)
{
    af_mem_reserve(&party->cells, &party->cell_cap, party->cell_count + 1, sizeof *party->cells);
    party->cells[party->cell_count++] = cell;
}

static void note_function(lua_State *L, struct af_script_party *party, int functions, int slot,
                          int level)
{
    luaL_checkstack(L, 12, "too deep");
    lua_rawgeti(L, functions, slot);
    int function = lua_gettop(L);
    for (int i = 1; lua_getupvalue(L, function, i) != NULL; i++) {
        if (af_pointer_set_add(&noted, lua_upvalueid(L, function, i))) {
            note_value(L, party, functions, lua_gettop(L), level);
            struct af_cell cell = describe(L, lua_gettop(L), slot, i);
            if (party->script->sets_upvalues || cell.fingerprint != 0)
                add_cell(party, cell); /* else no instruction could change it */
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

bool af_pure_note(lua_State *L, struct af_script_party *party)
{
    af_pointer_set_clear(&noted);
    party->cell_count = 0;
    odd = false;
    if (af_script_is_sequential(party))
        return false;
    af_kit_push(L, party, AF_KIT_FUNCTIONS);
    int functions = lua_gettop(L);
    int count = (int)lua_rawlen(L, functions);
    for (int slot = 1; slot <= count; slot++) {
        lua_rawgeti(L, functions, slot);
        if (lua_isfunction(L, -1) && af_pointer_set_add(&noted, lua_topointer(L, -1)))
            note_function(L, party, functions, slot, 0);
        lua_pop(L, 1);
    }
    lua_settop(L, functions - 1);
    return party->cell_count == 0 && !odd;
}

/* ---- Comparing. ---- */

/* The first cell that is not as it was; its name, as the script has it, in *name. */
static const struct af_cell *find_change(lua_State *L, struct af_script_party *party,
                                         const char **name)
{
    if (party->cell_count == 0)
        return NULL;
    int top = lua_gettop(L);
    int slot = 0;
    const struct af_cell *changed = NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->functions_ref);
    lua_pushnil(L);
    for (size_t i = 0; i < party->cell_count && changed == NULL; i++) {
        const struct af_cell *cell = &party->cells[i];
        if (cell->slot != slot) {
            lua_rawgeti(L, top + 1, cell->slot);
            lua_replace(L, top + 2);
            slot = cell->slot;
        }
        *name = lua_getupvalue(L, top + 2, cell->upvalue);
        if (!is_same(L, -1, cell))
            changed = cell;
        lua_pop(L, 1);
    }
    lua_settop(L, top);
    return changed;
}

bool af_pure_holds(lua_State *L, struct af_script_party *party)
{
    const char *name;
    return find_change(L, party, &name) == NULL;
}

/* ---- Explaining. ---- */

static struct explanation {
    struct af_script_party *party; /* a fresh instance, NULL: nothing is being explained */
    int last_line;
    char file[80];
    char name[80];
    bool found;
} explanation;

bool af_pure_explaining(void)
{
    return explanation.party != NULL;
}

/* A global is a field of the environment: which one changed, if it is new. */
static void name_global(lua_State *L, char *name, size_t size)
{
    af_kit_push(L, explanation.party, AF_KIT_ENV);
    lua_Integer count = af_sandbox_sorted_keys(L, lua_gettop(L));
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_type(L, -1) == LUA_TSTRING)
            snprintf(name, size, "global '%s'", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static void line_hook(lua_State *L, lua_Debug *activation)
{
    const char *name;
    if (explanation.found)
        luaL_error(L, "explained");
    const struct af_cell *changed = find_change(L, explanation.party, &name);
    if (changed != NULL) {
        explanation.found = true;
        if (strcmp(name, "_ENV") == 0)
            name_global(L, explanation.name, sizeof explanation.name);
        else
            snprintf(explanation.name, sizeof explanation.name, "%s '%s'",
                     changed->fingerprint != 0 ? "the table" : "the variable", name);
        return;
    }
    lua_getinfo(L, "Sl", activation);
    if (strncmp(activation->source, "@af/", 4) != 0) {
        explanation.last_line = activation->currentline;
        snprintf(explanation.file, sizeof explanation.file, "%s", activation->short_src);
    }
}

static void explained(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    (void)arg;
    (void)party;
    (void)effects;
}

/* What has changed on the last line, if nothing was found before it. */
static void name_last_change(lua_State *L)
{
    const char *name = NULL;
    const struct af_cell *changed =
        explanation.found ? NULL : find_change(L, explanation.party, &name);
    if (changed != NULL)
        snprintf(explanation.name, sizeof explanation.name, "%s '%s'",
                 changed->fingerprint != 0 ? "the table" : "the variable", name);
}

/* Says what `who` has changed, and why it must not. */
static void explain(const struct af_script *script, const char *who, const char *why, char *text,
                    size_t size)
{
    char place[AF_FLOW_PLACE_BYTES];
    struct af_flow_line line = {explanation.last_line,
                                explanation.file[0] != '\0' ? explanation.file : NULL};
    snprintf(text, size, "%s: %s changes %s, which %s",
             af_flow_place(script->file.name, line, place, sizeof place), who,
             explanation.name[0] != '\0' ? explanation.name : "something", why);
}

void af_pure_explain(struct af_delivery *delivery, char *text, size_t size)
{
    struct af_script_party *party = delivery->party;
    struct af_script *script = party->script;
    struct af_failure why = AF_FAILURE_INIT;
    af_script_call_fn *call = script->call;
    size_t len;
    const char *data = af_script_party_data(party, &len);
    struct af_script_party *fresh =
        af_script_party_new(script, party->member, party->seed, NULL, &why);
    memset(&explanation, 0, sizeof explanation);
    if (fresh != NULL &&
        (party->state < 0 || af_script_party_restore(fresh, party->state, data, len, &why) == 0)) {
        explanation.party = fresh;
        script->call = NULL; /* the outside is not asked again */
        struct af_delivery *again = af_delivery_new(fresh);
        lua_State *thread = again->coro.thread;
        lua_pushthread(thread); /* on the main stack it outlives the delivery */
        lua_xmove(thread, script->vm->L, 1);
        af_delivery_release(again); /* the next delivery takes it */
        lua_sethook(thread, line_hook, LUA_MASKLINE, 0);
        af_script_deliver(fresh, &delivery->input, explained, NULL);
        af_vm_hook(thread);
        lua_pop(script->vm->L, 1);
        script->call = call;
        name_last_change(script->vm->L);
    }
    af_script_party_free(fresh);
    explanation.party = NULL;
    explain(script, "a handler",
            "is outside of party.data and would be lost in a crash; keep it in party.data", text,
            size);
}

void af_pure_explain_call(struct af_script_party *fresh, void (*run)(void *arg, lua_Hook hook),
                          void *arg, char *text, size_t size)
{
    memset(&explanation, 0, sizeof explanation);
    explanation.party = fresh;
    run(arg, line_hook);
    name_last_change(fresh->script->vm->L);
    explanation.party = NULL;
    explain(fresh->script, "what watches a run",
            "the next run would find changed; what a monitor keeps, its step returns", text, size);
}
