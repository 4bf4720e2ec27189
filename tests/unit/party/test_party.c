/* test_party.c: a party between its script and its owner: what waits, in which order it is taken,
 * and what a crash leaves. The script is a real one; its lines of log tell what it handled. */
#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "party/party.h"
#include "script/script.h"
#include "unit/flow_text.h"

#include <setjmp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- An owner that keeps what it is told. ---- */

struct kept {
    struct af_loop *loop;
    struct af_script *script;
    struct af_party *party;
    struct af_party_owner owner;
    char said[1000]; /* lines of log, each behind a space */
    char sent[1000]; /* 'type>targets ' */
    char found[2000];
    size_t findings[3];
    size_t steps;
    enum af_fate fates[8]; /* of the next inputs */
    size_t fate_count, fates_used;
    uint64_t call; /* that waits for an answer */
    struct af_script_party *caller;
    uint64_t uuid;
};

static void add(char *text, size_t size, const char *what)
{
    size_t len = strlen(text);
    assert_true(len + strlen(what) + 2 < size);
    snprintf(text + len, size - len, "%s ", what);
}

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct kept *kept = arg;
    char text[100];
    int at = snprintf(text, sizeof text, "%s>", contract->type);
    assert_string_equal(contract->from, af_party_spec(party)->id);
    assert_string_equal(contract->task, "task");
    for (size_t i = 0; i < target_count; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%u", (unsigned)targets[i]);
    add(kept->sent, sizeof kept->sent, text);
    af_contract_drop(contract);
}

static enum af_fate fate(void *arg, struct af_party *party)
{
    struct kept *kept = arg;
    (void)party;
    return kept->fates_used < kept->fate_count ? kept->fates[kept->fates_used++] : AF_FATE_NONE;
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct kept *kept = arg;
    (void)party;
    kept->findings[kind]++;
    add(kept->found, sizeof kept->found, text);
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct kept *kept = arg;
    char line[200];
    (void)party;
    snprintf(line, sizeof line, "%.*s", (int)len, text);
    add(kept->said, sizeof kept->said, line);
}

static void stepped(void *arg, struct af_party *party)
{
    (void)party;
    ((struct kept *)arg)->steps++;
}

static void on_call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    struct kept *kept = arg;
    assert_string_equal(call->name, "upload");
    kept->call = call->id;
    kept->caller = party;
}

static void answer_cb(void *arg)
{
    struct kept *kept = arg;
    static const char reply[] = "{\"url\":\"mock://1\"}";
    struct af_answer answer = {.reply = reply, .reply_len = sizeof reply - 1};
    uint64_t call = kept->call;
    kept->call = 0;
    af_script_answer(kept->caller, call, &answer);
}

