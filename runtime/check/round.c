/* round.c: what comes next after so many states of a level.
 *
 * They are looked at piece by piece and on all threads, with nothing but what is known; states for
 * which something must be asked of Lua first wait until all others are done, and come then, one
 * after the other. What was found is added in the order of the pieces: by a single thread piece by
 * piece, while the processor still has it at hand, or shard by shard; within a shard the order is
 * the same. So the answer does not depend on the number of threads. Where there are several, each
 * drops first what was seen before this round, which most was: only the rest goes to another. */
#include "check/search.h"
#include "check/jobs.h"
#include "check/next.h"
#include "check/note.h"
#include "check/seen.h"
#include "check/swap.h"
#include "check/world.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 32, PIECES = AF_CHECK_ROUND / PIECE };
enum { AHEAD = 8 }; /* entries between one look ahead and the next */
enum { KEPT = 4096 };
enum { APART = 64 }; /* what threads write to stands on different cache lines */

struct found { /* one state, or a violation, that a piece has come to */
    uint32_t violation, contract;
    uint64_t state;
};

struct entry { /* before the bytes of a state to add, and zeros up to a whole word */
    uint64_t parent;
    uint32_t place; /* among those that its piece passes on */
    uint32_t sleep;
    uint16_t len;
    bool leads;    /* it is the lead of its parent */
    bool unseen;   /* invariants have not looked at its view */
    bool dropped;  /* it is not to be added */
    uint8_t piece; /* that has come to it: its number in the round */
};

_Static_assert(AF_CHECK_PACKED_MAX <= UINT16_MAX, "a state's length fits");
_Static_assert(PIECES <= UINT8_MAX, "a piece's number fits");

struct unseen { /* where one is, among what the piece's worker passes on */
    unsigned shard;
    size_t at;
};

struct piece {
    unsigned worker; /* that had it */
    struct found *found;
    size_t found_count, found_cap;
    struct unseen *unseen;
    size_t unseen_count, unseen_cap;
    uint64_t missed[PIECE], ended[PIECE], stuck[PIECE];
    size_t missed_count, ended_count, stuck_count;
    uint64_t *forced; /* states in which a party had to return */
    size_t forced_count, forced_cap;
    uint32_t
        crowd; /* a contract of which there are too many copies, or AF_CHECK_NONE; deferred ones */
    bool crowd_deferred;
    uint64_t transitions, inert;
    uint32_t entries;
    size_t first; /* of its entries among those of the round */
    bool too_large;
    char apart[APART];
};

struct kept {      /* where an entry is that a worker has kept for a shard in this round */
    uint32_t hash; /* its upper half, which says the shard, too */
    uint32_t end;  /* of its head; 0: there is none */
};

struct worker {
    struct af_check_round *round;
    struct af_check_next next;
    struct piece *piece; /* that it works on */
    uint64_t state;      /* whose next ones are looked for … */
    bool has_lead;       /* … and whether its lead is among those found */
    struct af_buf found; /* by this piece, where there are several threads */
    /* What it passes on in this round, in the order of its pieces: by shard, so that who adds that
     * reads it in one go. A single thread has a piece at a time, all in the first. */
    struct af_buf shards[AF_CHECK_SHARDS];
    struct kept *kept; /* by hash; the last of each place … */
    uint64_t number;   /* … in this round */
    char apart[APART];
};

struct af_check_round {
    struct af_check *check;
    struct worker *workers;
    unsigned worker_count;
    struct piece *pieces; /* and one more, for the states that were missed */
    const uint64_t *states;
    size_t count;
    bool invariants, sleeps;
    size_t same;      /* exchanges of names */
    uint64_t number;  /* of the round, from 1 */
    uint64_t *placed; /* states that entries of this round have added, where these are; or 0 */
    size_t placed_cap;
};

static size_t pieces_of(const struct af_check_round *round)
{
    return (round->count + PIECE - 1) / PIECE;
}

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

