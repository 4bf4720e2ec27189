/* store.c: see store.h. */
#include "store/impl.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/kill_point.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Records on their way back. ---- */

static void pending_free(struct af_store_pending *pending)
{
    af_arena_release(&pending->arena);
    free(pending);
}

static void told(void *arg, struct af_group_job *job)
{
    struct af_store *store = arg;
    struct af_store_pending *pending = (struct af_store_pending *)job;
    void (*done)(void *) = pending->done;
    void *done_arg = pending->arg;
    pending_free(pending);
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

int af_store_fail(const struct af_store *store, struct af_failure *why)
{
    af_failure_set(why, AF_FAILURE_TRANSPORT, "state", "%s", af_db_why(store->db));
    why->passing = true;
    return -1;
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

int af_store_flush(struct af_store *store, struct af_failure *why)
{
    if (store->group == NULL)
        return 0; /* nothing waits to be written */
    static const struct timespec piece = {0, 100 * 1000};
    bool idle = false, trouble = false;
    while (!idle && !trouble) {
        idle = af_group_is_idle(store->group);
        pthread_mutex_lock(&store->lock);
        trouble = store->in_trouble;
        pthread_mutex_unlock(&store->lock);
        if (!idle && !trouble)
            nanosleep(&piece, NULL);
    }
    if (!idle && why != NULL)
        af_failure_set(why, AF_FAILURE_TRANSPORT, "state",
                       "cannot be written now, as the log says");
    return idle ? 0 : -1;
}

/* ---- Records on their way to the disk. ---- */

static void copy(struct af_arena *arena, const char **text)
{
    *text = af_arena_string(arena, *text);
}

static const struct af_store_kept *copy_kept(struct af_arena *arena,
                                             const struct af_store_record *record)
{
    struct af_store_kept *kept = NULL;
    if (record->kept_count > 0)
        kept = af_arena_alloc(arena, record->kept_count * sizeof *kept);
    for (size_t i = 0; i < record->kept_count; i++) {
        kept[i] = record->kept[i];
        if (kept[i].bytes != NULL)
            kept[i].bytes = af_arena_copy(arena, kept[i].bytes, kept[i].len);
    }
    return kept;
}

static struct af_store_pending *pending_new(enum af_store_job kind, void (*done)(void *arg),
                                            void *arg)
{
    struct af_store_pending *pending = af_mem_zero(1, sizeof *pending);
    pending->kind = kind;
    pending->done = done;
    pending->arg = arg;
    return pending;
}

static void put(struct af_store *store, struct af_store_pending *pending)
{
    assert(store->group != NULL); /* one that is only read takes nothing */
    af_group_hold(store->group);
    af_group_write(store->group, &pending->job);
}

void af_store_put(struct af_store *store, const struct af_store_record *record,
                  void (*done)(void *arg), void *arg)
{
    struct af_store_pending *pending = pending_new(AF_STORE_RECORD, done, arg);
    struct af_arena *arena = &pending->arena;
    pending->record = *record;
    struct af_store_entry *entry = &pending->record.entry;
    struct af_store_party *now = &pending->record.now;
    const char **const texts[] = {&entry->kind,  &entry->sender, &entry->type,    &entry->name,
                                  &entry->state, &entry->sends,  &entry->answers, &now->state,
                                  &now->timers,  &now->result,   &now->reason,    &now->held};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        copy(arena, texts[i]);
    entry->content = af_arena_copy(arena, entry->content, entry->content_len);
    now->data = af_arena_copy(arena, now->data, now->data_len);
    pending->record.kept = copy_kept(arena, record);
    now->task = now->node = now->about = NULL;
    put(store, pending);
}

void af_store_stage(struct af_store *store, const struct af_store_swap *swap,
                    void (*done)(void *arg), void *arg)
{
    struct af_store_pending *pending = pending_new(AF_STORE_MOVE, done, arg);
    struct af_arena *arena = &pending->arena;
    struct af_store_swap *move = &pending->move;
    *move = *swap;
    copy(arena, &move->about);
    copy(arena, &move->code);
    copy(arena, &move->state);
    copy(arena, &move->timers);
    copy(arena, &move->versions);
    move->data = af_arena_copy(arena, swap->data, swap->data_len);
    put(store, pending);
}

void af_store_unstage(struct af_store *store)
{
    put(store, pending_new(AF_STORE_BRING_ALL, NULL, NULL));
}

static void bring_more(void *arg)
{
    struct af_store *store = arg;
    if (store->moves)
        put(store, pending_new(AF_STORE_BRING_SOME, bring_more, store));
}

void af_store_bring_later(struct af_store *store)
{
    bring_more(store);
}

static void forget(struct af_group_job *job, const void *arg)
{
    struct af_store_pending *pending = (struct af_store_pending *)job;
    if (pending->arg == arg)
        pending->done = NULL;
}

void af_store_forget(struct af_store *store, const void *arg)
{
    af_group_each(store->group, forget, arg);
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
        pending_free((struct af_store_pending *)job);
    }
    af_group_free(store->group);
    if (store->moves)
        finish_swap(store, &why);
    release(store);
}
