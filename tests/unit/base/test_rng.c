/* test_rng.c: runtime/base/rng.h. */
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DRAWS_COUNT 100000

/* The key and the inputs of SipHash's published vectors: bytes 0, 1, 2, … */
static const struct af_hash vector_key = {UINT64_C(0x0706050403020100),
                                          UINT64_C(0x0f0e0d0c0b0a0908)};

static void test_hash_is_siphash_2_4_with_128_bits(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        struct af_hash hash;
    } vectors[] = {
        {0, {UINT64_C(0xe6a825ba047f81a3), UINT64_C(0x930255c71472f66d)}},
        {1, {UINT64_C(0x44af996bd8c187da), UINT64_C(0x45fc229b11597634)}},
        {2, {UINT64_C(0xc75da4a48d227781), UINT64_C(0xe4ff0af6de8ba3fc)}},
        {8, {UINT64_C(0x61f55862baa9623b), UINT64_C(0xb49714f364e2830f)}},
        {15, {UINT64_C(0x11a8b03399e99354), UINT64_C(0xd9c3cf970fec087e)}},
        {63, {UINT64_C(0x4a83502f77d15051), UINT64_C(0x7cbd3f979a063e50)}},
    };
    unsigned char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct af_hash hash = af_hash_bytes(vector_key, bytes, vectors[i].len);
        assert_true(hash.a == vectors[i].hash.a);
        assert_true(hash.b == vectors[i].hash.b);
    }
}

/* All 64 published vectors, as the hash of them one after the other. */
static void test_hash_of_every_length(void **state)
{
    (void)state;
    unsigned char bytes[64], all[64 * 16];
    for (size_t i = 0; i < sizeof bytes; i++) {
        struct af_hash hash = af_hash_bytes(vector_key, bytes, i);
        for (size_t j = 0; j < 8; j++) {
            all[16 * i + j] = (unsigned char)(hash.a >> 8 * j);
            all[16 * i + 8 + j] = (unsigned char)(hash.b >> 8 * j);
        }
        bytes[i] = (unsigned char)i;
    }
    struct af_hash hash = af_hash_bytes(vector_key, all, sizeof all);
    assert_true(hash.a == UINT64_C(0xf988b98f34d72075));
    assert_true(hash.b == UINT64_C(0x552711ffb35c6229));
}

static void test_hash_does_not_ask_for_alignment(void **state)
{
    (void)state;
    static const unsigned char same[32] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    unsigned char bytes[48];
    struct af_hash first = af_hash_bytes(vector_key, same, 32);
    for (size_t shift = 0; shift < 16; shift++) {
        memcpy(bytes + shift, same, 32);
        struct af_hash hash = af_hash_bytes(vector_key, bytes + shift, 32);
        assert_memory_equal(&hash, &first, sizeof hash);
    }
}

static void test_draws_are_xoshiro256_star_star(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        11520, 0, 1509978240, UINT64_C(1215971899390074240), UINT64_C(1216172134540287360),
    };
    struct af_rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(af_rng_next(&rng) == expected[i]);
}

/* These draws are in everyone's traces: a change here makes every seed mean another run. */
static void test_a_stream_is_the_same_for_ever(void **state)
{
    (void)state;
    struct af_rng rng;
    af_rng_init(&rng, 1, "latency");
    assert_true(af_rng_next(&rng) == UINT64_C(0xe1e3364ea4760c4c));
    assert_true(af_rng_next(&rng) == UINT64_C(0x2a07152417ebd3ec));
    assert_true(af_rng_next(&rng) == UINT64_C(0xbb4b283e7edb9ef2));
}

