/* metrics.c: how the node is doing, for machines: a page for Prometheus, and whether it is up.
 *
 *     GET /metrics   counts and sizes, no names of tasks
 *     GET /healthz   the process is up
 *     GET /readyz    no party has lost the bus, and the store takes what happens; else 503
 *
 * Whoever reaches the address may ask. */
#include "node/impl.h"

#include "bus/age.h"
#include "base/metrics.h"
#include "http/server.h"
#include "json/json.h"
#include "loop/loop.h"
#include "worker/host.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void append_parties(const struct af_node *node, struct af_buf *out)
{
    static const char *const words[] = {"loading", "waiting", "slow",         "resting",
                                        "held",    "paused",  "lost contact", "sending",
                                        "done",    "failed",  "broken"};
    enum { WORDS = sizeof words / sizeof words[0] };
    uint64_t counts[WORDS] = {0}, queued = 0, unsent = 0;
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next) {
        size_t i = 0;
        while (i < WORDS && strcmp(words[i], af_node_party_word(at)) != 0)
            i++;
        assert(i < WORDS);
        counts[i] += at->phase != AF_NODE_DROPPED;
        if (at->run == NULL)
            continue;
        queued += af_party_queued(af_party_run_party(at->run));
        unsent += af_party_run_unsent(at->run);
    }
    af_metrics_head(out, "parties", "gauge", "Parties of this node, by the word of their status.");
    for (size_t i = 0; i < WORDS; i++)
        af_buf_printf(out, "afrun_parties{status=\"%s\"} %" PRIu64 "\n", words[i], counts[i]);
    af_metrics_number(out, "launches_waiting", "gauge",
                      "Launches that wait for an operator's approval.", af_node_asks_count(node));
    af_metrics_number(out, "party_queue_contracts", "gauge",
                      "Contracts that parties have not taken yet.", queued);
    af_metrics_number(out, "party_unsent_contracts", "gauge",
                      "Contracts that the bus has not confirmed yet.", unsent);
}

static void append_workers(const struct af_node *node, struct af_buf *out)
{
    uint64_t running = 0, restarts = 0;
    for (const struct af_node_flow *at = node->flows; at != NULL; at = at->next) {
        running += at->worker != NULL && af_worker_pid(at->worker) > 0;
        restarts += at->worker == NULL ? 0 : af_worker_restarts(at->worker);
    }
    af_metrics_number(out, "workers", "gauge", "Worker processes that run now.", running);
    af_metrics_number(out, "worker_restarts", "gauge",
                      "How often the workers that are there had to be started again.", restarts);
}

static void append_times(const struct af_node *node, struct af_buf *out)
{
    const struct af_bus_times *times = af_bus_times(node->bus);
    struct af_histogram bus, state;
    af_metrics_number(out, "bus_store_older", "gauge",
                      "1: the bus's store is older than it was, or another; nothing is sent or "
                      "acknowledged until the newer one is back.",
                      af_bus_older(node->bus) != NULL);
    bool keeps = af_bus_commits(node->bus, &bus);
    af_store_times(node->store, &state);
    af_metrics_head(out, "push_duration_seconds", "histogram",
                    "Time of a push, until the bus confirms it.");
    af_metrics_histogram(out, "push_duration_seconds", "", &times->pushes);
    af_metrics_head(out, "contract_duration_seconds", "histogram",
                    "Time from a contract's coming until its party has dealt with it.");
    af_metrics_histogram(out, "contract_duration_seconds", "", &times->contracts);
    af_metrics_commits(out, keeps ? &bus : NULL, &state);
}

static void looked(void *arg, const struct af_bus_result *result)
{
    struct af_node *node = arg;
    node->looks = false;
    if (result->cluster != NULL)
        node->cluster = *result->cluster;
    node->has_cluster = node->has_cluster || result->cluster != NULL;
}

