/* studio.h: what `afrun studio` serves: pages of scripts/page/ on this machine alone, and what they
 * ask of the program, which is run beside it (studio_work.c): no line of the flow runs here.
 * Who may ask is visitor.h's. */
#ifndef AF_STUDIO_H
#define AF_STUDIO_H

#include <stdbool.h>

struct af_buf;
struct af_failure;
struct af_loop;
struct af_studio;
struct af_studio_work;

struct af_studio_options {
    const char *flow;
    const char *listen; /* ADDRESS:PORT of this machine; port 0: any */
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
};

/* Called once, from the loop, with an answer that is borrowed; fails where there is none. */
typedef void af_studio_done_fn(void *arg, struct af_buf *answer, const struct af_failure *why);

/* The value of a knob, or NULL. */
typedef const char *af_studio_knob_fn(const void *arg, const char *name);

/* Runs the program. Of the options of `run` knobs are those that decide a run; one that may come
 * again has its values on a line each. Returns NULL with *why filled. */
struct af_studio_work *af_studio_work_start(struct af_loop *loop,
                                            const struct af_studio_options *options,
                                            enum af_studio_kind kind, af_studio_knob_fn *knob,
                                            af_studio_done_fn *done, void *arg,
                                            struct af_failure *why);

/* Ends it; done is not called. NULL is allowed. */
void af_studio_work_cancel(struct af_studio_work *work);

#endif