static struct af_script *load(const char *text)
{
    const char *base = getenv("TMPDIR");
    char folder[256], path[300];
    struct af_failure why = AF_FAILURE_INIT;
    snprintf(folder, sizeof folder, "%s/test_party.XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/flow.lua", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    struct af_script *script = af_script_load(path, &why);
    unlink(path);
    rmdir(folder);
    if (script == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return script;
}

static int set_up(void **state)
{
    struct kept *kept = calloc(1, sizeof *kept);
    struct af_failure why = AF_FAILURE_INIT;
    *state = kept;
    kept->loop = af_loop_sim_new();
    kept->script = load(flow_text("party.lua"));
    kept->owner = (struct af_party_owner){.arg = kept,
                                          .publish = publish,
                                          .fate = fate,
                                          .finding = finding,
                                          .log = log_line,
                                          .stepped = stepped};
    af_script_set_owner(kept->script, on_call, kept);
    uint32_t role = (uint32_t)af_flow_find_role(af_script_flow(kept->script), "server");
    const struct af_script_member members[] = {{"a", role}, {"b", 1 - role}, {"c", 1 - role}};
    if (af_script_set_task(kept->script, "task", members, 3, NULL, 0, &why) != 0)
        return -1;
    struct af_party_spec spec = {.owner = &kept->owner,
                                 .loop = kept->loop,
                                 .script = kept->script,
                                 .id = "a",
                                 .task = "task",
                                 .member = 0,
                                 .role = role,
                                 .seed = {1, 2},
                                 .user = kept};
    kept->party = af_party_new(&spec, &why);
    return kept->party == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    struct kept *kept = *state;
    af_party_free(kept->party);
    af_script_free(kept->script);
    af_loop_free(kept->loop);
    free(kept);
    return 0;
}

/* ---- What comes. ---- */

static void receive_of(struct kept *kept, const char *type, const char *content, const char *from,
                       uint64_t uuid)
{
    struct af_contract_parts parts = {.uuid = {uuid, 7},
                                      .time_ns = af_loop_now_ns(kept->loop),
                                      .task = "task",
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = from,
                                      .type = type,
                                      .type_len = strlen(type),
                                      .content = content,
                                      .content_len = strlen(content)};
    af_party_receive(kept->party, af_contract_new(&parts));
}

/* From b, under a new uuid; "note x" is {"type":"note","text":"x"}, other types have no fields. */
static void receive(struct kept *kept, const char *what)
{
    char type[40], text[40] = "", content[200];
    sscanf(what, "%39s %39s", type, text);
    if (text[0] != '\0')
        snprintf(content, sizeof content, "{\"type\":\"%s\",\"text\":\"%s\"}", type, text);
    else
        snprintf(content, sizeof content, "{\"type\":\"%s\"}", type);
    receive_of(kept, type, content, "b", ++kept->uuid);
}

static void arm(struct kept *kept, const char *name, double seconds)
{
    char content[200];
    snprintf(content, sizeof content, "{\"type\":\"arm\",\"name\":\"%s\",\"seconds\":%g}", name,
             seconds);
    receive_of(kept, "arm", content, "b", ++kept->uuid);
}

static const struct af_party_counts *counts(const struct kept *kept)
{
    return af_party_counts(kept->party);
}

static int64_t count_in_data(struct kept *kept)
{
    size_t len;
    int64_t count = -99;
    sscanf(af_script_party_data(af_party_script(kept->party), &len), "{\"count\":%" SCNd64, &count);
    return count;
}

static const char *state_of(const struct kept *kept)
{
    const struct af_flow_state *state = af_party_state(kept->party);
    return state == NULL ? "" : state->name;
}

/* Moves the time on, and has what is due then happen. */
static void nothing_cb(void *arg)
{
    (void)arg;
}

static void pass(struct kept *kept, int64_t ns)
{
    int64_t until_ns = af_loop_now_ns(kept->loop) + ns;
    af_timer_start(kept->loop, ns, nothing_cb, NULL);
    while (af_loop_next_ns(kept->loop) >= 0 && af_loop_next_ns(kept->loop) <= until_ns)
        af_loop_step(kept->loop);
}

static void start(struct kept *kept)
{
    af_party_start(kept->party);
    kept->said[0] = '\0';
}

static void restart(struct kept *kept)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_party_restart(kept->party, &why), 0);
}

/* ---- Queue, defer, deduplication. ---- */

static void test_what_comes_before_the_start_waits_in_order(void **state)
{
    struct kept *kept = *state;
    receive(kept, "note 1");
    receive(kept, "note 2");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_NEW);
    assert_int_equal(af_party_queued(kept->party), 2);
    assert_null(af_party_state(kept->party));
    assert_string_equal(kept->said, "");
    af_party_start(kept->party);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_ACTIVE);
    assert_string_equal(kept->said, "enter 1(b) 2(b) ");
    assert_string_equal(kept->sent, "note>1 note>1 ");
    assert_int_equal(af_party_queued(kept->party), 0);
    assert_int_equal(kept->steps, 3);
}

static void test_the_same_contract_is_delivered_once(void **state)
{
    struct kept *kept = *state;
    static const char content[] = "{\"type\":\"note\",\"text\":\"x\"}";
    start(kept);
    receive_of(kept, "note", content, "b", 1);
    receive_of(kept, "note", content, "b", 1);
    receive_of(kept, "note", content, "c", 1); /* another's, of the same uuid */
    receive_of(kept, "note", content, NULL, 1);
    receive_of(kept, "note", content, NULL, 1);
    assert_string_equal(kept->said, "x(b) x(c) x(nil) ");
    assert_int_equal(counts(kept)->received, 5);
    assert_int_equal(counts(kept)->repeated, 2);
    assert_int_equal(kept->findings[AF_FINDING_UNEXPECTED], 0);
}

