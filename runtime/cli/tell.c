/* tell.c: see tell.h. */
#include "cli/tell.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/opts.h"
#include "cli/paths.h"
#include "cli/run_options.h"
#include "script/script.h"
#include "sim/sim.h"
#include "script/tool.h"
#include "trace/trace.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_summary(const struct af_run_options *options, const struct af_sim_result *result,
                          double elapsed_ms)
{
    printf("%s: %llu part%s done, %llu failed", result->name, (unsigned long long)result->done,
           result->done == 1 ? "y" : "ies", (unsigned long long)result->failed);
    if (result->did[AF_FAULT_LOSE] > 0)
        printf(", %llu lost", (unsigned long long)result->did[AF_FAULT_LOSE]);
    if (result->resting > 0)
        printf(", %llu resting", (unsigned long long)result->resting);
    if (options->sim.upgrade != NULL)
        printf(", %llu upgraded", (unsigned long long)result->upgraded);
    printf("; %llu messages, %llu dropped, %llu unexpected; %.3f s virtual, %.0f ms; seed %llu\n",
           (unsigned long long)result->messages, (unsigned long long)result->did[AF_FAULT_DROP],
           (unsigned long long)result->unexpected, (double)result->virtual_ns / 1e9, elapsed_ms,
           (unsigned long long)options->sim.seed);
}

static void tell_findings(const struct af_sim_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++)
        af_log_tell(AF_LOG_ERROR, result->findings[i].text, strlen(result->findings[i].text));
    if (result->findings_left_out > 0)
        af_log(AF_LOG_INFO, "and %zu more", result->findings_left_out);
}

/* The part of a failed run that is drawn: what led to the first finding, and a little more; without
 * one, the run's end. */
struct drawing {
    struct af_trace_memory memory;
    size_t header_len;
    size_t left; /* lines that are still kept; 0 once it is enough */
    bool found;
};

static bool is_finding(const char *line, size_t len)
{
    static const char *const kinds[] = {"\"kind\":\"error\"", "\"kind\":\"violation\"",
                                        "\"kind\":\"unexpected\"", "\"kind\":\"refused\""};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memmem(line, len < 60 ? len : 60, kinds[i], strlen(kinds[i])) != NULL)
            return true;
    return false;
}

/* Drops the older half, but for the header. */
static void drop_old_lines(struct drawing *drawing)
{
    struct af_trace_memory *memory = &drawing->memory;
    size_t at = drawing->header_len, len = 0, dropped = memory->count / 2;
    for (size_t i = 0; i < dropped; i++)
        af_trace_memory_next(memory, &at, &len);
    memmove(memory->lines.data + drawing->header_len, memory->lines.data + at,
            memory->lines.len - at);
    memory->lines.len -= at - drawing->header_len;
    memory->count -= dropped;
}

static void draw_line(void *arg, const char *line, size_t len)
{
    struct drawing *drawing = arg;
    bool last = memmem(line, len < 60 ? len : 60, "\"kind\":\"end\"", 12) != NULL;
    if (drawing->found && drawing->left == 0 && !last)
        return;
    struct af_buf named = AF_BUF_EMPTY;
    af_paths_append_json(&named, line, len);
    af_trace_memory_line(&drawing->memory, named.data, named.len);
    af_buf_release(&named);
    if (drawing->header_len == 0)
        drawing->header_len = drawing->memory.lines.len;
    if (drawing->found) {
        drawing->left -= drawing->left > 0;
    } else if (is_finding(line, len)) {
        drawing->found = true;
        drawing->left = AF_SIM_DRAWN_AFTER;
    } else if (drawing->memory.count > AF_SIM_DRAWN_LINES_MAX) {
        drop_old_lines(drawing);
    }
}

static void draw(const struct af_trace_memory *memory)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_tool_chart chart = {.format = "text",
                                  .width = af_opts_chart_columns(stderr),
                                  .color = af_log_color(2),
                                  .tail = 25,
                                  .told = true};
    char *picture = af_tool_chart(memory, &chart, &why);
    if (picture != NULL)
        fputs(picture, stderr);
    free(picture);
}

/* Draws the failed run: it is run again, the same, with a part of its trace kept in memory. json:
 * its findings go there, and nothing is drawn; it is for programs. */
