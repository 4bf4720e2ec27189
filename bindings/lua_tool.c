/* lua_tool.c: see script/tool.h. Each call has a Lua state of its own. */
#include "script/tool.h"

#include "base/failure.h"
#include "lua_json.h"
#include "lua_sandbox.h"
#include "lua_strict.h"
#include "lua_vm.h"
#include "base/mem.h"
#include "trace/file.h"

#include <sodium.h>
#include <string.h>

struct drawing {
    const struct af_trace_memory *trace;
    const struct af_tool_chart *chart;
    char *text;
};

/* Contents of others may hold what no value of ours is: it is shown nearly as it is. */
static void push_records(lua_State *L, const struct af_trace_memory *trace)
{
    static struct af_json_reader reader; /* kept: Lua may raise */
    size_t at = 0, len = 0;
    const char *line;
    lua_newtable(L);
    for (lua_Integer i = 1; (line = af_trace_memory_next(trace, &at, &len)) != NULL; i++) {
        af_json_reader_restart(&reader, line, len);
        reader.passes = true;
        if (!af_lua_json_read_value(L, &reader, af_json_next(&reader)))
            luaL_error(L, "line %d of the trace is not JSON: %s at byte %d", (int)i, reader.message,
                       (int)reader.offset + 1);
        lua_rawseti(L, -2, i);
    }
}

static void set_integer(lua_State *L, const char *name, size_t value)
{
    if (value == 0)
        return;
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

/* sha256(bytes) -> its digest in base64, as a page's policy names a script. */
static int l_sha256(lua_State *L)
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof digest, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(digest, (const unsigned char *)bytes, len);
    sodium_bin2base64(text, sizeof text, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
    lua_pushstring(L, text);
    return 1;
}

/* page(name) -> the text of a file of scripts/page/ */
static int l_page(lua_State *L)
{
    const struct af_tool_chart *chart = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = luaL_checkstring(L, 1);
    size_t len;
    const char *text = chart->page != NULL ? chart->page(name, &len) : NULL;
    if (text == NULL)
        return luaL_error(L, "there is no page file \"%s\"", name);
    lua_pushlstring(L, text, len);
    return 1;
}

static int l_draw(lua_State *L)
{
    struct drawing *drawing = lua_touserdata(L, 1);
    const struct af_tool_chart *chart = drawing->chart;
    af_vm_require(L, "tool.chart");
    lua_getfield(L, -1, "draw");
    push_records(L, drawing->trace);
    lua_createtable(L, 0, 15);
    lua_pushstring(L, chart->format);
    lua_setfield(L, -2, "format");
    set_integer(L, "width", (size_t)chart->width);
    set_integer(L, "tail", chart->tail);
    set_integer(L, "max_rows", chart->max_rows);
    lua_pushboolean(L, chart->color);
    lua_setfield(L, -2, "color");
    lua_pushboolean(L, chart->ascii);
    lua_setfield(L, -2, "ascii");
    lua_pushboolean(L, chart->data);
    lua_setfield(L, -2, "data");
    lua_pushboolean(L, chart->told);
    lua_setfield(L, -2, "told");
    lua_pushstring(L, chart->party);
    lua_setfield(L, -2, "party");
    lua_pushstring(L, chart->type);
    lua_setfield(L, -2, "type");
    lua_pushcfunction(L, af_strict_near);
    lua_setfield(L, -2, "near");
    lua_pushcfunction(L, l_sha256);
    lua_setfield(L, -2, "sha256");
    lua_pushlightuserdata(L, (void *)chart);
    lua_pushcclosure(L, l_page, 1);
    lua_setfield(L, -2, "page");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_call(L, 2, 1);
    drawing->text = af_mem_string(luaL_checkstring(L, -1));
    return 0;
}

static struct af_vm *ready; /* for the next drawing, or NULL */

static int l_ready(lua_State *L)
{
    af_vm_require(L, "tool.chart");
    af_vm_require(L, "tool.chart_moments");
    af_vm_require(L, "tool.chart_object");
    return 0;
}

void af_tool_chart_ready(void)
{
    struct af_failure ignored = AF_FAILURE_INIT;
    ready = af_vm_new(af_globals_open, &ignored);
    if (ready == NULL)
        return;
    lua_pushcfunction(ready->L, l_ready);
    lua_pcall(ready->L, 0, 0, 0); /* what fails does so again when it draws */
}

char *af_tool_chart(const struct af_trace_memory *trace, const struct af_tool_chart *chart,
                    struct af_failure *why)
{
    struct drawing drawing = {trace, chart, NULL};
    struct af_vm *vm = ready != NULL ? ready : af_vm_new(af_globals_open, why);
    ready = NULL;
    if (vm == NULL)
        return NULL;
    lua_pushcfunction(vm->L, l_draw);
    lua_pushlightuserdata(vm->L, &drawing);
    if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK) {
        const char *text = af_vm_error_text(vm->L, NULL);
        bool names_option = strncmp(text, "--", 2) == 0;
        af_failure_set(why, AF_FAILURE_USAGE, names_option ? "" : "chart", "%s", text);
    }
    af_vm_free(vm);
    return drawing.text;
}

struct work {
    const char *name, *request;
    size_t len;
    char *answer;
};

static int l_work(lua_State *L)
{
    struct work *work = lua_touserdata(L, 1);
    const char *why;
    lua_pushfstring(L, "tool.%s", work->name);
    af_vm_require(L, lua_tostring(L, -1));
    lua_getfield(L, -1, "work");
    if (!af_lua_json_read(L, work->request, work->len, &why))
        return luaL_error(L, "the request is %s", why);
    lua_call(L, 1, 1);
    af_lua_json_push(L, lua_gettop(L), "answer");
    work->answer = af_mem_string(lua_tostring(L, -1));
    return 0;
}

char *af_tool_work(const char *name, const char *request, size_t len, struct af_failure *why)
{
    struct work work = {name, request, len, NULL};
    struct af_vm *vm = af_vm_new(af_globals_open, why);
    if (vm == NULL)
        return NULL;
    lua_pushcfunction(vm->L, l_work);
    lua_pushlightuserdata(vm->L, &work);
    if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK)
        af_failure_set(why, AF_FAILURE_USAGE, name, "%s", af_vm_error_text(vm->L, NULL));
    af_vm_free(vm);
    return work.answer;
}

const char *af_tool_lua_version(void)
{
    return LUA_RELEASE;
}
