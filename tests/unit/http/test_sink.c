/* test_sink.c: what of an answer is taken, piece by piece (of whole ones: test_client.c). */
#include "http/impl.h"

#include "base/bounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool head(struct af_http_sink *sink, const char *line)
{
    return af_http_sink_header(sink, line, strlen(line));
}

static void test_a_header_has_a_bound(void **state)
{
    static char line[AF_HTTP_HEADER_BYTES_MAX];
    const struct af_http_request request = {.url = "http://hub/", .max_bytes = 100};
    struct af_http_sink sink;
    (void)state;
    memset(line, 'x', sizeof line);
    af_http_sink_init(&sink, &request);
    for (int round = 0; round < 2; round++) { /* what stood before another answer is none of it */
        assert_true(head(&sink, "HTTP/1.1 200 OK\r\n"));
        assert_int_equal(sink.status, 200);
        assert_true(af_http_sink_header(&sink, line, sizeof line - 2));
        assert_false(sink.has_header);
        assert_true(head(&sink, "\r\n"));
        assert_true(sink.has_header);
        assert_null(sink.trouble);
    }
    assert_false(head(&sink, "x"));
    assert_string_equal(sink.trouble, "its header is too large");
    assert_int_equal(sink.headers.len, AF_HTTP_HEADER_BYTES_MAX);
    af_http_sink_release(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
