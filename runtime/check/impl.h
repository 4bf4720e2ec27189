/* impl.h: what the files of the checker share.
 *
 *   check.c         options → parties → the search → its result
 *   table.c   numbers for things
 *   known.c   parties and contracts as numbers
 *   call.c    a call of a handler, run twice
 *   step.c    what an input does to a party, remembered
 *   vector.c  a state as numbers, and as packed bytes
 *   next.c    what can happen next in a state
 *   crash.c   crashes, where time passes next
 *   seen.c    the states that were seen
 *   pages.c   the memory that these are kept in
 *   round.c   what comes next after many states, on all threads
 *   note.c    violations, and how runs end
 *   search.c  breadth first, level by level, round by round
 *   jobs.c    threads that share the work of a round
 *   world.c   invariants
 *   monitor.c monitors, and which properties wait for their predicate
 *   lasso.c   properties that wait for ever on a fair run
 *   end.c     from which states no way is left to the end
 *   path.c    the run into a state, as a schedule
 *   explore.c what can happen next behind a run
 *   short.c   the shortest one
 *   same.c    parties of a role that need not be told apart
 *   proof.c   whether that is so
 *   rename.c  what is said of a party under another's name
 *   cover.c   what of the flow no run reaches, and what grows without end
 */
#ifndef AF_CHECK_IMPL_H
#define AF_CHECK_IMPL_H

#include "check/check.h"
#include "check/table.h"
#include "base/failure.h"
#include "party/happened.h"
#include "party/party.h"
#include "trace/schedule.h"

#include <assert.h>

/* ---- Inputs of a step: the kind in the highest bits, a number in the others. ---- */

enum {
    AF_CHECK_CONTRACT = 0u << 28, /* a contract */
    AF_CHECK_TIMER = 1u << 28,    /* the word of a timer's name; "" is the state's `after` */
    AF_CHECK_WAIT = 2u << 28,     /* time passes: a number of check->waits */
    AF_CHECK_UP = 3u << 28,       /* it comes back */
    AF_CHECK_RELOAD = 4u << 28,   /* it goes on with the second version */
    AF_CHECK_RECALL = 5u << 28,   /* it takes up the event that it recalls */
    AF_CHECK_LEFT = 6u << 28, /* something that it has to do with is left out: AF_CHECK_SENT … */
    AF_CHECK_MISSES = 7u << 28, /* one that is down misses an instant of timers */
    AF_CHECK_STAYS = 8u << 28,  /* one that has just crashed need not have time pass next */
    AF_CHECK_NUMBER = (1u << 28) - 1,
};

/* A fault: DROP, DUPLICATE of a contract to it; CRASH, LOSE. */
#define AF_CHECK_FAULT(fault) ((9u + AF_FAULT_##fault) << 28)
static_assert(9 + AF_FAULTS <= 16, "a kind is four bits");

enum { AF_CHECK_NONE = UINT32_MAX };
enum { AF_CHECK_FRESH = 1, AF_CHECK_AWAY = 2 }; /* of one that is down */
enum { AF_CHECK_BROKEN = UINT32_MAX - 1 }; /* as what is watched: a violation, nothing behind it */

struct af_check_timer {
    uint32_t name; /* a word */
    uint32_t unused;
    int64_t left_ns;
};

