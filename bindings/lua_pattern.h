/* lua_pattern.h: Lua's patterns, matched at a cost that is counted.
 *
 * The standard library's matcher may try for ages inside of one call, where no cap sees it. This
 * one counts each step that it takes, and has no recursion: a pattern has no loops, so each of its
 * items is on the path to a match once, and keeps its own place to go back to. */
#ifndef AF_LUA_PATTERN_H
#define AF_LUA_PATTERN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { AF_PATTERN_CAPTURES_MAX = 32 };

struct af_pattern;

/* Where a match begins and ends, and its captures. */
struct af_match {
    const char *start, *end;
    struct {
        const char *start;
        const char *end; /* NULL: a position */
    } captures[AF_PATTERN_CAPTURES_MAX];
    unsigned capture_count;
};

/* Room for a pattern as long as most are. */
struct af_pattern_room {
    _Alignas(max_align_t) char bytes[2048];
};

/* Compiles a pattern into the room, or where that is NULL or too small into what it pushes instead
 * of nil. With `anchors` a '^' at the beginning is an anchor, else a letter. Raises for what is no
 * pattern. */
struct af_pattern *af_pattern_push(lua_State *L, struct af_pattern_room *room, const char *text,
                                   size_t len, bool anchors);

bool af_pattern_is_anchored(const struct af_pattern *pattern);

/* Looks for the first match in a text that begins at `from` or later. Returns false where there is
 * none, or where the steps that the delivery has left are used up, which is seen at
 * af_vm_spend(L, 0). */
bool af_pattern_find(lua_State *L, struct af_pattern *pattern, const char *text, size_t len,
                     const char *from, struct af_match *match);

/* Replaces find, match, gmatch and gsub in the table on the top (lua_string.c). */
void af_string_open(lua_State *L);

#endif
