/* parties.c: the parties of a node, from the store back to the store. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/move.h"
#include "worker/host.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

const char *af_node_type_of(const char *json)
{
    switch (json[0]) {
    case '{':
        return "object";
    case '[':
        return "list";
    case '"':
        return "string";
    case 't':
    case 'f':
        return "boolean";
    case 'n':
        return "null";
    default:
        return "number";
    }
}

void af_node_party_result(const struct af_node_party *party, struct af_buf *out)
{
    af_buf_printf(out, "%s, %zu bytes", af_node_type_of(party->kept.result),
                  strlen(party->kept.result));
}

static void again(void *arg);
static void again_soon(void *arg);
static void halt_later(void *arg);

/* ---- The list. ---- */

struct af_node_party *af_node_party_new(struct af_node *node, const char *task)
{
    struct af_node_party *party = af_mem_zero(1, sizeof *party);
    party->node = node;
    party->task = af_arena_string(&party->arena, task);
    *node->parties_end = party;
    node->parties_end = &party->next;
    return party;
}

struct af_node_party *af_node_party_find(struct af_node *node, const char *task)
{
    struct af_node_party *party = node->parties;
    while (party != NULL && strcmp(party->task, task) != 0)
        party = party->next;
    return party;
}

/* Ends what runs of it; the record stays. */
static void halt(struct af_node_party *party)
{
    af_node_hands_drop(party);
    af_party_run_free(party->run);
    party->run = NULL;
    if (party->script != NULL)
        af_script_free(party->script);
    party->script = NULL;
    af_node_flow_drop(party->flow);
    party->flow = NULL;
    free(party->trouble);
    party->trouble = NULL;
    af_timer_cancel(party->again);
    party->again = NULL;
}

void af_node_party_free(struct af_node_party *party)
{
    struct af_node *node = party->node;
    struct af_node_party **at = &node->parties;
    while (*at != party)
        at = &(*at)->next;
    *at = party->next;
    if (node->parties_end == &party->next)
        node->parties_end = at;
    af_loop_unpost(node->loop, halt_later, party);
    af_loop_unpost(node->loop, again_soon, party);
    af_loop_unpost(node->loop, again, party);
    halt(party);
    free(party->why);
    af_arena_release(&party->arena);
    free(party);
}

/* ---- What it tells. ---- */

static void finding(void *arg, enum af_finding kind, const char *text)
{
    struct af_node_party *party = arg;
    af_node_log(party->node, party->task, "%s%s", kind == AF_FINDING_RAISED ? "held: " : "", text);
    if (kind == AF_FINDING_RAISED)
        af_log(AF_LOG_WARNING, "task '%s' is held: %s", party->task, text);
}

static void log_line(void *arg, const char *text, size_t len)
{
    struct af_node_party *party = arg;
    af_node_log_text(party->node, party->task, text, len);
}

static void moved(void *arg)
{
    (void)arg;
}

static void trouble(void *arg, const char *why)
{
    struct af_node_party *party = arg;
    if (why != NULL && party->trouble == NULL) {
        party->trouble = af_mem_string(why);
        party->trouble_ns = af_loop_wall_ns(party->node->loop);
        af_node_log(party->node, party->task, "lost contact: %s; trying again", why);
    } else if (why == NULL && party->trouble != NULL) {
        free(party->trouble);
        party->trouble = NULL;
        af_node_log(party->node, party->task, "in contact again");
    }
}

/* Unless it goes on by then: it may have been tried again in the same turn of the loop. */
static void halt_later(void *arg)
{
    struct af_node_party *party = arg;
    if (party->phase == AF_NODE_BROKEN || party->phase == AF_NODE_ENDED)
        halt(party);
}

void af_node_party_break(struct af_node_party *party, const struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "%s%s%s%s", why->what, why->what[0] == '\0' ? "" : ": ", why->why,
                  why->passing ? "; it is tried again every second" : "");
    free(party->why);
    party->why = af_buf_take(&text);
    party->phase = AF_NODE_BROKEN;
    af_node_log(party->node, party->task, "cannot go on: %s", party->why);
    af_log(AF_LOG_WARNING, "task '%s' cannot go on: %s", party->task, party->why);
    af_loop_post(party->node->loop, why->passing ? again_soon : halt_later,
                 party); /* we may stand in a call of its link */
}

