/* cmd_chart.c: `afrun chart TRACE`: draw a run; `--states FLOW`: the states of its roles. */
#include "cli/command.h"

#include "base/bounds.h"
#include "cli/answer.h"
#include "cli/jailed.h"
#include "cli/look.h"
#include "cli/paths.h"
#include "cli/ready.h"
#include "base/failure.h"
#include "base/log.h"
#include "http/pages.h"
#include "script/request.h"
#include "script/tool.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form { TEXT, MERMAID, SVG, DOT, HTML, JSON };
static const char *const forms[] = {"text", "mermaid", "svg", "dot", "html", "json"};
static const size_t rows_of[] = {[TEXT] = 200, [MERMAID] = 5000, [SVG] = 5000, [JSON] = 0};

struct chart_options {
    struct af_tool_chart chart;
    enum form form;
    bool states;
    bool all;
};

enum { ROWS_MAX = 100000000 };

#define OF struct chart_options

static const struct af_opt opts[] = {
    {"states", 0, NULL, "draw the states of each role of a flow, not a run", "Form",
     AF_OPT_FLAG(OF, states),
     .excludes = "html width ascii color data tail max-rows all party type"},
    {"mermaid", 0, NULL, "as a Mermaid diagram", "Form", AF_OPT_CONSTANT(OF, form, MERMAID),
     .excludes = "svg dot html json width ascii color"},
    {"svg", 0, NULL, "as an SVG picture", "Form", AF_OPT_CONSTANT(OF, form, SVG),
     .excludes = "dot html json width ascii color"},
    {"dot", 0, NULL, "states as a graph for graphviz", "Form", AF_OPT_CONSTANT(OF, form, DOT),
     .excludes = "html json width ascii color"},
    {"html", 0, NULL,
     "as a page to explore: contents, data, search, filters; it needs nothing else", "Form",
     AF_OPT_CONSTANT(OF, form, HTML), .excludes = "json width ascii color"},
    {"json", 0, NULL, "as one JSON object: parties, rows, findings", "Form",
     AF_OPT_CONSTANT(OF, form, JSON), .excludes = "width ascii color"},
    {"data", 0, NULL,
     "JSON with what each party holds after each row (of a trace with --trace-data)", "Form",
     AF_OPT_FLAG(OF, chart.data)},
    {"width", 0, "N", "columns of a text (default: the terminal's, else 80)", "Form",
     AF_OPT_COUNT(OF, chart.width, AF_CHART_COLUMNS_MIN, AF_CHART_COLUMNS_MAX)},
    {"ascii", 0, NULL, "draw a text with ASCII characters only", "Form",
     AF_OPT_FLAG(OF, chart.ascii)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Form", AF_OPT_COLOR},
    {"tail", 0, "N", "only the last N rows", "Part", AF_OPT_COUNT(OF, chart.tail, 1, ROWS_MAX)},
    {"max-rows", 0, "N",
     "elide the middle of longer runs (default 200 for a text, 5000 for pictures; of pages and "
     "JSON "
     "none)",
     "Part", AF_OPT_COUNT(OF, chart.max_rows, 1, ROWS_MAX)},
    {"all", 0, NULL, "elide nothing", "Part", AF_OPT_FLAG(OF, all), .excludes = "max-rows"},
    {"party", 0, "ID,…", "only these parties", "Part", AF_OPT_TEXT(OF, chart.party)},
    {"type", 0, "TYPE,…", "only events of these types", "Part", AF_OPT_TEXT(OF, chart.type)},
    AF_JAILED_OPTS("Output"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Output", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Output", AF_OPT_HELP},
    {0},
};

static const struct af_opts_command row = {
    "chart", "TRACE.jsonl [options] | --states FLOW.lua", "draw a trace as a sequence chart",
    "Draws what `afrun run --mock --trace TRACE.jsonl` wrote: who sent what to whom, "
    "states, faults, "
    "findings. `-` reads standard input.\n\n"
    "With `--states` it draws a flow's roles: what each state does on which event and timer, what "
    "it defers and ignores, where that leads, and where parties end. The flow is read, not run. An "
    "edge is known where the flow names a state, or the handler returns its name, af.done or "
    "af.fail, as written in it or in a function of the same file that it returns; one that is "
    "computed, kept in a variable, or comes from another file is missing. Handlers of two events "
    "on one line share their edges. A part is one box.",
    opts};

/* For programs a drawing is the members of an object. */
static void print_drawing(enum form form, const char *kind, const char *drawing)
{
    struct af_buf out = AF_BUF_EMPTY;
    if (form != JSON) {
        fputs(drawing, stdout);
        return;
    }
    af_answer_begin(&out, kind);
    af_buf_printf(&out, ",%s", drawing);
    af_answer_print(&out);
}

static int draw(struct chart_options *options, const char *path, struct af_failure *why)
{
    struct af_trace_memory trace;
    const struct af_jailed_spec jail = {.flow_count = 0};
    bool text = options->form == TEXT;
    options->chart.format = forms[options->form];
    if (options->chart.width == 0)
        options->chart.width = af_opts_chart_columns(stdout);
    if (options->chart.max_rows == 0 && !options->all)
        options->chart.max_rows = rows_of[options->form];
    if (options->form == HTML) {
        options->chart.data = true;
        options->chart.page = af_pages_find;
    }
    options->chart.color = text && af_log_color(1);
    af_trace_memory_init(&trace);
    char *drawing = NULL;
    bool waits = strcmp(path, "-") == 0; /* for its input: what can be done before is */
    int result = waits ? af_jailed(&jail, why) : 0;
    if (waits && result == 0) {
        af_tool_chart_ready();
        af_ready_warm();
    }
    if (result == 0 && af_trace_memory_read(&trace, path, why) == 0 &&
        (waits || af_jailed(&jail, why) == 0))
        drawing = af_tool_chart(&trace, &options->chart, why);
    af_trace_memory_release(&trace);
    if (drawing == NULL)
        return -1;
    print_drawing(options->form, "chart", drawing);
    free(drawing);
    return 0;
}

static int draw_states(const struct chart_options *options, char *path, struct af_failure *why)
{
    const char *const flows[] = {path};
    const struct af_jailed_spec jail = {.flows = flows, .flow_count = 1};
    struct af_request answer = {0};
    char *flow = NULL, *text = NULL;
    if (af_jailed(&jail, why) != 0)
        return -1;
    af_paths_beside(path);
    text = af_look("states", path, forms[options->form], &flow, why);
    if (text != NULL && af_request_read(&answer, text, strlen(text)))
        print_drawing(options->form, "states", af_request_string(&answer, "text"));
    af_request_release(&answer);
    free(flow);
    free(text);
    return text == NULL ? -1 : 0;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct chart_options options = {.form = TEXT};
    int files = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (files < 0)
        return files;
    if (files != 1)
        return af_failure_set(why, AF_FAILURE_USAGE, "chart",
                              options.states ? "name one flow: afrun chart --states FLOW.lua"
                                             : "name one trace: afrun chart TRACE.jsonl");
    if (options.chart.data && options.form != JSON)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "--data: is for --json");
    if (options.form == DOT && !options.states)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "--dot: is for --states");
    return options.states ? draw_states(&options, argv[0], why) : draw(&options, argv[0], why);
}

const struct af_command af_cmd_chart = {&row, run};
