/* lua_source.c: a file of a script is read and compiled, or why not. */
#include "lua_script.h"

#include "base/failure.h"
#include "code/code.h"
#include "lua_bytecode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int af_script_fail(struct af_failure *why, enum af_failure_kind kind, const char *name,
                   const char *text)
{
    char what[200];
    size_t len = strlen(name);
    if (af_vm_interrupted())
        kind = AF_FAILURE_INTERRUPTED;
    bool its_own = strncmp(text, name, len) == 0 && text[len] == ':'; /* whatever it is called */
    const char *line = its_own ? text + len - 4 : strstr(text, ".lua:");
    const char *end = line == NULL ? NULL : strstr(line + 5, ": ");
    if (end == NULL || (size_t)(end - text) >= sizeof what ||
        (!its_own && memchr(text, ' ', (size_t)(end - text)) != NULL))
        return af_failure_set(why, kind, name, "%s", text);
    snprintf(what, sizeof what, "%.*s", (int)(end - text), text);
    return af_failure_set(why, kind, what, "%s", end + 2);
}

size_t af_script_place_len(const char *text)
{
    const char *colon = strstr(text, ".lua:");
    if (colon == NULL || memchr(text, ' ', (size_t)(colon - text)) != NULL)
        return 0;
    size_t len = (size_t)(colon - text) + 5;
    size_t digits = strspn(text + len, "0123456789");
    return digits > 0 && text[len + digits] == ':' ? len + digits : 0;
}

/* ---- What does not compile: other languages' ways to write it. ---- */

static const struct {
    const char *written, *instead;
} habits[] = {
    {"!=", "Lua writes '~=' for '!='"},
    {"&&", "Lua writes 'and' for '&&'"},
    {"||", "Lua writes 'or' for '||'"},
    {"+=", "Lua has no '+='; write x = x + …"},
    {"-=", "Lua has no '-='; write x = x - …"},
    {"*=", "Lua has no '*='; write x = x * …"},
    {"/=", "Lua has no '/='; write x = x / … ('~=' is: not equal)"},
    {"..=", "Lua has no '..='; write x = x .. …"},
    {"++", "Lua has no '++'; write x = x + 1"},
    {"else if", "Lua writes 'elseif', with one 'end' for all"},
    {"elif", "Lua writes 'elseif'"},
    {"switch", "Lua has no 'switch'; use if … elseif, or a table of functions"},
    {"null", "Lua writes nil, and af.null for a kept null"},
    {"None", "Lua writes nil, and af.null for a kept null"},
    {"def", "Lua writes 'function'"},
    {"import", "Lua writes local af = require \"af\""},
    {"lambda", "Lua writes function(x) return … end"},
    {"try", "Lua has no 'try'; use pcall()"},
    {"=>", "Lua writes function(x) … end"},
    {"->", "Lua writes '.', or ':' for a method"},
    {"# ", "a comment begins with '--'"},
    {"//", "a comment begins with '--' ('//' divides)"},
    {"?", "Lua has no '?'; write c and a or b"},
    {"`", "a text stands between quotes, or [[ and ]]"},
    {") {", "a block ends with 'end'; it has no braces"},
    {"，", "a full-width '，': write ','"},
    {"；", "a full-width '；': write ';'"},
    {"：", "a full-width '：': write ':'"},
    {"。", "a full-width '。': write '.'"},
    {"（", "a full-width '（': write '('"},
    {"）", "a full-width '）': write ')'"},
    {"｛", "a full-width '｛': write '{'"},
    {"｝", "a full-width '｝': write '}'"},
    {"［", "a full-width '［': write '['"},
    {"］", "a full-width '］': write ']'"},
    {"【", "a full-width '【': write '['"},
    {"】", "a full-width '】': write ']'"},
    {"＝", "a full-width '＝': write '='"},
    {"＋", "a full-width '＋': write '+'"},
    {"－", "a full-width '－': write '-'"},
    {"＜", "a full-width '＜': write '<'"},
    {"＞", "a full-width '＞': write '>'"},
    {"“", "a curly '“': write '\"'"},
    {"”", "a curly '”': write '\"'"},
    {"‘", "a curly '‘': write '\''"},
    {"’", "a curly '’': write '\''"},
    {"　", "a full-width blank: write ' '"},
    {"\xC2\xA0", "a blank that does not break: write ' '"},
    {"!", "Lua writes 'not' for '!'"},
};

