/* flows.c: the flows of a node: each that a party needs has a worker process. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "worker/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOAD_TRIES = 5 };

static const int64_t load_again_ns = 200 * AF_MS_NS;

/* ---- Names. ---- */

/* A flow is named by its file, with or without .lua; a name never leads out of the folder. */
static bool is_name(const char *file)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return file[0] != '\0' && file[0] != '.' && strspn(file, allowed) == strlen(file) &&
           strlen(file) < 200;
}

static char *path_of(const struct af_node *node, const char *file)
{
    struct af_buf path = AF_BUF_EMPTY;
    af_buf_printf(&path, "%s/%s", node->options->flows, file);
    return af_buf_take(&path);
}

char *af_node_flow_file(const char *name)
{
    struct af_buf file = AF_BUF_EMPTY;
    size_t len = strlen(name);
    bool has = len > 4 && strcmp(name + len - 4, ".lua") == 0;
    af_buf_printf(&file, "%s%s", name, has ? "" : ".lua");
    return af_buf_take(&file);
}

/* ---- What a worker tells. ---- */

static void load_again(void *arg);

static void loaded(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    struct af_node_flow *flow = arg;
    struct af_node *node = flow->node;
    flow->loaded = why == NULL;
    if (worker != NULL && !flow->kept) { /* of one that cannot be loaded, what was read of it */
        af_code_release(&flow->code);
        af_worker_code(worker, &flow->code);
    }
    if (why == NULL)
        af_code_hash(&flow->code, flow->hash);
    /* a process that died is no mistake in the file, unless it dies each time */
    if (why != NULL && why->kind != AF_FAILURE_USAGE && ++flow->tries < LOAD_TRIES) {
        flow->again = af_timer_start(node->loop, load_again_ns, load_again, flow);
        return;
    }
    flow->tries = 0;
    if (why != NULL) {
        flow->why = *why;
        af_log(AF_LOG_WARNING, "%s: %s", why->what, why->why);
    }
    for (struct af_node_party *at = node->parties, *next; at != NULL; at = next) {
        next = at->next;
        if (at->flow == flow && at->phase == AF_NODE_LOADING)
            af_node_party_loaded(at, why);
    }
    af_node_reload_loaded(flow, why);
}

static void died(void *arg, struct af_worker *worker, const char *text)
{
    struct af_node_flow *flow = arg;
    (void)worker;
    af_log(AF_LOG_WARNING, "%s: its worker process %s; it is started again", flow->file, text);
    for (struct af_node_party *at = flow->node->parties; at != NULL; at = at->next)
        if (at->flow == flow && at->run != NULL)
            af_node_log(flow->node, at->task, "the worker process %s; it is started again", text);
}

static void said(void *arg, const char *text)
{
    struct af_node_flow *flow = arg;
    af_log(AF_LOG_INFO, "%s: %s", flow->file, text);
}

/* ---- Life. ---- */

static struct af_worker *start(struct af_node_flow *flow, struct af_failure *why)
{
    struct af_worker_spec spec = {.loop = flow->node->loop,
                                  .path = flow->path,
                                  .code = flow->kept ? &flow->code : NULL,
                                  .trust = &flow->node->options->trust,
                                  .no_jail = flow->node->options->no_jail,
                                  .hang_ns = flow->node->options->hang_ns,
                                  .arg = flow,
                                  .loaded = loaded,
                                  .died = died,
                                  .log = said};
    return af_worker_start(&spec, why);
}

static void load_again(void *arg)
{
    struct af_node_flow *flow = arg;
    struct af_failure why = AF_FAILURE_INIT;
    flow->again = NULL;
    af_worker_free(flow->worker);
    flow->worker = start(flow, &why);
    if (flow->worker == NULL)
        loaded(flow, NULL, &why);
}

/* Of a flow that is out of the list. */
static void flow_release(struct af_node_flow *flow)
{
    af_timer_cancel(flow->again);
    af_worker_free(flow->worker);
    free(flow->file);
    free(flow->path);
    af_code_release(&flow->code);
    free(flow);
}

