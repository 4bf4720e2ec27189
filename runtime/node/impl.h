/* impl.h: what the files of a node share.
 *
 * Nine of them are one machine, for a flow's process and its parties move each other: flows.c tells
 * who waits that a flow is loaded, or that its process has died (parties.c, launch.c, reload.c);
 * those hold flows and drop them; a party that leaves has its hands dropped (hand.c) and the folder
 * looked at (watch.c), which reloads; a reload takes parties through their trials (trial.c); a
 * launch may wait for an operator (asks.c) and what a check says (verdict.c), and his word is a
 * launch. The other files need these, and none of these needs them. */
#ifndef AF_NODE_IMPL_H
#define AF_NODE_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "code/code.h"
#include "base/failure.h"
#include "node/node.h"
#include "node/rules.h"
#include "run/about.h"
#include "run/run.h"
#include "store/store.h"

#include <stdio.h>

struct af_node_connection;
struct af_request;
struct af_request_field;
struct af_worker;

/* A flow as one file was once: parties of one file may run several. */
struct af_node_flow {
    struct af_node_flow *next;
    struct af_node *node;
    char *file;  /* NAME.lua, whether that stands in the flows folder or a bundle NAME, NAME.afb */
    char *path;  /* of the flow's own file; in a bundle, as if that were a folder */
    char *wants; /* of a bundle: what it asks for, as a JSON list of options; or NULL */
    char *lacks; /* … and what of it is not granted here */
    struct af_code code; /* what it runs; where it comes from the folder, once it is loaded */
    char hash[65];       /* of that; "" before */
    bool kept;           /* its code comes from the store */
    bool bundle;         /* its code is a bundle's, and was read whole before it was loaded */
    struct af_worker *worker;
    bool loaded;
    struct af_failure why; /* that it cannot be loaded */
    int tries;             /* of loading it, over which its process died */
    struct af_timer *again;
    size_t parties; /* that need it */
};

enum af_node_phase {
    AF_NODE_LOADING, /* its flow is being loaded, its nodes asked, its arguments checked */
    AF_NODE_RUNNING, /* or held */
    AF_NODE_LEAVING, /* ended; what it sent is on its way */
    AF_NODE_ENDED,   /* kept for who asks */
    AF_NODE_BROKEN,  /* it cannot go on: why; tried again by `retry` */
    AF_NODE_DROPPED, /* a launch that failed: to be freed */
};

/* Who asked for a launch: told once. why NULL: the party is kept, or (waits) the launch is, until
 * an operator approves it. */
struct af_node_asker {
    void (*done)(void *arg, bool waits, const struct af_failure *why);
    void *arg;
};

struct af_node_launcher {
    struct af_node_asker asker;
    const char *from; /* the node that has it launched, "": not known; NULL: the operator */
    const char *hash; /* of the flow's files, where an operator has approved them; or NULL */
};

struct af_node_party {
    struct af_node_party *next;
    struct af_node *node;
    struct af_arena arena;
    enum af_node_phase phase;
    const char *task;
    struct af_party_about about;
    struct af_store_party kept;
    struct af_node_flow *flow; /* NULL: it needs none any more */
    struct af_script *script;
    struct af_party_run *run;
    uint64_t run_number; /* of that one, among those that it has had */
    uint32_t role, member;
    char holder[AF_RUN_HOLDER_BYTES];
    char code[65], hash[65];     /* of what it went over to: kept.code, about.hash */
    char *why;                   /* of BROKEN, or a bus that refuses it */
    bool code_refused;           /* of BROKEN: what it runs cannot be loaded, whenever tried */
    char *trouble;               /* why the bus is away, or NULL */
    int64_t trouble_ns;          /* since when */
    struct af_node_asker asker;  /* who waits for the launch … */
    const char *from, *approved; /* … and, of its launcher, from and hash */
    bool is_let, asks;           /* by the rules: it may be; once an operator approves it */
    bool names_peers;            /* by the request of the launch */
    int checks;                  /* of its arguments, of a launch */
    struct af_timer *again;      /* of BROKEN by what passes: when it is tried again */
    bool asks_members;           /* once they are checked, as it names no peers */
    struct af_node_hand *hands;  /* what its operator waits for */
    bool reloads;                /* is among those of the reload under way … */
    bool stands;       /* … and stopped for its last trial: as it is then it goes over */
    bool leaves, left; /* of a node that ends: gives back what it has; has done so */
};

