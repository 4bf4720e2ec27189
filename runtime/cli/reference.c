/* reference.c: see reference.h. */
#include "cli/reference.h"

#include "base/failure.h"
#include "base/near.h"
#include "base/packed.h"
#include "cli/opts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Name, text and Chinese text, name …; behind an empty name the CRC-32 of a text of help, the
 * Chinese text, CRC-32 …; an empty
 * one ends it. Kept until the program ends. */
static const char *reference(void)
{
    static char *text;
    if (text != NULL)
        return text;
    size_t size;
    text = af_packed_read(af_reference_packed, af_reference_packed_len, &size);
    return text;
}

static const char *after_text(const char *text)
{
    return text + strlen(text) + 1;
}

bool af_opts_speak_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

static const char *text_of(const char *name)
{
    const char *text = after_text(name);
    return af_opts_speak_chinese() ? after_text(text) : text;
}

/* The next name. */
static const char *after(const char *name)
{
    return after_text(after_text(after_text(name)));
}

const char *af_reference_chinese(const char *help)
{
    const char *text = reference();
    char key[9];
    snprintf(key, sizeof key, "%08lx", crc32(0, (const Bytef *)help, (uInt)strlen(help)));
    while (*text != '\0')
        text = after(text);
    for (text++; *text != '\0'; text = after_text(after_text(text)))
        if (strcmp(text, key) == 0)
            return after_text(text);
    return NULL;
}

const char *af_opts_say(const char *english)
{
    const char *chinese = af_opts_speak_chinese() ? af_reference_chinese(english) : NULL;
    return chinese == NULL ? english : chinese;
}

/* Equal but for what divides their parts: "party.send" is "party:send". */
static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && (*a == *b || (strchr(".:", *a) != NULL && *b != '\0' && strchr(".:", *b))))
        a++, b++;
    return *a == *b;
}

static const char *last_part(const char *name)
{
    const char *last = name;
    for (; *name != '\0'; name++)
        if (*name == '.' || *name == ':')
            last = name + 1;
    return last;
}

/* Whether name is one of owner's: "party:send" of "party". */
static bool is_member(const char *owner, const char *name)
{
    size_t len = strlen(owner);
    return strncmp(owner, name, len) == 0 && (name[len] == '.' || name[len] == ':') &&
           last_part(name) == name + len + 1;
}

/* The name, and the first sentence of what is said of it, on a line. */
static void print_line(FILE *out, const char *name)
{
    const char *text = strstr(text_of(name), "\n\n") + 2;
    fprintf(out, "  %-36s  ", name);
    for (; *text != '\0' && strncmp(text, "\n\n", 2) != 0; text++) {
        if ((*text == '.' || *text == ':') && (text[1] == '\n' || text[1] == ' '))
            break;
        if (strncmp(text, "。", 3) == 0 || strncmp(text, "：", 3) == 0)
            break;
        fputc(*text == '\n' ? ' ' : *text, out);
    }
    fputc('\n', out);
}

static void print_whole(FILE *out, const char *name)
{
    bool first = true;
    fputs(text_of(name), out);
    for (const char *other = reference(); *other != '\0'; other = after(other)) {
        if (!is_member(name, other))
            continue;
        if (first)
            fputc('\n', out);
        first = false;
        print_line(out, other);
    }
    if (strcmp(name, "af") != 0)
        return;
    fputc('\n', out);
    for (const char *other = reference(); *other != '\0'; other = after(other))
        if (strncmp(other, "af.", 3) != 0 && strpbrk(other, ".:") == NULL && other != name)
            print_line(out, other);
}

/* Whether the word is what types call it: "af.SendingOptions", behind its name on the first line.
 */
static bool is_class(const char *name, const char *word)
{
    const char *behind = after_text(name) + strlen(name);
    size_t len = strlen(word);
    return strncmp(behind, ": ", 2) == 0 && strncmp(behind + 2, word, len) == 0 &&
           behind[2 + len] == '\n';
}

/* The line of a field ("  name: type  what it is", "  name?: …") in what is said of its owner, or
 * NULL. */
static const char *field_line(const char *owner, const char *field)
{
    size_t len = strlen(field);
    const char *line = text_of(owner);
    while ((line = strstr(line, "\n  ")) != NULL) {
        line += 3;
        const char *behind = line + len + (line[len] == '?');
        if (strncmp(line, field, len) == 0 && *behind == ':')
            return line;
    }
    return NULL;
}

/* Whose field the word is, "always" or "role.always", with what is said of it there; returns how
 * many there are. */
static size_t print_owners(FILE *out, const char *word)
{
    size_t count = 0;
    const char *field = last_part(word);
    char owner[200];
    snprintf(owner, sizeof owner, "%.*s", field > word ? (int)(field - word - 1) : 0, word);
    for (const char *name = reference(); *name != '\0'; name = after(name)) {
        const char *line = field_line(name, field);
        if (line == NULL || (owner[0] != '\0' && !is_same(name, owner) && !is_class(name, owner)))
            continue;
        count++;
        fprintf(out, "%s (afrun help %s)\n\n  %.*s\n\n", name, name, (int)strcspn(line, "\n"),
                line);
    }
    return count;
}

bool af_reference_is_name(const char *word)
{
    return strcmp(word, "af") == 0 || strpbrk(word, ".:") != NULL;
}

bool af_reference_print(FILE *out, const char *word)
{
    const char *found = NULL;
    size_t count = 0;
    for (const char *name = reference(); *name != '\0'; name = after(name)) {
        if (is_same(name, word) || is_class(name, word)) {
            print_whole(out, name);
            return true;
        }
        if (strcmp(last_part(name), last_part(word)) == 0) {
            found = name;
            count++;
        }
    }
    size_t owners = count == 0 || last_part(word) > word ? print_owners(out, word) : 0;
    if (owners > 0)
        return true;
    if (count == 1)
        print_whole(out, found);
    for (const char *name = reference(); count > 1 && *name != '\0'; name = after(name))
        if (strcmp(last_part(name), last_part(word)) == 0)
            print_line(out, name);
    return count > 0;
}

int af_reference_refuse(const char *word, struct af_failure *why)
{
    struct af_near near;
    af_near_init(&near, word);
    for (const char *name = reference(); *name != '\0'; name = after(name))
        af_near_add(&near, name);
    if (near.name != NULL)
        af_failure_set(why, AF_FAILURE_USAGE, "help", "there is no '%s'; did you mean '%s'?", word,
                       near.name);
    else
        af_failure_set(why, AF_FAILURE_USAGE, "help",
                       "there is no '%s'; afrun help af lists the names", word);
    af_near_release(&near);
    return -1;
}
