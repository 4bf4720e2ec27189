/* tell.c: see tell.h. */
#include "cli/tell.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/opts.h"
#include "cli/paths.h"
#include "party/party.h"
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
    if (result->lost > 0)
        printf(", %llu lost", (unsigned long long)result->lost);
    if (result->resting > 0)
        printf(", %llu resting", (unsigned long long)result->resting);
    if (options->sim.upgrade != NULL)
        printf(", %llu upgraded", (unsigned long long)result->upgraded);
    printf("; %llu messages, %llu dropped, %llu unexpected; %.3f s virtual, %.0f ms; seed %llu\n",
           (unsigned long long)result->messages, (unsigned long long)result->dropped,
           (unsigned long long)result->unexpected, (double)result->virtual_ns / 1e9, elapsed_ms,
           (unsigned long long)options->sim.seed);
}

static void append_texts(struct af_buf *out, const char *lines)
{
    const char *at = lines;
    af_buf_append_char(out, '[');
    while (*at != '\0') {
        const char *end = strchr(at, '\n');
        if (at != lines)
            af_buf_append_char(out, ',');
        if (!af_json_write_string(out, at, (size_t)(end - at)))
            af_buf_append_string(out, "\"\"");
        at = end + 1;
    }
    af_buf_append_char(out, ']');
}

static void append_string(struct af_buf *out, const char *text)
{
    if (text == NULL || !af_json_write_string(out, text, strlen(text)))
        af_buf_append_string(out, "null");
}

static void append_parties(struct af_buf *out, const struct af_sim *sim)
{
    static const char *const words[] = {"new", "active", "done", "failed", "lost"};
    size_t count = af_sim_party_count(sim), written = 0;
    af_buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party == NULL)
            continue;
        const struct af_flow_state *state = af_party_state(party);
        const char *result = af_party_result(party);
        af_buf_append_string(out, written++ == 0 ? "{\"id\":" : ",{\"id\":");
        append_string(out, af_sim_party_id(sim, i));
        af_buf_printf(out, ",\"status\":\"%s\",\"state\":", words[af_party_status(party)]);
        append_string(out, state == NULL ? NULL : state->name);
        af_buf_printf(out, ",\"result\":%s,\"reason\":", result == NULL ? "null" : result);
        append_string(out, af_party_reason(party));
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

static void print_json(const struct af_sim *sim, const struct af_sim_result *result, uint64_t seed,
                       double elapsed_ms)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "{\"flow\":");
    append_string(&out, result->name);
    af_buf_printf(
        &out,
        ",\"outcome\":\"%s\",\"seed\":%llu,\"parties\":%llu,\"done\":%llu,\"failed\":%llu,"
        "\"lost\":%llu,\"resting\":%llu,\"messages\":%llu,\"dropped\":%llu,"
        "\"duplicated\":%llu,\"unexpected\":%llu,\"late\":%llu,\"crashes\":%llu,\"upgraded\":%llu,"
        "\"steps\":%llu,\"virtual_s\":%.9f,\"elapsed_ms\":%.1f,\"findings\":",
        af_sim_outcome_word(result->outcome), (unsigned long long)seed,
        (unsigned long long)result->parties, (unsigned long long)result->done,
        (unsigned long long)result->failed, (unsigned long long)result->lost,
        (unsigned long long)result->resting, (unsigned long long)result->messages,
        (unsigned long long)result->dropped, (unsigned long long)result->duplicated,
        (unsigned long long)result->unexpected, (unsigned long long)result->late,
        (unsigned long long)result->crashes, (unsigned long long)result->upgraded,
        (unsigned long long)result->steps, (double)result->virtual_ns / 1e9, elapsed_ms);
    append_texts(&out, af_buf_text(&result->findings));
    af_buf_append_string(&out, ",\"party_list\":");
    append_parties(&out, sim);
    af_buf_append_char(&out, '}');
    puts(af_buf_text(&out));
    af_buf_release(&out);
}