/* As it was when this page, or the status, was asked for before: nobody waits for servers here. */
static void append_cluster(struct af_node *node, struct af_buf *out)
{
    const struct af_bus_cluster *cluster = &node->cluster;
    const struct {
        const char *name, *type, *help;
        int64_t value;
    } rows[] = {
        {"bus_connected", "gauge", "1: a server of the bus's cluster answers.",
         cluster->cut_off[0] == '\0'},
        {"bus_reconnects_total", "counter", "How often the bus was connected to again.",
         cluster->reconnects},
        {"bus_waiting_contracts", "gauge", "Contracts in the queues that were looked at.",
         cluster->waiting},
        {"bus_unacknowledged_contracts", "gauge", "Contracts that were handed out to this node.",
         cluster->unacknowledged},
        {"bus_replicas_behind", "gauge", "Replicas of their streams that are behind, or away.",
         cluster->behind},
    };
    if (!node->looks)
        node->looks = af_bus_cluster(node->bus, NULL, looked, node);
    if (!node->has_cluster)
        return;
    af_metrics_head(out, "bus_cluster_info", "gauge", "Which servers the bus has.");
    const char *const labels[][2] = {
        {"cluster", cluster->name}, {"server", cluster->server}, {"leader", cluster->leader}};
    for (size_t i = 0; i < 3; i++) {
        af_buf_printf(out, "%s%s=", i == 0 ? "afrun_bus_cluster_info{" : ",", labels[i][0]);
        if (!af_json_write_string(out, labels[i][1], strlen(labels[i][1])))
            af_buf_append_string(out, "\"\"");
    }
    af_buf_append_string(out, "} 1\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        af_metrics_number(out, rows[i].name, rows[i].type, rows[i].help, (uint64_t)rows[i].value);
}

static bool is_ready(const struct af_node *node)
{
    bool lost = false;
    for (const struct af_node_party *at = node->parties; at != NULL; at = at->next)
        lost = lost || (at->phase == AF_NODE_RUNNING && at->trouble != NULL);
    return !lost && node->store_trouble == NULL && !node->stopping;
}

/* ---- The page. ---- */

static void answer(struct af_exchange *exchange, int status, const char *text)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, text);
    af_exchange_answer(exchange, status, "text/plain", &out);
}

static void on_begin(void *arg, struct af_exchange *exchange)
{
    struct af_node *node = arg;
    const char *path = af_exchange_path(exchange), *method = af_exchange_method(exchange);
    struct af_buf out = AF_BUF_EMPTY;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer(exchange, 405, "GET is expected\n");
    } else if (strcmp(path, "/healthz") == 0) {
        answer(exchange, 200, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        bool ready = is_ready(node);
        answer(exchange, ready ? 200 : 503, ready ? "ready\n" : "see afrun ctl status\n");
    } else if (strcmp(path, "/metrics") == 0) {
        append_parties(node, &out);
        append_workers(node, &out);
        append_times(node, &out);
        append_cluster(node, &out);
        af_metrics_process(&out, node->began_ns);
        af_exchange_answer(exchange, 200, "text/plain; version=0.0.4", &out);
    } else {
        answer(exchange, 404, "there is /metrics, /healthz, /readyz\n");
    }
}

/* Everything is answered at once: nobody waits, no body is taken. */
static void on_nothing(void *arg, struct af_exchange *exchange)
{
    (void)arg;
    (void)exchange;
}

static void on_refused(void *arg, struct af_exchange *exchange, enum af_exchange_refusal refusal,
                       const char *why)
{
    (void)arg;
    (void)refusal;
    answer(exchange, 400, why);
}

int af_node_metrics_open(struct af_node *node, struct af_failure *why)
{
    const struct af_http_server_options options = {
        .listen = node->options->metrics,
        .connections_max = 64,
        .owner = {on_begin, on_nothing, on_refused, on_nothing, on_nothing, node},
    };
    if (node->options->metrics == NULL)
        return 0;
    node->metrics = af_http_server_new(node->loop, &options, why);
    return node->metrics == NULL ? -1 : 0;
}
