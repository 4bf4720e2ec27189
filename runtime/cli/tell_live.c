/* tell_live.c: the last line of a party that ran for real: see tell.h. */
#include "cli/tell.h"

#include "json/json.h"
#include "live/live.h"
#include "cli/run_options.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {"running", "done", "failed", "interrupted"};

static void print_json(const struct af_live_result *result)
{
    struct af_buf out = AF_BUF_EMPTY;
    af_buf_append_string(&out, "{\"flow\":");
    af_json_write_text(&out, result->name);
    af_buf_append_string(&out, ",\"id\":");
    af_json_write_text(&out, result->id);
    af_buf_printf(&out, ",\"outcome\":\"%s\",\"result\":%s,\"reason\":", words[result->outcome],
                  result->result == NULL ? "null" : result->result);
    af_json_write_text(&out, result->reason);
    af_buf_printf(&out,
                  ",\"sent\":%llu,\"received\":%llu,\"unexpected\":%llu,\"late\":%llu,"
                  "\"elapsed_ms\":%.1f}",
                  (unsigned long long)result->sent, (unsigned long long)result->received,
                  (unsigned long long)result->unexpected, (unsigned long long)result->late,
                  (double)result->elapsed_ns / 1e6);
    puts(af_buf_text(&out));
    af_buf_release(&out);
}

int af_tell_live(const struct af_run_options *options, const struct af_live_result *result)
{
    if (options->json)
        print_json(result);
    else
        printf("%s: %s %s; %llu sent, %llu received, %llu unexpected; %.3f s\n", result->name,
               result->id, words[result->outcome], (unsigned long long)result->sent,
               (unsigned long long)result->received, (unsigned long long)result->unexpected,
               (double)result->elapsed_ns / 1e9);
    if (result->outcome == AF_LIVE_INTERRUPTED)
        return 130;
    bool excused = options->sim.allow_fail && !result->raised;
    bool failed = result->outcome != AF_LIVE_DONE && !excused;
    return failed || result->unexpected > 0 ? 1 : 0;
}
