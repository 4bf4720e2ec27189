/* reload.h: whether a party may go on under another version of its flow, and how it looks there.
 *
 * Nothing is changed here: a party's snapshot is brought to the new version on a copy, what it has
 * deferred is validated there, and the owner swaps all of its parties or none. */
#ifndef AF_RELOAD_H
#define AF_RELOAD_H

#include "script/script.h"

#include <stdbool.h>

struct af_buf;
struct af_failure;
struct af_loop;
struct af_migration_deferred;
struct af_reload;
struct af_store;
struct af_store_party;

/* What of a move from one version to another is allowed. */
struct af_reload_rules {
    bool mends; /* the same version, mended: all of its parties are held */
    bool back;  /* to an earlier version */
    bool tries; /* events may change: a simulated run finds out what that does */
};

/* Compares the flows. Returns -1 with *why filled: another name, a version that did not move, an
 * event of which what is on its way could not be read any more (field and line named). */
int af_reload_compare(const struct af_flow *old, const struct af_flow *new, const char *file,
                      const struct af_reload_rules *rules, struct af_failure *why);

/* A party under the new version. Texts live as long as the reload. */
struct af_reload_result {
    const char *state, *data, *timers;
    size_t data_len;
    bool keeps_after;          /* that runs, if one does */
    bool begins;               /* else that of its state, anew: … */
    int64_t due_ns, length_ns; /* … wall clock */
};

struct af_reload_spec {                 /* borrowed until done is called */
    struct af_script *script;           /* the new one, whose task is set */
    const struct af_flow *old;          /* of that version; NULL: it is not known */
    uint32_t back_member;               /* in: */
    struct af_script *back;             /* of the version that it leaves, to go back; or NULL */
    const struct af_store_party *party; /* as it is kept; it has started, and not ended */
    struct af_store *store;             /* where what it has deferred is read; NULL: that is … */
    const struct af_migration_deferred *deferred; /* … this */
    size_t deferred_count;
    const char *role;
    int64_t version; /* that it is of */
    uint32_t member;
    int64_t now_ns; /* wall clock */
    struct af_loop *loop;
    void *arg;
    /* why NULL: result tells. Called once, perhaps from within; unless the reload is freed. */
    void (*done)(void *arg, const struct af_reload_result *result, const char *why);
};

struct af_reload *af_reload_begin(const struct af_reload_spec *spec);
void af_reload_free(struct af_reload *reload);

#endif
