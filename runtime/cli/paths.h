/* paths.h: files as they were named on the command line.
 *
 * A trace and a flow know a file by its name alone, so that they are the same in every folder; who
 * mends a mistake is told where the file is. */
#ifndef AF_PATHS_H
#define AF_PATHS_H

#include <stddef.h>
#include <stdio.h>

struct af_failure;

/* The flow that the command is about: a name without a folder, followed by a line (`ask.lua:3`), is
 * meant to be beside it if there is such a file. Borrowed. */
void af_paths_beside(const char *flow);

/* Writes text with such names as paths, control characters as escapes. */
void af_paths_write(FILE *out, const char *text, size_t len);

/* Writes `afrun: what: why` and a newline to standard error, likewise. */
void af_paths_write_failure(const struct af_failure *failure);

#endif
