/* reload.c: from one version of a flow to another, all of its parties on this node or none.
 *
 *   LOADING    a worker loads what stands in the folder (or, to go back, what the store keeps)
 *   TRYING     the flows are compared; each party's snapshot is brought to the new version on a
 *              copy, while the parties run, and what came of it written beside its row (trial.c);
 *              those that moved meanwhile again, as long as they are many
 *   PAUSING    a party whose handler is under way stops before its next input; handlers end
 *   MIGRATING  those that have moved since stop, and are tried again
 *   the swap   once none has moved since its trial: one transaction of the store, and each party
 *              goes over where it is, with what it was sent, its timers and its link to the bus, in
 *              one turn of the loop. One that does not run, or whose handler is cut short, goes on
 *              from the store, as after a crash
 *   OVER       what they have left is freed, some at a time
 *
 * Whatever is refused before the swap has changed nothing: the parties go on. */
#include "node/reload.h"

#include "base/bounds.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json.h"
#include "loop/loop.h"
#include "party/move.h"
#include "trace/veil.h"
#include "worker/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t look_ns = AF_MS_NS;  /* between two looks at whether all parties are quiet */
static const int64_t slice_ns = AF_MS_NS; /* of work between which the others have their turn */

/* ---- Parties. ---- */

static struct af_node_party *first_of(const struct af_node *node, const char *file)
{
    struct af_node_party *at = node->parties;
    while (at != NULL && (at->kept.id <= 0 || at->about.file == NULL ||
                          af_node_party_has_ended(at) || strcmp(at->about.file, file) != 0))
        at = at->next;
    return at;
}

/* ---- Stopping them. ---- */

static void pause_one(struct af_node_move *move)
{
    struct af_node_party *party = move->party;
    if (party->phase != AF_NODE_RUNNING)
        return;
    af_party_run_pause(party->run, true);
    if (move->paused_ns == 0)
        move->paused_ns = af_loop_machine_ns(party->node->loop);
}

/* It goes on, in whichever version, unless its node ends. */
static void let_go(struct af_node_move *move)
{
    struct af_node_party *party = move->party;
    party->stands = false;
    if (move->paused_ns > 0 && party->run != NULL)
        af_party_run_pause(party->run, party->node->stopping);
    af_node_hands_go_on(party);
}

/* ---- Its end. ---- */

static void begin(void *arg);
static void pause_all(void *arg);
static void look(void *arg);
static void free_some(void *arg);

/* What it was to do next is not done. */
static void stop_short(struct af_node_reload *reload)
{
    af_loop_fn *const posted[] = {begin, pause_all, look, free_some};
    af_timer_cancel(reload->timer);
    reload->timer = NULL;
    for (size_t i = 0; i < sizeof posted / sizeof posted[0]; i++)
        af_loop_unpost(reload->node->loop, posted[i], reload);
}

static void dispose(void *arg)
{
    struct af_node_reload *reload = arg;
    struct af_node *node = reload->node;
    if (reload->staging > 0)
        af_store_forget(node->store, reload);
    for (size_t i = 0; i < reload->count; i++) {
        af_node_move_release(&reload->moves[i]);
        af_node_left_free(&reload->moves[i].left);
        reload->moves[i].party->reloads = reload->moves[i].party->stands = false;
    }
    af_node_trials_free(reload);
    af_node_flow_drop(reload->flow);
    af_buf_release(&reload->answer);
    af_arena_release(&reload->arena);
    free(reload->moves);
    free(reload->reloaders);
    free(reload->file);
    free(reload);
    node->reload = NULL;
    if (!node->stopping)
        node->look(node); /* it may have changed meanwhile */
}

static void tell(struct af_node_reload *reload, const char *json, const struct af_failure *why)
{
    stop_short(reload);
    reload->tells = true;
    if (!reload->how.dry_run && !reload->how.back && !reload->node->stopping &&
        first_of(reload->node, reload->file) != NULL)
        af_node_refusal_note(reload->node, reload->file,
                             reload->flow == NULL ? NULL : &reload->flow->code, reload->busy, why);
    for (size_t i = 0; i < reload->reloader_count; i++)
        reload->reloaders[i].done(reload->reloaders[i].arg, json, why);
    af_loop_post(reload->node->loop, dispose, reload); /* we may stand in a call of its worker */
}

