/* group_commit.c: see group_commit.h. */
#include "loop/group_commit.h"

#include "base/bounds.h"
#include "base/db.h"
#include "base/failure.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH_MAX = 1000 };

struct af_group {
    struct af_group_spec spec;
    pthread_t thread;
    int event_fd;         /* the thread is to look */
    pthread_mutex_t lock; /* of all from here on */
    struct af_group_jobs waiting, over;
    struct af_group_job *writing; /* what the thread is at */
    bool posted, stop;
    struct af_histogram times;    /* of commits */
    struct af_group_jobs telling; /* the loop's own, as all from here on: not told yet */
    size_t held;
    struct af_timer *keep_alive;
};

/* ---- Lists. ---- */

void af_group_add(struct af_group_jobs *jobs, struct af_group_job *job)
{
    job->next = NULL;
    if (jobs->first == NULL)
        jobs->last = &jobs->first;
    *jobs->last = job;
    jobs->last = &job->next;
}

static struct af_group_job *take_first(struct af_group_jobs *jobs)
{
    struct af_group_job *job = jobs->first;
    if (job != NULL)
        jobs->first = job->next;
    return job;
}

void af_group_join(struct af_group_jobs *jobs, struct af_group_jobs *others)
{
    struct af_group_job *job;
    while ((job = take_first(others)) != NULL)
        af_group_add(jobs, job);
}

/* ---- Telling, on the loop. ---- */

static void tell(void *arg)
{
    struct af_group *group = arg;
    struct af_group_job *job;
    pthread_mutex_lock(&group->lock);
    af_group_join(&group->telling, &group->over);
    group->posted = false;
    pthread_mutex_unlock(&group->lock);
    while ((job = take_first(&group->telling)) != NULL)
        group->spec.told(group->spec.arg, job);
}

static void give_to_loop(struct af_group *group, struct af_group_jobs *over)
{
    pthread_mutex_lock(&group->lock);
    bool post = over->first != NULL && !group->posted;
    group->writing = NULL;
    group->posted = group->posted || post;
    af_group_join(&group->over, over);
    pthread_mutex_unlock(&group->lock);
    if (post)
        af_loop_post(group->spec.loop, tell, group);
}

/* ---- The thread. ---- */

/* Takes what waits, up to a batch; sets *stop. */
static struct af_group_job *take_batch(struct af_group *group, bool *stop)
{
    pthread_mutex_lock(&group->lock);
    struct af_group_job *first = group->waiting.first, *last = first;
    for (int i = 1; last != NULL && i < BATCH_MAX && last->next != NULL; i++)
        last = last->next;
    group->waiting.first = last == NULL ? NULL : last->next;
    if (last != NULL)
        last->next = NULL;
    group->writing = first;
    *stop = group->stop;
    pthread_mutex_unlock(&group->lock);
    return first;
}

static void *run(void *arg)
{
    struct af_group *group = arg;
    const struct af_group_spec *spec = &group->spec;
    struct pollfd fds[2] = {{group->event_fd, POLLIN, 0}, {spec->fd, POLLIN, 0}};
    for (;;) {
        bool stop;
        uint64_t events;
        struct af_group_jobs over = {NULL, NULL};
        struct af_group_job *batch = take_batch(group, &stop);
        if (batch == NULL && stop)
            return NULL;
        if (batch != NULL) {
            spec->write(spec->arg, batch, &over);
        } else {
            int ready = poll(fds, 2, spec->wait_ms == NULL ? -1 : spec->wait_ms(spec->arg));
            if (ready < 0)
                continue; /* a signal */
            if (fds[0].revents != 0 && read(group->event_fd, &events, sizeof events) < 0)
                events = 0; /* a signal: it is read the next time */
            if (spec->woken != NULL)
                spec->woken(spec->arg, fds[1].revents != 0, &over);
        }
        give_to_loop(group, &over);
        if (spec->told_loop != NULL)
            spec->told_loop(spec->arg);
    }
}

