/* launch.c: from a request to a party: its flow is loaded, its nodes asked, its arguments
 * checked, and only then is it kept; a launch that fails has changed nothing. */
#include "node/impl.h"

#include "base/bounds.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "script/args.h"
#include "bus/members.h"
#include "script/request.h"
#include "trace/veil.h"
#include "worker/host.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_TRIES = 10 };

/* ---- Its end. ---- */

static void drop(void *arg)
{
    af_node_party_free(arg);
}

static void fail(struct af_node_party *party, const struct af_failure *why)
{
    if (party->phase == AF_NODE_DROPPED)
        return;
    party->phase = AF_NODE_DROPPED;
    party->asker.done(party->asker.arg, false, why);
    af_loop_post(party->node->loop, drop, party);
}

/* The launch itself waits, and is launched anew once it is approved. */
static void have_it_wait(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_node_ask(party, &why) != 0) {
        fail(party, &why);
        return;
    }
    party->phase = AF_NODE_DROPPED;
    party->asker.done(party->asker.arg, true, NULL);
    af_loop_post(party->node->loop, drop, party);
}

/* ---- Whether it may be. ---- */

/* Before anything is loaded, and again once its role is known; false: it has failed. */
static bool ask_rules(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (party->approved != NULL || party->is_let)
        return true;
    enum af_node_answer answer = af_node_launches_say(party, &why);
    party->asks = answer == AF_NODE_ASK;
    party->is_let = party->about.role != NULL;
    if (party->asks)
        af_node_asks_may(party, &why);
    if (why.kind != AF_FAILURE_NONE)
        fail(party, &why);
    return why.kind == AF_FAILURE_NONE;
}

/* Whether what is loaded is what the operator has seen. */
static bool is_approved(const struct af_node_party *party)
{
    return party->approved == NULL ? !party->asks : strcmp(party->approved, party->flow->hash) == 0;
}

/* ---- Keeping. ---- */

static void keep(struct af_node_party *party)
{
    struct af_node *node = party->node;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf about = AF_BUF_EMPTY;
    const struct af_flow *flow = af_worker_flow(party->flow->worker);
    party->about.version = flow->version;
    party->about.hash = af_arena_string(&party->arena, af_worker_file(party->flow->worker)->hash);
    af_party_about_write(&party->about, &about);
    struct af_store_party row = {.task = party->task,
                                 .node = node->options->node,
                                 .about = af_buf_text(&about),
                                 .data = "{}",
                                 .data_len = 2,
                                 .timers = "[]",
                                 .progress = -1,
                                 .made_ns = af_loop_wall_ns(node->loop),
                                 .since_ns = af_loop_wall_ns(node->loop),
                                 .seals = af_veil_in_flow(flow)};
    struct af_store_code code = af_node_flow_code(party->flow);
    row.code = code.hash;
    randombytes_buf(&row.seed, sizeof row.seed);
    row.id = af_store_keep_code(node->store, &code, &why) == 0
                 ? af_store_add(node->store, &row, &why)
                 : -1;
    if (row.id < 0) {
        fail(party, &why);
    } else {
        party->kept = af_store_party_copy(&party->arena, &row);
        party->asker.done(party->asker.arg, false, NULL);
        af_node_ask_over(node, party->task);
        af_node_log(node, party->task, "launched: %s, role %s", party->flow->file,
                    party->about.role);
        af_node_party_run(party);
    }
    af_buf_release(&about);
}

static void ask_members(struct af_node_party *party);

static void checked(void *arg, const struct af_failure *why)
{
    struct af_node_party *party = arg;
    if (party->phase == AF_NODE_DROPPED)
        return;
    if (why != NULL && why->kind == AF_FAILURE_FLOW && ++party->checks < CHECK_TRIES)
        af_worker_check_task(party->script, checked, party); /* the process died meanwhile */
    else if (why != NULL)
        fail(party, why);
    else if (!is_approved(party))
        have_it_wait(party); /* others are told of it once it is launched */
    else if (party->asks_members)
        ask_members(party);
    else
        keep(party);
}

static void check(struct af_node_party *party)
{
    struct af_failure why = AF_FAILURE_INIT;
    party->about.flow = af_arena_string(&party->arena, af_worker_flow(party->flow->worker)->name);
    if (af_node_party_prepare(party, &why) != 0)
        fail(party, &why);
    else
        af_worker_check_task(party->script, checked, party);
}

