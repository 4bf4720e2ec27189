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
#define LINE_BYTES_MAX 2048 /* of a description */
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

/* Whether a Chinese character or sign is here: two columns wide, three bytes, and a line may end
 * behind it. */
static bool is_wide(const char *text)
{
    unsigned char lead = (unsigned char)*text;
    return lead >= 0xE3 && lead <= 0xEF;
}

/* How many columns text takes: one a character, but Chinese (… and – are narrow). */
static int text_columns(const char *text, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += is_wide(text + i) ? 2 : ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

/* The bytes of what stands on one line: up to a blank, or one Chinese character with the signs that
 * follow it. */
static size_t word_len(const char *text)
{
    size_t len = 0;
    if (!is_wide(text)) {
        while (text[len] != '\0' && text[len] != ' ' && text[len] != '\n' && !is_wide(text + len))
            len++;
        if (!is_wide(text + len))
            return len;
    } else {
        len = 3;
    }
    while (is_wide(text + len)) {
        char sign[4] = {text[len], text[len + 1], text[len + 2], '\0'};
        if (strstr("，。；：、）", sign) == NULL)
            break;
        len += 3;
    }
    return len;
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
    int blanks = 0;    /* before the word: columns stay */
    int left = indent; /* where a line goes on: at the last column, if it has such */
    while (*text != '\0') {
        if (*text == ' ' || *text == '\n') {
            blanks++;
            if (*text == '\n') {
                fputc('\n', out);
                at = blanks = 0;
                first = true;
                left = indent;
            }
            text++;
            continue;
        }
        size_t len = word_len(text);
        int word = text_columns(text, len);
        if (!first && at + blanks + word > columns) {
            fputc('\n', out);
            at = blanks = 0;
            first = true;
        }
        int gap = first ? left - at + blanks : blanks;
        fprintf(out, "%*s%.*s", gap, "", (int)len, text);
        if (!first && blanks > 1)
            left = at + gap;
        at += gap + word;
        first = false;
        blanks = 0;
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
    print_wrapped(out, af_opts_say(opt->help), left_columns(opt), indent, columns);
}

/* A text of several lines, each in the language of help. */
static void print_lines(FILE *out, const char *text, int columns)
{
    for (const char *end; text != NULL; text = *end == '\0' ? NULL : end + 1) {
        char line[LINE_BYTES_MAX];
        end = text + strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        print_wrapped(out, af_opts_say(line), 0, 0, columns);
    }
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
    fprintf(out, "%safrun %s %s\n", af_opts_say("usage: "), command->name, command->arguments);
    if (command->description == NULL) {
        fputc('\n', out);
        print_lines(out, af_opts_say(command->summary), columns);
    } else {
        fputc('\n', out);
        print_lines(out, command->description, columns);
    }
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++) {
        if (opt == command->opts || !same_section(opt, opt - 1))
            fprintf(out, "\n%s:\n", af_opts_say(opt->section == NULL ? "Options" : opt->section));
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
        print_wrapped(out, af_opts_say(command->summary), at, indent, columns);
    }
}
