/* lua_source.c: a file of a script is read and compiled, or why not. */
#include "lua_script.h"

#include "base/failure.h"
#include "code/code.h"
#include "lua_bytecode.h"

#include <stdio.h>
#include <string.h>

int af_script_fail(struct af_failure *why, enum af_failure_kind kind, const char *name,
                   const char *text)
{
    char what[200];
    const char *line = strstr(text, ".lua:");
    const char *end = line == NULL ? NULL : strstr(line + 5, ": ");
    if (end == NULL || (size_t)(end - text) >= sizeof what ||
        memchr(text, ' ', (size_t)(end - text)))
        return af_failure_set(why, kind, name, "%s", text);
    snprintf(what, sizeof what, "%.*s", (int)(end - text), text);
    return af_failure_set(why, kind, what, "%s", end + 2);
}

/* Notes what purity needs to know of a chunk. */
static int note_code(lua_State *L)
{
    struct af_script *script = af_vm_of(L)->script;
    script->sets_upvalues = script->sets_upvalues || af_bytecode_sets_upvalues(L);
    return 0;
}

int af_script_compile(lua_State *L, const struct af_buf *source, const char *chunk_name,
                      struct af_failure *why)
{
    const char *text = af_buf_text(source);
    size_t len = source->len;
    if (len > 0 && text[0] == '\x1b')
        return af_failure_set(why, AF_FAILURE_USAGE, chunk_name + 1,
                              "is bytecode; a script must be text");
    if (memchr(text, '\0', len) != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, chunk_name + 1,
                              "holds a zero byte; a script must be text");
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len > 0 && text[0] == '#') { /* #!/usr/bin/env afrun */
        const char *newline = memchr(text, '\n', len);
        size_t skipped = newline == NULL ? len : (size_t)(newline - text);
        text += skipped;
        len -= skipped;
    }
    if (luaL_loadbufferx(L, text, len, chunk_name, "t") == LUA_OK)
        return note_code(L);
    af_script_fail(why, AF_FAILURE_USAGE, chunk_name + 1, af_vm_error_text(L, NULL));
    lua_pop(L, 1);
    return -1;
}

int af_script_read(struct af_script *script, const char *path, struct af_buf *out,
                   struct af_failure *why)
{
    if (script->source.read != NULL)
        return script->source.read(script->source.arg, path, out, why);
    return af_code_read_path(path, path, out, why);
}
