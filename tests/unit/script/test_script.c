/* test_script.c: scripts through script/script.h alone: what loads, what one delivery does, and
 * that a party is its snapshot. */
#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"
#include "script/script.h"
#include "unit/flow_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256], path[300];

static int set_up_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/test_script.XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/flow.lua", folder);
    return 0;
}

static int tear_down_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct af_script *load_bytes(const char *bytes, size_t len, struct af_failure *why)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
    *why = AF_FAILURE_INIT;
    return af_script_load(path, why);
}

static struct af_script *load(const char *text)
{
    struct af_failure why;
    struct af_script *script = load_bytes(text, strlen(text), &why);
    if (script == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return script;
}

/* ---- Loading. ---- */

static void expect_no_script(const char *bytes, size_t len, const char *what, const char *part)
{
    struct af_failure why;
    struct af_script *script = load_bytes(bytes, len, &why);
    assert_null(script);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    if (strcmp(why.what, what) != 0 || strstr(why.why, part) == NULL)
        fail_msg("told '%s': '%s'", why.what, why.why);
}

static void expect_no_flow(const char *text, const char *what, const char *part)
{
    expect_no_script(text, strlen(text), what, part);
}

static void test_a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    char hash[65];
    assert_null(af_script_load(path, &why));
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, path);
    assert_non_null(strstr(why.why, "No such file"));
    assert_int_equal(af_script_hash_file(path, hash), -1);
    why = AF_FAILURE_INIT;
    assert_null(af_script_load(folder, &why));
    assert_non_null(strstr(why.why, "is not a file"));
}

static void test_what_is_no_text_is_not_loaded(void **state)
{
    (void)state;
    expect_no_script("\x1bLua\x54\x00", 6, "flow.lua", "bytecode");
    expect_no_script("\x1b", 1, "flow.lua", "bytecode");
    expect_no_script("return\0 1", 9, "flow.lua", "zero byte");
    expect_no_script("\0", 1, "flow.lua", "zero byte");
}

static void test_a_file_that_is_too_large_is_not_loaded(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    af_script_free(load("return 1"));
    assert_int_equal(truncate(path, (off_t)AF_SCRIPT_FILE_BYTES_MAX + 1), 0);
    assert_null(af_script_load(path, &why));
    assert_string_equal(why.what, path);
    assert_non_null(strstr(why.why, "too large"));
}

static void test_a_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    expect_no_flow("local x =\n", "flow.lua:2", "unexpected symbol");
    expect_no_flow("\n\nerror 'on purpose'\n", "flow.lua:3", "on purpose");
    expect_no_flow("error({})", "flow.lua:1", "");
    expect_no_flow("local af = require 'af'\naf.flow { name = 'x', roles = {} }\n", "flow.lua",
                   "return af.flow");
    expect_no_flow("local af = require 'af'\n"
                   "return af.flow { name = 'x', roles = { r = { start = 's', states = {} } } }\n",
                   "flow.lua:2", "role 'r'");
    expect_no_flow("require 'no_such_module'", "flow.lua:1", "no_such_module");
}

/* A hook does not run within a hook's error, nor before a coroutine's first thousand instructions.
 */
static void test_the_cap_holds_in_message_handlers_and_fresh_coroutines(void **state)
{
    (void)state;
    expect_no_flow("local function spin() while true do end end\nxpcall(spin, spin)", "flow.lua:2",
                   "100,000,000 instructions");
    expect_no_flow("local function some() for _ = 1, 900 do end end\n"
                   "while true do coroutine.wrap(some)() end",
                   "flow.lua:2", "100,000,000 instructions");
    expect_no_flow("local function some() for _ = 1, 900 do end end\n"
                   "while true do pcall(coroutine.resume, coroutine.create(some)) end",
                   "flow.lua:2", "100,000,000 instructions");
}

static void test_a_byte_order_mark_and_a_first_line_for_the_shell_are_passed_over(void **state)
{
    (void)state;
    af_script_free(load("\xEF\xBB\xBF#!/usr/bin/env afrun\nreturn 1\n"));
    expect_no_flow("#!/usr/bin/env afrun\nlocal x =\n", "flow.lua:3", "unexpected symbol");
    expect_no_flow("# nothing else", "flow.lua", "is empty");
    expect_no_flow("", "flow.lua", "is empty");
}

/* printf 'return 1\n' | sha256sum */
#define RETURN_1_DIGEST "0805bfdc02e872ed322a4a4e440ae985f3a4335f4dd59f3d373dfaf2a68a4a3c"

