/* replay.h: parties that are kept, played again: the journal of each is fed, in its order, to a
 * party of the same code, with the same chance and the same answers of the outside;
 * what it does at each step must be what was kept. */
#ifndef AF_LIVE_REPLAY_H
#define AF_LIVE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct af_failure;

struct af_live_replayed { /* of one party; texts are borrowed */
    const char *task, *node, *role, *flow;
    int64_t version;
    int64_t steps;      /* that were the same */
    int64_t differs_at; /* the number of the step that is not, 0: none */
    const char *input;  /* of that step: "event 'sync' from i" */
    const char *what;   /* differs: "its state" … */
    const char *recorded, *now;
    const char *ends; /* why not all of the journal could be played, or NULL */
};

struct af_live_replay_spec {
    const char *flow; /* what they run; NULL: what is kept with them */
    const char *key;  /* the file that opens what is sealed; NULL: that of the store, and ".key" */
    int (*jail)(struct af_failure *why); /* before the flow is loaded, in the process that plays */
    void (*each)(void *arg, const struct af_live_replayed *party);
    void *arg;
};

/* Calls each(arg, …) for every party of a store. Each is played in a process of its own, which has
 * nothing of the store but what was kept of that party. Returns -1 with *why filled if the store or
 * the flow cannot be read. */
int af_live_replay(const char *path, const struct af_live_replay_spec *spec,
                   struct af_failure *why);

#endif
