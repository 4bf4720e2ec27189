/* live_wait.c: what is waited for, told to people: on a terminal all the time, else now and then.
 */
#include "live_impl.h"

#include "bounds.h"
#include "buf.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

enum { SILENT_SHOWN = 5 };

static const int64_t look_every_ns = AF_S_NS;
static const int64_t tell_first_ns = 10 * AF_S_NS;
static const int64_t tell_at_most_ns = 600 * AF_S_NS;

/* "; nothing has come from p1, p2 …" */
static void name_silent(struct af_live *live, struct af_buf *out)
{
    size_t count, silent = 0;
    const struct af_script_member *members = af_script_members(live->script, &count);
    for (size_t i = 0; i < count; i++) {
        if (live->heard[i] || silent++ >= SILENT_SHOWN)
            continue;
        af_buf_printf(out, "%s%s", silent == 1 ? "; nothing has come from " : ", ", members[i].id);
    }
    if (silent > SILENT_SHOWN)
        af_buf_printf(out, " and %zu more", silent - SILENT_SHOWN);
}

/* "state 'querying' (flow.lua:12), for sync" */
static void describe_party(struct af_live *live, struct af_buf *out)
{
    const struct af_flow_state *state = af_party_state(live->party);
    const char *comma = "";
    if (af_party_waits(live->party)) {
        af_buf_printf(out, "its handler waits at %s",
                      af_script_party_where(af_party_script(live->party)));
        return;
    }
    if (state == NULL)
        return;
    af_buf_printf(out, "state '%s' (%s:%d), for ", state->name, af_script_file(live->script)->name,
                  state->line);
    for (size_t i = 0; i < live->flow->event_count; i++) {
        if (state->events[i] != AF_EVENT_HANDLED)
            continue;
        af_buf_printf(out, "%s%s", comma, live->flow->events[i].type);
        comma = ", ";
    }
    if (comma[0] == '\0')
        af_buf_append_string(out, state->has_after ? "its time" : "nothing that can come");
    name_silent(live, out);
    if (af_party_deferred(live->party) > 0)
        af_buf_printf(out, "; %zu deferred", af_party_deferred(live->party));
}

static void describe(struct af_live *live, struct af_buf *out)
{
    if (live->party != NULL)
        describe_party(live, out);
    else if (live->sequential != NULL)
        af_buf_append_string(out, af_live_sequential_waits(live->sequential));
    else
        af_buf_append_string(out, "the task's nodes");
}

static const char *who(const struct af_live *live)
{
    const char *node =
        live->sequential != NULL ? af_live_sequential_node(live->sequential) : live->options->node;
    return node == NULL ? live->options->path : node;
}

static void tell(struct af_live *live, int64_t waited_ns, bool foot)
{
    struct af_buf text = AF_BUF_EMPTY;
    describe(live, &text);
    const char *since = live->wait.trouble_ns >= 0 ? " (the bus is tried again)" : "";
    if (foot)
        af_progress_show(&live->wait.progress, "%s waits: %s; since %.0f s%s", who(live),
                         af_buf_text(&text), (double)waited_ns / 1e9, since);
    else
        af_log(AF_LOG_INFO, "%s waits: %s; since %.0f s%s", who(live), af_buf_text(&text),
               (double)waited_ns / 1e9, since);
    af_buf_release(&text);
}

static void look(void *arg)
{
    struct af_live *live = arg;
    struct af_live_wait *wait = &live->wait;
    int64_t now_ns = af_loop_now_ns(live->loop);
    int64_t waited_ns = now_ns - wait->since_ns;
    wait->timer = af_timer_start(live->loop, look_every_ns, look, live);
    if (live->ended || waited_ns < look_every_ns)
        return;
    if (af_progress_due(&wait->progress)) {
        tell(live, waited_ns, true);
        return;
    }
    /* after 10 s, then each time that the wait has doubled, at least every ten minutes */
    int64_t next_ns = wait->told_ns == 0 ? tell_first_ns : wait->told_ns * 2;
    if (wait->told_ns > 0 && next_ns > wait->told_ns + tell_at_most_ns)
        next_ns = wait->told_ns + tell_at_most_ns;
    if (!live->options->quiet && !wait->progress.terminal && waited_ns >= next_ns) {
        wait->told_ns = waited_ns;
        tell(live, waited_ns, false);
    }
}

void af_live_wait_start(struct af_live *live)
{
    af_progress_init(&live->wait.progress, live->options->quiet);
    live->wait.timer = af_timer_start(live->loop, look_every_ns, look, live);
}

void af_live_wait_stop(struct af_live *live)
{
    af_timer_cancel(live->wait.timer);
    live->wait.timer = NULL;
    af_progress_end(&live->wait.progress);
}

void af_live_moved(struct af_live *live)
{
    live->wait.since_ns = af_loop_now_ns(live->loop);
    live->wait.told_ns = 0;
}

void af_live_bus_away(struct af_live *live, const char *why)
{
    struct af_live_wait *wait = &live->wait;
    int64_t now_ns = af_loop_now_ns(live->loop);
    if (why != NULL && wait->trouble_ns < 0) {
        wait->trouble_ns = now_ns;
        af_log(AF_LOG_WARNING, "%s waits for %s: %s; trying again", who(live), live->options->bus,
               why);
    } else if (why == NULL && wait->trouble_ns >= 0) {
        af_log(AF_LOG_INFO, "%s goes on: %s answers again after %.1f s", who(live),
               live->options->bus, (double)(now_ns - wait->trouble_ns) / 1e9);
        wait->trouble_ns = -1;
    }
}
