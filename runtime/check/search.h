/* search.h: level by level, round by round, until it ends. */
#ifndef AF_CHECK_SEARCH_H
#define AF_CHECK_SEARCH_H

#include "check/impl.h"

typedef bool af_check_telling_fn(struct af_check *check);

struct af_check_search {
    uint64_t states_max, depth_max; /* its bounds */
    size_t wanted;        /* how many violations it is to find, if that is all it is for, else 0 */
    uint32_t wanted_keys; /* … of the first so many */
    uint64_t transitions, inert;
    size_t depth;
    const char *bound;
    bool interrupted;
    char *crowd;                      /* what grows without end, if that is the bound */
    struct af_check_words armed_keys; /* timers that waited for parties to return: lines of text */
    struct af_check_words end_keys;   /* how all parties ended: sorted words */
    uint64_t *end_counts;
    size_t end_cap;
    struct {
        size_t first, count; /* of a level, in … */
    } * levels;
    size_t level_count, level_cap;
    uint64_t *order; /* … all states in the order of levels, and what comes next */
    size_t order_count, order_cap;
    uint64_t seen_bytes; /* of what was seen when the last round ended, so that --memory does not
                            depend on when threads add in the next one */
    struct af_check_vector scratch;
    af_check_progress_fn *progress; /* or NULL */
    void *progress_arg;
    af_check_telling_fn *found; /* or NULL */
    size_t frontier;            /* states of the level that is looked at */
};

/* found, unless it is NULL, is asked after each round whether the search goes on. */
int af_check_search(struct af_check *check, af_check_progress_fn *progress, void *arg,
                    af_check_telling_fn *found);
struct af_check_search *af_check_search_new(const struct af_check *check);
void af_check_search_free(struct af_check_search *search);

/* Asked before each piece of work that takes long: false if the search is to end, whose bound, or
 * that it is interrupted, is noted then. One thread. */
bool af_check_goes_on(struct af_check *check);

/* The same without a look at --memory, where the answer may not depend on who works when: tells how
 * far it is, and false if that says to stop. The thread that began the search. */
bool af_check_tell(struct af_check *check);

/* Whether it was told to stop. Any thread. */
bool af_check_told_to_stop(const struct af_check *check);

/* What all takes that grows with the search; the bound that was hit, or NULL. */
uint64_t af_check_bytes(const struct af_check *check);
const char *af_check_bound(const struct af_check *check);

enum {
    AF_CHECK_ROUND = 4096
}; /* states at most: what comes of them stays in a processor's cache */

struct af_check_round;
struct af_check_round *af_check_round_new(struct af_check *check);
void af_check_round_free(struct af_check_round *round);

/* Finds the first state. */
void af_check_round_begin(struct af_check_round *round);

/* Finds what comes next after so many states of search->order, and appends it there. Returns false
 * if the search is over before all is explored: a bound, a party that cannot be made, names that
 * cannot be exchanged after all. */
bool af_check_round(struct af_check_round *round, size_t first, size_t count);

#endif
