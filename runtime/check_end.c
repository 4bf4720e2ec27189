/* check_end.c: from every state some state in which all have ended must stay reachable, by what is
 * nobody's fault: deliveries, timeouts, returns.
 *
 * A state is good if it has ended, or if a good one may come next. The states are looked at from
 * the deepest level upwards, where one good successor is enough, so most are settled at the first
 * look; the others again and again until nothing changes. Of those that are left, the ones that may
 * get stuck, or run into another violation, are bad, and told of as that; the rest is doomed. */
#include "check_impl.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1024 };

struct worker {
    struct af_check_next next;
    unsigned wanted; /* the mark of a successor that is enough */
    bool reaches;
    unsigned char packed[AF_CHECK_PACKED_MAX];
};

struct ways {
    struct af_check *check;
    struct worker *workers;
    const uint64_t *states;
    size_t count;
    unsigned mark;
};

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct worker *worker = arg;
    struct af_check *check = worker->next.check;
    (void)label;
    child = af_check_next_pick(&worker->next, child);
    if (child == NULL)
        return;
    size_t len = af_check_pack(check, child, worker->packed);
    uint64_t state = af_check_seen_find(check->seen, worker->packed, len);
    if (state == AF_CHECK_NO_STATE)
        worker->next.cut = true; /* an invariant is broken there */
    if (state != AF_CHECK_NO_STATE &&
        (af_check_seen_marks(check->seen, state) & worker->wanted) != 0) {
        worker->reaches = true;
        worker->next.missed = true; /* it is enough */
    }
}

static void on_violation(void *arg, const struct af_check_label *label, uint32_t violation,
                         uint32_t contract)
{
    (void)arg, (void)label, (void)violation, (void)contract;
}

/* Marks a state if it is at what the mark means, or leads to one that has it. */
static bool look(struct ways *ways, struct worker *worker, uint64_t state)
{
    struct af_check *check = ways->check;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, &worker->next.state);
    worker->wanted = ways->mark;
    worker->reaches = false;
    enum af_check_rest rest = af_check_next(&worker->next);
    bool bad = rest == AF_CHECK_STUCK_HERE || worker->next.cut;
    if (rest == AF_CHECK_ENDED ? ways->mark == AF_CHECK_GOOD : bad && ways->mark == AF_CHECK_BAD)
        worker->reaches = true;
    if (worker->reaches)
        af_check_seen_mark(check->seen, state, ways->mark);
    return worker->reaches;
}

static void do_piece(void *arg, unsigned number, size_t i)
{
    struct ways *ways = arg;
    size_t end = (i + 1) * PIECE < ways->count ? (i + 1) * PIECE : ways->count;
    for (size_t k = i * PIECE; k < end; k++)
        look(ways, &ways->workers[number], ways->states[k]);
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

static size_t settle(struct ways *ways, uint64_t *states, size_t count)
{
    for (bool changed = true; changed && count > 0;) {
        changed = false;
        for (size_t i = count; i-- > 0;)
            changed = look(ways, &ways->workers[0], states[i]) || changed;
        count = keep_unmarked(ways->check, states, count, ways->mark);
    }
    return count;
}

static bool first_look(struct ways *ways, af_check_progress_fn *progress, void *arg)
{
    struct af_check *check = ways->check;
    struct af_check_search *search = check->search;
    for (size_t i = search->level_count; i-- > 0;) {
        struct af_check_progress now = {.states = search->levels[i].first,
                                        .transitions = search->transitions,
                                        .depth = i,
                                        .bytes = af_check_seen_bytes(check->seen),
                                        .ending = true};
        ways->states = search->order + search->levels[i].first;
        ways->count = search->levels[i].count;
        af_check_jobs_run(check->jobs, (ways->count + PIECE - 1) / PIECE, do_piece, ways);
        if (progress != NULL && !progress(arg, &now))
            return false;
    }
    return true;
}

static void tell(struct ways *ways, uint64_t state)
{
    struct af_check *check = ways->check;
    struct af_check_vector *vector = &ways->workers[0].next.state;
    struct af_buf text = AF_BUF_EMPTY;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    uint32_t who = af_check_unsettled(check, vector, &text);
    uint32_t role = who == AF_CHECK_NONE ? AF_CHECK_NONE : check->roles[0][who];
    af_check_note(check, af_check_violation(check, AF_CHECK_DOOMED, role, "", af_buf_text(&text)),
                  state, AF_CHECK_NONE);
    af_buf_release(&text);
}

void af_check_ways(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    struct af_check_search *search = check->search;
    struct ways ways = {.check = check, .mark = AF_CHECK_GOOD};
    unsigned count = check->options->jobs;
    ways.workers = af_mem_zero(count, sizeof *ways.workers);
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &ways.workers[i];
        af_check_next_init(&worker->next, check);
        worker->next.only_ways = worker->next.all = true;
        worker->next.arg = worker;
        worker->next.child = on_child;
        worker->next.violation = on_violation;
    }
    if (first_look(&ways, progress, arg)) {
        size_t left = keep_unmarked(check, search->order, search->order_count, AF_CHECK_GOOD);
        ways.workers[0].next.asks = true;
        left = settle(&ways, search->order, left);
        ways.mark = AF_CHECK_BAD;
        left = settle(&ways, search->order, left);
        if (left > 0)
            tell(&ways, search->order[0]);
    } else {
        search->interrupted = true;
    }
    for (unsigned i = 0; i < count; i++)
        af_check_next_release(&ways.workers[i].next);
    free(ways.workers);
}
