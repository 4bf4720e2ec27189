/* test_bus_mock.c: the simulated network, on virtual time. */
#include "base/bounds.h"
#include "sim/bus_mock.h"
#include "trace/contract.h"
#include "sim/faults.h"
#include "loop/loop.h"
#include "trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* ---- A network with a log of what arrived. ---- */

#define ARRIVALS_MAX 4000

struct arrival {
    uint32_t node;
    int number; /* of the contract, as it was sent */
    int64_t at_ns;
    struct af_hash uuid, key;
};

struct net {
    struct af_loop *loop;
    struct af_fault_options options;
    struct af_faults faults;
    struct af_bus_mock *bus;
    struct af_trace *trace;
    struct arrival arrivals[ARRIVALS_MAX];
    size_t arrival_count;
    int sent_count;
    bool lost[8];
    size_t lines_of_drop, lines_of_duplicate, lines_of_send;
    size_t dropped, copied; /* as the owner was told */
};

static const char *name(void *arg, uint32_t node)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    (void)arg;
    return names[node];
}

static void arrive(void *arg, uint32_t from, uint32_t node, struct af_contract *contract)
{
    struct net *net = arg;
    assert_true(net->arrival_count < ARRIVALS_MAX);
    struct arrival *arrival = &net->arrivals[net->arrival_count++];
    arrival->node = node;
    arrival->at_ns = af_loop_now_ns(net->loop);
    arrival->uuid = contract->uuid;
    arrival->key = contract->key;
    assert_int_equal(sscanf(contract->content, "{\"n\":%d}", &arrival->number), 1);
    assert_string_equal(contract->from, name(net, from));
    af_contract_drop(contract);
}

static bool lost(void *arg, uint32_t node)
{
    return ((struct net *)arg)->lost[node];
}

static void fault(void *arg, uint32_t node, struct af_contract *contract, bool copied)
{
    struct net *net = arg;
    (void)node, (void)contract;
    *(copied ? &net->copied : &net->dropped) += 1;
}

static void on_line(void *arg, const char *line, size_t len)
{
    struct net *net = arg;
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)len, line);
    net->lines_of_drop += strstr(text, "\"kind\":\"drop\"") != NULL;
    net->lines_of_duplicate += strstr(text, "\"kind\":\"duplicate\"") != NULL;
    net->lines_of_send += strstr(text, "\"kind\":\"send\"") != NULL;
}

/* The options may be changed between the two. */
static void net_init(struct net *net)
{
    memset(net, 0, sizeof *net);
    af_fault_options_init(&net->options);
}

static void net_open(struct net *net, uint64_t seed)
{
    struct af_bus_mock_owner owner = {net, arrive, name, lost, fault};
    net->loop = af_loop_sim_new();
    net->trace = af_trace_new(on_line, net, false);
    af_faults_init(&net->faults, &net->options, seed);
    net->bus = af_bus_mock_new(net->loop, &net->faults, net->trace, &owner);
}

static void net_close(struct net *net)
{
    af_bus_mock_free(net->bus);
    af_trace_free(net->trace);
    af_loop_free(net->loop);
    af_fault_options_release(&net->options);
}

static void publish(struct net *net, uint32_t from, const uint32_t *targets, size_t count)
{
    char content[40];
    int number = net->sent_count++;
    snprintf(content, sizeof content, "{\"n\":%d}", number);
    struct af_contract_parts parts = {.uuid = {(uint64_t)number + 1, from},
                                      .time_ns = af_loop_now_ns(net->loop),
                                      .task = "t",
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = name(net, from),
                                      .type = "n",
                                      .type_len = 1,
                                      .content = content,
                                      .content_len = strlen(content)};
    af_bus_mock_publish(net->bus, from, af_contract_new(&parts), targets, count);
}

static void publish_to(struct net *net, uint32_t from, uint32_t to)
{
    publish(net, from, &to, 1);
}

/* Something to be sent at its time. */
struct later {
    struct net *net;
    uint32_t from, to;
};

static void publish_cb(void *arg)
{
    struct later *later = arg;
    publish_to(later->net, later->from, later->to);
}

static bool is_in_order(const struct net *net)
{
    for (size_t i = 1; i < net->arrival_count; i++)
        if (net->arrivals[i].number < net->arrivals[i - 1].number)
            return false;
    return true;
}

/* ---- Time and order. ---- */

