/* impl.h: what the files of the HTTP bus share.
 *
 *   bus.c        opening, closing, requests and what their answers mean
 *   queue.c  publish, take, acknowledge: one queue's contracts
 *   task.c   nodes, files, progress, results
 *   bass.c   the task manager: login, launch, dataset state
 *   read.c   the answers' JSON
 *
 * A call of the bus is an op. It sends requests, one at a time, and reads their answers in
 * `answered`; it ends by af_bus_op_end(), which calls done. */
#ifndef AF_BUS_HTTP_IMPL_H
#define AF_BUS_HTTP_IMPL_H

#include "base/buf.h"
#include "bus/bus.h"
#include "bus/http/read.h"
#include "bus/config.h"
#include "base/failure.h"
#include "http/client.h"
#include "http/url.h"

struct af_bus_http;
struct af_bus_op;

/* A good envelope has come: its data. */
typedef void af_op_answered_fn(struct af_bus_op *op, struct af_json_span data);

/* Any answer has come, or none. */
typedef void af_op_raw_fn(struct af_bus_op *op, const struct af_http_answer *answer);

struct af_bus_op {
    struct af_bus_http *bus;
    struct af_bus_op *next, *previous;
    const char *what; /* "push": for messages */
    struct af_arena arena;
    af_bus_done_fn *done;
    void *arg;

    struct af_http_call *call; /* under way, or NULL */
    struct af_timer *timer;
    struct af_buf body;
    af_op_answered_fn *answered;
    af_op_raw_fn *raw; /* instead, if it is set */

    /* An end that is told soon, by the timer. */
    enum af_bus_code code;
    char why[AF_FAILURE_TEXT_MAX];

    /* queue.c */
    const struct af_bus_post *posts;
    size_t post_count;
    bool started;
    struct af_bus_take take;
    uint64_t ticket; /* of a take; 0: it is none */
    int64_t until_ns;
    bool cancelled;
    char age[AF_BUS_AGE_BYTES]; /* of the service's store, as its answer told; "": it did not */

    /* task.c, bass.c */
    struct af_bus_file file;
    struct af_bus_fetch fetch;
    struct af_bus_note note;
    char sent_sha256[65]; /* of an upload's bytes */
    char call_id[80];     /* the header Idempotency-Key, or "" */
    bool has_logged_in;
};

/* How often a platform service is asked for one queue. */
struct af_http_poll {
    char *task, *channel;
    int64_t pause_ns;
};

struct af_bus_http {
    struct af_bus head;
    struct af_http_client *client;
    char *base;  /* "http://host:port/fed-service/api/v2" */
    char *root;  /* what was opened, without a slash at its end */
    char *files; /* with what the service's own files begin */
    struct af_http_url origin;
    const struct af_config *config; /* borrowed; NULL: none */
    char *authorization;            /* the header, or NULL */
    char *node;                     /* the header that says who we mean to be, or NULL */
    int leases;                     /* see af_bus_leases() */
    bool closing;
    struct af_bus_op *first, *last;
    uint64_t tickets;
    struct af_http_poll *polls;
    size_t poll_count, poll_cap;
    char *bass_token, *bass_cookie; /* headers of a login, or NULL */
};

/* ---- bus.c ---- */

static inline struct af_bus_http *af_bus_http_of(struct af_bus *bus)
{
    return (struct af_bus_http *)bus; /* its first member */
}

struct af_bus_op *af_bus_op_new(struct af_bus *bus, const char *what, af_bus_done_fn *done,
                                void *arg);

/* Says by which id the service may know the call if it is made again; NULL: by none. */
void af_bus_op_call_id(struct af_bus_op *op, const char *call_id);

/* Ends it: calls done, then frees it. */
void af_bus_op_end(struct af_bus_op *op, const struct af_bus_result *result);

/* Ends it soon, without or with a reason (a format). */
void af_bus_op_end_soon(struct af_bus_op *op, enum af_bus_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends it with what an answer that is not good means, or with what is wrong with a good one. */
void af_bus_op_refused(struct af_bus_op *op, const struct af_http_answer *answer,
                       const struct af_envelope *envelope);
void af_bus_op_unreadable(struct af_bus_op *op, const char *wrong);

struct af_op_request { /* a post of op->body to base + path */
    const char *path;
    int attempts;
    bool resend;
    int64_t attempt_ns; /* 0: as any */
};

void af_bus_op_post(struct af_bus_op *op, const struct af_op_request *request);

/* Sends any request; the header with our token is added if its URL is of the service's origin. */
void af_bus_op_start(struct af_bus_op *op, struct af_http_request *request);

/* Begins the JSON object in op->body; who adds members to it ends it. */
void af_bus_op_open(struct af_bus_op *op);

/* Whether the task's contracts go over channel automl, as far as it was seen. */
bool af_bus_http_is_automl(const struct af_bus_http *bus, const char *task);
struct af_http_poll *af_bus_http_poll(struct af_bus_http *bus, const char *task,
                                      const char *channel);

/* ---- The rows of the table. ---- */

void af_bus_http_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                         af_bus_done_fn *done, void *arg);
uint64_t af_bus_http_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                          void *arg);
void af_bus_http_cancel(struct af_bus *bus, uint64_t ticket);
void af_bus_http_revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                        void *arg);
void af_bus_http_ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done,
                     void *arg);

/* A push is over: sends the one that waits for it. */
void af_bus_http_publish_next(struct af_bus_http *bus, const struct af_bus_op *over);

void af_bus_http_members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                         af_bus_done_fn *done, void *arg);
void af_bus_http_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                          void *arg);
void af_bus_http_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch,
                          af_bus_done_fn *done, void *arg);
void af_bus_http_tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                      void *arg);

/* bass.c: the notes that are for the task manager, and bundles (op->file). */
void af_bus_http_tell_bass(struct af_bus_op *op);

#endif
