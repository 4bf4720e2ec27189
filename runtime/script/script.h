/* script.h: what a script must offer, in plain bytes.
 *
 * A flow file is loaded once; a party of one of its roles is (state name, data as JSON). An owner
 * (the simulator, the checker, a node …) delivers one input to a party and is given the effects of
 * that transaction; nothing has happened before it applies them. What a script waits for, or learns
 * from outside, goes the other way, as a call that the owner answers, at once or later.
 *
 * Nothing here is a pointer into the script's own world: all of it can be written to a socket. So a
 * script may run here (bindings/ implements that) or in a process of its own that nobody need trust
 * (worker/host.h), and the functions below are the same for both: driver.h says how. What
 * only a simulation asks for (interrupts, invariants) is for scripts that run here. One thread. */
#ifndef AF_SCRIPT_H
#define AF_SCRIPT_H

#include "base/buf.h"
#include "base/facts.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;
struct af_script;
struct af_script_party;

/* ---- What a file describes. ---- */

enum af_disposition {
    AF_EVENT_UNEXPECTED,
    AF_EVENT_HANDLED,
    AF_EVENT_DEFERRED,
    AF_EVENT_IGNORED,
};

struct af_flow_line {
    int number;       /* 0: unknown */
    const char *file; /* of a module, as it is in messages; NULL: the flow's own */
};

struct af_flow_event {
    const char *type;
    size_t type_len;
    bool predefined;
    struct af_flow_line line; /* where it is declared */
    const char *fields;       /* a line each, with what is in it: "current_round: integer", "hint:
                                 string?" for one that may be absent, "participants[]: string", "key:
                                 secret bytes" for one that nobody is shown (trace/veil.h) */
};

struct af_flow_state {
    const char *name;
    struct af_flow_line line;
    bool may_end;
    bool has_after;
    uint8_t *events;            /* an enum af_disposition for each of the flow's events */
    struct af_flow_line *lines; /* … and where its handler is; that of the state, if it has none */
    bool *always;               /* … and whether the row is one of every state; NULL: none is */
    const char **timeouts;
    size_t timeout_count;
};

struct af_flow_role {
    const char *name;
    struct af_flow_line line;
    bool sequential;   /* a plain function: no states */
    size_t mock_count; /* how many of it a mock run has by default */
    struct af_flow_state *states;
    size_t state_count;
};

enum af_watched_kind { AF_WATCHED_MONITOR, AF_WATCHED_EVENTUALLY, AF_WATCHED_LEADS_TO };

struct af_flow_watched { /* what is watched of a run over time */
    enum af_watched_kind kind;
    const char *name;
    struct af_flow_line line;
};

struct af_flow {
    const char *name;
    int64_t version;
    bool report_failure;
    bool has_invariants;
    struct af_flow_watched *watched; /* monitors, then the others; not of a worker process's flow */
    size_t watched_count, monitor_count;
    int initiator; /* the role of the platform's initiator, or -1 */
    struct af_flow_role *roles;
    size_t role_count;
    struct af_flow_event *events;
    size_t event_count;
};

/* ---- Loading. ---- */

struct af_script_file {
    const char *name; /* base name, as it is in messages and traces */
    char hash[65];    /* SHA-256 of its bytes, hexadecimal */
};

/* Loads a file, or the flow of a bundle (code/bundle.h). A flow file is run to its `return
 * af.flow{…}`; any other file is a sequential script, which stands at its first call to the outside
 * until it is started. Returns NULL with *why filled: the file cannot be read, is no text, does not
 * compile, raises, or its flow has a mistake. */
struct af_script *af_script_load(const char *path, struct af_failure *why);

/* Where the bytes of a script's file come from, and of the modules that it requires, whose paths
 * begin with its folder. */
struct af_script_source {
    /* Appends the bytes of a file to out. Returns 0, or -1 with *why (may be NULL) filled. */
    int (*read)(void *arg, const char *path, struct af_buf *out, struct af_failure *why);
    void *arg; /* borrowed, as the source is copied */
};

