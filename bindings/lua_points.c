/* lua_points.c: af.crypto.ristretto: the group Ristretto255 (RFC 9496), points and scalars of 32
 * bytes. */
#include "lua_script.h"
#include "lua_secret.h"

#include "lua_halves.h"
#include "lua_vm.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { INSTRUCTIONS_A_POINT = 1000, MANY = 64 };
enum { POINT = crypto_core_ristretto255_BYTES, SCALAR = crypto_core_ristretto255_SCALARBYTES };

static const unsigned char *check_point(lua_State *L, int index)
{
    return af_secret_of_length(L, index, POINT, "point");
}

static const unsigned char *check_scalar(lua_State *L, int index)
{
    return af_secret_of_length(L, index, SCALAR, "scalar");
}

/* A point or a scalar; nothing, if there is none: the code is not 0. */
static int push_made(lua_State *L, int code, const unsigned char *made)
{
    static_assert((int)POINT == (int)SCALAR, "points and scalars are of one size");
    return code == 0 ? af_secret_push(L, made, POINT) : 0;
}

static void hash_to_point(unsigned char *out, const unsigned char *bytes, size_t len)
{
    unsigned char wide[crypto_core_ristretto255_HASHBYTES];
    crypto_hash_sha512(wide, bytes, len);
    crypto_core_ristretto255_from_hash(out, wide);
}

/* hash(b) → point: of SHA-512 of the bytes */
static int l_point_hash(lua_State *L)
{
    size_t len;
    const unsigned char *bytes = af_secret_bytes(L, 1, &len);
    unsigned char out[POINT];
    af_vm_spend(L, INSTRUCTIONS_A_POINT);
    hash_to_point(out, bytes, len);
    return af_secret_push(L, out, sizeof out);
}

static int random_scalar(lua_State *L)
{
    unsigned char wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES], out[SCALAR];
    af_secret_draw(L, wide, sizeof wide);
    crypto_core_ristretto255_scalar_reduce(out, wide);
    return af_secret_push(L, out, sizeof out);
}
AF_SECRET_DRAWS(random_scalar)

/* reduce(64 bytes) → scalar */
static int l_reduce(lua_State *L)
{
    unsigned char out[SCALAR];
    crypto_core_ristretto255_scalar_reduce(
        out,
        af_secret_of_length(L, 1, crypto_core_ristretto255_NONREDUCEDSCALARBYTES, "wide scalar"));
    return af_secret_push(L, out, sizeof out);
}

static int of_scalars(lua_State *L, void (*combine)(unsigned char *, const unsigned char *,
                                                    const unsigned char *))
{
    unsigned char out[SCALAR];
    combine(out, check_scalar(L, 1), check_scalar(L, 2));
    return af_secret_push(L, out, sizeof out);
}

static int l_scalar_add(lua_State *L)
{
    return of_scalars(L, crypto_core_ristretto255_scalar_add);
}

static int l_scalar_sub(lua_State *L)
{
    return of_scalars(L, crypto_core_ristretto255_scalar_sub);
}

static int l_scalar_mul(lua_State *L)
{
    return of_scalars(L, crypto_core_ristretto255_scalar_mul);
}

/* scalar_invert(s) → scalar, or nil: of 0 there is none */
static int l_scalar_invert(lua_State *L)
{
    unsigned char out[SCALAR];
    return push_made(L, crypto_core_ristretto255_scalar_invert(out, check_scalar(L, 1)), out);
}

/* base(scalar) → point, or nil: it is the identity */
static int l_base(lua_State *L)
{
    unsigned char out[POINT];
    af_vm_spend(L, INSTRUCTIONS_A_POINT);
    return push_made(L, crypto_scalarmult_ristretto255_base(out, check_scalar(L, 1)), out);
}

/* mul(scalar, point) → point, or nil: the point is none, or the product is the identity */
static int l_mul(lua_State *L)
{
    unsigned char out[POINT];
    af_vm_spend(L, INSTRUCTIONS_A_POINT);
    return push_made(L, crypto_scalarmult_ristretto255(out, check_scalar(L, 1), check_point(L, 2)),
                     out);
}

