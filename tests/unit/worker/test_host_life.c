/* test_host_life.c: worker processes that load, wait, hang, are killed and start again,
 * and many tasks in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <cmocka.h>

#include "lib/worker.h"
#include "worker/group.h"

#define DO(what, more) "{\"type\":\"do\",\"what\":\"" what "\"" more "}"

static void start_numbers(struct test_worker *test, int64_t hang_ns)
{
    use_data("numbers.lua");
    start_with(test, program(), hang_ns, false);
    if (test->why.kind != AF_FAILURE_NONE)
        fail_msg("%s: %s", test->why.what, test->why.why);
}

static void begin(struct test_worker *test, struct af_script_party *party,
                  struct test_result *result)
{
    struct af_input input = start_input();
    deliver(test, party, &input, result);
    assert_int_equal(result->outcome, AF_OUTCOME_NONE);
}

/* Delivers a `do` and waits for its end. */
static void act(struct test_worker *test, const struct af_script *script,
                struct af_script_party *party, const char *content, struct test_result *result)
{
    struct af_input input = event_input(script, "do", content, "a", 1);
    deliver(test, party, &input, result);
}

/* Delivers one that waits for the host, and waits for its call. */
static void act_until_call(struct test_worker *test, const struct af_script *script,
                           struct af_script_party *party, const char *content,
                           struct test_calls *calls, struct test_result *result)
{
    struct af_input input = event_input(script, "do", content, "a", 1);
    unsigned wanted = calls->count + 1;
    calls->when = TEST_NEVER;
    af_script_deliver(party, &input, on_done, result);
    wait_count(test, &calls->count, wanted);
    for (int i = 0; i < 1000 && af_script_party_where(party)[0] == '\0'; i++)
        assert_true(af_loop_step(test->loop));
}

/* What was asked of the worker is written to it; nothing is waited for. */
static void run_posts(struct test_worker *test)
{
    while (af_loop_next_ns(test->loop) <= af_loop_now_ns(test->loop))
        assert_true(af_loop_step(test->loop));
}

/* Until there is a process again. */
static void wait_alive(struct test_worker *test)
{
    struct af_timer *timer = af_timer_start(test->loop, WAIT_NS, on_late, test);
    while (af_worker_pid(test->worker) == 0 && !test->late)
        assert_true(af_loop_step(test->loop));
    assert_false(test->late);
    af_timer_cancel(timer);
}

static void kill_and_mourn(struct test_worker *test)
{
    unsigned wanted = test->died + 1;
    wait_alive(test);
    assert_int_equal(kill(af_worker_pid(test->worker), SIGKILL), 0);
    wait_count(test, &test->died, wanted);
}

/* ---- Loading. ---- */

static void expect_no_flow(const char *text, enum af_failure_kind kind, const char *part)
{
    struct test_worker test;
    unlink(test_path);
    if (text != NULL)
        write_file("flow.lua", text);
    start_with(&test, program(), 60 * AF_S_NS, false);
    if (test.why.kind != kind || strstr(test.why.why, part) == NULL)
        fail_msg("told of kind %d: %s: %s", test.why.kind, test.why.what, test.why.why);
    assert_null(af_worker_flow(test.worker));
    assert_null(af_worker_file(test.worker));
    stop(&test);
}

static void test_a_file_with_a_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    expect_no_flow("local af = require 'af'\nreturn af.flow {", AF_FAILURE_USAGE, "expected");
    expect_no_flow("\n\nerror 'on purpose'", AF_FAILURE_USAGE, "on purpose");
    expect_no_flow("return 1", AF_FAILURE_USAGE, "is no flow");
    expect_no_flow("\x1bLua", AF_FAILURE_USAGE, "bytecode");
    expect_no_flow("require 'nothing.here'", AF_FAILURE_USAGE, "nothing");
    expect_no_flow("local af = require 'af'\nreturn af.flow { name = 'x', roles = {} }",
                   AF_FAILURE_USAGE, "role");
    expect_no_flow(NULL, AF_FAILURE_USAGE, "No such file");
}