/* The end of the string or comment that begins at `at` within a line, or `at`. */
static const char *pass_text(const char *at, const char *end)
{
    if (at + 1 < end && at[0] == '-' && at[1] == '-')
        return end;
    if (*at != '"' && *at != '\'')
        return at;
    for (const char *c = at + 1; c < end; c++) {
        if (*c == '\\')
            c++;
        else if (*c == *at)
            return c + 1;
    }
    return end;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Whether the text stands at `at`; a word not as a part of another one. */
static bool stands_at(const char *text, const char *line, const char *at, const char *end)
{
    size_t len = strlen(text);
    if ((size_t)(end - at) < len || memcmp(at, text, len) != 0)
        return false;
    if (!is_word(text[0]))
        return true;
    return (at == line || !is_word(at[-1])) && (at + len == end || !is_word(at[len]));
}

/* What one line has that another language would write so: "; column 12: …", or nothing. */
static void find_habit(const char *line, const char *end, char *out, size_t size)
{
    unsigned column = 1;
    for (const char *at = line; at < end; column += ((unsigned char)*at & 0xC0) != 0x80, at++) {
        for (const char *past; (past = pass_text(at, end)) > at; at = past)
            for (const char *c = at; c < past; c++)
                column += ((unsigned char)*c & 0xC0) != 0x80;
        for (size_t i = 0; at < end && i < sizeof habits / sizeof habits[0]; i++) {
            if (stands_at(habits[i].written, line, at, end)) {
                snprintf(out, size, "; column %u: %s", column, habits[i].instead);
                return;
            }
        }
        if (at >= end)
            return;
    }
}

/* The line that an error's text names, "name:LINE: …"; 0: none. */
static long line_of(const char *error)
{
    const char *at = error;
    while ((at = strchr(at, ':')) != NULL && at[1 + strspn(at + 1, "0123456789")] != ':')
        at++;
    return at == NULL ? 0 : strtol(at + 1, NULL, 10);
}

/* The same for the line that an error's text names: the compiler may notice one line later. */
static void explain_habit(const char *source, size_t len, const char *error, char *out, size_t size)
{
    long told = line_of(error), line = 1;
    out[0] = '\0';
    if (strstr(error, "'then' expected near '='") != NULL) {
        snprintf(out, size, "; Lua compares by '=='");
        return;
    }
    for (const char *start = source, *last = source + len; start < last && line <= told; line++) {
        const char *end = memchr(start, '\n', (size_t)(last - start));
        end = end == NULL ? last : end;
        if (line == told || line == told - 1) {
            char found[200] = "";
            find_habit(start, end, found, sizeof found);
            if (found[0] != '\0')
                snprintf(out, size, "%s", found);
        }
        start = end + 1;
    }
}

/* ---- A key that is nil: Lua does not say which. ---- */

/* How long the name is that begins a table's field at `at`, as `[events.ping] =`; 0: none does. */
static size_t key_len(const char *source, const char *at)
{
    const char *before = at;
    while (before > source && strchr(" \t\r\n", before[-1]) != NULL)
        before--;
    size_t len = 0;
    while (is_word(at[1 + len]) || at[1 + len] == '.')
        len++;
    const char *equals = at + 2 + len;
    bool is_field = before > source && strchr("{,;", before[-1]) != NULL && at[1 + len] == ']';
    if (!is_field || equals[strspn(equals, " ")] != '=')
        return 0;
    return len;
}

void af_script_name_key(const char *file, const struct af_buf *source, const char *error, char *out,
                        size_t size)
{
    const char *text = af_buf_text(source), *key = NULL;
    size_t len = 0;
    long line = line_of(error);
    for (const char *at = text; *at != '\0' && line > 0; line -= *at++ == '\n') {
        size_t found = *at == '[' ? key_len(text, at) : 0;
        if (found > 0) {
            key = at + 1;
            len = found;
        }
    }
    if (key != NULL && len < size / 2 && strstr(error, AF_NIL_KEY) != NULL &&
        strncmp(error, file, strlen(file)) == 0)
        snprintf(out, size, "%s (perhaps [%.*s])", error, (int)len, key);
    else
        snprintf(out, size, "%s", error);
}

/* ---- Compiling. ---- */

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
    char habit[240];
    const char *error = af_vm_error_text(L, NULL);
    explain_habit(text, len, error, habit, sizeof habit);
    lua_pushfstring(L, "%s%s", error, habit);
    af_script_fail(why, AF_FAILURE_USAGE, chunk_name + 1, lua_tostring(L, -1));
    lua_pop(L, 2);
    return -1;
}

bool af_script_is_empty(const struct af_buf *source)
{
    const char *at = af_buf_text(source), *end = at + source->len;
    if (source->len >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    if (at < end && *at == '#')
        at += strcspn(at, "\n");
    while (at < end) {
        size_t equals = 0;
        if (strchr(" \t\r\n\f\v;", *at) != NULL) {
            at++;
        } else if (strncmp(at, "--", 2) != 0) {
            return false;
        } else if (at[2] == '[' && at[3 + (equals = strspn(at + 3, "="))] == '[') {
            const char *close = at + 4 + equals; /* of --[==[ … ]==] */
            while ((close = strchr(close, ']')) != NULL &&
                   (strspn(close + 1, "=") != equals || close[1 + equals] != ']'))
                close++;
            at = close == NULL ? end : close + 2 + equals;
        } else {
            at += strcspn(at, "\n");
        }
    }
    return true;
}

int af_script_read(struct af_script *script, const char *path, struct af_buf *out,
                   struct af_failure *why)
{
    if (script->source.read != NULL)
        return script->source.read(script->source.arg, path, out, why);
    return af_code_read_path(path, path, out, why);
}

/* ---- Its lines. ---- */

/* Whether there is more than blanks and a comment. */
static bool has_code(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && strchr(" \t\r", text[at]) != NULL)
        at++;
    return at < len && (len - at < 2 || text[at] != '-' || text[at + 1] != '-');
}

enum af_script_line af_script_line_at(struct af_script *script, const char *file, int line)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf source = AF_BUF_EMPTY, path = AF_BUF_EMPTY;
    enum af_script_line is = AF_LINE_IS_NONE;
    if (strstr(file, "..") != NULL || file[0] == '/')
        return AF_LINE_OF_NO_FILE;
    af_buf_printf(&path, "%s/%s", script->folder, file[0] == '\0' ? script->file.name : file);
    if (af_script_read(script, af_buf_text(&path), &source, &why) != 0)
        is = AF_LINE_OF_NO_FILE;
    const char *at = af_buf_text(&source), *end = at + source.len;
    for (int number = 1; is == AF_LINE_IS_NONE && at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline == NULL ? end : newline;
        if (number == line)
            is = has_code(at, (size_t)(next - at)) ? AF_LINE_MAY_RUN : AF_LINE_HAS_NO_CODE;
        at = next + 1;
    }
    af_buf_release(&source);
    af_buf_release(&path);
    return is;
}
