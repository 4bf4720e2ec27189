/* live_impl.h: what the files of the live driver share.
 *
 *   live.c           options → bus, script, members → the run → its result
 *   live_party.c     what a flow's party asks of its owner
 *   live_scripts.c   sequential scripts and roles: links, waiting for events, mock contexts
 *   live_calls.c     the other calls of scripts: files, programs, nodes, the task manager
 *   live_wait.c      what is waited for, told to people
 */
#ifndef AF_LIVE_IMPL_H
#define AF_LIVE_IMPL_H

#include "arena.h"
#include "bus_link.h"
#include "contract.h"
#include "failure.h"
#include "live.h"
#include "loop.h"
#include "party.h"
#include "progress.h"
#include "request.h"

struct af_live_call;
struct af_live_sequential;

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
    struct af_bus *web; /* for http URLs where the bus is local; NULL: not yet */
    struct af_script *script;
    const struct af_flow *flow; /* NULL: a sequential script */
    struct af_arena names;      /* of nodes and tasks, as contracts borrow them */
    char holder[64];

    uint32_t member; /* our own */
    uint32_t role;
    struct af_party_owner owner;
    bool *heard;                           /* of each member: whether anything has come from it */
    struct af_party *party;                /* of a flow … */
    struct af_live_sequential *sequential; /* … or a script */
    struct af_link *link;                  /* of a flow's party */
    struct af_live_call *calls;
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

/* Appends the type of an item's content; false: the content is no JSON object. */
bool af_live_type(const struct af_bus_item *item, struct af_buf *type);

/* ---- live_party.c ---- */
int af_live_party_start(struct af_live *live, struct af_failure *why);

/* ---- live_scripts.c ---- */
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

/* ---- live_calls.c ---- */

/* Called for all parties of the script. */
void af_live_call(void *arg, struct af_script_party *party, const struct af_script_call *call);
void af_live_answer(struct af_live *live, struct af_script_party *party, uint64_t call,
                    const char *reply);
void af_live_refuse(struct af_live *live, struct af_script_party *party, uint64_t call,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Those calls that are the same for handlers and scripts; false: it is none of them. node is who
 * asks, task the party's own or the one that the request names. */
bool af_live_common_call(struct af_live *live, struct af_script_party *party, const char *node,
                         const char *task, const struct af_script_call *call,
                         const struct af_request *request);

/* Tells the task manager, without an answer to the script; a failure is told to people. */
void af_live_note(struct af_live *live, const struct af_bus_note *note);

/* Withdraws all calls that are under way. */
void af_live_calls_cancel(struct af_live *live);

/* ---- live_wait.c ---- */
void af_live_wait_start(struct af_live *live);
void af_live_wait_stop(struct af_live *live);
void af_live_moved(struct af_live *live);                     /* something happened */
void af_live_bus_away(struct af_live *live, const char *why); /* NULL: it is back */

#endif