struct af_node {
    const struct af_node_options *options;
    struct af_loop *loop;
    struct af_bus *bus;
    struct af_store *store;
    struct af_node_flow *flows, *leaving; /* leaving: their processes end */
    struct af_node_party *parties, **parties_end;
    struct af_node_control *control;
    struct af_node_offers *offers;     /* NULL: not asked for */
    struct af_node_launches *launches; /* the same */
    struct af_node_asks *asks;
    struct af_node_reload *reload; /* the one under way, or NULL */
    struct af_node_watch *watch;
    struct af_node_refusal *refusals;
    struct af_http_server *metrics; /* NULL: not asked for */
    struct af_node_ui *ui;          /* the same */
    struct af_audit *audit;         /* the same */
    /* node.c's: a flow is loaded, or cannot be; the parties of a flow may run another than stands
     * there */
    void (*flow_came)(struct af_node_flow *flow, const struct af_failure *why);
    void (*look)(struct af_node *node);
    int signals;
    bool stopping;
    int64_t stop_by_ns;            /* that drains until then, at most */
    struct af_timer *drain;        /* the next look at how far it is */
    struct af_bus_cluster cluster; /* as the whole of it was seen last … */
    bool has_cluster, looks;       /* … if it was; it is looked at now */
    int64_t began_ns;
    char *store_trouble;
    int64_t last_hand; /* numbers of what operators do to parties, below 0 */
};

/* ---- audit.c ---- */

struct af_node_deed { /* all borrowed; NULL: none, not known */
    const char *who, *from, *what, *task, *flow;
};

/* Whether what is about to be done can be logged; true where nothing is. Else *why says so. */
bool af_node_audit_is_ready(struct af_node *node, struct af_failure *why);

/* Logs what was done, or (why is not NULL) refused. */
void af_node_audit(struct af_node *node, const struct af_node_deed *deed,
                   const struct af_failure *why);

/* Who is at the other end of the control socket: "user 1000". */
#define AF_NODE_WHO_BYTES 24
void af_node_audit_user(int fd, char who[AF_NODE_WHO_BYTES]);

/* ---- flows.c ---- */

/* The flow of a file in the flows folder as it is now, being loaded if it was not. NULL with *why
 * filled: a name that is none, no such file, no process. One more party needs it. */
struct af_node_flow *af_node_flow_hold(struct af_node *node, const char *file,
                                       struct af_failure *why);

/* The same of code that the store keeps. */
struct af_node_flow *af_node_flow_hold_kept(struct af_node *node, const char *file,
                                            const char *hash, struct af_failure *why);

/* "fed_avg", "fed_avg.afb" → "fed_avg.lua"; the caller frees it. */
char *af_node_flow_file(const char *name);

/* What stands in the folder for a flow's file: the path of it, or of a bundle, which the caller
 * frees. NULL with *why filled: nothing does, or more than one. */
char *af_node_flow_standing(const struct af_node *node, const char *file, struct af_failure *why);

/* What tells all that might stand there from what does another time. */
#define AF_NODE_STAMP_BYTES 193
void af_node_flow_stamp(const struct af_node *node, const char *file,
                        char stamp[AF_NODE_STAMP_BYTES]);

/* Whether it may run where the newest version that is kept here has run. */
int af_node_flow_may_follow(const struct af_node_flow *flow, struct af_failure *why);

/* Whether it is what stands in the folder. */
bool af_node_flow_is_current(const struct af_node_flow *flow);