static void test_a_file_is_known_by_its_name_and_digest(void **state)
{
    (void)state;
    char hash[65];
    struct af_script *script = load("return 1\n");
    assert_null(af_script_flow(script)); /* a sequential script */
    assert_string_equal(af_script_file(script)->name, "flow.lua");
    assert_int_equal(af_script_hash_file(path, hash), 0);
    assert_string_equal(hash, af_script_file(script)->hash);
    assert_string_equal(hash, RETURN_1_DIGEST);
    af_script_free(script);
    script = load("return 2\n");
    assert_string_not_equal(hash, af_script_file(script)->hash);
    af_script_free(script);
    af_script_free(NULL);
}

/* ---- A flow. ---- */

/* What a delivery did, copied. */
struct done {
    size_t count; /* of calls */
    enum af_outcome outcome;
    char text[300];
    char sent[2000]; /* type>targets content uuid, a line each */
    char logs[200];
    char deadlines[100];
    bool entered, data_changed;
    int64_t after_ns;
    int progress;
};

struct world {
    struct af_loop *loop;
    struct af_script *script;
    struct af_script_party *party;
    uint64_t key;
    struct done done;
    /* the call that waits, and how calls are answered */
    bool at_once;
    const char *failure;
    uint64_t call;
    struct af_script_party *caller;
    char uploaded[16];
    size_t uploaded_len;
};

static void on_done(void *arg, struct af_script_party *party, const struct af_effects *effects)
{
    struct done *done = arg;
    size_t count = done->count;
    (void)party;
    *done = (struct done){.count = count + 1,
                          .outcome = effects->outcome,
                          .entered = effects->entered,
                          .data_changed = effects->data_changed,
                          .after_ns = effects->after_ns,
                          .progress = effects->progress};
    snprintf(done->text, sizeof done->text, "%s", effects->text == NULL ? "" : effects->text);
    const char *bytes = effects->bytes.data;
    for (size_t i = 0; i < effects->send_count; i++) {
        const struct af_send *send = &effects->sends[i];
        char uuid[AF_UUID_TEXT_BYTES];
        size_t at = strlen(done->sent);
        at += (size_t)snprintf(done->sent + at, sizeof done->sent - at, "%s>", send->type);
        for (size_t k = 0; k < send->target_count; k++)
            at += (size_t)snprintf(done->sent + at, sizeof done->sent - at, "%u",
                                   (unsigned)effects->targets[send->first_target + k]);
        af_uuid_format(send->uuid, uuid);
        snprintf(done->sent + at, sizeof done->sent - at, " %.*s %s\n", (int)send->content_len,
                 bytes + send->content, uuid);
    }
    for (size_t i = 0; i < effects->log_count; i++) {
        size_t at = strlen(done->logs);
        snprintf(done->logs + at, sizeof done->logs - at, "%.*s;", (int)effects->logs[i].len,
                 bytes + effects->logs[i].start);
    }
    for (size_t i = 0; i < effects->deadline_count; i++) {
        size_t at = strlen(done->deadlines);
        snprintf(done->deadlines + at, sizeof done->deadlines - at, "%s=%lld;",
                 bytes + effects->deadlines[i].name, (long long)effects->deadlines[i].delay_ns);
    }
}

static void answer(struct world *world)
{
    static const char reply[] = "{\"url\":\"mock://1\"}";
    struct af_answer answer = {
        .reply = reply, .reply_len = sizeof reply - 1, .failure = world->failure};
    uint64_t call = world->call;
    world->call = 0;
    af_script_answer(world->caller, call, &answer);
}

static void answer_cb(void *arg)
{
    answer(arg);
}

static void on_call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    struct world *world = arg;
    assert_string_equal(call->name, "upload");
    assert_true(call->bytes_len <= sizeof world->uploaded);
    memcpy(world->uploaded, call->bytes, call->bytes_len);
    world->uploaded_len = call->bytes_len;
    world->call = call->id;
    world->caller = party;
    if (world->at_once)
        answer(world);
    else
        af_loop_post(world->loop, answer_cb, world);
}

static struct af_script_party *party_of(struct world *world, uint32_t member, struct af_hash seed)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_script_party *party = af_script_party_new(world->script, member, seed, world, &why);
    if (party == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return party;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    if (set_up_folder(NULL) != 0)
        return -1;
    *state = world;
    world->loop = af_loop_sim_new();
    world->script = load(flow_text("adder.lua"));
    af_script_set_owner(world->script, on_call, world);
    uint32_t adder = (uint32_t)af_flow_find_role(af_script_flow(world->script), "adder");
    const struct af_script_member members[] = {{"a1", adder}, {"a2", adder}, {"p", 1 - adder}};
    static const struct af_script_arg args[] = {{"step", "2"}, {"name", "as it is"}};
    if (af_script_set_task(world->script, "task", members, 3, args, 2, &why) != 0)
        return -1;
    world->party = party_of(world, 0, (struct af_hash){1, 2});
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (world->party != NULL)
        af_script_party_free(world->party);
    af_script_free(world->script);
    af_loop_free(world->loop);
    free(world);
    return tear_down_folder(NULL);
}

