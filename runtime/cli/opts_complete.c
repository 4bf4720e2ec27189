/* opts_complete.c: completion for shells, printed from the rows; see opts.h. Names of commands and
 * options hold nothing that a shell would take amiss; texts are quoted. */
#include "cli/opts.h"

#include <string.h>

/* What an option's argument is completed by. */
enum words { VALUES, FILES, FOLDERS, CHOICES }; /* VALUES: only the user knows them */

static enum words words_of(const char *arg)
{
    static const char *const files[] = {"FILE", "FLOW", "SOCKET", "PROGRAM", ".lua"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strstr(arg, files[i]) != NULL)
            return FILES;
    if (strstr(arg, "DIR") != NULL)
        return FOLDERS;
    bool plain = arg[strspn(arg, "abcdefghijklmnopqrstuvwxyz-|")] == '\0';
    return plain && strchr(arg, '|') != NULL ? CHOICES : VALUES;
}

static void print_choices(FILE *out, const char *arg)
{
    for (; *arg != '\0'; arg++)
        fputc(*arg == '|' ? ' ' : *arg, out);
}

/* ---- bash. ---- */

/* The part of the script that is the same for every table. COMP_WORDBREAKS has '=', so bash hands
 * over `--seed=1` as three words; they are joined in thought first. */
static const char completion_head[] =
    "# bash completion of afrun\n"
    "_afrun()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} opt=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local commands='' names='' kind='' command word i\n"
    "    COMPREPLY=()\n"
    "    if [[ $cur == = ]]; then\n"
    "        cur=\n"
    "    elif [[ $opt == = ]]; then\n"
    "        opt=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n";

static const char completion_tail[] =
    "    case $kind in\n"
    "    files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "    dirs) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "    value) ;;\n"
    "    ?*) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\") ;;\n"
    "    *)\n"
    "        if [[ $cur == -* ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$cur\")\n"
    "        else\n"
    "            compopt -o filenames\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\"; compgen -f -- "
    "\"$cur\")\n"
    "        fi ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _afrun afrun\n";

static void print_kind(FILE *out, const char *arg)
{
    static const char *const kinds[] = {"value", "files", "dirs"};
    enum words words = words_of(arg);
    if (words == CHOICES)
        print_choices(out, arg);
    else
        fputs(kinds[words], out);
}

static void print_command_case(FILE *out, const struct af_opts_command *command)
{
    fprintf(out, "    '%s')\n        names='", command->name);
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++)
        fprintf(out, "%s--%s", opt == command->opts ? "" : " ", opt->name);
    fputs("'\n        case $opt in\n", out);
    for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++) {
        if (opt->arg == NULL)
            continue;
        fprintf(out, "        --%s", opt->name);
        if (opt->letter != 0)
            fprintf(out, "|-%c", opt->letter);
        fputs(") kind='", out);
        print_kind(out, opt->arg);
        fputs("' ;;\n", out);
    }
    fputs("        esac ;;\n", out);
}

/* Prints the lines that find which command the words name: the first word if it is one, and its
 * second word if there are commands of that command; and which commands could stand here. */
static void print_find_command(FILE *out, const struct af_opts_command *commands,
                               const char *default_command)
{
    fprintf(out, "    command=%s\n", default_command);
    fputs("    for ((i = 1; i <= 2 && i < COMP_CWORD; i++)); do\n"
          "        word=\"${COMP_WORDS[*]:1:i}\"\n"
          "        case $word in\n        ",
          out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++)
        fprintf(out, "%s'%s'", command == commands ? "" : "|", command->name);
    fputs(") command=$word ;;\n        esac\n    done\n    case $COMP_CWORD:${COMP_WORDS[1]} in\n"
          "    1:*) commands='",
          out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        if (strchr(command->name, ' ') == NULL)
            fprintf(out, "%s%s", command == commands ? "" : " ", command->name);
    }
    fputs("' ;;\n", out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        const char *space = strchr(command->name, ' ');
        if (space != NULL)
            fprintf(out, "    2:%.*s) commands+=' %s' ;;&\n", (int)(space - command->name),
                    command->name, space + 1);
    }
    fputs("    esac\n", out);
}

static void complete_bash(FILE *out, const struct af_opts_command *commands,
                          const char *default_command)
{
    fputs(completion_head, out);
    print_find_command(out, commands, default_command);
    fputs("    case $command in\n", out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++)
        print_command_case(out, command);
    fputs("    esac\n", out);
    fputs(completion_tail, out);
}

/* ---- zsh. ---- */

