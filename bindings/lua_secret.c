/* lua_secret.c: see lua_secret.h. */
#include "lua_script.h"
#include "lua_secret.h"

#include "base/rng.h"
#include "lua_strict.h"
#include "lua_vm.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* ---- Arguments. ---- */

const unsigned char *af_secret_bytes(lua_State *L, int index, size_t *len)
{
    luaL_checktype(L, index, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, index, len);
    af_vm_spend(L, (int64_t)(*len / AF_SECRET_BYTES_AN_INSTRUCTION));
    return (const unsigned char *)bytes;
}

/* The string at index of just that length; what: "key". */
const unsigned char *af_secret_of_length(lua_State *L, int index, size_t len, const char *what)
{
    size_t got;
    const unsigned char *bytes = af_secret_bytes(L, index, &got);
    if (got != len)
        luaL_error(L, "crypto: a %s has %d bytes, this one %d", what, (int)len, (int)got);
    return bytes;
}

void af_secret_options(lua_State *L, int index, const char *const *names)
{
    if (lua_isnoneornil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    index = lua_absindex(L, index);
    const char *unknown = NULL; /* the first of them in order: Lua's own is another each time */
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        const char *key =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] == NULL && (unknown == NULL || strcmp(key, unknown) < 0))
            unknown = key;
    }
    if (unknown == NULL)
        return;
    af_strict_push_names(L, names);
    af_strict_raise(L, "the options have no", unknown, lua_gettop(L));
}

size_t af_secret_list(lua_State *L, int index, const char *what)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, index);
    if (count == 0) {
        lua_pushnil(L);
        if (lua_next(L, index) != 0)
            luaL_error(L, "%s: expected a list, got a table without a first item", what);
    }
    return count;
}

int af_secret_push(lua_State *L, const unsigned char *bytes, size_t len)
{
    lua_pushlstring(L, (const char *)bytes, len);
    return 1;
}

/* ---- Randomness. ---- */

/* Fills bytes. Raises while a file is loaded. */
void af_secret_draw(lua_State *L, void *bytes, size_t len)
{
    struct af_delivery *delivery = af_delivery_running(L);
    if (delivery == NULL) {
        luaL_error(L, "crypto: randomness is not to be had while a flow is loaded; use it in a "
                      "handler");
        return;
    }
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    struct {
        char purpose[8];
        uint64_t a, b, call, half;
    } of = {"secret", delivery->input.key.a, delivery->input.key.b, ++delivery->secret_count, 0};
    struct af_hash key[2];
    key[0] = af_hash_bytes(delivery->party->seed, &of, sizeof of);
    of.half = 1;
    key[1] = af_hash_bytes(delivery->party->seed, &of, sizeof of);
    static_assert(sizeof key == crypto_stream_chacha20_KEYBYTES, "two hashes are a key");
    crypto_stream_chacha20(bytes, len, nonce, (const unsigned char *)key);
    sodium_memzero(key, sizeof key);
}

/* ---- Keys from keys. ---- */

void af_secret_hmac(const unsigned char *key, size_t key_len, const unsigned char *bytes,
                    size_t len, unsigned char out[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_len);
    crypto_auth_hmacsha256_update(&state, bytes, len);
    crypto_auth_hmacsha256_final(&state, out);
}

void af_secret_hkdf(const unsigned char *key, size_t key_len, const unsigned char *salt,
                    size_t salt_len, const unsigned char *info, size_t info_len, unsigned char *out,
                    size_t size)
{
    enum { HASH = crypto_auth_hmacsha256_BYTES };
    unsigned char extracted[HASH], block[HASH];
    static const unsigned char zeros[HASH];
    af_secret_hmac(salt == NULL ? zeros : salt, salt == NULL ? HASH : salt_len, key, key_len,
                   extracted);
    for (size_t done = 0, count = 1; done < size; count++) {
        crypto_auth_hmacsha256_state state;
        unsigned char number = (unsigned char)count;
        size_t piece = size - done < HASH ? size - done : HASH;
        crypto_auth_hmacsha256_init(&state, extracted, HASH);
        if (count > 1)
            crypto_auth_hmacsha256_update(&state, block, HASH);
        crypto_auth_hmacsha256_update(&state, info, info_len);
        crypto_auth_hmacsha256_update(&state, &number, 1);
        crypto_auth_hmacsha256_final(&state, block);
        memcpy(out + done, block, piece);
        done += piece;
    }
    sodium_memzero(extracted, sizeof extracted);
}

void af_secret_add(lua_State *L, const char *name, const luaL_Reg *functions)
{
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    lua_setfield(L, -2, name);
}
