/* cmd_lint.c: `afrun lint`: what is probably wrong in a flow: scripts/tool/lint looks. */
#include "cli/command.h"

#include "base/failure.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/answer.h"
#include "cli/jailed.h"
#include "cli/look.h"
#include "cli/paths.h"
#include "json/json.h"
#include "script/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lint_options {
    bool json, quiet;
};

static const struct af_opt opts[] = {
    {"json", 0, NULL, "tell the findings as one JSON object", "Options",
     AF_OPT_FLAG(struct lint_options, json)},
    {"quiet", 'q', NULL, "no progress", "Options", AF_OPT_FLAG(struct lint_options, quiet)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Options", AF_OPT_COLOR},
    AF_JAILED_OPTS("Options"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Options", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Options", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "lint", "FLOW.lua… [options]", "what is probably wrong in a flow, and how to mend it",
    "Looks for states that nothing enters (unentered), events that are never sent (unsent) or "
    "handled (unhandled), data that are read and never written (unwritten), states that ask and "
    "wait without an end (endless-wait), sums of floats in the order of arrival (arrival-order), "
    "secrets that are sent as they are (secret), lists in the data that only grow (growth), and "
    "math.random for a key (random-key).\n\n"
    "The flow is loaded, not run. A comment on a finding's line allows it: `-- lint: allow "
    "growth`. "
    "Exit status: 0 nothing was found; 1 something was; 2 the command line or the flow file is "
    "wrong.",
    opts};

/* ---- The findings: five texts each. ---- */

enum { FILE_NAME, LINE, RULE, WHAT, MEND, FIELDS };

/* A file of the flow, as it is named here. */
static void append_path(struct af_buf *out, const char *flow, const char *name)
{
    const char *slash = strrchr(flow, '/');
    if (slash != NULL)
        af_buf_append(out, flow, (size_t)(slash - flow) + 1);
    af_buf_append_string(out, name);
}

static void tell(char **fields, const char *path, struct af_buf *json)
{
    struct af_buf file = AF_BUF_EMPTY;
    append_path(&file, path, fields[FILE_NAME]);
    if (json == NULL) {
        printf("%s:%s: %s: %s\n  mend: %s\n", af_buf_text(&file), fields[LINE], fields[RULE],
               fields[WHAT], fields[MEND]);
    } else {
        af_json_open(json, '{');
        af_json_add_text(json, "file", af_buf_text(&file));
        af_json_add_integer(json, "line", atoi(fields[LINE]));
        af_json_add_text(json, "rule", fields[RULE]);
        af_json_add_text(json, "what", fields[WHAT]);
        af_json_add_text(json, "mend", fields[MEND]);
        af_buf_append_char(json, '}');
    }
    af_buf_release(&file);
}

/* Returns how many were found in a flow; -1 with *why filled. */
static int lint_flow(const char *path, struct af_buf *json, struct af_failure *why)
{
    struct af_request answer = {0};
    char *flow = NULL, *text = af_look("lint", path, NULL, &flow, why);
    int found = -1;
    if (text != NULL && af_request_read(&answer, text, strlen(text))) {
        const struct af_request_field *list = af_request_list(&answer, "findings");
        size_t count = list == NULL ? 0 : list->item_count;
        found = (int)(count / FIELDS);
        for (size_t i = 0; i + FIELDS <= count; i += FIELDS)
            tell(list->items + i, flow, json);
    }
    af_request_release(&answer);
    free(text);
    free(flow);
    return found;
}

/* Leaves tests out, so that *.lua may be said; returns how many flows remain. */
static int leave_out_tests(int count, char **paths)
{
    static const char end[] = "_test.lua";
    int flows = 0;
    for (int i = 0; i < count; i++) {
        size_t len = strlen(paths[i]);
        if (len < sizeof end || strcmp(paths[i] + len - (sizeof end - 1), end) != 0)
            paths[flows++] = paths[i];
    }
    return flows;
}

static int lint(int count, char **paths, const struct lint_options *options, struct af_failure *why)
{
    struct af_buf json = AF_BUF_EMPTY, text = AF_BUF_EMPTY;
    struct af_progress progress;
    int found = 0, one = 0;
    af_progress_init(&progress, options->quiet);
    af_answer_begin(&json, "lint");
    af_json_add_integer(&json, "flows", count);
    af_json_begin(&json, "findings", '[');
    for (int i = 0; i < count && one >= 0; i++) {
        if (af_progress_due(&progress))
            af_progress_show(&progress, "%s: %d of %d", paths[i], i + 1, count);
        af_paths_beside(paths[i]);
        one = lint_flow(paths[i], options->json ? &json : NULL, why);
        found += one;
    }
    af_progress_end(&progress);
    af_buf_append_char(&json, ']');
    af_buf_printf(&text, "%d finding%s in %d flow%s", found, found == 1 ? "" : "s", count,
                  count == 1 ? "" : "s");
    int status = one < 0 ? -1 : found > 0;
    if (status >= 0 && options->json) {
        af_answer_add_status(&json, status, af_buf_text(&text));
        af_answer_print(&json);
    } else if (status >= 0) {
        puts(af_buf_text(&text));
    }
    af_buf_release(&json);
    af_buf_release(&text);
    return status;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct lint_options options = {0};
    int count = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (count < 0)
        return count;
    if (count == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "lint", "name a flow: afrun lint FLOW.lua");
    count = leave_out_tests(count, argv);
    if (count == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "lint",
                              "these are tests; name a flow: afrun lint FLOW.lua");
    const struct af_jailed_spec jail = {.flows = (const char *const *)argv,
                                        .flow_count = (size_t)count};
    return af_jailed(&jail, why) != 0 ? -1 : lint(count, argv, &options, why);
}

const struct af_command af_cmd_lint = {&row, run};
