/* sim.c: see sim.h. */
#include "sim/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "trace/veil.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcome_words[] = {"ok", "failed", "stuck", "until", "interrupted"};

const char *af_sim_outcome_word(enum af_sim_outcome outcome)
{
    return outcome_words[outcome];
}

/* ---- Making it. ---- */

static int64_t parties_of(const struct af_sim *sim, const struct af_flow_role *role)
{
    for (size_t i = 0; i < sim->options->party_count; i++)
        if (strcmp(sim->options->parties[i].role, role->name) == 0)
            return sim->options->parties[i].count;
    return (int64_t)role->mock_count;
}

/* Roles that exist; a script has none. */
static int check_spans(const struct af_sim *sim, const struct af_role_span *spans, size_t count,
                       const char *option, struct af_failure *why)
{
    for (size_t i = 0; i < count; i++) {
        if (spans[i].role == NULL)
            continue;
        if (sim->flow == NULL)
            return af_failure_set(why, AF_FAILURE_USAGE, option,
                                  "a sequential script has no roles");
        if (af_flow_find_role(sim->flow, spans[i].role) < 0)
            return af_flow_refuse_role(sim->flow, spans[i].role, option, why);
    }
    return 0;
}

static int check_roles(const struct af_sim *sim, struct af_failure *why)
{
    const struct af_sim_options *options = sim->options;
    for (size_t i = 0; i < options->party_count; i++)
        if (af_flow_find_role(sim->flow, options->parties[i].role) < 0)
            return af_flow_refuse_role(sim->flow, options->parties[i].role, "--parties", why);
    const struct af_fault_wish *crashes = &options->faults.wishes[AF_FAULT_CRASH];
    for (size_t i = 0; i < crashes->role_count; i++)
        if (af_flow_find_role(sim->flow, crashes->roles[i].role) < 0)
            return af_flow_refuse_role(sim->flow, crashes->roles[i].role, "--crash", why);
    return check_spans(sim, options->faults.works, options->faults.work_count, "--work", why) != 0
               ? -1
               : check_spans(sim, options->faults.rates, options->faults.rate_count, "--bandwidth",
                             why);
}

/* Those that the options name, in the order of the flow's roles. */
static int name_members(struct af_sim *sim, struct af_script_member *members, size_t *count,
                        struct af_failure *why)
{
    const struct af_sim_options *options = sim->options;
    for (size_t i = 0; i < options->member_count; i++)
        if (af_flow_find_role(sim->flow, options->members[i].role) < 0)
            return af_flow_refuse_role(sim->flow, options->members[i].role, sim->name, why);
    for (uint32_t role = 0; role < sim->flow->role_count; role++)
        for (size_t i = 0; i < options->member_count; i++)
            if (strcmp(options->members[i].role, sim->flow->roles[role].name) == 0)
                members[(*count)++] =
                    (struct af_script_member){af_sim_node(sim, options->members[i].id)->id, role};
    return 0;
}

/* The flow's members: role by role, <role>-1 … <role>-N. */
static int make_members(struct af_sim *sim, struct af_failure *why)
{
    char id[128];
    struct af_script_member *members = NULL;
    size_t count = 0, cap = 0;
    af_mem_reserve(&members, &cap, sim->options->member_count + 1, sizeof *members);
    int result = name_members(sim, members, &count, why);
    bool named = sim->options->member_count > 0;
    for (uint32_t role = 0; !named && role < sim->flow->role_count; role++) {
        int64_t wanted = parties_of(sim, &sim->flow->roles[role]);
        for (int64_t k = 1; k <= wanted && count < AF_PARTIES_MAX; k++) {
            snprintf(id, sizeof id, "%s-%lld", sim->flow->roles[role].name, (long long)k);
            af_mem_reserve(&members, &cap, count + 1, sizeof *members);
            members[count++] = (struct af_script_member){af_sim_node(sim, id)->id, role};
        }
    }
    if (result == 0 && count == 0)
        result = af_failure_set(why, AF_FAILURE_USAGE, "--parties", "the run has no party");
    else if (count >= AF_PARTIES_MAX)
        result = af_failure_set(why, AF_FAILURE_USAGE, "--parties", "a run has at most %d parties",
                                AF_PARTIES_MAX);
    else if (result == 0)
        result = af_script_set_task(sim->scripts[0], sim->task, members, count, sim->options->args,
                                    sim->options->arg_count, why);
    free(members);
    return result;
}