/* A party as it may be. The first fields are its identity. */
struct af_check_local {
    uint32_t member;
    uint32_t status;  /* an enum af_party_status */
    uint32_t down;    /* 0: it is not; AF_CHECK_FRESH; else AF_CHECK_AWAY + the instants of timers
                         that it missed */
    uint32_t version; /* of the flow that it runs: 0 or 1 */
    uint32_t state;   /* of its role in that */
    uint32_t data, result, reason; /* words; result and reason: number + 1, 0 for none */
    uint32_t deferred;             /* a word: numbers of contracts */
    uint32_t timers;               /* a word: struct af_check_timer */
    uint32_t late; /* what was left out since it changes nothing, but may still be on its way:
                      something that it has sent, that it is to get; see next.c */
    /* ---- */
    uint32_t number;  /* among those of its member: what a state keeps */
    uint32_t view[2]; /* what invariants of each version see; AF_CHECK_NONE: cannot be shown */
    uint32_t end;     /* a word: how it ended, or rests */
    uint32_t recalls; /* the contract that it has deferred and takes up before anything else, now
                         that its state does not defer it; AF_CHECK_NONE: there is none */
    bool up;          /* it lives, and is not down */
    bool takes;       /* … and recalls nothing: it takes contracts and timeouts */
    bool over;        /* it has ended */
    bool gone;        /* … lost */
    bool rests;       /* in a may_end state */
    bool stateless;   /* it has not started */
    uint32_t crowd;   /* a contract of which it has deferred too many copies, or AF_CHECK_NONE */
    bool still;       /* it lives, and neither an event nor a timeout moves it any more */
    int64_t least_ns; /* left of its timers; -1: none is armed */
    const struct af_flow_state *about; /* its state */
};

enum {
    AF_CHECK_LOCAL_KEYS = 11, /* how many fields its identity has */
    AF_CHECK_CALL_KEYS = 10,  /* … and how many of them a call may depend on, the first ones */
};

enum { AF_CHECK_SENT = 1, AF_CHECK_TO_GET = 2 };

struct af_check_message {   /* a contract */
    uint32_t from, to;      /* members */
    uint32_t type, content; /* words */
    /* ---- */
    uint32_t link;   /* from and to as one number */
    int event[2];    /* of each version of the flow */
    bool nowhere[2]; /* its receiver expects it in no state */
    bool inert; /* it does the same to its receiver whenever it comes, and nothing but a finding */
};

enum { AF_CHECK_MESSAGE_KEYS = 4 };

/* What an input does to a party. */
struct af_check_step {
    uint32_t next;                   /* the party afterwards */
    uint32_t first_send, send_count; /* in check->sends: contracts; in order of links with --fifo,
                                        else of numbers */
    uint32_t notes;                  /* what monitors are told of it: a list's number */
    uint32_t violation;              /* AF_CHECK_NONE: none */
    bool ends_run;                   /* … behind which nothing is explored */
};

/* A violation as it was found: from which state, by which input. */
struct af_check_found {
    enum af_check_kind kind;
    uint32_t role;        /* AF_CHECK_NONE: none */
    uint32_t where, text; /* words; where "": none */
    uint32_t nameless;    /* a word: the text, whichever parties of a role it names */
    bool found;
    uint64_t state;    /* the address of the last state before it (of it: stuck, doomed), or
                          AF_CHECK_NO_STATE: it is in the starts */
    uint32_t contract; /* in the starts: which makes it, or AF_CHECK_NONE */
    struct af_schedule run;
    size_t length, extra;      /* of its steps, and how many of them change nothing */
    bool longer;               /* there may be a shorter one */
    bool run_known, shortened; /* that was looked for */
    bool told;                 /* when it was found */
    bool lasso;                /* from its state the run goes on: … */
    uint64_t *way; /* … to these, one after the other; from loop_at on again and again */
    size_t way_count, loop_at; /* SIZE_MAX: it ends there */
    uint64_t trap;             /* how many states there are that it does not leave */
};

enum { AF_CHECK_SHARDS = 32 };

struct af_check_seen;
struct af_file_store;
struct af_check_jobs;
struct af_check_world;
struct af_check_watch;
struct af_check_search;
struct af_check_same;
struct af_check_outcome;

struct af_check {
    const struct af_check_options *options;
    struct af_script *scripts[2];
    const struct af_flow *flows[2];
    size_t version_count;
    struct af_loop *loop;
    struct af_file_store *store; /* of uploads */
    struct af_file_store *kept;  /* what parties have kept beside their data */
    bool **passed; /* of each role's states: whether one was entered and left at once */
    struct af_party_owner owner;
    uint32_t members;
    const struct af_script_member *who;
    uint32_t *roles[2]; /* of each member in each version */
    bool allow_fail;

