/* trace/test_schedule.c: the simulator under a schedule: what each step does, that nothing happens
 * besides, how such a run ends, and that its trace is replayed. */
#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "party/party.h"
#include "cli/replay.h"
#include "sim/sim.h"
#include "trace/trace.h"
#include "trace/file.h"
#include "unit/flow_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(items) (sizeof(items) / sizeof(items)[0])
#define A "{\"type\":\"note\",\"text\":\"a\"}"
#define B "{\"type\":\"note\",\"text\":\"b\"}"

/* The client sends a, b and a; the server notes in which order they come, and ends by the fourth.
 * Two notes are equal, so are two of the timeouts' moments. */
/* Short forms of steps. */
#define DELIVER(text)                                                                              \
    {                                                                                              \
        AF_SCHEDULE_DELIVER, "server-1", "client-1", "note", text, NULL                            \
    }
#define DROP(text)                                                                                 \
    {                                                                                              \
        AF_SCHEDULE_DROP, "server-1", "client-1", "note", text, NULL                               \
    }
#define DUPLICATE(text)                                                                            \
    {                                                                                              \
        AF_SCHEDULE_DUPLICATE, "server-1", "client-1", "note", text, NULL                          \
    }
#define REPLY(text)                                                                                \
    {                                                                                              \
        AF_SCHEDULE_DELIVER, "client-1", "server-1", "note",                                       \
            "{\"type\":\"note\",\"text\":\"" text "\"}", NULL                                      \
    }
#define TIMEOUT(party, timer)                                                                      \
    {                                                                                              \
        AF_SCHEDULE_TIMEOUT, party, NULL, NULL, NULL, timer                                        \
    }
#define EARLY(party, timer)                                                                        \
    {                                                                                              \
        AF_SCHEDULE_EARLY, party, NULL, NULL, NULL, timer                                          \
    }
#define CRASH(party)                                                                               \
    {                                                                                              \
        AF_SCHEDULE_CRASH, party, NULL, NULL, NULL, NULL                                           \
    }
#define RETURN(party)                                                                              \
    {                                                                                              \
        AF_SCHEDULE_RETURN, party, NULL, NULL, NULL, NULL                                          \
    }
#define LOSE(party)                                                                                \
    {                                                                                              \
        AF_SCHEDULE_LOSE, party, NULL, NULL, NULL, NULL                                            \
    }
#define RELOAD(party)                                                                              \
    {                                                                                              \
        AF_SCHEDULE_RELOAD, party, NULL, NULL, NULL, NULL                                          \
    }

struct row {
    enum af_schedule_kind kind;
    char *party, *from, *type;
    const char *content;
    char *timer;
};

/* ---- A run. ---- */

static char folder[256], path[300], path_2[300];

static void put(const char *where, const char *version)
{
    const char *flow = flow_text("schedule.lua.in"), *at = strstr(flow, "VERSION");
    FILE *file = fopen(where, "wb");
    assert_non_null(file);
    fprintf(file, "%.*s%s%s", (int)(at - flow), flow, version, at + 7);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/test_sim_schedule.XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/notes.lua", folder);
    snprintf(path_2, sizeof path_2, "%s/notes_2.lua", folder);
    put(path, "1");
    put(path_2, "2");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path) + unlink(path_2) + rmdir(folder);
}

struct ran {
    struct af_schedule schedule;
    struct af_sim_options options;
    struct af_trace_memory trace;
    struct af_sim_result result;
    struct af_buf findings;
    char name[100];
    size_t asked;       /* before a step */
    size_t leave_after; /* steps; 0: never */
};

static const char *const paths[] = {path};

static void ran_init(struct ran *ran, const struct row *rows, size_t count)
{
    memset(ran, 0, sizeof *ran);
    for (size_t i = 0; i < count; i++) {
        struct af_schedule_step step = {rows[i].kind, rows[i].party, rows[i].from,
                                        rows[i].type, {0, 0},        rows[i].timer};
        if (rows[i].content != NULL)
            step.content = af_schedule_content(rows[i].content, strlen(rows[i].content));
        af_schedule_add(&ran->schedule, &step);
    }
    af_fault_options_init(&ran->options.faults);
    ran->options.paths = (const char **)paths;
    ran->options.path_count = 1;
    ran->options.seed = 1;
    ran->options.until_ns = AF_S_NS; /* a schedule does not ask */
    ran->options.quiet = true;
    ran->options.recorded = "[]";
    ran->options.schedule = &ran->schedule;
    af_trace_memory_init(&ran->trace);
}

