/* read.c: see json.h.
 *
 * `expect` says what the grammar allows next; what closes the innermost object or array is in its
 * level. Keys of open objects are kept, to refuse one that comes twice: the few of a usual object
 * are looked through, those of a large one are in a hash table (keys.c).
 *
 *     expect       allowed                                then
 *     VALUE        a value                                SEPARATOR, or what its opening asks for
 *     FIRST_VALUE  a value or ']'
 *     FIRST_KEY    a key with its ':', or '}'             VALUE
 *     SEPARATOR    ',' and a value or key; '}' or ']'     as above; SEPARATOR
 *     NOTHING      the end
 *     STUCK        an error was found: it is given for ever */
#include "json/json.h"

#include "json/core.h"
#include "json/keys.h"
#include "base/mem.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPECT_VALUE,
    EXPECT_FIRST_VALUE,
    EXPECT_FIRST_KEY,
    EXPECT_SEPARATOR,
    EXPECT_NOTHING,
    STUCK
};

static enum af_json_token fail(struct af_json_reader *reader, const char *at, const char *message)
{
    reader->expect = STUCK;
    reader->offset = (size_t)(at - reader->start);
    reader->message = message;
    return AF_JSON_ERROR;
}

/* Fails with the message, unless the text ends here: then that is what is wrong. */
static enum af_json_token fail_or_end(struct af_json_reader *reader, const char *at,
                                      const char *message)
{
    return fail(reader, at, at == reader->end ? "the text ends too early" : message);
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Ends a token at `at`, where the next one begins. */
static enum af_json_token take(struct af_json_reader *reader, const char *at,
                               enum af_json_token token)
{
    reader->at = at;
    reader->expect = reader->depth == 0 ? EXPECT_NOTHING : EXPECT_SEPARATOR;
    return token;
}

/* ---- Strings. ---- */

/* Reads on a string that has escapes or is wrong: `first` is behind its quote. */
static const char *read_escaped(struct af_json_reader *reader, const char *first)
{
    const char *wrong = NULL;
    struct af_buf *to = &reader->unescaped;
    to->len = reader->kept_len;
    const char *at = af_json_unescape(to, first, reader->end, reader->passes, &wrong);
    if (wrong != NULL) {
        fail(reader, at, wrong);
        return NULL;
    }
    assert(!to->full); /* it is never longer than the text */
    reader->string = to->data + reader->kept_len;
    reader->string_len = to->len - reader->kept_len;
    return at + 1;
}

/* Reads the string whose opening quote is at `at`. Returns where it goes on, or NULL after failing;
 * *is_unescaped tells where it is. */
static inline const char *read_string(struct af_json_reader *reader, const char *at,
                                      bool *is_unescaped)
{
    const char *first = at + 1;
    at = af_json_plain_end(first, reader->end);
    *is_unescaped = at == reader->end || *at != '"';
    if (*is_unescaped)
        return read_escaped(reader, first);
    reader->string = first;
    reader->string_len = (size_t)(at - first);
    return at + 1;
}

const char *af_json_plain_string(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    at = af_json_plain_end(at + 1, end);
    return at < end && *at == '"' ? at + 1 : NULL;
}

/* ---- Numbers. ---- */

static inline bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* Reads digits, at least one, into *value, which is wrong if they are more than 19. Returns where
 * they end, or NULL if there are none. */
static inline const char *read_digits(const char *at, const char *end, uint64_t *value)
{
    if (!is_digit(at, end))
        return NULL;
    do {
        *value = *value * 10 + (uint64_t)(*at - '0');
        at++;
    } while (is_digit(at, end));
    return at;
}

const char *af_json_plain_integer(const char *at, const char *end, int64_t *value)
{
    bool is_negative = at < end && *at == '-';
    const char *digits = at + is_negative;
    uint64_t whole = 0;
    at = read_digits(digits, end, &whole);
    if (at == NULL || at - digits > 18 || (*digits == '0' && at - digits > 1) ||
        (at < end && (*at == '.' || *at == 'e' || *at == 'E')))
        return NULL;
    *value = is_negative ? -(int64_t)whole : (int64_t)whole;
    return at;
}

/* Reads the number first…last, whose grammar has been checked, by the C library. */
static enum af_json_token convert_double(struct af_json_reader *reader, const char *first,
                                         const char *last)
{
    if (last < reader->end) {
        reader->number = strtod(first, NULL); /* which stops where the number does */
    } else {
        char *copy = af_mem_copy(first, (size_t)(last - first));
        reader->number = strtod(copy, NULL);
        free(copy);
    }
    if (isinf(reader->number) && !reader->passes)
        return fail(reader, first, "a number beyond the range of a double");
    return take(reader, last, AF_JSON_DOUBLE);
}

/* Reads on a number first… that has a fraction or an exponent from `at`; `digits` are those before.
 * A whole number up to 2^53 over a power of ten, both of which a double holds exactly, is one
 * division, rounded as it should be; anything else is left to the C library. */
static enum af_json_token read_double(struct af_json_reader *reader, const char *first,
                                      const char *at, uint64_t digits)
{
    static const double powers[] = {1,   1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
    const char *end = reader->end;
    const char *from = at;
    ptrdiff_t decimals = 0;
    if (*at == '.') {
        at = read_digits(at + 1, end, &digits);
        if (at == NULL)
            return fail(reader, from + 1, "expected a digit");
        decimals = at - from - 1;
    }
    /* In 19 bytes there are no digits that overflow, and no more than 17 decimals. */
    bool is_simple =
        at - first <= 19 && digits <= UINT64_C(1) << DBL_MANT_DIG && FLT_EVAL_METHOD == 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        uint64_t exponent = 0;
        is_simple = false;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        from = at;
        at = read_digits(at, end, &exponent);
        if (at == NULL)
            return fail(reader, from, "expected a digit");
    }
    if (!is_simple)
        return convert_double(reader, first, at);
    reader->number = (double)digits / powers[decimals];
    if (*first == '-')
        reader->number = -reader->number;
    return take(reader, at, AF_JSON_DOUBLE);
}

static inline enum af_json_token read_number(struct af_json_reader *reader, const char *first)
{
    const char *end = reader->end;
    bool is_negative = *first == '-';
    const char *at = first + is_negative;
    const char *digits = at;
    uint64_t value = 0;
    at = read_digits(at, end, &value);
    if (at == NULL)
        return fail(reader, digits, "expected a digit");
    if (*digits == '0' && at - digits > 1)
        return fail(reader, digits, "a number that starts with 0");
    if (at < end && (*at == '.' || *at == 'e' || *at == 'E'))
        return read_double(reader, first, at, value);
    if (at - digits > 19 || value > (uint64_t)INT64_MAX + is_negative)
        return reader->passes ? convert_double(reader, first, at)
                              : fail(reader, first, "an integer beyond 64 bits");
    reader->integer = (int64_t)(is_negative ? 0 - value : value);
    return take(reader, at, AF_JSON_INTEGER);
}

/* ---- Values. ---- */

static enum af_json_token read_word(struct af_json_reader *reader, const char *at, const char *word,
                                    enum af_json_token token)
{
    size_t len = strlen(word);
    if ((size_t)(reader->end - at) < len || memcmp(at, word, len) != 0)
        return fail(reader, at, "expected a value");
    return take(reader, at + len, token);
}

static enum af_json_token open_level(struct af_json_reader *reader, const char *at)
{
    if (reader->depth == AF_JSON_DEPTH_MAX)
        return fail(reader, at, "nested too deeply");
    bool is_object = *at == '{';
    struct af_json_level *level = &reader->levels[reader->depth++];
    level->close = is_object ? '}' : ']';
    if (is_object)
        af_json_keys_open(reader, level);
    reader->at = at + 1;
    reader->expect = is_object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
    return is_object ? AF_JSON_OBJECT_BEGIN : AF_JSON_ARRAY_BEGIN;
}

static enum af_json_token close_level(struct af_json_reader *reader, const char *at)
{
    assert(reader->depth > 0);
    const struct af_json_level *level = &reader->levels[--reader->depth];
    if (level->close == ']')
        return take(reader, at + 1, AF_JSON_ARRAY_END);
    af_json_keys_close(reader, level);
    return take(reader, at + 1, AF_JSON_OBJECT_END);
}

static inline enum af_json_token read_value(struct af_json_reader *reader, const char *at,
                                            const char *otherwise)
{
    bool is_unescaped;
    if (at == reader->end)
        return fail_or_end(reader, at, otherwise);
    switch (*at) {
    case '"':
        at = read_string(reader, at, &is_unescaped);
        return at == NULL ? AF_JSON_ERROR : take(reader, at, AF_JSON_STRING);
    case '{':
    case '[':
        return open_level(reader, at);
    case 't':
        return read_word(reader, at, "true", AF_JSON_TRUE);
    case 'f':
        return read_word(reader, at, "false", AF_JSON_FALSE);
    case 'n':
        return read_word(reader, at, "null", AF_JSON_NULL);
    default:
        if (*at == '-' || is_digit(at, reader->end))
            return read_number(reader, at);
        return fail(reader, at, otherwise);
    }
}

/* Reads a key and its colon. */
static inline enum af_json_token read_key(struct af_json_reader *reader, const char *at)
{
    bool is_unescaped;
    const char *key = at;
    at = read_string(reader, at, &is_unescaped);
    if (at == NULL)
        return AF_JSON_ERROR;
    if (!af_json_keys_add(reader, is_unescaped))
        return fail(reader, key, "a key for the second time");
    at = skip_space(at, reader->end);
    if (at == reader->end || *at != ':')
        return fail_or_end(reader, at, "expected ':'");
    reader->at = at + 1;
    reader->expect = EXPECT_VALUE;
    return AF_JSON_KEY;
}

/* Reads what may follow a value in an object or array. */
static inline enum af_json_token read_separator(struct af_json_reader *reader, const char *at)
{
    char close = reader->levels[reader->depth - 1].close;
    if (at == reader->end || *at != ',') {
        if (at < reader->end && *at == close)
            return close_level(reader, at);
        return fail_or_end(reader, at,
                           close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    at = skip_space(at + 1, reader->end);
    reader->offset = (size_t)(at - reader->start);
    if (close == ']')
        return read_value(reader, at, "expected a value");
    if (at == reader->end || *at != '"')
        return fail_or_end(reader, at, "expected a key");
    return read_key(reader, at);
}

enum af_json_token af_json_next(struct af_json_reader *reader)
{
    if (reader->expect == STUCK)
        return AF_JSON_ERROR;
    const char *at = skip_space(reader->at, reader->end);
    bool is_end = at == reader->end;
    reader->offset = (size_t)(at - reader->start);
    switch (reader->expect) {
    case EXPECT_SEPARATOR:
        return read_separator(reader, at);
    case EXPECT_FIRST_KEY:
        if (is_end || *at != '"')
            return !is_end && *at == '}' ? close_level(reader, at)
                                         : fail_or_end(reader, at, "expected a key or '}'");
        return read_key(reader, at);
    case EXPECT_FIRST_VALUE:
        if (!is_end && *at == ']')
            return close_level(reader, at);
        return read_value(reader, at, "expected a value or ']'");
    case EXPECT_VALUE:
        return read_value(reader, at, "expected a value");
    default:
        assert(reader->expect == EXPECT_NOTHING);
        return is_end ? AF_JSON_END : fail(reader, at, "something follows the value");
    }
}

bool af_json_skip(struct af_json_reader *reader, enum af_json_token first)
{
    reader->passes = true;
    if (first == AF_JSON_KEY)
        first = af_json_next(reader);
    if (first == AF_JSON_OBJECT_BEGIN || first == AF_JSON_ARRAY_BEGIN)
        for (int outside = reader->depth - 1; reader->depth > outside && first != AF_JSON_ERROR;)
            first = af_json_next(reader);
    reader->passes = false;
    return first != AF_JSON_ERROR;
}

bool af_json_take(struct af_json_reader *reader, enum af_json_token first,
                  struct af_json_span *span)
{
    const char *start = reader->start + reader->offset;
    bool ok = af_json_skip(reader, first);
    if (ok)
        *span = (struct af_json_span){start, (size_t)(reader->at - start)};
    return ok;
}

void af_json_reader_init(struct af_json_reader *reader, const char *text, size_t len)
{
    reader->keys = NULL;
    reader->key_cap = 0;
    reader->slots = NULL;
    reader->slot_cap = 0;
    reader->unescaped = AF_BUF_EMPTY;
    af_json_reader_restart(reader, text, len);
}

void af_json_reader_init_kept(struct af_json_reader *reader, const char *text, size_t len)
{
    assert(len <= AF_BUF_BYTES_MAX);
    af_json_reader_init(reader, text, len);
    reader->expect = EXPECT_VALUE;
    reader->message = NULL;
}

void af_json_reader_restart(struct af_json_reader *reader, const char *text, size_t len)
{
    reader->string = NULL;
    reader->string_len = 0;
    reader->message = NULL;
    reader->depth = 0;
    reader->offset = 0;
    reader->start = len == 0 ? "" : text;
    reader->at = reader->start;
    reader->end = reader->start + len;
    reader->expect = EXPECT_VALUE;
    reader->key_count = 0;
    reader->slot_count = 0;
    reader->kept_len = 0;
    reader->passes = false;
    if (len > AF_JSON_BYTES_MAX)
        fail(reader, reader->start, "a text of more than 16 MiB");
}

void af_json_reader_release(struct af_json_reader *reader)
{
    free(reader->keys);
    free(reader->slots);
    af_buf_release(&reader->unescaped);
    reader->keys = NULL;
    reader->key_cap = 0;
    reader->slots = NULL;
    reader->slot_cap = 0;
    reader->expect = STUCK;
    reader->message = "the reader was released";
}

/* Where the string that was opened before `at` closes, or the end. */
static const char *string_end(const char *at, const char *end)
{
    while ((at = af_json_plain_end(at, end)) < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

int af_json_depth(const char *text, size_t len)
{
    const char *end = text + len;
    int depth = 0, deepest = 0;
    for (const char *at = text; at < end; at++) {
        if (*at == '{' || *at == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if (*at == '}' || *at == ']')
            depth--;
        else if (*at == '"')
            at = string_end(at + 1, end);
    }
    return deepest;
}
