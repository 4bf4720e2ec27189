/* bus_mock.c: see bus_mock.h. */
#include "sim/bus_mock.h"

#include "trace/contract.h"
#include "sim/faults.h"
#include "json/json.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One contract on its way to one node. */
struct delivery {
    struct af_bus_mock *bus;
    struct af_contract *contract;
    uint32_t from, to;
    bool held; /* it waits, or has waited, for a cut to heal */
    struct delivery *next_free;
};

struct cut {
    uint8_t *groups;
    size_t node_count;
    int64_t until_ns;
    bool active;
};

/* One that stays in flight until its owner moves it. */
struct kept {
    struct af_contract *contract;
    uint32_t from, to;
};

/* The time of the last arrival on a link, for --fifo: open addressing, key 0 is free. */
struct link {
    uint64_t key;
    int64_t last_ns;
    uint32_t held; /* contracts that wait for a cut to heal */
};

struct af_bus_mock {
    struct af_loop *loop;
    struct af_faults *faults;
    struct af_trace *trace;
    struct af_bus_mock_owner owner;
    struct af_bus_mock_counts counts;
    struct delivery *free_deliveries;
    struct delivery **blocks;
    size_t block_count, block_cap;
    size_t in_flight;
    struct cut *cuts;
    size_t cut_count, cut_cap, active_cuts;
    struct link *links;
    size_t link_count, link_cap;
    bool keeps;
    struct kept *kept;
    size_t kept_cap;       /* their count is in_flight */
    struct af_buf targets; /* of the contract that is traced: a list */
};

struct af_bus_mock *af_bus_mock_new(struct af_loop *loop, struct af_faults *faults,
                                    struct af_trace *trace, const struct af_bus_mock_owner *owner)
{
    struct af_bus_mock *bus = af_mem_zero(1, sizeof *bus);
    bus->loop = loop;
    bus->faults = faults;
    bus->trace = trace;
    bus->owner = *owner;
    return bus;
}

enum { BLOCK = 256 };

void af_bus_mock_free(struct af_bus_mock *bus)
{
    if (bus == NULL)
        return;
    for (size_t i = 0; i < bus->block_count; i++) {
        for (size_t k = 0; k < BLOCK; k++)
            af_contract_drop(bus->blocks[i][k].contract);
        free(bus->blocks[i]);
    }
    for (size_t i = 0; i < bus->cut_count; i++)
        free(bus->cuts[i].groups);
    for (size_t i = 0; bus->keeps && i < bus->in_flight; i++)
        af_contract_drop(bus->kept[i].contract);
    free(bus->kept);
    free(bus->blocks);
    free(bus->cuts);
    free(bus->links);
    af_buf_release(&bus->targets);
    free(bus);
}

static struct delivery *delivery_new(struct af_bus_mock *bus)
{
    if (bus->free_deliveries == NULL) {
        struct delivery *block = af_mem_zero(BLOCK, sizeof *block);
        for (size_t i = 0; i < BLOCK; i++) {
            block[i].bus = bus;
            block[i].next_free = bus->free_deliveries;
            bus->free_deliveries = &block[i];
        }
        af_mem_reserve(&bus->blocks, &bus->block_cap, bus->block_count + 1,
                       sizeof(struct delivery *));
        bus->blocks[bus->block_count++] = block;
    }
    struct delivery *delivery = bus->free_deliveries;
    bus->free_deliveries = delivery->next_free;
    return delivery;
}

static void delivery_free(struct delivery *delivery)
{
    delivery->contract = NULL;
    delivery->next_free = delivery->bus->free_deliveries;
    delivery->bus->free_deliveries = delivery;
}

/* ---- Order on a link. ---- */

static void links_grow(struct af_bus_mock *bus)
{
    struct link *old = bus->links;
    size_t old_cap = bus->link_cap;
    bus->link_cap = old_cap == 0 ? 64 : old_cap * 2;
    bus->links = af_mem_zero(bus->link_cap, sizeof *bus->links);
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].key == 0)
            continue;
        size_t at = old[i].key * 0x9E3779B97F4A7C15u >> 20 & (bus->link_cap - 1);
        while (bus->links[at].key != 0)
            at = (at + 1) & (bus->link_cap - 1);
        bus->links[at] = old[i];
    }
    free(old);
}