static bool ask(void *arg, struct af_sim *sim)
{
    struct ran *ran = arg;
    (void)sim;
    ran->asked++;
    return ran->leave_after == 0 || ran->asked <= ran->leave_after;
}

static void go(struct ran *ran)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_trace *trace = af_trace_new(af_trace_memory_line, &ran->trace, true);
    struct af_sim *sim = af_sim_new(&ran->options, trace, &why);
    if (sim == NULL)
        fail_msg("%s: %s", why.what, why.why);
    af_sim_on_step(sim, ask, ran);
    assert_int_equal(af_sim_run(sim, &ran->result, &why), 0);
    snprintf(ran->name, sizeof ran->name, "%s", ran->result.name);
    af_sim_free(sim);
    af_trace_free(trace);
}

static void ran_release(struct ran *ran)
{
    af_schedule_release(&ran->schedule);
    af_trace_memory_release(&ran->trace);
    af_sim_result_release(&ran->result);
    af_buf_release(&ran->findings);
    af_fault_options_release(&ran->options.faults);
}

#define RUN(ran, ...)                                                                              \
    do {                                                                                           \
        const struct row rows[] = {__VA_ARGS__};                                                   \
        ran_init(ran, rows, COUNT(rows));                                                          \
        go(ran);                                                                                   \
    } while (0)

static const char *text_of(const struct ran *ran)
{
    return af_buf_text(&ran->trace.lines);
}

/* How often a text is in the trace. */
static size_t times(const struct ran *ran, const char *text)
{
    size_t count = 0;
    for (const char *at = text_of(ran); (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

/* All texts, a line each. */
static const char *findings_of(struct ran *ran)
{
    af_buf_clear(&ran->findings);
    for (size_t i = 0; i < ran->result.finding_count; i++)
        af_buf_printf(&ran->findings, "%s\n", ran->result.findings[i].text);
    return af_buf_text(&ran->findings);
}

static void found(struct ran *ran, enum af_sim_outcome outcome, const char *text)
{
    const char *findings = findings_of(ran);
    if (ran->result.outcome != outcome)
        fail_msg("'%s', not '%s': %s", af_sim_outcome_word(ran->result.outcome),
                 af_sim_outcome_word(outcome), findings);
    if (strstr(findings, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, findings);
}

/* ---- Contracts. ---- */

static void test_contracts_come_in_the_order_said(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(B), DELIVER(A), DELIVER(A));
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"baa\"}"), 1);
    assert_int_equal(times(&ran, "\"kind\":\"deliver\""), 3);
    assert_int_equal(ran.result.virtual_ns, 0);
    assert_int_equal(ran.result.messages, 4); /* equal ones are two */
    assert_int_equal(ran.result.steps, 2 + 3);
    assert_int_equal(ran.asked, 2 + 3);
    found(&ran, AF_SIM_UNTIL, "the schedule ends here, after 3 steps\n");
    found(&ran, AF_SIM_UNTIL, "server-1 is still in state 'open'");
    ran_release(&ran);
}

static void test_nothing_moves_by_itself(void **state)
{
    (void)state;
    struct ran ran;
    ran_init(&ran, NULL, 0);
    go(&ran);
    assert_int_equal(times(&ran, "\"kind\":\"deliver\""), 0);
    assert_int_equal(times(&ran, "\"kind\":\"timeout\""), 0);
    found(&ran, AF_SIM_UNTIL, "the schedule ends here, after 0 steps\n");
    ran_release(&ran);
}

static void test_a_dropped_contract_is_gone(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DROP(A), DELIVER(A), DROP(A));
    assert_int_equal(times(&ran, "\"why\":\"loss\""), 1);
    assert_int_equal(ran.result.did[AF_FAULT_DROP], 1);
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"a\"}"), 1);
    found(&ran, AF_SIM_FAILED,
          "step 3 of the schedule cannot be done: drop 'note' from client-1 to server-1: no such "
          "contract is on its way\n");
    ran_release(&ran);
}

static void test_a_duplicate_leaves_the_original_on_its_way(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DUPLICATE(A), DELIVER(A), DELIVER(A), DELIVER(B));
    assert_int_equal(times(&ran, "\"kind\":\"duplicate\""), 1);
    assert_int_equal(times(&ran, "\"kind\":\"repeated\""), 0);
    assert_int_equal(ran.result.did[AF_FAULT_DUPLICATE], 1);
    assert_int_equal(times(&ran, "\"result\":{\"got\":\"aaab\"}"), 1);
    ran_release(&ran);
}

/* ---- Time. ---- */