/* ---- Its nodes. ---- */

static void members_came(void *arg, const struct af_bus_result *result)
{
    struct af_node_party *party = arg;
    struct af_failure why = AF_FAILURE_INIT;
    if (result->code == AF_BUS_CANCELLED || party->phase == AF_NODE_DROPPED)
        return;
    if (result->code != AF_BUS_OK) {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, party->node->options->bus,
                       "does not tell the nodes of task '%s': %s", party->task, result->why);
        fail(party, &why);
        return;
    }
    const struct af_flow *flow = af_worker_flow(party->flow->worker);
    char whom[200];
    if (af_party_about_waits(flow, result, whom, sizeof whom)) {
        af_failure_set(&why, AF_FAILURE_TRANSPORT, party->task,
                       "%s; launch again when it is complete, or name its nodes by --peers", whom);
        fail(party, &why);
        return;
    }
    struct af_arena *arena = &party->arena;
    party->about.members = af_arena_alloc(arena, result->count * sizeof *party->about.members);
    party->about.member_count = result->count;
    for (size_t i = 0; i < result->count; i++) {
        uint32_t role = af_party_about_role(flow, &result->members[i]);
        party->about.members[i].id = af_arena_string(arena, result->members[i].node);
        party->about.members[i].role =
            role == AF_ROLE_UNKNOWN ? NULL : af_arena_string(arena, flow->roles[role].name);
        if (strcmp(result->members[i].node, party->node->options->node) != 0)
            continue;
        if (party->about.role == NULL)
            party->about.role = party->about.members[i].role;
        party->about.members[i].role = party->about.role;
    }
    if (party->about.role != NULL) {
        if (ask_rules(party))
            check(party);
        return;
    }
    af_failure_set(
        &why, AF_FAILURE_USAGE, party->task,
        "its list of nodes gives '%s' no role that the flow '%s' has; name one by --role",
        party->node->options->node, flow->name);
    fail(party, &why);
}

static void told_role(void *arg, const struct af_bus_result *result)
{
    (void)arg, (void)result; /* for others: it knows its peers */
}

/* The bus is told who we are, and asked for the task's nodes unless they were named. */
static void tell_members(struct af_node_party *party, af_bus_done_fn *done)
{
    const struct af_flow *flow = af_worker_flow(party->flow->worker);
    const char *node = party->node->options->node;
    int role = party->about.role == NULL ? -1 : af_flow_find_role(flow, party->about.role);
    struct af_bus_member self = role < 0 ? (struct af_bus_member){.node = node}
                                         : af_party_about_self(flow, node, (uint32_t)role);
    af_bus_members(party->node->bus, party->task, &self, done, party);
}

static void ask_members(struct af_node_party *party)
{
    if (party->script != NULL)
        af_script_free(party->script);
    party->script = NULL;
    party->asks_members = false;
    party->about.member_count = 0;
    tell_members(party, members_came);
}

/* Its role and arguments are looked at before others are waited for: as in a task of it alone. */
static void check_alone(struct af_node_party *party)
{
    party->about.members = af_arena_alloc(&party->arena, sizeof *party->about.members);
    party->about.members[0] =
        (struct af_about_member){party->node->options->node, party->about.role};
    party->about.member_count = 1;
    party->asks_members = true;
    check(party);
}

void af_node_launch_loaded(struct af_node_party *party, const struct af_failure *why)
{
    struct af_failure own = AF_FAILURE_INIT;
    const struct af_flow *flow = why == NULL ? af_worker_flow(party->flow->worker) : NULL;
    const char *role = party->about.role;
    if (why == NULL && role != NULL && af_flow_find_role(flow, role) < 0) {
        af_flow_refuse_role(flow, role, party->flow->file, &own);
        why = &own;
    }
    if (why != NULL) {
        fail(party, why);
    } else if (role == NULL) {
        ask_members(party);
    } else if (party->about.member_count == 0) {
        check_alone(party);
    } else {
        if (is_approved(party))
            tell_members(party, told_role);
        check(party);
    }
}

/* ---- The request: {"flow", "task", "role", "peers":["role=id"…], "args":["name=value"…]} ---- */