static void refuse(struct af_node_reload *reload, const struct af_failure *why)
{
    if (reload->tells)
        return;
    for (size_t i = 0; i < reload->count; i++)
        let_go(&reload->moves[i]);
    tell(reload, NULL, why);
}

static void refuse_move(const struct af_node_move *move, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    char what[300];
    snprintf(what, sizeof what, "task '%.100s' (%.60s, state '%.60s')", move->party->task,
             move->party->about.role, move->kept.state == NULL ? "not started" : move->kept.state);
    af_failure_set(&why, AF_FAILURE_FLOW, what, "%s", text);
    refuse(move->reload, &why);
}

/* ---- What is told, while what is left is freed. ---- */

static void append_move(const struct af_node_move *move, struct af_buf *out)
{
    const struct af_node_reload *reload = move->reload;
    af_json_open(out, '{');
    af_json_add_text(out, "task", move->party->task);
    af_json_add_text(out, "role", move->party->about.role);
    af_json_add_text(out, "state", move->kept.state);
    af_json_add_text(out, "new_state", move->result.state);
    af_buf_printf(out, ",\"version\":%lld,\"pause_us\":%lld", (long long)move->version,
                  (long long)(move->pause_ns / AF_US_NS));
    if (reload->how.dry_run && !move->is_new) { /* asked for, so contents too */
        struct af_hash veil = af_veil_key(move->kept.seed);
        af_buf_append_string(out, ",\"data\":");
        af_veil_data(veil, move->kept.data, move->kept.data_len, out);
        af_buf_append_string(out, ",\"new_data\":");
        af_veil_data(veil, move->result.data, move->result.data_len, out);
    }
    af_buf_append_char(out, '}');
}

static void end_one(struct af_node_move *move)
{
    struct af_node_reload *reload = move->reload;
    af_kill_point("reload-over");
    append_move(move, &reload->answer);
    if (!reload->how.dry_run)
        af_node_log(reload->node, move->party->task, "goes on with version %lld of %s (was %lld)",
                    (long long)af_worker_flow(reload->flow->worker)->version, reload->file,
                    (long long)move->version);
    af_node_move_release(move);
    af_node_left_free(&move->left);
}

/* Some at a time: the others have their turn in between. */
static void free_some(void *arg)
{
    struct af_node_reload *reload = arg;
    struct af_loop *loop = reload->node->loop;
    int64_t until_ns = af_loop_machine_ns(loop) + slice_ns;
    while (reload->at < reload->count && af_loop_machine_ns(loop) < until_ns)
        end_one(&reload->moves[reload->at++]);
    if (reload->at < reload->count) {
        af_loop_post(loop, free_some, reload);
        return;
    }
    af_buf_append_string(&reload->answer, "]}");
    tell(reload, af_buf_text(&reload->answer), NULL);
}

/* Once all have gone over, or were tried. */
static void begin_answer(struct af_node_reload *reload)
{
    struct af_buf *out = &reload->answer;
    af_buf_append_string(out, "{\"ok\":true");
    af_json_add_text(out, "file", reload->file);
    af_buf_printf(out, ",\"version\":%lld,\"dry_run\":%s,\"parties\":[",
                  (long long)af_worker_flow(reload->flow->worker)->version,
                  reload->how.dry_run ? "true" : "false");
    reload->at = 0;
    af_loop_post(reload->node->loop, free_some, reload);
}

/* ---- The swap. ---- */

/* Where a party that runs does so; else from the store. */
static void go_over(struct af_node_move *move)
{
    struct af_node_reload *reload = move->reload;
    struct af_node_party *party = move->party;
    struct af_script *script = move->script;
    const struct af_reload_result *result = &move->result;
    move->script = NULL; /* the party's from here on */
    if (move->fresh != NULL && af_node_move_runs(move) &&
        !af_party_waits(af_party_run_party(party->run))) {
        struct af_party_moved to = {.script = script,
                                    .party = move->fresh,
                                    .member = move->member,
                                    .role = move->role,
                                    .keeps_after = result->keeps_after,
                                    .begins = result->begins,
                                    .due_ns = result->due_ns,
                                    .length_ns = result->length_ns};
        move->fresh = NULL;
        struct af_party_run_over over = {&to, move->data_hash, move->data_hides,
                                         reload->flow_hides};
        move->left = af_node_party_put_over(party, reload->flow, &over);
        let_go(move);
        return;
    }
    party->stands = false;
    move->result.state = af_arena_string(&reload->arena, result->state);
    af_node_move_release(move); /* its copy goes before the script starts */
    af_node_party_move(party, af_node_flow_share(reload->flow), script, move->member, move->role);
}