static void test_deduplication_outlives_a_crash(void **state)
{
    struct kept *kept = *state;
    static const char content[] = "{\"type\":\"note\",\"text\":\"x\"}";
    start(kept);
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive_of(kept, "note", content, "b", 1);
    receive_of(kept, "note", content, "b", 1);
    restart(kept);
    receive_of(kept, "note", content, "b", 1);
    assert_string_equal(kept->said, "x(b) ");
    assert_int_equal(counts(kept)->repeated, 2);
}

static void test_what_was_deferred_comes_oldest_first_and_before_what_is_new(void **state)
{
    struct kept *kept = *state;
    receive(kept, "later 1");
    receive(kept, "later 2");
    receive(kept, "note 3");
    receive(kept, "go");
    receive(kept, "note 4");
    receive(kept, "later 5");
    af_party_start(kept->party);
    assert_string_equal(kept->said, "enter 3(b) 1(b) 2(b) 4(b) 5(b) ");
    assert_int_equal(af_party_deferred(kept->party), 0);
}

static void test_what_waits_can_be_looked_at(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "later 1");
    receive(kept, "later 2");
    receive(kept, "wait");
    receive(kept, "note 3");
    receive(kept, "note 4");
    assert_int_equal(af_party_queued(kept->party), 2);
    assert_int_equal(af_party_deferred(kept->party), 2);
    static const char *const expected[] = {"3", "4", "1", "2"};
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(af_party_waiting_contract(kept->party, i)->content, expected[i]));
}

static void test_a_long_queue_keeps_its_order(void **state)
{
    struct kept *kept = *state;
    char expected[400] = "enter ";
    for (int i = 0; i < 40; i++) {
        char text[20];
        snprintf(text, sizeof text, "note %d", i);
        receive(kept, text);
        snprintf(expected + strlen(expected), 20, "%d(b) ", i);
    }
    af_party_start(kept->party);
    assert_string_equal(kept->said, expected);
}

/* ---- Dead letters, ends. ---- */

static void test_what_is_not_expected_is_dead_lettered(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "odd");
    assert_non_null(strstr(kept->found, "event 'odd' from b: not expected in state 'first'"));
    receive(kept, "unheard");
    assert_non_null(strstr(kept->found, "event 'unheard' from b: the flow knows no such"));
    receive_of(kept, "note", "{\"type\":\"note\",\"text\":5}", "b", 100);
    assert_non_null(strstr(kept->found, "event 'note' from b"));
    assert_non_null(strstr(kept->found, "'text'"));
    receive_of(kept, "later", "{\"type\":\"later\"}", NULL, 101); /* validated before it is kept */
    assert_non_null(strstr(kept->found, "event 'later' from an unknown sender"));
    receive_of(kept, "note", "no JSON", "b", 102);
    assert_int_equal(counts(kept)->unexpected, 5);
    assert_int_equal(kept->findings[AF_FINDING_UNEXPECTED], 5);
    assert_int_equal(af_party_deferred(kept->party), 0);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_ACTIVE); /* never fatal */
    assert_string_equal(kept->said, "");
    receive(kept, "note 1");
    assert_string_equal(kept->said, "1(b) ");
}

static void test_what_is_ignored_is_counted_and_no_finding(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "go");
    receive(kept, "raise");
    receive(kept, "notice_task_completion"); /* predefined, not named */
    assert_int_equal(counts(kept)->ignored, 2);
    assert_string_equal(kept->found, "");
}

static void test_what_comes_after_the_end_is_late(void **state)
{
    struct kept *kept = *state;
    receive(kept, "later 1");
    receive(kept, "note 2");
    receive(kept, "finish");
    receive(kept, "note 3");
    af_party_start(kept->party);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_DONE);
    assert_string_equal(af_party_result(kept->party), "{\"count\":1}");
    assert_null(af_party_reason(kept->party));
    assert_string_equal(kept->sent, "note>1 note>2 "); /* with those of its last transaction */
    assert_int_equal(counts(kept)->late, 2);           /* the deferred one, and 3 */
    receive(kept, "note 4");
    receive(kept, "unheard");
    assert_int_equal(counts(kept)->late, 4);
    assert_string_equal(kept->found, "");
    assert_int_equal(af_loop_next_ns(kept->loop), -1);
}

