/* world.c: invariants: called once for each distinct view of the world.
 *
 * A view is told from others by a 128-bit hash of what each party shows; that two of a hundred
 * million differ and have the same is less likely than 1 in 10^22. While parties of both versions
 * of a flow live, the second version's invariants are called, and are shown all parties as that
 * version has them; a party that cannot be brought there leaves nothing to look at. */
#include "check/world.h"
#include "check/known.h"
#include "check/swap.h"

#include "base/mem.h"
#include "party/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view { /* open addressing; all zero: free */
    uint64_t a, b;
    uint32_t violation;
    uint32_t asked;
};

struct af_check_world {
    struct view *views;
    size_t count, cap;
    uint32_t *shown[2]; /* what each member's view was told to be: a word + 1 */
};

struct af_check_world *af_check_world_new(struct af_check *check)
{
    struct af_check_world *world = af_mem_zero(1, sizeof *world);
    world->cap = 1024;
    world->views = af_mem_zero(world->cap, sizeof *world->views);
    for (size_t version = 0; version < check->version_count; version++)
        world->shown[version] = af_mem_zero(check->members, sizeof(uint32_t));
    return world;
}

void af_check_world_free(struct af_check_world *world)
{
    if (world == NULL)
        return;
    free(world->shown[0]);
    free(world->shown[1]);
    free(world->views);
    free(world);
}

/* ---- Views that are known. ---- */

static unsigned judge_of(const struct af_check *check, const struct af_check_vector *state)
{
    for (uint32_t i = 0; check->version_count > 1 && i < check->members; i++)
        if (check->locals[state->locals[i]].version == 1)
            return 1;
    return 0;
}

static struct view key_of(const struct af_check *check, const struct af_check_vector *state,
                          unsigned judge)
{
    struct view key = {judge + 1, 0x9E3779B97F4A7C15u, 0, 0};
    for (uint32_t i = 0; i < check->members; i++) {
        uint64_t view = check->locals[state->locals[i]].view[0];
        uint64_t pair[2] = {key.a, view};
        key.a = af_check_hash(pair, sizeof pair);
        key.b = (key.b ^ view) * 0xD6E8FEB86659FD93u;
        key.b ^= key.b >> 29;
    }
    key.a |= 1; /* not free */
    return key;
}

static size_t place(const struct af_check_world *world, const struct view *key)
{
    size_t at = (size_t)(key->a >> 11) & (world->cap - 1);
    while (world->views[at].a != 0 &&
           (world->views[at].a != key->a || world->views[at].b != key->b))
        at = (at + 1) & (world->cap - 1);
    return at;
}

/* The known view of a state, or NULL. */
static struct view *find(const struct af_check *check, const struct af_check_vector *state)
{
    struct view key = key_of(check, state, judge_of(check, state));
    struct view *view = &check->world->views[place(check->world, &key)];
    return view->a != 0 ? view : NULL;
}

bool af_check_world_known(const struct af_check *check, const struct af_check_vector *state,
                          uint32_t *violation)
{
    *violation = AF_CHECK_NONE;
    if (!check->flows[judge_of(check, state)]->has_invariants)
        return true;
    const struct view *view = find(check, state);
    if (view != NULL)
        *violation = view->violation;
    return view != NULL && (view->asked != 0 || af_check_same_on(check) == 0);
}

bool af_check_world_asked(struct af_check *check, const struct af_check_vector *state)
{
    struct view *view = find(check, state);
    bool asked = view == NULL || view->asked != 0;
    if (!asked)
        view->asked = 1;
    return !asked;
}

uint64_t af_check_world_count(const struct af_check *check)
{
    return check->world->count;
}

uint64_t af_check_world_bytes(const struct af_check *check)
{
    return check->world->cap * sizeof *check->world->views;
}

/* ---- Looking. ---- */

static const char *text_of(const struct af_check *check, uint32_t word)
{
    return word == 0 ? NULL : af_check_word_bytes(&check->words, word - 1, NULL);
}

