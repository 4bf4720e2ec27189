/* opts_file.h: a command's options from a file: `name = value` lines, the names those of its long
 * options, beside what bus/config.h reads. For services, whose command line says one thing: which
 * file. */
#ifndef AF_OPTS_FILE_H
#define AF_OPTS_FILE_H

#include "cli/opts.h"

struct af_arena;
struct af_config;
struct af_failure;

struct af_opts_file {
    const struct af_opts_command *command;
    void *target;             /* the command's options */
    af_opts_given given;      /* on the command line: these win */
    struct af_arena *arena;   /* values live there */
    struct af_config *config; /* zeroed */
};

/* Reads it. A flag is written `name = true`; `config` and `help` have no place in it. Returns -1
 * with *why filled, which names file and line but no value. */
int af_opts_read_file(const char *path, const struct af_opts_file *file, struct af_failure *why);

#endif
