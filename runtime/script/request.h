/* request.h: the fields of a flat JSON object: requests of scripts, lines of small formats.
 *
 * Values are strings, numbers, booleans, nulls and lists of strings; deeper ones are passed over.
 */
#ifndef AF_REQUEST_H
#define AF_REQUEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_request_field {
    char *name;
    char kind; /* 's' string, 'i' integer, 'd' double, 'b' boolean, 'l' list of strings */
    char *text;
    size_t len;
    int64_t integer;
    double number;
    char **items;
    size_t item_count;
};

struct af_request {
    struct af_request_field *fields;
    size_t count, cap;
    size_t cut; /* how many fields, up to one with a string that a zero byte would cut; 0: none */
};

/* Reads the object; false if the text is no JSON object. Release it in either case. */
bool af_request_read(struct af_request *request, const char *json, size_t len);
void af_request_release(struct af_request *request);

/* The first field with a zero byte in a string of it (a path would end there), or NULL. Borrowed.
 */
const char *af_request_cut(const struct af_request *request);

/* A field's value, or what was given for absent ones. Borrowed. */
const char *af_request_string(const struct af_request *request, const char *name);
bool af_request_bool(const struct af_request *request, const char *name);
bool af_request_number(const struct af_request *request, const char *name, double *value);
bool af_request_integer(const struct af_request *request, const char *name, int64_t *value);
const struct af_request_field *af_request_list(const struct af_request *request, const char *name);

/* Which words a script waits for: those of `only`, unless NULL, and none of `except`. */
struct af_request_filter {
    const struct af_request_field *only, *except;
};
struct af_request_filter af_request_filter(const struct af_request *request);
bool af_request_lets(const struct af_request_filter *filter, const char *word);

#endif
