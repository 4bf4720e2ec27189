/* lua_noise.c: what af.vector has of chance and of keys: masks and noise. */
#include "lua_script.h"
#include "lua_secret.h"

#include "base/rng.h"
#include "lua_halves.h"
#include "lua_host.h"
#include "lua_vector.h"
#include "lua_vm.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

/* A block's stream and numbers stay in the cache; a thread is worth what masks take a millisecond.
 */
enum { MASK_BLOCK = 16 << 10, MASK_WORTH = 1 << 20 };

/* One of the masks that are added: its stream's key, derived. */
struct mask {
    unsigned char key[crypto_stream_chacha20_KEYBYTES];
    bool subtract;
};

struct masking {
    const unsigned char *v;
    char *out;
    const struct mask *masks;
    size_t count;
};

/* Makes size bytes of out of as many of v, which may be out; stream has room for as many. */
static void mask_block(const struct mask *mask, uint64_t block, const void *v, char *out,
                       unsigned char *stream, size_t size)
{
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    memset(stream, 0, size);
    crypto_stream_chacha20_xor_ic(stream, stream, size, nonce, block, mask->key);
    af_vector_add_words(out, v, stream, size / 8, mask->subtract);
}

/* Bytes from to to - 1; from is a multiple of MASK_BLOCK. */
static void mask_some(void *arg, size_t from, size_t to)
{
    const struct masking *masking = arg;
    unsigned char stream[MASK_BLOCK];
    for (size_t start = from; start < to; start += MASK_BLOCK) {
        size_t size = to - start < MASK_BLOCK ? to - start : MASK_BLOCK;
        const void *v = masking->v + start;
        for (size_t i = 0; i < masking->count; i++, v = masking->out + start)
            mask_block(&masking->masks[i], start / 64, v, masking->out + start, stream, size);
        if (masking->count == 0)
            memcpy(masking->out + start, v, size);
    }
    sodium_memzero(stream, sizeof stream);
}

/* What the table at index says of subtract. */
static bool subtracts(lua_State *L, int index)
{
    lua_getfield(L, index, "subtract");
    bool subtract = lua_toboolean(L, -1);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "vector.mask: subtract must be true or false");
    lua_pop(L, 1);
    return subtract;
}

/* Pushes the vector at 1 with the masks added. */
static int push_masked(lua_State *L, struct mask *masks, size_t count)
{
    size_t len;
    const unsigned char *v = af_secret_bytes(L, 1, &len);
    if (len % 8 != 0)
        return luaL_error(L, "vector.mask: %d bytes are no whole number of u64", (int)len);
    luaL_Buffer buffer;
    char *out = af_vector_result_bytes(L, &buffer, AF_VECTOR_U64, len / 8);
    struct masking masking = {v, out, masks, count};
    af_halves_do(mask_some, &masking, len, MASK_BLOCK, MASK_WORTH / (count == 0 ? 1 : count));
    sodium_memzero(masks, count * sizeof *masks);
    return af_vector_push_result(L, &buffer, AF_VECTOR_U64, out, len / 8);
}

/* vector.mask(v, key, label, { subtract = }): adds the key's stream of that label to u64s; who
 * knows the key takes it away again. A label is used once. */
static int l_mask(lua_State *L)
{
    size_t key_len, label_len;
    static const char *const names[] = {"subtract", NULL};
    lua_settop(L, 4);
    af_secret_options(L, 4, names);
    const unsigned char *key = af_secret_bytes(L, 2, &key_len);
    const unsigned char *label = af_secret_bytes(L, 3, &label_len);
    struct mask mask = {.subtract = false};
    if (!lua_isnil(L, 4)) {
        luaL_checktype(L, 4, LUA_TTABLE);
        mask.subtract = subtracts(L, 4);
    }
    af_secret_hkdf(key, key_len, NULL, 0, label, label_len, mask.key, sizeof mask.key);
    return push_masked(L, &mask, 1);
}

/* vector.mask_all(v, { { key =, label =, subtract = }, … }): the same for each of a list, in one
 * pass. */
