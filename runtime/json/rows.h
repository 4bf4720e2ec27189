/* rows.h: an object's members read into a struct, by rows. */
#ifndef AF_JSON_ROWS_H
#define AF_JSON_ROWS_H

#include "json/json.h"

struct af_arena;

enum af_json_kind {
    AF_JSON_ROW_TEXT,    /* const char *, in the arena */
    AF_JSON_ROW_NAME,    /* the same, of AF_BUS_ID_BYTES_MAX at most, as af_json_copy_name() */
    AF_JSON_ROW_INTEGER, /* int64_t */
    AF_JSON_ROW_FLAG,    /* bool: whether it is true */
    AF_JSON_ROW_SPAN,    /* struct af_json_span: any value */
    AF_JSON_ROW_OWN,     /* by `read`, from a value's first token on; false: it is wrong */
};

struct af_json_row { /* the last one has no name */
    const char *name;
    enum af_json_kind kind;
    size_t offset; /* in the target */
    bool (*read)(struct af_json_reader *reader, enum af_json_token first, struct af_arena *arena,
                 void *to);
};

/* Reads an object that has begun. Members that have no row, or are of another kind, are passed
 * over. Returns false if it is no JSON, or a row's own function says so. */
bool af_json_read_rows(struct af_json_reader *reader, const struct af_json_row *rows,
                       struct af_arena *arena, void *target);

/* Reads a text that is one object and nothing else, as above. */
bool af_json_read_object(struct af_json_span text, const struct af_json_row *rows,
                         struct af_arena *arena, void *target);

/* A member of such a text; of another one: none. */
struct af_json_span af_json_find(struct af_json_span text, const char *name);

/* Calls item() for each object of a text that is a list. Returns false if it is none, something
 * else stands in it, or item() says so. */
typedef bool af_json_item_fn(void *arg, struct af_json_span item);
bool af_json_each(struct af_json_span list, af_json_item_fn *item, void *arg);

/* The string whose token was just read, of 1 to `most` bytes and without a zero byte; NULL: it is
 * another, or none. */
const char *af_json_copy_name(const struct af_json_reader *reader, enum af_json_token token,
                              size_t most, struct af_arena *arena);

#endif