static void test_a_contract_arrives_once_at_each_target_within_the_latency(void **state)
{
    (void)state;
    static const uint32_t targets[] = {1, 2, 3};
    struct net net;
    net_init(&net);
    net.options.latency_min_ns = 5 * AF_MS_NS;
    net.options.latency_max_ns = 7 * AF_MS_NS;
    net_open(&net, 1);
    for (int i = 0; i < 100; i++)
        publish(&net, 0, targets, 3);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 300);
    assert_int_equal(net.arrival_count, 0); /* not from within publish */
    af_loop_run(net.loop);

    size_t at_node[4] = {0};
    assert_int_equal(net.arrival_count, 300);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 0);
    for (size_t i = 0; i < 300; i++) {
        assert_in_range(net.arrivals[i].at_ns, 5 * AF_MS_NS, 7 * AF_MS_NS);
        at_node[net.arrivals[i].node]++;
    }
    for (size_t i = 1; i <= 3; i++)
        assert_int_equal(at_node[i], 100);
    assert_int_equal(af_bus_mock_counts(net.bus)->messages, 300);
    assert_int_equal(af_bus_mock_counts(net.bus)->dropped, 0);
    assert_int_equal(net.lines_of_send, 100); /* one record for all targets */
    net_close(&net);
}

static void test_no_targets_send_nothing(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    publish(&net, 0, NULL, 0);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 0);
    assert_int_equal(af_bus_mock_counts(net.bus)->messages, 0);
    assert_false(af_loop_step(net.loop));
    net_close(&net);
}

static void test_a_node_reaches_itself(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    publish_to(&net, 2, 2);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 1);
    assert_int_equal(net.arrivals[0].node, 2);
    net_close(&net);
}

static void test_without_fifo_contracts_overtake(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    for (int i = 0; i < 50; i++)
        publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 50);
    assert_false(is_in_order(&net));
    net_close(&net);
}

static void test_with_fifo_a_link_keeps_its_order_and_links_do_not_wait_for_each_other(void **state)
{
    (void)state;
    enum { LINKS = 6 * 6, ROUNDS = 30 };
    int last[LINKS];
    bool mixed = false;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct net net;
        struct later later[LINKS];
        net_init(&net);
        net.options.fifo = true;
        net_open(&net, seed);
        for (int i = 0; i < LINKS; i++) {
            later[i] = (struct later){&net, (uint32_t)i / 6, (uint32_t)i % 6};
            last[i] = -1;
            for (int k = 0; k < ROUNDS; k++)
                af_timer_start(net.loop, k * AF_MS_NS, publish_cb, &later[i]);
        }
        af_loop_run(net.loop);
        assert_int_equal(net.arrival_count, LINKS * ROUNDS);
        for (size_t i = 0; i < net.arrival_count; i++) {
            const struct arrival *arrival = &net.arrivals[i];
            int link = arrival->number % LINKS; /* each round sends over all links in order */
            assert_int_equal(arrival->node, link % 6);
            assert_true(arrival->number > last[link]);
            last[link] = arrival->number;
        }
        mixed = mixed || !is_in_order(&net);
        net_close(&net);
    }
    assert_true(mixed);
}

static void test_the_same_seed_gives_the_same_order_and_another_one_another(void **state)
{
    (void)state;
    static struct net nets[3];
    static const uint64_t seeds[] = {7, 7, 8};
    for (int i = 0; i < 3; i++) {
        net_init(&nets[i]);
        nets[i].options.wishes[AF_FAULT_DROP].probability = 0.1;
        nets[i].options.wishes[AF_FAULT_DUPLICATE].probability = 0.1;
        net_open(&nets[i], seeds[i]);
        for (int k = 0; k < 200; k++)
            publish_to(&nets[i], 0, (uint32_t)k % 5);
        af_loop_run(nets[i].loop);
    }
    assert_int_equal(nets[0].arrival_count, nets[1].arrival_count);
    assert_memory_equal(nets[0].arrivals, nets[1].arrivals,
                        nets[0].arrival_count * sizeof nets[0].arrivals[0]);
    assert_true(nets[0].arrival_count != nets[2].arrival_count ||
                memcmp(nets[0].arrivals, nets[2].arrivals,
                       nets[0].arrival_count * sizeof nets[0].arrivals[0]) != 0);
    for (int i = 0; i < 3; i++)
        net_close(&nets[i]);
}

/* ---- Loss and duplication. ---- */

