/* wait.c: what is waited for, told to people: on a terminal all the time, else now and then.
 */
#include "live/impl.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const int64_t look_every_ns = AF_S_NS;
static const int64_t tell_first_ns = 10 * AF_S_NS;
static const int64_t tell_at_most_ns = 600 * AF_S_NS;

static void describe(struct af_live *live, struct af_buf *out)
{
    if (live->run != NULL)
        af_party_run_describe(live->run, out);
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
