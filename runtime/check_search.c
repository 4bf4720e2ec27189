/* check_search.c: breadth first, level by level, each in rounds of so many states.
 *
 * A round looks for what comes next after each of its states, piece by piece and on all threads,
 * with nothing but what is known; states for which something must be asked of Lua first wait until
 * all others are done, and come then, one after the other. What was found is added in the order of
 * the pieces: shard by shard, or by a single thread piece by piece, while the processor still has
 * it at hand; within a shard the order is the same. So the answer does not depend on the number of
 * threads. */
#include "check_impl.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 256, PIECES = 32, ROUND = PIECE * PIECES };
enum { LEAD = 8 }; /* entries between one look ahead and the next */

struct found { /* one state, or a violation, that a piece has come to */
    uint32_t violation, contract;
    uint64_t state;
};

struct entry { /* before the bytes of a state to add */
    uint64_t hash, parent;
    uint32_t sleep;
    uint32_t len : 31, leads : 1; /* it is the lead of its parent */
};

struct unseen { /* a state whose view invariants have not looked at */
    unsigned shard;
    size_t at;
    uint64_t from;
};

struct piece {
    struct af_buf shards[AF_CHECK_SHARDS]; /* a single thread has all in the first */
    struct found *found;
    size_t found_count, found_cap;
    struct unseen *unseen;
    size_t unseen_count, unseen_cap;
    uint64_t missed[PIECE], ended[PIECE], stuck[PIECE];
    size_t missed_count, ended_count, stuck_count;
    uint64_t transitions, inert;
    bool too_large;
};

struct worker {
    struct round *round;
    struct af_check_next next;
    struct piece *piece; /* that it works on */
    uint64_t state;      /* whose next ones are looked for … */
    bool has_lead;       /* … and whether its lead is among those found */
    unsigned char packed[AF_CHECK_PACKED_MAX];
};

struct round {
    struct af_check *check;
    struct worker *workers;
    unsigned worker_count;
    struct piece *pieces; /* and one more, for the states that were missed */
    const uint64_t *states;
    size_t count;
    bool invariants, sleeps, same;
};

/* ---- What a piece comes to. ---- */

static void add_found(struct piece *piece, uint32_t violation, uint32_t contract, uint64_t state)
{
    af_mem_reserve(&piece->found, &piece->found_cap, piece->found_count + 1, sizeof *piece->found);
    piece->found[piece->found_count++] = (struct found){violation, contract, state};
}

static void on_violation(void *arg, const struct af_check_label *label, uint32_t violation,
                         uint32_t contract)
{
    struct worker *worker = arg;
    (void)label;
    if (!worker->round->check->found[violation].found)
        add_found(worker->piece, violation, contract, worker->state);
}

static uint32_t sleep_mask(const struct af_check_vector *state)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < state->count && i < 32; i++)
        mask |= (uint32_t)((state->flags[i] & AF_CHECK_SLEEPS) != 0) << i;
    return mask;
}

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct worker *worker = arg;
    struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    struct entry entry = {.parent = worker->state};
    uint32_t violation;
    child = af_check_next_pick(&worker->next, child);
    if (child == NULL)
        return;
    bool seen = !worker->round->invariants || af_check_world_known(check, child, &violation);
    if (worker->round->invariants && seen && violation != AF_CHECK_NONE) {
        if (!check->found[violation].found)
            add_found(piece, violation, AF_CHECK_NONE, worker->state);
        return;
    }
    size_t len = af_check_pack(check, child, worker->packed);
    if (len == 0) {
        piece->too_large = true;
        return;
    }
    entry.len = (uint32_t)len & 0x7FFFFFFF;
    entry.leads = !worker->has_lead &&
                  (label->kind == AF_SCHEDULE_DELIVER || label->kind == AF_SCHEDULE_TIMEOUT ||
                   label->kind == AF_SCHEDULE_RETURN);
    worker->has_lead = worker->has_lead || entry.leads;
    entry.hash = af_check_hash(worker->packed, len);
    entry.sleep = worker->round->sleeps ? sleep_mask(child) : 0;
    unsigned shard = worker->round->worker_count == 1 ? 0 : af_check_shard(entry.hash);
    struct af_buf *out = &piece->shards[shard];
    if (!seen) {
        af_mem_reserve(&piece->unseen, &piece->unseen_cap, piece->unseen_count + 1,
                       sizeof *piece->unseen);
        piece->unseen[piece->unseen_count++] = (struct unseen){shard, out->len, worker->state};
    }
    af_buf_append(out, &entry, sizeof entry);
    af_buf_append(out, worker->packed, (len + 7) & ~(size_t)7);
}

