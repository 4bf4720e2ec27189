/* write.c: see json.h. */
#include "json/json.h"

#include "json/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_TEXT_MAX 20 /* bytes: a sign and 19 digits */
#define DOUBLE_TEXT_MAX 32  /* bytes: 17 digits, sign, point, exponent and ".0" */

/* ---- Strings. ---- */

bool af_json_is_utf8(const char *text, size_t len)
{
    const char *at = text;
    const char *end = text + len;
    while (at < end) {
        uint64_t word;
        if (end - at >= 8 && (memcpy(&word, at, 8), (word & AF_JSON_TOP_BITS) == 0)) {
            at += 8;
            continue;
        }
        size_t step = (unsigned char)*at < 0x80 ? 1 : af_json_utf8_len(at, end);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* Appends the escape of '"', '\' or a control character. */
static void append_escape(struct af_buf *buf, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    };
    char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    if (byte >= 0x20)
        escape[1] = (char)byte;
    else if (shorts[byte] != '\0')
        escape[1] = shorts[byte];
    af_buf_append(buf, escape, escape[1] == 'u' ? 6 : 2);
}

/* Whether all was UTF-8. */
static bool append_escaped(struct af_buf *buf, const char *text, const char *end)
{
    af_buf_append_char(buf, '"');
    for (const char *at = text; at < end; at++) {
        const char *plain_end = af_json_plain_end(at, end);
        af_buf_append(buf, at, (size_t)(plain_end - at));
        at = plain_end;
        if (at == end)
            break;
        if ((unsigned char)*at >= 0x80)
            return false;
        append_escape(buf, (unsigned char)*at);
    }
    af_buf_append_char(buf, '"');
    return true;
}

/* Whether all of a text stands for itself. A short one, as most are, is its first bytes and its
 * last ones, which meet or overlap. */
static bool is_plain(const char *text, size_t len)
{
#ifdef __SSE2__
    if (len >= 4 && len < 16) {
        uint64_t words[2];
        uint32_t halves[2];
        if (len >= 8) {
            memcpy(&words[0], text, 8);
            memcpy(&words[1], text + len - 8, 8);
        } else {
            memcpy(&halves[0], text, 4);
            memcpy(&halves[1], text + len - 4, 4);
            words[0] = words[1] = halves[0] | (uint64_t)halves[1] << 32;
        }
        return af_json_special_bits(_mm_set_epi64x((int64_t)words[1], (int64_t)words[0])) == 0;
    }
#endif
    return af_json_plain_end(text, text + len) == text + len;
}

bool af_json_write_string(struct af_buf *buf, const char *text, size_t len)
{
    size_t len_before = buf->len;
    if (len == 0) {
        af_buf_append(buf, "\"\"", 2);
        return true;
    }
    if (!is_plain(text, len)) {
        bool is_utf8 = append_escaped(buf, text, text + len);
        if (!is_utf8)
            buf->len = len_before;
        return is_utf8;
    }
    if (af_buf_reserve(buf, len + 2)) {
        char *to = buf->data + buf->len;
        to[0] = '"';
        memcpy(to + 1, text, len);
        to[len + 1] = '"';
        buf->len += len + 2;
    }
    return true;
}

/* ---- Numbers. ---- */

/* Writes the digits of value before `end`, two at a time; returns the first. */
static char *put_digits(char *end, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *first = end;
    for (; value >= 10; value /= 100) {
        first -= 2;
        memcpy(first, pairs + value % 100 * 2, 2);
    }
    if (value > 0 || first == end)
        *--first = (char)('0' + value);
    return first;
}

void af_json_write_integer(struct af_buf *buf, int64_t value)
{
    char text[INTEGER_TEXT_MAX];
    char *end = text + sizeof text;
    char *first = put_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--first = '-';
    af_buf_append(buf, first, (size_t)(end - first));
}

/* Writes a double that is a whole number, or one with few decimals, as most are: then it is a whole
 * number over a power of ten, and as both are exact, so is the test that their quotient is it. With
 * at most 15 digits no shorter decimal reads back the same. Returns the length, or 0. */
static size_t put_short_decimal(char text[DOUBLE_TEXT_MAX], double value)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    double size = fabs(value);
    if (size >= 9007199254740992.0 || (size < 1e-4 && size != 0))
        return 0; /* not exact, or to be written with an exponent */
    size_t decimals = 0;
    uint64_t whole = (uint64_t)size;
    while ((double)whole / powers[decimals] != size) {
        decimals++;
        if (decimals == sizeof powers / sizeof *powers || size * powers[decimals] >= 1e15)
            return 0;
        whole = (uint64_t)(size * powers[decimals] + 0.5);
    }
    char *end = text + DOUBLE_TEXT_MAX;
    char *first = end;
    uint64_t power = (uint64_t)powers[decimals];
    if (decimals == 0) {
        *--first = '0';
    } else {
        first = put_digits(end, whole % power);
        while (first > end - decimals)
            *--first = '0';
    }
    *--first = '.';
    first = put_digits(first, whole / power);
    if (signbit(value))
        *--first = '-';
    memmove(text, first, (size_t)(end - first));
    return (size_t)(end - first);
}

