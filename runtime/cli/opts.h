/* opts.h: command-line options as rows of a table.
 *
 * A command lists its options as rows; parsing, help and shell completion all read the same rows:
 *
 *     static int set_drop(void *target, const char *value, struct af_failure *why)
 *     {
 *         return af_opts_probability(value, &((struct run_options *)target)->drop, why);
 *     }
 *
 *     static const struct af_opt opts[] = {
 *         {"drop", 0, "P", "lose each message with probability P", "Faults", set_drop},
 *         {"help", 'h', NULL, "show this help", "Output", set_help},
 *         {0},
 *     };
 *
 * Long options are written `--drop=0.1` or `--drop 0.1`, short ones `-q`, `-qv`, `-o file` or
 * `-ofile`. Options stand before, between or after the positional arguments; `--` ends them; `-`
 * is positional. Names are not abbreviated: a script that says --dup today must not mean something
 * else once there is a --dupes. */
#ifndef AF_OPTS_H
#define AF_OPTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct af_failure;

/* Takes an option into target. value is borrowed from argv, so it lives as long as the process;
 * NULL for a flag. Returns 0, or -1 with *why filled; an empty `what` is then replaced by the
 * option's name. */
typedef int af_opt_set_fn(void *target, const char *value, struct af_failure *why);

struct af_opt {
    const char *name; /* without the dashes */
    char letter;      /* of its short form, or 0 */
    const char *arg;  /* its argument in the help ("FILE", "auto|always|never"); NULL: a flag */
    const char *help;
    const char *section; /* its heading in the help; rows of a section stand together */
    af_opt_set_fn *set;
};

struct af_opts_command {
    const char *name;          /* "run"; of a command's command both words: "ctl status" */
    const char *arguments;     /* of the usage line: "FLOW.lua… [options]" */
    const char *summary;       /* a phrase for the list of commands */
    const char *description;   /* paragraphs between usage and options, or NULL */
    const struct af_opt *opts; /* the last row has no name */
};

/* ---- Parsing. ---- */

/* Calls set() of the row of each option of argv (which starts behind the command's name), in their
 * order, and moves the positional arguments to the front of argv in their order.
 * Returns how many those are, or -1 with *why filled (AF_FAILURE_USAGE; `what` is the option as
 * typed) for an option that is unknown, has a value too many or none, or was refused by set();
 * options before it have been set then. */
int af_opts_parse(const struct af_opt *opts, int argc, char **argv, void *target,
                  struct af_failure *why);

/* The command called name in a table whose last row has no name, or NULL. */
const struct af_opts_command *af_opts_find_command(const struct af_opts_command *commands,
                                                   const char *name);

/* The name in the table that was probably meant by name, or NULL where none is like it. */
const char *af_opts_nearest_command(const struct af_opts_command *commands, const char *name);

/* How different two words are: how many letters must be added, dropped, changed or swapped with
 * their neighbour (one way to count it, up to words of AF_OPTS_WORD_MAX bytes; else INT_MAX). */
#define AF_OPTS_WORD_MAX 64
int af_opts_distance(const char *a, const char *b);

/* ---- Help and completion. ---- */

/* The columns of the terminal that out is, within 40 and 100; 80 where it is none. */
int af_opts_columns(FILE *out);

/* Prints the help of one command, and the list of commands, wrapped to so many columns. */
void af_opts_help(FILE *out, const struct af_opts_command *command, int columns);
void af_opts_help_commands(FILE *out, const struct af_opts_command *commands, int columns);

/* Prints a completion script for bash. An argument with FILE or .lua in its name is completed by
 * files, one with DIR by directories, and `a|b|c` by its choices. default_command is the one that
 * is meant where none is named. */
void af_opts_complete(FILE *out, const struct af_opts_command *commands,
                      const char *default_command);

/* ---- Values. Each returns 0, or -1 with *why saying what was expected and what came, with an
 * empty `what`; the result is unchanged then. ---- */

/* "0", or digits, perhaps with a fraction, and one of ns us ms s m h; exactly, at most
 * AF_TIME_MAX_NS. */
int af_opts_duration(const char *text, int64_t *ns, struct af_failure *why);

/* "A..B" with A <= B, or "A" for "A..A". */
int af_opts_duration_range(const char *text, int64_t *from_ns, int64_t *to_ns,
                           struct af_failure *why);

/* From 0 to 1. */
int af_opts_probability(const char *text, double *probability, struct af_failure *why);

/* Any 64-bit number without a sign, decimal. */
int af_opts_seed(const char *text, uint64_t *seed, struct af_failure *why);

/* From min to max, decimal. */
int af_opts_integer(const char *text, int64_t min, int64_t max, int64_t *value,
                    struct af_failure *why);

/* One of the words of choices ("auto|always|never"): its place among them, from 0. */
int af_opts_choice(const char *text, const char *choices, int *index, struct af_failure *why);

/* "role=N,role=N", N from min to max, appended to list; a role that the list has already is an
 * error. A name is a letter or _, then letters, digits, _ and -. */
struct af_opts_count {
    char *name;
    int64_t count;
};

struct af_opts_counts { /* zeroed to begin with */
    struct af_opts_count *items;
    size_t count, cap;
};

int af_opts_counts(const char *text, int64_t min, int64_t max, struct af_opts_counts *list,
                   struct af_failure *why);
void af_opts_counts_release(struct af_opts_counts *list);

/* "role:P". The caller frees *role. */
int af_opts_role_probability(const char *text, char **role, double *probability,
                             struct af_failure *why);

#endif
