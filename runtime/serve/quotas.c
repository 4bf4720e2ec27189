/* quotas.c: see quotas.h. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/metrics.h"
#include "loop/loop.h"

#include <inttypes.h>

const struct af_serve_quota_row af_serve_quotas[AF_SERVE_QUOTAS] = {
    [AF_SERVE_BODIES] = {"bodies", "all", AF_HTTP_BODIES_BYTES_MAX, INT64_C(1) << 40, true},
    [AF_SERVE_ANSWERS] = {"answers", "all", AF_SERVE_ANSWERS_BYTES_MAX, INT64_C(1) << 40, true},
    [AF_SERVE_CONNECTIONS] = {"connections", "all", AF_HTTP_CONNECTIONS_MAX, 1000000, false},
    [AF_SERVE_POLLS] = {"polls", "all", AF_SERVE_PARKED_MAX, 1000000, false},
    [AF_SERVE_LOGINS] = {"logins", "all", AF_SERVE_SESSIONS_MAX, 10000, false},
    [AF_SERVE_STREAMS] = {"streams", "all", AF_SERVE_STREAMS_MAX, 10000, false},
    [AF_SERVE_REQUESTS] = {"requests", "node", AF_SERVE_REQUESTS_MAX, 1000000, false},
    [AF_SERVE_BUNDLES] = {"bundles", "node", AF_SERVE_BUNDLES_BYTES_MAX, INT64_C(1) << 50, true},
    [AF_SERVE_FILES] = {"files", "task", AF_SERVE_FILES_BYTES_MAX, INT64_C(1) << 50, true},
    [AF_SERVE_QUEUE] = {"queue", "task", AF_BUS_QUEUE_MAX, 10000000, false},
};

int64_t af_serve_quota(const struct af_serve_options *options, enum af_serve_quota which)
{
    int64_t given = options->quotas[which];
    return given > 0 ? given : af_serve_quotas[which].standard;
}

static int64_t used_by_all(const struct af_serve *serve, enum af_serve_quota which)
{
    switch (which) {
    case AF_SERVE_BODIES:
        return af_http_server_body_bytes(serve->http);
    case AF_SERVE_ANSWERS:
        return af_http_server_answer_bytes(serve->http);
    case AF_SERVE_CONNECTIONS: /* those that can be closed at any time take nothing */
        return (int64_t)af_http_server_busy(serve->http);
    default:
        return serve->used[which];
    }
}

bool af_serve_has_share(const struct serve_call *call, enum af_serve_quota which, int64_t more)
{
    int64_t left = af_serve_quota(&call->serve->options, which) - used_by_all(call->serve, which);
    return (call->share == NULL ? 0 : call->share->used[which]) + more <= left;
}

void af_serve_use(struct af_serve *serve, struct serve_node *share, enum af_serve_quota which,
                  int64_t more)
{
    serve->used[which] += more;
    share->used[which] += more;
}

/* ---- Requests a second: evenly, but for a quarter of a second's at once. ---- */

int64_t af_serve_request_ns(struct serve_call *call)
{
    int64_t *due_ns = &call->share->due_ns, now_ns = af_loop_now_ns(call->serve->loop);
    if (*due_ns < now_ns)
        *due_ns = now_ns;
    int64_t wait_ns = *due_ns - now_ns - AF_S_NS / 4;
    *due_ns += AF_S_NS / af_serve_quota(&call->serve->options, AF_SERVE_REQUESTS);
    return wait_ns;
}

/* ---- Telling. ---- */

static int64_t used_by(const struct af_serve *serve, const struct serve_node *node,
                       enum af_serve_quota which)
{
    int64_t ahead_ns = node->due_ns - af_loop_now_ns(serve->loop);
    if (which != AF_SERVE_REQUESTS)
        return node->used[which];
    return ahead_ns <= 0
               ? 0
               : ahead_ns / (AF_S_NS / af_serve_quota(&serve->options, AF_SERVE_REQUESTS));
}

/* How much the node uses that uses most. */
static int64_t most_used(const struct af_serve *serve, enum af_serve_quota which)
{
    const struct serve_nodes *nodes = serve->nodes;
    int64_t most = used_by(serve, &nodes->others, which);
    for (size_t i = 0; i < nodes->count; i++)
        if (used_by(serve, nodes->items[i], which) > most)
            most = used_by(serve, nodes->items[i], which);
    return most;
}

void af_serve_append_quotas(struct af_buf *out, const struct af_serve *serve)
{
    const struct serve_nodes *nodes = serve->nodes;
    af_buf_append_string(out, ",\"quotas\":{");
    for (unsigned i = 0; i < AF_SERVE_QUOTAS; i++) {
        const struct af_serve_quota_row *row = &af_serve_quotas[i];
        af_buf_printf(out, "%s\"%s\":{\"of\":\"%s\",\"limit\":%" PRId64, i == 0 ? "" : ",",
                      row->name, row->of, af_serve_quota(&serve->options, i));
        if (i < AF_SERVE_SHARED)
            af_json_add_integer(out, "used", used_by_all(serve, i));
        af_buf_append_char(out, '}');
    }
    af_buf_append_string(out, "},\"nodes\":[");
    for (size_t i = 0; i < nodes->count; i++) {
        af_json_open(out, '{');
        af_json_add_text(out, "node_id", nodes->items[i]->name);
        for (unsigned which = 0; which < AF_SERVE_FILES; which++)
            if (used_by(serve, nodes->items[i], which) > 0)
                af_json_add_integer(out, af_serve_quotas[which].name,
                                    used_by(serve, nodes->items[i], which));
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_serve_measure_quotas(struct af_buf *out, const struct af_serve *serve)
{
    static const struct {
        const char *name, *help;
        unsigned rows;
    } heads[] = {{"quota", "What there is for callers (--quota).", AF_SERVE_QUOTAS},
                 {"quota_used", "How much of it is used.", AF_SERVE_SHARED},
                 {"quota_most_used", "How much of it one node uses, at most.", AF_SERVE_FILES}};
    for (int head = 0; head < 3; head++) {
        af_metrics_head(out, heads[head].name, "gauge", heads[head].help);
        for (unsigned i = 0; i < heads[head].rows; i++)
            af_buf_printf(out, "afrun_%s{of=\"%s\",name=\"%s\"} %" PRId64 "\n", heads[head].name,
                          af_serve_quotas[i].of, af_serve_quotas[i].name,
                          head == 0   ? af_serve_quota(&serve->options, i)
                          : head == 1 ? used_by_all(serve, i)
                                      : most_used(serve, i));
    }
}