    struct af_check_words words; /* texts: data, contents, names …; 0 is the empty one */
    struct af_check_words local_keys, message_keys;
    struct af_check_local *locals; /* by number */
    size_t local_cap;
    struct af_check_message *messages;
    size_t message_cap;
    uint32_t **by_number; /* for each member: number → local, or AF_CHECK_NONE */
    size_t *by_number_count, *by_number_cap;

    struct af_check_words call_keys;   /* base and input of each distinct call */
    struct af_check_outcome *outcomes; /* of each */
    size_t outcome_cap;
    struct af_party **old[2]; /* of each version, for each member: an instance that serves all */
    uint64_t contract_count;  /* that were made: each has a uuid of its own */
    struct af_check_outcome *recording; /* of the call that runs */
    uint32_t recorded_input;            /* … and its input */
    bool keeps_late; /* what is left out is part of a state; it is not, but should be */
    bool wants_late;
    bool exact; /* looks for shorter runs: what changes nothing is not left out, but comes late */
    bool may_take;         /* … which the party has not taken yet */
    struct af_failure why; /* a party cannot be made: the search ends */

    struct af_check_map step_index;
    struct af_check_step *steps;
    size_t step_count, step_cap;
    uint32_t *sends;
    size_t send_count, send_cap;
    int64_t *waits;
    size_t wait_count, wait_cap;

    struct af_check_words found_keys;
    struct af_check_found *found;
    size_t found_cap;

    struct af_check_seen *seen;
    struct af_check_jobs *jobs;
    struct af_check_world *world;
    struct af_check_watch *watch;
    bool watches, monitors;          /* whether anything is watched over time; … by monitors */
    struct af_happenings happenings; /* of the call that runs */
    struct af_check_same *same;
    struct af_check_search *search;

    af_check_found_fn *on_found; /* or NULL */
    void *on_found_arg;
    bool first_told;
    struct af_check_words told; /* texts of the result */
    char *same_roles, *armed;
    struct af_check_violation *violations;
    struct af_check_end *ends;
    size_t end_count;
    struct af_check_unreached *unreached;
};

/* ---- known.c ---- */

/* Which of its deferred contracts a party recalls, of which no more than its identity is filled. */
uint32_t af_check_recalls(const struct af_check *check, const struct af_check_local *local);

/* The number of a party or a contract whose identity is filled. */
uint32_t af_check_local(struct af_check *check, const struct af_check_local *local);
uint32_t af_check_message(struct af_check *check, const struct af_check_message *message);
uint32_t af_check_message_text(struct af_check *check, uint32_t from, uint32_t to, const char *type,
                               size_t type_len, const char *content, size_t content_len);

static inline const struct af_check_timer *
af_check_timers(const struct af_check *check, const struct af_check_local *local, size_t *count)
{
    size_t len;
    const void *bytes = af_check_word_bytes(&check->words, local->timers, &len);
    *count = len / sizeof(struct af_check_timer);
    return bytes;
}

/* "participant-1", the role's name, and "flow.lua:12" of a party's state. */
const char *af_check_member_id(const struct af_check *check, uint32_t member);
const char *af_check_role_name(const struct af_check *check, uint32_t member);
void af_check_place(const struct af_check *check, const struct af_check_local *local,
                    struct af_buf *out);

/* Where the handler of a call is, and what it is, in words; as af_check_call() has it. */
void af_check_describe_call(const struct af_check *check, uint32_t member, uint32_t from,
                            uint32_t input, struct af_buf *where, struct af_buf *what);

/* The number of a violation; where may be NULL. */
uint32_t af_check_violation(struct af_check *check, enum af_check_kind kind, uint32_t role,
                            const char *where, const char *text);

/* ---- check.c ---- */

/* Tells a shortest one of what was found. Returns false if that is enough. */
bool af_check_tell_found(struct af_check *check);

/* ---- call.c ---- */

struct af_check_left { /* a timer after a call */
    uint32_t name;
    int64_t left_ns; /* from now on; or … */
    bool kept;       /* it goes on */
};

