/* bus.h: what carries contracts between the nodes of a task.
 *
 * One table of functions a bus (bus/local/bus.c, bus/http/bus.c …), one row each in bus.c; a flow
 * cannot tell which one it runs on. The simulated network (sim/bus_mock.h) is none of them: it
 * lives on virtual time and inside of one process.
 *
 * Every call completes once, by done(arg, result), on the loop's thread and never from within the
 * call. What a call is given is copied; a result and all that it points to is borrowed until done
 * returns. Calls of one bus complete in the order of their making where they touch one queue.
 *
 * A queue holds what one node has not yet acknowledged, of one task and channel, in the order in
 * which the bus took it. Leases: a take with lease_ns hands out without consuming; the holder has
 * them as long as it calls (each of its takes and acks, a waiting take too, renews them); when they
 * run out, all that was handed out and not acknowledged comes again, in the old order. */
#ifndef AF_BUS_H
#define AF_BUS_H

#include "base/facts.h"
#include "base/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_arena;
struct af_buf;
struct af_bus;
struct af_failure;
struct af_loop;

enum af_bus_code {
    AF_BUS_OK,
    AF_BUS_NO_TASK,     /* no such task, or it has ended */
    AF_BUS_NOT_MEMBER,  /* the node is outside of the task */
    AF_BUS_INVALID,     /* the request itself is wrong: a target outside of the task, … */
    AF_BUS_FULL,        /* a bound or the disk: nothing was taken; may be tried again */
    AF_BUS_UNREACHABLE, /* the service or store did not answer; what happened is not known */
    AF_BUS_REFUSED,     /* the service knows no such caller, or refuses it */
    AF_BUS_OLDER,       /* its store is older than it was, or another: nothing was done */
    AF_BUS_CANCELLED,
};

/* A node of a task. */
struct af_bus_member {
    const char *node;
    const char *role; /* its role's name, "" if only the number is known */
    int number;       /* the platform's: 1 initiator, 2 participant, 0: it was named, and has not
                         come yet (in a task that is not open: unknown) */
};

/* A contract that is handed out. */
struct af_bus_item {
    int64_t id; /* greater than 0; grows along a queue */
    const char *uuid, *title;
    const char *sender;         /* NULL: the bus cannot tell */
    const char *const *targets; /* as they were pushed; exactly {"*"}: every node */
    size_t target_count;
    const char *content; /* a JSON object */
    size_t content_len;
    int64_t time_s; /* since 1970, as the sender said */
    struct af_facts facts;
    int64_t taken_ns;  /* when the bus took it, by the server's clock: since 1970; 0: not told */
    const char *wrong; /* NULL; else why it cannot be read: it has no content then */
};

struct af_bus_result {
    enum af_bus_code code;
    const char *why;  /* unless OK: in words for people, without secrets */
    bool elsewhere;   /* it is not the bus that says so, but a proxy, or a certificate on the way */
    int64_t retry_ns; /* of FULL: how soon it is worth trying again, 0 unknown */
    bool held;        /* of a take without items: another process of the node has the leases */
    bool unwritten;   /* of a take: af_bus_written() must tell what became of its items */
    const char *const *uuids;            /* publish: one for each post */
    const struct af_bus_item *items;     /* take */
    const struct af_bus_member *members; /* members */
    bool open;                           /* members: the task is, so more may join */
    size_t count;                        /* of uuids, items or members */
    const char *text; /* put_file: the URL; status: JSON; get_file: the path written */
    size_t text_len;
    const char *warning; /* status: how little room its disk has, or NULL */
    bool full;           /* status: so little that nothing is taken */
    const char *age;   /* publish, take, ack, revive: how old the bus's store is now, as far as the
                          disk has it; or NULL */
    const void *bytes; /* get_file without a path; get_value */
    size_t bytes_len;
    const struct af_bus_cluster *cluster; /* of af_bus_cluster() */
    int64_t files_bytes, own_files_bytes; /* of members: of the task's files, and the asker's */
};

