/* packed.c: see packed.h. */
#include "base/packed.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <zlib.h>

bool af_packed_is(const unsigned char *bytes, size_t len)
{
    return len > 18 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

char *af_packed_read(const unsigned char *bytes, size_t len, size_t *size)
{
    assert(af_packed_is(bytes, len));
    const unsigned char *end = bytes + len; /* a gzip file ends with how much it was */
    *size = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
    char *out = af_mem_zero(*size + 1, 1);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes,
                       .avail_in = (uInt)len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)*size};
    int status = inflateInit2(&stream, MAX_WBITS + 16);
    status = status == Z_OK ? inflate(&stream, Z_FINISH) : status;
    assert(status == Z_STREAM_END);
    (void)status;
    inflateEnd(&stream);
    return out;
}