static void test_a_file_that_takes_too_much_is_stopped(void **state)
{
    (void)state;
    expect_no_flow("while true do end", AF_FAILURE_USAGE, "100,000,000 instructions");
    expect_no_flow("local t = {} for i = 1, 1 << 30 do t[i] = { i } end", AF_FAILURE_USAGE,
                   "64 MiB");
    expect_no_flow("local s = ('x'):rep(1 << 28)", AF_FAILURE_USAGE, "64 MiB");
}

static void test_a_file_that_hangs_is_killed(void **state)
{
    (void)state;
    struct test_worker test;
    write_file("flow.lua",
               "local a, b = ('x'):rep(10 << 20), ('x'):rep(10 << 20)\n"
               "while a == b do end"); /* two long texts, in one instruction each time */
    start_with(&test, program(), AF_S_NS, false);
    assert_int_equal(test.why.kind, AF_FAILURE_FLOW);
    assert_string_equal(test.why.what, "flow.lua");
    assert_string_equal(test.why.why,
                        "its worker hung for 1 s, while it was loaded, and was killed");
    stop(&test);
}

static void test_modules_beside_the_flow_are_its_own_and_none_else(void **state)
{
    (void)state;
    static const struct {
        const char *name, *part;
    } bad[] = {
        {"..secret", "module"},
        {"/etc/passwd", "module"},
        {"../secret", "module"},
        {"sub.missing", "missing"},
        {"link", "link"},
        {"sub/../../secret", "module"},
        {"secret.lua\\0x", "module"},
        {"", "module"},
    };
    char text[400], folder[400], link[400];
    snprintf(folder, sizeof folder, "%s/sub", test_folder);
    snprintf(link, sizeof link, "%s/link.lua", test_folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    write_file("sub/names.lua", "return { name = 'from a module' }");
    struct test_worker test;
    start_flow(&test,
               "local af = require 'af'\nlocal names = require 'sub.names'\n"
               "return af.flow { name = names.name, roles = { r = { start = 's',\n"
               "  states = { s = { may_end = true } } } } }",
               0);
    assert_string_equal(af_worker_flow(test.worker)->name, "from a module");
    stop(&test);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "require '%s'", bad[i].name);
        expect_no_flow(text, AF_FAILURE_USAGE, bad[i].part);
    }
}

static void on_never(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    (void)arg, (void)worker, (void)why;
    fail();
}

static void test_a_program_that_is_no_worker_is_told(void **state)
{
    (void)state;
    struct test_worker test;
    struct af_failure why = AF_FAILURE_INIT;
    write_file("flow.lua", "return 1");
    struct af_loop *loop = af_loop_ev_new(NULL);
    struct af_worker_spec spec = {
        .loop = loop, .path = test_path, .program = "/no/such/program", .loaded = on_never};
    assert_null(af_worker_start(&spec, &why));
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    assert_non_null(strstr(why.why, "cannot be started"));
    af_loop_free(loop);
    start_with(&test, "/bin/true", 0, false);
    assert_int_equal(test.why.kind, AF_FAILURE_FLOW);
    assert_non_null(strstr(test.why.why, "ended with status 0"));
    stop(&test);
}

/* ---- Tasks. ---- */

struct checked {
    unsigned count;
    struct af_failure why;
};

static void on_checked(void *arg, const struct af_failure *why)
{
    struct checked *checked = arg;
    checked->count++;
    checked->why = why == NULL ? AF_FAILURE_INIT : *why;
}

/* What `afrun run` asks for: it judges the jail, gives the files, and may have a script. */
struct alone {
    struct test_worker test;
    unsigned lacks, judged, given;
    bool refuses;
    int64_t memory_bytes;
};

static int judge(void *arg, unsigned lacks, struct af_failure *why)
{
    struct alone *alone = arg;
    alone->lacks = lacks;
    alone->judged++;
    return alone->refuses ? af_failure_set(why, AF_FAILURE_TRANSPORT, "jail", "will not do") : 0;
}

