/* test_host.c: flows in worker processes: what comes of a delivery there is what comes of
 * it in this process, byte for byte. The worker is the real program, jailed as for a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/worker.h"

/* ---- The same flow twice: in this process, and in a worker. ---- */

enum { HERE, THERE, SIDES };
enum { INITIATOR, A, B, WALKER, MEMBERS };

struct both {
    struct test_worker test;
    struct side {
        struct af_script *script;
        struct af_script_party *party[MEMBERS];
        struct test_calls calls;
        struct test_result result;
    } side[SIDES];
};

static void start_both(struct both *both, const char *data, const struct af_script_arg *args,
                       size_t arg_count)
{
    struct af_failure why = AF_FAILURE_INIT;
    memset(both, 0, sizeof *both);
    use_data(data);
    start_with(&both->test, program(), 120 * AF_S_NS, false);
    if (both->test.why.kind != AF_FAILURE_NONE)
        fail_msg("%s: %s", both->test.why.what, both->test.why.why);
    both->side[HERE].script = af_script_load(test_path, &why);
    both->side[THERE].script = af_worker_script(both->test.worker);
    for (int i = 0; i < SIDES; i++) {
        struct side *side = &both->side[i];
        side->calls.loop = both->test.loop;
        af_script_set_owner(side->script, on_call, &side->calls);
        set_task_with(side->script, "T", args, arg_count);
        size_t count;
        af_script_members(side->script, &count);
        for (uint32_t member = 0; member < count; member++)
            side->party[member] = new_party(side->script, member, side);
    }
}

static void stop_both(struct both *both)
{
    for (int i = 0; i < SIDES; i++) {
        struct side *side = &both->side[i];
        for (int member = 0; member < MEMBERS; member++)
            af_script_party_free(side->party[member]);
        af_script_free(side->script);
        release_calls(&side->calls);
        release_result(&side->result);
    }
    stop(&both->test);
}

/* Delivers to both; what came of it is the same. */
static void deliver_both(struct both *both, int member, const struct af_input *input)
{
    for (int i = 0; i < SIDES; i++) {
        struct side *side = &both->side[i];
        assert_ptr_equal(af_script_party_user(side->party[member]), side);
        deliver(&both->test, side->party[member], input, &side->result);
        assert_int_equal(side->result.calls, both->side[HERE].result.calls);
        assert_string_equal(af_script_party_where(side->party[member]), "");
    }
    assert_string_equal(both->side[HERE].result.all, both->side[THERE].result.all);
    assert_string_equal(af_buf_text(&both->side[HERE].calls.told),
                        af_buf_text(&both->side[THERE].calls.told));
}

static enum af_outcome act(struct both *both, int member, const char *content, uint64_t key)
{
    struct af_input input = event_input(both->side[HERE].script, "do", content, "a", key);
    deliver_both(both, member, &input);
    return both->side[THERE].result.outcome;
}

static void begin(struct both *both, int member)
{
    struct af_input input = start_input();
    deliver_both(both, member, &input);
    assert_int_equal(both->side[THERE].result.outcome, AF_OUTCOME_NONE);
}

/* ---- Effects. ---- */

#define DO(what, more) "{\"type\":\"do\",\"what\":\"" what "\"" more "}"

static void test_each_kind_of_delivery_has_the_same_effects_there_as_here(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        enum af_outcome outcome;
    } rows[] = {
        {DO("add", ",\"number\":4"), AF_OUTCOME_NONE},
        {DO("add", ",\"number\":-9223372036854775807,\"more\":[1.5,null,{\"a\":\"\\u0000\"}]"),
         AF_OUTCOME_NONE},
        {DO("send", ",\"number\":7"), AF_OUTCOME_NONE},
        {DO("draw", ""), AF_OUTCOME_NONE},
        {DO("log", ""), AF_OUTCOME_NONE},
        {DO("times", ""), AF_OUTCOME_NONE},
        {DO("raise", ",\"number\":1"), AF_OUTCOME_RAISED},
        {DO("add", ",\"number\":1"), AF_OUTCOME_NONE},
        {DO("raise_table", ""), AF_OUTCOME_RAISED},
        {DO("raise_deep", ""), AF_OUTCOME_RAISED},
        {DO("keep_function", ""), AF_OUTCOME_RAISED},
        {DO("nowhere", ""), AF_OUTCOME_RAISED},
        {DO("number", ""), AF_OUTCOME_RAISED},
        {DO("memory", ""), AF_OUTCOME_RAISED},
        {DO("no such act", ""), AF_OUTCOME_RAISED},
        {DO("add", ",\"number\":2"), AF_OUTCOME_NONE},
        {DO("big", ",\"number\":20000"), AF_OUTCOME_NONE},
        {DO("big", ",\"number\":100000"), AF_OUTCOME_NONE},
        {DO("big", ",\"number\":1500000"), AF_OUTCOME_RAISED},
        {DO("big_send", ",\"number\":1000000"), AF_OUTCOME_NONE},
        {DO("bytes", ",\"bytes\":\"AAEC/w==\""), AF_OUTCOME_NONE},
        {DO("stay", ""), AF_OUTCOME_NONE},
        {DO("impure", ""), AF_OUTCOME_RAISED}, /* here the instance is spoilt by it */
    };
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    begin(&both, INITIATOR);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (act(&both, INITIATOR, rows[i].content, i) != rows[i].outcome)
            fail_msg("%s: %s", rows[i].content, both.side[THERE].result.all);
    stop_both(&both);
}

