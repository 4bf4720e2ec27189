/* tell_check.c: see tell_check.h. */
#include "cli/tell_check.h"
#include "cli/tell_rerun.h"
#include "cli/tell_steps.h"

#include "cli/paths.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/opts.h"
#include "json/json.h"
#include "script/tool.h"
#include "trace/trace.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "1,204" */
static const char *grouped(uint64_t number, char text[32])
{
    char digits[32];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number),
           at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

/* Draws it and tells what it needs; or, steps not NULL, tells that. */
static int draw(const struct af_tell_check *tell, const struct af_check_violation *violation,
                bool traced, struct af_tell_steps *steps, struct af_failure *why)
{
    struct af_trace_memory memory;
    struct af_buf ends = AF_BUF_EMPTY;
    struct af_tell_rerun rerun = {.memory = &memory, .steps = steps, .ends = &ends};
    af_trace_memory_init(&memory);
    if (traced && tell->trace_path != NULL) {
        rerun.file = af_trace_file_create(tell->trace_path, why);
        if (rerun.file == NULL) {
            af_trace_memory_release(&memory);
            return -1;
        }
    }
    int status = af_tell_rerun(tell->check, violation->run, &rerun, why);
    if (rerun.file != NULL &&
        af_trace_file_finish(rerun.file, status >= 0, status >= 0 ? why : NULL) != 0)
        status = -1;
    if (status >= 0 && !tell->json) {
        struct af_tool_chart chart = {.format = "text",
                                      .width = af_opts_chart_columns(stdout),
                                      .color = af_log_color(1),
                                      .max_rows = 60,
                                      .told = true};
        char *picture = af_tool_chart(&memory, &chart, why);
        if (picture != NULL)
            fputs(picture, stdout);
        free(picture);
        struct af_tell_needs needs = {0};
        af_tell_needs(tell->check, violation, &needs);
        af_tell_why(&needs, &ends);
        af_tell_needs_release(&needs);
    }
    if (status == 1 && violation->kind != AF_CHECK_DOOMED)
        af_log(AF_LOG_WARNING, "the simulator, step by step on the same run, finds nothing wrong: "
                               "this is a mistake of ours, please tell us");
    af_trace_memory_release(&memory);
    af_buf_release(&ends);
    return status < 0 ? -1 : 0;
}

/* ---- Words. ---- */

static const char *const introductions[] = {
    [AF_CHECK_INVARIANT] = "an invariant is broken",
    [AF_CHECK_ERROR] = "a handler raises",
    [AF_CHECK_FAILED] = "a party fails (--allow-fail: that is an outcome)",
    [AF_CHECK_UNEXPECTED] = "an event is not expected",
    [AF_CHECK_REFUSED] = "an upgrade is refused",
    [AF_CHECK_STUCK] = "stuck: nothing is in flight, no timer is armed, and the run has not ended",
    [AF_CHECK_MONITOR] = "a monitor is broken",
    [AF_CHECK_EVENTUALLY] = "what must hold at some time need not",
    [AF_CHECK_LEADS_TO] = "what must follow need not",
    [AF_CHECK_DOOMED] = "no way is left to the end: whatever comes, the run cannot end any more",
};

static void print_path(const char *where)
{
    af_paths_write(stdout, where, strlen(where));
    fputs(": ", stdout);
}

static void print_violation(const struct af_check_violation *violation, size_t number)
{
    printf("%zu. %s\n   ", number, introductions[violation->kind]);
    if (violation->role != NULL && violation->kind < AF_CHECK_STUCK)
        printf("%s: ", violation->role);
    if (violation->where != NULL)
        print_path(violation->where);
    af_paths_write(stdout, violation->text, strlen(violation->text));
    size_t steps = violation->run->loop > 0 ? violation->run->loop - 1 : violation->length;
    printf("\n   %s: %zu step%s",
           violation->lasso      ? "a run into it"
           : violation->shortest ? "shortest run"
                                 : "a run into it, perhaps not the shortest",
           steps, steps == 1 ? "" : "s");
    if (violation->run->loop > 0)
        printf(", then a loop of %zu, in %llu state%s that no fair step leaves",
               violation->length - steps, (unsigned long long)violation->trap,
               violation->trap == 1 ? "" : "s");
    putchar('\n');
}