static void deliver_to(struct world *world, struct af_script_party *party, const char *type,
                       const char *content, struct af_hash key, struct done *done)
{
    struct af_input input = {
        .kind = AF_INPUT_EVENT,
        .now_ns = 3 * AF_S_NS,
        .key = key,
        .from = "p",
        .event = af_flow_find_event(af_script_flow(world->script), type, strlen(type)),
        .content = content,
        .content_len = strlen(content)};
    assert_true(input.event >= 0);
    af_script_deliver(party, &input, on_done, done);
}

static void deliver(struct world *world, const char *type, const char *content)
{
    deliver_to(world, world->party, type, content, (struct af_hash){++world->key, 5}, &world->done);
}

static void deliver_start(struct af_script_party *party, struct done *done)
{
    struct af_input input = {.kind = AF_INPUT_START};
    af_script_deliver(party, &input, on_done, done);
}

/* What was made while the file was loaded counts in each step. */
static void test_a_state_that_has_too_much_gets_no_more(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct world world = {
        .script = load(
            "local af = require 'af'\n"
            "local Go = af.event('go', { size = af.integer })\n"
            "local all = {}\n"
            "for i = 1, 4 do all[i] = ('x'):rep((5 << 20) + i) end\n"
            "return af.flow { name = 'x', roles = { r = { start = 's', states = { s = {\n"
            "  [Go] = function(_, event) return #all[1] == #('x'):rep(event.size) and 's' or nil "
            "end } } } } }\n")};
    const struct af_script_member member = {"p", 0};
    assert_int_equal(af_script_set_task(world.script, "task", &member, 1, NULL, 0, &why), 0);
    world.party = party_of(&world, 0, (struct af_hash){1, 2});
    deliver_start(world.party, &world.done);
    for (uint64_t i = 0; i < 6; i++) {
        if (i == 4) /* less than it has already */
            af_script_limit_memory(world.script, 15 << 20);
        deliver_to(&world, world.party, "go", "{\"type\":\"go\",\"size\":20971520}",
                   (struct af_hash){i, 5}, &world.done);
        if (world.done.outcome != (i < 4 ? AF_OUTCOME_NONE : AF_OUTCOME_RAISED))
            fail_msg("delivery %d: %s", (int)i, world.done.text);
    }
    assert_non_null(strstr(world.done.text, "memory"));
    af_script_party_free(world.party);
    af_script_free(world.script);
}

static void start(struct world *world)
{
    deliver_start(world->party, &world->done);
    assert_int_equal(world->done.outcome, AF_OUTCOME_NONE);
}

static const char *data_of(const struct af_script_party *party)
{
    size_t len;
    const char *data = af_script_party_data(party, &len);
    assert_int_equal(strlen(data), len);
    return data;
}

static const char *state_of(struct world *world, const struct af_script_party *party)
{
    const struct af_flow *described = af_script_flow(world->script);
    const struct af_flow_role *role = &described->roles[af_flow_find_role(described, "adder")];
    int state = af_script_party_state(party);
    return state < 0 ? "" : role->states[state].name;
}

/* ---- What a file describes. ---- */

static void test_a_flow_is_described(void **state)
{
    struct world *world = *state;
    const struct af_flow *described = af_script_flow(world->script);
    assert_string_equal(described->name, "adder");
    assert_int_equal(described->version, 3);
    assert_false(described->report_failure);
    assert_true(described->has_invariants);
    assert_int_equal(described->role_count, 2);
    assert_int_equal(af_flow_find_role(described, "nobody"), -1);
    const struct af_flow_role *role = &described->roles[af_flow_find_role(described, "adder")];
    assert_int_equal(role->mock_count, 2);
    assert_false(role->sequential);
    assert_int_equal(role->state_count, 2);
    assert_int_equal(af_flow_find_state(role, "nowhere"), -1);
    const struct af_flow_state *open = &role->states[af_flow_find_state(role, "open")];
    const struct af_flow_state *closed = &role->states[af_flow_find_state(role, "closed")];
    assert_true(open->has_after);
    assert_false(open->may_end);
    assert_int_equal(open->timeout_count, 1);
    assert_string_equal(open->timeouts[0], "soon");
    assert_false(closed->has_after);
    assert_true(closed->may_end);

    int add = af_flow_find_event(described, "add", 3);
    int draw = af_flow_find_event(described, "draw", 4);
    int notice = af_flow_find_event(described, "notice_task_completion", 22);
    assert_true(add >= 0 && draw >= 0 && notice >= 0);
    assert_int_equal(af_flow_find_event(described, "add ", 4), -1);
    assert_int_equal(af_flow_find_event(described, "ad", 2), -1);
    assert_int_equal(af_flow_find_event(described, "odd", 3), -1); /* no state names it */
    assert_true(described->events[notice].predefined);
    assert_false(described->events[add].predefined);
    assert_int_equal(open->events[add], AF_EVENT_HANDLED);
    assert_int_equal(closed->events[add], AF_EVENT_IGNORED);
    assert_int_equal(closed->events[draw], AF_EVENT_DEFERRED);
    assert_int_equal(closed->events[af_flow_find_event(described, "up", 2)], AF_EVENT_UNEXPECTED);
    assert_int_equal(closed->events[notice], AF_EVENT_IGNORED);
}

