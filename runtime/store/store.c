/* store.c: see store.h. */
#include "store/impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/kill_point.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX = 1000 };

/* ---- Records on their way back. ---- */

static void pending_free(struct af_store_pending *pending)
{
    af_arena_release(&pending->arena);
    free(pending);
}

/* The loop's own reason to go on while records are under way: it does not count threads. */
static void stay_alive(void *arg)
{
    struct af_store *store = arg;
    store->keep_alive = af_timer_start(store->loop, AF_TIME_MAX_NS, stay_alive, store);
}

static void told(struct af_store *store, struct af_store_pending *pending)
{
    void (*done)(void *) = pending->done;
    void *arg = pending->arg;
    pending_free(pending);
    if (--store->behind == 0) {
        af_timer_cancel(store->keep_alive);
        store->keep_alive = NULL;
    }
    if (done != NULL)
        done(arg); /* may put, and forget */
}

static void tell(void *arg)
{
    struct af_store *store = arg;
    char why[sizeof store->why];
    pthread_mutex_lock(&store->lock);
    struct af_store_pending **end = &store->telling;
    while (*end != NULL)
        end = &(*end)->next;
    *end = store->written;
    store->written = NULL;
    store->written_end = &store->written;
    store->posted = false;
    bool in_trouble = store->in_trouble;
    memcpy(why, store->why, sizeof why);
    store->why[0] = '\0';
    pthread_mutex_unlock(&store->lock);
    if (why[0] != '\0' && store->options.trouble != NULL)
        store->options.trouble(store->options.arg, in_trouble ? why : NULL);
    while (store->telling != NULL) {
        struct af_store_pending *first = store->telling;
        store->telling = first->next;
        told(store, first);
    }
}

/* Has the loop told; the lock is held. */
static void post(struct af_store *store)
{
    if (store->posted)
        return;
    store->posted = true;
    af_loop_post(store->loop, tell, store);
}

static void note_trouble(struct af_store *store, const char *why)
{
    pthread_mutex_lock(&store->lock);
    bool news = store->in_trouble != (why != NULL);
    store->in_trouble = why != NULL;
    if (news) {
        snprintf(store->why, sizeof store->why, "%s", why == NULL ? "well again" : why);
        post(store);
    }
    pthread_mutex_unlock(&store->lock);
}

/* ---- The thread. ---- */

static bool write_batch(struct af_store *store, const struct af_store_pending *first)
{
    pthread_mutex_lock(&store->db_lock);
    bool ok = af_db_begin(store->db);
    for (const struct af_store_pending *at = first; at != NULL && ok; at = at->next) {
        af_store_write(store, &at->record);
        if (store->bytes_since_trim > store->options.journal_bytes / 8) {
            store->bytes_since_trim = 0;
            af_store_trim(store, at->record.party, at->record.now.since_ns);
        }
        ok = af_db_failed(store->db) == AF_DB_FINE;
    }
    af_kill_point("commit-before");
    ok = af_db_commit(store->db) && ok;
    if (ok)
        af_kill_point("commit-after");
    if (!ok)
        note_trouble(store, af_db_why(store->db));
    pthread_mutex_unlock(&store->db_lock);
    return ok;
}

/* Waits a second, or until the store is closed. Returns whether it is to be tried again. */
static bool wait_for_better_times(struct af_store *store)
{
    static const struct timespec piece = {0, 20 * 1000000};
    bool again = true;
    for (int i = 0; i < 50 && again; i++) {
        nanosleep(&piece, NULL);
        pthread_mutex_lock(&store->lock);
        again = !store->stop;
        pthread_mutex_unlock(&store->lock);
    }
    return again;
}

/* Takes what waits, at most BATCH_MAX of it; NULL: the store is closed, and nothing waits. */
static struct af_store_pending *take_batch(struct af_store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->waiting == NULL && !store->stop)
        pthread_cond_wait(&store->wake, &store->lock);
    struct af_store_pending *first = store->waiting, *last = first;
    for (int i = 1; last != NULL && i < BATCH_MAX && last->next != NULL; i++)
        last = last->next;
    if (last != NULL) {
        store->waiting = last->next;
        if (store->waiting == NULL)
            store->waiting_end = &store->waiting;
        last->next = NULL;
    }
    store->writing = first;
    pthread_mutex_unlock(&store->lock);
    return first;
}