static void wake(struct af_group *group)
{
    uint64_t one = 1;
    while (write(group->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ; /* any other: it is set already */
}

/* ---- Jobs. ---- */

void af_group_write(struct af_group *group, struct af_group_job *job)
{
    pthread_mutex_lock(&group->lock);
    bool first = group->waiting.first == NULL;
    af_group_add(&group->waiting, job);
    pthread_mutex_unlock(&group->lock);
    if (first)
        wake(group);
}

void af_group_tell(struct af_group *group, struct af_group_job *job)
{
    pthread_mutex_lock(&group->lock);
    bool post = !group->posted;
    group->posted = true;
    af_group_add(&group->over, job);
    pthread_mutex_unlock(&group->lock);
    if (post)
        af_loop_post(group->spec.loop, tell, group);
}

static void stay_alive(void *arg)
{
    struct af_group *group = arg;
    group->keep_alive = af_timer_start(group->spec.loop, AF_TIME_MAX_NS, stay_alive, group);
}

void af_group_hold(struct af_group *group)
{
    if (group->held++ == 0)
        stay_alive(group);
}

void af_group_release(struct af_group *group)
{
    if (--group->held == 0) {
        af_timer_cancel(group->keep_alive);
        group->keep_alive = NULL;
    }
}

bool af_group_is_idle(struct af_group *group)
{
    pthread_mutex_lock(&group->lock);
    bool idle = group->waiting.first == NULL && group->writing == NULL;
    pthread_mutex_unlock(&group->lock);
    return idle;
}

bool af_group_stops(struct af_group *group)
{
    pthread_mutex_lock(&group->lock);
    bool stops = group->stop;
    pthread_mutex_unlock(&group->lock);
    return stops;
}

bool af_group_commit(struct af_group *group, struct af_db *db)
{
    int64_t began_ns = af_loop_machine_ns(group->spec.loop);
    bool written = af_db_has_changed(db), ok = af_db_commit(db);
    int64_t took_ns = af_loop_machine_ns(group->spec.loop) - began_ns;
    pthread_mutex_lock(&group->lock);
    if (ok && written)
        af_histogram_note(&group->times, took_ns);
    pthread_mutex_unlock(&group->lock);
    return ok;
}

void af_group_times(struct af_group *group, struct af_histogram *times)
{
    pthread_mutex_lock(&group->lock);
    *times = group->times;
    pthread_mutex_unlock(&group->lock);
}

static void each_of(struct af_group_job *job,
                    void (*each)(struct af_group_job *job, const void *arg), const void *arg)
{
    for (; job != NULL; job = job->next)
        each(job, arg);
}

void af_group_each(struct af_group *group, void (*each)(struct af_group_job *job, const void *arg),
                   const void *arg)
{
    pthread_mutex_lock(&group->lock);
    each_of(group->waiting.first, each, arg);
    each_of(group->writing, each, arg);
    each_of(group->over.first, each, arg);
    each_of(group->telling.first, each, arg);
    pthread_mutex_unlock(&group->lock);
}

/* ---- Life. ---- */

struct af_group *af_group_new(const struct af_group_spec *spec, const char *what,
                              struct af_failure *why)
{
    struct af_group *group = af_mem_zero(1, sizeof *group);
    group->spec = *spec;
    pthread_mutex_init(&group->lock, NULL);
    group->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (group->event_fd >= 0 && pthread_create(&group->thread, NULL, run, group) == 0)
        return group;
    af_failure_set(why, AF_FAILURE_TRANSPORT, what, "no thread can be started that writes it");
    af_group_free(group);
    return NULL;
}

void af_group_stop(struct af_group *group, struct af_group_jobs *left)
{
    pthread_mutex_lock(&group->lock);
    group->stop = true;
    pthread_mutex_unlock(&group->lock);
    wake(group);
    pthread_join(group->thread, NULL);
    af_loop_unpost(group->spec.loop, tell, group);
    af_group_join(left, &group->telling);
    af_group_join(left, &group->over);
}

void af_group_free(struct af_group *group)
{
    if (group->event_fd >= 0)
        close(group->event_fd);
    af_timer_cancel(group->keep_alive);
    pthread_mutex_destroy(&group->lock);
    free(group);
}
