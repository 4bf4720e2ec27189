/* boxes.c: see boxes.h. */
#include "script/boxes.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct af_box *af_boxes_find(struct af_boxes *boxes, const char *node, const char *task,
                             const char *channel)
{
    for (size_t i = 0; i < boxes->all_count; i++) {
        struct af_box *box = boxes->all[i];
        if (strcmp(box->node, node) == 0 && strcmp(box->task, task) == 0 &&
            strcmp(box->channel, channel) == 0)
            return box;
    }
    struct af_box *box = af_mem_zero(1, sizeof *box);
    box->node = node;
    box->task = af_mem_string(task);
    box->channel = af_mem_string(channel);
    boxes->opened(boxes->arg, box);
    af_mem_reserve(&boxes->all, &boxes->all_cap, boxes->all_count + 1, sizeof(struct af_box *));
    boxes->all[boxes->all_count++] = box;
    return box;
}

void af_boxes_release(struct af_boxes *boxes)
{
    for (size_t i = 0; i < boxes->all_count; i++) {
        struct af_box *box = boxes->all[i];
        for (size_t k = 0; k < box->count; k++)
            boxes->drop(box->held[k].contract);
        boxes->closed(box);
        free(box->held);
        free(box->task);
        free(box->channel);
        free(box);
    }
    free(boxes->all);
    boxes->all = NULL;
    boxes->all_count = boxes->all_cap = 0;
}

void af_box_put(struct af_box *box, const char *type, void *contract_take)
{
    af_mem_reserve(&box->held, &box->cap, box->count + 1, sizeof *box->held);
    box->held[box->count++] = (struct af_box_held){type, contract_take};
}

void *af_box_take(struct af_box *box, const struct af_request_filter *filter)
{
    for (size_t i = 0; i < box->count; i++) {
        void *contract = box->held[i].contract;
        if (!af_request_lets(filter, box->held[i].type))
            continue;
        box->count--;
        memmove(box->held + i, box->held + i + 1, (box->count - i) * sizeof *box->held);
        return contract;
    }
    return NULL;
}
