/* migrate.h: a party's snapshot under one version of its flow becomes one under another, or why
 * not.
 *
 * The one way to do so, for a party in memory (move.h) as for one that is kept (reload.h): what a
 * simulated run or a check tries is what a node does, in the same words. Nothing but the party that
 * is given changes. */
#ifndef AF_MIGRATE_H
#define AF_MIGRATE_H

#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_migration;

/* A contract that the party has deferred. */
struct af_migration_deferred {
    const char *type, *content;
    size_t type_len, content_len;
};

struct af_migration_result {
    bool keeps_after; /* the `after` that runs, if one does: its state has the same name, and had
                         one in the old flow, too */
    int64_t after_ns; /* else that of its state begins anew; -1: it has none */
};

struct af_migration_spec {         /* all is borrowed until done is called */
    struct af_script_party *party; /* of the new version, just made: it is brought there */
    const struct af_flow *flow;    /* of it */
    struct af_script_party *back;  /* to go back: one of the version that it leaves, with its
                                      snapshot; or NULL */
    const struct af_flow *old; /* that it leaves; NULL: not known, taken to have had an `after` */
    const char *role, *state;  /* where it was */
    const char *data;          /* JSON */
    size_t data_len;
    int64_t version;
    struct af_hash seed;                          /* the party's */
    int64_t now_ns;                               /* wall clock */
    const struct af_migration_deferred *deferred; /* each must still fit */
    size_t deferred_count;
    void *arg;
    /* why NULL: spec.party is there. Called once, perhaps from within af_migration_start(), unless
     * the migration is freed; it may free it. */
    void (*done)(void *arg, const struct af_migration_result *result, const char *why);
};

struct af_migration *af_migration_new(const struct af_migration_spec *spec);
void af_migration_start(struct af_migration *migration);

/* Withdraws what is under way. The parties stay the caller's. */
void af_migration_free(struct af_migration *migration);

/* For af_script_set_owner(): what a migration asks of the outside is refused, so that in this
 * process it is over when af_migration_start() returns. */
void af_migration_call(void *owner, struct af_script_party *party,
                       const struct af_script_call *call);

#endif
