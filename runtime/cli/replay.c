/* replay.c: see replay.h. The header tells seed and options; the records must come again as they
 * were: the first that does not names what the flow's code now does otherwise. */
#include "cli/replay.h"

#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/jailed.h"
#include "json/json.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "party/party.h"
#include "script/request.h"
#include "cli/run_options.h"
#include "trace/schedule.h"
#include "script/script.h"
#include "cli/stepper.h"
#include "trace/trace.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct comparison {
    const struct af_trace_memory *recorded;
    size_t at;
    size_t number; /* of the last line compared */
    bool differs;
    struct af_buf told; /* what differs, in words */
    struct af_buf json; /* … and as members of an object */
    struct af_stepper stepper;
    bool step;
    char *name; /* of the flow */
};

/* ---- The flow's file. ---- */

/* Where a file of the trace may be: beside the trace, here, in ./flows and its folders. */
static char *find_file(const char *name, const char *trace_path)
{
    static const char *const folders[] = {"", "flows/", "flows/notebook/", "flows/upgrade/"};
    struct af_buf path = AF_BUF_EMPTY;
    const char *slash = strrchr(trace_path, '/');
    if (strchr(name, '/') != NULL)
        return NULL; /* a trace names files, not paths */
    if (slash != NULL) {
        af_buf_append(&path, trace_path, (size_t)(slash - trace_path) + 1);
        af_buf_append_string(&path, name);
        if (access(af_buf_text(&path), R_OK) == 0)
            return af_buf_take(&path);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        af_buf_clear(&path);
        af_buf_printf(&path, "%s%s", folders[i], name);
        if (access(af_buf_text(&path), R_OK) == 0)
            return af_buf_take(&path);
    }
    af_buf_release(&path);
    return NULL;
}

/* Two versions of a flow may have one name; then nothing says where the other is. */
static bool share_a_name(const struct af_request_field *names)
{
    return names->item_count == 2 && strcmp(names->items[0], names->items[1]) == 0;
}

static int find_files(const struct af_request_field *names, const struct af_replay_options *options,
                      char **files, struct af_failure *why)
{
    if (options->file_count > 0 && options->file_count != names->item_count)
        return af_failure_set(why, AF_FAILURE_USAGE, "replay", "the run was of %zu file%s, not %zu",
                              names->item_count, names->item_count == 1 ? "" : "s",
                              options->file_count);
    if (options->file_count == 0 && share_a_name(names))
        return af_failure_set(why, AF_FAILURE_USAGE, names->items[0],
                              "is the name of both versions; say where they are: afrun replay "
                              "TRACE FLOW.lua FLOW2.lua");
    for (size_t i = 0; i < names->item_count; i++) {
        files[i] = options->file_count > 0 ? af_mem_string(options->files[i])
                                           : find_file(names->items[i], options->trace_path);
        if (files[i] == NULL)
            return af_failure_set(
                why, AF_FAILURE_USAGE, names->items[i],
                "is neither here, in flows/, nor beside the trace; name it: afrun "
                "replay TRACE FLOW.lua");
    }
    return 0;
}

/* ---- Comparing. ---- */

static void tell_line(struct af_buf *out, const char *word, const char *line, size_t len)
{
    af_buf_printf(out, "  %s ", word);
    if (line == NULL)
        af_buf_append_string(out, "nothing: the run is over");
    else
        af_buf_append(out, line, len < 400 ? len : 400);
    af_buf_append_string(out, line != NULL && len > 400 ? "…\n" : "\n");
}

static void add_record(struct af_buf *out, const char *name, const char *line, size_t len)
{
    af_json_name(out, name);
    af_buf_append(out, line == NULL ? "null" : line, line == NULL ? 4 : len);
}

static void tell_difference(struct comparison *comparison, const char *recorded,
                            size_t recorded_len, const char *now, size_t now_len)
{
    struct af_request a = {0}, b = {0};
    comparison->differs = true;
    add_record(&comparison->json, "recorded", recorded, recorded_len);
    add_record(&comparison->json, "now", now, now_len);
    if (recorded != NULL && now != NULL && af_request_read(&a, recorded, recorded_len) &&
        af_request_read(&b, now, now_len)) {
        const char *kind_a = af_request_string(&a, "kind"), *kind_b = af_request_string(&b, "kind");
        const char *party = af_request_string(&b, "party");
        if (kind_a != NULL && kind_b != NULL && strcmp(kind_a, kind_b) == 0 && party != NULL) {
            const char *hash_a = af_request_string(&a, "data_hash");
            const char *hash_b = af_request_string(&b, "data_hash");
            bool data = hash_a != NULL && hash_b != NULL && strcmp(hash_a, hash_b) != 0;
            af_buf_printf(&comparison->told, "%s: its '%s' is another%s\n", party, kind_b,
                          data ? ", its data differ" : "");
        }
    }
    af_request_release(&a);
    af_request_release(&b);
    tell_line(&comparison->told, "recorded:", recorded, recorded_len);
    tell_line(&comparison->told, "now:     ", now, now_len);
}

