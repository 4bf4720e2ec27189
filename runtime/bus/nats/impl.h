/* impl.h: what the files of the NATS bus share.
 *
 *   bus.c      opening and closing; calls become ops, which one thread runs
 *   hear.c     what comes, and whose it is
 *   ask.c      the connection: requests, and their answers
 *   names.c    names as tokens of subjects; fields of the server's JSON
 *   keep.c     streams, and values by key
 *   tasks.c    tasks, members, what nodes tell, status
 *   publish.c  contracts on their way into queues
 *   hold.c     whose a queue is
 *   queue.c    what it hands out
 *   front.c    the same, for many nodes, beside others that do it, too
 *   item.c     a contract as a message, and back
 *   cluster.c  how the servers are
 *   files.c    files in pieces, each in a thread of its own
 *
 * What is rare (tasks, members, holders, consumers) the thread asks for and waits; what is frequent
 * (publish, pull, acknowledge) it sends, and goes on when the answer comes. All but ports is that
 * thread's own. */
#ifndef AF_BUS_NATS_IMPL_H
#define AF_BUS_NATS_IMPL_H

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/sha256.h"
#include "bus/bus.h"
#include "bus/nats/library.h"
#include "loop/group_commit.h"

#include <pthread.h>
#include <stdatomic.h>

struct af_nats_bus;
struct af_nats_ears; /* hear.c */
struct af_nats_op;
struct af_nats_queue;
struct af_nats_reply;

enum {
    AF_NATS_TOKEN_BYTES = 84,
    AF_NATS_SUBJECT_BYTES = 8 * AF_NATS_TOKEN_BYTES,
    AF_NATS_WHY_BYTES = 400
};

/* ---- names.c ---- */

void af_nats_token(const char *name, char token[AF_NATS_TOKEN_BYTES]);

/* The value at a path of an object, "message.seq": an integer (*value as it was where there is
 * none), a text in the arena or NULL. What is no JSON has none. */
bool af_nats_integer(const char *json, size_t len, const char *path, int64_t *value);
char *af_nats_text(struct af_arena *arena, const char *json, size_t len, const char *path);

/* Calls each(arg, …) for each member of an object, or each text of a list, at a path. */
typedef void af_nats_each_fn(void *arg, const char *name, int64_t number);
void af_nats_each(const char *json, size_t len, const char *path, af_nats_each_fn *each, void *arg);

/* ---- hear.c ---- */

struct af_nats_came {
    struct af_nats_came *next;
    struct af_nats_message *message;
};

/* Where answers come in, of one thread. */
struct af_nats_port {
    struct af_nats_bus *bus;
    struct af_nats_port *next;
    int number, fd;
    uint64_t asked;
    struct af_nats_came *first, **last; /* under the bus's lock */
};

/* The bus's own, whose thread waits for events_fd: its port's, and the connection's. */
bool af_nats_events_open(struct af_nats_bus *bus);
bool af_nats_port_open(struct af_nats_bus *bus, struct af_nats_port *port, int number);
void af_nats_port_close(struct af_nats_port *port);
/* The first of all, or NULL; of those that are answers by this name. */
struct af_nats_message *af_nats_port_next(struct af_nats_port *port);
struct af_nats_message *af_nats_port_next_of(struct af_nats_port *port, const char *name);
bool af_nats_port_is_empty(struct af_nats_port *port);
/* Until something has come for it; on the thread whose it is. */
void af_nats_port_wait(struct af_nats_port *port, int wait_ms);

/* On the bus's thread: sends what is to be sent; and waits so long at most for what comes. */
void af_nats_flush(struct af_nats_bus *bus);
void af_nats_pump(struct af_nats_bus *bus, int wait_ms);

/* For a connection: what the library calls, its options, and the subscriptions of our inbox. */
void af_nats_ears_open(struct af_nats_bus *bus);
void af_nats_ears_close(struct af_nats_bus *bus);
void af_nats_set_ears(struct af_nats_bus *bus, struct af_nats_options *options);
int af_nats_hear(struct af_nats_bus *bus);
/* Hears when something comes into the queue; false: whoever waits looks now and then. */
bool af_nats_listen(struct af_nats_bus *bus, struct af_nats_queue *queue, const char *subject);

/* What stands behind our inbox, in front of the port's number, for an answer by this name. */
enum { AF_NATS_ANSWERS = 'a', AF_NATS_PULLED = 'n' };
static inline char af_nats_inbox_part(const char *name)
{
    return name[0] == AF_NATS_PULLED ? AF_NATS_PULLED : AF_NATS_ANSWERS;
}

