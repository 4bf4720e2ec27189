/* test_ctl_status.c: a node's status as people read it: every number that matters and none that
 * does not, control characters shown as such, and answers that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "cli/ctl_status.h"
#include "base/failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is printed of an answer; result is what af_ctl_print_status() returns. */
static char *print(const char *json, int *result, struct af_failure *why)
{
    struct af_buf answer = AF_BUF_EMPTY;
    char *text = NULL;
    size_t len = 0;
    FILE *console = stdout;
    af_buf_append(&answer, json, strlen(json));
    *why = AF_FAILURE_INIT;
    stdout = open_memstream(&text, &len);
    *result = af_ctl_print_status(&answer, why);
    fclose(stdout);
    stdout = console;
    af_buf_release(&answer);
    return text;
}

static void expect(const char *json, const char *expected)
{
    struct af_failure why;
    int result;
    char *text = print(json, &result, &why);
    assert_int_equal(result, 0);
    assert_string_equal(text, expected);
    free(text);
}

#define NODE                                                                                       \
    "\"ok\":true,\"node\":\"i\",\"bus\":\"local:x\",\"store\":null,\"now\":1000,\"began\":925"

static void test_a_node_without_parties_says_how_to_launch_one(void **state)
{
    (void)state;
    expect("{" NODE ",\"jail\":true,\"parties\":[]}",
           "node i over local:x, up for 1 min 15 s\n"
           "no parties; launch one: afrun ctl launch FLOW --task T --role R\n");
}

static void test_what_is_not_as_it_should_be_is_told_first(void **state)
{
    (void)state;
    expect("{\"ok\":true,\"node\":\"i\",\"bus\":\"b\",\"store\":\"the disk is full\",\"now\":5,"
           "\"began\":5,\"jail\":false,\"parties\":[]}",
           "node i over b, up for 0 s; its workers are NOT jailed\n"
           "what happens cannot be kept: the disk is full\n"
           "no parties; launch one: afrun ctl launch FLOW --task T --role R\n");
}

static void test_a_party_has_a_line_and_what_it_waits_for(void **state)
{
    (void)state;
    expect("{" NODE ",\"jail\":true,\"parties\":[{\"task\":\"t1\",\"flow\":\"sync\",\"version\":2,"
           "\"role\":\"asker\",\"status\":\"waiting\",\"state\":\"open\",\"since\":990,"
           "\"waits\":\"state 'open', for sync\",\"error\":null,\"progress\":-1,\"queue\":0,"
           "\"deferred\":0,\"unsent\":0,\"dead_letters\":0,\"worker_restarts\":0},"
           "{\"task\":\"t2\",\"flow\":\"sync\",\"version\":2,\"role\":\"asker\","
           "\"status\":\"held\",\"since\":990,\"waits\":null,\"error\":\"flow.lua:3: a bug\","
           "\"progress\":40,\"queue\":1,\"deferred\":2,\"unsent\":3,\"dead_letters\":4,"
           "\"worker_restarts\":5}]}",
           "node i over local:x, up for 1 min 15 s\n"
           "t1  asker of sync (version 2)  waiting  for 10 s\n"
           "    state 'open', for sync\n"
           "t2  asker of sync (version 2)  held  for 10 s; 40 %; 1 queued; 2 deferred; "
           "3 not taken by the bus yet; 4 dead letters; 5 restarts of its worker\n"
           "    flow.lua:3: a bug\n");
}

static void test_durations_are_in_words(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        const char *words;
    } rows[] = {
        {0, "0 s"},          {59, "59 s"},           {60, "1 min 0 s"},  {3599, "59 min 59 s"},
        {3600, "1 h 0 min"}, {86399, "23 h 59 min"}, {86400, "1 d 0 h"}, {90000, "1 d 1 h"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[200], expected[200];
        snprintf(json, sizeof json,
                 "{\"node\":\"i\",\"bus\":\"b\",\"now\":%lld,\"began\":0,\"jail\":true}",
                 (long long)rows[i].now);
        snprintf(expected, sizeof expected, "node i over b, up for %s\n", rows[i].words);
        expect(json, expected);
    }
}

static void test_what_a_flow_says_draws_nothing(void **state)
{
    (void)state;
    struct af_failure why;
    int result;
    char *text =
        print("{" NODE ",\"jail\":true,\"parties\":[{\"task\":\"\\u001b[2J\",\"flow\":\"x\","
              "\"role\":\"r\",\"status\":\"held\",\"since\":1,"
              "\"waits\":\"a\\u0007b\\rc\",\"error\":\"\\u001b[31mred\\nline\"}]}",
              &result, &why);
    assert_int_equal(result, 0);
    for (const char *at = text; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
    assert_non_null(strstr(text, "red"));
    free(text);
}

static void test_what_is_missing_is_a_dash_and_what_is_new_is_passed_over(void **state)
{
    (void)state;
    expect("{\"new\":{\"a\":[1,{}]},\"node\":null,\"now\":9,\"began\":9,\"jail\":true,"
           "\"parties\":[{\"since\":99,\"new\":[]}],\"newer\":5}",
           "node - over -, up for 0 s\n-  - of - (version 0)  -  for 0 s\n");
}

static void test_an_answer_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "[]",
                                       "5",
                                       "{",
                                       "{\"parties\":[{]}",
                                       "{\"parties\":[5]}",
                                       "{\"parties\":[{}",
                                       "{\"node\":\"\xFF\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_failure why;
        int result;
        free(print(rows[i], &result, &why));
        if (result != -1)
            fail_msg("'%s' was read", rows[i]);
        assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
        assert_string_equal(why.why, "the node's answer cannot be read");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_without_parties_says_how_to_launch_one),
        cmocka_unit_test(test_what_is_not_as_it_should_be_is_told_first),
        cmocka_unit_test(test_a_party_has_a_line_and_what_it_waits_for),
        cmocka_unit_test(test_durations_are_in_words),
        cmocka_unit_test(test_what_a_flow_says_draws_nothing),
        cmocka_unit_test(test_what_is_missing_is_a_dash_and_what_is_new_is_passed_over),
        cmocka_unit_test(test_an_answer_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
