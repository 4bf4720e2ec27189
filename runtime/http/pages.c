/* pages.c: see pages.h. */
#include "http/pages.h"

#include "base/buf.h"
#include "base/packed.h"
#include "http/server.h"

#include <string.h>

const char *const af_pages_headers[] = {
    "X-Content-Type-Options",
    "nosniff",
    "Content-Security-Policy",
    ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    "Referrer-Policy",
    "no-referrer",
    "Cross-Origin-Opener-Policy",
    "same-origin",
    "Cross-Origin-Resource-Policy",
    "same-origin",
    "Cache-Control",
    "no-store",
    NULL,
};

const char *af_pages_find(const char *name, size_t *len)
{
    static char *whole; /* unpacked when the first is asked for */
    size_t size;
    for (size_t i = 0; i < af_page_count; i++) {
        if (strcmp(name, af_pages[i].name) != 0)
            continue;
        if (whole == NULL)
            whole = af_packed_read(af_pages_packed, af_pages_packed_len, &size);
        *len = af_pages[i].len;
        return whole + af_pages[i].start;
    }
    return NULL;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strcmp(dot, ".js") == 0    ? "text/javascript; charset=utf-8"
           : strcmp(dot, ".css") == 0 ? "text/css; charset=utf-8"
           : strcmp(dot, ".svg") == 0 ? "image/svg+xml"
                                      : "text/html; charset=utf-8";
}

bool af_pages_answer(struct af_exchange *exchange, const char *name)
{
    size_t len;
    const char *text = af_pages_find(name, &len);
    struct af_buf out = AF_BUF_EMPTY;
    if (text == NULL)
        return false;
    af_buf_append(&out, text, len);
    af_exchange_answer(exchange, 200, type_of(name), &out);
    return true;
}