static void test_arguments_are_checked(void **state)
{
    struct world *world = *state;
    static const struct af_script_arg wrong[] = {
        {"no_such", "1"}, {"step", "x"}, {"step", "0"}, {"step", "1.5"}, {"step", ""}};
    size_t count;
    const struct af_script_member *members = af_script_members(world->script, &count);
    assert_int_equal(count, 3);
    assert_string_equal(members[2].id, "p");
    const struct af_script_member some[] = {{"a1", members[0].role}};
    for (size_t i = 0; i < 5; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_script_set_task(world->script, "task", some, 1, &wrong[i], 1, &why),
                         -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_non_null(strstr(why.why, wrong[i].name));
    }
}

static void test_contents_are_validated(void **state)
{
    struct world *world = *state;
    int add = af_flow_find_event(af_script_flow(world->script), "add", 3);
    static const char *const wrong[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"type\":\"add\",\"n\":0}",
                                        "{\"type\":\"add\",\"n\":\"1\"}",
                                        "{\"type\":\"add\",\"n\":1.5}",
                                        "{\"type\":\"add\",\"n\":1"};
    struct af_input input = {.kind = AF_INPUT_VALIDATE,
                             .key = {1, 5},
                             .from = "p",
                             .event = add,
                             .content = "{\"type\":\"add\",\"n\":1,\"more\":[1]}"};
    start(world);
    input.content_len = strlen(input.content);
    af_script_deliver(world->party, &input, on_done, &world->done);
    assert_int_equal(world->done.outcome, AF_OUTCOME_NONE);
    for (size_t i = 0; i < 7; i++) {
        input.content = wrong[i];
        input.content_len = strlen(wrong[i]);
        af_script_deliver(world->party, &input, on_done, &world->done);
        if (world->done.outcome != AF_OUTCOME_INVALID)
            fail_msg("accepted: %s", wrong[i]);
        assert_true(world->done.text[0] != '\0');
    }
    assert_string_equal(data_of(world->party), "{\"step\":2,\"sum\":0}");
}

/* A name that no JSON can have is not found where there is none. */
static void test_a_field_without_a_name_is_no_field(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct world world = {
        .script =
            load("local af = require 'af'\n"
                 "local Go = af.event('go', { ['\\xff'] = af.integer })\n"
                 "return af.flow { name = 'x', roles = { r = { start = 's', states = { s = {\n"
                 "  [Go] = function() end } } } } }\n")};
    const struct af_script_member member = {"p", 0};
    assert_int_equal(af_script_set_task(world.script, "task", &member, 1, NULL, 0, &why), 0);
    world.party = party_of(&world, 0, (struct af_hash){1, 2});
    deliver_start(world.party, &world.done);
    deliver(&world, "go", "{\"type\":\"go\",:5}");
    assert_int_equal(world.done.outcome, AF_OUTCOME_INVALID);
    af_script_party_free(world.party);
    af_script_free(world.script);
}

/* ---- Deliveries. ---- */

static void test_a_party_that_has_not_started_has_no_state(void **state)
{
    struct world *world = *state;
    assert_int_equal(af_script_party_state(world->party), -1);
    assert_string_equal(data_of(world->party), "{}");
    assert_ptr_equal(af_script_party_user(world->party), world);
    assert_false(af_script_party_sequential(world->party));
    assert_string_equal(af_script_party_where(world->party), "");
    deliver_start(world->party, &world->done);
    assert_int_equal(world->done.count, 1);
    assert_true(world->done.entered);
    assert_true(world->done.data_changed);
    assert_int_equal(world->done.after_ns, 2500 * AF_MS_NS);
    assert_string_equal(state_of(world, world->party), "open");
    assert_string_equal(data_of(world->party), "{\"step\":2,\"sum\":0}");
}