/* How the way to the servers of a cluster is, and what waits there for this process. */
enum { AF_BUS_SERVER_BYTES = 128, AF_BUS_CUT_BYTES = 400 };
struct af_bus_cluster {
    char name[AF_BUS_SERVER_BYTES];   /* of the cluster; "": it is one server, or not known */
    char server[AF_BUS_SERVER_BYTES]; /* that we are connected to; "": none … */
    char cut_off[AF_BUS_CUT_BYTES];   /* … and why, in words for people */
    int64_t since_s;                  /* since when it is so: since 1970 */
    char leader[AF_BUS_SERVER_BYTES]; /* of the streams that were looked at, "": not known … */
    bool one_leader;                  /* … false: that one leads the tasks' record, not all */
    int64_t reconnects;
    int64_t queues, asked;           /* that this process takes from; of these: looked at */
    int64_t waiting, unacknowledged; /* contracts in them; of these: handed out to us */
    int64_t behind, behind_most;     /* replicas; the operations that the last one lacks */
};

typedef void af_bus_done_fn(void *arg, const struct af_bus_result *result);

/* A contract to be sent. */
struct af_bus_post {
    const char *task, *channel, *title;
    const char *sender;         /* NULL: not known */
    const char *uuid;           /* chosen by the sender; NULL: the bus chooses one */
    const char *const *targets; /* node IDs; exactly {"*"}: every node, later ones too */
    size_t target_count;
    const char *content; /* a JSON object */
    size_t content_len;
    int64_t time_s; /* since 1970 */
    struct af_facts facts;
    uint64_t epoch; /* of af_bus_epoch(): it is UNREACHABLE in another one; 0: in any */
    bool moved;     /* it was another bus's: nothing is noted of it, and what is for every node is
                       for those who come later alone */
};

struct af_bus_take {
    const char *task, *channel, *node;
    const char *holder; /* who of the node takes: one at a time has leases; NULL: "". A name and
                           "@" and what each start of it makes anew: the last to begin has them,
                           and an earlier one is INVALID from then on */
    const char *age;    /* the greatest age of the bus's store that was told, as it was: OLDER if
                           the store has not been that old; NULL: not known */
    int64_t mark;       /* how many steps what the holder keeps has behind it, 0: not told … */
    bool begins;        /* … and it goes on from them: INVALID if it had told of more before, for
                           then what it keeps is an older copy */
    int64_t lease_ns;   /* 0: consume what is handed out */
    int64_t wait_ns;    /* how long to wait for a first contract, 0: not at all */
    size_t max;         /* contracts, 1 to AF_BUS_TAKE_MAX */
    bool release;       /* of an ack: give the rest back, to be handed out again at once */
    bool sent;          /* of a revive: what the node has sent by a sidecar, and the hub refused */
    bool early; /* with a lease: the holder knows what it was given by sender and uuid for as
                   long as it lives, so it may be given a contract for it alone before the disk
                   has it, and has what the take acknowledges. Its sender has not been answered
                   then, and pushes again where it is lost, by a loss of power or a disk that
                   fails; what was acknowledged is handed out again */
    bool again; /* hand out all that is not acknowledged, as if the leases had run out:
                   the holder lost an answer */
    const char *const *acks;    /* uuids that are done with, before anything is handed out */
    const char *const *reasons; /* NULL, or for each of them: NULL; or why the node cannot read it,
                                   which makes it a dead letter of the task */
    size_t ack_count;
};

/* A file to be kept. Either path or bytes. */
struct af_bus_file {
    const char *task, *node; /* task NULL: a bundle for the task manager, where that is another
                                service; by path, and its key is the result */
    const char *name;   /* how it should be called, NULL: by its path; only its extension is kept */
    const char *path;   /* a file of this machine; it must not change meanwhile */
    bool move;          /* the file at path is the bus's from here on */
    const char *sha256; /* of the bytes, hexadecimal, if the caller has worked it out; or NULL */
    const void *bytes;
    size_t bytes_len;
    bool durable;        /* keep it when the task ends */
    const char *call_id; /* the same where the call is made again after a crash; or NULL */
    /* Told now and then, on the loop's thread; or NULL. */
    void (*progress)(void *arg, int64_t done_bytes, int64_t total_bytes);
    void *progress_arg;
};

