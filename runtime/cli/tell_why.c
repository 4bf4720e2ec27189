/* tell_why.c: what a violation needs. Of each fault of its run: whether the same violation, at the
 * same place, can be reached with one of that kind less, and of the others as many as there were;
 * the states of that are searched, up to a bound. Of any two things that a party takes one after
 * the other: whether the run goes well where it takes them the other way round. */
#include "cli/tell_rerun.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "cli/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 60 }; /* runs of the simulator */

struct reasons {
    const struct af_check_options *check;
    const struct af_check_violation *violation;
    const struct af_schedule *run;
    struct af_tell_needs *needs;
    size_t tries;
};

static void add_need(struct reasons *reasons, const struct af_tell_need *need)
{
    struct af_tell_needs *needs = reasons->needs;
    af_mem_reserve(&needs->items, &needs->cap, needs->count + 1, sizeof *needs->items);
    needs->items[needs->count++] = *need;
}

static bool is_taken(const struct af_schedule_step *step)
{
    return step->kind != AF_SCHEDULE_DROP && af_schedule_about(step->kind) != AF_SCHEDULE_PARTY;
}

static bool goes_on(void *arg, const struct af_check_progress *progress)
{
    (void)arg, (void)progress;
    return !af_script_interrupted();
}

enum answer { NO, YES, PERHAPS };

/* Whether the same can be reached with one fault of a kind less; who interrupts that is told
 * nothing of it. */
static enum answer is_reached_without(const struct reasons *reasons, enum af_fault fault)
{
    struct af_check_options less = *reasons->check;
    struct af_check_result result = {0};
    struct af_failure why = AF_FAILURE_INIT;
    enum answer answer = PERHAPS;
    memset(less.budget, 0, sizeof less.budget);
    for (size_t i = 0; i < reasons->run->count; i++)
        if (af_schedule_fault(reasons->run->steps[i].kind) != AF_FAULTS)
            less.budget[af_schedule_fault(reasons->run->steps[i].kind)]++;
    less.budget[fault]--;
    less.allow_fail = af_check_may_fail(reasons->check);
    less.states_max = AF_CHECK_NEEDS_STATES;
    less.depth_max = UINT64_MAX;
    struct af_check *check = af_check_new(&less, &why);
    if (check != NULL && af_check_run(check, goes_on, NULL, &result, &why) == 0) {
        answer = result.exhaustive ? NO : result.interrupted ? YES : PERHAPS;
        for (size_t i = 0; i < result.violation_count; i++)
            if (af_check_same_violation(&result.violations[i], reasons->violation))
                answer = YES;
    }
    af_check_free(check);
    return answer;
}

static void try_faults(struct reasons *reasons)
{
    enum answer answers[AF_FAULTS];
    bool known[AF_FAULTS] = {false};
    char text[400];
    for (size_t i = 0; i < reasons->run->count; i++) {
        enum af_fault fault = af_schedule_fault(reasons->run->steps[i].kind);
        if (fault == AF_FAULTS)
            continue;
        if (!known[fault])
            answers[fault] = is_reached_without(reasons, fault);
        known[fault] = true;
        if (answers[fault] == YES)
            continue;
        af_schedule_describe_need(&reasons->run->steps[i], text, sizeof text);
        add_need(reasons, &(struct af_tell_need){.text = af_mem_string(text),
                                                 .steps = {i},
                                                 .step_count = 1,
                                                 .believed = answers[fault] == PERHAPS});
    }
}

/* Whether all goes well in a run with the step at `from` put before that at `to`, or (SIZE_MAX)
 * left out. Who would be stuck must come to an end. */
static bool goes_well(struct reasons *reasons, size_t from, size_t to)
{
    struct af_schedule other = AF_SCHEDULE_EMPTY;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_tell_rerun rerun = {.keeps_time = !reasons->check->any_timeout};
    const struct af_schedule_step *steps = reasons->run->steps;
    for (size_t i = 0; i < reasons->run->count; i++) {
        if (i == to)
            af_schedule_add(&other, &steps[from]);
        if (i != from)
            af_schedule_add(&other, &steps[i]);
    }
    reasons->tries++;
    bool ran = af_tell_rerun(reasons->check, &other, &rerun, &why) >= 0;
    af_schedule_release(&other);
    return ran &&
           (rerun.outcome == AF_SIM_OK || (rerun.outcome == AF_SIM_UNTIL && !rerun.is_wrong &&
                                           reasons->violation->kind != AF_CHECK_STUCK));
}

static void try_upgrades(struct reasons *reasons)
{
    char text[400];
    for (size_t i = 0; i < reasons->run->count && reasons->tries < TRIES_MAX; i++) {
        if (reasons->run->steps[i].kind != AF_SCHEDULE_RELOAD || !goes_well(reasons, i, SIZE_MAX))
            continue;
        af_schedule_describe_need(&reasons->run->steps[i], text, sizeof text);
        add_need(reasons, &(struct af_tell_need){
                              .text = af_mem_string(text), .steps = {i}, .step_count = 1});
    }
}

static void try_orders(struct reasons *reasons)
{
    const struct af_schedule_step *steps = reasons->run->steps;
    char before[300], after[300], text[800];
    for (size_t i = 0; i < reasons->run->count; i++) {
        size_t next = i + 1;
        while (next < reasons->run->count && strcmp(steps[next].party, steps[i].party) != 0)
            next++;
        if (next == reasons->run->count || !is_taken(&steps[i]) || !is_taken(&steps[next]) ||
            reasons->tries >= TRIES_MAX || !goes_well(reasons, next, i))
            continue;
        af_schedule_describe_need(&steps[i], before, sizeof before);
        af_schedule_describe_need(&steps[next], after, sizeof after);
        snprintf(text, sizeof text, "that %s takes %s before %s", steps[i].party, before, after);
        add_need(reasons, &(struct af_tell_need){
                              .text = af_mem_string(text), .steps = {i, next}, .step_count = 2});
    }
}

void af_tell_needs(const struct af_check_options *check, const struct af_check_violation *violation,
                   struct af_tell_needs *needs)
{
    struct reasons reasons = {check, violation, violation->run, needs, 0};
    try_faults(&reasons);
    if (violation->kind == AF_CHECK_DOOMED || violation->run->loop > 0)
        return; /* what is not wrong yet when its run ends */
    try_upgrades(&reasons);
    try_orders(&reasons);
}

void af_tell_needs_release(struct af_tell_needs *needs)
{
    for (size_t i = 0; i < needs->count; i++)
        free(needs->items[i].text);
    free(needs->items);
}

static void print(const char *what, const struct af_buf *text)
{
    if (text->len == 0)
        return;
    printf("%s: ", what);
    af_paths_write(stdout, af_buf_text(text), text->len);
    putchar('\n');
}

void af_tell_why(const struct af_tell_needs *needs, const struct af_buf *ends)
{
    struct af_buf text = AF_BUF_EMPTY;
    for (size_t i = 0; i < needs->count; i++) {
        af_buf_printf(&text, "%s%s", i == 0 ? "" : "; ", needs->items[i].text);
        if (needs->items[i].believed)
            af_buf_printf(&text, " (as far as %d states without it tell)", AF_CHECK_NEEDS_STATES);
    }
    print("it needs", &text);
    print("at its end", ends);
    af_buf_release(&text);
}
