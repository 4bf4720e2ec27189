/* lua_vm.c: see lua_vm.h. */
#include "lua_vm.h"
#include "lua_lines.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "code/code.h"
#include "embedded.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/packed.h"
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char af_key_lock = 0;
const char af_key_fields = 0;
const char af_key_strict = 0;
const char af_key_globals = 0;
const char af_key_host = 0;
const char af_key_loaded = 0;

/* Nearly all of what is made until the first delivery stays: code, classes, parties. So the
 * collector, which would go through all parties again and again while they are made (a fifth of a
 * run of a hundred thousand), waits until memory is ten times what it was. */
enum { PAUSE_PERCENT = 1000, LATER_PAUSE_PERCENT = 200 };

enum { WARM_BYTES = 512 << 10 }; /* the first state, with a small flow */

static volatile sig_atomic_t interrupted;
static lua_State *volatile executing; /* the thread that last began to run, for af_vm_abandon() */
static const char *volatile executing_who;

/* ---- Memory. ---- */

/* Who fills a large block takes time over it, in C, where no instruction is counted. */
static void note_large(struct af_vm *vm, size_t bytes)
{
    vm->instructions_left -= (int64_t)(bytes / AF_SCRIPT_BYTES_AN_INSTRUCTION);
}

static void *take_large(struct af_vm *vm, size_t bytes)
{
    note_large(vm, bytes);
    return af_mem_alloc(bytes);
}

static inline void *take(struct af_vm *vm, size_t bytes)
{
    return bytes <= AF_POOL_BLOCK_BYTES_MAX ? af_pool_alloc(&vm->pool, bytes)
                                            : take_large(vm, bytes);
}

static inline void give_back(struct af_vm *vm, void *block, size_t bytes)
{
    if (bytes <= AF_POOL_BLOCK_BYTES_MAX)
        af_pool_free(&vm->pool, block, bytes);
    else
        free(block);
}

/* A block with another size: where it is, if it can stay there. */
static void *resize(struct af_vm *vm, void *block, size_t old_bytes, size_t new_bytes)
{
    bool small = new_bytes <= AF_POOL_BLOCK_BYTES_MAX,
         was_small = old_bytes <= AF_POOL_BLOCK_BYTES_MAX;
    if (!small && !was_small) {
        note_large(vm, new_bytes);
        return af_mem_grow(block, new_bytes);
    }
    if (small && was_small && af_pool_same_class(old_bytes, new_bytes))
        return block;
    void *moved = take(vm, new_bytes);
    memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
    give_back(vm, block, old_bytes);
    return moved;
}

/* Most calls are of small blocks that are new, or no longer needed. */
static void *limited_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes)
{
    struct af_vm *vm = ud;
    if (block == NULL)
        old_bytes = 0; /* Lua tells the kind of the object there */
    if (new_bytes == 0) {
        vm->used_bytes -= old_bytes;
        if (old_bytes > 0)
            give_back(vm, block, old_bytes);
        return NULL;
    }
    size_t left = vm->used_bytes < vm->limit_bytes ? vm->limit_bytes - vm->used_bytes : 0;
    if (new_bytes > old_bytes && new_bytes - old_bytes > left)
        return NULL;
    vm->used_bytes = vm->used_bytes - old_bytes + new_bytes;
    return old_bytes == 0 ? take(vm, new_bytes) : resize(vm, block, old_bytes, new_bytes);
}

/* ---- Instructions. ---- */

const char *af_vm_cap_reason(const struct af_vm *vm)
{
    switch (vm->capped) {
    case AF_CAP_INSTRUCTIONS:
        return "ran for more than 100,000,000 instructions without an end";
    case AF_CAP_MEMORY:
        return "used more than 64 MiB of memory in one step";
    case AF_CAP_INTERRUPTED:
        return "interrupted";
    case AF_CAP_NONE:
        break;
    }
    return NULL;
}

void af_vm_check_cap(lua_State *L)
{
    const char *reason = af_vm_cap_reason(af_vm_of(L));
    if (reason != NULL)
        luaL_error(L, "%s", reason);
}

void af_vm_check_step(lua_State *L, uint64_t made_in, const char *what)
{
    if (af_vm_of(L)->step == 0 || af_vm_of(L)->step == made_in)
        return;
    if (af_vm_of(L)->delivery == NULL)
        luaL_error(L,
                   "what watches a run goes on with %s that was made before: the next run would "
                   "find it elsewhere; make it where it is used",
                   what);
    luaL_error(
        L,
        "a handler goes on with %s that was made outside of its step: how far it has come is "
        "outside of party.data and would be lost in a crash; make it in the handler",
        what);
}

