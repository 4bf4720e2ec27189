/* replay_state.c: see replay_state.h. */
#include "cli/replay_state.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/log.h"
#include "cli/answer.h"
#include "cli/jailed.h"
#include "json/json.h"
#include "live/replay.h"

#include <stdio.h>
#include <string.h>

struct told {
    const struct af_replay_options *options;
    struct af_buf parties; /* a JSON list without its end */
    size_t differing;
};

bool af_replay_is_state(const char *path)
{
    static const char mark[] = "SQLite format 3";
    char begin[sizeof mark];
    FILE *file = fopen(path, "rbe");
    bool is = file != NULL && fread(begin, 1, sizeof begin, file) == sizeof begin &&
              memcmp(begin, mark, sizeof mark) == 0;
    if (file != NULL)
        fclose(file);
    return is;
}

static void add_json(struct af_buf *out, const struct af_live_replayed *party)
{
    af_json_open(out, '{');
    af_json_add_text(out, "task", party->task);
    af_json_add_text(out, "node", party->node);
    af_json_add_text(out, "role", party->role);
    af_json_add_text(out, "flow", party->flow);
    af_json_add_integer(out, "version", party->version);
    af_json_add_integer(out, "steps", party->steps);
    af_json_add_bool(out, "same", party->differs_at == 0);
    af_json_add_text(out, "ends", party->ends);
    af_json_name(out, "difference");
    if (party->differs_at == 0) {
        af_buf_append_string(out, "null");
    } else {
        af_json_open(out, '{');
        af_json_add_integer(out, "step", party->differs_at);
        af_json_add_text(out, "input", party->input);
        af_json_add_text(out, "what", party->what);
        af_json_add_text(out, "recorded", party->recorded);
        af_json_add_text(out, "now", party->now);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, '}');
}

static void tell(void *arg, const struct af_live_replayed *party)
{
    struct told *told = arg;
    struct af_buf text = AF_BUF_EMPTY;
    if (told->options->json)
        add_json(&told->parties, party);
    else
        printf("%s: %s, %s of %s: %lld steps replayed, %s%s%s\n", party->task, party->node,
               party->role, party->flow, (long long)party->steps,
               party->differs_at == 0 ? "all the same" : "then it goes otherwise",
               party->ends == NULL ? "" : "; not all can be: ",
               party->ends == NULL ? "" : party->ends);
    if (party->differs_at == 0)
        return;
    told->differing++;
    af_buf_printf(&text,
                  "task '%s', %s: step %lld (%s) now goes otherwise: %s\n  recorded: %.400s\n"
                  "  now:      %.400s",
                  party->task, party->node, (long long)party->differs_at, party->input, party->what,
                  party->recorded == NULL ? "-" : party->recorded,
                  party->now == NULL ? "-" : party->now);
    if (af_log_format() == AF_LOG_JSON)
        af_log_tell(AF_LOG_ERROR, text.data, text.len);
    else
        fprintf(stderr, "afrun: %s\n", af_buf_text(&text));
    af_buf_release(&text);
}

static int enter_jail(struct af_failure *why)
{
    return af_jailed_enter(NULL, 0, why);
}

int af_replay_state(const struct af_replay_options *options, struct af_failure *why)
{
    static const char *const here[] = {""}; /* what code that was kept requires later */
    struct told told = {.options = options};
    if (options->step)
        return af_failure_set(why, AF_FAILURE_USAGE, "--step", "is for traces of simulated runs");
    if (options->file_count > 1)
        return af_failure_set(why, AF_FAILURE_USAGE, options->files[1], "is one file too many");
    const struct af_live_replay_spec spec = {.flow = options->file_count == 0 ? NULL
                                                                              : options->files[0],
                                             .key = options->key,
                                             .jail = enter_jail,
                                             .each = tell,
                                             .arg = &told};
    const struct af_jailed_spec jail = {.flows = options->file_count == 0 ? here : options->files,
                                        .flow_count = 1};
    if (af_jailed_begin(&jail, why) != 0 || af_live_replay(options->trace_path, &spec, why) != 0 ||
        enter_jail(why) != 0) { /* what parties have said is told in it, too */
        af_buf_release(&told.parties);
        return -1;
    }
    int status = told.differing > 0 ? 1 : 0;
    if (options->json) {
        struct af_buf out = AF_BUF_EMPTY;
        af_answer_begin(&out, "replay-state");
        af_json_add_text(&out, "state", options->trace_path);
        af_buf_printf(&out, ",\"parties\":[%s]", af_buf_text(&told.parties));
        af_answer_add_status(&out, status, "a party now goes otherwise");
        af_answer_print(&out);
        af_buf_release(&out);
    }
    af_buf_release(&told.parties);
    return status;
}
