/* tell_live.c: the last line of a party that ran for real: see tell.h. */
#include "cli/tell.h"

#include "cli/answer.h"
#include "json/json.h"
#include "live/live.h"
#include "cli/run_options.h"

#include <stdio.h>

static const char *const words[] = {"running", "done", "failed", "interrupted", "resting"};

static void print_json(const struct af_live_result *result, int status)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_answer_begin(&out, "party");
    af_json_add_text(&out, "flow", result->name);
    af_json_add_text(&out, "id", result->id);
    af_json_add_text(&out, "outcome", words[result->outcome]);
    af_json_add_json(&out, "result", result->result);
    af_answer_add_words(&out, "reason", result->reason);
    af_answer_add_place(&out, result->reason);
    af_json_add_bool(&out, "raised", result->raised);
    af_json_add_integer(&out, "sent", (int64_t)result->sent);
    af_json_add_integer(&out, "received", (int64_t)result->received);
    af_json_add_integer(&out, "unexpected", (int64_t)result->unexpected);
    af_json_add_integer(&out, "late", (int64_t)result->late);
    af_answer_add_number(&out, "elapsed_ms", (double)result->elapsed_ns / 1e6, 1);
    af_answer_add_status(&out, status,
                         result->reason != NULL   ? result->reason
                         : result->unexpected > 0 ? "unexpected events have come"
                                                  : "the party has failed");
    af_answer_print(&out);
}

int af_tell_live(const struct af_run_options *options, const struct af_live_result *result)
{
    bool excused = options->sim.allow_fail && !result->raised;
    bool ended_well = result->outcome == AF_LIVE_DONE || result->outcome == AF_LIVE_RESTING;
    bool failed = !ended_well && !excused;
    int status = result->outcome == AF_LIVE_INTERRUPTED ? 130
                 : failed || result->unexpected > 0     ? 1
                                                        : 0;
    if (options->json)
        print_json(result, status);
    else
        printf("%s: %s %s%s%s%s; %llu sent, %llu received, %llu unexpected; %.3f s\n", result->name,
               result->id, words[result->outcome], result->state == NULL ? "" : " in '",
               result->state == NULL ? "" : result->state, result->state == NULL ? "" : "'",
               (unsigned long long)result->sent, (unsigned long long)result->received,
               (unsigned long long)result->unexpected, (double)result->elapsed_ns / 1e9);
    return status;
}
