/* party.c: a flow's party as the one thing that this process is for. */
#include "live/impl.h"

#include "base/log.h"

static void finding(void *arg, enum af_finding kind, const char *text)
{
    struct af_live *live = arg;
    live->result->raised = live->result->raised || kind == AF_FINDING_RAISED;
    af_live_tell(live, "%s", text);
}

static void log_line(void *arg, const char *text, size_t len)
{
    struct af_live *live = arg;
    if (!live->options->quiet)
        af_log_party(af_loop_now_ns(live->loop), live->options->node, text, len);
}

/* A party that is held has nobody here to mend it: the process ends, and the next start tries
 * again. */
static void moved(void *arg)
{
    struct af_live *live = arg;
    af_live_moved(live);
    if (af_party_held(af_party_run_party(live->run)) != NULL)
        af_live_end(live, AF_LIVE_FAILED);
}

static void trouble(void *arg, const char *why)
{
    af_live_bus_away(arg, why);
}

static void refused(void *arg, const char *why)
{
    struct af_live *live = arg;
    af_failure_set(&live->why, AF_FAILURE_TRANSPORT, live->options->bus, "task '%s': %s",
                   live->options->task, why);
    live->over = true;
}

static void ended(void *arg)
{
    struct af_live *live = arg;
    enum af_party_status status = af_party_status(af_party_run_party(live->run));
    af_live_end(live, status == AF_PARTY_DONE ? AF_LIVE_DONE : AF_LIVE_FAILED);
}

static void sent_all(void *arg)
{
    af_live_leave_when_sent(arg);
}

int af_live_party_start(struct af_live *live, struct af_failure *why)
{
    struct af_party_run_spec spec = {.owner = {.arg = live,
                                               .finding = finding,
                                               .log = log_line,
                                               .moved = moved,
                                               .trouble = trouble,
                                               .refused = refused,
                                               .ended = ended,
                                               .sent_all = sent_all},
                                     .loop = live->loop,
                                     .bus = live->bus,
                                     .bus_url = live->options->bus,
                                     .grants = live->options->grants,
                                     .script = live->script,
                                     .node = live->options->node,
                                     .task = live->options->task,
                                     .holder = live->holder,
                                     .member = live->member,
                                     .role = live->role,
                                     .quiet = live->options->quiet,
                                     .store = live->store,
                                     .kept = live->kept};
    live->run = af_party_run_new(&spec, why);
    if (live->run == NULL)
        return -1;
    af_party_run_begin(live->run);
    if (live->reload != NULL)
        af_live_reload_look(live); /* it may have changed since it was loaded */
    return 0;
}
