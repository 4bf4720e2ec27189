/* wire.h: what a node and a worker process say to each other (host.h).
 *
 *   node                                       worker
 *                                        <-    HELLO    of which version, what its jail lacks
 *   LOAD     the file's name, and whether ->
 *            it may be a script
 *                                        <-    READ     a file, wanted now
 *   FILE     its bytes, or why not        ->
 *                                        <-    LOADED   the flow, or a mistake
 *   SCRIPT   a task: its members, args    ->             (before the first use of each)
 *   PARTY    one party with its snapshot  ->
 *   CHECK    of a script's arguments      ->
 *                                        <-    CHECKED
 *   DELIVER  an input for a party         ->
 *                                        <-    CALL     to the host (perhaps several, or none)
 *                                        <-    WAITS    for a call's answer, or …
 *                                        <-    DONE     … the effects
 *   ANSWER   to a call                    ->             CALL, WAITS, DONE as after DELIVER
 *   FREE_PARTY, FREE_SCRIPT               ->
 *                                        <-    LOG      a line for people, at any time
 *
 * The worker does one thing after the other, in the order of the messages. So each LOAD, CHECK,
 * DELIVER, ANSWER and PROBE ends in exactly one LOADED, CHECKED, DONE or WAITS, and PROBED, in that
 * order; READ and CALL belong to the one that is under way, and none of them names its party. All
 * numbers are the machine's own: both ends are the same program.
 *
 * A message is a head (length of its body, type) and its body. A body beyond AF_WORKER_INLINE_BYTES
 * is not in the stream: it is a sealed memfd that comes with the head.
 *
 * What a worker says is checked here, before anyone uses it: a read function returns NULL, or what
 * is wrong, in words. Results point into the body. */
#ifndef AF_SCRIPT_WIRE_H
#define AF_SCRIPT_WIRE_H

#include "base/buf.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The descriptor at which a worker finds its node, and the word behind `worker` for a process
 * without a filter of system calls. */
#define AF_WORKER_SOCKET 3
#define AF_WORKER_LIMITS_ONLY "limits-only"

struct af_arena;
struct af_failure;

#define AF_WIRE_VERSION 1

enum af_wire_type {
    AF_WIRE_LOAD = 1,
    AF_WIRE_FILE,
    AF_WIRE_SCRIPT,
    AF_WIRE_PARTY,
    AF_WIRE_CHECK,
    AF_WIRE_DELIVER,
    AF_WIRE_ANSWER,
    AF_WIRE_FREE_PARTY,
    AF_WIRE_FREE_SCRIPT,
    AF_WIRE_PROBE,
    /* From the worker: */
    AF_WIRE_HELLO = 64,
    AF_WIRE_READ,
    AF_WIRE_LOADED,
    AF_WIRE_CHECKED,
    AF_WIRE_CALL,
    AF_WIRE_WAITS,
    AF_WIRE_DONE,
    AF_WIRE_LOG,
    AF_WIRE_PROBED,
};

/* ---- The link: messages over a socket (wire_link.c). ---- */

struct af_wire_in { /* the rest of a body */
    const char *at, *end;
    bool bad; /* more was wanted than there is; all that is got then is 0 */
};

struct af_wire_message {
    uint8_t type;
    struct af_wire_in body;
};

struct af_wire_mark { /* where in the output a descriptor goes with the bytes */
    size_t at;
    int fd;
};

struct af_wire_link {
    int fd;
    struct af_buf in;
    size_t in_at; /* what was handled of it */
    int fds[4];   /* that came, for messages not yet handled */
    size_t fd_count;
    struct af_buf big; /* the body that came as the last memfd */
    struct af_buf out;
    size_t out_at; /* what was written of it */
    struct af_wire_mark *marks;
    size_t mark_first, mark_count, mark_cap;
};

void af_wire_link_init(struct af_wire_link *link, int fd);

/* Closes what it holds, the socket too. */
void af_wire_link_release(struct af_wire_link *link);

/* Adds a message to the output: the body, and behind it the bytes that it ends with
 * (af_wire_put_tail), if there are any. Returns -1 where no memfd is to be had for a large one, or
 * it is larger than AF_WORKER_BODY_BYTES_MAX: nothing is added then. */
int af_wire_send(struct af_wire_link *link, enum af_wire_type type, const struct af_buf *body,
                 const void *tail, size_t tail_len);

/* The same in two steps, for a large message that has to wait for others: it is copied once, to a
 * memfd, which can still be written to until it is sent. Returns -1 where there is none. */
int af_wire_pack(const struct af_buf *body, const void *tail, size_t tail_len);
int af_wire_send_packed(struct af_wire_link *link, enum af_wire_type type, int fd_take);

/* Writes output until all is written (0) or, of a socket that does not block, none is taken any
 * more (1). So it is, after a rest of a millisecond, where no more descriptors may be on their way;
 * of any socket. Returns -1 with errno if the other end is gone. */
int af_wire_flush(struct af_wire_link *link);
size_t af_wire_unsent(const struct af_wire_link *link);

/* Reads once. Returns 1 if there was something, 0 at the end, -1 with errno (EAGAIN) else. */
int af_wire_fill(struct af_wire_link *link);

/* The next message that is there as a whole, its body borrowed until the next call. Returns 1, 0 if
 * there is none, or -1 with *what told: what comes is no message. */