static void print_findings(const struct af_sim_result *result)
{
    const char *at = af_buf_text(&result->findings);
    while (*at != '\0') {
        const char *end = strchr(at, '\n');
        fputs("afrun: ", stderr);
        af_paths_write(stderr, at, (size_t)(end - at));
        fputc('\n', stderr);
        at = end + 1;
    }
    if (result->finding_count > 100)
        fprintf(stderr, "afrun: and %zu more\n", result->finding_count - 100);
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
    af_trace_memory_line(&drawing->memory, line, len);
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

/* Draws the failed run: it is run again, the same, with a part of its trace kept in memory. */
static void draw_failure(const struct af_sim_options *options, bool findings)
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
            print_findings(&result);
        struct af_tool_chart chart = {
            "text", af_opts_chart_columns(stderr), af_log_color(2), 25, 0, NULL, NULL, false};
        char *picture = af_tool_chart(&drawing.memory, &chart, &why);
        if (picture != NULL)
            fprintf(stderr, "%s", picture);
        free(picture);
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

int af_tell_run(const struct af_run_options *options, const struct af_sim *sim,
                const struct af_sim_result *result, double elapsed_ms)
{
    int status = status_of(result);
    print_findings(result);
    if (status == 1 && !options->json)
        draw_failure(&options->sim, false);
    if (options->json)
        print_json(sim, result, options->sim.seed, elapsed_ms);
    else
        print_summary(options, result, elapsed_ms);
    return status;
}

void af_tell_failure(const struct af_run_options *options)
{
    draw_failure(&options->sim, true);
}

/* ---- Many runs. ---- */

/* Appends a word as a shell takes it. */
static void append_quoted(struct af_buf *out, const char *word)
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
    append_quoted(out, af_buf_text(&word));
    af_buf_release(&word);
}

static void append_command(struct af_buf *out, const struct af_run_options *options, uint64_t seed)
{
    struct af_json_reader reader;
    af_buf_append_string(out, "afrun");
    for (size_t i = 0; i < options->sim.path_count; i++)
        append_quoted(out, options->sim.paths[i]);
    af_buf_append_string(out, " --mock");
    af_json_reader_init(&reader, options->sim.recorded, strlen(options->sim.recorded));
    af_json_next(&reader);
    while (af_json_next(&reader) == AF_JSON_STRING) {
        char *word = af_mem_copy(reader.string, reader.string_len);
        if (strncmp(word, "--upgrade=", 10) == 0)
            append_upgrade(out, options, strrchr(word, '@'));
        else
            append_quoted(out, word);
        free(word);
    }
    af_json_reader_release(&reader);
    af_buf_printf(out, " --seed %llu", (unsigned long long)seed);
}

void af_tell_runs(const struct af_run_options *options, const struct af_tell_runs *runs)
{
    struct af_buf command = AF_BUF_EMPTY;
    uint64_t first = options->sim.seed;
    uint64_t last = first + (uint64_t)options->runs - 1;
    append_command(&command, options, runs->lowest_seed);
    if (options->json) {
        struct af_buf out = AF_BUF_EMPTY;
        af_buf_printf(&out,
                      "{\"runs\":%llu,\"failed_runs\":%llu,\"first_seed\":%llu,\"last_seed\":%llu,"
                      "\"lowest_failing_seed\":",
                      (unsigned long long)runs->runs, (unsigned long long)runs->failed_runs,
                      (unsigned long long)first, (unsigned long long)last);
        if (runs->failed_runs > 0)
            af_buf_printf(&out, "%llu,\"repeat\":", (unsigned long long)runs->lowest_seed);
        else
            af_buf_append_string(&out, "null,\"repeat\":");
        append_string(&out, runs->failed_runs > 0 ? af_buf_text(&command) : NULL);
        af_buf_printf(&out,
                      ",\"messages\":%llu,\"dropped\":%llu,\"unexpected\":%llu,\"upgraded\":%llu,"
                      "\"interrupted\":%s,\"elapsed_ms\":%.1f}",
                      (unsigned long long)runs->messages, (unsigned long long)runs->dropped,
                      (unsigned long long)runs->unexpected, (unsigned long long)runs->upgraded,
                      runs->is_interrupted ? "true" : "false", runs->elapsed_ms);
        puts(af_buf_text(&out));
        af_buf_release(&out);
    } else {
        if (runs->failed_runs > 0)
            printf("the lowest failing seed is %llu; repeat it with:\n  %s\n",
                   (unsigned long long)runs->lowest_seed, af_buf_text(&command));
        if (runs->is_interrupted)
            printf("interrupted: %llu of ", (unsigned long long)runs->runs);
        printf("%lld runs, %llu failed", (long long)options->runs,
               (unsigned long long)runs->failed_runs);
        if (options->sim.upgrade != NULL)
            printf("; %llu parties upgraded", (unsigned long long)runs->upgraded);
        printf("; %llu messages, %llu dropped, %llu unexpected; %.0f ms; "
               "seeds %llu..%llu\n",
               (unsigned long long)runs->messages, (unsigned long long)runs->dropped,
               (unsigned long long)runs->unexpected, runs->elapsed_ms, (unsigned long long)first,
               (unsigned long long)last);
    }
    af_buf_release(&command);
}
