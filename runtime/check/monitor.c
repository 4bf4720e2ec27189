/* monitor.c: what is watched over time is part of a state: what monitors have seen, and which
 * properties wait for their predicate.
 *
 * Both are remembered: what monitors come to by a list of happenings, for all worlds if none looks
 * at the world, else for the worlds before and behind; what predicates say of a world. */
#include "check/monitor.h"
#include "check/known.h"
#include "check/world.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note { /* a happening: texts are words + 1, 0 for none */
    uint32_t kind, member, from, to, type, content, state, timer;
};

struct came { /* what a list of happenings has come to */
    uint32_t seen, violation;
    bool looks; /* at the world: ask for those */
};

struct held { /* what predicates say of a world */
    struct af_script_held held;
    uint32_t violation;
};

struct mark { /* what is watched, as a state keeps it */
    uint32_t seen, unused;
    uint64_t waiting;
};

struct seen { /* by monitors: a word, by those of a version */
    uint32_t text, judge;
};

struct af_check_watch {
    struct af_check_words notes;               /* lists of them; 0 is the empty one */
    struct af_check_words seen, marks, worlds; /* struct seen, struct mark, judge and views */
    struct af_check_words keys;                /* seen, notes, the worlds before and behind */
    struct af_check_map index;                 /* seen and notes */
    struct came *came, *came_in;               /* by index; by keys */
    size_t came_count, came_cap, came_in_cap;
    struct held *held; /* by worlds */
    size_t held_count, held_cap;
    struct af_buf list; /* of the call that runs */
    bool properties;
};

enum { MEMBERS_MAX = 1000 };
enum { TAKES_OVER = AF_CHECK_NUMBER }; /* as a list: the second version's monitors begin */

void af_check_watch_new(struct af_check *check)
{
    struct af_check_watch *watch = check->watch = af_mem_zero(1, sizeof *watch);
    for (size_t version = 0; version < check->version_count; version++) {
        const struct af_flow *flow = check->flows[version];
        check->watches = check->watches || flow->watched_count > 0;
        check->monitors = check->monitors || flow->monitor_count > 0;
        watch->properties = watch->properties || flow->watched_count > flow->monitor_count;
    }
    af_check_text(&watch->notes, "");
}

void af_check_watch_free(struct af_check_watch *watch)
{
    if (watch == NULL)
        return;
    af_check_words_release(&watch->notes);
    af_check_words_release(&watch->seen);
    af_check_words_release(&watch->marks);
    af_check_words_release(&watch->worlds);
    af_check_words_release(&watch->keys);
    af_check_map_release(&watch->index);
    af_buf_release(&watch->list);
    free(watch->came);
    free(watch->came_in);
    free(watch->held);
    free(watch);
}

uint64_t af_check_watch_bytes(const struct af_check *check)
{
    const struct af_check_watch *watch = check->watch;
    return af_check_words_bytes(&watch->notes) + af_check_words_bytes(&watch->seen) +
           af_check_words_bytes(&watch->marks) + af_check_words_bytes(&watch->worlds) +
           af_check_words_bytes(&watch->keys) +
           (watch->came_cap + watch->came_in_cap) * sizeof *watch->came +
           watch->held_cap * sizeof *watch->held;
}

/* ---- Happenings. ---- */

static uint32_t text_word(struct af_check *check, const char *text)
{
    return text == NULL ? 0 : af_check_text(&check->words, text) + 1;
}

void af_check_watch_note(struct af_check *check, const struct af_happened *happened)
{
    struct note note = {.kind = (uint32_t)happened->kind,
                        .member = happened->member,
                        .from = text_word(check, happened->from),
                        .to = text_word(check, happened->to),
                        .state = text_word(check, happened->state),
                        .timer = text_word(check, happened->timer)};
    if (happened->content != NULL) {
        note.type = af_check_word(&check->words, happened->type, happened->type_len) + 1;
        note.content = af_check_word(&check->words, happened->content, happened->content_len) + 1;
    }
    af_buf_append(&check->watch->list, &note, sizeof note);
}

uint32_t af_check_watch_noted(struct af_check *check)
{
    struct af_buf *list = &check->watch->list;
    uint32_t notes =
        list->len == 0 ? 0 : af_check_word(&check->watch->notes, list->data, list->len);
    af_buf_clear(list);
    return notes;
}