/* Text within single quotes; a backslash goes before each of `special`. */
static void print_quoted(FILE *out, const char *text, const char *special, const char *quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs(quote, out);
        else if (strchr(special, *text) != NULL)
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void print_zsh_text(FILE *out, const char *text)
{
    print_quoted(out, text, "[]:\\", "'\\''");
}

static void print_zsh_option(FILE *out, const struct af_opt *opt)
{
    static const char *const actions[] = {"", "_files", "_files -/"};
    if (opt->letter != 0)
        fprintf(out, "        '*'{-%c,--%s%s}'[", opt->letter, opt->name,
                opt->arg == NULL ? "" : "=");
    else
        fprintf(out, "        '*--%s%s[", opt->name, opt->arg == NULL ? "" : "=");
    print_zsh_text(out, opt->help);
    fputc(']', out);
    if (opt->arg != NULL) {
        fputc(':', out);
        print_zsh_text(out, opt->arg);
        fputc(':', out);
        if (words_of(opt->arg) == CHOICES) {
            fputc('(', out);
            print_choices(out, opt->arg);
            fputc(')', out);
        } else {
            fputs(actions[words_of(opt->arg)], out);
        }
    }
    fputs("' \\\n", out);
}

static void print_zsh_commands(FILE *out, const struct af_opts_command *commands,
                               const char *prefix)
{
    size_t len = strlen(prefix);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        if (strncmp(command->name, prefix, len) != 0 || strchr(command->name + len, ' ') != NULL)
            continue;
        fprintf(out, " '%s:", command->name + len);
        print_zsh_text(out, command->summary);
        fputc('\'', out);
    }
}

static void complete_zsh(FILE *out, const struct af_opts_command *commands,
                         const char *default_command)
{
    fprintf(out,
            "#compdef afrun\n# zsh completion of afrun\n_afrun() {\n"
            "    local command=%s typed= i\n    local -a commands\n"
            "    for ((i = 2; i <= 3 && i < CURRENT; i++)); do\n"
            "        typed=\"${typed:+$typed }${words[i]}\"\n        case $typed in\n        ",
            default_command);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++)
        fprintf(out, "%s'%s'", command == commands ? "" : "|", command->name);
    fputs(") command=$typed ;;\n        esac\n    done\n    case $CURRENT:${words[2]} in\n"
          "    2:*) commands=(",
          out);
    print_zsh_commands(out, commands, "");
    fputs(") ;;\n    3:ctl) commands=(", out);
    print_zsh_commands(out, commands, "ctl ");
    fputs(") ;;\n    esac\n    [[ ${#commands} -gt 0 && $PREFIX != -* ]] && _describe command "
          "commands\n    case $command in\n",
          out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        fprintf(out, "    '%s') _arguments -s \\\n", command->name);
        for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++)
            print_zsh_option(out, opt);
        fputs("        '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n}\n"
          "if [[ $funcstack[1] == _afrun ]]; then _afrun \"$@\"; else compdef _afrun afrun; fi\n",
          out);
}

/* ---- fish. ---- */

static void print_fish_text(FILE *out, const char *text)
{
    print_quoted(out, text, "\\", "\\'");
}

static void print_fish_option(FILE *out, const char *command, const struct af_opt *opt)
{
    fprintf(out, "complete -c afrun -n 'test (__afrun_command) = \"%s\"' -l %s", command,
            opt->name);
    if (opt->letter != 0)
        fprintf(out, " -s %c", opt->letter);
    if (opt->arg != NULL) {
        switch (words_of(opt->arg)) {
        case VALUES:
            fputs(" -x", out);
            break;
        case FILES:
            fputs(" -r -F", out);
            break;
        case FOLDERS:
            fputs(" -x -a '(__fish_complete_directories)'", out);
            break;
        case CHOICES:
            fputs(" -x -a '", out);
            print_choices(out, opt->arg);
            fputc('\'', out);
        }
    }
    fputs(" -d '", out);
    print_fish_text(out, opt->help);
    fputs("'\n", out);
}

static void complete_fish(FILE *out, const struct af_opts_command *commands,
                          const char *default_command)
{
    fputs("# fish completion of afrun\nfunction __afrun_command\n"
          "    set -l tokens (commandline -opc)\n    set -l typed\n",
          out);
    fprintf(out,
            "    set -l command %s\n    for token in $tokens[2..3]\n"
            "        set typed (string trim -- \"$typed $token\")\n        contains -- $typed",
            default_command);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++)
        fprintf(out, " '%s'", command->name);
    fputs("; and set command $typed\n    end\n    echo $command\nend\n", out);
    for (const struct af_opts_command *command = commands; command->name != NULL; command++) {
        const char *space = strchr(command->name, ' ');
        if (space == NULL)
            fprintf(out, "complete -c afrun -n 'test (count (commandline -opc)) = 1' -a %s -d '",
                    command->name);
        else
            fprintf(out, "complete -c afrun -n 'test (__afrun_command) = \"%.*s\"' -a %s -d '",
                    (int)(space - command->name), command->name, space + 1);
        print_fish_text(out, command->summary);
        fputs("'\n", out);
        for (const struct af_opt *opt = command->opts; opt->name != NULL; opt++)
            print_fish_option(out, command->name, opt);
    }
}

bool af_opts_complete(FILE *out, const struct af_opts_command *commands,
                      const char *default_command, const char *shell)
{
    static const struct {
        const char *name;
        void (*complete)(FILE *out, const struct af_opts_command *commands,
                         const char *default_command);
    } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, shell) != 0)
            continue;
        shells[i].complete(out, commands, default_command);
        return true;
    }
    return false;
}