static int give(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct alone *alone = arg;
    alone->given++;
    assert_int_equal(alone->judged, 1); /* before a byte of it was given */
    assert_string_equal(path, test_path);
    af_buf_append_string(out, "local af = require 'af'\nprint('begun')\nlocal got = "
                              "af.download('mock://file/2')\nfor _ = 1, 60000 do print(1) end\n"
                              "af.download('mock://file/2')\nfor _ = 1, 60000 do print(2) end\n"
                              "assert(#got == 3)\n");
    return why == NULL ? -1 : 0;
}

static void start_alone(struct alone *alone, bool is_alone)
{
    static struct af_script_source source;
    struct test_worker *test = &alone->test;
    struct af_failure why = AF_FAILURE_INIT;
    test->descriptors = count_descriptors();
    test->loop = af_loop_ev_new(NULL);
    source = (struct af_script_source){give, alone};
    struct af_worker_spec spec = {.loop = test->loop,
                                  .path = test_path,
                                  .program = program(),
                                  .source = &source,
                                  .alone = is_alone,
                                  .memory_bytes = alone->memory_bytes,
                                  .arg = alone,
                                  .jailed = judge,
                                  .loaded = on_loaded,
                                  .died = on_died,
                                  .log = on_log};
    test->worker = af_worker_start(&spec, &why);
    assert_non_null(test->worker);
    wait_for(test, &test->loaded);
}

static void test_one_that_is_alone_may_be_a_script(void **state)
{
    (void)state;
    struct alone alone = {.given = 0};
    struct test_worker *test = &alone.test;
    struct test_result result = {0};
    start_alone(&alone, true);
    assert_int_equal(test->why.kind, AF_FAILURE_NONE);
    assert_int_equal(alone.given, 1);
    assert_int_equal((alone.lacks & AF_JAIL_LACKS_FILTER) == 0, af_jail_has_filter());
    assert_null(af_worker_flow(test->worker));
    assert_string_equal(af_worker_file(test->worker)->name, "flow.lua");
    struct test_calls calls = {.loop = test->loop, .when = TEST_LATER};
    struct af_script *script = af_worker_script(test->worker);
    struct af_script_member self = {"n", 0};
    assert_null(af_script_flow(script));
    assert_int_equal(af_script_set_task(script, "T", &self, 1, NULL, 0, NULL), 0);
    af_script_set_owner(script, on_call, &calls);
    struct af_script_party *party = new_party(script, 0, NULL);
    assert_true(af_script_party_sequential(party));
    struct af_input input = start_input();
    deliver(test, party, &input, &result); /* with more lines than one step may have */
    if (result.outcome != AF_OUTCOME_DONE)
        fail_msg("%s", result.text);
    assert_int_equal(calls.count, 2);
    af_script_party_free(party);
    af_script_free(script);
    release_calls(&calls);
    release_result(&result);
    stop(test);
}

static void test_one_whose_jail_will_not_do_is_given_nothing(void **state)
{
    (void)state;
    struct alone alone = {.refuses = true};
    start_alone(&alone, true);
    assert_int_equal(alone.given, 0);
    assert_int_equal(alone.test.why.kind, AF_FAILURE_TRANSPORT);
    assert_string_equal(alone.test.why.why, "will not do");
    stop(&alone.test);
    struct alone many = {.given = 0};
    start_alone(&many, false);
    assert_int_equal(many.test.why.kind, AF_FAILURE_USAGE);
    assert_non_null(strstr(many.test.why.why, "is no flow"));
    stop(&many.test);
}

/* As where a machine has as many cgroups as it may. */
static void test_one_that_gets_no_cgroup_says_so(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_host_life.XXXXXX", why[400];
    struct alone alone = {.refuses = true, .memory_bytes = 48 << 20};
    assert_non_null(mkdtemp(folder)); /* it has no file of a limit */
    assert_true(af_worker_group_begin_at(folder, 1, why, sizeof why));
    start_alone(&alone, false);
    assert_string_equal(alone.test.log,
                        "its worker has no cgroup (No such file or directory): it has 8192 MiB of "
                        "addresses instead of 48 MiB of memory\n");
    stop(&alone.test);
    af_worker_group_close();
    assert_int_equal(rmdir(folder), 0);
}

