/* test_opts_values.c: what stands behind an option's name, and what is refused there. */
#include "base/bounds.h"
#include "base/failure.h"
#include "cli/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"0.0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"1us", 1000},
        {"1ms", AF_MS_NS},
        {"10s", 10 * AF_S_NS},
        {"2.5s", 2500 * AF_MS_NS},
        {"0.000000001s", 1},
        {"1.500000000000000000000000us", 1500},
        {"0.1h", 360 * AF_S_NS},
        {"5m", 300 * AF_S_NS},
        {"24h", 86400 * AF_S_NS},
        {"007ms", 7 * AF_MS_NS},
        {"8760h", AF_TIME_MAX_NS},
        {"31536000s", AF_TIME_MAX_NS},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = -1;
        assert_int_equal(af_opts_duration(good[i].text, &ns, NULL), 0);
        assert_int_equal(ns, good[i].ns);
    }
}

static void test_durations_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"", "expected a duration such as"},
        {"5", "write a unit"},
        {"0.5", "write a unit"},
        {"abc", "expected a duration such as"},
        {"-1s", "expected a duration such as"},
        {"+1s", "expected a duration such as"},
        {" 1s", "expected a duration such as"},
        {".5s", "expected a duration such as"},
        {"5.s", "expected a duration such as"},
        {"1s ", "the units are"},
        {"1S", "the units are"},
        {"1d", "the units are"},
        {"1e3s", "the units are"},
        {"1ms2", "the units are"},
        {"0.5ns", "whole nanoseconds"},
        {"0.0000000000005m", "whole nanoseconds"},
        {"0.0000000001s", "whole nanoseconds"},
        {"0.00000000000000000001h", "whole nanoseconds"},
        {"8760.1h", "at most a year"},
        {"8761h", "at most a year"},
        {"99999999999999999999999999s", "at most a year"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns = -1;
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_opts_duration(bad[i].text, &ns, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_string_equal(why.what, "");
        assert_non_null(strstr(why.why, bad[i].part));
        assert_non_null(strstr(why.why, bad[i].text));
        assert_int_equal(ns, -1);
    }
}

