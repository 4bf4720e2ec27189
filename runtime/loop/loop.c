/* loop.c: timers, posts and dispatch of both drivers; see loop.h and core.h. */
#include "loop/core.h"

#include "base/mem.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

/* ---- Timers' memory: chunks that are kept until the loop is freed. ---- */

#define CHUNK_TIMERS_COUNT 1024

struct af_timer_chunk {
    struct af_timer_chunk *next;
    struct af_timer timers[CHUNK_TIMERS_COUNT];
};

static void add_chunk(struct af_loop *loop)
{
    struct af_timer_chunk *chunk = af_mem_alloc(sizeof *chunk);
    chunk->next = loop->chunks;
    loop->chunks = chunk;
    for (size_t i = CHUNK_TIMERS_COUNT; i-- > 0;) {
        chunk->timers[i].loop = NULL;
        chunk->timers[i].next_free = loop->free_timers;
        loop->free_timers = &chunk->timers[i];
    }
}

static struct af_timer *take_timer(struct af_loop *loop)
{
    if (loop->free_timers == NULL)
        add_chunk(loop);
    struct af_timer *timer = loop->free_timers;
    loop->free_timers = timer->next_free;
    return timer;
}

static void give_timer_back(struct af_loop *loop, struct af_timer *timer)
{
    timer->loop = NULL;
    timer->next_free = loop->free_timers;
    loop->free_timers = timer;
}

/* ---- The heap: the children of entry i are 4i+1 … 4i+4. ---- */

static inline bool is_before(const struct af_timer_entry *a, const struct af_timer_entry *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->start < b->start);
}

static inline void put(struct af_loop *loop, size_t index, struct af_timer_entry entry)
{
    loop->heap[index] = entry;
    entry.timer->index = index;
}

/* Puts an entry at index, a hole, or above, where its parent is not after it. */
static void sift_up(struct af_loop *loop, size_t index, struct af_timer_entry entry)
{
    while (index > 0) {
        size_t parent = (index - 1) / 4;
        if (!is_before(&entry, &loop->heap[parent]))
            break;
        put(loop, index, loop->heap[parent]);
        index = parent;
    }
    put(loop, index, entry);
}

static inline size_t first_of(const struct af_timer_entry *heap, size_t child, size_t end)
{
    size_t first = child;
    for (size_t i = child + 1; i < end; i++)
        first = is_before(&heap[i], &heap[first]) ? i : first;
    return first;
}

/* Closes a hole at index, by moving it down to a leaf and putting the last entry there. Cheaper
 * than to compare that entry on each level, because it comes from a leaf and nearly always returns
 * to one. */
static void close_hole(struct af_loop *loop, size_t index)
{
    struct af_timer_entry *heap = loop->heap;
    size_t count = --loop->count;
    if (index == count)
        return;
    struct af_timer_entry last = heap[count];
    for (size_t child = 4 * index + 1; child < count; child = 4 * index + 1) {
        size_t end = child + 4 < count ? child + 4 : count;
        size_t first = first_of(heap, child, end);
        put(loop, index, heap[first]);
        index = first;
    }
    sift_up(loop, index, last);
}

/* ---- What loop.h says. ---- */

int64_t af_loop_now_ns(const struct af_loop *loop)
{
    if (loop->stepping || loop->driver->clock_ns == NULL)
        return loop->now_ns;
    return loop->driver->clock_ns(loop);
}

int64_t af_loop_wall_ns(const struct af_loop *loop)
{
    return loop->driver->wall_ns == NULL ? af_loop_now_ns(loop) : loop->driver->wall_ns(loop);
}

int64_t af_loop_machine_ns(const struct af_loop *loop)
{
    return loop->driver->machine_ns == NULL ? af_loop_now_ns(loop) : loop->driver->machine_ns(loop);
}

struct af_timer *af_timer_start(struct af_loop *loop, int64_t delay_ns, af_loop_fn *fn, void *arg)
{
    assert(delay_ns >= 0);
    assert(fn != NULL);
    int64_t now_ns = af_loop_now_ns(loop);
    struct af_timer *timer = take_timer(loop);
    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    struct af_timer_entry entry = {
        .due_ns = delay_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + delay_ns,
        .start = loop->started_count++,
        .timer = timer,
    };
    af_mem_reserve(&loop->heap, &loop->cap, loop->count + 1, sizeof *loop->heap);
    sift_up(loop, loop->count++, entry);
    return timer;
}

