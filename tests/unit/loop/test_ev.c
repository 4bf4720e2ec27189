/* test_ev.c: real time, with real descriptors and threads. What a test waits for is bounded by
 * a timer, so that a failure does not hang; no upper bound on how late something runs is asserted,
 * because a busy machine may be that late. */
#include "base/bounds.h"
#include "base/failure.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define GIVE_UP_NS (20 * AF_S_NS)

struct world {
    struct af_loop *loop;
    int fds[2]; /* a pipe: read from 0, write to 1 */
    char names[64];
    size_t len;
    int64_t times_ns[64];
    struct af_timer *give_up;
};

static void give_up_cb(void *arg)
{
    (void)arg;
    fail_msg("waited in vain");
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    struct af_failure why = AF_FAILURE_INIT;
    world->loop = af_loop_ev_new(&why);
    assert_non_null(world->loop);
    assert_int_equal(pipe(world->fds), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    af_loop_free(world->loop);
    close(world->fds[0]);
    close(world->fds[1]);
    free(world);
    return 0;
}

static void guard(struct world *world)
{
    world->give_up = af_timer_start(world->loop, GIVE_UP_NS, give_up_cb, NULL);
}

static void note(struct world *world, char name)
{
    assert_true(world->len < sizeof world->names - 1);
    world->times_ns[world->len] = af_loop_now_ns(world->loop);
    world->names[world->len++] = name;
}

/* Callbacks named by what they note. */
#define NOTE_CB(name, character)                                                                   \
    static void name(void *world)                                                                  \
    {                                                                                              \
        note(world, character);                                                                    \
    }
NOTE_CB(a_cb, 'a')
NOTE_CB(b_cb, 'b')
NOTE_CB(c_cb, 'c')
NOTE_CB(p_cb, 'p')

static void never_cb(void *arg)
{
    (void)arg;
    fail();
}

static void stop_cb(void *arg)
{
    struct world *world = arg;
    note(world, 's');
    af_loop_stop(world->loop);
}

static void sleep_ms(long ms)
{
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

/* ---- Timers. ---- */

static void test_timers_run_in_order_and_not_early(void **state)
{
    struct world *world = *state;
    struct af_timer *timer = af_timer_start(world->loop, 30 * AF_MS_NS, c_cb, world);
    int64_t due_ns = af_timer_due_ns(timer);
    af_timer_start(world->loop, 10 * AF_MS_NS, a_cb, world);
    af_timer_start(world->loop, 20 * AF_MS_NS, b_cb, world);
    af_timer_cancel(af_timer_start(world->loop, 5 * AF_MS_NS, never_cb, NULL));
    af_loop_run(world->loop);
    assert_string_equal(world->names, "abc");
    assert_true(world->times_ns[0] >= 10 * AF_MS_NS);
    assert_true(world->times_ns[1] >= world->times_ns[0]);
    assert_true(world->times_ns[2] >= due_ns);
}

static void start_equal_cb(void *arg)
{
    struct world *world = arg; /* time stands still here, so these are due at one time */
    af_timer_start(world->loop, AF_MS_NS, a_cb, world);
    sleep_ms(2);
    af_timer_start(world->loop, AF_MS_NS, b_cb, world);
    af_timer_start(world->loop, AF_MS_NS, c_cb, world);
}

static void test_timers_of_one_time_run_in_start_order(void **state)
{
    struct world *world = *state;
    af_timer_start(world->loop, 0, start_equal_cb, world);
    af_loop_run(world->loop);
    assert_string_equal(world->names, "abc");
}

static void look_at_time_cb(void *arg)
{
    struct world *world = arg;
    int64_t before_ns = af_loop_now_ns(world->loop);
    sleep_ms(3);
    assert_int_equal(af_loop_now_ns(world->loop), before_ns);
    note(world, 'a');
}

static void test_time_stands_still_in_a_callback_and_passes_outside(void **state)
{
    struct world *world = *state;
    af_timer_start(world->loop, 0, look_at_time_cb, world);
    af_loop_post(world->loop, look_at_time_cb, world);
    af_loop_run(world->loop);
    assert_string_equal(world->names, "aa");
    assert_true(world->times_ns[1] >= world->times_ns[0] + 3 * AF_MS_NS);
    int64_t before_ns = af_loop_now_ns(world->loop);
    sleep_ms(3);
    assert_true(af_loop_now_ns(world->loop) >= before_ns + 3 * AF_MS_NS);
}

static void test_a_step_runs_one_timer_after_waiting_for_it(void **state)
{
    struct world *world = *state;
    assert_false(af_loop_step(world->loop));
    af_timer_start(world->loop, 5 * AF_MS_NS, a_cb, world);
    af_timer_start(world->loop, 5 * AF_MS_NS, b_cb, world);
    assert_true(af_loop_step(world->loop));
    assert_string_equal(world->names, "a");
    assert_true(af_loop_step(world->loop));
    assert_string_equal(world->names, "ab");
    assert_false(af_loop_step(world->loop));
}

/* ---- Posts. ---- */

static void test_posts_run_before_timers_that_are_due(void **state)
{
    struct world *world = *state;
    af_timer_start(world->loop, 0, a_cb, world);
    af_loop_post(world->loop, p_cb, world);
    af_loop_run(world->loop);
    assert_string_equal(world->names, "pa");
}

static void *post_later(void *arg)
{
    struct world *world = arg;
    sleep_ms(20);
    af_loop_post(world->loop, p_cb, world);
    af_loop_post(world->loop, stop_cb, world);
    return NULL;
}

static void test_a_post_of_a_thread_ends_a_wait(void **state)
{
    struct world *world = *state;
    pthread_t thread;
    guard(world);
    assert_int_equal(pthread_create(&thread, NULL, post_later, world), 0);
    af_loop_run(world->loop);
    pthread_join(thread, NULL);
    assert_string_equal(world->names, "ps");
    assert_true(world->times_ns[0] >= 15 * AF_MS_NS);
}

#define POSTS_COUNT 50000

struct flood {
    struct af_loop *loop;
    uint64_t seen_count;
};

static void flood_cb(void *arg)
{
    struct flood *flood = arg;
    if (++flood->seen_count == 2 * POSTS_COUNT)
        af_loop_stop(flood->loop);
}

static void *post_flood(void *arg)
{
    struct flood *flood = arg;
    for (int i = 0; i < POSTS_COUNT; i++)
        af_loop_post(flood->loop, flood_cb, flood);
    return NULL;
}

static void test_no_post_of_two_threads_is_lost(void **state)
{
    struct world *world = *state;
    struct flood flood = {world->loop, 0};
    pthread_t threads[2];
    guard(world);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_flood, &flood), 0);
    af_loop_run(world->loop);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(flood.seen_count, 2 * POSTS_COUNT);
}

