/* opts.h: command-line options as rows of a table.
 *
 * A command lists its options as rows; parsing, help and shell completion all read the same rows. A
 * row says what kind of value the option has, within which bounds, and in which field of the
 * command's options it goes; a function stands there only where more is read than a value:
 *
 *     struct run_options {
 *         double drop;
 *         int verbosity;
 *         struct af_script_arg_list args;
 *         bool help;
 *     };
 *
 *     static const struct af_opt opts[] = {
 *         {"drop", 0, "P", "lose each message with probability P", "Faults",
 *          AF_OPT_PROBABILITY(struct run_options, drop)},
 *         {"arg", 0, "NAME=VALUE", "an argument of the flow", "Run",
 *          AF_OPT_READ(struct run_options, args, af_opts_add_arg)},
 *         {"quiet", 'q', NULL, "say less", "Output",
 *          AF_OPT_CONSTANT(struct run_options, verbosity, -1)},
 *         {"help", 'h', NULL, "show this help", "Output", AF_OPT_FLAG(struct run_options, help)},
 *         {0},
 *     };
 *
 * Long options are written `--drop=0.1` or `--drop 0.1`, short ones `-q`, `-qv`, `-o file` or
 * `-ofile`. Options stand before, between or after the positional arguments; `--` ends them; `-`
 * is positional. Names are not abbreviated: a script that says --dup today must not mean something
 * else once there is a --dupes. */
#ifndef AF_OPTS_H
#define AF_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct af_failure;

/* Takes a value into a field of the command's options. value is borrowed from argv, so it lives as
 * long as the process; NULL for a flag. Returns 0, or -1 with *why filled; an empty `what` is then
 * replaced by the option's name. */
typedef int af_opt_set_fn(void *field, const char *value, struct af_failure *why);

/* Told of an option that is given, before it is set. */
typedef void af_opt_note_fn(void *target, const char *name, const char *value);

enum af_opt_kind {
    AF_OPT_BY_SETTER,
    AF_OPT_IS_CONSTANT, /* a flag: `lowest` goes into an integer or bool */
    AF_OPT_IS_TEXT,     /* any but an empty one, into a const char * */
    AF_OPT_IS_ID,       /* of a node, a task or a role, into a const char * */
    AF_OPT_IS_COUNT,    /* from lowest to most, into an integer */
    AF_OPT_IS_SIZE,     /* digits and K, M, G or T, from 1 to most bytes, into an integer */
    AF_OPT_IS_DURATION, /* at least `lowest` nanoseconds, into an int64_t */
    AF_OPT_IS_PROBABILITY,
    AF_OPT_IS_COLOR, /* auto|always|never: into the whole program (base/log.h) */
    AF_OPT_IS_LOG,   /* text|json: the same */
    AF_OPT_IS_HELP,  /* a flag: the words are read, and AF_OPTS_HELP is returned */
};

struct af_opt {
    const char *name; /* without the dashes */
    char letter;      /* of its short form, or 0 */
    const char *arg;  /* its argument in the help ("FILE", "auto|always|never"); NULL: a flag */
    const char *help;
    const char *section; /* its heading in the help; rows of a section stand together */
    enum af_opt_kind kind;
    unsigned size; /* of the field */
    size_t at;     /* from the beginning of the command's options */
    int64_t lowest, most;
    int64_t unit; /* of a size without a letter, in bytes */
    af_opt_set_fn *set;
    af_opt_note_fn *note; /* or NULL */
    const char *excludes; /* names of options that do not go with it, divided by blanks; or NULL */
};

/* What stands in a row behind its section: the kind and its field. A field of another C type than
 * the kind writes does not compile. */
#define AF_OPT_FIELD(type, field) .at = offsetof(type, field), .size = sizeof((type *)0)->field
#define AF_OPT_TYPED(type, field, c_type)                                                          \
    .at = offsetof(type, field) + 0 * sizeof(_Generic(&((type *)0)->field, c_type * : 1)),         \
    .size = sizeof(c_type)
#define AF_OPT_CONSTANT(type, field, value)                                                        \
    .kind = AF_OPT_IS_CONSTANT, AF_OPT_FIELD(type, field), .lowest = (value)
#define AF_OPT_FLAG(type, field)                                                                   \
    .kind = AF_OPT_IS_CONSTANT, AF_OPT_TYPED(type, field, bool), .lowest = true
#define AF_OPT_TEXT(type, field) .kind = AF_OPT_IS_TEXT, AF_OPT_TYPED(type, field, const char *)
#define AF_OPT_ID(type, field) .kind = AF_OPT_IS_ID, AF_OPT_TYPED(type, field, const char *)
#define AF_OPT_COUNT(type, field, from, to)                                                        \
    .kind = AF_OPT_IS_COUNT, AF_OPT_FIELD(type, field), .lowest = (from), .most = (to)
#define AF_OPT_SIZE(type, field, of, to)                                                           \
    .kind = AF_OPT_IS_SIZE, AF_OPT_FIELD(type, field), .unit = (of), .most = (to)
#define AF_OPT_DURATION(type, field, from)                                                         \
    .kind = AF_OPT_IS_DURATION, AF_OPT_TYPED(type, field, int64_t), .lowest = (from)
