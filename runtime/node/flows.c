/* flows.c: the flows of a node: each that a party needs has a worker process. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "code/bundle.h"
#include "code/watch.h"
#include "json/json.h"
#include "script/grants.h"
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

char *af_node_flow_file(const char *name)
{
    struct af_buf file = AF_BUF_EMPTY;
    size_t len = strlen(name);
    if (af_text_ends_with(name, AF_BUNDLE_SUFFIX))
        len -= strlen(AF_BUNDLE_SUFFIX);
    af_buf_append(&file, name, len);
    if (!af_text_ends_with(name, ".lua"))
        af_buf_append_string(&file, ".lua");
    return af_buf_take(&file);
}

/* The three that may stand for it: a folder, an archive, a file. */
enum { FORMS = 3 };
static char *form_of(const struct af_node *node, const char *file, int form)
{
    static const char *const ends[FORMS] = {"", AF_BUNDLE_SUFFIX, ".lua"};
    struct af_buf path = AF_BUF_EMPTY;
    size_t len = strlen(file);
    af_buf_printf(&path, "%s/", node->options->flows);
    af_buf_append(&path, file, af_text_ends_with(file, ".lua") ? len - strlen(".lua") : len);
    af_buf_append_string(&path, ends[form]);
    return af_buf_take(&path);
}

static bool is_there(const char *path, int form)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    return form == 0 ? S_ISDIR(info.st_mode) && af_bundle_is(path) : S_ISREG(info.st_mode);
}

char *af_node_flow_standing(const struct af_node *node, const char *file, struct af_failure *why)
{
    char *found = NULL;
    for (int form = 0; form < FORMS; form++) {
        char *path = form_of(node, file, form);
        if (!is_there(path, form)) {
            free(path);
        } else if (found == NULL) {
            found = path;
        } else {
            af_failure_set(why, AF_FAILURE_USAGE, file, "stands there twice, as %s and as %s",
                           strrchr(found, '/') + 1, strrchr(path, '/') + 1);
            free(path);
            free(found);
            return NULL;
        }
    }
    if (found == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, file, "no such flow in %s", node->options->flows);
    return found;
}

void af_node_flow_stamp(const struct af_node *node, const char *file,
                        char stamp[AF_NODE_STAMP_BYTES])
{
    for (int form = 0; form < FORMS; form++) {
        char *path = form_of(node, file, form);
        af_code_stamp(path, stamp + 64 * form);
        free(path);
    }
}

/* ---- Bundles. ---- */

int af_node_flow_may_follow(const struct af_node_flow *flow, struct af_failure *why)
{
    char hash[65];
    struct af_code newest = {NULL, 0, 0};
    struct af_store *store = flow->node->store;
    int result = 0;
    if (af_store_code_before(store, flow->file, INT64_MAX, hash, NULL, NULL) == 0 &&
        af_store_read_code(store, hash, &newest, NULL) == 0)
        result = af_bundle_may_follow(&newest, af_worker_flow(flow->worker)->version, why);
    af_code_release(&newest);
    return result;
}

/* As the option that grants it. */
static void add_wish(struct af_buf *list, const char *word, const char *what)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "--allow-%s %s", word, what);
    if (list->len > 1)
        af_buf_append_char(list, ',');
    af_json_write_text(list, af_buf_text(&text));
    af_buf_release(&text);
}

/* Notes what a bundle asks for, and tells what of it is not granted here. */
static void note_wants(struct af_node_flow *flow)
{
    struct af_manifest manifest = {.name = NULL};
    struct af_buf wants = AF_BUF_EMPTY, lacks = AF_BUF_EMPTY;
    const struct af_code_file *file = af_code_find(&flow->code, AF_MANIFEST_NAME);
    if (file == NULL || af_manifest_read(&manifest, file->bytes, file->len, NULL) != 0) {
        af_manifest_release(&manifest);
        return;
    }
    af_buf_append_char(&wants, '[');
    af_buf_append_char(&lacks, '[');
    for (int grant = 0; grant < AF_MANIFEST_GRANTS; grant++) {
        const char *word = af_manifest_grant_word((enum af_manifest_grant)grant);
        for (size_t i = 0; i < manifest.grants[grant].count; i++) {
            const char *what = manifest.grants[grant].items[i];
            add_wish(&wants, word, what);
            if (af_grants_has(&flow->node->options->grants, word, what))
                continue;
            add_wish(&lacks, word, what);
            if (!flow->kept)
                af_log(AF_LOG_WARNING, "%s: wants --allow-%s %s, which this node does not grant",
                       flow->file, word, what);
        }
    }
    af_buf_append_char(&wants, ']');
    af_buf_append_char(&lacks, ']');
    free(flow->wants);
    free(flow->lacks);
    flow->wants = af_buf_take(&wants);
    flow->lacks = af_buf_take(&lacks);
    af_manifest_release(&manifest);
}

/* ---- Whether it may run here. ---- */

/* The signature that its file, or its manifest, has: checked when the worker was given them. */
static const struct af_code_file *find_signature(const struct af_node_flow *flow)
{
    struct af_buf name = AF_BUF_EMPTY;
    bool is_bundle = af_code_find(&flow->code, AF_MANIFEST_NAME) != NULL;
    af_buf_printf(&name, "%s%s", is_bundle ? AF_MANIFEST_NAME : flow->file, AF_TRUST_SUFFIX);
    const struct af_code_file *file = af_code_find(&flow->code, af_buf_text(&name));
    af_buf_release(&name);
    return file;
}

static int check_key(const struct af_node_flow *flow, const char *name, struct af_failure *why)
{
    const struct af_trust *trust = &flow->node->options->trust;
    if (trust->count == 0)
        return 0;
    const struct af_code_file *file = find_signature(flow);
    return af_trust_covers(trust, file == NULL ? NULL : file->bytes, file == NULL ? 0 : file->len,
                           name, why);
}

