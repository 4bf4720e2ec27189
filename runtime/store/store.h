/* store.h: what is kept of parties, so that a kill at any instruction loses nothing.
 *
 * One SQLite file (base/db.h) holds any number of parties, of one process at a time: for each a row
 * with its committed snapshot, its deferred contracts, and a journal of all that it has taken, with
 * what it sent over it. A record is one transaction of one party. Records are written by a thread,
 * all that have gathered in one SQLite transaction, in the order in which they were put; each is
 * told on the loop's thread once it is on the disk, and nothing may be announced before. Where the
 * disk is full they wait, and are written when there is room again.
 *
 * Sends stand in the journal; a party's `sent` says up to which entry the bus has confirmed them
 * all. So what a party that comes back must send again is what stands behind it. */
#ifndef AF_STORE_H
#define AF_STORE_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_arena;
struct af_code;
struct af_failure;
struct af_histogram;
struct af_loop;
struct af_store;

struct af_store_options {
    int64_t journal_bytes;  /* of a party's journal, about; 0: AF_JOURNAL_BYTES */
    int64_t journal_age_ns; /* how long an entry is kept whole; 0: AF_JOURNAL_AGE_NS */
    const char *key; /* file of the key that seals secrets and what parties keep; NULL: that of the
                        store, and ".key". It is made (0600) when a party first has one */
    bool
        reads; /* nothing is ever put: there is no thread that writes, so that who opens it forks */
    void (*trouble)(void *arg, const char *why); /* cannot be written now; NULL: it can again */
    void *arg;
};

/* Opens the file, or makes it (0600). Returns NULL with *why filled: it is no store of parties, is
 * damaged, of a newer version, or in use by another process. */
struct af_store *af_store_open(const char *path, struct af_loop *loop,
                               const struct af_store_options *options, struct af_failure *why);

/* Waits for what was put to be written, and closes it; nothing is told any more. */
void af_store_close(struct af_store *store);

/* Sets *times to how long commits of records took. */
void af_store_times(struct af_store *store, struct af_histogram *times);

/* ---- Parties. ---- */

/* The committed snapshot of a party, and what it is. Texts of one that is read are borrowed. */
struct af_store_party {
    int64_t id;
    const char *task, *node;
    const char *about; /* JSON, the owner's: which flow, role, peers, arguments */
    const char *code;  /* the hash of what it runs (af_store_keep_code()) */
    struct af_hash seed;
    bool seals;  /* of one that is added: it has secrets, so that its seed is sealed */
    bool locked; /* of one that is read: seed or data cannot be opened, af_store_load() says why */
    int status;  /* an enum af_party_status */
    const char *state; /* NULL: not started */
    const char *data;
    size_t data_len;
    struct af_hash data_hash; /* of the data that its last step left; zeroed: not known */
    bool torn;                /* its row and its journal do not end with the same step */
    uint64_t fired;
    const char *timers;                 /* JSON: [[name or null, due (wall clock), length], …] */
    const char *result, *reason, *held; /* or NULL */
    int progress;                       /* percent, -1: not told */
    int64_t seq, sent; /* the last entry of its journal; the last whose sends are confirmed */
    int64_t made_ns, since_ns; /* wall clock: when it was made, and its last step */
    int64_t paused_ns;         /* since when its operator has it wait, 0: it does not */
};

/* A copy whose texts live in an arena. */
struct af_store_party af_store_party_copy(struct af_arena *arena,
                                          const struct af_store_party *party);

/* Keeps a party that has not started: task, node, about, code, seed, made_ns. It is on the disk
 * when this returns its id; -1 with *why filled. */
int64_t af_store_add(struct af_store *store, const struct af_store_party *party,
                     struct af_failure *why);

/* Forgets a party with its journal. */
int af_store_remove(struct af_store *store, int64_t party, struct af_failure *why);

/* Copies all that is kept into a new file. */
int af_store_copy(struct af_store *store, const char *path, struct af_failure *why);

/* Calls each(arg, party) for all parties, oldest first; returns -1 with *why filled if they cannot
 * be read. each must not call the store. */
int af_store_each(struct af_store *store, void (*each)(void *arg, const struct af_store_party *),
                  void *arg, struct af_failure *why);

/* Calls each(arg, party) for one of them. */
int af_store_read(struct af_store *store, int64_t party,
                  void (*each)(void *arg, const struct af_store_party *), void *arg,
                  struct af_failure *why);

/* ---- What parties run. ---- */

struct af_store_code {
    const char *hash, *file, *flow; /* of code/code.h; the flow's file and name */
    int64_t version;
    const struct af_code *code;
};

/* Keeps the files of a flow, unless they are kept; on the disk when this returns 0. */
int af_store_keep_code(struct af_store *store, const struct af_store_code *code,
                       struct af_failure *why);

/* Reads the files of that hash into an empty code. */
int af_store_read_code(struct af_store *store, const char *hash, struct af_code *code,
                       struct af_failure *why);

/* The hash of the last version before `version` that parties of the file ran and that is kept, and
 * which that is (NULL: not asked for). The highest that ever ran is kept. */
int af_store_code_before(struct af_store *store, const char *file, int64_t version, char hash[65],
                         int64_t *found_version, struct af_failure *why);

