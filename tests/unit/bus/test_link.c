/* A link over a bus that fails in every way: what is sent arrives once and in order, what comes is
 * given once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "bus/link.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A bus in memory, on virtual time, that does as it is told. ---- */

enum answer { ANSWER, LOSE_ANSWER, REFUSE_ONCE, SAY_FULL }; /* to the next call */

struct call {
    struct call *next;
    struct toy *toy;
    af_bus_done_fn *done;
    void *arg;
    struct af_bus_result result;
    struct af_bus_item items[AF_BUS_TAKE_MAX];
};

struct toy { /* its first member: what the driver's functions are given */
    struct af_bus bus;
    const enum answer *push_answers, *take_answers; /* how the first calls go; then all is well */
    size_t push_count, take_count, pushes, takes, acks_alone;
    struct af_buf pushed;  /* uuids, in the order in which they were kept */
    int64_t queue[1000];   /* ids that are there */
    size_t queued, handed; /* of those, the first are handed out */
    struct call *parked;
    uint64_t ticket;
    int leases;
    bool released, slow_acks;
    size_t most;         /* that one take asked for */
    const char *uuid;    /* of all that is handed out */
    struct af_buf acked; /* uuids */
};

static void complete(void *arg)
{
    struct call *call = arg;
    call->done(call->arg, &call->result);
    free(call);
}

static struct call *call_new(struct toy *toy, af_bus_done_fn *done, void *arg)
{
    struct call *call = af_mem_zero(1, sizeof *call);
    call->toy = toy;
    call->done = done;
    call->arg = arg;
    return call;
}

static void fail_call(struct call *call, enum answer answer)
{
    call->result.code = answer == LOSE_ANSWER   ? AF_BUS_UNREACHABLE
                        : answer == REFUSE_ONCE ? AF_BUS_INVALID
                                                : AF_BUS_FULL;
    call->result.why = "as told";
}

static void keep(struct toy *toy, const char *uuid)
{
    struct af_buf word = AF_BUF_EMPTY;
    af_buf_printf(&word, "%s ", uuid);
    if (strstr(af_buf_text(&toy->pushed), af_buf_text(&word)) == NULL)
        af_buf_append_string(&toy->pushed, af_buf_text(&word));
    af_buf_release(&word);
}

static void publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg)
{
    struct toy *toy = (struct toy *)bus;
    struct call *call = call_new(toy, done, arg);
    enum answer answer = toy->pushes < toy->push_count ? toy->push_answers[toy->pushes] : ANSWER;
    toy->pushes++;
    if (answer == ANSWER || answer == LOSE_ANSWER)
        for (size_t i = 0; i < count; i++)
            keep(toy, posts[i].uuid);
    if (answer != ANSWER)
        fail_call(call, answer);
    af_loop_post(bus->loop, complete, call);
}

static void hand_out(struct toy *toy, struct call *call, size_t max)
{
    for (; toy->handed < toy->queued && call->result.count < max; toy->handed++)
        call->items[call->result.count++] = (struct af_bus_item){
            .id = toy->queue[toy->handed], .uuid = toy->uuid, .content = "{}", .content_len = 2};
    call->result.items = call->items;
}

static void acknowledge(struct toy *toy, const struct af_bus_take *take, bool by_number)
{
    (void)by_number;
    for (size_t i = 0; i < take->ack_count; i++)
        af_buf_printf(&toy->acked, "%s ", take->acks[i]);
    for (size_t i = 0; i < take->ack_count && toy->queued > 0; i++) { /* in order, for simplicity */
        memmove(toy->queue, toy->queue + 1, (toy->queued - 1) * sizeof toy->queue[0]);
        toy->queued--;
        toy->handed -= toy->handed > 0;
    }
}

static uint64_t take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg)
{
    struct toy *toy = (struct toy *)bus;
    struct call *call = call_new(toy, done, arg);
    enum answer answer = toy->takes < toy->take_count ? toy->take_answers[toy->takes] : ANSWER;
    toy->takes++;
    toy->most = take->max > toy->most ? take->max : toy->most;
    if (take->again)
        toy->handed = 0;
    acknowledge(toy, take, true);
    hand_out(toy, call, take->max);
    if (answer != ANSWER) {
        call->result = (struct af_bus_result){0};
        fail_call(call, answer);
    } else if (call->result.count == 0 && take->wait_ns > 0) {
        assert_null(toy->parked); /* one at a time */
        toy->parked = call;
        return ++toy->ticket;
    }
    af_loop_post(bus->loop, complete, call);
    return ++toy->ticket;
}

