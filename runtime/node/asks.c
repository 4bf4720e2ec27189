/* asks.c: launches that wait for an operator: what was asked for and what the flow is are kept and
 * shown; `approve` launches that, as long as the flow's files are those that were shown.
 *
 * What is kept of one is an object, which is what status shows, too:
 *
 *     {"task", "from", "flow", "name", "version", "hash", "role", "peers", "args", "files":
 *      [{"name", "bytes", "sha256"}…], "signer", "wants", "not_granted", "sizes", "asked",
 *      "verdict", "verdict_text"}
 *
 * It is a request of a launch, as well. One waits for a task; a second would take the place of what
 * the operator has looked at. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/sha256.h"
#include "code/trust.h"
#include "json/json.h"
#include "loop/loop.h"
#include "script/request.h"
#include "worker/host.h"

#include <stdlib.h>
#include <string.h>

struct af_node_ask {
    struct af_node_ask *next;
    char *text;    /* the object, but for the verdict and its brace */
    char *verdict; /* its last members; NULL: none yet */
    struct af_request fields;
    const char *task, *flow, *from, *hash; /* in the fields; from NULL: the operator */
    int64_t asked_s;
};

struct af_node_asks {
    struct af_node_ask *first, **end; /* the oldest first, but for a start, where by task */
    struct af_timer *timer;
    size_t turn;  /* of whose task the bus is asked next */
    char *looked; /* the task that it is asked about, or NULL */
    struct af_node_verdict *judge;
    struct af_node_ask *judged; /* NULL: no check runs */
};

/* ---- One. ---- */

static void ask_free(struct af_node_ask *ask)
{
    af_request_release(&ask->fields);
    free(ask->text);
    free(ask->verdict);
    free(ask);
}

static char *write_verdict(const char *word, const char *text)
{
    struct af_buf members = AF_BUF_EMPTY;
    af_buf_append_char(&members, ',');
    af_json_add_text(&members, "verdict", word);
    af_json_add_text(&members, "verdict_text", text);
    return af_buf_take(&members);
}

/* From what is kept; NULL: it is not as we write it. */
static struct af_node_ask *ask_read(const char *about)
{
    struct af_node_ask *ask = af_mem_zero(1, sizeof *ask);
    size_t len = strlen(about);
    if (!af_request_read(&ask->fields, about, len) || af_request_cut(&ask->fields) != NULL) {
        ask_free(ask);
        return NULL;
    }
    const char *verdict = af_request_string(&ask->fields, "verdict");
    if (verdict != NULL)
        ask->verdict = write_verdict(verdict, af_request_string(&ask->fields, "verdict_text"));
    ask->task = af_request_string(&ask->fields, "task");
    ask->flow = af_request_string(&ask->fields, "flow");
    ask->from = af_request_string(&ask->fields, "from");
    ask->hash = af_request_string(&ask->fields, "hash");
    len -= verdict == NULL ? 1 : strlen(ask->verdict) + 1;
    if (ask->task == NULL || ask->flow == NULL || ask->hash == NULL ||
        af_request_string(&ask->fields, "role") == NULL ||
        af_request_string(&ask->fields, "sizes") == NULL ||
        !af_request_integer(&ask->fields, "asked", &ask->asked_s) ||
        (verdict != NULL && strncmp(about + len, ask->verdict, strlen(ask->verdict)) != 0)) {
        ask_free(ask);
        return NULL;
    }
    ask->text = af_mem_copy(about, len);
    return ask;
}

static int ask_keep(struct af_node *node, const struct af_node_ask *ask, struct af_failure *why)
{
    struct af_buf about = AF_BUF_EMPTY;
    af_buf_printf(&about, "%s%s}", ask->text, ask->verdict == NULL ? "" : ask->verdict);
    int result = af_store_keep_ask(node->store, ask->task, af_buf_text(&about), why);
    af_buf_release(&about);
    return result;
}

struct af_node_ask *af_node_ask_find(const struct af_node *node, const char *task)
{
    struct af_node_ask *ask = node->asks->first;
    while (ask != NULL && strcmp(ask->task, task) != 0)
        ask = ask->next;
    return ask;
}

const char *af_node_ask_flow(const struct af_node_ask *ask)
{
    return ask->flow;
}

const struct af_request *af_node_ask_request(const struct af_node_ask *ask, const char **from,
                                             const char **hash)
{
    *from = ask->from;
    *hash = ask->hash;
    return &ask->fields;
}

/* ---- The verdict. ---- */

static void judge_next(struct af_node *node);

