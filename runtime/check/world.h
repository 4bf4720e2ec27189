/* world.h: invariants. */
#ifndef AF_CHECK_WORLD_H
#define AF_CHECK_WORLD_H

#include "check/impl.h"

struct af_check_world *af_check_world_new(struct af_check *check);
void af_check_world_free(struct af_check_world *world);

/* Whether a state's view is known, and was asked for by af_check_world_asked() where names may be
 * exchanged: AF_CHECK_NONE if it is fine, else the violation. Several threads may ask. */
bool af_check_world_known(const struct af_check *check, const struct af_check_vector *state,
                          uint32_t *violation);
uint32_t af_check_world_look(struct af_check *check, const struct af_check_vector *state);

/* Notes that the search asks for a view that is known. Returns false if it has done so before. */
bool af_check_world_asked(struct af_check *check, const struct af_check_vector *state);
uint64_t af_check_world_count(const struct af_check *check);
uint64_t af_check_world_bytes(const struct af_check *check);

/* Shows the judging version's script all parties (AF_CHECK_NONE: it has not started). Returns false
 * if one of them cannot be shown. */
bool af_check_world_show(struct af_check *check, unsigned judge, const uint32_t *locals);

#endif