/* What stands behind our inbox and the port's number in a message's subject; NULL: it is none of
 * our answers. */
const char *af_nats_answers(const struct af_nats_bus *bus, const struct af_nats_message *message);

/* Whether the server has said, of this connection, that it does not permit what has this subject,
 * or our inbox: then reply says so. Nothing is answered in its place. */
bool af_nats_is_refused(struct af_nats_bus *bus, const char *subject, struct af_nats_reply *reply);
void af_nats_forget_refusals(struct af_nats_bus *bus);
/* Since when the servers are there, or away. Under the lock. */
void af_nats_note_way(struct af_nats_bus *bus, bool is_there, const char *why);

/* ---- ask.c ---- */

struct af_nats_header {
    const char *name, *value; /* value NULL: it is left out */
};
enum { AF_NATS_HEADERS_MAX = 4 };

struct af_nats_send {
    const char *subject, *body;
    size_t len;
    struct af_nats_header headers[AF_NATS_HEADERS_MAX];
    struct af_nats_op *op; /* which ends if the server refuses it; or NULL */
};

struct af_nats_reply {
    struct af_nats_message *message;
    const char *data;
    size_t len;
    int64_t error;         /* of JetStream's, 503: nobody listens; 0: none */
    enum af_bus_code code; /* unless it came, or where it has an error */
    char why[AF_NATS_WHY_BYTES];
};

/* Connects, if it is not; false: reply says why not. */
bool af_nats_connect(struct af_nats_port *port, struct af_nats_reply *reply);
/* Which process of a server it is connected to, as a number; 0: none. */
uint64_t af_nats_epoch(struct af_nats_bus *bus);
void af_nats_disconnect(struct af_nats_bus *bus);

