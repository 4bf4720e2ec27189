/* state.h: what a state is made of: parties, contracts, and what happens to them, as
 * numbers. */
#ifndef AF_CHECK_STATE_H
#define AF_CHECK_STATE_H

#include "trace/schedule.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_check;
struct af_flow_state;

/* Inputs of a step: the kind in the highest bits, a number in the others. */
enum {
    AF_CHECK_CONTRACT = 0u << 28, /* a contract */
    AF_CHECK_TIMER = 1u << 28,    /* the word of a timer's name; "" is the state's `after` */
    AF_CHECK_WAIT = 2u << 28,     /* time passes: a number of check->waits */
    AF_CHECK_UP = 3u << 28,       /* it comes back */
    AF_CHECK_RELOAD = 4u << 28,   /* it goes on with the second version */
    AF_CHECK_RECALL = 5u << 28,   /* it takes up the event that it recalls */
    AF_CHECK_LEFT = 6u << 28, /* something that it has to do with is left out: AF_CHECK_SENT … */
    AF_CHECK_MISSES = 7u << 28, /* one that is down misses an instant of timers */
    AF_CHECK_STAYS = 8u << 28,  /* one that has just crashed need not have time pass next */
    AF_CHECK_NUMBER = (1u << 28) - 1,
};

/* A fault: DROP, DUPLICATE of a contract to it; CRASH, LOSE. */
#define AF_CHECK_FAULT(fault) ((9u + AF_FAULT_##fault) << 28)
static_assert(9 + AF_FAULTS <= 16, "a kind is four bits");

enum { AF_CHECK_NONE = UINT32_MAX };
enum { AF_CHECK_FRESH = 1, AF_CHECK_AWAY = 2 }; /* of one that is down */
enum { AF_CHECK_BROKEN = UINT32_MAX - 1 }; /* as what is watched: a violation, nothing behind it */

struct af_check_timer {
    uint32_t name; /* a word */
    uint32_t unused;
    int64_t left_ns;
};

/* A party as it may be. The first fields are its identity. */
struct af_check_local {
    uint32_t member;
    uint32_t status;  /* an enum af_party_status */
    uint32_t down;    /* 0: it is not; AF_CHECK_FRESH; else AF_CHECK_AWAY + the instants of timers
                         that it missed */
    uint32_t version; /* of the flow that it runs: 0 or 1 */
    uint32_t state;   /* of its role in that */
    uint32_t data, result, reason; /* words; result and reason: number + 1, 0 for none */
    uint32_t deferred;             /* a word: numbers of contracts */
    uint32_t timers;               /* a word: struct af_check_timer */
    uint32_t late; /* what was left out since it changes nothing, but may still be on its way:
                      something that it has sent, that it is to get; see next.c */
    /* ---- */
    uint32_t number;  /* among those of its member: what a state keeps */
    uint32_t view[2]; /* what invariants of each version see; AF_CHECK_NONE: cannot be shown */
    uint32_t end;     /* a word: how it ended, or rests */
    uint32_t recalls; /* the contract that it has deferred and takes up before anything else, now
                         that its state does not defer it; AF_CHECK_NONE: there is none */
    bool up;          /* it lives, and is not down */
    bool takes;       /* … and recalls nothing: it takes contracts and timeouts */
    bool over;        /* it has ended */
    bool gone;        /* … lost */
    bool rests;       /* in a may_end state */
    bool stateless;   /* it has not started */
    uint32_t crowd;   /* a contract of which it has deferred too many copies, or AF_CHECK_NONE */
    bool still;       /* it lives, and neither an event nor a timeout moves it any more */
    int64_t least_ns; /* left of its timers; -1: none is armed */
    const struct af_flow_state *about; /* its state */
};

enum {
    AF_CHECK_LOCAL_KEYS = 11, /* how many fields its identity has */
    AF_CHECK_CALL_KEYS = 10,  /* … and how many of them a call may depend on, the first ones */
};

enum { AF_CHECK_SENT = 1, AF_CHECK_TO_GET = 2 };

struct af_check_message {   /* a contract */
    uint32_t from, to;      /* members */
    uint32_t type, content; /* words */
    /* ---- */
    uint32_t link;   /* from and to as one number */
    int event[2];    /* of each version of the flow */
    bool nowhere[2]; /* its receiver expects it in no state */
    bool inert; /* it does the same to its receiver whenever it comes, and nothing but a finding */
};

enum { AF_CHECK_MESSAGE_KEYS = 4 };

/* What an input does to a party. */
struct af_check_step {
    uint32_t next;                   /* the party afterwards */
    uint32_t first_send, send_count; /* in check->sends: contracts; in order of links with --fifo,
                                        else of numbers */
    uint32_t notes;                  /* what monitors are told of it: a list's number */
    uint32_t violation;              /* AF_CHECK_NONE: none */
    bool ends_run;                   /* … behind which nothing is explored */
};

enum { AF_CHECK_SLEEPS = 1 };

/* A state. Contracts stand in the order of numbers, with --fifo in that of links. */
struct af_check_vector {
    uint32_t budget[AF_FAULTS];
    uint32_t watch;   /* what monitors have seen, and which properties wait */
    uint32_t *locals; /* by member */
    uint32_t *contracts;
    uint8_t *flags; /* of each contract: AF_CHECK_SLEEPS */
    size_t count, cap;
};

void af_check_vector_init(const struct af_check *check, struct af_check_vector *vector);
void af_check_vector_release(struct af_check_vector *vector);
void af_check_vector_reserve(struct af_check_vector *vector, size_t count);
void af_check_vector_copy(const struct af_check *check, struct af_check_vector *to,
                          const struct af_check_vector *from);

/* As bytes, and zeros up to a whole word: returns how many without these; out has room for
 * AF_CHECK_PACKED_MAX, or what af_check_pack_room() says. 0: it does not fit. */
enum { AF_CHECK_PACKED_MAX = 16000 };
size_t af_check_pack_room(const struct af_check *check, const struct af_check_vector *vector);
size_t af_check_pack(const struct af_check *check, const struct af_check_vector *vector,
                     unsigned char *out);
void af_check_unpack(const struct af_check *check, const unsigned char *bytes, size_t len,
                     struct af_check_vector *vector);

#endif