static void test_a_handler_has_the_effects_that_it_asked_for(void **state)
{
    struct world *world = *state;
    start(world);
    deliver(world, "add", "{\"type\":\"add\",\"n\":5}");
    assert_int_equal(world->done.outcome, AF_OUTCOME_NONE);
    assert_false(world->done.entered);
    assert_true(world->done.data_changed);
    assert_int_equal(world->done.progress, 40);
    assert_string_equal(world->done.logs, "sum 10;");
    assert_string_equal(world->done.deadlines, "soon=1500000000;");
    assert_int_equal(strncmp(world->done.sent, "tell>21 {\"type\":\"tell\",\"n\":10} ", 31), 0);
    assert_string_equal(data_of(world->party), "{\"from\":\"p\",\"step\":2,\"sum\":10}");
    deliver(world, "add", "{\"type\":\"add\",\"n\":99}");
    assert_true(world->done.entered);
    assert_int_equal(world->done.after_ns, -1);
    assert_string_equal(state_of(world, world->party), "closed");
    assert_string_equal(data_of(world->party),
                        "{\"from\":\"p\",\"step\":2,\"sum\":208,\"was\":\"closed\"}");
}

static void test_timeouts_are_delivered(void **state)
{
    struct world *world = *state;
    struct af_input after = {.kind = AF_INPUT_AFTER, .key = {1, 1}};
    struct af_input deadline = {.kind = AF_INPUT_DEADLINE, .key = {1, 1}, .deadline = "soon"};
    start(world);
    af_script_deliver(world->party, &after, on_done, &world->done);
    assert_string_equal(state_of(world, world->party), "closed");
    struct af_script_party *other = party_of(world, 1, (struct af_hash){3, 4});
    deliver_start(other, &world->done);
    af_script_deliver(other, &deadline, on_done, &world->done);
    assert_string_equal(state_of(world, other), "closed");
    af_script_party_free(other);
}

static void test_a_content_that_does_not_validate_calls_no_handler(void **state)
{
    struct world *world = *state;
    start(world);
    deliver(world, "add", "{\"type\":\"add\",\"n\":0}");
    assert_int_equal(world->done.outcome, AF_OUTCOME_INVALID);
    assert_non_null(strstr(world->done.text, "'n'"));
    assert_string_equal(world->done.sent, "");
    assert_string_equal(data_of(world->party), "{\"step\":2,\"sum\":0}");
    deliver(world, "add", "{\"type\":\"add\",\"n\":1}");
    assert_int_equal(world->done.outcome, AF_OUTCOME_NONE);
}

static void test_an_error_undoes_all_but_the_log(void **state)
{
    struct world *world = *state;
    static const char *const ways[][2] = {
        {"error", "on purpose"},   {"table", "flow.lua:"},       {"function", "data.junk.f"},
        {"data", "data: must be"}, {"state", "'nowhere'"},       {"result", "got a number"},
        {"target", "nobody"},      {"field", "expected an int"}, {"expect", "as expected"}};
    start(world);
    deliver(world, "add", "{\"type\":\"add\",\"n\":5}");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char content[100], before[200];
        snprintf(content, sizeof content, "{\"type\":\"bad\",\"how\":\"%s\"}", ways[i][0]);
        snprintf(before, sizeof before, "%s", data_of(world->party));
        deliver(world, "bad", content);
        assert_int_equal(world->done.outcome, AF_OUTCOME_RAISED);
        if (strstr(world->done.text, ways[i][1]) == NULL ||
            strncmp(world->done.text, "flow.lua:", 9) != 0)
            fail_msg("%s: '%s'", ways[i][0], world->done.text);
        assert_string_equal(world->done.sent, "");
        assert_string_equal(world->done.logs, "told;");
        assert_false(world->done.entered);
        assert_false(world->done.data_changed);
        assert_string_equal(data_of(world->party), before);
        assert_string_equal(state_of(world, world->party), "open");
        deliver(world, "add",
                "{\"type\":\"add\",\"n\":1}"); /* what the script sees is undone too */
        assert_int_equal(world->done.outcome, AF_OUTCOME_NONE);
        snprintf(before, sizeof before, "{\"from\":\"p\",\"step\":2,\"sum\":%zu}", 12 + 2 * i);
        assert_string_equal(data_of(world->party), before);
    }
}

static void test_outcomes_are_told(void **state)
{
    struct world *world = *state;
    start(world);
    deliver(world, "bad", "{\"type\":\"bad\",\"how\":\"fail\"}");
    assert_int_equal(world->done.outcome, AF_OUTCOME_FAILED);
    assert_string_equal(world->done.text, "enough");
    struct af_script_party *other = party_of(world, 1, (struct af_hash){3, 4});
    deliver_start(other, &world->done);
    deliver_to(world, other, "bad", "{\"type\":\"bad\",\"how\":\"done\"}", (struct af_hash){1, 1},
               &world->done);
    assert_int_equal(world->done.outcome, AF_OUTCOME_DONE);
    assert_string_equal(world->done.text, "{\"sum\":-1}");
    assert_int_equal(strncmp(world->done.sent, "tell>2 ", 7), 0);
    af_script_party_free(other);
}

