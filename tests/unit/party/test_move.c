/* test_move.c: a party that goes on under another version of its flow: what stays, what
 * begins anew, and that a refusal changes nothing. Its lines of log tell which version handled
 * what. */
#include "base/bounds.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "party/party.h"
#include "party/move.h"
#include "party/migrate.h"
#include "script/script.h"
#include "unit/flow_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* What is another in another version: the names begin with @. */
struct version {
    const char *number, *state, *later, *after, *migrate;
};

#define AFTER(number) "{ 10, function(party) party:log('" number ":after') end }"
static const struct version one = {"1", "shut", "af.string", AFTER("1"), "nil"};
static const struct version two = {"2", "shut", "af.string", AFTER("2"), "nil"};

struct kept {
    struct af_loop *loop;
    struct af_script *scripts[4];
    size_t script_count;
    struct af_party *party;
    struct af_party_owner owner;
    enum af_fate fate; /* of the next input */
    char said[500], sent[500], found[500];
    uint64_t uuid;
};

/* ---- An owner that keeps what it is told. ---- */

static void add(char *text, size_t size, const char *what, size_t len)
{
    size_t at = strlen(text);
    assert_true(at + len + 2 < size);
    snprintf(text + at, size - at, "%.*s ", (int)len, what);
}

static void publish(void *arg, struct af_party *party, struct af_contract *contract,
                    const uint32_t *targets, size_t target_count)
{
    struct kept *kept = arg;
    char text[40];
    (void)party, (void)targets, (void)target_count;
    int len =
        snprintf(text, sizeof text, "%s@%d", contract->type, (int)contract->facts.flow_version);
    add(kept->sent, sizeof kept->sent, text, (size_t)len);
    af_contract_drop(contract);
}

static enum af_fate fate(void *arg, struct af_party *party)
{
    struct kept *kept = arg;
    enum af_fate next = kept->fate;
    (void)party;
    kept->fate = AF_FATE_NONE;
    return next;
}

static void finding(void *arg, struct af_party *party, enum af_finding kind, const char *text)
{
    struct kept *kept = arg;
    (void)party, (void)kind;
    add(kept->found, sizeof kept->found, text, strlen(text));
}

static void log_line(void *arg, struct af_party *party, const char *text, size_t len)
{
    struct kept *kept = arg;
    (void)party;
    add(kept->said, sizeof kept->said, text, len);
}

static void stepped(void *arg, struct af_party *party)
{
    (void)arg, (void)party;
}

/* ---- Versions. ---- */

static void write_flow(FILE *file, const struct version *version)
{
    const struct {
        const char *name, *value;
    } words[] = {{"number", version->number},
                 {"state", version->state},
                 {"later", version->later},
                 {"after", version->after},
                 {"migrate", version->migrate}};
    for (const char *at = flow_text("move.lua.in"); *at != '\0'; at++) {
        size_t i = 0, count = *at == '@' ? sizeof words / sizeof words[0] : 0;
        while (i < count && strncmp(at + 1, words[i].name, strlen(words[i].name)) != 0)
            i++;
        if (i == count) {
            putc(*at, file);
        } else {
            fputs(words[i].value, file);
            at += strlen(words[i].name);
        }
    }
}

static struct af_script *load(struct kept *kept, const struct version *version)
{
    char path[] = "/tmp/test_party_move.XXXXXX";
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_script_member member = {"a", 0};
    FILE *file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    write_flow(file, version);
    fclose(file);
    struct af_script *script = af_script_load(path, &why);
    unlink(path);
    if (script == NULL)
        fail_msg("%s: %s", why.what, why.why);
    af_script_set_owner(script, af_migration_call, NULL);
    assert_int_equal(af_script_set_task(script, "task", &member, 1, NULL, 0, &why), 0);
    kept->scripts[kept->script_count++] = script;
    return script;
}

static int set_up(void **state)
{
    struct kept *kept = *state = calloc(1, sizeof *kept);
    struct af_failure why = AF_FAILURE_INIT;
    kept->loop = af_loop_sim_new();
    kept->owner = (struct af_party_owner){.arg = kept,
                                          .publish = publish,
                                          .fate = fate,
                                          .finding = finding,
                                          .log = log_line,
                                          .stepped = stepped};
    struct af_party_spec spec = {.owner = &kept->owner,
                                 .loop = kept->loop,
                                 .script = load(kept, &one),
                                 .id = "a",
                                 .task = "task",
                                 .seed = {1, 2}};
    kept->party = af_party_new(&spec, &why);
    af_party_start(kept->party);
    return 0;
}

static int tear_down(void **state)
{
    struct kept *kept = *state;
    af_party_free(kept->party);
    for (size_t i = 0; i < kept->script_count; i++)
        af_script_free(kept->scripts[i]);
    af_loop_free(kept->loop);
    free(kept);
    return 0;
}

