/* faults.h: what can go wrong on purpose, and when.
 *
 * Every decision is drawn from a stream of its own, keyed by the run's seed: switching one fault on
 * does not shift the others. */
#ifndef AF_FAULTS_H
#define AF_FAULTS_H

#include "sim/latency.h"
#include "trace/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nodes cut off from each other for a time. */
struct af_partition {
    char *text;       /* as given: 'a,b|c@5s..20s' */
    char **nodes;     /* IDs, or names of roles, group after group */
    unsigned *groups; /* the group of each */
    size_t node_count;
    int64_t from_ns, until_ns;
};

/* A fault of a role's parties: with a probability, or of so many. */
struct af_role_fault {
    char *role;
    double probability;
    uint64_t count;
    int64_t at_ns; /* of those when; -1: a moment drawn by the seed */
};

/* What is wished for of a kind of fault: it befalls each message with a probability, or parties. */
struct af_fault_wish {
    double probability;
    struct af_role_fault *roles;
    size_t role_count;
};

/* What holds for a role, or for all others. */
struct af_role_span {
    char *role;        /* NULL: all */
    int64_t low, high; /* work: nanoseconds; a bandwidth: bytes a second, low alone */
};

struct af_fault_options {
    int64_t latency_min_ns, latency_max_ns;
    struct af_latency_model *latencies; /* of links; or NULL */
    bool fifo;
    struct af_fault_wish wishes[AF_FAULTS];
    int64_t down_min_ns, down_max_ns; /* after a crash, in a random partition */
    struct af_partition *partitions;
    size_t partition_count;
    double random_partition;
    struct af_role_span *works, *rates; /* no faults: how long programs and files take */
    size_t work_count, rate_count;
};

void af_fault_options_init(struct af_fault_options *options);
void af_fault_options_release(struct af_fault_options *options);

/* Whether a kind is wished for at all. */
bool af_fault_is_wished(const struct af_fault_options *options, enum af_fault fault);

/* Whether any fault is switched on that could make an honest protocol fail. */
bool af_fault_options_any(const struct af_fault_options *options);

struct af_faults {
    const struct af_fault_options *options; /* borrowed */
    struct af_rng chance[AF_FAULTS];        /* of each kind */
    struct af_rng latency, down, partition, upgrade, work;
};

void af_faults_init(struct af_faults *faults, const struct af_fault_options *options,
                    uint64_t seed);

/* How long the next message takes from a node to another; rng: the latencies', or the copies'. */
int64_t af_faults_latency_ns(const struct af_faults *faults, struct af_rng *rng, const char *from,
                             const char *to);

/* Evenly from low to high. */
int64_t af_faults_between_ns(struct af_rng *rng, int64_t low_ns, int64_t high_ns);

#endif