static void print_ends(const struct af_check_result *result)
{
    char number[32];
    if (result->end_count == 0)
        puts(result->exhaustive ? "no run ends" : "no run has ended so far");
    else
        puts(result->exhaustive ? "runs end so:" : "runs that were followed to their end, so far:");
    for (size_t i = 0; i < result->end_count && i < 20; i++)
        printf("  %12s state%s  %s\n", grouped(result->ends[i].states, number),
               result->ends[i].states == 1 ? " " : "s", result->ends[i].text);
    if (result->end_count > 20)
        printf("  and in %zu other ways\n", result->end_count - 20);
}

static void print_unreached(const struct af_check_result *result)
{
    char place[AF_FLOW_PLACE_BYTES];
    if (result->unreached_count > 0)
        puts(result->exhaustive ? "never reached, within these bounds:" : "not reached so far:");
    for (size_t i = 0; i < result->unreached_count; i++) {
        af_flow_place(result->file, result->unreached[i].line, place, sizeof place);
        fputs("  ", stdout);
        af_paths_write(stdout, place, strlen(place));
        printf("  %s\n", result->unreached[i].what);
    }
}

static void print_work(const struct af_tell_check *tell, const struct af_check_result *result)
{
    char calls[32], locals[32], views[32], inert[32];
    double seconds = tell->elapsed_ms / 1e3;
    printf("%s distinct calls, each run twice; %s distinct parties", grouped(result->calls, calls),
           grouped(result->locals, locals));
    if (result->views > 0)
        printf("; %s views of the world", grouped(result->views, views));
    if (result->inert > 0)
        printf("; %s contracts that change nothing left out", grouped(result->inert, inert));
    if (result->told_apart != NULL)
        printf("\nparties of a role are told apart: %s", result->told_apart);
    putchar('\n');
    if (result->same)
        printf("parties of one role are not told apart: %s%s\n", result->same_roles,
               result->same_believed ? " (tried with many orders of their names, and believed of "
                                       "all others)"
                                     : "");
    printf("states compared byte by byte: none is missed; %.1f MB",
           (double)result->state_bytes / 1e6);
    if (result->states >= 100000) /* of fewer the tables take most */
        printf(", %.0f bytes a state", (double)result->state_bytes / (double)result->states);
    printf("; %.2f s, %.2f million states/s\n", seconds,
           seconds <= 0 ? 0.0 : (double)result->states / 1e6 / seconds);
}

static void print_time(const struct af_check_result *result)
{
    if (result->asked_time != NULL)
        printf("not exhaustive in time: %s asks for the time, which is always 0 here\n",
               result->asked_time);
}

static void print_away(const struct af_tell_check *tell, const struct af_check_result *result)
{
    if (result->armed == NULL)
        return;
    printf(
        "a party that had missed %u instant%s of timers came back before others passed; then there "
        "were armed: ",
        (unsigned)tell->check->away, tell->check->away == 1 ? "" : "s");
    af_paths_write(stdout, result->armed, strlen(result->armed));
    putchar('\n');
}

static void add_verdict(const struct af_tell_check *tell, const struct af_check_result *result,
                        struct af_buf *out)
{
    const char *bound = result->bound != NULL ? result->bound : tell->bound;
    if (result->exhaustive && result->armed != NULL)
        af_buf_printf(out, "exhaustive within --away %u: ", (unsigned)tell->check->away);
    else if (result->exhaustive)
        af_buf_append_string(out, "exhaustive: ");
    else
        af_buf_printf(out, "not exhaustive (%s): ", bound != NULL ? bound : "interrupted");
    if (result->violation_count == 0)
        af_buf_append_string(out, result->exhaustive ? "no violation" : "no violation so far");
    else
        af_buf_printf(out, "%zu violation%s", result->violation_count,
                      result->violation_count == 1 ? "" : "s");
}

static void print_last(const struct af_tell_check *tell, const struct af_check_result *result)
{
    char states[32], transitions[32];
    struct af_buf verdict = AF_BUF_EMPTY;
    add_verdict(tell, result, &verdict);
    printf("%s: %s state%s, %s transition%s, depth %llu, %s\n", result->name,
           grouped(result->states, states), result->states == 1 ? "" : "s",
           grouped(result->transitions, transitions), result->transitions == 1 ? "" : "s",
           (unsigned long long)result->depth, af_buf_text(&verdict));
    af_buf_release(&verdict);
}

