/* lua_event.h: event types and events.
 *
 * An event type (`Sync`) is a userdata, compiled once per chunk and position and shared by all
 * parties of a state. An event is a read-only table: its fields stand in a table of their own,
 * which the metatable shows. Events are made to be sent, and few are read by who made them: a plain
 * one is kept as the JSON that will go out, until somebody asks for a field. */
#ifndef AF_LUA_EVENT_H
#define AF_LUA_EVENT_H

#include "base/buf.h"
#include "lua_type.h"
#include "script/script.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct af_event_class {
    const char *type;
    size_t type_len;
    const char *first; /* "type":"sync", as the first member of the JSON */
    const struct af_type *record;
    bool predefined;
    bool overridden;          /* a script has set event_to_contract or contract_to_event */
    int flow_index;           /* among the flow's events, or -1 */
    struct af_flow_line line; /* where it was declared */
};

/* The class at index, or of the event at index; NULL if it is none. */
struct af_event_class *af_event_class_at(lua_State *L, int index);
struct af_event_class *af_event_class_of(lua_State *L, int index);

/* Appends the content of the event at index to out and returns its class. An event that a script
 * has overridden is asked for it, so this may run script code. Raises what is wrong. */
const struct af_event_class *af_event_write(lua_State *L, int index, struct af_buf *out);

/* Pushes the event of the class at class_index that a content describes, and returns NULL; or
 * pushes nothing and returns why not (borrowed until the next call). May run script code of an
 * overridden class, and raise for want of memory or an error of the override. */
const char *af_event_read(lua_State *L, int class_index, const char *content, size_t len);

/* Adds host.event() and its like to the table on top. */
void af_event_open(lua_State *L);

#endif