/* Looks for what comes next after one state. Returns false if it was missed: nothing has changed.
 */
static bool look(struct worker *worker, uint64_t state, bool asks)
{
    struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    struct af_check_next *next = &worker->next;
    size_t lens[AF_CHECK_SHARDS], len, found = piece->found_count, unseen = piece->unseen_count;
    uint32_t sleep;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, &sleep);
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        lens[i] = piece->shards[i].len;
    af_check_unpack(check, bytes, len, &next->state);
    for (size_t i = 0; sleep != 0 && i < next->state.count && i < 32; i++)
        next->state.flags[i] = (sleep >> i & 1) != 0 ? AF_CHECK_SLEEPS : 0;
    next->asks = asks;
    next->transitions = next->inert = 0;
    worker->state = state;
    worker->has_lead = false;
    enum af_check_rest rest = af_check_next(next);
    if (next->missed) {
        for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
            piece->shards[i].len = lens[i];
        piece->found_count = found;
        piece->unseen_count = unseen;
        return false;
    }
    piece->transitions += next->transitions;
    piece->inert += next->inert;
    if (rest == AF_CHECK_ENDED)
        piece->ended[piece->ended_count++] = state;
    if (rest == AF_CHECK_STUCK_HERE)
        piece->stuck[piece->stuck_count++] = state;
    return true;
}

static void piece_begin(struct piece *piece)
{
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        af_buf_clear(&piece->shards[i]);
    piece->found_count = piece->unseen_count = piece->missed_count = 0;
    piece->ended_count = piece->stuck_count = 0;
    piece->transitions = piece->inert = 0;
}

static void do_piece(void *arg, unsigned number, size_t i)
{
    struct round *round = arg;
    struct worker *worker = &round->workers[number];
    struct piece *piece = &round->pieces[i];
    size_t end = (i + 1) * PIECE < round->count ? (i + 1) * PIECE : round->count;
    piece_begin(piece);
    worker->piece = piece;
    for (size_t k = i * PIECE; k < end; k++)
        if (!look(worker, round->states[k], false))
            piece->missed[piece->missed_count++] = round->states[k];
}

/* ---- Between the two: one thread. ---- */

void af_check_note(struct af_check *check, uint32_t violation, uint64_t state, uint32_t contract)
{
    struct af_check_found *found = &check->found[violation];
    if (found->found)
        return;
    found->found = true;
    found->state = state;
    found->contract = contract;
}

uint32_t af_check_unsettled(const struct af_check *check, const struct af_check_vector *state,
                            struct af_buf *out)
{
    uint32_t first = AF_CHECK_NONE;
    const char *before = NULL;
    uint32_t before_role = AF_CHECK_NONE;
    for (uint32_t i = 0; i < check->members; i++) {
        const struct af_check_local *local = &check->locals[state->locals[i]];
        if (local->over || local->rests || local->about == NULL)
            continue;
        if (before == local->about->name && before_role == check->roles[0][i])
            continue;
        af_buf_append_string(out, first == AF_CHECK_NONE ? "" : "; ");
        af_buf_printf(out, "%s is in state '%s' (", af_check_role_name(check, i),
                      local->about->name);
        af_check_place(check, local, out);
        af_buf_append_char(out, ')');
        first = first == AF_CHECK_NONE ? i : first;
        before = local->about->name;
        before_role = check->roles[0][i];
    }
    if (first == AF_CHECK_NONE)
        af_buf_append_string(out, "all have ended or rest, but something is always on its way");
    return first;
}

