/* node.h: what `afrun node` is: the parties of a node, kept in one store, each flow in a jailed
 * worker process, with a socket for who operates it.
 *
 * A folder holds the flows that may be launched, one file each. Another holds what the node keeps:
 *
 *     node.db       the parties (store/store.h)
 *     control.sock  where `afrun ctl` asks (control.c)
 *     logs/         one file a task, with older ones as .1 and .2
 *
 * A party whose handler raises, or kills its process three times, is held until it is told to try
 * again; a node that starts again goes on with all of its parties. */
#ifndef AF_NODE_H
#define AF_NODE_H

#include "script/grants.h"
#include "code/trust.h"

#include <stdbool.h>
#include <stdint.h>

struct af_config;
struct af_failure;

struct af_node_options { /* all borrowed */
    const char *node, *bus, *flows, *state;
    const char *key;                /* of what parties keep; NULL: node.db.key in state */
    const char *control;            /* NULL: control.sock in state */
    const char *audit;              /* a log of what was done by whom, or NULL */
    const char *launches;           /* the rules of who may launch what, or NULL: all may */
    const char *metrics;            /* ADDRESS:PORT of its page for Prometheus, or NULL */
    const char *ui;                 /* ADDRESS:PORT of its page for the operator, or NULL */
    const struct af_config *config; /* or NULL */
    struct af_grants grants;        /* what all of its parties may reach */
    struct af_trust trust;          /* who may have signed its flows; no key: whoever */
    bool no_jail;
    bool no_launches;     /* only afrun ctl launches */
    bool no_watch;        /* a changed flow is taken when that is asked for */
    int64_t memory_bytes; /* that a worker may take, where a cgroup counts it */
    int64_t hang_ns;      /* that a worker may be at one delivery */
    int64_t log_bytes;    /* of a task's log, before another is begun */
    int64_t journal_bytes, journal_age_ns;
    int64_t keep_sent_ns; /* how long what the bus has confirmed is kept, and sent again where its
                             server is another; 0: not */
};

/* Runs until SIGTERM or SIGINT: parties stay as they are kept. Returns -1 with *why filled if it
 * cannot start. */
int af_node_run(const struct af_node_options *options, struct af_failure *why);

#endif
