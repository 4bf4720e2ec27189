/* lua_vector.c: see lua_vector.h. */
#include "lua_script.h"
#include "lua_secret.h"
#include "lua_vector.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "lua_vm.h"

#include <assert.h>
#include <math.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are little-endian");

static const char *const af_vector_kind_names[] = {"f64", "f32", "i64", "u64", "u32", NULL};
const size_t af_vector_kind_bytes[] = {8, 4, 8, 8, 4};

/* ---- Arguments and results. ---- */

enum af_vector_kind af_vector_kind(lua_State *L, int index)
{
    return (enum af_vector_kind)luaL_checkoption(L, index, "f64", af_vector_kind_names);
}

/* The vector at index. Raises if it is none of the kind; its numbers are not looked at. */
struct af_vector af_vector_vector(lua_State *L, int index, enum af_vector_kind kind)
{
    size_t len;
    luaL_checktype(L, index, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, index, &len);
    if (len % af_vector_kind_bytes[kind] != 0)
        luaL_error(L, "vector: %d bytes are no whole number of %s", (int)len,
                   af_vector_kind_names[kind]);
    af_vm_spend(L, (int64_t)(len / af_vector_kind_bytes[kind] / AF_VECTOR_NUMBERS_AN_INSTRUCTION));
    return (struct af_vector){kind, bytes, len / af_vector_kind_bytes[kind]};
}

/* Whether no float is NaN or infinite: none has all bits of its exponent. The words that these are
 * in are compared as signed ones of 32 bits, which each processor can do to several at once. */
static bool all_finite(enum af_vector_kind kind, const char *bytes, size_t count)
{
    static const int32_t exponents[] = {[AF_VECTOR_F64] = 0x7ff00000, [AF_VECTOR_F32] = 0x7f800000};
    if (!af_vector_is_float(kind))
        return true;
    int32_t bits = exponents[kind], most = 0;
    size_t stride = af_vector_kind_bytes[kind];
    for (size_t i = 0; i < count; i++) {
        int32_t word;
        memcpy(&word, bytes + stride * (i + 1) - sizeof word, sizeof word);
        most = (word & bits) > most ? word & bits : most;
    }
    return most < bits;
}

/* Raises if a float of a vector is no number, or infinite. */
void af_vector_finite(lua_State *L, const struct af_vector *v)
{
    if (all_finite(v->kind, v->bytes, v->count))
        return;
    for (size_t i = 0; i < v->count; i++)
        if (!isfinite(af_vector_get(v, i)))
            luaL_error(L, "vector: number %d is %s", (int)i + 1,
                       isnan(af_vector_get(v, i)) ? "NaN" : "infinite");
}

struct af_vector af_vector_numbers(lua_State *L, int index, enum af_vector_kind kind)
{
    struct af_vector v = af_vector_vector(L, index, kind);
    af_vector_finite(L, &v);
    return v;
}

void af_vector_overflow(lua_State *L, size_t i)
{
    luaL_error(L, "vector: number %d of the result overflows", (int)i + 1);
}

/* Where results are made, from the first on. Memory that is had and given back for each would be
 * new pages each time. */
static char *scratch;

void *af_vector_result_bytes(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                             size_t count)
{
    if (count > (SIZE_MAX >> 1) / af_vector_kind_bytes[kind])
        luaL_error(L, "vector: too large");
    if (scratch == NULL)
        scratch = af_mem_alloc(AF_VECTOR_SCRATCH_BYTES);
    if (count * af_vector_kind_bytes[kind] <= AF_VECTOR_SCRATCH_BYTES)
        return scratch;
    return luaL_buffinitsize(L, buffer, count * af_vector_kind_bytes[kind]);
}

/* Makes the string. A float that is not finite is blamed on the vectors that it came from, or is an
 * af_vector_overflow. */
int af_vector_push_result_of(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                             const void *bytes, size_t count, const struct af_vector *from,
                             size_t from_count)
{
    if (!all_finite(kind, bytes, count)) {
        struct af_vector made = {kind, bytes, count};
        for (size_t k = 0; k < from_count; k++)
            af_vector_finite(L, &from[k]);
        for (size_t i = 0; i < count; i++)
            if (!isfinite(af_vector_get(&made, i)))
                af_vector_overflow(L, i);
    }
    if (bytes == scratch)
        lua_pushlstring(L, scratch, count * af_vector_kind_bytes[kind]);
    else
        luaL_pushresultsize(buffer, count * af_vector_kind_bytes[kind]);
    return 1;
}

