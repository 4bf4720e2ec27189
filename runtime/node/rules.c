/* rules.c: see rules.h. */
#include "node/rules.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/near.h"
#include "json/json.h"
#include "script/args.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOW, FROM, TASK, ROLES, LISTS };

struct patterns {
    const char **items;
    size_t count, cap;
};

struct af_node_rule {
    enum af_node_answer answer;
    size_t line;
    struct patterns lists[LISTS]; /* count 0: whatever it is */
    bool has_args;
    struct af_script_arg *args; /* value: a pattern */
    size_t arg_count, arg_cap;
};

static const char blanks[] = " \t\r", operator[] = "operator";
static const char *const answers[] = {"allow", "ask", "refuse"};
static const char *const clauses[] = {"from", "task", "roles", "args"};
enum { ANSWERS = sizeof answers / sizeof answers[0], CLAUSES = sizeof clauses / sizeof clauses[0] };

/* ---- A line. ---- */

struct line {
    struct af_node_rules *rules;
    const char *path;
    size_t number;
    char *at;
    struct af_failure *why;
};

static int fail(const struct line *line, const char *what)
{
    char where[200];
    snprintf(where, sizeof where, "%s:%zu", line->path, line->number);
    return af_failure_set(line->why, AF_FAILURE_USAGE, where, "%s", what);
}

/* The next word, which is ended by a 0 byte; NULL: there is none, or a comment. */
static char *next_word(struct line *line)
{
    char *word = line->at + strspn(line->at, blanks);
    if (*word == '\0' || *word == '#')
        return NULL;
    line->at = word + strcspn(word, blanks);
    if (*line->at != '\0')
        *line->at++ = '\0';
    return word;
}

/* Which of the words it is; -1: *why says what is expected. */
static int find_word(const struct line *line, const char *word, const char *const *words,
                     size_t count, const char *expected)
{
    struct af_near near;
    char text[300];
    af_near_init(&near, word);
    for (size_t i = 0; i < count; i++) {
        af_near_add(&near, words[i]);
        if (strcmp(words[i], word) == 0) {
            af_near_release(&near);
            return (int)i;
        }
    }
    snprintf(text, sizeof text, "expected %s, got '%.60s'%s", expected, word,
             af_near_text(&near, "there are"));
    af_near_release(&near);
    return fail(line, text);
}

/* A [ without its ], or a \ at the end, would fit nothing that anybody meant. */
static int check_pattern(const struct line *line, const char *pattern)
{
    for (const char *at = pattern; at != NULL && *at != '\0'; at++) {
        if (*at == '[') {
            at += at[1] == '!' || at[1] == '^' ? 2 : 1;
            at = *at == '\0' ? NULL : strchr(at + 1, ']'); /* the first stands for itself */
        } else if (*at == '\\')
            at = at[1] == '\0' ? NULL : at + 1;
        if (at == NULL)
            return fail(line, "a pattern has a [ without a ], or ends with \\");
    }
    return 0;
}

static int read_patterns(const struct line *line, char *word, struct patterns *list)
{
    if (word == NULL)
        return fail(line, "expected a pattern");
    if (list->count > 0)
        return fail(line, "says the same twice; patterns are divided by commas");
    for (char *at = word, *end; at != NULL; at = end) {
        end = strchr(at, ',');
        if (end != NULL)
            *end++ = '\0';
        if (*at == '\0')
            return fail(line, "a pattern is empty");
        if (check_pattern(line, at) != 0)
            return -1;
        af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
        list->items[list->count++] = af_arena_string(&line->rules->arena, at);
    }
    return 0;
}

static int read_flow(const struct line *line, char *word, struct patterns *list)
{
    if (word == NULL)
        return fail(line, "expected the name of a flow behind allow, ask or refuse; * is any");
    if (read_patterns(line, word, list) != 0)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if (af_text_ends_with(list->items[i], ".lua") || af_text_ends_with(list->items[i], ".afb"))
            return fail(line, "a flow is named without .lua or .afb");
    return 0;
}

static int add_arg(const struct line *line, struct af_node_rule *rule, char *word)
{
    char *equals = strchr(word, '=');
    if (equals == NULL || equals == word)
        return fail(line, "expected NAME=PATTERN, up to the line's end");
    *equals = '\0';
    for (size_t i = 0; i < rule->arg_count; i++)
        if (strcmp(rule->args[i].name, word) == 0)
            return fail(line, "names an argument twice");
    if (check_pattern(line, equals + 1) != 0)
        return -1;
    af_mem_reserve(&rule->args, &rule->arg_cap, rule->arg_count + 1, sizeof *rule->args);
    rule->args[rule->arg_count++] =
        (struct af_script_arg){af_arena_string(&line->rules->arena, word),
                               af_arena_string(&line->rules->arena, equals + 1)};
    return 0;
}

/* They take the rest of the line. */
static int read_args(struct line *line, struct af_node_rule *rule)
{
    char *word = next_word(line);
    rule->has_args = true;
    if (word == NULL)
        return fail(line, "expected NAME=PATTERN behind args, or none");
    if (strcmp(word, "none") == 0) {
        if (rule->answer == AF_NODE_REFUSE)
            return fail(line, "a refusal names the arguments that it refuses");
        return next_word(line) == NULL ? 0 : fail(line, "nothing may follow none");
    }
    for (; word != NULL; word = next_word(line))
        if (add_arg(line, rule, word) != 0)
            return -1;
    return 0;
}

