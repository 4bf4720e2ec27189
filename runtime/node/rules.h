/* rules.h: who may launch what, as an operator writes it: one rule a line, the first that fits
 * counts, and what none fits is refused.
 *
 *     # what hospitals of ours start runs; what others start, somebody looks at
 *     refuse *         from visitor-*
 *     allow  fed_avg   from hospital-1,hospital-2  task trial-*  args rounds=[1-9]
 *     ask    fed_*
 *
 * A word of patterns is divided by commas; a pattern is as a shell has it (`*`, `?`, `[…]`).
 *
 *     FLOW         the name under which it stands in the flows folder, without .lua
 *     from         the node of the task that launches it; `operator`: who is at the node's socket.
 *                  A rule without it is for all nodes, and not for the operator, whose launches are
 *                  allowed where no rule for him fits
 *     task, roles  the task's ID; the role that this node is to have
 *     args         NAME=PATTERN up to the line's end. Of allow and ask: it is launched with no
 *                  arguments but these, each as its pattern (`args none`: with none). Of refuse:
 *                  with one of these
 */
#ifndef AF_NODE_RULES_H
#define AF_NODE_RULES_H

#include "base/arena.h"

#include <stddef.h>

struct af_failure;
struct af_script_arg;

enum af_node_answer {
    AF_NODE_ALLOW,
    AF_NODE_ASK,
    AF_NODE_REFUSE,
    AF_NODE_UNDECIDED, /* it depends on the role, which is not known yet */
};

struct af_node_rule;

struct af_node_rules { /* zeroed to begin with */
    struct af_arena arena;
    struct af_node_rule *items;
    size_t count, cap;
};

struct af_node_launching {
    const char *flow;        /* without .lua */
    const char *from;        /* NULL: the operator; "": a node that the service does not name */
    const char *task, *role; /* role NULL: not known yet */
    const struct af_script_arg *args;
    size_t arg_count;
};

/* Reads a file that nobody else may change, into empty rules. Returns -1 with *why filled, and the
 * rules empty: what is wrong stands at FILE:LINE. */
int af_node_rules_read(struct af_node_rules *rules, const char *path, struct af_failure *why);

/* The same of its text, which a 0 byte follows and which is changed; path is for messages. */
int af_node_rules_read_text(struct af_node_rules *rules, const char *path, char *text, size_t len,
                            struct af_failure *why);
void af_node_rules_release(struct af_node_rules *rules);

/* What becomes of a launch; *line: of the rule that says so, 0: none fits. */
enum af_node_answer af_node_rules_say(const struct af_node_rules *rules,
                                      const struct af_node_launching *launch, size_t *line);

#endif
