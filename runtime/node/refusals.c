/* refusals.c: versions of flows that were not taken: a refusal is told once, and shown by status
 * until the file is mended; what was refused is not tried again as long as it stands so. */
#include "node/impl.h"

#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "code/bundle.h"

#include <stdlib.h>
#include <string.h>

struct af_node_refusal {
    struct af_node_refusal *next;
    char *file, *why;
    int64_t at_s;
    struct af_code code;             /* that was refused; empty: nothing could be read, but … */
    char stamp[AF_NODE_STAMP_BYTES]; /* … what stands there */
    bool left;                       /* it ran, and the operator went back from it */
    char *busy;                      /* the task whose handler refused it, or NULL … */
    int64_t busy_ns;                 /* … which was there since */
};

static void refusal_free(struct af_node_refusal *refusal)
{
    free(refusal->file);
    free(refusal->why);
    free(refusal->busy);
    af_code_release(&refusal->code);
    free(refusal);
}

static struct af_node_refusal *find(const struct af_node *node, const char *file)
{
    struct af_node_refusal *at = node->refusals;
    while (at != NULL && strcmp(at->file, file) != 0)
        at = at->next;
    return at;
}

static void forget(struct af_node *node, const char *file)
{
    struct af_node_refusal **at = &node->refusals;
    while (*at != NULL && strcmp((*at)->file, file) != 0)
        at = &(*at)->next;
    struct af_node_refusal *refusal = *at;
    if (refusal == NULL)
        return;
    *at = refusal->next;
    refusal_free(refusal);
}

void af_node_refusal_note(struct af_node *node, const char *file, const struct af_code *code,
                          const struct af_node_party *busy, const struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY;
    if (node->watch == NULL)
        return;
    forget(node, file);
    if (why == NULL)
        return;
    struct af_node_refusal *refusal = af_mem_zero(1, sizeof *refusal);
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
    refusal->next = node->refusals;
    node->refusals = refusal;
    af_log(AF_LOG_WARNING, "%s is not taken; its parties go on with what they run: %s", file,
           refusal->why);
}

void af_node_refusal_leave(struct af_node *node, const char *file, const struct af_code *code,
                           int64_t version)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (node->watch == NULL)
        return;
    af_failure_set(&why, AF_FAILURE_USAGE, "",
                   "version %lld was left by afrun ctl rollback; afrun ctl reload takes it again",
                   (long long)version);
    af_node_refusal_note(node, file, code, NULL, &why);
    node->refusals->left = true;
}

void af_node_refusals_list(const struct af_node *node, struct af_buf *out)
{
    af_buf_append_char(out, '[');
    for (const struct af_node_refusal *at = node->refusals; at != NULL; at = at->next) {
        af_json_open(out, '{');
        af_json_add_text(out, "file", at->file);
        af_json_add_text(out, "why", at->why);
        af_json_add_integer(out, "at", at->at_s);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* Whether the handler that a refusal was about is at it still. */
static bool is_busy(const struct af_node *node, const struct af_node_refusal *refusal)
{
    const struct af_node_party *party = node->parties;
    while (party != NULL && strcmp(party->task, refusal->busy) != 0)
        party = party->next;
    return party != NULL && party->run != NULL &&
           af_party_run_since_ns(party->run) == refusal->busy_ns;
}

/* Whether what was refused stands there still. */
static bool is_there(const struct af_node *node, const struct af_node_refusal *refusal)
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
static bool stands(const struct af_node *node, const struct af_node_refusal *refusal)
{
    return (refusal->busy == NULL || is_busy(node, refusal)) && is_there(node, refusal);
}

bool af_node_refusal_is_left(const struct af_node *node, const char *file)
{
    const struct af_node_refusal *refusal = find(node, file);
    return refusal != NULL && refusal->left && stands(node, refusal);
}

bool af_node_refusals_forget_mended(struct af_node *node)
{
    bool waits = false;
    for (struct af_node_refusal *at = node->refusals, *next; at != NULL; at = next) {
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
    return waits;
}

bool af_node_refusal_stands(const struct af_node *node, const char *file)
{
    const struct af_node_refusal *refusal = find(node, file);
    return refusal != NULL && stands(node, refusal);
}

bool af_node_refusal_is_by_handler(const struct af_node *node, const char *file)
{
    const struct af_node_refusal *refusal = find(node, file);
    return refusal != NULL && refusal->busy != NULL && is_there(node, refusal);
}

void af_node_refusals_free(struct af_node *node)
{
    while (node->refusals != NULL)
        forget(node, node->refusals->file);
}
