/* lua_vector_lists.c: lists of vectors: sums, means that bear liars, distances; and what numbers
 * are packed for: histograms, fixed point. */
#include "lua_script.h"
#include "lua_secret.h"
#include "lua_vector.h"

#include "lua_halves.h"
#include "lua_vm.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* The vectors of the list at index, of one length and at least one, in memory on the stack. Their
 * numbers are not looked at. */
static struct af_vector *check_list(lua_State *L, int index, enum af_vector_kind kind,
                                    size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = (size_t)luaL_len(L, index);
    if (*count < 1 || *count > 100000)
        luaL_error(L, "vector: expected a list of 1 to 100000 vectors");
    struct af_vector *list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 1);
    lua_createtable(L, (int)*count, 0); /* a list may give new strings at each look */
    for (size_t i = 0; i < *count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "vector: item %d of the list is a %s", (int)i + 1, luaL_typename(L, -1));
        list[i] = af_vector_vector(L, lua_gettop(L), kind);
        if (list[i].count != list[0].count)
            luaL_error(L, "vector: item %d of the list has %d numbers, the first has %d",
                       (int)i + 1, (int)list[i].count, (int)list[0].count);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setiuservalue(L, -2, 1);
    return list;
}

/* sum(list) */
static int l_sum(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    size_t count;
    struct af_vector *list = check_list(L, 1, kind, &count);
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, list[0].count);
    memcpy(out, list[0].bytes, list[0].count * af_vector_kind_bytes[kind]);
    struct af_vector sum = {kind, out, list[0].count};
    for (size_t k = 1; k < count; k++) {
        for (size_t i = 0; i < sum.count; i++) {
            if (af_vector_is_float(kind))
                af_vector_put(out, kind, i, af_vector_get(&sum, i) + af_vector_get(&list[k], i));
            else
                af_vector_put_word(out, kind, i,
                                   af_vector_combine_words(L, kind, AF_VECTOR_ADD,
                                                           af_vector_word(&sum, i),
                                                           af_vector_word(&list[k], i), i));
        }
    }
    return af_vector_push_result_of(L, &buffer, kind, out, sum.count, list, count);
}

/* Numbers that are summed up at a time stay in the cache; a thread is worth so many numbers. */
enum { BLOCK = 2048, WORTH = 1 << 21 };

static inline double number_at(const char *bytes, size_t i)
{
    double value;
    memcpy(&value, bytes + 8 * i, sizeof value);
    return value;
}

/* The numbers of four vectors added, in their order: memory is read at four places at a time.
 * `restrict`, so that the compiler adds several numbers at once. */
static void add_four(double *restrict sums, const char *const from[4], const double weights[4],
                     size_t count)
{
    const char *restrict a = from[0], *restrict b = from[1];
    const char *restrict c = from[2], *restrict d = from[3];
    double at_a = weights[0], at_b = weights[1], at_c = weights[2], at_d = weights[3];
    for (size_t i = 0; i < count; i++)
        sums[i] = sums[i] + at_a * number_at(a, i) + at_b * number_at(b, i) +
                  at_c * number_at(c, i) + at_d * number_at(d, i);
}

static void add_one(double *restrict sums, const char *restrict from, double weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += weight * number_at(from, i);
}

struct weighing {
    const struct af_vector *list;
    size_t count;
    const double *weights;
    double divisor;
    void *out;
};

/* Places from to to - 1 of Σ weights[k]·list[k]. Sums are doubles. */
static void weigh_some(void *arg, size_t from, size_t to)
{
    const struct weighing *all = arg;
    enum af_vector_kind kind = all->list[0].kind;
    double sums[BLOCK];
    for (size_t start = from; start < to; start += BLOCK) {
        size_t size = to - start < BLOCK ? to - start : BLOCK;
        memset(sums, 0, sizeof sums);
        size_t k = 0;
        for (; kind == AF_VECTOR_F64 && k + 4 <= all->count; k += 4) {
            const char *four[4];
            for (size_t j = 0; j < 4; j++)
                four[j] = all->list[k + j].bytes + 8 * start;
            add_four(sums, four, all->weights + k, size);
        }
        for (; k < all->count; k++) {
            if (kind == AF_VECTOR_F64)
                add_one(sums, all->list[k].bytes + 8 * start, all->weights[k], size);
            else
                for (size_t i = 0; i < size; i++)
                    sums[i] += all->weights[k] * af_vector_get(&all->list[k], start + i);
        }
        for (size_t i = 0; i < size; i++)
            af_vector_put(all->out, kind, start + i, sums[i] / all->divisor);
    }
}