/* Writes any finite double by trying. 15 digits are always kept by a double, so that fewer need not
 * be tried, except among those below the normal range. */
static size_t put_any_double(char text[DOUBLE_TEXT_MAX], double value)
{
    int digits = fabs(value) < 2.2250738585072014e-308 ? 1 : 15;
    int len = 0;
    for (; digits <= 17; digits++) {
        len = snprintf(text, DOUBLE_TEXT_MAX, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (strpbrk(text, ".e") == NULL) {
        text[len++] = '.';
        text[len++] = '0';
    }
    return (size_t)len;
}

bool af_json_write_double(struct af_buf *buf, double value)
{
    if (!isfinite(value))
        return false;
    char text[DOUBLE_TEXT_MAX];
    size_t len = put_short_decimal(text, value);
    if (len == 0)
        len = put_any_double(text, value);
    af_buf_append(buf, text, len);
    return true;
}

/* ---- Members and items. ---- */

void af_json_write_text(struct af_buf *buf, const char *text)
{
    if (text == NULL)
        af_buf_append_string(buf, "null");
    else if (!af_json_write_string(buf, text, strlen(text)))
        af_buf_append_string(buf, "\"(not valid UTF-8)\"");
}

static void append_comma(struct af_buf *buf)
{
    if (buf->len > 0 && strchr("{[,:", buf->data[buf->len - 1]) == NULL)
        af_buf_append_char(buf, ',');
}

void af_json_open(struct af_buf *buf, char bracket)
{
    append_comma(buf);
    af_buf_append_char(buf, bracket);
}

void af_json_item(struct af_buf *buf, const char *text)
{
    append_comma(buf);
    af_json_write_text(buf, text);
}

void af_json_item_pair(struct af_buf *buf, const char *left, const char *right)
{
    struct af_buf pair = AF_BUF_EMPTY;
    af_buf_printf(&pair, "%s=%s", left, right);
    af_json_item(buf, af_buf_text(&pair));
    af_buf_release(&pair);
}

void af_json_name(struct af_buf *buf, const char *name)
{
    append_comma(buf);
    af_buf_append_char(buf, '"');
    af_buf_append_string(buf, name);
    af_buf_append_string(buf, "\":");
}

void af_json_begin(struct af_buf *buf, const char *name, char bracket)
{
    af_json_name(buf, name);
    af_buf_append_char(buf, bracket);
}

void af_json_add_text(struct af_buf *buf, const char *name, const char *text)
{
    af_json_name(buf, name);
    af_json_write_text(buf, text);
}

void af_json_add_texts(struct af_buf *buf, const char *name, const char *const *items, size_t count)
{
    af_json_begin(buf, name, '[');
    for (size_t i = 0; i < count; i++)
        af_json_item(buf, items[i]);
    af_buf_append_char(buf, ']');
}

void af_json_add_integer(struct af_buf *buf, const char *name, int64_t value)
{
    af_json_name(buf, name);
    af_json_write_integer(buf, value);
}

void af_json_add_bool(struct af_buf *buf, const char *name, bool value)
{
    af_json_add_json(buf, name, value ? "true" : "false");
}

void af_json_add_json(struct af_buf *buf, const char *name, const char *json)
{
    af_json_name(buf, name);
    af_buf_append_string(buf, json == NULL ? "null" : json);
}
