/* look.c: see look.h. */
#include "cli/look.h"

#include "base/failure.h"
#include "cli/answer.h"
#include "code/bundle.h"
#include "json/json.h"
#include "script/script.h"
#include "script/tool.h"

#include <stdlib.h>
#include <string.h>

struct files {
    const char *flow; /* its own path */
    struct af_code code;
};

static int read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct files *files = arg;
    return af_bundle_give(&files->code, files->flow, path, out, why);
}

static void add_line(struct af_buf *out, struct af_flow_line line)
{
    af_json_add_integer(out, "line", line.number);
    if (line.file != NULL)
        af_json_add_text(out, "file", line.file);
}

static void add_state(struct af_buf *out, const struct af_flow *flow,
                      const struct af_flow_state *state)
{
    static const char *const words[] = {[AF_EVENT_HANDLED] = "handled",
                                        [AF_EVENT_DEFERRED] = "deferred",
                                        [AF_EVENT_IGNORED] = "ignored"};
    af_json_open(out, '{');
    af_json_add_text(out, "name", state->name);
    add_line(out, state->line);
    af_json_add_bool(out, "may_end", state->may_end);
    af_json_add_bool(out, "after", state->has_after);
    af_json_add_bool(out, "timeouts", state->timeout_count > 0);
    af_json_begin(out, "events", '{');
    for (size_t i = 0; i < flow->event_count; i++)
        if (state->events[i] != AF_EVENT_UNEXPECTED && !flow->events[i].predefined)
            af_json_add_text(out, flow->events[i].type, words[state->events[i]]);
    af_buf_append_string(out, "}}");
}

static void add_flow(struct af_buf *out, const struct af_flow *flow)
{
    af_json_open(out, '{');
    af_json_add_text(out, "name", flow->name);
    af_json_begin(out, "events", '[');
    for (size_t i = 0; i < flow->event_count; i++) {
        if (flow->events[i].predefined)
            continue;
        af_json_open(out, '{');
        af_json_add_text(out, "type", flow->events[i].type);
        af_json_add_text(out, "fields", flow->events[i].fields);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
    af_json_begin(out, "roles", '[');
    for (size_t i = 0; i < flow->role_count; i++) {
        const struct af_flow_role *role = &flow->roles[i];
        af_json_open(out, '{');
        af_json_add_text(out, "name", role->name);
        af_json_add_bool(out, "sequential", role->sequential);
        af_json_begin(out, "states", '[');
        for (size_t j = 0; j < role->state_count; j++)
            add_state(out, flow, &role->states[j]);
        af_buf_append_string(out, "]}");
    }
    af_buf_append_string(out, "]}");
}

/* Of a bundle its programs and manifest are left out. */
static bool is_looked_at(const struct af_code *code, size_t i)
{
    const char *dot = strrchr(code->files[i].path, '.');
    return i == 0 || (dot != NULL && strcmp(dot, ".lua") == 0);
}

static void add_files(struct af_buf *out, const struct af_code *code)
{
    af_json_begin(out, "files", '[');
    for (size_t i = 0; i < code->count; i++) {
        if (!is_looked_at(code, i))
            continue;
        af_json_open(out, '{');
        af_json_add_text(out, "name", code->files[i].path);
        af_json_name(out, "text");
        if (!af_json_write_string(out, code->files[i].bytes, code->files[i].len))
            af_buf_append_string(out, "\"\"");
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}

/* Appends what a flow is said to be, and the texts of its files. */
static int add_request(struct af_buf *out, struct af_script *script, const struct files *files,
                       const char *format, struct af_failure *why)
{
    char *outline = af_script_outline(script, why);
    if (outline == NULL)
        return -1;
    af_json_open(out, '{');
    if (format != NULL)
        af_json_add_text(out, "format", format);
    af_json_name(out, "outline");
    af_buf_append_string(out, outline);
    af_json_name(out, "flow");
    add_flow(out, af_script_flow(script));
    add_files(out, &files->code);
    af_buf_append_char(out, '}');
    free(outline);
    return 0;
}

char *af_look(const char *tool, const char *path, const char *format, char **flow,
              struct af_failure *why)
{
    struct files files = {.flow = NULL};
    const struct af_script_source source = {read_file, &files};
    struct af_buf request = AF_BUF_EMPTY;
    char *answer = NULL;
    files.flow = *flow = af_bundle_open(path, &files.code, why);
    struct af_script *script = *flow == NULL ? NULL : af_script_load_from(*flow, &source, why);
    if (script != NULL && af_script_flow(script) == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, path, "is a sequential script; %s is for flows",
                       format == NULL ? tool : "--states");
    else if (script != NULL && add_request(&request, script, &files, format, why) == 0)
        answer = af_tool_work(tool, request.data, request.len, why);
    af_script_free(script);
    af_code_release(&files.code);
    af_buf_release(&request);
    return answer;
}
