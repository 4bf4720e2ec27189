/* fuzz_multipart.c: whatever the bytes, a multipart body read at once and read in pieces gives the
 * same. The first byte says how large the pieces are. `make fuzz FUZZ=multipart`. */
#include "http/multipart.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool keep(void *arg, const char *bytes, size_t len)
{
    af_buf_append(arg, bytes, len);
    return true;
}

static bool read_in(struct af_multipart *multipart, struct af_buf *out, const char *body,
                    size_t len, size_t piece)
{
    bool ok = true;
    if (!af_multipart_init(multipart, "multipart/form-data; boundary=b", "f", keep, out))
        abort();
    for (size_t at = 0; at < len && ok; at += piece)
        ok = af_multipart_read(multipart, body + at, len - at < piece ? len - at : piece);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_multipart whole, pieces;
    struct af_buf a = AF_BUF_EMPTY, b = AF_BUF_EMPTY;
    if (size < 2)
        return -1;
    const char *body = (const char *)data + 1;
    bool same = read_in(&whole, &a, body, size - 1, size) ==
                read_in(&pieces, &b, body, size - 1, 1 + (size_t)data[0] % 16);
    same = same && a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0) &&
           whole.found == pieces.found && whole.complete == pieces.complete &&
           whole.error == pieces.error && (whole.file_name == NULL) == (pieces.file_name == NULL) &&
           (whole.file_name == NULL || strcmp(whole.file_name, pieces.file_name) == 0);
    if (!same) {
        fputs("fuzz_multipart: it depends on how the body is cut\n", stderr);
        abort();
    }
    af_multipart_release(&whole);
    af_multipart_release(&pieces);
    af_buf_release(&a);
    af_buf_release(&b);
    return 0;
}
