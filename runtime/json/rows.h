/* rows.h: an object's members read into a struct, by rows. */
#ifndef AF_JSON_ROWS_H
#define AF_JSON_ROWS_H

#include "json/json.h"

struct af_arena;

enum af_json_kind {
    AF_JSON_ROW_TEXT,    /* const char *, in the arena */
    AF_JSON_ROW_INTEGER, /* int64_t */
    AF_JSON_ROW_SPAN,    /* struct af_json_span: an object or a list */
    AF_JSON_ROW_OWN,     /* by `read`, from a value's first token on; false: it is wrong */
};

struct af_json_span { /* as it stands in the text; borrowed */
    const char *at;
    size_t len;
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

#endif