/* ---- Descriptors. ---- */

static void read_cb(void *arg)
{
    struct world *world = arg;
    char byte = '?';
    assert_int_equal(read(world->fds[0], &byte, 1), 1);
    note(world, byte);
    if (byte == '.') {
        af_loop_unwatch(world->loop, world->fds[0]);
        af_timer_cancel(world->give_up);
    }
}

static void write_cb(void *arg)
{
    struct world *world = arg;
    assert_int_equal(write(world->fds[1], "xy.", 3), 3);
    af_loop_unwatch(world->loop, world->fds[1]);
}

static void test_a_pipe_is_written_and_read(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    guard(world);
    assert_int_equal(af_loop_watch(world->loop, world->fds[0], false, read_cb, world, &why), 0);
    assert_int_equal(af_loop_watch(world->loop, world->fds[1], true, write_cb, world, &why), 0);
    af_loop_run(world->loop); /* ends because nothing is watched any more */
    assert_string_equal(world->names, "xy.");
}

static void test_a_descriptor_that_is_closed_or_watched_is_refused(void **state)
{
    struct world *world = *state;
    int fd = world->fds[0];
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_loop_watch(world->loop, -1, false, never_cb, NULL, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
    assert_string_equal(why.what, "file descriptor -1");

    why = AF_FAILURE_INIT;
    assert_int_equal(af_loop_watch(world->loop, 1000, false, never_cb, NULL, &why), -1);
    assert_non_null(strstr(why.why, "Bad file descriptor"));

    why = AF_FAILURE_INIT;
    assert_int_equal(af_loop_watch(world->loop, fd, false, never_cb, NULL, &why), 0);
    assert_int_equal(af_loop_watch(world->loop, fd, false, never_cb, NULL, &why), -1);
    assert_string_equal(why.why, "is watched for reading already");
    assert_int_equal(af_loop_watch(world->loop, fd, true, never_cb, NULL, NULL), 0);

    af_loop_unwatch(world->loop, fd);
    af_loop_unwatch(world->loop, fd);
    af_loop_unwatch(world->loop, -1);
    assert_false(af_loop_step(world->loop)); /* nothing is left of them */
    assert_int_equal(af_loop_watch(world->loop, fd, false, never_cb, NULL, NULL), 0);
} /* the loop is freed with the watch */

static void echo_cb(void *arg)
{
    struct world *world = arg;
    note(world, 'w');
    if (world->len == 3)
        af_loop_unwatch(world->loop, world->fds[1]);
}

static void test_a_descriptor_that_stays_ready_does_not_starve_timers(void **state)
{
    struct world *world = *state;
    assert_int_equal(af_loop_watch(world->loop, world->fds[1], true, echo_cb, world, NULL), 0);
    af_timer_start(world->loop, 0, a_cb, world);
    af_loop_run(world->loop);
    assert_string_equal(world->names, "waw");
}

/* One pipe's callback unwatches the other, which is ready in the same wait. */
struct rivals {
    struct world *world;
    int fds[2][2];
    int run_count;
};

static void rival_cb(void *arg)
{
    struct rivals *rivals = arg;
    rivals->run_count++;
    af_loop_unwatch(rivals->world->loop, rivals->fds[0][0]);
    af_loop_unwatch(rivals->world->loop, rivals->fds[1][0]);
}

static void test_what_is_unwatched_is_not_called_though_it_was_ready(void **state)
{
    struct rivals rivals = {.world = *state};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(rivals.fds[i]), 0);
        assert_int_equal(write(rivals.fds[i][1], "x", 1), 1);
        assert_int_equal(
            af_loop_watch(rivals.world->loop, rivals.fds[i][0], false, rival_cb, &rivals, NULL), 0);
    }
    af_loop_run(rivals.world->loop);
    assert_int_equal(rivals.run_count, 1);
    for (int i = 0; i < 2; i++) {
        close(rivals.fds[i][0]);
        close(rivals.fds[i][1]);
    }
}

