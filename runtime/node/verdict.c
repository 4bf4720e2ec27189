/* verdict.c: what `afrun check` says of a flow that somebody wants launched, one of each role: a
 * program beside us, bounded in time and memory, that stands back for all else. It works in the
 * flows folder and is granted nothing. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "json/rows.h"
#include "loop/process.h"
#include "script/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

enum { OUTPUT_BYTES = 4 << 20, NICE = 19, OTHER_WORDS = 9 };

struct af_node_verdict {
    struct af_node *node;
    struct af_process *process;
    char *file, stamp[AF_NODE_STAMP_BYTES]; /* what stood there when it began */
    af_node_verdict_fn *done;
    void *arg;
};

static void release(struct af_node_verdict *verdict)
{
    free(verdict->file);
    free(verdict);
}

/* The words of the answer's member "error". */
static void append_error(const char *json, size_t len, struct af_buf *text)
{
    struct af_json_span span = af_json_find((struct af_json_span){json, len}, "error");
    struct af_request error;
    if (span.at != NULL && af_request_read(&error, span.at, span.len)) {
        const char *what = af_request_string(&error, "what");
        const char *message = af_request_string(&error, "message");
        if (what != NULL)
            af_buf_printf(text, "%s: ", what);
        af_buf_append_string(text, message == NULL ? "it failed" : message);
        af_request_release(&error);
    }
}

/* What it answered, in a word; `text` gets more. */
static const char *read_answer(const struct af_process_result *result, struct af_buf *text)
{
    struct af_request answer;
    const char *word = "none";
    int64_t states = 0;
    if (!af_request_read(&answer, result->output, result->output_len)) {
        af_buf_printf(text, "the check ended with status %d", result->status);
        return word;
    }
    bool is_checked = af_request_integer(&answer, "states", &states);
    bool is_exhaustive = af_request_bool(&answer, "exhaustive");
    const char *bound = af_request_string(&answer, "bound");
    if (is_checked && result->status == 1) {
        word = "violation";
        append_error(result->output, result->output_len, text);
    } else if (is_checked && result->status == 0) {
        word = is_exhaustive ? "fine" : "bounded";
        af_buf_printf(text, "%lld state%s, ", (long long)states, states == 1 ? "" : "s");
        if (is_exhaustive)
            af_buf_append_string(text, "exhaustive: no violation");
        else
            af_buf_printf(text, "not exhaustive (%s): no violation so far",
                          bound == NULL ? "bounded" : bound);
    } else {
        append_error(result->output, result->output_len, text);
    }
    af_request_release(&answer);
    return word;
}

static void ended(void *arg, const struct af_process_result *result)
{
    struct af_node_verdict *verdict = arg;
    struct af_buf text = AF_BUF_EMPTY;
    char stamp[AF_NODE_STAMP_BYTES];
    const char *word = "none";
    af_node_flow_stamp(verdict->node, verdict->file, stamp);
    if (strcmp(stamp, verdict->stamp) != 0)
        af_buf_append_string(&text, "the flow's files changed while they were checked");
    else if (result->failure != NULL)
        af_buf_append_string(&text, result->failure);
    else
        word = read_answer(result, &text);
    verdict->done(verdict->arg, word, af_buf_text(&text));
    af_buf_release(&text);
    release(verdict);
}

static const char *joined(struct af_arena *arena, const char *head, const char *tail)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_printf(&text, "%s%s", head, tail);
    const char *copy = af_arena_string(arena, af_buf_text(&text));
    af_buf_release(&text);
    return copy;
}

/* The words of the command line, `args` behind those that are always there; each text of one goes
 * with its option, so that none can be taken for another. */
static size_t write_words(const char *flow, const char *sizes, const struct af_request_field *args,
                          const char **words, struct af_arena *arena)
{
    static const char *const fixed[] = {"check",
                                        "--json",
                                        "--first",
                                        "--jobs=1",
                                        "--time=" TEXT(AF_NODE_VERDICT_SEARCH_S) "s",
                                        "--memory=" TEXT(AF_NODE_VERDICT_MIB) "M"};
    size_t count = 0;
    for (; count < sizeof fixed / sizeof fixed[0]; count++)
        words[count] = fixed[count];
    words[count++] = joined(arena, "--parties=", sizes);
    for (size_t i = 0; args != NULL && i < args->item_count; i++)
        words[count++] = joined(arena, "--arg=", args->items[i]);
    words[count++] = "--";
    words[count++] = flow;
    return count;
}

struct af_node_verdict *af_node_verdict_begin(struct af_node *node, const char *file,
                                              const char *sizes,
                                              const struct af_request_field *args,
                                              af_node_verdict_fn *done, void *arg,
                                              struct af_failure *why)
{
    struct af_arena arena = {0};
    char *standing = af_node_flow_standing(node, file, why);
    if (standing == NULL)
        return NULL;
    const char **words =
        af_mem_zero(OTHER_WORDS + (args == NULL ? 0 : args->item_count), sizeof *words);
    const struct af_process_spec spec = {
        .path = "/proc/self/exe",
        .name = "afrun check",
        .args = words,
        .arg_count = write_words(strrchr(standing, '/') + 1, sizes, args, words, &arena),
        .folder = node->options->flows,
        .nice = NICE,
        .address_bytes = AF_NODE_VERDICT_ADDRESS_BYTES,
        .timeout_ns = AF_NODE_VERDICT_NS,
        .max_bytes = OUTPUT_BYTES};
    struct af_node_verdict *verdict = af_mem_zero(1, sizeof *verdict);
    verdict->node = node;
    verdict->file = af_mem_string(file);
    verdict->done = done;
    verdict->arg = arg;
    af_node_flow_stamp(node, file, verdict->stamp);
    verdict->process = af_process_start(node->loop, &spec, ended, verdict, why);
    af_arena_release(&arena);
    free(words);
    free(standing);
    if (verdict->process != NULL)
        return verdict;
    release(verdict);
    return NULL;
}

void af_node_verdict_cancel(struct af_node_verdict *verdict)
{
    if (verdict == NULL)
        return;
    af_process_cancel(verdict->process);
    release(verdict);
}
