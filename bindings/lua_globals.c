/* lua_globals.c: what the sandbox's globals have from the layers above it. */
#include "lua_sandbox.h"

#include "lua_host.h"
#include "lua_script.h"

void af_globals_open(lua_State *L)
{
    static const struct af_sandbox_host host = {af_host_log, af_script_require, af_host_set_chance};
    af_sandbox_open(L, &host);
}
