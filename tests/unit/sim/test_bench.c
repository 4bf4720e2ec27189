/* sim/test_bench.c: one party by itself: what it is given, what is kept of what it does. */
#include "sim/bench.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/mem.h"
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

static const struct af_sim_member members[] = {{"k", "keeper"}, {"w", "writer"}, {"v", "writer"}};
static const struct af_grants grants;

static char path[] = "/tmp/af_bench_XXXXXX.lua";

static int write_flow(void **state)
{
    (void)state;
    const char *flow = flow_text("notes.lua");
    int fd = mkstemps(path, 4);
    bool written = fd >= 0 && write(fd, flow, strlen(flow)) == (ssize_t)strlen(flow);
    close(fd);
    return written ? 0 : -1;
}

static int remove_flow(void **state)
{
    (void)state;
    return unlink(path);
}

static struct af_bench *make(struct af_bench_options *options, const char *id,
                             struct af_failure *why)
{
    *options = (struct af_bench_options){
        .path = path, .id = id, .members = members, .member_count = 3, .grants = &grants};
    return af_bench_new(options, NULL, why);
}

/* Compares one member of what is told, with the text behind it. */
static void tells(const struct af_bench *bench, const char *expected)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_char(&out, '{');
    af_bench_tell(bench, &out);
    if (strstr(af_buf_text(&out), expected) == NULL)
        fail_msg("no %s in %s", expected, af_buf_text(&out));
    af_buf_release(&out);
}

static int give(struct af_bench *bench, const char *from, const char *content,
                struct af_failure *why)
{
    *why = AF_FAILURE_INIT;
    return af_bench_receive(bench, from, "note", content, strlen(content), why);
}

static void test_a_step_is_what_it_did(void **state)
{
    (void)state;
    struct af_bench_options options;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bench *bench = make(&options, "k", &why);
    assert_non_null(bench);
    tells(bench, "\"state\":null");
    assert_int_equal(af_bench_start(bench, &why), 0);
    tells(
        bench,
        "\"state\":\"open\",\"data\":\"{\\\"sum\\\":0}\",\"sent\":[{\"to\":[\"w\",\"v\"],\"type\":"
        "\"note\",\"content\":\"{\\\"type\\\":\\\"note\\\",\\\"n\\\":0}\"}],\"logged\":[]");
    tells(bench, "\"late\":60.0");
    tells(bench, "\"after\":5.0");
    assert_int_equal(give(bench, "w", "{\"type\":\"note\",\"n\":1}", &why), 0);
    tells(bench, "\"data\":\"{\\\"sum\\\":1}\",\"sent\":[],\"logged\":[\"got 1\"]");
    assert_int_equal(give(bench, NULL, "{\"type\":\"note\",\"n\":2}", &why), 0);
    tells(bench, "\"state\":\"full\"");
    assert_int_equal(af_bench_fire(bench, "after", &why), 0);
    tells(bench, "\"ended\":\"done\",\"result\":3,\"reason\":null");
    af_bench_free(bench);
}

static void test_time_moves_to_the_timer_that_fires(void **state)
{
    (void)state;
    struct af_bench_options options;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bench *bench = make(&options, "k", &why);
    assert_int_equal(af_bench_start(bench, &why), 0);
    assert_int_equal(give(bench, "w", "{\"type\":\"note\",\"n\":1}", &why), 0);
    assert_int_equal(af_bench_fire(bench, "late", &why), 0);
    assert_int_equal(af_sim_now_ns(af_bench_sim(bench)), 60000000000);
    tells(bench, "\"ended\":\"failed\",\"result\":null,\"reason\":\"late\"");
    tells(bench, "\"type\":\"party_failed\"");
    af_bench_free(bench);
}

static void test_what_is_wrong_is_told_and_nothing_else_happened(void **state)
{
    (void)state;
    struct af_bench_options options;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bench *bench = make(&options, "k", &why);
    assert_int_equal(af_bench_start(bench, &why), 0);
    assert_int_equal(give(bench, "x", "{\"type\":\"note\",\"n\":1}", &why), -1);
    assert_string_equal(why.why, "is no node of the task");
    why = AF_FAILURE_INIT;
    assert_int_equal(af_bench_fire(bench, "nap", &why), -1);
    assert_non_null(strstr(why.why, "no timer 'nap' is armed; armed: late, after"));
    assert_int_equal(give(bench, "w", "{\"type\":\"note\"}", &why), -1);
    assert_non_null(strstr(why.why, "field 'n'"));
    assert_int_equal(give(bench, "w", "{\"type\":\"note\",\"n\":0}", &why), -1);
    assert_non_null(strstr(why.why, "too small"));
    tells(bench, "\"data\":\"{\\\"sum\\\":0}\"");
    tells(bench, "\"ended\":\"failed\"");
    af_bench_free(bench);
}

static void test_a_role_without_states_is_refused(void **state)
{
    (void)state;
    struct af_bench_options options;
    struct af_failure why = AF_FAILURE_INIT;
    assert_null(make(&options, "w", &why));
    assert_string_equal(why.what, "w");
    assert_non_null(strstr(why.why, "plain function"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_is_what_it_did),
        cmocka_unit_test(test_time_moves_to_the_timer_that_fires),
        cmocka_unit_test(test_what_is_wrong_is_told_and_nothing_else_happened),
        cmocka_unit_test(test_a_role_without_states_is_refused),
    };
    return cmocka_run_group_tests(tests, write_flow, remove_flow);
}
