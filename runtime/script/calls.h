/* calls.h: the calls of a script to the outside, each with its number and what it must say. The
 * library says it; a script that calls the library in a way that nobody thought of must not bring
 * its owner down. */
#ifndef AF_SCRIPT_CALLS_H
#define AF_SCRIPT_CALLS_H

#include "script/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_script;
struct af_script_call;
struct af_script_party;

/* Who answers calls has a table of functions by these numbers. */
enum af_call {
    AF_CALL_OTHER, /* a name that nobody knows */
    AF_CALL_LOG,   /* a line for people, which is not answered */
    /* Of sequential scripts alone. */
    AF_CALL_NEXT_EVENT,
    AF_CALL_PUBLISH,
    AF_CALL_REJECT,
    AF_CALL_SLEEP,
    AF_CALL_MOCK_ENTER,
    AF_CALL_MOCK_LEAVE,
    /* Of handlers, too. */
    AF_CALL_NODES,
    AF_CALL_WHOAMI,
    AF_CALL_UPLOAD,
    AF_CALL_DOWNLOAD,
    AF_CALL_RUN,
    AF_CALL_PROGRESS,
    AF_CALL_LAUNCH,
    AF_CALL_DATASET,
    AF_CALL_KEEP, /* of handlers: party/kept.c */
    AF_CALL_KEPT,
    AF_CALL_TEST, /* of a file of tests */
    AF_CALL_COUNT
};

enum af_call af_script_call_number(const char *name);

/* A call that was read, and of whom. */
struct af_asked {
    enum af_call number;
    const struct af_script_call *call; /* borrowed, as all but the request is */
    struct af_script_party *party;
    const char *node, *task;   /* who asks, and of which task: for its owner to fill */
    struct af_request request; /* released in any case */
};

/* Reads a call. Returns 0; -1 with why (of size bytes) filled: it is no object, or a field is
 * missing or of another type. */
int af_script_call_read(struct af_asked *asked, struct af_script_party *party,
                        const struct af_script_call *call, char *why, size_t size);

/* Appends the reply to "nodes", or with `id` to "whoami" of that node: of the IDs, or of the
 * script's members. */
struct af_script_who {
    bool mock;
    const char *id; /* NULL: nobody */
};
void af_script_tell_nodes(struct af_buf *reply, const struct af_script_who *who,
                          const char *const *ids, size_t count);
void af_script_tell_members(struct af_buf *reply, const struct af_script_who *who,
                            const struct af_script *script);

/* Whether the bytes have the SHA-256 that a download's call expects, 64 small hex digits. */
bool af_script_is_sha256(const void *bytes, size_t len, const char *expected);

/* "kept:<SHA-256>": what bytes are called that a party keeps. */
#define AF_SCRIPT_REF_BYTES 70 /* with its 0 */
void af_script_ref(const void *bytes, size_t len, char ref[AF_SCRIPT_REF_BYTES]);

/* The SHA-256 of an upload's bytes, where they are what is kept under a name; else NULL. */
const char *af_script_call_sha256(const struct af_asked *asked);

/* Why a party that keeps so many texts of bytes, and so many bytes, keeps no such text besides;
 * NULL: it does. */
const char *af_script_keeps_no_more(size_t count, size_t bytes, size_t len);

/* Answers the two calls: with the name; with what is kept under one, NULL: nothing is. */
void af_script_answer_ref(const struct af_asked *asked, const char *ref, int64_t now_ns);
void af_script_answer_kept(const struct af_asked *asked, const void *bytes, size_t len,
                           int64_t now_ns);

/* A contract that a sequential script is given in answer to "next_event". All is borrowed. */
struct af_script_event {
    const char *type;
    size_t type_len;
    const char *from; /* NULL: not known */
    const char *uuid;
    double time_s;
    const char *content;
    size_t content_len;
};

/* Answers the call with it; the party may run on from within. */
void af_script_give_event(struct af_script_party *party, uint64_t call_id,
                          const struct af_script_event *event, int64_t now_ns);

#endif