struct af_bus_fetch {
    const char *task, *node; /* who asks */
    const char *url;
    const char *path;   /* where to write it (mode 0600, whole or not at all); NULL: into memory */
    bool locate;        /* neither: only tell where the bus keeps it (a bus of this machine) */
    const char *sha256; /* what the bytes must have, or NULL */
    int64_t max_bytes;
    /* Told now and then, on the loop's thread; or NULL. total_bytes -1: not known. A bus of this
     * machine tells nothing. */
    void (*progress)(void *arg, int64_t done_bytes, int64_t total_bytes);
    void *progress_arg;
};

/* What a node tells about a task. */
enum af_bus_note_kind {
    AF_BUS_NOTE_PROGRESS, /* number: percent */
    AF_BUS_NOTE_RESULT,  /* url; text: `py`, `pickle`, `report`, `model`; number: 1 verify, 2 train,
                            0: told by a contract */
    AF_BUS_NOTE_DATASET, /* number: 1 verified, 0 not; text: why not, or NULL */
    AF_BUS_NOTE_LAUNCH,  /* text: the bundle's file key */
    AF_BUS_NOTE_COMPLETION, /* number: 1 finished, 0 failed; text says so: told by a contract */
};

/* Where a service tells nodes which parties to launch: an open task, and its channel. */
#define AF_BUS_LAUNCH_TASK "afrun:launches"
#define AF_BUS_LAUNCH_CHANNEL "launch"

struct af_bus_note {
    enum af_bus_note_kind kind;
    const char *task, *channel, *node;
    int64_t number;
    const char *text, *url;
    const char *call_id; /* as above */
};

struct af_bus_task {
    const char *task;
    const struct af_bus_member *members;
    size_t member_count;
    bool open; /* nodes join by use */
};

struct af_bus_options {
    const char *node;                    /* who opens it, NULL: a service for many */
    bool party;                          /* a party's own process, whose leases end with it */
    bool open_tasks;                     /* tasks spring up by use, and nodes join by use */
    const struct af_bus_member *members; /* of a task that springs up without being open */
    size_t member_count;
    int64_t keep_contracts_ns;      /* how long uuids of what all have are remembered, 0: a week */
    int64_t keep_files_ns;          /* how long what no task names stays, 0: a day */
    int64_t min_free_bytes;         /* below which it warns of a full disk, 0: 256 MiB */
    int64_t queue_max;              /* contracts that wait in a queue, 0: AF_BUS_QUEUE_MAX */
    const char *files;              /* where files are kept, NULL: beside the bus's own */
    const struct af_config *config; /* tokens and certificates, or NULL; borrowed */
    const char *outbox; /* the file of a sidecar, of a node and a distant bus; or NULL: none */
    const char *age;    /* the file that notes the age of the bus's store; or NULL: none */
};

/* The file in which the bus of a URL keeps its contracts, as the URL names it; NULL: it keeps them
 * elsewhere, or there is no such. And whether the bus is a service, perhaps far away. */
const char *af_bus_file_of(const char *url);
bool af_bus_is_distant(const char *url);

/* Whether services of many nodes may stand before it, beside each other: fronts. */
bool af_bus_has_fronts(const char *url);

/* Whether a file's URL is one of the bus of that URL. */
bool af_bus_owns(const char *bus_url, const char *url);

/* Opens `local:FILE`, `http://…`, `https://…`, `nats://…` or `tls://…`. Returns NULL with *why
 * filled: no such bus, the file cannot be opened, or is of a newer version. */
struct af_bus *af_bus_open(const char *url, struct af_loop *loop,
                           const struct af_bus_options *options, struct af_failure *why);

/* Closes it. What waits is completed as CANCELLED, from within, and in a party's own process all
 * that was not told yet: who asked may be gone. What was confirmed stays. */
void af_bus_close(struct af_bus *bus);

