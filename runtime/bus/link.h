/* link.h: one node's place in a task and channel: what it sends, in order, until the bus has
 * it; what it is sent, until it has dealt with it.
 *
 * Over any bus. Whatever can be tried again is, with a back-off: a bus that is away or full only
 * makes it wait, and its owner is told, so that people know for what. At most AF_BUS_WINDOW
 * contracts are in hand. Each contract in hand is given once, though the bus may hand it out again.
 */
#ifndef AF_BUS_LINK_H
#define AF_BUS_LINK_H

#include "bus/bus.h"

struct af_link;

struct af_link_owner {
    void *arg;

    /* A contract has come; borrowed. It is in hand until af_link_ack(); its id is the link's own.
     */
    void (*came)(void *arg, struct af_link *link, const struct af_bus_item *item);

    /* The bus is away or full, and is tried again: why, in words; NULL: it is well again. */
    void (*trouble)(void *arg, struct af_link *link, const char *why);

    /* The bus will never take what we send or ask (we are no node of the task …). The link has
     * stopped, unless it was a push and this returns true: then that is forgotten. */
    bool (*refused)(void *arg, struct af_link *link, enum af_bus_code code, const char *why);

    /* The next `count` posts, in the order of their sending, are confirmed, and no longer kept; or
     * NULL. */
    void (*confirmed)(void *arg, struct af_link *link, size_t count);

    /* All that was sent is confirmed; and once more when none of it is kept any longer; or NULL. */
    void (*sent_all)(void *arg, struct af_link *link);

    /* All that the bus held for us when we began to listen has been given; or NULL. */
    void (*heard)(void *arg, struct af_link *link);
};

struct af_link_spec { /* all is copied but the bus, the loop and the owner's arg */
    struct af_bus *bus;
    struct af_loop *loop;
    const char *task, *channel, *node;
    int64_t mark;       /* how many steps what it keeps has behind it, see bus.h */
    const char *holder; /* which process of the node this is: a name of its own */
    bool knows_uuids;   /* the owner knows what it was given by sender and uuid: it may come early
                           and once more (see bus.h) */
    int64_t keep_ns;    /* how long what the bus has confirmed is kept, and sent again where it may
                           have    been lost (af_bus_epoch()); 0: not */
    bool comes_back;    /* an earlier one of that name may have been given what it has lost */
    struct af_link_owner owner;
};

struct af_link *af_link_new(const struct af_link_spec *spec);

/* Ends it: what is in hand and was not acknowledged, the bus hands out again. Sends that are not
 * confirmed are forgotten. */
void af_link_free(struct af_link *link);

/* Sends after all that was sent before; task, channel and sender are the link's. All is copied. */
void af_link_send(struct af_link *link, const struct af_bus_post *post);

/* How many posts are not confirmed. */
size_t af_link_unsent(const struct af_link *link);

/* How many are confirmed, and kept. */
size_t af_link_kept(const struct af_link *link);

/* Whether what is not confirmed, or kept, is so large that who sends should wait until some are. */
bool af_link_is_full(const struct af_link *link);

/* Begins to take what comes. */
void af_link_listen(struct af_link *link);

/* What the party keeps has so many steps behind it now. */
void af_link_mark(struct af_link *link, int64_t mark);

/* Dealt with: the id that it was given with; one that is not in hand is ignored. */
void af_link_ack(struct af_link *link, int64_t number);

/* The same of one that cannot be read, and why: it becomes a dead letter of the task, which is kept
 * for whoever looks after that. */
void af_link_reject(struct af_link *link, int64_t number, const char *reason);
size_t af_link_in_hand(const struct af_link *link);

/* Whether the bus knows all that was dealt with. */
bool af_link_is_settled(const struct af_link *link);

/* Takes no more, tells the bus what is acknowledged and gives the rest back; then, or when the bus
 * has not answered in time, over(arg) is called. */
void af_link_leave(struct af_link *link, void (*over)(void *arg), void *arg);

const char *af_link_task(const struct af_link *link);
const char *af_link_channel(const struct af_link *link);
void *af_link_arg(const struct af_link *link); /* the owner's */

#endif
