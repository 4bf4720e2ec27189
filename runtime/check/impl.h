/* impl.h: a check, which all of its files share. What each file does for the others stands in a
 * header of its own. */
#ifndef AF_CHECK_IMPL_H
#define AF_CHECK_IMPL_H

#include "check/check.h"
#include "check/state.h"
#include "check/table.h"
#include "base/failure.h"
#include "party/party.h"

struct af_check_calls;
struct af_check_found;
struct af_check_jobs;
struct af_check_same;
struct af_check_search;
struct af_check_seen;
struct af_check_telling;
struct af_check_watch;
struct af_check_world;

struct af_check {
    const struct af_check_options *options;
    struct af_script *scripts[2];
    const struct af_flow *flows[2];
    size_t version_count;
    struct af_loop *loop;
    struct af_party_owner owner;
    uint32_t members;
    const struct af_script_member *who;
    uint32_t *roles[2]; /* of each member in each version */
    bool allow_fail;

    struct af_check_words words; /* texts: data, contents, names …; 0 is the empty one */
    struct af_check_words local_keys, message_keys;
    struct af_check_local *locals; /* by number */
    size_t local_cap;
    struct af_check_message *messages;
    size_t message_cap;
    uint32_t **by_number; /* for each member: number → local, or AF_CHECK_NONE */
    size_t *by_number_count, *by_number_cap;

    bool keeps_late; /* what is left out is part of a state; it is not, but should be */
    bool wants_late;
    bool exact; /* looks for shorter runs: what changes nothing is not left out, but comes late */
    struct af_failure why; /* a party cannot be made: the search ends */

    struct af_check_map step_index;
    struct af_check_step *steps;
    size_t step_count, step_cap;
    uint32_t *sends;
    size_t send_count, send_cap;
    int64_t *waits;
    size_t wait_count, wait_cap;

    struct af_check_words found_keys;
    struct af_check_found *found;
    size_t found_cap;

    struct af_check_seen *seen;
    struct af_check_jobs *jobs;
    struct af_check_world *world;
    struct af_check_watch *watch;
    bool watches, monitors; /* whether anything is watched over time; … by monitors */
    struct af_check_same *same;
    struct af_check_search *search;
    struct af_check_calls *calls;
    struct af_check_telling *telling;
};

/* Where a contract stands among others: they are ordered by this. */
static inline uint32_t af_check_order(const struct af_check *check, uint32_t contract)
{
    return check->options->fifo ? check->messages[contract].link : contract;
}

#endif