static double crash_probability(const struct af_sim *sim, const char *role)
{
    const struct af_fault_wish *crashes = &sim->options->faults.wishes[AF_FAULT_CRASH];
    for (size_t i = 0; i < crashes->role_count; i++)
        if (strcmp(crashes->roles[i].role, role) == 0)
            return crashes->roles[i].probability;
    return 0;
}

/* Who begins anew after a crash sends again what it has sent; a duplicate has a uuid of its own. */
static bool sends_again(const struct af_flow *flow)
{
    bool any = false;
    for (size_t i = 0; i < flow->role_count; i++)
        any = any || flow->roles[i].sequential;
    return any;
}

static int make_party(struct af_sim *sim, uint32_t member, struct af_failure *why)
{
    size_t count;
    const struct af_script_member *members = af_script_members(sim->scripts[0], &count);
    struct af_sim_node *node = sim->nodes[member];
    uint32_t role = members[member].role;
    if (sim->options->alone != NULL && strcmp(sim->options->alone, node->id) != 0)
        return 0;
    node->settled = false;
    node->crash = crash_probability(sim, sim->flow->roles[role].name);
    sim->unsettled++;
    if (sim->flow->roles[role].sequential)
        return af_sim_sequential_new(sim, sim->scripts[0], member, node, why);
    struct af_party_spec spec = {.owner = &sim->owner,
                                 .loop = sim->loop,
                                 .trace = sim->trace,
                                 .script = sim->scripts[0],
                                 .id = node->id,
                                 .task = sim->task,
                                 .member = member,
                                 .role = role,
                                 .seed = af_party_seed(sim->options->seed, node->id),
                                 .fixed = sim->options->schedule != NULL,
                                 .once = !sends_again(sim->flow),
                                 .user = node};
    node->party = af_party_new(&spec, why);
    return node->party == NULL ? -1 : 0;
}

static int make_flow(struct af_sim *sim, struct af_failure *why)
{
    size_t count;
    if (check_roles(sim, why) != 0 || make_members(sim, why) != 0)
        return -1;
    af_script_members(sim->scripts[0], &count);
    for (uint32_t i = 0; i < count; i++)
        if (make_party(sim, i, why) != 0)
            return -1;
    for (uint32_t i = 0; i < sim->flow->role_count; i++)
        if (sim->flow->roles[i].sequential && !sim->options->quiet)
            af_log(AF_LOG_WARNING,
                   "role '%s' is a plain function: after a crash it starts again from its first "
                   "line, and it cannot be reloaded in the middle",
                   sim->flow->roles[i].name);
    return 0;
}

/* A script is a party of its own: it is named after its file until a mock context names it. */
static int make_scripts(struct af_sim *sim, struct af_failure *why)
{
    const struct af_sim_options *options = sim->options;
    const char *of_roles = options->party_count > 0 ? "parties" : NULL;
    for (enum af_fault i = 0; i < AF_FAULTS && of_roles == NULL; i++)
        if (options->faults.wishes[i].role_count > 0)
            of_roles = af_schedule_fault_word(i);
    if (of_roles != NULL) {
        char option[40];
        snprintf(option, sizeof option, "--%s", of_roles);
        return af_failure_set(why, AF_FAILURE_USAGE, option, "a sequential script has no roles");
    }
    if (check_spans(sim, options->faults.works, options->faults.work_count, "--work", why) != 0 ||
        check_spans(sim, options->faults.rates, options->faults.rate_count, "--bandwidth", why) !=
            0)
        return -1;
    for (size_t i = 0; i < sim->script_count; i++) {
        struct af_script *script = sim->scripts[i];
        char id[200];
        snprintf(id, sizeof id, "%s", af_script_file(script)->name);
        char *dot = strrchr(id, '.');
        if (dot != NULL && dot != id)
            *dot = '\0';
        if (af_sim_find_node(sim, id) != NULL)
            snprintf(id + strlen(id), sizeof id - strlen(id), "-%zu", i + 1);
        struct af_script_member member = {id, 0};
        if (af_script_set_task(script, sim->task, &member, 1, sim->options->args,
                               sim->options->arg_count, why) != 0)
            return -1;
        struct af_sim_node *node = af_sim_node(sim, id);
        node->settled = false;
        sim->unsettled++;
        if (af_sim_sequential_new(sim, script, 0, node, why) != 0)
            return -1;
    }
    return 0;
}

