/* reload.c: the flow of a kept party as it was committed, and as its file is now.
 *
 * What a party runs is kept with it. At a start, when the file has changed under a running party,
 * and at SIGHUP, the file is offered to it: its snapshot is brought over on a copy, and the party
 * goes on under the new version as after a crash; or it is told why not, and goes on as it was. */
#include "live/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "code/bundle.h"
#include "code/watch.h"
#include "run/about.h"
#include "party/reload.h"
#include "party/migrate.h"
#include "trace/veil.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int64_t settle_ns = 200 * AF_MS_NS, look_ns = AF_MS_NS;

struct af_live_reload {
    struct af_live *live;
    int signals, files;
    struct af_timer *timer;
    struct af_code refused; /* that was told of; empty: nothing of it could be read, but … */
    char unread[65];        /* … its stamp */
    /* Of a trial: */
    struct af_live_flow *of;    /* the file as it is now */
    const struct af_code *code; /* what runs, … */
    const struct af_flow *old;  /* … its flow, … */
    bool held;                  /* … and whether its party is */
    struct af_store_party kept;
    struct af_party_about about;
    struct af_arena arena;
    struct af_reload *try;
    struct af_reload_result result;
    bool is_over, runs; /* runs: the party does, and pauses meanwhile */
    struct af_failure why;
};

/* ---- A trial. ---- */

static void conclude(void *arg);

/* `why` or `result` is known. */
static void end(struct af_live_reload *reload)
{
    reload->is_over = true;
    if (reload->runs)
        af_loop_post(reload->live->loop, conclude, reload);
}

static void tried(void *arg, const struct af_reload_result *result, const char *why)
{
    struct af_live_reload *reload = arg;
    if (why == NULL)
        reload->result = *result;
    else
        af_failure_set(&reload->why, AF_FAILURE_FLOW, reload->about.role, "state '%s': %s",
                       reload->kept.state, why);
    end(reload);
}

static void take_row(void *arg, const struct af_store_party *row)
{
    struct af_live_reload *reload = arg;
    reload->kept = af_store_party_copy(&reload->arena, row);
}

/* The party as it is kept. */
static int read_party(struct af_live_reload *reload, struct af_failure *why)
{
    struct af_live *live = reload->live;
    if (af_script_flow(reload->of->script) == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, live->options->path, "is no flow any more");
    if (af_store_read(live->store, live->kept->id, take_row, reload, why) != 0)
        return -1;
    return af_party_about_read(reload->kept.about, &reload->arena, &reload->about, why);
}

/* Brings the snapshot over, on a copy, once the flow has taken the arguments. */
static void migrate(void *arg, const struct af_failure *why)
{
    struct af_live_reload *reload = arg;
    struct af_live *live = reload->live;
    uint32_t member = 0;
    for (size_t i = 0; i < reload->about.member_count; i++)
        if (strcmp(reload->about.members[i].id, live->options->node) == 0)
            member = (uint32_t)i;
    struct af_reload_spec spec = {.script = reload->of->script,
                                  .store = live->store,
                                  .party = &reload->kept,
                                  .role = reload->about.role,
                                  .version = reload->about.version,
                                  .old = reload->old,
                                  .member = member,
                                  .now_ns = af_loop_wall_ns(live->loop),
                                  .loop = live->loop,
                                  .arg = reload,
                                  .done = tried};
    struct af_reload_result as_it_is = {.state = reload->kept.state,
                                        .data = reload->kept.data,
                                        .timers = reload->kept.timers,
                                        .data_len = reload->kept.data_len};
    if (why != NULL) {
        reload->why = *why;
        end(reload);
    } else if (reload->kept.state == NULL) { /* it has not started */
        tried(reload, &as_it_is, NULL);
    } else {
        reload->try = af_reload_begin(&spec);
    }
}

