/* tell_rerun.c: see tell_rerun.h. */
#include "cli/tell_rerun.h"

#include "base/mem.h"
#include "cli/opts.h"
#include "cli/paths.h"
#include "cli/run_options.h"
#include "cli/tell_steps.h"
#include "party/party.h"
#include "trace/file.h"
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
    char **items;
    size_t count, cap;
};

static void add_word(struct words *words, const char *format, const char *a, const char *b)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, format, a, b);
    af_mem_reserve(&words->items, &words->cap, words->count + 1, sizeof(char *));
    words->items[words->count++] = af_buf_take(&text);
}

/* The check's options as those of a simulated run. */
static void sim_words(const struct af_check_options *check, bool data, struct words *words)
{
    if (data)
        add_word(words, "--trace-data%s%s", "", "");
    for (size_t i = 0; i < check->party_count; i++) {
        char count[32];
        snprintf(count, sizeof count, "%lld", (long long)check->parties[i].count);
        add_word(words, "--parties=%s=%s", check->parties[i].role, count);
    }
    for (size_t i = 0; i < check->arg_count; i++)
        add_word(words, "--arg=%s=%s", check->args[i].name, check->args[i].value);
    if (af_check_may_fail(check))
        add_word(words, "--allow-fail%s%s", "", "");
    if (check->fifo)
        add_word(words, "--fifo%s%s", "", "");
    if (check->upgrade != NULL)
        add_word(words, "--upgrade=%s%s", check->upgrade, "");
    add_word(words, "--mock%s%s", "", "");
}

static void keep_line(void *arg, const char *line, size_t len)
{
    struct af_tell_rerun *rerun = arg;
    struct af_buf named = AF_BUF_EMPTY;
    rerun->lines++;
    if (rerun->memory != NULL) {
        af_paths_append_json(&named, line, len);
        af_trace_memory_line(rerun->memory, named.data, named.len);
        af_buf_release(&named);
    }
    if (rerun->file != NULL)
        af_trace_file_line(rerun->file, line, len);
}

/* "a-1 is done; b-1 is in 'open' (flow.lua:7), where it waits for x or y". */
static void add_ends(struct af_buf *out, const struct af_sim *sim)
{
    static const char *const ended[] = {NULL, NULL, "is done", "has failed", "is lost"};
    for (size_t i = 0; i < af_sim_party_count(sim); i++) {
        const struct af_party *party = af_sim_party(sim, i);
        const char *comma = ", where it waits for ";
        char place[AF_FLOW_PLACE_BYTES];
        if (party == NULL)
            continue;
        af_buf_printf(out, "%s%s ", out->len == 0 ? "" : "; ", af_sim_party_id(sim, i));
        const struct af_flow_state *state = af_party_state(party);
        if (af_party_status(party) > AF_PARTY_ACTIVE || state == NULL) {
            const char *word = ended[af_party_status(party)];
            af_buf_append_string(out, word == NULL ? "has not started" : word);
            continue;
        }
        struct af_script *script = af_party_spec(party)->script;
        const struct af_flow *flow = af_script_flow(script);
        af_buf_printf(
            out, "is %s'%s' (%s)", af_party_is_down(party) ? "down in " : "in ", state->name,
            af_flow_place(af_script_file(script)->name, state->line, place, sizeof place));
        for (size_t e = 0; e < flow->event_count; e++) {
            if (state->events[e] != AF_EVENT_HANDLED)
                continue;
            af_buf_printf(out, "%s%s", comma, flow->events[e].type);
            comma = " or ";
        }
        if (af_party_timer_count(party) > 0)
            af_buf_printf(out, "%sits time", comma);
    }
}

static bool mark(void *arg, struct af_sim *sim)
{
    struct af_tell_rerun *rerun = arg;
    (void)sim;
    af_buf_printf(rerun->marks, "%s%zu", rerun->marks->len == 0 ? "" : ",", rerun->lines);
    return true;
}

static int simulate(struct af_run_options *run, struct af_tell_rerun *rerun, struct af_failure *why)
{
    struct af_sim_result result;
    struct af_trace *trace = af_trace_new(keep_line, rerun, rerun->data);
    struct af_sim *sim = af_sim_new(&run->sim, trace, why);
    int status = -1;
    if (sim != NULL && rerun->steps != NULL)
        af_sim_on_step(sim, af_tell_step, rerun->steps);
    if (sim != NULL && rerun->marks != NULL)
        af_sim_on_step(sim, mark, rerun);
    if (sim != NULL && af_sim_run(sim, &result, why) == 0) {
        status = result.outcome == AF_SIM_OK ? 1 : 0;
        rerun->outcome = result.outcome;
        for (size_t i = 0; i < result.finding_count; i++)
            rerun->is_wrong = rerun->is_wrong || result.findings[i].kind != AF_SIM_SCHEDULE;
        if (rerun->ends != NULL)
            add_ends(rerun->ends, sim);
        if (rerun->steps != NULL)
            af_tell_steps_end(rerun->steps, sim);
        af_sim_result_release(&result);
    }
    af_sim_free(sim);
    af_trace_free(trace);
    return status;
}

int af_tell_rerun(const struct af_check_options *check, const struct af_schedule *schedule,
                  struct af_tell_rerun *rerun, struct af_failure *why)
{
    struct af_run_options run;
    struct words words = {0};
    char *files[] = {(char *)(uintptr_t)check->path, NULL};
    int status = -1;
    af_run_options_init(&run);
    sim_words(check, rerun->data, &words);
    char **argv = af_mem_zero(words.count + 1, sizeof(char *));
    memcpy(argv, words.items, words.count * sizeof(char *));
    if (af_opts_parse(af_run_opts, (int)words.count, argv, &run, NULL, why) >= 0 &&
        af_run_options_finish(&run, files, 1, why) == 0) {
        run.sim.quiet = true;
        run.sim.schedule = schedule;
        run.sim.keeps_time = rerun->keeps_time;
        status = simulate(&run, rerun, why);
    }
    af_run_options_release(&run);
    free(argv);
    for (size_t i = 0; i < words.count; i++)
        free(words.items[i]);
    free(words.items);
    return status;
}
