/* test_test_calls.c: what the broker of `afrun test` refuses to whoever is in the jail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/broker.h"
#include "base/buf.h"
#include "base/failure.h"
#include "cli/test_impl.h"

static void assert_refused(const char *flow, const char *words, size_t len, const char *what,
                           const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    const struct af_broker_question question = {flow, 0, words, len};
    assert_int_equal(af_test_serve_check(NULL, &question, &answer, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, what);
    assert_string_equal(why.why, text);
    assert_int_equal(answer.bytes.len, 0);
    af_buf_release(&answer.bytes);
}

static void test_each_word_says_what_is_checked_not_where_it_is_told(void **state)
{
    static const char no_option[] = "is no option of a test's run";
    (void)state;
#define WORDS(words) words, sizeof words
    assert_refused("a", WORDS("--trace=a.jsonl"), "--trace=a.jsonl", no_option);
    assert_refused("a", WORDS("--drop=1\0--first\0--log=json"), "--log=json", no_option);
    assert_refused("a", WORDS("--drop=1\0b.lua"), "b.lua", no_option);
    assert_refused("a", "--json!", 6, "--json", no_option); /* no zero byte ends it */
}

static void test_what_is_checked_is_a_flow(void **state)
{
    (void)state;
    assert_refused("a.txt", WORDS("--drop=1\0--first"), "a.txt", "is no flow");
    assert_refused("--json.lua", WORDS("--drop=1"), "--json.lua", "is no flow");
    assert_refused("a", NULL, 0, "a", "is no flow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_word_says_what_is_checked_not_where_it_is_told),
        cmocka_unit_test(test_what_is_checked_is_a_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