/* A round may take long, and where one state stands for many a single state may. */
static bool is_told_to_stop(const struct worker *worker)
{
    struct af_check *check = worker->round->check;
    return worker == worker->round->workers ? !af_check_tell(check) : af_check_told_to_stop(check);
}

/* Whether there are too many copies of a contract, on their way or deferred by who has done
 * something, which is noted. */
static bool is_crowded(struct worker *worker, uint32_t member, const struct af_check_vector *child)
{
    const struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    uint32_t crowd = check->locals[child->locals[member]].crowd;
    bool deferred = crowd != AF_CHECK_NONE;
    for (size_t i = 0; i + AF_CHECK_COPIES_MAX < child->count && crowd == AF_CHECK_NONE; i++) {
        size_t copies = 0;
        if (af_check_order(check, child->contracts[i + AF_CHECK_COPIES_MAX]) !=
            af_check_order(check, child->contracts[i]))
            continue; /* they rise: so many are not of one place */
        for (size_t k = i; k < child->count && af_check_order(check, child->contracts[k]) ==
                                                   af_check_order(check, child->contracts[i]);
             k++)
            copies += child->contracts[k] == child->contracts[i] ? 1 : 0;
        if (copies > AF_CHECK_COPIES_MAX)
            crowd = child->contracts[i];
    }
    if (crowd != AF_CHECK_NONE && piece->crowd == AF_CHECK_NONE) {
        piece->crowd = crowd;
        piece->crowd_deferred = deferred;
    }
    return crowd != AF_CHECK_NONE;
}

static inline size_t entry_size(const struct entry *entry)
{
    return sizeof *entry + (((size_t)entry->len + 7) & ~(size_t)7);
}

static void note_unseen(struct piece *piece, unsigned shard, size_t at)
{
    af_mem_reserve(&piece->unseen, &piece->unseen_cap, piece->unseen_count + 1,
                   sizeof *piece->unseen);
    piece->unseen[piece->unseen_count++] = (struct unseen){shard, at};
}

/* Makes the entry of a state that comes next, and packs it, where it is kept: what was written in
 * pieces would be read as a whole too soon for the processor. Returns NULL if there is no room. */
static struct entry *keep_child(struct worker *worker, const struct af_check_vector *child,
                                bool unseen)
{
    const struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    bool alone = worker->round->worker_count == 1;
    struct af_buf *out = alone ? &worker->shards[0] : &worker->found;
    size_t room = af_check_pack_room(check, child), at = out->len;
    piece->too_large = piece->too_large || room == 0;
    if (room == 0 || !af_buf_reserve(out, sizeof(struct entry) + room))
        return NULL;
    struct entry *entry = (void *)(out->data + at);
    size_t len = af_check_pack(check, child, (unsigned char *)(entry + 1));
    entry->parent = worker->state;
    entry->place = alone ? piece->entries++ : 0;
    entry->piece = (uint8_t)(piece - worker->round->pieces);
    entry->len = (uint16_t)len;
    entry->unseen = unseen;
    out->len += sizeof *entry + ((len + 7) & ~(size_t)7);
    if (alone && unseen)
        note_unseen(piece, 0, at);
    return entry;
}

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct worker *worker = arg;
    struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    uint32_t violation;
    if (worker->round->same > 0 && is_told_to_stop(worker)) {
        worker->next.missed = true;
        return;
    }
    if (is_crowded(worker, label->member, child))
        return;
    child = af_check_next_pick(&worker->next, child);
    if (child == NULL)
        return;
    bool broken = child->watch == AF_CHECK_BROKEN;
    bool seen = !worker->round->invariants || af_check_world_known(check, child, &violation);
    if (worker->round->invariants && seen && violation != AF_CHECK_NONE) {
        if (!check->found[violation].found)
            add_found(piece, violation, AF_CHECK_NONE, worker->state);
        return;
    }
    if (seen && broken)
        return;
    struct entry *entry = keep_child(worker, child, !seen);
    if (entry == NULL)
        return;
    entry->leads = !worker->has_lead && !broken &&
                   (label->kind == AF_SCHEDULE_DELIVER || label->kind == AF_SCHEDULE_TIMEOUT ||
                    label->kind == AF_SCHEDULE_RETURN || label->kind == AF_SCHEDULE_RECALL);
    worker->has_lead = worker->has_lead || entry->leads;
    entry->sleep = worker->round->sleeps ? sleep_mask(child) : 0;
    entry->dropped = broken; /* what invariants say of it is all that is asked */
}