static void count(struct af_vm *vm, int64_t instructions)
{
    vm->instructions_left -= instructions;
    if (interrupted)
        vm->capped = AF_CAP_INTERRUPTED;
    else if (vm->instructions_left < 0 && vm->capped == AF_CAP_NONE)
        vm->capped = AF_CAP_INSTRUCTIONS;
}

void af_vm_spend(lua_State *L, int64_t instructions)
{
    count(af_vm_of(L), instructions);
    af_vm_check_cap(L);
}

/* Once a cap is reached every further instruction of the thread raises: a pcall() in a loop of the
 * script's own would otherwise eat the error for ever. */
static void count_hook(lua_State *L, lua_Debug *activation)
{
    struct af_vm *vm = af_vm_of(L);
    executing = L;
    if (activation->event == LUA_HOOKLINE) {
        lua_getinfo(L, "S", activation);
        af_lines_note(activation);
        if (vm->notes_lines && strcmp(activation->what, "main") == 0 &&
            strncmp(activation->source, "@af/", 4) != 0)
            vm->line = activation->currentline;
        return;
    }
    count(vm, AF_SCRIPT_HOOK_INSTRUCTIONS);
    if (vm->capped == AF_CAP_NONE)
        return;
    lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
    af_vm_check_cap(L);
}

void af_vm_hook(lua_State *thread)
{
    bool each = af_vm_of(thread)->notes_lines || af_lines_watched();
    int mask = each ? LUA_MASKCOUNT | LUA_MASKLINE : LUA_MASKCOUNT;
    lua_sethook(thread, count_hook, mask, AF_SCRIPT_HOOK_INSTRUCTIONS);
}

void af_vm_begin(struct af_vm *vm)
{
    size_t state_max = vm->state_max_bytes;
    vm->capped = AF_CAP_NONE;
    vm->instructions_left = AF_SCRIPT_INSTRUCTIONS_MAX;
    vm->step_limit_bytes = state_max > AF_SCRIPT_GROWTH_BYTES_MAX &&
                                   vm->used_bytes < state_max - AF_SCRIPT_GROWTH_BYTES_MAX
                               ? vm->used_bytes + AF_SCRIPT_GROWTH_BYTES_MAX
                               : state_max;
    af_vm_go_on(vm);
}

void af_vm_go_on(struct af_vm *vm)
{
    vm->limit_bytes = vm->step_limit_bytes;
}

void af_vm_end(struct af_vm *vm, int status)
{
    vm->limit_bytes = SIZE_MAX;
    if (status == LUA_ERRMEM && vm->capped == AF_CAP_NONE)
        vm->capped = AF_CAP_MEMORY;
}

void af_vm_deliver(struct af_vm *vm)
{
    if (vm->delivers)
        return;
    vm->delivers = true;
    lua_gc(vm->L, LUA_GCINC, LATER_PAUSE_PERCENT, 0, 0);
    lua_gc(vm->L, LUA_GCGEN, 0, 0);
    lua_gc(vm->L, LUA_GCSTEP, 0); /* a small one, which says when the next one is due: see README */
}

void af_vm_executes(lua_State *thread, const char *who)
{
    executing = thread;
    executing_who = who;
}

void af_vm_interrupt(void)
{
    interrupted = 1;
}

void af_vm_forget_interrupt(void)
{
    interrupted = 0;
}

bool af_vm_interrupted(void)
{
    return interrupted != 0;
}

void af_vm_abandon(void)
{
    lua_State *L = executing;
    lua_Debug activation;
    char text[256];
    int len = snprintf(text, sizeof text, "afrun: interrupted\n");
    for (int level = 0; L != NULL && lua_getstack(L, level, &activation); level++) {
        lua_getinfo(L, "Sl", &activation);
        if (activation.currentline > 0) {
            len = snprintf(text, sizeof text, "afrun: %s: %s:%d: interrupted\n",
                           executing_who == NULL ? "script" : executing_who, activation.short_src,
                           activation.currentline);
            break;
        }
    }
    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
        _exit(130);
    _exit(130);
}

/* ---- Texts. ---- */

