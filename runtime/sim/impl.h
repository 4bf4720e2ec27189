/* impl.h: what the files of the simulator share: a run. */
#ifndef AF_SIM_IMPL_H
#define AF_SIM_IMPL_H

#include "sim/bus_mock.h"
#include "trace/contract.h"
#include "base/failure.h"
#include "sim/faults.h"
#include "script/file_store.h"
#include "loop/loop.h"
#include "party/happened.h"
#include "party/party.h"
#include "script/sequential.h"
#include "sim/sim.h"
#include "trace/trace.h"

struct af_sim_sequential;

/* A node of the network: who runs on it. */
struct af_sim_node {
    char *id;
    struct af_party *party;
    struct af_sim_sequential *sequential;
    struct af_sim *sim;
    uint32_t number;
    bool settled; /* ended, or resting */
    bool down;
    bool failed;   /* raised or failed */
    bool upgrades; /* when it is back */
    bool unseen;   /* invariants cannot be shown it: see upgrade.c */
    double crash;  /* its role's probability */
};

struct af_sim_sequential {
    struct af_sequential run;
    struct af_sim *sim;
    struct af_script *script;
    struct af_sim_node *home;
    struct af_hash seed;
    struct af_timer *back; /* after a crash */
    bool failed, down;
};

struct af_sim_fault { /* of a contract on its way to a node */
    enum af_happening kind;
    uint32_t to;
    struct af_contract *contract;
};

struct af_sim {
    const struct af_sim_options *options;
    struct af_trace *trace;
    struct af_loop *loop;
    struct af_fault_options fault_options; /* a copy: what they point to is the options' */
    struct af_faults faults;
    struct af_bus_mock *bus;
    struct af_file_store *store;
    struct af_script **scripts;
    size_t script_count;
    const struct af_flow *flow; /* NULL: sequential scripts */
    char *name, *task;
    struct af_party_owner owner;

    struct af_sim_node **nodes;
    size_t node_count, node_cap;
    uint32_t *index; /* open addressing over the nodes' IDs: number + 1 */
    size_t index_cap;
    struct af_sim_sequential **sequentials;
    size_t sequential_count;
    struct af_boxes boxes; /* of sequential parties, and of nodes that run none */
    char **interned;       /* task and channel names that contracts borrow */
    size_t interned_count, interned_cap;

    size_t unsettled, down; /* counts of nodes */
    size_t upgraded, unseen;
    uint64_t own_uuids; /* given out, where a schedule is followed */
    bool may_take;      /* … whose step gives a party an input, which it has not taken yet */
    bool migrates;      /* a script that asks for something now is a migration */
    uint64_t steps;
    uint64_t changed_at; /* the step that last gave a party new data, ended it or let it rest */
    uint64_t unexpected;
    bool started;
    bool stopped; /* an invariant broke, or a party cannot be made again */
    bool failed;
    bool *heard; /* AF_SIM_HEARD_MAX times as many: to [i], something has come from [j] */
    struct af_sim_finding *findings;
    size_t finding_count, finding_cap, findings_left_out;
    struct af_sim_cut *cuts;
    struct {
        struct af_buf seen;              /* by the monitors */
        struct af_happenings happenings; /* of the step under way */
        struct af_sim_fault *faults;     /* of the network, which come behind it */
        size_t fault_count, fault_cap;
        uint64_t waiting;  /* properties that wait for their predicate … */
        bool judged;       /* their predicates were asked */
        uint64_t circling; /* … since a loop began */
        bool broke;        /* by this step, which is judged all the same */
    } watch;
    struct af_sim_job *jobs; /* that take their time */
    af_sim_step_fn *on_step;
    void *on_step_arg;
    struct af_failure why;
};

/* nodes.c: a node by its ID, made if it is not there. */
struct af_sim_node *af_sim_node(struct af_sim *sim, const char *id);
struct af_sim_node *af_sim_find_node(const struct af_sim *sim, const char *id);

/* A string that lives as long as the sim. */
const char *af_sim_intern(struct af_sim *sim, const char *text);

void af_sim_note_crash(struct af_sim *sim, const struct af_sim_node *node, int64_t until_ns);

