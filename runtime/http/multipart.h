/* multipart.h: one file out of a multipart/form-data body, as its bytes come in.
 *
 * The body is a row of parts between lines `--boundary`; each part has headers, an empty line and
 * its bytes. Only the first part with the wanted name counts; the others are passed over. However
 * the body is cut into pieces, the result is the same, and no more than one line of a part's
 * headers is kept.
 *
 * libmicrohttpd's own reader is not used: it finds no name that is not quoted, none in the form
 * `filename*=utf-8''…` (which Python's clients send for names beyond ASCII), keeps the backslashes
 * of quoted ones, and refuses a body with an epilogue. */
#ifndef AF_HTTP_MULTIPART_H
#define AF_HTTP_MULTIPART_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define AF_MULTIPART_BOUNDARY_MAX 70    /* characters, RFC 2046 */
#define AF_MULTIPART_HEADERS_MAX 4096   /* bytes of one part's headers */
#define AF_MULTIPART_FILE_NAME_MAX 1024 /* bytes */

/* Takes bytes of the wanted part. Returns false to end the reading. */
typedef bool af_multipart_write_fn(void *arg, const char *bytes, size_t len);

/* Fields above the line are for the caller to read, those below are the reader's. */
struct af_multipart {
    const char *error; /* what is wrong: a constant text */
    bool found;        /* the wanted part has begun */
    bool complete;     /* … and ended */
    char *file_name;   /* as the client called it: never a place to write to; or NULL */
    /* ---- */
    char delimiter[AF_MULTIPART_BOUNDARY_MAX + 5]; /* CR LF - - boundary */
    size_t delimiter_len, matched;                 /* how much of it was just read */
    const char *wanted;
    unsigned char state;
    bool in_wanted;
    size_t header_bytes;
    struct af_buf line;
    af_multipart_write_fn *write;
    void *arg;
};

/* Starts to read a body of this content type (`multipart/form-data; boundary=…`). wanted is
 * borrowed; NULL: the first part. Returns false if it is another type, or has no valid boundary. */
bool af_multipart_init(struct af_multipart *multipart, const char *content_type, const char *wanted,
                       af_multipart_write_fn *write, void *arg);
void af_multipart_release(struct af_multipart *multipart);

/* Reads on. Returns false, with error set, if the body is broken or write() ended it. */
bool af_multipart_read(struct af_multipart *multipart, const char *bytes, size_t len);

#endif