/* Whether a record is as it was recorded. Older traces do not tell which states were passed
 * through: where the recorded one does not, that is left out. */
static bool is_same(const char *recorded, size_t recorded_len, const char *line, size_t len)
{
    static const char field[] = ",\"through\":[", next[] = ",\"data_hash\":";
    if (recorded_len == len && memcmp(recorded, line, len) == 0)
        return true;
    const char *from = memmem(line, len, field, sizeof field - 1);
    const char *to =
        from == NULL ? NULL : memmem(from, len - (size_t)(from - line), next, sizeof next - 1);
    if (to == NULL)
        return false;
    size_t before = (size_t)(from - line), after = len - (size_t)(to - line);
    return recorded_len == before + after && memcmp(recorded, line, before) == 0 &&
           memcmp(recorded + before, to, after) == 0;
}

static void compare(void *arg, const char *line, size_t len)
{
    struct comparison *comparison = arg;
    size_t recorded_len = 0;
    if (comparison->differs || comparison->stepper.left || comparison->stepper.again ||
        af_script_interrupted())
        return;
    const char *recorded =
        af_trace_memory_next(comparison->recorded, &comparison->at, &recorded_len);
    comparison->number++;
    if (comparison->number == 1)
        return; /* the header: the file's hash may differ */
    if (comparison->step)
        af_stepper_record(&comparison->stepper, line, len);
    if (recorded == NULL || !is_same(recorded, recorded_len, line, len))
        tell_difference(comparison, recorded, recorded_len, line, len);
}

static bool before_step(void *arg, struct af_sim *sim)
{
    struct comparison *comparison = arg;
    if (comparison->differs || af_script_interrupted())
        return false;
    return !comparison->step || af_stepper_ask(&comparison->stepper, sim);
}

static void print_json(const struct comparison *comparison, const struct af_replay_options *options,
                       const struct af_sim_result *result, uint64_t seed, int status)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "replay");
    af_json_add_text(&out, "trace", options->trace_path);
    af_json_add_text(&out, "flow", result->name);
    af_json_add_integer(&out, "seed", (int64_t)seed);
    af_json_add_integer(&out, "records", (int64_t)comparison->number - 1);
    af_json_add_bool(&out, "same", !comparison->differs);
    af_json_name(&out, "difference");
    if (comparison->differs) {
        af_json_open(&out, '{');
        af_json_add_integer(&out, "line", (int64_t)comparison->number);
        af_buf_printf(&out, ",%s", af_buf_text(&comparison->json));
        af_buf_append_char(&out, '}');
    } else {
        af_buf_append_string(&out, "null");
    }
    af_answer_add_number(&out, "virtual_s", (double)result->virtual_ns / 1e9, 9);
    af_answer_add_status(&out, status, status == 130 ? "" : "the run now goes otherwise");
    af_answer_print(&out);
    af_buf_release(&out);
}

static int tell(const struct comparison *comparison, const struct af_replay_options *options,
                const struct af_sim_result *result, uint64_t seed)
{
    int status = comparison->differs ? 1 : af_script_interrupted() ? 130 : 0;
    if (comparison->differs) {
        struct af_buf text = AF_BUF_EMPTY;
        af_buf_printf(&text, "%s:%zu: the run now goes otherwise: %s", options->trace_path,
                      comparison->number, af_buf_text(&comparison->told));
        if (af_log_format() == AF_LOG_JSON)
            af_log_tell(AF_LOG_ERROR, text.data, text.len);
        else
            fprintf(stderr, "afrun: %s", af_buf_text(&text));
        af_buf_release(&text);
    }
    if (options->json)
        print_json(comparison, options, result, seed, status);
    else if (status == 130)
        printf("interrupted: %s: %zu records replayed, the same so far\n", result->name,
               comparison->number - 1);
    else if (status == 0 && !comparison->stepper.left)
        printf("%s: %zu records replayed, all the same; %.3f s virtual; seed %llu\n", result->name,
               comparison->number - 1, (double)result->virtual_ns / 1e9, (unsigned long long)seed);
    return status;
}

static void begin(struct comparison *comparison)
{
    comparison->at = comparison->number = 0;
    comparison->differs = false;
    af_buf_clear(&comparison->told);
    af_buf_clear(&comparison->json);
    af_stepper_begin(&comparison->stepper);
}

/* One run, to its end or to where it is left. Returns -1 with *why filled if it cannot be made. */
static int run_once(struct comparison *comparison, struct af_run_options *run,
                    struct af_sim_result *result, struct af_failure *why)
{
    int status = -1;
    begin(comparison);
    struct af_trace *again = af_trace_new(compare, comparison, run->trace_data);
    struct af_sim *sim = af_sim_new(&run->sim, again, why);
    if (sim != NULL) {
        af_sim_on_step(sim, before_step, comparison);
        status = af_sim_run(sim, result, why);
        if (status == 0)
            result->name = comparison->name = af_mem_string(result->name);
        if (status == 0 && comparison->step && !comparison->differs)
            af_stepper_ask_at_end(&comparison->stepper, sim);
    }
    af_sim_free(sim);
    af_trace_free(again);
    return status;
}

