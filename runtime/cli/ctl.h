/* ctl.h: one question to a node's control socket (node/control.c), and its answer told to people.
 */
#ifndef AF_CTL_H
#define AF_CTL_H

#include "bus/members.h"
#include "script/args.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;

struct af_ctl {
    const char *control, *state; /* where the socket is; NULL: not given */
    const char *task, *role;
    struct af_bus_member_list peers;
    struct af_script_arg_list args;
    const char *event, *fields; /* of `send` */
    const char *output;
    int64_t wait_ns; /* that handlers are given to end */
    bool json, follow, data, dry_run, restart_waiting, refuse, help;
};

/* Runs the command that the words name. Returns the exit status, or -1 with *why filled. */
int af_ctl_run(struct af_ctl *ctl, char **words, int count, struct af_failure *why);

#endif
