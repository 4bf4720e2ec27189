/* explore.c: see explore.h. */
#include "cli/explore.h"

#include "base/failure.h"
#include "cli/answer.h"
#include "cli/tell_rerun.h"
#include "json/json.h"
#include "trace/file.h"

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