static int run_again(struct af_run_options *run, const struct af_trace_memory *trace,
                     const struct af_replay_options *options, struct af_failure *why)
{
    struct comparison comparison = {.recorded = trace, .step = options->step};
    struct af_sim_result result;
    int status;
    for (;;) { /* who steps may go back: then it is run once more */
        status = run_once(&comparison, run, &result, why);
        if (status != 0 || !comparison.stepper.again)
            break;
        af_sim_result_release(&result);
        free(comparison.name);
    }
    af_interrupt_seen();
    if (status == 0) {
        size_t len = 0;
        const char *left = af_trace_memory_next(trace, &comparison.at, &len);
        if (!comparison.differs && left != NULL && !comparison.stepper.left &&
            !af_script_interrupted())
            tell_difference(&comparison, left, len, NULL, 0);
        status = tell(&comparison, options, &result, run->sim.seed);
        af_sim_result_release(&result);
        free(comparison.name);
    }
    af_buf_release(&comparison.told);
    af_buf_release(&comparison.json);
    af_stepper_release(&comparison.stepper);
    return status;
}

/* ---- The header. ---- */

static void note_changed_files(const struct af_request *header, char **files)
{
    const struct af_request_field *hashes = af_request_list(header, "hash");
    for (size_t i = 0; i < hashes->item_count; i++) {
        char hash[65];
        if (files[i] != NULL && af_script_hash_file(files[i], hash) == 0 &&
            strcmp(hash, hashes->items[i]) != 0)
            af_log(AF_LOG_INFO, "%s has changed since the run was recorded", files[i]);
    }
}

/* The steps of a run that followed some, which the options borrow. */
static int read_schedule(const struct af_request *header, struct af_schedule *schedule,
                         struct af_sim_options *options, struct af_failure *why)
{
    const struct af_request_field *words = af_request_list(header, "schedule");
    if (words == NULL)
        return 0;
    int64_t version = AF_TRACE_VERSION_SCHEDULED;
    af_request_integer(header, "trace", &version);
    options->schedule = schedule;
    int result = af_schedule_read(schedule, words->items, words->item_count, why);
    schedule->recalls_at_once = version == AF_TRACE_VERSION_AT_ONCE;
    return result;
}

/* Of a run with an upgrade the last file is that one, wherever it is now. */
static int finish_options(struct af_run_options *run, char **files, size_t count,
                          struct af_failure *why)
{
    if (run->sim.upgrade != NULL && count > 1) {
        free(run->sim.upgrade);
        run->sim.upgrade = af_mem_string(files[--count]);
    }
    return af_run_options_finish(run, files, (int)count, why);
}

int af_replay(const struct af_trace_memory *trace, const struct af_replay_options *options,
              struct af_failure *why)
{
    struct af_request header;
    struct af_run_options run;
    size_t at = 0, len = 0;
    int64_t seed = 1;
    int status = -1;
    const char *line = af_trace_memory_next(trace, &at, &len);
    if (!af_request_read(&header, line, len)) {
        af_request_release(&header);
        return af_failure_set(why, AF_FAILURE_USAGE, options->trace_path, "its header is no JSON");
    }
    const struct af_request_field *names = af_request_list(&header, "file");
    const struct af_request_field *words = af_request_list(&header, "options");
    const struct af_request_field *hashes = af_request_list(&header, "hash");
    struct af_schedule schedule = AF_SCHEDULE_EMPTY;
    char **files = af_mem_zero(names->item_count + 1, sizeof(char *));
    char **argv = af_mem_zero(words->item_count + 1, sizeof(char *));
    for (size_t i = 0; i < words->item_count; i++)
        argv[i] = words->items[i];
    af_run_options_init(&run);
    af_request_integer(&header, "seed", &seed);
    if (af_request_string(&header, "journal") != NULL)
        af_failure_set(why, AF_FAILURE_USAGE, options->trace_path,
                       "is the journal of one party, without contents; what is kept of it can be "
                       "played again where its node does not run: afrun replay STATE/node.db");
    else if (names->item_count == 0 || hashes->item_count != names->item_count)
        af_failure_set(why, AF_FAILURE_USAGE, options->trace_path, "its header names no files");
    else if (find_files(names, options, files, why) == 0 &&
             read_schedule(&header, &schedule, &run.sim, why) == 0 &&
             af_opts_parse(af_run_opts, (int)words->item_count, argv, &run, NULL, why) >= 0 &&
             finish_options(&run, files, names->item_count, why) == 0) {
        note_changed_files(&header, files);
        run.sim.seed = (uint64_t)seed;
        run.sim.quiet = true;
        struct af_jailed_spec jail;
        af_run_options_jail(&run, &jail);
        if (af_jailed(&jail, why) == 0)
            status = run_again(&run, trace, options, why);
    }
    for (size_t i = 0; i < names->item_count; i++)
        free(files[i]);
    free(files);
    free(argv);
    af_schedule_release(&schedule);
    af_run_options_release(&run);
    af_request_release(&header);
    return status;
}