static void judged(void *arg, const char *word, const char *text)
{
    struct af_node *node = arg;
    struct af_node_ask *ask = node->asks->judged;
    struct af_failure why = AF_FAILURE_INIT;
    node->asks->judge = NULL;
    node->asks->judged = NULL;
    ask->verdict = write_verdict(word, text);
    if (ask_keep(node, ask, &why) != 0) /* it is checked again after a restart */
        af_log(AF_LOG_WARNING, "the verdict on '%s' cannot be kept: %s", ask->flow, why.why);
    af_log(AF_LOG_INFO, "task '%s': the check of %s says: %s: %s", ask->task, ask->flow, word,
           text);
    judge_next(node);
}

/* One at a time, the oldest first. */
static void judge_next(struct af_node *node)
{
    struct af_node_asks *asks = node->asks;
    while (asks->judged == NULL) {
        struct af_failure why = AF_FAILURE_INIT;
        struct af_node_ask *ask = asks->first;
        while (ask != NULL && ask->verdict != NULL)
            ask = ask->next;
        if (ask == NULL)
            return;
        asks->judged = ask;
        asks->judge =
            af_node_verdict_begin(node, ask->flow, af_request_string(&ask->fields, "sizes"),
                                  af_request_list(&ask->fields, "args"), judged, node, &why);
        if (asks->judge != NULL)
            return;
        struct af_buf text = AF_BUF_EMPTY;
        af_buf_printf(&text, "%s: %s", why.what, why.why);
        judged(node, "none", af_buf_text(&text));
        af_buf_release(&text);
    }
}

/* ---- Whether they are wanted still. ---- */

static void look(void *arg);

static void look_later(struct af_node *node)
{
    if (node->asks->timer == NULL && node->asks->first != NULL)
        node->asks->timer = af_timer_start(node->loop, AF_NODE_ASKS_LOOK_NS, look, node);
}

static void forget(struct af_node *node, struct af_node_ask *ask)
{
    struct af_node_asks *asks = node->asks;
    struct af_node_ask **at = &asks->first;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    if (asks->end == &ask->next)
        asks->end = at;
    if (asks->judged == ask) {
        af_node_verdict_cancel(asks->judge);
        asks->judge = NULL;
        asks->judged = NULL;
    }
    ask_free(ask);
}

/* It is gone when this returns 0. */
static int drop(struct af_node *node, struct af_node_ask *ask, struct af_failure *why)
{
    if (af_store_keep_ask(node->store, ask->task, NULL, why) != 0)
        return -1;
    forget(node, ask);
    judge_next(node);
    return 0;
}

/* What cannot be written now is tried again at the next look. */
static void lapse(struct af_node *node, struct af_node_ask *ask, const char *text)
{
    const struct af_node_deed deed = {"node", NULL, "lapse", ask->task, ask->flow};
    struct af_failure why = AF_FAILURE_INIT;
    if (!af_node_audit_is_ready(node, &why))
        return;
    af_log(AF_LOG_WARNING, "task '%s': %s is not launched: %s", ask->task, ask->flow, text);
    af_node_audit(node, &deed, NULL);
    drop(node, ask, &why);
}

static void task_looked(void *arg, const struct af_bus_result *result)
{
    struct af_node *node = arg;
    if (result->code == AF_BUS_CANCELLED)
        return;
    struct af_node_ask *ask = af_node_ask_find(node, node->asks->looked);
    free(node->asks->looked);
    node->asks->looked = NULL;
    if (ask != NULL && ask->from != NULL && result->code == AF_BUS_NO_TASK)
        lapse(node, ask, "its task has ended");
}

/* An operator's task may begin by his own launch. */
static void look_at_task(struct af_node *node)
{
    struct af_node_asks *asks = node->asks;
    const struct af_bus_member self = {.node = node->options->node};
    size_t i = 0;
    const struct af_node_ask *ask = asks->first;
    for (; ask != NULL && i < asks->turn; i++)
        ask = ask->next;
    asks->turn = ask == NULL ? 0 : asks->turn + 1;
    ask = ask == NULL ? asks->first : ask;
    if (ask == NULL || ask->from == NULL || asks->looked != NULL)
        return;
    asks->looked = af_mem_string(ask->task);
    af_bus_members(node->bus, asks->looked, &self, task_looked, node);
}

static void look(void *arg)
{
    struct af_node *node = arg;
    int64_t oldest_s = (af_loop_wall_ns(node->loop) - AF_NODE_ASKS_AGE_NS) / AF_S_NS;
    node->asks->timer = NULL;
    for (struct af_node_ask *ask = node->asks->first, *next; ask != NULL; ask = next) {
        next = ask->next;
        if (ask->asked_s < oldest_s)
            lapse(node, ask, "nobody has approved it for a week");
    }
    look_at_task(node);
    look_later(node);
}