struct af_check_outcome {
    bool known;
    bool asked;                 /* by the search, not only with names exchanged */
    struct af_check_local next; /* its identity; timers are not filled */
    struct af_check_left *timers;
    size_t timer_count, timer_cap;
    uint32_t *sends;
    size_t send_count, send_cap;
    uint32_t notes;
    uint32_t violation;
    bool ends_run;
};

/* What an input (a contract, a timer, AF_CHECK_RECALL or AF_CHECK_RELOAD) does to a party, and no
 * more than that: what it recalls then is an input of its own. from is its number, or AF_CHECK_NONE
 * to have the member start. Borrowed until the next call. */
const struct af_check_outcome *af_check_call(struct af_check *check, uint32_t member, uint32_t from,
                                             uint32_t input);
void af_check_calls_init(struct af_check *check);
void af_check_calls_release(struct af_check *check);

/* ---- step.c ---- */

/* What an input does to a party, if that is known already. Several threads may ask. */
static inline bool af_check_step_known(const struct af_check *check, uint32_t local, uint32_t input,
                                       uint32_t *step)
{
    return af_check_map_get(&check->step_index, (uint64_t)local << 32 | input, step);
}

/* The same, found out now if it must. One thread. local AF_CHECK_NONE: the start of the member that
 * is the input. */
uint32_t af_check_step(struct af_check *check, uint32_t local, uint32_t input);
uint32_t af_check_wait_input(struct af_check *check, int64_t ns); /* AF_CHECK_NONE: not known … */
uint32_t af_check_wait_new(struct af_check *check, int64_t ns);   /* … but now */

/* ---- vector.c ---- */

/* A state. Contracts stand in the order of numbers, with --fifo in that of links. */
struct af_check_vector {
    uint32_t budget[AF_FAULTS];
    uint32_t watch;   /* what monitors have seen, and which properties wait */
    uint32_t *locals; /* by member */
    uint32_t *contracts;
    uint8_t *flags; /* of each contract: AF_CHECK_SLEEPS */
    size_t count, cap;
};

void af_check_vector_init(const struct af_check *check, struct af_check_vector *vector);
void af_check_vector_release(struct af_check_vector *vector);
void af_check_vector_reserve(struct af_check_vector *vector, size_t count);
void af_check_vector_copy(const struct af_check *check, struct af_check_vector *to,
                          const struct af_check_vector *from);

/* As bytes, and zeros up to a whole word: returns how many without these; out has room for
 * AF_CHECK_PACKED_MAX, or what af_check_pack_room() says. 0: it does not fit. */
enum { AF_CHECK_PACKED_MAX = 16000 };
size_t af_check_pack_room(const struct af_check *check, const struct af_check_vector *vector);
size_t af_check_pack(const struct af_check *check, const struct af_check_vector *vector,
                     unsigned char *out);
void af_check_unpack(const struct af_check *check, const unsigned char *bytes, size_t len,
                     struct af_check_vector *vector);

/* Where a contract stands among others: they are ordered by this. */
static inline uint32_t af_check_order(const struct af_check *check, uint32_t contract)
{
    return check->options->fifo ? check->messages[contract].link : contract;
}

/* ---- next.c ---- */

/* What happened, as numbers. */
struct af_check_label {
    enum af_schedule_kind kind;
    uint32_t member; /* the receiver, or who it happens to */
    uint32_t what;   /* a contract, or the name of a timer */
};

enum { AF_CHECK_SLEEPS = 1 };

/* What a state is, besides what can happen next. */
enum af_check_rest { AF_CHECK_MOVES, AF_CHECK_ENDED, AF_CHECK_STUCK_HERE };

struct af_check_swaps { /* exchanges of names, one after the other: numbers of same.c */
    uint32_t *items;
    size_t count, cap;
};

struct af_check_was { /* a party before it became another */
    uint32_t member, local;
};