static void stop_in_watch_cb(void *arg)
{
    struct world *world = arg;
    af_loop_unwatch(world->loop, world->fds[1]);
    stop_cb(world);
}

static void test_a_watch_can_stop_the_run_before_a_timer_that_is_due(void **state)
{
    struct world *world = *state;
    assert_int_equal(af_loop_watch(world->loop, world->fds[1], true, stop_in_watch_cb, world, NULL),
                     0);
    af_timer_start(world->loop, 0, a_cb, world);
    af_loop_run(world->loop);
    assert_string_equal(world->names, "s");
    af_loop_run(world->loop);
    assert_string_equal(world->names, "sa");
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_timers_run_in_order_and_not_early),
        LOOP_TEST(test_timers_of_one_time_run_in_start_order),
        LOOP_TEST(test_time_stands_still_in_a_callback_and_passes_outside),
        LOOP_TEST(test_a_step_runs_one_timer_after_waiting_for_it),
        LOOP_TEST(test_posts_run_before_timers_that_are_due),
        LOOP_TEST(test_a_post_of_a_thread_ends_a_wait),
        LOOP_TEST(test_no_post_of_two_threads_is_lost),
        LOOP_TEST(test_a_pipe_is_written_and_read),
        LOOP_TEST(test_a_descriptor_that_is_closed_or_watched_is_refused),
        LOOP_TEST(test_a_descriptor_that_stays_ready_does_not_starve_timers),
        LOOP_TEST(test_what_is_unwatched_is_not_called_though_it_was_ready),
        LOOP_TEST(test_a_watch_can_stop_the_run_before_a_timer_that_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
