/* monitor.h: monitors, and which properties wait for their predicate. */
#ifndef AF_CHECK_MONITOR_H
#define AF_CHECK_MONITOR_H

#include "check/impl.h"

void af_check_watch_new(struct af_check *check);
void af_check_watch_free(struct af_check_watch *watch);
uint64_t af_check_watch_bytes(const struct af_check *check);

/* Adds to the list that is made; ends that list: its number, 0 for an empty one. */
void af_check_watch_note(struct af_check *check, const struct af_happened *happened);
uint32_t af_check_watch_noted(struct af_check *check);

/* The list of one happening: of a party, of a contract to it. */
uint32_t af_check_watch_party(struct af_check *check, enum af_happening kind,
                              const struct af_check_local *local);
uint32_t af_check_watch_contract(struct af_check *check, enum af_happening kind,
                                 const struct af_check_local *local, uint32_t contract);

struct af_check_watched {   /* a step */
    bool asks;              /* what is not known is found out */
    bool judged;            /* predicates are asked of the world behind it */
    const uint32_t *before; /* parties, AF_CHECK_NONE: it has not started */
    uint32_t notes[2];      /* one list after the other */
};

/* What is watched before anybody starts. Returns false with a violation. */
bool af_check_watch_begin(struct af_check *check, struct af_check_vector *state,
                          uint32_t *violation);

/* Makes of what was watched before the step, in `after`, what is behind it: AF_CHECK_BROKEN with a
 * violation. Returns false if that is not known. Several threads may call it that do not ask. */
bool af_check_watch_step(struct af_check *check, const struct af_check_watched *watched,
                         struct af_check_vector *after, uint32_t *violation);

/* Whether a property of a version, by its number there, waits. */
bool af_check_watch_waits(const struct af_check *check, uint32_t watch, unsigned version,
                          size_t number);

#endif
