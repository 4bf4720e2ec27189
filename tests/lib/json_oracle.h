/* json_oracle.h: what runtime/json/json.h says of a text, compared with what jansson says.
 *
 * For the unit test and the fuzzer alike. Functions return NULL, or in words what differs. jansson
 * must accept exactly what we accept, but for three limits of one side: our depth; jansson's keys,
 * which cannot hold a NUL; and a raw NUL behind a number, which jansson 2.14 passes over. */
#ifndef AF_TESTS_JSON_ORACLE_H
#define AF_TESTS_JSON_ORACLE_H

#include "json/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ORACLE_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES)

static inline bool oracle_same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0; /* tells -0.0 from 0.0 */
}

/* Writes a token as compact JSON, with its comma if `is_next`. */
static inline void oracle_write_token(struct af_buf *to, const struct af_json_reader *reader,
                                      enum af_json_token token, bool is_next)
{
    static const char *const words[] = {
        [AF_JSON_OBJECT_BEGIN] = "{", [AF_JSON_OBJECT_END] = "}", [AF_JSON_ARRAY_BEGIN] = "[",
        [AF_JSON_ARRAY_END] = "]",    [AF_JSON_TRUE] = "true",    [AF_JSON_FALSE] = "false",
        [AF_JSON_NULL] = "null",
    };
    if (is_next)
        af_buf_append_char(to, ',');
    if (token == AF_JSON_KEY || token == AF_JSON_STRING) {
        if (!af_json_write_string(to, reader->string, reader->string_len))
            abort(); /* what was read is UTF-8 */
    } else if (token == AF_JSON_INTEGER) {
        af_json_write_integer(to, reader->integer);
    } else if (token == AF_JSON_DOUBLE) {
        if (!af_json_write_double(to, reader->number))
            abort(); /* what was read is finite */
    } else {
        af_buf_append_string(to, words[token]);
    }
    if (token == AF_JSON_KEY)
        af_buf_append_char(to, ':');
}

/* Reads all with `reader` (restarted) and writes it to `to`; whether it was accepted. *has_nul_key
 * is set if a key holds a NUL. */
static inline bool oracle_copy(struct af_json_reader *reader, const char *text, size_t len,
                               struct af_buf *to, bool *has_nul_key)
{
    bool is_next = false;
    af_json_reader_restart(reader, text, len);
    for (;;) {
        enum af_json_token token = af_json_next(reader);
        if (token == AF_JSON_END || token == AF_JSON_ERROR)
            return token == AF_JSON_END;
        bool is_close = token == AF_JSON_OBJECT_END || token == AF_JSON_ARRAY_END;
        oracle_write_token(to, reader, token, is_next && !is_close);
        is_next =
            token != AF_JSON_OBJECT_BEGIN && token != AF_JSON_ARRAY_BEGIN && token != AF_JSON_KEY;
        if (token == AF_JSON_KEY && memchr(reader->string, 0, reader->string_len) != NULL)
            *has_nul_key = true;
    }
}

static inline const char *oracle_compare_value(struct af_json_reader *reader,
                                               enum af_json_token token, const json_t *value);

static inline const char *oracle_compare_members(struct af_json_reader *reader,
                                                 const json_t *object)
{
    size_t count = 0;
    enum af_json_token token;
    while ((token = af_json_next(reader)) == AF_JSON_KEY) {
        const json_t *value = json_object_getn(object, reader->string, reader->string_len);
        const char *difference = value == NULL
                                     ? "a key that is not there"
                                     : oracle_compare_value(reader, af_json_next(reader), value);
        if (difference != NULL)
            return difference;
        count++;
    }
    return token == AF_JSON_OBJECT_END && count == json_object_size(object) ? NULL : "members";
}

