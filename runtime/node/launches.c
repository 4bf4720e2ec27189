/* launches.c: the rules of who may launch what, read again when their file changes and at SIGHUP; a
 * file that is wrong changes nothing. Where there is none, everybody may launch everything. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "node/rules.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct af_node_launches {
    struct af_node_rules rules;
    struct stat file; /* as it was read */
    struct af_timer *timer;
    char *wrong; /* why the file that stands there now is not taken, or NULL */
};

static int read_file(struct af_node *node, struct af_failure *why)
{
    struct af_node_launches *launches = node->launches;
    struct af_node_rules rules = {.count = 0};
    memset(&launches->file, 0, sizeof launches->file);
    stat(node->options->launches, &launches->file); /* until it changes again */
    if (af_node_rules_read(&rules, node->options->launches, why) != 0)
        return -1;
    af_node_rules_release(&launches->rules);
    launches->rules = rules;
    return 0;
}

void af_node_launches_ask(struct af_node *node)
{
    struct af_node_launches *launches = node->launches;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf text = AF_BUF_EMPTY;
    if (launches == NULL)
        return;
    int result = read_file(node, &why);
    const struct af_node_deed deed = {"watch", NULL, "launches", NULL, NULL};
    af_node_audit(node, &deed, result == 0 ? NULL : &why);
    free(launches->wrong);
    launches->wrong = NULL;
    if (result == 0) {
        af_log(AF_LOG_INFO, "%s: %zu rules of launches were read", node->options->launches,
               launches->rules.count);
        return;
    }
    af_buf_printf(&text, "%s: %s", why.what, why.why);
    launches->wrong = af_buf_take(&text);
    af_log(AF_LOG_ERROR, "%s; the rules of launches stay as they were", launches->wrong);
}

static void look(void *arg)
{
    struct af_node *node = arg;
    node->launches->timer = af_timer_start(node->loop, AF_NODE_RULES_LOOK_NS, look, node);
    if (!af_io_is_same_file(node->options->launches, &node->launches->file))
        af_node_launches_ask(node);
}

int af_node_launches_begin(struct af_node *node, struct af_failure *why)
{
    if (node->options->launches == NULL)
        return 0;
    node->launches = af_mem_zero(1, sizeof *node->launches);
    if (read_file(node, why) != 0)
        return -1;
    node->launches->timer = af_timer_start(node->loop, AF_NODE_RULES_LOOK_NS, look, node);
    return 0;
}

void af_node_launches_free(struct af_node *node)
{
    if (node->launches == NULL)
        return;
    af_timer_cancel(node->launches->timer);
    af_node_rules_release(&node->launches->rules);
    free(node->launches->wrong);
    free(node->launches);
    node->launches = NULL;
}

const char *af_node_launches_wrong(const struct af_node *node)
{
    return node->launches == NULL ? NULL : node->launches->wrong;
}

enum af_node_answer af_node_launches_say(const struct af_node_party *party, struct af_failure *why)
{
    const struct af_node *node = party->node;
    struct af_buf flow = AF_BUF_EMPTY;
    size_t line;
    if (node->launches == NULL)
        return AF_NODE_ALLOW;
    af_buf_append(&flow, party->about.file, strlen(party->about.file) - strlen(".lua"));
    const struct af_node_launching launch = {.flow = af_buf_text(&flow),
                                             .from = party->from,
                                             .task = party->task,
                                             .role = party->about.role,
                                             .args = party->about.args,
                                             .arg_count = party->about.arg_count};
    enum af_node_answer answer = af_node_rules_say(&node->launches->rules, &launch, &line);
    if (answer == AF_NODE_REFUSE && line == 0)
        af_failure_set(why, AF_FAILURE_USAGE, node->options->launches,
                       "no rule lets %s launch '%s' %s%s with these arguments",
                       party->from == NULL ? "the operator" : party->from, launch.flow,
                       launch.role == NULL ? "in any role" : "in role ",
                       launch.role == NULL ? "" : launch.role);
    else if (answer == AF_NODE_REFUSE)
        af_failure_set(why, AF_FAILURE_USAGE, node->options->launches,
                       "line %zu refuses that %s launches '%s'", line,
                       party->from == NULL ? "the operator" : party->from, launch.flow);
    af_buf_release(&flow);
    return answer;
}
