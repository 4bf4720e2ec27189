/* explore.c: see explore.h. */
#include "cli/explore.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "cli/answer.h"
#include "cli/tell_rerun.h"
#include "json/json.h"
#include "script/request.h"
#include "trace/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- The schedule. ---- */

static int read_file(const char *path, struct af_buf *out, struct af_failure *why)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && af_io_read_all(fd, out, AF_PROCESS_OUTPUT_BYTES_MAX);
    int error = errno;
    if (fd >= 0 && !standard)
        close(fd);
    return is_read
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(error));
}

/* Whether a text is a list of strings, all of it. */
static bool is_list(const char *text, size_t len)
{
    struct af_json_reader reader;
    enum af_json_token token;
    af_json_reader_init(&reader, text, len);
    bool is = af_json_next(&reader) == AF_JSON_ARRAY_BEGIN;
    while (is && (token = af_json_next(&reader)) != AF_JSON_ARRAY_END)
        is = token == AF_JSON_STRING;
    is = is && af_json_next(&reader) == AF_JSON_END;
    af_json_reader_release(&reader);
    return is;
}

int af_explore_read(void *schedule, const char *value, struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY, object = AF_BUF_EMPTY;
    struct af_request request = {0};
    int status = 0;
    if (value[0] == '[')
        af_buf_append_string(&text, value);
    else
        status = read_file(value, &text, why);
    const char *line = af_buf_text(&text);
    if (line[0] == '{') /* a trace: its header */
        af_buf_append(&object, line, strcspn(line, "\n"));
    else
        af_buf_printf(&object, "{\"schedule\":%s}", line);
    if (status == 0) {
        bool is_json = (line[0] == '{' || is_list(text.data, text.len)) &&
                       af_request_read(&request, object.data, object.len);
        const struct af_request_field *words =
            is_json ? af_request_list(&request, "schedule") : NULL;
        status = words != NULL
                     ? af_schedule_read(schedule, words->items, words->item_count, why)
                     : af_failure_set(why, AF_FAILURE_USAGE, "",
                                      "expected a JSON list of steps, a file of one, or a trace "
                                      "that follows one");
    }
    af_request_release(&request);
    af_buf_release(&object);
    af_buf_release(&text);
    return status;
}

/* ---- The answer. ---- */

static void add_choice(void *arg, const struct af_check_choice *choice)
{
    struct af_buf *out = arg;
    struct af_schedule one = {.steps = (struct af_schedule_step *)(uintptr_t)choice->step,
                              .count = 1};
    bool fires = af_schedule_about(choice->step->kind) == AF_SCHEDULE_TIMER;
    const char *after = choice->step->timer == NULL ? "after" : choice->step->timer;
    af_json_open(out, '{');
    af_json_add_text(out, "kind", af_schedule_word(choice->step->kind));
    af_json_add_text(out, "party", choice->step->party);
    af_json_add_text(out, "event", choice->type);
    af_json_add_text(out, "from", choice->from);
    af_json_add_json(out, "content", choice->content);
    af_json_add_text(out, "timer", fires ? after : NULL);
    af_json_name(out, "words");
    af_schedule_write(&one, out);
    af_answer_add_words(out, "wrong", choice->wrong);
    af_json_add_bool(out, "last", choice->last);
    af_buf_append_char(out, '}');
}

/* Writes the run as a trace; marks: see af_tell_rerun. */
static int write_trace(const struct af_check_options *options, const struct af_schedule *run,
                       const char *path, struct af_tell_rerun *rerun, struct af_failure *why)
{
    rerun->file = af_trace_file_create(path, why);
    if (rerun->file == NULL)
        return -1;
    int status = af_tell_rerun(options, run, rerun, why);
    if (af_trace_file_finish(rerun->file, status >= 0, status >= 0 ? why : NULL) != 0)
        status = -1;
    return status < 0 ? -1 : 0;
}

int af_explore(const struct af_check_options *options, const struct af_schedule *run,
               const char *trace_path, struct af_failure *why)
{
    struct af_buf out = AF_BUF_EMPTY, steps = AF_BUF_EMPTY, marks = AF_BUF_EMPTY;
    struct af_tell_rerun rerun = {.data = true, .marks = &marks};
    struct af_check_place place = {0};
    struct af_check_options plain = *options;
    plain.reduce = false;
    struct af_check *check = af_check_new(&plain, why);
    int status = check == NULL ? -1 : af_check_explore(check, run, add_choice, &steps, &place, why);
    if (status == 0 && trace_path != NULL)
        status = write_trace(options, run, trace_path, &rerun, why);
    if (status == 0) {
        af_answer_begin(&out, "explore");
        af_json_add_text(&out, "flow", place.name);
        af_json_add_text(&out, "rest", place.rest);
        af_answer_add_words(&out, "wrong", place.wrong);
        af_json_name(&out, "run");
        af_schedule_write(run, &out);
        af_buf_printf(&out, ",\"marks\":[%s],\"steps\":[%s]", af_buf_text(&marks),
                      af_buf_text(&steps));
        af_answer_print(&out);
    }
    af_check_free(check);
    af_buf_release(&out);
    af_buf_release(&steps);
    af_buf_release(&marks);
    return status;
}