uint32_t af_check_watch_party(struct af_check *check, enum af_happening kind,
                              const struct af_check_local *local)
{
    struct af_happened happened = {.kind = kind,
                                   .member = local->member,
                                   .state = local->about == NULL ? NULL : local->about->name};
    if (!check->monitors)
        return 0;
    af_check_watch_note(check, &happened);
    return af_check_watch_noted(check);
}

uint32_t af_check_watch_contract(struct af_check *check, enum af_happening kind,
                                 const struct af_check_local *local, uint32_t contract)
{
    const struct af_check_message *message = &check->messages[contract];
    struct af_happened happened = {.kind = kind,
                                   .member = local->member,
                                   .from = check->who[message->from].id,
                                   .to = check->who[message->to].id,
                                   .state = local->about == NULL ? NULL : local->about->name};
    if (!check->monitors)
        return 0;
    happened.type = af_check_word_bytes(&check->words, message->type, &happened.type_len);
    happened.content = af_check_word_bytes(&check->words, message->content, &happened.content_len);
    af_check_watch_note(check, &happened); /* words that are known: none moves */
    return af_check_watch_noted(check);
}

static const char *text_of(const struct af_check *check, uint32_t word, size_t *len)
{
    return word == 0 ? NULL : af_check_word_bytes(&check->words, word - 1, len);
}

static struct af_happened happened_of(const struct af_check *check, const struct note *note)
{
    struct af_happened happened = {.kind = (enum af_happening)note->kind,
                                   .member = note->member,
                                   .from = text_of(check, note->from, NULL),
                                   .to = text_of(check, note->to, NULL),
                                   .state = text_of(check, note->state, NULL),
                                   .timer = text_of(check, note->timer, NULL)};
    happened.type = text_of(check, note->type, &happened.type_len);
    happened.content = text_of(check, note->content, &happened.content_len);
    return happened;
}

/* ---- What is remembered. ---- */

/* The number of a key, or AF_CHECK_NONE where it is not known and nothing may be asked. */
static uint32_t number_of(struct af_check_words *words, const void *key, size_t len, bool asks)
{
    return asks ? af_check_word(words, key, len) : af_check_word_known(words, key, len);
}

static unsigned judge_of(const struct af_check *check, const uint32_t *locals)
{
    for (uint32_t i = 0; check->version_count > 1 && i < check->members; i++)
        if (locals[i] != AF_CHECK_NONE && check->locals[locals[i]].version == 1)
            return 1;
    return 0;
}

static uint32_t world_of(struct af_check *check, const uint32_t *locals, unsigned judge, bool asks)
{
    uint32_t key[MEMBERS_MAX + 1] = {judge};
    assert(check->members <= MEMBERS_MAX);
    for (uint32_t i = 0; i < check->members; i++)
        key[i + 1] = locals[i] == AF_CHECK_NONE ? AF_CHECK_NONE : check->locals[locals[i]].view[0];
    return number_of(&check->watch->worlds, key, (check->members + 1) * sizeof *key, asks);
}

static uint32_t broken_by(struct af_check *check, unsigned judge,
                          const struct af_script_broken *broken)
{
    static const enum af_check_kind kinds[] = {AF_CHECK_MONITOR, AF_CHECK_EVENTUALLY,
                                               AF_CHECK_LEADS_TO};
    const struct af_flow_watched *watched = &check->flows[judge]->watched[broken->watched];
    if (af_script_interrupted())
        return AF_CHECK_NONE;
    char text[sizeof broken->message + 400];
    snprintf(text, sizeof text, "%s '%s' %s: %s", af_watched_word(watched->kind), watched->name,
             watched->kind == AF_WATCHED_MONITOR ? "is broken" : "cannot be judged",
             broken->message);
    return af_check_violation(check, kinds[watched->kind], AF_CHECK_NONE, broken->where, text);
}

static uint32_t seen_of(struct af_check *check, const struct af_buf *text, unsigned judge)
{
    struct seen seen = {af_check_word(&check->words, af_buf_text(text), text->len), judge};
    return af_check_word(&check->watch->seen, &seen, sizeof seen);
}

static struct seen seen_at(const struct af_check *check, uint32_t number)
{
    struct seen seen;
    memcpy(&seen, af_check_word_bytes(&check->watch->seen, number, NULL), sizeof seen);
    return seen;
}

