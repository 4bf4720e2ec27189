/* ways.c: see ways.h.
 *
 * A way is the text of its first finding, a line, and behind that all findings as JSON. */
#include "cli/ways.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/paths.h"
#include "json/json.h"
#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a run has found the same before: an event that comes twice is unexpected twice. */
static bool is_known(const struct af_sim_result *result, size_t i)
{
    const struct af_sim_finding *findings = result->findings;
    for (size_t j = 0; j < i; j++)
        if (findings[j].kind == findings[i].kind && strcmp(findings[j].text, findings[i].text) == 0)
            return true;
    return false;
}

void af_ways_append(struct af_buf *out, const struct af_sim_result *result)
{
    struct af_buf json = AF_BUF_EMPTY;
    size_t more = 0;
    af_json_open(&json, '[');
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct af_sim_finding *finding = &result->findings[i];
        if (is_known(result, i))
            continue;
        af_json_open(&json, '{');
        af_json_add_text(&json, "kind", af_sim_finding_word(finding->kind));
        af_json_add_text(&json, "party", finding->party);
        af_answer_add_place(&json, finding->text);
        af_answer_add_words(&json, "text", finding->text);
        af_buf_append_char(&json, '}');
        more += i > 0;
    }
    af_buf_append_char(&json, ']');
    if (result->finding_count > 0)
        af_paths_append(out, result->findings[0].text, strlen(result->findings[0].text));
    else
        af_buf_append_string(out, af_sim_outcome_word(result->outcome));
    if (more > 0)
        af_buf_printf(out, " (and %zu more)", more);
    af_buf_append_char(out, '\n');
    af_buf_append(out, json.data, json.len);
    af_buf_release(&json);
}

void af_ways_add(struct af_ways *ways, uint64_t seed, uint64_t faults, const char *way, size_t len)
{
    const char *end = memchr(way, '\n', len);
    assert(end != NULL);
    const char *findings = end + 1;
    size_t size = len - (size_t)(findings - way), i = 0;
    while (i < ways->count && (strlen(ways->list[i].findings) != size ||
                               memcmp(ways->list[i].findings, findings, size) != 0))
        i++;
    if (i == AF_SIM_WAYS_MAX) {
        ways->others++;
        return;
    }
    struct af_way *known = &ways->list[i];
    if (i == ways->count) {
        ways->count++;
        *known = (struct af_way){.lowest_seed = seed,
                                 .least_faults = UINT64_MAX,
                                 .text = af_mem_copy(way, (size_t)(end - way)),
                                 .findings = af_mem_copy(findings, size)};
    }
    known->runs++;
    if (faults < known->least_faults) {
        known->least_faults = faults;
        known->least_faults_seed = seed;
    }
}

void af_ways_release(struct af_ways *ways)
{
    for (size_t i = 0; i < ways->count; i++) {
        free(ways->list[i].text);
        free(ways->list[i].findings);
    }
    ways->count = 0;
}

static int by_runs(const void *a, const void *b)
{
    const struct af_way *one = *(const struct af_way *const *)a;
    const struct af_way *two = *(const struct af_way *const *)b;
    if (one->runs != two->runs)
        return one->runs > two->runs ? -1 : 1;
    return one->lowest_seed < two->lowest_seed ? -1 : one->lowest_seed > two->lowest_seed;
}

static void sort(const struct af_ways *ways, const struct af_way *sorted[AF_SIM_WAYS_MAX])
{
    for (size_t i = 0; i < ways->count; i++)
        sorted[i] = &ways->list[i];
    qsort(sorted, ways->count, sizeof *sorted, by_runs);
}

void af_ways_print(const struct af_ways *ways, bool told)
{
    const struct af_way *sorted[AF_SIM_WAYS_MAX];
    uint64_t left = ways->others;
    if (ways->count == 1 && told) {
        if (ways->list[0].runs > 1)
            puts("  all in the same way");
        return;
    }
    sort(ways, sorted);
    for (size_t i = 0; i < ways->count; i++) {
        if (i < AF_SIM_WAYS_TOLD)
            printf("  %llu run%s, the first with seed %llu: %s\n",
                   (unsigned long long)sorted[i]->runs, sorted[i]->runs == 1 ? "" : "s",
                   (unsigned long long)sorted[i]->lowest_seed, sorted[i]->text);
        else
            left += sorted[i]->runs;
    }
    if (left > 0)
        printf("  %llu more in other ways%s\n", (unsigned long long)left,
               ways->count == AF_SIM_WAYS_MAX ? "" : ", which --json lists");
}

void af_ways_append_json(struct af_buf *out, const struct af_ways *ways)
{
    const struct af_way *sorted[AF_SIM_WAYS_MAX];
    sort(ways, sorted);
    af_json_open(out, '[');
    for (size_t i = 0; i < ways->count; i++) {
        af_json_open(out, '{');
        af_json_add_integer(out, "runs", (int64_t)sorted[i]->runs);
        af_json_add_integer(out, "lowest_seed", (int64_t)sorted[i]->lowest_seed);
        af_json_add_integer(out, "least_faults", (int64_t)sorted[i]->least_faults);
        af_json_add_integer(out, "least_faults_seed", (int64_t)sorted[i]->least_faults_seed);
        af_json_add_json(out, "findings", sorted[i]->findings);
        af_buf_append_char(out, '}');
    }
    af_buf_append_char(out, ']');
}