static void refused(void *arg, const char *why)
{
    struct af_node_party *party = arg;
    struct af_failure failure = AF_FAILURE_INIT;
    af_failure_set(&failure, AF_FAILURE_TRANSPORT, party->node->options->bus, "%s", why);
    af_node_party_break(party, &failure);
}

static void has_left(void *arg)
{
    struct af_node_party *party = arg;
    if (party->phase != AF_NODE_LEAVING)
        return;
    party->phase = AF_NODE_ENDED;
    af_loop_post(party->node->loop, halt_later, party);
}

static void leave_when_sent(void *arg)
{
    struct af_node_party *party = arg;
    if (party->phase == AF_NODE_LEAVING && !party->leaves && af_party_run_unsent(party->run) == 0 &&
        af_party_run_kept(party->run) == 0)
        af_party_run_leave(party->run, has_left, party);
}

/* What it is now, for when it runs no more. */
static void remember_end(struct af_node_party *party)
{
    const struct af_party *of = af_party_run_party(party->run);
    const struct af_flow_state *state = af_party_state(of);
    struct af_arena *arena = &party->arena;
    party->kept.status = (int)af_party_status(of);
    party->kept.state = state == NULL ? NULL : af_arena_string(arena, state->name);
    party->kept.result = af_arena_string(arena, af_party_result(of));
    party->kept.reason = af_arena_string(arena, af_party_reason(of));
    party->kept.held = NULL;
    party->kept.progress = af_party_run_progress(party->run);
    party->kept.since_ns = af_loop_wall_ns(party->node->loop);
}

static void ended(void *arg)
{
    struct af_node_party *party = arg;
    const struct af_party *of = af_party_run_party(party->run);
    if (party->phase != AF_NODE_RUNNING)
        return;
    party->phase = AF_NODE_LEAVING;
    remember_end(party);
    if (af_party_status(of) == AF_PARTY_DONE) {
        struct af_buf result = AF_BUF_EMPTY;
        af_node_party_result(party, &result);
        af_node_log(party->node, party->task, "done; its result: %s", af_buf_text(&result));
        af_buf_release(&result);
    } else {
        af_node_log(party->node, party->task, "failed: %s", af_party_reason(of));
    }
    leave_when_sent(party);
}

/* ---- Running. ---- */

int af_node_party_prepare(struct af_node_party *party, struct af_failure *why)
{
    party->script = af_node_party_script(party, party->flow, &party->member, &party->role, why);
    if (party->script == NULL)
        return -1;
    af_script_set_owner(party->script, af_party_run_call, party);
    return 0;
}

void af_node_party_run(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node *node = party->node;
    af_party_run_name_holder(party->kept.seed, party->holder);
    struct af_party_run_spec spec = {.owner = {.arg = party,
                                               .finding = finding,
                                               .log = log_line,
                                               .moved = moved,
                                               .trouble = trouble,
                                               .refused = refused,
                                               .ended = ended,
                                               .sent_all = leave_when_sent,
                                               .kept = af_node_hand_kept},
                                     .loop = node->loop,
                                     .bus = node->bus,
                                     .bus_url = node->options->bus,
                                     .grants = &node->options->grants,
                                     .script = party->script,
                                     .node = node->options->node,
                                     .task = party->task,
                                     .holder = party->holder,
                                     .member = party->member,
                                     .role = party->role,
                                     .quiet = true,
                                     .keep_sent_ns = node->options->keep_sent_ns,
                                     .store = node->store,
                                     .kept = &party->kept};
    party->run = af_party_run_new(&spec, &why);
    party->stands = false; /* the one that did is gone */
    if (party->run == NULL) {
        af_node_party_break(party, &why);
        return;
    }
    party->run_number++;
    party->phase = AF_NODE_RUNNING;
    if (party->why != NULL)
        af_log(AF_LOG_INFO, "task '%s' goes on", party->task);
    free(party->why);
    party->why = NULL;
    if (node->stopping) /* as all that run already */
        af_party_run_pause(party->run, true);
    af_party_run_begin(party->run);
    node->look(node); /* the file may have changed since it was loaded */
}

