/* test_tell.c: what `afrun test` tells: TAP as cases come, JUnit's XML and JSON at the end. */
#include "cli/test_impl.h"

#include "base/failure.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/paths.h"
#include "json/json.h"
#include "script/script.h"
#include "trace/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void af_test_note(struct af_test_run *run, const char *file, const char *name, long line,
                  const char *message)
{
    double now_ms = af_progress_elapsed_ms(&run->progress);
    af_mem_reserve(&run->cases, &run->cap, run->count + 1, sizeof *run->cases);
    struct af_test_case *one = &run->cases[run->count++];
    *one = (struct af_test_case){file, af_mem_string(name),  message == NULL, NULL,
                                 line, now_ms - run->last_ms};
    run->last_ms = now_ms;
    if (message != NULL) {
        struct af_buf words = AF_BUF_EMPTY;
        af_paths_append(&words, message, strlen(message));
        one->message = af_buf_take(&words);
        run->failed++;
    }
    if (run->tap) {
        af_progress_end(&run->progress);
        af_test_tell_case(run, one);
    }
    if (af_progress_due(&run->progress))
        af_progress_show(&run->progress, "%s: %zu cases, %zu failed", file, run->count,
                         run->failed);
}

void af_test_release(struct af_test_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        free(run->cases[i].name);
        free(run->cases[i].message);
    }
    free(run->cases);
    af_grants_release(&run->grants);
    af_test_cover_free(run->cover);
}

/* ---- TAP. ---- */

/* A description: one line, in which '#' begins no directive. */
static void print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '#' || *name == '\\')
            putchar('\\');
        putchar((unsigned char)*name < ' ' ? ' ' : *name);
    }
}

/* Where a failure is: the first place that its message names, or the case's line. */
static void append_place(struct af_buf *out, const struct af_test_case *one)
{
    struct af_buf file = AF_BUF_EMPTY;
    long line = 0;
    if (one->message != NULL && af_paths_find(one->message, &file, &line))
        af_buf_printf(out, "%s:%ld", af_buf_text(&file), line);
    else if (one->line > 0)
        af_buf_printf(out, "%s:%ld", one->file, one->line);
    else
        af_buf_append_string(out, one->file);
    af_buf_release(&file);
}

void af_test_tell_case(const struct af_test_run *run, const struct af_test_case *one)
{
    printf("%s %zu - %s: ", one->ok ? "ok" : "not ok", run->count, one->file);
    print_name(one->name);
    putchar('\n');
    if (!one->ok) {
        struct af_buf text = AF_BUF_EMPTY, place = AF_BUF_EMPTY;
        append_place(&place, one);
        af_json_write_text(&text, one->message);
        af_buf_append_string(&text, "\n  at: ");
        af_json_write_text(&text, af_buf_text(&place));
        printf("  ---\n  message: %s\n  ...\n", af_buf_text(&text));
        af_buf_release(&text);
        af_buf_release(&place);
    }
    fflush(stdout);
}

/* ---- Coverage. ---- */

static void append_what(struct af_buf *out, const struct af_test_thing *thing)
{
    af_buf_append_string(out, thing->role);
    if (thing->state != NULL)
        af_buf_printf(out, ".%s", thing->state);
    if (thing->event != NULL)
        af_buf_printf(out, ": event '%s'", thing->event);
    else if (thing->timer != NULL)
        af_buf_printf(out, ": %s%s%s", thing->state != NULL ? "" : "deadline '", thing->timer,
                      thing->state != NULL ? "" : "'");
}

static bool is_state(const struct af_test_thing *thing)
{
    return thing->event == NULL && thing->timer == NULL;
}

static void count(const struct af_test_thing *things, size_t all, bool states, size_t *total,
                  size_t *reached)
{
    *total = *reached = 0;
    for (size_t i = 0; i < all; i++) {
        *total += is_state(&things[i]) == states;
        *reached += is_state(&things[i]) == states && things[i].reached;
    }
}

static void append_file(struct af_buf *out, const char *path, const struct af_test_thing *thing)
{
    const char *slash = strrchr(path, '/');
    if (thing->file != NULL && slash != NULL)
        af_buf_append(out, path, (size_t)(slash - path) + 1);
    af_buf_append_string(out, thing->file != NULL ? thing->file : path);
}

static void tell_coverage(const struct af_test_run *run)
{
    const struct af_test_thing *things;
    const char *path;
    size_t all, states, entered, handlers, ran;
    for (size_t i = 0; (things = af_test_cover_of(run->cover, i, &path, &all)) != NULL; i++) {
        count(things, all, true, &states, &entered);
        count(things, all, false, &handlers, &ran);
        printf("# %s: %zu of %zu states entered, %zu of %zu handlers run\n", path, entered, states,
               ran, handlers);
        for (size_t j = 0; j < all; j++) {
            struct af_buf text = AF_BUF_EMPTY;
            if (things[j].reached)
                continue;
            append_what(&text, &things[j]);
            af_buf_append_string(&text, " (");
            append_file(&text, path, &things[j]);
            printf("#   never %s: %s:%d)\n", is_state(&things[j]) ? "entered" : "run",
                   af_buf_text(&text), things[j].line);
            af_buf_release(&text);
        }
    }
}

void af_test_tell_end(const struct af_test_run *run)
{
    if (af_script_interrupted())
        puts("Bail out! interrupted");
    else
        printf("1..%zu\n", run->count);
    tell_coverage(run);
    printf("# %zu passed, %zu failed; %.0f ms\n", run->count - run->failed, run->failed,
           af_progress_elapsed_ms(&run->progress));
}

/* ---- JSON. ---- */

