/* lua_lines.h: lines that somebody who steps through a run waits for. */
#ifndef AF_LUA_LINES_H
#define AF_LUA_LINES_H

#include <lua.h>
#include <stdbool.h>

/* Whether any line is waited for: then hooks are wanted at each. */
bool af_lines_watched(void);

/* Notes that a line runs. activation: of a line hook, its source filled in. */
void af_lines_note(const lua_Debug *activation);

#endif
