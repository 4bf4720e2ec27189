/* replay.h: a recorded run, run again and compared record by record. */
#ifndef AF_REPLAY_H
#define AF_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

struct af_failure;
struct af_trace_memory;

struct af_replay_options {
    const char *trace_path; /* for messages, and to look for the flow beside it */
    const char **files;     /* the flow, or scripts; none: looked for by the trace's names */
    size_t file_count;
    const char *key; /* of a store, whose secrets it opens; NULL: the store's own */
    bool json;       /* tell the result as one object */
    bool step;       /* stop before each step, and take commands from standard input */
};

/* Replays. Returns 0 if all was the same; 1 if the run now goes otherwise, told on standard error;
 * -1 with *why filled if it could not be replayed. */
int af_replay(const struct af_trace_memory *trace, const struct af_replay_options *options,
              struct af_failure *why);

#endif
