/* line.h: one line of an audit log, and the chain that it ends with. */
#ifndef AF_AUDIT_LINE_H
#define AF_AUDIT_LINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AF_AUDIT_FORMAT = 1, AF_AUDIT_HEX = 65 };

struct af_audit_line {
    int64_t n;
    bool is_head;             /* the first of a file */
    char after[AF_AUDIT_HEX]; /* of a head: the chain that it goes on from */
    char chain[AF_AUDIT_HEX];
};

/* Ends a line that lacks its chain and its bracket, with a newline; chain goes on by it. */
void af_audit_line_end(struct af_buf *line, char chain[AF_AUDIT_HEX]);

/* Reads a line without its newline. Returns NULL, or what is wrong: a phrase behind "the line". */
const char *af_audit_line_read(struct af_audit_line *line, const char *text, size_t len);

/* Whether its chain goes on from another; it has been read. */
bool af_audit_line_follows(const char *text, size_t len, const char before[AF_AUDIT_HEX]);

#endif
