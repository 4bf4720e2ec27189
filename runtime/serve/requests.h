/* requests.h: what push, pop and ack ask for. Pure: bytes in, a struct or errors out. */
#ifndef AF_SERVE_REQUESTS_H
#define AF_SERVE_REQUESTS_H

#include "bus/bus.h"
#include "serve/fields.h"

struct serve_push {
    struct af_bus_post *posts; /* without sender */
    size_t count;              /* 1 to AF_BUS_POSTS_MAX */
    bool is_list;              /* they came as `messages` */
};

struct serve_pop {
    const char *task, *channel, *holder, *age;
    const char *node; /* of an admin's request: whose queue */
    int64_t wait_ns, lease_ns;
    int64_t max; /* 0: the platform's way, one contract and no list */
    int64_t mark;
    bool again, release, begins, early;
    struct serve_texts ack;
    struct serve_records reject;
};

struct serve_reject {
    const char *uuid, *reason;
};

/* Each reads a body; false: the reading's errors say why. Texts go to the reading's arena, contents
 * are borrowed from the body. */
bool af_serve_read_push(struct serve_reading *reading, struct serve_push *push, const char *body,
                        size_t len);
bool af_serve_read_pop(struct serve_reading *reading, struct serve_pop *pop, const char *body,
                       size_t len);
bool af_serve_read_ack(struct serve_reading *reading, struct serve_pop *ack, const char *body,
                       size_t len);
bool af_serve_read_again(struct serve_reading *reading, struct serve_pop *again, const char *body,
                         size_t len);
bool af_serve_read_admin_again(struct serve_reading *reading, struct serve_pop *again,
                               const char *body, size_t len);

#endif
