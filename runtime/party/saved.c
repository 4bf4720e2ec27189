/* saved.c: what is kept of a party beside its state and data, and how it goes on from that.
 */
#include "party/impl.h"

#include "base/failure.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* ---- What is kept. ---- */

static bool has_after(const struct af_party *party)
{
    return party->after != NULL || party->after_due;
}

size_t af_party_timer_count(const struct af_party *party)
{
    return party->deadline_count + (has_after(party) ? 1 : 0);
}

struct af_party_saved_timer af_party_timer(const struct af_party *party, size_t i)
{
    if (i == party->deadline_count)
        return (struct af_party_saved_timer){NULL, party->after_due_wall_ns,
                                             party->after_length_ns};
    const struct af_party_deadline *deadline = party->deadlines[i];
    return (struct af_party_saved_timer){deadline->name, deadline->due_wall_ns,
                                         deadline->length_ns};
}

uint64_t af_party_fired(const struct af_party *party)
{
    bool takes_one = party->busy &&
                     (party->taken.kind == AF_STEP_AFTER || party->taken.kind == AF_STEP_DEADLINE);
    return party->fired - (takes_one ? 1 : 0);
}

/* ---- Coming back. ---- */

int64_t af_party_left(const struct af_party *party, int64_t due_wall_ns, int64_t length_ns)
{
    int64_t left_ns = due_wall_ns - af_loop_wall_ns(party->spec.loop);
    return left_ns < 0 ? 0 : left_ns > length_ns ? length_ns : left_ns;
}

static int64_t left_of(const struct af_party *party, const struct af_party_saved_timer *timer)
{
    return af_party_left(party, timer->due_wall_ns, timer->length_ns);
}

static char *copy_or_null(const char *text)
{
    return text == NULL ? NULL : af_mem_string(text);
}

static int restore_script(struct af_party *party, const struct af_party_saved *saved,
                          struct af_failure *why)
{
    if (saved->state == NULL)
        return 0;
    const struct af_flow_role *role = &party->flow->roles[party->spec.role];
    int state = af_flow_find_state(role, saved->state);
    if (state < 0)
        return af_failure_set(why, AF_FAILURE_USAGE, party->flow->name,
                              "the party of task '%s' is in state '%s', which role '%s' does not "
                              "have",
                              party->spec.task, saved->state, role->name);
    return af_script_party_restore(party->script, state, saved->data, saved->data_len, why);
}

int af_party_restore(struct af_party *party, const struct af_party_saved *saved,
                     struct af_failure *why)
{
    assert(party->status == AF_PARTY_NEW && !party->busy);
    if (restore_script(party, saved, why) != 0)
        return -1;
    party->status = saved->status;
    party->fired = saved->fired;
    party->timers_wait = true;
    for (size_t i = 0; i < saved->timer_count; i++) {
        const struct af_party_saved_timer *timer = &saved->timers[i];
        if (timer->name == NULL)
            af_party_start_after(party, timer->length_ns, left_of(party, timer));
        else
            af_party_set_deadline(party, timer->name, timer->length_ns, left_of(party, timer));
    }
    for (size_t i = 0; i < saved->deferred_count; i++)
        af_party_deferred_insert(party, i, saved->deferred[i]);
    party->look_at_deferred = party->deferred_count > 0;
    party->result = copy_or_null(saved->result);
    party->reason = copy_or_null(saved->reason);
    party->held = copy_or_null(saved->held);
    return 0;
}

void af_party_note_seen(struct af_party *party, struct af_hash key)
{
    af_seen_add(&party->seen, key);
}

void af_party_heard(struct af_party *party)
{
    party->timers_wait = false;
    af_party_pump(party);
}

/* ---- Going on after a pause. ---- */

void af_party_retry(struct af_party *party)
{
    if (party->held == NULL)
        return;
    free(party->held);
    party->held = NULL;
    af_party_stepped(party, AF_STEP_RETRY, NULL);
    af_party_go_on(party);
}