/* Looks for what can happen next. The fields above the line are the caller's. */
struct af_check_next {
    struct af_check *check;
    bool asks;                    /* what is not known is found out; else the state is missed */
    bool only_ways;               /* only what nobody's fault is: recalls, deliveries, timeouts,
                                     returns */
    bool all;                     /* sleeping contracts, too */
    bool sleeps;                  /* says which contracts of a child sleep */
    struct af_check_swaps *swaps; /* the exchanges of a pick are added here, unless NULL */
    void *arg;
    /* A state that may come next, borrowed. */
    void (*child)(void *arg, const struct af_check_label *label,
                  const struct af_check_vector *child);
    /* A violation on the way to one; contract: which makes it, unless AF_CHECK_NONE. NULL: nobody
     * asks. */
    void (*violation)(void *arg, const struct af_check_label *label, uint32_t violation,
                      uint32_t contract);
    /* ---- */
    struct af_check_vector state; /* whose next ones are looked for */
    struct af_check_vector made;
    struct af_check_was *changed; /* in it, besides what the step itself does */
    size_t changed_count;
    struct af_check_vector same, scratch[2]; /* for who picks one of those that are the same */
    uint64_t transitions, inert;
    bool fresh; /* somebody has just crashed */
    bool must_return;
    bool forced; /* a party that was away for long enough had to return before time passed */
    bool missed; /* a child() that has enough may set it, too: nothing more is looked for */
    bool cut;    /* something led to a violation behind which nothing is explored */
};

void af_check_next_init(struct af_check_next *next, struct af_check *check);
void af_check_next_release(struct af_check_next *next);
enum af_check_rest af_check_next(struct af_check_next *next);

/* The one that stands for a child among all that are the same, borrowed until the next one; NULL:
 * what that asks for is not known, and the state is missed. */
const struct af_check_vector *af_check_next_pick(struct af_check_next *next,
                                                 const struct af_check_vector *child);

/* What an input does to a party; NULL: it is not known, and the state is missed. */
const struct af_check_step *af_check_next_step(struct af_check_next *next, uint32_t local,
                                               uint32_t input);

/* All starts together: gives the first state to child(), unless a start raises. */
void af_check_first(struct af_check_next *next);

/* ---- crash.c ---- */

/* Whether time waits for a contract of the state to arrive. What a party that is down has sent may
 * not have gone out. */
bool af_check_next_hinders(const struct af_check_next *next, size_t i);

/* Whether a crash of a party need be looked at: time may pass next, or once others have crashed,
 * too; or the next step may be the last one. */
bool af_check_crash_may(const struct af_check_next *next, uint32_t who);

/* Whether the state that is made, behind a crash, is kept. Who has just crashed stays away where
 * the run would be over but for that. */
bool af_check_crash_keeps(struct af_check_next *next, enum af_schedule_kind kind);

/* ---- pages.c ---- */

enum { AF_CHECK_PART_BITS = 18, AF_CHECK_PART = 1 << AF_CHECK_PART_BITS };

/* So many parts, one behind the other, for any thread; they are not zero. Given back they are taken
 * again; all are freed with the pages. */
struct af_check_pages *af_check_pages_new(void);
void af_check_pages_free(struct af_check_pages *pages);
void *af_check_pages_take(struct af_check_pages *pages, size_t count);
void af_check_pages_give(struct af_check_pages *pages, void *memory, size_t count);

/* ---- seen.c ---- */

enum { /* marks of a state */
       AF_CHECK_GOOD = 1,
       AF_CHECK_BAD = 2,
       AF_CHECK_TRIED = 4,
       AF_CHECK_OVER = 8, /* a run may end here */
       AF_CHECK_MET = 16, /* the property that is looked at does not wait, or need not for ever */
       AF_CHECK_MET_TRIED = 32,
};

#define AF_CHECK_NO_STATE ((UINT64_C(1) << 40) - 1)
#define AF_CHECK_ROOT (AF_CHECK_NO_STATE - 1) /* from which the first state is found */

struct af_check_seen *af_check_seen_new(void);
void af_check_seen_free(struct af_check_seen *seen);

static inline unsigned af_check_shard(uint64_t hash)
{
    return (unsigned)(hash >> 59);
}

/* Adds a state to its shard, one thread a shard; one that is there sleeps where both did, if it was
 * added in this level. Returns its address, and whether it is new. */
uint64_t af_check_seen_add(struct af_check_seen *seen, uint64_t hash, uint64_t parent,
                           uint32_t sleep, const unsigned char *bytes, size_t len, bool *fresh);