static void give_back(struct af_store *store, struct af_store_pending *first)
{
    pthread_mutex_lock(&store->lock);
    store->writing = NULL;
    *store->written_end = first;
    while (*store->written_end != NULL)
        store->written_end = &(*store->written_end)->next;
    post(store);
    pthread_mutex_unlock(&store->lock);
}

static void *run(void *arg)
{
    struct af_store *store = arg;
    struct af_store_pending *batch;
    while ((batch = take_batch(store)) != NULL) {
        bool written;
        while (!(written = write_batch(store, batch)) && wait_for_better_times(store))
            ;
        if (written)
            note_trouble(store, NULL);
        give_back(store, batch); /* told to nobody, where it was not written: we are closing */
    }
    return NULL;
}

bool af_store_flush(struct af_store *store)
{
    static const struct timespec piece = {0, 100 * 1000};
    bool idle = false, trouble = false;
    while (!idle && !trouble) {
        pthread_mutex_lock(&store->lock);
        idle = store->waiting == NULL && store->writing == NULL;
        trouble = store->in_trouble;
        pthread_mutex_unlock(&store->lock);
        if (!idle && !trouble)
            nanosleep(&piece, NULL);
    }
    return idle;
}

/* ---- Records on their way to the disk. ---- */

static void copy(struct af_arena *arena, const char **text)
{
    *text = af_arena_string(arena, *text);
}

void af_store_put(struct af_store *store, const struct af_store_record *record,
                  void (*done)(void *arg), void *arg)
{
    struct af_store_pending *pending = af_mem_zero(1, sizeof *pending);
    struct af_arena *arena = &pending->arena;
    pending->record = *record;
    pending->done = done;
    pending->arg = arg;
    struct af_store_entry *entry = &pending->record.entry;
    struct af_store_party *now = &pending->record.now;
    const char **const texts[] = {&entry->kind,  &entry->sender, &entry->type,    &entry->name,
                                  &entry->state, &entry->sends,  &entry->answers, &now->state,
                                  &now->timers,  &now->result,   &now->reason,    &now->held};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        copy(arena, texts[i]);
    entry->content = af_arena_copy(arena, entry->content, entry->content_len);
    now->data = af_arena_copy(arena, now->data, now->data_len);
    now->task = now->node = now->about = NULL;
    if (store->behind++ == 0)
        stay_alive(store);
    pthread_mutex_lock(&store->lock);
    *store->waiting_end = pending;
    store->waiting_end = &pending->next;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
}

static void forget(struct af_store_pending *at, const void *arg)
{
    for (; at != NULL; at = at->next)
        if (at->arg == arg)
            at->done = NULL;
}

void af_store_forget(struct af_store *store, const void *arg)
{
    pthread_mutex_lock(&store->lock);
    forget(store->waiting, arg);
    forget(store->writing, arg);
    forget(store->written, arg);
    pthread_mutex_unlock(&store->lock);
    forget(store->telling, arg);
}

/* ---- Life. ---- */

static void free_all(struct af_store_pending *at)
{
    for (struct af_store_pending *next; at != NULL; at = next) {
        next = at->next;
        pending_free(at);
    }
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
    if (store->options.journal_bytes <= 0)
        store->options.journal_bytes = AF_JOURNAL_BYTES;
    if (store->options.journal_age_ns <= 0)
        store->options.journal_age_ns = AF_JOURNAL_AGE_NS;
    store->waiting_end = &store->waiting;
    store->written_end = &store->written;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->db_lock, NULL);
    pthread_cond_init(&store->wake, NULL);
    if (pthread_create(&store->thread, NULL, run, store) == 0)
        return store;
    af_failure_set(why, AF_FAILURE_TRANSPORT, path, "no thread can be started to write it");
    af_db_close(db);
    free(store);
    return NULL;
}

void af_store_close(struct af_store *store)
{
    if (store == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    af_loop_unpost(store->loop, tell, store);
    af_timer_cancel(store->keep_alive);
    free_all(store->written);
    free_all(store->telling);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->db_lock);
    pthread_cond_destroy(&store->wake);
    af_db_close(store->db);
    free(store);
}