static void test_arguments_are_checked_by_the_flow(void **state)
{
    (void)state;
    static const struct {
        struct af_script_arg arg;
        const char *part; /* NULL: it is taken */
    } rows[] = {{{"first", "4"}, NULL},
                {{"name", "any text"}, NULL},
                {{"first", "four"}, "first"},
                {{"last", "4"}, "takes no such argument"}};
    struct test_worker test;
    start_numbers(&test, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct checked checked = {0};
        struct af_script *script = af_worker_script(test.worker);
        set_task_with(script, "T", &rows[i].arg, 1);
        af_worker_check_task(script, on_checked, &checked);
        wait_count(&test, &checked.count, 1);
        assert_int_equal(checked.why.kind,
                         rows[i].part == NULL ? AF_FAILURE_NONE : AF_FAILURE_USAGE);
        if (rows[i].part != NULL && strstr(checked.why.why, rows[i].part) == NULL)
            fail_msg("%s: %s", checked.why.what, checked.why.why);
        af_script_free(script);
    }
    struct checked never = {0}, lost = {0};
    struct af_script *freed = new_script(&test), *script = new_script(&test);
    af_worker_check_task(freed, on_checked, &never);
    af_script_free(freed);
    assert_int_equal(kill(af_worker_pid(test.worker), SIGSTOP), 0); /* so that it stays asked */
    af_worker_check_task(script, on_checked, &lost);
    run_posts(&test);
    kill_and_mourn(&test);
    wait_count(&test, &lost.count, 1);
    assert_int_equal(lost.why.kind, AF_FAILURE_FLOW);
    assert_non_null(strstr(lost.why.why, "killed by signal 9"));
    assert_int_equal(never.count, 0);
    af_script_free(script);
    stop(&test);
}

static void test_tasks_of_one_worker_share_nothing(void **state)
{
    (void)state;
    static const struct af_script_arg one = {"first", "1"}, two = {"first", "2"};
    struct test_worker test;
    struct test_result result = {0};
    start_numbers(&test, 0);
    struct af_script *script[2] = {af_worker_script(test.worker), af_worker_script(test.worker)};
    struct af_script_party *party[2];
    for (int i = 0; i < 2; i++) {
        set_task_with(script[i], i == 0 ? "T" : "U", i == 0 ? &one : &two, 1);
        party[i] = new_party(script[i], 0, NULL);
        begin(&test, party[i], &result);
        assert_non_null(strstr(result.all, i == 0 ? "\"sum\":1}" : "\"sum\":2}"));
    }
    for (int i = 1; i <= 3; i++)
        act(&test, script[0], party[0], DO("count", ""), &result);
    assert_non_null(strstr(result.all, "\"count\":3"));
    act(&test, script[1], party[1], DO("count", ""), &result);
    assert_non_null(strstr(result.all, "\"count\":1"));
    act(&test, script[0], party[0], DO("memory", ""), &result);
    assert_int_equal(result.outcome, AF_OUTCOME_RAISED);
    act(&test, script[1], party[1], DO("count", ""), &result);
    assert_non_null(strstr(result.all, "\"count\":2"));
    for (int i = 0; i < 2; i++) {
        af_script_party_free(party[i]);
        af_script_free(script[i]);
    }
    assert_int_equal(af_worker_restarts(test.worker), 0);
    release_result(&result);
    stop(&test);
}

/* ---- Waiting. ---- */