/* Looks for what comes next after one state. Returns false if it was missed: nothing has changed.
 */
static bool look(struct worker *worker, uint64_t state, bool asks)
{
    struct af_check *check = worker->round->check;
    struct piece *piece = worker->piece;
    struct af_check_next *next = &worker->next;
    size_t len, found = piece->found_count, unseen = piece->unseen_count;
    size_t kept = worker->shards[0].len, left = worker->found.len;
    uint32_t sleep;
    const unsigned char *bytes = af_check_seen_state(check->seen, state, &len, NULL, &sleep);
    af_check_unpack(check, bytes, len, &next->state);
    for (size_t i = 0; sleep != 0 && i < next->state.count && i < 32; i++)
        next->state.flags[i] = (sleep >> i & 1) != 0 ? AF_CHECK_SLEEPS : 0;
    next->asks = asks;
    next->transitions = next->inert = 0;
    worker->state = state;
    worker->has_lead = false;
    enum af_check_rest rest = af_check_next(next);
    if (next->missed) {
        worker->shards[0].len = kept;
        worker->found.len = left;
        piece->found_count = found;
        piece->unseen_count = unseen;
        return false;
    }
    piece->transitions += next->transitions;
    piece->inert += next->inert;
    if (next->forced) {
        af_mem_reserve(&piece->forced, &piece->forced_cap, piece->forced_count + 1,
                       sizeof *piece->forced);
        piece->forced[piece->forced_count++] = state;
    }
    if (rest == AF_CHECK_ENDED)
        piece->ended[piece->ended_count++] = state;
    if (rest == AF_CHECK_STUCK_HERE)
        piece->stuck[piece->stuck_count++] = state;
    return true;
}

/* ---- Passing what was found by the processor. ---- */

/* Entries of several lists, each of which has them in the order of pieces, in that order. */
struct walk {
    struct list {
        const char *at, *end;
    } lists[AF_CHECK_JOBS_MAX];
    unsigned count, now; /* so many; from which it takes … */
    unsigned piece;      /* … all of this piece */
};

static const struct entry *head_of(const struct list *list)
{
    return list->at == list->end ? NULL : (const void *)list->at;
}

static void walk_add(struct walk *walk, const struct af_buf *buf)
{
    if (buf->len > 0)
        walk->lists[walk->count++] = (struct list){buf->data, buf->data + buf->len};
}

/* What the threads that had a piece of this round have for a shard. */
static struct walk walk_shard(const struct af_check_round *round, unsigned shard)
{
    struct walk walk;
    walk.count = walk.now = walk.piece = 0;
    for (unsigned i = 0; i < round->worker_count; i++)
        if (round->workers[i].number == round->number)
            walk_add(&walk, &round->workers[i].shards[shard]);
    return walk;
}

/* The list that has the first piece; a piece is of one list. */
static const struct entry *walk_turn(struct walk *walk)
{
    const struct entry *first = NULL;
    for (unsigned i = 0; i < walk->count; i++) {
        const struct entry *head = head_of(&walk->lists[i]);
        if (head == NULL || (first != NULL && first->piece <= head->piece))
            continue;
        first = head;
        walk->now = i;
    }
    return first;
}

static inline const struct entry *walk_on(struct walk *walk)
{
    struct list *list = &walk->lists[walk->now];
    const struct entry *entry = walk->count == 0 ? NULL : head_of(list);
    if (walk->count > 1 && (entry == NULL || entry->piece != walk->piece)) {
        entry = walk_turn(walk);
        list = &walk->lists[walk->now];
    }
    if (entry == NULL)
        return NULL;
    walk->piece = entry->piece;
    list->at += entry_size(entry);
    return entry;
}