static void note_stuck(struct round *round, uint64_t state)
{
    struct af_check *check = round->check;
    struct af_check_vector *vector = &round->workers[0].next.state;
    struct af_buf text = AF_BUF_EMPTY;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    uint32_t who = af_check_unsettled(check, vector, &text);
    uint32_t role = who == AF_CHECK_NONE ? AF_CHECK_NONE : check->roles[0][who];
    uint32_t violation = af_check_violation(check, AF_CHECK_STUCK, role, "", af_buf_text(&text));
    af_check_note(check, violation, state, AF_CHECK_NONE);
    af_buf_release(&text);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void note_end(struct round *round, uint64_t state)
{
    struct af_check *check = round->check;
    struct af_check_search *search = check->search;
    struct af_check_vector *vector = &round->workers[0].next.state;
    size_t len;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, NULL);
    af_check_unpack(check, bytes, len, vector);
    af_check_seen_mark(check->seen, state, AF_CHECK_GOOD);
    for (uint32_t i = 0; i < check->members; i++)
        vector->locals[i] = check->locals[vector->locals[i]].end;
    qsort(vector->locals, check->members, sizeof(uint32_t), by_number);
    uint32_t before = search->end_keys.count;
    uint32_t end =
        af_check_word(&search->end_keys, vector->locals, check->members * sizeof(uint32_t));
    af_mem_reserve(&search->end_counts, &search->end_cap, (size_t)end + 1, sizeof(uint64_t));
    if (end == before)
        search->end_counts[end] = 0;
    search->end_counts[end]++;
}

static void look_at_unseen(struct round *round, struct piece *piece)
{
    struct af_check *check = round->check;
    struct af_check_vector *vector = &round->workers[0].next.state;
    for (size_t i = 0; i < piece->unseen_count; i++) {
        const struct unseen *unseen = &piece->unseen[i];
        char *at = piece->shards[unseen->shard].data + unseen->at;
        struct entry entry;
        memcpy(&entry, at, sizeof entry);
        af_check_unpack(check, (unsigned char *)at + sizeof entry, entry.len, vector);
        uint32_t violation = af_check_same_view(check, vector);
        if (violation == AF_CHECK_NONE)
            continue;
        entry.hash = 0; /* it is not to be added */
        entry.parent = AF_CHECK_NO_STATE;
        memcpy(at, &entry, sizeof entry);
        af_check_note(check, violation, unseen->from, AF_CHECK_NONE);
    }
}

static bool merge(struct round *round, struct piece *piece)
{
    struct af_check *check = round->check;
    for (size_t i = 0; i < piece->found_count; i++)
        af_check_note(check, piece->found[i].violation, piece->found[i].state,
                      piece->found[i].contract);
    look_at_unseen(round, piece);
    for (size_t i = 0; i < piece->ended_count; i++)
        note_end(round, piece->ended[i]);
    for (size_t i = 0; i < piece->stuck_count; i++)
        note_stuck(round, piece->stuck[i]);
    check->search->transitions += piece->transitions;
    check->search->inert += piece->inert;
    return !piece->too_large && check->why.kind == AF_FAILURE_NONE;
}

/* What all takes that grows with the search. */
static uint64_t bytes_taken(const struct af_check *check)
{
    return af_check_seen_bytes(check->seen) + check->search->order_cap * sizeof(uint64_t) +
           af_check_words_bytes(&check->words) + af_check_words_bytes(&check->local_keys) +
           af_check_words_bytes(&check->message_keys) + af_check_words_bytes(&check->call_keys) +
           check->local_cap * sizeof *check->locals + check->step_cap * sizeof *check->steps +
           check->outcome_cap * sizeof *check->outcomes;
}

/* States for which Lua must be asked. Returns false if what that adds takes too much: a party's
 * data may be large. */
static bool do_missed(struct round *round, size_t piece_count)
{
    struct worker *worker = &round->workers[0];
    struct piece *last = &round->pieces[PIECES];
    piece_begin(last);
    for (size_t i = 0; i < piece_count; i++) {
        for (size_t k = 0; k < round->pieces[i].missed_count; k++) {
            if (last->ended_count == PIECE || last->stuck_count == PIECE) {
                for (size_t e = 0; e < last->ended_count; e++)
                    note_end(round, last->ended[e]);
                for (size_t e = 0; e < last->stuck_count; e++)
                    note_stuck(round, last->stuck[e]);
                last->ended_count = last->stuck_count = 0;
            }
            if (bytes_taken(round->check) >= round->check->options->bytes_max)
                return false;
            worker->piece = last;
            look(worker, round->pieces[i].missed[k], true);
        }
    }
    return true;
}

/* ---- Adding. ---- */

/* Walks what so many pieces have for a shard. */
struct walk {
    const struct piece *piece, *end;
    unsigned shard;
    size_t at;
    int left; /* entries that it may go ahead of the one that is added */
};

