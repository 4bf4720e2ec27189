/* ready.h: `afrun ready`, for the studio: a process that has begun before it is needed; in no list.
 *
 *     ready                  waits for its command
 *     ready FLOW             the same: a simulated run of this flow, without options that grant
 *     ready - COMMAND…       knows its command, which waits for its input
 *
 * The last two have memory at hand, and are done with once they have written their answer. Others
 * are not: what is fast for a small run is slow for the tables of a check. */
#ifndef AF_READY_H
#define AF_READY_H

#include <stdbool.h>

struct af_failure;

/* Does what can be done ahead: of a flow its broker (cli/jailed.h) and its Lua state, too. Then the
 * command's words, of which there are `room` at most: those that are known, or what comes by
 * standard input, each ended by a zero, the last one empty. They are borrowed for good. Returns
 * their count, the program's name with it, or -1 with *why filled. */
int af_ready_words(int argc, char **argv, int room, char **words, struct af_failure *why);

/* In such a process, once its broker was forked, which makes pages dear again: has memory at hand,
 * as a page that is touched first costs more than what is done with it. */
void af_ready_warm(void);

/* Of such a process, all of whose answer is written: says so to who reads it, who need not wait for
 * its end. */
void af_ready_leave(void);

#endif
