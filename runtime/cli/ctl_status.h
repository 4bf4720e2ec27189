/* ctl_status.h: a node's status as a table for people. */
#ifndef AF_CTL_STATUS_H
#define AF_CTL_STATUS_H

struct af_buf;
struct af_failure;

/* Prints what a node answered to `status`. Returns -1 with *why filled if it cannot be read. */
int af_ctl_print_status(const struct af_buf *answer, struct af_failure *why);

#endif
