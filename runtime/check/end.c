/* end.c: from every state some state in which all have ended must stay reachable, by what is
 * nobody's fault: recalls, deliveries, timeouts, returns.
 *
 * A state is good if it has ended, or if a good one may come next. The search has noted one that
 * may come next for each, its lead; following leads settles most. The others are looked at, the
 * deepest first, again and again until nothing changes. Of those that are left, the ones that may
 * get stuck, or run into another violation, are bad, and told of as that; the rest is doomed.
 *
 * The same is asked of properties over time: does a state lead to one in which they need not wait?
 */
#include "check/ways.h"
#include "check/jobs.h"
#include "check/next.h"
#include "check/note.h"
#include "check/search.h"
#include "check/seen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1024, AHEAD = 8 };

struct ways {
    struct af_check *check;
    struct af_check_next next;
    unsigned mark;          /* that is looked for; a successor that has it is enough */
    unsigned tried, blocks; /* by leads; marks that none leads on from */
    bool reaches, all_led;  /* leads settle every state that was followed */
    uint64_t *trail;        /* of leads */
    size_t trail_count, trail_cap;
    unsigned char packed[AF_CHECK_PACKED_MAX];
};

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct ways *ways = arg;
    struct af_check *check = ways->check;
    (void)label;
    child = af_check_next_pick(&ways->next, child);
    if (child == NULL)
        return;
    size_t len = af_check_pack(check, child, ways->packed);
    uint64_t state = af_check_seen_find(check->seen, ways->packed, len);
    if (state == AF_CHECK_NO_STATE)
        ways->next.cut = true; /* an invariant is broken there */
    if (state != AF_CHECK_NO_STATE && (af_check_seen_marks(check->seen, state) & ways->mark) != 0) {
        ways->reaches = true;
        ways->next.missed = true; /* it is enough */
    }
}

/* Marks a state if it is at what the mark means, or leads to one that has it. */
static bool look(struct ways *ways, uint64_t state)
{
    struct af_check *check = ways->check;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, &ways->next.state);
    ways->reaches = false;
    enum af_check_rest rest = af_check_next(&ways->next);
    bool bad = rest == AF_CHECK_STUCK_HERE || ways->next.cut;
    if (ways->mark == AF_CHECK_MET)
        ways->reaches = rest != AF_CHECK_ENDED && (ways->reaches || ways->next.cut);
    else if (rest == AF_CHECK_ENDED ? ways->mark == AF_CHECK_GOOD
                                    : bad && ways->mark == AF_CHECK_BAD)
        ways->reaches = true;
    if (ways->reaches)
        af_check_seen_mark(check->seen, state, ways->mark);
    return ways->reaches;
}

/* Drops the states that have the mark; returns how many are left. */
static size_t keep_unmarked(const struct af_check *check, uint64_t *states, size_t count,
                            unsigned mark)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if ((af_check_seen_marks(check->seen, states[i]) & mark) == 0)
            states[left++] = states[i];
    return left;
}

/* Returns how many are left, all of which may have a way if it is told to stop. */
static size_t settle(struct ways *ways, uint64_t *states, size_t count)
{
    for (bool changed = true; changed && count > 0;) {
        changed = false;
        for (size_t i = count; i-- > 0;) {
            if (i % 256 == 0 && !af_check_goes_on(ways->check))
                return count;
            changed = look(ways, states[i]) || changed;
        }
        count = keep_unmarked(ways->check, states, count, ways->mark);
    }
    return count;
}

/* Follows leads from a state; if that comes to a good one all on the way are. Each state is passed
 * once. */
static void follow(struct ways *ways, uint64_t state)
{
    struct af_check_seen *seen = ways->check->seen;
    unsigned marks = 0, stops = ways->mark | ways->tried | ways->blocks;
    ways->trail_count = 0;
    while (state != AF_CHECK_NO_STATE &&
           ((marks = af_check_seen_marks(seen, state)) & stops) == 0) {
        af_mem_reserve(&ways->trail, &ways->trail_cap, ways->trail_count + 1, sizeof *ways->trail);
        ways->trail[ways->trail_count++] = state;
        af_check_seen_mark(seen, state, ways->tried);
        state = af_check_seen_lead(seen, state);
    }
    if (state == AF_CHECK_NO_STATE || (marks & ways->mark) == 0)
        return;
    for (size_t i = 0; i < ways->trail_count; i++)
        af_check_seen_mark(seen, ways->trail[i], ways->mark);
}

/* Some states of a level. */
struct pieces {
    const struct ways *ways;
    const uint64_t *states;
    size_t count, left; /* … for which a trail is to be followed, by atomic operations */
};