/* Makes, ahead of time, the state that the next file is loaded into. */
void af_script_ready(void);

/* The same from elsewhere than the file system; source NULL: from there. */
struct af_script *af_script_load_from(const char *path, const struct af_script_source *source,
                                      struct af_failure *why);

/* The same from the code of a bundle, which is copied, and from nowhere else; flow: as
 * af_bundle_open() says it. NULL as well if it is not the flow of its manifest. */
struct af_code;
struct af_script *af_script_load_bundle(const char *flow, const struct af_code *code,
                                        struct af_failure *why);

/* What the script requires from here on is read from the file system. */
void af_script_source_ends(struct af_script *script);

/* The memory that a script's state may take in all; AF_SCRIPT_STATE_BYTES_MAX before. */
void af_script_limit_memory(struct af_script *script, size_t bytes);

void af_script_free(struct af_script *script);

/* NULL for a sequential script. Borrowed, lives as long as the script. */
const struct af_flow *af_script_flow(const struct af_script *script);

/* The flow's roles as JSON, for who draws them: of each state on what it does something, where that
 * stands and, as far as the flow says it, leads (scripts/af/flow.lua, outline). For scripts that
 * run here. The caller frees it; NULL with *why filled for want of the script's memory. */
char *af_script_outline(struct af_script *script, struct af_failure *why);

/* Whether a script has turned out to be a flow whose file draws chance, asks for the time or waits
 * while it is loaded: its error is one of the file. */
bool af_script_flow_too_late(const struct af_script *script);
const struct af_script_file *af_script_file(const struct af_script *script);

/* The SHA-256 of a file's bytes, hexadecimal; of a bundle, those of the flow's own. Returns -1 if
 * it cannot be read. */
int af_script_hash_file(const char *path, char hash[65]);

/* The index of an event type that the flow knows, or -1. */
int af_flow_find_event(const struct af_flow *flow, const char *type, size_t len);
int af_flow_find_role(const struct af_flow *flow, const char *name);

/* Says in *why, about `what`, that the flow has no such role, and which it has. Returns -1. */
int af_flow_refuse_role(const struct af_flow *flow, const char *name, const char *what,
                        struct af_failure *why);
int af_flow_find_state(const struct af_flow_role *role, const char *name);

/* "flow.lua:12", or the file alone where the line is not known (0): a role without a function has
 * none. Returns to. */
#define AF_FLOW_PLACE_BYTES 300
const char *af_flow_place(const char *file, struct af_flow_line line, char *to, size_t size);

/* A name of any of these: not NULL nor empty, at most AF_SCRIPT_NAME_BYTES_MAX bytes, UTF-8, no
 * control characters. */
bool af_flow_is_name(const char *text);

struct af_script_arg {
    const char *name;
    const char *value; /* as typed: a string as it is, anything else as JSON */
};

/* A node of the task: party:nodes() lists them in this order. */
#define AF_ROLE_UNKNOWN UINT32_MAX /* of another node: party:nodes(role) raises then */
struct af_script_member {
    const char *id;
    uint32_t role;
};

/* Says what all parties of the script share; before any party is made. All is copied. Returns -1
 * with *why filled for an argument that the flow does not take, or of the wrong type. */
int af_script_set_task(struct af_script *script, const char *task_id,
                       const struct af_script_member *members, size_t member_count,
                       const struct af_script_arg *args, size_t arg_count, struct af_failure *why);

/* Where a handler asked for the time first, as file:line; "" if none has. Of a script in a worker
 * process nothing is known. Borrowed. */
const char *af_script_asked_time(const struct af_script *script);

/* Those members, borrowed. */
const struct af_script_member *af_script_members(const struct af_script *script, size_t *count);

/* ---- Calls from a script to the outside. ---- */

struct af_script_call {
    uint64_t id;         /* for af_script_answer() */
    const char *name;    /* "upload", "download", "next_event" … */
    const char *request; /* JSON */
    size_t request_len;
    const void *bytes; /* what does not fit JSON, or NULL */
    size_t bytes_len;
    struct af_hash key; /* of this call: the same when its input is delivered again */
};

