/* loop.h: where time passes.
 *
 * A loop calls back when a timer is due, when a file descriptor can be read or written, or when
 * another thread has posted to it. It has two drivers: ev.c (libev, real time) and sim.c
 * (virtual time, jumps to the next timer). Callers cannot tell which one they have; that is why a
 * simulated run exercises the code that runs for real. Nobody else reads a clock.
 *
 * Units: int64_t nanoseconds; every such name ends in _ns.
 * Threads: none of these but af_loop_post() may be called from another thread. */
#ifndef AF_LOOP_H
#define AF_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct af_failure;
struct af_loop;
struct af_timer;

typedef void af_loop_fn(void *arg);

/* The virtual loop starts at time 0. Never fails. */
struct af_loop *af_loop_sim_new(void);

/* The real one. Returns NULL with *why filled where the system has no event mechanism. */
struct af_loop *af_loop_ev_new(struct af_failure *why);

/* Frees the loop with its timers, watches and posts; their functions are not called. */
void af_loop_free(struct af_loop *loop);

/* Time since the loop was made. Never goes back, and stands still while a callback runs. */
int64_t af_loop_now_ns(const struct af_loop *loop);

/* Nanoseconds since 1970. Never goes back while the loop lives, even where the system's clock is
 * set back. A virtual loop's 1970 is its start. */
int64_t af_loop_wall_ns(const struct af_loop *loop);

/* A clock that all processes of this machine share, and that nobody sets; counts from some moment.
 * A virtual loop's own. May be called from any thread. */
int64_t af_loop_machine_ns(const struct af_loop *loop);

/* Calls fn(arg) once, delay_ns (>= 0) from now; timers due at the same time run in the order
 * in which they were started. The loop owns the timer and frees it before it calls fn, or on
 * af_timer_cancel(). arg is borrowed: it must outlive the timer. */
struct af_timer *af_timer_start(struct af_loop *loop, int64_t delay_ns, af_loop_fn *fn, void *arg);

/* Forgets a timer that has not run yet, and frees it. NULL is allowed. */
void af_timer_cancel(struct af_timer *timer);

/* When a timer that has not run yet is due, as loop time. */
int64_t af_timer_due_ns(const struct af_timer *timer);

/* Calls fn(arg) whenever fd can be read (or, with write, written), until af_loop_unwatch(). fd
 * stays the caller's, who unwatches before closing it. A virtual loop watches nothing: -1.
 * Returns 0, or -1 with *why filled (fd is not open, or watched already); nothing has changed
 * then. */
int af_loop_watch(struct af_loop *loop, int fd, bool write, af_loop_fn *fn, void *arg,
                  struct af_failure *why);
void af_loop_unwatch(struct af_loop *loop, int fd);

/* Blocks SIGINT, SIGTERM and SIGHUP, in threads that are made later, too; what comes of them can be
 * read from the descriptor that is returned. */
int af_loop_signals(void);

/* Has fn(arg) called on the loop's thread, soon, in the order of the posts. May be called from any
 * thread, and from a callback. */
void af_loop_post(struct af_loop *loop, af_loop_fn *fn, void *arg);

/* Forgets all posts of fn and arg that have not run yet. Only on the loop's thread. */
void af_loop_unpost(struct af_loop *loop, af_loop_fn *fn, void *arg);

/* When the next timer is due as loop time, now if posts wait; -1: neither is there. */
int64_t af_loop_next_ns(const struct af_loop *loop);

/* Has a virtual loop's time pass until to_ns, without running what becomes due: for an owner who
 * decides by himself what happens, and does not step the loop. Time does not go back. */
void af_loop_sim_advance(struct af_loop *loop, int64_t to_ns);

/* Runs what is due next: all posts, or the next timer (virtual: after jumping to it; real: after
 * waiting for it, or for a descriptor). Returns false when nothing is left to wait for. */
bool af_loop_step(struct af_loop *loop);

/* Steps until nothing is left, or af_loop_stop() was called. */
void af_loop_run(struct af_loop *loop);
void af_loop_stop(struct af_loop *loop);

#endif
