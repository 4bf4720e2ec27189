/* reload.c: from one version of a flow to another, all of its parties on this node or none.
 *
 *   LOADING    a worker loads what stands in the folder (or, to go back, what the store keeps)
 *   TRYING     the flows are compared; each party's snapshot, as it is kept, is brought to the new
 *              version on a copy, while the parties run; those that moved meanwhile again, as long
 *              as they are many
 *
 *   PAUSING    each party stops before its next input; handlers end
 *   MIGRATING  the snapshots of those that have moved since, again
 *   the swap   one transaction of the store; then each party goes on from the store, as after a
 *              crash, so nothing that was on its way is lost or there twice
 *
 * Whatever is refused before the swap has changed nothing: the parties go on where they paused. */
#include "node/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/reload.h"
#include "party/migrate.h"
#include "worker/host.h"
#include "trace/veil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { LOADING, TRYING, PAUSING, MIGRATING };

static const int64_t look_ns = AF_MS_NS; /* between two looks at whether all parties are quiet */

struct move { /* of one party */
    struct af_node_reload *reload;
    struct af_node_party *party;
    struct af_store_party kept;           /* as it is before */
    int64_t version;                      /* before */
    struct af_script *script;             /* the new one */
    bool alone;                           /* its trial needs a script of its own */
    const struct af_node_party *trial_of; /* whose script its trial had */
    struct af_script *back;               /* of what it runs, to go back */
    uint32_t member, role;
    struct af_reload *try;
    struct af_reload_result result; /* its texts are of `try` */
    struct af_buf about;
    bool is_new; /* it has not started: only its code changes */
    int tried;   /* in which round last, 0: in none */
    int64_t paused_ns, pause_ns;
};

/* A script for trials: loading it costs more than a migration, which sees nothing of a party but
 * its snapshot, role and arguments. Where those are the same one will do for all. */
struct trial {
    struct trial *next;
    struct af_script *script;
    const struct af_node_party *party; /* whose task it has */
    uint32_t member;
};

struct af_node_reload {
    struct af_node *node;
    struct af_node_flow *flow; /* held */
    struct af_node_reload_how how;
    struct af_node_reloader *reloaders;
    size_t reloader_count, reloader_cap;
    char *file;
    enum phase phase;
    struct af_arena arena;
    struct move *moves;
    size_t count, cap, at;
    int round; /* of trials, from 1 on */
    struct trial *trials;
    int64_t until_ns;
    struct af_timer *timer;
    const struct af_node_party *busy; /* whose handler refused it, or NULL */
    bool tells;                       /* what became of it is told already */
};

/* ---- Parties. ---- */

static bool has_ended(const struct af_node_party *party)
{
    return af_node_party_is_ending(party) || party->phase == AF_NODE_ENDED ||
           party->phase == AF_NODE_DROPPED;
}

static struct af_node_party *first_of(const struct af_node *node, const char *file)
{
    struct af_node_party *at = node->parties;
    while (at != NULL && (at->kept.id <= 0 || at->about.file == NULL || has_ended(at) ||
                          strcmp(at->about.file, file) != 0))
        at = at->next;
    return at;
}

/* ---- Its end. ---- */

static void move_release(struct move *move)
{
    af_reload_free(move->try);
    move->try = NULL;
    struct af_script *scripts[] = {move->script, move->back};
    for (int i = 0; i < 2; i++)
        if (scripts[i] != NULL)
            af_script_free(scripts[i]);
    move->script = move->back = NULL;
    af_buf_release(&move->about);
}

/* No copy of a party is left in them. */
static void free_trials(struct af_node_reload *reload)
{
    while (reload->trials != NULL) {
        struct trial *trial = reload->trials;
        reload->trials = trial->next;
        af_script_free(trial->script);
        free(trial);
    }
}

