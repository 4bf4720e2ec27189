/* read.h: the service's answers, as hostile as anything that comes from outside.
 *
 * An envelope is good if it is an object whose `code` is exactly the integer 0 and whose `data` is
 * an object; keys that nobody asked for are passed over, but must be JSON. Nothing here keeps more
 * than the answer itself is long. Functions return NULL, or what is wrong: a constant text. */
#ifndef AF_BUS_HTTP_READ_H
#define AF_BUS_HTTP_READ_H

#include "base/arena.h"
#include "bus/bus.h"
#include "json/rows.h"

#define AF_ENVELOPE_NO_CODE INT64_MIN

struct af_envelope {
    int64_t code;             /* AF_ENVELOPE_NO_CODE: it has none that is an integer */
    char message[200];        /* "" if there is none; printable */
    struct af_json_span data; /* an object */
};

/* Whether it is an envelope at all, good or not. */
const char *af_envelope_read(struct af_envelope *envelope, const char *json, size_t len);

/* Whether a pop without contracts says that another process of the node holds them. */
bool af_answer_is_held(struct af_json_span data);

/* The contracts of a pop's data: none, one as the platform has it, or a list `messages` of at most
 * max. Items and their texts live in the arena, contents in data. */
const char *af_answer_items(struct af_json_span data, const char *task, size_t max,
                            struct af_arena *arena, const struct af_bus_item **items,
                            size_t *count);

/* What a push of count contracts confirms: `message_uuid` of one, `message_uuids` of several. */
const char *af_answer_uuids(struct af_json_span data, const char *task, size_t count,
                            struct af_arena *arena, const char *const **uuids);

/* The nodes of a task: the list `records`. */
const char *af_answer_members(struct af_json_span data, struct af_arena *arena,
                              const struct af_bus_member **members, size_t *count);
bool af_answer_is_open(struct af_json_span data); /* the task is, of which these are */

/* A field of an object: a string (in the arena, at most max bytes, without zero bytes), or an
 * object; NULL and an empty span where it is something else or absent, or the text is no JSON
 * object. */
const char *af_answer_string(struct af_json_span object, const char *name, size_t max,
                             struct af_arena *arena);
struct af_json_span af_answer_object(struct af_json_span object, const char *name);

/* Its `count`; 0 where it is none. */
size_t af_answer_count(struct af_json_span object);

/* Whether an object has any key. */
bool af_answer_is_empty(struct af_json_span object);

#endif
