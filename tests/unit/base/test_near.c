/* test_near.c: which name was probably meant by one that is not there. */
#include "base/near.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_distances(void **state)
{
    (void)state;
    assert_int_equal(af_near_distance("", ""), 0);
    assert_int_equal(af_near_distance("abc", ""), 3);
    assert_int_equal(af_near_distance("drop", "drp"), 1);
    assert_int_equal(af_near_distance("drop", "drpo"), 1);
    assert_int_equal(af_near_distance("kitten", "sitting"), 3);
    char longer[AF_NEAR_WORD_MAX + 2];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(af_near_distance(longer, "a"), INT_MAX);
    assert_int_equal(af_near_distance(longer + 1, "a"), AF_NEAR_WORD_MAX - 1);
}

static void expect_text(const char *typed, const char *text)
{
    static const char *const names[] = {"chair", "voter", "voters", "witness"};
    struct af_near near;
    af_near_init(&near, typed);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        af_near_add(&near, names[i]);
    assert_string_equal(af_near_text(&near, "it has"), text);
    af_near_release(&near);
}

/* One word of a name is likely, too, but less than a whole one. */
static void expect_word(const char *typed, const char *text)
{
    struct af_near near;
    af_near_init(&near, typed);
    af_near_add(&near, "aggregator");
    af_near_add(&near, "current_round");
    af_near_add(&near, "rounds_a");
    assert_string_equal(af_near_text(&near, "it has"), text);
    af_near_release(&near);
}

static void test_the_likeliest_name_is_offered(void **state)
{
    (void)state;
    expect_text("voer", "; did you mean 'voter'? It has chair, voter, voters, witness");
    expect_text("votersr", "; did you mean 'voters'? It has chair, voter, voters, witness");
    expect_text("wit", "; did you mean 'witness'? It has chair, voter, voters, witness");
    expect_word("rond",
                "; did you mean 'current_round'? It has aggregator, current_round, rounds_a");
    expect_word("aggregatr",
                "; did you mean 'aggregator'? It has aggregator, current_round, rounds_a");
    expect_text("judge", "; it has chair, voter, voters, witness");
    struct af_near near;
    af_near_init(&near, "x");
    assert_string_equal(af_near_text(&near, "there are"), "; there are none");
    af_near_release(&near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_the_likeliest_name_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