static void dispose(void *arg)
{
    struct af_node_reload *reload = arg;
    struct af_node *node = reload->node;
    for (size_t i = 0; i < reload->count; i++) {
        move_release(&reload->moves[i]);
        reload->moves[i].party->reloads = false;
    }
    free_trials(reload);
    af_node_flow_drop(reload->flow);
    af_arena_release(&reload->arena);
    free(reload->moves);
    free(reload->reloaders);
    free(reload->file);
    free(reload);
    node->reload = NULL;
    if (!node->stopping)
        af_node_watch_look(node); /* it may have changed meanwhile */
}

static void tell(struct af_node_reload *reload, const char *json, const struct af_failure *why)
{
    af_timer_cancel(reload->timer);
    reload->timer = NULL;
    reload->tells = true;
    if (!reload->how.dry_run && !reload->how.back && first_of(reload->node, reload->file) != NULL)
        af_node_watch_note(reload->node, reload->file,
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
        if (reload->moves[i].paused_ns > 0 && reload->moves[i].party->run != NULL)
            af_party_run_pause(reload->moves[i].party->run, false);
    tell(reload, NULL, why);
}

/* As a failure of one party: "task 't' (participant, state 'x'): why". */
static void refuse_party(struct af_node_reload *reload, const struct move *move, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    char what[300];
    snprintf(what, sizeof what, "task '%.100s' (%.60s, state '%.60s')", move->party->task,
             move->party->about.role, move->kept.state == NULL ? "not started" : move->kept.state);
    af_failure_set(&why, AF_FAILURE_FLOW, what, "%s", text);
    refuse(reload, &why);
}

/* ---- What is told. ---- */

static const char *state_after(const struct move *move)
{
    return move->is_new ? NULL : move->result.state;
}

static void append_move(const struct move *move, struct af_buf *out)
{
    const struct af_node_reload *reload = move->reload;
    af_json_open(out, '{');
    af_json_add_text(out, "task", move->party->task);
    af_json_add_text(out, "role", move->party->about.role);
    af_json_add_text(out, "state", move->kept.state);
    af_json_add_text(out, "new_state", state_after(move));
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

static void tell_done(struct af_node_reload *reload)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "{\"ok\":true");
    af_json_add_text(&out, "file", reload->file);
    af_buf_printf(&out, ",\"version\":%lld,\"dry_run\":%s,\"parties\":[",
                  (long long)af_worker_flow(reload->flow->worker)->version,
                  reload->how.dry_run ? "true" : "false");
    for (size_t i = 0; i < reload->count; i++)
        append_move(&reload->moves[i], &out);
    af_buf_append_string(&out, "]}");
    tell(reload, af_buf_text(&out), NULL);
    af_buf_release(&out);
}

/* ---- The swap. ---- */

static void go_on(struct af_node_reload *reload)
{
    struct af_node *node = reload->node;
    long long version = af_worker_flow(reload->flow->worker)->version;
    if (reload->how.back && reload->count > 0 && reload->moves[0].party->flow != NULL)
        af_node_watch_leave(node, reload->file, &reload->moves[0].party->flow->code,
                            reload->moves[0].version);
    for (size_t i = 0; i < reload->count; i++) {
        struct move *move = &reload->moves[i];
        struct af_script *script = move->script;
        move->script = NULL;       /* the party's from here on */
        af_reload_free(move->try); /* its copy goes before the script starts */
        move->try = NULL;
        move_release(move);
        reload->flow->parties++;
        af_node_party_move(move->party, reload->flow, script, move->member, move->role);
        move->pause_ns = af_loop_machine_ns(node->loop) - move->paused_ns;
    }
    for (size_t i = 0; i < reload->count; i++)
        af_node_log(node, reload->moves[i].party->task,
                    "goes on with version %lld of %s (was %lld)", version, reload->file,
                    (long long)reload->moves[i].version);
    af_log(AF_LOG_INFO, "%s: %zu part%s now run%s version %lld", reload->file, reload->count,
           reload->count == 1 ? "y" : "ies", reload->count == 1 ? "s" : "", version);
}

