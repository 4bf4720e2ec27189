/* latency.h: how long messages take, link by link, as it was measured or is wished for.
 *
 *     {"afrun_latency_model": 1,
 *      "links": [{"from": "hospital-1", "to": "*", "up_to_us": [800, 2000, 9000], "counts": [5, 90,
 * 2]}]}
 *
 * Of a link's messages `counts[i]` took up to up_to_us[i] microseconds, and more than the bound
 * before; a latency is drawn by these counts, and evenly between the bounds. `from` and `to` are
 * nodes, roles (of a simulation: `participant` is participant-1 and so on) or "*"; the first link
 * that fits counts, and where none does --latency. All is whole numbers, so that the same seed is
 * the same run on every machine. */
#ifndef AF_SIM_LATENCY_H
#define AF_SIM_LATENCY_H

#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

struct af_failure;
struct af_latency_model;

/* Returns NULL with *why filled: it is no such model. */
struct af_latency_model *af_latency_model_read(const char *text, size_t len,
                                               struct af_failure *why);
void af_latency_model_free(struct af_latency_model *model);

/* A latency of the link, -1: none fits. */
int64_t af_latency_draw_ns(const struct af_latency_model *model, struct af_rng *rng,
                           const char *from, const char *to);

#endif
