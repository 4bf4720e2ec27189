/* group.h: a memory cgroup for each worker, where this process may make one: below its own cgroup,
 * of version 2 (a service with Delegate=memory, root) or of version 1. What a worker takes then
 * counts whatever it takes it by, memory files too, and the kernel kills it, and nobody else, where
 * it takes more. Once a process; one thread. */
#ifndef AF_WORKER_GROUP_H
#define AF_WORKER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sees whether they can be made. In version 2, where only groups without processes have groups,
 * this process goes into one of its own below. Returns false with why not in words. */
bool af_worker_group_begin(char *why, size_t size);

/* The same below `base`, a folder as the kernel has it; version as above. */
bool af_worker_group_begin_at(const char *base, int version, char *why, size_t size);

/* The folder below which the groups of a process are, by the text of its /proc/PID/cgroup; version
 * 2 where `unified`. false: there is none. */
bool af_worker_group_find(const char *text, bool unified, char *base, size_t size);

/* Whether that has begun well. */
bool af_worker_group_is_there(void);

/* Puts a process into a group of its own that may take so many bytes; false: it stays where it is,
 * errno says why. */
bool af_worker_group_put(int pid, int64_t bytes);

/* Removes the group of a process that has ended. Whether the kernel has killed it for memory. */
bool af_worker_group_end(int pid);

/* Goes back to where it began. */
void af_worker_group_close(void);

#endif
