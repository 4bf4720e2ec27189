/* live.c: see live.h. */
#include "live/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/about.h"

#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMBERS_AGAIN_MS = 500, FAREWELL_MS = 5000 };

const char *af_live_name(struct af_live *live, const char *text)
{
    return af_arena_string(&live->names, text);
}

void af_live_tell(struct af_live *live, const char *format, ...)
{
    char line[AF_FAILURE_TEXT_MAX];
    va_list args;
    (void)live;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    af_log_tell(AF_LOG_ERROR, line, strlen(line));
}

/* ---- The bus. ---- */

static void trouble(void *arg, struct af_link *link, const char *why)
{
    (void)link;
    af_live_bus_away(arg, why);
}

static bool refused(void *arg, struct af_link *link, enum af_bus_code code, const char *why)
{
    struct af_live *live = arg;
    if (code == AF_BUS_INVALID && live->sequential != NULL &&
        af_live_sequential_refused(live->sequential, link, why))
        return true; /* the script is told, at its line */
    af_failure_set(&live->why, AF_FAILURE_TRANSPORT, live->options->bus, "task '%s': %s",
                   af_link_task(link), why);
    live->over = true;
    return false;
}

/* ---- The end. ---- */

static void one_has_left(void *arg)
{
    struct af_live *live = arg;
    if (--live->leaving == 0)
        live->over = true;
}

static void leave(struct af_link *link, void *arg)
{
    af_link_leave(link, one_has_left, arg);
}

static size_t unsent(const struct af_live *live)
{
    return (live->run != NULL ? af_party_run_unsent(live->run) : 0) +
           (live->sequential != NULL ? af_live_sequential_unsent(live->sequential) : 0);
}

/* Once all is confirmed the links are left; the last of them ends the run. */
void af_live_leave_when_sent(struct af_live *live)
{
    if (!live->ending || unsent(live) > 0)
        return;
    live->ending = false;
    live->leaving = 1; /* until all have been asked to */
    if (live->run != NULL) {
        live->leaving++;
        af_party_run_leave(live->run, one_has_left, live);
    } else if (live->sequential != NULL) {
        live->leaving += af_live_sequential_links(live->sequential, NULL, NULL);
        af_live_sequential_links(live->sequential, leave, live);
    }
    one_has_left(live);
}

static void sent_all(void *arg, struct af_link *link)
{
    struct af_live *live = arg;
    if (live->sequential != NULL)
        af_live_sequential_sent(live->sequential, link);
    af_live_leave_when_sent(live);
}

struct af_link_owner af_live_link_owner(struct af_live *live, af_live_came_fn *came)
{
    return (struct af_link_owner){
        .arg = live, .came = came, .trouble = trouble, .refused = refused, .sent_all = sent_all};
}

void af_live_end(struct af_live *live, enum af_live_outcome outcome)
{
    if (live->ended)
        return;
    live->ended = live->ending = true;
    if (!live->interrupted)
        live->result->outcome = outcome;
    af_calls_cancel(live->calls);
    af_live_leave_when_sent(live);
}

/* ---- Ctrl-C: a party that rests ends well, as nobody waits for it; another fails and says so. A
 * second one, or a bus that takes too long, ends it. */

static void give_up(void *arg)
{
    struct af_live *live = arg;
    if (unsent(live) > 0)
        af_live_tell(live, "left without the bus having taken all that was sent");
    live->over = true;
}

static void on_interrupt(void *arg)
{
    struct af_live *live = arg;
    char bytes[64];
    if (read(live->options->interrupt_fd, bytes, sizeof bytes) < 0)
        return;
    if (live->options->interrupted != NULL)
        live->options->interrupted();
    if (live->interrupted) {
        live->over = true;
        return;
    }
    bool rests = live->run != NULL && af_party_rests(af_party_run_party(live->run));
    live->interrupted = true;
    live->result->outcome = rests ? AF_LIVE_RESTING : AF_LIVE_INTERRUPTED;
    if (live->store != NULL) { /* the next start goes on: nobody is told anything */
        live->over = true;
        return;
    }
    af_timer_start(live->loop, FAREWELL_MS * AF_MS_NS, give_up, live);
    if (rests)
        af_live_end(live, AF_LIVE_RESTING);
    else if (live->run != NULL && af_party_status(af_party_run_party(live->run)) <= AF_PARTY_ACTIVE)
        af_party_fail(af_party_run_party(live->run), "interrupted");
    else if (live->sequential != NULL)
        af_live_sequential_stop(live->sequential, "interrupted");
    else if (!live->ended)
        live->over = true;
}

/* ---- Members. ---- */

