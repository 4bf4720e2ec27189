/* answer.h: what a command tells a program: with --json, one object, a line on standard output.
 *
 *     {"format":1, "kind":…, …, ["error":{"kind", "status", "what", "file", "line", "message"}]}
 *
 * "kind" says which object it is ("run", "check" …; "error": it is nothing else). It has an "error"
 * exactly if the command's exit status is not 0. Each kind is described by a JSON Schema,
 * tests/data/schema/<kind>.schema.json. */
#ifndef AF_ANSWER_H
#define AF_ANSWER_H

#include "base/buf.h"

#include <stdbool.h>

struct af_failure;
struct af_party;

/* Begins the object in an empty buffer. Members are added by json/json.h and these: */
void af_answer_begin(struct af_buf *out, const char *kind);
void af_answer_add_number(struct af_buf *out, const char *name, double value, int decimals);

/* A text in which files are named as they were given; "file" and "line": the first place that a
 * text names, or null. */
void af_answer_add_words(struct af_buf *out, const char *name, const char *text);
void af_answer_add_place(struct af_buf *out, const char *text);

/* What a party waits for: see party/party.h. */
void af_answer_add_wait(struct af_buf *out, const struct af_party *party);

/* Why the command ends with a status that is not 0; once, as the last member. */
void af_answer_add_error(struct af_buf *out, const struct af_failure *why);

/* The same for a command that ends with this status, if it is not 0: what was found, in words. */
void af_answer_add_status(struct af_buf *out, int status, const char *text);

/* Ends the object, prints it, and releases the buffer. */
void af_answer_print(struct af_buf *out);

/* Prints an object that says why a command failed, unless one was printed already. */
void af_answer_failure(const struct af_failure *why);

/* Whether the words of a command line ask for JSON; they need not be right. */
bool af_answer_wanted(int argc, char **argv);

#endif
