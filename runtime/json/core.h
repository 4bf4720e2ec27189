/* core.h: what reading and writing JSON share. Only json_*.c include it.
 *
 * Most of a message is characters that stand for themselves in a string, so both sides look for
 * the first byte that does not, sixteen bytes at a time where the processor can. */
#ifndef AF_JSON_CORE_H
#define AF_JSON_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define AF_JSON_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define AF_JSON_TOP_BITS AF_JSON_EACH_BYTE(0x80)

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

#ifdef __SSE2__
/* Of sixteen bytes, a bit for each that is special. */
static inline unsigned af_json_special_bits(__m128i bytes)
{
    __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* above 0x7F: negative */
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), others));
}
#endif

/* The first byte from `at` on that is special, or the end. */
static inline const char *af_json_find_special(const char *at, const char *end)
{
#ifdef __SSE2__
    const char *start = at;
    while (at < end && end - start >= 16) {
        at = end - at >= 16 ? at : end - 16; /* the last bytes with some that were looked at */
        unsigned found = af_json_special_bits(_mm_loadu_si128((const __m128i *)(const void *)at));
        if (found != 0)
            return at + __builtin_ctz(found);
        at += 16;
    }
#endif
    while (at < end && !af_json_is_special((unsigned char)*at))
        at++;
    return at;
}

/* Passes over what stands for itself in a string. Stops at a '"', a '\', a control character, a
 * byte that is not UTF-8 (then it is above 0x7F), or the end. */
static inline const char *af_json_plain_end(const char *at, const char *end)
{
    for (;;) {
        at = af_json_find_special(at, end);
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
 * quote is, or where it is wrong, with *wrong set to a constant text. passes: see json.h. */
const char *af_json_unescape(struct af_buf *to, const char *at, const char *end, bool passes,
                             const char **wrong);

#endif
