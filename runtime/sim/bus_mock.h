/* bus_mock.h: the simulated network: it carries contracts between the nodes of one run, on the
 * loop's time, with latency, loss, duplication and partitions (faults.h). */
#ifndef AF_BUS_MOCK_H
#define AF_BUS_MOCK_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_bus_mock;
struct af_contract;
struct af_faults;
struct af_loop;
struct af_trace;

struct af_bus_mock_owner {
    void *arg;

    /* A contract has come from one node to another; the reference is the owner's from here on. */
    void (*arrive)(void *arg, uint32_t from, uint32_t to, struct af_contract *contract_take);

    /* A node's ID, for traces. Borrowed. */
    const char *(*name)(void *arg, uint32_t node);

    /* Whether a node has vanished for good: contracts to it are dropped. */
    bool (*lost)(void *arg, uint32_t node);

    /* A contract to the node is lost, or comes twice. */
    void (*fault)(void *arg, uint32_t node, struct af_contract *contract, bool copied);
};

struct af_bus_mock_counts {
    uint64_t messages; /* contracts published, each target counted */
    uint64_t dropped, duplicated;
    uint64_t held; /* by a cut, for a time */
};

/* A network without nodes: they are numbers, and spring up by use. All is borrowed. */
struct af_bus_mock *af_bus_mock_new(struct af_loop *loop, struct af_faults *faults,
                                    struct af_trace *trace, const struct af_bus_mock_owner *owner);
void af_bus_mock_free(struct af_bus_mock *bus);

/* Sends a contract, whose reference is taken, from a node to others. */
void af_bus_mock_publish(struct af_bus_mock *bus, uint32_t from, struct af_contract *contract_take,
                         const uint32_t *targets, size_t target_count);

/* Cuts the network now: nodes whose groups differ cannot reach each other until heal; what is under
 * way waits. groups[node], UINT8_MAX: not concerned; copied. Returns the cut's number. */
size_t af_bus_mock_cut(struct af_bus_mock *bus, const uint8_t *groups, size_t node_count,
                       int64_t until_ns);
void af_bus_mock_heal(struct af_bus_mock *bus, size_t cut);
bool af_bus_mock_is_cut(const struct af_bus_mock *bus);

/* ---- A network that moves nothing by itself. ---- */

/* Before anything is sent: nothing is drawn, and contracts stay in flight, in the order in which
 * they were sent, until one of the functions below says what becomes of them. Those to a node that
 * has vanished are dropped as ever. */
void af_bus_mock_keep(struct af_bus_mock *bus);

/* The i-th contract in flight, borrowed; *to: whom it is for. i is below af_bus_mock_in_flight().
 */
const struct af_contract *af_bus_mock_kept(const struct af_bus_mock *bus, size_t i, uint32_t *to);

/* It arrives; it is dropped, with this reason in the trace; a copy of it, of this uuid, arrives,
 * and itself stays where it is. */
void af_bus_mock_deliver(struct af_bus_mock *bus, size_t i);
void af_bus_mock_drop(struct af_bus_mock *bus, size_t i, const char *why);
void af_bus_mock_repeat(struct af_bus_mock *bus, size_t i, struct af_hash uuid);

/* How many contracts are under way, and what was counted. */
size_t af_bus_mock_in_flight(const struct af_bus_mock *bus);
const struct af_bus_mock_counts *af_bus_mock_counts(const struct af_bus_mock *bus);

#endif