/* The number of the key that signed it, where it had to be signed; else "". */
void af_node_flow_signer(const struct af_node_flow *flow, char number[AF_TRUST_NUMBER_BYTES]);

/* Keeps its code in the store. */
struct af_store_code af_node_flow_code(const struct af_node_flow *flow);

/* One more needs it, until af_node_flow_drop(); both take NULL for none. */
struct af_node_flow *af_node_flow_share(struct af_node_flow *flow);
void af_node_flow_drop(struct af_node_flow *flow);
void af_node_flows_free(struct af_node *node);

/* ---- member.c ---- */

/* A script of a flow for a party's task; NULL with *why filled: the party does not fit it. */
struct af_script *af_node_party_script(const struct af_node_party *party,
                                       const struct af_node_flow *flow, uint32_t *member,
                                       uint32_t *role, struct af_failure *why);

/* ---- parties.c ---- */
struct af_node_party *af_node_party_new(struct af_node *node, const char *task);
struct af_node_party *af_node_party_find(struct af_node *node, const char *task);
void af_node_party_free(struct af_node_party *party); /* and takes it out of the list */

/* The flow of one that is in the store is loaded, or cannot be. */
void af_node_party_loaded(struct af_node_party *party, const struct af_failure *why);

/* Goes on with what the store holds; called once, at the start. */
int af_node_resume(struct af_node *node, struct af_failure *why);

/* What the store could not tell at a start may pass: waits, and clears *why; false: it has for a
 * second. */
bool af_node_start_again(int tries, struct af_failure *why);

/* Makes the script of a party whose flow is loaded, for its task. */
int af_node_party_prepare(struct af_node_party *party, struct af_failure *why);

/* Ends what runs of a party, and has it go on from the store with a flow, which it holds from here
 * on, and a script of af_node_party_script(). */
void af_node_party_move(struct af_node_party *party, struct af_node_flow *flow,
                        struct af_script *script, uint32_t member, uint32_t role);

/* Has it go over to a version where it is, once the store has it so (run/run.h); it holds the flow
 * from here on. What it leaves is the caller's, to be freed at leisure. */
struct af_node_left {
    struct af_node_flow *flow;
    struct af_script *script;
    struct af_script_party *party;
};
struct af_node_left af_node_party_put_over(struct af_node_party *party, struct af_node_flow *flow,
                                           const struct af_party_run_over *over);
void af_node_left_free(struct af_node_left *left); /* zeroed: nothing is left */

/* Runs a party whose row is in the store. */
void af_node_party_run(struct af_node_party *party);
void af_node_party_break(struct af_node_party *party, const struct af_failure *why);

/* The type of a JSON text; "object, 12 bytes": of what a party that is done has come to. */
const char *af_node_type_of(const char *json);
void af_node_party_result(const struct af_node_party *party, struct af_buf *out);

/* Has it go on where it is held or broken; -1 with *why filled: it is not. */
int af_node_party_retry(struct af_node_party *party, struct af_failure *why);
int af_node_party_stop(struct af_node_party *party, struct af_failure *why);

/* Whether it goes to its end by itself: it was told to, or its last step is kept, and the others
 * are told. */
bool af_node_party_is_ending(const struct af_node_party *party);
bool af_node_party_has_ended(const struct af_node_party *party); /* … or has come to it */

/* Forgets one that has ended or is broken, with its journal and log; it is freed. */
int af_node_party_forget(struct af_node_party *party, struct af_failure *why);

/* ---- hand.c: each answers the connection, once it is kept ---- */

/* Gives the party an event from outside: its type, and its fields as a JSON object. */
void af_node_hand_send(struct af_node_party *party, struct af_node_connection *connection,
                       const char *type, const char *json);

/* Has it take nothing until it goes on. */
void af_node_hand_pause(struct af_node_party *party, struct af_node_connection *connection,
                        bool pauses);

/* It stands no more: events that waited for that are looked at. */
void af_node_hands_go_on(struct af_node_party *party);

/* For its run's owner. */
void af_node_hand_kept(void *arg, int64_t number);

