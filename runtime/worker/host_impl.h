/* host_impl.h: what the files of host.h share.
 *
 *   host.c         one process after the other: start, load, death, restart; the watchdog
 *   host_spawn.c   fork and exec
 *   host_queue.c   what the process is to do: held back, sent, over
 *   host_hear.c    what the process says
 *   host_files.c   the files that it asks for
 *   host_proxy.c   scripts and parties for their owners
 *
 * All that the process is asked to do is a job: loading, checking arguments, a delivery, the answer
 * to a call, an attempt against its jail. Jobs wait in `ready` until the process may have them, and
 * in `sent` until it has ended them, in the order of sending; so the first of `sent` is what it is
 * busy with now. */
#ifndef AF_SCRIPT_WORKER_IMPL_H
#define AF_SCRIPT_WORKER_IMPL_H

#include "base/arena.h"
#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "script/driver.h"
#include "worker/wire.h"
#include "worker/host.h"

struct af_timer;

enum af_job_kind { AF_JOB_LOAD, AF_JOB_CHECK, AF_JOB_DELIVER, AF_JOB_ANSWER, AF_JOB_PROBE };

struct af_job {
    struct af_job *next;
    enum af_job_kind kind;
    struct af_script *script;      /* of CHECK; NULL: freed meanwhile */
    struct af_script_party *party; /* of DELIVER and ANSWER; NULL: withdrawn meanwhile */
    struct af_buf body;            /* for a DELIVER and an ANSWER the party's number comes first */
    int packed;                    /* the message, where it is large (af_wire_pack); or -1 */
    af_worker_checked_fn *checked;
    af_worker_probed_fn *probed;
    void *arg;
};

struct af_jobs {
    struct af_job *first, **end;
    size_t count;
};

struct af_script {
    struct af_script_head head;
    struct af_worker *worker;
    uint64_t process; /* of the process that knows it, by `number`; 0: none */
    uint32_t number;
    char *task_id;
    struct af_script_member *members;
    size_t member_count;
    struct af_script_arg *args;
    size_t arg_count;
    af_script_call_fn *call;
    void *owner;
    size_t party_count;
};

struct af_script_party {
    struct af_script *script; /* first: see script/driver.h */
    void *user;
    uint32_t member;
    const struct af_flow_role *role;
    struct af_hash seed;
    uint64_t process; /* as for a script */
    uint32_t number;
    int state; /* the snapshot */
    char *data;
    size_t data_len;
    bool delivering;                                /* a delivery is under way: */
    bool given;                                     /* … the process has it */
    struct af_script_party *given_next, **given_at; /* in worker->given */
    enum af_input_kind kind;
    int event;
    af_script_done_fn *done;
    void *arg;
    uint64_t call;      /* that it waits for, or is about to; 0: none */
    size_t answers;     /* ANSWER jobs of it */
    size_t calls_count; /* since it was given */
    char *where;
};

struct af_worker_file {
    char *path;
    char *bytes;
    size_t len;
    uint64_t process; /* that was given it: once is enough */
};

struct af_worker_numbers { /* given to scripts, or parties, of this process */
    uint32_t *free;
    size_t free_count, free_cap;
    uint32_t next;
};

enum af_worker_state {
    AF_WORKER_LOADS, /* a process was started: it has not told that its file is loaded */
    AF_WORKER_READY,
    AF_WORKER_DOWN, /* a new process will be started */
    AF_WORKER_DEAD, /* the file cannot be loaded: there will be none */
};

