/* ctl_reload.h: what a node did (or would do) with its parties, told to people. */
#ifndef AF_CTL_RELOAD_H
#define AF_CTL_RELOAD_H

struct af_buf;
struct af_failure;

/* Prints the answer to `reload` or `rollback`. Returns -1 with *why filled: it cannot be read. */
int af_ctl_print_reload(const struct af_buf *answer, struct af_failure *why);

#endif
