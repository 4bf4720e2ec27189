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
    const char *listen, *link; /* of `ui` */
    int64_t wait_ns;           /* that handlers are given to end */
    bool json, follow, data, dry_run, restart_waiting, refuse, help;
};

struct af_buf;
struct sockaddr_un;

/* Where the node's socket is. Returns -1 with *why filled. */
int af_ctl_socket(const struct af_ctl *ctl, struct sockaddr_un *address, struct af_failure *why);

/* Sends one line and reads the answer, whole. Returns -1 with *why filled. */
int af_ctl_ask(const struct af_ctl *ctl, const struct af_buf *question, struct af_buf *answer,
               struct af_failure *why);

/* Asks for a command about a task; the answer is one that is well. */
int af_ctl_ask_about(const struct af_ctl *ctl, const char *command, const char *task, int64_t from,
                     struct af_buf *answer, struct af_failure *why);

/* What a node says is an error is the command's: -1 with *why filled. */
int af_ctl_check_answer(const struct af_buf *answer, struct af_failure *why);

/* Takes the newline off a node's answer. Returns -1 with *why filled: it is not whole, no JSON, or
 * says what went wrong. */
int af_ctl_check(struct af_buf *answer, struct af_failure *why);

/* An answer that is well, an object, as the command's --json has it; begin: without its last brace.
 */
void af_ctl_begin_answer(struct af_buf *out, const char *kind, const struct af_buf *answer);
void af_ctl_answer(struct af_buf *out, const char *kind, const struct af_buf *answer);

/* Runs the command that the words name. Returns the exit status, or -1 with *why filled. */
int af_ctl_run(struct af_ctl *ctl, char **words, int count, struct af_failure *why);

#endif
