/* events.c: what a page looks at, told again where it is news: GET
 * /ui/events?task=T&after=N&audit=1. An event is named as the path below /ui/ that has the same,
 * and its data are that one's answer.
 *
 * Each beat a stream's call is run through those endpoints, as if it asked them one after the
 * other; what they answer is taken here. That begins only when the peer has all that it was told,
 * and nothing is added before all have answered: so the exchange cannot end in between. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "http/events.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

enum { STATUS, TASKS, LIVE, METRICS, AUDIT, STEPS };

static const struct {
    const char *name;
    void (*run)(struct serve_call *call);
} steps[STEPS] = {[STATUS] = {"status", af_serve_status},
                  [TASKS] = {"tasks", af_serve_list_tasks},
                  [LIVE] = {"live", af_serve_ui_live},
                  [METRICS] = {"metrics", af_serve_metrics},
                  [AUDIT] = {"audit", af_serve_ui_audit}};

struct serve_events {
    struct af_timer *timer;
    struct af_buf out; /* what is told next */
    unsigned char told[LIVE][AF_EVENTS_DIGEST_BYTES];
    char address[48]; /* whose it is */
    uint64_t requests;
    int64_t spoke_ns;
    unsigned beat;
    int step; /* that is asked; STEPS: none is */
    bool is_news, has_begun, ends, is_over;
};

/* ---- One beat. ---- */

static void beat(void *arg);

static void end(struct serve_call *call)
{
    struct serve_events *events = call->events;
    if (events->is_over)
        return;
    events->is_over = true;
    if (!events->has_begun)
        af_exchange_stream(call->exchange, AF_EVENTS_TYPE);
    af_exchange_stream_end(call->exchange);
}

static void tell(struct serve_call *call)
{
    struct serve_events *events = call->events;
    int64_t now_ns = af_loop_now_ns(call->serve->loop);
    if (events->ends) {
        end(call);
        return;
    }
    if (events->out.len == 0 && now_ns - events->spoke_ns > AF_EVENTS_QUIET_NS)
        af_buf_append_string(&events->out, AF_EVENTS_COMMENT);
    if (!events->has_begun)
        af_exchange_stream(call->exchange, AF_EVENTS_TYPE);
    events->has_begun = true;
    if (events->out.len > 0) {
        af_exchange_stream_add(call->exchange, events->out.data, events->out.len);
        events->spoke_ns = now_ns;
        af_buf_clear(&events->out);
    }
    events->timer = af_timer_start(call->serve->loop, AF_SERVE_EVENTS_NS, beat, call);
}

static bool is_wanted(struct serve_call *call, int step)
{
    switch (step) {
    case STATUS:
    case TASKS:
        return call->events->beat % AF_SERVE_EVENTS_BEATS == 0;
    case LIVE:
        if (!call->events->is_news)
            af_buf_clear(&call->events->out); /* it is as it was */
        return af_serve_sees_more(call) || call->events->is_news;
    case METRICS:
        return call->events->is_news;
    default:
        return call->events->is_news && af_exchange_query(call->exchange, "audit") != NULL;
    }
}

static void ask_from(struct serve_call *call, int step)
{
    while (step < STEPS && (call->events->ends || !is_wanted(call, step)))
        step++;
    call->events->step = step;
    if (step < STEPS)
        steps[step].run(call);
    else
        tell(call);
}

static void take_text(struct serve_call *call, struct af_buf *text_take)
{
    struct serve_events *events = call->events;
    int step = events->step;
    if (step < LIVE && af_events_is_news(events->told[step], text_take))
        events->is_news = true;
    af_events_write(&events->out, steps[step].name, af_buf_text(text_take), text_take->len);
    af_buf_release(text_take);
    ask_from(call, step + 1);
}

static void ask(struct serve_call *call)
{
    struct serve_events *events = call->events;
    uint64_t requests = af_serve_requests(call->serve);
    events->is_news = events->beat % AF_SERVE_EVENTS_BEATS == 0 && requests != events->requests;
    if (events->is_news)
        events->requests = requests;
    ask_from(call, STATUS);
}

static void beat(void *arg)
{
    struct serve_call *call = arg;
    struct serve_events *events = call->events;
    events->timer = NULL;
    if (!af_serve_may_view(call)) { /* no more */
        end(call);
    } else if (!af_exchange_stream_waits(call->exchange)) {
        events->timer = af_timer_start(call->serve->loop, AF_SERVE_EVENTS_NS, beat, call);
    } else {
        events->beat++;
        ask(call);
    }
}

/* ---- Its life. ---- */

/* An address may have as many as are left for all the others. */
static bool has_room(struct serve_call *call, const char *address)
{
    const struct af_serve *serve = call->serve;
    int64_t own = 0;
    for (const struct serve_call *at = serve->streams; at != NULL; at = at->next)
        own += strcmp(at->events->address, address) == 0;
    return own < af_serve_quota(&serve->options, AF_SERVE_STREAMS) - serve->used[AF_SERVE_STREAMS];
}

void af_serve_ui_events(struct serve_call *call)
{
    struct af_serve *serve = call->serve;
    const char *address = af_serve_address(call);
    if (serve->is_stopping || !has_room(call, address)) {
        af_serve_error(call, 503, 503,
                       "too many pages follow what is going on; ask again and again");
        return;
    }
    call->has_waited = true;
    af_serve_count(call, 0);
    struct serve_events *events = call->events = af_mem_zero(1, sizeof *events);
    call->takes = take_text;
    memcpy(events->address, address, strnlen(address, sizeof events->address - 1));
    af_serve_list_add(&serve->streams, call);
    serve->used[AF_SERVE_STREAMS]++;
    ask(call);
}

void af_serve_events_end(struct serve_call *call)
{
    struct serve_events *events = call->events;
    if (events == NULL)
        return;
    events->ends = true;
    af_timer_cancel(events->timer);
    events->timer = NULL;
    if (events->step == STEPS)
        end(call);
}

void af_serve_events_free(struct serve_call *call)
{
    struct serve_events *events = call->events;
    if (events == NULL)
        return;
    af_timer_cancel(events->timer);
    af_serve_list_remove(&call->serve->streams, call);
    call->serve->used[AF_SERVE_STREAMS]--;
    af_buf_release(&events->out);
    free(events);
    call->events = NULL;
}