static void test_probability_one_drops_all_and_zero_none(void **state)
{
    (void)state;
    for (int certain = 0; certain <= 1; certain++) {
        struct net net;
        net_init(&net);
        net.options.wishes[AF_FAULT_DROP].probability = certain;
        net_open(&net, 1);
        for (int i = 0; i < 100; i++)
            publish_to(&net, 0, 1);
        assert_int_equal(af_bus_mock_in_flight(net.bus), certain ? 0 : 100);
        af_loop_run(net.loop);
        assert_int_equal(net.arrival_count, certain ? 0 : 100);
        assert_int_equal(af_bus_mock_counts(net.bus)->messages, 100);
        assert_int_equal(af_bus_mock_counts(net.bus)->dropped, certain ? 100 : 0);
        assert_int_equal(net.lines_of_drop, certain ? 100 : 0);
        assert_int_equal(net.dropped, certain ? 100 : 0);
        net_close(&net);
    }
}

static void test_drops_come_about_as_often_as_asked(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net.options.wishes[AF_FAULT_DROP].probability = 0.25;
    net_open(&net, 1);
    for (int i = 0; i < 2000; i++)
        publish_to(&net, 0, 1);
    assert_in_range(af_bus_mock_counts(net.bus)->dropped, 420, 580);
    net_close(&net); /* with all others still under way */
}

static void test_contracts_to_a_lost_node_are_dropped(void **state)
{
    (void)state;
    static const uint32_t targets[] = {1, 2};
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    publish(&net, 0, targets, 2); /* these are under way when it vanishes: its owner's affair */
    net.lost[2] = true;
    publish(&net, 0, targets, 2);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 3);
    assert_int_equal(af_bus_mock_counts(net.bus)->dropped, 1);
    assert_int_equal(net.lines_of_drop, 1);
    assert_int_equal(net.dropped, 0); /* that is no fault of the network */
    net_close(&net);
}

static void test_a_duplicate_has_a_uuid_of_its_own(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net.options.wishes[AF_FAULT_DUPLICATE].probability = 1;
    net_open(&net, 1);
    static const uint32_t targets[] = {1, 2};
    for (int i = 0; i < 20; i++)
        publish(&net, 0, targets, 2);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 80);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 80);
    assert_int_equal(af_bus_mock_counts(net.bus)->messages, 40);
    assert_int_equal(af_bus_mock_counts(net.bus)->duplicated, 40);
    assert_int_equal(net.lines_of_duplicate, 40);
    struct af_seen at_node[3] = {0};
    for (size_t i = 0; i < net.arrival_count; i++) /* deduplication does not hide it */
        assert_int_equal(af_seen_add(&at_node[net.arrivals[i].node], net.arrivals[i].key), 1);
    for (size_t i = 0; i < 3; i++)
        af_seen_release(&at_node[i]);
    net_close(&net);
}

static void test_with_fifo_a_duplicate_follows_its_original_directly(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net.options.wishes[AF_FAULT_DUPLICATE].probability = 1;
    net.options.fifo = true;
    net_open(&net, 1);
    for (int i = 0; i < 50; i++)
        publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 100);
    for (size_t i = 0; i < 100; i += 2) {
        assert_int_equal(net.arrivals[i].number, i / 2);
        assert_int_equal(net.arrivals[i + 1].number, i / 2);
        assert_int_equal(net.arrivals[i].at_ns, net.arrivals[i + 1].at_ns);
        assert_int_equal(net.arrivals[i].uuid.a, i / 2 + 1); /* the original comes first */
    }
    net_close(&net);
}