static inline const char *oracle_compare_items(struct af_json_reader *reader, const json_t *array)
{
    size_t count = 0;
    enum af_json_token token;
    while ((token = af_json_next(reader)) != AF_JSON_ARRAY_END) {
        const json_t *value = json_array_get(array, count++);
        const char *difference =
            value == NULL ? "too many items" : oracle_compare_value(reader, token, value);
        if (difference != NULL)
            return difference;
    }
    return count == json_array_size(array) ? NULL : "items";
}

/* Compares the value whose first token was read with jansson's. */
static inline const char *oracle_compare_value(struct af_json_reader *reader,
                                               enum af_json_token token, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return token == AF_JSON_OBJECT_BEGIN ? oracle_compare_members(reader, value) : "no object";
    case JSON_ARRAY:
        return token == AF_JSON_ARRAY_BEGIN ? oracle_compare_items(reader, value) : "no array";
    case JSON_STRING:
        return token == AF_JSON_STRING && reader->string_len == json_string_length(value) &&
                       memcmp(reader->string, json_string_value(value), reader->string_len) == 0
                   ? NULL
                   : "string";
    case JSON_INTEGER:
        return token == AF_JSON_INTEGER && reader->integer == json_integer_value(value) ? NULL
                                                                                        : "integer";
    case JSON_REAL:
        return token == AF_JSON_DOUBLE && oracle_same_double(reader->number, json_real_value(value))
                   ? NULL
                   : "double";
    case JSON_TRUE:
        return token == AF_JSON_TRUE ? NULL : "true";
    case JSON_FALSE:
        return token == AF_JSON_FALSE ? NULL : "false";
    case JSON_NULL:
        return token == AF_JSON_NULL ? NULL : "null";
    }
    return "no JSON type";
}

/* Whether text reads as value, by tokens. */
static inline const char *oracle_compare_text(struct af_json_reader *reader, const char *text,
                                              size_t len, const json_t *value)
{
    af_json_reader_restart(reader, text, len);
    const char *difference = oracle_compare_value(reader, af_json_next(reader), value);
    if (difference == NULL && af_json_next(reader) != AF_JSON_END)
        return "no end";
    return difference;
}

/* Whether text skipped as a whole is judged like text read token by token. */
static inline const char *oracle_compare_skip(struct af_json_reader *reader, const char *text,
                                              size_t len, bool is_accepted)
{
    size_t offset = reader->offset;
    const char *message = reader->message;
    af_json_reader_restart(reader, text, len);
    bool is_skipped =
        af_json_skip(reader, af_json_next(reader)) && af_json_next(reader) == AF_JSON_END;
    /* What only means nothing to us is passed over. */
    static const char *const passed[] = {"an integer beyond 64 bits", "half a surrogate pair",
                                         "a number beyond the range of a double"};
    for (size_t i = 0; !is_accepted && message != NULL && i < sizeof passed / sizeof passed[0]; i++)
        if (strcmp(message, passed[i]) == 0)
            return NULL;
    if (is_skipped != is_accepted)
        return "skipping and reading disagree";
    if (!is_accepted && (reader->message != message || reader->offset != offset))
        return "skipping and reading disagree about the error";
    return NULL;
}

/* What we wrote of an accepted text: it must say the same to us and to jansson, and be written the
 * same when it is read again. */
static inline const char *oracle_compare_written(struct af_json_reader *reader,
                                                 const struct af_buf *written, json_t *value)
{
    json_error_t error;
    struct af_buf again = AF_BUF_EMPTY;
    bool has_nul_key = false;
    const char *difference = oracle_compare_text(reader, written->data, written->len, value);
    json_t *back = json_loadb(written->data, written->len, ORACLE_FLAGS, &error);
    if (difference == NULL && (back == NULL || !json_equal(back, value)))
        difference = "jansson reads what was written as something else";
    if (difference == NULL &&
        (!oracle_copy(reader, written->data, written->len, &again, &has_nul_key) ||
         again.len != written->len ||
         memcmp(af_buf_text(&again), af_buf_text(written), again.len) != 0))
        difference = "what was written is written differently again";
    json_decref(back);
    af_buf_release(&again);
    return difference;
}