/* Shows the judging version a party of the first as its migration would leave it. */
static bool show_moved(struct af_check *check, const struct af_check_local *local,
                       struct af_view *view)
{
    struct af_failure why = AF_FAILURE_INIT;
    uint32_t member = local->member;
    struct af_party_spec spec = {.owner = &check->owner,
                                 .loop = check->loop,
                                 .script = check->scripts[0],
                                 .id = view->id,
                                 .task = "check",
                                 .member = member,
                                 .role = check->roles[0][member],
                                 .seed = af_party_seed(1, view->id),
                                 .fixed = true};
    struct af_party *party = af_party_new(&spec, &why);
    struct af_script_party *copy = NULL;
    struct af_party_saved saved = {.status = AF_PARTY_ACTIVE,
                                   .state = local->about->name,
                                   .data = view->data,
                                   .data_len = view->data_len};
    if (party != NULL && af_party_restore(party, &saved, &why) == 0)
        copy = af_party_moved_copy(party, check->scripts[1], &why);
    if (copy != NULL) {
        int state = af_script_party_state(copy);
        view->state = check->flows[1]->roles[check->roles[1][member]].states[state].name;
        view->data = af_script_party_data(copy, &view->data_len);
        af_script_view(check->scripts[1], member, view);
        af_script_party_free(copy);
    }
    af_party_free(party);
    return copy != NULL;
}

static bool show(struct af_check *check, unsigned judge, uint32_t number)
{
    static const char *const ended[] = {NULL, NULL, "done", "failed", "lost"};
    struct af_check_local local = check->locals[number];
    uint32_t *shown = &check->world->shown[judge][local.member];
    if (*shown == local.view[0] + 1)
        return true;
    struct af_view view = {.id = check->who[local.member].id,
                           .state = local.about == NULL ? NULL : local.about->name,
                           .ended = ended[local.status],
                           .result = text_of(check, local.result),
                           .reason = text_of(check, local.reason)};
    view.data = af_check_word_bytes(&check->words, local.data, &view.data_len);
    *shown = 0;
    if (judge != local.version && local.about != NULL) {
        if (!show_moved(check, &local, &view))
            return false;
    } else {
        af_script_view(check->scripts[judge], local.member, &view);
    }
    *shown = local.view[0] + 1;
    return true;
}

bool af_check_world_show(struct af_check *check, unsigned judge, const uint32_t *locals)
{
    for (uint32_t i = 0; i < check->members; i++) {
        struct af_view unstarted = {.id = check->who[i].id};
        if (locals[i] != AF_CHECK_NONE && !show(check, judge, locals[i]))
            return false;
        if (locals[i] != AF_CHECK_NONE)
            continue;
        check->world->shown[judge][i] = 0;
        af_script_view(check->scripts[judge], i, &unstarted);
    }
    return true;
}

static uint32_t look(struct af_check *check, const struct af_check_vector *state, unsigned judge)
{
    const char *name, *message;
    char text[AF_FAILURE_TEXT_MAX + 200];
    if (!af_check_world_show(check, judge, state->locals))
        return AF_CHECK_NONE;
    if (af_script_check_invariants(check->scripts[judge], &name, &message) ||
        af_script_interrupted())
        return AF_CHECK_NONE;
    snprintf(text, sizeof text, "invariant '%s' is broken: %s", name, message);
    return af_check_violation(check, AF_CHECK_INVARIANT, AF_CHECK_NONE, "", text);
}

static void grow(struct af_check_world *world)
{
    struct view *old = world->views;
    size_t old_cap = world->cap;
    world->cap *= 2;
    world->views = af_mem_zero(world->cap, sizeof *world->views);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].a != 0)
            world->views[place(world, &old[i])] = old[i];
    free(old);
}

uint32_t af_check_world_look(struct af_check *check, const struct af_check_vector *state)
{
    struct af_check_world *world = check->world;
    unsigned judge = judge_of(check, state);
    if (!check->flows[judge]->has_invariants)
        return AF_CHECK_NONE;
    const struct view *known = find(check, state);
    if (known != NULL)
        return known->violation;
    struct view key = key_of(check, state, judge);
    key.violation = look(check, state, judge);
    if (2 * (world->count + 1) > world->cap)
        grow(world);
    world->views[place(world, &key)] = key;
    world->count++;
    return key.violation;
}
