/* check.c: see check.h. */
#include "check/impl.h"

#include "base/bounds.h"
#include "json/json.h"
#include "script/file_store.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "party/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_words[] = {
    [AF_CHECK_INVARIANT] = "invariant", [AF_CHECK_ERROR] = "error",
    [AF_CHECK_FAILED] = "failed",       [AF_CHECK_UNEXPECTED] = "unexpected",
    [AF_CHECK_REFUSED] = "refused",     [AF_CHECK_STUCK] = "stuck",
    [AF_CHECK_MONITOR] = "monitor",     [AF_CHECK_EVENTUALLY] = "eventually",
    [AF_CHECK_LEADS_TO] = "leads_to",   [AF_CHECK_DOOMED] = "doomed",
};

const char *af_check_kind_word(enum af_check_kind kind)
{
    return kind_words[kind];
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool af_check_same_violation(const struct af_check_violation *a, const struct af_check_violation *b)
{
    return a->kind == b->kind &&
           (a->kind == AF_CHECK_DOOMED ||
            (is_same_text(a->role, b->role) && is_same_text(a->where, b->where) &&
             is_same_text(a->nameless, b->nameless)));
}

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
    const struct af_flow *flow = check->flows[0];
    check->passed = af_mem_zero(flow->role_count, sizeof(bool *));
    for (size_t i = 0; i < flow->role_count; i++)
        check->passed[i] = af_mem_zero(flow->roles[i].state_count + 1, sizeof(bool));
    af_check_text(&check->words, "");
    af_check_calls_init(check);
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
    check->store = af_file_store_new();
    check->kept = af_file_store_new();
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
    if (check->words.count > 0)
        af_check_calls_release(check);
    af_check_jobs_free(check->jobs);
    af_check_seen_free(check->seen);
    af_check_world_free(check->world);
    af_check_watch_free(check->watch);
    af_happenings_release(&check->happenings);
    af_check_same_free(check->same);
    af_check_search_free(check->search);
    for (uint32_t i = 0; check->by_number != NULL && i < check->members; i++)
        free(check->by_number[i]);
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        free(check->found[i].way);
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        af_schedule_release(&check->found[i].run);
    for (size_t i = 0; check->passed != NULL && i < check->flows[0]->role_count; i++)
        free(check->passed[i]);
    for (size_t version = 0; version < check->version_count; version++)
        free(check->roles[version]);
    af_script_free(check->scripts[0]);
    af_script_free(check->scripts[1]);
    af_loop_free(check->loop);
    af_file_store_free(check->store);
    af_file_store_free(check->kept);
    af_check_words_release(&check->words);
    af_check_words_release(&check->local_keys);
    af_check_words_release(&check->message_keys);
    af_check_words_release(&check->found_keys);
    af_check_map_release(&check->step_index);
    free(check->passed);
    free(check->by_number);
    free(check->by_number_count);
    free(check->by_number_cap);
    free(check->locals);
    free(check->messages);
    free(check->steps);
    free(check->sends);
    free(check->waits);
    free(check->found);
    free(check->violations);
    for (size_t i = 0; i < check->end_count; i++) {
        free((char *)(uintptr_t)check->ends[i].text);
        free((char *)(uintptr_t)check->ends[i].parties);
    }
    free(check->ends);
    free(check->same_roles);
    free(check->armed);
    free(check->unreached);
    af_check_words_release(&check->told);
    free(check);
}

/* ---- The result. ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One of name_end()'s words (known.c), which stands for so many parties. */
static void add_end(const char *word, size_t count, struct af_buf *text, struct af_buf *parties)
{
    const char *status = strchr(word, '\t') + 1, *state = strchr(status, '\t');
    int role_len = (int)(status - 1 - word);
    af_buf_append_string(text, text->len == 0 ? "" : ", ");
    if (count > 1)
        af_buf_printf(text, "%zu ", count);
    if (state == NULL)
        af_buf_printf(text, "%.*s %s", role_len, word, status);
    else
        af_buf_printf(text, "%.*s in '%s'", role_len, word, state + 1);
    af_json_open(parties, '{');
    af_json_add_integer(parties, "count", (int64_t)count);
    af_json_name(parties, "role");
    af_json_write_string(parties, word, (size_t)role_len);
    af_json_add_text(parties, "status", state == NULL ? status : "active");
    af_json_add_text(parties, "state", state == NULL ? NULL : state + 1);
    af_buf_append_char(parties, '}');
}

/* "initiator done, 3 participant done": equal words are counted. */
static struct af_check_end end_of(const struct af_check *check, const uint32_t *words, size_t count)
{
    struct af_buf text = AF_BUF_EMPTY, parties = AF_BUF_EMPTY;
    const char **ends = af_mem_zero(count + 1, sizeof *ends);
    for (size_t i = 0; i < count; i++)
        ends[i] = af_check_word_bytes(&check->words, words[i], NULL);
    qsort(ends, count, sizeof *ends, by_text);
    af_json_open(&parties, '[');
    for (size_t i = 0; i < count;) {
        size_t same = i;
        while (same < count && ends[same] == ends[i])
            same++;
        add_end(ends[i], same - i, &text, &parties);
        i = same;
    }
    free(ends);
    af_buf_append_char(&parties, ']');
    return (struct af_check_end){af_buf_take(&text), af_buf_take(&parties), 0};
}

static int by_states(const void *a, const void *b)
{
    const struct af_check_end *x = a, *y = b;
    return x->states != y->states ? (x->states < y->states ? 1 : -1) : strcmp(x->text, y->text);
}

