/* trial.c: one party of a reload. Its snapshot, as its last step left it, is brought to the new
 * version on a copy while it runs on; what came of it is written beside its row, and the instance
 * that it would go over to is made. */
#include "node/reload.h"

#include "base/kill_point.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "trace/contract.h"
#include "trace/veil.h"
#include "worker/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool try_one(struct af_node_move *move);

/* ---- Scripts. ---- */

void af_node_move_release(struct af_node_move *move)
{
    af_reload_free(move->try);
    move->try = NULL;
    free(move->deferred);
    move->deferred = NULL;
    if (move->fresh != NULL)
        af_script_party_free(move->fresh);
    move->fresh = NULL;
    struct af_script **scripts[] = {&move->script, &move->back};
    for (int i = 0; i < 2; i++) {
        if (*scripts[i] != NULL)
            af_script_free(*scripts[i]);
        *scripts[i] = NULL;
    }
    af_node_flow_drop(move->runs);
    move->runs = NULL;
}

void af_node_trials_free(struct af_node_reload *reload)
{
    while (reload->trials != NULL) {
        struct af_node_trial *trial = reload->trials;
        reload->trials = trial->next;
        af_script_free(trial->script);
        free(trial);
    }
}

static bool same_args(const struct af_party_about *left, const struct af_party_about *right)
{
    bool same = left->arg_count == right->arg_count;
    for (size_t i = 0; i < left->arg_count && same; i++)
        same = strcmp(left->args[i].name, right->args[i].name) == 0 &&
               strcmp(left->args[i].value, right->args[i].value) == 0;
    return same;
}

/* A script in which the party's snapshot can be tried; NULL with *why filled. */
static struct af_node_trial *find_trial(struct af_node_move *move, struct af_failure *why)
{
    struct af_node_reload *reload = move->reload;
    const struct af_node_party *party = move->party;
    struct af_node_trial *trial = reload->trials;
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
    *trial = (struct af_node_trial){reload->trials, script, party, member};
    reload->trials = trial;
    return trial;
}

/* ---- Which. ---- */

bool af_node_move_runs(const struct af_node_move *move)
{
    return move->of != NULL && move->party->run == move->of &&
           move->party->run_number == move->of_number;
}

/* Whether it may be another than its trial was of. One that is broken does not run; it may have in
 * between, unless it was tried for the last time as it stood in the store, and did not run since.
 */
static bool has_moved(const struct af_node_move *move)
{
    const struct af_party_run *run = move->party->run;
    if (run == NULL)
        return move->reload->phase > AF_RELOAD_TRYING &&
               (!move->tried_last || move->of != NULL ||
                move->of_number != move->party->run_number);
    if (move->tried_last && af_node_move_runs(move))
        return false; /* it stands since then: at most its operator has had it pause, or go on */
    return af_party_run_seq(run) != move->kept.seq ||
           (move->fresh != NULL && !af_node_move_runs(move));
}

bool af_node_trial_needed(const struct af_node_move *move)
{
    return !af_node_party_has_ended(move->party) && (!move->tried || has_moved(move));
}

/* Whether it can be tried: for the last time only what stands, or does not run. One that moves
 * while others are tried so is stopped before the next round. */
static bool may_try(const struct af_node_move *move)
{
    return move->reload->phase < AF_RELOAD_MIGRATING || move->party->stands ||
           move->party->phase != AF_NODE_RUNNING;
}

static void try_next(struct af_node_reload *reload)
{
    while (reload->at < reload->count) {
        struct af_node_move *move = &reload->moves[reload->at];
        if (may_try(move) && af_node_trial_needed(move) && !try_one(move))
            return; /* it goes on once that is over; or is refused */
        reload->at++;
    }
    reload->tried(reload);
}

void af_node_trials(struct af_node_reload *reload)
{
    reload->at = 0;
    try_next(reload);
}

static void note(struct af_node_move *move, bool tried)
{
    move->tried = tried;
    move->tried_last = tried && move->reload->phase > AF_RELOAD_TRYING;
}

static void go_to_next(struct af_node_reload *reload)
{
    reload->at++;
    try_next(reload);
}

/* ---- What came of it. ---- */

