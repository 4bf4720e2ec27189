/* test_rules.c: who may launch what: lines that are read, lines that are not, and what they say. */
#include "base/buf.h"
#include "base/failure.h"
#include "node/rules.h"
#include "script/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int read_text(struct af_node_rules *rules, const char *text, struct af_failure *why)
{
    struct af_buf copy = AF_BUF_EMPTY;
    af_buf_append_string(&copy, text);
    af_buf_text(&copy);
    int result = af_node_rules_read_text(rules, "rules", copy.data, copy.len, why);
    af_buf_release(&copy);
    return result;
}

/* What the rules say, as "ask 2". Arguments: "name=value", up to NULL. */
static const char *say(const char *text, struct af_node_launching launch, const char *const *args)
{
    static const char *const words[] = {"allow", "ask", "refuse", "undecided"};
    static char said[32];
    struct af_node_rules rules = {.count = 0};
    struct af_script_arg_list list = {0};
    struct af_failure why = AF_FAILURE_INIT;
    size_t line;
    for (; args != NULL && *args != NULL; args++)
        assert_int_equal(af_script_args_read(&list, *args, &why), 0);
    launch.args = list.items;
    launch.arg_count = list.count;
    if (read_text(&rules, text, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
    enum af_node_answer answer = af_node_rules_say(&rules, &launch, &line);
    snprintf(said, sizeof said, "%s %zu", words[answer], line);
    af_node_rules_release(&rules);
    af_script_args_release(&list);
    return said;
}

static const struct af_node_launching from_h = {
    .flow = "fed_avg", .from = "h1", .task = "t1", .role = "participant"};

static void the_first_that_fits_counts(void **state)
{
    (void)state;
    assert_string_equal(say("allow fed_*\nrefuse fed_avg\n", from_h, NULL), "allow 1");
    assert_string_equal(say("# why\n\nrefuse fed_avg\nallow fed_*", from_h, NULL), "refuse 3");
    assert_string_equal(say("allow other\nask *", from_h, NULL), "ask 2");
    assert_string_equal(say("allow other", from_h, NULL), "refuse 0");
    assert_string_equal(say("", from_h, NULL), "refuse 0");
}

static void each_clause_must_fit(void **state)
{
    (void)state;
    assert_string_equal(say("allow * from h2,h1", from_h, NULL), "allow 1");
    assert_string_equal(say("allow * from h2", from_h, NULL), "refuse 0");
    assert_string_equal(say("allow * task t? roles observer,participant", from_h, NULL), "allow 1");
    assert_string_equal(say("allow * roles observer task t?", from_h, NULL), "refuse 0");
    assert_string_equal(say("allow * task u*  # else", from_h, NULL), "refuse 0");
    assert_string_equal(say("allow a,fed_avg\tfrom\th*\r\n", from_h, NULL), "allow 1");
}

static void the_operator_is_no_node(void **state)
{
    (void)state;
    struct af_node_launching own = from_h, odd = from_h, unnamed = from_h;
    own.from = NULL;
    odd.from = "operator";
    unnamed.from = "";
    assert_string_equal(say("refuse *", own, NULL), "allow 0");
    assert_string_equal(say("refuse * from *", own, NULL), "allow 0");
    assert_string_equal(say("ask * from operator", own, NULL), "ask 1");
    assert_string_equal(say("ask * from h9,operator", own, NULL), "ask 1");
    assert_string_equal(say("allow * from operator", odd, NULL), "refuse 0");
    assert_string_equal(say("allow * from oper*", odd, NULL), "allow 1");
    assert_string_equal(say("allow * from ?*\nask *", unnamed, NULL), "ask 2");
}

static void a_role_that_is_not_known_yet_may_decide(void **state)
{
    (void)state;
    struct af_node_launching early = from_h;
    early.role = NULL;
    assert_string_equal(say("refuse * task t1\nallow * roles a", early, NULL), "refuse 1");
    assert_string_equal(say("allow * roles a\nrefuse *", early, NULL), "undecided 1");
    assert_string_equal(say("allow * roles a from h2\nrefuse *", early, NULL), "refuse 2");
    assert_string_equal(say("allow other roles a", early, NULL), "refuse 0");
}

static void arguments_are_bounded_or_refused(void **state)
{
    (void)state;
    const char *const five[] = {"rounds=5", NULL}, *const two[] = {"rounds=5", "debug=true", NULL};
    assert_string_equal(say("allow * args rounds=[1-9]", from_h, five), "allow 1");
    assert_string_equal(say("allow * args rounds=[1-9]", from_h, NULL), "allow 1");
    assert_string_equal(say("allow * args rounds=[1-4]", from_h, five), "refuse 0");
    assert_string_equal(say("allow * args rounds=[1-9]", from_h, two), "refuse 0");
    assert_string_equal(say("allow * args rounds=* debug=t*", from_h, two), "allow 1");
    assert_string_equal(say("ask * args none", from_h, five), "refuse 0");
    assert_string_equal(say("ask * args none", from_h, NULL), "ask 1");
    assert_string_equal(say("refuse * args debug=*\nallow *", from_h, two), "refuse 1");
    assert_string_equal(say("refuse * args debug=*\nallow *", from_h, five), "allow 2");
    assert_string_equal(say("refuse * args debug=*\nallow *", from_h, NULL), "allow 2");
}

static void what_is_wrong_is_told_at_its_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"permit *", "expected allow, ask or refuse, got 'permit'"},
        {"alow *", "did you mean 'allow'?"},
        {"allow", "expected the name of a flow"},
        {"allow # all", "expected the name of a flow"},
        {"allow * form h1", "expected from, task, roles or args, got 'form'"},
        {"allow * from", "expected a pattern"},
        {"allow * from a,", "a pattern is empty"},
        {"allow * from a from b", "says the same twice"},
        {"allow fed_[ab", "a [ without a ]"},
        {"allow fed_[a,b]", "a [ without a ]"},
        {"refuse fed_[]", "a [ without a ]"},
        {"refuse fed_[!]", "a [ without a ]"},
        {"refuse fed\\", "ends with \\"},
        {"allow * args rounds=[1-9", "a [ without a ]"},
        {"allow fed_avg.lua", "without .lua"},
        {"allow x.afb", "without .lua or .afb"},
        {"allow * args", "expected NAME=PATTERN behind args, or none"},
        {"allow * args rounds", "expected NAME=PATTERN"},
        {"allow * args =5", "expected NAME=PATTERN"},
        {"allow * args a=1 roles b", "up to the line's end"},
        {"allow * args a=1 a=2", "names an argument twice"},
        {"allow * args none a=1", "nothing may follow none"},
        {"refuse * args none", "a refusal names the arguments"},
        {"allow \xff", "is no UTF-8"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_node_rules rules = {.count = 0};
        struct af_failure why = AF_FAILURE_INIT;
        char text[200];
        snprintf(text, sizeof text, "allow first\n%s\n", wrong[i][0]);
        assert_int_equal(read_text(&rules, text, &why), -1);
        assert_string_equal(why.what, "rules:2");
        if (strstr(why.why, wrong[i][1]) == NULL)
            fail_msg("'%s': %s", wrong[i][0], why.why);
        assert_null(rules.items);
    }
}

static void files_have_bounds(void **state)
{
    (void)state;
    struct af_node_rules rules = {.count = 0};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf text = AF_BUF_EMPTY;
    for (int i = 0; i < 1001; i++)
        af_buf_append_string(&text, "allow x\n");
    assert_int_equal(read_text(&rules, af_buf_text(&text), &why), -1);
    assert_string_equal(why.what, "rules:1001");
    char zero[] = "allow a\0b";
    why = AF_FAILURE_INIT;
    assert_int_equal(af_node_rules_read_text(&rules, "rules", zero, sizeof zero - 1, &why), -1);
    af_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_fits_counts),
        cmocka_unit_test(each_clause_must_fit),
        cmocka_unit_test(the_operator_is_no_node),
        cmocka_unit_test(a_role_that_is_not_known_yet_may_decide),
        cmocka_unit_test(arguments_are_bounded_or_refused),
        cmocka_unit_test(what_is_wrong_is_told_at_its_line),
        cmocka_unit_test(files_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