static void test_ends_are_the_same(void **state)
{
    (void)state;
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    for (int member = 0; member < WALKER; member++)
        begin(&both, member);
    assert_int_equal(act(&both, INITIATOR, DO("move", ""), 0), AF_OUTCOME_NONE);
    struct af_failure why = AF_FAILURE_INIT;
    for (int i = 0; i < SIDES; i++)
        af_script_party_restore(both.side[i].party[INITIATOR], 1, "{\"sum\":10}", 10, &why);
    assert_int_equal(act(&both, INITIATOR, DO("done", ""), 1), AF_OUTCOME_DONE);
    assert_string_equal(both.side[THERE].result.text, "{\"list\":{},\"sum\":10}");
    assert_int_equal(act(&both, A, DO("fail", ""), 2), AF_OUTCOME_FAILED);
    assert_string_equal(both.side[THERE].result.text, "no more");
    stop_both(&both);
}

static void test_timeouts_are_the_same(void **state)
{
    (void)state;
    struct both both;
    struct af_input input = {.kind = AF_INPUT_AFTER, .now_ns = 65 * AF_S_NS, .key = {1, 1}};
    start_both(&both, "numbers.lua", NULL, 0);
    begin(&both, INITIATOR);
    deliver_both(&both, INITIATOR, &input);
    assert_true(both.side[THERE].result.entered);
    assert_int_equal(both.side[THERE].result.after_ns, 60 * AF_S_NS);
    input = (struct af_input){.kind = AF_INPUT_DEADLINE, .key = {1, 2}, .deadline = "soon"};
    deliver_both(&both, INITIATOR, &input); /* the sum is negative: no time for `after` */
    assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_RAISED);
    input = (struct af_input){.kind = AF_INPUT_DEADLINE, .key = {1, 3}, .deadline = "late"};
    deliver_both(&both, INITIATOR, &input);
    assert_int_equal(both.side[THERE].result.after_ns, 5 * AF_S_NS);
    input = (struct af_input){.kind = AF_INPUT_AFTER, .key = {1, 4}};
    deliver_both(&both, INITIATOR, &input);
    stop_both(&both);
}

static void test_contents_that_do_not_validate_are_refused_in_the_same_words(void **state)
{
    (void)state;
    static const struct {
        const char *type, *content;
    } rows[] = {
        {"do", "{\"type\":\"do\"}"},
        {"do", "{\"type\":\"do\",\"what\":5}"},
        {"do", "{\"type\":\"do\",\"what\":\"add\",\"number\":1.5}"},
        {"do", "{\"type\":\"do\",\"what\":\"add\",\"bytes\":\"no base64!\"}"},
        {"do", "[]"},
        {"do", "{\"type\":\"do\",\"what\":\"\xFF\"}"},
        {"do", "{\"type\":\"do\",\"what\":\"a\",\"what\":\"b\"}"},
        {"do", "{"},
        {"do", ""},
    };
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    begin(&both, INITIATOR);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_input input =
            event_input(both.side[HERE].script, rows[i].type, rows[i].content, "a", i);
        deliver_both(&both, INITIATOR, &input);
        assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_INVALID);
        input.kind = AF_INPUT_VALIDATE;
        deliver_both(&both, INITIATOR, &input);
        assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_INVALID);
    }
    struct af_input fine = event_input(both.side[HERE].script, "do", DO("raise", ""), NULL, 99);
    fine.kind = AF_INPUT_VALIDATE; /* no handler runs */
    deliver_both(&both, INITIATOR, &fine);
    assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_NONE);
    fine.kind = AF_INPUT_EVENT;
    fine.content = DO("add", "");
    fine.content_len = strlen(fine.content);
    deliver_both(&both, INITIATOR, &fine); /* of nobody that the bus could tell */
    assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_NONE);
    stop_both(&both);
}

static void test_a_step_that_does_not_end_is_stopped_in_the_same_words(void **state)
{
    (void)state;
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    begin(&both, INITIATOR);
    assert_int_equal(act(&both, INITIATOR, DO("endless", ""), 1), AF_OUTCOME_RAISED);
    assert_non_null(strstr(both.side[THERE].result.text, "100,000,000 instructions"));
    assert_int_equal(act(&both, INITIATOR, DO("add", ""), 2), AF_OUTCOME_NONE);
    stop_both(&both);
}