void af_node_flow_signer(const struct af_node_flow *flow, char number[AF_TRUST_NUMBER_BYTES])
{
    const struct af_code_file *file =
        flow->node->options->trust.count == 0 ? NULL : find_signature(flow);
    af_trust_signer(file == NULL ? NULL : file->bytes, file == NULL ? 0 : file->len, number);
}

/* An old version stays signed: who can put files here, or launch, may not choose one that has been
 * replaced. */
static int check_version(const struct af_node_flow *flow, int64_t version, struct af_failure *why)
{
    char hash[65];
    int64_t highest = 0;
    if (flow->node->options->trust.count > 0 &&
        af_store_code_before(flow->node->store, flow->file, INT64_MAX, hash, &highest, NULL) == 0 &&
        version < highest)
        return af_failure_set(why, AF_FAILURE_USAGE, flow->file,
                              "is version %lld, and version %lld has run here: with --trust no "
                              "older one is taken",
                              (long long)version, (long long)highest);
    return 0;
}

/* What is loaded is the flow of its manifest, which its key may sign. */
static int check_loaded(struct af_node_flow *flow, struct af_failure *why)
{
    const struct af_flow *of = af_worker_flow(flow->worker);
    if (af_bundle_declares(&flow->code, of->name, of->version, why) != 0 ||
        check_key(flow, of->name, why) != 0)
        return -1;
    if (flow->kept)
        return 0;
    return check_version(flow, of->version, why) != 0 ? -1 : af_node_flow_may_follow(flow, why);
}

/* ---- What a worker tells. ---- */

static void load_again(void *arg);

static void loaded(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    struct af_node_flow *flow = arg;
    struct af_node *node = flow->node;
    struct af_failure own = AF_FAILURE_INIT;
    if (worker != NULL && !flow->kept && !flow->bundle) {
        af_code_release(&flow->code); /* of one that cannot be loaded, what was read of it */
        af_worker_code(worker, &flow->code);
    }
    if (why == NULL && check_loaded(flow, &own) != 0)
        why = &own;
    flow->loaded = why == NULL;
    if (why == NULL) {
        af_code_hash(&flow->code, flow->hash);
        note_wants(flow);
    }
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
    node->flow_came(flow, why);
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
                                  .code = flow->kept || flow->bundle ? &flow->code : NULL,
                                  .trust = &flow->node->options->trust,
                                  .no_jail = flow->node->options->no_jail,
                                  .memory_bytes = flow->node->options->memory_bytes,
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
    free(flow->wants);
    free(flow->lacks);
    af_code_release(&flow->code);
    free(flow);
}

static void take_out(struct af_node_flow **list, const struct af_node_flow *flow)
{
    while (*list != flow)
        list = &(*list)->next;
    *list = flow->next;
}

static void has_left(void *arg)
{
    struct af_node_flow *flow = arg;
    take_out(&flow->node->leaving, flow);
    flow_release(flow);
}

static void flow_free(struct af_node_flow *flow)
{
    struct af_node *node = flow->node;
    take_out(&node->flows, flow);
    af_timer_cancel(flow->again);
    flow->again = NULL;
    if (flow->worker == NULL || !af_worker_end(flow->worker, has_left, flow)) {
        flow_release(flow);
        return;
    }
    flow->next = node->leaving;
    node->leaving = flow;
}

/* Finds what it runs: the store's code, which it has then; what is in the folder, whole. */
static int find_code(struct af_node_flow *flow, struct af_failure *why)
{
    struct af_node *node = flow->node;
    char *standing = NULL;
    if (flow->kept) {
        standing = form_of(node, flow->file, af_bundle_is_code(&flow->code) ? 0 : FORMS - 1);
    } else {
        standing = af_node_flow_standing(node, flow->file, why);
        if (standing == NULL)
            return -1;
        if (af_bundle_is(standing) &&
            af_bundle_read(standing, &node->options->trust, &flow->code, why) != 0) {
            free(standing);
            return -1;
        }
    }
    flow->bundle = af_bundle_is_code(&flow->code);
    flow->path =
        flow->bundle ? af_bundle_open(standing, &flow->code, why) : af_mem_string(standing);
    free(standing);
    return 0;
}

/* The code is the flow's from here on; empty: what is in the folder. */
static struct af_node_flow *flow_new(struct af_node *node, const char *file, struct af_code code,
                                     struct af_failure *why)
{
    struct af_node_flow *flow = af_mem_zero(1, sizeof *flow);
    flow->node = node;
    flow->file = af_mem_string(file);
    flow->code = code;
    flow->kept = code.count > 0;
    flow->next = node->flows;
    node->flows = flow;
    if (find_code(flow, why) == 0 && (flow->worker = start(flow, why)) != NULL)
        return flow;
    flow_free(flow);
    return NULL;
}

/* It was found signed when it was loaded: another signature is no other code. */
bool af_node_flow_is_current(const struct af_node_flow *flow)
{
    if (!flow->loaded)
        return false;
    char *standing = af_node_flow_standing(flow->node, flow->file, NULL);
    bool current = standing != NULL && af_bundle_is_current(&flow->code, standing, false);
    free(standing);
    return current;
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

struct af_node_flow *af_node_flow_share(struct af_node_flow *flow)
{
    if (flow != NULL)
        flow->parties++;
    return flow;
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
    return af_node_flow_share(flow);
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
    struct af_node_flow **lists[] = {&node->flows, &node->leaving};
    for (int i = 0; i < 2; i++)
        for (struct af_node_flow *flow; (flow = *lists[i]) != NULL;) {
            *lists[i] = flow->next;
            flow_release(flow);
        }
}
