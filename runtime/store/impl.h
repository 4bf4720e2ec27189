/* impl.h: what the files of the store share.
 *
 *   store.c  the file; records on their way to the disk
 *   rows.c   records and parties as rows
 *   kept.c   what parties keep beside their data, sealed, and the key for it
 *   code.c   what parties run, and the swap of it
 */
#ifndef AF_STORE_IMPL_H
#define AF_STORE_IMPL_H

#include "base/arena.h"
#include "base/db.h"
#include "loop/group_commit.h"
#include "store/store.h"

#include <pthread.h>

struct af_store_pending { /* a record on its way to the disk */
    struct af_group_job job;
    struct af_store_record record;
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
    bool has_key; /* read or made, before anything is sealed by it */
    unsigned char key[AF_STORE_KEY_BYTES];
};

extern const struct af_db_format af_store_format;

/* Entries of journals have one number for party and seq: the key of a table without such a number
 * is compared by reading whole rows, of megabytes. SQL for it, and for all entries of a party. */
#define AF_STORE_ENTRY(party, seq) "(" party " << 40 | " seq ")"
#define AF_STORE_OF_PARTY(party) "id > " party " << 40 AND id < (" party " + 1) << 40"

/* Ids of parties are from 1 to below that, so that both fit into the number. */
#define AF_STORE_PARTIES "(1 << 22)"
enum { AF_STORE_PARTY_MAX = (1 << 22) - 1 };

/* Fills *why with what the file has failed by; it is worth trying again. Returns -1. */
int af_store_fail(const struct af_store *store, struct af_failure *why);

/* Waits until nothing is on its way to the disk; false: it cannot be written now. */
bool af_store_flush(struct af_store *store);

/* A hash as 16 bytes in the same order on every machine. */
void af_store_pack(struct af_hash hash, unsigned char bytes[16]);

/* Forgets code that no party runs any more, within a transaction. */
void af_store_forget_code(struct af_store *store);

/* Writes one record, within a transaction. */
void af_store_write(struct af_store *store, const struct af_store_record *record);

/* Writes or deletes bytes that a party keeps, within a transaction. */
void af_store_write_kept(struct af_store *store, int64_t party, const struct af_store_kept *kept);

/* Tells loader->kept of all that a party keeps, within a transaction. Returns -1 with *why filled
 * where there is no key that opens it. */
int af_store_read_kept(struct af_store *store, int64_t party, const struct af_store_loader *loader,
                       struct af_failure *why);

/* Drops the contents of entries that are too old, or too many. */
void af_store_trim(struct af_store *store, int64_t party, int64_t now_ns);

#endif