/* Sends; the answer goes to the port under `what` (a format), or to nobody. */
bool af_nats_send(struct af_nats_port *port, const struct af_nats_send *send, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits for the answer that goes by this name, to what was sent with that subject. False: reply
 * says why there is none. */
bool af_nats_await(struct af_nats_port *port, const char *name, const char *subject,
                   struct af_nats_reply *reply);

/* Both; body is text. False: no answer, or one with an error. The reply is to be released. */
bool af_nats_ask(struct af_nats_port *port, struct af_nats_reply *reply, const char *subject,
                 const char *body_format, ...) __attribute__((format(printf, 4, 5)));
bool af_nats_ask_with(struct af_nats_port *port, struct af_nats_reply *reply,
                      const struct af_nats_send *send);
void af_nats_reply_read(struct af_nats_reply *reply, struct af_nats_message *message);
void af_nats_reply_release(struct af_nats_reply *reply);

/* A header's text, "" where it has none. */
const char *af_nats_header(struct af_nats_message *message, const char *name);
/* The same of its last: the server's own stand behind those of a message that it reads out. *alone
 * becomes false where there is another number of them than one. */
const char *af_nats_last_header(struct af_nats_message *message, const char *name, bool *alone);

/* ---- keep.c ---- */

enum { /* JetStream's errors that mean something here */
       AF_NATS_NO_STREAM = 10059,
       AF_NATS_NO_MESSAGE = 10037,
       AF_NATS_NO_CONSUMER = 10014,
       AF_NATS_NO_SEQUENCE = 10043,
       AF_NATS_NOT_DELETED = 10057,
       AF_NATS_NOT_ALONE = 10100, /* another consumer has the same filter */
       AF_NATS_OTHER_CONFIG = 10058,
       AF_NATS_WRONG_SEQUENCE = 10071,
       AF_NATS_NOBODY = 503,
       AF_NATS_NO_HEADERS = -1 /* ours: they cannot be read */
};

/* Makes a stream if it is not there; *made tells so (or NULL). config: its fields but name and
 * replicas, as JSON. */
bool af_nats_need_stream(struct af_nats_port *port, struct af_nats_reply *reply, const char *name,
                         const char *config, bool *made);

/* A message that a stream keeps: the last on a subject, or the next from a sequence on. In the
 * arena; at NULL: there is none. */
struct af_nats_kept {
    const char *subject, *data, *item; /* item: its header Af; "": another stream has sent it on */
    size_t len;
    int64_t sequence, time_s;
};
bool af_nats_last(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, struct af_nats_kept *kept);
bool af_nats_next(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, int64_t sequence,
                  struct af_nats_kept *kept);

/* The same without its time, as it is, from whichever server has the stream: large ones too. Of the
 * stream's last another may not know yet. subject NULL: that sequence alone. */
bool af_nats_read(struct af_nats_port *port, struct af_nats_reply *reply, struct af_arena *arena,
                  const char *stream, const char *subject, int64_t sequence,
                  struct af_nats_kept *kept);

/* Puts a value, if the last on its subject has this sequence (-1: whatever it has); *sequence is
 * its own then. False with error AF_NATS_WRONG_SEQUENCE: it has another. */
bool af_nats_put(struct af_nats_port *port, struct af_nats_reply *reply, const char *subject,
                 const char *value, size_t len, int64_t *sequence);

/* Values of the fronts: see af_bus_put_value(). */
void af_nats_put_value(struct af_nats_op *op);
void af_nats_get_value(struct af_nats_op *op);
void af_nats_revoke(struct af_nats_op *op);
void af_nats_revoked(struct af_nats_op *op);

/* ---- tasks.c ---- */

#define AF_NATS_TASKS "AFT"   /* aft.<task> */
#define AF_NATS_LOCKS "AFL"   /* afl.<task>.<channel>.<node> */
#define AF_NATS_NOTES "AFN"   /* afn.<task>.<node>.<kind> */
#define AF_NATS_VALUES "AFU"  /* afu.<key> */
#define AF_NATS_REVOKED "AFR" /* afu.revoked.<digest> */

struct af_nats_task { /* as it was read last */
    struct af_nats_task *next;
    char *name, token[AF_NATS_TOKEN_BYTES];
    struct af_arena arena;
    bool open;
    int64_t made_s, ended_s; /* ended 0: it goes on */
    int64_t sequence;        /* of its record, 0: there is none */
    struct af_bus_member *members;
    char (*tokens)[AF_NATS_TOKEN_BYTES]; /* of the members */
    size_t count;
};

/* One channel of a task. */
struct af_nats_place {
    struct af_nats_place *next;
    struct af_nats_task *task;
    char channel[AF_NATS_TOKEN_BYTES];
    char queues[3 * AF_NATS_TOKEN_BYTES], all[3 * AF_NATS_TOKEN_BYTES]; /* its streams */
    bool ready;                                                         /* they are there */
    char sender[AF_NATS_TOKEN_BYTES]; /* whose broadcast the last was … */
    int64_t sent;                     /* … with this sequence in `all`; -1: not known */
};

/* Each fails op where it returns false, or NULL. fresh: as it is now, else as it was. */
struct af_nats_task *af_nats_task(struct af_nats_op *op, const char *name, bool fresh);
bool af_nats_need_member(struct af_nats_op *op, struct af_nats_task *task, const char *node);
bool af_nats_need_target(struct af_nats_op *op, struct af_nats_task *task, const char *node);
const struct af_bus_member *af_nats_member(const struct af_nats_task *task, const char *node);
struct af_nats_place *af_nats_place(struct af_nats_op *op, const char *task, const char *channel);
void af_nats_forget_tasks(struct af_nats_bus *bus);

void af_nats_members(struct af_nats_op *op);
void af_nats_create_task(struct af_nats_op *op);
void af_nats_end_task(struct af_nats_op *op);
void af_nats_tell(struct af_nats_op *op);
void af_nats_status(struct af_nats_op *op);

/* Notes of whom and what a message of these titles tells, as a service does. */
void af_nats_note_told(struct af_nats_op *op, const struct af_bus_post *post);

const char *af_nats_name(struct af_arena *arena, const struct af_nats_task *task,
                         const char *token);
bool af_nats_list_streams(struct af_nats_op *op, const struct af_nats_task *task, const char *head,
                          af_nats_each_fn *each, void *arg);
bool af_nats_read_task(struct af_nats_op *op, struct af_nats_task *task);
bool af_nats_need_values(struct af_nats_op *op);
struct af_nats_task *af_nats_find_task(struct af_nats_op *op, const char *name);

/* How many files a task has, and what its file stream takes. */
bool af_nats_count_files(struct af_nats_op *op, const struct af_nats_task *task, int64_t *files,
                         int64_t *bytes);

/* ---- item.c ---- */

/* The header Af of a post: all but its content. sent: see queue.c. */
void af_nats_write_item(struct af_buf *out, const struct af_bus_post *post, int64_t sent);

/* Reads it back; false, with why filled: it is not as it should be, or not by whom the subject says
 * (sender, a token). */
bool af_nats_read_item(struct af_arena *arena, const char *header, const char *content, size_t len,
                       struct af_bus_item *item, int64_t *sent, char why[AF_BUS_UNFIT_BYTES]);

/* ---- publish.c ---- */

void af_nats_publish(struct af_nats_op *op);
void af_nats_published(struct af_nats_op *op, int64_t number, struct af_nats_message *message);
void af_nats_publish_next(struct af_nats_bus *bus, const struct af_nats_op *over);

/* ---- hold.c, queue.c ---- */

/* The ids of a queue's contracts are their sequences in its stream, and so many; those of
 * broadcasts from before, which come in front, their own sequences. */
#define AF_NATS_QUEUE_IDS (INT64_C(1) << 40)

/* A contract of a queue that is not acknowledged. */
struct af_nats_entry {
    int64_t id;
    char *uuid;  /* once it was handed out */
    char *reply; /* where it is acknowledged; NULL: not known, or it is of the broadcasts before */
    struct af_nats_message *message;  /* until it is handed out; or, of the broadcasts, … */
    char *subject, *header, *content; /* … these */
    size_t content_len;
    bool before;       /* a broadcast from before the node came */
    bool later;        /* … that the queue may hold, too, at its place */
    bool handed, done; /* done: it is acknowledged as soon as it comes again */
};

struct af_nats_queue {
    struct af_nats_queue *next;
    struct af_nats_place *place;
    char *node, token[AF_NATS_TOKEN_BYTES];
    int64_t number;

    /* Whose it is, by its value in AF_NATS_LOCKS. */
    char holder[AF_BUS_ID_BYTES_MAX + 1];
    bool held;           /* by us, for this holder */
    bool is_free, heard; /* nobody's any more; the broadcasts from before are dealt with */
    int64_t sequence, mark, lease_ns, wait_ns; /* wait_ns: how soon another may have it */
    int64_t written_ns, until_ns, renew_ns;
    int64_t seen, seen_ns; /* another's value, and since when it has been that one */
    bool writing, dirty;

    /* Its consumer, and what it has handed out. */
    bool ready, drained, no_wait;
    int64_t generation, came; /* its number; contracts since it was made */
    int64_t pull, credit, pull_until_ns;
    int64_t rest; /* what the stream had and the consumer did not hand out; 0: none */
    struct af_nats_entry *entries; /* in the order of their ids */
    size_t count, cap;

    /* Of a front, what of it stands in that value, too: see front.c. */
    bool of_front, by_front;        /* the value is a front's */
    int64_t at;                     /* where its stream is read on */
    int64_t before_at, before_last; /* the same of the broadcasts before; -1: not known yet */
    char *limits;                   /* "token:sequence …": senders whose later ones it holds */
    int64_t lease_until_ms;         /* since 1970 */
    size_t unwritten;               /* handed out by us, and not written yet */
    struct af_nats_subscription *wake;
    int64_t pause_ns; /* between two looks */
};

enum af_nats_hold { AF_NATS_HELD, AF_NATS_BLOCKED, AF_NATS_FAILED };

/* Has the queue for the op's holder, with a consumer that hands out all that is not acknowledged;
 * FAILED: op has, too. */
enum af_nats_hold af_nats_hold(struct af_nats_op *op, struct af_nats_queue *queue);

/* Whether two holders are one party; whether op's goes on from what the queue's had. */
bool af_nats_is_same_party(const char *left, const char *right);
bool af_nats_is_recent(struct af_nats_op *op, const struct af_nats_queue *queue, bool mine,
                       bool another);
/* How far a sender's broadcasts had gone before what it has in the queue. */
bool af_nats_first_sent(struct af_nats_op *op, const struct af_nats_queue *queue,
                        const char *sender, int64_t *sent);
bool af_nats_delete_consumer(struct af_nats_op *op, const struct af_nats_queue *queue, int number);

/* Makes its consumer anew, which hands out all that is not acknowledged; false: op has failed, or
 * *again: the queue is another's. */
bool af_nats_renew_consumer(struct af_nats_op *op, struct af_nats_queue *queue, bool *again);
bool af_nats_write_lock(struct af_nats_op *op, struct af_nats_queue *queue, bool *again);

/* The value that says whose the queue is. */
void af_nats_print_lock(struct af_buf *out, const struct af_nats_queue *queue);
void af_nats_lock_subject(const struct af_nats_queue *queue, char subject[AF_NATS_SUBJECT_BYTES]);
/* What a sender's contracts for the queue go to; "*": any sender's, "": how all of them begin. */
void af_nats_queue_subject(const struct af_nats_queue *queue, const char *sender,
                           char subject[AF_NATS_SUBJECT_BYTES]);
bool af_nats_read_lock(struct af_nats_op *op, struct af_nats_queue *queue);

/* All, or what was not handed out. */
void af_nats_clear(struct af_nats_queue *queue, bool all);
void af_nats_hand_out_again(struct af_nats_queue *queue);
void af_nats_drop(struct af_nats_queue *queue, size_t entry);
/* Makes room for one that is to be the at-th. It points there until the next is added. */
struct af_nats_entry *af_nats_add_entry(struct af_nats_queue *queue, size_t at);
bool af_nats_has_handed(const struct af_nats_queue *queue);

struct af_nats_queue *af_nats_find_queue(struct af_nats_op *op);
size_t af_nats_find_entry(const struct af_nats_queue *queue, const char *uuid);
/* Keeps what its node cannot read as a dead letter. */
bool af_nats_bury(struct af_nats_op *op, const struct af_nats_queue *queue, const char *header,
                  const char *content, size_t len, const char *reason);
bool af_nats_bury_entry(struct af_nats_op *op, struct af_nats_queue *queue,
                        const struct af_nats_entry *entry, const char *reason);
/* Whether what came under a subject is a contract by a node of the task. */
bool af_nats_accept(struct af_nats_op *op, struct af_nats_queue *queue, const char *subject,
                    const struct af_bus_item *item, char why[AF_BUS_UNFIT_BYTES]);
void af_nats_note_set_aside(const struct af_nats_op *op, const char *why);
void af_nats_wait_for_other(struct af_nats_op *op);

void af_nats_take(struct af_nats_op *op);
void af_nats_ack(struct af_nats_op *op);
void af_nats_revive(struct af_nats_op *op);
void af_nats_acked(struct af_nats_op *op, int64_t number, struct af_nats_message *message);
void af_nats_delivered(struct af_nats_bus *bus, struct af_nats_message *message);
void af_nats_pulled(struct af_nats_bus *bus, int64_t queue, int64_t pull,
                    struct af_nats_message *message);
void af_nats_vanish(struct af_nats_op *op);
void af_nats_pulls_lost(struct af_nats_bus *bus); /* nobody answers one of them */
int64_t af_nats_queue_due_ns(const struct af_nats_bus *bus);
void af_nats_queues_turn(struct af_nats_bus *bus);       /* leases renewed, or run out */
void af_nats_queues_pull_again(struct af_nats_bus *bus); /* another connection */
void af_nats_queues_release(struct af_nats_bus *bus, bool free_leases);

/* ---- front.c ---- */

void af_nats_front_read(struct af_nats_queue *queue, const char *json, size_t len);
void af_nats_front_print(struct af_buf *out, const struct af_nats_queue *queue);
void af_nats_front_take(struct af_nats_op *op);
void af_nats_front_ack(struct af_nats_op *op);
void af_nats_front_vanish(struct af_nats_op *op);
void af_nats_front_written(struct af_nats_op *op);
void af_nats_front_woken(struct af_nats_bus *bus, const char *subject);
void af_nats_front_turn(struct af_nats_bus *bus, struct af_nats_queue *queue);

/* ---- cluster.c ---- */

void af_nats_cluster(struct af_nats_op *op);

/* ---- files.c ---- */

#define AF_NATS_FILES                                                                              \
    "nats-file://" /* the URL of a file begins so, whatever the servers are called */

void af_nats_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                      void *arg);
void af_nats_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                      void *arg);
void af_nats_forget_progress(struct af_nats_op *op); /* before it is freed */

