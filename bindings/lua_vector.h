/* lua_vector.h: packed numbers as immutable strings, little-endian: af.vector.
 *
 * The last argument of each function is the numbers' type, "f64" if absent. Sums are made in the
 * order given, one number at a time, so that they are the same bits on every machine. u32 and u64
 * wrap; i64 and floats raise where they overflow, and floats are finite. Lua has no unsigned
 * integers: a u64 of 2^63 and more is read as the negative integer of the same bits. */
#ifndef AF_LUA_VECTOR_H
#define AF_LUA_VECTOR_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum af_vector_kind { AF_VECTOR_F64, AF_VECTOR_F32, AF_VECTOR_I64, AF_VECTOR_U64, AF_VECTOR_U32 };
extern const size_t af_vector_kind_bytes[];

enum { AF_VECTOR_NUMBERS_AN_INSTRUCTION = 4 }; /* about what Lua's own instructions take */

struct af_vector {
    enum af_vector_kind kind;
    const char *bytes;
    size_t count;
};

/* ---- Numbers. ---- */

static inline bool af_vector_is_float(enum af_vector_kind kind)
{
    return kind == AF_VECTOR_F64 || kind == AF_VECTOR_F32;
}

static inline double af_vector_get(const struct af_vector *v, size_t i)
{
    if (v->kind == AF_VECTOR_F32) {
        float value;
        memcpy(&value, v->bytes + 4 * i, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, v->bytes + 8 * i, sizeof value);
    return value;
}

static inline uint64_t af_vector_word(const struct af_vector *v, size_t i)
{
    if (v->kind == AF_VECTOR_U32) {
        uint32_t value;
        memcpy(&value, v->bytes + 4 * i, sizeof value);
        return value;
    }
    uint64_t value;
    memcpy(&value, v->bytes + 8 * i, sizeof value);
    return value;
}

static inline void af_vector_put(void *bytes, enum af_vector_kind kind, size_t i, double value)
{
    if (kind == AF_VECTOR_F32)
        ((float *)bytes)[i] = (float)value;
    else
        ((double *)bytes)[i] = value;
}

static inline void af_vector_put_word(void *bytes, enum af_vector_kind kind, size_t i,
                                      uint64_t value)
{
    if (kind == AF_VECTOR_U32)
        ((uint32_t *)bytes)[i] = (uint32_t)value;
    else
        ((uint64_t *)bytes)[i] = value;
}

enum af_vector_op { AF_VECTOR_ADD, AF_VECTOR_SUB, AF_VECTOR_SCALE };

/* One number of the result of integers, the i-th: raises if an i64 overflows. */
uint64_t af_vector_combine_words(lua_State *L, enum af_vector_kind kind, enum af_vector_op op,
                                 uint64_t a, uint64_t b, size_t i);

/* Adds so many u64s to as many others, or subtracts them; out may be v. Nothing need be aligned. */
void af_vector_add_words(void *out, const void *v, const void *added, size_t count, bool subtract);

/* ---- Arguments and results. All raise. ---- */

enum af_vector_kind af_vector_kind(lua_State *L, int index);

/* Raises for integers; name: of the function. */
void af_vector_need_float(lua_State *L, enum af_vector_kind kind, const char *name);

/* The vector at index, whose numbers are not looked at; then one whose floats are finite. */
struct af_vector af_vector_vector(lua_State *L, int index, enum af_vector_kind kind);
struct af_vector af_vector_numbers(lua_State *L, int index, enum af_vector_kind kind);
void af_vector_finite(lua_State *L, const struct af_vector *v);

/* Memory for a result, aligned for numbers: the only one until af_vector_push_result() makes the
 * string of it and returns 1. If it is large it is kept on the stack, in the buffer. A float that
 * is not finite is blamed on the vectors that it came from, or is an overflow. */
void *af_vector_result_bytes(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                             size_t count);
int af_vector_push_result(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                          const void *bytes, size_t count);
int af_vector_push_result_of(lua_State *L, luaL_Buffer *buffer, enum af_vector_kind kind,
                             const void *bytes, size_t count, const struct af_vector *from,
                             size_t from_count);

/* Pushes a number; raises if it is not finite. Returns 1. */
int af_vector_push_finite(lua_State *L, double value, const char *name);

/* Adds to host.vector, on the top, the functions of lists of vectors, and fixed point. */
void af_vector_lists_open(lua_State *L);

#endif
