/* test_rename.c: JSON in which two parties have exchanged their names. */
#include "check/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct af_script_member who[] = {{"hub-1", 0}, {"node-1", 1}, {"node-2", 1}, {"node-3", 1}};
static uint32_t roles[] = {0, 1, 1, 1};

/* node-1 and node-2 exchanged. */
static void expect(const char *text, const char *expected)
{
    struct af_check check = {.members = 4, .who = who, .roles = {roles, roles}};
    uint32_t word = af_check_text(&check.words, text);
    uint32_t renamed = af_check_rename(&check, word, 1, 2);
    assert_string_equal(af_check_word_bytes(&check.words, renamed, NULL), expected);
    assert_int_equal(af_check_rename(&check, renamed, 1, 2), word);
    assert_int_equal(af_check_rename(&check, word, 2, 1), renamed);
    af_check_words_release(&check.words);
}

static void test_strings_that_are_a_name_become_the_other(void **state)
{
    (void)state;
    expect("\"node-1\"", "\"node-2\"");
    expect("{\"a\":\"node-2\",\"b\":[\"node-1\",\"node-3\"]}",
           "{\"a\":\"node-1\",\"b\":[\"node-2\",\"node-3\"]}");
    expect("{\"a\":\"node-11\",\"b\":\" node-1\",\"c\":\"hub-1\"}",
           "{\"a\":\"node-11\",\"b\":\" node-1\",\"c\":\"hub-1\"}");
    expect("{\"a\":[1,2.5,true,null,{}],\"b\":[]}", "{\"a\":[1,2.5,true,null,{}],\"b\":[]}");
}

static void test_keys_that_are_names_stand_in_order_again(void **state)
{
    (void)state;
    expect("{\"node-1\":1,\"node-2\":2,\"node-3\":3}", "{\"node-1\":2,\"node-2\":1,\"node-3\":3}");
    expect("{\"a\":0,\"node-2\":\"node-1\",\"z\":{\"node-1\":[\"node-2\"]}}",
           "{\"a\":0,\"node-1\":\"node-2\",\"z\":{\"node-2\":[\"node-1\"]}}");
}

/* What party:nodes() gives is the same for all. */
static void test_a_whole_list_of_nodes_stays(void **state)
{
    (void)state;
    expect("[\"hub-1\",\"node-1\",\"node-2\",\"node-3\"]",
           "[\"hub-1\",\"node-1\",\"node-2\",\"node-3\"]");
    expect("{\"of\":[\"node-1\",\"node-2\",\"node-3\"]}",
           "{\"of\":[\"node-1\",\"node-2\",\"node-3\"]}");
    expect("[\"node-2\",\"node-1\",\"node-3\"]", "[\"node-2\",\"node-1\",\"node-3\"]");
    expect("[\"node-3\",\"node-1\",\"node-2\"]", "[\"node-3\",\"node-2\",\"node-1\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_that_are_a_name_become_the_other),
        cmocka_unit_test(test_keys_that_are_names_stand_in_order_again),
        cmocka_unit_test(test_a_whole_list_of_nodes_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
