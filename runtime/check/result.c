/* result.c: what a search has come to: violations, how runs end, what is reached. */
#include "check/result.h"
#include "check/call.h"
#include "check/known.h"
#include "check/note.h"
#include "check/path.h"
#include "check/search.h"
#include "check/seen.h"
#include "check/swap.h"
#include "check/world.h"

#include "base/mem.h"
#include "json/json.h"

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

struct af_check_telling *af_check_telling_new(void)
{
    return af_mem_zero(1, sizeof(struct af_check_telling));
}

void af_check_telling_free(struct af_check_telling *telling)
{
    for (size_t i = 0; i < telling->end_count; i++) {
        free((char *)(uintptr_t)telling->ends[i].text);
        free((char *)(uintptr_t)telling->ends[i].parties);
    }
    free(telling->ends);
    free(telling->violations);
    free(telling->same_roles);
    free(telling->armed);
    free(telling->unreached);
    af_check_words_release(&telling->texts);
    free(telling);
}

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
    check->telling->ends =
        af_mem_zero((size_t)search->end_keys.count + 1, sizeof *check->telling->ends);
    for (uint32_t i = 0; i < search->end_keys.count; i++) {
        size_t len;
        const uint32_t *words = af_check_word_bytes(&search->end_keys, i, &len);
        check->telling->ends[check->telling->end_count] = end_of(check, words, len / sizeof *words);
        check->telling->ends[check->telling->end_count++].states = search->end_counts[i];
    }
    qsort(check->telling->ends, check->telling->end_count, sizeof *check->telling->ends, by_states);
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
    check->telling->violations = af_mem_zero((size_t)count + 1, sizeof *check->telling->violations);
    for (uint32_t i = 0; i < count; i++)
        if (check->found[i].found)
            check->telling->violations[result->violation_count++] =
                violation_of(check, &check->found[i]);
    qsort(check->telling->violations, result->violation_count, sizeof *check->telling->violations,
          by_length);
    result->violations = check->telling->violations;
}

void af_check_on_found(struct af_check *check, af_check_found_fn *on_found, void *arg)
{
    check->telling->on_found = on_found;
    check->telling->on_found_arg = arg;
}

/* Tells a shortest one of what was found. Returns false if that is enough. */
static bool tell_found(struct af_check *check)
{
    struct af_check_found *first = NULL;
    if (check->telling->on_found == NULL)
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
    return check->telling->on_found(check->telling->on_found_arg, &told);
}

bool af_check_telling_first(struct af_check *check)
{
    bool found = false;
    for (uint32_t i = 0; i < check->found_keys.count; i++)
        found = found || check->found[i].found;
    if (!found || check->telling->first_told)
        return true;
    check->telling->first_told = true;
    return tell_found(check);
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

void af_check_telling_fill(struct af_check *check, struct af_check_result *result)
{
    const struct af_check_search *search = check->search;
    af_check_cover(check, result);
    tell_ends(check);
    af_check_paths(check, search->progress, search->progress_arg);
    tell_violations(check, result);
    result->name = check->flows[0]->name;
    result->file = af_script_file(check->scripts[0])->name;
    result->states = af_check_seen_count(check->seen);
    result->transitions = search->transitions;
    result->depth = search->depth;
    result->exhaustive = result->exhaustive && !search->interrupted;
    result->bound = search->bound;
    result->interrupted = search->interrupted;
    result->ends = check->telling->ends;
    result->end_count = check->telling->end_count;
    result->calls = check->calls->keys.count;
    result->locals = check->local_keys.count;
    result->contracts = check->message_keys.count;
    result->views = af_check_world_count(check);
    result->inert = search->inert;
    result->armed = check->telling->armed = tell_armed(search);
    result->same = af_check_same_on(check) > 0;
    result->same_believed = result->same && af_check_same_believed(check);
    result->same_roles = check->telling->same_roles = tell_same_roles(check);
    result->told_apart = af_check_same_why(check);
    for (size_t version = check->version_count; version-- > 0;)
        if (af_script_asked_time(check->scripts[version])[0] != '\0')
            result->asked_time = af_script_asked_time(check->scripts[version]);
    result->state_bytes = af_check_seen_bytes(check->seen);
}