/* ---- A party is its snapshot. ---- */

static void test_a_restored_party_goes_on_as_the_first_would_have(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    struct done first = {0}, again = {0};
    size_t len;
    start(world);
    deliver(world, "add", "{\"type\":\"add\",\"n\":5}");
    deliver(world, "draw", "{\"type\":\"draw\"}");
    char *data = strdup(af_script_party_data(world->party, &len));
    int at = af_script_party_state(world->party);

    struct af_script_party *fresh = party_of(world, 0, (struct af_hash){1, 2});
    assert_int_equal(af_script_party_restore(fresh, at, data, len, &why), 0);
    free(data);
    assert_int_equal(af_script_party_state(fresh), at);
    assert_string_equal(data_of(fresh), data_of(world->party));
    static const struct af_hash keys[] = {{77, 1}, {77, 2}};
    static const char *const types[] = {"draw", "add"};
    static const char *const contents[] = {"{\"type\":\"draw\"}", "{\"type\":\"add\",\"n\":99}"};
    for (size_t i = 0; i < 2; i++) {
        deliver_to(world, world->party, types[i], contents[i], keys[i], &first);
        deliver_to(world, fresh, types[i], contents[i], keys[i], &again);
        assert_int_equal(first.outcome, AF_OUTCOME_NONE);
        assert_memory_equal(&first, &again, sizeof first); /* uuids of sends, too */
        assert_string_equal(data_of(fresh), data_of(world->party));
    }
    assert_string_equal(state_of(world, fresh), "closed");
    af_script_party_free(fresh);
}

static void test_chance_is_keyed_by_party_and_input(void **state)
{
    struct world *world = *state;
    static const struct {
        struct af_hash seed, key;
    } ways[] = {{{1, 2}, {7, 7}}, {{1, 2}, {7, 7}}, {{1, 2}, {7, 8}}, {{1, 3}, {7, 7}}};
    char data[4][400];
    struct done done[4] = {{0}};
    for (size_t i = 0; i < 4; i++) {
        struct af_script_party *party = party_of(world, 0, ways[i].seed);
        struct done started = {0};
        deliver_start(party, &started);
        if (i == 1) /* what came before does not matter */
            deliver_to(world, party, "bad", "{\"type\":\"bad\",\"how\":\"error\"}",
                       (struct af_hash){9, 9}, &started);
        deliver_to(world, party, "draw", "{\"type\":\"draw\"}", ways[i].key, &done[i]);
        snprintf(data[i], sizeof data[i], "%s", data_of(party));
        af_script_party_free(party);
    }
    assert_string_equal(data[0], data[1]);
    assert_string_equal(done[0].sent, done[1].sent);
    for (size_t i = 2; i < 4; i++) {
        assert_string_not_equal(data[0], data[i]);
        assert_string_not_equal(done[0].sent, done[i].sent);
    }
}

static void test_a_snapshot_that_is_none_is_refused(void **state)
{
    struct world *world = *state;
    static const char *const wrong[] = {"",  "5",    "\"x\"",       "null",
                                        "{", "{}{}", "{\"a\":NaN}", "{\"a\":1,\"a\":2}"};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_script_party_restore(world->party, 2, "{}", 2, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_FLOW);
    assert_non_null(strstr(why.why, "no such state"));
    assert_int_equal(af_script_party_restore(world->party, -2, "{}", 2, NULL), -1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        why = AF_FAILURE_INIT;
        if (af_script_party_restore(world->party, 0, wrong[i], strlen(wrong[i]), &why) != -1)
            fail_msg("accepted: %s", wrong[i]);
        assert_string_equal(why.what, "a1");
    }
    assert_int_equal(af_script_party_state(world->party), -1);
    assert_string_equal(data_of(world->party), "{}");
    start(world); /* and no harm was done */
    struct af_script_party *other = party_of(world, 1, (struct af_hash){3, 4});
    assert_int_equal(af_script_party_restore(other, 1, "[1,2]", 5, &why), 0);
    assert_string_equal(data_of(other), "[1,2]");
    af_script_party_free(other);
}