static void tell_ends(struct af_check *check)
{
    struct af_check_search *search = check->search;
    check->ends = af_mem_zero((size_t)search->end_keys.count + 1, sizeof *check->ends);
    for (uint32_t i = 0; i < search->end_keys.count; i++) {
        size_t len;
        const uint32_t *words = af_check_word_bytes(&search->end_keys, i, &len);
        check->ends[check->end_count] = end_of(check, words, len / sizeof *words);
        check->ends[check->end_count++].states = search->end_counts[i];
    }
    qsort(check->ends, check->end_count, sizeof *check->ends, by_states);
}

static int by_length(const void *a, const void *b)
{
    const struct af_check_violation *x = a, *y = b;
    if (x->told != y->told)
        return x->told ? -1 : 1;
    if ((x->kind == AF_CHECK_DOOMED) != (y->kind == AF_CHECK_DOOMED))
        return x->kind == AF_CHECK_DOOMED ? 1 : -1; /* another one mostly says why */
    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->text, y->text);
}

static struct af_check_violation violation_of(const struct af_check *check,
                                              const struct af_check_found *found)
{
    const char *where = af_check_word_bytes(&check->words, found->where, NULL);
    return (struct af_check_violation){
        .kind = found->kind,
        .role = found->role == AF_CHECK_NONE ? NULL : check->flows[0]->roles[found->role].name,
        .where = where[0] == '\0' ? NULL : where,
        .text = af_check_word_bytes(&check->words, found->text, NULL),
        .nameless = af_check_word_bytes(&check->words, found->nameless, NULL),
        .length = found->length,
        .shortest = !found->longer,
        .run = &found->run,
        .told = found->told,
        .lasso = found->lasso,
        .trap = found->trap,
    };
}

static void tell_violations(struct af_check *check, struct af_check_result *result)
{
    uint32_t count = check->found_keys.count;
    check->violations = af_mem_zero((size_t)count + 1, sizeof *check->violations);
    for (uint32_t i = 0; i < count; i++)
        if (check->found[i].found)
            check->violations[result->violation_count++] = violation_of(check, &check->found[i]);
    qsort(check->violations, result->violation_count, sizeof *check->violations, by_length);
    result->violations = check->violations;
}

void af_check_on_found(struct af_check *check, af_check_found_fn *on_found, void *arg)
{
    check->on_found = on_found;
    check->on_found_arg = arg;
}

bool af_check_tell_found(struct af_check *check)
{
    struct af_check_found *first = NULL;
    if (check->on_found == NULL)
        return true;
    af_check_paths(check, check->search->progress, check->search->progress_arg);
    for (uint32_t i = 0; i < check->found_keys.count; i++) {
        struct af_check_found *found = &check->found[i];
        if (!found->found)
            continue;
        struct af_check_violation one = violation_of(check, found);
        struct af_check_violation best = violation_of(check, first == NULL ? found : first);
        if (first == NULL || by_length(&one, &best) < 0)
            first = found;
    }
    if (first == NULL)
        return true;
    first->told = true;
    struct af_check_violation told = violation_of(check, first);
    return check->on_found(check->on_found_arg, &told);
}

/* Timers that waited for parties to return, or NULL. */
static char *tell_armed(const struct af_check_search *search)
{
    struct af_buf text = AF_BUF_EMPTY;
    uint32_t count = search->armed_keys.count;
    const char **lines = af_mem_zero((size_t)count + 1, sizeof *lines);
    for (uint32_t i = 0; i < count; i++)
        lines[i] = af_check_word_bytes(&search->armed_keys, i, NULL);
    qsort(lines, count, sizeof *lines, by_text);
    for (uint32_t i = 0; i < count; i++)
        af_buf_printf(&text, "%s%s", i == 0 ? "" : "; ", lines[i]);
    free(lines);
    return count == 0 ? NULL : af_buf_take(&text);
}

/* The roles whose parties are not told apart: "acceptor, learner". */
static char *tell_same_roles(const struct af_check *check)
{
    struct af_buf text = AF_BUF_EMPTY;
    for (uint32_t role = 0; role < check->flows[0]->role_count; role++)
        if (af_check_same_role(check, role))
            af_buf_printf(&text, "%s%s", text.len > 0 ? ", " : "",
                          check->flows[0]->roles[role].name);
    return af_buf_take(&text);
}

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
        int status = af_check_search(check, progress, arg);
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
    af_check_cover(check, result);
    tell_ends(check);
    af_check_paths(check, progress, arg);
    tell_violations(check, result);
    result->name = check->flows[0]->name;
    result->file = af_script_file(check->scripts[0])->name;
    result->states = af_check_seen_count(check->seen);
    result->transitions = search->transitions;
    result->depth = search->depth;
    result->exhaustive = result->exhaustive && !search->interrupted;
    result->bound = search->bound;
    result->interrupted = search->interrupted;
    result->ends = check->ends;
    result->end_count = check->end_count;
    result->calls = check->call_keys.count;
    result->locals = check->local_keys.count;
    result->contracts = check->message_keys.count;
    result->views = af_check_world_count(check);
    result->inert = search->inert;
    result->armed = check->armed = tell_armed(search);
    result->same = af_check_same_on(check) > 0;
    result->same_believed = result->same && af_check_same_believed(check);
    result->same_roles = check->same_roles = tell_same_roles(check);
    result->told_apart = af_check_same_why(check);
    for (size_t version = check->version_count; version-- > 0;)
        if (af_script_asked_time(check->scripts[version])[0] != '\0')
            result->asked_time = af_script_asked_time(check->scripts[version]);
    result->state_bytes = af_check_seen_bytes(check->seen);
    return 0;
}
