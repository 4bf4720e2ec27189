/* watch.c: what changes in the flows folder is offered to the parties that run it, once. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "code/bundle.h"
#include "code/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An editor writes several times; a copy of several files takes a while. */
static const int64_t settle_ns = 200 * AF_MS_NS;
static const int64_t settled_ns = 2 * AF_S_NS; /* … but no longer, where it never ends */

struct af_node_watch {
    bool asked; /* by the operator, where nobody watches */
    int fd;
    struct af_timer *timer;
    int64_t first_ns; /* what the timer waits for began, or 0 */
    char *taking;     /* the file that it reloads, or has */
};

/* ---- Looking. ---- */

/* It was noted, and told in the log. */
static void reloaded(void *arg, const char *json, const struct af_failure *why)
{
    struct af_node *node = arg;
    const struct af_node_deed deed = {"watch", NULL, "reload", NULL, node->watch->taking};
    (void)json;
    af_node_audit(node, &deed, why);
}

static void take(struct af_node *node, const char *file)
{
    const struct af_node_reload_how how = {.wait_ns = AF_NODE_RELOAD_WAIT_NS};
    free(node->watch->taking);
    node->watch->taking = af_mem_string(file);
    af_node_reload(node, file, &how, (struct af_node_reloader){reloaded, node});
}

/* Where nobody watches, what was asked for and refused by a handler that waited is tried again. */
static bool may_take(const struct af_node *node, const char *file)
{
    return node->watch->asked || !node->options->no_watch ||
           af_node_refusal_is_by_handler(node, file);
}

static bool is_changed(const struct af_node *node, const struct af_node_party *party)
{
    if (party->kept.id <= 0 || party->flow == NULL || !party->flow->loaded ||
        party->phase == AF_NODE_LEAVING || af_node_flow_is_current(party->flow))
        return false;
    return !af_node_refusal_stands(node, party->flow->file);
}

static void look_after(struct af_node *node, int64_t delay_ns);

static void look(void *arg)
{
    struct af_node *node = arg;
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_node_flow *looked = NULL;
    node->watch->timer = NULL;
    node->watch->first_ns = 0;
    if (node->reload != NULL || node->stopping)
        return; /* its end looks again; the next start does */
    bool waits = af_node_refusals_forget_mended(node);
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next) {
        if (at->flow == looked || !may_take(node, at->about.file) || !is_changed(node, at)) {
            looked = at->flow; /* a thousand parties of one flow: one look */
            continue;
        }
        if (af_node_audit_is_ready(node, &why))
            take(node, at->about.file);
        else
            look_after(node, AF_NODE_AGAIN_NS);
        return; /* its end looks again */
    }
    node->watch->asked = false;
    if (waits)
        look_after(node, AF_NODE_AGAIN_NS);
}

static void look_after(struct af_node *node, int64_t delay_ns)
{
    af_timer_cancel(node->watch->timer);
    node->watch->timer = af_timer_start(node->loop, delay_ns, look, node);
}

void af_node_watch_look(struct af_node *node)
{
    if (node->watch != NULL)
        look_after(node, 0);
}

void af_node_watch_ask(struct af_node *node)
{
    node->watch->asked = true;
    look_after(node, 0);
}

static int watch_flows(struct af_node *node, struct af_failure *why);

static void changed(void *arg)
{
    struct af_node *node = arg;
    struct af_failure why = AF_FAILURE_INIT;
    char events[4096];
    while (read(node->watch->fd, events, sizeof events) > 0)
        ;
    if (watch_flows(node, &why) != 0) /* what was watched is so still */
        af_log(AF_LOG_WARNING, "%s: %s", why.what, why.why);
    int64_t now_ns = af_loop_now_ns(node->loop);
    if (node->watch->first_ns == 0)
        node->watch->first_ns = now_ns;
    if (node->watch->timer == NULL || now_ns - node->watch->first_ns < settled_ns)
        look_after(node, settle_ns);
}

/* Anew, for the folders and links that are there now. */
static int watch_flows(struct af_node *node, struct af_failure *why)
{
    struct af_node_watch *watch = node->watch;
    int fd = af_code_watch_open();
    if (fd < 0 || af_code_watch_tree(fd, node->options->flows) != 0) {
        af_failure_set(why, AF_FAILURE_USAGE, node->options->flows, "cannot be watched: %s",
                       strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (watch->fd >= 0) {
        af_loop_unwatch(node->loop, watch->fd);
        close(watch->fd);
    }
    watch->fd = fd;
    return af_loop_watch(node->loop, fd, false, changed, node, why);
}

/* ---- Life. ---- */

int af_node_watch_begin(struct af_node *node, struct af_failure *why)
{
    node->watch = af_mem_zero(1, sizeof *node->watch);
    node->watch->fd = -1;
    if (watch_flows(node, why) != 0)
        return -1;
    look_after(node, settle_ns); /* what changed while the node was away */
    return 0;
}

void af_node_watch_free(struct af_node *node)
{
    struct af_node_watch *watch = node->watch;
    if (watch == NULL)
        return;
    node->watch = NULL;
    af_timer_cancel(watch->timer);
    if (watch->fd >= 0) {
        af_loop_unwatch(node->loop, watch->fd);
        close(watch->fd);
    }
    af_node_refusals_free(node);
    free(watch->taking);
    free(watch);
}