/* ---- Asking. ---- */

/* Has monitors begin; kept: what those of the first version have seen, or NULL. */
static struct came begin(struct af_check *check, unsigned judge, const char *kept,
                         const uint32_t *locals)
{
    const struct af_flow *flow = check->flows[judge];
    struct af_buf seen = AF_BUF_EMPTY;
    struct af_script_broken broken;
    const char **lines = af_mem_zero(flow->monitor_count + 1, sizeof *lines);
    struct came came = {.violation = AF_CHECK_NONE, .looks = true};
    for (size_t i = 0; kept != NULL && i < flow->monitor_count; i++) {
        int was = af_flow_find_watched(check->flows[0], &flow->watched[i]);
        for (lines[i] = was < 0 ? NULL : kept; was > 0; was--)
            lines[i] += strcspn(lines[i], "\n") + 1;
    }
    af_check_world_show(check, judge, locals);
    if (!af_script_watch_start(check->scripts[judge], lines, &seen, &broken))
        came.violation = broken_by(check, judge, &broken);
    came.seen = seen_of(check, &seen, judge);
    af_buf_release(&seen);
    free(lines);
    return came;
}

static struct came tell(struct af_check *check, uint32_t number, uint32_t notes,
                        const uint32_t *before, const uint32_t *after)
{
    struct seen seen = seen_at(check, number);
    struct af_buf text = AF_BUF_EMPTY;
    struct af_script_broken broken;
    struct came came = {.seen = number, .violation = AF_CHECK_NONE};
    size_t len;
    const char *known = af_check_word_bytes(&check->words, seen.text, &len);
    if (notes == TAKES_OVER)
        return begin(check, 1, known, after);
    af_buf_append(&text, known, len);
    af_check_word_bytes(&check->watch->notes, notes, &len);
    for (size_t i = 0; i < len / sizeof(struct note) && came.violation == AF_CHECK_NONE; i++) {
        const struct note *note =
            (const struct note *)af_check_word_bytes(&check->watch->notes, notes, NULL) + i;
        struct af_happened happened = happened_of(check, note);
        bool looked;
        af_check_world_show(check, seen.judge,
                            happened.kind <= AF_HAPPENS_DUPLICATE ? before : after);
        if (!af_script_watch_step(check->scripts[seen.judge], &happened, &text, &looked, &broken))
            came.violation = broken_by(check, seen.judge, &broken);
        came.looks = came.looks || looked;
    }
    if (came.violation == AF_CHECK_NONE)
        came.seen = seen_of(check, &text, seen.judge);
    af_buf_release(&text);
    return came;
}

/* What monitors come to by a list of happenings, or NULL: that is not known. */
static const struct came *came_to(struct af_check *check, uint32_t seen, uint32_t notes,
                                  const uint32_t *before, const uint32_t *after, bool asks)
{
    struct af_check_watch *watch = check->watch;
    uint64_t pair = (uint64_t)seen << 32 | notes;
    uint32_t at;
    if (!af_check_map_get(&watch->index, pair, &at)) {
        if (!asks)
            return NULL;
        struct came came = tell(check, seen, notes, before, after);
        at = (uint32_t)watch->came_count++;
        af_mem_reserve(&watch->came, &watch->came_cap, watch->came_count, sizeof came);
        watch->came[at] = came;
        af_check_map_put(&watch->index, pair, at);
    }
    if (!watch->came[at].looks)
        return &watch->came[at];
    unsigned judge = notes == TAKES_OVER ? 1 : seen_at(check, seen).judge;
    uint32_t key[] = {seen, notes, world_of(check, before, judge, asks),
                      world_of(check, after, judge, asks)};
    uint32_t known = watch->keys.count;
    if (!asks && (key[2] == AF_CHECK_NONE || key[3] == AF_CHECK_NONE))
        return NULL;
    at = number_of(&watch->keys, key, sizeof key, asks);
    if (at == AF_CHECK_NONE)
        return NULL;
    if (at == known && asks) {
        struct came came = tell(check, seen, notes, before, after);
        af_mem_reserve(&watch->came_in, &watch->came_in_cap, (size_t)at + 1, sizeof came);
        watch->came_in[at] = came;
    }
    return &watch->came_in[at];
}

