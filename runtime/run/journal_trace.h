/* journal_trace.h: the journal of a party as a trace, for `chart`. */
#ifndef AF_JOURNAL_TRACE_H
#define AF_JOURNAL_TRACE_H

#include "run/about.h"
#include "store/store.h"
#include "trace/trace.h"

/* Gives the lines of the trace (trace/trace.h) to fn(arg, …): what the party took and what it sent.
 * Contents are left out. Returns -1 with *why filled if the journal cannot be read. */
int af_journal_trace(struct af_store *store, const struct af_store_party *party,
                     const struct af_party_about *about, af_trace_line_fn *fn, void *arg,
                     struct af_failure *why);

#endif