static void test_an_error_undoes_all_but_itself_and_is_told_to_the_others(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "note 1");
    receive(kept, "later 2");
    arm(kept, "soon", 3);
    kept->sent[0] = '\0';
    receive(kept, "raise");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_int_equal(kept->findings[AF_FINDING_RAISED], 1);
    assert_non_null(strstr(kept->found, "flow.lua:"));
    assert_non_null(strstr(kept->found, "on purpose"));
    assert_non_null(strstr(af_party_reason(kept->party), "on purpose"));
    assert_string_equal(kept->sent, "party_failed>12 ");
    assert_int_equal(count_in_data(kept), 1);
    assert_int_equal(counts(kept)->late, 1);
    assert_int_equal(af_loop_next_ns(kept->loop), -1); /* its timers are gone */
}

static void test_a_failure_is_an_outcome_with_its_sends(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "give");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_int_equal(kept->findings[AF_FINDING_FAILED], 1);
    assert_int_equal(kept->findings[AF_FINDING_RAISED], 0);
    assert_string_equal(af_party_reason(kept->party), "enough");
    assert_string_equal(kept->sent, "note>1 party_failed>12 ");
}

static void test_a_party_may_be_failed_from_outside(void **state)
{
    struct kept *kept = *state;
    start(kept);
    af_party_fail(kept->party, "interrupted");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_string_equal(af_party_reason(kept->party), "interrupted");
    assert_string_equal(kept->sent, "party_failed>12 ");
    af_party_fail(kept->party, "again");
    assert_string_equal(af_party_reason(kept->party), "interrupted");
    assert_int_equal(kept->findings[AF_FINDING_FAILED], 1);
}

static void test_a_failure_is_believed_of_its_own_sender_alone(void **state)
{
    struct kept *kept = *state;
    static const char about_b[] =
        "{\"type\":\"party_failed\",\"peer_id\":\"b\",\"reason\":\"x\",\"more\":{\"peer_id\":1}}";
    start(kept);
    receive_of(kept, "party_failed", about_b, "c", 1);
    assert_string_equal(kept->said, "");
    assert_int_equal(counts(kept)->unexpected, 0);
    receive_of(kept, "party_failed", about_b, "b", 2);
    receive_of(kept, "party_failed", about_b, NULL, 3); /* nobody knows better */
    assert_string_equal(kept->said, "lost b lost b ");
    receive_of(kept, "party_failed", "{\"peer_id\":[\"b\"],\"more\":\"b\"}", "b", 4);
    receive_of(kept, "party_failed", "{\"more\":{\"peer_id\":\"b\"}}", "b", 5);
    receive_of(kept, "party_failed", "{\"peer_id\":", "b", 6);
    receive_of(kept, "party_failed", "", "b", 7);
    assert_string_equal(kept->said, "lost b lost b ");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_ACTIVE);
}

/* ---- Timers. ---- */

static void test_after_fires_once_for_each_entry(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "go");
    pass(kept, 4 * AF_S_NS);
    receive(kept, "note 1"); /* stays: the timer runs on */
    assert_string_equal(kept->said, "1(b) ");
    receive(kept, "go"); /* enters the state that it is in: the timer starts anew */
    pass(kept, 4 * AF_S_NS);
    assert_string_equal(kept->said, "1(b) ");
    pass(kept, 1 * AF_S_NS);
    assert_string_equal(kept->said, "1(b) after ");
    pass(kept, 100 * AF_S_NS);
    assert_string_equal(kept->said, "1(b) after ");
}

