/* lua_lines.c: see lua_lines.h; the functions of script/script.h are for who steps. */
#include "lua_lines.h"

#include "base/bounds.h"
#include "script/script.h"

#include <stdio.h>
#include <string.h>

static struct {
    char file[200]; /* "": any */
    int line;
} lines[AF_SCRIPT_LINES_MAX];
static size_t line_count;
static char reached[240];

bool af_script_watch_line(const char *file, int line)
{
    if (line_count == AF_SCRIPT_LINES_MAX || strlen(file) >= sizeof lines[0].file)
        return false;
    snprintf(lines[line_count].file, sizeof lines[0].file, "%s", file);
    lines[line_count++].line = line;
    return true;
}

void af_script_unwatch_lines(void)
{
    line_count = 0;
}

bool af_script_line_reached(char *place, size_t size)
{
    bool is = reached[0] != '\0';
    if (is)
        snprintf(place, size, "%s", reached);
    reached[0] = '\0';
    return is;
}

bool af_lines_watched(void)
{
    return line_count > 0;
}

void af_lines_note(const lua_Debug *activation)
{
    for (size_t i = 0; i < line_count && reached[0] == '\0'; i++)
        if (lines[i].line == activation->currentline &&
            (lines[i].file[0] == '\0' || strcmp(lines[i].file, activation->short_src) == 0))
            snprintf(reached, sizeof reached, "%s:%d", activation->short_src,
                     activation->currentline);
}
