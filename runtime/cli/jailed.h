/* jailed.h: a command that runs flows by itself jails itself before the first line of one.
 *
 * af_jailed_begin() forks a broker (base/broker.h), which alone opens files of the flow and runs
 * programs, by what the command line grants; af_jailed_enter() gives up everything else
 * (worker/jail.h). What the command needs besides is open by then: traces, and its jobs. */
#ifndef AF_JAILED_H
#define AF_JAILED_H

#include "base/broker.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct af_failure;
struct af_grants;

/* What flows of a command may have done for them. */
struct af_jailed_spec {
    const char *const *flows; /* as they were named */
    size_t flow_count;
    bool any_lua;                   /* also flows that are named while it runs: tests */
    const struct af_grants *grants; /* NULL: nothing */
    const char *output;             /* a file that is begun while it runs, or NULL */
    af_broker_fn *check;            /* does AF_BROKER_CHECK; NULL: nobody asks */
};

/* All that is pointed to lives on. Returns -1 with *why filled. */
int af_jailed_begin(const struct af_jailed_spec *spec, struct af_failure *why);

/* Begins ahead of the command, for one flow. The af_jailed_begin() that follows has nothing left to
 * do; it fails if it is for another flow, or for what this one did not name. */
int af_jailed_begin_early(const struct af_jailed_spec *spec, struct af_failure *why);

/* jobs: processes that it may interrupt. Returns -1 with *why filled where --require-jail is given
 * and the system has less than the whole. */
int af_jailed_enter(const pid_t *jobs, size_t job_count, struct af_failure *why);

/* In a job, which begins once that has not failed, and says nothing of its own. */
void af_jailed_enter_job(void);

/* Both. */
int af_jailed(const struct af_jailed_spec *spec, struct af_failure *why);

/* For a process beside this one that has jailed itself as far as it could (worker/host.h), as if it
 * were this: what it lacks. Whether it is to jail itself. */
int af_jailed_beside(unsigned lacking, struct af_failure *why);
bool af_jailed_is_off(void);

/* Says with -v what of the grants leads out of the jail. */
void af_jailed_tell_grants(const struct af_grants *grants);

/* Adds `jail` to an answer, once it was entered: which walls stand. */
struct af_buf;
void af_jailed_add(struct af_buf *out);

/* Setters of options: neither jail nor broker; all of it, or none runs. */
int af_jailed_set_off(void *field, const char *value, struct af_failure *why);
int af_jailed_set_required(void *field, const char *value, struct af_failure *why);

/* Rows of every command that jails itself, for a section of its help. */
#define AF_JAILED_OPTS(heading)                                                                    \
    {"no-jail",                                                                                    \
     0,                                                                                            \
     NULL,                                                                                         \
     "run flows without a jail, as for a debugger",                                                \
     heading,                                                                                      \
     .set = af_jailed_set_off,                                                                     \
     .excludes = "require-jail"},                                                                  \
    {                                                                                              \
        "require-jail", 0, NULL,                                                                   \
            "run nothing (status 3) where the system lacks a part of the jail", heading,           \
            .set = af_jailed_set_required                                                          \
    }

#endif
