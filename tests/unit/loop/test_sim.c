/* test_sim.c: virtual time, and what loop/loop.c does for both drivers. */
#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct trace {
    struct af_loop *loop;
    char names[64];
    size_t len;
};

struct mark {
    struct trace *trace;
    char name;
    struct mark *next; /* what it starts, after 0 */
};

static void note(struct mark *mark)
{
    assert_true(mark->trace->len < sizeof mark->trace->names - 1);
    mark->trace->names[mark->trace->len++] = mark->name;
}

static void mark_cb(void *arg)
{
    note(arg);
}

static void mark_and_start_cb(void *arg)
{
    struct mark *mark = arg;
    note(mark);
    af_timer_start(mark->trace->loop, 0, mark_cb, mark->next);
}

static void mark_and_post_cb(void *arg)
{
    struct mark *mark = arg;
    note(mark);
    af_loop_post(mark->trace->loop, mark_cb, mark->next);
}

static void mark_and_stop_cb(void *arg)
{
    struct mark *mark = arg;
    note(mark);
    af_loop_stop(mark->trace->loop);
}

static void never_cb(void *arg)
{
    (void)arg;
    fail();
}

/* ---- Order. ---- */

static void test_timers_run_in_order_of_time_then_of_start(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark a = {&trace, 'a', NULL}, b = {&trace, 'b', NULL}, c = {&trace, 'c', NULL};

    af_timer_start(trace.loop, 2 * AF_S_NS, mark_cb, &c);
    af_timer_start(trace.loop, 1 * AF_S_NS, mark_cb, &a);
    af_timer_start(trace.loop, 1 * AF_S_NS, mark_cb, &b);
    af_loop_run(trace.loop);

    assert_string_equal(trace.names, "abc");
    assert_int_equal(af_loop_now_ns(trace.loop), 2 * AF_S_NS);
    af_loop_free(trace.loop);
}

static void test_a_timer_of_no_delay_runs_after_those_already_due(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark c = {&trace, 'c', NULL}, a = {&trace, 'a', &c}, b = {&trace, 'b', NULL};

    af_timer_start(trace.loop, AF_S_NS, mark_and_start_cb, &a);
    af_timer_start(trace.loop, AF_S_NS, mark_cb, &b);
    af_loop_run(trace.loop);

    assert_string_equal(trace.names, "abc");
    assert_int_equal(af_loop_now_ns(trace.loop), AF_S_NS);
    af_loop_free(trace.loop);
}

static void test_posts_run_in_order_and_before_timers(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark c = {&trace, 'c', NULL}, a = {&trace, 'a', &c}, b = {&trace, 'b', NULL};
    struct mark t = {&trace, 't', NULL};

    af_timer_start(trace.loop, 0, mark_cb, &t);
    af_loop_post(trace.loop, mark_and_post_cb, &a);
    af_loop_post(trace.loop, mark_cb, &b);
    assert_true(af_loop_step(trace.loop)); /* all posts that were made … */
    assert_string_equal(trace.names, "ab");
    assert_true(af_loop_step(trace.loop)); /* … and then those that these made */
    assert_string_equal(trace.names, "abc");
    assert_true(af_loop_step(trace.loop));
    assert_string_equal(trace.names, "abct");
    assert_false(af_loop_step(trace.loop));
    af_loop_free(trace.loop);
}

/* ---- Cancelling. ---- */

struct canceller {
    struct trace *trace;
    struct af_timer *victim;
};

static void cancel_cb(void *arg)
{
    struct canceller *canceller = arg;
    af_timer_cancel(canceller->victim);
}

static void test_a_cancelled_timer_does_not_run(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark a = {&trace, 'a', NULL};
    struct canceller canceller = {&trace, NULL};

    struct af_timer *now = af_timer_start(trace.loop, AF_S_NS, never_cb, NULL);
    af_timer_start(trace.loop, AF_S_NS, cancel_cb, &canceller);
    canceller.victim = af_timer_start(trace.loop, AF_S_NS, never_cb, NULL);
    af_timer_start(trace.loop, 2 * AF_S_NS, mark_cb, &a);
    af_timer_cancel(now);
    af_timer_cancel(NULL);
    af_loop_run(trace.loop);

    assert_string_equal(trace.names, "a");
    af_loop_free(trace.loop);
}