struct af_worker {
    struct af_worker_spec spec;
    char *path, *program;
    const char *base; /* of the path */
    enum af_worker_state state;
    uint64_t process; /* counts them, from 1 */
    int pid, pidfd;   /* 0 and -1: none */
    struct af_wire_link link;
    bool writing;      /* the socket is watched for writing too */
    bool hello;        /* … was said */
    bool is_script;    /* the file is one, and the flow made up for it */
    const char *broke; /* what it said that it may not say, or NULL */
    bool hung;         /* it was killed for that */
    struct af_jobs ready, sent;
    int64_t busy_since_ns; /* the first of `sent` */
    int64_t allowed_ns;    /* when it was last told how long it may compute */
    struct af_timer *watchdog, *restart;
    int64_t restart_ns; /* the next pause */
    bool posted;
    size_t log_count, read_count; /* lines, and files asked for, since a job ended */
    struct af_worker_numbers script_numbers, party_numbers;
    struct af_script_party *given;
    struct af_arena arena; /* of the flow */
    struct af_flow *flow;
    struct af_script_file file;
    struct af_buf told; /* LOADED, as it was said first */
    struct af_worker_file files[AF_WORKER_FILES_MAX];
    size_t file_count, file_bytes;
    struct af_effects effects;
    struct af_failure refused; /* why its jail will not do */
    unsigned depth;            /* of callbacks: */
    bool doomed;               /* … freed within one */
    size_t script_count;
    void (*gone)(void *arg); /* for who waits for the end of the process, or NULL */
    void *gone_arg;
};

/* ---- host.c ---- */

extern const struct af_script_driver af_worker_driver;

/* It is at the first of `sent` from now on: the watchdog, and what it may compute, begin anew. */
void af_worker_begins(struct af_worker *worker);

/* Around what may call back: the worker is freed at the end of the outermost if somebody wants it.
 * leave() returns false if so. */
void af_worker_enter(struct af_worker *worker);
bool af_worker_leave(struct af_worker *worker);

/* Sends what may be sent, and writes as much as the socket takes. */
void af_worker_write(struct af_worker *worker);

/* Kills the process, which will be missed: it said what it may not say. */
void af_worker_break(struct af_worker *worker, const char *what);

/* The file is loaded: from the rest of a LOADED. */
const char *af_worker_loaded(struct af_worker *worker, struct af_wire_in *in);

/* ---- host_spawn.c ---- */

/* Starts a process; its socket goes to the link, which does not block. 0, or -1 with *why filled.
 */
int af_worker_spawn(struct af_worker *worker, struct af_failure *why);

/* ---- host_queue.c ---- */

void af_jobs_init(struct af_jobs *jobs);
void af_jobs_push(struct af_jobs *jobs, struct af_job *job);
struct af_job *af_jobs_pop(struct af_jobs *jobs);
struct af_job *af_job_new(enum af_job_kind kind);
void af_job_free(struct af_job *job);

/* Queues a job; it is sent soon. */
struct af_job *af_worker_queue(struct af_worker *worker, enum af_job_kind kind);

/* Sends what may be sent. */
void af_worker_pump(struct af_worker *worker);

/* Has that done soon, and all of it written; or not after all. */
void af_worker_wake(struct af_worker *worker);
void af_worker_sleep(struct af_worker *worker);

/* The first job of `sent` is over: it is the caller's. */
struct af_job *af_worker_take_first(struct af_worker *worker);

/* Forgets the party's jobs; what the process says of them is not for it any more. */
void af_worker_forget_party(struct af_worker *worker, struct af_script_party *party);
void af_worker_forget_script(struct af_worker *worker, struct af_script *script);

/* Has the process forget a party or a script, if it knows it. */
void af_worker_drop_party(struct af_script_party *party);
void af_worker_drop_script(struct af_script *script);

/* The party's delivery is no longer with the process. */
void af_worker_take_back(struct af_script_party *party);

/* ---- host_hear.c ---- */

/* Does what one message says. Returns NULL, or what is wrong with it. */
const char *af_worker_hear(struct af_worker *worker, struct af_wire_message *message);

/* ---- host_files.c ---- */

const char *af_worker_give_file(struct af_worker *worker, struct af_wire_in *in);
void af_worker_release_files(struct af_worker *worker);
void af_worker_take_code(struct af_worker *worker, const struct af_code *code);

#endif
