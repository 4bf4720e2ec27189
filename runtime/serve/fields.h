/* fields.h: the fields of a JSON request, checked and taken into a struct.
 *
 * A request is described by rows: a field's name, what it must be, and where it goes. All is read
 * once and strictly (json/json.h); fields without a row are read and ignored. What is wrong is said
 * for each field, with its place: `messages[2].message_time: expected an integer >= 0`. */
#ifndef AF_SERVE_FIELDS_H
#define AF_SERVE_FIELDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "json/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum serve_kind {
    SERVE_TEXT,   /* const char *; min to max bytes, without a 0 byte */
    SERVE_TASK,   /* the same: a task's ID, but none of the service's own, `afrun:…` */
    SERVE_TEXTS,  /* struct serve_texts; min to max of them, each an ID */
    SERVE_OBJECT, /* struct af_json_span: a JSON object as it stands in the body, up to max bytes */
    SERVE_INTEGER, /* int64_t, min to max */
    SERVE_BOOLEAN, /* bool */
    SERVE_SECONDS, /* int64_t of nanoseconds, min to max seconds */
    SERVE_RECORDS, /* struct serve_records; min to max of them */
};

struct serve_texts {
    const char **items;
    size_t count;
};

struct serve_records {
    void *items;
    size_t count;
};

enum serve_need { SERVE_OPTIONAL, SERVE_NEEDED, SERVE_OR_NULL /* optional, and may be null */ };

struct serve_field { /* the last row has no name */
    const char *name;
    enum serve_kind kind;
    enum serve_need need;
    size_t offset;
    int64_t min, max;
    const struct serve_field *record; /* of RECORDS */
    size_t record_bytes;
};

struct serve_reading {
    struct af_json_reader json; /* kept from one reading to the next; zeroed to begin with */
    struct af_arena *arena;     /* where texts go */
    struct af_buf errors;       /* "…","…" : what is wrong, as JSON strings */
    size_t error_count;
};

/* Reads a body into a target, whose fields keep their value where the body does not name them.
 * Returns false, with errors set, if anything is wrong; the target is of no use then. */
bool af_serve_read(struct serve_reading *reading, const struct serve_field *rows, void *target,
                   const char *body, size_t len);
void af_serve_reading_release(struct serve_reading *reading);

/* Whether a task is the service's own: nobody outside sends to it, joins or ends it. */
bool af_serve_is_own_task(const char *task);

/* One more error, about a field. */
void af_serve_complain(struct serve_reading *reading, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