/* A flow can do little where a role of it is nobody's. */
static void warn_of_empty_roles(const struct af_live *live, const struct af_script_member *members,
                                size_t count)
{
    for (uint32_t role = 0; role < live->flow->role_count; role++) {
        bool taken = false;
        for (size_t i = 0; i < count && !taken; i++)
            taken = members[i].role == role || members[i].role == AF_ROLE_UNKNOWN;
        if (!taken)
            af_log(AF_LOG_WARNING, "task '%s' has no node of role '%s'", live->options->task,
                   live->flow->roles[role].name);
    }
}

/* Our own role is the one that we were told; both must agree. */
static int set_members(struct af_live *live, struct af_script_member *members, size_t count,
                       struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    size_t own = count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].id, options->node) == 0)
            own = i;
    if (own == count)
        return af_failure_set(why, AF_FAILURE_USAGE, "--peers",
                              "names other nodes only; '%s' (--node) must be among them",
                              options->node);
    if (members[own].role != AF_ROLE_UNKNOWN && members[own].role != live->role)
        return af_failure_set(
            why, AF_FAILURE_USAGE, "--role", "'%s' has the role '%s' in task '%s', not '%s'",
            options->node, live->flow->roles[members[own].role].name, options->task, options->role);
    members[own].role = live->role;
    live->member = (uint32_t)own;
    warn_of_empty_roles(live, members, count);
    return af_script_set_task(live->script, options->task, members, count, options->args,
                              options->arg_count, why);
}

static int start_party(struct af_live *live, struct af_failure *why)
{
    if (live->flow == NULL || live->flow->roles[live->role].sequential)
        return af_live_sequential_start(live, why);
    if (live->store != NULL && af_live_state_begin(live, why) != 0)
        return -1;
    return af_live_party_start(live, why);
}

static void task_checked(void *arg, const struct af_failure *why)
{
    struct af_live *live = arg;
    if (live->over)
        return;
    if (why != NULL)
        live->why = *why;
    if (why != NULL || start_party(live, &live->why) != 0)
        live->over = true;
}

static int start_with(struct af_live *live, struct af_script_member *members, size_t count,
                      struct af_failure *why)
{
    if (set_members(live, members, count, why) != 0)
        return -1;
    af_worker_check_task(live->script, task_checked, live);
    return 0;
}

static void ask_members(void *arg);

static void members_came(void *arg, const struct af_bus_result *result)
{
    struct af_live *live = arg;
    if (live->over)
        return;
    if (result->code == AF_BUS_REFUSED) { /* waiting does not mend a wrong token */
        af_failure_set(&live->why, AF_FAILURE_TRANSPORT, live->options->bus, "%s", result->why);
        live->over = true;
        return;
    }
    bool there = false;
    for (size_t i = 0; i < result->count && result->code == AF_BUS_OK; i++)
        there = there || strcmp(result->members[i].node, live->options->node) == 0;
    char text[400], whom[200];
    bool waits = there && af_party_about_waits(live->flow, result, whom, sizeof whom);
    if (!there || waits) {
        if (waits)
            snprintf(text, sizeof text, "task '%.150s': %s", live->options->task, whom);
        else
            snprintf(text, sizeof text, "'%s' is not (yet) a node of task '%s'",
                     live->options->node, live->options->task);
        af_live_bus_away(live, result->code == AF_BUS_OK ? text : result->why);
        live->members_again =
            af_timer_start(live->loop, MEMBERS_AGAIN_MS * AF_MS_NS, ask_members, live);
        return;
    }
    af_live_bus_away(live, NULL);
    struct af_script_member *members = af_mem_zero(result->count, sizeof *members);
    for (size_t i = 0; i < result->count; i++)
        members[i] = (struct af_script_member){
            result->members[i].node, af_party_about_role(live->flow, &result->members[i])};
    if (start_with(live, members, result->count, &live->why) != 0)
        live->over = true;
    free(members);
}

static void ask_members(void *arg)
{
    struct af_live *live = arg;
    struct af_bus_member self = af_party_about_self(live->flow, live->options->node, live->role);
    live->members_again = NULL;
    af_bus_members(live->bus, live->options->task, &self, members_came, live);
}

static void tell_role(void *arg);

static void told_role(void *arg, const struct af_bus_result *result)
{
    struct af_live *live = arg;
    if (result->code == AF_BUS_UNREACHABLE && !live->over)
        live->members_again =
            af_timer_start(live->loop, MEMBERS_AGAIN_MS * AF_MS_NS, tell_role, live);
}

/* Who knows its peers asks for no list; but others may, and find it there in its role. */
static void tell_role(void *arg)
{
    struct af_live *live = arg;
    struct af_bus_member self = af_party_about_self(live->flow, live->options->node, live->role);
    live->members_again = NULL;
    af_bus_members(live->bus, live->options->task, &self, told_role, live);
}