/* Where a text of at least eight bytes is kept: by its first and its last, as IDs differ there. */
static size_t text_place(const char *bytes, size_t len)
{
    uint64_t first, last;
    memcpy(&first, bytes, sizeof first);
    memcpy(&last, bytes + len - sizeof last, sizeof last);
    uint64_t hash = (first * 0x9E3779B97F4A7C15u ^ last) * 0xFF51AFD7ED558CCDu;
    return (size_t)(hash >> 32) % AF_VM_TEXTS;
}

void af_vm_push_text(lua_State *L, const char *bytes, size_t len)
{
    if (len < AF_VM_TEXT_BYTES_MIN || len > AF_VM_TEXT_BYTES_MAX) {
        lua_pushlstring(L, bytes, len);
        return;
    }
    struct af_vm *vm = af_vm_of(L);
    size_t place = text_place(bytes, len);
    if (vm->text[place].len == len && memcmp(vm->text[place].bytes, bytes, len) == 0) {
        lua_pushvalue(vm->texts, (int)place + 1);
        lua_xmove(vm->texts, L, 1);
        return;
    }
    const char *kept = lua_pushlstring(L, bytes, len);
    lua_pushvalue(L, -1);
    lua_xmove(L, vm->texts, 1);
    lua_replace(vm->texts, (int)place + 1);
    vm->text[place].bytes = kept;
    vm->text[place].len = len;
}

/* ---- Errors. ---- */

bool af_vm_push_where(lua_State *L, lua_State *thread)
{
    lua_Debug activation;
    for (int level = 0; lua_getstack(thread, level, &activation); level++) {
        lua_getinfo(thread, "Sl", &activation);
        if (activation.currentline > 0 && activation.source[0] == '@' &&
            strncmp(activation.source, "@af/", 4) != 0) {
            lua_pushfstring(L, "%s:%d: ", activation.short_src, activation.currentline);
            return true;
        }
    }
    return false;
}

int af_vm_raise(lua_State *L, const char *text)
{
    if (!af_vm_push_where(L, L))
        lua_pushliteral(L, "");
    lua_pushstring(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}

static bool has_position(const char *text)
{
    const char *colon = strstr(text, ".lua:");
    return colon != NULL && colon[5] >= '0' && colon[5] <= '9' && strchr(text, ' ') > colon;
}

/* Whether a text begins with the file that a place ("flow:2: ") names, whatever that is called. */
static bool is_at(const char *text, const char *place)
{
    const char *line = strstr(place, ": ");
    while (line != NULL && line > place && line[-1] >= '0' && line[-1] <= '9')
        line--;
    size_t len = line == NULL ? 0 : (size_t)(line - place);
    return len > 0 && line[-1] == ':' && strncmp(text, place, len) == 0 && text[len] >= '0' &&
           text[len] <= '9';
}

/* A message that names a line of the library without it: the script's own line says more. */
static const char *without_library_place(const char *text)
{
    const char *colon = strncmp(text, "af/", 3) == 0 ? strstr(text, ".lua:") : NULL;
    const char *end = colon == NULL ? NULL : colon + 5 + strspn(colon + 5, "0123456789");
    return end == NULL || strncmp(end, ": ", 2) != 0 ? text : end + 2;
}

const char *af_vm_error_text(lua_State *L, lua_State *where)
{
    return af_vm_error_text_at(L, where, NULL);
}

const char *af_vm_error_text_at(lua_State *L, lua_State *where, const char *place)
{
    const char *reason = af_vm_cap_reason(af_vm_of(L));
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (reason != NULL && (text == NULL || strstr(text, reason) == NULL))
        text = reason;
    if (text == NULL) {
        lua_pushfstring(L, "the error is a %s, not a text", luaL_typename(L, -1));
        lua_replace(L, -2);
        text = lua_tostring(L, -1);
    } else if (text == reason) {
        lua_pushstring(L, reason);
        lua_replace(L, -2);
        text = lua_tostring(L, -1);
    }
    const char *plain = where == NULL ? text : without_library_place(text);
    if (where != NULL && (plain != text || !has_position(text)) &&
        (af_vm_push_where(L, where) ||
         (place != NULL && lua_pushfstring(L, "%s: ", place) != NULL))) {
        if (is_at(plain, lua_tostring(L, -1))) {
            lua_pop(L, 1);
            lua_pushliteral(L, "");
        }
        lua_pushstring(L, plain);
        lua_remove(L, -3);
        lua_concat(L, 2);
        text = lua_tostring(L, -1);
    }
    return text;
}

/* ---- Library scripts. ---- */

static bool push_from_folder(lua_State *L, const char *name)
{
    const char *folder = getenv("AFRUN_SCRIPTS");
    if (folder == NULL || folder[0] == '\0')
        return false;
    luaL_gsub(L, name, ".", "/");
    const char *path = lua_pushfstring(L, "%s/%s.lua", folder, lua_tostring(L, -1));
    struct af_buf text = AF_BUF_EMPTY;
    if (af_code_read_path(path, path, &text, NULL) != 0) {
        lua_pop(L, 2);
        return false;
    }
    int status =
        luaL_loadbufferx(L, af_buf_text(&text), text.len, lua_pushfstring(L, "@%s", path), "t");
    af_buf_release(&text);
    if (status != LUA_OK)
        lua_error(L);
    lua_replace(L, -4);
    lua_pop(L, 2);
    return true;
}

static const struct af_embedded *find_embedded(const char *name)
{
    for (size_t i = 0; i < af_embedded_count; i++)
        if (strcmp(af_embedded_scripts[i].name, name) == 0)
            return &af_embedded_scripts[i];
    return NULL;
}

/* A script; a packed group is unpacked when first asked for, on whatever thread, and kept to the
 * end. */
static const char *unpack(const struct af_embedded *script)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *kept[AF_EMBEDDED_GROUPS];
    const struct af_embedded_group *group = &af_embedded_groups[script->group];
    if (!af_packed_is(group->bytes, group->len))
        return (const char *)group->bytes + script->start;
    pthread_mutex_lock(&lock);
    size_t len;
    if (kept[script->group] == NULL)
        kept[script->group] = af_packed_read(group->bytes, group->len, &len);
    const char *bytes = kept[script->group] + script->start;
    pthread_mutex_unlock(&lock);
    return bytes;
}