int af_vector_push_result(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                          const void *bytes, size_t count)
{
    return af_vector_push_result_of(L, buffer, kind, bytes, count, NULL, 0);
}

static void same_length(lua_State *L, const struct af_vector *a, const struct af_vector *b)
{
    if (a->count != b->count)
        luaL_error(L, "vector: the lengths differ: %d and %d", (int)a->count, (int)b->count);
}

void af_vector_need_float(lua_State *L, enum af_vector_kind kind, const char *name)
{
    if (!af_vector_is_float(kind))
        luaL_error(L, "vector.%s: for floats, not for %s", name, af_vector_kind_names[kind]);
}

/* ---- Making and reading. ---- */

/* pack(list) */
static int l_pack(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    size_t count = af_secret_list(L, 1, "vector.pack");
    luaL_Buffer buffer;
    af_vm_spend(L, (int64_t)count);
    void *out = af_vector_result_bytes(L, &buffer, kind, count);
    int top = lua_gettop(L);
    for (size_t i = 0; i < count; i++) {
        int whole = 0;
        lua_geti(L, 1, (lua_Integer)i + 1);
        lua_Integer integer = lua_tointegerx(L, -1, &whole);
        if (lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "vector.pack: number %d is a %s", (int)i + 1, luaL_typename(L, -1));
        if (af_vector_is_float(kind) && !isfinite(lua_tonumber(L, -1)))
            luaL_error(L, "vector.pack: number %d is %s", (int)i + 1,
                       isnan(lua_tonumber(L, -1)) ? "NaN" : "infinite");
        if (!af_vector_is_float(kind) && !whole)
            luaL_error(L, "vector.pack: number %d is no integer", (int)i + 1);
        if (af_vector_is_float(kind))
            af_vector_put(out, kind, i, lua_tonumber(L, -1));
        else
            af_vector_put_word(out, kind, i, (uint64_t)integer);
        lua_settop(L, top);
    }
    return af_vector_push_result(L, &buffer, kind, out, count);
}

/* unpack(v) → list */
static int l_unpack(lua_State *L)
{
    struct af_vector v = af_vector_vector(L, 1, af_vector_kind(L, 2));
    af_vm_spend(L, (int64_t)v.count);
    lua_createtable(L, v.count < 1 << 24 ? (int)v.count : 0, 0);
    for (size_t i = 0; i < v.count; i++) {
        if (af_vector_is_float(v.kind))
            lua_pushnumber(L, af_vector_get(&v, i));
        else
            lua_pushinteger(L, (lua_Integer)af_vector_word(&v, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int l_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)af_vector_vector(L, 1, af_vector_kind(L, 2)).count);
    return 1;
}

/* zeros(n) */
static int l_zeros(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 0 && count <= INT32_MAX, 1, "not a number of numbers");
    luaL_Buffer buffer;
    af_vm_spend(L, count / AF_VECTOR_NUMBERS_AN_INSTRUCTION);
    void *out = af_vector_result_bytes(L, &buffer, kind, (size_t)count);
    memset(out, 0, (size_t)count * af_vector_kind_bytes[kind]);
    return af_vector_push_result(L, &buffer, kind, out, (size_t)count);
}

/* slice(v, from, to): both counted from 1, both in it */
static int l_slice(lua_State *L)
{
    struct af_vector v = af_vector_vector(L, 1, af_vector_kind(L, 4));
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    if (from < 1 || to > (lua_Integer)v.count || from > to + 1)
        return luaL_error(L, "vector.slice: %d to %d is no part of 1 to %d", (int)from, (int)to,
                          (int)v.count);
    lua_pushlstring(L, v.bytes + (size_t)(from - 1) * af_vector_kind_bytes[v.kind],
                    (size_t)(to - from + 1) * af_vector_kind_bytes[v.kind]);
    return 1;
}

/* ---- One by one. ---- */