static int read_rule(struct line *line, char *word)
{
    struct af_node_rules *rules = line->rules;
    int answer = find_word(line, word, answers, ANSWERS, "allow, ask or refuse");
    if (answer < 0)
        return -1;
    if (rules->count == AF_NODE_RULES_MAX)
        return fail(line, "is one rule too many");
    af_mem_reserve(&rules->items, &rules->cap, rules->count + 1, sizeof *rules->items);
    struct af_node_rule *rule = &rules->items[rules->count++];
    *rule = (struct af_node_rule){.answer = (enum af_node_answer)answer, .line = line->number};
    if (read_flow(line, next_word(line), &rule->lists[FLOW]) != 0)
        return -1;
    while ((word = next_word(line)) != NULL) {
        int clause = find_word(line, word, clauses, CLAUSES, "from, task, roles or args");
        if (clause < 0)
            return -1;
        if (FROM + clause == LISTS
                ? read_args(line, rule) != 0
                : read_patterns(line, next_word(line), &rule->lists[FROM + clause]) != 0)
            return -1;
    }
    return 0;
}

/* ---- A file. ---- */

static int read_lines(struct af_node_rules *rules, const char *path, char *text, size_t len,
                      struct af_failure *why)
{
    struct line line = {.rules = rules, .path = path, .why = why};
    for (char *at = text, *end; at < text + len; at = end + 1) {
        end = at + strcspn(at, "\n");
        *end = '\0';
        line.number++;
        line.at = at;
        if (!af_json_is_utf8(at, (size_t)(end - at)))
            return fail(&line, "is no UTF-8");
        char *word = next_word(&line);
        if (word != NULL && read_rule(&line, word) != 0)
            return -1;
    }
    return 0;
}

int af_node_rules_read_text(struct af_node_rules *rules, const char *path, char *text, size_t len,
                            struct af_failure *why)
{
    int result = strlen(text) != len ? af_failure_set(why, AF_FAILURE_USAGE, path, "holds a 0 byte")
                                     : read_lines(rules, path, text, len, why);
    if (result != 0)
        af_node_rules_release(rules);
    return result;
}

int af_node_rules_read(struct af_node_rules *rules, const char *path, struct af_failure *why)
{
    struct af_buf text = AF_BUF_EMPTY;
    struct stat info;
    int result = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait */
    if (fd < 0 || fstat(fd, &info) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path, "%s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        af_failure_set(why, AF_FAILURE_USAGE, path, "is no file");
    else if (info.st_uid != geteuid() && info.st_uid != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "says who may launch what, and is another user's, who may change it");
    else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "says who may launch what, and others may change it: chmod go-w");
    else if (!af_io_read_all(fd, &text, AF_NODE_RULES_BYTES_MAX))
        af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    else {
        af_buf_text(&text);
        result = text.len == 0 ? 0 : af_node_rules_read_text(rules, path, text.data, text.len, why);
    }
    if (fd >= 0)
        close(fd);
    af_buf_release(&text);
    return result;
}

void af_node_rules_release(struct af_node_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        for (int list = 0; list < LISTS; list++)
            free(rules->items[i].lists[list].items);
        free(rules->items[i].args);
    }
    free(rules->items);
    af_arena_release(&rules->arena);
    memset(rules, 0, sizeof *rules);
}

/* ---- What they say. ---- */

static bool fits(const struct patterns *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (fnmatch(list->items[i], text, 0) == 0)
            return true;
    return list->count == 0;
}

/* The word `operator` is the operator alone, whatever nodes are called. */
static bool is_from(const struct patterns *list, const char *from)
{
    for (size_t i = 0; i < list->count; i++) {
        bool means_operator = strcmp(list->items[i], operator) == 0;
        if (from == NULL ? means_operator
                         : !means_operator && fnmatch(list->items[i], from, 0) == 0)
            return true;
    }
    return list->count == 0 && from != NULL;
}

static bool has_arg(const struct af_node_rule *rule, const struct af_script_arg *arg)
{
    for (size_t i = 0; i < rule->arg_count; i++)
        if (strcmp(rule->args[i].name, arg->name) == 0)
            return fnmatch(rule->args[i].value, arg->value, 0) == 0;
    return false;
}

static bool has_args(const struct af_node_rule *rule, const struct af_node_launching *launch)
{
    size_t had = 0;
    for (size_t i = 0; i < launch->arg_count; i++)
        had += has_arg(rule, &launch->args[i]);
    return !rule->has_args || (rule->answer == AF_NODE_REFUSE ? had > 0 : had == launch->arg_count);
}

enum af_node_answer af_node_rules_say(const struct af_node_rules *rules,
                                      const struct af_node_launching *launch, size_t *line)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct af_node_rule *rule = &rules->items[i];
        if (!fits(&rule->lists[FLOW], launch->flow) || !is_from(&rule->lists[FROM], launch->from) ||
            !fits(&rule->lists[TASK], launch->task) || !has_args(rule, launch) ||
            (launch->role != NULL && !fits(&rule->lists[ROLES], launch->role)))
            continue;
        bool depends = launch->role == NULL && rule->lists[ROLES].count > 0;
        *line = rule->line;
        return depends ? AF_NODE_UNDECIDED : rule->answer;
    }
    *line = 0;
    return launch->from == NULL ? AF_NODE_ALLOW : AF_NODE_REFUSE;
}
