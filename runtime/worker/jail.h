/* jail.h: a process that can compute and talk to whom it talks already, and nothing else.
 *
 * After af_jail_enter() this process cannot get more privileges, be looked into, open a file, make
 * a socket, a process or a thread, run a program, or make memory that can be executed; it may read,
 * write and receive on the descriptors that it has, make anonymous memory and memory files, and end
 * itself. What the C library tries without need (looking at a file, at a terminal) fails with
 * EPERM; anything else kills the process. It dies with its parent.
 *
 * af_jail_enter_engine() is for a process that runs a flow by itself, as `afrun FLOW.lua --mock`
 * does: the same filter with what that needs besides (threads, timers, a terminal's size, a pair of
 * sockets for its broker, signals to its jobs), and Landlock, by which it reaches no file, no port
 * and no process outside. It has its own limits of memory, and does not die with its parent.
 *
 * Either is fenced by Landlock besides where the system has it: then a call that the filter let
 * through would reach no file, port or process either.
 *
 * With the sanitizers, which need more of the system, there are limits alone. */
#ifndef AF_JAIL_H
#define AF_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct af_failure;

/* Whether this program is built with a filter of system calls, or has limits alone. */
bool af_jail_has_filter(void);

/* Whether the kernel lets a process jail itself: tries it in a child. false with *why filled. */
bool af_jail_supported(struct af_failure *why);

struct af_jail_spec {
    pid_t parent;         /* whose end is this process's too */
    size_t address_bytes; /* of memory, the program included */
    size_t file_bytes;    /* of a memory file */
    unsigned descriptors; /* open ones */
    bool limits_only;     /* no filter of system calls */
};

/* What a jail lacks here. */
enum { AF_JAIL_LACKS_FILTER = 1, AF_JAIL_LACKS_LANDLOCK = 2, AF_JAIL_LACKS_ALL = 3 };

/* Jails this process, for good; *lacks says in what it could not be. Returns -1 with *why filled
 * where not even its limits could be set; the process may be jailed in part then and should end. */
int af_jail_enter_far(const struct af_jail_spec *spec, unsigned *lacks, struct af_failure *why);

/* The same, and -1 without the filter of system calls, but where none is meant to be. */
int af_jail_enter(const struct af_jail_spec *spec, struct af_failure *why);

/* Jails this process as far as the system lets it, for good. jobs: processes that it may interrupt,
 * which are in no jail of its own yet, or jail themselves. Returns what is lacking. */
unsigned af_jail_enter_engine(const pid_t *jobs, size_t job_count);

#endif