static void test_one_fault_does_not_shift_another(void **state)
{
    (void)state;
    static struct net nets[4];
    enum { DROPS, DROPS_AND_DUPLICATES, PLAIN, DUPLICATES_THAT_NEVER_COME };
    for (int i = 0; i < 4; i++) {
        net_init(&nets[i]);
        nets[i].options.wishes[AF_FAULT_DROP].probability = i <= DROPS_AND_DUPLICATES ? 0.3 : 0;
        nets[i].options.wishes[AF_FAULT_DUPLICATE].probability =
            i == DROPS_AND_DUPLICATES ? 0.5 : 0;
        if (i == DROPS_AND_DUPLICATES)
            nets[i].options.latency_max_ns = AF_S_NS;
        if (i == DUPLICATES_THAT_NEVER_COME)
            nets[i].options.wishes[AF_FAULT_DUPLICATE].probability =
                1e-12; /* draws for each contract */
        net_open(&nets[i], 3);
        for (int k = 0; k < 100; k++)
            publish_to(&nets[i], 0, 1);
        af_loop_run(nets[i].loop);
    }
    assert_int_equal(nets[PLAIN].arrival_count, 100);
    assert_int_equal(nets[DUPLICATES_THAT_NEVER_COME].arrival_count, 100);
    assert_memory_equal(nets[PLAIN].arrivals, nets[DUPLICATES_THAT_NEVER_COME].arrivals,
                        100 * sizeof nets[0].arrivals[0]);

    bool came[2][100] = {{false}}; /* the same contracts are lost, whatever else goes wrong */
    for (int i = DROPS; i <= DROPS_AND_DUPLICATES; i++)
        for (size_t k = 0; k < nets[i].arrival_count; k++)
            came[i][nets[i].arrivals[k].number] = true;
    assert_memory_equal(came[0], came[1], sizeof came[0]);
    assert_true(nets[DROPS].arrival_count < 100);
    assert_true(nets[DROPS_AND_DUPLICATES].arrival_count > nets[DROPS].arrival_count);
    for (int i = 0; i < 4; i++)
        net_close(&nets[i]);
}

/* ---- Cuts. ---- */

static const uint8_t two_sides[] = {0, 1, UINT8_MAX};

struct healing {
    struct net *net;
    size_t cut;
};

static void heal_cb(void *arg)
{
    struct healing *healing = arg;
    af_bus_mock_heal(healing->net->bus, healing->cut);
}

static struct healing cut_until(struct net *net, const uint8_t *groups, size_t count,
                                int64_t until_ns)
{
    return (struct healing){net, af_bus_mock_cut(net->bus, groups, count, until_ns)};
}

static void test_contracts_across_a_cut_wait_until_it_heals(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    publish_to(&net, 0, 1); /* under way when the cut begins: waits too */
    assert_false(af_bus_mock_is_cut(net.bus));
    struct healing healing = cut_until(&net, two_sides, 3, 5 * AF_S_NS);
    assert_true(af_bus_mock_is_cut(net.bus));
    af_timer_start(net.loop, 5 * AF_S_NS, heal_cb, &healing);
    publish_to(&net, 1, 0);
    publish_to(&net, 0, 0); /* of one side */
    publish_to(&net, 0, 2); /* a node that the cut does not concern */
    publish_to(&net, 2, 1);
    publish_to(&net, 0, 5); /* a node that came later than the cut */
    while (af_loop_next_ns(net.loop) < 5 * AF_S_NS)
        af_loop_step(net.loop);
    assert_int_equal(net.arrival_count, 4);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 2); /* what waits is under way */
    af_loop_run(net.loop);
    assert_false(af_bus_mock_is_cut(net.bus));
    assert_int_equal(net.arrival_count, 6);
    assert_int_equal(net.arrivals[4].at_ns, 5 * AF_S_NS);
    assert_int_equal(net.arrivals[5].at_ns, 5 * AF_S_NS);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 0);
    net_close(&net);
}

static void test_with_fifo_what_waited_keeps_its_order(void **state)
{
    (void)state;
    struct net net;
    struct later later = {&net, 0, 1};
    net_init(&net);
    net.options.fifo = true;
    net.options.latency_max_ns = 2 * AF_S_NS;
    net_open(&net, 1);
    struct healing healing = cut_until(&net, two_sides, 3, 5 * AF_S_NS);
    af_timer_start(net.loop, 5 * AF_S_NS, heal_cb, &healing);
    for (int i = 0; i < 100; i++) /* some arrive during the cut, some after it */
        af_timer_start(net.loop, i * 100 * AF_MS_NS, publish_cb, &later);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 100);
    assert_true(is_in_order(&net));
    assert_int_equal(net.arrivals[0].at_ns, 5 * AF_S_NS);
    assert_true(net.arrivals[99].at_ns > 5 * AF_S_NS);
    net_close(&net);
}

static void test_a_cut_is_healed_once(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    struct healing first = cut_until(&net, two_sides, 3, AF_S_NS);
    struct healing second = cut_until(&net, two_sides, 3, 2 * AF_S_NS);
    assert_true(first.cut != second.cut);
    heal_cb(&first);
    heal_cb(&first);
    assert_true(af_bus_mock_is_cut(net.bus));
    heal_cb(&second);
    assert_false(af_bus_mock_is_cut(net.bus));
    publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_in_range(net.arrivals[0].at_ns, AF_MS_NS, 10 * AF_MS_NS);
    net_close(&net);
}

