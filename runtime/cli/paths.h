/* paths.h: files as they were named on the command line.
 *
 * A trace and a flow know a file by its name alone, so that they are the same in every folder; who
 * mends a mistake is told where the file is. */
#ifndef AF_PATHS_H
#define AF_PATHS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct af_failure;

/* The flow that the command is about: a name without a folder, followed by a line (`ask.lua:3`), is
 * meant to be beside it, or in it where it is a bundle's folder, if there is such a file. Borrowed.
 */
void af_paths_beside(const char *flow);

/* Appends text with such names as paths; or writes it, control characters as escapes. */
void af_paths_append(struct af_buf *out, const char *text, size_t len);
void af_paths_write(FILE *out, const char *text, size_t len);

void af_paths_append_file(struct af_buf *out, const char *name); /* a name alone */

/* The same for a line of a trace that is drawn: the text is JSON. */
void af_paths_append_json(struct af_buf *out, const char *text, size_t len);

/* Finds the first place, a file and a line of it (`sub/ask.lua:3`), that the text names. */
bool af_paths_find(const char *text, struct af_buf *file, long *line);

/* Tells `what: why` on standard error, likewise. */
void af_paths_write_failure(const struct af_failure *failure);

#endif