static struct link *find_link(struct af_bus_mock *bus, uint32_t from, uint32_t to)
{
    uint64_t key = ((uint64_t)from << 32 | to) + 1;
    if (2 * (bus->link_count + 1) > bus->link_cap)
        links_grow(bus);
    size_t at = key * 0x9E3779B97F4A7C15u >> 20 & (bus->link_cap - 1);
    while (bus->links[at].key != 0 && bus->links[at].key != key)
        at = (at + 1) & (bus->link_cap - 1);
    if (bus->links[at].key == 0) {
        bus->links[at].key = key;
        bus->link_count++;
    }
    return &bus->links[at];
}

/* ---- Cuts. ---- */

size_t af_bus_mock_cut(struct af_bus_mock *bus, const uint8_t *groups, size_t node_count,
                       int64_t until_ns)
{
    af_mem_reserve(&bus->cuts, &bus->cut_cap, bus->cut_count + 1, sizeof *bus->cuts);
    bus->cuts[bus->cut_count] =
        (struct cut){(uint8_t *)af_mem_copy(groups, node_count), node_count, until_ns, true};
    bus->active_cuts++;
    return bus->cut_count++;
}

void af_bus_mock_heal(struct af_bus_mock *bus, size_t cut)
{
    if (bus->cuts[cut].active)
        bus->active_cuts--;
    bus->cuts[cut].active = false;
}

bool af_bus_mock_is_cut(const struct af_bus_mock *bus)
{
    return bus->active_cuts > 0;
}

static uint8_t group_of(const struct cut *cut, uint32_t node)
{
    return node < cut->node_count ? cut->groups[node] : UINT8_MAX;
}

/* When two nodes can reach each other again, or -1 if they can now. */
static int64_t cut_until(const struct af_bus_mock *bus, uint32_t from, uint32_t to)
{
    int64_t until_ns = -1;
    for (size_t i = 0; bus->active_cuts > 0 && i < bus->cut_count; i++) {
        const struct cut *cut = &bus->cuts[i];
        uint8_t a = group_of(cut, from), b = group_of(cut, to);
        if (cut->active && a != b && a != UINT8_MAX && b != UINT8_MAX && cut->until_ns > until_ns)
            until_ns = cut->until_ns;
    }
    return until_ns;
}

/* ---- The way of a contract. ---- */

static void arrive(void *arg);

/* With --fifo, the link on which contracts wait for a cut to heal. */
static struct link *fifo_link(struct af_bus_mock *bus, const struct delivery *delivery)
{
    return bus->faults->options->fifo ? find_link(bus, delivery->from, delivery->to) : NULL;
}

/* Has a contract wait, behind those that wait already: equal times are ordered by the start of
 * their timers. */
static void hold(struct af_bus_mock *bus, struct delivery *delivery, struct link *link,
                 int64_t until_ns)
{
    int64_t wait_ns = until_ns - af_loop_now_ns(bus->loop);
    if (link != NULL && !delivery->held)
        link->held++;
    bus->counts.held += !delivery->held;
    delivery->held = true;
    af_timer_start(bus->loop, wait_ns > 0 ? wait_ns : 0, arrive, delivery);
}

static void arrive(void *arg)
{
    struct delivery *delivery = arg;
    struct af_bus_mock *bus = delivery->bus;
    if (bus->cut_count > 0) {
        struct link *link = fifo_link(bus, delivery);
        int64_t until_ns = cut_until(bus, delivery->from, delivery->to);
        bool behind = link != NULL && link->held > 0 && !delivery->held;
        if (until_ns >= 0 || behind) {
            hold(bus, delivery, link, until_ns);
            return;
        }
        if (link != NULL && delivery->held)
            link->held--;
    }
    struct af_contract *contract = delivery->contract;
    uint32_t from = delivery->from, to = delivery->to;
    assert(bus->in_flight > 0);
    delivery_free(delivery);
    bus->in_flight--;
    bus->owner.arrive(bus->owner.arg, from, to, contract);
}