/* ---- What is asked. ---- */

int af_node_asks_may(const struct af_node_party *party, struct af_failure *why)
{
    size_t all = 0, own = 0;
    for (const struct af_node_ask *ask = party->node->asks->first; ask != NULL; ask = ask->next) {
        bool same = party->from == NULL || ask->from == NULL ? party->from == ask->from
                                                             : strcmp(party->from, ask->from) == 0;
        all++;
        own += same;
        if (strcmp(ask->task, party->task) == 0)
            return af_failure_set(why, AF_FAILURE_USAGE, party->task,
                                  "a launch of it waits for the operator already");
    }
    if (all >= AF_NODE_ASKS_MAX || own >= AF_NODE_ASKS_EACH)
        return af_failure_set(why, AF_FAILURE_USAGE, party->task,
                              "%zu launches wait for the operator already%s",
                              all >= AF_NODE_ASKS_MAX ? all : own,
                              all >= AF_NODE_ASKS_MAX ? "" : ", of the same node");
    return 0;
}

static void describe_request(const struct af_node_party *party, struct af_buf *out)
{
    const struct af_party_about *about = &party->about;
    af_json_add_text(out, "role", about->role);
    af_json_begin(out, "peers", '[');
    for (size_t i = 0; party->names_peers && i < about->member_count; i++)
        af_json_item_pair(out, about->members[i].role, about->members[i].id);
    af_buf_append_char(out, ']');
    af_json_begin(out, "args", '[');
    for (size_t i = 0; i < about->arg_count; i++)
        af_json_item_pair(out, about->args[i].name, about->args[i].value);
    af_buf_append_char(out, ']');
}

static void describe_files(const struct af_code *code, struct af_buf *out)
{
    char hex[AF_SHA256_HEX_BYTES];
    af_json_begin(out, "files", '[');
    for (size_t i = 0; i < code->count; i++) {
        const struct af_code_file *file = &code->files[i];
        if (file->bytes == NULL)
            continue;
        af_sha256_of(file->bytes, file->len, hex);
        af_json_open(out, '{');
        af_json_add_text(out, "name", file->path);
        af_json_add_integer(out, "bytes", (int64_t)file->len);
        af_json_add_text(out, "sha256", hex);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* One of each role that a run has by itself. */
static void describe_sizes(const struct af_flow *flow, struct af_buf *out)
{
    struct af_buf sizes = AF_BUF_EMPTY;
    for (size_t i = 0; i < flow->role_count; i++)
        af_buf_printf(&sizes, "%s%s=%d", i == 0 ? "" : ",", flow->roles[i].name,
                      flow->roles[i].mock_count > 0);
    af_json_add_text(out, "sizes", af_buf_text(&sizes));
    af_buf_release(&sizes);
}

static void describe_flow(const struct af_node_flow *flow, struct af_buf *out)
{
    char signer[AF_TRUST_NUMBER_BYTES];
    af_node_flow_signer(flow, signer);
    describe_files(&flow->code, out);
    af_json_add_text(out, "signer", signer[0] == '\0' ? NULL : signer);
    af_json_name(out, "wants");
    af_buf_append_string(out, flow->wants == NULL ? "[]" : flow->wants);
    af_json_name(out, "not_granted");
    af_buf_append_string(out, flow->lacks == NULL ? "[]" : flow->lacks);
    describe_sizes(af_worker_flow(flow->worker), out);
}

static size_t bytes_of_all(const struct af_node *node)
{
    size_t bytes = 0;
    for (const struct af_node_ask *ask = node->asks->first; ask != NULL; ask = ask->next)
        bytes += strlen(ask->text);
    return bytes;
}

/* In place of an earlier one, of files that have changed since. */
int af_node_ask(struct af_node_party *party, struct af_failure *why)
{
    struct af_node *node = party->node;
    const struct af_flow *flow = af_worker_flow(party->flow->worker);
    struct af_node_ask *before = af_node_ask_find(node, party->task);
    struct af_buf about = AF_BUF_EMPTY;
    af_json_open(&about, '{');
    af_json_add_text(&about, "task", party->task);
    af_json_add_text(&about, "from", party->from);
    af_json_add_text(&about, "flow", party->flow->file);
    af_json_add_text(&about, "name", flow->name);
    af_json_add_integer(&about, "version", flow->version);
    af_json_add_text(&about, "hash", party->flow->hash);
    describe_request(party, &about);
    describe_flow(party->flow, &about);
    af_json_add_integer(&about, "asked", af_loop_wall_ns(node->loop) / AF_S_NS);
    af_buf_append_char(&about, '}');
    bool fits = about.len <= AF_NODE_ASK_BYTES_MAX &&
                bytes_of_all(node) + about.len <= AF_NODE_ASKS_BYTES_MAX;
    struct af_node_ask *ask = fits ? ask_read(af_buf_text(&about)) : NULL;
    af_buf_release(&about);
    if (ask == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, party->task,
                              "is too much to be kept until an operator approves it");
    if (ask_keep(node, ask, why) != 0) {
        ask_free(ask);
        return -1;
    }
    if (before != NULL)
        forget(node, before);
    *node->asks->end = ask;
    node->asks->end = &ask->next;
    af_log(AF_LOG_WARNING, "task '%s': %s wants %s launched: afrun ctl approve", ask->task,
           ask->from == NULL ? "the operator" : ask->from, ask->flow);
    look_later(node);
    judge_next(node);
    return 0;
}

/* ---- What an operator does. ---- */

int af_node_ask_refuse(struct af_node *node, struct af_node_ask *ask, struct af_failure *why)
{
    if (af_node_party_find(node, ask->task) != NULL)
        return af_failure_set(why, AF_FAILURE_FLOW, ask->task,
                              "was approved, and is being launched; `afrun ctl stop` ends it");
    return drop(node, ask, why);
}

void af_node_ask_over(struct af_node *node, const char *task)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_ask *ask = af_node_ask_find(node, task);
    if (ask != NULL)
        drop(node, ask, &why); /* else when the node starts again */
}

void af_node_asks_near(const struct af_node *node, const char *task, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, task);
    for (const struct af_node_ask *ask = node->asks->first; ask != NULL; ask = ask->next)
        af_near_add(&near, ask->task);
    af_failure_set(why, AF_FAILURE_USAGE, task, "no launch of such a task waits%s",
                   af_near_text(&near, "there are"));
    af_near_release(&near);
}

