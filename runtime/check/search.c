/* search.c: breadth first, level by level, each in rounds of so many states. */
#include "check/search.h"
#include "check/note.h"
#include "check/seen.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool found_all(const struct af_check *check)
{
    size_t found = 0;
    for (uint32_t i = 0; i < check->search->wanted_keys; i++)
        found += check->found[i].found ? 1 : 0;
    return check->search->wanted > 0 && found >= check->search->wanted;
}

/* How many states a round has: fewer before the bound of states, for each has some next ones. */
static size_t round_size(const struct af_check *check, size_t left)
{
    uint64_t seen = af_check_seen_count(check->seen), max = check->search->states_max;
    uint64_t size = max <= seen ? 1 : (max - seen) / 16 + 1;
    size = size < AF_CHECK_ROUND ? size : AF_CHECK_ROUND;
    return size < left ? (size_t)size : left;
}

/* Tells who is to be told of what was found. Returns false if that is enough. */
static bool tell(struct af_check *check)
{
    struct af_check_search *search = check->search;
    if (search->found == NULL || search->found(check))
        return true;
    search->bound = "--first";
    return false;
}

/* Returns false if the search is over before all is explored. */
static bool do_level(struct af_check *check, struct af_check_round *round, size_t first,
                     size_t count)
{
    struct af_check_search *search = check->search;
    search->frontier = count;
    for (size_t i = 0, states; i < count; i += states) {
        states = round_size(check, count - i);
        if (!af_check_round(round, first + i, states))
            return false;
        search->bound = af_check_bound(check);
        if (!tell(check) || !af_check_goes_on(check) || found_all(check))
            return false;
    }
    return true;
}

/* Behind the last level. */
static size_t level_end(const struct af_check_search *search)
{
    size_t last = search->level_count;
    return last == 0 ? 0 : search->levels[last - 1].first + search->levels[last - 1].count;
}

/* All that was found and is of no level yet is the next one. Returns how many states that has. */
static size_t begin_level(struct af_check *check)
{
    struct af_check_search *search = check->search;
    size_t first = level_end(search);
    assert(first <= search->order_count); /* levels follow each other */
    af_mem_reserve(&search->levels, &search->level_cap, search->level_count + 1,
                   sizeof *search->levels);
    search->levels[search->level_count].first = first;
    search->levels[search->level_count].count = search->order_count - first;
    af_check_seen_level(check->seen);
    return search->order_count - first;
}

int af_check_search(struct af_check *check, af_check_progress_fn *progress, void *arg,
                    af_check_telling_fn *found)
{
    struct af_check_search *search = check->search;
    struct af_check_round *round = af_check_round_new(check);
    size_t count;
    bool goes_on = true;
    search->progress = progress;
    search->progress_arg = arg;
    search->found = found;
    af_check_vector_init(check, &search->scratch);
    af_check_round_begin(round);
    while (goes_on && check->why.kind == AF_FAILURE_NONE && (count = begin_level(check)) > 0) {
        size_t first = search->levels[search->level_count++].first;
        if (search->level_count > 1)
            search->depth++;
        if (search->depth >= search->depth_max) {
            search->bound = "--depth";
            break;
        }
        goes_on = do_level(check, round, first, count);
    }
    search->order_count = level_end(search);
    af_check_round_free(round);
    return check->why.kind == AF_FAILURE_NONE ? 0 : -1;
}

struct af_check_search *af_check_search_new(const struct af_check *check)
{
    struct af_check_search *search = af_mem_zero(1, sizeof *search);
    search->states_max = check->options->states_max;
    search->depth_max = check->options->depth_max;
    return search;
}

void af_check_search_free(struct af_check_search *search)
{
    if (search == NULL)
        return;
    af_check_words_release(&search->end_keys);
    af_check_words_release(&search->armed_keys);
    free(search->crowd);
    free(search->end_counts);
    free(search->levels);
    free(search->order);
    af_check_vector_release(&search->scratch);
    free(search);
}