static void test_time_passes_for_the_timer_that_fires(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, TIMEOUT("server-1", "later"), TIMEOUT("client-1", NULL), TIMEOUT("server-1", "soon"));
    assert_int_equal(ran.result.virtual_ns, 10 * AF_S_NS);
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"><\"}"), 1);
    assert_int_equal(times(&ran, "{\"t\":10000000000,\"kind\":\"timeout\""), 3);
    assert_int_equal(times(&ran, "\"text\":\"late\""), 1);
    ran_release(&ran);
}

static void test_an_early_timer_fires_at_once(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, EARLY("server-1", "later"), EARLY("client-1", NULL), TIMEOUT("server-1", "soon"),
        EARLY("server-1", "later"));
    assert_int_equal(times(&ran, "{\"t\":0,\"kind\":\"timeout\""), 2);
    assert_int_equal(times(&ran, "{\"t\":3000000000,\"kind\":\"timeout\""), 1);
    found(
        &ran, AF_SIM_FAILED,
        "step 4 of the schedule cannot be done: early 'later' of server-1: no such timer is armed");
    ran_release(&ran);
}

/* Each timeout is a year long. */
static void test_time_has_an_end(void **state)
{
    (void)state;
    struct ran ran;
    struct row rows[101];
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = (struct row)TIMEOUT("sleeper-1", NULL);
    char slow[300];
    snprintf(slow, sizeof slow, "%s/slow.lua", folder);
    FILE *file = fopen(slow, "wb");
    assert_non_null(file);
    fputs(flow_text("slow.lua"), file);
    fclose(file);
    const char *slows[] = {slow};
    ran_init(&ran, rows, COUNT(rows));
    ran.options.paths = slows;
    go(&ran);
    found(
        &ran, AF_SIM_FAILED,
        "step 101 of the schedule cannot be done: timeout of sleeper-1: it is due after a hundred "
        "years\n");
    assert_int_equal(ran.result.virtual_ns, 100 * AF_TIME_MAX_NS);
    unlink(slow);
    ran_release(&ran);
}

/* ---- Parties. ---- */

static void test_who_crashed_comes_back_as_committed(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(A), CRASH("server-1"), TIMEOUT("client-1", NULL), RETURN("server-1"),
        DELIVER(A), TIMEOUT("server-1", "soon"));
    assert_int_equal(times(&ran, "\"kind\":\"crash\",\"party\":\"server-1\",\"until\":0}"), 1);
    assert_int_equal(times(&ran, "\"kind\":\"restart\""), 1);
    assert_int_equal(ran.result.did[AF_FAULT_CRASH], 1);
    assert_int_equal(times(&ran, "opened"), 1); /* enter does not run again */
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"aa<\"}"), 1);
    assert_int_equal(ran.result.virtual_ns,
                     5 * AF_S_NS); /* what was due while it was down waited */
    ran_release(&ran);
}

static void test_to_who_vanished_nothing_is_on_its_way(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(B), LOSE("server-1"), TIMEOUT("client-1", NULL), REPLY("odd"));
    assert_int_equal(times(&ran, "\"kind\":\"lost\""), 1);
    assert_int_equal(times(&ran, "\"why\":\"lost\""), 2 + 2); /* on the way; sent later */
    found(&ran, AF_SIM_STUCK, "client-1 is stuck in state 'talking'");
    assert_null(strstr(findings_of(&ran), "server-1 is"));
    ran_release(&ran);
}

static void test_a_party_goes_on_under_the_second_version(void **state)
{
    (void)state;
    struct ran ran;
    const struct row rows[] = {DELIVER(A), RELOAD("server-1"), DELIVER(A), RELOAD("server-1")};
    ran_init(&ran, rows, COUNT(rows));
    ran.options.upgrade = path_2;
    ran.options.upgrade_ns = 0;
    go(&ran);
    assert_int_equal(times(&ran, "\"kind\":\"reload\""), 1);
    assert_int_equal(ran.result.upgraded, 1);
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"aa\"}"), 1);
    found(&ran, AF_SIM_FAILED,
          "step 4 of the schedule cannot be done: reload of server-1: the party has been reloaded");
    ran_release(&ran);
}

/* ---- Ends. ---- */

static void test_a_broken_invariant_ends_it_at_its_step(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(A), DUPLICATE(B), DELIVER(B), DELIVER(A));
    found(&ran, AF_SIM_FAILED, "invariant 'b comes once' is broken after a step of server-1");
    assert_int_equal(times(&ran, "\"kind\":\"violation\""), 1);
    assert_int_equal(ran.result.steps, 2 + 3);
    assert_int_equal(times(&ran, "\"abba\""), 0);
    ran_release(&ran);
}

