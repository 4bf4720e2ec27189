/* watch.h: --watch: a command is run again whenever a file that it is about has been saved. */
#ifndef AF_WATCH_H
#define AF_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct af_failure;

/* The words of a command line as they were typed: parsing moves them. */
struct af_watch_words {
    char **items; /* "afrun", the command, … but `--watch`; ends with NULL */
    size_t count;
};

void af_watch_words_init(struct af_watch_words *words, const char *command, int argc, char **argv);
void af_watch_words_release(struct af_watch_words *words);

/* Runs the command, each time in a process of its own, at once and whenever a Lua file has been
 * saved in the folders of these files, or below them (a folder stands for itself; none: here).
 * Returns 130 when Ctrl-C ends it; -1 with *why filled if nothing can be watched. */
int af_watch(const struct af_watch_words *words, const char *const *files, size_t count,
             struct af_failure *why);

/* Of a command that is watched: it has to do with this file, too. */
void af_watch_note(const char *path);

/* For who watches by a loop of his own: a descriptor that can be read when something has happened
 * in the folder of this file, or below. Returns -1 with *why filled. */
int af_watch_open(const char *path, struct af_failure *why);

/* Reads what has happened; whether a Lua file, or a bundle, is among it. */
bool af_watch_read(int inotify);

#endif
