/* offers.c: launches that the service tells of: taken one at a time, acknowledged when the
 * party is kept or it is clear that it will not be.
 *
 * What was launched already is not launched again, so a launch that is told twice, or whose
 * acknowledgement was lost, does no harm. Where the bus is away it is tried again. */
#include "node/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "script/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_KEPT = 16 };

static const int64_t again_ns = 5 * AF_S_NS, ask_later_ns = 60 * AF_S_NS, wait_ns = 30 * AF_S_NS,
                     lease_ns = 120 * AF_S_NS;

struct refusal {
    char *task, *flow, *why;
    int64_t at_s;
};

struct af_node_offers {
    struct af_node *node;
    struct af_timer *timer;
    bool asked;                         /* once, so that what an earlier process held comes again */
    char uuid[AF_BUS_ID_BYTES_MAX + 1]; /* of the launch under way */
    struct af_request launch;
    struct refusal refused[REFUSED_KEPT]; /* the oldest first */
    size_t refused_count;
};

static void ask(void *arg);

static void ask_after(struct af_node_offers *offers, int64_t delay_ns)
{
    offers->timer = af_timer_start(offers->node->loop, delay_ns, ask, offers);
}

/* ---- What came to nothing. ---- */

static void refusal_release(struct refusal *refusal)
{
    free(refusal->task);
    free(refusal->flow);
    free(refusal->why);
}

static void refuse(struct af_node_offers *offers, const char *task, const char *flow,
                   const char *why)
{
    if (offers->refused_count == REFUSED_KEPT) {
        refusal_release(&offers->refused[0]);
        memmove(offers->refused, offers->refused + 1,
                (REFUSED_KEPT - 1) * sizeof offers->refused[0]);
        offers->refused_count--;
    }
    offers->refused[offers->refused_count++] =
        (struct refusal){af_mem_string(task), af_mem_string(flow), af_mem_string(why),
                         af_loop_wall_ns(offers->node->loop) / AF_S_NS};
    af_log(AF_LOG_WARNING, "the service launched '%s' for task '%s'; it does not run here: %s",
           flow, task, why);
}