/* One that is passed, and what its hash is. */
struct passed {
    const struct entry *entry;
    uint64_t hash;
};

static inline const unsigned char *packed_of(const struct entry *entry)
{
    return (const unsigned char *)(entry + 1);
}

/* The next that a function, if there is one, does not drop at once; or one without an entry. */
static inline struct passed
next_of(struct walk *walk, bool (*drops)(void *arg, const struct passed *passed), void *arg)
{
    for (;;) {
        struct passed next = {.entry = walk_on(walk)};
        if (next.entry == NULL)
            return next;
        next.hash = af_check_hash_padded(packed_of(next.entry), next.entry->len);
        if (drops == NULL || !drops(arg, &next))
            return next;
    }
}

/* Gives each to a function, when the processor has had time to fetch what that looks at: an entry
 * waits behind 2 * AHEAD others, at first for its slot, half way for its state. */
static inline void pass(const struct af_check_seen *seen, struct walk *walk,
                        bool (*drops)(void *arg, const struct passed *passed),
                        void (*fn)(void *arg, const struct passed *passed), void *arg)
{
    struct passed ring[2 * AHEAD];
    memset(ring, 0, sizeof ring);
    size_t left = 2 * AHEAD; /* steps after the last one */
    for (size_t i = 0; left > 0; i++) {
        struct passed *here = &ring[i % (2 * AHEAD)], *half = &ring[(i + AHEAD) % (2 * AHEAD)];
        if (here->entry != NULL)
            fn(arg, here);
        if (half->entry != NULL)
            af_check_seen_prefetch_state(seen, half->hash);
        *here = next_of(walk, drops, arg);
        if (here->entry != NULL)
            af_check_seen_prefetch(seen, here->hash);
        else
            left--;
    }
}

static void set_lead(struct af_check_seen *seen, const struct entry *entry, uint64_t state)
{
    if (entry->leads && entry->parent != AF_CHECK_ROOT)
        af_check_seen_set_lead(seen, entry->parent, state);
}

static struct kept *kept_of(struct worker *worker, uint64_t hash)
{
    return &worker->kept[hash % KEPT];
}

/* Whether the worker has kept the same state before, in this round, and need not look for it: that
 * comes first, and sleeps where both do. */
static bool is_kept(void *arg, const struct passed *passed)
{
    struct worker *worker = arg;
    const struct entry *entry = passed->entry;
    const struct kept *kept = kept_of(worker, passed->hash);
    if (kept->hash != passed->hash >> 32 || kept->end == 0 || entry->leads || entry->unseen ||
        entry->dropped)
        return false;
    char *data = worker->shards[af_check_shard(passed->hash)].data;
    struct entry *before = (struct entry *)(void *)(data + kept->end) - 1;
    if (before->len != entry->len)
        return false;
    const uint64_t *was = (const void *)(before + 1), *is = (const void *)(entry + 1);
    for (size_t i = 0; i < (entry->len + 7u) / 8; i++) /* zeros fill the last */
        if (was[i] != is[i])
            return false;
    before->sleep &= entry->sleep;
    return true;
}

/* What was seen before this round changes nothing. */
static void sift(void *arg, const struct passed *passed)
{
    struct worker *worker = arg;
    struct af_check_seen *seen = worker->round->check->seen;
    const struct entry *entry = passed->entry;
    uint64_t state =
        entry->unseen || entry->dropped
            ? AF_CHECK_NO_STATE
            : af_check_seen_known(seen, passed->hash, entry->sleep, packed_of(entry), entry->len);
    if (state != AF_CHECK_NO_STATE) {
        set_lead(seen, entry, state);
        return;
    }
    if (is_kept(worker, passed))
        return;
    unsigned shard = af_check_shard(passed->hash);
    struct af_buf *out = &worker->shards[shard];
    size_t at = out->len;
    af_buf_append(out, entry, entry_size(entry));
    ((struct entry *)(void *)(out->data + at))->place = worker->piece->entries++;
    if (entry->unseen)
        note_unseen(worker->piece, shard, at);
    else if (!entry->dropped && at < UINT32_MAX - sizeof *entry)
        *kept_of(worker, passed->hash) =
            (struct kept){(uint32_t)(passed->hash >> 32), (uint32_t)(at + sizeof *entry)};
}

