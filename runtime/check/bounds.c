/* bounds.c: whether a search goes on: what it may take, and what who watches it says. */
#include "check/search.h"
#include "check/call.h"
#include "check/monitor.h"
#include "check/seen.h"
#include "check/swap.h"
#include "check/world.h"

uint64_t af_check_bytes(const struct af_check *check)
{
    return check->search->seen_bytes + check->search->order_cap * sizeof(uint64_t) +
           af_check_words_bytes(&check->words) + af_check_words_bytes(&check->local_keys) +
           af_check_words_bytes(&check->message_keys) + af_check_words_bytes(&check->calls->keys) +
           af_check_world_bytes(check) + af_check_watch_bytes(check) + af_check_same_bytes(check) +
           check->local_cap * sizeof *check->locals + check->step_cap * sizeof *check->steps +
           check->calls->outcome_cap * sizeof *check->calls->outcomes;
}

const char *af_check_bound(const struct af_check *check)
{
    const struct af_check_options *options = check->options;
    return af_check_seen_count(check->seen) >= check->search->states_max ? "--states"
           : af_check_bytes(check) >= options->bytes_max                 ? "--memory"
                                                                         : NULL;
}

bool af_check_told_to_stop(const struct af_check *check)
{
    return __atomic_load_n(&check->search->interrupted, __ATOMIC_RELAXED);
}

bool af_check_tell(struct af_check *check)
{
    struct af_check_search *search = check->search;
    struct af_check_progress now = {.states = af_check_seen_count(check->seen),
                                    .transitions = search->transitions,
                                    .depth = search->depth,
                                    .frontier = search->frontier,
                                    .exchanged = af_check_same_exchanged(check),
                                    .bytes = af_check_bytes(check)};
    if (search->progress != NULL && !search->progress(search->progress_arg, &now))
        __atomic_store_n(&search->interrupted, true, __ATOMIC_RELAXED);
    return !search->interrupted;
}

bool af_check_goes_on(struct af_check *check)
{
    struct af_check_search *search = check->search;
    if (search->bound == NULL && af_check_bytes(check) >= check->options->bytes_max)
        search->bound = "--memory";
    return search->bound == NULL && af_check_tell(check);
}