static int l_mask_all(lua_State *L)
{
    static const char *const names[] = {"key", "label", "subtract", NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    size_t count = lua_rawlen(L, 2);
    struct mask *masks = lua_newuserdatauv(L, count * sizeof *masks + 1, 0);
    for (size_t i = 0; i < count; i++) {
        size_t key_len, label_len;
        if (lua_rawgeti(L, 2, (lua_Integer)i + 1) != LUA_TTABLE)
            return luaL_error(L, "vector.mask_all: mask %d is a %s", (int)i + 1,
                              luaL_typename(L, -1));
        int item = lua_gettop(L);
        af_secret_options(L, item, names);
        lua_getfield(L, item, "key");
        lua_getfield(L, item, "label");
        masks[i].subtract = subtracts(L, item);
        const unsigned char *key = af_secret_bytes(L, item + 1, &key_len);
        const unsigned char *label = af_secret_bytes(L, item + 2, &label_len);
        af_secret_hkdf(key, key_len, NULL, 0, label, label_len, masks[i].key, sizeof masks[i].key);
        lua_settop(L, item - 1);
    }
    af_vm_spend(L, (int64_t)(lua_rawlen(L, 1) / AF_SECRET_BYTES_AN_INSTRUCTION * count));
    return push_masked(L, masks, count);
}

/* A stream of the party's randomness for exact draws. */
struct coins {
    unsigned char key[crypto_stream_chacha20_KEYBYTES];
    unsigned char bytes[1024];
    size_t at;
    uint64_t block;
};

static uint64_t coin_word(struct coins *coins)
{
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    if (coins->at + 8 > sizeof coins->bytes) {
        memset(coins->bytes, 0, sizeof coins->bytes);
        crypto_stream_chacha20_xor_ic(coins->bytes, coins->bytes, sizeof coins->bytes, nonce,
                                      coins->block, coins->key);
        coins->block += sizeof coins->bytes / 64;
        coins->at = 0;
    }
    uint64_t word;
    memcpy(&word, coins->bytes + coins->at, sizeof word);
    coins->at += 8;
    return word;
}

typedef unsigned __int128 wide;

/* Evenly from 0 to below - 1. */
static wide coin_below(struct coins *coins, wide below)
{
    wide mask = below - 1, drawn;
    for (int shift = 1; shift < 128; shift *= 2)
        mask |= mask >> shift;
    do
        drawn = ((wide)coin_word(coins) << 64 | coin_word(coins)) & mask;
    while (drawn >= below);
    return drawn;
}

/* True with probability exp(-a/b), a <= b: exact (Canonne, Kamath, Steinke, "The Discrete Gaussian
 * for Differential Privacy", 2020, algorithm 1). */
static bool coin_exp_at_most_1(struct coins *coins, wide a, wide b)
{
    unsigned k = 1;
    while (coin_below(coins, b * k) < a)
        k++;
    return k % 2 == 1;
}

static bool coin_exp(struct coins *coins, wide a, wide b)
{
    for (; a > b; a -= b)
        if (!coin_exp_at_most_1(coins, 1, 1))
            return false;
    return coin_exp_at_most_1(coins, a, b);
}

/* An integer with probability in proportion to exp(-|x|/t). Their algorithm 2. */
static int64_t coin_laplace(struct coins *coins, uint64_t t)
{
    for (;;) {
        uint64_t u = (uint64_t)coin_below(coins, t), v = 0;
        if (!coin_exp(coins, u, t))
            continue;
        while (v < 1 << 20 && coin_exp_at_most_1(coins, 1, 1))
            v++;
        int64_t size = (int64_t)(u + t * v);
        bool negative = coin_word(coins) & 1;
        if (negative && size == 0)
            continue;
        return negative ? -size : size;
    }
}

enum { VARIANCE_PART = 1024 }; /* a variance is a whole number of these parts: exact in integers */

/* Their algorithm 3, for a variance of parts / VARIANCE_PART. */
static int64_t coin_gaussian(struct coins *coins, uint64_t parts, uint64_t t)
{
    for (;;) {
        int64_t x = coin_laplace(coins, t);
        wide size = (wide)(x < 0 ? -x : x) * t * VARIANCE_PART;
        wide difference = size > parts ? size - parts : parts - size;
        /* (|x| - variance/t)² / (2·variance), times t²·VARIANCE_PART² above and below */
        wide below = (wide)2 * parts * VARIANCE_PART * t * t;
        if (difference >> 60 == 0 && coin_exp(coins, difference * difference, below))
            return x;
    }
}

/* vector.discrete_gaussian(n, sigma) → i64: the discrete Gaussian, exact but for sigma², which is
 * rounded up to a 1024th */
static int discrete_gaussian(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    lua_Number sigma = luaL_checknumber(L, 2);
    luaL_argcheck(L, count >= 0 && count <= 1 << 27, 1, "not a number of numbers");
    luaL_argcheck(L, sigma > 0 && sigma <= 65536, 2, "must be above 0, and at most 65536");
    struct coins coins = {.at = sizeof coins.bytes};
    lua_Number exact = sigma * sigma * VARIANCE_PART;
    uint64_t parts = (uint64_t)exact;
    parts += (lua_Number)parts < exact;
    luaL_Buffer buffer;
    char *out = af_vector_result_bytes(L, &buffer, AF_VECTOR_I64, (size_t)count);
    af_secret_draw(L, coins.key, sizeof coins.key);
    for (lua_Integer i = 0; i < count; i++) {
        int64_t drawn = coin_gaussian(&coins, parts, (uint64_t)sigma + 1);
        memcpy(out + 8 * i, &drawn, sizeof drawn);
        if (i % 16 == 0)
            af_vm_spend(L, 1024);
    }
    sodium_memzero(&coins, sizeof coins);
    return af_vector_push_result(L, &buffer, AF_VECTOR_I64, out, (size_t)count);
}
AF_SECRET_DRAWS(discrete_gaussian)

/* The natural logarithm of 0 < x, by sums and products alone: the same bits on every processor. */
static double exact_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent) * 2, sum = 0; /* 1 <= m < 2 */
    exponent--;
    if (m > 1.4142135623730951) {
        m /= 2;
        exponent++;
    }
    double z = (m - 1) / (m + 1), power = z;
    for (int k = 1; k < 40; k += 2) { /* 2·artanh(z) */
        sum += power / k;
        power *= z * z;
    }
    return 2 * sum + exponent * 0.6931471805599453;
}