static void test_one_that_waits_keeps_nobody_else(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result waiting = {0}, result = {0};
    start_numbers(&test, 3 * AF_S_NS); /* waiting is no hanging */
    struct test_calls calls = {.loop = test.loop};
    struct af_script *script = new_script(&test);
    struct af_script_party *one = new_party(script, 0, NULL), *two = new_party(script, 1, NULL);
    af_script_set_owner(script, on_call, &calls);
    begin(&test, one, &result);
    begin(&test, two, &result);
    act_until_call(&test, script, one, DO("down", ",\"number\":5"), &calls, &waiting);
    assert_memory_equal(af_script_party_where(one), "flow.lua:", 9);
    for (int i = 0; i < 100; i++)
        act(&test, script, two, DO("count", ""), &result);
    assert_non_null(strstr(result.all, "\"count\":100"));
    af_timer_start(test.loop, 3500 * AF_MS_NS, on_late, &test); /* longer than it might hang */
    while (!test.late)
        af_loop_step(test.loop);
    test.late = false;
    assert_int_equal(waiting.calls, 0);
    assert_int_equal(test.died, 0);
    answer_call(&calls);
    wait_count(&test, &waiting.calls, 1);
    assert_int_equal(waiting.outcome, AF_OUTCOME_NONE);
    assert_non_null(strstr(waiting.all, "\"sum\":15"));
    release_calls(&calls);
    release_result(&waiting);
    release_result(&result);
    af_script_party_free(one);
    af_script_party_free(two);
    af_script_free(script);
    stop(&test);
}

static void test_one_that_waits_can_be_withdrawn(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result waiting = {0}, result = {0};
    start_numbers(&test, 0);
    struct test_calls calls = {.loop = test.loop};
    struct af_script *script = new_script(&test);
    struct af_script_party *party = new_party(script, 0, NULL);
    af_script_set_owner(script, on_call, &calls);
    begin(&test, party, &result);
    for (int i = 0; i < 3; i++) {
        act_until_call(&test, script, party, DO("down", ",\"number\":5"), &calls, &waiting);
        af_script_withdraw(party);
        assert_string_equal(af_script_party_where(party), "");
        answer_call(&calls); /* nobody waits for it */
        act(&test, script, party, DO("add", ",\"number\":1"), &result);
        assert_int_equal(result.outcome, AF_OUTCOME_NONE);
    }
    assert_non_null(strstr(result.all, "\"sum\":13"));
    struct af_input input = event_input(script, "do", DO("add", ",\"number\":7"), "a", 1);
    af_script_deliver(party, &input, on_done, &waiting);
    af_script_withdraw(party); /* before the worker was given it */
    af_script_withdraw(party);
    act(&test, script, party, DO("add", ",\"number\":1"), &result);
    assert_non_null(strstr(result.all, "\"sum\":14"));
    assert_int_equal(waiting.calls, 0);
    act_until_call(&test, script, party, DO("down", ""), &calls, &waiting);
    af_script_party_free(party); /* while it waits */
    party = new_party(script, 1, NULL);
    begin(&test, party, &result);
    af_script_party_free(party);
    release_calls(&calls);
    release_result(&result);
    af_script_free(script);
    assert_int_equal(test.died, 0);
    stop(&test);
}

/* ---- Dying. ---- */

static void test_a_delivery_that_is_lost_happens_when_it_is_delivered_again(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result undisturbed = {0}, waiting = {0}, lost = {0};
    start_numbers(&test, 0);
    struct test_calls calls = {.loop = test.loop};
    struct af_script *script = new_script(&test);
    struct af_script_party *one = new_party(script, 0, NULL), *two = new_party(script, 1, NULL);
    af_script_set_owner(script, on_call, &calls);
    begin(&test, one, &lost);
    begin(&test, two, &waiting);
    act(&test, script, two, DO("draw", ""), &undisturbed);
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_script_party_restore(two, 0, "{}", 2, &why), 0);

    act_until_call(&test, script, one, DO("down", ",\"number\":5"), &calls, &waiting);
    assert_int_equal(kill(af_worker_pid(test.worker), SIGSTOP), 0);
    struct af_input input = event_input(script, "do", DO("draw", ""), "a", 1);
    unsigned before = lost.calls;
    waiting.calls = 0;
    af_script_deliver(two, &input, on_done, &lost);
    run_posts(&test); /* it is given */
    kill_and_mourn(&test);
    assert_string_equal(test.death, "was killed by signal 9, in delivery of 'do' to a");
    assert_int_equal(lost.calls, before + 1);
    assert_int_equal(lost.outcome, AF_OUTCOME_LOST);
    assert_true(lost.blamed); /* the process was at it … */
    assert_string_equal(lost.text, test.death);
    assert_int_equal(waiting.calls, 1);
    assert_int_equal(waiting.outcome, AF_OUTCOME_LOST);
    assert_false(waiting.blamed); /* … not at this */
    answer_call(&calls);          /* too late: it is dropped */

    deliver(&test, two, &input, &lost);
    assert_string_equal(lost.all, undisturbed.all);
    calls.when = TEST_LATER;
    act(&test, script, one, DO("down", ",\"number\":5"), &waiting);
    assert_non_null(strstr(waiting.all, "\"sum\":15"));
    assert_int_equal(af_worker_restarts(test.worker), 1);
    release_calls(&calls);
    release_result(&undisturbed);
    release_result(&waiting);
    release_result(&lost);
    af_script_party_free(one);
    af_script_party_free(two);
    af_script_free(script);
    stop(&test);
}

