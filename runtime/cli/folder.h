/* folder.h: a folder of texts that a tool of scripts/tool/ has made. */
#ifndef AF_CLI_FOLDER_H
#define AF_CLI_FOLDER_H

#include <stdbool.h>

struct af_failure;
struct af_request_field;

/* Makes the folder, which must not be there yet, with the files of a list (a path, a text, a path
 * …); json: tells of them as the answer of that kind. Returns 0, or -1 with *why filled. */
int af_folder_make(const char *kind, const char *name, const struct af_request_field *files,
                   bool json, struct af_failure *why);

#endif
