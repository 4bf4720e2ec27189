/* buf.h: bytes that grow, up to a maximum.
 *
 * A buf never holds more than AF_BUF_BYTES_MAX bytes (bounds.h): an append that would go beyond is
 * refused as a whole, sets `full`, and every later append is refused too; the writer asks once, at
 * the end. There is always room for a 0 byte behind the content; af_buf_text() puts it there. */
#ifndef AF_BUF_H
#define AF_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct af_buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    bool full;
};

#define AF_BUF_EMPTY ((struct af_buf){NULL, 0, 0, false})

void af_buf_init(struct af_buf *buf);
void af_buf_release(struct af_buf *buf);

/* Makes room for `more` bytes and a 0 byte. Returns false, and sets full, where there may be none.
 */
bool af_buf_grow(struct af_buf *buf, size_t more); /* where there is no room yet */
static inline bool af_buf_reserve(struct af_buf *buf, size_t more)
{
    return (more < buf->cap - buf->len && !buf->full) || af_buf_grow(buf, more);
}

void af_buf_append(struct af_buf *buf, const void *bytes, size_t len);
void af_buf_append_string(struct af_buf *buf, const char *text);
void af_buf_printf(struct af_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content as a C string, "" for an empty buf. Borrowed until the next change. */
const char *af_buf_text(const struct af_buf *buf);

/* The content with a 0 byte behind it; the caller frees it; the buf is empty afterwards. */
char *af_buf_take(struct af_buf *buf);

static inline void af_buf_clear(struct af_buf *buf)
{
    buf->len = 0;
    buf->full = false;
}

static inline void af_buf_append_char(struct af_buf *buf, char byte)
{
    if (af_buf_reserve(buf, 1))
        buf->data[buf->len++] = byte;
}

/* ---- Texts. ---- */

static inline bool af_text_ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

#endif
