/* lua_shares.c: af.crypto.shamir: secret sharing (Shamir, "How to Share a Secret", 1979), of each
 * byte in GF(2^8). */
#include "lua_script.h"
#include "lua_secret.h"

#include "lua_vm.h"

#include <sodium.h>

/* Times x^k modulo x^8 + x^4 + x^3 + x + 1, in a time that does not depend on the values. */
static unsigned multiply(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (int i = 0; i < 8; i++) {
        product ^= a & (0u - (b >> i & 1));
        a = (a << 1 ^ (0x11bu & (0u - (a >> 7)))) & 0xff;
    }
    return product;
}

static unsigned invert(unsigned a) /* a^254 */
{
    unsigned power = a, out = 1;
    for (int i = 1; i < 8; i++) {
        power = multiply(power, power);
        out = multiply(out, power);
    }
    return out;
}

static lua_Integer count_option(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    int whole;
    lua_Integer count = lua_tointegerx(L, -1, &whole);
    lua_pop(L, 1);
    if (!whole || count < 1 || count > 255)
        luaL_error(L, "crypto.shamir: %s must be 1 to 255", name);
    return count;
}

/* shamir.split(secret, { shares =, threshold = }) → a list: a byte that numbers the share, and one
 * for each of the secret */
static int split(lua_State *L)
{
    size_t len;
    const unsigned char *secret = af_secret_bytes(L, 1, &len);
    static const char *const names[] = {"shares", "threshold", NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    af_secret_options(L, 2, names);
    lua_Integer shares = count_option(L, "shares"), threshold = count_option(L, "threshold");
    if (threshold > shares)
        return luaL_error(L, "crypto.shamir: a threshold of %d among %d shares", (int)threshold,
                          (int)shares);
    size_t degree = (size_t)threshold - 1;
    af_vm_spend(L, (int64_t)(len * (size_t)shares * (degree + 1)) / 4);
    unsigned char *terms = lua_newuserdatauv(L, len * degree + 1, 0);
    unsigned char *share = lua_newuserdatauv(L, len + 1, 0);
    af_secret_draw(L, terms, len * degree);
    lua_createtable(L, (int)shares, 0);
    for (lua_Integer x = 1; x <= shares; x++) {
        share[0] = (unsigned char)x;
        for (size_t i = 0; i < len; i++) {
            unsigned y = 0; /* Horner's rule */
            for (size_t k = degree; k > 0; k--)
                y = multiply(y ^ terms[i * degree + k - 1], (unsigned)x);
            share[i + 1] = (unsigned char)(y ^ secret[i]);
        }
        af_secret_push(L, share, len + 1);
        lua_rawseti(L, -2, x);
    }
    sodium_memzero(terms, len * degree);
    return 1;
}
AF_SECRET_DRAWS(split)

/* shamir.combine(shares, threshold) → the secret, or nil: they are too few, or not of one secret's
 * form. The first `threshold` are used. */
static int l_combine(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer threshold = luaL_checkinteger(L, 2);
    luaL_argcheck(L, threshold >= 1 && threshold <= 255, 2, "must be 1 to 255");
    lua_settop(L, 2);
    lua_createtable(L, (int)threshold, 0); /* holds what the list gave */
    const unsigned char *share[255];
    size_t len = 0, got;
    for (lua_Integer k = 0; k < threshold; k++) {
        if (lua_geti(L, 1, k + 1) == LUA_TNIL)
            return 0;
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "crypto.shamir: share %d is a %s", (int)k + 1,
                              luaL_typename(L, -1));
        share[k] = af_secret_bytes(L, lua_gettop(L), &got);
        len = k == 0 ? got : len;
        if (got != len || got < 1 || share[k][0] == 0)
            return 0;
        for (lua_Integer j = 0; j < k; j++)
            if (share[j][0] == share[k][0])
                return 0;
        lua_rawseti(L, 3, k + 1);
    }
    unsigned weights[255]; /* Lagrange's, at 0 */
    for (lua_Integer k = 0; k < threshold; k++) {
        weights[k] = 1;
        for (lua_Integer j = 0; j < threshold; j++)
            if (j != k)
                weights[k] = multiply(
                    weights[k], multiply(share[j][0], invert((unsigned)share[j][0] ^ share[k][0])));
    }
    luaL_Buffer buffer;
    af_vm_spend(L, (int64_t)(len * (size_t)threshold) / 4);
    char *out = luaL_buffinitsize(L, &buffer, len);
    for (size_t i = 1; i < len; i++) {
        unsigned byte = 0;
        for (lua_Integer k = 0; k < threshold; k++)
            byte ^= multiply(weights[k], share[k][i]);
        out[i - 1] = (char)byte;
    }
    luaL_pushresultsize(&buffer, len - 1);
    return 1;
}

void af_shares_open(lua_State *L)
{
    static const luaL_Reg shamir[] = {{"split", l_split}, {"combine", l_combine}, {NULL, NULL}};
    af_secret_add(L, "shamir", shamir);
}
