/* pages.h: the files of scripts/page/, that browsers are given. */
#ifndef AF_HTTP_PAGES_H
#define AF_HTTP_PAGES_H

#include <stdbool.h>
#include <stddef.h>

struct af_exchange;

/* One behind the other, packed by gzip: made by make. */
struct af_page {
    const char *name;
    size_t start, len; /* of what is unpacked */
};

extern const unsigned char af_pages_packed[];
extern const size_t af_pages_packed_len;
extern const struct af_page af_pages[];
extern const size_t af_page_count;

/* What every answer to a browser says, as af_http_server_options.headers: a page has its own files
 * and nothing else, and nobody has it in a frame. */
extern const char *const af_pages_headers[];

/* The text of a page; NULL: there is none of this name. Borrowed, for good. */
const char *af_pages_find(const char *name, size_t *len);

/* Answers with it; false: there is none. */
bool af_pages_answer(struct af_exchange *exchange, const char *name);

#endif