static void go_on(struct af_node_reload *reload, int64_t began_ns)
{
    struct af_node *node = reload->node;
    if (reload->how.back && reload->count > 0 && reload->moves[0].party->flow != NULL)
        af_node_refusal_leave(node, reload->file, &reload->moves[0].party->flow->code,
                              reload->moves[0].version);
    for (size_t i = 0; i < reload->count; i++) {
        struct af_node_move *move = &reload->moves[i];
        go_over(move);
        move->pause_ns =
            af_loop_machine_ns(node->loop) - (move->paused_ns == 0 ? began_ns : move->paused_ns);
    }
    af_log(AF_LOG_INFO, "%s: %zu part%s now run%s version %lld", reload->file, reload->count,
           reload->count == 1 ? "y" : "ies", reload->count == 1 ? "s" : "",
           (long long)af_worker_flow(reload->flow->worker)->version);
}

static void swap(struct af_node_reload *reload)
{
    struct af_failure why = AF_FAILURE_INIT;
    int64_t began_ns = af_loop_machine_ns(reload->node->loop);
    struct af_store_code code = af_node_flow_code(reload->flow);
    struct af_store_swap *swaps = af_mem_zero(reload->count + 1, sizeof *swaps);
    size_t count = 0;
    for (size_t i = 0; i < reload->count; i++) {
        struct af_node_move *move = &reload->moves[i];
        if (move->staged)
            continue;
        if (af_node_move_runs(move))
            move->kept.seq = af_party_run_seq(move->of);
        swaps[count++] = af_node_trial_swap(move);
    }
    if (af_store_swap(reload->node->store, &code, swaps, count, &why) != 0) {
        refuse(reload, &why);
    } else {
        reload->phase = AF_RELOAD_OVER;
        go_on(reload, began_ns);
        begin_answer(reload);
    }
    free(swaps);
}

static void finish(struct af_node_reload *reload)
{
    af_kill_point("reload-swap");
    if (!reload->how.dry_run) {
        swap(reload);
        return;
    }
    for (size_t i = 0; i < reload->count; i++)
        let_go(&reload->moves[i]);
    reload->phase = AF_RELOAD_OVER;
    begin_answer(reload);
}

/* ---- Pausing. ---- */

static bool is_quiet(const struct af_node_move *move)
{
    const struct af_node_party *party = move->party;
    if (party->phase == AF_NODE_BROKEN)
        return true;
    if (party->phase != AF_NODE_RUNNING)
        return false;
    return af_party_run_is_quiet(party->run) ||
           (move->reload->how.restart_waiting &&
            af_script_party_where(af_party_script(af_party_run_party(party->run)))[0] != '\0');
}

static void drop_ended(struct af_node_reload *reload)
{
    size_t kept = 0;
    for (size_t i = 0; i < reload->count; i++)
        if (af_node_party_has_ended(reload->moves[i].party)) {
            af_node_move_release(&reload->moves[i]);
            reload->moves[i].party->reloads = reload->moves[i].party->stands = false;
            af_node_hands_go_on(reload->moves[i].party); /* which are told that it has ended */
        } else {
            reload->moves[kept++] = reload->moves[i];
        }
    reload->count = kept;
}

/* Has those stop that are not quiet; the first of them, or NULL. */
static struct af_node_move *stop_busy(struct af_node_reload *reload)
{
    struct af_node_move *busy = NULL;
    for (size_t i = 0; i < reload->count; i++)
        if (!is_quiet(&reload->moves[i])) {
            pause_one(&reload->moves[i]);
            busy = busy == NULL ? &reload->moves[i] : busy;
        }
    return busy;
}

/* Those that have moved since their trial stop, where they are quiet; whether there are any. */
static bool stop_moved(struct af_node_reload *reload)
{
    bool any = false;
    for (size_t i = 0; i < reload->count; i++)
        if (af_node_trial_needed(&reload->moves[i])) {
            pause_one(&reload->moves[i]);
            reload->moves[i].party->stands = reload->moves[i].party->phase == AF_NODE_RUNNING;
            any = true;
        }
    return any;
}

