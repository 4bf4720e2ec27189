/* floor_messages.c: the least work that delivering messages can cost.
 *
 *   floor_messages ring PARTIES ROUNDS   ping_pong.lua's parties and messages
 *   floor_messages query PARTICIPANTS    many_parties.lua's
 *   floor_messages state                 a Lua state is made and closed
 *
 * A message is encoded from a Lua table, copied, put into a heap by its time of arrival, taken out,
 * decoded, and given to its party's Lua function in a protected call: what nobody who simulates can
 * leave out. There are no types, no transactions, no purity, no faults; nothing is traced. All
 * parties share one state, under the count hook that stops scripts in endless loops.
 *
 * The codec knows just what these messages hold: strings, integers, lists and objects. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4096, HOOK_INSTRUCTIONS = 1000 };

static void die(const char *why)
{
    fprintf(stderr, "floor_messages: %s\n", why);
    exit(1);
}

/* ---- Encoding. ---- */

static char text[TEXT_MAX];
static bool special[256]; /* bytes that a string must escape */

static char *encode_string(char *out, const char *string, size_t len)
{
    if (6 * len + 2 > (size_t)(text + TEXT_MAX - out))
        die("a message is too long");
    *out++ = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)string[i];
        if (special[c])
            out += sprintf(out, "\\u%04x", c);
        else
            *out++ = (char)c;
    }
    *out++ = '"';
    return out;
}

static char *encode_integer(char *out, lua_Integer value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (value < 0)
        digits[--at] = '-';
    memcpy(out, digits + at, sizeof digits - at);
    return out + sizeof digits - at;
}

static char *encode(lua_State *L, int index, char *out);

static char *encode_table(lua_State *L, int index, char *out)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    bool list = count > 0;
    size_t len;
    *out++ = list ? '[' : '{';
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        out = encode(L, index + 1, out);
        *out++ = ',';
        lua_pop(L, 1);
    }
    if (!list)
        lua_pushnil(L);
    while (!list && lua_next(L, index) != 0) {
        const char *key = lua_tolstring(L, index + 1, &len);
        out = encode_string(out, key, len);
        *out++ = ':';
        out = encode(L, index + 2, out);
        *out++ = ',';
        lua_pop(L, 1);
    }
    out[-1] = list ? ']' : '}'; /* in place of the last comma: no table of theirs is empty */
    return out;
}

/* Appends the value at index (absolute, and on the top) to the text. */
static char *encode(lua_State *L, int index, char *out)
{
    size_t len;
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        const char *string = lua_tolstring(L, index, &len);
        return encode_string(out, string, len);
    }
    case LUA_TNUMBER:
        return encode_integer(out, lua_tointeger(L, index));
    case LUA_TTABLE:
        luaL_checkstack(L, 4, NULL);
        return encode_table(L, index, out);
    default:
        luaL_error(L, "a %s cannot be encoded", luaL_typename(L, index));
        return out;
    }
}

/* ---- Decoding. ---- */

static const char *decode_string(lua_State *L, const char *in)
{
    const char *start = in;
    while (!special[(unsigned char)*in])
        in++;
    if (*in != '"') /* none of these messages holds an escape */
        luaL_error(L, "an escape");
    lua_pushlstring(L, start, (size_t)(in - start));
    return in + 1;
}

static const char *decode_integer(lua_State *L, const char *in)
{
    bool negative = *in == '-';
    lua_Integer value = 0;
    in += negative;
    if (*in < '0' || *in > '9')
        luaL_error(L, "no JSON");
    while (*in >= '0' && *in <= '9')
        value = value * 10 + (*in++ - '0');
    lua_pushinteger(L, negative ? -value : value);
    return in;
}

/* Pushes the value that begins at in, which ends with a 0 byte; returns where it ends. Raises. */
static const char *decode(lua_State *L, const char *in)
{
    if (*in == '"')
        return decode_string(L, in + 1);
    if (*in != '{' && *in != '[')
        return decode_integer(L, in);
    bool list = *in == '[';
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, list ? 4 : 0, list ? 0 : 4);
    for (lua_Integer i = 1;; i++) {
        in++;
        if (!list) {
            if (*in != '"')
                luaL_error(L, "no key");
            in = decode_string(L, in + 1);
            if (*in++ != ':')
                luaL_error(L, "no colon");
        }
        in = decode(L, in);
        if (list)
            lua_rawseti(L, -2, i);
        else
            lua_rawset(L, -3);
        if (*in != ',')
            break;
    }
    if (*in != (list ? ']' : '}'))
        luaL_error(L, "no end");
    return in + 1;
}

/* ---- The heap: 4-ary, by time, then by the order in which they were sent. ---- */

struct message {
    double due;
    uint64_t number;
    int to;
    char *content;
};

static struct message *heap;
static size_t heap_count, heap_cap;
static uint64_t sent_count, delivered_count;
static double now;
static uint64_t chance = 88172645463325252u;

static bool is_before(const struct message *a, const struct message *b)
{
    return a->due < b->due || (a->due == b->due && a->number < b->number);
}

static void heap_add(struct message message)
{
    if (heap_count == heap_cap) {
        heap_cap = heap_cap == 0 ? 1024 : heap_cap * 2;
        heap = realloc(heap, heap_cap * sizeof *heap);
        if (heap == NULL)
            die("no memory");
    }
    size_t at = heap_count++;
    for (size_t parent; at > 0 && is_before(&message, &heap[parent = (at - 1) / 4]); at = parent)
        heap[at] = heap[parent];
    heap[at] = message;
}

