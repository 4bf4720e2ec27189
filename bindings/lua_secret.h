/* lua_secret.h: what the functions of af.crypto have in common: their arguments, and randomness.
 *
 * A wrong length raises, since it is the script's own mistake; what a peer may have sent wrong (a
 * failed authentication, a point that is none) gives nil. Randomness is a stream of ChaCha20 whose
 * key SipHash makes of the party's seed (for real: of the kernel, and kept with the party), of the
 * input that is handled and of the call's number: a handler that runs again draws the same. */
#ifndef AF_LUA_SECRET_H
#define AF_LUA_SECRET_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

enum { AF_SECRET_BYTES_AN_INSTRUCTION = 16 }; /* about what Lua's own instructions take */

/* The string at index. Raises. */
const unsigned char *af_secret_bytes(lua_State *L, int index, size_t *len);

/* The string at index of just that length; what: "secret key". Raises. */
const unsigned char *af_secret_of_length(lua_State *L, int index, size_t len, const char *what);

/* Raises if the table at index has another key than the names, which end with NULL; nil is none. */
void af_secret_options(lua_State *L, int index, const char *const *names);

/* How many items the list at index has; what: "vector.pack". Raises if it is no list. */
size_t af_secret_list(lua_State *L, int index, const char *what);

/* Pushes a string; returns 1. */
int af_secret_push(lua_State *L, const unsigned char *bytes, size_t len);

/* Fills bytes from the party's randomness. Raises while a file is loaded. */
void af_secret_draw(lua_State *L, void *bytes, size_t len);

/* HMAC-SHA256 (RFC 2104). */
void af_secret_hmac(const unsigned char *key, size_t key_len, const unsigned char *bytes,
                    size_t len, unsigned char out[32]);

/* HKDF-SHA256 (RFC 5869); salt may be NULL, size is at most 255 * 32. */
void af_secret_hkdf(const unsigned char *key, size_t key_len, const unsigned char *salt,
                    size_t salt_len, const unsigned char *info, size_t info_len, unsigned char *out,
                    size_t size);

/* Functions that draw end a sequential script's load: l_NAME runs NAME() after that. */
#define AF_SECRET_DRAWS(name)                                                                      \
    static int name##_k(lua_State *L, int status, lua_KContext context)                            \
    {                                                                                              \
        (void)status;                                                                              \
        (void)context;                                                                             \
        if (af_script_gate(L, "chance"))                                                           \
            return lua_yieldk(L, 0, 0, name##_k);                                                  \
        return name(L);                                                                            \
    }                                                                                              \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        return name##_k(L, LUA_OK, 0);                                                             \
    }

/* Adds a table of functions, `name`, to the table on the top. */
void af_secret_add(lua_State *L, const char *name, const luaL_Reg *functions);

/* Add to host.crypto, on the top: `ristretto`, `shamir`. */
void af_points_open(lua_State *L);
void af_shares_open(lua_State *L);

/* Adds to host.vector, on the top, what needs a key or chance. */
void af_noise_open(lua_State *L);

#endif