/* A party as another version of its flow has it. */
struct af_store_swap {
    int64_t party, seq; /* that was brought there as its step `seq` had left it */
    const char *about, *code, *state, *data, *timers;
    size_t data_len;
    struct af_hash data_hash;
    bool seals;           /* there are secrets in the data */
    const char *versions; /* for the journal: "1 to 2" */
    int64_t time_ns;
};

/* Writes beside a party what a swap will make of it, while it runs on; all is copied. done(arg) is
 * called once it is on the disk. What was written before, and was not swapped, is forgotten by
 * af_store_unstage(). */
void af_store_stage(struct af_store *store, const struct af_store_swap *swap,
                    void (*done)(void *arg), void *arg);
void af_store_unstage(struct af_store *store);

/* Keeps the code and swaps to it, or none: these parties, and all that were staged and have made no
 * step since; on the disk when this returns 0. None of them may have a record on its way. It takes
 * the time of a small commit: their rows are brought over afterwards, and none sees that. */
int af_store_swap(struct af_store *store, const struct af_store_code *code,
                  const struct af_store_swap *swaps, size_t count, struct af_failure *why);

/* ---- Launches that wait for an operator: one a task. ---- */

/* Keeps one, in place of that of its task: what it is, as JSON of the owner's. On the disk when
 * this returns 0. */
int af_store_keep_ask(struct af_store *store, const char *task, const char *about,
                      struct af_failure *why);
int af_store_drop_ask(struct af_store *store, const char *task, struct af_failure *why);

/* Calls each(arg, task, about) for all, in the order of their tasks. each must not call the store.
 */
int af_store_each_ask(struct af_store *store,
                      void (*each)(void *arg, const char *task, const char *about), void *arg,
                      struct af_failure *why);

/* An entry of a journal. Texts are borrowed. */
struct af_store_entry {
    int64_t seq, time_ns; /* wall clock */
    const char
        *kind; /* "start", "event", "defer", "ignore", "refuse", "after", "deadline", "reload",
                  "hand" (an operator's, deferred until it is taken), "pause", "resume" … */
    struct af_hash key; /* of the input: chance and uuids were drawn from it */
    struct af_hash uuid;
    const char *sender, *type; /* of a contract, or NULL */
    const char *content;       /* or NULL: it had none, or is too old */
    size_t content_len;
    const char *name;    /* of a deadline; of a reload "1 to 2"; of a contract that is deferred what
                            is told of it beside its content (run/journal.h); or NULL */
    const char *state;   /* the state after it, or NULL */
    struct af_hash data; /* hash of the data after it */
    const char *sends; /* JSON: [{"to":[…],"uuid":…,"title":…,"time":…,"content":{…}}…] or NULL */
    const char *answers; /* JSON: what host calls were answered, or NULL */
    bool whole;          /* false: contents were dropped, for its age or the journal's size */
};

typedef void af_store_entry_fn(void *arg, const struct af_store_entry *entry);

/* What a party needs to go on: its deferred contracts in order (as entries: sender, type, uuid,
 * content, name, and the time at which they were sent), the keys of what it has dealt with, the
 * bytes that it keeps beside its data (kept NULL: not wanted), and the entries whose sends are not
 * confirmed. */
struct af_store_loader {
    void *arg;
    af_store_entry_fn *deferred;
    void (*seen)(void *arg, struct af_hash key);
    void (*kept)(void *arg, const void *bytes, size_t len);
    af_store_entry_fn *unsent;
};
int af_store_load(struct af_store *store, const struct af_store_party *party,
                  const struct af_store_loader *loader, struct af_failure *why);

/* A party's journal, oldest first: at most max entries behind the one that is numbered `after` (0:
 * from the first on). What was put before is in it, unless the disk fails. */
int af_store_journal(struct af_store *store, int64_t party, int64_t after, int64_t max,
                     af_store_entry_fn *each, void *arg, struct af_failure *why);

/* ---- Records. ---- */

struct af_store_kept {
    unsigned char hash[32]; /* SHA-256 of the bytes */
    const void *bytes;      /* that are kept from here on; NULL: they are not any more */
    size_t len;
};

/* Whether bytes can be kept: makes the key that seals them. Returns -1 with *why filled; before a
 * record has any. */
int af_store_may_keep(struct af_store *store, struct af_failure *why);

struct af_store_record {
    int64_t party;
    struct af_store_entry entry; /* kind NULL: nothing for the journal */
    bool defers;                 /* its contract is deferred from here on … */
    bool was_deferred;           /* … or no more */
    int64_t contract_time_ns;    /* of a contract that is deferred */
    const struct af_store_kept *kept;
    size_t kept_count;
    bool seals;                /* the party has secrets: contents, data and seed are sealed */
    struct af_store_party now; /* from status to sent: the party after it; data, timers NULL: as
                                  they were; its seed, for a record that seals or keeps */
};

/* Puts a record; all is copied. done(arg), unless NULL, is called once it is on the disk. */
void af_store_put(struct af_store *store, const struct af_store_record *record,
                  void (*done)(void *arg), void *arg);

/* Forgets to call done for what was put with this arg. */
void af_store_forget(struct af_store *store, const void *arg);

/* Waits until nothing is on its way to the disk. Returns -1 with *why filled (NULL: not asked for)
 * where it cannot be written now. */
int af_store_flush(struct af_store *store, struct af_failure *why);

#endif
