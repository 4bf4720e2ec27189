/* json_core.h: what reading and writing JSON share. Only json_*.c include it.
 *
 * Most of a message is characters that stand for themselves in a string, so both sides look for
 * the first byte that does not, eight bytes at a time. A byte of the word w is found by arithmetic
 * on all eight at once: (w - 0x20…) & ~w has the top bit of each byte below 0x20 set, and the same
 * with 1 instead of 0x20 finds a zero byte, which is what w ^ '"'… has where w has a quote. A
 * borrow can only spoil bytes above one that was found, and the lowest is what is asked for. */
#ifndef AF_JSON_CORE_H
#define AF_JSON_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AF_JSON_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define AF_JSON_TOP_BITS AF_JSON_EACH_BYTE(0x80)

/* Nonzero where the eight bytes hold a '"', a '\', a control character or a byte above 0x7F; then
 * the lowest bit that is set is in the lowest of these. */
static inline uint64_t af_json_special_bits(uint64_t word)
{
    uint64_t quote = word ^ AF_JSON_EACH_BYTE('"');
    uint64_t backslash = word ^ AF_JSON_EACH_BYTE('\\');
    uint64_t control_bits = (word - AF_JSON_EACH_BYTE(0x20)) & ~word;
    uint64_t quote_bits = (quote - AF_JSON_EACH_BYTE(1)) & ~quote;
    uint64_t backslash_bits = (backslash - AF_JSON_EACH_BYTE(1)) & ~backslash;
    return (control_bits | quote_bits | backslash_bits | word) & AF_JSON_TOP_BITS;
}

static inline bool af_json_is_special(unsigned char byte)
{
    return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
}

/* The bytes of the character that starts at `at` with a byte above 0x7F; 0 if it is not UTF-8. */
static inline size_t af_json_utf8_len(const char *at, const char *end)
{
    const unsigned char *s = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    if (s[0] < 0xE0)
        return s[0] >= 0xC2 && left >= 2 && (s[1] & 0xC0) == 0x80 ? 2 : 0;
    if (left < 3 || (s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80)
        return 0;
    uint32_t high = (s[0] & 0x0Fu) << 6 | (s[1] & 0x3Fu); /* of the code point, without 6 bits */
    if (s[0] < 0xF0) {
        bool is_surrogate = high >= 0xD800 >> 6 && high <= 0xDFFF >> 6;
        return high >= 0x800 >> 6 && !is_surrogate ? 3 : 0;
    }
    if (left < 4 || (s[3] & 0xC0) != 0x80)
        return 0;
    return high >= 0x10000 >> 12 && high <= 0x10FFFF >> 12 ? 4 : 0;
}

/* Passes over what stands for itself in a string. Stops at a '"', a '\', a control character, a
 * byte that is not UTF-8 (then it is above 0x7F), or the end. */
static inline const char *af_json_plain_end(const char *at, const char *end)
{
    for (;;) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint64_t found = 0;
        for (; end - at >= 8; at += 8) {
            uint64_t word;
            memcpy(&word, at, sizeof word);
            found = af_json_special_bits(word);
            if (found != 0)
                break;
        }
        if (found != 0)
            at += __builtin_ctzll(found) / 8;
        else
#endif
            while (at < end && !af_json_is_special((unsigned char)*at))
                at++;
        if (at == end || (unsigned char)*at < 0x80)
            return at;
        size_t len = af_json_utf8_len(at, end);
        if (len == 0)
            return at;
        at += len;
    }
}

struct af_buf;

/* Appends what the string from `at`, behind its opening quote, says. Returns where its closing
 * quote is, or where it is wrong, with *wrong set to a constant text. */
const char *af_json_unescape(struct af_buf *to, const char *at, const char *end,
                             const char **wrong);

#endif