static void cancel(struct af_bus *bus, uint64_t ticket)
{
    struct toy *toy = (struct toy *)bus;
    struct call *call = toy->parked;
    if (call == NULL || ticket != toy->ticket)
        return;
    toy->parked = NULL;
    call->result.code = AF_BUS_CANCELLED;
    af_loop_post(bus->loop, complete, call);
}

static void ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done, void *arg)
{
    struct toy *toy = (struct toy *)bus;
    toy->acks_alone++;
    toy->released = toy->released || acks->release;
    acknowledge(toy, acks, true);
    struct call *call = call_new(toy, done, arg);
    if (toy->slow_acks)
        af_timer_start(bus->loop, AF_S_NS, complete, call);
    else
        af_loop_post(bus->loop, complete, call);
}

static int leases(const struct af_bus *bus)
{
    return ((const struct toy *)bus)->leases;
}

static const struct af_bus_driver toy_driver = {
    .publish = publish, .take = take, .cancel = cancel, .ack = ack, .leases = leases};

/* A contract arrives: to the take that waits, if there is one. */
static void arrive(struct toy *toy, int64_t id)
{
    struct call *call = toy->parked;
    toy->queue[toy->queued++] = id;
    if (call == NULL)
        return;
    toy->parked = NULL;
    hand_out(toy, call, AF_BUS_TAKE_MAX);
    af_loop_post(toy->bus.loop, complete, call);
}

/* ---- Who has the link. ---- */

struct world {
    struct toy toy;
    struct af_link *link;
    struct af_buf came, troubles;
    bool ack_at_once, go_on;
    size_t sent_all, refusals, heard, came_before; /* what had come when it was heard */
    bool left;
};

static void came(void *arg, struct af_link *link, const struct af_bus_item *item)
{
    struct world *world = arg;
    af_buf_printf(&world->came, "%lld ", (long long)item->id);
    if (world->ack_at_once)
        af_link_ack(link, item->id);
}

static void trouble(void *arg, struct af_link *link, const char *why)
{
    struct world *world = arg;
    (void)link;
    af_buf_append_string(&world->troubles, why == NULL ? "well " : "ill ");
}

static bool refused(void *arg, struct af_link *link, enum af_bus_code code, const char *why)
{
    struct world *world = arg;
    (void)link, (void)why;
    assert_int_equal(code, AF_BUS_INVALID);
    world->refusals++;
    return world->go_on;
}

static void sent_all(void *arg, struct af_link *link)
{
    struct world *world = arg;
    assert_int_equal(af_link_unsent(link), 0);
    world->sent_all++;
}

static void heard(void *arg, struct af_link *link)
{
    struct world *world = arg;
    (void)link;
    world->heard++;
    world->came_before = world->came.len;
}

static void has_left(void *arg)
{
    ((struct world *)arg)->left = true;
}

static int set_up(void **state)
{
    struct world *world = af_mem_zero(1, sizeof *world);
    world->toy.bus = (struct af_bus){.driver = &toy_driver, .loop = af_loop_sim_new()};
    world->toy.leases = 1;
    world->toy.uuid = "uuid";
    world->ack_at_once = true;
    struct af_link_spec spec = {.bus = &world->toy.bus,
                                .loop = world->toy.bus.loop,
                                .task = "t",
                                .channel = "federated",
                                .node = "n",
                                .holder = "h",
                                .owner = {.arg = world,
                                          .came = came,
                                          .trouble = trouble,
                                          .refused = refused,
                                          .sent_all = sent_all,
                                          .heard = heard}};
    world->link = af_link_new(&spec);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    af_link_free(world->link);
    af_loop_run(world->toy.bus.loop); /* what is under way lets the link go */
    assert_null(world->toy.parked);
    assert_int_equal(af_loop_next_ns(world->toy.bus.loop), -1);
    af_loop_free(world->toy.bus.loop);
    af_buf_release(&world->toy.pushed);
    af_buf_release(&world->toy.acked);
    af_buf_release(&world->came);
    af_buf_release(&world->troubles);
    free(world);
    return 0;
}

static void send(struct world *world, const char *uuid)
{
    const char *target = "m";
    struct af_bus_post post = {.title = "x",
                               .uuid = uuid,
                               .targets = &target,
                               .target_count = 1,
                               .content = "{}",
                               .content_len = 2};
    af_link_send(world->link, &post);
}

static void run(struct world *world)
{
    while (af_loop_step(world->toy.bus.loop))
        ;
}

/* ---- Sending. ---- */

static void test_what_is_sent_is_kept_in_order(void **state)
{
    struct world *world = *state;
    send(world, "1");
    send(world, "2");
    send(world, "3");
    run(world);
    assert_string_equal(af_buf_text(&world->toy.pushed), "1 2 3 ");
    assert_int_equal(world->toy.pushes, 2); /* what had gathered went together */
    assert_int_equal(world->sent_all, 1);
}

