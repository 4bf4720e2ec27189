/* sequential.h: a script or a role that is a plain function, from its first line to its last: its
 * calls, its waits for events and for time, its mock context.
 *
 * Simulated and for real it is the same. What differs is its owner's: how time passes, what carries
 * contracts, which calls are refused, what is traced and what is told to people. */
#ifndef AF_SCRIPT_SEQUENTIAL_H
#define AF_SCRIPT_SEQUENTIAL_H

#include "script/boxes.h"
#include "script/calls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_effects;
struct af_file_store;
struct af_loop;
struct af_script_party;
struct af_sequential;
struct af_timer;

enum af_sequential_wait {
    AF_SEQUENTIAL_RUNS,
    AF_SEQUENTIAL_EVENT,
    AF_SEQUENTIAL_SLEEP,
    AF_SEQUENTIAL_SENT, /* until what carries contracts has taken one: its owner says when */
};

struct af_sequential_owner { /* those marked (NULL) may be */
    int64_t (*now_ns)(const struct af_sequential *sequential);

    /* Answers a call; with `failure` unless that is NULL. */
    void (*answer)(struct af_sequential *sequential, uint64_t call, const char *reply,
                   const char *failure);

    /* Why a call is not to be had where the script is now; NULL: it is. */
    const char *(*forbids)(const struct af_sequential *sequential, enum af_call number);

    /* Takes a call that is not of this file; false: there is no such call. */
    bool (*other)(struct af_sequential *sequential, const struct af_asked *asked);

    /* A node's ID, as it lives as long as the boxes. */
    const char *(*name)(struct af_sequential *sequential, const char *id);

    /* It is to enter a mock context: false if that was answered (NULL); it has. */
    bool (*enters)(struct af_sequential *sequential, const struct af_asked *asked);
    void (*entered)(struct af_sequential *sequential, const struct af_asked *asked);

    /* Sends the contract that is asked for to these nodes, and answers, at once or later. */
    void (*send)(struct af_sequential *sequential, const struct af_asked *asked,
                 const char *const *targets, size_t count);

    /* Asks the bus for the nodes of a task. (NULL, but for real.) */
    void (*ask_nodes)(struct af_sequential *sequential, const struct af_asked *asked);

    /* Hands a contract of the box to af_sequential_give(). */
    void (*give)(struct af_sequential *sequential, struct af_box *box, void *contract_take);

    /* What was given of the box is dealt with. (NULL) */
    void (*settle)(struct af_box *box);

    /* It is about to wait at a box. (NULL) */
    void (*listen)(struct af_sequential *sequential, struct af_box *box);

    /* It waits, in this function of the library; it has waited for events in vain. (NULL) */
    void (*waits)(const struct af_sequential *sequential, const char *function);
    void (*waited)(const struct af_sequential *sequential);

    /* The script has refused a contract: true if people are to be told why. */
    bool (*rejected)(struct af_sequential *sequential, const struct af_request *request,
                     const char *why);

    void (*log)(const struct af_sequential *sequential, const struct af_script_call *call);

    /* It has returned, or raised. */
    void (*over)(struct af_sequential *sequential, const struct af_effects *effects);
};

struct af_sequential {
    /* Said by its owner; borrowed but for the party. */
    const struct af_sequential_owner *owner;
    void *arg;
    struct af_loop *loop;
    struct af_boxes *boxes;
    struct af_script_party *party;
    const char *home; /* who it is outside of any mock context; NULL: nobody */
    const char *task; /* of calls that name none */
    bool mock;        /* it is in mock outside of a mock context, too */
    bool real;        /* the bus knows the nodes: none is checked here, and EVERYONE is its word */

    const char *node;  /* who it is now */
    const char *shown; /* who it was in its last mock context */
    bool in_context;
    char **nodes; /* those of the mock context, or of the flow */
    size_t node_count;

    enum af_sequential_wait wait;
    uint64_t call; /* that it waits in */
    struct af_box *waits_at;
    struct af_request wanted;        /* of a wait for events: what the filter is of */
    struct af_request_filter filter; /* the types that it waits for */
    struct af_timer *timer;

    struct af_file_store *kept; /* by party:keep; NULL: nothing */
    size_t kept_count, kept_bytes;
    bool ended;
};

/* Who it is, once its owner has said who it is at home. */
void af_sequential_begin(struct af_sequential *sequential);

/* The nodes that it knows of. Copied. */
void af_sequential_set_nodes(struct af_sequential *sequential, const char *const *nodes,
                             size_t count);

/* Runs its first line. */
void af_sequential_start(struct af_sequential *sequential);

/* Takes a call of its. */
void af_sequential_call(struct af_sequential *sequential, const struct af_script_call *call);

/* Whether it waits for a contract of this type at the box. */
bool af_sequential_wants(const struct af_sequential *sequential, const struct af_box *box,
                         const char *type);

/* Answers the call that it waits in, if by an event; the script may run on from within. */
void af_sequential_give(struct af_sequential *sequential, const struct af_script_event *event);
void af_sequential_answer(struct af_sequential *sequential, const char *reply, const char *failure);

/* It is ended from outside, wherever it is. */
void af_sequential_withdraw(struct af_sequential *sequential);

/* With its party. */
void af_sequential_release(struct af_sequential *sequential);

/* Its own output, or a flow's party's line. */
void af_sequential_print(const struct af_sequential *sequential, bool flow,
                         const struct af_script_call *call);

#endif
