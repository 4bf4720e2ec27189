/* test_faults.c: what goes wrong on purpose: options, and the streams that decide. */
#include "base/bounds.h"
#include "sim/faults.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_without_options_nothing_goes_wrong(void **state)
{
    (void)state;
    struct af_fault_options options;
    af_fault_options_init(&options);
    assert_int_equal(options.latency_min_ns, AF_MS_NS);
    assert_int_equal(options.latency_max_ns, 10 * AF_MS_NS);
    assert_int_equal(options.down_min_ns, 10 * AF_MS_NS);
    assert_int_equal(options.down_max_ns, 60 * AF_S_NS);
    assert_false(options.fifo);
    assert_false(af_fault_options_any(&options));
    options.fifo = true; /* order and latency make no honest protocol fail */
    options.latency_max_ns = 3600 * AF_S_NS;
    assert_false(af_fault_options_any(&options));
    af_fault_options_release(&options);
}

static void test_each_fault_alone_counts_as_one(void **state)
{
    (void)state;
    struct af_role_fault role = {0};
    struct af_partition partition = {0};
    struct af_fault_options none, options[6];
    af_fault_options_init(&none);
    for (size_t i = 0; i < 6; i++)
        options[i] = none;
    options[0].wishes[AF_FAULT_DROP].probability = 0.1;
    options[1].wishes[AF_FAULT_DUPLICATE].probability = 0.1;
    options[2].wishes[AF_FAULT_CRASH] = (struct af_fault_wish){0, &role, 1};
    options[3].wishes[AF_FAULT_LOSE] = (struct af_fault_wish){0, &role, 1};
    options[4].partitions = &partition;
    options[4].partition_count = 1;
    options[5].random_partition = 0.1;
    for (enum af_fault i = 0; i < 4; i++)
        for (enum af_fault k = 0; k < 4; k++)
            assert_int_equal(af_fault_is_wished(&options[i], k), i == k);
    for (size_t i = 0; i < 6; i++)
        assert_true(af_fault_options_any(&options[i]));
}

static void test_release_frees_all_and_starts_over(void **state)
{
    (void)state;
    struct af_fault_options options;
    af_fault_options_init(&options);
    struct af_fault_wish *crashes = &options.wishes[AF_FAULT_CRASH];
    struct af_fault_wish *losses = &options.wishes[AF_FAULT_LOSE];
    options.wishes[AF_FAULT_DROP].probability = 1;
    crashes->roles = af_mem_zero(1, sizeof *crashes->roles);
    crashes->role_count = 1; /* its role is not known yet: an option that was refused */
    losses->roles = af_mem_zero(1, sizeof *losses->roles);
    losses->roles[0].role = af_mem_string("server");
    losses->role_count = 1;
    options.partitions = af_mem_zero(1, sizeof *options.partitions);
    options.partitions[0].text = af_mem_string("a|b@1s..2s");
    options.partitions[0].nodes = af_mem_zero(2, sizeof(char *));
    options.partitions[0].groups = af_mem_zero(2, sizeof(unsigned));
    options.partitions[0].nodes[0] = af_mem_string("a");
    options.partitions[0].nodes[1] = af_mem_string("b");
    options.partitions[0].node_count = 2;
    options.partition_count = 1;
    af_fault_options_release(&options);
    assert_null(crashes->roles);
    assert_null(losses->roles);
    assert_null(options.partitions);
    assert_false(af_fault_options_any(&options));
    af_fault_options_release(&options); /* twice does no harm */
}

static void test_latency_stays_within_its_range_and_reaches_its_ends(void **state)
{
    (void)state;
    struct af_fault_options options;
    struct af_faults faults;
    int seen[4] = {0};
    af_fault_options_init(&options);
    options.latency_min_ns = 5;
    options.latency_max_ns = 8;
    af_faults_init(&faults, &options, 1);
    for (int i = 0; i < 1000; i++) {
        int64_t latency_ns = af_faults_latency_ns(&faults, &faults.latency, "a", "b");
        assert_in_range(latency_ns, 5, 8);
        seen[latency_ns - 5]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 180, 320);
}

static void test_a_range_of_one_is_that_one(void **state)
{
    (void)state;
    struct af_fault_options options;
    struct af_faults faults;
    af_fault_options_init(&options);
    options.latency_min_ns = options.latency_max_ns = 3 * AF_MS_NS;
    af_faults_init(&faults, &options, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(af_faults_latency_ns(&faults, &faults.latency, "a", "b"), 3 * AF_MS_NS);
    assert_int_equal(af_faults_between_ns(&faults.down, 0, 0), 0);
    assert_in_range(af_faults_between_ns(&faults.down, 0, AF_TIME_MAX_NS), 0, AF_TIME_MAX_NS);
}

static void test_each_fault_draws_from_a_stream_of_its_own(void **state)
{
    (void)state;
    struct af_fault_options options;
    struct af_faults faults;
    af_fault_options_init(&options);
    af_faults_init(&faults, &options, 11);
    struct af_rng *chance = faults.chance;
    struct af_rng *streams[] = {
        &faults.latency,         &chance[AF_FAULT_DROP], &chance[AF_FAULT_DUPLICATE],
        &chance[AF_FAULT_CRASH], &faults.down,           &chance[AF_FAULT_LOSE],
        &faults.partition};
    enum { STREAM_COUNT = sizeof streams / sizeof streams[0] };
    uint64_t first[STREAM_COUNT];
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        first[i] = af_rng_next(streams[i]);
        for (size_t k = 0; k < i; k++)
            assert_true(first[i] != first[k]);
    }

    struct af_faults again; /* drawing from one does not move another, and the seed decides */
    af_faults_init(&again, &options, 11);
    for (int i = 0; i < 100; i++)
        af_rng_next(&again.latency);
    assert_true(af_rng_next(&again.chance[AF_FAULT_DROP]) == first[1]);
    assert_true(af_rng_next(&again.partition) == first[6]);
    af_faults_init(&again, &options, 12);
    assert_true(af_rng_next(&again.chance[AF_FAULT_DROP]) != first[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_nothing_goes_wrong),
        cmocka_unit_test(test_each_fault_alone_counts_as_one),
        cmocka_unit_test(test_release_frees_all_and_starts_over),
        cmocka_unit_test(test_latency_stays_within_its_range_and_reaches_its_ends),
        cmocka_unit_test(test_a_range_of_one_is_that_one),
        cmocka_unit_test(test_each_fault_draws_from_a_stream_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
