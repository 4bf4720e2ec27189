/* wait.c: what a party has not taken yet: contracts in its queue, and timers. */
#include "party/impl.h"

#include "trace/contract.h"
#include "loop/loop.h"
#include "base/mem.h"
#include "trace/trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Queues. ---- */

static void queue_grow(struct af_party *party)
{
    size_t cap = party->queue_cap == 0 ? 4 : party->queue_cap * 2;
    struct af_contract **queue = af_mem_alloc(cap * sizeof *queue);
    for (size_t i = 0; i < party->queue_count; i++)
        queue[i] = party->queue[(party->queue_first + i) % party->queue_cap];
    free(party->queue);
    party->queue = queue;
    party->queue_first = 0;
    party->queue_cap = cap;
}

void af_party_queue_push(struct af_party *party, struct af_contract *contract)
{
    if (party->queue_count == party->queue_cap)
        queue_grow(party);
    party->queue[(party->queue_first + party->queue_count++) % party->queue_cap] = contract;
}

void af_party_queue_push_front(struct af_party *party, struct af_contract *contract)
{
    if (party->queue_count == party->queue_cap)
        queue_grow(party);
    party->queue_first = (party->queue_first + party->queue_cap - 1) % party->queue_cap;
    party->queue[party->queue_first] = contract;
    party->queue_count++;
}

struct af_contract *af_party_queue_take(struct af_party *party)
{
    assert(party->queue_count > 0);
    struct af_contract *contract = party->queue[party->queue_first];
    party->queue_first = (party->queue_first + 1) % party->queue_cap;
    party->queue_count--;
    return contract;
}

void af_party_deferred_insert(struct af_party *party, size_t at, struct af_contract *contract)
{
    af_mem_reserve(&party->deferred, &party->deferred_cap, party->deferred_count + 1,
                   sizeof(struct af_contract *));
    memmove(party->deferred + at + 1, party->deferred + at,
            (party->deferred_count - at) * sizeof(struct af_contract *));
    party->deferred[at] = contract;
    party->deferred_count++;
    party->deferred_bytes += contract->content_len;
}

struct af_contract *af_party_deferred_remove(struct af_party *party, size_t at)
{
    struct af_contract *contract = party->deferred[at];
    assert(at < party->deferred_count && contract->content_len <= party->deferred_bytes);
    memmove(party->deferred + at, party->deferred + at + 1,
            (party->deferred_count - at - 1) * sizeof(struct af_contract *));
    party->deferred_count--;
    party->deferred_bytes -= contract->content_len;
    return contract;
}

/* ---- Timers. ---- */

static void after_fires(void *arg)
{
    struct af_party *party = arg;
    party->after = NULL;
    party->after_due = true;
    af_party_pump(party);
}

void af_party_cancel_after(struct af_party *party)
{
    af_timer_cancel(party->after);
    party->after = NULL;
    party->after_due = false;
}

static void note_timer(struct af_party *party, const char *name, int64_t due_ns)
{
    struct af_trace *trace = party->spec.trace;
    af_trace_begin(trace, af_party_now(party), "timer");
    af_trace_string(trace, "party", party->spec.id);
    af_trace_string(trace, "timer", name);
    af_trace_integer(trace, "due", due_ns);
    af_trace_end(trace);
}

void af_party_start_after(struct af_party *party, int64_t length_ns, int64_t left_ns)
{
    party->after_due_ns = af_party_now(party) + left_ns;
    party->after_due_wall_ns = af_loop_wall_ns(party->spec.loop) + left_ns;
    party->after_length_ns = length_ns;
    party->after = af_timer_start(party->spec.loop, left_ns, after_fires, party);
    note_timer(party, "after", party->after_due_ns);
}

static void deadline_fires(void *arg)
{
    struct af_party_deadline *deadline = arg;
    deadline->timer = NULL;
    af_party_pump(deadline->party);
}