/* Keeps the posts, all or none of them, durably before it is confirmed; a post whose (task, sender,
 * uuid) is there already changes nothing, and is answered the same. What does not fit
 * (af_bus_post_fits()) is INVALID. */
void af_bus_publish(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg);

/* Hands out what a queue holds, in order: items, or none when the wait is over. The node joins an
 * open task by it. The ticket is for af_bus_cancel(). */
uint64_t af_bus_take(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg);

/* Ends a take that waits: done is called soon, as CANCELLED or with what was handed out meanwhile.
 * An old ticket is ignored. */
void af_bus_cancel(struct af_bus *bus, uint64_t ticket);

void af_bus_ack(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done,
                void *arg);

/* Whether the answer which holds what a take without a lease has handed out (`acks`) was written.
 * For results that are `unwritten`; nobody is told. */
void af_bus_written(struct af_bus *bus, const struct af_bus_take *which, bool ok);

/* Hands out again, by hand, what the node has refused (`sent`: sends again what the hub has refused
 * of it): the dead letters that acks name, or all. */
void af_bus_revive(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg);

/* The task's members in the order in which they were named or joined. asker NULL: anybody. One
 * whose role is told joins an open task in it, unless it has one there already; with role NULL
 * asking is not joining. */
void af_bus_members(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg);

void af_bus_put_file(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                     void *arg);
void af_bus_get_file(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                     void *arg);
void af_bus_tell(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg);

/* ---- For who runs the tasks. A bus that cannot completes these as AF_BUS_INVALID. ---- */

/* Makes a task, or adds members to one that is there. */
void af_bus_create_task(struct af_bus *bus, const struct af_bus_task *task, af_bus_done_fn *done,
                        void *arg);

/* Ends a task: its queues and files that are not durable go; its name stays taken. */
void af_bus_end_task(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);

/* Says that this process takes part in the task until the bus is closed. clean: forgets what
 * earlier runs left of the task, unless another process takes part in it now. For buses of one
 * machine. */
void af_bus_begin(struct af_bus *bus, const char *task, bool clean, af_bus_done_fn *done,
                  void *arg);

/* Copies all that is kept into a new file, and beside it, as PATH.files, a line `SHA-256 bytes` for
 * each file that is kept elsewhere; while others go on. */
void af_bus_backup(struct af_bus *bus, const char *path, af_bus_done_fn *done, void *arg);

/* Tasks, members, queues, progress and notes as JSON: names, sizes and counts, no contents. task
 * NULL: all. */
void af_bus_status(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);

/* ---- For fronts: what one keeps, and others must know. ---- */

/* Whether the bus keeps it; else there is no other service that would have to know. */
bool af_bus_keeps_values(const struct af_bus *bus);

/* Keeps a value by its key for about AF_BUS_VALUE_AGE_S; gets it as bytes, NULL where there is
 * none. */
void af_bus_put_value(struct af_bus *bus, const char *key, const void *value, size_t len,
                      af_bus_done_fn *done, void *arg);
void af_bus_get_value(struct af_bus *bus, const char *key, af_bus_done_fn *done, void *arg);

/* Notes for good that a token is revoked, by its digest in hexadecimal. The other: as bytes, which
 * are, each behind a line feed; NULL where they are as they were when it was last asked. */
void af_bus_revoke(struct af_bus *bus, const char *digest, af_bus_done_fn *done, void *arg);
void af_bus_revoked(struct af_bus *bus, af_bus_done_fn *done, void *arg);

/* Looks at the servers: of a task's queues, or NULL: of all, a hundred of them. It is OK where they
 * are away, too. Returns false, and calls nobody: the bus is no cluster's. */
bool af_bus_cluster(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);

/* What a contract takes as JSON, with all its names: of a push, or of an answer. */
size_t af_bus_post_bytes(const struct af_bus_post *post);
size_t af_bus_item_bytes(const struct af_bus_item *item);

/* Adds those that are told to an object that is being written. */
void af_bus_write_facts(struct af_buf *out, const struct af_facts *facts);

enum { AF_BUS_UNFIT_BYTES = 160 };

