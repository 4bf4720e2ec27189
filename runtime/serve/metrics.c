/* metrics.c: how the service is doing, for machines and for people: counts and sizes, never
 * contents, and no names of tasks or nodes.
 *
 * What each number is stands in its HELP line, below; base/metrics.h has those of every process. */
#include "serve/impl.h"

#include "base/metrics.h"
#include "base/version.h"
#include "loop/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t af_serve_requests(const struct af_serve *serve)
{
    const uint64_t *counts = &serve->counts.requests[0][0];
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof serve->counts.requests / sizeof *counts; i++)
        sum += counts[i];
    return sum;
}

static void append_requests(struct af_buf *out, const struct af_serve *serve)
{
    af_metrics_head(out, "requests_total", "counter",
                    "Requests, by endpoint and by the code of the answer.");
    for (size_t row = 0; row <= SERVE_ENDPOINTS_MAX; row++)
        for (size_t column = 0; column < SERVE_CODES; column++)
            if (serve->counts.requests[row][column] > 0)
                af_buf_printf(out,
                              "afrun_requests_total{method=\"%s\",path=\"%s\",code=\"%d\"} %" PRIu64
                              "\n",
                              row == SERVE_ENDPOINTS_MAX ? "" : serve->endpoints[row].method,
                              row == SERVE_ENDPOINTS_MAX ? "other" : serve->endpoints[row].name,
                              af_serve_codes[column], serve->counts.requests[row][column]);
}

static void append_times(struct af_buf *out, const struct af_serve *serve)
{
    static const char name[] = "request_duration_seconds";
    static const struct af_histogram none;
    char label[64];
    af_metrics_head(out, name, "histogram",
                    "Time from a request's head to its answer; polls that waited are left out.");
    for (size_t row = 0; serve->endpoints[row].name != NULL; row++) {
        snprintf(label, sizeof label, "path=\"%s\"", serve->endpoints[row].name);
        if (memcmp(&serve->counts.times[row], &none, sizeof none) != 0)
            af_metrics_histogram(out, name, label, &serve->counts.times[row]);
    }
}

/* ---- What the bus tells. ---- */

struct totals {
    uint64_t tasks, queues, contracts, set_aside, oldest_s, free_bytes;
    bool is_internal; /* the task that is being read is one of ours */
};

/* A number of a task's queue, or of the whole. */
static void add_number(struct totals *totals, const char *key, uint64_t number)
{
    if (strcmp(key, "set_aside") == 0)
        totals->set_aside += number;
    else if (strcmp(key, "free_bytes") == 0)
        totals->free_bytes = number;
    if (totals->is_internal)
        return;
    if (strcmp(key, "length") == 0) {
        totals->queues++;
        totals->contracts += number;
    } else if (strcmp(key, "oldest_s") == 0 && number > totals->oldest_s) {
        totals->oldest_s = number;
    }
}

/* Adds up the status' tasks and queues, but for those that the service keeps for itself. */
static struct totals read_totals(struct serve_reading *reading, const struct af_bus_result *result)
{
    static const char *const keys[] = {"length", "oldest_s", "set_aside", "free_bytes", "task_id"};
    struct af_json_reader *json = &reading->json;
    struct totals totals = {0};
    enum af_json_token token;
    if (result->code != AF_BUS_OK || result->text == NULL)
        return totals;
    af_json_reader_restart(json, result->text, result->text_len);
    while ((token = af_json_next(json)) != AF_JSON_END && token != AF_JSON_ERROR) {
        const char *key = NULL;
        for (size_t i = 0; token == AF_JSON_KEY && i < sizeof keys / sizeof keys[0]; i++)
            if (af_json_is(json, keys[i]))
                key = keys[i];
        if (key == NULL)
            continue;
        token = af_json_next(json);
        if (token == AF_JSON_STRING && strcmp(key, "task_id") == 0) {
            totals.is_internal = af_json_is(json, AF_BUS_LAUNCH_TASK);
            totals.tasks += !totals.is_internal;
        } else if (token == AF_JSON_INTEGER) {
            add_number(&totals, key, (uint64_t)(json->integer < 0 ? 0 : json->integer));
        }
    }
    return totals;
}

