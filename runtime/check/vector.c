/* vector.c: a state as numbers, and as packed bytes. */
#include "check/state.h"
#include "check/impl.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void af_check_vector_init(const struct af_check *check, struct af_check_vector *vector)
{
    *vector = (struct af_check_vector){.locals = af_mem_zero(check->members, sizeof(uint32_t))};
}

void af_check_vector_release(struct af_check_vector *vector)
{
    free(vector->locals);
    free(vector->contracts);
    free(vector->flags);
}

void af_check_vector_reserve(struct af_check_vector *vector, size_t count)
{
    if (count <= vector->cap)
        return;
    vector->cap = count < 32 ? 32 : count * 2;
    vector->contracts = af_mem_grow(vector->contracts, vector->cap * sizeof *vector->contracts);
    vector->flags = af_mem_grow(vector->flags, vector->cap);
}

void af_check_vector_copy(const struct af_check *check, struct af_check_vector *to,
                          const struct af_check_vector *from)
{
    memcpy(to->budget, from->budget, sizeof to->budget);
    to->watch = from->watch;
    memcpy(to->locals, from->locals, check->members * sizeof *to->locals);
    af_check_vector_reserve(to, from->count);
    to->count = from->count;
    if (from->count > 0) {
        memcpy(to->contracts, from->contracts, from->count * sizeof *to->contracts);
        memcpy(to->flags, from->flags, from->count);
    }
}

/* ---- Packed: 7 bits a byte, small numbers are one byte. ---- */

static unsigned char *put_long(unsigned char *out, uint32_t number)
{
    while (number >= 0x80) {
        *out++ = (unsigned char)(number | 0x80);
        number >>= 7;
    }
    *out++ = (unsigned char)number;
    return out;
}

static inline unsigned char *put_number(unsigned char *out, uint32_t number)
{
    if (number >= 0x80)
        return put_long(out, number);
    *out = (unsigned char)number;
    return out + 1;
}

static inline uint32_t get_number(const unsigned char **at)
{
    const unsigned char *p = *at;
    uint32_t number = *p & 0x7Fu;
    for (unsigned shift = 7; (*p++ & 0x80) != 0; shift += 7)
        number |= (*p & 0x7Fu) << shift;
    *at = p;
    return number;
}

size_t af_check_pack_room(const struct af_check *check, const struct af_check_vector *vector)
{
    size_t room = 5 * (1 + AF_FAULTS + check->members + vector->count) + 8;
    return room <= AF_CHECK_PACKED_MAX ? room : 0;
}

size_t af_check_pack(const struct af_check *check, const struct af_check_vector *vector,
                     unsigned char *out)
{
    unsigned char *at = out;
    uint32_t before = 0;
    if (af_check_pack_room(check, vector) == 0)
        return 0;
    for (int i = 0; i < AF_FAULTS; i++)
        if (check->options->budget[i] > 0)
            at = put_number(at, vector->budget[i]);
    if (check->watches)
        at = put_number(at, vector->watch);
    for (uint32_t i = 0; i < check->members; i++)
        at = put_number(at, check->locals[vector->locals[i]].number);
    bool fifo = check->options->fifo;
    for (size_t i = 0; i < vector->count; i++) {
        uint32_t contract = vector->contracts[i];
        at = put_number(at, contract - before);
        before = fifo ? 0 : contract; /* they do not rise there */
    }
    assert((size_t)(at - out) + 8 <= af_check_pack_room(check, vector));
    memset(at, 0, 8);
    return (size_t)(at - out);
}

void af_check_unpack(const struct af_check *check, const unsigned char *bytes, size_t len,
                     struct af_check_vector *vector)
{
    const unsigned char *at = bytes, *end = bytes + len;
    uint32_t before = 0;
    for (int i = 0; i < AF_FAULTS; i++)
        vector->budget[i] = check->options->budget[i] > 0 ? get_number(&at) : 0;
    vector->watch = check->watches ? get_number(&at) : 0;
    for (uint32_t i = 0; i < check->members; i++)
        vector->locals[i] = check->by_number[i][get_number(&at)];
    af_check_vector_reserve(vector, (size_t)(end - at));
    vector->count = 0;
    while (at < end) {
        uint32_t number = get_number(&at);
        before = check->options->fifo ? number : before + number;
        vector->contracts[vector->count] = before;
        vector->flags[vector->count++] = 0;
    }
}
