/* boxes.h: contracts that wait until a sequential script asks for them: a box for each node, task
 * and channel, in the order in which they came. */
#ifndef AF_SCRIPT_BOXES_H
#define AF_SCRIPT_BOXES_H

#include "script/request.h"

#include <stddef.h>

struct af_box {
    const char *node; /* borrowed */
    char *task, *channel;
    void *of; /* its owner's own */
    struct af_box_held {
        const char *type; /* the contract's */
        void *contract;
    } * held;
    size_t count, cap;
};

struct af_boxes { /* zeroed to begin with but for what its owner says: */
    void *arg;
    void (*opened)(void *arg, struct af_box *box); /* it is new, and not yet among the others */
    void (*closed)(struct af_box *box);
    void (*drop)(void *contract_take);

    struct af_box **all;
    size_t all_count, all_cap;
};

/* The box, opened if it is not there. */
struct af_box *af_boxes_find(struct af_boxes *boxes, const char *node, const char *task,
                             const char *channel);
void af_boxes_release(struct af_boxes *boxes); /* closes all, and drops what is in them */

void af_box_put(struct af_box *box, const char *type, void *contract_take);

/* Takes the first contract whose type the filter lets through, or NULL. */
void *af_box_take(struct af_box *box, const struct af_request_filter *filter);

#endif
