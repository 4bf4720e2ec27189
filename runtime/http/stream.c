/* stream.c: an answer that grows: what there is of it goes out at once; until there is more the
 * connection is suspended, where its peer's leaving is seen. */
#include "http/server_impl.h"

#include "base/buf.h"

#include <string.h>

static ssize_t give(void *arg, uint64_t position, char *to, size_t max)
{
    struct af_exchange *exchange = arg;
    struct af_buf *pieces = &exchange->pieces;
    size_t left = pieces->len - exchange->given;
    (void)position;
    if (left == 0 && exchange->is_whole)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        af_http_exchange_suspend(exchange);
        return 0;
    }
    left = left < max ? left : max;
    memcpy(to, pieces->data + exchange->given, left);
    exchange->given += left;
    exchange->answer_bytes -= (int64_t)left;
    exchange->server->answer_bytes -= (int64_t)left;
    if (exchange->given == pieces->len) {
        af_buf_clear(pieces);
        exchange->given = 0;
    }
    return (ssize_t)left;
}

void af_exchange_stream(struct af_exchange *exchange, const char *content_type)
{
    enum { BLOCK_BYTES = 16384 };
    af_http_exchange_set_answer(
        exchange, MHD_HTTP_OK, content_type,
        af_MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, give, exchange, NULL));
}

void af_exchange_stream_add(struct af_exchange *exchange, const void *bytes, size_t len)
{
    af_buf_append(&exchange->pieces, bytes, len);
    exchange->answer_bytes += (int64_t)len;
    exchange->server->answer_bytes += (int64_t)len;
    af_http_exchange_resume(exchange);
}

bool af_exchange_stream_waits(const struct af_exchange *exchange)
{
    return exchange->is_suspended;
}

void af_exchange_stream_end(struct af_exchange *exchange)
{
    exchange->is_whole = true;
    af_http_exchange_resume(exchange);
}