static int load_files(struct af_sim *sim, struct af_buf *name, struct af_failure *why)
{
    const struct af_sim_options *options = sim->options;
    sim->scripts = af_mem_zero(options->path_count + 1, sizeof(struct af_script *));
    for (size_t i = 0; i < options->path_count; i++) {
        struct af_script *script = af_script_load(options->paths[i], why);
        if (script == NULL)
            return -1;
        sim->scripts[sim->script_count++] = script;
        af_script_set_owner(script, af_sim_call, sim);
        const struct af_flow *flow = af_script_flow(script);
        af_script_simulate(script);
        af_script_veil(script, af_sim_veil(sim));
        af_trace_veil(sim->trace, af_sim_veil(sim), flow);
        if (flow != NULL && options->path_count > 1)
            return af_failure_set(why, AF_FAILURE_USAGE, options->paths[i],
                                  "is a flow; with --mock it stands alone, only sequential scripts "
                                  "run together");
        if (flow != NULL && options->needs_mock)
            return af_failure_set(why, AF_FAILURE_USAGE, options->paths[i],
                                  "is a flow; simulate it with --mock");
        sim->flow = flow;
        if (i > 0)
            af_buf_append_char(name, '+');
        af_buf_append_string(name, flow != NULL ? flow->name : af_script_file(script)->name);
    }
    if (sim->flow == NULL && options->needs_mock && options->path_count > 1)
        return af_failure_set(why, AF_FAILURE_USAGE, options->paths[1],
                              "several scripts run together with --mock only");
    if (sim->flow == NULL && options->path_count == 1)
        sim->fault_options.fifo = true; /* alone, a script finds its contracts in the order sent */
    return 0;
}

static const char *node_name(void *arg, uint32_t node)
{
    return ((struct af_sim *)arg)->nodes[node]->id;
}

static bool node_lost(void *arg, uint32_t node)
{
    const struct af_party *party = ((struct af_sim *)arg)->nodes[node]->party;
    return party != NULL && af_party_status(party) == AF_PARTY_LOST;
}

static void node_arrive(void *arg, uint32_t from, uint32_t number,
                        struct af_contract *contract_take)
{
    struct af_sim *sim = arg;
    struct af_sim_node *node = sim->nodes[number];
    if (sim->node_count <= AF_SIM_HEARD_MAX)
        sim->heard[number * AF_SIM_HEARD_MAX + from] = true;
    if (node->party != NULL)
        af_party_receive(node->party, contract_take);
    else
        af_sim_mail(sim, number, contract_take);
}

static void node_fault(void *arg, uint32_t node, struct af_contract *contract, bool copied)
{
    af_sim_watch_fault(arg, copied ? AF_HAPPENS_DUPLICATE : AF_HAPPENS_DROP, node, contract);
}

struct af_sim *af_sim_new(const struct af_sim_options *options, struct af_trace *trace,
                          struct af_failure *why)
{
    struct af_sim *sim = af_mem_zero(1, sizeof *sim);
    sim->options = options;
    sim->trace = trace;
    sim->task = af_mem_string("mock-task");
    sim->loop = af_loop_sim_new();
    sim->store = af_file_store_new();
    sim->heard = af_mem_zero((size_t)AF_SIM_HEARD_MAX * AF_SIM_HEARD_MAX, sizeof *sim->heard);
    sim->fault_options = options->faults;
    af_faults_init(&sim->faults, &sim->fault_options, options->seed);
    struct af_bus_mock_owner owner = {sim, node_arrive, node_name, node_lost, node_fault};
    sim->bus = af_bus_mock_new(sim->loop, &sim->faults, trace, &owner);
    af_sim_parties_own(sim);
    af_sim_boxes_begin(sim);
    struct af_buf name = AF_BUF_EMPTY;
    int loaded = load_files(sim, &name, why);
    sim->name = af_buf_take(&name);
    if (loaded == 0 && (sim->flow != NULL ? make_flow(sim, why) : make_scripts(sim, why)) == 0 &&
        af_sim_upgrade_load(sim, why) == 0 && af_sim_schedule_begin(sim, why) == 0)
        return sim;
    af_sim_free(sim);
    return NULL;
}