/* Its run ends: what is not on its way to the disk is refused. */
void af_node_hands_drop(struct af_node_party *party);

/* ---- launch.c ---- */
struct af_node_ask;

/* Launches a party, where the rules let it; all is copied. Of the request's fields "role" and
 * "peers" may be absent: as the bus lists the task's nodes. */
void af_node_launch(struct af_node *node, const struct af_node_launcher *launcher,
                    const struct af_request *request);
void af_node_launch_loaded(struct af_node_party *party, const struct af_failure *why);

/* Launches what waited and is approved, if its flow's files are those that were shown; else it
 * waits again. */
void af_node_launch_approved(struct af_node *node, const struct af_node_ask *ask,
                             struct af_node_asker asker);

/* ---- launches.c ---- */
int af_node_launches_begin(struct af_node *node, struct af_failure *why);
void af_node_launches_free(struct af_node *node);
void af_node_launches_ask(struct af_node *node); /* reads the file again */

/* Why the file that stands there now is not taken; NULL: it is, or there is none. Borrowed. */
const char *af_node_launches_wrong(const struct af_node *node);

/* What becomes of a launch whose role is known; of a refusal *why says which line says so. */
enum af_node_answer af_node_launches_say(const struct af_node_party *party, struct af_failure *why);

/* ---- asks.c ---- */

/* Goes on with what the store holds, once parties are there. */
int af_node_asks_begin(struct af_node *node, struct af_failure *why);
void af_node_asks_free(struct af_node *node); /* once what it asked of the bus has ended */

/* Whether one more may wait; has a launch that was checked wait, which is on the disk then. -1 with
 * *why filled. */
int af_node_asks_may(const struct af_node_party *party, struct af_failure *why);
int af_node_ask(struct af_node_party *party, struct af_failure *why);

/* The one of a task, or NULL; the file of its flow. Borrowed. */
struct af_node_ask *af_node_ask_find(const struct af_node *node, const char *task);
const char *af_node_ask_flow(const struct af_node_ask *ask);

/* What it was launched with: who it is from (NULL: the operator) and its files' hash; borrowed. */
const struct af_request *af_node_ask_request(const struct af_node_ask *ask, const char **from,
                                             const char **hash);

/* Says that none waits of that task, and which do. */
void af_node_asks_near(const struct af_node *node, const char *task, struct af_failure *why);

/* Removes it. -1 with *why filled: nothing has changed. */
int af_node_ask_refuse(struct af_node *node, struct af_node_ask *ask, struct af_failure *why);

/* The task has a party: if a launch of it waits, it does no more. */
void af_node_ask_over(struct af_node *node, const char *task);

/* Appends those of a task (NULL: all), a list as JSON; how many wait. */
void af_node_asks_list(const struct af_node *node, const char *task, struct af_buf *out);
size_t af_node_asks_count(const struct af_node *node);

/* ---- verdict.c ---- */

struct af_node_verdict;

/* In a word: "fine", "bounded" (nothing was found as far as it came), "violation", or "none"; and
 * why. */
typedef void af_node_verdict_fn(void *arg, const char *word, const char *text);

/* Checks what stands in the flows folder for a file, so many of each role ("a=1,b=1"), with a
 * request's arguments. done is called once, later, unless it is cancelled. NULL with *why filled:
 * it cannot be begun. */
struct af_node_verdict *af_node_verdict_begin(struct af_node *node, const char *file,
                                              const char *sizes,
                                              const struct af_request_field *args,
                                              af_node_verdict_fn *done, void *arg,
                                              struct af_failure *why);
void af_node_verdict_cancel(struct af_node_verdict *verdict); /* NULL is allowed */

/* ---- offers.c ---- */

/* Takes launches from the service until the node ends. */
void af_node_offers_begin(struct af_node *node);
void af_node_offers_free(struct af_node *node);

/* Those that came to nothing, the last of them: a list as JSON. */
void af_node_offers_refused(const struct af_node *node, struct af_buf *out);

