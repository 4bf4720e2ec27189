/* metrics.c: how the service is doing, for machines and for people: counts and sizes, never
 * contents, and no names of tasks or nodes.
 *
 *     afrun_requests_total{path,code}          requests by endpoint and the envelope's code
 *     afrun_contracts_pushed_total             contracts taken, those that were there already too
 *     afrun_contracts_handed_out_total         contracts given to nodes, again too
 *     afrun_contracts_acknowledged_total       uuids named as done with
 *     afrun_contracts_set_aside_total          that were not as they should be in the store
 *     afrun_polls_parked                       polls that wait now
 *     afrun_connections                        connections open now
 *     afrun_tasks, afrun_queues                that the bus knows
 *     afrun_queue_contracts                    contracts not yet acknowledged, in all queues
 *     afrun_resident_bytes, afrun_uptime_seconds */
#include "serve/impl.h"

#include "loop/loop.h"
#include "base/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int codes[SERVE_CODES] = {0, 400, 401, 403, 404, 405, 413, 503, 507, -1};

void serve_count(struct serve_call *call, int code)
{
    size_t row = SERVE_ENDPOINTS_MAX, column = 0;
    if (call->endpoint != NULL)
        row = (size_t)(call->endpoint - serve_endpoints);
    while (codes[column] != code && codes[column] != -1)
        column++;
    call->serve->counts.requests[row][column]++;
}

static uint64_t resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void append_requests(struct af_buf *out, const struct serve_counts *counts)
{
    af_buf_append_string(out, "# TYPE afrun_requests_total counter\n");
    for (size_t row = 0; row <= SERVE_ENDPOINTS_MAX; row++)
        for (size_t column = 0; column < SERVE_CODES; column++)
            if (counts->requests[row][column] > 0)
                af_buf_printf(out,
                              "afrun_requests_total{method=\"%s\",path=\"%s\",code=\"%d\"} %" PRIu64
                              "\n",
                              row == SERVE_ENDPOINTS_MAX ? "" : serve_endpoints[row].method,
                              row == SERVE_ENDPOINTS_MAX ? "other" : serve_endpoints[row].name,
                              codes[column], counts->requests[row][column]);
}

static void append_number(struct af_buf *out, const char *name, const char *type, uint64_t value)
{
    af_buf_printf(out, "# TYPE afrun_%s %s\nafrun_%s %" PRIu64 "\n", name, type, name, value);
}

/* ---- What the bus tells. ---- */

struct totals {
    uint64_t tasks, queues, contracts, set_aside;
};

static bool key_is(const struct af_json_reader *json, const char *name)
{
    return json->string_len == strlen(name) && memcmp(json->string, name, strlen(name)) == 0;
}

/* Adds up the `length` of each of the status' queues; its numbers. */
static struct totals read_totals(struct serve_reading *reading, const struct af_bus_result *result)
{
    struct af_json_reader *json = &reading->json;
    struct totals totals = {result->count, 0, 0, 0};
    enum af_json_token token;
    if (result->code != AF_BUS_OK || result->text == NULL)
        return totals;
    af_json_reader_restart(json, result->text, result->text_len);
    while ((token = af_json_next(json)) != AF_JSON_END && token != AF_JSON_ERROR) {
        bool is_length = token == AF_JSON_KEY && key_is(json, "length");
        bool is_set_aside = token == AF_JSON_KEY && key_is(json, "set_aside");
        if ((!is_length && !is_set_aside) || af_json_next(json) != AF_JSON_INTEGER)
            continue;
        totals.queues += is_length;
        totals.contracts += is_length ? (uint64_t)json->integer : 0;
        totals.set_aside += is_set_aside ? (uint64_t)json->integer : 0;
    }
    return totals;
}

static void measured(void *arg, const struct af_bus_result *result)
{
    struct serve_call *call = arg;
    struct af_serve *serve = call->serve;
    struct totals totals = read_totals(&serve->reading, result);
    struct af_buf out = AF_BUF_EMPTY;
    serve_count(call, 0);
    append_requests(&out, &serve->counts);
    append_number(&out, "contracts_pushed_total", "counter", serve->counts.pushed);
    append_number(&out, "contracts_handed_out_total", "counter", serve->counts.handed_out);
    append_number(&out, "contracts_acknowledged_total", "counter", serve->counts.acknowledged);
    append_number(&out, "contracts_set_aside_total", "counter", totals.set_aside);
    append_number(&out, "polls_parked", "gauge", serve->parked_count);
    append_number(&out, "connections", "gauge", af_http_server_connections(serve->http));
    append_number(&out, "tasks", "gauge", totals.tasks);
    append_number(&out, "queues", "gauge", totals.queues);
    append_number(&out, "queue_contracts", "gauge", totals.contracts);
    append_number(&out, "resident_bytes", "gauge", resident_bytes());
    append_number(&out, "uptime_seconds", "gauge",
                  (uint64_t)(af_loop_now_ns(serve->loop) / AF_S_NS));
    serve_send_text(call, 200, "text/plain; version=0.0.4", &out);
}

void serve_metrics(struct serve_call *call)
{
    af_bus_status(call->serve->bus, NULL, measured, call);
}

void serve_status(struct serve_call *call)
{
    const struct af_serve *serve = call->serve;
    struct af_buf out = serve_data();
    af_buf_append_char(&out, '{');
    serve_append_text(&out, "version", AF_VERSION);
    af_buf_append_char(&out, ',');
    serve_append_text(&out, "bus", serve->options.bus_name);
    af_buf_printf(
        &out,
        ",\"uptime_seconds\":%" PRId64 ",\"connections\":%zu,\"parked\":%zu,\"pushed\":%" PRIu64
        ",\"handed_out\":%" PRIu64 ",\"acknowledged\":%" PRIu64 ",\"resident_bytes\":%" PRIu64
        ",\"stopping\":%s}",
        af_loop_now_ns(serve->loop) / AF_S_NS, af_http_server_connections(serve->http),
        serve->parked_count, serve->counts.pushed, serve->counts.handed_out,
        serve->counts.acknowledged, resident_bytes(), serve->is_stopping ? "true" : "false");
    serve_send(call, &out);
}

void serve_health(struct serve_call *call)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "ok\n");
    serve_count(call, 0);
    serve_send_text(call, 200, "text/plain", &out);
}