/* ---- Calls to the host. ---- */

static void test_calls_are_the_same_whenever_they_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        enum af_outcome outcome;
    } rows[] = {
        {DO("up", ",\"number\":3"), AF_OUTCOME_NONE},
        {DO("up", ",\"number\":40000"), AF_OUTCOME_NONE},
        {DO("up", ",\"number\":5000000"), AF_OUTCOME_NONE},
        {DO("down", ",\"number\":3"), AF_OUTCOME_NONE},
        {DO("twice", ""), AF_OUTCOME_NONE},
        {DO("run", ""), AF_OUTCOME_RAISED},
        {DO("and then", ""), AF_OUTCOME_RAISED},
        {DO("add", ",\"number\":3"), AF_OUTCOME_NONE},
    };
    for (int when = TEST_AT_ONCE; when <= TEST_LATER; when++) {
        struct both both;
        start_both(&both, "numbers.lua", NULL, 0);
        both.side[HERE].calls.when = both.side[THERE].calls.when = (enum test_when)when;
        begin(&both, INITIATOR);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (act(&both, INITIATOR, rows[i].content, i) != rows[i].outcome)
                fail_msg("%s: %s", rows[i].content, both.side[THERE].result.all);
        assert_int_equal(both.side[THERE].calls.count, 8);
        stop_both(&both);
    }
}

/* In a worker an answer comes after the call has returned, so the call waits. */
static void test_a_coroutine_of_the_scripts_own_cannot_wait(void **state)
{
    (void)state;
    for (int when = TEST_AT_ONCE; when <= TEST_LATER; when++) {
        struct both both;
        start_both(&both, "numbers.lua", NULL, 0);
        struct side *side = &both.side[THERE];
        side->calls.when = (enum test_when)when;
        struct af_input input = start_input();
        deliver(&both.test, side->party[INITIATOR], &input, &side->result);
        for (uint64_t i = 0; i < 3; i++) {
            input = event_input(side->script, "do", DO("aside", ""), "a", i);
            deliver(&both.test, side->party[INITIATOR], &input, &side->result);
            assert_non_null(strstr(side->result.all, "cannot wait here"));
            assert_int_equal(side->result.outcome, AF_OUTCOME_NONE);
        }
        input = event_input(side->script, "do", DO("twice", ""), "a", 9);
        deliver(&both.test, side->party[INITIATOR], &input, &side->result);
        assert_non_null(strstr(side->result.all, "\"second\":3"));
        stop_both(&both);
    }
}

static void test_a_role_that_is_a_plain_function_runs_there_as_here(void **state)
{
    (void)state;
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    assert_true(af_script_party_sequential(both.side[THERE].party[WALKER]));
    for (int i = 0; i < SIDES; i++)
        both.side[i].calls.when = TEST_LATER;
    struct af_input input = start_input();
    deliver_both(&both, WALKER, &input);
    assert_int_equal(both.side[THERE].result.outcome, AF_OUTCOME_DONE);
    assert_string_equal(both.side[THERE].result.text, "{\"bytes\":20971520}");
    stop_both(&both);
}

/* ---- What is told of the flow. ---- */

static void compare_lines(struct af_flow_line a, struct af_flow_line b)
{
    assert_int_equal(a.number, b.number);
    assert_string_equal(a.file == NULL ? "" : a.file, b.file == NULL ? "" : b.file);
}

static void compare_states(const struct af_flow *here, const struct af_flow_state *a,
                           const struct af_flow_state *b)
{
    assert_string_equal(a->name, b->name);
    compare_lines(a->line, b->line);
    assert_int_equal(a->may_end, b->may_end);
    assert_int_equal(a->has_after, b->has_after);
    assert_memory_equal(a->events, b->events, here->event_count);
    for (size_t i = 0; i < here->event_count; i++)
        compare_lines(a->lines[i], b->lines[i]);
    assert_int_equal(a->timeout_count, b->timeout_count);
    for (size_t i = 0; i < a->timeout_count; i++)
        assert_string_equal(a->timeouts[i], b->timeouts[i]);
}

static void compare_roles(const struct af_flow *here, const struct af_flow_role *a,
                          const struct af_flow_role *b)
{
    assert_string_equal(a->name, b->name);
    compare_lines(a->line, b->line);
    assert_int_equal(a->sequential, b->sequential);
    assert_int_equal(a->mock_count, b->mock_count);
    assert_int_equal(a->state_count, b->state_count);
    for (size_t i = 0; i < a->state_count; i++)
        compare_states(here, &a->states[i], &b->states[i]);
}

