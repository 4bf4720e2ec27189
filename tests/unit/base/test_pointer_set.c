/* test_pointer_set.c: addresses that were met already. */
#include "base/pointer_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const void *address(size_t i)
{
    return (const void *)(uintptr_t)(16 * (i + 1));
}

static void test_a_pointer_is_new_once(void **state)
{
    (void)state;
    struct af_pointer_set set = {0};
    int a, b;
    af_pointer_set_clear(&set);
    assert_true(af_pointer_set_add(&set, &a));
    assert_true(af_pointer_set_add(&set, &b));
    assert_false(af_pointer_set_add(&set, &a));
    assert_false(af_pointer_set_add(&set, &b));
    assert_int_equal(set.count, 2);
    af_pointer_set_release(&set);
}

static void test_a_cleared_set_knows_nothing(void **state)
{
    (void)state;
    struct af_pointer_set set = {0};
    for (int round = 0; round < 1000; round++) {
        af_pointer_set_clear(&set);
        assert_int_equal(set.count, 0);
        for (size_t i = 0; i < 20; i++) {
            assert_true(af_pointer_set_add(&set, address(i + (size_t)round)));
            assert_false(af_pointer_set_add(&set, address(i + (size_t)round)));
        }
    }
    assert_true(set.cap <= 64); /* what earlier walks met takes no room */
    af_pointer_set_release(&set);
}

static void test_a_set_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct af_pointer_set set = {0};
    af_pointer_set_clear(&set);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(af_pointer_set_add(&set, address(i)));
    for (size_t i = 0; i < COUNT; i++)
        assert_false(af_pointer_set_add(&set, address(i)));
    assert_int_equal(set.count, COUNT);
    af_pointer_set_clear(&set);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(af_pointer_set_add(&set, address(i)));
    af_pointer_set_release(&set);
}

static void test_addresses_that_collide_are_told_apart(void **state)
{
    (void)state;
    struct af_pointer_set set = {0};
    af_pointer_set_clear(&set);
    for (size_t i = 1; i <= 3000; i++) {
        assert_true(af_pointer_set_add(&set, (const void *)(uintptr_t)(i << 40)));
        assert_true(af_pointer_set_add(&set, (const void *)(uintptr_t)((i << 40) + 8)));
    }
    for (size_t i = 1; i <= 3000; i++)
        assert_false(af_pointer_set_add(&set, (const void *)(uintptr_t)((i << 40) + 8)));
    af_pointer_set_release(&set);
}

static void test_a_released_set_may_be_used_again(void **state)
{
    (void)state;
    struct af_pointer_set set = {0};
    af_pointer_set_clear(&set);
    assert_true(af_pointer_set_add(&set, address(1)));
    af_pointer_set_release(&set);
    assert_null(set.entries);
    af_pointer_set_clear(&set);
    assert_true(af_pointer_set_add(&set, address(1)));
    assert_false(af_pointer_set_add(&set, address(1)));
    af_pointer_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pointer_is_new_once),
        cmocka_unit_test(test_a_cleared_set_knows_nothing),
        cmocka_unit_test(test_a_set_grows_and_keeps_what_it_has),
        cmocka_unit_test(test_addresses_that_collide_are_told_apart),
        cmocka_unit_test(test_a_released_set_may_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