static void schedule(struct af_bus_mock *bus, uint32_t from, uint32_t to,
                     struct af_contract *contract_take, int64_t delay_ns)
{
    struct delivery *delivery = delivery_new(bus);
    delivery->contract = contract_take;
    delivery->from = from;
    delivery->to = to;
    delivery->held = false;
    bus->in_flight++;
    af_timer_start(bus->loop, delay_ns, arrive, delivery);
}

static int64_t latency_ns(struct af_bus_mock *bus, struct af_rng *rng, uint32_t from, uint32_t to)
{
    return af_faults_latency_ns(bus->faults, rng, bus->owner.name(bus->owner.arg, from),
                                bus->owner.name(bus->owner.arg, to));
}

/* The delay of a contract on its link: with --fifo not before the one that was sent last. */
static int64_t delay_on_link(struct af_bus_mock *bus, uint32_t from, uint32_t to, int64_t delay_ns)
{
    if (!bus->faults->options->fifo)
        return delay_ns;
    int64_t now_ns = af_loop_now_ns(bus->loop);
    struct link *link = find_link(bus, from, to);
    if (now_ns + delay_ns < link->last_ns)
        delay_ns = link->last_ns - now_ns;
    link->last_ns = now_ns + delay_ns;
    return delay_ns;
}

static struct af_contract *copy_of(struct af_bus_mock *bus, uint32_t to,
                                   struct af_contract *contract, struct af_hash uuid)
{
    struct af_contract *again = af_contract_repeat(contract, uuid);
    bus->counts.duplicated++;
    bus->owner.fault(bus->owner.arg, to, contract, true);
    if (bus->trace != NULL) {
        af_trace_begin(bus->trace, af_loop_now_ns(bus->loop), "duplicate");
        af_trace_string(bus->trace, "party", bus->owner.name(bus->owner.arg, to));
        af_trace_string(bus->trace, "from", contract->from);
        af_trace_text(bus->trace, "type", contract->type, contract->type_len);
        af_trace_uuid(bus->trace, "uuid", again->uuid);
        af_trace_uuid(bus->trace, "of", contract->uuid);
        af_trace_end(bus->trace);
    }
    return again;
}

static void duplicate(struct af_bus_mock *bus, uint32_t from, uint32_t to,
                      struct af_contract *contract, int64_t delay_ns)
{
    uint64_t salt[2] = {af_rng_next(&bus->faults->chance[AF_FAULT_DUPLICATE]), to};
    struct af_contract *again =
        copy_of(bus, to, contract, af_hash_bytes(contract->uuid, salt, sizeof salt));
    const struct af_fault_options *options = bus->faults->options;
    if (!options->fifo) /* from its own stream: other messages are not shifted */
        delay_ns = latency_ns(bus, &bus->faults->chance[AF_FAULT_DUPLICATE], from, to);
    schedule(bus, from, to, again, delay_ns); /* with --fifo it follows its original directly */
}

static void note_drop(struct af_bus_mock *bus, uint32_t to, struct af_contract *contract,
                      const char *why)
{
    bus->counts.dropped++;
    if (strcmp(why, "lost") != 0) /* one to who has vanished is no fault of the network */
        bus->owner.fault(bus->owner.arg, to, contract, false);
    af_trace_contract(bus->trace, af_loop_now_ns(bus->loop), "drop",
                      bus->owner.name(bus->owner.arg, to), contract, why);
}

static void keep_one(struct af_bus_mock *bus, uint32_t from, uint32_t to,
                     struct af_contract *contract)
{
    if (bus->owner.lost(bus->owner.arg, to)) {
        note_drop(bus, to, contract, "lost");
        return;
    }
    af_mem_reserve(&bus->kept, &bus->kept_cap, bus->in_flight + 1, sizeof *bus->kept);
    bus->kept[bus->in_flight++] = (struct kept){af_contract_hold(contract), from, to};
}

