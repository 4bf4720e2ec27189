/* tool.h: the work that shapes text, done by library scripts (scripts/tool/), as plain C functions.
 * bindings/ implements it. */
#ifndef AF_TOOL_H
#define AF_TOOL_H

#include <stdbool.h>
#include <stddef.h>

struct af_failure;
struct af_trace_memory;

struct af_tool_chart {
    const char *format; /* "text", "mermaid", "svg", "html", "json" */
    int width;          /* columns of a text */
    bool color;
    size_t tail;              /* only the last rows; 0: all */
    size_t max_rows;          /* rows at most, the rest elided in the middle; 0: no bound */
    const char *party, *type; /* filters: names divided by commas; NULL: all */
    bool ascii;
    bool data; /* "json", "html": with contents, and what each party holds after each row */
    bool told; /* what is wrong stands above the drawing already */
    const char *(*page)(const char *name, size_t *len); /* "html": a file of scripts/page/ */
};

/* Loads, ahead of time, what af_tool_chart() needs to draw once. */
void af_tool_chart_ready(void);

/* Draws a trace. Returns the drawing, which the caller frees; NULL with *why filled. */
char *af_tool_chart(const struct af_trace_memory *trace, const struct af_tool_chart *chart,
                    struct af_failure *why);

/* Has scripts/tool/NAME do its work: its function `work` is given what the request, JSON, says.
 * Returns what it gives as JSON, which the caller frees; NULL with *why filled if it raises. */
char *af_tool_work(const char *name, const char *request, size_t len, struct af_failure *why);

/* "Lua 5.4.4" */
const char *af_tool_lua_version(void);

#endif