/* ---- What comes. ---- */

static void receive_as(struct kept *kept, const char *type, const char *text, uint64_t uuid)
{
    char content[100];
    int len = snprintf(content, sizeof content, "{\"type\":\"%s\",\"text\":\"%s\"}", type, text);
    struct af_contract_parts parts = {.uuid = {uuid, 7},
                                      .task = "task",
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = "b",
                                      .type = type,
                                      .type_len = strlen(type),
                                      .content = content,
                                      .content_len = (size_t)len,
                                      .facts.flow_version = 1};
    af_party_receive(kept->party, af_contract_new(&parts));
}

static void receive(struct kept *kept, const char *type, const char *text)
{
    receive_as(kept, type, text, ++kept->uuid);
}

static void pass(struct kept *kept, int64_t ns)
{
    int64_t until_ns = af_loop_now_ns(kept->loop) + ns;
    while (af_loop_next_ns(kept->loop) >= 0 && af_loop_next_ns(kept->loop) <= until_ns)
        af_loop_step(kept->loop);
}

static void move(struct kept *kept, const struct version *version)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_party_move(kept->party, load(kept, version), 0, &why) != 0)
        fail_msg("%s", why.why);
    af_party_go_on(kept->party);
}

static void expect_refused(struct kept *kept, const struct version *version, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_party_move(kept->party, load(kept, version), 0, &why), -1);
    if (strstr(why.why, text) == NULL)
        fail_msg("'%s' is not in: %s", text, why.why);
}

/* ---- The cases. ---- */

static void test_what_waits_is_handled_by_the_new_version_in_its_order(void **state)
{
    struct kept *kept = *state;
    receive(kept, "note", "x");
    receive(kept, "later", "deferred");
    af_party_pause(kept->party, true);
    receive(kept, "note", "y");
    receive(kept, "note", "z");
    move(kept, &two);
    assert_int_equal(af_party_queued(kept->party), 2);
    assert_int_equal(af_party_deferred(kept->party), 1);
    af_party_pause(kept->party, false);
    receive(kept, "go", "");
    assert_string_equal(kept->said, "1:x 2:y 2:z 2:deferred ");
    assert_string_equal(kept->sent, "note@1 note@2 note@2 note@2 ");
}

static void test_what_it_has_seen_stays_seen(void **state)
{
    struct kept *kept = *state;
    receive_as(kept, "note", "x", 99);
    move(kept, &two);
    receive_as(kept, "note", "x", 99);
    assert_string_equal(kept->said, "1:x ");
    assert_int_equal(af_party_counts(kept->party)->repeated, 1);
    assert_int_equal(af_party_counts(kept->party)->received, 2);
}

static void test_timers_keep_their_times(void **state)
{
    struct kept *kept = *state;
    const char *name;
    receive(kept, "arm", "");
    pass(kept, 2 * AF_S_NS);
    move(kept, &two);
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), 3 * AF_S_NS);
    assert_string_equal(name, "soon");
    pass(kept, 3 * AF_S_NS);
    assert_string_equal(kept->said, "2:soon ");
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), 7 * AF_S_NS);
    pass(kept, 20 * AF_S_NS);
    assert_string_equal(kept->said, "2:soon 2:after ");
}

static void test_another_state_begins_its_after_anew(void **state)
{
    struct kept *kept = *state;
    const char *name;
    const struct version other = {
        "2", "closed", "af.string", AFTER("2"),
        "function(old) return { state = 'closed', data = { v = old.data.v + 1 } } end"};
    receive(kept, "arm", "");
    pass(kept, 3 * AF_S_NS);
    move(kept, &other);
    assert_string_equal(af_party_state(kept->party)->name, "closed");
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), 10 * AF_S_NS);
    size_t len;
    const char *data = af_script_party_data(af_party_script(kept->party), &len);
    assert_string_equal(data, "{\"v\":2}");
}

static void test_an_after_that_was_taken_away_is_off_and_one_that_is_new_begins(void **state)
{
    struct kept *kept = *state;
    const char *name;
    const struct version without = {"2", "shut", "af.string", "nil", "nil"};
    const struct version again = {"3", "shut", "af.string", AFTER("3"), "nil"};
    pass(kept, AF_S_NS);
    move(kept, &without);
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), -1);
    move(kept, &again);
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), 10 * AF_S_NS);
}

static void test_an_after_that_has_fired_does_not_fire_again(void **state)
{
    struct kept *kept = *state;
    const char *name;
    pass(kept, 10 * AF_S_NS);
    assert_string_equal(kept->said, "1:after ");
    move(kept, &two);
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), -1);
}