static void run_failure_again(const struct af_sim_options *options, bool findings,
                              struct af_buf *json)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_sim_options again = *options;
    struct af_sim_result result;
    struct drawing drawing = {.left = 0};
    again.quiet = true;
    af_trace_memory_init(&drawing.memory);
    struct af_trace *trace = af_trace_new(draw_line, &drawing, false);
    struct af_sim *sim = af_sim_new(&again, trace, &why);
    if (sim != NULL && af_sim_run(sim, &result, &why) == 0) {
        if (findings)
            tell_findings(&result);
        if (json != NULL)
            af_tell_findings_json(json, sim, &result);
        else if (af_log_format() == AF_LOG_TEXT)
            draw(&drawing.memory);
        af_sim_result_release(&result);
    }
    af_sim_free(sim);
    af_trace_free(trace);
    af_trace_memory_release(&drawing.memory);
}

static int status_of(const struct af_sim_result *result)
{
    if (result->outcome == AF_SIM_INTERRUPTED || af_script_interrupted())
        return 130;
    return result->outcome == AF_SIM_OK ? 0 : 1;
}

/* ---- Faults that did nothing: a test that passes with them has shown nothing. ---- */

static void note_idle(const char *fault, const char *what)
{
    af_log(AF_LOG_WARNING, "%s did nothing: %s", fault, what);
}

/* What was asked for, and did nothing whatever the run. */
static void tell_pointless(const struct af_fault_options *faults)
{
    struct af_fault_options usual;
    af_fault_options_init(&usual);
    bool given =
        faults->down_min_ns != usual.down_min_ns || faults->down_max_ns != usual.down_max_ns;
    if (given && !af_fault_is_wished(faults, AF_FAULT_CRASH) && faults->random_partition <= 0)
        note_idle("--down", "it needs --crash or --partition random:P");
}

static uint64_t parties_to_lose(const struct af_fault_options *faults)
{
    uint64_t count = 0;
    const struct af_fault_wish *losses = &faults->wishes[AF_FAULT_LOSE];
    for (size_t i = 0; i < losses->role_count; i++)
        count += losses->roles[i].count;
    return count;
}

/* Of one run only what was to come at a certain time: chance may well do nothing in one. */
static void tell_idle_faults(const struct af_fault_options *faults,
                             const struct af_sim_result *result)
{
    char text[120];
    size_t begun = 0;
    tell_pointless(faults);
    snprintf(text, sizeof text, "the run was over after %.3f s", (double)result->virtual_ns / 1e9);
    for (size_t i = 0; i < faults->partition_count; i++) {
        const struct af_partition *partition = &faults->partitions[i];
        char name[200];
        snprintf(name, sizeof name, "--partition '%.150s'", partition->text);
        if (partition->from_ns > result->virtual_ns)
            note_idle(name, text);
        else
            begun++;
    }
    if (begun > 0 && result->held == 0)
        note_idle("--partition", "no contract met the cut");
    if (parties_to_lose(faults) > result->did[AF_FAULT_LOSE]) {
        snprintf(text, sizeof text, "%llu of %llu parties vanished; the others had ended before",
                 (unsigned long long)result->did[AF_FAULT_LOSE],
                 (unsigned long long)parties_to_lose(faults));
        note_idle(result->did[AF_FAULT_LOSE] == 0 ? "--lose" : "a part of --lose", text);
    }
}

static void tell_idle_in_all(const struct af_fault_options *faults, const struct af_tell_runs *runs)
{
    static const char in_none[] = "in none of the runs";
    bool cuts = faults->partition_count > 0 || faults->random_partition > 0;
    char option[40];
    tell_pointless(faults);
    for (enum af_fault i = 0; i < AF_FAULTS; i++) {
        snprintf(option, sizeof option, "--%s", af_schedule_fault_word(i));
        if (af_fault_is_wished(faults, i) && runs->did[i] == 0)
            note_idle(option, in_none);
    }
    if (cuts && runs->held == 0)
        note_idle("--partition", in_none);
}

/* That all is well says little then. */
static void tell_idle_run(const struct af_sim *sim, const struct af_sim_result *result)
{
    if (!af_script_has_acted())
        af_log(AF_LOG_INFO, "%s: %s", result->name,
               af_sim_party(sim, 0) != NULL ? "no handler has run"
                                            : "nothing was sent, received or waited for");
}