/* The peers that were named, role by role as the flow has them, so that party:nodes() is the same
 * everywhere. */
static int start_with_peers(struct af_live *live, struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    struct af_script_member *members = af_mem_zero(options->peer_count, sizeof *members);
    size_t count = 0;
    for (size_t i = 0; i < options->peer_count; i++) {
        if (af_flow_find_role(live->flow, options->peers[i].role) < 0) {
            free(members);
            return af_flow_refuse_role(live->flow, options->peers[i].role, "--peers", why);
        }
    }
    for (uint32_t role = 0; role < live->flow->role_count; role++)
        for (size_t i = 0; i < options->peer_count; i++)
            if (strcmp(options->peers[i].role, live->flow->roles[role].name) == 0)
                members[count++] = (struct af_script_member){options->peers[i].node, role};
    int result = start_with(live, members, count, why);
    free(members);
    return result;
}

/* ---- Starting. ---- */

static int check_flow(struct af_live *live, struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    const char *missing = options->role == NULL   ? "--role"
                          : options->node == NULL ? "--node"
                          : options->task == NULL ? "--task"
                                                  : NULL;
    if (options->mock)
        return af_failure_set(why, AF_FAILURE_USAGE, options->path,
                              "is a flow; with --mock it stands alone, only scripts are --shared");
    if (missing != NULL)
        return af_failure_set(
            why, AF_FAILURE_USAGE, missing,
            "is missing; a party for real needs --role, --node, --task and --bus");
    int role = af_flow_find_role(live->flow, options->role);
    if (role < 0)
        return af_flow_refuse_role(live->flow, options->role, "--role", why);
    live->role = (uint32_t)role;
    if (live->flow->roles[role].sequential)
        af_log(AF_LOG_WARNING,
               "role '%s' is a plain function: after a crash it starts again from its first line, "
               "and it cannot be reloaded in the middle",
               options->role);
    return 0;
}

static int check_script(struct af_live *live, struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    if (options->role != NULL || options->peer_count > 0)
        return af_failure_set(why, AF_FAILURE_USAGE, options->role != NULL ? "--role" : "--peers",
                              "a sequential script has no roles");
    if (!options->mock && options->node == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--node",
                              "is missing; a script for real needs --node and --bus");
    return 0;
}

static void answered(void *arg, const char *name, const struct af_answer *answer)
{
    (void)name;
    (void)answer;
    af_live_moved(arg);
}

/* A call of a flow's party, or of a script. */
static void call(void *arg, struct af_script_party *party, const struct af_script_call *call)
{
    if (af_script_party_sequential(party))
        af_live_sequential_call(af_script_party_user(party), call);
    else
        af_party_run_call(arg, party, call);
}

static void open_calls(struct af_live *live)
{
    struct af_calls_spec calls = {.loop = live->loop,
                                  .bus = live->bus,
                                  .bus_url = live->options->bus,
                                  .script = live->script,
                                  .grants = live->options->grants,
                                  .quiet = live->options->quiet,
                                  .arg = live,
                                  .answered = answered};
    live->calls = af_calls_new(&calls);
}

void af_live_use(struct af_live *live, struct af_live_flow *of)
{
    af_calls_free(live->calls);
    live->calls = NULL;
    af_live_flow_free(live->of);
    live->of = of;
    live->script = of->script;
    live->flow = af_script_flow(of->script);
    af_script_set_owner(of->script, call, live);
    if (live->bus != NULL)
        open_calls(live);
}

static int load(struct af_live *live, struct af_failure *why)
{
    struct af_live_flow *of = af_live_flow_begin(live, NULL, NULL, NULL, why);
    if (of == NULL || af_live_flow_wait(of, why) != 0) {
        af_live_flow_free(of);
        return -1;
    }
    af_live_use(live, of);
    return live->flow != NULL ? check_flow(live, why) : check_script(live, why);
}

static int open_all(struct af_live *live, struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    struct af_bus_options bus_options = {
        .node = options->node, .party = true, .open_tasks = true, .config = options->config};
    if (options->state != NULL)
        af_live_reload_expect();
    live->loop = af_loop_ev_new(why);
    if (live->loop == NULL ||
        (options->interrupt_fd >= 0 &&
         af_loop_watch(live->loop, options->interrupt_fd, false, on_interrupt, live, why) != 0) ||
        load(live, why) != 0)
        return -1;
    live->bus = af_bus_open(options->bus, live->loop, &bus_options, why);
    if (live->bus == NULL)
        return -1;
    open_calls(live);
    return options->state != NULL ? af_live_state_open(live, why) : 0;
}