bool af_vm_has_embedded(const char *name)
{
    return find_embedded(name) != NULL;
}

void af_vm_push_embedded(lua_State *L, const char *name)
{
    if (push_from_folder(L, name))
        return;
    const struct af_embedded *script = find_embedded(name);
    if (script == NULL)
        luaL_error(L, "module '%s' is not part of the library", name);
    const char *chunk_name = lua_pushfstring(L, "@%s.lua", luaL_gsub(L, name, ".", "/"));
    int status = luaL_loadbufferx(L, unpack(script), script->len, chunk_name, NULL);
    if (status != LUA_OK)
        lua_error(L);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* require() of the library scripts themselves. */
static int l_library_require(lua_State *L)
{
    af_vm_require(L, luaL_checkstring(L, 1));
    return 1;
}

/* Library scripts have an environment of their own: Lua's standard functions as they are (trusted,
 * and never given to a flow), the host's functions as `host`, and this require(). */
static void push_library_environment(lua_State *L)
{
    lua_newtable(L);
    static const char *const given[] = {
        "string",   "table",    "math",         "utf8",         "coroutine", "assert", "error",
        "ipairs",   "rawequal", "rawget",       "rawlen",       "rawset",    "select", "type",
        "tonumber", "next",     "getmetatable", "setmetatable", "pcall"};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        lua_getglobal(L, given[i]);
        lua_setfield(L, -2, given[i]);
    }
    static const char *const sandboxed[] = {"pairs", "tostring", "print"};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_globals);
    for (size_t i = 0; lua_istable(L, -1) && i < sizeof sandboxed / sizeof sandboxed[0]; i++) {
        lua_getfield(L, -1, sandboxed[i]);
        lua_setfield(L, -3, sandboxed[i]);
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, l_library_require);
    lua_setfield(L, -2, "require");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_host);
    lua_setfield(L, -2, "host");
}

void af_vm_require(lua_State *L, const char *name)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &af_key_loaded) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        push_library_environment(L);
        lua_setfield(L, -2, "");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &af_key_loaded);
    }
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    af_vm_push_embedded(L, name);
    lua_getfield(L, -2, "");
    if (lua_setupvalue(L, -2, 1) == NULL)
        lua_pop(L, 1);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    lua_remove(L, -2);
}

/* ---- Locked tables. ---- */

static int l_refuse_write(lua_State *L)
{
    const char *name = lua_tostring(L, lua_upvalueindex(1));
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "'%s' cannot be changed: writing field '%s'", name,
                          lua_tostring(L, 2));
    return luaL_error(L, "'%s' cannot be changed", name);
}