/* Writes Σ weights[k]·list[k] / divisor as the list's kind. */
static void weighted_sum(const struct af_vector *list, size_t count, const double *weights,
                         double divisor, void *out)
{
    assert(count > 0);
    struct weighing all = {list, count, weights, divisor, out};
    af_halves_do(weigh_some, &all, list[0].count, 1, WORTH / count);
}

/* mean(list, weights): weights may be left out */
static int l_mean(lua_State *L)
{
    bool weighted = lua_istable(L, 2);
    enum af_vector_kind kind = af_vector_kind(L, weighted || lua_isnil(L, 2) ? 3 : 2);
    size_t count;
    af_vector_need_float(L, kind, "mean");
    struct af_vector *list = check_list(L, 1, kind, &count);
    double *weights = lua_newuserdatauv(L, count * sizeof *weights, 0), total = 0;
    if (weighted && (size_t)luaL_len(L, 2) != count)
        luaL_error(L, "vector.mean: %d weights for %d vectors", (int)luaL_len(L, 2), (int)count);
    for (size_t k = 0; k < count; k++) {
        weights[k] = 1;
        if (weighted) {
            lua_geti(L, 2, (lua_Integer)k + 1);
            weights[k] = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : -1;
            lua_pop(L, 1);
        }
        if (!(weights[k] >= 0) || !isfinite(weights[k]))
            luaL_error(L, "vector.mean: weight %d is no number of at least 0", (int)k + 1);
        total += weights[k];
    }
    if (!(total > 0) || !isfinite(total))
        luaL_error(L, "vector.mean: the weights sum up to %s", total > 0 ? "infinity" : "0");
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, list[0].count);
    weighted_sum(list, count, weights, total, out);
    return af_vector_push_result_of(L, &buffer, kind, out, list[0].count, list, count);
}

static int compare_doubles(const void *left, const void *right)
{
    double a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return a < b ? -1 : a > b;
}

/* The mean of what is left of each place's numbers after `cut` were taken from each end. */
static int trimmed(lua_State *L, enum af_vector_kind kind, const struct af_vector *list,
                   size_t count, size_t cut)
{
    double *sorted = lua_newuserdatauv(L, count * sizeof *sorted, 0);
    luaL_Buffer buffer;
    af_vm_spend(L, (int64_t)(list[0].count * count)); /* sorting is no sum */
    for (size_t k = 0; k < count; k++)
        af_vector_finite(L, &list[k]);
    void *out = af_vector_result_bytes(L, &buffer, kind, list[0].count);
    for (size_t i = 0; i < list[0].count; i++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++)
            sorted[k] = af_vector_get(&list[k], i);
        qsort(sorted, count, sizeof *sorted, compare_doubles);
        for (size_t k = cut; k < count - cut; k++)
            sum += sorted[k];
        af_vector_put(out, kind, i, sum / (double)(count - 2 * cut));
    }
    return af_vector_push_result(L, &buffer, kind, out, list[0].count);
}

/* median(list): of two in the middle, their mean */
static int l_median(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    size_t count;
    af_vector_need_float(L, kind, "median");
    struct af_vector *list = check_list(L, 1, kind, &count);
    return trimmed(L, kind, list, count, (count - 1) / 2);
}

/* trimmed_mean(list, b): without the b smallest and the b largest of each place */
static int l_trimmed_mean(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    lua_Integer cut = luaL_checkinteger(L, 2);
    size_t count;
    af_vector_need_float(L, kind, "trimmed_mean");
    struct af_vector *list = check_list(L, 1, kind, &count);
    luaL_argcheck(L, cut >= 0 && (uint64_t)cut < (count + 1) / 2, 2,
                  "leaves nothing of so many vectors");
    return trimmed(L, kind, list, count, (size_t)cut);
}

static double distance(const struct af_vector *a, const struct af_vector *b)
{
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) {
        double difference = af_vector_get(a, i) - af_vector_get(b, i);
        sum += difference * difference;
    }
    return sum;
}