void af_node_party_loaded(struct af_node_party *party, const struct af_failure *why)
{
    struct af_failure own = AF_FAILURE_INIT;
    party->code_refused = why != NULL && why->kind == AF_FAILURE_USAGE;
    if (why != NULL)
        af_node_party_break(party, why);
    else if (af_node_party_prepare(party, &own) != 0)
        af_node_party_break(party, &own);
    else
        af_node_party_run(party);
}

/* ---- Going on. ---- */

static void go_on(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT;
    party->phase = AF_NODE_LOADING;
    party->flow = af_node_flow_hold_kept(party->node, party->about.file, party->kept.code, &why);
    if (party->flow == NULL)
        af_node_party_break(party, &why);
    else if (party->flow->loaded)
        af_node_party_loaded(party, NULL);
    else if (party->flow->why.kind != AF_FAILURE_NONE)
        af_node_party_loaded(party, &party->flow->why);
}

static void found(void *arg, const struct af_store_party *row)
{
    struct af_node *node = arg;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_party *party = af_node_party_new(node, row->task);
    party->kept = af_store_party_copy(&party->arena, row);
    if (af_party_about_read(party->kept.about, &party->arena, &party->about, &why) != 0)
        af_node_party_break(party, &why);
}

bool af_node_start_again(int tries, struct af_failure *why)
{
    enum { TRIES = 50, PAUSE_MS = 20 };
    if (tries == TRIES)
        return false;
    *why = AF_FAILURE_INIT;
    poll(NULL, 0, PAUSE_MS);
    return true;
}

static int find_all(struct af_node *node, struct af_failure *why)
{
    struct af_node_party *next;
    for (int i = 0; af_store_each(node->store, found, node, why) != 0; i++) {
        for (struct af_node_party *at = node->parties; at != NULL; at = next) {
            next = at->next;
            af_node_party_free(at);
        }
        if (!af_node_start_again(i, why))
            return -1;
    }
    return 0;
}

int af_node_resume(struct af_node *node, struct af_failure *why)
{
    if (find_all(node, why) != 0)
        return -1;
    for (struct af_node_party *at = node->parties; at != NULL; at = at->next) {
        if (strcmp(at->kept.node, node->options->node) != 0)
            return af_failure_set(why, AF_FAILURE_USAGE, "--node",
                                  "%s holds the parties of node '%s'", node->options->state,
                                  at->kept.node);
        if (at->phase == AF_NODE_BROKEN)
            continue;
        bool over = at->kept.status > AF_PARTY_ACTIVE && at->kept.sent >= at->kept.seq;
        if (over)
            at->phase = AF_NODE_ENDED;
        else
            go_on(at);
    }
    return 0;
}

/* ---- Again from the store. ---- */

static void take_row(void *arg, const struct af_store_party *row)
{
    struct af_node_party *party = arg;
    struct af_arena fresh = {0};
    party->from = party->approved = NULL; /* of its launch, which is over */
    party->task = af_arena_string(&fresh, row->task);
    party->kept = af_store_party_copy(&fresh, row);
    af_arena_release(&party->arena);
    party->arena = fresh;
}

static int read_again(struct af_node_party *party, struct af_failure *why)
{
    if (af_store_read(party->node->store, party->kept.id, take_row, party, why) != 0)
        return -1;
    return af_party_about_read(party->kept.about, &party->arena, &party->about, why);
}

void af_node_party_move(struct af_node_party *party, struct af_node_flow *flow,
                        struct af_script *script, uint32_t member, uint32_t role)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_loop_unpost(party->node->loop, halt_later, party); /* of one that was broken */
    af_loop_unpost(party->node->loop, again_soon, party);
    halt(party);
    free(party->why);
    party->why = NULL;
    party->flow = flow;
    party->script = script;
    party->member = member;
    party->role = role;
    if (read_again(party, &why) != 0) {
        af_node_party_break(party, &why);
        return;
    }
    af_script_set_owner(script, af_party_run_call, party);
    af_node_party_run(party);
}

/* ---- To another version, where it is. ---- */