static void refuse_busy(struct af_node_reload *reload, const struct af_node_move *busy)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf text = AF_BUF_EMPTY;
    if (busy == NULL) {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, "state",
                       "cannot be written now, as the log says");
        refuse(reload, &why);
        return;
    }
    reload->busy = busy->party;
    if (busy->party->run != NULL)
        af_party_run_describe(busy->party->run, &text);
    af_buf_append_string(&text, "; give it more time (--wait), or run the handler again from its "
                                "event in the new version (--restart-waiting)");
    refuse_move(busy, af_buf_text(&text));
    af_buf_release(&text);
}

/* Swaps as soon as all are quiet, and as they were tried. */
static void look(void *arg)
{
    struct af_node_reload *reload = arg;
    reload->timer = NULL;
    drop_ended(reload);
    struct af_node_move *busy = stop_busy(reload);
    if (busy == NULL && reload->staging == 0) {
        reload->phase = AF_RELOAD_MIGRATING;
        if (stop_moved(reload))
            af_node_trials(reload);
        else
            finish(reload);
    } else if (af_loop_now_ns(reload->node->loop) < reload->until_ns) {
        reload->timer = af_timer_start(reload->node->loop, look_ns, look, reload);
    } else {
        refuse_busy(reload, busy);
    }
}

/* All that needed it have had their trial. */
static void tried(struct af_node_reload *reload)
{
    size_t again = 0;
    if (reload->phase == AF_RELOAD_MIGRATING) {
        look(reload);
        return;
    }
    for (size_t i = 0; i < reload->count; i++)
        again += af_node_trial_needed(&reload->moves[i]);
    if (again > AF_NODE_RELOAD_FEW && ++reload->rounds < AF_NODE_RELOAD_ROUNDS)
        af_node_trials(reload);
    else
        af_loop_post(reload->node->loop, pause_all, reload);
}

/* ---- The flow is loaded. ---- */

static bool concerns(const struct af_node_reload *reload, const struct af_node_party *party)
{
    return party->kept.id > 0 && party->about.file != NULL && !af_node_party_has_ended(party) &&
           strcmp(party->about.file, reload->file) == 0 &&
           strcmp(party->kept.code, reload->flow->hash) != 0;
}

/* Those that are not there yet. */
static void collect(struct af_node_reload *reload)
{
    for (struct af_node_party *at = reload->node->parties; at != NULL; at = at->next) {
        if (at->reloads || !concerns(reload, at))
            continue;
        at->reloads = true;
        af_mem_reserve(&reload->moves, &reload->cap, reload->count + 1, sizeof *reload->moves);
        reload->moves[reload->count++] = (struct af_node_move){
            .reload = reload,
            .party = at,
            .kept = {.id = at->kept.id, .state = af_arena_string(&reload->arena, at->kept.state)},
            .version = at->about.version,
        };
    }
}

static bool is_held(const struct af_node_party *party)
{
    return party->phase == AF_NODE_BROKEN ||
           (party->run != NULL && af_party_held(af_party_run_party(party->run)) != NULL);
}

/* Each version that parties run is compared with the new one. */
static int compare_flows(struct af_node_reload *reload, struct af_failure *why)
{
    struct af_reload_rules rules = {.mends = true, .back = reload->how.back};
    const struct af_flow *new = af_worker_flow(reload->flow->worker);
    for (size_t i = 0; i < reload->count; i++)
        rules.mends = rules.mends && is_held(reload->moves[i].party);
    const struct af_node_flow *compared = NULL;
    for (size_t i = 0; i < reload->count; i++) {
        const struct af_node_flow *flow = reload->moves[i].party->flow;
        if (flow == NULL || flow == compared || !flow->loaded)
            continue;
        compared = flow;
        if (af_reload_compare(af_worker_flow(flow->worker), new, reload->file, &rules, why) != 0)
            return -1;
    }
    return rules.back ? af_node_flow_may_follow(reload->flow, why) : 0;
}

static bool is_fit(struct af_node_reload *reload)
{
    struct af_failure why = AF_FAILURE_INIT;
    drop_ended(reload); /* one that was held when it ended is held no more */
    collect(reload);
    if (compare_flows(reload, &why) == 0)
        return true;
    refuse(reload, &why);
    return false;
}

