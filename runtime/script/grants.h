/* grants.h: what a script's calls may reach: files, hosts and programs. What was not granted is
 * refused, with the option that would grant it. */
#ifndef AF_GRANTS_H
#define AF_GRANTS_H

#include "script/file_access.h"

#include <stdbool.h>
#include <stddef.h>

struct af_failure;

struct af_grants_host {
    char *name; /* lower case; an IPv6 address in brackets */
    int port;   /* 0: any */
};

struct af_grants_program {
    char *name; /* as it was granted */
    char *path; /* the real one */
};

struct af_grants { /* zeroed to begin with: nothing is granted */
    struct af_file_access files;
    struct af_grants_host *hosts;
    size_t host_count, host_cap;
    struct af_grants_program *programs;
    size_t program_count, program_cap;
};

void af_grants_release(struct af_grants *grants);

/* Grants HOST or HOST:PORT (an IPv6 address in brackets). Returns -1 with *why filled if it is
 * neither. */
int af_grants_add_host(struct af_grants *grants, const char *host, struct af_failure *why);

/* Grants each of the hosts that stand between blanks or commas, as files_hosts of a config does;
 * NULL: none. Returns -1 with *why filled, which names that, if one of them is no host. */
int af_grants_add_hosts(struct af_grants *grants, const char *hosts, struct af_failure *why);

/* Grants a program: a path, or a name that is looked up in PATH now. Returns -1 with *why filled if
 * there is no such program. */
int af_grants_add_program(struct af_grants *grants, const char *program, struct af_failure *why);

/* Whether an http or https URL may be reached: 0, or -1 with *why filled. */
int af_grants_host(const struct af_grants *grants, const char *url, struct af_failure *why);

/* The path of a program that a script names: as it was granted, or by a path that leads to the
 * same file. Borrowed from the grants. NULL with *why filled: not granted. */
const char *af_grants_program(const struct af_grants *grants, const char *program,
                              struct af_failure *why);

/* Whether what a flow says it wants is granted: a folder ("read", "write"), HOST or HOST:PORT
 * ("net"), a program ("run"). */
bool af_grants_has(const struct af_grants *grants, const char *word, const char *what);

#endif
