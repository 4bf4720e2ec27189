/* failure.h: what went wrong, as data.
 *
 * A function that can fail takes a `struct af_failure *why` and returns -1, NULL or false after
 * filling it. Only the command line turns a failure into a message and an exit status:
 *
 *     afrun: <what>: <why>              e.g.  afrun: flow.lua:12: unknown state 'waiting'
 *
 * The first failure is kept: filling one that is filled already changes nothing, so that a clean-up
 * cannot hide the cause. */
#ifndef AF_FAILURE_H
#define AF_FAILURE_H

#include <stdbool.h>

enum af_failure_kind {
    AF_FAILURE_NONE,
    AF_FAILURE_FLOW,        /* the protocol failed: exit status 1 */
    AF_FAILURE_USAGE,       /* the command line or the flow file is wrong: 2 */
    AF_FAILURE_TRANSPORT,   /* a bus, a store or a file failed: 3 */
    AF_FAILURE_INTERRUPTED, /* Ctrl-C: 130 */
};

#define AF_FAILURE_TEXT_MAX 1024 /* bytes of a message, longer ones are cut at a character */

struct af_failure {
    enum af_failure_kind kind;
    char what[256]; /* the thing concerned: a file with its line, an option, a party */
    char why[AF_FAILURE_TEXT_MAX];
    bool passing; /* no memory or no room just now: the same may work soon */
};

#define AF_FAILURE_INIT ((struct af_failure){AF_FAILURE_NONE, "", "", false})

/* Fills *failure, unless it is filled already or NULL. Always returns -1. */
int af_failure_set(struct af_failure *failure, enum af_failure_kind kind, const char *what,
                   const char *why_format, ...) __attribute__((format(printf, 4, 5)));

/* The exit status that a failure asks for; 0 for none. */
int af_failure_exit_status(const struct af_failure *failure);

/* Writes `afrun: what: why` and a newline to standard error. */
void af_failure_print(const struct af_failure *failure);

#endif