void af_party_deadline_free(struct af_party_deadline *deadline)
{
    if (deadline == NULL)
        return;
    af_timer_cancel(deadline->timer);
    free(deadline->name);
    free(deadline);
}

void af_party_deadline_add(struct af_party *party, struct af_party_deadline *deadline_take)
{
    af_mem_reserve(&party->deadlines, &party->deadline_cap, party->deadline_count + 1,
                   sizeof(struct af_party_deadline *));
    party->deadlines[party->deadline_count++] = deadline_take;
}

struct af_party_deadline *af_party_deadline_remove(struct af_party *party, size_t i)
{
    struct af_party_deadline *deadline = party->deadlines[i];
    memmove(party->deadlines + i, party->deadlines + i + 1,
            (party->deadline_count - i - 1) * sizeof *party->deadlines);
    party->deadline_count--;
    return deadline;
}

void af_party_set_deadline(struct af_party *party, const char *name, int64_t length_ns,
                           int64_t left_ns)
{
    for (size_t i = 0; i < party->deadline_count; i++) {
        if (strcmp(party->deadlines[i]->name, name) == 0) {
            af_party_deadline_free(af_party_deadline_remove(party, i));
            break;
        }
    }
    if (length_ns < 0)
        return;
    struct af_party_deadline *deadline = af_mem_alloc(sizeof *deadline);
    deadline->name = af_mem_string(name);
    deadline->party = party;
    deadline->due_ns = af_party_now(party) + left_ns;
    deadline->due_wall_ns = af_loop_wall_ns(party->spec.loop) + left_ns;
    deadline->length_ns = length_ns;
    deadline->timer = af_timer_start(party->spec.loop, left_ns, deadline_fires, deadline);
    af_party_deadline_add(party, deadline);
    note_timer(party, name, deadline->due_ns);
}

static struct af_party_deadline *find_deadline(const struct af_party *party, const char *name)
{
    for (size_t i = 0; i < party->deadline_count; i++)
        if (strcmp(party->deadlines[i]->name, name) == 0)
            return party->deadlines[i];
    return NULL;
}

bool af_party_fire(struct af_party *party, const char *name)
{
    const int64_t first_ns = INT64_MIN; /* before any other that is due */
    if (name != NULL) {
        struct af_party_deadline *deadline = find_deadline(party, name);
        if (deadline == NULL)
            return false;
        af_timer_cancel(deadline->timer);
        deadline->due_ns = first_ns;
        deadline_fires(deadline);
        return true;
    }
    if (party->after == NULL && !party->after_due)
        return false;
    af_timer_cancel(party->after);
    party->after_due_ns = first_ns;
    after_fires(party);
    return true;
}

void af_party_cancel_timers(struct af_party *party)
{
    af_party_cancel_after(party);
    while (party->deadline_count > 0)
        af_party_deadline_free(af_party_deadline_remove(party, party->deadline_count - 1));
}

int64_t af_party_next_timer_ns(const struct af_party *party, const char **name)
{
    bool armed = party->after != NULL || party->after_due;
    int64_t due_ns = party->after_due_ns, now_ns = af_party_now(party);
    *name = "after";
    for (size_t i = 0; i < party->deadline_count; i++) {
        if (armed && party->deadlines[i]->due_ns >= due_ns)
            continue;
        armed = true;
        due_ns = party->deadlines[i]->due_ns;
        *name = party->deadlines[i]->name;
    }
    if (!armed)
        return -1;
    return due_ns > now_ns ? due_ns - now_ns : 0;
}

void af_party_drop_pending(struct af_party *party)
{
    af_party_cancel_timers(party);
    while (party->queue_count > 0)
        af_contract_drop(af_party_queue_take(party));
    for (size_t i = 0; i < party->deferred_count; i++)
        af_contract_drop(party->deferred[i]);
    party->deferred_count = party->deferred_bytes = 0;
    for (size_t i = 0; i < party->outbox_count; i++) {
        af_contract_drop(party->outbox[i].contract);
        free(party->outbox[i].targets);
    }
    party->outbox_count = 0;
}
