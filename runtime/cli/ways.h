/* ways.h: the distinct ways in which many runs failed: the same findings, one after the other, are
 * one way. */
#ifndef AF_WAYS_H
#define AF_WAYS_H

#include "base/bounds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_sim_result;

struct af_way {
    uint64_t runs, lowest_seed;
    uint64_t least_faults, least_faults_seed; /* of the run with the fewest, the first of those */
    char *text;                               /* the first finding, for people */
    char *findings;                           /* a JSON list, each of them once */
};

/* The first AF_SIM_WAYS_MAX by their lowest seeds; zeroed, it has none. */
struct af_ways {
    struct af_way list[AF_SIM_WAYS_MAX];
    size_t count;
    uint64_t others; /* runs that failed in yet another way */
};

/* Appends the way of a run as it goes into af_ways_add(). */
void af_ways_append(struct af_buf *out, const struct af_sim_result *result);

/* A run has failed that way; seeds ascend. */
void af_ways_add(struct af_ways *ways, uint64_t seed, uint64_t faults, const char *way, size_t len);
void af_ways_release(struct af_ways *ways);

/* To standard output, for people: the most frequent first, as many as one reads. told: the lowest
 * failing seed's findings were. */
void af_ways_print(const struct af_ways *ways, bool told);

/* Appends them as a JSON list, the most frequent first. */
void af_ways_append_json(struct af_buf *out, const struct af_ways *ways);

#endif
