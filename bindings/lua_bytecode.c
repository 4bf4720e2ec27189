/* lua_bytecode.c: see lua_bytecode.h.
 *
 * Reads what lua_dump() writes of Lua 5.4, a function after the other:
 *
 *   source, first and last line, 3 bytes, code, constants, upvalues, functions within, debug tables
 *
 * and looks at each instruction's lowest seven bits, the opcode. Where anything is not as expected
 * (a Lua with another format), the answer is the careful one. */
#include "lua_bytecode.h"

#include "base/buf.h"

#include <string.h>

enum {
    OPCODE_BITS = 0x7F,
    OP_SETUPVAL = 10,
    CONSTANT_NIL = 0x00,
    CONSTANT_FALSE = 0x01,
    CONSTANT_TRUE = 0x11,
    CONSTANT_INTEGER = 0x03,
    CONSTANT_FLOAT = 0x13,
    CONSTANT_SHORT_STRING = 0x04,
    CONSTANT_LONG_STRING = 0x14,
};

struct code {
    const unsigned char *at, *end;
    bool broken; /* not as expected */
    bool sets;
};

static int append(lua_State *L, const void *bytes, size_t len, void *out)
{
    (void)L;
    af_buf_append(out, bytes, len);
    return 0;
}

static void skip(struct code *code, size_t len)
{
    if (len > (size_t)(code->end - code->at))
        code->broken = true;
    else
        code->at += len;
}

static unsigned byte(struct code *code)
{
    if (code->at == code->end) {
        code->broken = true;
        return 0;
    }
    return *code->at++;
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t number(struct code *code)
{
    size_t value = 0;
    for (int i = 0; i < 10 && !code->broken; i++) {
        unsigned part = byte(code);
        value = value << 7 | (part & 0x7F);
        if ((part & 0x80) != 0)
            return value;
    }
    code->broken = true;
    return 0;
}

static void skip_string(struct code *code)
{
    size_t size = number(code); /* 0: none, else one more than its length */
    if (size > 0)
        skip(code, size - 1);
}

static void read_instructions(struct code *code)
{
    size_t count = number(code);
    for (size_t i = 0; i < count && !code->broken; i++) {
        unsigned instruction;
        if (code->end - code->at < (long)sizeof instruction) {
            code->broken = true;
            return;
        }
        memcpy(&instruction, code->at, sizeof instruction);
        code->at += sizeof instruction;
        code->sets = code->sets || (instruction & OPCODE_BITS) == OP_SETUPVAL;
    }
}

static void skip_constants(struct code *code)
{
    size_t count = number(code);
    for (size_t i = 0; i < count && !code->broken; i++) {
        switch (byte(code)) {
        case CONSTANT_NIL:
        case CONSTANT_FALSE:
        case CONSTANT_TRUE:
            break;
        case CONSTANT_INTEGER:
        case CONSTANT_FLOAT:
            skip(code, 8);
            break;
        case CONSTANT_SHORT_STRING:
        case CONSTANT_LONG_STRING:
            skip_string(code);
            break;
        default:
            code->broken = true;
        }
    }
}

static void skip_debug(struct code *code)
{
    skip(code, number(code)); /* line differences */
    for (size_t i = number(code); i > 0 && !code->broken; i--) {
        number(code);
        number(code);
    }
    for (size_t i = number(code); i > 0 && !code->broken; i--) {
        skip_string(code);
        number(code);
        number(code);
    }
    for (size_t i = number(code); i > 0 && !code->broken; i--)
        skip_string(code);
}

static void read_function(struct code *code, int depth)
{
    if (depth > 200) {
        code->broken = true;
        return;
    }
    skip_string(code);
    number(code);
    number(code);
    skip(code, 3); /* parameters, varargs, stack */
    read_instructions(code);
    skip_constants(code);
    skip(code, 3 * number(code)); /* upvalues */
    for (size_t i = number(code); i > 0 && !code->broken; i--)
        read_function(code, depth + 1);
    skip_debug(code);
}

bool af_bytecode_sets_upvalues(lua_State *L)
{
    static const unsigned char header[] = {0x1B, 'L',  'u',  'a',  0x54, 0x00, 0x19, 0x93,
                                           '\r', '\n', 0x1A, '\n', 4,    8,    8};
    struct af_buf dump = AF_BUF_EMPTY;
    lua_dump(L, append, &dump, 1);
    struct code code = {(const unsigned char *)af_buf_text(&dump), NULL, false, false};
    code.end = code.at + dump.len;
    if (dump.len < sizeof header || memcmp(code.at, header, sizeof header) != 0)
        code.broken = true;
    skip(&code, sizeof header + 8 + 8 + 1); /* samples of a number of each kind; upvalues */
    if (!code.broken)
        read_function(&code, 0);
    bool may_set = code.broken || code.at != code.end || code.sets;
    af_buf_release(&dump);
    return may_set;
}