void af_node_asks_list(const struct af_node *node, const char *task, struct af_buf *out)
{
    const char *comma = "";
    af_buf_append_char(out, '[');
    for (const struct af_node_ask *ask = node->asks->first; ask != NULL; ask = ask->next) {
        if (task != NULL && strcmp(ask->task, task) != 0)
            continue;
        af_buf_printf(out, "%s%s%s}", comma, ask->text,
                      ask->verdict == NULL ? ",\"verdict\":null,\"verdict_text\":null"
                                           : ask->verdict);
        comma = ",";
    }
    af_buf_append_char(out, ']');
}

size_t af_node_asks_count(const struct af_node *node)
{
    size_t count = 0;
    for (const struct af_node_ask *ask = node->asks->first; ask != NULL; ask = ask->next)
        count++;
    return count;
}

/* ---- Life. ---- */

static void found(void *arg, const char *task, const char *about)
{
    struct af_node *node = arg;
    struct af_node_ask *ask = ask_read(about);
    if (ask == NULL || strcmp(ask->task, task) != 0) {
        af_log(AF_LOG_WARNING, "task '%s': what is kept of a launch that waits cannot be read",
               task);
        if (ask != NULL)
            ask_free(ask);
        return;
    }
    *node->asks->end = ask;
    node->asks->end = &ask->next;
}

static void forget_all(struct af_node_asks *asks)
{
    for (struct af_node_ask *ask = asks->first, *next; ask != NULL; ask = next) {
        next = ask->next;
        ask_free(ask);
    }
    asks->first = NULL;
    asks->end = &asks->first;
}

int af_node_asks_begin(struct af_node *node, struct af_failure *why)
{
    node->asks = af_mem_zero(1, sizeof *node->asks);
    node->asks->end = &node->asks->first;
    for (int i = 0; af_store_each_ask(node->store, found, node, why) != 0; i++) {
        if (!af_node_start_again(i, why))
            return -1;
        forget_all(node->asks);
    }
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next)
        af_node_ask_over(node, at->task); /* it was approved just before the end */
    look_later(node);
    judge_next(node);
    return 0;
}

void af_node_asks_free(struct af_node *node)
{
    struct af_node_asks *asks = node->asks;
    if (asks == NULL)
        return;
    node->asks = NULL;
    af_node_verdict_cancel(asks->judge);
    af_timer_cancel(asks->timer);
    forget_all(asks);
    free(asks->looked);
    free(asks);
}