static void test_a_timer_says_when_it_is_due(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark a = {&trace, 'a', NULL};

    af_timer_start(trace.loop, 3 * AF_S_NS, mark_cb, &a);
    af_loop_run(trace.loop);
    struct af_timer *timer = af_timer_start(trace.loop, 4, never_cb, NULL);
    assert_int_equal(af_timer_due_ns(timer), 3 * AF_S_NS + 4);
    struct af_timer *last = af_timer_start(trace.loop, INT64_MAX, never_cb, NULL);
    assert_int_equal(af_timer_due_ns(last), INT64_MAX);
    af_loop_free(trace.loop); /* with both pending */
}

/* A model that cannot be wrong: all timers in an array, the next one found by looking at each. */
#define MODEL_COUNT 600

struct model_timer {
    struct model *model;
    struct af_timer *timer; /* NULL: not pending */
    int64_t due_ns;
    uint64_t start;
};

struct model {
    struct af_loop *loop;
    struct model_timer timers[MODEL_COUNT];
    uint64_t started_count, run_count;
    uint64_t chance;
};

static uint64_t draw(struct model *model, uint64_t below)
{
    model->chance = model->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (model->chance >> 33) % below;
}

static void model_cb(void *arg);

static void model_start(struct model *model, struct model_timer *timer)
{
    int64_t delay_ns = (int64_t)draw(model, 50); /* few times, so that many are equal */
    timer->due_ns = af_loop_now_ns(model->loop) + delay_ns;
    timer->start = model->started_count++;
    timer->timer = af_timer_start(model->loop, delay_ns, model_cb, timer);
    assert_int_equal(af_timer_due_ns(timer->timer), timer->due_ns);
}

static void model_cb(void *arg)
{
    struct model_timer *timer = arg;
    struct model *model = timer->model;
    assert_int_equal(af_loop_now_ns(model->loop), timer->due_ns);
    timer->timer = NULL;
    for (size_t i = 0; i < MODEL_COUNT; i++) { /* none should have come before */
        const struct model_timer *other = &model->timers[i];
        if (other->timer != NULL)
            assert_true(other->due_ns > timer->due_ns ||
                        (other->due_ns == timer->due_ns && other->start > timer->start));
    }
    model->run_count++;
    for (int i = 0; i < 3; i++) {
        struct model_timer *some = &model->timers[draw(model, MODEL_COUNT)];
        if (some->timer != NULL && draw(model, 2) == 0) {
            af_timer_cancel(some->timer);
            some->timer = NULL;
        } else if (some->timer == NULL && model->started_count < 20000) {
            model_start(model, some);
        }
    }
}

static void test_many_timers_started_and_cancelled_at_random_keep_their_order(void **state)
{
    (void)state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->loop = af_loop_sim_new();
    model->chance = 1;
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        model->timers[i].model = model;
        model_start(model, &model->timers[i]);
    }
    af_loop_run(model->loop);
    assert_int_equal(model->started_count, 20000);
    assert_true(model->run_count > 5000);
    for (size_t i = 0; i < MODEL_COUNT; i++)
        assert_null(model->timers[i].timer);
    af_loop_free(model->loop);
    free(model);
}

/* ---- Running. ---- */

static void test_stop_ends_a_run_and_the_next_one_goes_on(void **state)
{
    (void)state;
    struct trace trace = {af_loop_sim_new(), {0}, 0};
    struct mark a = {&trace, 'a', NULL}, b = {&trace, 'b', NULL};

    af_timer_start(trace.loop, 1, mark_and_stop_cb, &a);
    af_timer_start(trace.loop, 1, mark_cb, &b);
    af_loop_run(trace.loop);
    assert_string_equal(trace.names, "a");
    af_loop_run(trace.loop);
    assert_string_equal(trace.names, "ab");

    af_timer_start(trace.loop, 1, mark_cb, &a);
    af_loop_stop(trace.loop); /* before the run: not lost */
    af_loop_run(trace.loop);
    assert_string_equal(trace.names, "ab");
    af_loop_free(trace.loop);
}