int af_wire_next(struct af_wire_link *link, struct af_wire_message *message, const char **what);

/* ---- Pieces of a body. ---- */

void af_wire_put_u8(struct af_buf *out, uint8_t value);
void af_wire_put_u32(struct af_buf *out, uint32_t value);
void af_wire_put_u64(struct af_buf *out, uint64_t value);
void af_wire_put_hash(struct af_buf *out, struct af_hash hash);
void af_wire_put_bytes(struct af_buf *out, const void *bytes, size_t len); /* NULL is kept */
void af_wire_put_string(struct af_buf *out, const char *text);             /* NULL is kept */

/* The last bytes of a body: how many they are. They themselves are given to af_wire_send(). */
void af_wire_put_tail(struct af_buf *out, const void *bytes, size_t len);

uint8_t af_wire_get_u8(struct af_wire_in *in);
uint32_t af_wire_get_u32(struct af_wire_in *in);
uint64_t af_wire_get_u64(struct af_wire_in *in);
struct af_hash af_wire_get_hash(struct af_wire_in *in);

/* Bytes with a 0 behind them, or NULL. */
const char *af_wire_get_bytes(struct af_wire_in *in, size_t *len);

/* Those without a 0 among them. */
const char *af_wire_get_string(struct af_wire_in *in);

/* Whether all was read, and no more than there was. */
bool af_wire_is_over(const struct af_wire_in *in);

/* Replaces each byte that is no UTF-8 by a '?'. */
void af_wire_mend_utf8(char *text, size_t len);

/* Whether the text is one JSON value; with type: an object that has it as its "type". */
bool af_wire_is_json(const char *text, size_t len, const char *type);

/* ---- Node to worker; the reading is for the worker, which trusts the node. ---- */

struct af_wire_script {
    uint32_t script;
    const char *task_id;
    struct af_script_member *members; /* freed by the reader */
    size_t member_count;
    struct af_script_arg *args; /* freed by the reader */
    size_t arg_count;
};
void af_wire_put_script(struct af_buf *out, const struct af_wire_script *script);
bool af_wire_get_script(struct af_wire_in *in, struct af_wire_script *script);

struct af_wire_party {
    uint32_t script, party, member;
    struct af_hash seed;
    bool restored; /* the following are its snapshot */
    int state;
    const char *data;
    size_t data_len;
};
void af_wire_put_party(struct af_buf *out, const struct af_wire_party *party);
bool af_wire_get_party(struct af_wire_in *in, struct af_wire_party *party);

void af_wire_put_deliver(struct af_buf *out, uint32_t party, const struct af_input *input);
bool af_wire_get_deliver(struct af_wire_in *in, uint32_t *party, struct af_input *input);

/* Its bytes are the tail. */
void af_wire_put_answer(struct af_buf *out, uint32_t party, uint64_t call,
                        const struct af_answer *answer);
bool af_wire_get_answer(struct af_wire_in *in, uint32_t *party, uint64_t *call,
                        struct af_answer *answer);

/* ---- Worker to node; the reading trusts nobody. ---- */

/* lacks: of enum in worker/jail.h. */
void af_wire_put_hello(struct af_buf *out, unsigned lacks);
const char *af_wire_read_hello(struct af_wire_in *in, unsigned *lacks);

/* LOADED and CHECKED: why->kind AF_FAILURE_NONE says that all is well. */
void af_wire_put_failure(struct af_buf *out, const struct af_failure *why);
const char *af_wire_read_failure(struct af_wire_in *in, struct af_failure *why);

/* Whether a node takes the flow: names that are some, and not too many of them. 0, or -1 with *why
 * filled; `what` is the file's name. */
int af_wire_check_flow(const struct af_flow *flow, const char *what, struct af_failure *why);

/* … behind which LOADED has the file and the flow, made of the arena's memory; flow NULL: it is a
 * sequential script, which is read as a flow of one role that is a plain function. */
void af_wire_put_flow(struct af_buf *out, const struct af_script_file *file,
                      const struct af_flow *flow);
const char *af_wire_read_flow(struct af_wire_in *in, struct af_arena *arena,
                              struct af_script_file *file, struct af_flow **flow, bool *is_script);

/* Its bytes are the tail. */
void af_wire_put_call(struct af_buf *out, const struct af_script_call *call);
const char *af_wire_read_call(struct af_wire_in *in, struct af_script_call *call);

/* A text of the script's: cut to AF_STEP_TEXT_BYTES_MAX and what is no UTF-8 replaced, in place.
 * NULL stays NULL. */
const char *af_wire_get_text(struct af_wire_in *in);

/* ---- Effects (wire_effects.c). ---- */

struct af_wire_done {
    int state;        /* the party's now */
    const char *data; /* NULL: as they were */
    size_t data_len;
};

void af_wire_put_done(struct af_buf *out, const struct af_effects *effects,
                      const struct af_wire_done *done, const struct af_flow *flow);

/* What effects may be: whose, of which input. */
struct af_wire_expected {
    const struct af_flow *flow;
    const struct af_flow_role *role;
    size_t member_count;
    int state; /* before it */
    enum af_input_kind kind;
};

/* Reads into effects, whose lists are kept for the next and whose bytes are the body's. */
const char *af_wire_read_done(struct af_wire_in *in, const struct af_wire_expected *expected,
                              struct af_effects *effects, struct af_wire_done *done);

#endif