/* Must be answered by af_script_answer(), from within or later. The call is borrowed. */
typedef void af_script_call_fn(void *owner, struct af_script_party *party,
                               const struct af_script_call *call);
void af_script_set_owner(struct af_script *script, af_script_call_fn *call, void *owner);

struct af_answer {
    const char *reply; /* JSON; NULL: null */
    size_t reply_len;
    const void *bytes; /* or NULL */
    size_t bytes_len;
    const char *failure; /* not NULL: why not, in words; the script's call raises it */
    int64_t now_ns;      /* what a sequential script's af.now() tells from here on */
};

/* Answers a call. All is copied. The party may run on from within. */
void af_script_answer(struct af_script_party *party, uint64_t call_id,
                      const struct af_answer *answer);

/* ---- Parties. ---- */

/* Makes the party of member `member`, who has not started. seed keys its chance and its uuids.
 * `user` is given back by af_script_party_user(). Returns NULL with *why filled if the flow's chunk
 * raises when it is instantiated. */
struct af_script_party *af_script_party_new(struct af_script *script, uint32_t member,
                                            struct af_hash seed, void *user,
                                            struct af_failure *why);

/* Ends it wherever it is; a call that it waits for must not be answered any more. */
void af_script_party_free(struct af_script_party *party);
void *af_script_party_user(const struct af_script_party *party);

/* Whether it is no state machine: a script, or a role that is a plain function. */
bool af_script_party_sequential(const struct af_script_party *party);

/* The committed snapshot: the state's index in its role (-1 before the start) and data as canonical
 * JSON, borrowed until the next delivery. */
int af_script_party_state(const struct af_script_party *party);
const char *af_script_party_data(const struct af_script_party *party, size_t *len);

/* Puts a snapshot into a party that was just made. Returns -1 with *why filled if data is no JSON
 * object or list, or the role has no such state. */
int af_script_party_restore(struct af_script_party *party, int state, const char *data, size_t len,
                            struct af_failure *why);

/* Where the party waits, as file:line, or "" if it does not. Borrowed until the next call. */
const char *af_script_party_where(struct af_script_party *party);

enum af_input_kind {
    AF_INPUT_START,
    AF_INPUT_EVENT,
    AF_INPUT_AFTER,
    AF_INPUT_DEADLINE,
    AF_INPUT_MIGRATE,  /* to a party that has not started: content is the snapshot that another
                          version of the flow left, {"role", "state", "data", "version"}; it is
                          brought here, or AF_OUTCOME_RAISED says why it cannot be. `entered`: its
                          state is another, whose `after` begins anew; after_ns is how long that of
                          its state is in any case */
    AF_INPUT_BACK,     /* how the version before would have this snapshot: the party's data are
                          {"data", "state"} of that then, and it is good for nothing else. Content
                          is as for AF_INPUT_MIGRATE, where `event` 1 takes it as it is: it was
                          brought back so */
    AF_INPUT_VALIDATE, /* no handler runs: AF_OUTCOME_NONE, or AF_OUTCOME_INVALID with the reason */
};

struct af_input {
    enum af_input_kind kind;
    int64_t now_ns;      /* what af.now() tells */
    struct af_hash key;  /* of this input: chance and uuids of its transaction are drawn from it */
    const char *from;    /* a contract's sender, NULL if the bus cannot tell */
    int event;           /* a contract's type, an index of the flow's events */
    const char *content; /* its content */
    size_t content_len;
    const char *deadline; /* a deadline's name */
};

enum af_outcome {
    AF_OUTCOME_NONE,    /* the party goes on */
    AF_OUTCOME_DONE,    /* text: the result as JSON */
    AF_OUTCOME_FAILED,  /* text: the reason given to af.fail */
    AF_OUTCOME_RAISED,  /* text: the error; nothing else of the transaction holds */
    AF_OUTCOME_INVALID, /* text: why the content does not validate; no handler was called */
    AF_OUTCOME_LOST,    /* text: how the process that ran it went; nothing has happened, and the
                           same input may be delivered again, at once */
};

