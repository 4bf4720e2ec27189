/* reference.h: what `afrun help af.event` shows: the reference of what flows see, in the program.
 * scripts/tool/reference.lua makes it of scripts/af/_meta/af.lua. */
#ifndef AF_REFERENCE_H
#define AF_REFERENCE_H

#include <stdbool.h>
#include <stdio.h>

struct af_failure;

/* Names, texts and Chinese texts, and those of the help of commands, packed by gzip: made by make.
 */
extern const unsigned char af_reference_packed[];
extern const unsigned int af_reference_packed_len;

/* A text of help in Chinese (scripts/af/_meta/zh_help.lua), or NULL: it has none. */
const char *af_reference_chinese(const char *help);

/* Whether a word can only mean a name of the reference: "af", "party:send". */
bool af_reference_is_name(const char *word);

/* Prints what is said of a name: the whole one, or its last part ("send"); of several such the
 * list. Returns false where there is none. */
bool af_reference_print(FILE *out, const char *word);

/* Says that there is no such name, and which is the nearest. Returns -1. */
int af_reference_refuse(const char *word, struct af_failure *why);

#endif
