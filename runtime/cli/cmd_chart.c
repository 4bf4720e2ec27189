/* cmd_chart.c: `afrun chart TRACE`: draw a run. */
#include "cli/command.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/log.h"
#include "script/tool.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>

struct chart_options {
    struct af_tool_chart chart;
    bool all;
    bool help;
};

#define CHART(target) (&((struct chart_options *)(target))->chart)

static int set_mermaid(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    CHART(target)->format = "mermaid";
    return 0;
}

static int set_svg(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    CHART(target)->format = "svg";
    return 0;
}

static int set_html(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    CHART(target)->format = "html";
    return 0;
}

static int set_rows(size_t *rows, const char *value, struct af_failure *why)
{
    int64_t count;
    if (af_opts_integer(value, 1, 100000000, &count, why) != 0)
        return -1;
    *rows = (size_t)count;
    return 0;
}

static int set_tail(void *target, const char *value, struct af_failure *why)
{
    return set_rows(&CHART(target)->tail, value, why);
}

static int set_max_rows(void *target, const char *value, struct af_failure *why)
{
    return set_rows(&CHART(target)->max_rows, value, why);
}

static int set_all(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    ((struct chart_options *)target)->all = true;
    return 0;
}

static int set_width(void *target, const char *value, struct af_failure *why)
{
    int64_t width;
    if (af_opts_integer(value, 40, 1000, &width, why) != 0)
        return -1;
    CHART(target)->width = (int)width;
    return 0;
}

static int set_party(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    CHART(target)->party = value;
    return 0;
}

static int set_type(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    CHART(target)->type = value;
    return 0;
}

static int set_ascii(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    CHART(target)->ascii = true;
    return 0;
}

static int set_color(void *target, const char *value, struct af_failure *why)
{
    int mode = 0;
    (void)target;
    if (af_opts_choice(value, "auto|always|never", &mode, why) != 0)
        return -1;
    af_log_set_color((enum af_color_mode)mode);
    return 0;
}

static int set_help(void *target, const char *value, struct af_failure *why)
{
    (void)value, (void)why;
    ((struct chart_options *)target)->help = true;
    return 0;
}

static const struct af_opt opts[] = {
    {"mermaid", 0, NULL, "as a Mermaid sequence diagram", "Form", set_mermaid},
    {"svg", 0, NULL, "as an SVG picture", "Form", set_svg},
    {"html", 0, NULL, "as a page to explore: zoom, contents, filters; it needs nothing else",
     "Form", set_html},
    {"width", 0, "N", "columns of a text (default: the terminal's)", "Form", set_width},
    {"ascii", 0, NULL, "draw a text with ASCII characters only", "Form", set_ascii},
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", "Form", set_color},
    {"tail", 0, "N", "only the last N rows", "Part", set_tail},
    {"max-rows", 0, "N",
     "elide the middle of longer runs (default 200 for a text, 5000 for pictures)", "Part",
     set_max_rows},
    {"all", 0, NULL, "elide nothing", "Part", set_all},
    {"party", 0, "ID,…", "only these parties", "Part", set_party},
    {"type", 0, "TYPE,…", "only events of these types", "Part", set_type},
    {"help", 'h', NULL, "show this", "Part", set_help},
    {0},
};

static const struct af_opts_command row = {
    "chart", "TRACE.jsonl [options]", "draw a trace as a sequence chart",
    "Draws what `afrun run --mock --trace TRACE.jsonl` wrote: who sent what to whom, "
    "states, faults, "
    "findings. `-` reads standard input.",
    opts};

static int draw(struct chart_options *options, const char *path, struct af_failure *why)
{
    struct af_trace_memory trace;
    bool text = options->chart.format[0] == 't';
    if (options->chart.width == 0)
        options->chart.width = af_opts_columns(stdout);
    if (options->chart.max_rows == 0 && !options->all)
        options->chart.max_rows = text ? 200 : 5000;
    options->chart.color = text && af_log_color(1);
    af_trace_memory_init(&trace);
    char *drawing = NULL;
    if (af_trace_memory_read(&trace, path, why) == 0)
        drawing = af_tool_chart(&trace, &options->chart, why);
    af_trace_memory_release(&trace);
    if (drawing == NULL)
        return -1;
    fputs(drawing, stdout);
    free(drawing);
    if (fflush(stdout) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "standard output", "cannot be written");
    return 0;
}

static int run(int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct chart_options options = {.chart = {.format = "text"}};
    int files = af_opts_parse(opts, argc, argv, &options, &why);
    if (files >= 0 && options.help) {
        af_opts_help(stdout, &row, af_opts_columns(stdout));
        return 0;
    }
    if (files >= 0 && files != 1)
        af_failure_set(&why, AF_FAILURE_USAGE, "chart", "name one trace: afrun chart TRACE.jsonl");
    if (files == 1 && draw(&options, argv[0], &why) == 0)
        return 0;
    af_failure_print(&why);
    return af_failure_exit_status(&why);
}

const struct af_command af_cmd_chart = {&row, run};