struct af_store_swap af_node_trial_swap(struct af_node_move *move)
{
    struct af_node_reload *reload = move->reload;
    struct af_party_about about = move->party->about;
    struct af_buf text = AF_BUF_EMPTY;
    char versions[64];
    about.version = af_worker_flow(reload->flow->worker)->version;
    about.hash = af_worker_file(reload->flow->worker)->hash;
    af_party_about_write(&about, &text);
    snprintf(versions, sizeof versions, "%lld to %lld", (long long)move->version,
             (long long)about.version);
    struct af_store_swap swap = {.party = move->kept.id,
                                 .seq = move->kept.seq,
                                 .about = af_arena_string(&reload->arena, af_buf_text(&text)),
                                 .code = reload->flow->hash,
                                 .state = move->result.state,
                                 .data = move->result.data,
                                 .data_len = move->result.data_len,
                                 .timers = move->result.timers,
                                 .seals = move->hides,
                                 .versions = af_arena_string(&reload->arena, versions),
                                 .data_hash = move->data_hash,
                                 .time_ns = af_loop_wall_ns(reload->node->loop)};
    af_buf_release(&text);
    return swap;
}

static void staged(void *arg)
{
    struct af_node_reload *reload = arg;
    reload->staging--;
}

/* Writes it beside the party's row. */
static int stage(struct af_node_move *move, struct af_failure *why)
{
    struct af_node_reload *reload = move->reload;
    if (move->hides && af_store_may_keep(reload->node->store, why) != 0)
        return -1;
    struct af_store_swap swap = af_node_trial_swap(move);
    af_store_stage(reload->node->store, &swap, staged, reload);
    reload->staging++;
    move->staged = true;
    return 0;
}

/* The instance that it goes over to, where it runs. */
static int make_fresh(struct af_node_move *move, struct af_failure *why)
{
    const struct af_flow *flow = af_worker_flow(move->reload->flow->worker);
    int state = af_flow_find_state(&flow->roles[move->role], move->result.state);
    move->fresh = af_script_party_new(move->script, move->member, move->kept.seed,
                                      (void *)af_party_run_party(move->of), why);
    return move->fresh == NULL ? -1
                               : af_script_party_restore(move->fresh, state, move->result.data,
                                                         move->result.data_len, why);
}

/* Whether it was taken; else the reload is refused. */
static bool take_result(struct af_node_move *move)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_reload *reload = move->reload;
    const struct af_reload_result *result = &move->result;
    move->data_hides = af_veil_in_data(result->data, result->data_len);
    move->hides = move->data_hides || reload->flow_hides;
    move->data_hash = af_veil_hash(af_veil_key(move->kept.seed), result->data, result->data_len);
    if (!reload->how.dry_run &&
        ((move->of != NULL && !move->is_new && make_fresh(move, &why) != 0) ||
         (reload->phase == AF_RELOAD_TRYING && stage(move, &why) != 0))) {
        char text[AF_FAILURE_TEXT_MAX + 300];
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        move->reload->refuse(move, text);
        return false;
    }
    note(move, true);
    return true;
}

static void tried(void *arg, const struct af_reload_result *result, const char *why)
{
    struct af_node_move *move = arg;
    if (move->reload->tells)
        return;
    /* then its operator may have had it pause, or go on, but it is what it was */
    bool stands = move->party->stands && af_node_move_runs(move);
    if (af_node_party_has_ended(move->party) || (why != NULL && !stands && has_moved(move))) {
        /* of what it is no more: it comes again, or not at all */
        note(move, false);
        go_to_next(move->reload);
        return;
    }
    if (!af_node_move_runs(move))
        move->of = NULL; /* it was freed meanwhile, and the party goes over from the store */
    if (why != NULL) {
        move->reload->refuse(move, why);
        return;
    }
    if (result->begins && move->with != move->party) {
        /* how long its `after` is may depend on its task */
        move->alone = true;
        try_one(move);
        return;
    }
    move->result = *result;
    if (take_result(move))
        go_to_next(move->reload);
}

/* ---- A trial. ---- */

static void take_row(void *arg, const struct af_store_party *row)
{
    struct af_node_move *move = arg;
    move->kept = af_store_party_copy(&move->reload->arena, row);
}

