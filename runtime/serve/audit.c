/* audit.c: what of the service's work is logged.
 *
 * All that changes something, and every file that is given out, is a line of its own, written
 * before the answer goes out; takes and acknowledgements are none. Of refusals the first of a
 * caller for one reason is written at once, those of the next minute are one line with their count:
 * whoever floods the service does not flood the log. */
#include "serve/impl.h"

#include "audit/audit.h"
#include "base/bounds.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <stdio.h>
#include <string.h>

struct serve_refusal {
    char who[80], from[48]; /* who as far as it fits: "" for nobody known */
    const struct serve_endpoint *endpoint;
    int code;
    uint64_t count; /* since the last line */
    int64_t since_ns;
};

bool af_serve_audit_is_ready(const struct serve_call *call)
{
    const struct af_serve *serve = call->serve;
    return serve->audit == NULL || !call->endpoint->is_audited || af_audit_is_ready(serve->audit);
}

static void write_entry(struct af_serve *serve, const char *who, const char *from,
                        const struct serve_endpoint *endpoint, const char *task, int code,
                        uint64_t count)
{
    struct af_audit_entry entry = {
        .time_ns = af_loop_wall_ns(serve->loop),
        .who = who == NULL || who[0] == '\0' ? NULL : who,
        .from = from,
        .what = endpoint == NULL ? "?" : endpoint->name,
        .task = task,
        .outcome = code,
        .count = count,
    };
    af_audit_write(serve->audit, &entry, code == 0 && strcmp(entry.what, "download") != 0);
}

/* ---- Refusals. ---- */

static void flush(struct af_serve *serve, struct serve_refusal *refusal)
{
    if (refusal->count > 0)
        write_entry(serve, refusal->who, refusal->from, refusal->endpoint, NULL, refusal->code,
                    refusal->count);
    refusal->count = 0;
}

void af_serve_audit_flush(struct af_serve *serve, bool all)
{
    int64_t now_ns = af_loop_now_ns(serve->loop);
    size_t kept = 0;
    for (size_t i = 0; i < serve->refusal_count; i++) {
        struct serve_refusal *refusal = &serve->refusals[i];
        if (all || now_ns - refusal->since_ns >= AF_SERVE_REFUSALS_NS)
            flush(serve, refusal);
        else
            serve->refusals[kept++] = *refusal;
    }
    serve->refusal_count = kept;
}

static struct serve_refusal *find(struct af_serve *serve, const struct serve_refusal *like)
{
    for (size_t i = 0; i < serve->refusal_count; i++) {
        struct serve_refusal *refusal = &serve->refusals[i];
        if (refusal->endpoint == like->endpoint && refusal->code == like->code &&
            strcmp(refusal->who, like->who) == 0 && strcmp(refusal->from, like->from) == 0)
            return refusal;
    }
    return NULL;
}

static void note_refusal(struct serve_call *call, const char *who, int code)
{
    struct af_serve *serve = call->serve;
    struct serve_refusal like = {.endpoint = call->endpoint, .code = code};
    snprintf(like.who, sizeof like.who, "%s", who == NULL ? "" : who);
    snprintf(like.from, sizeof like.from, "%s", af_serve_address(call));
    struct serve_refusal *known = find(serve, &like);
    if (known != NULL) {
        known->count++;
        return;
    }
    write_entry(serve, who, like.from, call->endpoint, NULL, code, 1);
    if (serve->refusals == NULL)
        serve->refusals = af_mem_zero(AF_SERVE_REFUSALS_MAX, sizeof *serve->refusals);
    if (serve->refusal_count == AF_SERVE_REFUSALS_MAX) {
        flush(serve, &serve->refusals[0]);
        memmove(serve->refusals, serve->refusals + 1,
                --serve->refusal_count * sizeof *serve->refusals);
    }
    like.since_ns = af_loop_now_ns(serve->loop);
    serve->refusals[serve->refusal_count++] = like;
}

void af_serve_audit_revoked(struct af_serve *serve, const char *node)
{
    static const struct serve_endpoint endpoint = {.name = "revoke_token"};
    if (serve->audit != NULL)
        write_entry(serve, node, NULL, &endpoint, NULL, 0, 1);
}

/* ---- All. ---- */

void af_serve_audit(struct serve_call *call, int code)
{
    struct af_serve *serve = call->serve;
    const char *who = call->is_admin ? "admin" : call->node;
    if (serve->audit == NULL)
        return;
    if (code == 401 || code == 403)
        note_refusal(call, who, code);
    else if (call->endpoint != NULL && call->endpoint->is_audited)
        write_entry(serve, who, af_serve_address(call), call->endpoint, call->task, code, 1);
}