#define AF_OPT_PROBABILITY(type, field)                                                            \
    .kind = AF_OPT_IS_PROBABILITY, AF_OPT_TYPED(type, field, double)
#define AF_OPT_COLOR .kind = AF_OPT_IS_COLOR
#define AF_OPT_LOG .kind = AF_OPT_IS_LOG
#define AF_OPT_HELP .kind = AF_OPT_IS_HELP
#define AF_OPT_READ(type, field, function) AF_OPT_FIELD(type, field), .set = (function)

/* The last rows of most commands. */
#define AF_OPTS_LAST(section)                                                                        \
    {"color", 0, "auto|always|never", "colours (default: on a terminal)", section, AF_OPT_COLOR},    \
        {"log", 0, "text|json", "messages as text (default) or lines of JSON", section, AF_OPT_LOG}, \
        {"help", 'h', NULL, "show this", section, AF_OPT_HELP},                                      \
    {                                                                                                \
        0                                                                                            \
    }

struct af_opts_command {
    const char *name;          /* "run"; of a command's command both words: "ctl status" */
    const char *arguments;     /* of the usage line: "FLOW.lua… [options]" */
    const char *summary;       /* a phrase for the list of commands */
    const char *description;   /* paragraphs between usage and options, or NULL */
    const struct af_opt *opts; /* the last row has no name */
};

/* ---- Parsing. ---- */

/* Which rows of a table were given, a bit each in their order. */
typedef uint64_t af_opts_given;
#define AF_OPTS_ROWS_MAX 64

/* Sets each option of argv (which starts behind the command's name) in target, in their order, and
 * moves the positional arguments to the front of argv in their order. *given may be NULL.
 * Returns how many positional ones there are, or -1 with *why filled (AF_FAILURE_USAGE; `what` is
 * the option as typed) for an option that is unknown, has a value too many or none, is refused, or
 * does not go with another; options before it have been set then. AF_OPTS_HELP: all is well, and
 * the command's help is asked for. */
#define AF_OPTS_HELP (-2)
int af_opts_parse(const struct af_opt *opts, int argc, char **argv, void *target,
                  af_opts_given *given, struct af_failure *why);

/* Whether a list of names, divided by blanks, has the name; NULL is an empty list. */
bool af_opts_lists(const char *names, const char *name);

/* Sets one option; value is NULL for a flag. Returns 0, or -1 with *why filled; `what` is empty
 * unless the row's function fills it. */
int af_opts_set(const struct af_opt *opt, void *target, const char *value, struct af_failure *why);

/* The option among those given that does not go with opt, or NULL. */
const struct af_opt *af_opts_clash(const struct af_opt *opts, af_opts_given given,
                                   const struct af_opt *opt);

/* The command called name in a table whose last row has no name, or NULL. */
const struct af_opts_command *af_opts_find_command(const struct af_opts_command *commands,
                                                   const char *name);

/* ---- Help and completion. ---- */

/* The columns of the terminal that out is; 80 where it is none. For text they are within 40 and
 * 100, for a chart within its bounds. */
int af_opts_columns(FILE *out);
int af_opts_chart_columns(FILE *out);

/* Prints the help of one command, and the list of commands, wrapped to so many columns. */
void af_opts_help(FILE *out, const struct af_opts_command *command, int columns);
void af_opts_help_commands(FILE *out, const struct af_opts_command *commands, int columns);

/* A text of help in the language of LC_ALL, LC_MESSAGES or LANG: Chinese (reference.c), or as it
 * is. */
bool af_opts_speak_chinese(void);
const char *af_opts_say(const char *english);

/* Prints a completion script for "bash", "zsh" or "fish"; returns false for another shell. An
 * argument with FILE, FLOW, SOCKET, PROGRAM or .lua in its name is completed by files, one with DIR
 * by folders, and `a|b|c` by its choices. default_command is meant where none is named. */
#define AF_OPTS_SHELLS "bash, zsh or fish"
bool af_opts_complete(FILE *out, const struct af_opts_command *commands,
                      const char *default_command, const char *shell);

/* Prints the manual page of a command, in troff's man macros; command NULL: that of the program,
 * with its commands and `intro`, paragraphs about it. */
void af_opts_man(FILE *out, const struct af_opts_command *command,
                 const struct af_opts_command *commands, const char *intro);

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

/* Digits, perhaps with K, M, G or T (of 1024); without one they count units. From 1 to max bytes.
 */
int af_opts_size(const char *text, int64_t unit, int64_t max, int64_t *bytes,
                 struct af_failure *why);

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

/* ---- Fields of which several commands have one: for AF_OPT_READ. ---- */

int af_opts_add_arg(void *list, const char *text, struct af_failure *why); /* af_script_arg_list */
int af_opts_add_members(void *list, const char *text,
                        struct af_failure *why); /* af_bus_member_list */
int af_opts_grant_read(void *grants, const char *folder, struct af_failure *why); /* af_grants */
int af_opts_grant_write(void *grants, const char *folder, struct af_failure *why);
int af_opts_grant_host(void *grants, const char *host, struct af_failure *why);
int af_opts_grant_program(void *grants, const char *program, struct af_failure *why);

#endif
