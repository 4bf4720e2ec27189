/* audit.c: what a node logs of what was asked of it: each command of its operator's that changes
 * something or hands something out, each launch that the service tells of, each flow that was taken
 * when it had changed. `who` is the user at the control socket, "service", or "watch". */
#include "node/impl.h"

#include "audit/audit.h"
#include "loop/loop.h"

#include <stdio.h>
#include <sys/socket.h>

bool af_node_audit_is_ready(struct af_node *node, struct af_failure *why)
{
    if (node->audit == NULL || af_audit_is_ready(node->audit))
        return true;
    af_failure_set(why, AF_FAILURE_TRANSPORT, node->options->audit,
                   "this must be logged, and the log cannot be written");
    return false;
}

void af_node_audit(struct af_node *node, const struct af_node_deed *deed,
                   const struct af_failure *why)
{
    if (node->audit == NULL)
        return;
    struct af_audit_entry entry = {
        .time_ns = af_loop_wall_ns(node->loop),
        .who = deed->who,
        .from = deed->from,
        .what = deed->what,
        .task = deed->task,
        .flow = deed->flow,
        .outcome = why == NULL ? 0 : af_failure_exit_status(why),
    };
    af_audit_write(node->audit, &entry, true);
}

void af_node_audit_user(int fd, char who[AF_NODE_WHO_BYTES])
{
    struct ucred user = {0};
    socklen_t len = sizeof user;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) == 0)
        snprintf(who, AF_NODE_WHO_BYTES, "user %u", (unsigned)user.uid);
    else
        who[0] = '\0';
}