static int read_members(struct af_node_party *party, const struct af_request_field *texts,
                        struct af_failure *why)
{
    struct af_party_about *about = &party->about;
    struct af_bus_member_list list = {0};
    int result = 0;
    for (size_t i = 0; texts != NULL && i < texts->item_count && result == 0; i++)
        result = af_bus_members_read(&list, texts->items[i], why);
    party->names_peers = list.count > 0;
    about->members = af_arena_alloc(&party->arena, (list.count + 1) * sizeof *about->members);
    for (size_t i = 0; i < list.count; i++, about->member_count++) {
        about->members[i].id = af_arena_string(&party->arena, list.items[i].node);
        about->members[i].role = af_arena_string(&party->arena, list.items[i].role);
    }
    af_bus_members_release(&list);
    return result;
}

static int read_args(struct af_node_party *party, const struct af_request_field *texts,
                     struct af_failure *why)
{
    struct af_party_about *about = &party->about;
    struct af_script_arg_list list = {0};
    int result = 0;
    for (size_t i = 0; texts != NULL && i < texts->item_count && result == 0; i++)
        result = af_script_args_read(&list, texts->items[i], why);
    about->args = af_arena_alloc(&party->arena, (list.count + 1) * sizeof *about->args);
    for (size_t i = 0; i < list.count; i++, about->arg_count++) {
        about->args[i].name = af_arena_string(&party->arena, list.items[i].name);
        about->args[i].value = af_arena_string(&party->arena, list.items[i].value);
    }
    af_script_args_release(&list);
    return result;
}

/* What is refused is told under the field's name. */
static int read_lists(struct af_node_party *party, const struct af_request *request,
                      struct af_failure *why)
{
    struct af_failure wrong = AF_FAILURE_INIT;
    if (read_members(party, af_request_list(request, "peers"), &wrong) != 0)
        return af_failure_set(why, wrong.kind, "peers", "%s", wrong.why);
    if (read_args(party, af_request_list(request, "args"), &wrong) != 0)
        return af_failure_set(why, wrong.kind, "args", "%s", wrong.why);
    return 0;
}

static int check_words(struct af_node *node, const struct af_request *request,
                       struct af_failure *why)
{
    static const char *const needed[] = {"flow", "task", "role"};
    for (int i = 0; i < 3; i++) {
        const char *text = af_request_string(request, needed[i]);
        if (text == NULL && i == 2)
            continue; /* the task's list tells */
        if (text == NULL || text[0] == '\0' || strlen(text) > AF_BUS_ID_BYTES_MAX)
            return af_failure_set(why, AF_FAILURE_USAGE, needed[i], "is missing, or too long");
    }
    const char *task = af_request_string(request, "task");
    if (af_node_party_find(node, task) != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, task,
                              "has a party on this node already; a node runs one party of a task");
    return 0;
}

void af_node_launch(struct af_node *node, const struct af_node_launcher *launcher,
                    const struct af_request *request)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (check_words(node, request, &why) != 0) {
        launcher->asker.done(launcher->asker.arg, false, &why);
        return;
    }
    struct af_node_party *party = af_node_party_new(node, af_request_string(request, "task"));
    const char *role = af_request_string(request, "role");
    party->asker = launcher->asker;
    party->from = af_arena_string(&party->arena, launcher->from);
    party->approved = af_arena_string(&party->arena, launcher->hash);
    party->about.role = af_arena_string(&party->arena, role);
    char *file = af_node_flow_file(af_request_string(request, "flow"));
    party->about.file = af_arena_string(&party->arena, file);
    free(file);
    if (read_lists(party, request, &why) != 0) {
        fail(party, &why);
        return;
    }
    if (!ask_rules(party))
        return;
    party->flow = af_node_flow_hold(node, af_request_string(request, "flow"), &why);
    if (party->flow == NULL)
        fail(party, &why);
    else if (party->flow->loaded)
        af_node_launch_loaded(party, NULL);
    else if (party->flow->why.kind != AF_FAILURE_NONE)
        fail(party, &party->flow->why);
}

void af_node_launch_approved(struct af_node *node, const struct af_node_ask *ask,
                             struct af_node_asker asker)
{
    struct af_node_launcher launcher = {.asker = asker};
    const struct af_request *request = af_node_ask_request(ask, &launcher.from, &launcher.hash);
    af_node_launch(node, &launcher, request);
}