static void test_a_handler_that_hangs_is_killed_and_blamed(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result result = {0}, later = {0};
    start_numbers(&test, AF_S_NS);
    struct af_script *script = new_script(&test);
    struct af_script_party *one = new_party(script, 0, NULL), *two = new_party(script, 1, NULL);
    begin(&test, one, &result);
    begin(&test, two, &later);
    struct af_input spin = event_input(script, "do", DO("spin", ""), "a", 1);
    struct af_input count = event_input(script, "do", DO("count", ""), "a", 2);
    int64_t began_ns = af_loop_now_ns(test.loop);
    unsigned before = later.calls;
    af_script_deliver(one, &spin, on_done, &result);
    af_script_deliver(two, &count, on_done, &later);
    wait_count(&test, &test.died, 1);
    assert_true(af_loop_now_ns(test.loop) - began_ns >= AF_S_NS);
    assert_true(af_loop_now_ns(test.loop) - began_ns < 10 * AF_S_NS);
    assert_string_equal(test.death, "hung for 1 s, in delivery of 'do' to i, and was killed");
    assert_int_equal(result.outcome, AF_OUTCOME_LOST);
    assert_true(result.blamed);
    assert_int_equal(later.calls, before + 1); /* was given, and is lost with it */
    assert_int_equal(later.outcome, AF_OUTCOME_LOST);
    assert_false(later.blamed);
    deliver(&test, two, &count, &later);
    assert_non_null(strstr(later.all, "\"count\":1"));
    release_result(&result);
    release_result(&later);
    af_script_party_free(one);
    af_script_party_free(two);
    af_script_free(script);
    stop(&test);
}

static void test_pauses_before_restarts_double_until_a_delivery_succeeds(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result result = {0};
    int64_t pause_ns = AF_WORKER_RESTART_FIRST_NS;
    start_numbers(&test, 0);
    struct af_script *script = new_script(&test);
    struct af_script_party *party = new_party(script, 0, NULL);
    for (int i = 0; i < 4; i++, pause_ns *= 2) {
        int64_t alive_ns = af_loop_now_ns(test.loop); /* it dies behind that */
        kill_and_mourn(&test);
        assert_int_equal(af_worker_pid(test.worker), 0);
        wait_alive(&test);
        assert_true(af_loop_now_ns(test.loop) - alive_ns >= pause_ns);
        assert_int_equal(af_worker_restarts(test.worker), i + 1);
    }
    begin(&test, party, &result); /* it succeeds */
    kill_and_mourn(&test);
    int64_t died_ns = af_loop_now_ns(test.loop);
    wait_alive(&test);
    assert_true(af_loop_now_ns(test.loop) - died_ns < pause_ns);
    release_result(&result);
    af_script_party_free(party);
    af_script_free(script);
    stop(&test);
}

