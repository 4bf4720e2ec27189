/* short.c: shortest runs.
 *
 * A search that leaves out what changes nothing comes by the fewest steps that change something. A
 * run that has no others is a shortest one. Where contracts that change nothing must arrive on the
 * way, a way round may be shorter: for those violations a second search leaves nothing out, as deep
 * as the runs that are known. It is given so many states; where they are not enough the answer says
 * so. */
#include "check/path.h"
#include "check/note.h"
#include "check/search.h"
#include "check/seen.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* "No way left" is told of whole sets of states, which a search that is cut short does not know. */
static bool may_be_shorter(const struct af_check_found *found)
{
    return found->found && !found->shortened && found->extra > 0 &&
           found->kind != AF_CHECK_DOOMED && !found->lasso;
}

/* Takes over what the second search has found, and gives back what it knew before. */
static void take_over(struct af_check *check, struct af_check_found *known, uint32_t count,
                      bool all_seen)
{
    for (uint32_t i = 0; i < check->found_keys.count; i++) {
        struct af_check_found *found = &check->found[i];
        struct af_check_found before =
            i < count ? known[i] : (struct af_check_found){.found = false};
        bool better = false;
        if (i < count && found->found && may_be_shorter(&before)) {
            found->run = (struct af_schedule)AF_SCHEDULE_EMPTY; /* the one before has that */
            af_check_path(check, found);
            found = &check->found[i]; /* it may have moved */
            better = found->length < before.length;
            af_schedule_release(better ? &before.run : &found->run);
        }
        if (better) {
            before.run = found->run;
            before.length = found->length;
        }
        before.longer = before.longer || (may_be_shorter(&before) && !better && !all_seen);
        before.shortened = before.found;
        if (i < count)
            *found = before;
        else
            found->found = false;
    }
}

static void shorten(struct af_check *check, size_t wanted, size_t longest,
                    af_check_progress_fn *progress, void *arg)
{
    struct af_check_seen *seen = check->seen;
    struct af_check_search *search = check->search;
    uint32_t count = check->found_keys.count;
    struct af_check_found *known = af_mem_alloc(count * sizeof *known);
    memcpy(known, check->found, count * sizeof *known);
    for (uint32_t i = 0; i < count; i++)
        check->found[i].found = check->found[i].found && !may_be_shorter(&known[i]);
    check->seen = af_check_seen_new();
    check->search = af_check_search_new(check);
    check->search->depth_max = longest;
    check->search->states_max = AF_CHECK_SHORTER_MAX;
    for (uint32_t i = 0; i < count; i++)
        wanted += check->found[i].found ? 1 : 0;
    check->search->wanted = wanted;
    check->search->wanted_keys = count; /* it may come by others, too */
    check->exact = true;
    af_check_search(check, progress, arg, NULL);
    bool bounded = check->search->bound != NULL && strcmp(check->search->bound, "--depth") != 0;
    bool interrupted = check->search->interrupted;
    take_over(check, known, count, !bounded && !interrupted);
    check->exact = false;
    af_check_seen_free(check->seen);
    af_check_search_free(check->search);
    check->seen = seen;
    check->search = search;
    check->search->interrupted = check->search->interrupted || interrupted;
    free(known);
}

void af_check_paths(struct af_check *check, af_check_progress_fn *progress, void *arg)
{
    size_t wanted = 0, longest = 0;
    for (uint32_t i = 0; i < check->found_keys.count; i++) {
        if (!check->found[i].found || check->found[i].run_known)
            continue;
        af_check_path(check, &check->found[i]);
        check->found[i].run_known = true;
        if (!may_be_shorter(&check->found[i]))
            continue;
        wanted++;
        longest = check->found[i].length > longest ? check->found[i].length : longest;
    }
    if (wanted > 0 && !check->search->interrupted)
        shorten(check, wanted, longest, progress, arg);
}
