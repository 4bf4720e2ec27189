/* broker.h: a process beside one that jails itself, and does for it what it may not.
 *
 * af_broker_begin() forks it, before the jail: a copy of this process, which then answers what this
 * one and its children ask (af_broker_ask), by what it is told beforehand that they may, and ends
 * when the last of them has ended. It believes nothing of what it is asked. What an operation does
 * is for the folder that it belongs to: that has a function for each, and asks where
 * af_broker_is_there(), else does the same itself.
 *
 * Several threads and processes may ask at once; each question has a socket of its own. */
#ifndef AF_BROKER_H
#define AF_BROKER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;

enum af_broker_op {
    AF_BROKER_CODE,        /* code/code.h: a file of a flow */
    AF_BROKER_BUNDLE,      /* code/bundle.h: one, as a .afb */
    AF_BROKER_FILE_READ,   /* script/file_access.h */
    AF_BROKER_FILE_WRITE,  /* the same */
    AF_BROKER_FILE_TARGET, /* the same: whether it could be written */
    AF_BROKER_PROGRAM,     /* script/run.h: a program of a flow */
    AF_BROKER_CHECK,       /* cli/test_calls.c: `afrun check` for a test */
    AF_BROKER_TRACE_PLACE, /* trace/file.h: begins a file that was named */
    AF_BROKER_TRACE_END,   /* the same: gives it its name */
    AF_BROKER_OPS,
};

/* Of an operation; bytes is NULL where there are none. */
struct af_broker_question {
    const char *text;
    int64_t number;
    const void *bytes;
    size_t len;
};

struct af_broker_answer { /* AF_BROKER_ANSWER to begin with */
    struct af_buf bytes;
    int fd; /* for the asker, or -1 */
};
#define AF_BROKER_ANSWER ((struct af_broker_answer){AF_BUF_EMPTY, -1})

/* Does an operation. Returns -1 with *why filled; 0 otherwise. */
typedef int af_broker_fn(const void *arg, const struct af_broker_question *question,
                         struct af_broker_answer *answer, struct af_failure *why);

struct af_broker_service { /* zeroed: there is no such operation */
    af_broker_fn *fn;
    const void *arg;
    bool apart;  /* it takes its time: in a process of its own, which the next need not wait for */
    bool output; /* it asks where standard output goes: else the broker has none */
};

/* Forks the broker; services (AF_BROKER_OPS of them) are copied, what they point to lives on. One
 * a process. Returns -1 with *why filled. */
int af_broker_begin(const struct af_broker_service *services, struct af_failure *why);

/* Whether there is one to ask. */
bool af_broker_is_there(void);

/* The descriptor by which it is asked, or -1. */
int af_broker_socket(void);

/* Asks, and waits for the answer, which the caller releases; answer->bytes is appended to. stopped
 * (or NULL) is looked at ten times a second: once it is true the answer is waited for no longer.
 * Returns what the operation came to, or -1 with *why (or NULL) filled. */
int af_broker_ask(enum af_broker_op op, const struct af_broker_question *question,
                  bool (*stopped)(void), struct af_broker_answer *answer, struct af_failure *why);

/* For a child that is to be jailed: closes all descriptors but the standard ones, keep, and that by
 * which it asks. */
void af_broker_close_others(int keep);

/* In an operation that is done apart: whether its asker has gone, or waits no longer. */
bool af_broker_is_given_up(void);

#endif