static void test_duration_ranges(void **state)
{
    (void)state;
    int64_t from = -1, to = -1;
    assert_int_equal(af_opts_duration_range("1ms..50ms", &from, &to, NULL), 0);
    assert_int_equal(from, AF_MS_NS);
    assert_int_equal(to, 50 * AF_MS_NS);
    assert_int_equal(af_opts_duration_range("5ms", &from, &to, NULL), 0);
    assert_int_equal(from, 5 * AF_MS_NS);
    assert_int_equal(to, 5 * AF_MS_NS);
    assert_int_equal(af_opts_duration_range("0..0.5s", &from, &to, NULL), 0);
    assert_int_equal(af_opts_duration_range("1s..1000ms", &from, &to, NULL), 0);
    static const char *const bad[] = {"",         "..",     "1ms..",     "..1ms",
                                      "2ms..1ms", "1..5ms", "1ms...2ms", "1ms..2ms..3ms"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        from = to = -1;
        assert_int_equal(af_opts_duration_range(bad[i], &from, &to, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_true(from == -1 && to == -1);
    }
}

static void test_probabilities(void **state)
{
    (void)state;
    double p = -1;
    static const struct {
        const char *text;
        double p;
    } good[] = {{"0", 0}, {"1", 1}, {"0.05", 0.05}, {".5", 0.5}, {"1e-3", 0.001}, {"1.0", 1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(af_opts_probability(good[i].text, &p, NULL), 0);
        assert_true(p == good[i].p);
    }
    static const char *const bad[] = {"",    "1.01", "-0.1", "-0", "nan", "inf", "0x1p-1",
                                      "50%", "0,5",  " 0.5", ".",  "e",   "0.5e"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        p = -1;
        assert_int_equal(af_opts_probability(bad[i], &p, &why), -1);
        assert_non_null(strstr(why.why, "from 0 to 1"));
        assert_true(p == -1);
    }
}

static void test_seeds_and_integers(void **state)
{
    (void)state;
    uint64_t seed = 7;
    assert_int_equal(af_opts_seed("18446744073709551615", &seed, NULL), 0);
    assert_true(seed == UINT64_MAX);
    assert_int_equal(af_opts_seed("0", &seed, NULL), 0);
    assert_true(seed == 0);
    static const char *const bad_seeds[] = {"",   "18446744073709551616", "-1", "+1", "0x10",
                                            "1 ", "99999999999999999999", "1.0"};
    for (size_t i = 0; i < sizeof bad_seeds / sizeof bad_seeds[0]; i++)
        assert_int_equal(af_opts_seed(bad_seeds[i], &seed, NULL), -1);
    assert_true(seed == 0);

    int64_t value = 0;
    assert_int_equal(af_opts_integer("-9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL),
                     0);
    assert_true(value == INT64_MIN);
    assert_int_equal(af_opts_integer("9223372036854775807", INT64_MIN, INT64_MAX, &value, NULL), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(af_opts_integer("9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL),
                     -1);
    assert_int_equal(af_opts_integer("-9223372036854775809", INT64_MIN, INT64_MAX, &value, NULL),
                     -1);
    assert_int_equal(af_opts_integer("10", 1, 10, &value, NULL), 0);
    assert_int_equal(value, 10);
    static const char *const bad_integers[] = {"", "-", "0", "11", "1.5", "ten", "--1"};
    for (size_t i = 0; i < sizeof bad_integers / sizeof bad_integers[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_opts_integer(bad_integers[i], 1, 10, &value, &why), -1);
        assert_non_null(strstr(why.why, "expected an integer from 1 to 10, not '"));
    }
    assert_int_equal(value, 10);
}

static void test_choices(void **state)
{
    (void)state;
    int index = -1;
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_opts_choice("auto", "auto|always|never", &index, &why), 0);
    assert_int_equal(index, 0);
    assert_int_equal(af_opts_choice("never", "auto|always|never", &index, &why), 0);
    assert_int_equal(index, 2);
    assert_int_equal(af_opts_choice("alw", "auto|always|never", &index, &why), -1);
    assert_string_equal(why.why, "expected auto|always|never, not 'alw'");
    assert_int_equal(af_opts_choice("", "auto|always|never", &index, NULL), -1);
}

static void test_role_counts(void **state)
{
    (void)state;
    struct af_opts_counts list = {NULL, 0, 0};
    assert_int_equal(af_opts_counts("server=1,client_2-x=30", 1, 100, &list, NULL), 0);
    assert_int_equal(af_opts_counts("_a=2", 1, 100, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[1].name, "client_2-x");
    assert_int_equal(list.items[1].count, 30);
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "expected role=N,role=N…, not ''"},
        {"a", "expected role=N,role=N…, not 'a'"},
        {"a=1,", "expected role=N,role=N…, not ''"},
        {"a=1,,b=2", "expected role=N,role=N…, not ''"},
        {"=1", "expected role=N,role=N…, not '=1'"},
        {"1a=1", "expected role=N,role=N…, not '1a=1'"},
        {"-a=1", "expected role=N,role=N…, not '-a=1'"},
        {"a b=1", "expected role=N,role=N…, not 'a b=1'"},
        {"a=", "role 'a': expected an integer from 1 to 100, not ''"},
        {"a=0", "role 'a': expected an integer from 1 to 100, not '0'"},
        {"a=1=2", "role 'a': expected an integer from 1 to 100, not '1=2'"},
        {"a=1,b=2,a=3", "role 'a' comes twice"},
        {"b=1,server=3", "role 'server' comes twice"}, /* with an earlier option */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_opts_counts(bad[i].text, 1, 100, &list, &why), -1);
        assert_string_equal(why.why, bad[i].why);
        assert_int_equal(list.count, 3); /* nothing of it has been taken */
    }
    af_opts_counts_release(&list);
    assert_null(list.items);
}

static void test_role_probabilities(void **state)
{
    (void)state;
    char *role = NULL;
    double p = -1;
    assert_int_equal(af_opts_role_probability("server:0.25", &role, &p, NULL), 0);
    assert_string_equal(role, "server");
    assert_true(p == 0.25);
    free(role);
    role = NULL;
    static const char *const bad[] = {"", "server", ":0.5", "9:0.5", "a:", "a:2", "a:b:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_opts_role_probability(bad[i], &role, &p, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_null(role);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_durations_that_are_refused),
        cmocka_unit_test(test_duration_ranges),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_seeds_and_integers),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_role_counts),
        cmocka_unit_test(test_role_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