static void flow_free(struct af_node_flow *flow)
{
    struct af_node_flow **at = &flow->node->flows;
    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    flow_release(flow);
}

/* The code is the flow's from here on; empty: what is in the folder. */
static struct af_node_flow *flow_new(struct af_node *node, const char *file, struct af_code code,
                                     struct af_failure *why)
{
    struct stat info;
    struct af_node_flow *flow = af_mem_zero(1, sizeof *flow);
    flow->node = node;
    flow->file = af_mem_string(file);
    flow->path = path_of(node, file);
    flow->code = code;
    flow->kept = code.count > 0;
    flow->next = node->flows;
    node->flows = flow;
    if (!flow->kept && (lstat(flow->path, &info) != 0 || !S_ISREG(info.st_mode))) {
        af_failure_set(why, AF_FAILURE_USAGE, file, "no such flow in %s", node->options->flows);
    } else {
        flow->worker = start(flow, why);
        if (flow->worker != NULL)
            return flow;
    }
    flow_free(flow);
    return NULL;
}

/* It was found signed when it was loaded: another signature is no other code. */
bool af_node_flow_is_current(const struct af_node_flow *flow)
{
    return flow->loaded &&
           af_code_is_current(&flow->code, flow->node->options->flows, AF_TRUST_SUFFIX);
}

/* One that is being loaded from the folder is current as well. */
static bool is_wanted(const struct af_node_flow *flow, const char *file, const char *hash)
{
    if (strcmp(flow->file, file) != 0)
        return false;
    if (hash != NULL)
        return strcmp(flow->hash, hash) == 0;
    return flow->loaded ? af_node_flow_is_current(flow)
                        : !flow->kept && flow->why.kind == AF_FAILURE_NONE;
}

static struct af_node_flow *hold(struct af_node *node, const char *file, const char *hash,
                                 struct af_failure *why)
{
    struct af_node_flow *flow = node->flows;
    struct af_code code = {NULL, 0, 0};
    while (flow != NULL && !is_wanted(flow, file, hash))
        flow = flow->next;
    if (flow == NULL && hash != NULL && af_store_read_code(node->store, hash, &code, why) != 0)
        return NULL;
    if (flow == NULL) {
        flow = flow_new(node, file, code, why);
        if (flow != NULL && hash != NULL)
            snprintf(flow->hash, sizeof flow->hash, "%s", hash);
    }
    if (flow != NULL)
        flow->parties++;
    return flow;
}

struct af_node_flow *af_node_flow_hold(struct af_node *node, const char *name,
                                       struct af_failure *why)
{
    if (!is_name(name)) {
        af_failure_set(why, AF_FAILURE_USAGE, name,
                       "is no name of a flow: letters, digits, '_', '-' and '.'");
        return NULL;
    }
    char *file = af_node_flow_file(name);
    struct af_node_flow *flow = hold(node, file, NULL, why);
    free(file);
    return flow;
}

struct af_node_flow *af_node_flow_hold_kept(struct af_node *node, const char *file,
                                            const char *hash, struct af_failure *why)
{
    return hold(node, file, hash, why);
}

struct af_store_code af_node_flow_code(const struct af_node_flow *flow)
{
    const struct af_flow *of = af_worker_flow(flow->worker);
    return (struct af_store_code){flow->hash, flow->file, of->name, of->version, &flow->code};
}

static void free_unused(void *arg)
{
    struct af_node *node = arg;
    for (struct af_node_flow *at = node->flows, *next; at != NULL; at = next) {
        next = at->next;
        if (at->parties == 0)
            flow_free(at);
    }
}

/* Not at once: we may stand in a call of the worker. */
void af_node_flow_drop(struct af_node_flow *flow)
{
    if (flow != NULL && --flow->parties == 0)
        af_loop_post(flow->node->loop, free_unused, flow->node);
}

void af_node_flows_free(struct af_node *node)
{
    af_loop_unpost(node->loop, free_unused, node);
    while (node->flows != NULL) {
        struct af_node_flow *flow = node->flows;
        node->flows = flow->next;
        flow_release(flow);
    }
}
