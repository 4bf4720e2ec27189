/* lua_driver.c: scripts that run in this process, as script/driver.h wants them. */
#include "lua_script.h"

const struct af_script_driver af_lua_driver = {
    .free = af_lua_free,
    .flow = af_lua_flow,
    .file = af_lua_file,
    .set_task = af_lua_set_task,
    .members = af_lua_members,
    .set_owner = af_lua_set_owner,
    .answer = af_lua_answer,
    .party_new = af_lua_party_new,
    .party_free = af_lua_party_free,
    .party_user = af_lua_party_user,
    .party_sequential = af_lua_party_sequential,
    .party_state = af_lua_party_state,
    .party_data = af_lua_party_data,
    .party_restore = af_lua_party_restore,
    .party_where = af_lua_party_where,
    .deliver = af_lua_deliver,
    .withdraw = af_lua_withdraw,
};