/* Whether everybody can be given the contract: names of at most AF_BUS_ID_BYTES_MAX, at most
 * AF_BUS_TARGETS_MAX targets, a content that fits (af_contract_unfit()), and all of it together at
 * most AF_BUS_ITEM_BYTES_MAX as JSON. False: why tells, in words for people. Its content is JSON.
 */
bool af_bus_post_fits(const struct af_bus_post *post, char why[AF_BUS_UNFIT_BYTES]);

/* The same of a contract that is to be handed out; besides, it must have an uuid, a title and
 * targets, its names must be UTF-8, and its content a JSON object. */
bool af_bus_item_fits(const struct af_bus_item *item, char why[AF_BUS_UNFIT_BYTES]);

/* Whether the service behind it leases, and remembers uuids: -1 not known yet. */
int af_bus_leases(const struct af_bus *bus);

/* How long its links' pushes took to be confirmed, and contracts, from their coming, to be dealt
 * with. */
struct af_bus_times {
    struct af_histogram pushes, contracts;
};
const struct af_bus_times *af_bus_times(const struct af_bus *bus);

/* Which process of the server the bus has: where that is another, what it had confirmed last may be
 * lost, for it had not waited for its disk. 0: not known yet, or the bus waits for the disk. */
uint64_t af_bus_epoch(const struct af_bus *bus);

/* Sets *times to how long its commits took; false: it keeps no file of its own. */
bool af_bus_commits(struct af_bus *bus, struct af_histogram *times);

/* With what the URLs of its files begin, up to the task's name. */
const char *af_bus_files(const struct af_bus *bus);

/* How a sidecar is doing. */
struct af_bus_outbox {
    bool reachable;     /* the hub answered when it was asked last */
    int64_t since_s;    /* since when it does or does not: since 1970 */
    const char *error;  /* what it or the way to it last said, or NULL; borrowed */
    uint64_t contracts; /* that wait for it */
    uint64_t bytes;     /* of theirs */
    uint64_t dead;      /* what it has refused: dead letters */
    int64_t oldest_s;   /* how long the first of those that wait has, 0: none waits */
};

/* Sets *outbox; false: the bus is no sidecar. */
bool af_bus_outbox(const struct af_bus *bus, struct af_bus_outbox *outbox);

/* How long it keeps what, and when it warns: what was asked for, or the default. */
struct af_bus_limits {
    int64_t keep_contracts_s, keep_files_s, min_free_bytes;
};

/* Sets *limits; false: another service has them. */
bool af_bus_limits(const struct af_bus *bus, struct af_bus_limits *limits);

/* Appends the type of an item's content, "" where it has none; false: it is no JSON object. */
bool af_bus_item_type(const struct af_bus_item *item, struct af_buf *type);

/* ---- A driver's side: one table a bus; NULL rows are answered as AF_BUS_INVALID. ---- */

