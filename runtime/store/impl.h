/* impl.h: what the files of the store share.
 *
 *   store.c  the file; records on their way to the disk
 *   rows.c   records and parties as rows
 *   seal.c   what is sealed, and the key for it
 *   kept.c   what parties keep beside their data
 *   code.c   what parties run
 *   moves.c  parties that go over to another version of it
 *   asks.c   launches that wait for an operator
 */
#ifndef AF_STORE_IMPL_H
#define AF_STORE_IMPL_H

#include "base/arena.h"
#include "base/db.h"
#include "loop/group_commit.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum af_store_job { AF_STORE_RECORD, AF_STORE_MOVE, AF_STORE_BRING_SOME, AF_STORE_BRING_ALL };

struct af_store_pending { /* a record on its way to the disk */
    struct af_group_job job;
    enum af_store_job kind;
    struct af_store_record record;
    struct af_store_swap move;
    void (*done)(void *arg);
    void *arg;
    struct af_arena arena;
};

enum { AF_STORE_KEY_BYTES = 32 };

struct af_store {
    struct af_db *db;
    struct af_loop *loop;
    struct af_store_options options;
    struct af_group *group;
    pthread_mutex_t db_lock; /* of the file */
    pthread_mutex_t lock;    /* of what the thread has to tell of its trouble: the next two */
    char why[300];
    bool in_trouble;
    int64_t bytes_since_trim; /* the thread's own */
    char *key_path;
    bool has_key;         /* read or made */
    atomic_bool may_seal; /* … and what is sealed already is by this one */
    unsigned char key[AF_STORE_KEY_BYTES];
    struct af_arena sealed; /* what is sealed in the row that is written */
    struct af_arena opened; /* what was sealed in the row that is read */
    bool is_locked;         /* something could not be opened */
    atomic_bool moves;      /* parties may have gone over whose rows have not: moves.c … */
    bool brings_all;        /* … which the open transaction brings over, all of them */
};

extern const struct af_db_format af_store_format;

/* Entries of journals have one number for party and seq: the key of a table without such a number
 * is compared by reading whole rows, of megabytes. SQL for it, and for all entries of a party. */
#define AF_STORE_ENTRY(party, seq) "(" party " << 40 | " seq ")"
#define AF_STORE_OF_PARTY(party) "id > " party " << 40 AND id < (" party " + 1) << 40"

/* Ids of parties are from 1 to below that, so that both fit into the number. */
#define AF_STORE_PARTIES "(1 << 22)"
enum { AF_STORE_PARTY_MAX = (1 << 22) - 1 };

/* Forgets code that no party runs any more, within a transaction. */
void af_store_forget_code(struct af_store *store);

/* Keeps the files of a flow, within a transaction. */
void af_store_write_code(struct af_store *store, const struct af_store_code *code);

/* ---- jobs.c ---- */

/* Fills *why with what the file has failed by; it is worth trying again. Returns -1. */
int af_store_fail(const struct af_store *store, struct af_failure *why);

void af_store_pending_free(struct af_store_pending *pending);

/* Has the thread bring parties over to what they were swapped to, some at a time. */
void af_store_bring_later(struct af_store *store);

/* ---- moves.c; all within a transaction. ---- */
void af_store_write_move(struct af_store *store, const struct af_store_swap *swap);

/* Before anything of the party is read or written: its row is as it was swapped. */
void af_store_bring(struct af_store *store, int64_t party);

/* The same of some, and of all; what was written for a swap that did not come goes. */
void af_store_bring_some(struct af_store *store);
void af_store_bring_all(struct af_store *store);

/* ---- seal.c; all within a transaction. ---- */

/* A hash as 16 bytes in the same order on every machine. */
void af_store_pack(struct af_hash hash, unsigned char bytes[16]);

/* Has the key, makes it if nothing is sealed yet; before anything is. Returns -1 with *why filled.
 */
int af_store_need_key(struct af_store *store, struct af_failure *why);

/* Has the key, but makes none. */
int af_store_read_key(struct af_store *store, struct af_failure *why);

/* Fills *why with why something sealed cannot be opened; returns -1. */
int af_store_sealed(struct af_store *store, struct af_failure *why);

/* Seals bytes, bound to a place, into so many more; opens them again, with a 0 byte behind them, or
 * NULL: the caller frees them. */
enum { AF_STORE_SEAL_BYTES = 24 + 16 };
void af_store_seal(const struct af_store *store, const void *place, size_t place_len,
                   const void *bytes, size_t len, unsigned char *sealed);
void *af_store_unseal(const struct af_store *store, const void *place, size_t place_len,
                      const void *sealed, size_t size, size_t *len);

/* Binds bytes (or NULL) of a column of a party, sealed if said so; `row` tells rows of a party from
 * each other. column: at most 7 letters. They stand in store->sealed until the caller has run the
 * statement. */
void af_store_bind(struct af_store *store, struct af_db_statement *to, bool seals, int64_t party,
                   const char *column, struct af_hash row, const void *bytes, size_t len);

/* Whether the column `number` of a row that is read is sealed; what is in it: in store->opened, or
 * NULL, having set store->is_locked. */
bool af_store_is_sealed(struct af_db_statement *from, int number);
const char *af_store_open_column(struct af_store *store, struct af_db_statement *from, int number,
                                 int64_t party, const char *column, struct af_hash row,
                                 size_t *len);

/* ---- ---- */

/* Writes one record, within a transaction. Returns -1 with *why filled, having written nothing:
 * there is no key for what is to be sealed. */
int af_store_write(struct af_store *store, const struct af_store_record *record,
                   struct af_failure *why);

/* Writes or deletes bytes that a party keeps, within a transaction. */
void af_store_write_kept(struct af_store *store, int64_t party, const struct af_store_kept *kept);

/* Tells loader->kept of all that a party keeps, within a transaction. Returns -1 with *why filled
 * where there is no key that opens it. */
int af_store_read_kept(struct af_store *store, int64_t party, const struct af_store_loader *loader,
                       struct af_failure *why);

/* Drops the contents of entries that are too old, or too many. */
void af_store_trim(struct af_store *store, int64_t party, int64_t now_ns);

#endif