/* Squared distances of each to each, in memory on the stack. */
static double *all_distances(lua_State *L, const struct af_vector *list, size_t count)
{
    if (count > 10000)
        luaL_error(L, "vector: distances of at most 10000 vectors");
    double *between = lua_newuserdatauv(L, count * count * sizeof *between, 0);
    for (size_t k = 0; k < count; k++)
        af_vector_finite(L, &list[k]);
    af_vm_spend(L, (int64_t)(list[0].count * count / AF_VECTOR_NUMBERS_AN_INSTRUCTION * count / 2));
    for (size_t a = 0; a < count; a++) {
        between[a * count + a] = 0;
        for (size_t b = 0; b < a; b++)
            between[a * count + b] = between[b * count + a] = distance(&list[a], &list[b]);
    }
    return between;
}

/* distances(list) → a list of lists: Euclid's, of each to each */
static int l_distances(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 2);
    size_t count;
    af_vector_need_float(L, kind, "distances");
    struct af_vector *list = check_list(L, 1, kind, &count);
    const double *between = all_distances(L, list, count);
    lua_createtable(L, (int)count, 0);
    for (size_t a = 0; a < count; a++) {
        lua_createtable(L, (int)count, 0);
        for (size_t b = 0; b < count; b++) {
            af_vector_push_finite(L, sqrt(between[a * count + b]), "distances");
            lua_rawseti(L, -2, (lua_Integer)b + 1);
        }
        lua_rawseti(L, -2, (lua_Integer)a + 1);
    }
    return 1;
}

struct scored {
    double score;
    size_t place;
};

static int compare_scores(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* krum(list, f, m) → the mean of the m that are nearest to their count - f - 2 nearest, and which
 * these are. Of equal ones the first. Blanchard et al., "Machine Learning with Adversaries:
 * Byzantine Tolerant Gradient Descent", 2017. */
static int l_krum(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 4);
    lua_Integer faulty = luaL_checkinteger(L, 2), chosen = luaL_optinteger(L, 3, 1);
    size_t count;
    af_vector_need_float(L, kind, "krum");
    struct af_vector *list = check_list(L, 1, kind, &count);
    luaL_argcheck(L, faulty >= 0 && faulty <= (lua_Integer)count - 3, 2,
                  "must be at least 0, and at most the vectors less 3");
    luaL_argcheck(L, chosen >= 1 && chosen <= (lua_Integer)count, 3,
                  "must be 1 to the number of vectors");
    const double *between = all_distances(L, list, count);
    struct scored *scores = lua_newuserdatauv(L, count * sizeof *scores, 0);
    double *near = lua_newuserdatauv(L, count * sizeof *near, 0);
    struct af_vector *best = lua_newuserdatauv(L, count * sizeof *best, 0);
    double *weights = lua_newuserdatauv(L, count * sizeof *weights, 0);
    for (size_t a = 0; a < count; a++) {
        memcpy(near, between + a * count, count * sizeof *near);
        near[a] = near[count - 1]; /* not itself */
        qsort(near, count - 1, sizeof *near, compare_doubles);
        scores[a] = (struct scored){0, a};
        for (size_t k = 0; k < count - (size_t)faulty - 2; k++)
            scores[a].score += near[k];
    }
    qsort(scores, count, sizeof *scores, compare_scores);
    lua_createtable(L, (int)chosen, 0);
    for (lua_Integer k = 0; k < chosen; k++) {
        best[k] = list[scores[k].place];
        weights[k] = 1;
        lua_pushinteger(L, (lua_Integer)scores[k].place + 1);
        lua_rawseti(L, -2, k + 1);
    }
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, list[0].count);
    weighted_sum(best, (size_t)chosen, weights, (double)chosen, out);
    af_vector_push_result(L, &buffer, kind, out, list[0].count);
    lua_insert(L, -2);
    return 2;
}

/* histogram(v, edges) → how many numbers are from each edge up to the next; the last is counted in
 */
