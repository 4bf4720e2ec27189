/* buf.c: see buf.h. */
#include "base/buf.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void af_buf_init(struct af_buf *buf)
{
    *buf = AF_BUF_EMPTY;
}

void af_buf_release(struct af_buf *buf)
{
    free(buf->data);
    *buf = AF_BUF_EMPTY;
}

bool af_buf_grow(struct af_buf *buf, size_t more)
{
    if (buf->full || more > AF_BUF_BYTES_MAX - buf->len) {
        buf->full = true;
        return false;
    }
    size_t cap = buf->cap == 0 ? 64 : buf->cap;
    while (cap <= buf->len + more)
        cap *= 2;
    if (cap > (size_t)AF_BUF_BYTES_MAX + 1)
        cap =
            (size_t)AF_BUF_BYTES_MAX + 1; /* with the 0 byte: so cap alone tells what still fits */
    if (cap >= AF_MEM_LARGE_BYTES && buf->cap < AF_MEM_LARGE_BYTES) {
        char *data = af_mem_alloc(cap);
        if (buf->len > 0)
            memcpy(data, buf->data, buf->len);
        free(buf->data);
        buf->data = data;
    } else {
        buf->data = af_mem_grow(buf->data, cap);
    }
    buf->cap = cap;
    return true;
}

void af_buf_append(struct af_buf *buf, const void *bytes, size_t len)
{
    if (!af_buf_reserve(buf, len) || len == 0)
        return;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
}

void af_buf_append_string(struct af_buf *buf, const char *text)
{
    af_buf_append(buf, text, strlen(text));
}

void af_buf_printf(struct af_buf *buf, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len < sizeof small) {
        af_buf_append(buf, small, (size_t)len);
        return;
    }
    if (!af_buf_reserve(buf, (size_t)len))
        return;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

const char *af_buf_text(const struct af_buf *buf)
{
    if (buf->data == NULL)
        return "";
    buf->data[buf->len] = '\0';
    return buf->data;
}

char *af_buf_take(struct af_buf *buf)
{
    char *taken = buf->data == NULL ? af_mem_string("") : buf->data;
    taken[buf->len] = '\0';
    *buf = AF_BUF_EMPTY;
    return taken;
}
