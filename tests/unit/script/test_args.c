/* test_args.c: NAME=VALUE, and what is none. */
#include "base/failure.h"
#include "script/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_a_value_is_all_behind_the_first_equals(void **state)
{
    (void)state;
    struct af_script_arg_list list = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_script_args_read(&list, "rounds=3", &why), 0);
    assert_int_equal(af_script_args_read(&list, "query=a=b", &why), 0);
    assert_int_equal(af_script_args_read(&list, "empty=", &why), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].name, "rounds");
    assert_string_equal(list.items[0].value, "3");
    assert_string_equal(list.items[1].value, "a=b");
    assert_string_equal(list.items[2].value, "");
    af_script_args_release(&list);
}

static void test_what_is_refused_is_told(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "rounds", "=3", "="};
    struct af_script_arg_list list = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_script_args_read(&list, wrong[i], &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_non_null(strstr(why.why, "expected NAME=VALUE, not '"));
    }
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_script_args_read(&list, "rounds=3", &why), 0);
    assert_int_equal(af_script_args_read(&list, "rounds=4", &why), -1);
    assert_string_equal(why.why, "gives 'rounds' twice");
    assert_int_equal(list.count, 1);
    af_script_args_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_all_behind_the_first_equals),
        cmocka_unit_test(test_what_is_refused_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
