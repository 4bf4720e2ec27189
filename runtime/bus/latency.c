/* latency.c: see latency.h. */
#include "bus/latency.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/mem.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static const int64_t bounds_us[AF_BUS_LATENCY_BOUNDS] = {
    100,    150,    200,    300,    500,     700,     1000,    1500,    2000,
    3000,   5000,   7000,   10000,  15000,   20000,   30000,   50000,   70000,
    100000, 150000, 200000, 300000, 1000000, 2000000, 5000000, 10000000};

static struct af_bus_latency *find(struct af_bus_latencies *latencies, const char *sender)
{
    for (size_t i = 0; i < latencies->count; i++)
        if (strcmp(latencies->items[i].sender, sender) == 0)
            return &latencies->items[i];
    if (latencies->count == AF_BUS_LATENCIES_MAX)
        return NULL;
    latencies->items =
        af_mem_grow(latencies->items, (latencies->count + 1) * sizeof *latencies->items);
    struct af_bus_latency *latency = &latencies->items[latencies->count++];
    *latency = (struct af_bus_latency){.sender = af_mem_string(sender), .least_us = INT64_MAX};
    return latency;
}

void af_bus_note_latency(struct af_bus *bus, const char *sender, int64_t ns)
{
    struct af_bus_latency *latency = find(&bus->latencies, sender);
    int64_t us = ns / AF_US_NS;
    size_t i = 0;
    if (latency == NULL)
        return;
    while (i < AF_BUS_LATENCY_BOUNDS && us > bounds_us[i])
        i++;
    latency->counts[i]++;
    latency->least_us = us < latency->least_us ? us : latency->least_us;
}

/* Of the bounds that have some, and those just below. */
static void add_numbers(struct af_buf *out, const char *name, const int64_t *counts,
                        const int64_t *values)
{
    bool first = true;
    af_json_begin(out, name, '[');
    for (size_t i = 0; i < AF_BUS_LATENCY_BOUNDS; i++) {
        if (counts[i] == 0 && (i + 1 == AF_BUS_LATENCY_BOUNDS || counts[i + 1] == 0))
            continue;
        af_buf_printf(out, "%s%lld", first ? "" : ",", (long long)values[i]);
        first = false;
    }
    af_buf_append_char(out, ']');
}

static void add_link(struct af_buf *out, const char *from, const char *to,
                     const struct af_bus_latency *latency)
{
    int64_t total = 0;
    for (size_t i = 0; i < AF_BUS_LATENCY_BOUNDS; i++)
        total += latency->counts[i];
    if (total == 0)
        return;
    af_json_open(out, '{');
    af_json_add_text(out, "from", from);
    af_json_add_text(out, "to", to);
    add_numbers(out, "up_to_us", latency->counts, bounds_us);
    add_numbers(out, "counts", latency->counts, latency->counts);
    af_json_add_integer(out, "beyond", latency->counts[AF_BUS_LATENCY_BOUNDS]);
    af_json_add_integer(out, "least_us", latency->least_us);
    af_buf_append_char(out, '}');
}

void af_bus_tell_latencies(const struct af_bus *bus, const char *node, struct af_buf *out)
{
    struct af_bus_latency all = {.least_us = INT64_MAX};
    af_json_add_integer(out, "afrun_latency_model", 1);
    af_json_begin(out, "links", '[');
    for (size_t i = 0; i < bus->latencies.count; i++) {
        const struct af_bus_latency *one = &bus->latencies.items[i];
        add_link(out, one->sender, node, one);
        for (size_t k = 0; k <= AF_BUS_LATENCY_BOUNDS; k++)
            all.counts[k] += one->counts[k];
        all.least_us = one->least_us < all.least_us ? one->least_us : all.least_us;
    }
    add_link(out, "*", "*", &all);
    af_buf_append_char(out, ']');
}

void af_bus_forget_latencies(struct af_bus_latencies *latencies)
{
    for (size_t i = 0; i < latencies->count; i++)
        free(latencies->items[i].sender);
    free(latencies->items);
}
