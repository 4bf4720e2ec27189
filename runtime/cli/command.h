/* command.h: the commands of the program. One file each (cmd_*.c), one row each in main.c. */
#ifndef AF_COMMAND_H
#define AF_COMMAND_H

#include "cli/opts.h"

/* Runs a command; argv are the words behind its name. Returns the exit status, or -1 with *why
 * filled, which main.c tells, or AF_OPTS_HELP for its help. */
typedef int af_command_fn(int argc, char **argv, struct af_failure *why);

struct af_command {
    const struct af_opts_command *row;
    af_command_fn *run;
};

extern const struct af_command af_cmd_run, af_cmd_check, af_cmd_chart, af_cmd_replay, af_cmd_studio,
    af_cmd_serve, af_cmd_node, af_cmd_ctl, af_cmd_test, af_cmd_new, af_cmd_lint, af_cmd_bundle,
    af_cmd_token, af_cmd_audit, af_cmd_store, af_cmd_restore, af_cmd_move, af_cmd_nats;

/* The commands of ctl, as pages of their own: "ctl status" … */
#define AF_CTL_COMMANDS 19
const struct af_opts_command *af_ctl_rows(void);

#endif