void af_sim_free(struct af_sim *sim)
{
    if (sim == NULL)
        return;
    af_sim_jobs_withdraw(sim, NULL);
    for (size_t i = 0; i < sim->sequential_count; i++)
        af_sim_sequential_free(sim->sequentials[i]);
    for (size_t i = 0; i < sim->node_count; i++) {
        af_party_free(sim->nodes[i]->party);
        free(sim->nodes[i]->id);
        free(sim->nodes[i]);
    }
    af_boxes_release(&sim->boxes);
    af_sim_cuts_free(sim);
    af_sim_watch_free(sim);
    af_bus_mock_free(sim->bus);
    for (size_t i = 0; i < sim->script_count; i++)
        af_script_free(sim->scripts[i]);
    for (size_t i = 0; i < sim->interned_count; i++)
        free(sim->interned[i]);
    af_loop_free(sim->loop);
    af_file_store_free(sim->store);
    af_sim_findings_free(sim->findings, sim->finding_count);
    free(sim->heard);
    free(sim->scripts);
    free(sim->sequentials);
    free(sim->nodes);
    free(sim->index);
    free(sim->interned);
    free(sim->name);
    free(sim->task);
    free(sim);
}

void af_sim_on_step(struct af_sim *sim, af_sim_step_fn *fn, void *arg)
{
    sim->on_step = fn;
    sim->on_step_arg = arg;
}

/* ---- The trace's ends. ---- */

static void write_schedule(struct af_sim *sim)
{
    struct af_buf words = AF_BUF_EMPTY;
    if (sim->options->schedule == NULL)
        return;
    af_schedule_write(sim->options->schedule, &words);
    af_trace_json(sim->trace, "schedule", words.data, words.len);
    af_buf_release(&words);
}

static void write_header(struct af_sim *sim)
{
    struct af_trace *trace = sim->trace;
    struct af_buf files = AF_BUF_EMPTY, hashes = AF_BUF_EMPTY, parties = AF_BUF_EMPTY;
    if (trace == NULL)
        return;
    af_json_open(&files, '[');
    af_json_open(&hashes, '[');
    for (size_t i = 0; i < sim->script_count; i++) {
        const struct af_script_file *file = af_script_file(sim->scripts[i]);
        af_json_item(&files, file->name);
        af_json_item(&hashes, file->hash);
    }
    af_buf_append_char(&files, ']');
    af_buf_append_char(&hashes, ']');
    af_buf_append_char(&parties, '[');
    size_t count = 0;
    const struct af_script_member *members = af_script_members(sim->scripts[0], &count);
    for (size_t i = 0; sim->flow != NULL && i < count; i++) {
        af_json_open(&parties, '{');
        af_json_add_text(&parties, "id", members[i].id);
        af_json_add_text(&parties, "role", sim->flow->roles[members[i].role].name);
        af_buf_append_char(&parties, '}');
    }
    af_buf_append_char(&parties, ']');
    af_trace_begin(trace, 0, NULL);
    const struct af_schedule *schedule = sim->options->schedule;
    af_trace_integer(trace, "trace",
                     schedule == NULL            ? AF_TRACE_VERSION
                     : schedule->recalls_at_once ? AF_TRACE_VERSION_AT_ONCE
                                                 : AF_TRACE_VERSION_SCHEDULED);
    af_trace_string(trace, "flow", sim->name);
    af_trace_integer(trace, "version", sim->flow == NULL ? 0 : sim->flow->version);
    af_trace_json(trace, "file", files.data, files.len);
    af_trace_json(trace, "hash", hashes.data, hashes.len);
    af_trace_integer(trace, "seed", (int64_t)sim->options->seed);
    af_trace_json(trace, "options", sim->options->recorded, strlen(sim->options->recorded));
    write_schedule(sim);
    af_trace_json(trace, "parties", parties.data, parties.len);
    af_trace_end(trace);
    af_buf_release(&files);
    af_buf_release(&hashes);
    af_buf_release(&parties);
}