static void begin(void *arg)
{
    struct af_node_reload *reload = arg;
    if (!is_fit(reload))
        return;
    reload->phase = AF_RELOAD_TRYING;
    reload->flow_hides = af_veil_in_flow(af_worker_flow(reload->flow->worker));
    if (!reload->how.dry_run)
        af_store_unstage(reload->node->store);
    af_node_trials(reload);
}

/* Parties may have come meanwhile. */
static void pause_all(void *arg)
{
    struct af_node_reload *reload = arg;
    if (reload->tells || !is_fit(reload))
        return;
    reload->phase = AF_RELOAD_PAUSING;
    af_kill_point("reload-pause");
    reload->until_ns = af_loop_now_ns(reload->node->loop) + reload->how.wait_ns;
    af_loop_post(reload->node->loop, look, reload); /* each has its turn of the loop */
}

void af_node_reload_loaded(struct af_node_flow *flow, const struct af_failure *why)
{
    struct af_node_reload *reload = flow->node->reload;
    if (reload == NULL || reload->flow != flow || reload->phase != AF_RELOAD_LOADING ||
        reload->tells)
        return;
    if (why != NULL)
        refuse(reload, why);
    else
        begin(reload);
}

/* ---- The request. ---- */

static struct af_node_flow *hold_before(struct af_node_reload *reload, struct af_failure *why)
{
    char hash[65];
    const struct af_node_party *party = first_of(reload->node, reload->file);
    if (party == NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, reload->file, "no party of it runs here");
        return NULL;
    }
    if (af_store_code_before(reload->node->store, reload->file, party->about.version, hash, NULL,
                             why) != 0)
        return NULL;
    return af_node_flow_hold_kept(reload->node, reload->file, hash, why);
}

static void refuse_at_end(struct af_failure *why, const char *file)
{
    af_failure_set(why, AF_FAILURE_FLOW, file,
                   "the node is ending, and takes no other version; it looks when it starts");
}

void af_node_reload_end(struct af_node *node)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (node->reload == NULL || node->reload->phase == AF_RELOAD_OVER)
        return;
    refuse_at_end(&why, node->reload->file);
    refuse(node->reload, &why);
}

static void add_reloader(struct af_node_reload *reload, struct af_node_reloader reloader)
{
    af_mem_reserve(&reload->reloaders, &reload->reloader_cap, reload->reloader_count + 1,
                   sizeof *reload->reloaders);
    reload->reloaders[reload->reloader_count++] = reloader;
}

void af_node_reload(struct af_node *node, const char *file, const struct af_node_reload_how *how,
                    struct af_node_reloader reloader)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_reload *reload = node->reload;
    if (reload != NULL && !reload->tells && !how->dry_run && !reload->how.dry_run && !how->back &&
        !reload->how.back && strcmp(reload->file, file) == 0) {
        add_reloader(reload, reloader); /* what it wants is under way */
        return;
    }
    if (node->stopping) {
        refuse_at_end(&why, file);
        reloader.done(reloader.arg, NULL, &why);
        return;
    }
    if (reload != NULL) {
        af_failure_set(&why, AF_FAILURE_FLOW, file, "%s is being reloaded just now; try again",
                       reload->file);
        reloader.done(reloader.arg, NULL, &why);
        return;
    }
    reload = node->reload = af_mem_zero(1, sizeof *reload);
    reload->node = node;
    reload->file = af_mem_string(file);
    reload->how = *how;
    reload->tried = tried;
    reload->refuse = refuse_move;
    add_reloader(reload, reloader);
    reload->flow = how->back ? hold_before(reload, &why) : af_node_flow_hold(node, file, &why);
    if (reload->flow == NULL)
        refuse(reload, &why);
    else if (reload->flow->loaded)
        af_loop_post(node->loop, begin, reload);
    else if (reload->flow->why.kind != AF_FAILURE_NONE)
        refuse(reload, &reload->flow->why);
}

void af_node_reload_free(struct af_node *node)
{
    struct af_node_reload *reload = node->reload;
    if (reload == NULL)
        return;
    stop_short(reload);
    af_loop_unpost(node->loop, dispose, reload);
    dispose(reload);
}