int af_tell_run(const struct af_run_options *options, const struct af_sim *sim,
                const struct af_sim_result *result, double elapsed_ms)
{
    int status = status_of(result);
    tell_findings(result);
    if (status == 1 && !options->json)
        run_failure_again(&options->sim, false, NULL);
    if (options->json)
        af_tell_run_json(sim, result, options->sim.seed, elapsed_ms, status);
    else
        print_summary(options, result, elapsed_ms);
    if (options->verbosity >= 0 && status != 130)
        tell_idle_faults(&options->sim.faults, result);
    if (options->verbosity >= 0 && status == 0)
        tell_idle_run(sim, result);
    return status;
}

/* ---- Many runs. ---- */

void af_tell_word(struct af_buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";
    af_buf_append_char(out, ' ');
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        af_buf_append_string(out, word);
        return;
    }
    af_buf_append_char(out, '\'');
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            af_buf_append_string(out, "'\\''");
        else
            af_buf_append_char(out, *word);
    }
    af_buf_append_char(out, '\'');
}

/* A trace has the file's name alone; a command needs its path. */
static void append_upgrade(struct af_buf *out, const struct af_run_options *options, const char *at)
{
    struct af_buf word = AF_BUF_EMPTY;
    af_buf_printf(&word, "--upgrade=%s%s", options->sim.upgrade,
                  options->sim.upgrade_ns >= 0 && at != NULL ? at : "");
    af_tell_word(out, af_buf_text(&word));
    af_buf_release(&word);
}

static void append_command(struct af_buf *out, const struct af_run_options *options, uint64_t seed)
{
    struct af_json_reader reader;
    af_buf_append_string(out, "afrun");
    for (size_t i = 0; i < options->sim.path_count; i++)
        af_tell_word(out, options->sim.paths[i]);
    af_buf_append_string(out, " --mock");
    af_json_reader_init(&reader, options->sim.recorded, strlen(options->sim.recorded));
    af_json_next(&reader);
    while (af_json_next(&reader) == AF_JSON_STRING) {
        char *word = af_mem_copy(reader.string, reader.string_len);
        if (strncmp(word, "--upgrade=", 10) == 0)
            append_upgrade(out, options, strrchr(word, '@'));
        else
            af_tell_word(out, word);
        free(word);
    }
    af_json_reader_release(&reader);
    af_buf_printf(out, " --seed %llu", (unsigned long long)seed);
}

static void print_runs(const struct af_run_options *options, const struct af_tell_runs *runs,
                       const char *command)
{
    uint64_t first = options->sim.seed;
    if (runs->failed_runs > 0)
        printf("the lowest failing seed is %llu; repeat it with:\n  %s\n",
               (unsigned long long)runs->lowest_seed, command);
    if (runs->is_interrupted)
        printf("interrupted: %llu of ", (unsigned long long)runs->runs);
    printf("%lld runs, %llu failed", (long long)options->runs,
           (unsigned long long)runs->failed_runs);
    if (options->sim.upgrade != NULL)
        printf("; %llu parties upgraded", (unsigned long long)runs->upgraded);
    printf("; %llu messages, %llu dropped, %llu unexpected; %.0f ms; "
           "seeds %llu..%llu\n",
           (unsigned long long)runs->messages, (unsigned long long)runs->did[AF_FAULT_DROP],
           (unsigned long long)runs->unexpected, runs->elapsed_ms, (unsigned long long)first,
           (unsigned long long)(first + (uint64_t)options->runs - 1));
    af_ways_print(&runs->ways, !runs->is_interrupted);
}

int af_tell_runs(const struct af_run_options *options, const struct af_tell_runs *runs)
{
    struct af_buf command = AF_BUF_EMPTY, findings = AF_BUF_EMPTY;
    int status = runs->is_interrupted ? 130 : runs->failed_runs > 0 ? 1 : 0;
    append_command(&command, options, runs->lowest_seed);
    if (status == 1) { /* nothing runs after Ctrl-C */
        struct af_sim_options repeat = options->sim;
        repeat.seed = runs->lowest_seed;
        run_failure_again(&repeat, true, options->json ? &findings : NULL);
    }
    if (options->json)
        af_tell_runs_json(runs, options->sim.seed, options->sim.seed + (uint64_t)options->runs - 1,
                          af_buf_text(&command), &findings, status);
    else
        print_runs(options, runs, af_buf_text(&command));
    if (options->verbosity >= 0 && status != 130)
        tell_idle_in_all(&options->sim.faults, runs);
    af_buf_release(&command);
    af_buf_release(&findings);
    return status;
}
