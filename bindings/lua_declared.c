/* lua_declared.c: what event types ask of the script, and of the instance whose chunk runs. */
#include "lua_script.h"

#include "base/mem.h"
#include "trace/veil.h"

#include <stdlib.h>
#include <string.h>

bool af_script_push_overrides(lua_State *L, bool create)
{
    struct af_vm *vm = af_vm_of(L);
    struct af_script_party *party = vm->running;
    if (party == NULL || party->kit_ref == LUA_NOREF)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->kit_ref);
    if (lua_rawgeti(L, -1, AF_KIT_OVERRIDES) == LUA_TTABLE &&
        (!create || vm->script->phase != AF_PHASE_RUN || vm->script->flow == NULL)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    if (!create || (vm->script->phase == AF_PHASE_RUN && vm->script->flow != NULL)) {
        lua_pop(L, 1);
        return false;
    }
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, AF_KIT_OVERRIDES);
    lua_remove(L, -2);
    return true;
}

bool af_script_push_declared(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    if (script == NULL || script->phase != AF_PHASE_INSTANTIATE)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->declared_ref);
    if (lua_rawgeti(L, -1, ++script->declared_next) != LUA_TUSERDATA)
        luaL_error(L, "an event was not declared when the file was loaded first; a flow must load "
                      "the same way each time");
    lua_remove(L, -2);
    return true;
}

void af_script_note_declared(lua_State *L, int index)
{
    struct af_script *script = af_vm_of(L)->script;
    if (script == NULL || script->phase != AF_PHASE_FIRST_LOAD)
        return;
    lua_pushvalue(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->declared_ref);
    lua_insert(L, -2);
    lua_rawseti(L, -2, ++script->declared_next);
    lua_pop(L, 1);
}

void af_script_note_secret(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    if (script == NULL || script->lends_types)
        return;
    if (script->phase == AF_PHASE_RUN && script->flow == NULL)
        luaL_error(L, AF_SCRIPT_NO_SECRETS);
    script->has_secrets = true;
}

struct af_hash af_script_veil_key(lua_State *L)
{
    const struct af_vm *vm = af_vm_of(L);
    if (vm->script->shows_veil)
        return vm->script->veil;
    return af_veil_key(vm->running == NULL ? (struct af_hash){0, 0} : vm->running->seed);
}

const char *af_script_line_file(struct af_script *script, const char *name)
{
    size_t i = 0;
    while (i < script->line_file_count && strcmp(script->line_files[i], name) != 0)
        i++;
    if (i == script->line_file_count) {
        af_mem_reserve(&script->line_files, &script->line_file_cap, i + 1,
                       sizeof *script->line_files);
        script->line_files[script->line_file_count++] = af_mem_string(name);
    }
    return script->line_files[i];
}

void af_script_line_files_free(struct af_script *script)
{
    for (size_t i = 0; i < script->line_file_count; i++)
        free(script->line_files[i]);
    free(script->line_files);
}
