/* studio.h: what `afrun studio` serves: pages of scripts/page/ on this machine alone, and what they
 * ask of the program, which is run beside it (studio_work.c): no line of the flow runs here.
 * Who may ask is visitor.h's. */
#ifndef AF_STUDIO_H
#define AF_STUDIO_H

#include <stdbool.h>
#include <stddef.h>

struct af_buf;
struct af_failure;
struct af_loop;
struct af_studio;
struct af_studio_ready;
struct af_studio_work;

struct af_studio_options {
    const char *flow;
    const char *upgrade; /* a second version of the flow, or NULL */
    const char *listen;  /* ADDRESS:PORT of this machine; port 0: any */
    bool no_jail, require_jail;
};

/* What the options point to must live as long. Returns NULL with *why filled. */
struct af_studio *af_studio_new(struct af_loop *loop, const struct af_studio_options *options,
                                struct af_failure *why);
void af_studio_free(struct af_studio *studio);

/* The link, with its token. */
const char *af_studio_link(const struct af_studio *studio);

/* ---- studio_work.c ---- */

enum af_studio_kind {
    AF_STUDIO_RUN,     /* one seed, and its rows */
    AF_STUDIO_RUNS,    /* many seeds: which failed */
    AF_STUDIO_STATES,  /* what the states of the flow do */
    AF_STUDIO_PICTURE, /* … as a picture */
    AF_STUDIO_CHECK,   /* all interleavings: progress, then the answer */
    AF_STUDIO_EXPLORE, /* a schedule: what can happen next, and its rows … */
    AF_STUDIO_STEPS,   /* … what can happen next alone … */
    AF_STUDIO_EXPORT,  /* … as a trace */
    AF_STUDIO_TRACE,   /* a trace that somebody has: its rows */
};

/* Called once, from the loop, with an answer that is borrowed; fails where there is none. */
typedef void af_studio_done_fn(void *arg, struct af_buf *answer, const struct af_failure *why);

/* The value of a knob, or NULL. */
typedef const char *af_studio_knob_fn(const void *arg, const char *name);

struct af_studio_asked { /* all is borrowed until it is answered */
    enum af_studio_kind kind;
    const struct af_buf *body; /* the schedule, the trace */
    af_studio_knob_fn *knob;
    af_studio_done_fn *done;
    void (*progress)(void *arg, const char *line, size_t len); /* of a check: a JSON object */
    void *arg;
};

/* Processes of the program that have begun before they are asked, from the first time on that
 * something is: one for any command, one that draws. */
struct af_studio_ready *af_studio_ready_new(struct af_loop *loop,
                                            const struct af_studio_options *options);
void af_studio_ready_free(struct af_studio_ready *ready);

/* Runs the program. Of the options of `run` and `check` knobs are those that decide a run, or
 * bound a check; one that may come again has its values on a line each. Returns NULL with *why
 * filled. */
struct af_studio_work *af_studio_work_start(struct af_studio_ready *ready,
                                            const struct af_studio_asked *asked,
                                            struct af_failure *why);

/* Ends it; done is not called. NULL is allowed. */
void af_studio_work_cancel(struct af_studio_work *work);

#endif