static void sift_all(struct worker *worker)
{
    struct walk walk;
    walk.count = walk.now = walk.piece = 0;
    walk_add(&walk, &worker->found);
    pass(worker->round->check->seen, &walk, is_kept, sift, worker);
    af_buf_clear(&worker->found);
}

/* ---- A piece. ---- */

/* Its first piece of a round, or each of a single thread's. */
static void worker_begin(struct worker *worker)
{
    worker->number = worker->round->number;
    for (unsigned i = 0; i < AF_CHECK_SHARDS; i++)
        af_buf_clear(&worker->shards[i]);
    if (worker->kept != NULL)
        memset(worker->kept, 0, KEPT * sizeof *worker->kept);
}

static void piece_begin(struct worker *worker, struct piece *piece)
{
    struct af_check_round *round = worker->round;
    worker->piece = piece;
    piece->worker = (unsigned)(worker - round->workers);
    if (worker->number != round->number || round->worker_count == 1)
        worker_begin(worker);
    piece->found_count = piece->unseen_count = piece->missed_count = 0;
    piece->ended_count = piece->stuck_count = 0;
    piece->transitions = piece->inert = 0;
    piece->entries = 0;
    piece->forced_count = 0;
    piece->crowd = AF_CHECK_NONE;
}

static void do_piece(void *arg, unsigned number, size_t i)
{
    struct af_check_round *round = arg;
    struct worker *worker = &round->workers[number];
    struct piece *piece = &round->pieces[i];
    size_t end = (i + 1) * PIECE < round->count ? (i + 1) * PIECE : round->count;
    piece_begin(worker, piece);
    for (size_t k = i * PIECE; k < end && !(k % 32 == 0 && is_told_to_stop(worker)); k++)
        if (!look(worker, round->states[k], false))
            piece->missed[piece->missed_count++] = round->states[k];
    sift_all(worker);
}

/* ---- Between the two: one thread. ---- */

static void look_at_unseen(struct af_check_round *round, struct piece *piece)
{
    struct af_check *check = round->check;
    struct af_check_vector *vector = &round->workers[0].next.state;
    for (size_t i = 0; i < piece->unseen_count; i++) {
        const struct unseen *unseen = &piece->unseen[i];
        char *at = round->workers[piece->worker].shards[unseen->shard].data + unseen->at;
        struct entry entry;
        memcpy(&entry, at, sizeof entry);
        af_check_unpack(check, (unsigned char *)at + sizeof entry, entry.len, vector);
        bool goes_on = af_check_tell(check);
        uint32_t violation = goes_on ? af_check_same_view(check, vector) : AF_CHECK_NONE;
        if (goes_on && violation == AF_CHECK_NONE)
            continue;
        uint64_t from = entry.parent == AF_CHECK_ROOT ? AF_CHECK_NO_STATE : entry.parent;
        entry.dropped = true;
        memcpy(at, &entry, sizeof entry);
        if (violation != AF_CHECK_NONE)
            af_check_note(check, violation, from, AF_CHECK_NONE);
    }
}

static bool merge(struct af_check_round *round, struct piece *piece)
{
    struct af_check *check = round->check;
    for (size_t i = 0; i < piece->found_count; i++)
        af_check_note(check, piece->found[i].violation, piece->found[i].state,
                      piece->found[i].contract);
    look_at_unseen(round, piece);
    for (size_t i = 0; i < piece->ended_count; i++)
        af_check_note_end(round->check, piece->ended[i]);
    for (size_t i = 0; i < piece->stuck_count; i++)
        af_check_note_unsettled(round->check, AF_CHECK_STUCK, piece->stuck[i]);
    for (size_t i = 0; i < piece->forced_count; i++)
        af_check_note_forced(round->check, piece->forced[i]);
    if (piece->crowd != AF_CHECK_NONE)
        af_check_note_crowd(check, piece->crowd, piece->crowd_deferred);
    check->search->transitions += piece->transitions;
    check->search->inert += piece->inert;
    return !piece->too_large && piece->crowd == AF_CHECK_NONE && check->why.kind == AF_FAILURE_NONE;
}

