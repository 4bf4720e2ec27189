/* contract.h: one message on the network.
 *
 * A contract does not change once it is made; it is shared by counting, since a broadcast is one
 * contract with many targets. Its strings but type and content are borrowed: node IDs, task and
 * channel live as long as what made it. */
#ifndef AF_CONTRACT_H
#define AF_CONTRACT_H

#include "base/facts.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_contract {
    uint32_t refs;
    uint32_t type_len;
    struct af_hash uuid;
    struct af_hash key; /* of (sender, uuid): what makes two contracts the same one */
    int64_t time_ns;    /* when it was sent */
    int64_t number;     /* by which a bus knows it, for acknowledging; 0: none */
    struct af_facts facts;
    const char *task, *channel, *title;
    const char *from; /* the sender, NULL if the bus cannot tell */
    const char *type; /* "" if the content has none */
    const char *content;
    size_t content_len;
};

/* The platform's titles, ending with NULL; the first is that of all but its own two. */
extern const char *const af_contract_titles[];

/* The one of them that a text is, which lives as long as the program; or NULL. */
const char *af_contract_title(const char *text);

/* Why a content, which is JSON, is none that every bus, store and trace can carry: "larger than …",
 * "deeper than …", in words behind "is"; or NULL. */
const char *af_contract_unfit(const char *content, size_t len);

struct af_contract_parts {
    struct af_hash uuid;
    int64_t time_ns;
    const char *task, *channel, *title, *from;
    const char *type;
    size_t type_len;
    const char *content;
    size_t content_len;
    int64_t number;
    struct af_facts facts;
    bool own_uuid; /* made by us, for this sender alone: then it is the key */
};

/* A contract of its parts, counted once; type and content are copied. */
struct af_contract *af_contract_new(const struct af_contract_parts *parts);

/* The same contract pushed a second time, with a uuid of its own. */
struct af_contract *af_contract_repeat(const struct af_contract *contract, struct af_hash uuid);

struct af_contract *af_contract_hold(struct af_contract *contract);
void af_contract_drop(struct af_contract *contract); /* NULL is allowed */

/* ---- Which contracts were there already. ---- */

/* A set of keys that remembers at least the last AF_PARTY_SEEN_MAX; all zero bytes: empty. */
struct af_seen {
    struct af_seen_keys {
        struct af_hash *keys; /* and, behind them, cap slots */
        size_t count, cap;
    } current, previous;
};

/* Notes a contract; returns 0 if it was noted before. */
int af_seen_add(struct af_seen *seen, struct af_hash key);
void af_seen_release(struct af_seen *seen);

#endif
