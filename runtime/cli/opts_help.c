/* opts_help.c: help, printed from the rows; see opts.h. */
#include "cli/opts.h"

#include "base/bounds.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MIN 40
#define COLUMNS_MAX 100 /* longer lines are hard to read */
#define COLUMNS_DEFAULT 80
#define INDENT_MIN 12       /* of the help of options */
#define LEFT_COLUMNS_MAX 32 /* of names; the help of a longer one begins on a line of its own */

static int columns_within(FILE *out, int least, int most)
{
    struct winsize size;
    int fd = fileno(out);
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col < least ? least : size.ws_col > most ? most : size.ws_col;
}

int af_opts_columns(FILE *out)
{
    return columns_within(out, COLUMNS_MIN, COLUMNS_MAX);
}

int af_opts_chart_columns(FILE *out)
{
    return columns_within(out, AF_CHART_COLUMNS_MIN, AF_CHART_COLUMNS_MAX);
}

/* ---- Text in columns. ---- */

/* How many columns text takes: one a character, as for all that is used here (… and –). */
static int text_columns(const char *text, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

/* Prints text as lines between the columns indent and columns; the first line holds `at` columns of
 * something else already. A newline in text begins a new line. */
static void print_wrapped(FILE *out, const char *text, int at, int indent, int columns)
{
    if (at > 0 && at + 2 > indent) { /* no room for a gap */
        fputc('\n', out);
        at = 0;
    }
    bool first = true; /* of the line */
    while (*text != '\0') {
        if (*text == ' ' || *text == '\n') {
            if (*text == '\n') {
                fputc('\n', out);
                at = 0;
                first = true;
            }
            text++;
            continue;
        }
        size_t len = strcspn(text, " \n");
        int word = text_columns(text, len);
        if (!first && at + 1 + word > columns) {
            fputc('\n', out);
            at = 0;
            first = true;
        }
        int gap = first ? indent - at : 1;
        fprintf(out, "%*s%.*s", gap, "", (int)len, text);
        at += gap + word;
        first = false;
        text += len;
    }
    fputc('\n', out);
}

/* ---- Help. ---- */

static int left_columns(const struct af_opt *opt)
{
    int columns = 6 + text_columns(opt->name, strlen(opt->name)) + 2; /* "  -q, --name" */
    if (opt->arg != NULL)
        columns += 1 + text_columns(opt->arg, strlen(opt->arg));
    return columns;
}

static void print_option(FILE *out, const struct af_opt *opt, int indent, int columns)
{
    if (opt->letter != 0)
        fprintf(out, "  -%c, --%s", opt->letter, opt->name);
    else
        fprintf(out, "      --%s", opt->name);
    if (opt->arg != NULL)
        fprintf(out, " %s", opt->arg);
    print_wrapped(out, opt->help, left_columns(opt), indent, columns);
}

static bool same_section(const struct af_opt *a, const struct af_opt *b)
{
    return a->section == b->section ||
           (a->section != NULL && b->section != NULL && strcmp(a->section, b->section) == 0);
}

void af_opts_help(FILE *out, const struct af_opts_command *command, int columns)
{
    int indent = INDENT_MIN;
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++) {
        int wanted = left_columns(opt) + 2;
        if (wanted > indent && wanted <= LEFT_COLUMNS_MAX && wanted <= columns / 2)
            indent = wanted;
    }
    fprintf(out, "usage: afrun %s %s\n", command->name, command->arguments);
    if (command->description != NULL) {
        fputc('\n', out);
        print_wrapped(out, command->description, 0, 0, columns);
    }
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++) {
        if (opt == command->opts || !same_section(opt, opt - 1))
            fprintf(out, "\n%s:\n", opt->section == NULL ? "Options" : opt->section);
        print_option(out, opt, indent, columns);
    }
}

void af_opts_help_commands(FILE *out, const struct af_opts_command *commands, int columns)
{
    int indent = 0;
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        int wanted = 2 + text_columns(command->name, strlen(command->name)) + 2;
        indent = wanted > indent ? wanted : indent;
    }
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        fprintf(out, "  %s", command->name);
        int at = 2 + text_columns(command->name, strlen(command->name));
        print_wrapped(out, command->summary, at, indent, columns);
    }
}