/* What the trials left, as the answer needs it when they are gone. */
static void keep_results(struct af_node_reload *reload)
{
    for (size_t i = 0; i < reload->count; i++)
        reload->moves[i].result.state =
            af_arena_string(&reload->arena, state_after(&reload->moves[i]));
}

static void swap(struct af_node_reload *reload)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_store_code code = af_node_flow_code(reload->flow);
    struct af_store_swap *swaps = af_mem_zero(reload->count + 1, sizeof *swaps);
    for (size_t i = 0; i < reload->count; i++) {
        struct move *move = &reload->moves[i];
        struct af_party_about about = move->party->about;
        char versions[64];
        about.version = code.version;
        about.hash = af_worker_file(reload->flow->worker)->hash;
        af_party_about_write(&about, &move->about);
        snprintf(versions, sizeof versions, "%lld to %lld", (long long)move->version,
                 (long long)code.version);
        swaps[i] = (struct af_store_swap){
            .party = move->kept.id,
            .about = af_buf_text(&move->about),
            .code = code.hash,
            .state = state_after(move),
            .data = move->is_new ? move->kept.data : move->result.data,
            .data_len = move->is_new ? move->kept.data_len : move->result.data_len,
            .timers = move->is_new ? move->kept.timers : move->result.timers,
            .seals = af_veil_in_flow(af_worker_flow(reload->flow->worker)),
            .versions = af_arena_string(&reload->arena, versions),
            .time_ns = af_loop_wall_ns(reload->node->loop)};
        swaps[i].seals = swaps[i].seals || af_veil_in_data(swaps[i].data, swaps[i].data_len);
        swaps[i].data_hash =
            af_veil_hash(af_veil_key(move->kept.seed), swaps[i].data, swaps[i].data_len);
    }
    if (af_store_swap(reload->node->store, &code, swaps, reload->count, &why) != 0) {
        refuse(reload, &why);
    } else {
        keep_results(reload);
        go_on(reload);
        tell_done(reload);
    }
    free(swaps);
}

/* ---- Migrating. ---- */

static void migrate_next(struct af_node_reload *reload);
static void migrate(struct move *move);

static bool same_args(const struct af_party_about *left, const struct af_party_about *right)
{
    bool same = left->arg_count == right->arg_count;
    for (size_t i = 0; i < left->arg_count && same; i++)
        same = strcmp(left->args[i].name, right->args[i].name) == 0 &&
               strcmp(left->args[i].value, right->args[i].value) == 0;
    return same;
}

/* A script in which the party's snapshot can be tried; NULL with *why filled. */
static struct trial *find_trial(struct move *move, struct af_failure *why)
{
    struct af_node_reload *reload = move->reload;
    const struct af_node_party *party = move->party;
    struct trial *trial = reload->trials;
    while (trial != NULL &&
           (move->alone || strcmp(trial->party->about.role, party->about.role) != 0 ||
            !same_args(&trial->party->about, &party->about)))
        trial = trial->next;
    if (trial != NULL)
        return trial;
    uint32_t member, role;
    struct af_script *script = af_node_party_script(party, reload->flow, &member, &role, why);
    if (script == NULL)
        return NULL;
    af_script_set_owner(script, af_migration_call, NULL);
    trial = af_mem_zero(1, sizeof *trial);
    *trial = (struct trial){reload->trials, script, party, member};
    reload->trials = trial;
    return trial;
}

/* Whether it may be another than its trial was of. One that is broken does not run; whether it has
 * in between is not known. */
static bool has_moved(const struct move *move)
{
    const struct af_party_run *run = move->party->run;
    return run == NULL ? move->reload->phase == MIGRATING : af_party_run_seq(run) != move->kept.seq;
}

static void go_to_next(struct move *move)
{
    move->tried = move->reload->round;
    move->reload->at++;
    migrate_next(move->reload);
}