/* Has op->thread go on, whose op it is from here on; false: op has failed. */
bool af_nats_begin_thread(struct af_nats_op *op);

/* ---- bus.c ---- */

typedef void af_nats_op_fn(struct af_nats_op *op);

struct af_nats_op {
    struct af_group_job job;
    af_nats_op_fn *run;
    struct af_nats_bus *bus;
    struct af_arena arena;
    struct af_bus_result result;
    af_bus_done_fn *done;
    void *arg;
    uint64_t ticket;
    bool over, told, cancel;
    bool anyway;               /* it is run where the servers are away, too */
    bool missing;              /* a stream that should be there: it is looked for once more */
    void *(*thread)(void *);   /* it goes on in a thread of its own */
    int64_t repeat_until_ns;   /* 0: it is not repeated */
    int64_t until_ns, look_ns; /* when it ends, and when it is run once more */
    char why[AF_NATS_WHY_BYTES];
    struct af_buf text;

    const char *key; /* of a value, which stands in text */
    const struct af_bus_post *posts;
    size_t count;
    struct af_bus_take take;
    struct af_bus_task task;
    struct af_bus_note note;
    struct af_bus_file file;
    struct af_bus_fetch fetch;
    struct af_bus_member asker;

    struct af_nats_place *place; /* publish: of what is sent now */
    size_t at, step;             /* the post; each sending has a number */
    bool to_all, retried;        /* it goes to those who come later */
    size_t *targets;             /* members of the task; NULL: those who come later */
    bool *kept;
    size_t target_count, open; /* not confirmed yet */
    size_t times;              /* that one of the step was said to be there, and was not */