static int l_locked_length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
    return 1;
}

void af_vm_lock(lua_State *L, const char *name)
{
    lua_newtable(L);
    lua_createtable(L, 0, 6);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, l_locked_length, 1);
    lua_setfield(L, -2, "__len");
    lua_pushstring(L, name);
    lua_pushcclosure(L, l_refuse_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &af_key_lock);
    if (luaL_getmetafield(L, -3, "__call") != LUA_TNIL)
        lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void af_vm_lock_deep(lua_State *L, const char *name)
{
    luaL_checkstack(L, 10, "too deep");
    int table = lua_gettop(L);
    lua_newtable(L); /* a table must not be written while it is walked */
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_istable(L, -1))
            af_vm_lock_deep(L, name);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table + 1);
    }
    if (lua_getmetatable(L, table)) /* lua_strict.h's: names that are not there still raise */
        lua_setmetatable(L, -2);
    lua_replace(L, table);
    af_vm_lock(L, name);
}

int af_vm_push_fields(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    int type = lua_rawgetp(L, index, &af_key_fields);
    return type == LUA_TSTRING ? af_vm_of(L)->unpack_event(L, index) : type;
}

const char *af_vm_event_type(lua_State *L, int index)
{
    const struct af_vm *vm = af_vm_of(L);
    return vm->event_type == NULL ? NULL : vm->event_type(L, index);
}

bool af_vm_event_hides(lua_State *L, int index)
{
    const struct af_vm *vm = af_vm_of(L);
    return vm->event_hides != NULL && vm->event_hides(L, index);
}

bool af_vm_is_secret(lua_State *L, int index)
{
    const struct af_vm *vm = af_vm_of(L);
    return vm->is_secret != NULL && vm->is_secret(L, index);
}

bool af_vm_show_secret(lua_State *L, int index, struct af_buf *out)
{
    bool is = af_vm_is_secret(L, index);
    if (is)
        af_vm_of(L)->show_secret(L, index, out);
    return is;
}

bool af_vm_is_locked(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    bool locked = lua_rawgetp(L, -1, &af_key_lock) != LUA_TNIL;
    lua_pop(L, 2);
    return locked;
}

/* ---- Life. ---- */

static int l_open(lua_State *L)
{
    struct af_vm *vm = af_vm_of(L);
    vm->texts = lua_newthread(L);
    luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_checkstack(vm->texts, AF_VM_TEXTS + 2, NULL);
    lua_settop(vm->texts, AF_VM_TEXTS);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &af_key_host);
    vm->open(L);
    return 0;
}

static int panic(lua_State *L)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown";
    fprintf(stderr, "afrun: bug: an error outside of any protected call: %s\n", text);
    return 0; /* Lua calls abort() */
}

struct af_vm *af_vm_new(void (*open)(lua_State *L), struct af_failure *why)
{
    static bool is_warm;
    if (!is_warm)
        af_mem_warm(WARM_BYTES);
    is_warm = true;
    struct af_vm *vm = af_mem_zero(1, sizeof *vm);
    vm->open = open;
    vm->limit_bytes = SIZE_MAX;
    vm->instructions_left = INT64_MAX; /* of the library's own, and of a tool */
    vm->state_max_bytes = (size_t)AF_SCRIPT_STATE_BYTES_MAX;
    vm->numbers_ref = LUA_NOREF;
    vm->L = lua_newstate(limited_alloc, vm);
    if (vm->L == NULL) {
        af_failure_set(why, AF_FAILURE_FLOW, "script", "no memory for a Lua state");
        free(vm);
        return NULL;
    }
    lua_atpanic(vm->L, panic);
    lua_gc(vm->L, LUA_GCINC, PAUSE_PERCENT, 0);
    void *none = NULL;
    memcpy(lua_getextraspace(vm->L), &none, sizeof none); /* new threads copy it: not ours */
    lua_pushcfunction(vm->L, l_open);
    if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK) {
        af_failure_set(why, AF_FAILURE_FLOW, "script", "%s", af_vm_error_text(vm->L, NULL));
        af_vm_free(vm);
        return NULL;
    }
    return vm;
}

void af_vm_free(struct af_vm *vm)
{
    if (vm == NULL)
        return;
    executing = NULL;
    lua_close(vm->L);
    af_pool_release(&vm->pool);
    free(vm);
}
