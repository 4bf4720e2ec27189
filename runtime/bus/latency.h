/* latency.h: how long contracts take from who sends them to this process, link by link, for
 * `afrun run --latency-model`. */
#ifndef AF_BUS_LATENCY_H
#define AF_BUS_LATENCY_H

#include "bus/bus.h"

enum { AF_BUS_LATENCY_BOUNDS = 26 };

struct af_bus_latency { /* of one sender */
    char *sender;
    int64_t counts[AF_BUS_LATENCY_BOUNDS + 1]; /* the last: beyond all bounds */
    int64_t least_us;                          /* below 0: the clocks differ */
};

/* A contract of the sender came so long after the bus had taken it. */
void af_bus_note_latency(struct af_bus *bus, const char *sender, int64_t ns);

/* Appends the members of a model (sim/latency.h): a link from each sender to the node, and one of
 * all. */
void af_bus_tell_latencies(const struct af_bus *bus, const char *node, struct af_buf *out);
void af_bus_forget_latencies(struct af_bus_latencies *latencies);

#endif