    struct af_nats_queue *queue; /* take, ack */
    size_t acks_open;
    bool began, taking, asked;
    bool plain; /* of a front: a take without a lease */
    struct af_bus_item *items;
    int64_t began_ns;

    const char *extension; /* files */
    char sha256[AF_SHA256_HEX_BYTES];
    _Atomic int64_t progress_bytes;
    int64_t total_bytes;
    struct af_nats_port port;
    char stream[2 * AF_NATS_TOKEN_BYTES];
    char subject[AF_NATS_SUBJECT_BYTES]; /* of a file; else: of what was sent last */
};

struct af_nats_bus {
    struct af_bus head;
    struct af_group *group;
    char *url, *node;
    char domain[64]; /* of the servers' JetStream, "": none is named */
    int64_t replicas;
    bool is_party, open_tasks, secure;
    bool is_front;                 /* for many nodes */
    char front[40];                /* who it is, as a holder */
    char *fetched;                 /* a folder, or NULL */
    struct af_bus_member *members; /* of a task that springs up closed */
    size_t member_count;
    int64_t queue_max, keep_s;
    const struct af_config *config;
    uint64_t tickets;
    atomic_bool closing;

    pthread_mutex_t lock; /* of the ports' lists, what they wait for, and threads */
    pthread_cond_t threads_end;
    size_t threads;
    struct af_nats_port port, *ports;
    int next_port, events_fd;
    char refusals[AF_NATS_REFUSALS_MAX][AF_NATS_WHY_BYTES]; /* of this connection */
    uint64_t refusal_count;
    int64_t way_ns; /* since when they are there, or away: since 1970; and why; under the lock */
    int64_t connects;
    char cut_off[AF_NATS_WHY_BYTES];
    struct af_nats_connection *connection;
    struct af_nats_subscription *answers, *pulled;
    char inbox[2 * AF_NATS_TOKEN_BYTES];
    atomic_bool reconnected, told_old;
    _Atomic uint64_t epoch; /* as it was seen last */
    struct af_nats_ears *ears;
    uint64_t set_aside;

    struct af_nats_op **active; /* by ticket */
    size_t active_count, active_cap;
    struct af_nats_task *tasks;
    struct af_nats_place *places;
    struct af_nats_queue *queues;
    int64_t queue_numbers, quiet_until_ns;
    bool has_values;      /* the streams of tasks, locks and notes are there */
    int64_t revoked_seen; /* the next sequence of AF_NATS_REVOKED, as it was told; 0: anything */
};

static inline struct af_nats_bus *af_nats_of(struct af_bus *bus)
{
    return (struct af_nats_bus *)bus; /* its first member */
}

int64_t af_nats_now_ns(const struct af_nats_bus *bus);

struct af_nats_op *af_nats_op_new(struct af_bus *bus, af_nats_op_fn *run, af_bus_done_fn *done,
                                  void *arg);
void af_nats_submit(struct af_nats_op *op);
void af_nats_submit_repeated(struct af_nats_op *op); /* it may be run again without harm */
void af_nats_complete(struct af_nats_op *op);        /* from any thread: it is over */

/* An op that failed; what an answer means. */
void af_nats_refuse(struct af_nats_op *op, enum af_bus_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void af_nats_fail(struct af_nats_op *op, const struct af_nats_reply *reply);

#endif