static void test_a_deadline_is_replaced_by_its_name_and_ignored_where_it_is_not_named(void **state)
{
    struct kept *kept = *state;
    start(kept);
    arm(kept, "soon", 1);
    arm(kept, "late", 1);
    arm(kept, "soon", 3);
    pass(kept, 2 * AF_S_NS);
    assert_string_equal(kept->said, "late ");
    arm(kept, "late", 4); /* due in a state that does not name it */
    receive(kept, "go");
    pass(kept, 2 * AF_S_NS);
    assert_string_equal(kept->said, "late soon ");
    pass(kept, 2500 * AF_MS_NS);
    receive(kept, "note 1"); /* nothing is left of what was ignored */
    assert_string_equal(kept->said, "late soon 1(b) ");
    pass(kept, 100 * AF_S_NS);
    assert_string_equal(kept->said, "late soon 1(b) after ");
    receive_of(kept, "arm", "{\"type\":\"arm\",\"name\":\"soon\",\"seconds\":1}", "b", 900);
    receive_of(kept, "arm", "{\"type\":\"arm\",\"name\":\"soon\"}", "b", 901); /* nil cancels */
    pass(kept, 100 * AF_S_NS);
    assert_string_equal(kept->said, "late soon 1(b) after ");
}

static void test_a_party_rests_where_it_may_end(void **state)
{
    struct kept *kept = *state;
    assert_false(af_party_rests(kept->party));
    start(kept);
    assert_false(af_party_rests(kept->party));
    receive(kept, "go");
    assert_true(af_party_rests(kept->party));
    kept->fates[0] = AF_FATE_CRASH;
    kept->fate_count = 1;
    receive(kept, "note 1");
    assert_false(af_party_rests(kept->party)); /* down */
    restart(kept);
    assert_true(af_party_rests(kept->party));
    receive(kept, "finish");
    assert_false(af_party_rests(kept->party));
}

/* ---- Crashes. ---- */

static void test_an_input_before_which_a_party_crashes_is_taken_when_it_is_back(void **state)
{
    struct kept *kept = *state;
    start(kept);
    kept->fates[0] = AF_FATE_CRASH;
    kept->fate_count = 1;
    receive(kept, "note 1");
    assert_true(af_party_is_down(kept->party));
    assert_int_equal(counts(kept)->crashes, 1);
    receive(kept, "note 2");
    assert_int_equal(af_party_queued(kept->party), 2);
    assert_string_equal(kept->said, "");
    restart(kept);
    assert_false(af_party_is_down(kept->party));
    assert_string_equal(kept->said, "1(b) 2(b) "); /* and no enter() */
    assert_int_equal(count_in_data(kept), 2);
}

static void test_what_was_committed_before_a_crash_is_sent_on_return(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "note 1");
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive(kept, "note 2");
    assert_true(af_party_is_down(kept->party));
    assert_string_equal(kept->said, "1(b) 2(b) ");
    assert_string_equal(kept->sent, "note>1 ");
    receive(kept, "note 3");
    restart(kept);
    assert_string_equal(kept->sent, "note>1 note>1 note>1 "); /* that of 2, then that of 3 */
    assert_string_equal(kept->said, "1(b) 2(b) 3(b) ");
    assert_int_equal(count_in_data(kept), 3); /* as it was committed */
    restart(kept);                            /* it is not down: nothing happens */
    assert_string_equal(kept->sent, "note>1 note>1 note>1 ");
}

static void test_a_crash_keeps_state_and_deferred_events_and_timers(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "later 1");
    arm(kept, "soon", 30);
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive(kept, "go");
    assert_string_equal(state_of(kept), "second");
    pass(kept, AF_S_NS);
    assert_string_equal(kept->said, "");
    restart(kept);
    assert_string_equal(state_of(kept), "second");
    assert_string_equal(kept->said, "1(b) ");
    pass(kept, 100 * AF_S_NS);
    assert_string_equal(kept->said, "1(b) after soon ");
}

static void test_overdue_timeouts_come_after_the_queue_by_their_time(void **state)
{
    struct kept *kept = *state;
    start(kept);
    arm(kept, "late", 4);
    arm(kept, "soon", 3);
    kept->fates[0] = AF_FATE_CRASH;
    kept->fate_count = 1;
    receive(kept, "note 1");
    pass(kept, 10 * AF_S_NS);
    receive(kept, "note 2");
    assert_string_equal(kept->said, "");
    restart(kept);
    assert_string_equal(kept->said, "1(b) 2(b) soon late ");
    assert_int_equal(af_loop_next_ns(kept->loop), -1);
}