static void append_totals(struct af_buf *out, const struct totals *totals)
{
    af_metrics_number(out, "contracts_set_aside_total", "counter",
                      "Contracts of the store that were not as they should be.", totals->set_aside);
    af_metrics_number(out, "disk_free_bytes", "gauge", "Room on the disk of the bus.",
                      totals->free_bytes);
    af_metrics_number(out, "tasks", "gauge", "Tasks that the bus knows.", totals->tasks);
    af_metrics_number(out, "queues", "gauge", "Queues that the bus knows.", totals->queues);
    af_metrics_number(out, "queue_contracts", "gauge",
                      "Contracts not yet acknowledged, in all queues.", totals->contracts);
    af_metrics_number(out, "queue_oldest_age_seconds", "gauge",
                      "How long the first contract of any queue has waited.", totals->oldest_s);
}

static void append_outbox(struct af_buf *out, const struct af_bus_outbox *outbox)
{
    af_metrics_number(out, "hub_reachable", "gauge",
                      "Whether the hub behind this sidecar answered when it was asked last, and "
                      "knows this node.",
                      outbox->reachable && outbox->error == NULL);
    af_metrics_number(out, "outbox_contracts", "gauge", "Contracts that wait for the hub.",
                      outbox->contracts);
    af_metrics_number(out, "outbox_bytes", "gauge", "Bytes of the contracts that wait.",
                      outbox->bytes);
    af_metrics_number(out, "outbox_oldest_age_seconds", "gauge",
                      "How long the first contract of the outbox has waited.",
                      (uint64_t)outbox->oldest_s);
    af_metrics_number(out, "outbox_dead_letters", "gauge",
                      "Contracts of the outbox that the hub has refused.", outbox->dead);
}

static void measured(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    struct af_serve *serve = call->serve;
    const struct serve_counts *counts = &serve->counts;
    struct totals totals = read_totals(&serve->reading, result);
    int64_t age_ns = af_loop_now_ns(serve->loop);
    struct af_histogram commits;
    struct af_buf out = AF_BUF_EMPTY;
    af_serve_count(call, 0);
    append_requests(&out, call->serve);
    append_times(&out, call->serve);
    if (af_bus_commits(serve->bus, &commits))
        af_metrics_commits(&out, &commits, NULL);
    af_metrics_number(&out, "contracts_pushed_total", "counter",
                      "Contracts taken, those that were there already too.", counts->pushed);
    af_metrics_number(&out, "contracts_handed_out_total", "counter",
                      "Contracts given to nodes, again too.", counts->handed_out);
    af_metrics_number(&out, "contracts_acknowledged_total", "counter",
                      "Contracts named as done with.", counts->acknowledged);
    struct af_bus_outbox outbox;
    if (af_bus_outbox(serve->bus, &outbox))
        append_outbox(&out, &outbox);
    else
        append_totals(&out, &totals);
    af_metrics_number(&out, "polls_parked", "gauge", "Polls that wait now.",
                      (uint64_t)serve->used[AF_SERVE_POLLS]);
    af_metrics_number(&out, "wrong_tokens_total", "counter",
                      "Tokens and passwords that nobody has.", counts->guesses);
    af_metrics_number(&out, "requests_held", "gauge",
                      "Requests that go on later: of who asks too often, or had a wrong token.",
                      serve->held_count);
    af_metrics_number(&out, "connections", "gauge", "Connections that are open now.",
                      af_http_server_connections(serve->http));
    af_serve_measure_quotas(&out, serve);
    af_metrics_process(&out, af_loop_wall_ns(serve->loop) - age_ns);
    af_serve_send_text(call, 200, "text/plain; version=0.0.4", &out);
}