uint64_t af_vector_combine_words(lua_State *L, enum af_vector_kind kind, enum af_vector_op op,
                                 uint64_t a, uint64_t b, size_t i)
{
    int64_t out = 0;
    if (kind != AF_VECTOR_I64)
        return op == AF_VECTOR_ADD ? a + b : op == AF_VECTOR_SUB ? a - b : a * b;
    bool over = op == AF_VECTOR_ADD   ? __builtin_add_overflow((int64_t)a, (int64_t)b, &out)
                : op == AF_VECTOR_SUB ? __builtin_sub_overflow((int64_t)a, (int64_t)b, &out)
                                      : __builtin_mul_overflow((int64_t)a, (int64_t)b, &out);
    if (over)
        af_vector_overflow(L, i);
    return (uint64_t)out;
}

void af_vector_add_words(void *out, const void *v, const void *added, size_t count, bool subtract)
{
    for (size_t i = 0; i < 8 * count; i += 8) {
        uint64_t word, other;
        memcpy(&word, (const char *)v + i, sizeof word);
        memcpy(&other, (const char *)added + i, sizeof other);
        word = subtract ? word - other : word + other;
        memcpy((char *)out + i, &word, sizeof word);
    }
}

static int two_vectors(lua_State *L, enum af_vector_op op)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    struct af_vector v[2] = {af_vector_vector(L, 1, kind), af_vector_vector(L, 2, kind)};
    luaL_Buffer buffer;
    same_length(L, &v[0], &v[1]);
    void *out = af_vector_result_bytes(L, &buffer, kind, v[0].count);
    for (size_t i = 0; i < v[0].count; i++) {
        if (af_vector_is_float(kind))
            af_vector_put(out, kind, i,
                          op == AF_VECTOR_ADD ? af_vector_get(&v[0], i) + af_vector_get(&v[1], i)
                                              : af_vector_get(&v[0], i) - af_vector_get(&v[1], i));
        else
            af_vector_put_word(out, kind, i,
                               af_vector_combine_words(L, kind, op, af_vector_word(&v[0], i),
                                                       af_vector_word(&v[1], i), i));
    }
    return af_vector_push_result_of(L, &buffer, kind, out, v[0].count, v, 2);
}

static int l_add(lua_State *L)
{
    return two_vectors(L, AF_VECTOR_ADD);
}

static int l_sub(lua_State *L)
{
    return two_vectors(L, AF_VECTOR_SUB);
}

/* The factor at index: finite, and an integer for integers. */
static double check_factor(lua_State *L, int index, enum af_vector_kind kind, uint64_t *word)
{
    double factor = luaL_checknumber(L, index);
    if (!af_vector_is_float(kind))
        *word = (uint64_t)luaL_checkinteger(L, index);
    luaL_argcheck(L, isfinite(factor), index, "not a finite number");
    return factor;
}

/* scale(v, x) */
static int l_scale(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    uint64_t word = 0;
    struct af_vector v = af_vector_numbers(L, 1, kind);
    double factor = check_factor(L, 2, kind, &word);
    if (factor == 1) { /* each number is itself then */
        lua_settop(L, 1);
        return 1;
    }
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, v.count);
    for (size_t i = 0; i < v.count; i++) {
        if (af_vector_is_float(kind))
            af_vector_put(out, kind, i, af_vector_get(&v, i) * factor);
        else
            af_vector_put_word(
                out, kind, i,
                af_vector_combine_words(L, kind, AF_VECTOR_SCALE, af_vector_word(&v, i), word, i));
    }
    return af_vector_push_result(L, &buffer, kind, out, v.count);
}

/* axpy(x, a, b): x·a + b */
static int l_axpy(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 4);
    uint64_t word = 0;
    double factor = check_factor(L, 1, kind, &word);
    struct af_vector v[2] = {af_vector_vector(L, 2, kind), af_vector_vector(L, 3, kind)};
    luaL_Buffer buffer;
    same_length(L, &v[0], &v[1]);
    void *out = af_vector_result_bytes(L, &buffer, kind, v[0].count);
    for (size_t i = 0; i < v[0].count; i++) {
        if (af_vector_is_float(kind)) {
            af_vector_put(out, kind, i, af_vector_get(&v[0], i) * factor + af_vector_get(&v[1], i));
        } else {
            uint64_t scaled = af_vector_combine_words(L, kind, AF_VECTOR_SCALE,
                                                      af_vector_word(&v[0], i), word, i);
            af_vector_put_word(out, kind, i,
                               af_vector_combine_words(L, kind, AF_VECTOR_ADD, scaled,
                                                       af_vector_word(&v[1], i), i));
        }
    }
    return af_vector_push_result_of(L, &buffer, kind, out, v[0].count, v, 2);
}

