/* watch.h: being told when what stands at a path may have changed.
 *
 * Inotify tells of one folder. What a flow depends on is more: the folders below, a folder or a
 * link that is replaced (`releases/current`, a ConfigMap's `..data`), also on the way there. So
 * what is watched is found anew each time something has happened: make another descriptor, and look
 * after that. */
#ifndef AF_CODE_WATCH_H
#define AF_CODE_WATCH_H

/* A descriptor without watches that does not block; -1 with errno set. */
int af_code_watch_open(void);

/* Watches a folder, or that of a file, with each link on the way and the folder that it stands in;
 * of what is not there yet the nearest folder above that is. Returns -1 with errno set where it
 * cannot be watched. */
int af_code_watch_path(int fd, const char *path);

/* The same, and all folders below: at most AF_CODE_LEVELS_MAX deep, AF_CODE_WATCHED_MAX of them. */
int af_code_watch_tree(int fd, const char *path);

/* What tells a file, or a folder with all below, from what stands there another time: numbers and
 * times of the file system, no contents. */
void af_code_stamp(const char *path, char stamp[65]);

#endif
