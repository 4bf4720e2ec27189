/* rng.c: see rng.h. */
#include "base/rng.h"

#include <string.h>

/* ---- SipHash-2-4 with 128 bits (Aumasson and Bernstein). ---- */

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline uint64_t little_endian(uint64_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return x;
#else
    return __builtin_bswap64(x);
#endif
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_end(struct sip *s)
{
    sip_round(s);
    sip_round(s);
    sip_round(s);
    sip_round(s);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_out(const struct sip *s)
{
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct af_hash af_hash_bytes(struct af_hash key, const void *bytes, size_t len)
{
    struct sip s = {
        key.a ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
        key.b ^ UINT64_C(0x646f72616e646f6d) ^ 0xEE,
        key.a ^ UINT64_C(0x6c7967656e657261),
        key.b ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *at = bytes;
    const unsigned char *last = at + (len & ~(size_t)7);
    for (; at < last; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sip_word(&s, little_endian(word));
    }
    uint64_t word = (uint64_t)len << 56;
    for (size_t i = 0; i < (len & 7); i++)
        word |= (uint64_t)at[i] << (8 * i);
    sip_word(&s, word);
    struct af_hash hash;
    s.v2 ^= 0xEE;
    sip_end(&s);
    hash.a = sip_out(&s);
    s.v1 ^= 0xDD;
    sip_end(&s);
    hash.b = sip_out(&s);
    return hash;
}

/* ---- xoshiro256** (Blackman and Vigna). ---- */

void af_rng_init(struct af_rng *rng, uint64_t seed, const char *purpose)
{
    af_rng_init_keyed(rng, af_hash_bytes((struct af_hash){seed, 0}, purpose, strlen(purpose)));
}

void af_rng_init_keyed(struct af_rng *rng, struct af_hash key)
{
    struct af_hash low = af_hash_bytes(key, "0", 1);
    struct af_hash high = af_hash_bytes(key, "1", 1);
    *rng = (struct af_rng){{low.a, low.b, high.a, high.b}};
    if ((low.a | low.b | high.a | high.b) == 0)
        rng->s[0] = 1; /* from all zeros it would never move */
}

uint64_t af_rng_next(struct af_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* The high half of draw * below is even, but for the draws whose low half is among the first
 * 2^64 mod below: these are drawn again (Lemire). */
uint64_t af_rng_below(struct af_rng *rng, uint64_t below)
{
    if (below <= 1)
        return 0;
    unsigned __int128 product = (unsigned __int128)af_rng_next(rng) * below;
    if ((uint64_t)product < below) {
        uint64_t uneven = (0 - below) % below;
        while ((uint64_t)product < uneven)
            product = (unsigned __int128)af_rng_next(rng) * below;
    }
    return (uint64_t)(product >> 64);
}

double af_rng_unit(struct af_rng *rng)
{
    return (double)(af_rng_next(rng) >> 11) * 0x1p-53;
}

int af_rng_chance(struct af_rng *rng, double p)
{
    if (!(p > 0))
        return 0;
    return p >= 1 || af_rng_unit(rng) < p;
}

/* ---- UUIDs. ---- */

/* Writes the eight digits at once: each half-byte becomes a byte of a word. */
static void put_hex(char *text, uint64_t value)
{
    value = (value | value << 16) & UINT64_C(0x0000FFFF0000FFFF);
    value = (value | value << 8) & UINT64_C(0x00FF00FF00FF00FF);
    value = (value | value << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    uint64_t letters = (value + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    value += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    value = __builtin_bswap64(little_endian(value)); /* the highest comes first */
    memcpy(text, &value, 8);
}

void af_hash_hex(struct af_hash hash, char text[AF_HASH_HEX_BYTES])
{
    put_hex(text, hash.a >> 32);
    put_hex(text + 8, hash.a & UINT32_MAX);
    put_hex(text + 16, hash.b >> 32);
    put_hex(text + 24, hash.b & UINT32_MAX);
    text[32] = '\0';
}

void af_uuid_format(struct af_hash hash, char text[AF_UUID_TEXT_BYTES])
{
    hash.a = (hash.a & ~UINT64_C(0xF000)) | 0x4000;               /* version 4 */
    hash.b = (hash.b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63; /* variant 1 */
    char digits[AF_HASH_HEX_BYTES];
    af_hash_hex(hash, digits);
    memcpy(text, digits, 8);
    memcpy(text + 9, digits + 8, 4);
    memcpy(text + 14, digits + 12, 4);
    memcpy(text + 19, digits + 16, 4);
    memcpy(text + 24, digits + 20, 13); /* with the 0 byte */
    text[8] = text[13] = text[18] = text[23] = '-';
}

int af_uuid_parse(const char *text, struct af_hash *hash)
{
    uint64_t halves[2] = {0, 0};
    int digits = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '-' && (digits == 8 || digits == 12 || digits == 16 || digits == 20))
            continue;
        unsigned value;
        if (*at >= '0' && *at <= '9')
            value = (unsigned)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            value = (unsigned)(*at - 'a') + 10;
        else
            return 0;
        if (digits == 32)
            return 0;
        halves[digits / 16] = halves[digits / 16] << 4 | value;
        digits++;
    }
    *hash = (struct af_hash){halves[0], halves[1]};
    return digits == 32;
}