/* States for which Lua must be asked. Returns false if the search is to end: what that adds may
 * take too much, a party's data being large. */
static bool do_missed(struct af_check_round *round, size_t piece_count)
{
    struct worker *worker = &round->workers[0];
    struct piece *last = &round->pieces[PIECES];
    piece_begin(worker, last);
    for (size_t i = 0; i < piece_count; i++) {
        for (size_t k = 0; k < round->pieces[i].missed_count; k++) {
            if (last->ended_count == PIECE || last->stuck_count == PIECE) {
                for (size_t e = 0; e < last->ended_count; e++)
                    af_check_note_end(round->check, last->ended[e]);
                for (size_t e = 0; e < last->stuck_count; e++)
                    af_check_note_unsettled(round->check, AF_CHECK_STUCK, last->stuck[e]);
                last->ended_count = last->stuck_count = 0;
            }
            if (!af_check_goes_on(round->check))
                return false;
            look(worker, round->pieces[i].missed[k], true);
        }
    }
    return true;
}

/* ---- Adding. ---- */

/* Tells a piece where its entries are among those of the round. */
static void place(struct af_check_round *round, struct piece *piece, size_t *first)
{
    size_t before = round->placed_cap;
    piece->first = *first;
    *first += piece->entries;
    af_mem_reserve(&round->placed, &round->placed_cap, *first, sizeof *round->placed);
    if (round->placed_cap > before)
        memset(round->placed + before, 0, (round->placed_cap - before) * sizeof *round->placed);
}

static void add_entry(void *arg, const struct passed *passed)
{
    struct af_check_round *round = arg;
    const struct entry *entry = passed->entry;
    bool fresh;
    if (entry->dropped)
        return;
    uint64_t state = af_check_seen_add(round->check->seen, passed->hash, entry->parent,
                                       entry->sleep, packed_of(entry), entry->len, &fresh);
    set_lead(round->check->seen, entry, state);
    if (fresh)
        round->placed[round->pieces[entry->piece].first + entry->place] = state + 1;
}

static void do_shard(void *arg, unsigned worker, size_t shard)
{
    struct af_check_round *round = arg;
    struct walk walk = walk_shard(round, (unsigned)shard);
    (void)worker;
    pass(round->check->seen, &walk, NULL, add_entry, round);
}

/* What is new comes next in the order in which it was found: states that are near each other lead
 * to the same ones, which the processor then still has at hand. */
static void line_up(struct af_check_round *round, size_t entries)
{
    struct af_check_search *search = round->check->search;
    af_mem_reserve(&search->order, &search->order_cap, search->order_count + entries,
                   sizeof *search->order);
    for (size_t i = 0; i < entries; i++) {
        if (round->placed[i] == 0)
            continue;
        search->order[search->order_count++] = round->placed[i] - 1;
        round->placed[i] = 0;
    }
    search->seen_bytes = af_check_seen_bytes(round->check->seen);
}

/* ---- A round. ---- */

/* Why not all is explored, unless it is a party that cannot be made. */
static void note_bound(struct af_check *check)
{
    const char *bound = af_check_bound(check);
    const struct af_check_search *search = check->search;
    if (check->why.kind == AF_FAILURE_NONE && search->bound == NULL && !search->interrupted)
        check->search->bound =
            bound != NULL ? bound
                          : "a state has more contracts in flight than fit into 16,000 bytes";
}

