/* store.c: see store.h. */
#include "store/impl.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/kill_point.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Records on their way back. ---- */

static void told(void *arg, struct af_group_job *job)
{
    struct af_store *store = arg;
    struct af_store_pending *pending = (struct af_store_pending *)job;
    void (*done)(void *) = pending->done;
    void *done_arg = pending->arg;
    af_store_pending_free(pending);
    af_group_release(store->group);
    if (done != NULL)
        done(done_arg); /* may put, and forget */
}

static void tell_trouble(void *arg)
{
    struct af_store *store = arg;
    char why[sizeof store->why];
    pthread_mutex_lock(&store->lock);
    bool in_trouble = store->in_trouble;
    memcpy(why, store->why, sizeof why);
    pthread_mutex_unlock(&store->lock);
    if (store->options.trouble != NULL)
        store->options.trouble(store->options.arg, in_trouble ? why : NULL);
}

static void note_trouble(struct af_store *store, const char *why)
{
    pthread_mutex_lock(&store->lock);
    bool news = store->in_trouble != (why != NULL);
    store->in_trouble = why != NULL;
    if (news)
        snprintf(store->why, sizeof store->why, "%s", why == NULL ? "" : why);
    pthread_mutex_unlock(&store->lock);
    if (news)
        af_loop_post(store->loop, tell_trouble, store);
}

/* ---- The thread. ---- */

/* Returns -1 with *why filled where there is no key for it. */
static int write_one(struct af_store *store, const struct af_store_pending *job,
                     struct af_failure *why)
{
    if (job->kind == AF_STORE_MOVE) {
        af_store_write_move(store, &job->move);
    } else if (job->kind == AF_STORE_BRING_SOME) {
        af_store_bring_some(store);
    } else if (job->kind == AF_STORE_BRING_ALL) {
        af_store_bring_all(store);
    } else if (af_store_write(store, &job->record, why) != 0) {
        return -1;
    } else if (store->bytes_since_trim > store->options.journal_bytes / 8) {
        store->bytes_since_trim = 0;
        af_store_trim(store, job->record.party, job->record.now.since_ns);
    }
    return 0;
}

static bool write_all(struct af_store *store, const struct af_group_job *batch)
{
    struct af_failure why = AF_FAILURE_INIT;
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    store->brings_all = false;
    for (const struct af_group_job *job = batch; job != NULL && ok; job = job->next) {
        if (write_one(store, (const struct af_store_pending *)job, &why) != 0)
            break;
        ok = af_db_failed(store->db) == AF_DB_FINE;
    }
    if (why.kind != AF_FAILURE_NONE) { /* it waits for its key as it would for room */
        char text[sizeof store->why];
        af_db_roll_back(store->db);
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        note_trouble(store, text);
        pthread_mutex_unlock(&store->db_lock);
        return false;
    }
    if (ok)
        af_db_shrink(store->db);
    af_kill_point("commit-before");
    ok = af_group_commit(store->group, store->db) && ok;
    store->moves = store->moves && !(ok && store->brings_all);
    if (ok)
        af_kill_point("commit-after");
    if (!ok)
        note_trouble(store, af_db_why(store->db));
    pthread_mutex_unlock(&store->db_lock);
    return ok;
}

/* Waits, longer each time up to a second, or until the store is closed. Returns whether it is to be
 * tried again. */
static bool wait_for_better_times(struct af_store *store, int *pieces)
{
    static const struct timespec piece = {0, 20 * 1000000};
    bool again = true;
    *pieces = *pieces == 0 ? 1 : *pieces < 25 ? 2 * *pieces : 50;
    for (int i = 0; i < *pieces && again; i++) {
        nanosleep(&piece, NULL);
        again = !af_group_stops(store->group);
    }
    return again;
}

static void write_batch(void *arg, struct af_group_job *batch, struct af_group_jobs *over)
{
    struct af_store *store = arg;
    bool written;
    int pieces = 0;
    while (!(written = write_all(store, batch)) && wait_for_better_times(store, &pieces))
        ;
    if (written)
        note_trouble(store, NULL);
    over->first = batch; /* told to nobody, where it was not written: we are closing */
}

void af_store_times(struct af_store *store, struct af_histogram *times)
{
    af_group_times(store->group, times);
}

int af_store_copy(struct af_store *store, const char *path, struct af_failure *why)
{
    if (af_store_flush(store, why) != 0)
        return -1;
    pthread_mutex_lock(&store->db_lock);
    int result = af_db_copy(store->db, path, why);
    pthread_mutex_unlock(&store->db_lock);
    return result;
}

/* ---- Life. ---- */

static void release(struct af_store *store)
{
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->db_lock);
    af_db_close(store->db);
    sodium_memzero(store->key, sizeof store->key);
    af_arena_release(&store->opened);
    free(store->key_path);
    free(store);
}

static char *key_path(const char *path, const char *key)
{
    struct af_buf name = AF_BUF_EMPTY;
    af_buf_printf(&name, "%s%s", key == NULL ? path : key, key == NULL ? ".key" : "");
    char *copy = af_mem_string(af_buf_text(&name));
    af_buf_release(&name);
    return copy;
}

/* A swap before which a process died came whole, or not at all. */
static int finish_swap(struct af_store *store, struct af_failure *why)
{
    bool ok = af_db_begin(store->db);
    if (ok) {
        af_store_bring_all(store);
        ok = af_db_commit(store->db);
    }
    return ok ? 0 : af_store_fail(store, why);
}

struct af_store *af_store_open(const char *path, struct af_loop *loop,
                               const struct af_store_options *options, struct af_failure *why)
{
    struct af_db *db = af_db_open(path, &af_store_format, why);
    if (db == NULL)
        return NULL;
    struct af_store *store = af_mem_zero(1, sizeof *store);
    store->db = db;
    store->loop = loop;
    store->options = *options;
    store->key_path = key_path(path, options->key);
    store->options.key = NULL; /* was borrowed */
    if (store->options.journal_bytes <= 0)
        store->options.journal_bytes = AF_JOURNAL_BYTES;
    if (store->options.journal_age_ns <= 0)
        store->options.journal_age_ns = AF_JOURNAL_AGE_NS;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->db_lock, NULL);
    struct af_group_spec spec = {
        .loop = loop, .arg = store, .write = write_batch, .told = told, .fd = -1};
    if (finish_swap(store, why) == 0 &&
        (options->reads || (store->group = af_group_new(&spec, path, why)) != NULL))
        return store;
    release(store);
    return NULL;
}

void af_store_close(struct af_store *store)
{
    struct af_group_jobs left = {NULL, NULL};
    struct af_failure why = AF_FAILURE_INIT; /* it is tried again when it is opened */
    struct af_group_job *next;
    if (store == NULL)
        return;
    if (store->group == NULL) {
        release(store);
        return;
    }
    af_group_stop(store->group, &left);
    af_loop_unpost(store->loop, tell_trouble, store);
    for (struct af_group_job *job = left.first; job != NULL; job = next) {
        next = job->next;
        af_store_pending_free((struct af_store_pending *)job);
    }
    af_group_free(store->group);
    if (store->moves)
        finish_swap(store, &why);
    release(store);
}