void af_node_offers_refused(const struct af_node *node, struct af_buf *out)
{
    const struct af_node_offers *offers = node->offers;
    af_buf_append_char(out, '[');
    for (size_t i = 0; offers != NULL && i < offers->refused_count; i++) {
        const struct refusal *refusal = &offers->refused[i];
        af_json_open(out, '{');
        af_json_add_text(out, "task", refusal->task);
        af_json_add_text(out, "flow", refusal->flow);
        af_json_add_text(out, "why", refusal->why);
        af_json_add_integer(out, "at", refusal->at_s);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* ---- A launch. ---- */

static void acknowledged(void *arg, const struct af_bus_result *result)
{
    struct af_node_offers *offers = arg;
    if (result->code != AF_BUS_CANCELLED)
        ask_after(offers, result->code == AF_BUS_OK ? 0 : again_ns);
}

static void acknowledge(struct af_node_offers *offers)
{
    const char *uuids[] = {offers->uuid};
    struct af_bus_take ack = {.task = AF_BUS_LAUNCH_TASK,
                              .channel = AF_BUS_LAUNCH_CHANNEL,
                              .node = offers->node->options->node,
                              .holder = "launches",
                              .lease_ns = lease_ns,
                              .acks = uuids,
                              .ack_count = 1};
    af_bus_ack(offers->node->bus, &ack, acknowledged, offers);
}

static void launched(void *arg, bool is_asked, const struct af_failure *why)
{
    struct af_node_offers *offers = arg;
    struct af_buf text = AF_BUF_EMPTY;
    bool waits = why != NULL && why->kind == AF_FAILURE_TRANSPORT;
    const struct af_node_deed deed = {
        "service", offers->node->options->bus, is_asked ? "ask" : "launch",
        af_request_string(&offers->launch, "task"), af_request_string(&offers->launch, "flow")};
    if (!waits)
        af_node_audit(offers->node, &deed, why);
    if (waits) {
        af_log(AF_LOG_WARNING, "a launch waits: %s: %s", why->what, why->why);
        offers->asked = false; /* it is handed out again */
        ask_after(offers, again_ns);
    } else {
        if (why != NULL) {
            af_buf_printf(&text, "%s: %s", why->what, why->why);
            refuse(offers, af_request_string(&offers->launch, "task"),
                   af_request_string(&offers->launch, "flow"), af_buf_text(&text));
        }
        acknowledge(offers);
    }
    af_request_release(&offers->launch);
    offers->launch = (struct af_request){0};
    af_buf_release(&text);
}

/* Told again, since the acknowledgement was lost. */
static bool is_known(const struct af_node_offers *offers)
{
    const char *task = af_request_string(&offers->launch, "task");
    const char *flow = af_request_string(&offers->launch, "flow");
    const struct af_node_party *party = af_node_party_find(offers->node, task);
    const struct af_node_ask *ask = af_node_ask_find(offers->node, task);
    return (party != NULL && party->about.file != NULL && strcmp(party->about.file, flow) == 0) ||
           (ask != NULL && strcmp(af_node_ask_flow(ask), flow) == 0);
}

static void launch(struct af_node_offers *offers)
{
    const char *by = af_request_string(&offers->launch, "by");
    const struct af_node_launcher launcher = {.asker = {launched, offers},
                                              .from = by == NULL ? "" : by};
    af_node_launch(offers->node, &launcher, &offers->launch);
}

/* Only the service sends without a name; a node that posts into this queue has one. */
static bool read_launch(struct af_node_offers *offers, const struct af_bus_item *item)
{
    const char *task, *flow;
    bool read = af_request_read(&offers->launch, item->content, item->content_len) &&
                af_request_cut(&offers->launch) == NULL;
    task = af_request_string(&offers->launch, "task");
    flow = af_request_string(&offers->launch, "flow");
    if (read && task != NULL && flow != NULL && item->sender == NULL)
        return true;
    refuse(offers, task == NULL ? "" : task, flow == NULL ? "" : flow,
           item->sender != NULL ? "it was sent by a node, not by the service"
                                : "it is no launch that this version reads");
    af_request_release(&offers->launch);
    offers->launch = (struct af_request){0};
    return false;
}

static void taken(void *arg, const struct af_bus_result *result)
{
    struct af_node_offers *offers = arg;
    struct af_node *node = offers->node;
    if (result->code == AF_BUS_CANCELLED)
        return;
    if (result->code == AF_BUS_OK && result->count == 0) {
        ask_after(offers, result->held ? again_ns : 0);
    } else if (result->code != AF_BUS_OK) {
        af_log(AF_LOG_DEBUG, "launches cannot be taken: %s", result->why);
        ask_after(offers, result->code == AF_BUS_UNREACHABLE ? again_ns : ask_later_ns);
    } else {
        snprintf(offers->uuid, sizeof offers->uuid, "%s", result->items[0].uuid);
        struct af_failure why = AF_FAILURE_INIT;
        bool is_new = read_launch(offers, &result->items[0]) && !is_known(offers);
        if (is_new && !af_node_audit_is_ready(node, &why))
            launched(offers, false, &why);
        else if (is_new)
            launch(offers);
        else
            acknowledge(offers);
    }
}

static void ask(void *arg)
{
    struct af_node_offers *offers = arg;
    struct af_node *node = offers->node;
    offers->timer = NULL;
    if (af_bus_leases(node->bus) == 0) {
        af_log(AF_LOG_INFO,
               "the service is the platform's, which tells no node of launches: launch "
               "by afrun ctl");
        return;
    }
    struct af_bus_take take = {.task = AF_BUS_LAUNCH_TASK,
                               .channel = AF_BUS_LAUNCH_CHANNEL,
                               .node = node->options->node,
                               .holder = "launches",
                               .lease_ns = lease_ns,
                               .wait_ns = wait_ns,
                               .max = 1,
                               .again = !offers->asked};
    offers->asked = true;
    af_bus_take(node->bus, &take, taken, offers);
}

/* ---- Life. ---- */

void af_node_offers_begin(struct af_node *node)
{
    if (node->options->no_launches)
        return;
    node->offers = af_mem_zero(1, sizeof *node->offers);
    node->offers->node = node;
    ask_after(node->offers, 0);
}

void af_node_offers_free(struct af_node *node)
{
    struct af_node_offers *offers = node->offers;
    if (offers == NULL)
        return;
    if (offers->timer != NULL)
        af_timer_cancel(offers->timer);
    af_request_release(&offers->launch);
    for (size_t i = 0; i < offers->refused_count; i++)
        refusal_release(&offers->refused[i]);
    free(offers);
    node->offers = NULL;
}
