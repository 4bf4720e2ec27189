/* lua_halves.h: work on many items of which each is for itself, done on two threads where it is
 * long and threads may be had. The results are the same on one. */
#ifndef AF_LUA_HALVES_H
#define AF_LUA_HALVES_H

#include <stddef.h>

/* Does items from to to - 1 of the work behind arg. Runs on another thread, too: it touches no Lua,
 * and writes nothing but what belongs to these items. */
typedef void af_halves_part(void *arg, size_t from, size_t to);

/* Does all items from 0 to count - 1, and returns when they are done. The second half has a thread
 * of its own if there are at least `worth` items (what takes longer than to start a thread), and
 * begins at a multiple of `unit`. */
void af_halves_do(af_halves_part *part, void *arg, size_t count, size_t unit, size_t worth);

#endif