static void write_end(struct af_sim *sim, const struct af_sim_result *result)
{
    struct af_trace *trace = sim->trace;
    af_trace_begin(trace, af_loop_now_ns(sim->loop), "end");
    af_trace_string(trace, "outcome", outcome_words[result->outcome]);
    if (sim->finding_count > 0)
        af_trace_string(trace, "message", sim->findings[0].text);
    af_trace_end(trace);
}

/* ---- Running. ---- */

static void start_all(struct af_sim *sim)
{
    size_t count = sim->node_count;
    for (size_t i = 0; i < count; i++) {
        struct af_sim_node *node = sim->nodes[i];
        if (!af_sim_may_step(sim)) {
            sim->stopped = true;
            return;
        }
        sim->started = i + 1 == count;
        sim->steps++;
        if (node->party != NULL)
            af_party_start(node->party);
        else if (node->sequential != NULL)
            af_sim_sequential_start(node->sequential);
    }
}

static enum af_sim_outcome run_loop(struct af_sim *sim)
{
    int64_t instant_ns = 0, failed_ns = -1;
    uint64_t steps_at_instant = 0;
    for (;;) {
        if (sim->stopped)
            return AF_SIM_FAILED;
        if (sim->failed && failed_ns < 0)
            failed_ns = af_loop_now_ns(sim->loop);
        if (af_sim_is_over(sim))
            return sim->failed ? AF_SIM_FAILED : AF_SIM_OK;
        int64_t next_ns = af_loop_next_ns(sim->loop);
        if (next_ns < 0)
            return AF_SIM_STUCK;
        if (failed_ns >= 0 && next_ns - failed_ns > AF_SIM_AFTER_FINDING_NS)
            return AF_SIM_FAILED; /* parties that ask one that has failed again and again */
        if (next_ns > sim->options->until_ns)
            return AF_SIM_UNTIL;
        if (next_ns != instant_ns) {
            instant_ns = next_ns;
            steps_at_instant = 0;
        } else if (++steps_at_instant > AF_SIM_STEPS_AT_ONE_INSTANT_MAX) {
            af_sim_finding(sim, AF_SIM_NO_TIME, NULL,
                           "a million steps passed at one instant, %.9g s: the flow does "
                           "not move on in time",
                           (double)instant_ns / 1e9);
            return AF_SIM_FAILED;
        }
        if (sim->steps - sim->changed_at > AF_SIM_STEPS_UNCHANGED_MAX + 100 * sim->node_count) {
            af_sim_finding(sim, AF_SIM_NO_TIME, NULL,
                           "in %llu steps, up to %.9g s, no party's data have changed and none "
                           "has ended: they go on in a circle",
                           (unsigned long long)(sim->steps - sim->changed_at),
                           (double)next_ns / 1e9);
            return AF_SIM_FAILED;
        }
        if (!af_sim_may_step(sim))
            return AF_SIM_INTERRUPTED;
        sim->steps++;
        af_loop_step(sim->loop);
    }
}

static void count_parties(struct af_sim *sim, struct af_sim_result *result)
{
    for (size_t i = 0; i < sim->node_count; i++) {
        struct af_sim_node *node = sim->nodes[i];
        if (node->party == NULL)
            continue;
        result->parties++;
        enum af_party_status status = af_party_status(node->party);
        result->done += status == AF_PARTY_DONE;
        result->failed += status == AF_PARTY_FAILED;
        result->did[AF_FAULT_LOSE] += status == AF_PARTY_LOST;
        result->resting += af_party_rests(node->party);
        result->did[AF_FAULT_CRASH] += af_party_counts(node->party)->crashes;
        result->late += af_party_counts(node->party)->late;
    }
    for (size_t i = 0; i < sim->sequential_count; i++) {
        result->parties++;
        result->done += sim->sequentials[i]->run.ended && !sim->sequentials[i]->failed;
        result->failed += sim->sequentials[i]->failed;
    }
}

