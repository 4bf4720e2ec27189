/* escape.c: strings that are not written as they are; see core.h. */
#include "base/buf.h"
#include "json/core.h"

static bool read_hex4(const char *at, const char *end, uint32_t *code)
{
    *code = 0;
    if (end - at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? c - (uint32_t)'0'
                         : c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10
                         : c >= 'A' && c <= 'F' ? c - (uint32_t)'A' + 10
                                                : 16;
        if (digit == 16)
            return false;
        *code = *code << 4 | digit;
    }
    return true;
}

static void append_utf8(struct af_buf *buf, uint32_t code)
{
    char bytes[4];
    size_t len = 0;
    if (code < 0x80) {
        bytes[len++] = (char)code;
    } else if (code < 0x800) {
        bytes[len++] = (char)(0xC0 | code >> 6);
        bytes[len++] = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        bytes[len++] = (char)(0xE0 | code >> 12);
        bytes[len++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[len++] = (char)(0x80 | (code & 0x3F));
    } else {
        bytes[len++] = (char)(0xF0 | code >> 18);
        bytes[len++] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[len++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[len++] = (char)(0x80 | (code & 0x3F));
    }
    af_buf_append(buf, bytes, len);
}

/* Decodes the \u escape, or the two of a pair, at *at. Returns NULL, or what is wrong. A half of a
 * pair that is only passed over stands for what nobody knows. */
static const char *read_unicode_escape(struct af_buf *to, const char **at, const char *end,
                                       bool passes)
{
    uint32_t code, low;
    if (!read_hex4(*at + 2, end, &code))
        return "\\u needs four hexadecimal digits";
    const char *next = *at + 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool is_pair = code < 0xDC00 && end - next >= 2 && next[0] == '\\' && next[1] == 'u' &&
                       read_hex4(next + 2, end, &low) && low >= 0xDC00 && low <= 0xDFFF;
        if (!is_pair && !passes)
            return "half a surrogate pair";
        next += is_pair ? 6 : 0;
        code = is_pair ? 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00)) : 0xFFFD;
    }
    append_utf8(to, code);
    *at = next;
    return NULL;
}

/* Decodes the escape at *at, a '\'. Returns NULL, or what is wrong with it. */
static const char *read_escape(struct af_buf *to, const char **at, const char *end, bool passes)
{
    static const char meanings[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    unsigned char c = end - *at >= 2 ? (unsigned char)(*at)[1] : 0;
    if (c == 'u')
        return read_unicode_escape(to, at, end, passes);
    if (c >= 128 || meanings[c] == '\0')
        return "no such escape";
    af_buf_append_char(to, meanings[c]);
    *at += 2;
    return NULL;
}

const char *af_json_unescape(struct af_buf *to, const char *at, const char *end, bool passes,
                             const char **wrong)
{
    for (;;) {
        const char *plain_end = af_json_plain_end(at, end);
        af_buf_append(to, at, (size_t)(plain_end - at));
        at = plain_end;
        if (at < end && *at == '"')
            return at;
        if (at == end)
            *wrong = "a string without its closing quote";
        else if (*at == '\\')
            *wrong = read_escape(to, &at, end, passes);
        else
            *wrong = (unsigned char)*at < 0x20 ? "a control character in a string"
                                               : "invalid UTF-8 in a string";
        if (*wrong != NULL)
            return at;
    }
}