static double draw_unit(struct af_rng *rng) /* never 0 */
{
    return ((double)(af_rng_next(rng) >> 11) + 0.5) * 0x1p-53;
}

static double draw_gaussian(struct af_rng *rng)
{
    for (;;) { /* Marsaglia's polar method */
        double a = 2 * draw_unit(rng) - 1, b = 2 * draw_unit(rng) - 1, s = a * a + b * b;
        if (s > 0 && s < 1)
            return a * sqrt(-2 * exact_log(s) / s);
    }
}

static double draw_laplace(struct af_rng *rng)
{
    double u = draw_unit(rng) - 0.5;
    double size = -exact_log(1 - 2 * (u < 0 ? -u : u));
    return u < 0 ? -size : size;
}

static int floats(lua_State *L, const char *name, double (*draw_one)(struct af_rng *))
{
    lua_Integer count = luaL_checkinteger(L, 1);
    lua_Number scale = luaL_checknumber(L, 2);
    enum af_vector_kind kind = af_vector_kind(L, 3);
    af_vector_need_float(L, kind, name);
    luaL_argcheck(L, count >= 0 && count <= 1 << 27, 1, "not a number of numbers");
    luaL_argcheck(L, scale >= 0 && scale <= 1e300, 2, "must be at least 0");
    luaL_Buffer buffer;
    struct af_rng *rng = af_host_chance(L);
    char *out = af_vector_result_bytes(L, &buffer, kind, (size_t)count);
    for (lua_Integer i = 0; i < count; i++) {
        af_vector_put(out, kind, (size_t)i, draw_one(rng) * scale);
        if (i % 64 == 0)
            af_vm_spend(L, 1024);
    }
    return af_vector_push_result(L, &buffer, kind, out, (size_t)count);
}

/* vector.gaussian(n, sigma): floats from the party's chance; not for privacy */
static int gaussian(lua_State *L)
{
    return floats(L, "gaussian", draw_gaussian);
}
AF_SECRET_DRAWS(gaussian)

/* vector.laplace(n, b): floats from the party's chance; not for privacy */
static int laplace(lua_State *L)
{
    return floats(L, "laplace", draw_laplace);
}
AF_SECRET_DRAWS(laplace)

void af_noise_open(lua_State *L)
{
    static const luaL_Reg vector[] = {{"mask", l_mask},
                                      {"mask_all", l_mask_all},
                                      {"gaussian", l_gaussian},
                                      {"laplace", l_laplace},
                                      {"discrete_gaussian", l_discrete_gaussian},
                                      {NULL, NULL}};
    luaL_setfuncs(L, vector, 0);
}
