/* check.c: see check.h. */
#include "check/check.h"
#include "check/call.h"
#include "check/jobs.h"
#include "check/monitor.h"
#include "check/note.h"
#include "check/result.h"
#include "check/search.h"
#include "check/seen.h"
#include "check/swap.h"
#include "check/ways.h"
#include "check/world.h"

#include "base/bounds.h"
#include "json/json.h"
#include "script/file_store.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making it. ---- */

static int load(struct af_check *check, size_t version, const char *path, struct af_failure *why)
{
    check->scripts[version] = af_script_load(path, why);
    if (check->scripts[version] == NULL)
        return -1;
    check->flows[version] = af_script_flow(check->scripts[version]);
    check->version_count = version + 1;
    if (check->flows[version] == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "is a sequential script: what it has done is hidden in its local "
                              "variables, so its states cannot be told apart; write it as a flow "
                              "of states (return af.flow { … }) to have it checked");
    const struct af_flow *flow = check->flows[version];
    for (size_t i = 0; i < flow->role_count; i++)
        if (flow->roles[i].sequential)
            return af_failure_set(why, AF_FAILURE_USAGE, path,
                                  "role '%s' is a plain function: what it has done is hidden in "
                                  "its local variables, so its states cannot be told apart; give "
                                  "it states to have it checked",
                                  flow->roles[i].name);
    return 0;
}

static int64_t parties_of(const struct af_check *check, const struct af_flow_role *role)
{
    const struct af_check_options *options = check->options;
    for (size_t i = 0; i < options->party_count; i++)
        if (strcmp(options->parties[i].role, role->name) == 0)
            return options->parties[i].count;
    return (int64_t)role->mock_count;
}

enum { MEMBERS_MAX = 1000 };

/* The members of a version, role by role as a simulated run has them. */
static int make_members(struct af_check *check, struct af_failure *why)
{
    const struct af_check_options *options = check->options;
    const struct af_flow *flow = check->flows[0];
    struct af_script_member members[MEMBERS_MAX];
    char id[128];
    size_t count = 0;
    int result = 0;
    for (size_t i = 0; i < options->party_count; i++)
        if (af_flow_find_role(flow, options->parties[i].role) < 0)
            return af_flow_refuse_role(flow, options->parties[i].role, "--parties", why);
    for (uint32_t role = 0; role < flow->role_count && result == 0; role++) {
        int64_t wanted = parties_of(check, &flow->roles[role]);
        for (int64_t k = 1; k <= wanted && count < MEMBERS_MAX; k++) {
            snprintf(id, sizeof id, "%s-%lld", flow->roles[role].name, (long long)k);
            members[count++] = (struct af_script_member){af_mem_string(id), role};
        }
    }
    if (count == 0 || count == MEMBERS_MAX)
        result = af_failure_set(why, AF_FAILURE_USAGE, "--parties",
                                count == 0 ? "there is no party to check"
                                           : "a check has at most 999 parties");
    if (result == 0)
        result = af_script_set_task(check->scripts[0], "check", members, count, options->args,
                                    options->arg_count, why);
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)members[i].id);
    return result;
}

static int make_second_members(struct af_check *check, struct af_failure *why)
{
    const struct af_check_options *options = check->options;
    const struct af_flow *flow = check->flows[1];
    struct af_script_member *members = af_mem_zero(check->members, sizeof *members);
    int result = 0;
    for (uint32_t i = 0; i < check->members && result == 0; i++) {
        const char *name = check->flows[0]->roles[check->who[i].role].name;
        int role = af_flow_find_role(flow, name);
        members[i] = (struct af_script_member){check->who[i].id, (uint32_t)role};
        if (role < 0)
            result = af_failure_set(why, AF_FAILURE_USAGE, options->upgrade,
                                    "role '%s' is gone, which no party can be reloaded to", name);
    }
    if (result == 0)
        result = af_script_set_task(check->scripts[1], "check", members, check->members,
                                    options->args, options->arg_count, why);
    free(members);
    return result;
}

static int make_upgrade(struct af_check *check, struct af_failure *why)
{
    static const struct af_reload_rules tries = {.tries = true};
    if (check->options->upgrade == NULL)
        return 0;
    if (load(check, 1, check->options->upgrade, why) != 0 ||
        af_reload_compare(check->flows[0], check->flows[1], af_script_file(check->scripts[1])->name,
                          &tries, why) != 0)
        return -1;
    return make_second_members(check, why);
}