static void test_a_service_without_our_additions_is_given_one_at_a_time(void **state)
{
    struct world *world = *state;
    world->toy.leases = 0;
    send(world, "1");
    send(world, "2");
    send(world, "3");
    run(world);
    assert_string_equal(af_buf_text(&world->toy.pushed), "1 2 3 ");
    assert_int_equal(world->toy.pushes, 3);
}

static void test_lost_answers_and_full_disks_change_neither_order_nor_number(void **state)
{
    static const enum answer answers[] = {LOSE_ANSWER, SAY_FULL, LOSE_ANSWER};
    struct world *world = *state;
    world->toy.push_answers = answers;
    world->toy.push_count = 3;
    for (char uuid[2] = "a"; uuid[0] <= 'j'; uuid[0]++)
        send(world, uuid);
    run(world);
    assert_string_equal(af_buf_text(&world->toy.pushed), "a b c d e f g h i j ");
    assert_int_equal(af_link_unsent(world->link), 0);
    assert_string_equal(af_buf_text(&world->troubles), "ill ill ill well ");
}

static void test_retries_wait_longer_and_longer_but_not_for_ever(void **state)
{
    enum answer answers[40];
    struct world *world = *state;
    for (size_t i = 0; i < 40; i++)
        answers[i] = SAY_FULL;
    world->toy.push_answers = answers;
    world->toy.push_count = 40;
    send(world, "1");
    run(world);
    int64_t took_ns = af_loop_now_ns(world->toy.bus.loop);
    assert_true(took_ns > 30 * AF_LINK_RETRY_LAST_NS / 2);
    assert_true(took_ns < 40 * AF_LINK_RETRY_LAST_NS);
}

static void test_a_refused_push_stops_the_link_or_is_forgotten(void **state)
{
    static const enum answer answers[] = {REFUSE_ONCE, ANSWER, REFUSE_ONCE};
    struct world *world = *state;
    world->toy.push_answers = answers;
    world->toy.push_count = 3;
    world->go_on = true;
    send(world, "1");
    send(world, "2");
    run(world);
    assert_string_equal(af_buf_text(&world->toy.pushed), "2 ");
    assert_int_equal(world->refusals, 1);
    world->go_on = false;
    send(world, "3");
    send(world, "4");
    run(world);
    assert_string_equal(af_buf_text(&world->toy.pushed), "2 ");
    assert_int_equal(world->toy.pushes, 3);
}

/* ---- Receiving. ---- */

static void test_what_comes_is_given_and_acknowledged(void **state)
{
    struct world *world = *state;
    arrive(&world->toy, 1);
    af_link_listen(world->link);
    run(world);
    arrive(&world->toy, 2);
    arrive(&world->toy, 3);
    run(world);
    assert_string_equal(af_buf_text(&world->came), "1 2 3 ");
    assert_int_equal(world->toy.queued, 0);
    assert_int_equal(af_link_in_hand(world->link), 0);
}

static void test_when_all_that_was_there_has_come_is_told_once(void **state)
{
    struct world *world = *state;
    for (int64_t id = 1; id <= 2 * AF_BUS_WINDOW; id++) /* more than one answer's */
        arrive(&world->toy, id);
    af_link_listen(world->link);
    run(world);
    assert_int_equal(world->heard, 1);
    assert_int_equal(world->came_before, world->came.len);
    arrive(&world->toy, 1000);
    run(world);
    assert_int_equal(world->heard, 1);
}

static void test_a_lost_answer_to_a_take_loses_nothing_and_repeats_nothing(void **state)
{
    static const enum answer answers[] = {LOSE_ANSWER, ANSWER, LOSE_ANSWER, LOSE_ANSWER};
    struct world *world = *state;
    world->toy.take_answers = answers;
    world->toy.take_count = 4;
    world->ack_at_once = false;
    arrive(&world->toy, 1);
    arrive(&world->toy, 2);
    af_link_listen(world->link);
    run(world);
    assert_string_equal(af_buf_text(&world->came), "1 2 "); /* handed out twice, given once */
    af_link_ack(world->link, 1);
    af_link_ack(world->link, 2);
    arrive(&world->toy, 3);
    run(world);
    assert_string_equal(af_buf_text(&world->came), "1 2 3 ");
}