/* Its address if adding it would change nothing, or AF_CHECK_NO_STATE. Several threads may ask
 * while none adds. */
uint64_t af_check_seen_known(const struct af_check_seen *seen, uint64_t hash, uint32_t sleep,
                             const unsigned char *bytes, size_t len);

/* Has the processor fetch what af_check_seen_add() will look at: first where the state's address
 * would be; some time later, that being there, the state that has the same hash. */
void af_check_seen_prefetch(const struct af_check_seen *seen, uint64_t hash);
void af_check_seen_prefetch_state(const struct af_check_seen *seen, uint64_t hash);

/* Its address, or AF_CHECK_NO_STATE. */
uint64_t af_check_seen_find(const struct af_check_seen *seen, const unsigned char *bytes,
                            size_t len);
const unsigned char *af_check_seen_state(const struct af_check_seen *seen, uint64_t address,
                                         size_t *len, uint64_t *parent, uint32_t *sleep);
unsigned af_check_seen_marks(const struct af_check_seen *seen, uint64_t address);
void af_check_seen_mark(struct af_check_seen *seen, uint64_t address, unsigned mark);

void af_check_seen_unmark(struct af_check_seen *seen, uint64_t address, unsigned marks);

/* One of the states that may come next by nobody's fault, or AF_CHECK_NO_STATE. It is set once, by
 * any thread. */
uint64_t af_check_seen_lead(const struct af_check_seen *seen, uint64_t address);

/* Has the processor fetch what its lead has for marks. */
void af_check_seen_prefetch_lead(const struct af_check_seen *seen, uint64_t address);
void af_check_seen_set_lead(struct af_check_seen *seen, uint64_t address, uint64_t lead);

uint64_t af_check_seen_count(const struct af_check_seen *seen);
uint64_t af_check_seen_bytes(const struct af_check_seen *seen);

/* What is added from here on is of another level. */
void af_check_seen_level(struct af_check_seen *seen);

/* ---- jobs.c ---- */

struct af_check_jobs *af_check_jobs_new(unsigned count);
void af_check_jobs_free(struct af_check_jobs *jobs);

/* Calls fn(arg, worker, i) for each i below count, on as many threads as there are. */
void af_check_jobs_run(struct af_check_jobs *jobs, size_t count,
                       void (*fn)(void *arg, unsigned worker, size_t i), void *arg);

/* ---- world.c ---- */

struct af_check_world *af_check_world_new(struct af_check *check);
void af_check_world_free(struct af_check_world *world);

/* Whether a state's view is known, and was asked for by af_check_world_asked() where names may be
 * exchanged: AF_CHECK_NONE if it is fine, else the violation. Several threads may ask. */
bool af_check_world_known(const struct af_check *check, const struct af_check_vector *state,
                          uint32_t *violation);
uint32_t af_check_world_look(struct af_check *check, const struct af_check_vector *state);

/* Notes that the search asks for a view that is known. Returns false if it has done so before. */
bool af_check_world_asked(struct af_check *check, const struct af_check_vector *state);
uint64_t af_check_world_count(const struct af_check *check);
uint64_t af_check_world_bytes(const struct af_check *check);

/* Shows the judging version's script all parties (AF_CHECK_NONE: it has not started). Returns false
 * if one of them cannot be shown. */
bool af_check_world_show(struct af_check *check, unsigned judge, const uint32_t *locals);

/* ---- monitor.c ---- */

void af_check_watch_new(struct af_check *check);
void af_check_watch_free(struct af_check_watch *watch);
uint64_t af_check_watch_bytes(const struct af_check *check);

/* Adds to the list that is made; ends that list: its number, 0 for an empty one. */
void af_check_watch_note(struct af_check *check, const struct af_happened *happened);
uint32_t af_check_watch_noted(struct af_check *check);

/* The list of one happening: of a party, of a contract to it. */
uint32_t af_check_watch_party(struct af_check *check, enum af_happening kind,
                              const struct af_check_local *local);