/* What the predicates say of a world, or NULL: that is not known. */
static const struct held *held_in(struct af_check *check, const uint32_t *locals, bool asks)
{
    struct af_check_watch *watch = check->watch;
    unsigned judge = judge_of(check, locals);
    uint32_t world = world_of(check, locals, judge, asks);
    if (world == AF_CHECK_NONE || (!asks && world >= watch->held_count))
        return NULL;
    af_mem_reserve(&watch->held, &watch->held_cap, (size_t)world + 1, sizeof *watch->held);
    for (; watch->held_count <= world; watch->held_count++)
        watch->held[watch->held_count].violation = AF_CHECK_LEFT; /* not asked yet */
    struct held *held = &watch->held[world];
    if (held->violation != AF_CHECK_LEFT)
        return held;
    if (!asks)
        return NULL;
    struct held made = {.violation = AF_CHECK_NONE};
    struct af_script_broken broken;
    if (af_check_world_show(check, judge, locals) &&
        !af_script_watch_world(check->scripts[judge], &made.held, &broken))
        made.violation = broken_by(check, judge, &broken);
    watch->held[world] = made;
    return &watch->held[world];
}

/* ---- A state's mark. ---- */

static struct mark mark_at(const struct af_check *check, uint32_t number)
{
    struct mark mark;
    memcpy(&mark, af_check_word_bytes(&check->watch->marks, number, NULL), sizeof mark);
    return mark;
}

/* Which wait when the second version's properties take over. */
static uint64_t move(const struct af_check *check, uint64_t waited)
{
    const struct af_flow *old = check->flows[0], *new = check->flows[1];
    uint64_t waiting = af_flow_waiting(new);
    for (size_t i = new->monitor_count; i < new->watched_count; i++) {
        int was = af_flow_find_watched(old, &new->watched[i]);
        uint64_t bit = UINT64_C(1) << (i - new->monitor_count);
        if (was >= 0)
            waiting = (waited >> ((size_t)was - old->monitor_count) & 1) != 0 ? waiting | bit
                                                                              : waiting & ~bit;
    }
    return waiting;
}

bool af_check_watch_begin(struct af_check *check, struct af_check_vector *state,
                          uint32_t *violation)
{
    struct came came = begin(check, 0, NULL, state->locals);
    struct mark mark = {.seen = came.seen, .waiting = af_flow_waiting(check->flows[0])};
    *violation = came.violation;
    state->watch = came.violation != AF_CHECK_NONE
                       ? AF_CHECK_BROKEN
                       : af_check_word(&check->watch->marks, &mark, sizeof mark);
    return came.violation == AF_CHECK_NONE;
}

bool af_check_watch_step(struct af_check *check, const struct af_check_watched *watched,
                         struct af_check_vector *after, uint32_t *violation)
{
    struct af_check_watch *watch = check->watch;
    struct mark mark = mark_at(check, after->watch);
    bool moves = check->version_count > 1 && seen_at(check, mark.seen).judge == 0 &&
                 judge_of(check, after->locals) == 1;
    uint32_t notes[] = {moves ? TAKES_OVER : 0, watched->notes[0], watched->notes[1]};
    *violation = AF_CHECK_NONE;
    for (int i = 0; i < 3 && *violation == AF_CHECK_NONE; i++) {
        if (notes[i] == 0)
            continue;
        const struct came *came =
            came_to(check, mark.seen, notes[i], watched->before, after->locals, watched->asks);
        if (came == NULL)
            return false;
        mark.seen = came->seen;
        *violation = came->violation;
    }
    if (moves)
        mark.waiting = move(check, mark.waiting);
    if (watch->properties && watched->judged && *violation == AF_CHECK_NONE) {
        const struct held *held = held_in(check, after->locals, watched->asks);
        if (held == NULL)
            return false;
        mark.waiting = af_script_waiting(mark.waiting, &held->held);
        *violation = held->violation;
    }
    after->watch = *violation != AF_CHECK_NONE
                       ? AF_CHECK_BROKEN
                       : number_of(&watch->marks, &mark, sizeof mark, watched->asks);
    return after->watch != AF_CHECK_NONE;
}

bool af_check_watch_waits(const struct af_check *check, uint32_t watch, unsigned version,
                          size_t number)
{
    struct mark mark = mark_at(check, watch);
    return seen_at(check, mark.seen).judge == version &&
           (mark.waiting >> (number - check->flows[version]->monitor_count) & 1) != 0;
}
