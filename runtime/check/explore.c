/* explore.c: what can happen next behind a run that is given: the steps that the plain search takes
 * there, no more and no fewer, since next.c makes both. */
#include "check/path.h"
#include "check/known.h"
#include "check/next.h"
#include "check/note.h"
#include "check/world.h"

#include "base/mem.h"
#include "trace/veil.h"

#include <stdlib.h>
#include <string.h>

struct choice {
    struct af_check_label label;
    uint32_t violation;
    bool goes_on; /* there is a state behind it */
};

struct explore {
    struct af_check *check;
    struct af_check_next next;
    struct choice *choices;
    size_t count, cap;
    bool starts;
    const struct af_schedule_step *wanted; /* the step that is looked for, or NULL */
    bool at_it;
    struct choice taken;         /* it … */
    struct af_check_vector kept; /* … and the state behind it */
};

/* ---- Looking. ---- */

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_wanted(const struct explore *explore, const struct af_check_label *label)
{
    const struct af_schedule_step *wanted = explore->wanted;
    if (explore->starts || wanted == NULL || wanted->kind != label->kind)
        return explore->starts;
    struct af_schedule_step step =
        af_check_path_step(explore->check, label->kind, label->member, label->what);
    return is_same(step.party, wanted->party) && is_same(step.from, wanted->from) &&
           is_same(step.type, wanted->type) && is_same(step.timer, wanted->timer) &&
           step.content.a == wanted->content.a && step.content.b == wanted->content.b;
}

/* Of one step all is told before anything is of the next one. */
static struct choice *choice_of(struct explore *explore, const struct af_check_label *label)
{
    struct choice *last = explore->count == 0 ? NULL : &explore->choices[explore->count - 1];
    if (last != NULL && last->label.kind == label->kind && last->label.member == label->member &&
        last->label.what == label->what)
        return last;
    af_mem_reserve(&explore->choices, &explore->cap, explore->count + 1, sizeof *explore->choices);
    last = &explore->choices[explore->count++];
    *last = (struct choice){.label = *label, .violation = AF_CHECK_NONE};
    return last;
}

static void on_violation(void *arg, const struct af_check_label *label, uint32_t violation,
                         uint32_t contract)
{
    struct explore *explore = arg;
    struct choice *choice = choice_of(explore, label);
    (void)contract;
    if (choice->violation == AF_CHECK_NONE)
        choice->violation = violation;
    if (!is_wanted(explore, label))
        return;
    explore->at_it = true;
    explore->taken = *choice;
}

static void on_child(void *arg, const struct af_check_label *label,
                     const struct af_check_vector *child)
{
    struct explore *explore = arg;
    struct choice *choice = choice_of(explore, label);
    uint32_t broken = af_check_world_look(explore->check, child);
    if (choice->violation == AF_CHECK_NONE)
        choice->violation = broken;
    choice->goes_on = broken == AF_CHECK_NONE && child->watch != AF_CHECK_BROKEN;
    if (!is_wanted(explore, label))
        return;
    explore->at_it = true;
    explore->taken = *choice;
    af_check_vector_copy(explore->check, &explore->kept, child);
}

static enum af_check_rest look(struct explore *explore, const struct af_schedule_step *wanted)
{
    explore->count = 0;
    explore->wanted = wanted;
    explore->at_it = false;
    return af_check_next(&explore->next);
}

/* ---- Following. ---- */

static int refuse(size_t number, const struct af_schedule_step *step, const char *text,
                  struct af_failure *why)
{
    char words[300];
    af_schedule_describe(step, words, sizeof words);
    return af_failure_set(why, AF_FAILURE_USAGE, "the schedule", "step %zu cannot be done%s: %s",
                          number, text, words);
}