int af_vector_push_finite(lua_State *L, double value, const char *name)
{
    if (!isfinite(value))
        return luaL_error(L, "vector.%s: overflows", name);
    lua_pushnumber(L, value);
    return 1;
}

/* dot(a, b) */
static int l_dot(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    struct af_vector a = af_vector_numbers(L, 1, kind), b = af_vector_numbers(L, 2, kind);
    same_length(L, &a, &b);
    double sum = 0;
    uint64_t words = 0;
    for (size_t i = 0; i < a.count; i++) {
        if (af_vector_is_float(kind)) {
            sum += af_vector_get(&a, i) * af_vector_get(&b, i);
        } else {
            uint64_t product = af_vector_combine_words(
                L, kind, AF_VECTOR_SCALE, af_vector_word(&a, i), af_vector_word(&b, i), i);
            words = af_vector_combine_words(L, kind, AF_VECTOR_ADD, words, product, i);
        }
    }
    if (af_vector_is_float(kind))
        return af_vector_push_finite(L, sum, "dot");
    lua_pushinteger(L, (lua_Integer)(kind == AF_VECTOR_U32 ? (uint32_t)words : words));
    return 1;
}

double af_vector_square_sum(const struct af_vector *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->count; i++)
        sum += af_vector_get(v, i) * af_vector_get(v, i);
    return sum;
}

/* norm(v): Euclid's */
static int l_norm(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    af_vector_need_float(L, kind, "norm");
    struct af_vector v = af_vector_numbers(L, 1, kind);
    return af_vector_push_finite(L, sqrt(af_vector_square_sum(&v)), "norm");
}

/* clamp(v, low, high) */
static int l_clamp(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 4);
    af_vector_need_float(L, kind, "clamp");
    struct af_vector v = af_vector_numbers(L, 1, kind);
    double low = luaL_checknumber(L, 2), high = luaL_checknumber(L, 3);
    luaL_argcheck(L, low <= high, 3, "below the lower bound");
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, v.count);
    for (size_t i = 0; i < v.count; i++) {
        double value = af_vector_get(&v, i);
        af_vector_put(out, kind, i, value < low ? low : value > high ? high : value);
    }
    return af_vector_push_result(L, &buffer, kind, out, v.count);
}

/* clip(v, max_norm) → v, norm: scaled down so that its norm is at most that */
static int l_clip(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    af_vector_need_float(L, kind, "clip");
    struct af_vector v = af_vector_numbers(L, 1, kind);
    double most = luaL_checknumber(L, 2), norm = sqrt(af_vector_square_sum(&v));
    luaL_argcheck(L, most >= 0 && isfinite(most), 2, "not a norm");
    af_vector_push_finite(L, norm, "clip");
    lua_insert(L, 1);
    if (norm <= most) {
        lua_pushvalue(L, 2);
    } else {
        double factor = most / norm;
        luaL_Buffer buffer;
        void *out = af_vector_result_bytes(L, &buffer, kind, v.count);
        for (size_t i = 0; i < v.count; i++)
            af_vector_put(out, kind, i, af_vector_get(&v, i) * factor);
        af_vector_push_result(L, &buffer, kind, out, v.count);
    }
    lua_pushvalue(L, 1);
    return 2;
}

void af_vector_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"pack", l_pack},   {"unpack", l_unpack}, {"count", l_count}, {"zeros", l_zeros},
        {"slice", l_slice}, {"add", l_add},       {"sub", l_sub},     {"scale", l_scale},
        {"axpy", l_axpy},   {"dot", l_dot},       {"norm", l_norm},   {"clamp", l_clamp},
        {"clip", l_clip},   {NULL, NULL},
    };
    luaL_newlib(L, functions);
    af_vector_lists_open(L);
    lua_setfield(L, -2, "vector");
}