static void test_a_loop_is_freed_with_all_that_is_pending(void **state)
{
    (void)state;
    struct af_loop *loop = af_loop_sim_new();
    assert_int_equal(af_loop_now_ns(loop), 0);
    for (int i = 0; i < 5000; i++)
        af_timer_start(loop, i, never_cb, NULL);
    af_loop_post(loop, never_cb, NULL);
    af_loop_free(loop);
    af_loop_free(NULL);
}

static void test_a_descriptor_cannot_be_watched(void **state)
{
    (void)state;
    struct af_loop *loop = af_loop_sim_new();
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_loop_watch(loop, 0, false, never_cb, NULL, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    assert_string_equal(why.what, "file descriptor 0");
    af_loop_unwatch(loop, 0);
    assert_false(af_loop_step(loop));
    af_loop_free(loop);
}

/* ---- Posts of other threads. ---- */

#define THREAD_COUNT 4
#define THREAD_POSTS_COUNT 20000

struct poster {
    struct af_loop *loop;
    uint64_t sent_count, seen_count;
};

struct letter {
    struct poster *poster;
    uint64_t number;
};

static void letter_cb(void *arg)
{
    struct letter *letter = arg;
    assert_int_equal(letter->number, letter->poster->seen_count); /* in order */
    letter->poster->seen_count++;
    free(letter);
}

static void *post_many(void *arg)
{
    struct poster *poster = arg;
    for (; poster->sent_count < THREAD_POSTS_COUNT; poster->sent_count++) {
        struct letter *letter = malloc(sizeof *letter);
        if (letter == NULL)
            abort();
        *letter = (struct letter){poster, poster->sent_count};
        af_loop_post(poster->loop, letter_cb, letter);
    }
    return NULL;
}

static void test_posts_of_threads_arrive_once_and_in_order(void **state)
{
    (void)state;
    struct af_loop *loop = af_loop_sim_new();
    struct poster posters[THREAD_COUNT] = {{0}};
    pthread_t threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++) {
        posters[i].loop = loop;
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    uint64_t seen_count = 0;
    while (seen_count < (uint64_t)THREAD_COUNT * THREAD_POSTS_COUNT) {
        af_loop_step(loop);
        seen_count = 0;
        for (int i = 0; i < THREAD_COUNT; i++)
            seen_count += posters[i].seen_count;
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    assert_false(af_loop_step(loop));
    af_loop_free(loop);
}

static void test_time_passes_without_what_is_due(void **state)
{
    (void)state;
    struct trace trace = {NULL, {0}, 0};
    struct mark a = {&trace, 'a', NULL};
    struct af_loop *loop = af_loop_sim_new();
    af_timer_start(loop, 1 * AF_S_NS, mark_cb, &a);
    af_loop_sim_advance(loop, 3 * AF_S_NS);
    af_loop_sim_advance(loop, 2 * AF_S_NS); /* not back */
    assert_int_equal(af_loop_now_ns(loop), 3 * AF_S_NS);
    assert_int_equal(trace.len, 0);
    struct af_timer *timer = af_timer_start(loop, 1, mark_cb, &a);
    assert_int_equal(af_timer_due_ns(timer), 3 * AF_S_NS + 1);
    af_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_passes_without_what_is_due),
        cmocka_unit_test(test_timers_run_in_order_of_time_then_of_start),
        cmocka_unit_test(test_a_timer_of_no_delay_runs_after_those_already_due),
        cmocka_unit_test(test_posts_run_in_order_and_before_timers),
        cmocka_unit_test(test_a_cancelled_timer_does_not_run),
        cmocka_unit_test(test_a_timer_says_when_it_is_due),
        cmocka_unit_test(test_many_timers_started_and_cancelled_at_random_keep_their_order),
        cmocka_unit_test(test_stop_ends_a_run_and_the_next_one_goes_on),
        cmocka_unit_test(test_a_loop_is_freed_with_all_that_is_pending),
        cmocka_unit_test(test_a_descriptor_cannot_be_watched),
        cmocka_unit_test(test_posts_of_threads_arrive_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
