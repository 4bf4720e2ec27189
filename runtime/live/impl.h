/* impl.h: what the files of the live driver share.
 *
 *   live.c           options → bus, script, members → the run → its result
 *   flow.c      the file, in a worker process
 *   party.c     a flow's party
 *   state.c     --state: the party in a store of its own
 *   reload.c    its flow as it was committed, and as its file is now
 *   scripts.c   sequential scripts and roles: a link for each task and channel
 *   replay.c    what a party has kept, played again
 *   wait.c      what is waited for, told to people
 */
#ifndef AF_LIVE_IMPL_H
#define AF_LIVE_IMPL_H

#include "base/arena.h"
#include "bus/link.h"
#include "run/calls.h"
#include "code/code.h"
#include "base/failure.h"
#include "live/live.h"
#include "loop/loop.h"
#include "run/run.h"
#include "base/progress.h"
#include "script/request.h"
#include "store/store.h"
#include "worker/host.h"

struct af_live_sequential;

/* A flow or a script, as it is loaded. */
struct af_live_flow {
    struct af_live *live;
    char *path;          /* of its file */
    struct af_code code; /* that it was loaded from, or is while it is not over */
    char hash[65];       /* … once it is loaded */
    struct af_script_source source;
    struct af_worker *worker;
    struct af_script *script; /* NULL: it is not loaded */
    bool is_over;
    struct af_failure why; /* it cannot be loaded */
    void (*then)(void *arg);
    void *arg;
};

/* What people are told of waits. */
struct af_live_wait {
    struct af_progress progress;
    struct af_timer *timer;
    int64_t since_ns;   /* when something last happened */
    int64_t told_ns;    /* when a wait was last told of, 0: not since then */
    int64_t trouble_ns; /* since when the bus is away; -1: it is not */
};

struct af_live {
    const struct af_live_options *options;
    struct af_loop *loop;
    struct af_bus *bus;
    struct af_store *store;      /* of --state, or NULL */
    struct af_store_party *kept; /* the party in it */
    struct af_live_reload *reload;
    struct af_live_flow *of;    /* what is run: */
    struct af_script *script;   /* … its */
    const struct af_flow *flow; /* NULL: a sequential script */
    struct af_arena names;      /* of nodes and tasks, as contracts borrow them */
    char holder[AF_RUN_HOLDER_BYTES];

    uint32_t member; /* our own */
    uint32_t role;
    struct af_party_run *run;              /* of a flow … */
    struct af_live_sequential *sequential; /* … or a script */
    struct af_calls *calls;                /* of a script */
    struct af_live_wait wait;
    struct af_timer *members_again;

    bool ended;     /* the party has … */
    bool ending;    /* … and what it sent is on its way */
    size_t leaving; /* links that have not left yet, and one while they are asked */
    bool over;
    bool interrupted;
    struct af_live_result *result;
    struct af_failure why; /* of a bus that refuses us */
};

/* ---- live.c ---- */

/* Runs this from here on; it is the run's. There is no party of the old one. */
void af_live_use(struct af_live *live, struct af_live_flow *of);

/* A string that lives as long as the run. */
const char *af_live_name(struct af_live *live, const char *text);

/* Something is wrong, for people. */
void af_live_tell(struct af_live *live, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The party or script has ended: once what it sent is confirmed, the run is over. */
void af_live_end(struct af_live *live, enum af_live_outcome outcome);

/* What a link of ours tells: came is the kind's own. */
typedef void af_live_came_fn(void *arg, struct af_link *link, const struct af_bus_item *item);
struct af_link_owner af_live_link_owner(struct af_live *live, af_live_came_fn *came);

/* Ends the run, once the party has ended and all that it sent is confirmed. */
void af_live_leave_when_sent(struct af_live *live);

/* ---- party.c ---- */
int af_live_party_start(struct af_live *live, struct af_failure *why);

/* ---- scripts.c ---- */
int af_live_sequential_start(struct af_live *live, struct af_failure *why);
void af_live_sequential_call(struct af_live_sequential *sequential,
                             const struct af_script_call *call);
void af_live_sequential_stop(struct af_live_sequential *sequential, const char *reason);
void af_live_sequential_free(struct af_live_sequential *sequential);

/* All that a link sent is confirmed; or the bus refuses it: true if the script is told. */
void af_live_sequential_sent(struct af_live_sequential *sequential, struct af_link *link);
bool af_live_sequential_refused(struct af_live_sequential *sequential, struct af_link *link,
                                const char *why);

/* Calls each(link, arg), unless NULL, for each of its links; returns how many there are. */
size_t af_live_sequential_links(struct af_live_sequential *sequential,
                                void (*each)(struct af_link *link, void *arg), void *arg);
size_t af_live_sequential_unsent(const struct af_live_sequential *sequential);
const char *af_live_sequential_node(const struct af_live_sequential *sequential);
const char *af_live_sequential_waits(struct af_live_sequential *sequential);

/* ---- state.c ---- */
int af_live_state_open(struct af_live *live, struct af_failure *why);

/* Keeps a party that is to start: live->kept. */
int af_live_state_begin(struct af_live *live, struct af_failure *why);

/* Reads it again: live->kept. */
int af_live_state_read(struct af_live *live, struct af_failure *why);

/* Starts the party that was kept. */
int af_live_state_go_on(struct af_live *live, struct af_failure *why);

/* ---- flow.c ---- */

/* Begins to load the file that was named, from code (NULL, or left empty: it is read); what is not
 * in it, from the folder. then(arg), unless it is NULL, is called once is_over. NULL with *why
 * filled where it cannot begin. */
struct af_live_flow *af_live_flow_begin(struct af_live *live, struct af_code *code_take,
                                        void (*then)(void *arg), void *arg, struct af_failure *why);

/* Waits until it is loaded, or -1 with *why filled. Not from a callback of the loop. */
int af_live_flow_wait(struct af_live_flow *of, struct af_failure *why);
void af_live_flow_free(struct af_live_flow *of);

/* ---- reload.c ---- */

/* Before the flow is loaded: a SIGHUP from here on waits until it can be heeded. */
void af_live_reload_expect(void);

int af_live_reload_open(struct af_live *live, struct af_failure *why);
void af_live_reload_look(struct af_live *live); /* whether the file is another than what runs */
void af_live_reload_free(struct af_live *live);

/* Has the kept party run what the file is now, if it may; else what it ran. Before it starts. */
int af_live_reload_start(struct af_live *live, struct af_failure *why);

/* ---- wait.c ---- */
void af_live_wait_start(struct af_live *live);
void af_live_wait_stop(struct af_live *live);
void af_live_moved(struct af_live *live);                     /* something happened */
void af_live_bus_away(struct af_live *live, const char *why); /* NULL: it is back */

#endif
