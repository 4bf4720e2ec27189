/* tell_steps.c: see tell_steps.h. */
#include "cli/tell_steps.h"

#include "base/failure.h"
#include "cli/answer.h"
#include "cli/tell_rerun.h"
#include "json/json.h"
#include "party/party.h"
#include "sim/sim.h"
#include "trace/contract.h"

#include <string.h>

/* ---- A violation. ---- */

void af_tell_violation_begin(struct af_tell_steps *steps)
{
    const struct af_check_violation *violation = steps->violation;
    struct af_buf *out = steps->out;
    const char *where = violation->where;
    af_json_open(out, '{');
    af_json_add_text(out, "kind", af_check_kind_word(violation->kind));
    af_json_add_text(out, "role", violation->role);
    af_answer_add_words(out, "where", where);
    af_answer_add_place(out, where != NULL ? where : violation->text);
    af_answer_add_words(out, "text", violation->text);
    af_json_add_integer(out, "length", (int64_t)violation->length);
    if (violation->run->loop > 0)
        af_json_add_integer(out, "loop", (int64_t)violation->run->loop - 1);
    else
        af_json_add_text(out, "loop", NULL);
    af_json_name(out, "run");
    af_schedule_write(violation->run, out);
    af_json_begin(out, "steps", '[');
}

/* The type of what the step is about: of a recall the party knows it. */
static const char *event_of(const struct af_schedule_step *step, const struct af_sim *sim)
{
    size_t i = af_sim_find_party(sim, step->party);
    if (step->kind != AF_SCHEDULE_RECALL || i == af_sim_party_count(sim))
        return step->type;
    const struct af_contract *contract = af_party_recalls(af_sim_party(sim, i));
    return contract == NULL ? NULL : contract->type;
}

static bool fires(const struct af_schedule_step *step)
{
    return af_schedule_about(step->kind) == AF_SCHEDULE_TIMER;
}

bool af_tell_step(void *arg, struct af_sim *sim)
{
    struct af_tell_steps *steps = arg;
    size_t starts = af_sim_party_count(sim), call = steps->calls++;
    if (call < starts)
        return true;
    const struct af_schedule_step *step = &steps->violation->run->steps[call - starts];
    af_json_open(steps->out, '{');
    af_json_add_text(steps->out, "kind", af_schedule_word(step->kind));
    af_json_add_text(steps->out, "party", step->party);
    af_json_add_text(steps->out, "event", event_of(step, sim));
    af_json_add_text(steps->out, "from", step->from);
    af_json_add_text(steps->out, "timer",
                     !fires(step)          ? NULL
                     : step->timer == NULL ? "after"
                                           : step->timer);
    af_buf_append_char(steps->out, '}');
    return true;
}

/* How each party stands at the run's end, and for what it waits. */
static void add_at_end(struct af_buf *out, const struct af_sim *sim)
{
    static const char *const words[] = {[AF_PARTY_NEW] = "new",
                                        [AF_PARTY_ACTIVE] = "active",
                                        [AF_PARTY_DONE] = "done",
                                        [AF_PARTY_FAILED] = "failed",
                                        [AF_PARTY_LOST] = "lost"};
    af_json_begin(out, "at_end", '[');
    for (size_t i = 0; i < af_sim_party_count(sim); i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party == NULL)
            continue;
        enum af_party_status status = af_party_status(party);
        af_json_open(out, '{');
        af_json_add_text(out, "party", af_sim_party_id(sim, i));
        af_json_add_text(out, "status", af_party_is_down(party) ? "down" : words[status]);
        af_json_name(out, "waits_for");
        if (status == AF_PARTY_ACTIVE) {
            af_json_open(out, '{');
            af_answer_add_wait(out, party);
            af_buf_append_char(out, '}');
        } else {
            af_buf_append_string(out, "null");
        }
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* Who is not at its end, and for what it waits. */
void af_tell_steps_end(struct af_tell_steps *steps, const struct af_sim *sim)
{
    struct af_buf *out = steps->out;
    steps->ended = true;
    af_buf_append_string(out, "],\"waiting\":[");
    for (size_t i = 0; i < af_sim_party_count(sim); i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party == NULL || af_party_status(party) != AF_PARTY_ACTIVE || af_party_rests(party))
            continue;
        af_json_open(out, '{');
        af_json_add_text(out, "party", af_sim_party_id(sim, i));
        af_answer_add_wait(out, party);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
    add_at_end(out, sim);
}

/* ---- Several sizes. ---- */

void af_tell_checks_json(const struct af_tell_check *tell, const char *role, int status,
                         const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "checks");
    af_json_add_text(&out, "role", role);
    af_json_name(&out, "sizes");
    af_buf_printf(&out, "[%s]", af_buf_text(tell->table));
    af_answer_add_number(&out, "elapsed_ms", tell->elapsed_ms, 1);
    if (why->kind != AF_FAILURE_NONE)
        af_answer_add_error(&out, why);
    else
        af_answer_add_status(&out, status, af_buf_text(tell->found));
    af_answer_print(&out);
}