/* findings.c: notes something that is wrong: the run has failed. party: whose ID, or NULL. */
void af_sim_finding(struct af_sim *sim, enum af_sim_finding_kind kind, const char *party,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

void af_sim_findings_free(struct af_sim_finding *findings, size_t count);

/* judge.c: after each step of a node: counts, and invariants, but under a schedule: there they are
 * looked at when its step is over, by af_sim_judge(). */
void af_sim_stepped(struct af_sim *sim, struct af_sim_node *node);
void af_sim_judge(struct af_sim *sim, const struct af_sim_node *node);

/* Whether the run has ended well. */
bool af_sim_is_over(const struct af_sim *sim);

/* Asks who watches the run before each step; false: it is to stop. */
bool af_sim_may_step(struct af_sim *sim);

/* parties.c */
void af_sim_parties_own(struct af_sim *sim);

/* view.c: the script whose invariants are checked now; shows it the node's party. */
struct af_script *af_sim_judging(const struct af_sim *sim);
void af_sim_show(struct af_sim *sim, struct af_sim_node *node);

/* stuck.c: names who has not ended in the trace and among the findings; stuck: nothing moves. */
void af_sim_name_stuck(struct af_sim *sim, bool stuck);

/* scripts.c */
void af_sim_boxes_begin(struct af_sim *sim);
int af_sim_sequential_new(struct af_sim *sim, struct af_script *script, uint32_t member,
                          struct af_sim_node *node, struct af_failure *why);
void af_sim_sequential_free(struct af_sim_sequential *sequential);
void af_sim_sequential_start(struct af_sim_sequential *sequential);
void af_sim_sequential_call(struct af_sim_sequential *sequential,
                            const struct af_script_call *call);
void af_sim_mail(struct af_sim *sim, uint32_t node, struct af_contract *contract_take);

/* handlers.c: called for all parties of all scripts. */
void af_sim_call(void *arg, struct af_script_party *party, const struct af_script_call *call);

/* calls.c: answers with a JSON text, or a failure. */
void af_sim_answer(struct af_sim *sim, struct af_script_party *party, uint64_t call,
                   const char *reply);
void af_sim_refuse(struct af_sim *sim, struct af_script_party *party, uint64_t call,
                   const char *why);

/* Answers those calls that are the same for handlers and scripts: upload, download, launch … ;
 * false if it is none of them. */
bool af_sim_common_call(struct af_sim *sim, const struct af_asked *asked);

/* work.c: how long a program of a node takes, and a file of so many bytes. */
int64_t af_sim_work_ns(struct af_sim *sim, const char *id);
int64_t af_sim_transfer_ns(const struct af_sim *sim, const char *id, size_t bytes);

/* What the trace tells once it is done: party, text, number; kind NULL: nothing. */
struct af_sim_done {
    const char *call, *node; /* who waits for what */
    const char *kind, *what, *text, *measure;
    int64_t number;
};

/* Answers a call once its time is over; all is copied. */
void af_sim_answer_after(struct af_sim *sim, const struct af_asked *asked, int64_t after_ns,
                         const struct af_sim_done *done, const struct af_answer *answer);

/* Forgets what the party (NULL: any) waits for; how long it still has to. */
void af_sim_jobs_withdraw(struct af_sim *sim, const struct af_script_party *party);
int64_t af_sim_job_left_ns(const struct af_sim *sim, const struct af_script_party *party);

/* upgrade.c */
int af_sim_upgrade_load(struct af_sim *sim, struct af_failure *why);
void af_sim_upgrade_start(struct af_sim *sim);
void af_sim_upgrade_node(struct af_sim_node *node); /* whose party is between two transactions */

/* schedule.c */
int af_sim_schedule_begin(struct af_sim *sim, struct af_failure *why); /* once it is loaded */
enum af_sim_outcome af_sim_schedule_run(struct af_sim *sim);           /* once all have started */

/* A contract as it is sent, its own uuid on it. */
struct af_contract *af_sim_schedule_sent(struct af_sim *sim, struct af_contract *contract_take);

/* monitor.c: nothing happens where nothing is watched. */

/* Whether anything is watched, or there are invariants: the world is shown then. */
bool af_sim_watches(const struct af_sim *sim);
void af_sim_watch_begin(struct af_sim *sim); /* before any party starts */
void af_sim_watch_move(struct af_sim *sim);  /* the second version has the say from now on */
void af_sim_watch_free(struct af_sim *sim);

/* After a party's step, which shows it to the world; of the network, by a step or between two. */
void af_sim_watch_stepped(struct af_sim *sim, struct af_sim_node *node);
void af_sim_watch_fault(struct af_sim *sim, enum af_happening kind, uint32_t to,
                        struct af_contract *contract);

/* Asks the predicates, after a step of the node. */
void af_sim_watch_world(struct af_sim *sim, const struct af_sim_node *node);

/* Notes which properties wait when the run "has ended": `how` says that. */
void af_sim_watch_end(struct af_sim *sim, const char *how, uint64_t waiting);

/* cuts.c */
int af_sim_cuts_start(struct af_sim *sim, struct af_failure *why);
void af_sim_cuts_maybe(struct af_sim *sim);
void af_sim_cuts_free(struct af_sim *sim);

#endif
