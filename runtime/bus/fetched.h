/* fetched.h: files that a service has fetched from a bus elsewhere, kept for who asks again or for
 * the rest: in a folder, by their SHA-256, the oldest going for newer ones. */
#ifndef AF_BUS_FETCHED_H
#define AF_BUS_FETCHED_H

struct af_failure;

/* The folder in `files`, which is made if it is not there; NULL with *why filled. The caller frees
 * it. */
char *af_bus_fetched_folder(const char *files, struct af_failure *why);

/* Removes the oldest as long as they are too large together. */
void af_bus_fetched_make_room(const char *folder);

#endif