/* ---- reload.c ---- */

struct af_node_reload_how {
    bool dry_run, restart_waiting;
    bool back;       /* to the version before */
    int64_t wait_ns; /* for handlers that wait */
};

/* Told once: what was done as JSON, or why nothing was. */
struct af_node_reloader {
    void (*done)(void *arg, const char *json, const struct af_failure *why);
    void *arg;
};

/* Brings the parties of a file to what stands in the folder. */
void af_node_reload(struct af_node *node, const char *file, const struct af_node_reload_how *how,
                    struct af_node_reloader reloader);
void af_node_reload_loaded(struct af_node_flow *flow, const struct af_failure *why);
void af_node_reload_end(struct af_node *node); /* which ends: refuses what has not gone over */
void af_node_reload_free(struct af_node *node);

/* ---- refusals.c ---- */

/* A reload was refused, or (why NULL) made: for status, and so that it is not tried again before
 * the file changes. code: what was refused; busy: the party whose handler was why, so that it is
 * tried again once that has ended; both may be NULL. */
void af_node_refusal_note(struct af_node *node, const char *file, const struct af_code *code,
                          const struct af_node_party *busy, const struct af_failure *why);

/* The same for a version that ran and from which the operator went back; and whether it stands in
 * the folder still. */
void af_node_refusal_leave(struct af_node *node, const char *file, const struct af_code *code,
                           int64_t version);
bool af_node_refusal_is_left(const struct af_node *node, const char *file);

/* What was refused and stands so still: a list as JSON. */
void af_node_refusals_list(const struct af_node *node, struct af_buf *out);

/* Forgets those whose file is again what is run; whether some are by a handler that was busy. */
bool af_node_refusals_forget_mended(struct af_node *node);

/* Whether what was refused of a file stands there still, and so does what refused it; whether it
 * stands there and a handler's being busy refused it. */
bool af_node_refusal_stands(const struct af_node *node, const char *file);
bool af_node_refusal_is_by_handler(const struct af_node *node, const char *file);
void af_node_refusals_free(struct af_node *node);

/* ---- watch.c ---- */
int af_node_watch_begin(struct af_node *node, struct af_failure *why);
void af_node_watch_free(struct af_node *node);
void af_node_watch_look(struct af_node *node); /* now */
void af_node_watch_ask(struct af_node *node);  /* now, and even where nobody watches */

/* ---- status.c ---- */

/* data: with results as they are, not only their types and sizes; cluster: NULL: not known. */
void af_node_status(struct af_node *node, const char *task, bool data,
                    const struct af_bus_cluster *cluster, struct af_buf *out);

/* What it keeps, as an answer: secrets are shown as veil.h does. */
void af_node_party_data(const struct af_node_party *party, struct af_buf *out);

/* What a party is at, in a word or two. */
const char *af_node_party_word(const struct af_node_party *party);

/* ---- ui.c ---- */

/* Begins the page, if one is asked for. Returns -1 with *why filled: its address is none. */
int af_node_ui_begin(struct af_node *node, struct af_failure *why);
void af_node_ui_free(struct af_node *node);

/* ---- metrics.c ---- */
int af_node_metrics_open(struct af_node *node, struct af_failure *why);

/* ---- logs.c ---- */
void af_node_log(struct af_node *node, const char *task, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void af_node_log_text(struct af_node *node, const char *task, const char *text, size_t len);
void af_node_log_forget(const struct af_node *node, const char *task);
char *af_node_log_path(const struct af_node *node, const char *task);

/* ---- control.c ---- */
int af_node_control_open(struct af_node *node, struct af_failure *why);

/* ---- socket.c ---- */
void af_node_socket_close(struct af_node *node);

/* Answers a request, once: an object that has "ok"; or what went wrong. */
void af_node_answer(struct af_node_connection *connection, const char *json, size_t len);
void af_node_answer_failure(struct af_node_connection *connection, const struct af_failure *why);

#endif