static void test_a_state_that_defers_no_more_takes_up_what_was_deferred(void **state)
{
    struct kept *kept = *state;
    const struct version opens = {"2", "shut", "af.string", "nil",
                                  "function(old) return { state = 'open', data = old.data } end"};
    receive(kept, "later", "x");
    move(kept, &opens);
    assert_string_equal(kept->said, "2:x ");
}

static void test_a_refused_move_changes_nothing(void **state)
{
    struct kept *kept = *state;
    const char *name;
    struct version other = two;
    receive(kept, "later", "x");
    pass(kept, AF_S_NS);
    other.migrate = "function() error 'not now' end";
    expect_refused(kept, &other, "not now");
    other.migrate = two.migrate;
    other.later = "af.integer";
    expect_refused(kept, &other, "a deferred 'later' does not fit any more: event 'later'");
    assert_int_equal(af_party_deferred(kept->party), 1);
    assert_int_equal(af_party_next_timer_ns(kept->party, &name), 10 * AF_S_NS);
    receive(kept, "go", "");
    assert_string_equal(kept->said, "1:x ");
}

static void test_a_migration_asks_nobody(void **state)
{
    struct kept *kept = *state;
    struct version other = two;
    other.migrate = "function(old) af.TaskContractor('t'):upload_file(af.content('x')) return old "
                    "end";
    expect_refused(kept, &other, "upload: a migration has nothing but the old snapshot");
    other.migrate = "function(old) af.TaskContractor('t'):report_progress(5) return old end";
    expect_refused(kept, &other, "report_progress: a migration has nothing but the old snapshot");
    other.migrate =
        "function(old) af.TaskMessageContractor('task'):new_contract('a', Note { text = "
        "'x' }) return old end";
    expect_refused(kept, &other, "new_contract: a migration has nothing but the old snapshot");
}

static void test_a_party_that_is_down_comes_back_under_the_new_version(void **state)
{
    struct kept *kept = *state;
    struct af_failure why = AF_FAILURE_INIT;
    kept->fate = AF_FATE_CRASH_AFTER;
    receive(kept, "note", "x");
    receive(kept, "note", "y");
    move(kept, &two);
    assert_true(af_party_is_down(kept->party));
    assert_string_equal(kept->said, "1:x ");
    assert_string_equal(kept->sent, "");
    assert_int_equal(af_party_restart(kept->party, &why), 0);
    assert_string_equal(kept->said, "1:x 2:y ");
    assert_string_equal(kept->sent, "note@1 note@2 "); /* what was committed is of who sent it */
}

static void test_a_copy_shows_an_ended_party_and_changes_nothing(void **state)
{
    struct kept *kept = *state;
    struct af_failure why = AF_FAILURE_INIT;
    struct version other = two;
    other.migrate = "function(old) return { state = old.state, data = { w = old.data.v } } end";
    receive(kept, "go", "");
    receive(kept, "go", "");
    assert_int_equal(af_party_status(kept->party), AF_PARTY_DONE);
    struct af_script_party *copy = af_party_moved_copy(kept->party, load(kept, &other), &why);
    size_t len;
    assert_non_null(copy);
    assert_string_equal(af_script_party_data(copy, &len), "{\"w\":1}");
    assert_string_equal(af_script_party_data(af_party_script(kept->party), &len), "{\"v\":1}");
    af_script_party_free(copy);
    other.migrate = "function() error 'not now' end";
    assert_null(af_party_moved_copy(kept->party, load(kept, &other), &why));
    assert_non_null(strstr(why.why, "not now"));
}

static void test_what_the_new_version_cannot_read_names_both(void **state)
{
    struct kept *kept = *state;
    struct version other = two;
    other.later = "af.integer";
    move(kept, &other);
    receive(kept, "later", "x");
    assert_non_null(strstr(kept->found, "field 'text': expected an integer"));
    assert_non_null(strstr(kept->found, "sent by version 1 of the flow, read by version 2"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_waits_is_handled_by_the_new_version_in_its_order),
        CASE(test_what_it_has_seen_stays_seen),
        CASE(test_timers_keep_their_times),
        CASE(test_another_state_begins_its_after_anew),
        CASE(test_an_after_that_was_taken_away_is_off_and_one_that_is_new_begins),
        CASE(test_an_after_that_has_fired_does_not_fire_again),
        CASE(test_a_state_that_defers_no_more_takes_up_what_was_deferred),
        CASE(test_a_refused_move_changes_nothing),
        CASE(test_a_migration_asks_nobody),
        CASE(test_a_party_that_is_down_comes_back_under_the_new_version),
        CASE(test_a_copy_shows_an_ended_party_and_changes_nothing),
        CASE(test_what_the_new_version_cannot_read_names_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