struct af_send {
    size_t first_target, target_count; /* in effects->targets: member indices */
    size_t content, content_len;       /* in effects->bytes */
    const char *type;                  /* borrowed from the script */
    const char *title;
    struct af_hash uuid;
    struct af_facts facts;
};

struct af_deadline {
    size_t name;      /* in effects->bytes, 0-terminated */
    int64_t delay_ns; /* -1: cancel */
};

struct af_text {
    size_t start, len; /* in effects->bytes */
};

struct af_effects {
    struct af_send *sends;
    size_t send_count, send_cap;
    uint32_t *targets;
    size_t target_count, target_cap;
    struct af_deadline *deadlines;
    size_t deadline_count, deadline_cap;
    struct af_text *logs; /* these hold even if the handler raised */
    size_t log_count, log_cap;
    struct af_buf bytes;
    uint32_t *passed; /* states that were entered and left at once, in order; for those who watch: a
                         worker process does not tell them */
    size_t passed_count, passed_cap;
    bool entered;     /* a state was entered (perhaps the one that it was in) … */
    int64_t after_ns; /* … whose `after` is due after this long; -1: it has none */
    bool data_changed;
    int progress; /* percent, or -1 */
    enum af_outcome outcome;
    bool blamed;           /* LOST: this is what the process was busy with when it went */
    const char *text;      /* see enum af_outcome; borrowed */
    const char *traceback; /* of an error, or NULL */
};

/* Called once for each delivery. effects are borrowed until it returns. */
typedef void af_script_done_fn(void *arg, struct af_script_party *party,
                               const struct af_effects *effects);

/* Delivers one input; done(arg, …) is called with the effects, before this returns or later. The
 * party must have no other delivery under way. Its snapshot is the new one when done is called. */
void af_script_deliver(struct af_script_party *party, const struct af_input *input,
                       af_script_done_fn *done, void *arg);

/* Withdraws a delivery that waits: done is not called, the snapshot stays. For a crash. */
void af_script_withdraw(struct af_script_party *party);

/* Scripts of this process make no threads from now on: a jail ends a process that does. */
void af_script_stay_single(void);

/* ---- Interrupts, from a signal handler. ---- */

/* Asks the script that runs to stop, and whoever runs scripts too. */
void af_script_interrupt(void);
bool af_script_interrupted(void);

/* Has scripts run again: for whoever has been interrupted, and runs some to say what it knows. */
void af_script_forget_interrupt(void);

/* Tells on standard error where the script stands, and ends the process with status 130: for a
 * script in a loop inside of a C function, which cannot be asked. */
void af_script_abandon(void);

/* Whether, since the program began, a handler has run or a script has asked for something. */
bool af_script_has_acted(void);

/* ---- Lines, for who steps through a run. ---- */

/* Notes from now on, of scripts that are loaded later, when this line of a file (as messages name
 * it;
 * "": any) is run. Returns false if there are too many. */
bool af_script_watch_line(const char *file, int line);
void af_script_unwatch_lines(void);

/* What stands at a line of a file beside the script's; "": of its own. */
enum af_script_line { AF_LINE_OF_NO_FILE, AF_LINE_IS_NONE, AF_LINE_HAS_NO_CODE, AF_LINE_MAY_RUN };
enum af_script_line af_script_line_at(struct af_script *script, const char *file, int line);

/* Whether one has been run since this was asked last; its place, "flow.lua:12". */
bool af_script_line_reached(char *place, size_t size);

/* Has the flow's own stand-ins (mock_programs) answer for programs: then no program is asked of the
 * owner, who is told by a call "run" with the field "stood_in", the status. For scripts of this
 * process. */
void af_script_simulate(struct af_script *script);

/* Has what scripts print show secrets under this key, as the run's trace does, and not under a key
 * of each party (trace/veil.h). For scripts of this process. */
void af_script_veil(struct af_script *script, struct af_hash key);

/* The length of "file.lua:12" where an error's text begins with that, else 0. */
size_t af_script_place_len(const char *text);

/* ---- Invariants. ---- */