static int set_task(struct af_live_reload *reload, struct af_failure *why)
{
    struct af_script_member *members;
    const struct af_live_options *options = reload->live->options;
    struct af_script *script = reload->of->script;
    const struct af_flow *flow = af_script_flow(script);
    int role = af_flow_find_role(flow, reload->about.role);
    if (role < 0 || flow->roles[role].sequential)
        return af_failure_set(why, AF_FAILURE_USAGE, options->path, "has no role '%s' with states",
                              reload->about.role);
    if (af_party_about_members(&reload->about, flow, &reload->arena, &members, why) != 0)
        return -1;
    af_script_set_owner(script, af_migration_call, NULL);
    if (af_script_set_task(script, options->task, members, reload->about.member_count,
                           reload->about.args, reload->about.arg_count, why) != 0)
        return -1;
    af_worker_check_task(script, migrate, reload);
    return 0;
}

static int keep(struct af_live_reload *reload, struct af_failure *why)
{
    struct af_buf about = AF_BUF_EMPTY;
    const struct af_script *script = reload->of->script;
    const struct af_flow *flow = af_script_flow(script);
    struct af_store_code code = {reload->of->hash, af_script_file(script)->name, flow->name,
                                 flow->version, &reload->of->code};
    char versions[64];
    snprintf(versions, sizeof versions, "%lld to %lld", (long long)reload->about.version,
             (long long)flow->version);
    reload->about.version = flow->version;
    reload->about.hash = af_script_file(script)->hash;
    af_party_about_write(&reload->about, &about);
    struct af_store_swap swap = {
        .party = reload->kept.id,
        .seq = reload->kept.seq,
        .about = af_buf_text(&about),
        .code = reload->of->hash,
        .state = reload->result.state,
        .data = reload->result.data,
        .data_len = reload->result.data_len,
        .timers = reload->result.timers,
        .data_hash = af_veil_hash(af_veil_key(reload->kept.seed), reload->result.data,
                                  reload->result.data_len),
        .seals =
            af_veil_in_data(reload->result.data, reload->result.data_len) || af_veil_in_flow(flow),
        .versions = versions,
        .time_ns = af_loop_wall_ns(reload->live->loop)};
    int result = af_store_swap(reload->live->store, &code, &swap, 1, why);
    af_buf_release(&about);
    return result;
}

static void end_trial(struct af_live_reload *reload)
{
    af_reload_free(reload->try);
    reload->try = NULL;
    af_live_flow_free(reload->of);
    reload->of = NULL;
    af_arena_release(&reload->arena);
    reload->arena = (struct af_arena){0};
    reload->is_over = false;
    reload->why = (struct af_failure)AF_FAILURE_INIT;
}

static void try_loaded(void *arg)
{
    struct af_live_reload *reload = arg;
    const struct af_script *script = reload->of->script;
    struct af_reload_rules rules = {.mends = reload->held};
    struct af_failure *why = &reload->why;
    *why = reload->of->why;
    if (why->kind != AF_FAILURE_NONE || read_party(reload, why) != 0 ||
        af_reload_compare(reload->old, af_script_flow(script), af_script_file(script)->name, &rules,
                          why) != 0 ||
        af_bundle_may_follow(reload->code, af_script_flow(script)->version, why) != 0 ||
        set_task(reload, why) != 0)
        end(reload);
}

/* From the flow that runs to the one in the file; is_over once `why` or `result` is known. */
static void try_file(struct af_live_reload *reload, const struct af_live_flow *old, bool held)
{
    reload->code = &old->code;
    reload->old = af_script_flow(old->script);
    reload->held = held;
    reload->of = af_live_flow_begin(reload->live, NULL, try_loaded, reload, &reload->why);
    if (reload->of == NULL)
        end(reload);
}

/* What the trial found, in the store; -1: why not. */
static int keep_trial(struct af_live_reload *reload)
{
    return reload->why.kind == AF_FAILURE_NONE ? keep(reload, &reload->why) : -1;
}

