/* tell_json.c: what `run` tells programs: see tell.h. */
#include "cli/tell.h"

#include "cli/answer.h"
#include "json/json.h"
#include "party/party.h"
#include "sim/sim.h"

#include <stdio.h>

static const char *first_finding(const struct af_sim_result *result)
{
    return result->finding_count > 0 ? result->findings[0].text : "the run has failed";
}

/* What the i-th party waits for, and from whom nothing has come. */
static void add_wait(struct af_buf *out, const struct af_sim *sim, size_t i)
{
    const struct af_party *party = i < af_sim_party_count(sim) ? af_sim_party(sim, i) : NULL;
    af_json_name(out, "waits_for");
    if (party == NULL || af_party_status(party) != AF_PARTY_ACTIVE) {
        af_buf_append_string(out, "null");
        return;
    }
    af_json_open(out, '{');
    af_answer_add_wait(out, party);
    af_json_begin(out, "silent", '[');
    for (size_t j = 0; j < af_sim_party_count(sim); j++)
        if (!af_sim_has_heard(sim, i, j))
            af_json_item(out, af_sim_party_id(sim, j));
    af_buf_append_string(out, "]}");
}

static void add_parties(struct af_buf *out, const struct af_sim *sim)
{
    static const char *const words[] = {"new", "active", "done", "failed", "lost"};
    size_t count = af_sim_party_count(sim);
    af_json_begin(out, "party_list", '[');
    for (size_t i = 0; i < count; i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party == NULL)
            continue;
        const struct af_flow_state *state = af_party_state(party);
        af_json_open(out, '{');
        af_json_add_text(out, "id", af_sim_party_id(sim, i));
        af_json_add_text(out, "status", words[af_party_status(party)]);
        af_json_add_text(out, "state", state == NULL ? NULL : state->name);
        af_json_add_json(out, "result", af_party_result(party));
        af_answer_add_words(out, "reason", af_party_reason(party));
        add_wait(out, sim, i);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_tell_findings_json(struct af_buf *out, const struct af_sim *sim,
                           const struct af_sim_result *result)
{
    af_json_open(out, '[');
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct af_sim_finding *finding = &result->findings[i];
        af_json_open(out, '{');
        af_json_add_text(out, "kind", af_sim_finding_word(finding->kind));
        af_json_add_text(out, "party", finding->party);
        af_answer_add_place(out, finding->text);
        af_answer_add_words(out, "text", finding->text);
        if (finding->kind == AF_SIM_PARTY_STUCK)
            add_wait(out, sim, af_sim_find_party(sim, finding->party));
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_tell_run_json(const struct af_sim *sim, const struct af_sim_result *result, uint64_t seed,
                      double elapsed_ms, int status)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "run");
    af_json_add_text(&out, "flow", result->name);
    af_json_add_text(&out, "outcome", af_sim_outcome_word(result->outcome));
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"seed", seed},
                  {"parties", result->parties},
                  {"done", result->done},
                  {"failed", result->failed},
                  {"lost", result->did[AF_FAULT_LOSE]},
                  {"resting", result->resting},
                  {"messages", result->messages},
                  {"dropped", result->did[AF_FAULT_DROP]},
                  {"duplicated", result->did[AF_FAULT_DUPLICATE]},
                  {"unexpected", result->unexpected},
                  {"late", result->late},
                  {"crashes", result->did[AF_FAULT_CRASH]},
                  {"upgraded", result->upgraded},
                  {"steps", result->steps}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        af_json_add_integer(&out, counts[i].name, (int64_t)counts[i].value);
    af_answer_add_number(&out, "virtual_s", (double)result->virtual_ns / 1e9, 9);
    af_answer_add_number(&out, "elapsed_ms", elapsed_ms, 1);
    af_json_name(&out, "findings");
    af_tell_findings_json(&out, sim, result);
    af_json_add_integer(&out, "findings_left_out", (int64_t)result->findings_left_out);
    add_parties(&out, sim);
    af_answer_add_status(&out, status, first_finding(result));
    af_answer_print(&out);
}

static void add_failing(struct af_buf *out, const struct af_tell_runs *runs)
{
    af_json_name(out, "failing");
    af_json_open(out, '[');
    for (size_t i = 0; i < runs->failing_count; i++) {
        af_json_open(out, '{');
        af_json_add_integer(out, "seed", (int64_t)runs->failing[i].seed);
        af_json_add_text(out, "outcome",
                         af_sim_outcome_word((enum af_sim_outcome)runs->failing[i].outcome));
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

void af_tell_runs_json(const struct af_tell_runs *runs, uint64_t first, uint64_t last,
                       const char *repeat, struct af_buf *findings, int status)
{
    struct af_buf out = AF_BUF_EMPTY;
    char text[80];
    af_answer_begin(&out, "runs");
    af_json_add_integer(&out, "runs", (int64_t)runs->runs);
    af_json_add_integer(&out, "failed_runs", (int64_t)runs->failed_runs);
    af_json_add_integer(&out, "first_seed", (int64_t)first);
    af_json_add_integer(&out, "last_seed", (int64_t)last);
    if (runs->failed_runs > 0)
        af_json_add_integer(&out, "lowest_failing_seed", (int64_t)runs->lowest_seed);
    else
        af_json_add_json(&out, "lowest_failing_seed", NULL);
    add_failing(&out, runs);
    af_json_name(&out, "ways");
    af_ways_append_json(&out, &runs->ways);
    af_json_add_integer(&out, "failed_otherwise", (int64_t)runs->ways.others);
    af_json_add_text(&out, "repeat", runs->failed_runs > 0 ? repeat : NULL);
    af_json_add_integer(&out, "messages", (int64_t)runs->messages);
    af_json_add_integer(&out, "dropped", (int64_t)runs->did[AF_FAULT_DROP]);
    af_json_add_integer(&out, "unexpected", (int64_t)runs->unexpected);
    af_json_add_integer(&out, "upgraded", (int64_t)runs->upgraded);
    af_json_add_bool(&out, "interrupted", runs->is_interrupted);
    af_answer_add_number(&out, "elapsed_ms", runs->elapsed_ms, 1);
    af_json_add_json(&out, "findings", findings->len == 0 ? "[]" : af_buf_text(findings));
    snprintf(text, sizeof text, "%llu of %llu runs failed", (unsigned long long)runs->failed_runs,
             (unsigned long long)runs->runs);
    af_answer_add_status(&out, status, text);
    af_answer_print(&out);
}