static void test_parties_do_not_share_what_they_have(void **state)
{
    struct world *world = *state;
    struct done done = {0};
    struct af_script_party *other = party_of(world, 1, (struct af_hash){3, 4});
    start(world);
    deliver_start(other, &done);
    deliver(world, "add", "{\"type\":\"add\",\"n\":5}");
    assert_string_equal(data_of(other), "{\"step\":2,\"sum\":0}");
    deliver_to(world, other, "add", "{\"type\":\"add\",\"n\":7}", (struct af_hash){1, 1}, &done);
    assert_string_equal(data_of(other), "{\"from\":\"p\",\"step\":2,\"sum\":14}");
    assert_int_equal(strncmp(done.sent, "tell>21 ", 8), 0);
    assert_string_equal(data_of(world->party), "{\"from\":\"p\",\"step\":2,\"sum\":10}");
    af_script_party_free(other);
}

/* ---- Calls. ---- */

static void test_a_call_is_answered_at_once_or_later(void **state)
{
    struct world *world = *state;
    start(world);
    size_t before = world->done.count;
    deliver(world, "up", "{\"type\":\"up\"}");
    assert_int_equal(world->done.count, before); /* it waits */
    assert_int_equal(world->uploaded_len, 3);
    assert_memory_equal(world->uploaded, "x\0y", 3);
    assert_int_equal(strncmp(af_script_party_where(world->party), "flow.lua:", 9), 0);
    assert_string_equal(data_of(world->party), "{\"step\":2,\"sum\":0}"); /* nothing holds yet */
    af_loop_run(world->loop);
    assert_int_equal(world->done.count, before + 1);
    assert_string_equal(af_script_party_where(world->party), "");
    assert_string_equal(data_of(world->party),
                        "{\"got\":\"mock://1\",\"ok\":true,\"step\":2,\"sum\":1000}");
    world->at_once = true;
    deliver(world, "up", "{\"type\":\"up\"}");
    assert_int_equal(world->done.count, before + 2);
    assert_string_equal(data_of(world->party),
                        "{\"got\":\"mock://1\",\"ok\":true,\"step\":2,\"sum\":2000}");
}

static void test_a_failure_is_raised_where_the_script_waits(void **state)
{
    struct world *world = *state;
    start(world);
    world->failure = "no room";
    for (int i = 0; i < 2; i++) {
        world->at_once = i == 1;
        deliver(world, "up", "{\"type\":\"up\"}");
        af_loop_run(world->loop);
        assert_int_equal(world->done.outcome, AF_OUTCOME_NONE); /* its own pcall caught it */
        assert_non_null(strstr(data_of(world->party), "no room\",\"ok\":false"));
    }
}

static void test_others_go_on_while_one_waits(void **state)
{
    struct world *world = *state;
    struct done done = {0};
    struct af_script_party *other = party_of(world, 1, (struct af_hash){3, 4});
    start(world);
    deliver(world, "up", "{\"type\":\"up\"}");
    deliver_start(other, &done);
    deliver_to(world, other, "add", "{\"type\":\"add\",\"n\":7}", (struct af_hash){1, 1}, &done);
    assert_int_equal(done.count, 2);
    assert_int_equal(world->done.count, 1);
    af_loop_run(world->loop);
    assert_int_equal(world->done.count, 2);
    assert_non_null(strstr(data_of(world->party), "\"sum\":1000"));
    af_script_party_free(other);
}

static void test_a_delivery_that_waits_can_be_withdrawn(void **state)
{
    struct world *world = *state;
    start(world);
    size_t before = world->done.count;
    af_script_withdraw(world->party); /* nothing is under way */
    deliver(world, "up", "{\"type\":\"up\"}");
    af_script_withdraw(world->party);
    assert_string_equal(af_script_party_where(world->party), "");
    af_loop_run(world->loop); /* the answer comes too late */
    assert_int_equal(world->done.count, before);
    assert_string_equal(data_of(world->party), "{\"step\":2,\"sum\":0}");
    assert_string_equal(state_of(world, world->party), "open");
    deliver(world, "add", "{\"type\":\"add\",\"n\":1}");
    assert_string_equal(data_of(world->party), "{\"from\":\"p\",\"step\":2,\"sum\":2}");
    deliver(world, "up", "{\"type\":\"up\"}"); /* again, from its start */
    af_loop_run(world->loop);
    assert_non_null(strstr(data_of(world->party), "\"sum\":1002"));
}

static void test_an_answer_to_another_call_is_passed_over(void **state)
{
    struct world *world = *state;
    struct af_answer wrong = {.reply = "{\"url\":\"mock://2\"}", .reply_len = 18};
    start(world);
    deliver(world, "up", "{\"type\":\"up\"}");
    af_script_answer(world->party, world->call + 1, &wrong);
    af_script_answer(world->party, 0, &wrong);
    assert_int_equal(world->done.count, 1);
    uint64_t call = world->call;
    af_loop_run(world->loop);
    assert_non_null(strstr(data_of(world->party), "mock://1"));
    af_script_answer(world->party, call, &wrong); /* twice */
    assert_int_equal(world->done.count, 2);
}