/* The whole comparison. *is_accepted tells what we said. */
static inline const char *oracle_compare(struct af_json_reader *reader, const char *text,
                                         size_t len, bool *is_accepted)
{
    json_error_t error;
    bool has_nul_key = false;
    struct af_buf written = AF_BUF_EMPTY;
    *is_accepted = oracle_copy(reader, text, len, &written, &has_nul_key);
    if (!*is_accepted && (reader->message == NULL || reader->offset > len))
        abort();
    bool is_too_deep = !*is_accepted && strcmp(reader->message, "nested too deeply") == 0;
    const char *difference = oracle_compare_skip(reader, text, len, *is_accepted);
    if (len > 0 && memchr(text, 0, len) != NULL) {
        af_buf_release(&written);
        return *is_accepted ? "a raw NUL was accepted" : difference;
    }
    json_t *value = json_loadb(text, len, ORACLE_FLAGS, &error);
    if (difference == NULL && !has_nul_key && !is_too_deep && (value != NULL) != *is_accepted)
        difference = *is_accepted ? "only jansson refuses it" : "only we refuse it";
    if (difference == NULL && has_nul_key && value != NULL)
        difference = "jansson took a key with a NUL";
    if (difference == NULL && *is_accepted && value != NULL)
        difference = oracle_compare_text(reader, text, len, value);
    if (difference == NULL && *is_accepted && value != NULL)
        difference = oracle_compare_written(reader, &written, value);
    json_decref(value);
    af_buf_release(&written);
    return difference;
}

/* The bytes as one string. */
static inline const char *oracle_compare_string(const char *text, size_t len)
{
    const char *difference = NULL;
    struct af_buf written = AF_BUF_EMPTY;
    json_t *string = json_stringn(text, len);
    bool is_utf8 = af_json_is_utf8(text, len);
    bool is_written = af_json_write_string(&written, text, len);
    if (is_utf8 != (string != NULL) || is_written != is_utf8)
        difference = "UTF-8";
    if (difference == NULL && !is_written && written.len != 0)
        difference = "a refused string was written";
    if (difference == NULL && is_written) {
        json_t *back = json_loadb(written.data, written.len, ORACLE_FLAGS, NULL);
        if (back == NULL || !json_equal(back, string))
            difference = "jansson reads a written string as something else";
        json_decref(back);
    }
    json_decref(string);
    af_buf_release(&written);
    return difference;
}

/* A double, which is written as the C library's first %.15g … %.17g that reads back. */
static inline const char *oracle_compare_double(double number)
{
    char exact[64];
    struct af_buf written = AF_BUF_EMPTY;
    const char *difference = NULL;
    if (number - number != 0) { /* no finite one */
        if (af_json_write_double(&written, number) || written.len != 0)
            difference = "an infinity or NaN was written";
        af_buf_release(&written);
        return difference;
    }
    bool is_written = af_json_write_double(&written, number);
    const char *text = af_buf_text(&written);
    char *end;
    if (!is_written || !oracle_same_double(strtod(text, &end), number) || *end != '\0')
        difference = "a double reads back as another";
    else if (strpbrk(text, ".e") == NULL)
        difference = "a double looks like an integer";
    for (int digits = 1; difference == NULL && digits <= 17; digits++) {
        snprintf(exact, sizeof exact, "%.*e", digits - 1, number);
        if (strtod(exact, NULL) == number) {
            int written_digits = 0, zeros = 0;
            for (const char *c = text; *c != '\0' && *c != 'e'; c++) {
                if (*c < '0' || *c > '9' || (written_digits == 0 && *c == '0'))
                    continue;
                written_digits++;
                zeros = *c == '0' ? zeros + 1 : 0;
            }
            if (number != 0 && written_digits - zeros != digits)
                difference = "a double is written in more digits than it needs";
            break;
        }
    }
    af_buf_release(&written);
    return difference;
}

#endif
