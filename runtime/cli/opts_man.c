/* opts_man.c: manual pages, printed from the rows, in troff's man macros; see opts.h. */
#include "base/version.h"
#include "cli/opts.h"

#include <string.h>

enum { LINE_BYTES = 48 }; /* of the source, before it goes on in the next line */

/* Text as troff takes it; what stands between two backticks is bold. */
static void print_text(FILE *out, const char *text)
{
    bool bold = false;
    size_t len = 0; /* of the line */
    for (; *text != '\0'; text++) {
        if (len == 0 && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        len++;
        if (*text == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", out);
        } else if (*text == ' ') {
            text += strspn(text, " ") - 1;
            fputc(len > LINE_BYTES ? '\n' : ' ', out);
            len = len > LINE_BYTES ? 0 : len;
        } else if (*text == '-') {
            fputs("\\-", out);
            len++;
        } else if (*text == '\\') {
            fputs("\\e", out);
            len++;
        } else {
            fputc(*text, out);
        }
    }
}

/* Paragraphs, divided by empty lines. */
static void print_paragraphs(FILE *out, const char *text)
{
    for (bool first = true; *text != '\0'; first = false) {
        const char *end = strstr(text, "\n\n");
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        char part[4096];
        snprintf(part, sizeof part, "%.*s", (int)len, text);
        if (!first)
            fputs(".PP\n", out);
        for (char *line = part, *next; line != NULL; line = next) {
            next = strchr(line, '\n');
            if (next != NULL)
                *next++ = '\0';
            print_text(out, line + strspn(line, " "));
            fputs(next == NULL ? "\n" : "\n.br\n", out);
        }
        text += len + (end == NULL ? 0 : 2);
    }
}

/* afrun-ctl-status: the name of a page, its blanks as dashes; upper: as its heading. */
static void print_page_name(FILE *out, const char *command, bool upper)
{
    fputs(upper ? "AFRUN" : "afrun", out);
    if (command != NULL)
        fputs("\\-", out);
    for (; command != NULL && *command != '\0'; command++) {
        if (*command == ' ')
            fputs("\\-", out);
        else
            fputc(upper && *command >= 'a' && *command <= 'z' ? *command - 'a' + 'A' : *command,
                  out);
    }
}

static void print_option(FILE *out, const struct af_opt *opt)
{
    fputs(".TP\n", out);
    if (opt->letter != 0)
        fprintf(out, "\\fB\\-%c\\fR, ", opt->letter);
    fputs("\\fB\\-\\-", out);
    print_text(out, opt->name);
    fputs("\\fR", out);
    if (opt->arg != NULL) {
        fputs(" \\fI", out);
        print_text(out, opt->arg);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_text(out, opt->help);
    fputc('\n', out);
}

static void print_head(FILE *out, const char *command, const char *summary)
{
    fputs(".TH ", out);
    print_page_name(out, command, true);
    fputs(" 1 \"" AF_VERSION_DATE "\" \"afrun " AF_VERSION "\" \"afrun\"\n.SH NAME\n", out);
    print_page_name(out, command, false);
    fputs(" \\- ", out);
    print_text(out, summary);
    fputs("\n.SH SYNOPSIS\n", out);
}

static void print_status(FILE *out)
{
    static const char *const statuses[][2] = {
        {"0", "all parties ended well"},
        {"1", "the flow failed, or something was found"},
        {"2", "the command line or the flow file is wrong"},
        {"3", "the transport, the store or a file failed"},
        {"130", "interrupted"},
    };
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        fprintf(out, ".TP\n.B %s\n%s\n", statuses[i][0], statuses[i][1]);
}

static void print_command(FILE *out, const struct af_opts_command *command)
{
    print_head(out, command->name, command->summary);
    fprintf(out, ".B afrun %s\n", command->name);
    print_text(out, command->arguments);
    fputc('\n', out);
    if (command->description != NULL) {
        fputs(".SH DESCRIPTION\n", out);
        print_paragraphs(out, command->description);
    }
    fputs(".SH OPTIONS\n", out);
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++) {
        const char *section = opt->section == NULL ? "Options" : opt->section;
        if (opt == command->opts || opt[-1].section == NULL ||
            strcmp(section, opt[-1].section) != 0)
            fprintf(out, ".SS %s\n", section);
        print_option(out, opt);
    }
    print_status(out);
    fputs(".SH SEE ALSO\n.BR afrun (1)\n", out);
}

void af_opts_man(FILE *out, const struct af_opts_command *command,
                 const struct af_opts_command *commands, const char *intro)
{
    if (command != NULL) {
        print_command(out, command);
        return;
    }
    print_head(out, NULL, "multi-party protocols written as Lua state machines");
    fputs(".B afrun\n[\\fICOMMAND\\fR] \\fIARGUMENT\\fR\\&... [\\fIOPTION\\fR\\&...]\n"
          ".SH DESCRIPTION\n",
          out);
    print_paragraphs(out, intro);
    fputs(".SH COMMANDS\n", out);
    for (; commands->name != NULL; commands++) {
        fputs(".TP\n.BR ", out);
        print_page_name(out, commands->name, false);
        fputs(" (1)\n", out);
        print_text(out, commands->summary);
        fputc('\n', out);
    }
    print_status(out);
}