static const char *walk_on(struct walk *walk, struct entry *entry)
{
    while (walk->piece < walk->end && walk->at == walk->piece->shards[walk->shard].len) {
        walk->piece++;
        walk->at = 0;
    }
    if (walk->left == 0 || walk->piece == walk->end)
        return NULL;
    const char *at = walk->piece->shards[walk->shard].data + walk->at;
    memcpy(entry, at, sizeof *entry);
    walk->at += sizeof *entry + ((entry->len + 7) & ~(size_t)7);
    walk->left--;
    return at + sizeof *entry;
}

static void add_all(struct round *round, const struct piece *pieces, size_t count, unsigned shard)
{
    struct af_check_seen *seen = round->check->seen;
    struct walk slots = {pieces, pieces + count, shard, 0, 2 * LEAD}, states = slots, adds = slots;
    struct entry entry;
    states.left = LEAD;
    adds.left = 1;
    while (true) {
        while (walk_on(&slots, &entry) != NULL)
            af_check_seen_prefetch(seen, entry.hash);
        while (walk_on(&states, &entry) != NULL)
            af_check_seen_prefetch_state(seen, entry.hash);
        const char *bytes = walk_on(&adds, &entry);
        if (bytes == NULL)
            break;
        slots.left++;
        states.left++;
        adds.left++;
        if (entry.parent == AF_CHECK_NO_STATE)
            continue;
        uint64_t state = af_check_seen_add(seen, entry.hash, entry.parent, entry.sleep,
                                           (const unsigned char *)bytes, entry.len);
        if (entry.leads && entry.parent != AF_CHECK_ROOT)
            af_check_seen_set_lead(seen, entry.parent, state);
    }
}

static void do_shard(void *arg, unsigned worker, size_t shard)
{
    struct round *round = arg;
    (void)worker;
    size_t pieces = (round->count + PIECE - 1) / PIECE;
    add_all(round, round->pieces, pieces, (unsigned)shard);
    add_all(round, &round->pieces[PIECES], 1, (unsigned)shard);
}

/* ---- Rounds and levels. ---- */

/* The bound that was hit, or NULL. */
static const char *bound_hit(const struct af_check *check)
{
    const struct af_check_options *options = check->options;
    return af_check_seen_count(check->seen) >= options->states_max ? "--states"
           : bytes_taken(check) >= options->bytes_max              ? "--memory"
                                                                   : NULL;
}

static bool do_round(struct round *round)
{
    struct af_check *check = round->check;
    size_t pieces = (round->count + PIECE - 1) / PIECE;
    bool goes_on = true;
    bool alone = round->worker_count == 1;
    for (size_t i = 0; i < pieces && alone; i++) {
        do_piece(round, 0, i);
        goes_on = merge(round, &round->pieces[i]) && goes_on;
        add_all(round, &round->pieces[i], 1, 0);
    }
    if (!alone)
        af_check_jobs_run(check->jobs, pieces, do_piece, round);
    goes_on = do_missed(round, pieces) && goes_on;
    af_check_same_try(check);
    for (size_t i = 0; i < pieces && !alone; i++)
        goes_on = merge(round, &round->pieces[i]) && goes_on;
    goes_on = merge(round, &round->pieces[PIECES]) && goes_on;
    if (alone)
        add_all(round, &round->pieces[PIECES], 1, 0);
    else
        af_check_jobs_run(check->jobs, AF_CHECK_SHARDS, do_shard, round);
    if (round->same && !af_check_same_on(check))
        return false; /* all is done again, otherwise */
    if (!goes_on && check->why.kind == AF_FAILURE_NONE)
        check->search->bound = bound_hit(check);
    if (!goes_on && check->why.kind == AF_FAILURE_NONE && check->search->bound == NULL)
        check->search->bound = "a state has more contracts in flight than fit into 16,000 bytes";
    return goes_on;
}

static bool tell(struct af_check *check, size_t frontier, af_check_progress_fn *progress, void *arg)
{
    const struct af_check_search *search = check->search;
    struct af_check_progress now = {.states = af_check_seen_count(check->seen),
                                    .transitions = search->transitions,
                                    .depth = search->depth,
                                    .frontier = frontier,
                                    .bytes = bytes_taken(check)};
    return progress == NULL || progress(arg, &now);
}