/* Told once for each content of the file. */
static void tell_refusal(struct af_live_reload *reload)
{
    struct af_live *live = reload->live;
    const struct af_failure *why = &reload->why;
    af_live_tell(live,
                 "%s has changed, and is not taken: %s%s%s; the party goes on with what it "
                 "runs",
                 live->options->path, why->what, why->what[0] == '\0' ? "" : ": ", why->why);
    af_code_release(&reload->refused);
    if (reload->of != NULL) {
        reload->refused = reload->of->code;
        reload->of->code = (struct af_code){NULL, 0, 0};
    }
    af_code_stamp(live->options->path, reload->unread);
}

/* ---- At a start. ---- */

int af_live_reload_start(struct af_live *live, struct af_failure *why)
{
    struct af_live_reload *reload = live->reload;
    struct af_code kept = {NULL, 0, 0};
    if (live->kept == NULL || strcmp(live->kept->code, live->of->hash) == 0)
        return 0;
    struct af_party_about about;
    if (af_party_about_read(live->kept->about, &live->names, &about, why) != 0)
        return -1;
    if (strcmp(about.flow, live->flow->name) != 0)
        return 0; /* another flow altogether: that is told where the command line is compared */
    if (af_store_read_code(live->store, live->kept->code, &kept, why) != 0)
        return -1;
    struct af_live_flow *old = af_live_flow_begin(live, &kept, NULL, NULL, why);
    if (old == NULL || af_live_flow_wait(old, why) != 0) {
        af_live_flow_free(old);
        return -1;
    }
    try_file(reload, old, live->kept->held != NULL);
    while (!reload->is_over && !live->over && af_loop_step(live->loop))
        ;
    if (!reload->is_over) {
        af_live_flow_free(old);
        return af_failure_set(why, AF_FAILURE_INTERRUPTED, live->options->path, "interrupted");
    }
    if (keep_trial(reload) == 0) {
        af_live_tell(live, "the party goes on with version %lld of %s",
                     (long long)live->flow->version, live->options->path);
        af_live_state_read(live, why);
        af_live_flow_free(old);
    } else {
        tell_refusal(reload);
        af_live_use(live, old);
    }
    end_trial(reload);
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

/* ---- While it runs. ---- */

static void look_after(struct af_live_reload *reload, int64_t delay_ns);

/* The party goes on from the store, under what it has now. */
static void go_on(struct af_live_reload *reload)
{
    struct af_live *live = reload->live;
    af_reload_free(reload->try);
    reload->try = NULL;
    af_party_run_free(live->run);
    live->run = NULL;
    af_live_use(live, reload->of);
    reload->of = NULL;
    af_live_tell(live, "the party goes on with version %lld of %s", (long long)live->flow->version,
                 live->options->path);
    if (af_live_state_read(live, &live->why) != 0 || af_live_state_go_on(live, &live->why) != 0)
        live->over = true;
}

static void conclude(void *arg)
{
    struct af_live_reload *reload = arg;
    struct af_live *live = reload->live;
    reload->runs = false;
    if (keep_trial(reload) == 0) {
        go_on(reload);
    } else {
        tell_refusal(reload);
        af_party_run_pause(live->run, false);
    }
    end_trial(reload);
}

/* Whether what stands there was told of already. */
static bool was_refused(const struct af_live_reload *reload)
{
    char stamp[65];
    if (reload->refused.count > 0)
        return af_bundle_is_current(&reload->refused, reload->live->options->path, true);
    af_code_stamp(reload->live->options->path, stamp);
    return strcmp(stamp, reload->unread) == 0;
}

static void look(void *arg)
{
    struct af_live_reload *reload = arg;
    struct af_live *live = reload->live;
    reload->timer = NULL;
    if (reload->runs) { /* a trial is under way */
        look_after(reload, settle_ns);
        return;
    }
    if (live->run == NULL || live->ended ||
        af_bundle_is_current(&live->of->code, live->options->path, true) || was_refused(reload))
        return;
    af_party_run_pause(live->run, true);
    if (!af_party_run_is_quiet(live->run)) { /* never in the middle of a handler */
        look_after(reload, look_ns);
        return;
    }
    reload->runs = true;
    try_file(reload, live->of, af_party_held(af_party_run_party(live->run)) != NULL);
}

static void look_after(struct af_live_reload *reload, int64_t delay_ns)
{
    af_timer_cancel(reload->timer);
    reload->timer = af_timer_start(reload->live->loop, delay_ns, look, reload);
}

void af_live_reload_look(struct af_live *live)
{
    look_after(live->reload, 0);
}

static int watch_files(struct af_live_reload *reload, struct af_failure *why);

static void drain(void *arg)
{
    struct af_live_reload *reload = arg;
    struct af_failure why = AF_FAILURE_INIT;
    char bytes[4096];
    while (read(reload->files, bytes, sizeof bytes) > 0)
        ;
    if (watch_files(reload, &why) != 0) /* what was watched is so still */
        af_live_tell(reload->live, "%s: %s", why.what, why.why);
    look_after(reload, settle_ns);
}

/* The folder of the flow and those of its modules; a bundle with all that is in it. */
static int add_files(struct af_live *live, int fd)
{
    const char *path = live->options->path, *slash = strrchr(path, '/');
    struct af_buf file = AF_BUF_EMPTY;
    if (af_bundle_is(path))
        return af_code_watch_tree(fd, path);
    for (size_t i = 0; i < live->of->code.count; i++) {
        af_buf_clear(&file);
        af_buf_append(&file, path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
        af_buf_append_string(&file, live->of->code.files[i].path);
        af_code_watch_path(fd, af_buf_text(&file));
    }
    af_buf_release(&file);
    return af_code_watch_path(fd, path);
}

/* Anew, for what stands there now. */
static int watch_files(struct af_live_reload *reload, struct af_failure *why)
{
    struct af_loop *loop = reload->live->loop;
    int fd = af_code_watch_open();
    if (fd < 0 || add_files(reload->live, fd) != 0) {
        af_failure_set(why, AF_FAILURE_USAGE, reload->live->options->path, "cannot be watched: %s",
                       strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (reload->files >= 0) {
        af_loop_unwatch(loop, reload->files);
        close(reload->files);
    }
    reload->files = fd;
    return af_loop_watch(loop, fd, false, drain, reload, why);
}

static void signalled(void *arg)
{
    struct af_live_reload *reload = arg;
    struct signalfd_siginfo info;
    if (read(reload->signals, &info, sizeof info) == (ssize_t)sizeof info)
        look_after(reload, 0);
}

static sigset_t hangup(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    return set;
}

void af_live_reload_expect(void)
{
    sigset_t set = hangup();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int af_live_reload_open(struct af_live *live, struct af_failure *why)
{
    struct af_live_reload *reload = live->reload = af_mem_zero(1, sizeof *reload);
    sigset_t set = hangup();
    reload->live = live;
    reload->files = -1;
    reload->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (reload->signals < 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "SIGHUP", "cannot be awaited: %s",
                              strerror(errno));
    if (watch_files(reload, why) != 0)
        return -1;
    return af_loop_watch(live->loop, reload->signals, false, signalled, reload, why);
}

void af_live_reload_free(struct af_live *live)
{
    struct af_live_reload *reload = live->reload;
    if (reload == NULL)
        return;
    af_timer_cancel(reload->timer);
    if (live->loop != NULL)
        af_loop_unpost(live->loop, conclude, reload);
    int fds[] = {reload->signals, reload->files};
    for (int i = 0; i < 2; i++) {
        if (fds[i] < 0)
            continue;
        af_loop_unwatch(live->loop, fds[i]);
        close(fds[i]);
    }
    end_trial(reload);
    af_code_release(&reload->refused);
    free(reload);
    live->reload = NULL;
}