struct af_bus_driver {
    const char *scheme; /* "local:", "nats://" */
    bool is_file;       /* what follows it is a file of this machine */
    bool has_fronts;    /* see af_bus_has_fronts() */
    bool (*owns)(const char *bus_url, const char *url); /* see af_bus_owns() */
    struct af_bus *(*open)(const char *url, struct af_loop *loop,
                           const struct af_bus_options *options, struct af_failure *why);
    void (*close)(struct af_bus *bus);
    void (*publish)(struct af_bus *bus, const struct af_bus_post *posts, size_t count,
                    af_bus_done_fn *done, void *arg);
    uint64_t (*take)(struct af_bus *bus, const struct af_bus_take *take, af_bus_done_fn *done,
                     void *arg);
    void (*cancel)(struct af_bus *bus, uint64_t ticket);
    void (*ack)(struct af_bus *bus, const struct af_bus_take *acks, af_bus_done_fn *done,
                void *arg);
    void (*written)(struct af_bus *bus, const struct af_bus_take *which, bool ok);
    void (*revive)(struct af_bus *bus, const struct af_bus_take *which, af_bus_done_fn *done,
                   void *arg);
    void (*members)(struct af_bus *bus, const char *task, const struct af_bus_member *asker,
                    af_bus_done_fn *done, void *arg);
    void (*put_file)(struct af_bus *bus, const struct af_bus_file *file, af_bus_done_fn *done,
                     void *arg);
    void (*get_file)(struct af_bus *bus, const struct af_bus_fetch *fetch, af_bus_done_fn *done,
                     void *arg);
    void (*tell)(struct af_bus *bus, const struct af_bus_note *note, af_bus_done_fn *done,
                 void *arg);
    void (*create_task)(struct af_bus *bus, const struct af_bus_task *task, af_bus_done_fn *done,
                        void *arg);
    void (*end_task)(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);
    void (*begin)(struct af_bus *bus, const char *task, bool clean, af_bus_done_fn *done,
                  void *arg);
    void (*backup)(struct af_bus *bus, const char *path, af_bus_done_fn *done, void *arg);
    void (*status)(struct af_bus *bus, const char *task, af_bus_done_fn *done, void *arg);
    void (*put_value)(struct af_bus *bus, const char *key, const void *value, size_t len,
                      af_bus_done_fn *done, void *arg);
    void (*get_value)(struct af_bus *bus, const char *key, af_bus_done_fn *done, void *arg);
    void (*revoke)(struct af_bus *bus, const char *digest, af_bus_done_fn *done, void *arg);
    void (*revoked)(struct af_bus *bus, af_bus_done_fn *done, void *arg);
    void (*cluster)(struct af_bus *bus, const char *task, af_bus_done_fn *done,
                    void *arg); /* NULL: is none */
    int (*leases)(const struct af_bus *bus);
    uint64_t (*epoch)(const struct af_bus *bus);                     /* NULL: waits for the disk */
    void (*commits)(struct af_bus *bus, struct af_histogram *times); /* NULL: keeps no file */
    const char *(*files)(const struct af_bus *bus);
    void (*outbox)(const struct af_bus *bus, struct af_bus_outbox *outbox); /* NULL: has none */
    void (*limits)(const struct af_bus *bus, struct af_bus_limits *limits); /* the same */
};

/* What is known of the age of its store, see bus/age.h. */
enum { AF_BUS_AGE_BYTES = 48 };
struct af_bus_age {
    char text[AF_BUS_AGE_BYTES]; /* "": nothing */
    char *older, *url;
    int fd; /* of the file in which it is noted; url NULL: in none */
};

struct af_bus_latencies { /* see bus/latency.h */
    struct af_bus_latency *items;
    size_t count;
};

/* A bus embeds this as its first member, and fills it in open(). */
struct af_bus {
    const struct af_bus_driver *driver;
    struct af_loop *loop;
    struct af_bus_times times; /* its links note them */
    struct af_bus_age age;
    struct af_bus_latencies latencies; /* the same */
};

extern const struct af_bus_driver af_bus_local, af_bus_http, af_bus_nats;

/* Puts a sidecar before a bus, which is its own from here on, even where it fails. */
struct af_bus *af_bus_sidecar_open(struct af_bus *hub_take, const struct af_bus_options *options,
                                   struct af_failure *why);

/* Posts with all that they point to, as long as the arena lives. */
const struct af_bus_post *af_bus_copy_posts(struct af_arena *arena, const struct af_bus_post *posts,
                                            size_t count);
struct af_bus_take af_bus_copy_take(struct af_arena *arena, const struct af_bus_take *take);

/* What is to be put, but for its name, and for which call asks: the same bytes are the same file;
 * what is to be fetched. They live as the arena does. */
struct af_bus_file af_bus_copy_file(struct af_arena *arena, const struct af_bus_file *file);
struct af_bus_fetch af_bus_copy_fetch(struct af_arena *arena, const struct af_bus_fetch *fetch);

/* Whether a contract is among those that are meant: all, where none is named. */
bool af_bus_take_names(const struct af_bus_take *which, const char *uuid);

/* A uuid of chance, for what is pushed without one. */
const char *af_bus_random_uuid(struct af_arena *arena);

#endif