static void list_deferred(struct af_node_move *move)
{
    const struct af_party *party = af_party_run_party(move->of);
    size_t queued = af_party_queued(party), count = af_party_deferred(party);
    struct af_arena *arena = &move->reload->arena;
    move->deferred = af_mem_zero(count + 1, sizeof *move->deferred);
    for (size_t i = 0; i < count; i++) {
        const struct af_contract *contract = af_party_waiting_contract(party, queued + i);
        move->deferred[i] = (struct af_migration_deferred){
            af_arena_copy(arena, contract->type, contract->type_len),
            af_arena_copy(arena, contract->content, contract->content_len), contract->type_len,
            contract->content_len};
    }
}

/* The party as its last step left it: where it runs, and no handler is under way, from memory; else
 * from the store, for the last time with what is on its way there, as of one that has just broken.
 */
static int take_snapshot(struct af_node_move *move, struct af_failure *why)
{
    struct af_node_party *party = move->party;
    move->of = NULL;
    move->of_number = party->run_number;
    if (party->phase == AF_NODE_RUNNING &&
        af_party_run_snapshot(party->run, &move->reload->arena, &move->kept)) {
        move->of = party->run;
        list_deferred(move);
        return 0;
    }
    if (move->reload->phase > AF_RELOAD_TRYING && af_store_flush(party->node->store, why) != 0)
        return -1;
    return af_store_read(party->node->store, party->kept.id, take_row, move, why);
}

/* The script of what it runs, from which it goes back; -1: it is not there. */
static int find_back(struct af_node_move *move)
{
    struct af_failure why = AF_FAILURE_INIT;
    uint32_t member, role;
    if (!move->reload->how.back)
        return 0;
    if (move->runs != NULL && move->runs->loaded)
        move->back = af_node_party_script(move->party, move->runs, &member, &role, &why);
    if (move->back == NULL)
        return -1;
    af_script_set_owner(move->back, af_migration_call, NULL);
    return 0;
}

static void migrate(struct af_node_move *move, const struct af_node_trial *trial)
{
    struct af_node *node = move->reload->node;
    const struct af_node_flow *runs = move->runs;
    const struct af_party *of = move->of == NULL ? NULL : af_party_run_party(move->of);
    const char *role = af_arena_string(&move->reload->arena, move->party->about.role);
    struct af_reload_spec spec = {.script = trial->script,
                                  .back = move->back,
                                  .back_member = move->member,
                                  .party = &move->kept,
                                  .store = of == NULL ? node->store : NULL,
                                  .deferred = move->deferred,
                                  .deferred_count = of == NULL ? 0 : af_party_deferred(of),
                                  .role = role,
                                  .version = move->version,
                                  .old = runs != NULL && runs->loaded ? af_worker_flow(runs->worker)
                                                                      : NULL,
                                  .member = trial->member,
                                  .now_ns = af_loop_wall_ns(node->loop),
                                  .loop = node->loop,
                                  .arg = move,
                                  .done = tried};
    move->with = trial->party;
    move->try = af_reload_begin(&spec);
}

/* Whether it is over at once, and well. */
static bool try_one(struct af_node_move *move)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_trial *trial = NULL;
    char text[AF_FAILURE_TEXT_MAX + 300];
    af_kill_point(move->reload->phase == AF_RELOAD_TRYING ? "reload-try" : "reload-again");
    af_node_move_release(move); /* of a first try */
    move->runs = af_node_flow_share(move->party->flow);
    move->staged = false;
    move->script =
        af_node_party_script(move->party, move->reload->flow, &move->member, &move->role, &why);
    if (move->script == NULL || (trial = find_trial(move, &why)) == NULL ||
        take_snapshot(move, &why) != 0) {
        snprintf(text, sizeof text, "%s: %s", why.what, why.why);
        move->reload->refuse(move, text);
        return false;
    }
    move->is_new = move->kept.state == NULL;
    if (move->is_new) {
        move->result = (struct af_reload_result){
            .data = move->kept.data, .data_len = move->kept.data_len, .timers = move->kept.timers};
        return take_result(move);
    }
    if (find_back(move) != 0)
        move->reload->refuse(move, "the version that it runs is not there");
    else
        migrate(move, trial);
    return false;
}