static void test_what_is_found_on_the_way_fails_the_run_at_its_end(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(A), DELIVER(B), REPLY("raise"), DELIVER(A));
    found(&ran, AF_SIM_FAILED, "client-1: notes.lua:14: on purpose");
    assert_int_equal(times(&ran, "\"data\":{\"got\":\"aba\"}"), 1);
    ran_release(&ran);
    RUN(&ran, DELIVER(B), REPLY("odd"),
        {AF_SCHEDULE_DELIVER, "server-1", "client-1", "odd", "{\"type\":\"odd\"}", NULL});
    found(&ran, AF_SIM_FAILED, "event 'odd' from client-1: not expected in state 'open'");
    assert_int_equal(ran.result.unexpected, 1);
    ran_release(&ran);
}

static void test_a_run_that_has_ended_is_fine(void **state)
{
    (void)state;
    struct ran ran;
    RUN(&ran, DELIVER(A), DROP(A), TIMEOUT("server-1", "soon"), LOSE("client-1"), DROP(B),
        TIMEOUT("server-1", "later"));
    found(&ran, AF_SIM_STUCK, "server-1 is stuck in state 'open'");
    ran_release(&ran);
    RUN(&ran, DELIVER(A), DELIVER(A), TIMEOUT("server-1", "soon"), DELIVER(B), LOSE("client-1"));
    found(&ran, AF_SIM_OK, "");
    assert_int_equal(ran.result.finding_count, 0);
    assert_int_equal(ran.result.done, 1);
    assert_int_equal(ran.result.did[AF_FAULT_LOSE], 1);
    ran_release(&ran);
}

