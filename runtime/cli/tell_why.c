/* tell_why.c: what a violation needs: its run is run again without each fault, and with any two
 * things that a party takes one after the other in the other order. What goes well then, or cannot
 * come about, is what it needs. */
#include "cli/tell_rerun.h"

#include "base/failure.h"
#include "cli/paths.h"

#include <stdio.h>
#include <string.h>

enum { TRIES_MAX = 60 }; /* runs of the simulator */

struct reasons {
    const struct af_check_options *check;
    const struct af_schedule *run;
    const struct af_tell_rerun *known;
    struct af_buf *out;
    size_t tries;
};

static void add_reason(struct reasons *reasons, const char *text)
{
    af_buf_printf(reasons->out, "%s%s", reasons->out->len == 0 ? "" : "; ", text);
}

/* What a step is, as something that may be needed. */
static void describe(const struct af_schedule_step *step, char *text, size_t size)
{
    switch (step->kind) {
    case AF_SCHEDULE_DELIVER:
        snprintf(text, size, "'%s' from %s", step->type, step->from);
        break;
    case AF_SCHEDULE_DROP:
        snprintf(text, size, "the loss of '%s' from %s to %s", step->type, step->from, step->party);
        break;
    case AF_SCHEDULE_DUPLICATE:
        snprintf(text, size, "a copy of '%s' from %s to %s", step->type, step->from, step->party);
        break;
    case AF_SCHEDULE_TIMEOUT:
    case AF_SCHEDULE_EARLY:
        snprintf(text, size, "%s %s%s of %s", step->kind == AF_SCHEDULE_EARLY ? "the early" : "the",
                 step->timer == NULL ? "timeout" : "deadline ",
                 step->timer == NULL ? "" : step->timer, step->party);
        break;
    case AF_SCHEDULE_CRASH:
        snprintf(text, size, "the crash of %s", step->party);
        break;
    case AF_SCHEDULE_RETURN:
        snprintf(text, size, "the return of %s", step->party);
        break;
    case AF_SCHEDULE_LOSE:
        snprintf(text, size, "the loss of %s", step->party);
        break;
    case AF_SCHEDULE_RELOAD:
        snprintf(text, size, "the upgrade of %s", step->party);
        break;
    case AF_SCHEDULE_RECALL:
        snprintf(text, size, "what %s has deferred", step->party);
        break;
    }
}

static bool is_fault(const struct reasons *reasons, const struct af_schedule_step *step)
{
    return step->kind == AF_SCHEDULE_DROP || step->kind == AF_SCHEDULE_DUPLICATE ||
           (step->kind == AF_SCHEDULE_EARLY && !reasons->check->any_timeout) ||
           step->kind == AF_SCHEDULE_CRASH || step->kind == AF_SCHEDULE_LOSE ||
           step->kind == AF_SCHEDULE_RELOAD;
}

static bool is_taken(const struct af_schedule_step *step)
{
    return step->kind == AF_SCHEDULE_DELIVER || step->kind == AF_SCHEDULE_DUPLICATE ||
           step->kind == AF_SCHEDULE_TIMEOUT || step->kind == AF_SCHEDULE_EARLY;
}

/* Runs it with the step at `from` put before that at `to`, or (to SIZE_MAX) left out, and a return
 * of who did not crash then. Returns whether the same is wrong; *followed: all its steps could be
 * done. */
static bool goes_wrong(struct reasons *reasons, size_t from, size_t to, bool *followed)
{
    struct af_schedule other = AF_SCHEDULE_EMPTY;
    struct af_failure why = AF_FAILURE_INIT;
    struct af_tell_rerun rerun = {.keeps_time = true, .finding = -1};
    const struct af_schedule_step *steps = reasons->run->steps;
    bool returns = to == SIZE_MAX && steps[from].kind == AF_SCHEDULE_CRASH;
    for (size_t i = 0; i < reasons->run->count; i++) {
        if (i == to)
            af_schedule_add(&other, &steps[from]);
        if (returns && i > from && steps[i].kind == AF_SCHEDULE_RETURN &&
            strcmp(steps[i].party, steps[from].party) == 0) {
            returns = false;
            continue;
        }
        if (i != from)
            af_schedule_add(&other, &steps[i]);
    }
    reasons->tries++;
    bool ran = af_tell_rerun(reasons->check, &other, &rerun, &why) >= 0;
    *followed = ran && (rerun.finding != AF_SIM_SCHEDULE || rerun.outcome != AF_SIM_FAILED);
    af_schedule_release(&other);
    return ran && *followed && rerun.finding == reasons->known->finding &&
           rerun.outcome == reasons->known->outcome;
}

static void try_faults(struct reasons *reasons)
{
    char text[400];
    bool followed;
    for (size_t i = 0; i < reasons->run->count && reasons->tries < TRIES_MAX; i++) {
        if (!is_fault(reasons, &reasons->run->steps[i]) ||
            goes_wrong(reasons, i, SIZE_MAX, &followed))
            continue;
        describe(&reasons->run->steps[i], text, sizeof text);
        add_reason(reasons, text);
    }
}

static void try_orders(struct reasons *reasons)
{
    const struct af_schedule_step *steps = reasons->run->steps;
    char before[300], after[300], text[800];
    for (size_t i = 0; i < reasons->run->count; i++) {
        size_t next = i + 1;
        bool followed;
        while (next < reasons->run->count && strcmp(steps[next].party, steps[i].party) != 0)
            next++;
        if (next == reasons->run->count || !is_taken(&steps[i]) || !is_taken(&steps[next]) ||
            reasons->tries >= TRIES_MAX || goes_wrong(reasons, next, i, &followed) || !followed)
            continue;
        describe(&steps[i], before, sizeof before);
        describe(&steps[next], after, sizeof after);
        snprintf(text, sizeof text, "that %s takes %s before %s", steps[i].party, before, after);
        add_reason(reasons, text);
    }
}

static void print(const char *what, const struct af_buf *text)
{
    if (text->len == 0)
        return;
    printf("%s: ", what);
    af_paths_write(stdout, af_buf_text(text), text->len);
    putchar('\n');
}

void af_tell_why(const struct af_check_options *check, const struct af_check_violation *violation,
                 const struct af_tell_rerun *known)
{
    struct af_buf needs = AF_BUF_EMPTY;
    struct reasons reasons = {check, violation->run, known, &needs, 0};
    if (violation->kind != AF_CHECK_DOOMED) { /* which is not wrong yet when its run ends */
        try_faults(&reasons);
        try_orders(&reasons);
    }
    print("it needs", &needs);
    print("at its end", known->ends);
    af_buf_release(&needs);
}
