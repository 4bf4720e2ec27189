/* opts.c: finds the row of each option, and the row that a misspelled one meant; see opts.h. */
#include "cli/opts.h"

#include "base/failure.h"
#include "base/near.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const char *nearest_option(const struct af_opt *opts, const char *typed)
{
    struct af_near near;
    af_near_init(&near, typed);
    for (; opts->name != NULL; opts++)
        af_near_add(&near, opts->name);
    af_near_release(&near);
    return near.name;
}

const struct af_opts_command *af_opts_find_command(const struct af_opts_command *commands,
                                                   const char *name)
{
    for (; commands->name != NULL; commands++) {
        if (strcmp(commands->name, name) == 0)
            return commands;
    }
    return NULL;
}

/* ---- Parsing. ---- */

struct parser {
    const struct af_opt *opts;
    int argc;
    char **argv;
    int at; /* the argument that is read */
    void *target;
    af_opts_given given;
    struct af_failure *why;
};

static const struct af_opt *find_name(const struct af_opt *opts, const char *name, size_t len)
{
    for (; opts->name != NULL; opts++) {
        if (strlen(opts->name) == len && memcmp(opts->name, name, len) == 0)
            return opts;
    }
    return NULL;
}

static const struct af_opt *find_letter(const struct af_opt *opts, char letter)
{
    for (; opts->name != NULL; opts++) {
        if (opts->letter == letter)
            return opts;
    }
    return NULL;
}

static int refuse(const struct parser *parser, const char *typed, const char *text)
{
    return af_failure_set(parser->why, AF_FAILURE_USAGE, typed, "%s", text);
}

bool af_opts_lists(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word;
    }
    return false;
}

const struct af_opt *af_opts_clash(const struct af_opt *opts, af_opts_given given,
                                   const struct af_opt *opt)
{
    for (const struct af_opt *other = opts; other->name != NULL; other++) {
        if ((given >> (other - opts) & 1) != 0 && (af_opts_lists(opt->excludes, other->name) ||
                                                   af_opts_lists(other->excludes, opt->name)))
            return other;
    }
    return NULL;
}

static int set(struct parser *parser, const struct af_opt *opt, const char *typed,
               const char *value)
{
    struct af_failure failure = AF_FAILURE_INIT;
    const struct af_opt *other = af_opts_clash(parser->opts, parser->given, opt);
    assert(opt - parser->opts < AF_OPTS_ROWS_MAX);
    if (other != NULL)
        return af_failure_set(parser->why, AF_FAILURE_USAGE, typed, "does not go with --%s",
                              other->name);
    parser->given |= (af_opts_given)1 << (opt - parser->opts);
    if (af_opts_set(opt, parser->target, value, &failure) == 0)
        return 0;
    assert(failure.kind != AF_FAILURE_NONE);
    return af_failure_set(parser->why, failure.kind, failure.what[0] == '\0' ? typed : failure.what,
                          "%s", failure.why);
}

/* Whether an argument is plainly an option rather than the value of the one before it. GNU takes it
 * as the value all the same; but then `--trace --mock` writes a file called --mock. */
static bool is_option(const struct parser *parser, const char *argument)
{
    if (strncmp(argument, "--", 2) != 0)
        return false;
    const char *name = argument + 2;
    return *name == '\0' || find_name(parser->opts, name, strcspn(name, "=")) != NULL;
}

/* Sets an option whose value is the next argument. */
static int set_next(struct parser *parser, const struct af_opt *opt, const char *typed)
{
    if (parser->at + 1 >= parser->argc || is_option(parser, parser->argv[parser->at + 1]))
        return af_failure_set(parser->why, AF_FAILURE_USAGE, typed, "needs a value: --%s=%s",
                              opt->name, opt->arg);
    return set(parser, opt, typed, parser->argv[++parser->at]);
}

static int refuse_unknown(const struct parser *parser, const char *typed, const char *name)
{
    const char *near = nearest_option(parser->opts, name);
    if (near == NULL)
        return refuse(parser, typed, "unknown option");
    return af_failure_set(parser->why, AF_FAILURE_USAGE, typed,
                          "unknown option; did you mean '--%s'?", near);
}

/* Reads --name or --name=value. */
static int parse_long(struct parser *parser, const char *argument)
{
    const char *name = argument + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    char typed[AF_NEAR_WORD_MAX * 2]; /* longer than any name; a longer one is cut in messages */
    size_t typed_len = len + 2 < sizeof typed ? len + 2 : sizeof typed - 1;
    memcpy(typed, argument, typed_len);
    typed[typed_len] = '\0';
    if (len == 0)
        return refuse(parser, argument, "an option without a name");
    const struct af_opt *opt = find_name(parser->opts, name, len);
    if (opt == NULL)
        return refuse_unknown(parser, typed, typed + 2);
    if (opt->arg == NULL && value != NULL)
        return refuse(parser, typed, "takes no value");
    if (opt->arg != NULL && value == NULL)
        return set_next(parser, opt, typed);
    return set(parser, opt, typed, value);
}

/* Refuses a letter of an argument; but the whole may be a long name with a dash too few. */
static int refuse_letter(const struct parser *parser, const char *argument, char letter)
{
    char typed[] = {'-', letter, '\0'};
    bool ascii = letter > ' ' && letter <= '~';
    if (!ascii || nearest_option(parser->opts, argument + 1) != NULL)
        return refuse_unknown(parser, argument, argument + 1);
    return refuse(parser, typed, "unknown option");
}

/* Reads -q, several flags as in -qv, -o value or -ovalue. */
static int parse_short(struct parser *parser, const char *argument)
{
    for (const char *at = argument + 1; *at != '\0'; at++) {
        char typed[] = {'-', *at, '\0'};
        const struct af_opt *opt = find_letter(parser->opts, *at);
        if (opt == NULL)
            return refuse_letter(parser, argument, *at);
        if (opt->arg != NULL && at[1] != '\0')
            return set(parser, opt, typed, at + 1);
        if (opt->arg != NULL)
            return set_next(parser, opt, typed);
        if (at[1] == '=')
            return refuse(parser, typed, "takes no value");
        if (set(parser, opt, typed, NULL) != 0)
            return -1;
    }
    return 0;
}

static bool asks_for_help(const struct parser *parser)
{
    for (const struct af_opt *opt = parser->opts; opt->name != NULL; opt++)
        if (opt->kind == AF_OPT_IS_HELP)
            return (parser->given >> (opt - parser->opts) & 1) != 0;
    return false;
}

int af_opts_parse(const struct af_opt *opts, int argc, char **argv, void *target,
                  af_opts_given *given, struct af_failure *why)
{
    struct parser parser = {opts, argc, argv, 0, target, 0, why};
    int positional_count = 0, result = 0;
    bool ended = false;
    for (; parser.at < argc && result == 0; parser.at++) {
        char *argument = argv[parser.at];
        if (ended || argument[0] != '-' || argument[1] == '\0')
            argv[positional_count++] = argument; /* never beyond the one that is read */
        else if (strcmp(argument, "--") == 0)
            ended = true;
        else
            result = (argument[1] == '-' ? parse_long : parse_short)(&parser, argument);
    }
    if (given != NULL)
        *given = parser.given;
    return result != 0 ? -1 : asks_for_help(&parser) ? AF_OPTS_HELP : positional_count;
}
