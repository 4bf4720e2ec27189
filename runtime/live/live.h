/* live.h: one party for real: of a flow, or a sequential script, on a bus and in real time.
 *
 * Also a script that shares a mock store with other processes (`--mock --shared FILE`): the same,
 * on a local bus, under the names that its mock contexts give it. */
#ifndef AF_LIVE_H
#define AF_LIVE_H

#include "base/buf.h"
#include "bus/bus.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_bus_member;
struct af_config;
struct af_failure;
struct af_grants;

struct af_live_options { /* all borrowed */
    const char *path;
    const char *bus;  /* its URL */
    const char *node; /* who we are; NULL: a mock context says so */
    const char *role, *task;
    const struct af_bus_member *peers; /* the task's nodes; none: the bus lists them */
    size_t peer_count;
    const struct af_script_arg *args;
    size_t arg_count;
    const struct af_grants *grants;
    const struct af_config *config; /* or NULL */
    const char *state;              /* where the party is kept, or NULL */
    bool mock;                      /* a shared mock store */
    bool allow_fail;
    bool quiet;
    bool no_jail;
    int (*jailed)(unsigned lacks, struct af_failure *why); /* as in worker/host.h, or NULL */
    int interrupt_fd;                                      /* can be read after Ctrl-C; -1: none */
    void (*interrupted)(void); /* called then, on the loop's thread; or NULL */
};

enum af_live_outcome {
    AF_LIVE_RUNNING,
    AF_LIVE_DONE,
    AF_LIVE_FAILED,
    AF_LIVE_INTERRUPTED,
    AF_LIVE_RESTING, /* by Ctrl-C, in a state in which it may end */
};

struct af_live_result {
    enum af_live_outcome outcome;
    char *name, *id;
    char *state;  /* in which it rested, or NULL */
    char *result; /* JSON of a party that is done, or NULL */
    char *reason; /* why it failed, or NULL */
    bool raised;  /* a handler or the script raised: never an outcome */
    uint64_t sent, received, unexpected, late;
    int64_t elapsed_ns;
};

/* Runs it to its end. Findings and waits are told on standard error as they come. Returns 0 with
 * *result filled; -1 with *why filled if it could not be run. */
int af_live_run(const struct af_live_options *options, struct af_live_result *result,
                struct af_failure *why);
void af_live_result_release(struct af_live_result *result);

#endif
