/* host.h: a flow that runs in a jailed process of its own.
 *
 * One worker process runs the parties of one flow file, of any number of tasks. It has a socket to
 * us and nothing else (jail.h), is put into its jail before it sees a byte of the flow, and asks us
 * for the flow's file and its modules. For its owner the worker's tasks are scripts as in
 * script/script.h; all that differs is that a delivery is over later, and that it may be lost with
 * the process:
 *
 *   - af_script_deliver() never calls done() from within.
 *   - The snapshot of a party is kept here, as it came back with its last effects. So parties are
 *     made, restored and looked at without asking the process, which is told of a script and of a
 *     party when the first input for it is delivered. A chunk that raises when it is instantiated
 *     is told by that delivery: AF_OUTCOME_RAISED.
 *   - When the process dies (or hangs, or says what it may not say, and is killed), what it was
 *     given and has not answered ends as AF_OUTCOME_LOST; what was held back waits on. A new
 *     process is started after a pause (0.1 s, doubled up to 30 s while no delivery succeeds), is
 *     given the same bytes of the files, and goes on from the snapshots.
 *   - Of what is lost, `blamed` is set for the one delivery that the process was at.
 *   - Host calls come by the function given to af_script_set_owner(); a call that was under way
 *     when its process died need not be answered, an answer that comes nevertheless is dropped.
 *
 * The process is not trusted: whatever it sends is checked against base/bounds.h, the flow and the
 * task before anyone sees it; one that sends anything else is killed.
 *
 * All callbacks come from the loop, none from within a function below. Any of these functions may
 * be called from any callback. One thread. */
#ifndef AF_SCRIPT_WORKER_H
#define AF_SCRIPT_WORKER_H

#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_code;
struct af_failure;
struct af_loop;
struct af_trust;
struct af_worker;

struct af_worker_spec {
    struct af_loop *loop;
    const char *path;             /* of the flow's file; its modules are below its folder */
    const struct af_code *code;   /* what it runs, whatever stands at path; NULL: what is there */
    const struct af_trust *trust; /* who must have signed it; NULL: nobody. Outlives the worker */
    const char *program;          /* of afrun; NULL: /proc/self/exe */
    const struct af_script_source *source; /* reads files in place of us; NULL: they are read */
    bool alone;   /* it is of one party: it may be a sequential script, and take more memory */
    bool no_jail; /* limits alone, for a kernel that af_jail_supported() refuses */
    int64_t memory_bytes; /* of its cgroup (group.h), where it can have one; 0: it has none */
    int64_t hang_ns;      /* that the process may be at one delivery; 0: AF_WORKER_HANG_NS */
    void *arg;            /* of the callbacks: */

    /* It has jailed itself as far as it could: lacks is of the enum in worker/jail.h. Called for
     * each process, before it is given a byte of the flow; -1 with *why filled ends it. NULL: it
     * must have the filter of system calls, unless no_jail. */
    int (*jailed)(void *arg, unsigned lacks, struct af_failure *why);

    /* The file is loaded (why NULL), or cannot be: a mistake with its line, a process that does not
     * start. Called once. After a failure nothing but af_worker_free() is of use. */
    void (*loaded)(void *arg, struct af_worker *worker, const struct af_failure *why);

    /* The process is gone, in words: "was killed by signal 9". Called each time, after done() of
     * what was lost. May be NULL. */
    void (*died)(void *arg, struct af_worker *worker, const char *text);

    /* What the flow printed while it was loaded, and what is said of the process. May be NULL. */
    void (*log)(void *arg, const char *text);
};

/* Starts a process that loads the file; all of spec is copied. NULL with *why filled if no process
 * can be started. */
struct af_worker *af_worker_start(const struct af_worker_spec *spec, struct af_failure *why);

/* Ends the process; its scripts must be freed before. NULL is allowed. */
void af_worker_free(struct af_worker *worker);

/* The same in two steps, for a process of so much memory that its end takes a while: gone(arg) is
 * called once it has ended, and frees the worker. False: there is no process to wait for. */
bool af_worker_end(struct af_worker *worker, void (*gone)(void *arg), void *arg);

/* A script of its own for one task: af_script_set_task(), parties, af_script_free(). Only when the
 * file is loaded. set_task copies; whether the flow takes the arguments is told by … */
struct af_script *af_worker_script(struct af_worker *worker);

/* … this: checked(arg, why) is called later with what set_task has to say (NULL: nothing; its kind
 * is AF_FAILURE_USAGE for a wrong argument, AF_FAILURE_FLOW if the process died over it), unless
 * the script is freed before. */
typedef void af_worker_checked_fn(void *arg, const struct af_failure *why);
void af_worker_check_task(struct af_script *script, af_worker_checked_fn *checked, void *arg);

/* Two scripts of one task with the same nodes: the texts that stand for these in `from` are those
 * of `to` from here on, for whoever borrowed them. */
void af_worker_pass_names(struct af_script *from, struct af_script *to);

/* The flow and the file, as the process told them; NULL before it is loaded, and of a sequential
 * script there is no flow. Borrowed. */
const struct af_flow *af_worker_flow(const struct af_worker *worker);
const struct af_script_file *af_worker_file(const struct af_worker *worker);

/* Adds the files that it has asked for, the flow's own first. */
void af_worker_code(const struct af_worker *worker, struct af_code *code);

/* The process, or 0 while there is none; how often one was started again. */
int af_worker_pid(const struct af_worker *worker);
uint64_t af_worker_restarts(const struct af_worker *worker);

/* ---- For tests: what machine code in the jail could do. ---- */

/* The process tries what a jail must prevent: attempt number `attempt` of child_probe.c. probed is
 * told what came of it: a negative errno, a result >= 0 (it succeeded), or AF_WORKER_PROBE_KILLED.
 */
#define AF_WORKER_PROBE_KILLED INT64_MIN
typedef void af_worker_probed_fn(void *arg, int64_t result);
void af_worker_probe(struct af_worker *worker, unsigned attempt, af_worker_probed_fn *probed,
                     void *arg);

#endif