static void
test_a_number_that_a_store_gives_again_after_a_loss_of_power_is_another_contract(void **state)
{
    struct world *world = *state;
    world->ack_at_once = false;
    af_link_listen(world->link);
    arrive(&world->toy, 1);
    run(world);
    world->toy.queued = world->toy.handed = 0; /* it was not on the disk yet */
    world->toy.uuid = "another";
    arrive(&world->toy, 1);
    run(world);
    assert_string_equal(af_buf_text(&world->came), "1 2 ");
    af_link_ack(world->link, 2);
    run(world);
    assert_string_equal(af_buf_text(&world->toy.acked), "another ");
}

static void test_no_more_than_the_window_is_in_hand(void **state)
{
    struct world *world = *state;
    world->ack_at_once = false;
    for (int64_t id = 1; id <= 300; id++)
        arrive(&world->toy, id);
    af_link_listen(world->link);
    run(world);
    assert_int_equal(af_link_in_hand(world->link), AF_BUS_WINDOW);
    assert_int_equal(world->toy.most, AF_BUS_WINDOW);
    size_t takes = world->toy.takes;
    for (int64_t id = 1; id <= 60; id++)
        af_link_ack(world->link, id);
    run(world);
    assert_int_equal(world->toy.takes, takes + 1); /* which carried all 60 */
    assert_int_equal(world->toy.acks_alone, 0);
    assert_int_equal(af_link_in_hand(world->link), AF_BUS_WINDOW);
    assert_int_equal(world->toy.queued, 240);
}

static void test_acknowledgements_do_not_wait_for_a_take_that_waits(void **state)
{
    struct world *world = *state;
    world->ack_at_once = false;
    af_link_listen(world->link);
    arrive(&world->toy, 1);
    run(world);
    af_link_ack(world->link, 1);
    run(world);
    assert_int_equal(world->toy.acks_alone, 1);
    assert_int_equal(world->toy.queued, 0);
    af_link_ack(world->link, 1); /* again: nothing */
    af_link_ack(world->link, 77);
    run(world);
    assert_int_equal(world->toy.acks_alone, 1);
}

/* ---- Leaving. ---- */

/* The take had to wait for the acknowledgement, and was then forgotten. */
static void
test_a_take_that_ends_while_an_acknowledgement_is_under_way_is_followed_by_one(void **state)
{
    struct world *world = *state;
    world->ack_at_once = false;
    world->toy.slow_acks = true;
    af_link_listen(world->link);
    arrive(&world->toy, 1);
    run(world);
    af_link_ack(world->link, 1); /* alone: a take waits */
    while (world->toy.acks_alone == 0)
        assert_true(af_loop_step(world->toy.bus.loop));
    arrive(&world->toy, 2); /* that take ends before the acknowledgement is answered */
    run(world);
    assert_non_null(world->toy.parked);
    arrive(&world->toy, 3);
    run(world);
    assert_string_equal(af_buf_text(&world->came), "1 2 3 ");
}

static void test_leaving_gives_back_what_was_not_dealt_with(void **state)
{
    struct world *world = *state;
    world->ack_at_once = false;
    af_link_listen(world->link);
    arrive(&world->toy, 1);
    arrive(&world->toy, 2);
    run(world);
    af_link_ack(world->link, 1);
    af_link_leave(world->link, has_left, world);
    run(world);
    assert_true(world->left);
    assert_true(world->toy.released);
    assert_int_equal(world->toy.queued, 1);
    assert_true(af_loop_now_ns(world->toy.bus.loop) < AF_LINK_LEAVE_NS);
}

static void test_leaving_does_not_wait_for_ever(void **state)
{
    static const enum answer answers[] = {LOSE_ANSWER};
    struct world *world = *state;
    world->toy.take_answers = answers;
    world->toy.take_count = 1;
    af_link_listen(world->link);
    af_link_leave(world->link, has_left, world);
    run(world);
    assert_true(world->left);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_sent_is_kept_in_order),
        CASE(test_a_service_without_our_additions_is_given_one_at_a_time),
        CASE(test_lost_answers_and_full_disks_change_neither_order_nor_number),
        CASE(test_retries_wait_longer_and_longer_but_not_for_ever),
        CASE(test_a_refused_push_stops_the_link_or_is_forgotten),
        CASE(test_what_comes_is_given_and_acknowledged),
        CASE(test_when_all_that_was_there_has_come_is_told_once),
        CASE(test_a_lost_answer_to_a_take_loses_nothing_and_repeats_nothing),
        CASE(test_a_number_that_a_store_gives_again_after_a_loss_of_power_is_another_contract),
        CASE(test_no_more_than_the_window_is_in_hand),
        CASE(test_acknowledgements_do_not_wait_for_a_take_that_waits),
        CASE(test_a_take_that_ends_while_an_acknowledgement_is_under_way_is_followed_by_one),
        CASE(test_leaving_gives_back_what_was_not_dealt_with),
        CASE(test_leaving_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