/* Returns false if the search is over before all is explored. */
static bool do_level(struct round *round, const uint64_t *level, size_t count,
                     af_check_progress_fn *progress, void *arg)
{
    struct af_check *check = round->check;
    struct af_check_search *search = check->search;
    for (size_t i = 0; i < count; i += ROUND) {
        round->states = level + i;
        round->count = count - i < ROUND ? count - i : ROUND;
        if (!do_round(round))
            return false;
        search->bound = bound_hit(check);
        if (search->bound != NULL)
            return false;
        if (!tell(check, count, progress, arg)) {
            search->interrupted = true;
            return false;
        }
    }
    return true;
}

static void keep_level(struct af_check_search *search, const uint64_t *level, size_t count)
{
    af_mem_reserve(&search->levels, &search->level_cap, search->level_count + 1,
                   sizeof *search->levels);
    search->levels[search->level_count].first = search->order_count;
    search->levels[search->level_count++].count = count;
    af_mem_reserve(&search->order, &search->order_cap, search->order_count + count,
                   sizeof *search->order);
    memcpy(search->order + search->order_count, level, count * sizeof *level);
    search->order_count += count;
}

static void round_init(struct round *round, struct af_check *check)
{
    *round = (struct round){.check = check, .worker_count = check->options->jobs};
    round->workers = af_mem_zero(round->worker_count, sizeof *round->workers);
    round->pieces = af_mem_zero(PIECES + 1, sizeof *round->pieces);
    for (unsigned i = 0; i < round->worker_count; i++) {
        struct worker *worker = &round->workers[i];
        worker->round = round;
        af_check_next_init(&worker->next, check);
        worker->next.arg = worker;
        worker->next.child = on_child;
        worker->next.violation = on_violation;
        worker->next.sleeps = check->options->reduce && !af_check_same_on(check);
    }
    round->same = af_check_same_on(check);
    round->sleeps =
        check->options->reduce && !round->same; /* an order of names says nothing then */
    for (size_t version = 0; version < check->version_count; version++)
        round->invariants = round->invariants || check->flows[version]->has_invariants;
}

static void round_release(struct round *round)
{
    for (unsigned i = 0; i < round->worker_count; i++)
        af_check_next_release(&round->workers[i].next);
    for (size_t i = 0; i <= PIECES; i++) {
        for (unsigned k = 0; k < AF_CHECK_SHARDS; k++)
            af_buf_release(&round->pieces[i].shards[k]);
        free(round->pieces[i].found);
        free(round->pieces[i].unseen);
    }
    free(round->workers);
    free(round->pieces);
}

/* The first state, through a piece of its own. */
static void begin(struct round *round)
{
    struct worker *worker = &round->workers[0];
    struct piece *piece = &round->pieces[PIECES];
    piece_begin(piece);
    worker->piece = piece;
    worker->state = AF_CHECK_ROOT;
    worker->next.asks = true;
    af_check_first(&worker->next);
    af_check_same_try(round->check);
    round->count = 0;
    for (size_t i = 0; i < piece->found_count; i++)
        piece->found[i].state = AF_CHECK_NO_STATE;
    for (size_t i = 0; i < piece->unseen_count; i++)
        piece->unseen[i].from = AF_CHECK_NO_STATE;
    merge(round, piece);
    af_check_jobs_run(round->check->jobs, AF_CHECK_SHARDS, do_shard, round);
}

int af_check_search(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    struct af_check_search *search = check->search;
    struct round round;
    size_t count;
    bool goes_on = true;
    round_init(&round, check);
    begin(&round);
    uint64_t *level = af_check_seen_level(check->seen, &count);
    while (count > 0 && goes_on && check->why.kind == AF_FAILURE_NONE) {
        keep_level(search, level, count);
        if (search->level_count > 1)
            search->depth++;
        if (search->depth >= check->options->depth_max) {
            search->bound = "--depth";
            break;
        }
        goes_on = do_level(&round, level, count, progress, arg);
        free(level);
        level = af_check_seen_level(check->seen, &count);
    }
    free(level);
    round_release(&round);
    return check->why.kind == AF_FAILURE_NONE ? 0 : -1;
}

void af_check_search_free(struct af_check_search *search)
{
    if (search == NULL)
        return;
    af_check_words_release(&search->end_keys);
    free(search->end_counts);
    free(search->levels);
    free(search->order);
    free(search);
}