static void test_who_ends_as_it_crashes_sends_what_it_committed(void **state)
{
    struct kept *kept = *state;
    start(kept);
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive(kept, "finish");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_DONE);
    assert_false(af_party_is_down(kept->party));
    assert_string_equal(kept->sent, "note>2 ");
}

static void test_a_crash_after_an_input_that_runs_no_handler_is_one_too(void **state)
{
    struct kept *kept = *state;
    start(kept);
    kept->fates[0] = kept->fates[1] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 2;
    receive(kept, "later 1");
    assert_true(af_party_is_down(kept->party));
    assert_int_equal(af_party_deferred(kept->party), 1);
    restart(kept);
    receive(kept, "odd");
    assert_true(af_party_is_down(kept->party));
    assert_int_equal(counts(kept)->unexpected, 1);
    assert_int_equal(counts(kept)->crashes, 2);
    restart(kept);
    receive(kept, "go");
    assert_string_equal(kept->said, "1(b) ");
}

/* ---- Handlers that wait. ---- */

static void test_contracts_and_timeouts_queue_while_a_handler_waits(void **state)
{
    struct kept *kept = *state;
    start(kept);
    arm(kept, "soon", 1);
    receive(kept, "wait");
    assert_true(af_party_waits(kept->party));
    assert_true(kept->call != 0);
    assert_int_equal(strncmp(af_script_party_where(kept->caller), "flow.lua:", 9), 0);
    receive(kept, "note 1");
    af_timer_start(kept->loop, 5 * AF_S_NS, answer_cb, kept);
    pass(kept, 4 * AF_S_NS);
    assert_string_equal(kept->said, "");
    assert_int_equal(count_in_data(kept), 0); /* nothing holds before it returns */
    pass(kept, 1 * AF_S_NS);
    assert_false(af_party_waits(kept->party));
    assert_string_equal(kept->said, "got mock://1 1(b) soon ");
    assert_int_equal(count_in_data(kept), 101);
    assert_string_equal(kept->sent, "note>1 note>1 ");
}

static void test_a_party_that_waits_may_be_failed(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "wait");
    receive(kept, "note 1");
    af_party_fail(kept->party, "interrupted");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_false(af_party_waits(kept->party));
    answer_cb(kept); /* too late: nobody waits for it */
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_string_equal(kept->said, "");
    assert_string_equal(kept->sent, "party_failed>12 ");
    assert_int_equal(count_in_data(kept), 0);
}

/* ---- Parties that vanish. ---- */

static void test_who_is_lost_keeps_nothing_and_tells_nobody(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "later 1");
    arm(kept, "soon", 3);
    receive(kept, "wait");
    receive(kept, "note 2");
    af_party_lose(kept->party);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_LOST);
    assert_false(af_party_waits(kept->party));
    assert_int_equal(af_party_queued(kept->party), 0);
    assert_int_equal(af_party_deferred(kept->party), 0);
    assert_int_equal(af_loop_next_ns(kept->loop), -1);
    assert_string_equal(kept->sent, "");
    assert_string_equal(kept->found, "");
    answer_cb(kept); /* nobody waits for it any more */
    receive(kept, "note 3");
    restart(kept);
    assert_string_equal(kept->said, "");
    assert_int_equal(counts(kept)->late, 0);
    size_t steps = kept->steps;
    af_party_lose(kept->party);
    af_party_fail(kept->party, "x");
    assert_int_equal(kept->steps, steps);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_LOST);
}

static void test_who_is_lost_while_down_never_sends(void **state)
{
    struct kept *kept = *state;
    start(kept);
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive(kept, "note 1");
    af_party_lose(kept->party);
    restart(kept);
    assert_string_equal(kept->sent, "");
    assert_false(af_party_is_down(kept->party));
}

static void test_who_has_not_started_may_be_lost(void **state)
{
    struct kept *kept = *state;
    receive(kept, "note 1");
    af_party_lose(kept->party);
    assert_int_equal(af_party_queued(kept->party), 0);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_LOST);
}