uint32_t af_check_watch_contract(struct af_check *check, enum af_happening kind,
                                 const struct af_check_local *local, uint32_t contract);

struct af_check_watched {   /* a step */
    bool asks;              /* what is not known is found out */
    bool judged;            /* predicates are asked of the world behind it */
    const uint32_t *before; /* parties, AF_CHECK_NONE: it has not started */
    uint32_t notes[2];      /* one list after the other */
};

/* What is watched before anybody starts. Returns false with a violation. */
bool af_check_watch_begin(struct af_check *check, struct af_check_vector *state,
                          uint32_t *violation);

/* Makes of what was watched before the step, in `after`, what is behind it: AF_CHECK_BROKEN with a
 * violation. Returns false if that is not known. Several threads may call it that do not ask. */
bool af_check_watch_step(struct af_check *check, const struct af_check_watched *watched,
                         struct af_check_vector *after, uint32_t *violation);

/* Whether a property of a version, by its number there, waits. */
bool af_check_watch_waits(const struct af_check *check, uint32_t watch, unsigned version,
                          size_t number);

/* ---- search.c ---- */

struct af_check_search {
    uint64_t states_max, depth_max; /* its bounds */
    size_t wanted;        /* how many violations it is to find, if that is all it is for, else 0 */
    uint32_t wanted_keys; /* … of the first so many */
    uint64_t transitions, inert;
    size_t depth;
    const char *bound;
    bool interrupted;
    char *crowd;                      /* what grows without end, if that is the bound */
    struct af_check_words armed_keys; /* timers that waited for parties to return: lines of text */
    struct af_check_words end_keys;   /* how all parties ended: sorted words */
    uint64_t *end_counts;
    size_t end_cap;
    struct {
        size_t first, count; /* of a level, in … */
    } * levels;
    size_t level_count, level_cap;
    uint64_t *order; /* … all states in the order of levels, and what comes next */
    size_t order_count, order_cap;
    uint64_t seen_bytes; /* of what was seen when the last round ended, so that --memory does not
                            depend on when threads add in the next one */
    struct af_check_vector scratch;
    af_check_progress_fn *progress; /* or NULL */
    void *progress_arg;
    size_t frontier; /* states of the level that is looked at */
};

int af_check_search(struct af_check *check, af_check_progress_fn *progress, void *arg);
struct af_check_search *af_check_search_new(const struct af_check *check);
void af_check_search_free(struct af_check_search *search);

/* Asked before each piece of work that takes long: false if the search is to end, whose bound, or
 * that it is interrupted, is noted then. One thread. */
bool af_check_goes_on(struct af_check *check);

/* The same without a look at --memory, where the answer may not depend on who works when: tells how
 * far it is, and false if that says to stop. The thread that began the search. */
bool af_check_tell(struct af_check *check);

/* Whether it was told to stop. Any thread. */
bool af_check_told_to_stop(const struct af_check *check);

/* What all takes that grows with the search; the bound that was hit, or NULL. */
uint64_t af_check_bytes(const struct af_check *check);
const char *af_check_bound(const struct af_check *check);

/* ---- round.c ---- */

enum {
    AF_CHECK_ROUND = 4096
}; /* states at most: what comes of them stays in a processor's cache */

struct af_check_round;
struct af_check_round *af_check_round_new(struct af_check *check);
void af_check_round_free(struct af_check_round *round);

/* Finds the first state. */
void af_check_round_begin(struct af_check_round *round);

/* Finds what comes next after so many states of search->order, and appends it there. Returns false
 * if the search is over before all is explored: a bound, a party that cannot be made, names that
 * cannot be exchanged after all. */
bool af_check_round(struct af_check_round *round, size_t first, size_t count);

/* ---- note.c ---- */

/* Notes a violation where it is found first. */
void af_check_note(struct af_check *check, uint32_t violation, uint64_t state, uint32_t contract);

/* Who has not ended in a state, and where, in words; the first of them, or AF_CHECK_NONE. */
uint32_t af_check_unsettled(struct af_check *check, uint64_t state, struct af_buf *out);

/* A state in which the run is stuck, or from which no way is left to the end; one in which it has
 * ended. */