static void test_a_party_that_waits_can_be_freed(void **state)
{
    struct world *world = *state;
    start(world);
    deliver(world, "up", "{\"type\":\"up\"}");
    af_script_party_free(world->party);
    world->party = NULL; /* the sanitizer looks for what is left */
}

/* ---- Scripts that are no flow. ---- */

static void test_a_sequential_script_runs_once_a_load(void **state)
{
    (void)state;
    struct af_failure why = AF_FAILURE_INIT;
    struct done done = {0};
    struct af_script *script = load("local af = require 'af'\nreturn af.done { 1, 2 }\n");
    struct af_script_party *party =
        af_script_party_new(script, 0, (struct af_hash){1, 2}, NULL, &why);
    assert_non_null(party);
    assert_true(af_script_party_sequential(party));
    assert_null(af_script_party_new(script, 0, (struct af_hash){1, 2}, NULL, &why));
    assert_int_equal(why.kind, AF_FAILURE_FLOW);
    deliver_start(party, &done);
    assert_int_equal(done.count, 1);
    assert_int_equal(done.outcome, AF_OUTCOME_DONE);
    assert_string_equal(done.text, "[1,2]");
    af_script_party_free(party);
    af_script_free(script);
}

/* ---- Invariants. ---- */

static void view(struct world *world, uint32_t member, const char *data, const char *ended)
{
    struct af_view seen = {.state = "open", .data = data, .data_len = strlen(data), .ended = ended};
    af_script_view(world->script, member, &seen);
}

static void test_invariants_are_checked_by_name(void **state)
{
    struct world *world = *state;
    const char *name = NULL, *message = NULL;
    assert_true(af_script_check_invariants(world->script, &name, &message)); /* nothing seen */
    view(world, 0, "{\"sum\":1}", NULL);
    view(world, 1, "{\"sum\":2}", NULL);
    view(world, 2, "{}", NULL);
    assert_true(af_script_check_invariants(world->script, &name, &message));
    view(world, 1, "{\"sum\":101}", "done");
    assert_false(af_script_check_invariants(world->script, &name, &message));
    assert_string_equal(name, "b sums are small");
    assert_string_equal(message, "it is false");
    view(world, 2, "{}", "lost");
    assert_false(af_script_check_invariants(world->script, &name, &message));
    assert_string_equal(name, "a nobody is lost"); /* the first one, by name */
    assert_non_null(strstr(message, "p is lost"));
    view(world, 2, "{}", NULL);
    view(world, 1, "{\"sum\":100}", NULL);
    view(world, 1, "{\"sum\":99}", NULL);
    assert_true(af_script_check_invariants(world->script, &name, &message));
}

#define ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_folder, tear_down_folder)
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(test_a_file_that_cannot_be_read_is_told),
        ALONE(test_what_is_no_text_is_not_loaded),
        ALONE(test_a_file_that_is_too_large_is_not_loaded),
        ALONE(test_a_mistake_is_told_with_its_line),
        ALONE(test_the_cap_holds_in_message_handlers_and_fresh_coroutines),
        ALONE(test_a_state_that_has_too_much_gets_no_more),
        ALONE(test_a_byte_order_mark_and_a_first_line_for_the_shell_are_passed_over),
        ALONE(test_a_file_is_known_by_its_name_and_digest),
        CASE(test_a_flow_is_described),
        CASE(test_arguments_are_checked),
        CASE(test_contents_are_validated),
        ALONE(test_a_field_without_a_name_is_no_field),
        CASE(test_a_party_that_has_not_started_has_no_state),
        CASE(test_a_handler_has_the_effects_that_it_asked_for),
        CASE(test_timeouts_are_delivered),
        CASE(test_a_content_that_does_not_validate_calls_no_handler),
        CASE(test_an_error_undoes_all_but_the_log),
        CASE(test_outcomes_are_told),
        CASE(test_a_restored_party_goes_on_as_the_first_would_have),
        CASE(test_chance_is_keyed_by_party_and_input),
        CASE(test_a_snapshot_that_is_none_is_refused),
        CASE(test_parties_do_not_share_what_they_have),
        CASE(test_a_call_is_answered_at_once_or_later),
        CASE(test_a_failure_is_raised_where_the_script_waits),
        CASE(test_others_go_on_while_one_waits),
        CASE(test_a_delivery_that_waits_can_be_withdrawn),
        CASE(test_an_answer_to_another_call_is_passed_over),
        CASE(test_a_party_that_waits_can_be_freed),
        ALONE(test_a_sequential_script_runs_once_a_load),
        CASE(test_invariants_are_checked_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