static void tried(void *arg, const struct af_reload_result *result, const char *why)
{
    struct move *move = arg;
    if (move->reload->tells)
        return;
    if (why != NULL && move->reload->phase == TRYING &&
        (has_moved(move) || has_ended(move->party))) {
        /* of what it is no more: it comes again, or not at all */
        go_to_next(move);
        return;
    }
    if (why != NULL) {
        refuse_party(move->reload, move, why);
        return;
    }
    if (result->begins && move->trial_of != move->party) {
        /* how long its `after` is may depend on its task */
        move->alone = true;
        migrate(move);
        return;
    }
    move->result = *result;
    go_to_next(move);
}

static void take_row(void *arg, const struct af_store_party *row)
{
    struct move *move = arg;
    move->kept = af_store_party_copy(&move->reload->arena, row);
}

static void migrate(struct move *move)
{
    struct af_node_reload *reload = move->reload;
    struct af_node *node = reload->node;
    struct af_failure why = AF_FAILURE_INIT;
    struct trial *trial = NULL;
    char text[AF_FAILURE_TEXT_MAX + 300];
    move_release(move); /* of a first try */
    move->script =
        af_node_party_script(move->party, reload->flow, &move->member, &move->role, &why);
    if (move->script == NULL || (trial = find_trial(move, &why)) == NULL ||
        af_store_read(node->store, move->kept.id, take_row, move, &why) != 0) {
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        refuse_party(reload, move, text);
        return;
    }
    move->is_new = move->kept.state == NULL;
    if (move->is_new) {
        go_to_next(move);
        return;
    }
    if (reload->how.back) {
        uint32_t member, role;
        if (move->party->flow != NULL && move->party->flow->loaded)
            move->back = af_node_party_script(move->party, move->party->flow, &member, &role, &why);
        if (move->back == NULL) {
            refuse_party(reload, move, "the version that it runs is not there");
            return;
        }
        af_script_set_owner(move->back, af_migration_call, NULL);
    }
    move->trial_of = trial->party;
    const struct af_node_flow *runs = move->party->flow;
    struct af_reload_spec spec = {.script = trial->script,
                                  .back = move->back,
                                  .back_member = move->member,
                                  .store = node->store,
                                  .party = &move->kept,
                                  .role = move->party->about.role,
                                  .version = move->version,
                                  .old = runs != NULL && runs->loaded ? af_worker_flow(runs->worker)
                                                                      : NULL,
                                  .member = trial->member,
                                  .now_ns = af_loop_wall_ns(node->loop),
                                  .loop = node->loop,
                                  .arg = move,
                                  .done = tried};
    move->try = af_reload_begin(&spec);
}

static void pause_all(struct af_node_reload *reload);

static bool needs_trial(const struct move *move)
{
    const struct af_node_reload *reload = move->reload;
    if (reload->phase == TRYING && has_ended(move->party))
        return false;
    return move->tried == 0 || (move->tried < reload->round && has_moved(move));
}

static void finish(struct af_node_reload *reload)
{
    if (!reload->how.dry_run) {
        swap(reload);
        return;
    }
    keep_results(reload);
    for (size_t i = 0; i < reload->count; i++)
        if (reload->moves[i].party->run != NULL)
            af_party_run_pause(reload->moves[i].party->run, false);
    tell_done(reload);
}

/* All have had their trial. */
static void end_round(struct af_node_reload *reload)
{
    size_t again = 0;
    if (reload->phase == MIGRATING) {
        finish(reload);
        return;
    }
    reload->round++;
    for (size_t i = 0; i < reload->count; i++)
        again += needs_trial(&reload->moves[i]);
    reload->at = 0;
    if (again > AF_NODE_RELOAD_FEW && reload->round <= AF_NODE_RELOAD_ROUNDS)
        migrate_next(reload);
    else
        pause_all(reload);
}