static void add_case(struct af_buf *out, const struct af_test_case *one)
{
    struct af_buf place = AF_BUF_EMPTY;
    af_json_open(out, '{');
    af_json_add_text(out, "file", one->file);
    af_json_add_text(out, "name", one->name);
    af_json_add_bool(out, "ok", one->ok);
    append_place(&place, one);
    af_json_add_text(out, "at", af_buf_text(&place));
    af_json_add_text(out, "message", one->message);
    af_answer_add_number(out, "elapsed_ms", one->elapsed_ms, 3);
    af_buf_append_char(out, '}');
    af_buf_release(&place);
}

static void add_count(struct af_buf *out, const char *name, const struct af_test_thing *things,
                      size_t all, bool states)
{
    size_t total, reached;
    count(things, all, states, &total, &reached);
    af_json_begin(out, name, '{');
    af_json_add_integer(out, "total", (int64_t)total);
    af_json_add_integer(out, "reached", (int64_t)reached);
    af_buf_append_char(out, '}');
}

static void add_flow(struct af_buf *out, const char *path, const struct af_test_thing *things,
                     size_t all)
{
    af_json_open(out, '{');
    af_json_add_text(out, "flow", path);
    add_count(out, "states", things, all, true);
    add_count(out, "handlers", things, all, false);
    af_json_begin(out, "unreached", '[');
    for (size_t i = 0; i < all; i++) {
        struct af_buf file = AF_BUF_EMPTY;
        if (things[i].reached)
            continue;
        append_file(&file, path, &things[i]);
        af_json_open(out, '{');
        af_json_add_text(out, "role", things[i].role);
        af_json_add_text(out, "state", things[i].state);
        af_json_add_text(out, "event", things[i].event);
        af_json_add_text(out, "timer", things[i].timer);
        af_json_add_text(out, "file", af_buf_text(&file));
        af_json_add_integer(out, "line", things[i].line);
        af_buf_append_char(out, '}');
        af_buf_release(&file);
    }
    af_buf_append_string(out, "]}");
}

void af_test_tell_json(const struct af_test_run *run, int status)
{
    struct af_buf out = AF_BUF_EMPTY;
    const struct af_test_thing *things;
    const char *path;
    size_t all;
    af_answer_begin(&out, "test");
    af_json_add_integer(&out, "passed", (int64_t)(run->count - run->failed));
    af_json_add_integer(&out, "failed", (int64_t)run->failed);
    af_json_begin(&out, "cases", '[');
    for (size_t i = 0; i < run->count; i++)
        add_case(&out, &run->cases[i]);
    af_buf_append_char(&out, ']');
    if (run->cover == NULL) {
        af_json_add_json(&out, "coverage", NULL);
    } else {
        af_json_begin(&out, "coverage", '[');
        for (size_t i = 0; (things = af_test_cover_of(run->cover, i, &path, &all)) != NULL; i++)
            add_flow(&out, path, things, all);
        af_buf_append_char(&out, ']');
    }
    af_answer_add_number(&out, "elapsed_ms", af_progress_elapsed_ms(&run->progress), 3);
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "%zu of %zu tests failed", run->failed, run->count);
    af_answer_add_status(&out, status, af_buf_text(&text));
    af_answer_print(&out);
    af_buf_release(&text);
}

/* ---- JUnit. ---- */

static void append_xml(struct af_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '>' || c == '&' || c == '"' || (c < ' ' && c != '\n' && c != '\t'))
            af_buf_printf(out, "&#%d;", c < ' ' ? '?' : c);
        else
            af_buf_append_char(out, (char)c);
    }
}

static void append_case(struct af_buf *out, const struct af_test_case *one)
{
    af_buf_append_string(out, "    <testcase classname=\"");
    append_xml(out, one->file);
    af_buf_append_string(out, "\" name=\"");
    append_xml(out, one->name);
    af_buf_printf(out, "\" time=\"%.6f\"", one->elapsed_ms / 1e3);
    if (one->ok) {
        af_buf_append_string(out, "/>\n");
        return;
    }
    struct af_buf place = AF_BUF_EMPTY;
    append_place(&place, one);
    af_buf_append_string(out, ">\n      <failure message=\"");
    append_xml(out, af_buf_text(&place));
    af_buf_append_string(out, "\">");
    append_xml(out, one->message);
    af_buf_append_string(out, "</failure>\n    </testcase>\n");
    af_buf_release(&place);
}

/* A suite is a file; its cases stand together. Returns how many they are. */
static size_t append_suite(struct af_buf *out, const struct af_test_run *run, size_t first)
{
    const char *file = run->cases[first].file;
    size_t end = first, failed = 0;
    double elapsed_ms = 0;
    for (; end < run->count && strcmp(run->cases[end].file, file) == 0; end++) {
        failed += !run->cases[end].ok;
        elapsed_ms += run->cases[end].elapsed_ms;
    }
    af_buf_append_string(out, "  <testsuite name=\"");
    append_xml(out, file);
    af_buf_printf(out, "\" tests=\"%zu\" failures=\"%zu\" time=\"%.6f\">\n", end - first, failed,
                  elapsed_ms / 1e3);
    for (size_t i = first; i < end; i++)
        append_case(out, &run->cases[i]);
    af_buf_append_string(out, "  </testsuite>\n");
    return end - first;
}

int af_test_tell_junit(const struct af_test_run *run, const char *path, struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_printf(&out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<testsuites tests=\"%zu\" failures=\"%zu\">\n",
                  run->count, run->failed);
    for (size_t i = 0; i < run->count;)
        i += append_suite(&out, run, i);
    af_buf_append_string(&out, "</testsuites>");
    struct af_trace_file *file = af_trace_file_create(path, why);
    if (file != NULL)
        af_trace_file_line(file, out.data, out.len);
    af_buf_release(&out);
    return file == NULL ? -1 : af_trace_file_finish(file, true, why);
}