static int l_histogram(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    af_vector_need_float(L, kind, "histogram");
    struct af_vector v = af_vector_numbers(L, 1, kind);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t edges = (size_t)luaL_len(L, 2);
    luaL_argcheck(L, edges >= 2 && edges <= 1 << 20, 2, "expected a list of at least 2 edges");
    double *edge = lua_newuserdatauv(L, edges * sizeof *edge, 0);
    lua_Integer *counts = lua_newuserdatauv(L, edges * sizeof *counts, 0);
    memset(counts, 0, edges * sizeof *counts);
    for (size_t i = 0; i < edges; i++) {
        lua_geti(L, 2, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TNUMBER, 2, "an edge is no number");
        edge[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
        luaL_argcheck(L, !isnan(edge[i]) && (i == 0 || edge[i] > edge[i - 1]), 2,
                      "edges must rise");
    }
    af_vm_spend(L, (int64_t)v.count);
    for (size_t i = 0; i < v.count; i++) {
        double value = af_vector_get(&v, i);
        size_t low = 0, high = edges - 1; /* edge[low] <= value < edge[high] */
        if (value < edge[0] || value > edge[high])
            continue;
        while (high - low > 1) {
            size_t middle = (low + high) / 2;
            if (value < edge[middle])
                high = middle;
            else
                low = middle;
        }
        counts[low]++;
    }
    lua_createtable(L, (int)edges - 1, 0);
    for (size_t i = 0; i + 1 < edges; i++) {
        lua_pushinteger(L, counts[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- Fixed point. ---- */

static double number_field(lua_State *L, int index, const char *name, double absent)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, name);
    double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    value = lua_isnil(L, -1) ? absent : value; /* what is no number fits nowhere */
    lua_pop(L, 1);
    return value;
}

static double check_bits(lua_State *L, int index, const char *name)
{
    double bits = number_field(L, index, "bits", 0);
    if (bits != floor(bits) || bits < 1 || bits > 52)
        luaL_error(L, "vector.%s: bits must be 1 to 52", name);
    return ldexp(1, (int)bits);
}

/* quantise(v, { bits =, clip = }) → u64, how many were clipped: round(v · 2^bits), to even, of
 * what was brought between -clip and clip; negative ones as 2^64 less, so that sums wrap rightly */
static int l_quantise(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    af_vector_need_float(L, kind, "quantise");
    struct af_vector v = af_vector_numbers(L, 1, kind);
    static const char *const names[] = {"bits", "clip", NULL};
    af_secret_options(L, 2, names);
    double scale = check_bits(L, 2, "quantise"), clip = number_field(L, 2, "clip", 0);
    if (!(clip > 0) || clip * scale > 0x1p62)
        luaL_error(L, "vector.quantise: clip must be above 0, and clip · 2^bits below 2^62");
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, AF_VECTOR_U64, v.count);
    lua_Integer clipped = 0;
    for (size_t i = 0; i < v.count; i++) {
        double value = af_vector_get(&v, i);
        clipped += value > clip || value < -clip;
        value = value > clip ? clip : value < -clip ? -clip : value;
        af_vector_put_word(out, AF_VECTOR_U64, i, (uint64_t)(int64_t)nearbyint(value * scale));
    }
    af_vector_push_result(L, &buffer, AF_VECTOR_U64, out, v.count);
    lua_pushinteger(L, clipped);
    return 2;
}

/* dequantise(v, { bits =, count = }) → floats: v is a sum of `count` quantised vectors (1), of
 * which this is the mean */
static int l_dequantise(lua_State *L)
{
    enum af_vector_kind kind = af_vector_kind(L, 3);
    af_vector_need_float(L, kind, "dequantise");
    struct af_vector v = af_vector_vector(L, 1, AF_VECTOR_U64);
    static const char *const names[] = {"bits", "count", NULL};
    af_secret_options(L, 2, names);
    double scale = check_bits(L, 2, "dequantise"), count = number_field(L, 2, "count", 1);
    if (!(count >= 1) || !isfinite(count))
        luaL_error(L, "vector.dequantise: count must be at least 1");
    luaL_Buffer buffer;
    void *out = af_vector_result_bytes(L, &buffer, kind, v.count);
    for (size_t i = 0; i < v.count; i++)
        af_vector_put(out, kind, i, (double)(int64_t)af_vector_word(&v, i) / scale / count);
    return af_vector_push_result(L, &buffer, kind, out, v.count);
}

void af_vector_lists_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sum", l_sum},
        {"mean", l_mean},
        {"median", l_median},
        {"trimmed_mean", l_trimmed_mean},
        {"distances", l_distances},
        {"krum", l_krum},
        {"histogram", l_histogram},
        {"quantise", l_quantise},
        {"dequantise", l_dequantise},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
