/* cmd_chart.c: `afrun chart TRACE`: draw a run. */
#include "cli/command.h"

#include "base/bounds.h"
#include "cli/answer.h"
#include "cli/jailed.h"
#include "base/failure.h"
#include "base/log.h"
#include "script/tool.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>

enum form { TEXT, MERMAID, SVG, HTML, JSON };

struct chart_options {
    struct af_tool_chart chart;
    enum form form;
    bool all;
    bool help;
};

enum { ROWS_MAX = 100000000 };

#define OF struct chart_options

static const struct af_opt opts[] = {
    {"mermaid", 0, NULL, "as a Mermaid sequence diagram", "Form",
     AF_OPT_CONSTANT(OF, form, MERMAID), .excludes = "svg html json width ascii color"},
    {"svg", 0, NULL, "as an SVG picture", "Form", AF_OPT_CONSTANT(OF, form, SVG),
     .excludes = "html json width ascii color"},
    {"html", 0, NULL, "as a page to explore: zoom, contents, filters; it needs nothing else",
     "Form", AF_OPT_CONSTANT(OF, form, HTML), .excludes = "json width ascii color"},
    {"json", 0, NULL, "as one JSON object: parties, rows, findings", "Form",
     AF_OPT_CONSTANT(OF, form, JSON), .excludes = "width ascii color"},
    {"width", 0, "N", "columns of a text (default: the terminal's, else 80)", "Form",
     AF_OPT_COUNT(OF, chart.width, AF_CHART_COLUMNS_MIN, AF_CHART_COLUMNS_MAX)},
    {"ascii", 0, NULL, "draw a text with ASCII characters only", "Form",
     AF_OPT_FLAG(OF, chart.ascii)},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Form", AF_OPT_COLOR},
    {"tail", 0, "N", "only the last N rows", "Part", AF_OPT_COUNT(OF, chart.tail, 1, ROWS_MAX)},
    {"max-rows", 0, "N",
     "elide the middle of longer runs (default 200 for a text, 5000 for pictures; of JSON none)",
     "Part", AF_OPT_COUNT(OF, chart.max_rows, 1, ROWS_MAX)},
    {"all", 0, NULL, "elide nothing", "Part", AF_OPT_FLAG(OF, all), .excludes = "max-rows"},
    {"party", 0, "ID,…", "only these parties", "Part", AF_OPT_TEXT(OF, chart.party)},
    {"type", 0, "TYPE,…", "only events of these types", "Part", AF_OPT_TEXT(OF, chart.type)},
    AF_JAILED_OPTS("Output"),
    {"log", 0, "text|json", "messages as text (default) or lines of JSON", "Output", AF_OPT_LOG},
    {"help", 'h', NULL, "show this", "Output", AF_OPT_FLAG(OF, help)},
    {0},
};

static const struct af_opts_command row = {
    "chart", "TRACE.jsonl [options]", "draw a trace as a sequence chart",
    "Draws what `afrun run --mock --trace TRACE.jsonl` wrote: who sent what to whom, "
    "states, faults, "
    "findings. `-` reads standard input.",
    opts};

/* The drawing is the members of an object. */
static void print_json(const char *members)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "chart");
    af_buf_printf(&out, ",%s", members);
    af_answer_print(&out);
}

static int draw(struct chart_options *options, const char *path, struct af_failure *why)
{
    struct af_trace_memory trace;
    const struct af_jailed_spec jail = {.flow_count = 0};
    static const char *const forms[] = {"text", "mermaid", "svg", "html", "json"};
    bool text = options->form == TEXT;
    options->chart.format = forms[options->form];
    if (options->chart.width == 0)
        options->chart.width = af_opts_chart_columns(stdout);
    if (options->chart.max_rows == 0 && !options->all)
        options->chart.max_rows = text ? 200 : options->form == JSON ? 0 : 5000;
    options->chart.color = text && af_log_color(1);
    af_trace_memory_init(&trace);
    char *drawing = NULL;
    if (af_trace_memory_read(&trace, path, why) == 0 && af_jailed(&jail, why) == 0)
        drawing = af_tool_chart(&trace, &options->chart, why);
    af_trace_memory_release(&trace);
    if (drawing == NULL)
        return -1;
    if (options->form == JSON)
        print_json(drawing);
    else
        fputs(drawing, stdout);
    free(drawing);
    return 0;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct chart_options options = {.form = TEXT};
    int files = af_opts_parse(opts, argc, argv, &options, NULL, why);
    if (files >= 0 && options.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        return 0;
    }
    if (files < 0)
        return -1;
    if (files != 1)
        return af_failure_set(why, AF_FAILURE_USAGE, "chart",
                              "name one trace: afrun chart TRACE.jsonl");
    return draw(&options, argv[0], why);
}

const struct af_command af_cmd_chart = {&row, run};