void af_check_note_unsettled(struct af_check *check, enum af_check_kind kind, uint64_t state);
void af_check_note_end(struct af_check *check, uint64_t state);

/* A state in which a party had to return; too many copies of a contract, which ends the search. */
void af_check_note_forced(struct af_check *check, uint64_t state);
void af_check_note_crowd(struct af_check *check, uint32_t contract, bool deferred);

/* ---- end.c ---- */

/* Finds the states from which no way is left to the end. */
void af_check_ways(struct af_check *check, af_check_progress_fn *progress, void *arg);

/* Gives the mark to all states, of *left, from which one that has it may come; leaves the others.
 * AF_CHECK_MET: those before a violation have a way, those at which a run may end have none.
 * Returns false if it is told to stop. Before af_check_ways(). */
bool af_check_ways_to(struct af_check *check, unsigned mark, uint64_t *states, size_t *left,
                      af_check_progress_fn *progress, void *arg);

/* ---- lasso.c ---- */

/* Finds properties that wait for ever on some fair run. Before af_check_ways(). */
void af_check_lassos(struct af_check *check, af_check_progress_fn *progress, void *arg);

/* ---- path.c ---- */

/* A label as a step, which borrows from the check. */
struct af_schedule_step af_check_path_step(const struct af_check *check, enum af_schedule_kind kind,
                                           uint32_t member, uint32_t what);

/* Fills found->run with the run into it that the search came by. */
void af_check_path(struct af_check *check, struct af_check_found *found);

/* ---- short.c ---- */

/* Fills in the runs of all that was found, each of them a shortest one unless it says otherwise. */
void af_check_paths(struct af_check *check, af_check_progress_fn *progress, void *arg);

/* ---- rename.c ---- */

/* The text of JSON in which the names of two parties are exchanged. */
uint32_t af_check_rename(struct af_check *check, uint32_t word, uint32_t a, uint32_t b);

/* ---- same.c ---- */

struct af_check_same *af_check_same_new(const struct af_check *check);
void af_check_same_free(struct af_check_same *same);

/* How many exchanges of names are made: fewer than before once a role must be told apart. */
size_t af_check_same_on(const struct af_check *check);
bool af_check_same_role(const struct af_check *check, uint32_t role);

/* What its tables take; how many calls and views were tried for an exchange alone. */
uint64_t af_check_same_bytes(const struct af_check *check);
uint64_t af_check_same_exchanged(const struct af_check *check);

/* Why parties of a role are told apart, or NULL; whether it is believed, not proved, that those of
 * others need not be. */
const char *af_check_same_why(const struct af_check *check);
bool af_check_same_believed(const struct af_check *check);

/* Makes a state the one that stands for all that are the same; of a role of more than four parties
 * two of them may be left, which costs no more than looking at both. Adds the exchanges to swaps,
 * unless that is NULL. Returns false if what that asks for is not known, unless it asks. */
bool af_check_same_pick(struct af_check *check, struct af_check_vector *vector,
                        struct af_check_vector scratch[2], bool asks, struct af_check_swaps *swaps);

/* What becomes of a member, a party, a contract when names are exchanged. One thread. */
uint32_t af_check_same_member(const struct af_check *check, const struct af_check_swaps *swaps,
                              uint32_t member);
uint32_t af_check_same_local(struct af_check *check, const struct af_check_swaps *swaps,
                             uint32_t local);
uint32_t af_check_same_contract(struct af_check *check, const struct af_check_swaps *swaps,
                                uint32_t contract);

/* ---- proof.c ---- */

/* A call was asked for. */
void af_check_same_called(struct af_check *check, uint32_t call, bool is_new);

/* Tries all new calls with names exchanged, unless it is told to stop. One thread, like the next.
 */
void af_check_same_try(struct af_check *check);

/* What invariants say of a state, having been asked of it with names exchanged, unless told to
 * stop.
 */
uint32_t af_check_same_view(struct af_check *check, const struct af_check_vector *state);

/* ---- cover.c ---- */
void af_check_cover(struct af_check *check, struct af_check_result *result);

#endif