static void make_tables(struct af_check *check)
{
    size_t count;
    for (size_t version = 0; version < check->version_count; version++) {
        const struct af_script_member *members = af_script_members(check->scripts[version], &count);
        check->roles[version] = af_mem_zero(count, sizeof(uint32_t));
        for (size_t i = 0; i < count; i++)
            check->roles[version][i] = members[i].role;
    }
    check->by_number = af_mem_zero(check->members, sizeof(uint32_t *));
    check->by_number_count = af_mem_zero(check->members, sizeof(size_t));
    check->by_number_cap = af_mem_zero(check->members, sizeof(size_t));
    af_check_text(&check->words, "");
    af_check_calls_new(check);
    check->seen = af_check_seen_new();
    check->world = af_check_world_new(check);
    af_check_watch_new(check);
    check->same = af_check_same_new(check);
    check->jobs = af_check_jobs_new(check->options->jobs);
    check->search = af_check_search_new(check);
}

bool af_check_may_fail(const struct af_check_options *options)
{
    bool may = options->allow_fail;
    for (int i = 0; i < AF_FAULT_EARLY; i++)
        may = may || options->budget[i] > 0;
    return may;
}

struct af_check *af_check_new(const struct af_check_options *options, struct af_failure *why)
{
    struct af_check *check = af_mem_zero(1, sizeof *check);
    check->options = options;
    check->allow_fail = af_check_may_fail(options);
    check->keeps_late = options->upgrade != NULL || options->any_timeout ||
                        options->budget[AF_FAULT_CRASH] > 0 || options->budget[AF_FAULT_LOSE] > 0 ||
                        options->budget[AF_FAULT_EARLY] > 0;
    check->loop = af_loop_sim_new();
    check->telling = af_check_telling_new();
    if (load(check, 0, options->path, why) == 0 && make_members(check, why) == 0) {
        size_t count;
        check->who = af_script_members(check->scripts[0], &count);
        check->members = (uint32_t)count;
        if (make_upgrade(check, why) == 0) {
            make_tables(check);
            return check;
        }
    }
    af_check_free(check);
    return NULL;
}

void af_check_free(struct af_check *check)
{
    if (check == NULL)
        return;
    af_check_calls_free(check);
    af_check_jobs_free(check->jobs);
    af_check_seen_free(check->seen);
    af_check_world_free(check->world);
    af_check_watch_free(check->watch);
    af_check_same_free(check->same);
    af_check_search_free(check->search);
    for (uint32_t i = 0; check->by_number != NULL && i < check->members; i++)
        free(check->by_number[i]);
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        free(check->found[i].way);
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        af_schedule_release(&check->found[i].run);
    for (size_t version = 0; version < check->version_count; version++)
        free(check->roles[version]);
    af_script_free(check->scripts[0]);
    af_script_free(check->scripts[1]);
    af_loop_free(check->loop);
    af_check_words_release(&check->words);
    af_check_words_release(&check->local_keys);
    af_check_words_release(&check->message_keys);
    af_check_words_release(&check->found_keys);
    af_check_map_release(&check->step_index);
    free(check->by_number);
    free(check->by_number_count);
    free(check->by_number_cap);
    free(check->locals);
    free(check->messages);
    free(check->steps);
    free(check->sends);
    free(check->waits);
    free(check->found);
    af_check_telling_free(check->telling);
    free(check);
}

/* ---- Running it. ---- */

/* What a search has found; what it has learnt of calls stays. */
static void forget(struct af_check *check)
{
    af_check_seen_free(check->seen);
    af_check_search_free(check->search);
    check->seen = af_check_seen_new();
    check->search = af_check_search_new(check);
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        check->found[i].found = check->found[i].run_known = check->found[i].shortened = false;
}

/* Searches, and again without a reduction that turned out to be none. */
static int explore(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    for (;;) {
        size_t same = af_check_same_on(check);
        int status = af_check_search(check, progress, arg, af_check_telling_first);
        bool again = same != af_check_same_on(check) || (check->wants_late && !check->keeps_late);
        if (status != 0 || !again)
            return status;
        check->keeps_late = check->keeps_late || check->wants_late;
        forget(check);
    }
}

int af_check_run(struct af_check *check, af_check_progress_fn *progress, void *arg,
                 struct af_check_result *result, struct af_failure *why)
{
    memset(result, 0, sizeof *result);
    int status = explore(check, progress, arg);
    struct af_check_search *search = check->search;
    if (status != 0) {
        *why = check->why;
        return -1;
    }
    result->exhaustive = search->bound == NULL && !search->interrupted;
    if (result->exhaustive)
        af_check_lassos(check, progress, arg);
    if (result->exhaustive && !search->interrupted)
        af_check_ways(check, progress, arg);
    af_check_telling_fill(check, result);
    return 0;
}
