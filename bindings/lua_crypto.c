/* lua_crypto.c: af.crypto: libsodium's primitives on byte strings. */
#include "lua_script.h"
#include "lua_secret.h"

#include "lua_vm.h"

#include <sodium.h>
#include <string.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };

/* The option `name`, a string, of the table at index, left on the stack; NULL if absent. */
static const unsigned char *option(lua_State *L, int index, const char *name, size_t *len)
{
    *len = 0;
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return NULL;
    }
    luaL_checktype(L, index, LUA_TTABLE);
    if (lua_getfield(L, index, name) == LUA_TNIL)
        return NULL;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "crypto: option '%s' is a %s, and must be a string", name,
                   luaL_typename(L, -1));
    return af_secret_bytes(L, lua_gettop(L), len);
}

/* random(n) */
static int random_bytes(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 0 && count <= 1 << 30, 1, "not a number of bytes");
    luaL_Buffer buffer;
    af_vm_spend(L, count / AF_SECRET_BYTES_AN_INSTRUCTION);
    char *out = luaL_buffinitsize(L, &buffer, (size_t)count);
    af_secret_draw(L, out, (size_t)count);
    luaL_pushresultsize(&buffer, (size_t)count);
    return 1;
}
AF_SECRET_DRAWS(random_bytes)

/* ---- Hashes. ---- */

static int digest(lua_State *L, size_t size,
                  int (*hash)(unsigned char *, const unsigned char *, unsigned long long))
{
    size_t len;
    const unsigned char *bytes = af_secret_bytes(L, 1, &len);
    unsigned char out[crypto_hash_sha512_BYTES]; /* the larger one */
    hash(out, bytes, len);
    return af_secret_push(L, out, size);
}

static int l_sha256(lua_State *L)
{
    return digest(L, crypto_hash_sha256_BYTES, crypto_hash_sha256);
}

static int l_sha512(lua_State *L)
{
    return digest(L, crypto_hash_sha512_BYTES, crypto_hash_sha512);
}

/* hmac(key, b): HMAC-SHA256 (RFC 2104) */
static int l_hmac(lua_State *L)
{
    size_t key_len, len;
    const unsigned char *key = af_secret_bytes(L, 1, &key_len),
                        *bytes = af_secret_bytes(L, 2, &len);
    unsigned char out[crypto_auth_hmacsha256_BYTES];
    af_secret_hmac(key, key_len, bytes, len, out);
    return af_secret_push(L, out, sizeof out);
}

/* hkdf(key, { salt =, info =, size = }): size 32 if absent */
static int l_hkdf(lua_State *L)
{
    size_t key_len, salt_len, info_len;
    const unsigned char *key = af_secret_bytes(L, 1, &key_len);
    unsigned char out[255 * crypto_auth_hmacsha256_BYTES];
    static const char *const names[] = {"salt", "info", "size", NULL};
    lua_settop(L, 2);
    af_secret_options(L, 2, names);
    const unsigned char *salt = option(L, 2, "salt", &salt_len);
    const unsigned char *info = option(L, 2, "info", &info_len);
    lua_Integer size = 32;
    if (lua_istable(L, 2)) {
        int whole = 1;
        if (lua_getfield(L, 2, "size") != LUA_TNIL)
            size = lua_tointegerx(L, -1, &whole);
        size = whole ? size : 0;
    }
    if (size < 1 || size > (lua_Integer)sizeof out)
        return luaL_error(L, "crypto.hkdf: size must be 1 to %d", (int)sizeof out);
    af_secret_hkdf(key, key_len, salt, salt_len, info == NULL ? (const unsigned char *)"" : info,
                   info_len, out, (size_t)size);
    return af_secret_push(L, out, (size_t)size);
}

/* equal(a, b): in a time that does not tell where they differ */
static int l_equal(lua_State *L)
{
    size_t a_len, b_len;
    const unsigned char *a = af_secret_bytes(L, 1, &a_len), *b = af_secret_bytes(L, 2, &b_len);
    lua_pushboolean(L, a_len == b_len && sodium_memcmp(a, b, a_len) == 0);
    return 1;
}

/* ---- Texts. ---- */

static int l_hex(lua_State *L)
{
    size_t len;
    luaL_Buffer buffer;
    const unsigned char *bytes = af_secret_bytes(L, 1, &len);
    char *out = luaL_buffinitsize(L, &buffer, 2 * len + 1);
    sodium_bin2hex(out, 2 * len + 1, bytes, len);
    luaL_pushresultsize(&buffer, 2 * len);
    return 1;
}

