/* fuzz_opts.c: whatever the words (one a line), the options of `run` take or refuse them; what is
 * taken is recorded, and read back from there gives the same run, as replay does it.
 * `make fuzz FUZZ=opts` starts from corpus/opts; opts.dict has words to try. */
#include "base/failure.h"
#include "script/request.h"
#include "cli/run_options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 64 };

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_opts: %s\n", what);
    abort();
}

/* Parses and completes; false if it is refused, with a reason. */
static bool parse(struct af_run_options *options, int argc, char **argv)
{
    struct af_failure why = AF_FAILURE_INIT;
    af_run_options_init(options);
    int files = af_opts_parse(af_run_opts, argc, argv, options, NULL, &why);
    bool taken = files >= 0 && af_run_options_finish(options, argv, files, &why) == 0;
    demand(taken || (why.kind == AF_FAILURE_USAGE && why.what[0] != '\0' && why.why[0] != '\0'),
           "refused without a reason");
    return taken;
}

static void check_values(const struct af_sim_options *sim)
{
    const struct af_fault_options *faults = &sim->faults;
    demand(faults->wishes[AF_FAULT_DROP].probability >= 0 &&
               faults->wishes[AF_FAULT_DROP].probability <= 1,
           "drop");
    demand(faults->wishes[AF_FAULT_DUPLICATE].probability >= 0 &&
               faults->wishes[AF_FAULT_DUPLICATE].probability <= 1,
           "duplicate");
    demand(faults->latency_min_ns >= 0 && faults->latency_min_ns <= faults->latency_max_ns,
           "latency");
    demand(faults->down_min_ns >= 0 && faults->down_min_ns <= faults->down_max_ns, "down");
    for (size_t i = 0; i < faults->wishes[AF_FAULT_CRASH].role_count; i++)
        demand(faults->wishes[AF_FAULT_CRASH].roles[i].role[0] != '\0' &&
                   faults->wishes[AF_FAULT_CRASH].roles[i].probability >= 0 &&
                   faults->wishes[AF_FAULT_CRASH].roles[i].probability <= 1,
               "crash");
    for (size_t i = 0; i < faults->wishes[AF_FAULT_LOSE].role_count; i++)
        demand(faults->wishes[AF_FAULT_LOSE].roles[i].role[0] != '\0' &&
                   faults->wishes[AF_FAULT_LOSE].roles[i].at_ns >= -1,
               "lose");
    for (size_t i = 0; i < faults->partition_count; i++)
        demand(faults->partitions[i].node_count >= 2 && faults->partitions[i].from_ns >= 0 &&
                   faults->partitions[i].from_ns <= faults->partitions[i].until_ns,
               "partition");
}

static void check_same(const struct af_sim_options *a, const struct af_sim_options *b)
{
    demand(strcmp(a->recorded, b->recorded) == 0, "what is recorded is not what was read back");
    demand(a->until_ns == b->until_ns && a->allow_fail == b->allow_fail, "until, allow-fail");
    demand(a->faults.wishes[AF_FAULT_DROP].probability ==
                   b->faults.wishes[AF_FAULT_DROP].probability &&
               a->faults.wishes[AF_FAULT_DUPLICATE].probability ==
                   b->faults.wishes[AF_FAULT_DUPLICATE].probability &&
               a->faults.latency_min_ns == b->faults.latency_min_ns &&
               a->faults.latency_max_ns == b->faults.latency_max_ns &&
               a->faults.fifo == b->faults.fifo && a->faults.down_max_ns == b->faults.down_max_ns &&
               a->faults.random_partition == b->faults.random_partition,
           "faults");
    demand(a->arg_count == b->arg_count && a->party_count == b->party_count &&
               a->faults.wishes[AF_FAULT_CRASH].role_count ==
                   b->faults.wishes[AF_FAULT_CRASH].role_count &&
               a->faults.wishes[AF_FAULT_LOSE].role_count ==
                   b->faults.wishes[AF_FAULT_LOSE].role_count &&
               a->faults.partition_count == b->faults.partition_count,
           "counts");
}

static void check_recorded(const struct af_sim_options *sim)
{
    struct af_request request;
    struct af_run_options again;
    struct af_buf json = AF_BUF_EMPTY;
    char *words[WORDS_MAX];
    af_buf_printf(&json, "{\"words\":%s}", sim->recorded);
    demand(af_request_read(&request, json.data, json.len), "what is recorded is no JSON");
    const struct af_request_field *list = af_request_list(&request, "words");
    demand(list != NULL && list->item_count <= WORDS_MAX, "what is recorded is no list");
    bool utf8 = true; /* a word that JSON cannot hold is recorded as "" */
    for (size_t i = 0; i < list->item_count; i++) {
        words[i] = list->items[i];
        utf8 = utf8 && words[i][0] != '\0';
    }
    if (utf8) {
        demand(parse(&again, (int)list->item_count, words), "what is recorded is refused");
        check_same(sim, &again.sim);
        af_run_options_release(&again);
    }
    af_request_release(&request);
    af_buf_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_run_options options;
    char *argv[WORDS_MAX];
    int argc = 0;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word = text, *end; argc < WORDS_MAX; word = end + 1) {
        argv[argc++] = word;
        end = strchr(word, '\n');
        if (end == NULL)
            break;
        *end = '\0';
    }
    if (parse(&options, argc, argv)) {
        check_values(&options.sim);
        check_recorded(&options.sim);
    }
    af_run_options_release(&options);
    free(text);
    return 0;
}