void af_timer_cancel(struct af_timer *timer)
{
    if (timer == NULL)
        return;
    struct af_loop *loop = timer->loop;
    assert(loop != NULL); /* else it has run, or was cancelled before */
    assert(timer->index < loop->count && loop->heap[timer->index].timer == timer);
    close_hole(loop, timer->index);
    give_timer_back(loop, timer);
}

int64_t af_timer_due_ns(const struct af_timer *timer)
{
    assert(timer->loop != NULL);
    return timer->loop->heap[timer->index].due_ns;
}

void af_loop_run_first_timer(struct af_loop *loop)
{
    assert(loop->count > 0);
    struct af_timer *timer = loop->heap[0].timer;
    af_loop_fn *fn = timer->fn;
    void *arg = timer->arg;
    close_hole(loop, 0);
    give_timer_back(loop, timer);
    fn(arg);
}

void af_loop_post(struct af_loop *loop, af_loop_fn *fn, void *arg)
{
    assert(fn != NULL);
    pthread_mutex_lock(&loop->posts_lock);
    struct af_post_list *posts = &loop->posts;
    af_mem_reserve(&posts->items, &posts->cap, posts->count + 1, sizeof *posts->items);
    posts->items[posts->count++] = (struct af_post){fn, arg};
    bool is_first = !atomic_exchange(&loop->posted, true);
    atomic_fetch_add(&loop->waking, 1);
    pthread_mutex_unlock(&loop->posts_lock); /* before: who is woken takes it at once */
    if (is_first && loop->driver->wake != NULL)
        loop->driver->wake(loop);
    atomic_fetch_sub(&loop->waking, 1);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void forget_posts(struct af_post_list *list, af_loop_fn *fn, void *arg)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].fn == fn && list->items[i].arg == arg)
            list->items[i].fn = nothing;
}

void af_loop_unpost(struct af_loop *loop, af_loop_fn *fn, void *arg)
{
    pthread_mutex_lock(&loop->posts_lock);
    forget_posts(&loop->posts, fn, arg);
    forget_posts(&loop->taken, fn, arg); /* this may be called by one of them */
    pthread_mutex_unlock(&loop->posts_lock);
}

bool af_loop_run_posts(struct af_loop *loop)
{
    if (!atomic_load_explicit(&loop->posted, memory_order_acquire))
        return false;
    pthread_mutex_lock(&loop->posts_lock);
    struct af_post_list taken = loop->posts;
    loop->posts = loop->taken; /* empty, but it has memory */
    loop->taken = taken;
    atomic_store(&loop->posted, false);
    pthread_mutex_unlock(&loop->posts_lock);
    for (size_t i = 0; i < taken.count; i++)
        taken.items[i].fn(taken.items[i].arg);
    loop->taken.count = 0;
    return true;
}

int af_loop_watch(struct af_loop *loop, int fd, bool write, af_loop_fn *fn, void *arg,
                  struct af_failure *why)
{
    assert(fn != NULL);
    return loop->driver->watch(loop, fd, write, fn, arg, why);
}

void af_loop_unwatch(struct af_loop *loop, int fd)
{
    loop->driver->unwatch(loop, fd);
}

int64_t af_loop_next_ns(const struct af_loop *loop)
{
    if (atomic_load_explicit(&loop->posted, memory_order_acquire))
        return af_loop_now_ns(loop);
    return loop->count == 0 ? -1 : loop->heap[0].due_ns;
}

bool af_loop_step(struct af_loop *loop)
{
    assert(!loop->stepping); /* not from a callback */
    loop->stepping = true;
    bool more = loop->driver->step(loop);
    loop->stepping = false;
    return more;
}

/* A stop holds until a run has seen it, so that one that comes before the run is not lost. */
void af_loop_run(struct af_loop *loop)
{
    while (!loop->stopped && af_loop_step(loop))
        continue;
    loop->stopped = false;
}

void af_loop_stop(struct af_loop *loop)
{
    loop->stopped = true;
}

void af_loop_init(struct af_loop *loop, const struct af_loop_driver *driver)
{
    loop->driver = driver;
    atomic_init(&loop->posted, false);
    pthread_mutex_init(&loop->posts_lock, NULL);
}

void af_loop_free(struct af_loop *loop)
{
    if (loop == NULL)
        return;
    assert(!loop->stepping);
    while (atomic_load(&loop->waking) > 0) /* its last post has run, but who made it is not done */
        sched_yield();
    loop->driver->release(loop);
    for (struct af_timer_chunk *chunk = loop->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(loop->heap);
    free(loop->posts.items);
    free(loop->taken.items);
    pthread_mutex_destroy(&loop->posts_lock);
    free(loop);
}