static void test_of_two_cuts_the_longer_one_decides(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    struct healing shorter = cut_until(&net, two_sides, 3, AF_S_NS);
    struct healing longer = cut_until(&net, two_sides, 3, 3 * AF_S_NS);
    af_timer_start(net.loop, AF_S_NS, heal_cb, &shorter);
    af_timer_start(net.loop, 3 * AF_S_NS, heal_cb, &longer);
    publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_int_equal(net.arrivals[0].at_ns, 3 * AF_S_NS);
    net_close(&net);
}

struct cutting {
    struct net *net;
    struct healing healing;
};

static void cut_cb(void *arg)
{
    struct cutting *cutting = arg;
    cutting->healing = cut_until(cutting->net, two_sides, 3, 3 * AF_S_NS);
}

static void heal_later_cb(void *arg)
{
    heal_cb(&((struct cutting *)arg)->healing);
}

static void test_what_waited_for_one_cut_waits_for_the_next_too(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    struct healing first = cut_until(&net, two_sides, 3, AF_S_NS);
    struct cutting second = {.net = &net};
    af_timer_start(net.loop, AF_S_NS, heal_cb, &first);
    af_timer_start(net.loop, AF_S_NS / 2, cut_cb, &second);
    af_timer_start(net.loop, 3 * AF_S_NS, heal_later_cb, &second);
    publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 1);
    assert_int_equal(net.arrivals[0].at_ns, 3 * AF_S_NS);
    net_close(&net);
}

static void test_with_fifo_what_arrives_as_a_cut_heals_comes_after_what_waited(void **state)
{
    (void)state;
    struct net net;
    struct later later = {&net, 0, 1};
    net_init(&net);
    net.options.fifo = true;
    net.options.latency_min_ns = net.options.latency_max_ns = 10 * AF_S_NS;
    net_open(&net, 1);
    struct healing healing = cut_until(&net, two_sides, 3, 20 * AF_S_NS);
    af_timer_start(net.loop, 20 * AF_S_NS, heal_cb, &healing);
    af_timer_start(net.loop, 10 * AF_S_NS, publish_cb, &later); /* before the first one arrives */
    publish_to(&net, 0, 1);
    af_loop_run(net.loop);
    assert_int_equal(net.arrival_count, 2);
    assert_true(is_in_order(&net));
    assert_int_equal(net.arrivals[1].at_ns, 20 * AF_S_NS);
    net_close(&net);
}

static void test_loss_and_duplication_do_not_shift_the_latency_of_others(void **state)
{
    (void)state;
    struct net plain, faulty;
    net_init(&plain);
    net_open(&plain, 7);
    net_init(&faulty);
    faulty.options.wishes[AF_FAULT_DROP].probability = 0.3;
    faulty.options.wishes[AF_FAULT_DUPLICATE].probability = 0.3;
    net_open(&faulty, 7);
    for (int i = 0; i < 200; i++) {
        publish_to(&plain, 0, 1);
        publish_to(&faulty, 0, 1);
    }
    af_loop_run(plain.loop);
    af_loop_run(faulty.loop);
    size_t originals = 0;
    for (size_t i = 0; i < faulty.arrival_count; i++) {
        const struct arrival *arrival = &faulty.arrivals[i];
        if (arrival->uuid.a != (uint64_t)arrival->number + 1)
            continue; /* a copy */
        originals++;
        for (size_t k = 0; k < plain.arrival_count; k++)
            if (plain.arrivals[k].number == arrival->number)
                assert_int_equal(plain.arrivals[k].at_ns, arrival->at_ns);
    }
    assert_in_range(originals, 100, 180);
    net_close(&plain);
    net_close(&faulty);
}

static void test_a_network_is_freed_with_all_that_is_under_way(void **state)
{
    (void)state;
    static const uint32_t targets[] = {1, 2, 3};
    struct net net;
    net_init(&net);
    net.options.wishes[AF_FAULT_DUPLICATE].probability = 0.5;
    net_open(&net, 1);
    cut_until(&net, two_sides, 3, AF_S_NS);
    for (int i = 0; i < 300; i++) /* more than one block of deliveries */
        publish(&net, 0, targets, 3);
    for (int i = 0; i < 100; i++)
        af_loop_step(net.loop);
    net_close(&net); /* the sanitizer looks for what is left */
}

/* ---- Moved by its owner. ---- */

