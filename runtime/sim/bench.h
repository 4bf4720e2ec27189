/* bench.h: one party of a flow by itself, for a test: what comes to it is given by hand, and what
 * it sends is kept, not carried.
 *
 * It is the party that a simulated run has, with the same calls to the outside; time is virtual and
 * passes only when one of its timers is fired. */
#ifndef AF_SIM_BENCH_H
#define AF_SIM_BENCH_H

#include "script/args.h"
#include "script/grants.h"
#include "sim/sim.h"

#include <stddef.h>

struct af_bench;
struct af_buf;
struct af_failure;
struct af_trace;

struct af_bench_options {
    const char *path; /* of the flow */
    const char *id;   /* of the party, one of the members */
    const struct af_sim_member *members;
    size_t member_count;
    const struct af_script_arg *args;
    size_t arg_count;
    const struct af_grants *grants;
};

/* Makes the party; options are borrowed until it is freed, trace (or NULL) as well. NULL with *why
 * filled: there is no such flow, role or argument, or the role is a plain function. */
struct af_bench *af_bench_new(const struct af_bench_options *options, struct af_trace *trace,
                              struct af_failure *why);
void af_bench_free(struct af_bench *bench);

const struct af_sim *af_bench_sim(const struct af_bench *bench);

/* Each is one step, whose sends and lines take the place of those of the step before. They return
 * -1 with *why filled where it was no good: a handler raised, the event is not expected there, no
 * such timer is armed. */
int af_bench_start(struct af_bench *bench, struct af_failure *why);
int af_bench_receive(struct af_bench *bench, const char *from, const char *type,
                     const char *content, size_t len, struct af_failure *why); /* from: or NULL */
int af_bench_fire(struct af_bench *bench, const char *timer, struct af_failure *why);

/* Adds the party as it stands to a JSON object that is open: "state", "data" (as a text), "sent" (a
 * list of
 * {"to", "type", "content": as a text}), "logged", "deadlines" ({name: seconds left}), "ended",
 * "result", "reason". */
void af_bench_tell(const struct af_bench *bench, struct af_buf *out);

#endif
