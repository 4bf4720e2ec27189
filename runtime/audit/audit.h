/* audit.h: a log of what was done by whom, which cannot be changed unseen.
 *
 * Each line is a JSON object and ends with the SHA-256 of the line before's and its own text, so
 * a line that is changed, moved or taken out breaks the chain there. What was cut off at the end
 * does not: whoever wants to see that notes the last chain elsewhere. (The scheme is Haber and
 * Stornetta's linked time stamps, without their witnesses.)
 *
 *     {"format":1,"audit":"afrun","n":0,"after":"000…","chain":"…"}
 *     {"n":1,"time":"2026-11-29T02:41:00.123Z","who":"a","from":"192.0.2.1","what":"launch",
 *      "task":"T","outcome":0,"chain":"…"}
 *
 * A file that has grown large is renamed to FILE.<its last n>; the next goes on with n and chain.
 */
#ifndef AF_AUDIT_H
#define AF_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_audit;
struct af_failure;

struct af_audit_entry {
    int64_t time_ns;        /* since 1970 */
    const char *who, *from; /* NULL: not known */
    const char *what;
    const char *task, *flow; /* NULL: none */
    int outcome;             /* 0: it was done; else the code of the refusal */
    uint64_t count;          /* how often; 0 counts as once */
};

/* Opens a log, or begins one, with mode 0600; its last line is looked at. NULL with *why filled:
 * another process has it, it is of a newer format, its end is not whole. */
struct af_audit *af_audit_open(const char *path, struct af_failure *why);
void af_audit_close(struct af_audit *audit); /* NULL is allowed */

/* Whether there is room for what is about to be done, which is reserved. Who may not be logged may
 * not do it. */
bool af_audit_is_ready(struct af_audit *audit);

/* Appends a line; durable: it is on the disk when this returns. Returns false if it cannot be
 * written, which is told. */
bool af_audit_write(struct af_audit *audit, const struct af_audit_entry *entry, bool durable);

/* What a walk through a log has found. */
struct af_audit_found {
    int64_t first, last; /* n of its entries; last < first: it has none */
    size_t lines;
    char after[65], chain[65]; /* what it goes on from, and what goes on from it */
};

/* Reads a whole log. Returns 0; or -1 with *why filled, `what` being FILE:LINE of the first line
 * that is not as it was written. */
int af_audit_verify(const char *path, struct af_audit_found *found, struct af_failure *why);

#endif