static void test_a_party_is_freed_wherever_it_is(void **state)
{
    struct kept *kept = *state;
    start(kept);
    receive(kept, "later 1");
    arm(kept, "soon", 3);
    kept->fates[0] = AF_FATE_CRASH_AFTER;
    kept->fate_count = 1;
    receive(kept, "note 2");
    restart(kept);
    receive(kept, "wait");
    receive(kept, "note 3"); /* the sanitizer looks for what tear_down() leaves */
}

/* ---- Bounds. ---- */

static void test_more_deadlines_than_can_be_kept_end_the_party(void **state)
{
    struct kept *kept = *state;
    char name[20];
    start(kept);
    for (int i = 0; i < AF_PARTY_DEADLINES_MAX; i++) {
        snprintf(name, sizeof name, "d%d", i);
        arm(kept, name, 100);
    }
    arm(kept, "d7", 200); /* set again: no more than there were */
    assert_int_equal(af_party_status(kept->party), AF_PARTY_ACTIVE);
    arm(kept, "one more", 100);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_string_equal(af_party_reason(kept->party), "more than 10,000 deadlines are armed");
    assert_int_equal(kept->findings[AF_FINDING_RAISED], 1);
}

static void test_more_deferred_bytes_than_can_be_kept_end_the_party(void **state)
{
    struct kept *kept = *state;
    enum { SIZE = 10 << 20 };
    char *content = malloc(SIZE + 100);
    int start_len = sprintf(content, "{\"type\":\"later\",\"text\":\"");
    memset(content + start_len, 'x', SIZE);
    strcpy(content + start_len + SIZE, "\"}");
    size_t fit = AF_PARTY_DEFERRED_BYTES_MAX / (SIZE + 30);
    start(kept);
    for (size_t i = 0; i < fit; i++)
        receive_of(kept, "later", content, "b", ++kept->uuid);
    assert_int_equal(af_party_deferred(kept->party), fit);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_ACTIVE);
    receive_of(kept, "later", content, "b", ++kept->uuid);
    assert_int_equal(af_party_status(kept->party), AF_PARTY_FAILED);
    assert_string_equal(af_party_reason(kept->party), "events of more than 256 MiB are deferred");
    assert_int_equal(af_party_deferred(kept->party), 0);
    free(content);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_comes_before_the_start_waits_in_order),
        CASE(test_the_same_contract_is_delivered_once),
        CASE(test_deduplication_outlives_a_crash),
        CASE(test_more_deadlines_than_can_be_kept_end_the_party),
        CASE(test_more_deferred_bytes_than_can_be_kept_end_the_party),
        CASE(test_what_was_deferred_comes_oldest_first_and_before_what_is_new),
        CASE(test_what_waits_can_be_looked_at),
        CASE(test_a_long_queue_keeps_its_order),
        CASE(test_what_is_not_expected_is_dead_lettered),
        CASE(test_what_is_ignored_is_counted_and_no_finding),
        CASE(test_what_comes_after_the_end_is_late),
        CASE(test_an_error_undoes_all_but_itself_and_is_told_to_the_others),
        CASE(test_a_failure_is_an_outcome_with_its_sends),
        CASE(test_a_party_may_be_failed_from_outside),
        CASE(test_a_failure_is_believed_of_its_own_sender_alone),
        CASE(test_after_fires_once_for_each_entry),
        CASE(test_a_deadline_is_replaced_by_its_name_and_ignored_where_it_is_not_named),
        CASE(test_a_party_rests_where_it_may_end),
        CASE(test_an_input_before_which_a_party_crashes_is_taken_when_it_is_back),
        CASE(test_what_was_committed_before_a_crash_is_sent_on_return),
        CASE(test_a_crash_keeps_state_and_deferred_events_and_timers),
        CASE(test_overdue_timeouts_come_after_the_queue_by_their_time),
        CASE(test_who_ends_as_it_crashes_sends_what_it_committed),
        CASE(test_a_crash_after_an_input_that_runs_no_handler_is_one_too),
        CASE(test_contracts_and_timeouts_queue_while_a_handler_waits),
        CASE(test_a_party_that_waits_may_be_failed),
        CASE(test_who_is_lost_keeps_nothing_and_tells_nobody),
        CASE(test_who_is_lost_while_down_never_sends),
        CASE(test_who_has_not_started_may_be_lost),
        CASE(test_a_party_is_freed_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
