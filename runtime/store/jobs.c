/* jobs.c: records on their way to the disk: what is asked of the thread that writes, and whether
 * all of it is written. */
#include "store/impl.h"

#include "base/failure.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

int af_store_fail(const struct af_store *store, struct af_failure *why)
{
    af_failure_set(why, AF_FAILURE_TRANSPORT, "state", "%s", af_db_why(store->db));
    why->passing = true;
    return -1;
}

void af_store_pending_free(struct af_store_pending *pending)
{
    af_arena_release(&pending->arena);
    free(pending);
}

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