void af_tell_check_header(const char *role, struct af_buf *table)
{
    af_buf_printf(table, "%20s %14s %14s %6s %9s  %s\n", role, "states", "transitions", "depth",
                  "time", "verdict");
}

static void add_row(const struct af_tell_check *tell, const struct af_check_result *result)
{
    char states[32], transitions[32];
    struct af_buf *table = tell->table;
    af_buf_printf(table, "%20s %14s %14s %6llu %7.2f s  ", strchr(tell->size, '=') + 1,
                  grouped(result->states, states), grouped(result->transitions, transitions),
                  (unsigned long long)result->depth, (tell->elapsed_ms - tell->began_ms) / 1e3);
    add_verdict(tell, result, table);
    af_buf_append_char(table, '\n');
}

/* Of which size the violations are that follow. */
static void print_size(struct af_tell_check *tell)
{
    if (tell->table != NULL && !tell->json && tell->size != NULL && !tell->headed)
        printf("%s:\n", tell->size);
    tell->headed = true;
}

void af_tell_found(struct af_tell_check *tell, const struct af_check_violation *violation,
                   struct af_failure *why)
{
    print_size(tell);
    if (!tell->json)
        print_violation(violation, 1);
    if ((!tell->json || tell->trace_path != NULL) && draw(tell, violation, true, NULL, why) != 0)
        tell->untraced = true;
    fflush(stdout);
}

static void add_needs(struct af_buf *out, const struct af_tell_needs *needs)
{
    af_json_open(out, '[');
    for (size_t i = 0; i < needs->count; i++) {
        const struct af_tell_need *need = &needs->items[i];
        af_json_open(out, '{');
        af_json_add_text(out, "text", need->text);
        af_json_name(out, "steps");
        af_buf_printf(out, need->step_count == 1 ? "[%zu]" : "[%zu,%zu]", need->steps[0],
                      need->steps[1]);
        af_json_add_bool(out, "believed", need->believed);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* check: what it needs is looked for, too; or NULL. */
static void end_violation(struct af_tell_steps *steps, const struct af_check_options *check)
{
    struct af_tell_needs needs = {0};
    if (!steps->ended) /* it could not be run again */
        af_buf_append_string(steps->out, "],\"waiting\":[],\"at_end\":[]");
    af_json_name(steps->out, "needs");
    if (check == NULL) {
        af_buf_append_string(steps->out, "null");
    } else {
        af_tell_needs(check, steps->violation, &needs);
        add_needs(steps->out, &needs);
        af_tell_needs_release(&needs);
    }
    af_buf_append_char(steps->out, '}');
}

int af_tell_check(struct af_tell_check *tell, const struct af_check_result *result,
                  struct af_failure *why)
{
    bool drawn = !tell->untraced;
    struct af_buf violations = AF_BUF_EMPTY;
    for (size_t i = 0; i < result->violation_count; i++) {
        bool told = result->violations[i].told;
        bool traced = i == 0 && tell->trace_path != NULL && !told;
        if (told && !tell->json)
            continue;
        print_size(tell);
        if (!tell->json)
            print_violation(&result->violations[i], i + 1);
        struct af_tell_steps steps = {.out = &violations, .violation = &result->violations[i]};
        if (tell->json)
            af_tell_violation_begin(&steps);
        if ((traced || tell->json || i < AF_CHECK_NEEDS_MAX) &&
            draw(tell, &result->violations[i], traced, tell->json ? &steps : NULL, why) != 0)
            drawn = false; /* what was found is told all the same */
        if (tell->json)
            end_violation(&steps, i < AF_CHECK_NEEDS_MAX ? tell->check : NULL);
    }
    int status = !drawn                                       ? af_failure_exit_status(why)
                 : result->violation_count > 0                ? 1
                 : result->interrupted && tell->bound == NULL ? 130
                                                              : 0;
    if (tell->json) {
        af_tell_check_json(tell, result, &violations, status, why);
    } else if (tell->table != NULL) {
        add_row(tell, result);
    } else {
        if (!tell->quiet) {
            print_ends(result);
            print_unreached(result);
            print_work(tell, result);
            print_time(result);
            print_away(tell, result);
        }
        if (result->growing != NULL)
            printf("%s; see \"Checking\" in flows/README.md\n", result->growing);
        print_last(tell, result);
    }
    af_buf_release(&violations);
    return drawn ? status : -1;
}
