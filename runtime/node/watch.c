/* watch.c: what changes in the flows folder is offered to the parties that run it, once; a
 * refusal is told once, and shown by status until the file is mended. */
#include "node/impl.h"

#include "base/bounds.h"
#include "json/json.h"
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

struct refusal {
    struct refusal *next;
    char *file, *why;
    int64_t at_s;
    struct af_code code;             /* that was refused; empty: nothing could be read, but … */
    char stamp[AF_NODE_STAMP_BYTES]; /* … what stands there */
    bool left;                       /* it ran, and the operator went back from it */
    char *busy;                      /* the task whose handler refused it, or NULL … */
    int64_t busy_ns;                 /* … which was there since */
};

struct af_node_watch {
    bool asked; /* by the operator, where nobody watches */
    int fd;
    struct af_timer *timer;
    int64_t first_ns; /* what the timer waits for began, or 0 */
    struct refusal *refusals;
    char *taking; /* the file that it reloads, or has */
};

/* ---- Refusals. ---- */

static void refusal_free(struct refusal *refusal)
{
    free(refusal->file);
    free(refusal->why);
    free(refusal->busy);
    af_code_release(&refusal->code);
    free(refusal);
}

static struct refusal **find(const struct af_node *node, const char *file)
{
    struct refusal **at = &node->watch->refusals;
    while (*at != NULL && strcmp((*at)->file, file) != 0)
        at = &(*at)->next;
    return at;
}

static void forget(struct af_node *node, const char *file)
{
    struct refusal **at = find(node, file), *refusal = *at;
    if (refusal == NULL)
        return;
    *at = refusal->next;
    refusal_free(refusal);
}

void af_node_watch_note(struct af_node *node, const char *file, const struct af_code *code,
                        const struct af_node_party *busy, const struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY;
    if (node->watch == NULL)
        return;
    forget(node, file);
    if (why == NULL)
        return;
    struct refusal *refusal = af_mem_zero(1, sizeof *refusal);
    refusal->file = af_mem_string(file);
    af_buf_printf(&text, "%s%s%s", why->what, why->what[0] == '\0' ? "" : ": ", why->why);
    refusal->why = af_buf_take(&text);
    refusal->at_s = af_loop_wall_ns(node->loop) / AF_S_NS;
    for (size_t i = 0; code != NULL && i < code->count; i++)
        af_code_add(&refusal->code, code->files[i].path, code->files[i].bytes, code->files[i].len);
    af_node_flow_stamp(node, file, refusal->stamp);
    if (busy != NULL && busy->run != NULL) {
        refusal->busy = af_mem_string(busy->task);
        refusal->busy_ns = af_party_run_since_ns(busy->run);
    }
    refusal->next = node->watch->refusals;
    node->watch->refusals = refusal;
    af_log(AF_LOG_WARNING, "%s is not taken; its parties go on with what they run: %s", file,
           refusal->why);
}

void af_node_watch_leave(struct af_node *node, const char *file, const struct af_code *code,
                         int64_t version)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (node->watch == NULL)
        return;
    af_failure_set(&why, AF_FAILURE_USAGE, "",
                   "version %lld was left by afrun ctl rollback; afrun ctl reload takes it again",
                   (long long)version);
    af_node_watch_note(node, file, code, NULL, &why);
    node->watch->refusals->left = true;
}

void af_node_watch_refused(const struct af_node *node, struct af_buf *out)
{
    af_buf_append_char(out, '[');
    for (const struct refusal *at = node->watch == NULL ? NULL : node->watch->refusals; at != NULL;
         at = at->next) {
        af_json_open(out, '{');
        af_json_add_text(out, "file", at->file);
        af_json_add_text(out, "why", at->why);
        af_json_add_integer(out, "at", at->at_s);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

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

/* Whether the handler that a refusal was about is at it still. */
static bool is_busy(const struct af_node *node, const struct refusal *refusal)
{
    const struct af_node_party *party = node->parties;
    while (party != NULL && strcmp(party->task, refusal->busy) != 0)
        party = party->next;
    return party != NULL && party->run != NULL &&
           af_party_run_since_ns(party->run) == refusal->busy_ns;
}

/* Whether what was refused stands there still. */
static bool is_there(const struct af_node *node, const struct refusal *refusal)
{
    char stamp[AF_NODE_STAMP_BYTES];
    if (refusal->code.count == 0) {
        af_node_flow_stamp(node, refusal->file, stamp);
        return strcmp(stamp, refusal->stamp) == 0;
    }
    char *standing = af_node_flow_standing(node, refusal->file, NULL);
    bool still = standing != NULL && af_bundle_is_current(&refusal->code, standing, true);
    free(standing);
    return still;
}

/* The same, and so does what refused it. */
static bool stands(const struct af_node *node, const struct refusal *refusal)
{
    return (refusal->busy == NULL || is_busy(node, refusal)) && is_there(node, refusal);
}

/* Where nobody watches, what was asked for and refused by a handler that waited is tried again. */
static bool may_take(const struct af_node *node, const char *file)
{
    const struct refusal *refusal = *find(node, file);
    return node->watch->asked || !node->options->no_watch ||
           (refusal != NULL && refusal->busy != NULL && is_there(node, refusal));
}

static bool is_changed(const struct af_node *node, const struct af_node_party *party)
{
    if (party->kept.id <= 0 || party->flow == NULL || !party->flow->loaded ||
        party->phase == AF_NODE_LEAVING || af_node_flow_is_current(party->flow))
        return false;
    const struct refusal *refusal = *find(node, party->flow->file);
    return refusal == NULL || !stands(node, refusal);
}

bool af_node_watch_is_left(const struct af_node *node, const char *file)
{
    const struct refusal *refusal = node->watch == NULL ? NULL : *find(node, file);
    return refusal != NULL && refusal->left && stands(node, refusal);
}

static void look_after(struct af_node *node, int64_t delay_ns);

static void look(void *arg)
{
    struct af_node *node = arg;
    struct af_failure why = AF_FAILURE_INIT;
    const struct af_node_flow *looked = NULL;
    bool waits = false;
    node->watch->timer = NULL;
    node->watch->first_ns = 0;
    if (node->reload != NULL || node->stopping)
        return; /* its end looks again; the next start does */
    for (struct refusal *at = node->watch->refusals, *next; at != NULL; at = next) {
        waits = waits || at->busy != NULL;
        next = at->next; /* the file is again what is run: nothing is wrong any more */
        for (const struct af_node_flow *flow = node->flows; flow != NULL; flow = flow->next) {
            if (flow->parties > 0 && strcmp(flow->file, at->file) == 0 &&
                af_node_flow_is_current(flow)) {
                forget(node, at->file);
                break;
            }
        }
    }
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
    while (watch->refusals != NULL) {
        struct refusal *refusal = watch->refusals;
        watch->refusals = refusal->next;
        refusal_free(refusal);
    }
    free(watch->taking);
    free(watch);
}
