/* latency.c: see latency.h. */
#include "sim/latency.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"
#include "json/rows.h"

#include <stdlib.h>
#include <string.h>

struct numbers {
    int64_t *items;
    size_t count;
};

struct link {
    const char *from, *to;
    struct numbers bounds_us, counts;
    uint64_t total;
};

struct af_latency_model {
    struct af_arena arena;
    struct link *links;
    size_t count, cap;
    const char *wrong; /* of the link that is read */
};

static bool read_numbers(struct af_json_reader *reader, enum af_json_token first,
                         struct af_arena *arena, void *to)
{
    struct numbers *numbers = to;
    if (first != AF_JSON_ARRAY_BEGIN)
        return false;
    numbers->items = af_arena_alloc(arena, AF_LATENCY_BUCKETS_MAX * sizeof(int64_t));
    for (numbers->count = 0;; numbers->count++) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_ARRAY_END)
            return true;
        if (token != AF_JSON_INTEGER || numbers->count == AF_LATENCY_BUCKETS_MAX)
            return false;
        numbers->items[numbers->count] = reader->integer;
    }
}

static const char *find_fault(struct link *link)
{
    int64_t before = -1;
    if (link->from == NULL || link->to == NULL)
        return "needs 'from' and 'to'";
    if (link->counts.count == 0 || link->counts.count != link->bounds_us.count)
        return "needs 'up_to_us' and 'counts', as many of the one as of the other";
    for (size_t i = 0; i < link->counts.count; i++) {
        int64_t bound = link->bounds_us.items[i], count = link->counts.items[i];
        if (bound <= before || bound > AF_LATENCY_US_MAX)
            return "has bounds that do not grow, from 0 to a day";
        if (count < 0 || count > AF_LATENCY_COUNT_MAX)
            return "has a count that is none";
        before = bound;
        link->total += (uint64_t)count;
    }
    return link->total == 0 ? "has no message" : NULL;
}

static bool read_link(void *arg, struct af_json_span json)
{
    static const struct af_json_row rows[] = {
        {"from", AF_JSON_ROW_NAME, offsetof(struct link, from), NULL},
        {"to", AF_JSON_ROW_NAME, offsetof(struct link, to), NULL},
        {"up_to_us", AF_JSON_ROW_OWN, offsetof(struct link, bounds_us), read_numbers},
        {"counts", AF_JSON_ROW_OWN, offsetof(struct link, counts), read_numbers},
        {0}};
    struct af_latency_model *model = arg;
    struct link link = {0};
    model->wrong = af_json_read_object(json, rows, &model->arena, &link)
                       ? find_fault(&link)
                       : "has 'up_to_us' or 'counts' that are no lists of whole numbers";
    af_mem_reserve(&model->links, &model->cap, model->count + 1, sizeof *model->links);
    model->links[model->count++] = link;
    return model->wrong == NULL && model->count <= AF_LATENCY_LINKS_MAX;
}

struct af_latency_model *af_latency_model_read(const char *text, size_t len, struct af_failure *why)
{
    struct af_latency_model *model = af_mem_zero(1, sizeof *model);
    struct af_json_span json = {text, len}, links = af_json_find(json, "links");
    struct af_json_span version = af_json_find(json, "afrun_latency_model");
    bool ok = false;
    if (version.at == NULL || links.at == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, "",
                       "is no model of latencies: it needs 'afrun_latency_model' and 'links'");
    else if (version.len != 1 || version.at[0] != '1')
        af_failure_set(why, AF_FAILURE_USAGE, "", "is a model of another version than 1");
    else if (!af_json_each(links, read_link, model) || model->count == 0)
        af_failure_set(why, AF_FAILURE_USAGE, "", "link %zu %s", model->count,
                       model->wrong == NULL ? "is none, or one too many" : model->wrong);
    else
        ok = true;
    if (ok)
        return model;
    af_latency_model_free(model);
    return NULL;
}

void af_latency_model_free(struct af_latency_model *model)
{
    if (model == NULL)
        return;
    af_arena_release(&model->arena);
    free(model->links);
    free(model);
}

/* "participant" is participant-1 and so on, too. */
static bool fits(const char *name, const char *node)
{
    size_t len = strlen(name);
    if (strcmp(name, "*") == 0 || strcmp(name, node) == 0)
        return true;
    return strncmp(name, node, len) == 0 && node[len] == '-' && node[len + 1] != '\0' &&
           strspn(node + len + 1, "0123456789") == strlen(node + len + 1);
}

static int64_t draw(const struct link *link, struct af_rng *rng)
{
    int64_t left = (int64_t)af_rng_below(rng, link->total);
    size_t i = 0;
    while (left >= link->counts.items[i])
        left -= link->counts.items[i++];
    int64_t below_us = i == 0 ? 0 : link->bounds_us.items[i - 1] + 1;
    uint64_t width_us = (uint64_t)(link->bounds_us.items[i] - below_us) + 1;
    return (below_us + (int64_t)af_rng_below(rng, width_us)) * AF_US_NS;
}

int64_t af_latency_draw_ns(const struct af_latency_model *model, struct af_rng *rng,
                           const char *from, const char *to)
{
    for (size_t i = 0; i < model->count; i++)
        if (fits(model->links[i].from, from) && fits(model->links[i].to, to))
            return draw(&model->links[i], rng);
    return -1;
}
