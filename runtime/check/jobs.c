/* jobs.c: threads that share the work of a round: each takes the next piece that nobody has
 * taken. What a piece comes to does not depend on who does it. */
#include "check/jobs.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct af_check_jobs {
    pthread_mutex_t lock;
    pthread_cond_t begin, over;
    pthread_t *threads;
    unsigned thread_count; /* besides the caller's */
    void (*fn)(void *arg, unsigned worker, size_t i);
    void *arg;
    size_t next, count; /* next by atomic operations */
    uint64_t round;     /* both by atomic operations, and changed with the lock held */
    unsigned busy;
    bool quits;
};

struct worker {
    struct af_check_jobs *jobs;
    unsigned number;
};

/* Rounds are short: who waits for another looks for a few microseconds before it sleeps. */
enum { LOOKS = 4000 };

static inline void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}

static bool has_begun(struct af_check_jobs *jobs, uint64_t round)
{
    return __atomic_load_n(&jobs->round, __ATOMIC_RELAXED) != round;
}

static bool is_over(struct af_check_jobs *jobs)
{
    return __atomic_load_n(&jobs->busy, __ATOMIC_RELAXED) == 0;
}

/* Takes the next ones: many that are neighbours while there are many, for these share what they
 * look at, and one at a time at the end, so that all end together (guided self-scheduling: C. D.
 * Polychronopoulos, D. J. Kuck, 1987). Returns how many, from *first on. */
static size_t take(struct af_check_jobs *jobs, size_t *first)
{
    size_t count;
    *first = __atomic_load_n(&jobs->next, __ATOMIC_RELAXED);
    do {
        if (*first >= jobs->count)
            return 0;
        count = (jobs->count - *first) / (2 * (size_t)(jobs->thread_count + 1));
        count = count == 0 ? 1 : count;
    } while (!__atomic_compare_exchange_n(&jobs->next, first, *first + count, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return count;
}

static void work(struct af_check_jobs *jobs, unsigned worker)
{
    size_t first, count;
    while ((count = take(jobs, &first)) > 0)
        for (size_t i = first; i < first + count; i++)
            jobs->fn(jobs->arg, worker, i);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct af_check_jobs *jobs = worker->jobs;
    uint64_t round = 0;
    for (;;) {
        for (int i = 0; i < LOOKS && !has_begun(jobs, round); i++)
            pause_a_little();
        pthread_mutex_lock(&jobs->lock);
        while (!jobs->quits && !has_begun(jobs, round))
            pthread_cond_wait(&jobs->begin, &jobs->lock);
        if (jobs->quits)
            break;
        round = jobs->round;
        pthread_mutex_unlock(&jobs->lock);
        work(jobs, worker->number);
        pthread_mutex_lock(&jobs->lock);
        if (__atomic_sub_fetch(&jobs->busy, 1, __ATOMIC_RELAXED) == 0)
            pthread_cond_signal(&jobs->over);
        pthread_mutex_unlock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    free(worker);
    return NULL;
}

struct af_check_jobs *af_check_jobs_new(unsigned count)
{
    struct af_check_jobs *jobs = af_mem_zero(1, sizeof *jobs);
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->begin, NULL);
    pthread_cond_init(&jobs->over, NULL);
    jobs->threads = af_mem_zero(count + 1, sizeof *jobs->threads);
    while (jobs->thread_count + 1 < count) {
        struct worker *worker = af_mem_zero(1, sizeof *worker);
        *worker = (struct worker){jobs, jobs->thread_count + 1};
        if (pthread_create(&jobs->threads[jobs->thread_count], NULL, worker_main, worker) != 0) {
            free(worker);
            break; /* with fewer it is only slower */
        }
        jobs->thread_count++;
    }
    return jobs;
}

void af_check_jobs_free(struct af_check_jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->quits = true;
    pthread_cond_broadcast(&jobs->begin);
    pthread_mutex_unlock(&jobs->lock);
    for (unsigned i = 0; i < jobs->thread_count; i++)
        pthread_join(jobs->threads[i], NULL);
    pthread_mutex_destroy(&jobs->lock);
    pthread_cond_destroy(&jobs->begin);
    pthread_cond_destroy(&jobs->over);
    free(jobs->threads);
    free(jobs);
}

void af_check_jobs_run(struct af_check_jobs *jobs, size_t count,
                       void (*fn)(void *arg, unsigned worker, size_t i), void *arg)
{
    jobs->fn = fn;
    jobs->arg = arg;
    jobs->count = count;
    __atomic_store_n(&jobs->next, 0, __ATOMIC_RELAXED);
    if (jobs->thread_count == 0 || count < 2) {
        work(jobs, 0);
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    jobs->busy = jobs->thread_count;
    __atomic_add_fetch(&jobs->round, 1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&jobs->begin);
    pthread_mutex_unlock(&jobs->lock);
    work(jobs, 0);
    for (int i = 0; i < LOOKS && !is_over(jobs); i++)
        pause_a_little();
    pthread_mutex_lock(&jobs->lock);
    while (!is_over(jobs))
        pthread_cond_wait(&jobs->over, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
}