static struct message heap_take(void)
{
    struct message first = heap[0], last = heap[--heap_count];
    size_t at = 0;
    for (size_t child = 1; child < heap_count; child = 4 * at + 1) {
        size_t end = child + 4 < heap_count ? child + 4 : heap_count;
        size_t least = child;
        for (size_t i = child + 1; i < end; i++)
            least = is_before(&heap[i], &heap[least]) ? i : least;
        if (!is_before(&heap[least], &last))
            break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = last;
    return first;
}

/* ---- Sending and delivering. ---- */

/* send(to, table) */
static int l_send(lua_State *L)
{
    lua_settop(L, 2);
    size_t len = (size_t)(encode(L, 2, text) - text);
    struct message message = {0, ++sent_count, (int)lua_tointeger(L, 1), malloc(len + 1)};
    if (message.content == NULL)
        die("no memory");
    memcpy(message.content, text, len);
    message.content[len] = '\0';
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    message.due = now + 0.001 + (double)(chance >> 11) * 0x1p-53 * 0.009;
    heap_add(message);
    return 0;
}

static void deliver(lua_State *L, const int *handlers, struct message message)
{
    now = message.due;
    delivered_count++;
    lua_rawgeti(L, LUA_REGISTRYINDEX, handlers[message.to]);
    decode(L, message.content);
    free(message.content);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        die(lua_tostring(L, -1));
}

/* ---- The parties: each chunk is one party's, called with (me, parties, rounds, send). ---- */

static const char ring_source[] =
    "local me, parties, rounds, send = ...\n"
    "local AGGREGATOR = 'd54a3af2-83e2-4da6-bc8d-2dc03634612c'\n"
    "local FIRST = '6c8c2a1e-2a4e-4c9f-9a0e-0d6f6f1e0a11'\n"
    "local SECOND = '0b8f7b2a-7a8e-4f8e-8f64-2d1d5b1c4e22'\n"
    "local THIRD = 'f2a9d3c4-5e6f-4a7b-8c9d-0e1f2a3b4c33'\n"
    "local following, round, handlers = me % parties + 1, 0, {}\n"
    "local function send_on(r)\n"
    "  send(following, { type = 'sync', aggregator = AGGREGATOR, current_round = r,\n"
    "                    participants = { FIRST, SECOND, THIRD } })\n"
    "end\n"
    "function handlers.sync(event)\n"
    "  if event.aggregator ~= AGGREGATOR or #event.participants ~= 3 then error 'another' end\n"
    "  round = event.current_round\n"
    "  if round < rounds then send_on(round + 1) end\n"
    "end\n"
    "send_on(1)\n"
    "return function(event) return handlers[event.type](event) end\n";

static const char query_source[] =
    "local me, parties, _, send = ...\n"
    "local synced, round, handlers = 0, 0, {}\n"
    "function handlers.query(event)\n"
    "  send(event.from, { type = 'sync', aggregator = 'initiator-1', current_round = 11,\n"
    "    participants = { 'participant-1', 'participant-2', 'participant-3' } })\n"
    "end\n"
    "function handlers.sync_resp(event) synced = synced + 1 end\n"
    "function handlers.sync(event)\n"
    "  if event.aggregator ~= 'initiator-1' then error 'another' end\n"
    "  round = event.current_round\n"
    "  send(1, { type = 'sync_resp', querier = 'participant-' .. me })\n"
    "end\n"
    "if me > 1 then\n"
    "  send(1, { type = 'query', from = me, querier = 'participant-' .. me })\n"
    "end\n"
    "return function(event) return handlers[event.type](event) end\n";

static void count_hook(lua_State *L, lua_Debug *activation)
{
    static int64_t left = INT64_MAX;
    (void)activation;
    left -= HOOK_INSTRUCTIONS;
    if (left < 0)
        luaL_error(L, "too many instructions");
}

static int *make_parties(lua_State *L, const char *source, int count, lua_Integer rounds)
{
    int *handlers = calloc((size_t)count + 1, sizeof *handlers);
    if (handlers == NULL || luaL_loadstring(L, source) != LUA_OK)
        die("the parties cannot be made");
    lua_pushcfunction(L, l_send);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, i);
        lua_pushinteger(L, count);
        lua_pushinteger(L, rounds);
        lua_pushvalue(L, 2);
        if (lua_pcall(L, 4, 1, 0) != LUA_OK)
            die(lua_tostring(L, -1));
        handlers[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_settop(L, 0);
    return handlers;
}

static void run(const char *source, int parties, lua_Integer rounds)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        die("no Lua state");
    luaL_openlibs(L);
    lua_sethook(L, count_hook, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    for (int i = 0; i < 256; i++)
        special[i] = i < 32 || i == '"' || i == '\\';
    int *handlers = make_parties(L, source, parties, rounds);
    while (heap_count > 0)
        deliver(L, handlers, heap_take());
    free(handlers);
    lua_close(L);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "ring") == 0) {
        run(ring_source, atoi(argv[2]), atoll(argv[3]));
    } else if (argc == 3 && strcmp(argv[1], "query") == 0) {
        run(query_source, atoi(argv[2]) + 1, 0);
    } else if (argc == 2 && strcmp(argv[1], "state") == 0) {
        lua_State *L = luaL_newstate();
        luaL_openlibs(L);
        lua_close(L);
    } else {
        die("usage: floor_messages ring PARTIES ROUNDS | query PARTICIPANTS | state");
    }
    printf("%llu messages\n", (unsigned long long)delivered_count);
    free(heap);
    return 0;
}
