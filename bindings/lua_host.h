/* lua_host.h: chance, time, logs: what a script may learn from its host. */
#ifndef AF_LUA_HOST_H
#define AF_LUA_HOST_H

#include <lua.h>

/* Adds host.now(), host.uuid(), host.done() … to the table on top. */
void af_host_open(lua_State *L);

/* Replaces random and randomseed in the math library on top. */
void af_host_set_chance(lua_State *L);

/* Logs the string on the top of the stack as a line of the running party's. Returns 0; raises where
 * the step has logged too much. */
int af_host_log(lua_State *L);

/* What af.done() or af.fail() gave, at index: its outcome (see script/script.h) and text;
 * AF_OUTCOME_NONE for any other value. */
int af_host_outcome(lua_State *L, int index, const char **text);

/* The chance of the delivery that runs. Raises while a file is loaded. */
struct af_rng *af_host_chance(lua_State *L);

#endif