static void test_a_process_that_starts_again_runs_the_same_bytes(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result result = {0};
    start_numbers(&test, 0);
    char hash[65];
    memcpy(hash, af_worker_file(test.worker)->hash, sizeof hash);
    struct af_script *script = new_script(&test);
    struct af_script_party *party = new_party(script, 0, NULL);
    begin(&test, party, &result);
    write_file("flow.lua", "this is no Lua any more");
    kill_and_mourn(&test);
    act(&test, script, party, DO("count", ""), &result);
    assert_non_null(strstr(result.all, "\"count\":1"));
    unlink(test_path);
    kill_and_mourn(&test);
    act(&test, script, party, DO("count", ""), &result);
    assert_string_equal(af_worker_file(test.worker)->hash, hash);
    assert_int_equal(test.died, 2);
    release_result(&result);
    af_script_party_free(party);
    af_script_free(script);
    stop(&test);
}

/* ---- Many. ---- */

enum { MANY = 1000 };

struct many {
    unsigned ended, wrong;
    struct af_script *script[MANY];
    struct af_script_party *party[MANY];
};

static void on_one_of_many(void *arg, struct af_script_party *party,
                           const struct af_effects *effects)
{
    struct many *many = arg;
    (void)party;
    many->ended++;
    many->wrong += effects->outcome != AF_OUTCOME_NONE;
}

static void deliver_to_all(struct test_worker *test, struct many *many, const char *content)
{
    many->ended = 0;
    for (int i = 0; i < MANY; i++) {
        struct af_input input =
            content == NULL ? start_input() : event_input(many->script[i], "do", content, "a", 1);
        af_script_deliver(many->party[i], &input, on_one_of_many, many);
    }
    wait_count(test, &many->ended, MANY);
    assert_int_equal(many->wrong, 0);
}

static void test_a_thousand_tasks_in_one_worker_go_on_after_its_death(void **state)
{
    (void)state;
    static struct many many;
    struct test_worker test;
    char task[20];
    size_t len;
    start_numbers(&test, 60 * AF_S_NS);
    for (int i = 0; i < MANY; i++) {
        snprintf(task, sizeof task, "T%d", i);
        many.script[i] = af_worker_script(test.worker);
        set_task_with(many.script[i], task, NULL, 0);
        many.party[i] = new_party(many.script[i], 0, NULL);
    }
    deliver_to_all(&test, &many, NULL);
    deliver_to_all(&test, &many, DO("add", ",\"number\":1"));
    kill_and_mourn(&test);
    deliver_to_all(&test, &many, DO("add", ",\"number\":1"));
    for (int i = 0; i < MANY; i++) {
        assert_string_equal(af_script_party_data(many.party[i], &len),
                            "{\"seen\":[\"a\",\"a\"],\"sum\":12}");
        af_script_party_free(many.party[i]);
        af_script_free(many.script[i]);
    }
    assert_int_equal(test.died, 1);
    stop(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_with_a_mistake_is_told_with_its_line),
        cmocka_unit_test(test_a_file_that_takes_too_much_is_stopped),
        cmocka_unit_test(test_a_file_that_hangs_is_killed),
        cmocka_unit_test(test_modules_beside_the_flow_are_its_own_and_none_else),
        cmocka_unit_test(test_a_program_that_is_no_worker_is_told),
        cmocka_unit_test(test_one_that_is_alone_may_be_a_script),
        cmocka_unit_test(test_one_whose_jail_will_not_do_is_given_nothing),
        cmocka_unit_test(test_one_that_gets_no_cgroup_says_so),
        cmocka_unit_test(test_arguments_are_checked_by_the_flow),
        cmocka_unit_test(test_tasks_of_one_worker_share_nothing),
        cmocka_unit_test(test_one_that_waits_keeps_nobody_else),
        cmocka_unit_test(test_one_that_waits_can_be_withdrawn),
        cmocka_unit_test(test_a_delivery_that_is_lost_happens_when_it_is_delivered_again),
        cmocka_unit_test(test_a_handler_that_hangs_is_killed_and_blamed),
        cmocka_unit_test(test_pauses_before_restarts_double_until_a_delivery_succeeds),
        cmocka_unit_test(test_a_process_that_starts_again_runs_the_same_bytes),
        cmocka_unit_test(test_a_thousand_tasks_in_one_worker_go_on_after_its_death),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