static void migrate_next(struct af_node_reload *reload)
{
    while (reload->at < reload->count && !needs_trial(&reload->moves[reload->at]))
        reload->at++;
    if (reload->at < reload->count)
        migrate(&reload->moves[reload->at]);
    else
        end_round(reload);
}

/* ---- Pausing. ---- */

static bool is_quiet(struct move *move)
{
    struct af_node_party *party = move->party;
    const struct af_node_reload_how *how = &move->reload->how;
    if (party->phase == AF_NODE_BROKEN)
        return true;
    if (party->phase != AF_NODE_RUNNING)
        return false;
    if (move->paused_ns == 0) {
        af_party_run_pause(party->run, true);
        move->paused_ns = af_loop_machine_ns(party->node->loop);
    }
    return af_party_run_is_quiet(party->run) ||
           (how->restart_waiting &&
            af_script_party_where(af_party_script(af_party_run_party(party->run)))[0] != '\0');
}

static void drop_ended(struct af_node_reload *reload)
{
    size_t kept = 0;
    for (size_t i = 0; i < reload->count; i++)
        if (has_ended(reload->moves[i].party)) {
            move_release(&reload->moves[i]);
            reload->moves[i].party->reloads = false;
        } else {
            reload->moves[kept++] = reload->moves[i];
        }
    reload->count = kept;
}

/* The first that is not quiet, or NULL. */
static struct move *busy_one(struct af_node_reload *reload)
{
    struct move *busy = NULL;
    for (size_t i = 0; i < reload->count; i++)
        if (!is_quiet(&reload->moves[i]) && busy == NULL)
            busy = &reload->moves[i];
    return busy;
}

static void look(void *arg)
{
    struct af_node_reload *reload = arg;
    reload->timer = NULL;
    drop_ended(reload);
    struct move *busy = busy_one(reload);
    if (busy == NULL) {
        reload->phase = MIGRATING;
        migrate_next(reload);
    } else if (af_loop_now_ns(reload->node->loop) < reload->until_ns) {
        reload->timer = af_timer_start(reload->node->loop, look_ns, look, reload);
    } else {
        struct af_buf text = AF_BUF_EMPTY;
        reload->busy = busy->party;
        if (busy->party->run != NULL)
            af_party_run_describe(busy->party->run, &text);
        af_buf_append_string(&text,
                             "; give it more time (--wait), or run the handler again from its "
                             "event in the new version (--restart-waiting)");
        refuse_party(reload, busy, af_buf_text(&text));
        af_buf_release(&text);
    }
}

/* ---- The flow is loaded. ---- */

static bool concerns(const struct af_node_reload *reload, const struct af_node_party *party)
{
    return party->kept.id > 0 && party->about.file != NULL && !has_ended(party) &&
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
        reload->moves[reload->count++] = (struct move){
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
    for (size_t i = 0; i < reload->count; i++) {
        const struct af_node_flow *flow = reload->moves[i].party->flow;
        if (flow != NULL && flow->loaded &&
            af_reload_compare(af_worker_flow(flow->worker), new, reload->file, &rules, why) != 0)
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
    reload->phase = TRYING;
    reload->round = 1;
    migrate_next(reload);
}

/* Parties may have come meanwhile. */
static void pause_all(struct af_node_reload *reload)
{
    if (!is_fit(reload))
        return;
    reload->phase = PAUSING;
    reload->until_ns = af_loop_now_ns(reload->node->loop) + reload->how.wait_ns;
    look(reload);
}

void af_node_reload_loaded(struct af_node_flow *flow, const struct af_failure *why)
{
    struct af_node_reload *reload = flow->node->reload;
    if (reload == NULL || reload->flow != flow || reload->phase != LOADING || reload->tells)
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
    af_timer_cancel(reload->timer);
    af_loop_unpost(node->loop, begin, reload);
    af_loop_unpost(node->loop, dispose, reload);
    dispose(reload);
}