/* What one step along a lead settles: most leads go a level deeper, where all is settled. */
static void step_on(void *arg, unsigned worker, size_t piece)
{
    struct pieces *pieces = arg;
    const struct ways *ways = pieces->ways;
    const struct af_check_seen *seen = ways->check->seen;
    size_t end = (piece + 1) * PIECE < pieces->count ? (piece + 1) * PIECE : pieces->count;
    size_t left = 0;
    (void)worker;
    for (size_t k = piece * PIECE; k < end; k++) {
        if (k + AHEAD < end)
            af_check_seen_prefetch_lead(seen, pieces->states[k + AHEAD]);
        uint64_t state = pieces->states[k], lead = af_check_seen_lead(seen, state);
        unsigned marks = af_check_seen_marks(seen, state);
        if ((marks & (ways->mark | ways->blocks)) != 0)
            continue;
        if (lead != AF_CHECK_NO_STATE && (af_check_seen_marks(seen, lead) & ways->mark) != 0)
            af_check_seen_mark(ways->check->seen, state, ways->mark);
        else
            left++;
    }
    __atomic_fetch_add(&pieces->left, left, __ATOMIC_RELAXED);
}

/* The deepest first: their leads are shortest. Returns false if it is told to stop. */
static bool follow_all(struct ways *ways, af_check_progress_fn *progress, void *arg)
{
    struct af_check *check = ways->check;
    struct af_check_search *search = check->search;
    for (size_t i = search->level_count; i-- > 0;) {
        struct af_check_progress now = {.states = search->levels[i].first,
                                        .transitions = search->transitions,
                                        .depth = i,
                                        .bytes = af_check_seen_bytes(check->seen),
                                        .ending = true};
        struct pieces pieces = {ways, search->order + search->levels[i].first,
                                search->levels[i].count, 0};
        af_check_jobs_run(check->jobs, (pieces.count + PIECE - 1) / PIECE, step_on, &pieces);
        ways->all_led = ways->all_led && pieces.left == 0;
        for (size_t k = 0; k < pieces.count && pieces.left > 0; k++)
            follow(ways, pieces.states[k]);
        if (progress != NULL && !progress(arg, &now))
            return false;
    }
    return true;
}

static size_t depth_of(const struct af_check *check, uint64_t state)
{
    size_t depth = 0, len;
    for (; state != AF_CHECK_ROOT; depth++)
        af_check_seen_state(check->seen, state, &len, &state, NULL);
    return depth;
}

/* Of the first of so many states, which stand in the order of levels, the one that is told: in
 * which order they were found says nothing. */
static uint64_t choose(struct af_check *check, const uint64_t *states, size_t count)
{
    struct af_buf least = AF_BUF_EMPTY;
    uint64_t chosen = states[0];
    size_t depth = depth_of(check, chosen);
    af_check_unsettled(check, chosen, &least);
    for (size_t i = 1; i < count && depth_of(check, states[i]) == depth; i++) {
        struct af_buf text = AF_BUF_EMPTY;
        af_check_unsettled(check, states[i], &text);
        if (strcmp(af_buf_text(&text), af_buf_text(&least)) < 0) {
            struct af_buf swapped = least;
            least = text;
            text = swapped;
            chosen = states[i];
        }
        af_buf_release(&text);
    }
    af_buf_release(&least);
    return chosen;
}

static struct ways *ways_new(struct af_check *check, unsigned mark, unsigned tried, unsigned blocks)
{
    struct ways *ways = af_mem_zero(1, sizeof *ways);
    ways->check = check;
    ways->mark = mark;
    ways->tried = tried;
    ways->blocks = blocks;
    ways->all_led = true;
    af_check_next_init(&ways->next, check);
    ways->next.only_ways = ways->next.all = ways->next.asks = true;
    ways->next.arg = ways;
    ways->next.child = on_child;
    return ways;
}

static void ways_free(struct ways *ways)
{
    af_check_next_release(&ways->next);
    free(ways->trail);
    free(ways);
}

bool af_check_ways_to(struct af_check *check, unsigned mark, uint64_t *states, size_t *left,
                      af_check_progress_fn *progress, void *arg)
{
    struct ways *ways = ways_new(check, mark, AF_CHECK_MET_TRIED, AF_CHECK_OVER);
    bool goes_on = follow_all(ways, progress, arg);
    if (goes_on)
        *left = settle(ways, states, keep_unmarked(check, states, *left, mark));
    ways_free(ways);
    return goes_on && !check->search->interrupted;
}

void af_check_ways(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    struct af_check_search *search = check->search;
    struct ways *ways = ways_new(check, AF_CHECK_GOOD, AF_CHECK_TRIED, 0);
    if (follow_all(ways, progress, arg)) {
        size_t left = ways->all_led
                          ? 0
                          : keep_unmarked(check, search->order, search->order_count, AF_CHECK_GOOD);
        left = settle(ways, search->order, left);
        ways->mark = AF_CHECK_BAD;
        left = settle(ways, search->order, left);
        if (left > 0 && search->bound == NULL && !search->interrupted)
            af_check_note_unsettled(check, AF_CHECK_DOOMED, choose(check, search->order, left));
    } else {
        search->interrupted = true;
    }
    ways_free(ways);
}
