/* json.h: reading and writing JSON exactly, without a tree.
 *
 * This is the identity of everything that is sent, stored, hashed or compared, so it is strict:
 *   - 64-bit integers stay integers; a number with a fraction or an exponent is a double; an
 *     integer beyond 64 bits, or a double beyond range, is refused;
 *   - a double is written in the fewest digits that read back the same, and always shows a fraction
 *     or an exponent (1.0, 1e+300);
 *   - strings are valid UTF-8 (no surrogates, no overlong forms), \u0000 is allowed;
 *   - an object has no key twice; depth is at most AF_JSON_DEPTH_MAX; nothing may follow the value.
 * Canonical form is compact with keys sorted by bytes; sorting is the caller's, who has the keys.
 */
#ifndef AF_JSON_H
#define AF_JSON_H

#include "base/bounds.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- Writing: each appends one token to buf; where not said, commas are the caller's. ---- */

/* A string with its quotes. Characters below 0x20, '"' and '\' are escaped (\b \f \n \r \t, else
 * \u00xx), all else is written as it is. Returns false, having appended nothing, if it is no valid
 * UTF-8. */
bool af_json_write_string(struct af_buf *buf, const char *text, size_t len);
void af_json_write_integer(struct af_buf *buf, int64_t value);

/* Of the roundings of value to 1, 2, … 17 digits, writes the first that reads back the same.
 * Returns false, having appended nothing, for NaN and infinities. */
bool af_json_write_double(struct af_buf *buf, double value);

/* A text of anybody's: null for NULL; of what is no valid UTF-8 it says so. */
void af_json_write_text(struct af_buf *buf, const char *text);

/* Begins an object or a list ('{' or '['); an item of a list; a member's name; one that begins an
 * object or a list; a whole member. All but the first of what they stand in with a comma. */
void af_json_open(struct af_buf *buf, char bracket);
void af_json_item(struct af_buf *buf, const char *text);
void af_json_item_pair(struct af_buf *buf, const char *left, const char *right); /* "left=right" */
void af_json_name(struct af_buf *buf, const char *name);
void af_json_begin(struct af_buf *buf, const char *name, char bracket);
void af_json_add_text(struct af_buf *buf, const char *name, const char *text);
void af_json_add_texts(struct af_buf *buf, const char *name, const char *const *items,
                       size_t count);
void af_json_add_integer(struct af_buf *buf, const char *name, int64_t value);
void af_json_add_bool(struct af_buf *buf, const char *name, bool value);
void af_json_add_json(struct af_buf *buf, const char *name, const char *json); /* NULL: null */

/* For who knows what comes next, and takes up the reader where something else does: where a string
 * without escapes, or an integer, that begins at `at` ends; NULL: there is none. */
const char *af_json_plain_string(const char *at, const char *end);
const char *af_json_plain_integer(const char *at, const char *end, int64_t *value);

/* Whether the bytes are valid UTF-8 as JSON wants it. */
bool af_json_is_utf8(const char *text, size_t len);

/* How a text of bytes that are no UTF-8 stands in a party's data: behind this mark, in base64. What
 * begins with the mark itself stands so, too. */
#define AF_JSON_BYTES_MARK "\0bytes:"

/* ---- Reading: one token after the other. ---- */

enum af_json_token {
    AF_JSON_ERROR, /* message and offset are set; the reader stays here */
    AF_JSON_END,   /* the value is over, and nothing follows it */
    AF_JSON_OBJECT_BEGIN,
    AF_JSON_OBJECT_END,
    AF_JSON_ARRAY_BEGIN,
    AF_JSON_ARRAY_END,
    AF_JSON_KEY,     /* string, string_len; its value is the next token */
    AF_JSON_STRING,  /* string, string_len */
    AF_JSON_INTEGER, /* integer */
    AF_JSON_DOUBLE,  /* number */
    AF_JSON_TRUE,
    AF_JSON_FALSE,
    AF_JSON_NULL,
};

struct af_json_key {
    uint32_t start; /* of its text, in the input or in `unescaped` */
    uint32_t len;
    uint32_t hash; /* only in an object with so many keys that they are found by a table */
    bool is_unescaped;
};

struct af_json_level {
    uint32_t first_key;     /* of this object, in `keys` */
    uint32_t first_slot;    /* of its table, in `slots` */
    uint32_t slot_count;    /* of its table: a power of two, 0 while it has none */
    uint32_t unescaped_len; /* when it began */
    char close;             /* '}' or ']' */
};

/* Fields above the line are for the caller to read after a token, those below are the reader's. */
struct af_json_reader {
    const char *string; /* borrowed: in the input, or in the reader until the next token */
    size_t string_len;
    int64_t integer;
    double number;
    const char *message; /* what is wrong: a constant text */
    size_t offset;       /* of the token just read, or where it is wrong; in bytes from the start */
    int depth;           /* of objects and arrays open now */
    /* ---- */
    const char *start, *at, *end;
    unsigned char expect; /* what may come next */
    bool passes; /* what is read is only passed over, or shown: a number may be beyond our range (an
                    integer is then a double), and a text have half a surrogate pair */
    struct af_json_level levels[AF_JSON_DEPTH_MAX]; /* of each open object or array */
    struct af_json_key *keys;                       /* of all open objects: to find one twice */
    size_t key_count, key_cap;
    uint32_t *slots; /* tables of open objects with many keys, one after the other */
    size_t slot_count, slot_cap;
    struct af_buf unescaped; /* keys of open objects, then a string that had escapes */
    size_t kept_len;         /* of the keys in it */
};

/* Starts to read text (borrowed until af_json_reader_release()). A text longer than
 * AF_JSON_BYTES_MAX gives AF_JSON_ERROR at the first token. A released reader may be started again;
 * af_json_reader_restart() keeps its memory, and is for one that was started before or is zeroed.
 */
void af_json_reader_init(struct af_json_reader *reader, const char *text, size_t len);
void af_json_reader_restart(struct af_json_reader *reader, const char *text, size_t len);
void af_json_reader_release(struct af_json_reader *reader);

/* Starts to read what this program has kept itself, of any length that a buffer has: each value in
 * it was bounded when it was made. */
void af_json_reader_init_kept(struct af_json_reader *reader, const char *text, size_t len);

enum af_json_token af_json_next(struct af_json_reader *reader);

/* Whether the key or the string that was just read is this one. */
static inline bool af_json_is(const struct af_json_reader *reader, const char *text)
{
    size_t len = strlen(text);
    return reader->string_len == len && memcmp(reader->string, text, len) == 0;
}

/* Passes over the rest of the value whose first token was `first` (for a scalar: nothing; for a
 * key: its value). What is passed over is JSON, read as strictly as anything, but for what it
 * means: numbers of any size in it, and halves of surrogate pairs, are somebody else's to
 * understand. Returns false on an error. */
bool af_json_skip(struct af_json_reader *reader, enum af_json_token first);

struct af_json_span { /* a value as it stands in a text; borrowed; at NULL: it is not there */
    const char *at;
    size_t len;
};

/* Passes over a value, and says where it stands. */
bool af_json_take(struct af_json_reader *reader, enum af_json_token first,
                  struct af_json_span *span);

/* How many objects and arrays are open at most at one place of a text that is JSON; of another it
 * is some number. */
int af_json_depth(const char *text, size_t len);

#endif
