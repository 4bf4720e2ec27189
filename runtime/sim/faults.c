/* faults.c: see faults.h. */
#include "sim/faults.h"

#include "base/bounds.h"

#include <stdlib.h>

void af_fault_options_init(struct af_fault_options *options)
{
    *options = (struct af_fault_options){.latency_min_ns = AF_MS_NS,
                                         .latency_max_ns = 10 * AF_MS_NS,
                                         .down_min_ns = 10 * AF_MS_NS,
                                         .down_max_ns = 60 * AF_S_NS};
}

static void free_role_faults(struct af_role_fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(faults[i].role);
    free(faults);
}

static void free_spans(struct af_role_span *spans, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(spans[i].role);
    free(spans);
}

void af_fault_options_release(struct af_fault_options *options)
{
    free_spans(options->works, options->work_count);
    free_spans(options->rates, options->rate_count);
    for (size_t i = 0; i < AF_FAULTS; i++)
        free_role_faults(options->wishes[i].roles, options->wishes[i].role_count);
    for (size_t i = 0; i < options->partition_count; i++) {
        struct af_partition *partition = &options->partitions[i];
        for (size_t k = 0; k < partition->node_count; k++)
            free(partition->nodes[k]);
        free(partition->nodes);
        free(partition->groups);
        free(partition->text);
    }
    free(options->partitions);
    af_latency_model_free(options->latencies);
    af_fault_options_init(options);
}

bool af_fault_is_wished(const struct af_fault_options *options, enum af_fault fault)
{
    return options->wishes[fault].probability > 0 || options->wishes[fault].role_count > 0;
}

bool af_fault_options_any(const struct af_fault_options *options)
{
    bool any = options->partition_count > 0 || options->random_partition > 0;
    for (enum af_fault i = 0; i < AF_FAULTS; i++)
        any = any || af_fault_is_wished(options, i);
    return any;
}

void af_faults_init(struct af_faults *faults, const struct af_fault_options *options, uint64_t seed)
{
    faults->options = options;
    for (enum af_fault i = 0; i < AF_FAULTS; i++)
        af_rng_init(&faults->chance[i], seed, af_schedule_fault_word(i));
    af_rng_init(&faults->latency, seed, "latency");
    af_rng_init(&faults->down, seed, "down");
    af_rng_init(&faults->partition, seed, "partition");
    af_rng_init(&faults->upgrade, seed, "upgrade");
    af_rng_init(&faults->work, seed, "work");
}

int64_t af_faults_between_ns(struct af_rng *rng, int64_t low_ns, int64_t high_ns)
{
    return low_ns + (int64_t)af_rng_below(rng, (uint64_t)(high_ns - low_ns) + 1);
}

int64_t af_faults_latency_ns(const struct af_faults *faults, struct af_rng *rng, const char *from,
                             const char *to)
{
    const struct af_fault_options *options = faults->options;
    int64_t latency_ns =
        options->latencies == NULL ? -1 : af_latency_draw_ns(options->latencies, rng, from, to);
    if (latency_ns >= 0)
        return latency_ns;
    return af_faults_between_ns(rng, options->latency_min_ns, options->latency_max_ns);
}