struct af_node_left af_node_party_put_over(struct af_node_party *party, struct af_node_flow *flow,
                                           const struct af_party_run_over *over)
{
    const struct af_party_moved *to = over->to;
    struct af_node_left left = {party->flow, party->script, NULL};
    af_worker_pass_names(party->script, to->script);
    af_script_set_owner(to->script, af_party_run_call, party);
    left.party = af_party_run_put_over(party->run, over);
    party->flow = af_node_flow_share(flow);
    party->script = to->script;
    party->member = to->member;
    party->role = to->role;
    party->about.version = af_worker_flow(flow->worker)->version;
    memcpy(party->hash, af_worker_file(flow->worker)->hash, sizeof party->hash);
    memcpy(party->code, flow->hash, sizeof party->code);
    party->about.hash = party->hash;
    party->kept.code = party->code;
    return left;
}

void af_node_left_free(struct af_node_left *left)
{
    if (left->script == NULL)
        return;
    af_script_party_free(left->party);
    af_script_free(left->script);
    af_node_flow_drop(left->flow);
    *left = (struct af_node_left){NULL, NULL, NULL};
}

/* ---- Operating. ---- */

/* From the store, where it may have gone on since it was read. */
static void again(void *arg)
{
    struct af_node_party *party = arg;
    struct af_failure why = AF_FAILURE_INIT;
    if (party->phase != AF_NODE_BROKEN)
        return;
    halt(party);
    if (read_again(party, &why) != 0)
        af_node_party_break(party, &why);
    else
        go_on(party);
}

static void again_now(void *arg)
{
    struct af_node_party *party = arg;
    party->again = NULL;
    again(party);
}

/* What it is broken by may have passed then; unless it goes on already, as above. */
static void again_soon(void *arg)
{
    struct af_node_party *party = arg;
    if (party->phase != AF_NODE_BROKEN)
        return;
    halt(party);
    party->again = af_timer_start(party->node->loop, AF_NODE_AGAIN_NS, again_now, party);
}

int af_node_party_retry(struct af_node_party *party, struct af_failure *why)
{
    if (party->phase == AF_NODE_BROKEN && party->kept.id != 0) {
        af_node_log(party->node, party->task, "tried again");
        af_loop_post(party->node->loop, again, party);
        return 0;
    }
    if (party->phase != AF_NODE_RUNNING || af_party_held(af_party_run_party(party->run)) == NULL)
        return af_failure_set(why, AF_FAILURE_FLOW, party->task, "is not held");
    af_node_log(party->node, party->task, "tried again");
    af_party_retry(af_party_run_party(party->run));
    return 0;
}

int af_node_party_stop(struct af_node_party *party, struct af_failure *why)
{
    if (party->phase != AF_NODE_RUNNING)
        return af_failure_set(
            why, AF_FAILURE_FLOW, party->task,
            party->phase == AF_NODE_BROKEN    ? "cannot be stopped before its flow can be loaded"
            : party->phase == AF_NODE_LOADING ? "is starting; ask again in a moment"
                                              : "does not run");
    af_party_fail(af_party_run_party(party->run), "stopped by its operator");
    return 0;
}

bool af_node_party_is_ending(const struct af_node_party *party)
{
    return party->phase == AF_NODE_LEAVING ||
           (party->phase == AF_NODE_RUNNING &&
            af_party_status(af_party_run_party(party->run)) >= AF_PARTY_DONE);
}

bool af_node_party_has_ended(const struct af_node_party *party)
{
    return af_node_party_is_ending(party) || party->phase == AF_NODE_ENDED ||
           party->phase == AF_NODE_DROPPED;
}

int af_node_party_forget(struct af_node_party *party, struct af_failure *why)
{
    struct af_node *node = party->node;
    if (af_node_party_is_ending(party))
        return af_failure_set(why, AF_FAILURE_FLOW, party->task,
                              "is ending, and tells the others; try again in a moment");
    if (party->phase != AF_NODE_ENDED && party->phase != AF_NODE_BROKEN)
        return af_failure_set(why, AF_FAILURE_FLOW, party->task,
                              "has not ended; `afrun ctl stop` ends it");
    if (node->reload != NULL)
        return af_failure_set(why, AF_FAILURE_FLOW, party->task,
                              "cannot be forgotten while a flow is reloaded");
    if (af_store_remove(node->store, party->kept.id, why) != 0)
        return -1;
    af_node_log_forget(node, party->task);
    af_node_party_free(party);
    return 0;
}