static void test_each_seed_and_purpose_has_its_own_stream(void **state)
{
    (void)state;
    static const char *const purposes[] = {"latency", "loss", "los", "", "latency2"};
    struct af_rng rngs[10];
    for (size_t i = 0; i < 10; i++)
        af_rng_init(&rngs[i], i / 5, purposes[i % 5]);
    for (size_t i = 0; i < 10; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(&rngs[i], &rngs[j], sizeof *rngs);
}

static void test_below_stays_below(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {2, 3, 7, 1000, UINT64_C(1) << 63, UINT64_MAX};
    struct af_rng rng;
    af_rng_init(&rng, 2, "below");
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (int draw = 0; draw < 1000; draw++)
            assert_true(af_rng_below(&rng, bounds[i]) < bounds[i]);
}

static void test_below_of_nothing_draws_nothing(void **state)
{
    (void)state;
    struct af_rng rng = {{1, 2, 3, 4}}, before = rng;
    assert_true(af_rng_below(&rng, 0) == 0);
    assert_true(af_rng_below(&rng, 1) == 0);
    assert_memory_equal(&rng, &before, sizeof rng);
}

/* Each of `count` cells is hit evenly: within five standard deviations. */
static void assert_even(const int *hits, size_t count)
{
    double expected = (double)DRAWS_COUNT / (double)count;
    for (size_t i = 0; i < count; i++)
        assert_true(fabs(hits[i] - expected) < 5 * sqrt(expected));
}

static void test_below_is_even(void **state)
{
    (void)state;
    struct af_rng rng;
    int hits[7] = {0}, thirds[3] = {0};
    af_rng_init(&rng, 3, "even");
    for (int i = 0; i < DRAWS_COUNT; i++)
        hits[af_rng_below(&rng, 7)]++;
    assert_even(hits, 7);
    /* Four draws meet three results here: without drawing again, each third one came twice. */
    for (int i = 0; i < DRAWS_COUNT; i++)
        thirds[af_rng_below(&rng, UINT64_C(3) << 62) % 3]++;
    assert_even(thirds, 3);
}

static void test_unit_is_even_and_below_one(void **state)
{
    (void)state;
    struct af_rng rng;
    int hits[10] = {0};
    af_rng_init(&rng, 4, "unit");
    for (int i = 0; i < DRAWS_COUNT; i++) {
        double unit = af_rng_unit(&rng);
        assert_true(unit >= 0 && unit < 1);
        hits[(int)(unit * 10)]++;
    }
    assert_even(hits, 10);
}

static void test_unit_of_the_largest_draw_is_below_one(void **state)
{
    (void)state;
    struct af_rng rng = {{0, UINT64_C(0x4fc71c71c71c71c7), 0, 0}}, same = rng;
    assert_true(af_rng_next(&rng) == UINT64_MAX);
    assert_true(af_rng_unit(&same) < 1);
}

static void test_chance_happens_as_often_as_asked(void **state)
{
    (void)state;
    struct af_rng rng;
    int hits[10] = {0};
    af_rng_init(&rng, 5, "chance");
    for (int i = 0; i < DRAWS_COUNT; i++)
        hits[0] += af_rng_chance(&rng, 0.1);
    assert_true(abs(hits[0] - DRAWS_COUNT / 10) < 5 * 100);
}

static void test_chance_that_is_no_chance_draws_nothing(void **state)
{
    (void)state;
    struct af_rng rng = {{1, 2, 3, 4}}, before = rng;
    assert_false(af_rng_chance(&rng, 0));
    assert_false(af_rng_chance(&rng, -1));
    assert_false(af_rng_chance(&rng, NAN));
    assert_true(af_rng_chance(&rng, 1));
    assert_true(af_rng_chance(&rng, 2));
    assert_memory_equal(&rng, &before, sizeof rng);
}

static void test_a_uuid_is_a_hash_with_version_and_variant(void **state)
{
    (void)state;
    static const struct {
        struct af_hash hash;
        const char *text;
    } rows[] = {
        {{0, 0}, "00000000-0000-4000-8000-000000000000"},
        {{UINT64_MAX, UINT64_MAX}, "ffffffff-ffff-4fff-bfff-ffffffffffff"},
        {{UINT64_C(0x0123456789abcdef), UINT64_C(0x0123456789abcdef)},
         "01234567-89ab-4def-8123-456789abcdef"},
    };
    char text[AF_UUID_TEXT_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        af_uuid_format(rows[i].hash, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_is_siphash_2_4_with_128_bits),
        cmocka_unit_test(test_hash_of_every_length),
        cmocka_unit_test(test_hash_does_not_ask_for_alignment),
        cmocka_unit_test(test_draws_are_xoshiro256_star_star),
        cmocka_unit_test(test_a_stream_is_the_same_for_ever),
        cmocka_unit_test(test_each_seed_and_purpose_has_its_own_stream),
        cmocka_unit_test(test_below_stays_below),
        cmocka_unit_test(test_below_of_nothing_draws_nothing),
        cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_unit_is_even_and_below_one),
        cmocka_unit_test(test_unit_of_the_largest_draw_is_below_one),
        cmocka_unit_test(test_chance_happens_as_often_as_asked),
        cmocka_unit_test(test_chance_that_is_no_chance_draws_nothing),
        cmocka_unit_test(test_a_uuid_is_a_hash_with_version_and_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