static int of_points(lua_State *L,
                     int (*combine)(unsigned char *, const unsigned char *, const unsigned char *))
{
    unsigned char out[POINT];
    return push_made(L, combine(out, check_point(L, 1), check_point(L, 2)), out);
}

static int l_point_add(lua_State *L)
{
    return of_points(L, crypto_core_ristretto255_add);
}

static int l_point_sub(lua_State *L)
{
    return of_points(L, crypto_core_ristretto255_sub);
}

/* valid(point) → boolean */
static int l_valid(lua_State *L)
{
    size_t len;
    const unsigned char *point = af_secret_bytes(L, 1, &len);
    lua_pushboolean(L, len == POINT && crypto_core_ristretto255_is_valid_point(point) == 1);
    return 1;
}

/* ---- Many points. ---- */

struct many {
    const unsigned char *scalar; /* NULL: items are hashed */
    const unsigned char **items;
    size_t *lengths;
    unsigned char (*points)[POINT];
    bool *made;
};

static void do_many(void *arg, size_t from, size_t to)
{
    struct many *many = arg;
    for (size_t i = from; i < to; i++) {
        many->made[i] = true;
        if (many->scalar == NULL)
            hash_to_point(many->points[i], many->items[i], many->lengths[i]);
        else
            many->made[i] =
                crypto_scalarmult_ristretto255(many->points[i], many->scalar, many->items[i]) == 0;
    }
}

/* The points of the list at index; the first that is none is told: nil and its place. */
static int list_of_points(lua_State *L, int index, const unsigned char *scalar)
{
    size_t count = af_secret_list(L, index, "crypto.ristretto");
    luaL_argcheck(L, count <= 10000000, index, "too many");
    struct many many = {.scalar = scalar};
    many.items = lua_newuserdatauv(L, (count + 1) * sizeof *many.items, 0);
    many.lengths = lua_newuserdatauv(L, (count + 1) * sizeof *many.lengths, 0);
    many.points = lua_newuserdatauv(L, (count + 1) * sizeof *many.points, 0);
    many.made = lua_newuserdatauv(L, (count + 1) * sizeof *many.made, 0);
    lua_createtable(L, (int)count, 0); /* holds what the list gave */
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        int top = lua_gettop(L);
        if (lua_type(L, top) != LUA_TSTRING)
            return luaL_error(L, "crypto.ristretto: item %d of the list is a %s", (int)i + 1,
                              luaL_typename(L, top));
        many.items[i] =
            scalar == NULL ? af_secret_bytes(L, top, &many.lengths[i]) : check_point(L, top);
        af_vm_spend(L, INSTRUCTIONS_A_POINT);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    af_halves_do(do_many, &many, count, 1, MANY);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        if (!many.made[i]) {
            lua_pushnil(L);
            lua_pushinteger(L, (lua_Integer)i + 1);
            return 2;
        }
        af_secret_push(L, many.points[i], POINT);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* hash_all(items) → points */
static int l_hash_all(lua_State *L)
{
    lua_settop(L, 1);
    return list_of_points(L, 1, NULL);
}

/* mul_all(scalar, points) → points, or nil and which of them is none */
static int l_mul_all(lua_State *L)
{
    lua_settop(L, 2);
    return list_of_points(L, 2, check_scalar(L, 1));
}

void af_points_open(lua_State *L)
{
    static const luaL_Reg ristretto[] = {
        {"hash", l_point_hash},
        {"random_scalar", l_random_scalar},
        {"reduce", l_reduce},
        {"scalar_add", l_scalar_add},
        {"scalar_sub", l_scalar_sub},
        {"scalar_mul", l_scalar_mul},
        {"scalar_invert", l_scalar_invert},
        {"base", l_base},
        {"mul", l_mul},
        {"add", l_point_add},
        {"sub", l_point_sub},
        {"valid", l_valid},
        {"hash_all", l_hash_all},
        {"mul_all", l_mul_all},
        {NULL, NULL},
    };
    af_secret_add(L, "ristretto", ristretto);
}