bool af_check_round(struct af_check_round *round, size_t first, size_t count)
{
    struct af_check *check = round->check;
    round->states = check->search->order + first;
    round->count = count;
    round->number++;
    size_t pieces = pieces_of(round), entries = 0;
    bool goes_on = true;
    bool alone = round->worker_count == 1;
    if (!alone)
        af_check_jobs_run(check->jobs, pieces, do_piece, round);
    for (size_t i = 0; i < pieces; i++) {
        if (alone)
            do_piece(round, 0, i);
        goes_on = merge(round, &round->pieces[i]) && goes_on;
        place(round, &round->pieces[i], &entries);
        if (alone)
            do_shard(round, 0, 0);
    }
    goes_on = do_missed(round, pieces) && goes_on;
    sift_all(&round->workers[0]);
    af_check_same_try(check);
    goes_on = merge(round, &round->pieces[PIECES]) && goes_on;
    place(round, &round->pieces[PIECES], &entries);
    if (alone)
        do_shard(round, 0, 0);
    else
        af_check_jobs_run(check->jobs, AF_CHECK_SHARDS, do_shard, round);
    line_up(round, entries);
    if (round->same != af_check_same_on(check))
        return false; /* all is done again, otherwise */
    if (check->wants_late && !check->keeps_late)
        return false; /* as well */
    if (!goes_on)
        note_bound(check);
    return goes_on;
}

/* Whether contracts may sleep: not where an order of names says nothing, or where what is watched
 * tells the two orders of deliveries apart. */
static bool may_sleep(const struct af_check *check)
{
    return check->options->reduce && af_check_same_on(check) == 0 && !check->watches;
}

struct af_check_round *af_check_round_new(struct af_check *check)
{
    assert(check->options->jobs >= 1 && check->options->jobs <= AF_CHECK_JOBS_MAX);
    struct af_check_round *round = af_mem_zero(1, sizeof *round);
    *round = (struct af_check_round){.check = check, .worker_count = check->options->jobs};
    round->workers = af_mem_zero(round->worker_count, sizeof *round->workers);
    round->pieces = af_mem_zero(PIECES + 1, sizeof *round->pieces);
    for (unsigned i = 0; i < round->worker_count; i++) {
        struct worker *worker = &round->workers[i];
        worker->round = round;
        if (round->worker_count > 1)
            worker->kept = af_mem_zero(KEPT, sizeof *worker->kept);
        af_check_next_init(&worker->next, check);
        worker->next.arg = worker;
        worker->next.child = on_child;
        worker->next.violation = on_violation;
        worker->next.sleeps = may_sleep(check);
    }
    round->same = af_check_same_on(check);
    round->sleeps = may_sleep(check);
    for (size_t version = 0; version < check->version_count; version++)
        round->invariants = round->invariants || check->flows[version]->has_invariants;
    return round;
}

void af_check_round_free(struct af_check_round *round)
{
    for (unsigned i = 0; i < round->worker_count; i++) {
        af_check_next_release(&round->workers[i].next);
        af_buf_release(&round->workers[i].found);
        for (unsigned k = 0; k < AF_CHECK_SHARDS; k++)
            af_buf_release(&round->workers[i].shards[k]);
        free(round->workers[i].kept);
    }
    for (size_t i = 0; i <= PIECES; i++) {
        free(round->pieces[i].found);
        free(round->pieces[i].forced);
        free(round->pieces[i].unseen);
    }
    free(round->placed);
    free(round->workers);
    free(round->pieces);
    free(round);
}

/* Through a piece of its own. */
void af_check_round_begin(struct af_check_round *round)
{
    struct worker *worker = &round->workers[0];
    struct piece *piece = &round->pieces[PIECES];
    piece_begin(worker, piece);
    worker->state = AF_CHECK_ROOT;
    worker->next.asks = true;
    af_check_first(&worker->next);
    sift_all(worker);
    af_check_same_try(round->check);
    round->count = 0;
    for (size_t i = 0; i < piece->found_count; i++)
        piece->found[i].state = AF_CHECK_NO_STATE;
    if (!merge(round, piece))
        note_bound(round->check);
    size_t entries = 0;
    place(round, piece, &entries);
    af_check_jobs_run(round->check->jobs, AF_CHECK_SHARDS, do_shard, round);
    line_up(round, entries);
}