static void test_the_flow_is_told_as_it_is(void **state)
{
    (void)state;
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    const struct af_flow *here = af_script_flow(both.side[HERE].script);
    const struct af_flow *there = af_worker_flow(both.test.worker);
    assert_ptr_equal(there, af_script_flow(both.side[THERE].script));
    assert_string_equal(here->name, there->name);
    assert_int_equal(here->version, there->version);
    assert_int_equal(here->report_failure, there->report_failure);
    assert_int_equal(here->has_invariants, there->has_invariants);
    assert_int_equal(here->initiator, there->initiator);
    assert_int_equal(here->event_count, there->event_count);
    for (size_t i = 0; i < here->event_count; i++) {
        assert_string_equal(here->events[i].type, there->events[i].type);
        assert_int_equal(here->events[i].type_len, there->events[i].type_len);
        assert_int_equal(here->events[i].predefined, there->events[i].predefined);
        compare_lines(here->events[i].line, there->events[i].line);
        assert_string_equal(here->events[i].fields, there->events[i].fields);
    }
    assert_int_equal(here->role_count, there->role_count);
    for (size_t i = 0; i < here->role_count; i++)
        compare_roles(here, &here->roles[i], &there->roles[i]);
    const struct af_script_file *file = af_script_file(both.side[HERE].script);
    assert_string_equal(file->name, af_worker_file(both.test.worker)->name);
    assert_string_equal(file->hash, af_worker_file(both.test.worker)->hash);
    assert_string_equal(both.test.log,
                        "afrun: flow.lua: numbers are loaded\n"); /* once, with two more scripts */
    stop_both(&both);
}

/* ---- Snapshots. ---- */

static void test_a_party_goes_on_from_its_snapshot(void **state)
{
    (void)state;
    static const char data[] = "{\"name\":null,\"seen\":[\"b\"],\"sum\":1000}";
    struct af_failure why = AF_FAILURE_INIT;
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    for (int i = 0; i < SIDES; i++) {
        struct af_script_party *party = both.side[i].party[INITIATOR];
        size_t len;
        assert_int_equal(af_script_party_restore(party, 1, data, strlen(data), &why), 0);
        assert_int_equal(af_script_party_state(party), 1);
        assert_string_equal(af_script_party_data(party, &len), data);
        assert_int_equal(len, strlen(data));
    }
    struct af_input input = {.kind = AF_INPUT_AFTER, .key = {1, 1}};
    deliver_both(&both, INITIATOR, &input);
    assert_int_equal(act(&both, INITIATOR, DO("add", ",\"number\":1"), 2), AF_OUTCOME_NONE);
    assert_non_null(strstr(both.side[THERE].result.all, "\"sum\":1001"));
    /* … and once more, in the middle of its life. */
    for (int i = 0; i < SIDES; i++)
        assert_int_equal(
            af_script_party_restore(both.side[i].party[INITIATOR], 1, data, strlen(data), &why), 0);
    assert_int_equal(act(&both, INITIATOR, DO("add", ",\"number\":2"), 3), AF_OUTCOME_NONE);
    assert_non_null(strstr(both.side[THERE].result.all, "\"sum\":1002"));
    stop_both(&both);
}

static void test_what_is_no_snapshot_is_refused(void **state)
{
    (void)state;
    static const struct {
        int state;
        const char *data, *why;
    } rows[] = {
        {2, "{}", "no such state"}, {-2, "{}", "no such state"}, {0, "5", "no JSON object"},
        {0, "{", "no JSON object"}, {0, "", "no JSON object"},   {0, "{} ", NULL},
    };
    struct both both;
    start_both(&both, "numbers.lua", NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        int result = af_script_party_restore(both.side[THERE].party[INITIATOR], rows[i].state,
                                             rows[i].data, strlen(rows[i].data), &why);
        assert_int_equal(result, rows[i].why == NULL ? 0 : -1);
        if (rows[i].why != NULL && strstr(why.why, rows[i].why) == NULL)
            fail_msg("'%s' was told as: %s", rows[i].data, why.why);
    }
    stop_both(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_delivery_has_the_same_effects_there_as_here),
        cmocka_unit_test(test_ends_are_the_same),
        cmocka_unit_test(test_timeouts_are_the_same),
        cmocka_unit_test(test_contents_that_do_not_validate_are_refused_in_the_same_words),
        cmocka_unit_test(test_a_step_that_does_not_end_is_stopped_in_the_same_words),
        cmocka_unit_test(test_calls_are_the_same_whenever_they_are_answered),
        cmocka_unit_test(test_a_coroutine_of_the_scripts_own_cannot_wait),
        cmocka_unit_test(test_a_role_that_is_a_plain_function_runs_there_as_here),
        cmocka_unit_test(test_the_flow_is_told_as_it_is),
        cmocka_unit_test(test_a_party_goes_on_from_its_snapshot),
        cmocka_unit_test(test_what_is_no_snapshot_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
