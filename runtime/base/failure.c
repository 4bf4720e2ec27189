/* failure.c: see failure.h. */
#include "base/failure.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const int exit_statuses[] = {
    [AF_FAILURE_NONE] = 0,      [AF_FAILURE_FLOW] = 1,          [AF_FAILURE_USAGE] = 2,
    [AF_FAILURE_TRANSPORT] = 3, [AF_FAILURE_INTERRUPTED] = 130,
};

/* Ends a text that was cut at the end of its array before its last, broken, UTF-8 character. */
static void mend_cut(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    while (back < len && back < 4 && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0xC0) {
        unsigned char lead = (unsigned char)text[len - 1 - back];
        size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        if (back < want)
            text[len - 1 - back] = '\0';
    }
}

int af_failure_set(struct af_failure *failure, enum af_failure_kind kind, const char *what,
                   const char *why_format, ...)
{
    if (failure == NULL || failure->kind != AF_FAILURE_NONE)
        return -1;
    failure->kind = kind;
    if (snprintf(failure->what, sizeof failure->what, "%s", what) >= (int)sizeof failure->what)
        mend_cut(failure->what);
    va_list args;
    va_start(args, why_format);
    if (vsnprintf(failure->why, sizeof failure->why, why_format, args) >= (int)sizeof failure->why)
        mend_cut(failure->why);
    va_end(args);
    return -1;
}

int af_failure_exit_status(const struct af_failure *failure)
{
    return exit_statuses[failure->kind];
}

void af_failure_print(const struct af_failure *failure)
{
    if (failure->what[0] != '\0')
        fprintf(stderr, "afrun: %s: %s\n", failure->what, failure->why);
    else
        fprintf(stderr, "afrun: %s\n", failure->why);
}