struct af_view {
    const char *id;
    const char *role;
    const char *state; /* NULL: not started, or sequential */
    const char *data;  /* JSON */
    size_t data_len;
    const char *ended;  /* NULL, "done", "failed", "lost" */
    const char *result; /* JSON, or NULL */
    const char *reason; /* or NULL */
};

/* Tells what invariants see of the member's party from now on; all is copied. */
void af_script_view(struct af_script *script, uint32_t member, const struct af_view *view);

/* Checks the flow's invariants in the order of their names. Returns true, or false with the name of
 * the broken one and what it said; borrowed until the next call. */
bool af_script_check_invariants(struct af_script *script, const char **name, const char **message);

/* ---- What is watched over time: for scripts that run here, as invariants. ----
 *
 * What monitors have seen is a text: a line of JSON each, in their order. */

enum af_happening {
    AF_HAPPENS_START,
    AF_HAPPENS_DELIVER,
    AF_HAPPENS_AFTER,
    AF_HAPPENS_DEADLINE,
    AF_HAPPENS_DUPLICATE, /* of these and those above, monitors see the world before */
    AF_HAPPENS_STATE,
    AF_HAPPENS_SEND,
    AF_HAPPENS_DONE,
    AF_HAPPENS_FAILED,
    AF_HAPPENS_UNEXPECTED,
    AF_HAPPENS_LATE,
    AF_HAPPENS_IGNORE,
    AF_HAPPENS_DEFER,
    AF_HAPPENS_CRASH,
    AF_HAPPENS_RETURN,
    AF_HAPPENS_LOST,
    AF_HAPPENS_DROP,
};

struct af_happened { /* a step, as monitors are told of it; texts are borrowed */
    enum af_happening kind;
    uint32_t member; /* whose step it is: of a contract the receiver's, but where it is sent */
    const char *from, *to;      /* of a contract: IDs; or NULL */
    const char *type, *content; /* … or NULL */
    size_t type_len, content_len;
    const char *state; /* that the party is in, or has entered; NULL: it has not started */
    const char *timer; /* a deadline's name, or NULL */
};

struct af_script_broken { /* what is wrong, and where */
    size_t watched;       /* a number of the flow's */
    char where[300];      /* as AF_FLOW_PLACE_BYTES; "" if it is not known */
    char message[2000];
};

/* Appends what the flow's monitors start with to seen; of those in kept (as many as there are
 * monitors, or NULL) whose text is not NULL, that. Returns false with *broken filled. */
bool af_script_watch_start(struct af_script *script, const char *const *kept, struct af_buf *seen,
                           struct af_script_broken *broken);

/* Tells the monitors of a step; seen is what they had seen, and becomes what they have seen now.
 * *looked: one has looked at the world, which is that of af_script_view(). Returns false with
 * *broken filled, seen as it was. */
bool af_script_watch_step(struct af_script *script, const struct af_happened *happened,
                          struct af_buf *seen, bool *looked, struct af_script_broken *broken);

struct af_script_held { /* bits, by number among what is watched behind the monitors */
    uint64_t from;      /* of leads_to: its first predicate holds */
    uint64_t to;        /* of it the second, of eventually the only one */
};

/* Asks the predicates of eventually and leads_to about the world. Returns false with *broken
 * filled. */
bool af_script_watch_world(struct af_script *script, struct af_script_held *held,
                           struct af_script_broken *broken);

/* Those that wait for their predicate after a world, of which so many waited before. */
static inline uint64_t af_script_waiting(uint64_t waited, const struct af_script_held *held)
{
    return (waited | held->from) & ~held->to;
}

/* The number of what another version of the flow calls so, of the same kind; -1: none. */
int af_flow_find_watched(const struct af_flow *flow, const struct af_flow_watched *watched);

/* Those that wait before the first world: every eventually. */
uint64_t af_flow_waiting(const struct af_flow *flow);

/* "monitor", "eventually", "leads_to"; "start", "deliver" … */
const char *af_watched_word(enum af_watched_kind kind);
const char *af_happening_word(enum af_happening kind);

#endif