static int start(struct af_live *live, struct af_failure *why)
{
    live->result->name =
        af_mem_string(live->flow != NULL ? live->flow->name : af_script_file(live->script)->name);
    if (live->flow == NULL) {
        struct af_script_member self = {
            live->options->node == NULL ? "script" : live->options->node, 0};
        if (af_script_set_task(live->script,
                               live->options->task == NULL ? "task" : live->options->task, &self, 1,
                               live->options->args, live->options->arg_count, why) != 0)
            return -1;
        af_worker_check_task(live->script, task_checked, live);
        return 0;
    }
    if (live->kept == NULL && live->options->peer_count == 0) {
        ask_members(live);
        return 0;
    }
    if ((live->kept != NULL ? af_live_state_go_on(live, why) : start_with_peers(live, why)) != 0)
        return -1;
    tell_role(live);
    return 0;
}

/* A name for this process: leases that an earlier one of the same node had are not ours. */
static void name_holder(struct af_live *live)
{
    unsigned char bytes[16];
    char hex[sizeof bytes * 2 + 1];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    snprintf(live->holder, sizeof live->holder, "run-%s", hex);
}

static void release(struct af_live *live)
{
    if (live->calls != NULL)
        af_calls_cancel(live->calls);
    af_live_wait_stop(live);
    if (live->sequential != NULL)
        af_live_sequential_free(live->sequential);
    af_party_run_free(live->run);
    af_calls_free(live->calls);
    af_live_reload_free(live);
    af_store_close(live->store);
    af_bus_close(live->bus);
    if (live->loop != NULL && live->options->interrupt_fd >= 0)
        af_loop_unwatch(live->loop, live->options->interrupt_fd);
    af_live_flow_free(live->of);
    af_loop_free(live->loop);
    af_arena_release(&live->names);
}

static void take_result(struct af_live *live)
{
    struct af_live_result *result = live->result;
    const char *id =
        live->sequential != NULL ? af_live_sequential_node(live->sequential) : live->options->node;
    result->id = af_mem_string(id == NULL ? "" : id);
    result->elapsed_ns = af_loop_now_ns(live->loop);
    if (live->run == NULL)
        return;
    const struct af_party *party = af_party_run_party(live->run);
    const struct af_party_counts *counts = af_party_counts(party);
    result->sent = af_party_run_sent(live->run);
    result->received = af_party_run_received(live->run);
    result->unexpected = counts->unexpected;
    result->late = counts->late;
    if (result->outcome == AF_LIVE_RESTING)
        result->state = af_mem_string(af_party_state(party)->name);
    if (af_party_result(party) != NULL)
        result->result = af_mem_string(af_party_result(party));
    if (af_party_reason(party) != NULL)
        result->reason = af_mem_string(af_party_reason(party));
    else if (af_party_held(party) != NULL)
        result->reason = af_mem_string(af_party_held(party));
}

static int run_once(const struct af_live_options *options, struct af_live_result *result,
                    struct af_failure *why)
{
    struct af_live live = {.options = options, .result = result};
    memset(result, 0, sizeof *result);
    live.wait.trouble_ns = -1;
    name_holder(&live);
    int status = open_all(&live, why);
    if (status == 0) {
        af_live_wait_start(&live);
        status = start(&live, why);
    }
    while (status == 0 && !live.over && af_loop_step(live.loop))
        ;
    if (status == 0 && live.why.kind != AF_FAILURE_NONE) {
        *why = live.why;
        status = -1;
    }
    if (status == 0)
        take_result(&live);
    release(&live);
    if (status != 0)
        af_live_result_release(result);
    return status;
}

/* A second; false: Ctrl-C ended it. */
static bool wait_for_better_times(const struct af_live_options *options)
{
    struct pollfd interrupt = {.fd = options->interrupt_fd, .events = POLLIN};
    return poll(&interrupt, 1, (int)(AF_NODE_AGAIN_NS / AF_MS_NS)) <= 0;
}

int af_live_run(const struct af_live_options *options, struct af_live_result *result,
                struct af_failure *why)
{
    bool told = false;
    int status;
    while ((status = run_once(options, result, why)) != 0 && why->passing) {
        if (!told)
            af_log(AF_LOG_WARNING, "%s; nothing is lost, it is tried again every second", why->why);
        told = true;
        if (!wait_for_better_times(options))
            break;
        *why = AF_FAILURE_INIT;
    }
    return status;
}

void af_live_result_release(struct af_live_result *result)
{
    free(result->name);
    free(result->id);
    free(result->state);
    free(result->result);
    free(result->reason);
    memset(result, 0, sizeof *result);
}