static void send_one(struct af_bus_mock *bus, uint32_t from, uint32_t to,
                     struct af_contract *contract)
{
    const struct af_fault_options *options = bus->faults->options;
    bus->counts.messages++;
    if (bus->keeps) {
        keep_one(bus, from, to, contract);
        return;
    }
    int64_t delay_ns = latency_ns(bus, &bus->faults->latency, from,
                                  to); /* drawn for lost ones too: see faults.h */
    bool lost = bus->owner.lost(bus->owner.arg, to);
    if (lost || af_rng_chance(&bus->faults->chance[AF_FAULT_DROP],
                              options->wishes[AF_FAULT_DROP].probability)) {
        note_drop(bus, to, contract, lost ? "lost" : "loss");
        return;
    }
    delay_ns = delay_on_link(bus, from, to, delay_ns);
    schedule(bus, from, to, af_contract_hold(contract), delay_ns);
    if (af_rng_chance(&bus->faults->chance[AF_FAULT_DUPLICATE],
                      options->wishes[AF_FAULT_DUPLICATE].probability))
        duplicate(bus, from, to, contract, delay_ns);
}

static void note_send(struct af_bus_mock *bus, uint32_t from, const struct af_contract *contract,
                      const uint32_t *targets, size_t target_count)
{
    struct af_trace *trace = bus->trace;
    struct af_buf *list = &bus->targets;
    af_buf_clear(list);
    af_buf_append_char(list, '[');
    for (size_t i = 0; i < target_count; i++)
        af_json_item(list, bus->owner.name(bus->owner.arg, targets[i]));
    af_buf_append_char(list, ']');
    af_trace_begin(trace, af_loop_now_ns(bus->loop), "send");
    af_trace_string(trace, "party", bus->owner.name(bus->owner.arg, from));
    af_trace_json(trace, "to", list->data, list->len);
    af_trace_text(trace, "type", contract->type, contract->type_len);
    af_trace_uuid(trace, "uuid", contract->uuid);
    af_trace_integer(trace, "bytes", (int64_t)contract->content_len);
    af_trace_content(trace, contract);
    af_trace_end(trace);
}

void af_bus_mock_publish(struct af_bus_mock *bus, uint32_t from, struct af_contract *contract_take,
                         const uint32_t *targets, size_t target_count)
{
    if (bus->trace != NULL)
        note_send(bus, from, contract_take, targets, target_count);
    for (size_t i = 0; i < target_count; i++)
        send_one(bus, from, targets[i], contract_take);
    af_contract_drop(contract_take);
}

/* ---- Moved by its owner. ---- */

void af_bus_mock_keep(struct af_bus_mock *bus)
{
    assert(bus->in_flight == 0);
    bus->keeps = true;
}

const struct af_contract *af_bus_mock_kept(const struct af_bus_mock *bus, size_t i, uint32_t *to)
{
    assert(bus->keeps && i < bus->in_flight);
    *to = bus->kept[i].to;
    return bus->kept[i].contract;
}

static struct kept take_kept(struct af_bus_mock *bus, size_t i)
{
    assert(bus->keeps && i < bus->in_flight);
    struct kept kept = bus->kept[i];
    memmove(bus->kept + i, bus->kept + i + 1, (--bus->in_flight - i) * sizeof kept);
    return kept;
}

void af_bus_mock_deliver(struct af_bus_mock *bus, size_t i)
{
    struct kept kept = take_kept(bus, i);
    bus->owner.arrive(bus->owner.arg, kept.from, kept.to, kept.contract);
}

void af_bus_mock_drop(struct af_bus_mock *bus, size_t i, const char *why)
{
    struct kept kept = take_kept(bus, i);
    note_drop(bus, kept.to, kept.contract, why);
    af_contract_drop(kept.contract);
}

void af_bus_mock_repeat(struct af_bus_mock *bus, size_t i, struct af_hash uuid)
{
    assert(bus->keeps && i < bus->in_flight);
    struct kept kept = bus->kept[i]; /* what arrives may send */
    bus->owner.arrive(bus->owner.arg, kept.from, kept.to,
                      copy_of(bus, kept.to, kept.contract, uuid));
}

size_t af_bus_mock_in_flight(const struct af_bus_mock *bus)
{
    return bus->in_flight;
}

const struct af_bus_mock_counts *af_bus_mock_counts(const struct af_bus_mock *bus)
{
    return &bus->counts;
}
