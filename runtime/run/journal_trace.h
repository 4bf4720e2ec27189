/* journal_trace.h: the journal of a party as a trace, for `chart`. */
#ifndef AF_JOURNAL_TRACE_H
#define AF_JOURNAL_TRACE_H

#include "run/about.h"
#include "store/store.h"
#include "trace/trace.h"

/* Where a trace goes on. */
struct af_journal_place {
    int64_t seq;  /* of the last entry that was given, -1: not begun */
    int64_t t_ns; /* the time of its lines */
    bool stays;   /* where nothing more is there and the party has not ended, it does not end */
    bool is_over; /* set: nothing will follow */
};

/* Gives the next lines of the trace (trace/trace.h) to fn(arg, …), those of at most max entries:
 * what the party took and what it sent, with its header before and its end behind all; and sets
 * *place behind them. Contents are left out. Returns -1 with *why filled if the journal cannot be
 * read. */
int af_journal_trace(struct af_store *store, const struct af_store_party *party,
                     const struct af_party_about *about, struct af_journal_place *place,
                     int64_t max, af_trace_line_fn *fn, void *arg, struct af_failure *why);

#endif