void af_serve_metrics(struct serve_call *call)
{
    af_bus_status(call->serve->bus, NULL, measured, call);
}

/* What its options come to: what was given, or the defaults. */
static void append_settings(struct af_buf *out, const struct af_serve *serve)
{
    struct af_bus_limits limits;
    af_buf_append_string(out, ",\"settings\":{");
    af_json_add_text(out, "listen", serve->options.listen);
    af_json_add_text(out, "files", serve->options.files);
    af_json_add_integer(out, "hold_ms", serve->options.hold_ns / AF_MS_NS);
    if (af_bus_limits(serve->bus, &limits)) {
        af_json_add_integer(out, "keep_contracts_s", limits.keep_contracts_s);
        af_json_add_integer(out, "keep_files_s", limits.keep_files_s);
        af_json_add_integer(out, "min_free_bytes", limits.min_free_bytes);
    }
    af_buf_append_char(out, '}');
}

void af_serve_status(struct serve_call *call)
{
    const struct af_serve *serve = call->serve;
    struct af_buf out = af_serve_data();
    af_buf_append_char(&out, '{');
    af_json_add_text(&out, "version", AF_VERSION);
    af_json_add_text(&out, "bus", serve->options.bus_name);
    af_buf_printf(
        &out,
        ",\"uptime_seconds\":%" PRId64 ",\"connections\":%zu,\"parked\":%zu,\"pushed\":%" PRIu64
        ",\"handed_out\":%" PRIu64 ",\"acknowledged\":%" PRIu64 ",\"wrong_tokens\":%" PRIu64
        ",\"held\":%zu,\"resident_bytes\":%" PRIu64 ",\"stopping\":%s",
        af_loop_now_ns(serve->loop) / AF_S_NS, af_http_server_connections(serve->http),
        (size_t)serve->used[AF_SERVE_POLLS], serve->counts.pushed, serve->counts.handed_out,
        serve->counts.acknowledged, serve->counts.guesses, serve->held_count,
        af_metrics_resident_bytes(), serve->is_stopping ? "true" : "false");
    append_settings(&out, serve);
    af_serve_append_quotas(&out, serve);
    struct af_bus_outbox outbox;
    if (af_bus_outbox(serve->bus, &outbox)) {
        af_buf_printf(&out,
                      ",\"outbox\":{\"hub_reachable\":%s,\"since\":%" PRId64
                      ",\"contracts\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"oldest_s\":%" PRId64
                      ",\"dead_letters\":%" PRIu64,
                      outbox.reachable ? "true" : "false", outbox.since_s, outbox.contracts,
                      outbox.bytes, outbox.oldest_s, outbox.dead);
        af_json_add_text(&out, "error", outbox.error);
        af_buf_append_char(&out, '}');
    }
    af_buf_append_char(&out, '}');
    af_serve_send(call, &out);
}

void af_serve_health(struct serve_call *call)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "ok\n");
    af_serve_count(call, 0);
    af_serve_send_text(call, 200, "text/plain", &out);
}

/* A task that cannot be: the bus looks, and says that there is none. */
static void looked(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    bool answers = result->code == AF_BUS_OK || result->code == AF_BUS_NO_TASK;
    bool ready = answers && !result->full;
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_printf(&out, "%s%s%s\n",
                  !answers ? "the bus does not answer as it should"
                  : ready  ? "ready"
                           : "the bus takes nothing more",
                  answers && result->warning != NULL ? ": " : "",
                  answers && result->warning != NULL ? result->warning : "");
    af_serve_count(call, ready ? 0 : 503);
    af_serve_send_text(call, ready ? 200 : 503, "text/plain", &out);
}

void af_serve_ready(struct serve_call *call)
{
    if (!call->serve->is_stopping) {
        af_bus_status(call->serve->bus, "afrun:none", looked, call);
        return;
    }
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "ending\n");
    af_serve_count(call, 503);
    af_serve_send_text(call, 503, "text/plain", &out);
}