/* ---- All of it. ---- */

static void add_ends(struct af_buf *out, const struct af_check_result *result)
{
    af_json_begin(out, "ends", '[');
    for (size_t i = 0; i < result->end_count; i++) {
        af_json_open(out, '{');
        af_json_add_text(out, "text", result->ends[i].text);
        af_json_add_json(out, "parties", result->ends[i].parties);
        af_json_add_integer(out, "states", (int64_t)result->ends[i].states);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

static void add_unreached(struct af_buf *out, const struct af_tell_check *tell,
                          const struct af_check_result *result)
{
    af_json_begin(out, "unreached", '[');
    for (size_t i = 0; i < result->unreached_count; i++) {
        af_json_open(out, '{');
        af_json_add_text(out, "what", result->unreached[i].what);
        struct af_flow_line line = result->unreached[i].line;
        af_json_add_integer(out, "line", line.number);
        af_answer_add_words(out, "file", line.file == NULL ? tell->check->path : line.file);
        af_json_add_text(out, "role", result->unreached[i].role);
        af_json_add_text(out, "state", result->unreached[i].state);
        af_json_add_text(out, "event", result->unreached[i].event);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_tell_check_json(const struct af_tell_check *tell, const struct af_check_result *result,
                        const struct af_buf *violations, int status, const struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY, list = AF_BUF_EMPTY, first = AF_BUF_EMPTY;
    const char *bound = result->bound != NULL ? result->bound
                        : result->exhaustive  ? NULL
                        : tell->bound != NULL ? tell->bound
                                              : "interrupted";
    if (result->violation_count > 0 && result->violations[0].where != NULL)
        af_buf_printf(&first, "%s: ", result->violations[0].where);
    if (result->violation_count > 0)
        af_buf_append_string(&first, result->violations[0].text);
    if (tell->found != NULL && tell->found->len == 0)
        af_buf_append(tell->found, af_buf_text(&first), first.len);
    af_answer_begin(&out, "check");
    af_json_add_text(&out, "flow", result->name);
    af_json_add_integer(&out, "states", (int64_t)result->states);
    af_json_add_integer(&out, "transitions", (int64_t)result->transitions);
    af_json_add_integer(&out, "depth", (int64_t)result->depth);
    af_json_add_bool(&out, "exhaustive", result->exhaustive);
    af_json_add_text(&out, "bound", bound);
    af_answer_add_words(&out, "armed", result->armed);
    af_json_add_text(&out, "growing", result->growing);
    af_answer_add_words(&out, "time", result->asked_time);
    af_buf_printf(&list, "[%s]", af_buf_text(violations));
    af_json_add_json(&out, "violations", af_buf_text(&list));
    add_ends(&out, result);
    add_unreached(&out, tell, result);
    af_json_add_integer(&out, "calls", (int64_t)result->calls);
    af_json_add_integer(&out, "parties", (int64_t)result->locals);
    af_json_add_integer(&out, "contracts", (int64_t)result->contracts);
    af_json_add_integer(&out, "views", (int64_t)result->views);
    af_json_add_integer(&out, "inert", (int64_t)result->inert);
    af_json_add_bool(&out, "same", result->same);
    af_json_add_integer(&out, "state_bytes", (int64_t)result->state_bytes);
    af_answer_add_number(&out, "elapsed_ms",
                         tell->elapsed_ms - (tell->table == NULL ? 0 : tell->began_ms), 1);
    if (why->kind != AF_FAILURE_NONE)
        af_answer_add_error(&out, why);
    else
        af_answer_add_status(&out, status, af_buf_text(&first));
    if (tell->table == NULL) {
        af_answer_print(&out);
    } else {
        af_buf_printf(tell->table, "%s{\"count\":%s,\"answer\":%s}}",
                      tell->table->len == 0 ? "" : ",", strchr(tell->size, '=') + 1,
                      af_buf_text(&out));
        af_buf_release(&out);
    }
    af_buf_release(&list);
    af_buf_release(&first);
}