int af_sim_run(struct af_sim *sim, struct af_sim_result *result, struct af_failure *why)
{
    memset(result, 0, sizeof *result);
    write_header(sim);
    if (af_sim_cuts_start(sim, why) != 0)
        return -1;
    af_sim_upgrade_start(sim);
    af_sim_watch_begin(sim);
    start_all(sim);
    result->outcome = sim->options->schedule == NULL ? run_loop(sim) : af_sim_schedule_run(sim);
    if (result->outcome == AF_SIM_STUCK || af_sim_is_over(sim))
        af_sim_watch_end(sim, result->outcome == AF_SIM_STUCK ? "is stuck" : "has ended",
                         sim->watch.waiting);
    if (result->outcome == AF_SIM_OK && sim->failed)
        result->outcome = AF_SIM_FAILED;
    if (sim->why.kind != AF_FAILURE_NONE) {
        *why = sim->why;
        return -1;
    }
    if (result->outcome == AF_SIM_STUCK || result->outcome == AF_SIM_UNTIL) {
        if (result->outcome == AF_SIM_UNTIL && sim->options->schedule == NULL)
            af_sim_finding(sim, AF_SIM_NOT_OVER, NULL, "the run has not ended by --until %.9g s",
                           (double)sim->options->until_ns / 1e9);
        af_sim_name_stuck(sim, result->outcome == AF_SIM_STUCK);
    }
    write_end(sim, result);
    count_parties(sim, result);
    const struct af_bus_mock_counts *counts = af_bus_mock_counts(sim->bus);
    result->name = sim->name;
    result->messages = counts->messages;
    result->did[AF_FAULT_DROP] = counts->dropped;
    result->did[AF_FAULT_DUPLICATE] = counts->duplicated;
    result->held = counts->held;
    result->unexpected = sim->unexpected;
    result->steps = sim->steps;
    result->upgraded = sim->upgraded;
    result->virtual_ns = af_loop_now_ns(sim->loop);
    result->finding_count = sim->finding_count;
    result->findings_left_out = sim->findings_left_out;
    result->findings = sim->findings;
    sim->findings = NULL;
    sim->finding_count = sim->finding_cap = 0;
    return 0;
}

void af_sim_result_release(struct af_sim_result *result)
{
    af_sim_findings_free(result->findings, result->finding_count);
}

/* ---- Looking at it. ---- */

int64_t af_sim_now_ns(const struct af_sim *sim)
{
    return af_loop_now_ns(sim->loop);
}

uint64_t af_sim_steps(const struct af_sim *sim)
{
    return sim->steps;
}

size_t af_sim_party_count(const struct af_sim *sim)
{
    return sim->node_count;
}

struct af_party *af_sim_party(const struct af_sim *sim, size_t i)
{
    return sim->nodes[i]->party;
}

const char *af_sim_party_id(const struct af_sim *sim, size_t i)
{
    return sim->nodes[i]->id;
}

const char *af_sim_plain_word(const struct af_sim *sim, size_t i)
{
    const struct af_sim_sequential *plain = sim->nodes[i]->sequential;
    if (plain == NULL)
        return NULL;
    if (plain->run.ended)
        return plain->failed ? "failed" : "done";
    return plain->down ? "down" : "runs";
}

struct af_script *af_sim_script(const struct af_sim *sim, size_t i)
{
    return i < sim->script_count ? sim->scripts[i] : NULL;
}

size_t af_sim_find_party(const struct af_sim *sim, const char *id)
{
    const struct af_sim_node *node = af_sim_find_node(sim, id);
    return node == NULL ? sim->node_count : node->number;
}

bool af_sim_has_heard(const struct af_sim *sim, size_t i, size_t j)
{
    return i == j || sim->node_count > AF_SIM_HEARD_MAX || sim->heard[i * AF_SIM_HEARD_MAX + j];
}