static void test_what_is_kept_moves_as_it_is_told(void **state)
{
    (void)state;
    struct net net;
    const uint32_t both[] = {1, 2};
    uint32_t to;
    net_init(&net);
    net.options.wishes[AF_FAULT_DROP].probability =
        net.options.wishes[AF_FAULT_DUPLICATE].probability = 1; /* not asked for */
    net_open(&net, 1);
    af_bus_mock_keep(net.bus);
    publish(&net, 0, both, 2);
    publish_to(&net, 0, 1);
    publish_to(&net, 1, 2);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 4);
    assert_false(af_loop_step(net.loop));
    assert_string_equal(af_bus_mock_kept(net.bus, 1, &to)->content, "{\"n\":0}");
    assert_int_equal(to, 2);
    af_bus_mock_deliver(net.bus, 2);
    af_bus_mock_repeat(net.bus, 0, (struct af_hash){9, 9});
    af_bus_mock_deliver(net.bus, 0);
    assert_int_equal(net.arrival_count, 3);
    assert_int_equal(net.arrivals[0].number, 1);
    assert_int_equal(net.arrivals[1].number, 0);
    assert_int_equal(net.arrivals[1].uuid.a, 9);
    assert_int_equal(net.arrivals[2].number, 0);
    assert_int_equal(net.arrivals[2].uuid.a, 1);
    assert_true(net.arrivals[1].key.a != net.arrivals[2].key.a);
    af_bus_mock_drop(net.bus, 1, "loss");
    assert_int_equal(af_bus_mock_in_flight(net.bus), 1); /* is freed with the network */
    assert_string_equal(af_bus_mock_kept(net.bus, 0, &to)->content, "{\"n\":0}");
    assert_int_equal(net.lines_of_drop, 1);
    assert_int_equal(net.lines_of_duplicate, 1);
    assert_int_equal(net.dropped, 1);
    assert_int_equal(net.copied, 1);
    assert_int_equal(af_bus_mock_counts(net.bus)->messages, 4);
    assert_int_equal(af_bus_mock_counts(net.bus)->dropped, 1);
    assert_int_equal(af_bus_mock_counts(net.bus)->duplicated, 1);
    net_close(&net);
}

static void test_what_is_kept_is_not_for_who_has_vanished(void **state)
{
    (void)state;
    struct net net;
    net_init(&net);
    net_open(&net, 1);
    af_bus_mock_keep(net.bus);
    net.lost[1] = true;
    publish_to(&net, 0, 1);
    assert_int_equal(af_bus_mock_in_flight(net.bus), 0);
    assert_int_equal(net.lines_of_drop, 1);
    net_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept_moves_as_it_is_told),
        cmocka_unit_test(test_what_is_kept_is_not_for_who_has_vanished),
        cmocka_unit_test(test_what_waited_for_one_cut_waits_for_the_next_too),
        cmocka_unit_test(test_with_fifo_what_arrives_as_a_cut_heals_comes_after_what_waited),
        cmocka_unit_test(test_loss_and_duplication_do_not_shift_the_latency_of_others),
        cmocka_unit_test(test_a_contract_arrives_once_at_each_target_within_the_latency),
        cmocka_unit_test(test_no_targets_send_nothing),
        cmocka_unit_test(test_a_node_reaches_itself),
        cmocka_unit_test(test_without_fifo_contracts_overtake),
        cmocka_unit_test(
            test_with_fifo_a_link_keeps_its_order_and_links_do_not_wait_for_each_other),
        cmocka_unit_test(test_the_same_seed_gives_the_same_order_and_another_one_another),
        cmocka_unit_test(test_probability_one_drops_all_and_zero_none),
        cmocka_unit_test(test_drops_come_about_as_often_as_asked),
        cmocka_unit_test(test_contracts_to_a_lost_node_are_dropped),
        cmocka_unit_test(test_a_duplicate_has_a_uuid_of_its_own),
        cmocka_unit_test(test_with_fifo_a_duplicate_follows_its_original_directly),
        cmocka_unit_test(test_one_fault_does_not_shift_another),
        cmocka_unit_test(test_contracts_across_a_cut_wait_until_it_heals),
        cmocka_unit_test(test_with_fifo_what_waited_keeps_its_order),
        cmocka_unit_test(test_a_cut_is_healed_once),
        cmocka_unit_test(test_of_two_cuts_the_longer_one_decides),
        cmocka_unit_test(test_a_network_is_freed_with_all_that_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
