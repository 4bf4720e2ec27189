/* replay_state.h: `afrun replay STATE`: what is kept of parties, played again. */
#ifndef AF_REPLAY_STATE_H
#define AF_REPLAY_STATE_H

#include "cli/replay.h"

/* Whether a file is a store, not a trace. */
bool af_replay_is_state(const char *path);

/* Plays all parties of the file. Returns 0 if all did the same; 1 if one did not, told on standard
 * error; -1 with *why filled. */
int af_replay_state(const struct af_replay_options *options, struct af_failure *why);

#endif