static void test_a_step_that_cannot_be_done_says_why(void **state)
{
    (void)state;
    static const struct {
        struct row rows[3];
        size_t count;
        const char *why;
    } cases[] = {
        {{CRASH("nobody")},
         1,
         "step 1 of the schedule cannot be done: crash of nobody: the run has no such party"},
        {{DELIVER("{}")}, 1, "no such contract is on its way"},
        {{{AF_SCHEDULE_DELIVER, "client-1", "client-1", "note", A, NULL}}, 1, "no such contract"},
        {{{AF_SCHEDULE_DELIVER, "server-1", "server-1", "note", A, NULL}}, 1, "no such contract"},
        {{{AF_SCHEDULE_DELIVER, "server-1", "client-1", "odd", A, NULL}}, 1, "no such contract"},
        {{TIMEOUT("server-1", NULL)}, 1, "timeout of server-1: no such timer is armed"},
        {{TIMEOUT("server-1", "after")}, 1, "no such timer is armed"},
        {{RETURN("server-1")}, 1, "the party is not down"},
        {{RELOAD("server-1")}, 1, "the run has no second version of the flow"},
        {{CRASH("server-1"), CRASH("server-1")},
         2,
         "step 2 of the schedule cannot be done: crash of server-1: the party is down"},
        {{CRASH("server-1"), DELIVER(A)}, 2, "the party is down"},
        {{CRASH("server-1"), EARLY("server-1", "soon")}, 2, "the party is down"},
        {{LOSE("server-1"), LOSE("server-1")}, 2, "the party has vanished"},
        {{LOSE("server-1"), CRASH("server-1")}, 2, "the party has vanished"},
        {{DELIVER(A), DELIVER(A), DELIVER(A)},
         3,
         "step 3 of the schedule cannot be done: deliver 'note'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ran ran;
        ran_init(&ran, cases[i].rows, cases[i].count);
        go(&ran);
        found(&ran, AF_SIM_FAILED, cases[i].why);
        assert_int_equal(ran.result.steps, 2 + cases[i].count);
        ran_release(&ran);
    }
}

static void test_nothing_is_done_behind_a_step_that_cannot_be(void **state)
{
    (void)state;
    struct ran ran;
    const struct row rows[] = {CRASH("nobody"), CRASH("server-1")};
    ran_init(&ran, rows, COUNT(rows));
    go(&ran);
    found(&ran, AF_SIM_FAILED, "step 1 of the schedule cannot be done: crash of nobody");
    assert_int_equal(times(&ran, "\"kind\":\"crash\""), 0);
    ran_release(&ran);
}

static void test_who_watches_may_stop_it(void **state)
{
    (void)state;
    struct ran ran;
    const struct row rows[] = {DELIVER(A), DELIVER(B)};
    ran_init(&ran, rows, COUNT(rows));
    ran.leave_after = 3; /* two starts, one step */
    go(&ran);
    found(&ran, AF_SIM_INTERRUPTED, "");
    assert_int_equal(times(&ran, "\"kind\":\"deliver\""), 1);
    ran_release(&ran);
}

static void test_a_schedule_is_for_flows_and_draws_no_faults(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct ran ran;
    ran_init(&ran, NULL, 0);
    ran.options.faults.wishes[AF_FAULT_DROP].probability = 0.5;
    assert_null(af_sim_new(&ran.options, NULL, &why));
    assert_string_equal(why.what, "the schedule");
    assert_non_null(strstr(why.why, "none can be drawn besides"));
    ran.options.faults.wishes[AF_FAULT_DROP].probability = 0;
    char script[300];
    snprintf(script, sizeof script, "%s/script.lua", folder);
    FILE *file = fopen(script, "wb");
    fputs("local af = require 'af'\naf.sleep(1)\n", file);
    fclose(file);
    const char *scripts[] = {script};
    ran.options.paths = scripts;
    why = AF_FAILURE_INIT;
    assert_null(af_sim_new(&ran.options, NULL, &why));
    assert_non_null(strstr(why.why, "is for flows"));
    unlink(script);
    ran_release(&ran);
}

/* ---- As a trace. ---- */

/* In a process of its own, which jails itself. Returns what af_replay() does. */
static int replay(const struct ran *ran)
{
    const char *files[] = {path, path_2};
    struct af_replay_options options = {.trace_path = "t.jsonl",
                                        .files = files,
                                        .file_count = ran->options.upgrade == NULL ? 1 : 2};
    struct af_failure why = AF_FAILURE_INIT;
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int result = af_replay(&ran->trace, &options, &why);
        if (result < 0)
            fprintf(stderr, "%s: %s\n", why.what, why.why);
        fflush(NULL);
        _exit(result & 0xFF);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_its_trace_is_replayed_the_same(void **state)
{
    (void)state;
    struct ran ran;
    const struct row rows[] = {
        DUPLICATE(A), TIMEOUT("client-1", NULL), CRASH("server-1"), RETURN("server-1"),
        DROP(A),      EARLY("server-1", "soon"), LOSE("client-1"),  RELOAD("server-1"),
        DELIVER(B)};
    ran_init(&ran, rows, COUNT(rows));
    ran.options.upgrade = path_2;
    ran.options.recorded = "[\"--upgrade\",\"notes_2.lua\",\"--trace-data\"]";
    go(&ran);
    assert_non_null(
        strstr(text_of(&ran), "\"schedule\":[\"duplicate\",\"server-1\",\"client-1\","));
    assert_int_equal(replay(&ran), 0);
    ran_release(&ran);
}

static void test_another_schedule_is_another_run(void **state)
{
    (void)state;
    struct ran ran;
    const struct row rows[] = {DELIVER(A), EARLY("server-1", "soon"), EARLY("server-1", "later")};
    ran_init(&ran, rows, COUNT(rows));
    ran.options.recorded = "[\"--trace-data\"]";
    go(&ran);
    assert_int_equal(replay(&ran), 0);
    char *at = strstr(ran.trace.lines.data, "\"early\",\"server-1\",\"later\"");
    assert_non_null(at);
    static const char once_more[] = {'"', 's', 'o', 'o', 'n', '"', ' '};
    memcpy(at + 19, once_more, sizeof once_more); /* its second step */
    assert_int_equal(replay(&ran), 1);
    ran_release(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contracts_come_in_the_order_said),
        cmocka_unit_test(test_nothing_moves_by_itself),
        cmocka_unit_test(test_a_dropped_contract_is_gone),
        cmocka_unit_test(test_a_duplicate_leaves_the_original_on_its_way),
        cmocka_unit_test(test_time_passes_for_the_timer_that_fires),
        cmocka_unit_test(test_an_early_timer_fires_at_once),
        cmocka_unit_test(test_time_has_an_end),
        cmocka_unit_test(test_who_crashed_comes_back_as_committed),
        cmocka_unit_test(test_to_who_vanished_nothing_is_on_its_way),
        cmocka_unit_test(test_a_party_goes_on_under_the_second_version),
        cmocka_unit_test(test_a_broken_invariant_ends_it_at_its_step),
        cmocka_unit_test(test_what_is_found_on_the_way_fails_the_run_at_its_end),
        cmocka_unit_test(test_a_run_that_has_ended_is_fine),
        cmocka_unit_test(test_a_step_that_cannot_be_done_says_why),
        cmocka_unit_test(test_nothing_is_done_behind_a_step_that_cannot_be),
        cmocka_unit_test(test_who_watches_may_stop_it),
        cmocka_unit_test(test_a_schedule_is_for_flows_and_draws_no_faults),
        cmocka_unit_test(test_its_trace_is_replayed_the_same),
        cmocka_unit_test(test_another_schedule_is_another_run),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