/* Goes to the state behind the run. What went wrong in its last step is left in `taken`. */
static int follow(struct explore *explore, const struct af_schedule *run, struct af_failure *why)
{
    struct af_check *check = explore->check;
    explore->starts = true;
    af_check_first(&explore->next);
    explore->starts = false;
    for (size_t i = 0; i < run->count; i++) {
        if (!explore->taken.goes_on)
            return refuse(i + 1, &run->steps[i], ": nothing is explored there", why);
        af_check_vector_copy(check, &explore->next.state, &explore->kept);
        look(explore, &run->steps[i]);
        if (check->why.kind != AF_FAILURE_NONE)
            break;
        if (!explore->at_it)
            return refuse(i + 1, &run->steps[i], " here", why);
    }
    af_check_vector_copy(check, &explore->next.state, &explore->kept);
    *why = check->why;
    return check->why.kind == AF_FAILURE_NONE ? 0 : -1;
}

/* ---- Telling. ---- */

static const char *text_of(const struct af_check *check, uint32_t violation)
{
    return violation == AF_CHECK_NONE
               ? NULL
               : af_check_word_bytes(&check->words, check->found[violation].text, NULL);
}

/* The contract that a step is about, or NULL. */
static const struct af_check_message *message_of(const struct explore *explore,
                                                 const struct af_check_label *label)
{
    const struct af_check *check = explore->check;
    uint32_t contract = label->what;
    if (label->kind == AF_SCHEDULE_RECALL)
        contract = check->locals[explore->next.state.locals[label->member]].recalls;
    else if (af_schedule_about(label->kind) != AF_SCHEDULE_CONTRACT)
        return NULL;
    return &check->messages[contract];
}

static void tell(const struct explore *explore, const struct choice *choice,
                 af_check_choice_fn *each, void *arg)
{
    struct af_check *check = explore->check;
    const struct af_check_label *label = &choice->label;
    struct af_schedule_step step =
        af_check_path_step(check, label->kind, label->member, label->what);
    struct af_check_choice told = {
        .step = &step, .wrong = text_of(check, choice->violation), .last = !choice->goes_on};
    const struct af_check_message *message = message_of(explore, label);
    struct af_buf content = AF_BUF_EMPTY;
    if (message != NULL) {
        size_t len;
        const char *bytes = af_check_word_bytes(&check->words, message->content, &len);
        const struct af_flow *flow =
            check->flows[message->event[0] < 0 ? check->version_count - 1 : 0];
        int event = message->event[flow != check->flows[0]];
        told.from = af_check_member_id(check, message->from);
        told.type = af_check_word_bytes(&check->words, message->type, NULL);
        af_veil_event(af_veil_key(af_party_seed(1, "")),
                      event < 0 ? NULL : flow->events[event].fields, bytes, len, &content);
        told.content = af_buf_text(&content);
    }
    each(arg, &told);
    af_buf_release(&content);
}

int af_check_explore(struct af_check *check, const struct af_schedule *run,
                     af_check_choice_fn *each, void *arg, struct af_check_place *place,
                     struct af_failure *why)
{
    static const char *const words[] = {
        [AF_CHECK_MOVES] = "moves", [AF_CHECK_ENDED] = "ended", [AF_CHECK_STUCK_HERE] = "stuck"};
    struct explore explore = {.check = check};
    af_check_next_init(&explore.next, check);
    af_check_vector_init(check, &explore.kept);
    explore.next.asks = explore.next.all = true;
    explore.next.arg = &explore;
    explore.next.child = on_child;
    explore.next.violation = on_violation;
    int status = follow(&explore, run, why);
    if (status == 0) {
        struct choice last = explore.taken;
        place->name = check->flows[0]->name;
        place->rest = "broken";
        place->wrong = text_of(check, last.violation);
        if (last.goes_on)
            place->rest = words[look(&explore, NULL)];
        else
            explore.count = 0;
        for (size_t i = 0; i < explore.count; i++)
            tell(&explore, &explore.choices[i], each, arg);
    }
    af_check_next_release(&explore.next);
    af_check_vector_release(&explore.kept);
    free(explore.choices);
    return status;
}
