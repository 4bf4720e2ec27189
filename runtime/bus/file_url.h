/* file_url.h: the URL of a file that a bus of ours keeps: HEAD<task>/<sha256>[.<extension>], where
 * what is no letter, digit, '-', '_' or '.' of the task's name stands as %XX. */
#ifndef AF_BUS_FILE_URL_H
#define AF_BUS_FILE_URL_H

#include <stdbool.h>

struct af_arena;
struct af_buf;

void af_bus_file_url_write(struct af_buf *out, const char *head, const char *task,
                           const char *sha256, const char *extension);

/* Reads one back, into the arena; false: it is none. */
bool af_bus_file_url_read(struct af_arena *arena, const char *head, const char *url,
                          const char **task, char sha256[65], const char **extension);

/* ".zip" of a name, in lower case, or "". */
const char *af_bus_file_extension(struct af_arena *arena, const char *name);

#endif