/* unhex(text) → bytes, or nil: it is none */
static int l_unhex(lua_State *L)
{
    size_t len, made;
    luaL_Buffer buffer;
    const char *text = (const char *)af_secret_bytes(L, 1, &len), *end;
    char *out = luaL_buffinitsize(L, &buffer, len / 2 + 1);
    bool fits =
        sodium_hex2bin((unsigned char *)out, len / 2 + 1, text, len, NULL, &made, &end) == 0 &&
        end == text + len;
    luaL_pushresultsize(&buffer, fits ? made : 0);
    if (!fits)
        lua_pushnil(L);
    return 1;
}

static int l_base64(lua_State *L)
{
    size_t len;
    luaL_Buffer buffer;
    const unsigned char *bytes = af_secret_bytes(L, 1, &len);
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *out = luaL_buffinitsize(L, &buffer, size);
    sodium_bin2base64(out, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    luaL_pushresultsize(&buffer, size - 1);
    return 1;
}

/* unbase64(text) → bytes, or nil: it is none */
static int l_unbase64(lua_State *L)
{
    size_t len, made;
    luaL_Buffer buffer;
    const char *text = (const char *)af_secret_bytes(L, 1, &len), *end;
    char *out = luaL_buffinitsize(L, &buffer, len + 1);
    bool fits = sodium_base642bin((unsigned char *)out, len + 1, text, len, NULL, &made, &end,
                                  sodium_base64_VARIANT_ORIGINAL) == 0 &&
                end == text + len;
    luaL_pushresultsize(&buffer, fits ? made : 0);
    if (!fits)
        lua_pushnil(L);
    return 1;
}

/* ---- Keys. ---- */

static int push_keypair(lua_State *L, const unsigned char *public, size_t public_len,
                        const unsigned char *secret, size_t secret_len)
{
    lua_createtable(L, 0, 2);
    af_secret_push(L, public, public_len);
    lua_setfield(L, -2, "public");
    af_secret_push(L, secret, secret_len);
    lua_setfield(L, -2, "secret");
    return 1;
}

/* x25519_keypair() → { public =, secret = } */
static int x25519_keypair(lua_State *L)
{
    unsigned char public[crypto_scalarmult_BYTES], secret[crypto_scalarmult_SCALARBYTES];
    af_secret_draw(L, secret, sizeof secret);
    crypto_scalarmult_base(public, secret);
    return push_keypair(L, public, sizeof public, secret, sizeof secret);
}
AF_SECRET_DRAWS(x25519_keypair)

/* x25519(secret, public) → 32 bytes that both have (RFC 7748; derive a key from them by hkdf), or
 * nil: the public key is of small order */
static int l_x25519(lua_State *L)
{
    const unsigned char *secret =
        af_secret_of_length(L, 1, crypto_scalarmult_SCALARBYTES, "secret key");
    const unsigned char *public = af_secret_of_length(L, 2, crypto_scalarmult_BYTES, "public key");
    unsigned char out[crypto_scalarmult_BYTES];
    if (crypto_scalarmult(out, secret, public) != 0)
        return 0;
    return af_secret_push(L, out, sizeof out);
}

/* sign_keypair() → { public =, secret = }: Ed25519 */
static int sign_keypair(lua_State *L)
{
    unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    unsigned char seed[crypto_sign_SEEDBYTES];
    af_secret_draw(L, seed, sizeof seed);
    crypto_sign_seed_keypair(public, secret, seed);
    return push_keypair(L, public, sizeof public, secret, sizeof secret);
}
AF_SECRET_DRAWS(sign_keypair)

/* sign(secret, b) → 64 bytes */
static int l_sign(lua_State *L)
{
    size_t len;
    const unsigned char *secret =
        af_secret_of_length(L, 1, crypto_sign_SECRETKEYBYTES, "secret key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    unsigned char out[crypto_sign_BYTES];
    crypto_sign_detached(out, NULL, bytes, len, secret);
    return af_secret_push(L, out, sizeof out);
}

/* verify(public, b, signature) → boolean */
static int l_verify(lua_State *L)
{
    size_t len;
    const unsigned char *public =
        af_secret_of_length(L, 1, crypto_sign_PUBLICKEYBYTES, "public key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    const unsigned char *signature = af_secret_of_length(L, 3, crypto_sign_BYTES, "signature");
    lua_pushboolean(L, crypto_sign_verify_detached(signature, bytes, len, public) == 0);
    return 1;
}

/* ---- Secrets. ---- */

/* The nonce of a sealed box: BLAKE2b of both public keys. */
static void seal_nonce(unsigned char nonce[crypto_box_NONCEBYTES], const unsigned char *ephemeral,
                       const unsigned char *public)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, crypto_box_NONCEBYTES);
    crypto_generichash_update(&state, ephemeral, crypto_box_PUBLICKEYBYTES);
    crypto_generichash_update(&state, public, crypto_box_PUBLICKEYBYTES);
    crypto_generichash_final(&state, nonce, crypto_box_NONCEBYTES);
}

/* seal(public, b): libsodium's sealed box, with an ephemeral key of the party's own randomness;
 * nil: the public key is none */
static int seal(lua_State *L)
{
    size_t len;
    const unsigned char *public =
        af_secret_of_length(L, 1, crypto_box_PUBLICKEYBYTES, "public key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    unsigned char seed[crypto_box_SEEDBYTES], nonce[crypto_box_NONCEBYTES];
    unsigned char ephemeral[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES];
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, len + crypto_box_SEALBYTES);
    af_secret_draw(L, seed, sizeof seed);
    crypto_box_seed_keypair(ephemeral, secret, seed);
    seal_nonce(nonce, ephemeral, public);
    memcpy(out, ephemeral, sizeof ephemeral);
    bool sealed = crypto_box_easy((unsigned char *)out + sizeof ephemeral, bytes, len, nonce,
                                  public, secret) == 0;
    sodium_memzero(secret, sizeof secret);
    luaL_pushresultsize(&buffer, sealed ? len + crypto_box_SEALBYTES : 0);
    if (!sealed)
        lua_pushnil(L);
    return 1;
}
AF_SECRET_DRAWS(seal)

/* unseal(keypair, b) → bytes, or nil */
static int l_unseal(lua_State *L)
{
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    static const char *const names[] = {"public", "secret"};
    for (int i = 0; i < 2; i++)
        if (lua_getfield(L, 1, names[i]) != LUA_TSTRING)
            return luaL_error(L, "crypto.unseal: the key pair's %s key is a %s", names[i],
                              luaL_typename(L, -1));
    const unsigned char *public =
        af_secret_of_length(L, 3, crypto_box_PUBLICKEYBYTES, "public key");
    const unsigned char *secret =
        af_secret_of_length(L, 4, crypto_box_SECRETKEYBYTES, "secret key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    if (len < crypto_box_SEALBYTES)
        return 0;
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, len);
    bool opened = crypto_box_seal_open((unsigned char *)out, bytes, len, public, secret) == 0;
    luaL_pushresultsize(&buffer, opened ? len - crypto_box_SEALBYTES : 0);
    if (!opened)
        lua_pushnil(L);
    return 1;
}

/* encrypt(key, b, { ad = }): XChaCha20-Poly1305, its random nonce in front */
static int encrypt(lua_State *L)
{
    size_t len, ad_len;
    static const char *const names[] = {"ad", NULL};
    lua_settop(L, 3);
    af_secret_options(L, 3, names);
    const unsigned char *key =
        af_secret_of_length(L, 1, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    const unsigned char *ad = option(L, 3, "ad", &ad_len);
    unsigned long long made;
    luaL_Buffer buffer;
    size_t size = NONCE + len + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    unsigned char *out = (unsigned char *)luaL_buffinitsize(L, &buffer, size);
    af_secret_draw(L, out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, &made, bytes, len, ad, ad_len, NULL,
                                               out, key);
    luaL_pushresultsize(&buffer, size);
    return 1;
}
AF_SECRET_DRAWS(encrypt)

/* decrypt(key, b, { ad = }) → bytes, or nil */
static int l_decrypt(lua_State *L)
{
    size_t len, ad_len;
    static const char *const names[] = {"ad", NULL};
    lua_settop(L, 3);
    af_secret_options(L, 3, names);
    const unsigned char *key =
        af_secret_of_length(L, 1, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
    const unsigned char *bytes = af_secret_bytes(L, 2, &len);
    const unsigned char *ad = option(L, 3, "ad", &ad_len);
    unsigned long long made = 0;
    if (len < NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES)
        return 0;
    luaL_Buffer buffer;
    unsigned char *out = (unsigned char *)luaL_buffinitsize(L, &buffer, len);
    bool opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
                      out, &made, NULL, bytes + NONCE, len - NONCE, ad, ad_len, bytes, key) == 0;
    luaL_pushresultsize(&buffer, opened ? (size_t)made : 0);
    if (!opened)
        lua_pushnil(L);
    return 1;
}

void af_crypto_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"random", l_random_bytes},
        {"sha256", l_sha256},
        {"sha512", l_sha512},
        {"hmac", l_hmac},
        {"hkdf", l_hkdf},
        {"equal", l_equal},
        {"hex", l_hex},
        {"unhex", l_unhex},
        {"base64", l_base64},
        {"unbase64", l_unbase64},
        {"x25519_keypair", l_x25519_keypair},
        {"x25519", l_x25519},
        {"sign_keypair", l_sign_keypair},
        {"sign", l_sign},
        {"verify", l_verify},
        {"seal", l_seal},
        {"unseal", l_unseal},
        {"encrypt", l_encrypt},
        {"decrypt", l_decrypt},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    af_points_open(L);
    af_shares_open(L);
    lua_setfield(L, -2, "crypto");
    lua_getfield(L, -1, "vector");
    af_noise_open(L);
    lua_pop(L, 1);
}
